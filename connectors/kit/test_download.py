"""Files from addresses that a delivery named: whom they are asked of, and how each way fails."""

import hashlib
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from aiohttp import web

from connectors.base import Misconfigured, Rejected, SendError, Throttled, Unreachable
from connectors.kit.download import REDIRECTS, download
from connectors.testing.guard import localhost_only
from connectors.testing.sandbox import Call, Failure, Refused, Route, Sandbox, answer

PICTURE = b"\xff\xd8" + b"tereze" * 40_000
SIGNATURE = "oh=00_AfSIGNED&oe=67AB"
TOKEN = {"Authorization": "Bearer EAAG-only-a-test"}
HOSTS = (".fbcdn.net", "lookaside.fbsbx.com")


class Shelf(Sandbox):
    """A host with one picture, and addresses that send one on."""

    location = ""

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/picture", self.picture)
        yield Route("GET", "/moved", self.moved)
        yield Route("GET", "/round", self.round)

    async def picture(self, call: Call) -> web.Response:
        return answer(PICTURE)

    async def moved(self, call: Call) -> web.Response:
        raise Refused(302, headers={"Location": self.location})

    async def round(self, call: Call) -> web.Response:
        raise Refused(302, headers={"Location": "/round"})


@pytest.fixture(autouse=True)
def _at_home() -> Iterable[None]:
    with localhost_only():
        yield


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    async with Shelf() as running:
        yield running


async def fetched(address: str, api_base: str, **options: Any) -> bytes:
    given = {"provider": "Facebook", "hosts": HOSTS, "max_bytes": 1024 * 1024, **options}
    chunks = [chunk async for chunk in download(address, api_base=api_base, **given)]
    return b"".join(chunks)


async def failed(address: str, api_base: str, **options: Any) -> SendError:
    with pytest.raises(SendError) as caught:
        await fetched(address, api_base, **options)
    told = "".join(traceback.format_exception(caught.value))
    assert "AfSIGNED" not in told
    assert "EAAG-only" not in told
    return caught.value


async def test_a_file_comes_in_chunks_with_the_headers_given(shelf: Shelf) -> None:
    assert await fetched(f"{shelf.url}/picture?{SIGNATURE}", shelf.url, headers=TOKEN) == PICTURE
    (call,) = shelf.calls
    assert call.headers["Authorization"] == TOKEN["Authorization"]
    assert call.query["oh"] == "00_AfSIGNED"


async def test_an_address_is_asked_for_exactly_as_it_was_signed(shelf: Shelf) -> None:
    address = f"{shelf.url}/picture?efg=%7B%22a%22%3A1%7D&x=a%2Bb%2c"
    with pytest.raises(Rejected):
        await fetched(address.replace("/picture", "/none"), shelf.url)
    await fetched(address, shelf.url)
    assert shelf.calls[-1].query["efg"] == '{"a":1}'
    assert shelf.calls[-1].query["x"] == "a+b,"


@pytest.mark.parametrize(
    "address",
    [
        "http://scontent.xx.fbcdn.net/v/a.jpg?oh=00_AfSIGNED",
        "https://scontent.xx.fbcdn.net:8443/v/a.jpg?oh=00_AfSIGNED",
        "https://fbcdn.net.example.kz/a.jpg",
        "https://notfbcdn.net/a.jpg",
        "https://evil.example.kz#.fbcdn.net",
        "https://evil.example.kz/.fbcdn.net",
        "https://a.fbcdn.net@127.0.0.1/a.jpg",
        "https://a:b@a.fbcdn.net/a.jpg",
        "https://127.0.0.1/a.jpg",
        "https://[::1]/a.jpg",
        "https://2130706433/a.jpg",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1:1/picture",
        "file:///etc/passwd",
        "ftp://a.fbcdn.net/a.jpg",
        "//a.fbcdn.net/a.jpg",
        "https:///a.jpg",
        "https://a.fbcdn.net:99999/",
        "https://[broken/",
        "a.jpg",
        "",
        "\ud800",
    ],
)
async def test_what_is_not_the_providers_is_never_asked(address: str, shelf: Shelf) -> None:
    error = await failed(address, shelf.url)
    assert isinstance(error, Rejected)
    assert not shelf.calls


async def test_a_public_name_that_leads_into_a_private_network_is_refused() -> None:
    error = await failed(
        "https://localhost/a.jpg", "https://graph.facebook.com", hosts=("localhost",)
    )
    assert isinstance(error, Rejected)


async def test_a_redirect_is_followed_with_the_token_on_the_same_host_alone(shelf: Shelf) -> None:
    async with Shelf() as elsewhere:
        shelf.location = "/picture?a=1"
        assert await fetched(f"{shelf.url}/moved", shelf.url, headers=TOKEN) == PICTURE
        assert "Authorization" in shelf.calls[-1].headers
        shelf.location = f"{elsewhere.url}/picture"
        error = await failed(f"{shelf.url}/moved", shelf.url, headers=TOKEN)
        assert isinstance(error, Rejected)
        assert not elsewhere.calls


async def test_another_host_never_sees_the_token(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Shelf() as elsewhere:
        shelf.location = f"{elsewhere.url}/moved"
        elsewhere.location = f"{shelf.url}/picture"
        monkeypatch.setattr("connectors.kit.download._allowed", lambda *_: True)
        assert await fetched(f"{shelf.url}/moved", shelf.url, headers=TOKEN) == PICTURE
        assert "Authorization" in shelf.calls[0].headers
        assert "Authorization" not in elsewhere.calls[0].headers
        assert "Authorization" not in shelf.calls[1].headers, "a token that was dropped came back"


@pytest.mark.parametrize("location", ["", "http://127.0.0.1:1/x", "https://evil.example.kz/", "x"])
async def test_a_redirect_elsewhere_is_refused(location: str, shelf: Shelf) -> None:
    shelf.location = location
    assert isinstance(await failed(f"{shelf.url}/moved", shelf.url), Rejected)
    assert len(shelf.calls) == 1


async def test_a_redirect_without_an_end_is_ended(shelf: Shelf) -> None:
    assert isinstance(await failed(f"{shelf.url}/round", shelf.url), Rejected)
    assert len(shelf.calls) == REDIRECTS + 1


@pytest.mark.parametrize(
    ("failure", "error", "code"),
    [
        (Failure(status=403), Rejected, "403"),
        (Failure(status=404), Rejected, "404"),
        (Failure(status=410), Rejected, "410"),
        (Failure(status=401), Rejected, "401"),
        (Failure(status=204), Rejected, "204"),
        (Failure(status=429), Throttled, "429"),
        (Failure.html(502), Unreachable, "502"),
        (Failure(status=408), Unreachable, "408"),
        (Failure.reset_after(), Unreachable, None),
        (Failure.hang(), Unreachable, None),
    ],
    ids=lambda value: None if isinstance(value, Failure) else str(value),
)
async def test_each_failure_has_its_name(
    failure: Failure, error: type[SendError], code: str | None, shelf: Shelf
) -> None:
    shelf.fail_next(failure, times=None)
    found = await failed(f"{shelf.url}/picture?{SIGNATURE}", shelf.url, timeout=0.1)
    assert type(found) is error
    assert found.code == code


async def test_a_host_that_says_how_long_is_waited_for_so_long(shelf: Shelf) -> None:
    shelf.fail_next(Failure(status=429, headers={"Retry-After": "17"}))
    found = await failed(f"{shelf.url}/picture", shelf.url)
    assert isinstance(found, Throttled)
    assert (found.retry_after, found.whole_account) == (17.0, False)
    shelf.fail_next(Failure(status=429, headers={"Retry-After": "9" * 400}))
    found = await failed(f"{shelf.url}/picture", shelf.url)
    assert isinstance(found, Throttled)
    assert found.retry_after == 3600.0


async def test_a_dead_token_is_told_as_the_channel_tells_it(shelf: Shelf) -> None:
    shelf.fail_next(Failure(status=401))
    dead = Misconfigured("The token is dead.", cure="Give a new one.")
    assert await failed(f"{shelf.url}/picture", shelf.url, unauthorized=dead) is dead


async def test_nobody_there_is_unreachable(shelf: Shelf) -> None:
    await shelf.stop()
    assert isinstance(await failed(f"{shelf.url}/picture", shelf.url), Unreachable)


async def test_a_file_over_the_limit_is_refused_whatever_its_header_says(shelf: Shelf) -> None:
    error = await failed(f"{shelf.url}/picture", shelf.url, max_bytes=len(PICTURE) - 1)
    assert (type(error), error.code) == (Rejected, "too_large")
    exact = await fetched(f"{shelf.url}/picture", shelf.url, max_bytes=len(PICTURE))
    assert exact == PICTURE


async def test_a_file_without_a_length_is_counted_as_it_comes() -> None:
    class Endless(Shelf):
        async def picture(self, call: Call) -> web.Response:
            compressed = answer(PICTURE)
            compressed.enable_compression(web.ContentCoding.gzip)
            return compressed

    async with Endless() as shelf:
        error = await failed(f"{shelf.url}/picture", shelf.url, max_bytes=100_000)
        assert (type(error), error.code) == (Rejected, "too_large")


async def test_a_digest_in_either_spelling_is_compared(shelf: Shelf) -> None:
    digest = hashlib.sha256(PICTURE).digest()
    for spelled in (digest.hex(), digest.hex().upper(), b64encode(digest).decode()):
        assert await fetched(f"{shelf.url}/picture", shelf.url, sha256=spelled) == PICTURE
    error = await failed(f"{shelf.url}/picture", shelf.url, sha256="0" * 64)
    assert isinstance(error, Unreachable)
    assert "damaged" in error.reason
