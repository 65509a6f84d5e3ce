"""The telephone's lines, over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from registry.calls.prompt_words import prompt_words
from registry.operators import Role
from tests.hub.test_api.desk import Answer, Desk
from tests.registry.calls.test_delivered_sounds import mp3, recording

GOODBYE = "/telephone/prompts/goodbye"


class Administrator:
    """Whoever changes the lines."""

    def __init__(self, desk: Desk, media: Path) -> None:
        self.desk = desk
        self.media = media

    async def call(self, method: str, path: str, **arguments: Any) -> Answer:
        """Call the API."""
        return await self.desk.call(method, path, token=self.desk.tokens["Admin"], **arguments)

    async def bring(self, path: str, content: bytes, *, name: str = "line.wav") -> Answer:
        """Upload a file for a line."""
        form = FormData()
        form.add_field("file", content, filename=name)
        return await self.call("PUT", f"{path}/sound", data=form)

    def files(self) -> int:
        """How many lie in the media store."""
        return sum(path.is_file() for path in self.media.rglob("*"))


@pytest.fixture
async def admin(desk: Desk, tmp_path: Path) -> Administrator:
    await desk.join("Admin", Role.ADMIN)
    return Administrator(desk, tmp_path / "media")


async def test_an_administrator_reads_changes_and_restores_a_line(admin: Administrator) -> None:
    shown = (await admin.call("GET", "/telephone/prompts")).json
    lines = {line["name"]: line for section in shown["items"] for line in section["lines"]}
    assert list(lines) == list(prompt_words())
    before = lines["goodbye"]["languages"]["kk"]
    assert before["sound"].startswith("/prompts/goodbye.kk.")

    changed = await admin.call("PUT", f"{GOODBYE}/kk", json={"text": "Көріскенше!"})
    assert changed.status == 200
    assert (changed.json["text"], changed.json["needs_sound"]) == ("Көріскенше!", True)
    assert changed.json["sound"] is None

    restored = await admin.call("DELETE", f"{GOODBYE}/kk")
    assert restored.json == before
    (await admin.call("DELETE", f"{GOODBYE}/kk")).problem(404, "not_found")


async def test_a_file_is_brought_replaced_and_removed_and_nothing_is_left_of_it(
    admin: Administrator,
) -> None:
    brought = await admin.bring(f"{GOODBYE}/ru", recording(2.0))
    assert brought.status == 200
    assert brought.json["uploaded"]
    assert brought.json["sound"].endswith(".wav")
    other = await admin.bring(f"{GOODBYE}/ru", mp3(100))
    assert other.json["sound"].endswith(".mp3")
    assert admin.files() == 1
    removed = await admin.call("DELETE", f"{GOODBYE}/ru/sound")
    assert (removed.json["sound"], removed.json["uploaded"]) == (None, False)
    assert admin.files() == 0
    (await admin.call("DELETE", f"{GOODBYE}/ru/sound")).problem(404, "not_found")


async def test_the_file_of_old_words_goes_with_them(admin: Administrator) -> None:
    await admin.bring(f"{GOODBYE}/ru", recording(2.0))
    await admin.call("PUT", f"{GOODBYE}/ru", json={"text": "До встречи!"})
    assert admin.files() == 0


async def test_what_is_no_sound_or_too_long_is_refused_and_not_kept(admin: Administrator) -> None:
    for content, code in (
        (b"<script>alert(1)</script>", "not_a_sound"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not_a_sound"),
        (b"", "not_a_sound"),
        (recording(61.0), "sound_too_long"),
    ):
        refused = await admin.bring(f"{GOODBYE}/kk", content, name="line.mp3")
        assert refused.problem(400, code)["pointer"] == "/file"
    assert refused.json["limit"] == 60
    assert admin.files() == 0
    assert (await admin.bring(f"{GOODBYE}/kk", recording(59.5))).status == 200


async def test_a_file_of_more_bytes_than_any_line_needs_is_refused(
    admin: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.api.prompts.MAX_BYTES", 1000)
    (await admin.bring(f"{GOODBYE}/kk", recording(1.0))).problem(413, "too_large")
    assert admin.files() == 0


async def test_the_music_may_be_longer(admin: Administrator) -> None:
    long = recording(120.0, width=1)
    assert (await admin.bring("/telephone/prompts/music/any", long)).status == 200
    (await admin.bring("/telephone/prompts/music/kk", long)).problem(404, "not_found")


async def test_the_announcement_has_words_before_it_has_a_file(admin: Administrator) -> None:
    path = "/telephone/prompts/announcement/kk"
    refused = (await admin.bring(path, recording(1.0))).problem(400, "invalid")
    assert refused["pointer"] == "/file"
    assert admin.files() == 0
    body = {"on": True, "until": None, "texts": {"kk": "Су жоқ."}}
    assert (await admin.call("PUT", "/office/announcement", json=body)).status == 200
    assert (await admin.bring(path, recording(1.0))).status == 200
    (await admin.call("PUT", path, json={"text": "Су бар."})).problem(400, "invalid")


@pytest.mark.parametrize("text", ["", "x" * 1001, None])
async def test_words_that_cannot_be_said_are_refused(admin: Administrator, text: object) -> None:
    refused = await admin.call("PUT", f"{GOODBYE}/ru", json={"text": text})
    assert refused.problem(400, "invalid")["pointer"] == "/text"
    (await admin.call("PUT", f"{GOODBYE}/ru", json={"text": "  "})).problem(400, "invalid")


async def test_supervisors_do_not_change_what_the_city_says(desk: Desk) -> None:
    await desk.join("Lead", Role.SUPERVISOR)
    for method, path in (
        ("GET", "/telephone/prompts"), ("PUT", f"{GOODBYE}/kk"), ("DELETE", f"{GOODBYE}/kk"),
        ("PUT", f"{GOODBYE}/kk/sound"), ("DELETE", f"{GOODBYE}/kk/sound"),
    ):  # fmt: skip
        answer = await desk.call(method, path, token=desk.tokens["Lead"])
        answer.problem(403, "forbidden")
