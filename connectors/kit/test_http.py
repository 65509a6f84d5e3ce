"""One call to a provider: what is answered, and what each way of failing is called."""

from collections.abc import AsyncIterator, Iterable

import pytest
from aiohttp import web

from connectors.base import SendError, Uncertain, Unreachable
from connectors.kit.http import Client
from connectors.testing.sandbox import Call, Failure, Refused, Route, Sandbox, answer


class Post(Sandbox):
    def routes(self) -> Iterable[Route]:
        yield Route("*", "/letters", self.take)
        yield Route("GET", "/moved", self.moved)

    async def take(self, call: Call) -> web.Response:
        if call.data == {"text": ""}:
            raise Refused(400, {"error": "empty"})
        return answer({"id": "1"}) if call.method != "DELETE" else answer(status=204)

    async def moved(self, call: Call) -> web.Response:
        raise Refused(302, headers={"Location": f"{self.url}/letters"})


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with Post() as running:
        yield running


@pytest.fixture
async def client(post: Post) -> AsyncIterator[Client]:
    made = Client(f"{post.url}/", provider="The post", headers={"Authorization": "Bearer t"})
    yield made
    await made.close()


async def test_json_goes_out_and_comes_back(client: Client, post: Post) -> None:
    reply = await client.call("POST", "/letters", data={"text": "Хат"}, headers={"X-Id": "9"})
    assert (reply.status, reply.data) == (200, {"id": "1"})
    (call,) = post.calls
    assert call.data == {"text": "Хат"}
    assert (call.headers["Authorization"], call.headers["X-Id"]) == ("Bearer t", "9")


async def test_an_empty_answer_is_none(client: Client) -> None:
    reply = await client.call("DELETE", "/letters")
    assert (reply.status, reply.data) == (204, None)


async def test_a_refusal_is_an_answer_with_or_without_json(client: Client, post: Post) -> None:
    reply = await client.call("POST", "/letters", data={"text": ""})
    assert (reply.status, reply.data) == (400, {"error": "empty"})
    post.fail_next(Failure.html(403))
    assert (await client.call("POST", "/letters", data={})).data is None


async def test_a_redirect_is_not_followed_with_the_token(client: Client, post: Post) -> None:
    assert (await client.call("GET", "/moved")).status == 302
    assert [call.path for call in post.calls] == ["/moved"]


@pytest.mark.parametrize(
    ("method", "failure", "error"),
    [
        ("POST", Failure.reset_after(), Uncertain),
        ("POST", Failure.reset_before(), Uncertain),
        ("POST", Failure.broken_json(takes_effect=True), Uncertain),
        ("POST", Failure.html(502), Unreachable),
        ("POST", Failure.hang(), Uncertain),
        ("GET", Failure.broken_json(), Unreachable),
        ("GET", Failure.reset_after(), Unreachable),
        ("GET", Failure.hang(), Unreachable),
    ],
    ids=range(8),
)
async def test_each_failure_has_its_name(
    method: str, failure: Failure, error: type[SendError], client: Client, post: Post
) -> None:
    client.timeout = 0.1
    # A GET on a connection that broke is made once more by the library.
    post.fail_next(failure, times=2)
    with pytest.raises(error) as caught:
        await client.call(method, "/letters", data={"text": "Хат"})
    assert type(caught.value) is error
    assert caught.value.reason.startswith("The post ")


async def test_nobody_there_is_unreachable(client: Client, post: Post) -> None:
    await post.stop()
    with pytest.raises(Unreachable):
        await client.call("POST", "/letters", data={})
