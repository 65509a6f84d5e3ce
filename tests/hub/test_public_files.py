"""Files under public addresses: for whoever was given the address, and for an hour."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr

from hub.app import Hub
from hub.files import LIFE, links
from registry.models import Attachment
from tests.conftest import Databases, FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.hub.kept import keep_file

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
URL = "https://hub.example.kz"

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def keep(hub: Hub, content: bytes = PNG, **columns: Any) -> int:
    """A photo that a reply carries; its id."""
    photo = {"kind": "photo", "name": "аула.png"}
    return await keep_file(hub.database, hub.media, content, **(photo | columns))


def address(clock: FakeClock, id_: int, name: str = "a.png", *, secret: str = SECRET_KEY) -> str:
    """The path of a file's address, as a connector is given it."""
    made = links(URL, SecretStr(secret), clock)(id_, name)
    assert made.startswith(URL + "/files/")
    return urlsplit(made).path


async def test_whoever_has_the_address_reads_the_file_and_needs_nothing_else(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    path = address(clock, await keep(open_house))
    async with visitor.get(path) as answer:
        assert (answer.status, await answer.read()) == (200, PNG)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    async with visitor.head(path) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(PNG))


@one_database
async def test_a_piece_of_it_can_be_asked_for(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    path = address(clock, await keep(open_house))
    async with visitor.get(path, headers={"Range": "bytes=8-11"}) as answer:
        assert (answer.status, await answer.read()) == (206, PNG[8:12])
        assert answer.headers["Content-Range"] == f"bytes 8-11/{len(PNG)}"
    async with visitor.get(path, headers={"Range": "bytes=9000-"}) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(PNG)}"


@one_database
async def test_an_address_ends_with_its_hour(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    path = address(clock, await keep(open_house))
    clock.advance(LIFE)
    async with visitor.get(path) as answer:
        assert answer.status == 200
    clock.advance(timedelta(seconds=1))
    async with visitor.get(path) as answer:
        assert answer.status == 410
        assert await answer.read() != PNG


@one_database
async def test_no_other_file_or_time_opens_with_a_signature(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    first, second = await keep(open_house), await keep(open_house, PNG + b"2")
    _, _, id_, until, signed, name = address(clock, first).split("/")
    wrong = [
        f"/files/{second}/{until}/{signed}/{name}",
        f"/files/{id_}/{int(until) + 3600}/{signed}/{name}",
        f"/files/0{id_}/{until}/{signed}/{name}",
        f"/files/{id_}/{until}/{signed[:-1]}/{name}",
        f"/files/{id_}/{until}/{signed}A/{name}",
        f"/files/{id_}/{until}/{signed.swapcase()}/{name}",
        f"/files/{id_}/{until}/%D0%B0%FF/{name}",
        f"/files/{id_}/{until}//{name}",
        f"/files/{id_}/{'9' * 12}/{signed}/{name}",
        f"/files/{'9' * 19}/{until}/{signed}/{name}",
        f"/files/-1/{until}/{signed}/{name}",
        address(clock, first, secret="another secret key of 32 letters").replace("a.png", name),
    ]
    for path in wrong:
        async with visitor.get(path) as answer:
            assert answer.status == 404, path
            assert PNG not in await answer.read()
    # The name is for the provider's eyes: any other is the same file.
    async with visitor.get(f"/files/{id_}/{until}/{signed}/other.jpg") as answer:
        assert (answer.status, await answer.read()) == (200, PNG)


@one_database
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("act-5.pdf", "act-5.pdf"),
        ("Акт №5.pdf", "file-ID.pdf"),
        ("my photo.JPG", "file-ID.JPG"),
        ("../../etc/passwd", "file-ID"),
        (".env", "file-ID.env"),
        ("a?b#c.png", "file-ID.png"),
        ("a\r\nSet-Cookie: x.png", "file-ID.png"),
        ("x" * 300 + ".mp4", "file-ID.mp4"),
        ("тіркеу.жұмыс", "file-ID"),
        ("", "file-ID"),
        ("a.png\n", "file-ID"),
    ],
)
async def test_a_name_that_providers_stumble_over_is_made_plain(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock, name: str, shown: str
) -> None:
    id_ = await keep(open_house, name=name)
    path = address(clock, id_, name)
    assert path.rpartition("/")[2] == shown.replace("ID", str(id_))
    assert re.fullmatch(r"/files/\d+/\d+/[\w-]{43}/[\w.-]+", path, re.ASCII)
    async with visitor.get(path) as answer:
        assert (answer.status, await answer.read()) == (200, PNG)


def test_an_address_tells_no_secret(clock: FakeClock) -> None:
    made = address(clock, 7)
    assert SECRET_KEY not in made
    assert made != address(clock, 7, secret="another secret key of 32 letters")


@one_database
async def test_what_is_no_file_or_is_gone_is_not_found(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    pending = await keep(open_house, state="pending", path=None)
    lost = await keep(open_house, b"lost")
    async with open_house.database.read() as session:
        file = await session.get(Attachment, lost)
    assert file is not None
    assert file.path is not None
    await open_house.media.delete(file.path)
    for id_ in (pending, lost, 123456):
        async with visitor.get(address(clock, id_)) as answer:
            assert answer.status == 404, id_


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_provider_is_asked_to_come_again_while_the_database_is_away(
    open_house: Hub,
    visitor: TestClient[Any, Any],
    clock: FakeClock,
    databases: Databases,
    database_url: str,
) -> None:
    path = address(clock, await keep(open_house))
    await asyncio.to_thread(databases.server.drop, urlsplit(database_url).path.lstrip("/"))
    async with visitor.get(path) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
