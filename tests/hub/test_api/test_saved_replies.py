"""Saved replies: whose they are, what fills them in, and in which language."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import col, select

from registry.models import Appeal, Contact, JournalEntry, Team, TeamMember
from registry.operators import Role
from tests.hub.test_api.desk import Answer, Desk
from tests.registry.samples import START

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

GREETING = {
    "ru": "Здравствуйте, {name}! Обращение {number} рассмотрят до {deadline}. {operator}",
    "kk": "Сәлеметсіз бе, {name}! {number} өтінішіңіз {deadline} дейін қаралады. {operator}",
}  # fmt: skip


@pytest.fixture
async def boss(desk: Desk) -> str:
    """A supervisor's token; there are two teams."""
    async with desk.database.write() as session:
        for key in ("roads", "water"):
            session.add(Team(key=key, name=key.title(), created_at=START))
    return await desk.join("Aigul", Role.SUPERVISOR)


async def add(desk: Desk, token: str, name: str = "сәлем", **fields: Any) -> Answer:
    body = {"name": name, "bodies": GREETING, **fields}
    return await desk.call("POST", "/saved-replies", json=body, token=token)


async def offered(desk: Desk, number: str | None = None, **more: Any) -> list[dict[str, Any]]:
    asked = "" if number is None else f"?appeal={number}"
    answer = await desk.call("GET", f"/saved-replies{asked}", **more)
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = answer.json["items"]
    return items


async def set_appeal(desk: Desk, **columns: Any) -> None:
    async with desk.database.write() as session:
        appeal = (await session.exec(select(Appeal))).one()
        for name, value in columns.items():
            setattr(appeal, name, value)


async def join_team(desk: Desk, team: str) -> None:
    async with desk.database.write() as session:
        operator_id = desk.people["Dana"].operator_id
        assert operator_id is not None
        session.add(TeamMember(team=team, operator_id=operator_id))


async def test_a_saved_reply_reads_as_it_would_in_the_appeal(desk: Desk, boss: str) -> None:
    number = await desk.write_in(text="Ауламызда қоқыс жатыр, шығарыңыздаршы")
    await set_appeal(desk, due_at=datetime(2026, 3, 24, 13, 0, tzinfo=UTC))
    added = await add(desk, boss)
    assert added.status == 201
    assert added.headers["Location"].endswith(added.json["id"])
    [found] = await offered(desk, number)
    assert found["filled"] == {
        "text": f"Сәлеметсіз бе, Айгүл! {number} өтінішіңіз 24.03.2026 18:00 дейін қаралады. Dana",
        "language": "kk", "fell_back": False, "missing": [],
    }  # fmt: skip
    assert found["bodies"] == GREETING
    [raw] = await offered(desk)
    assert raw["filled"] is None


@pytest.mark.parametrize(
    ("language", "bodies", "chosen", "fell_back"),
    [
        ("kk", {"kk": "қ", "ru": "р"}, "kk", False),
        ("kk", {"en": "e", "ru": "р"}, "ru", True),
        ("en", {"kk": "қ"}, "kk", True),
        ("kk", {"en": "e"}, "en", True),
        ("mixed", {"kk": "қ", "ru": "р"}, "ru", False),
        (None, {"kk": "қ", "en": "e"}, "kk", False),
        ("de", {"kk": "қ"}, "kk", False),
    ],
)
@one_database
async def test_it_is_in_the_citizens_language_or_the_next_that_there_is(
    desk: Desk, boss: str, language: str | None, bodies: Any, chosen: str, fell_back: bool
) -> None:
    number = await desk.write_in()
    await set_appeal(desk, language=language)
    async with desk.database.write() as session:
        (await session.exec(select(Contact))).one().language = None
    await add(desk, boss, bodies=bodies)
    [found] = await offered(desk, number)
    filled = found["filled"]
    assert (filled["language"], filled["text"]) == (chosen, bodies[chosen])
    assert filled["fell_back"] is fell_back


@one_database
async def test_what_is_not_known_stays_in_it_and_is_told(desk: Desk, boss: str) -> None:
    number = await desk.write_in(text="Ауламызда қоқыс жатыр, шығарыңыздаршы")
    await set_appeal(desk, due_at=None)
    async with desk.database.write() as session:
        (await session.exec(select(Contact))).one().name = None
    await add(desk, boss, bodies={"kk": "{name}, {deadline} дейін. {operator}"})
    [found] = await offered(desk, number)
    assert found["filled"]["missing"] == ["name", "deadline"]
    assert found["filled"]["text"] == "{name}, {deadline} дейін. Dana"


@one_database
async def test_a_citizens_name_fills_nothing_else_in(desk: Desk, boss: str) -> None:
    number = await desk.write_in()
    async with desk.database.write() as session:
        (await session.exec(select(Contact))).one().name = "{operator} \\1"
    await add(desk, boss, bodies={"kk": "{name}! {{}"})
    [found] = await offered(desk, number)
    assert found["filled"]["text"] == "{operator} \\1! {{}"


@one_database
async def test_a_deadline_at_midnight_is_of_the_day_that_ends(desk: Desk, boss: str) -> None:
    number = await desk.write_in()
    await set_appeal(desk, due_at=datetime(2026, 3, 24, 19, 0, tzinfo=UTC))
    await add(desk, boss, bodies={"kk": "{deadline}"})
    [found] = await offered(desk, number)
    assert found["filled"]["text"] == "24.03.2026 24:00"


async def test_one_is_offered_everybodys_and_those_of_ones_teams(desk: Desk, boss: str) -> None:
    for name, team in [("а", None), ("б", "roads"), ("в", "water")]:
        assert (await add(desk, boss, name, team=team)).status == 201
    await desk.join("Dana")
    assert [one["name"] for one in await offered(desk)] == ["а"]
    await join_team(desk, "water")
    assert [one["name"] for one in await offered(desk)] == ["а", "в"]
    assert [one["name"] for one in await offered(desk, token=boss)] == ["а", "б", "в"]


@one_database
async def test_an_appeal_that_one_may_not_see_fills_nothing_in(desk: Desk, boss: str) -> None:
    number = await desk.write_in()
    await set_appeal(desk, team="roads")
    await desk.join("Dana")
    for one in (number, "ALM-2026-0009999"):
        answer = await desk.call("GET", f"/saved-replies?appeal={one}")
        answer.problem(404, "not_found")
    (await desk.call("GET", "/saved-replies?appeal=7")).problem(400, "invalid")


async def test_a_name_is_one_of_its_team_and_free_again_once_it_is_deleted(
    desk: Desk, boss: str
) -> None:
    first = await add(desk, boss, "/Сәлем")
    assert first.json["name"] == "сәлем"
    (await add(desk, boss, "сәлем")).problem(409, "taken")
    team = await add(desk, boss, "сәлем", team="roads")
    assert team.status == 201
    (await add(desk, boss, "сәлем", team="roads")).problem(409, "taken")
    place = f"/saved-replies/{team.json['id']}"
    moved = await desk.call("PATCH", place, json={"team": None}, token=boss)
    moved.problem(409, "taken")
    gone = await desk.call("DELETE", f"/saved-replies/{first.json['id']}", token=boss)
    assert gone.status == 204
    moved = await desk.call("PATCH", place, json={"team": None}, token=boss)
    assert (moved.status, moved.json["team"]) == (200, None)
    (await desk.call("DELETE", f"/saved-replies/{first.json['id']}", token=boss)).problem(
        404, "not_found"
    )


async def test_every_change_stands_in_the_journal_old_beside_new(desk: Desk, boss: str) -> None:
    added = await add(desk, boss)
    place = f"/saved-replies/{added.json['id']}"
    bodies = {"ru": "Спасибо, {name}", "kk": "  "}
    desk.clock.now = START.replace(hour=9)
    changed = await desk.call("PATCH", place, json={"bodies": bodies}, token=boss)
    assert changed.json["bodies"] == {"ru": "Спасибо, {name}"}
    assert changed.json["changed_at"] == "2026-03-02T09:00:00Z"
    await desk.call("PATCH", place, json={"bodies": bodies}, token=boss)
    await desk.call("DELETE", place, token=boss)
    async with desk.database.read() as session:
        entries = (
            await session.exec(
                select(JournalEntry)
                .where(col(JournalEntry.event).startswith("saved_reply."))
                .order_by(col(JournalEntry.id))
            )
        ).all()
    assert [entry.event for entry in entries] == [
        "saved_reply.added", "saved_reply.changed", "saved_reply.deleted",
    ]  # fmt: skip
    assert entries[1].data["bodies"] == {"from": GREETING, "to": {"ru": "Спасибо, {name}"}}


@one_database
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"bodies": {}}, "/bodies"),
        ({"bodies": {"ru": " \n"}}, "/bodies"),
        ({"bodies": {"de": "Guten Tag"}}, "/bodies"),
        ({"bodies": {"ru": "{phone}"}}, "/bodies"),
        ({"bodies": {"ru": "я" * 5001}}, "/bodies/..."),
        ({"name": "два слова"}, "/name"),
        ({"name": "/"}, "/name"),
        ({"name": "я" * 41}, "/name"),
        ({"team": "parks"}, "/team"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    desk: Desk, boss: str, fields: dict[str, Any], pointer: str
) -> None:
    refused = await desk.call(
        "POST", "/saved-replies", json={"name": "а", "bodies": {"ru": "я"}, **fields}, token=boss
    )
    assert refused.problem(400, "invalid")["pointer"] == pointer
    assert await offered(desk, token=boss) == []


@one_database
async def test_operators_change_none(desk: Desk, boss: str) -> None:
    added = await add(desk, boss)
    (await add(desk, await desk.join("Dana"), "а")).problem(403, "forbidden")
    place = f"/saved-replies/{added.json['id']}"
    (await desk.call("PATCH", place, json={"name": "а"})).problem(403, "forbidden")
    (await desk.call("DELETE", place)).problem(403, "forbidden")
