"""What Meta's three stand-ins share."""

from collections.abc import Iterable

import pytest
from aiohttp import web

from connectors.testing.meta import CHALLENGE, Challenged, challenge, error, sign, unknown_object
from connectors.testing.sandbox import Call, Refused, Route, Sandbox, answer


class Address(Sandbox):
    """A webhook of somebody's."""

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/hook", self.answer)
        yield Route("GET", "/parrot", self.parrot)

    async def answer(self, call: Call) -> web.Response:
        if call.query.get("hub.verify_token") != "a word & more":
            raise Refused(403)
        assert call.query["hub.mode"] == "subscribe"
        return answer(call.query["hub.challenge"])

    async def parrot(self, call: Call) -> web.Response:
        return answer(f"You said {call.query['hub.challenge']}")


async def test_an_address_passes_that_gives_the_challenge_back_to_who_knows_the_word() -> None:
    async with Address() as box:
        hook = f"{box.url}/hook"
        assert await challenge(box, hook, "a word & more") == Challenged(True, 200)
        assert await challenge(box, hook, "another word") == Challenged(False, 403)
        assert await challenge(box, f"{box.url}/parrot", "a word") == Challenged(False, 200)
        assert box.calls[0].query["hub.challenge"] == CHALLENGE


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/hook", "https:///hook"])
async def test_an_address_that_is_not_there_passes_nothing(address: str) -> None:
    async with Sandbox() as box:
        assert await challenge(box, address, "a word") == Challenged(False, None)


def test_a_delivery_is_signed_as_in_rfc_4231() -> None:
    # Source: RFC 4231, section 4.3
    assert sign("Jefe", b"what do ya want for nothing?") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_an_error_tells_no_more_than_there_is() -> None:
    told = error(190, "Expired")["error"]
    assert (told["code"], told["message"], told["type"]) == (190, "Expired", "OAuthException")
    assert not {"error_subcode", "error_data"} & told.keys()

    told = error(100, "No", "GraphMethodException", subcode=33, data={"details": "a"})["error"]
    assert (told["error_subcode"], told["error_data"]) == (33, {"details": "a"})
    assert unknown_object("17").response.status == 400
