"""What the telephone plays, for whoever asks."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from hub.app import Hub
from registry.calls.delivered_sounds import delivered_sound, manifest
from registry.calls.prompt_changes import RecordingGiven, change_words, store_sound
from registry.calls.prompts import load_prompts
from registry.calls.script import Line, Play
from tests.registry.calls.test_delivered_sounds import recording
from tests.registry.samples import START

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

WAV = recording(1.0)


async def address(hub: Hub, name: str = "goodbye", language: str = "kk") -> str:
    """What the provider is told to play for a line, below the hub's address."""
    async with hub.database.read() as session:
        prompts = await load_prompts(session, public_url="")
    heard = prompts.heard(Line(name, language))
    assert isinstance(heard, Play)
    return heard.address


async def bring(hub: Hub, content: bytes = WAV, version: str = "0123456789abcdef") -> None:
    """An administrator's file for a line."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    stored = await hub.media.put(chunks(), max_bytes=len(content))
    given = RecordingGiven(path=stored.path, mime=stored.mime, version=version)
    async with hub.database.write() as session:
        gone = await store_sound(session, "goodbye", "kk", given, actor="operator:1", now=START)
    if gone is not None:
        await hub.media.delete(gone)


async def test_a_delivered_sound_is_served_to_whoever_asks_and_may_be_kept_for_ever(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    path = await address(open_house)
    async with visitor.get(path) as answer:
        assert (answer.status, await answer.read()) == (200, delivered_sound("goodbye", "kk"))
        assert answer.headers["Content-Type"] == "audio/mpeg"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        tag = answer.headers["ETag"]
    async with visitor.head(path) as answer:
        assert answer.status == 200
    async with visitor.get(path, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


async def test_the_music_is_served(open_house: Hub, visitor: TestClient[Any, Any]) -> None:
    async with visitor.get(await address(open_house, "music")) as answer:
        assert await answer.read() == delivered_sound("music", "any")


async def test_an_uploaded_sound_is_served_with_its_own_type(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await bring(open_house)
    path = await address(open_house)
    assert path.endswith(".wav")
    async with visitor.get(path) as answer:
        assert (answer.status, await answer.read()) == (200, WAV)
        assert answer.headers["Content-Type"] == "audio/wav"
        assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-1", 206, slice(0, 2)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=0-", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
        ("bytes=99999999-", 416, slice(0)),
    ],
)
async def test_a_player_may_ask_for_a_part(
    open_house: Hub, visitor: TestClient[Any, Any], asked: str, status: int, part: slice
) -> None:
    path = await address(open_house)
    async with visitor.get(path, headers={"Range": asked}) as answer:
        content = delivered_sound("goodbye", "kk")
        assert (answer.status, await answer.read()) == (status, content[part])


async def test_an_address_of_an_old_version_leads_to_the_present_sound_but_not_for_ever(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await bring(open_house, version="aaaa")
    old = await address(open_house)
    await bring(open_house, recording(2.0), version="bbbb")
    async with visitor.get(old) as answer:
        assert (answer.status, await answer.read()) == (200, recording(2.0))
        assert answer.headers["Cache-Control"] == "no-cache"


async def test_what_says_something_else_by_now_is_not_there(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await bring(open_house)
    old = await address(open_house)
    async with open_house.database.write() as session:
        await change_words(session, "goodbye", "kk", "Көріскенше!", actor="operator:1", now=START)
    async with visitor.get(old) as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    "name",
    [
        "goodbye.ru.0123.mp3", "goodbye.de.0123.mp3", "no_such_line.kk.0123.mp3", "manifest.json",
        "goodbye.kk.mp3", "..%2Fmanifest.json", "..%2F..%2Fprompts.py", "goodbye.kk.0123.ogg", "",
        "GOODBYE.kk.0123.mp3", "%00.kk.0123.mp3",
    ],
)  # fmt: skip
async def test_nothing_else_is_there(visitor: TestClient[Any, Any], name: str) -> None:
    async with visitor.get(f"/prompts/{name}") as answer:
        assert answer.status == 404


async def test_a_file_that_is_lost_is_not_there(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await bring(open_house)
    path = await address(open_house)
    async with open_house.database.read() as session:
        found = (await load_prompts(session, public_url="")).recording("goodbye", "kk")
    assert found is not None
    assert found.path is not None
    assert found.version not in {made.version for made in manifest().values()}
    await open_house.media.delete(found.path)
    async with visitor.get(path) as answer:
        assert answer.status == 404
