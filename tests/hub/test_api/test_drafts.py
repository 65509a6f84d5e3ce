"""Drafts: one of each operator in each appeal, that outlives the browser and no other screen."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from registry.models import Appeal
from registry.operators import Role
from tests.hub.test_api.desk import Answer, Desk
from tests.hub.test_api.test_files import PNG, upload

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

EMPTY: dict[str, Any] = {
    "text": "", "mode": "reply", "private": False, "via": None, "template": None, "uploads": [],
    "mentions": [],
}  # fmt: skip


async def save(
    desk: Desk, number: str, version: int | None = None, *, token: str | None = None, **content: Any
) -> Answer:
    body = {"content": content, "version": version}
    return await desk.call("PUT", f"/appeals/{number}/draft", json=body, token=token)


async def draft(desk: Desk, number: str, *, token: str | None = None) -> Any:
    answer = await desk.call("GET", f"/appeals/{number}/draft", token=token)
    assert answer.status == 200
    return answer.json["draft"]


async def test_a_draft_is_kept_as_the_composer_has_it(desk: Desk) -> None:
    number = await desk.write_in()
    assert await draft(desk, number) is None
    file = (await upload(desk, PNG[:900])).json
    content: dict[str, Any] = {
        "text": "Сәлеметсіз", "mode": "note", "private": True, "uploads": [file["id"]],
        "via": {
            "channel": "sms", "account": "main",
            "point": {"scheme": "tel", "value": "+77011234567"},
        },
        "template": {"id": "ready", "language": "kk", "variables": {"1": "Ай"}},
        "mentions": ["77"],
    }  # fmt: skip
    saved = await save(desk, number, **content)
    assert saved.status == 200, saved.body
    assert saved.json == {
        "number": number, "content": content, "uploads": [file],
        "version": saved.json["version"], "saved_at": "2026-03-02T04:00:00Z",
    }  # fmt: skip
    assert await draft(desk, number) == saved.json


async def test_it_goes_on_from_the_version_that_was_seen_and_from_no_other(desk: Desk) -> None:
    number = await desk.write_in()
    first = (await save(desk, number, text="Бір")).json
    second = await save(desk, number, first["version"], text="Бір, екі")
    assert second.json["version"] > first["version"]
    # Another tab, which has seen the first one only, or none at all.
    for seen in (first["version"], None, 1):
        refused = await save(desk, number, seen, text="Басқа")
        problem = refused.problem(409, "draft_changed")
        assert problem["draft"] == second.json
        assert "saved on another screen" in problem["detail"]
    assert (await draft(desk, number))["content"] == {**EMPTY, "text": "Бір, екі"}


async def test_a_draft_that_was_sent_or_discarded_does_not_come_back(desk: Desk) -> None:
    """A save that was under way meanwhile goes on from a draft that is no more."""
    number = await desk.write_in()
    saved = (await save(desk, number, text="Бір")).json
    assert (await desk.call("DELETE", f"/appeals/{number}/draft")).status == 204
    late = await save(desk, number, saved["version"], text="Бір, ек")
    assert late.problem(409, "draft_changed")["draft"] is None
    # Nor is one that is begun anew taken for the one before.
    desk.clock.advance(timedelta(seconds=1))
    assert (await save(desk, number, text="Жаңа")).status == 200
    late = await save(desk, number, saved["version"], text="Бір, ек")
    assert late.problem(409, "draft_changed")["draft"]["content"]["text"] == "Жаңа"
    assert (await desk.call("DELETE", f"/appeals/{number}/draft")).status == 204
    assert (await desk.call("DELETE", f"/appeals/{number}/draft")).status == 204


async def test_the_same_words_again_are_no_other_version(desk: Desk) -> None:
    """The answer to a save was lost, or a reply that was taken back is a draft again already."""
    number = await desk.write_in()
    first = await save(desk, number, text="Бір")
    second = await save(desk, number, first.json["version"], text="Екі")
    for seen in (first.json["version"], None):
        again = await save(desk, number, seen, text="Екі")
        assert (again.status, again.json) == (200, second.json)


async def test_of_two_screens_that_save_at_once_one_is_told_of_the_other(desk: Desk) -> None:
    number = await desk.write_in()
    first = (await save(desk, number, text="Бір")).json["version"]
    for seen in (first, None):
        words = [f"{seen}: {i}" for i in range(5)]
        found = await asyncio.gather(*(save(desk, number, seen, text=said) for said in words))
        statuses = sorted(answer.status for answer in found)
        assert statuses == ([200, 409, 409, 409, 409] if seen else [409] * 5)
    await desk.call("DELETE", f"/appeals/{number}/draft")
    found = await asyncio.gather(*(save(desk, number, None, text=str(i)) for i in range(5)))
    assert sorted(answer.status for answer in found) == [200, 409, 409, 409, 409]


async def test_a_reply_takes_its_draft_with_it_when_it_says_so(desk: Desk) -> None:
    number = await desk.write_in()
    await save(desk, number, text="Қабылдадық")
    assert (await desk.reply(number, "Басқа", key="1")).status == 202
    assert await draft(desk, number) is not None
    refused = await desk.reply(number, "", key="2", draft=True, attachments=["1"])
    assert refused.status == 400
    assert await draft(desk, number) is not None
    assert (await desk.reply(number, "Қабылдадық", key="3", draft=True)).status == 202
    assert await draft(desk, number) is None


async def test_a_note_takes_its_draft_with_it_when_it_says_so(desk: Desk) -> None:
    number = await desk.write_in()
    await save(desk, number, text="Көріңіздерші", mode="note")
    for said, left in [({}, True), ({"draft": True}, False)]:
        body = {"text": "Көріңіздерші", **said}
        assert (await desk.call("POST", f"/appeals/{number}/notes", json=body)).status == 201
        assert (await draft(desk, number) is not None) is left


async def test_everybody_has_their_own(desk: Desk) -> None:
    number = await desk.write_in()
    erlan = await desk.join("Erlan")
    assert (await save(desk, number, text="Дананікі")).status == 200
    assert (await save(desk, number, text="Ерландікі", token=erlan)).status == 200
    assert (await draft(desk, number))["content"]["text"] == "Дананікі"
    assert (await draft(desk, number, token=erlan))["content"]["text"] == "Ерландікі"


async def test_a_list_tells_where_one_was_writing(desk: Desk) -> None:
    first, second = await desk.write_in(), await desk.write_in("2", citizen="701")
    await save(desk, first, text="Қ" * 200, mode="note")
    desk.clock.advance(timedelta(minutes=1))
    await save(desk, second, text="Рахмет")
    await save(desk, first, text="Менікі", token=await desk.join("Erlan"))
    found = (await desk.call("GET", "/drafts")).json["items"]
    assert found == [
        {
            "number": second, "mode": "reply", "beginning": "Рахмет",
            "saved_at": "2026-03-02T04:01:00Z",
        },
        {
            "number": first, "mode": "note", "beginning": "Қ" * 120,
            "saved_at": "2026-03-02T04:00:00Z",
        },
    ]  # fmt: skip


async def test_what_one_may_not_see_one_writes_nothing_in(desk: Desk) -> None:
    number = await desk.write_in()
    await save(desk, number, text="Бір")
    async with desk.database.write() as session:
        await session.exec(update(Appeal).values(team="roads"))
    (await desk.call("GET", f"/appeals/{number}/draft")).problem(404, "not_found")
    (await save(desk, number, text="Екі")).problem(404, "not_found")
    (await desk.call("DELETE", f"/appeals/{number}/draft")).problem(404, "not_found")
    assert (await desk.call("GET", "/drafts")).json == {"items": []}


@one_database
async def test_a_program_in_nobodys_name_has_no_drafts(desk: Desk) -> None:
    number = await desk.write_in()
    token = await desk.token("program", Role.OPERATOR)
    (await save(desk, number, text="Бір", token=token)).problem(403, "forbidden")
    for path in (f"/appeals/{number}/draft", "/drafts"):
        (await desk.call("GET", path, token=token)).problem(403, "forbidden")


@one_database
@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"text": "ұ" * 50_001}, "/content/text"),
        ({"mode": "shout"}, "/content/mode"),
        ({"colour": "red"}, "/content/colour"),
        ({"uploads": ["1"]}, "/content/uploads"),
        ({"uploads": ["x"]}, "/content/uploads"),
        ({"uploads": ["1"] * 51}, "/content/uploads"),
        ({"via": {"channel": "sms"}}, "/content/via"),
    ],
)
async def test_a_draft_that_cannot_be_meant_is_refused(
    desk: Desk, content: dict[str, Any], pointer: str
) -> None:
    number = await desk.write_in()
    assert (await save(desk, number, **content)).problem(400, "invalid")["pointer"] == pointer
    assert await draft(desk, number) is None


async def test_only_ones_own_uploads_stand_in_a_draft(desk: Desk) -> None:
    number = await desk.write_in()
    file = (await upload(desk, PNG[:900])).json
    theirs = await save(desk, number, uploads=[file["id"]], token=await desk.join("Erlan"))
    assert theirs.problem(400, "invalid")["pointer"] == "/content/uploads"
    saved = await save(desk, number, uploads=[file["id"]])
    assert saved.json["uploads"] == [file]
    # One that is gone since then is not offered any more.
    assert (await desk.call("DELETE", f"/uploads/{file['id']}")).status == 204
    kept = await draft(desk, number)
    assert (kept["uploads"], kept["content"]["uploads"]) == ([], [file["id"]])
