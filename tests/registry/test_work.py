"""The work of a shift: the next appeal, resolving, putting off, tagging, transfers, and undo."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from registry.appeals import (
    Change,
    ChangedSince,
    NotAllowed,
    NotUndoable,
    Priority,
    add_note,
    change_appeal,
    take_next,
)
from registry.db import Database
from registry.errors import AlreadyHeld, BadValue, NotFound
from registry.models import (
    Appeal,
    AppealTag,
    Category,
    Contact,
    JournalEntry,
    Mention,
    Message,
    OfficeSetting,
    Operator,
    Team,
    TeamMember,
)
from registry.operators import Principal, Role, disable_operator
from registry.states import Outcome, Status
from registry.undoing import TIME_TO_UNDO, undo
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import START, message, sender

NOW = START + timedelta(hours=1)


async def change(
    database: Database, number: str, by: Principal, *, now: datetime = NOW, **changes: Any
) -> int | None:
    async with database.write() as session:
        return await change_appeal(session, number, Change(**changes), by=by, now=now)


async def take_back(
    database: Database, key: int | None, by: Principal, *, now: datetime = NOW
) -> None:
    assert key is not None
    async with database.write() as session:
        await undo(session, key, by=by, now=now)


async def appeal(database: Database, number: str) -> Appeal:
    async with database.read() as session:
        return (await session.exec(select(Appeal).where(Appeal.number == number))).one()


async def tags(database: Database, number: str) -> list[str]:
    async with database.read() as session:
        found = await session.exec(
            select(AppealTag.tag)
            .join(Appeal, col(Appeal.id) == col(AppealTag.appeal_id))
            .where(Appeal.number == number)
            .order_by(col(AppealTag.tag))
        )
        return list(found)


async def journal(database: Database, number: str) -> list[JournalEntry]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry)
            .join(Appeal, col(Appeal.id) == col(JournalEntry.appeal_id))
            .where(Appeal.number == number)
            .order_by(col(JournalEntry.id))
        )
        return list(found)


async def is_now(database: Database, number: str, **fields: Any) -> None:
    """Give an appeal what only time or other rooms give it."""
    async with database.write() as session:
        found = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        for name, value in fields.items():
            setattr(found, name, value)


async def teams(database: Database, **members: list[Principal]) -> None:
    async with database.write() as session:
        session.add_all(Team(key=key, name=key, created_at=START) for key in members)
        await session.flush()
        for key, people in members.items():
            session.add_all(
                TeamMember(team=key, operator_id=person.operator_id or 0) for person in people
            )


def of(person: Principal, *names: str) -> Principal:
    """The same person as one who sees these teams' appeals alone."""
    return Principal(
        role=person.role, name=person.name, operator_id=person.operator_id, actor=person.actor,
        teams=frozenset(names),
    )  # fmt: skip


async def speaks(database: Database, person: Principal, *languages: str) -> None:
    async with database.write() as session:
        operator = await session.get_one(Operator, person.operator_id)
        operator.languages = list(languages)


# --- The next appeal ----------------------------------------------------------------------------


async def next_one(database: Database, by: Principal, *, now: datetime = NOW) -> str | None:
    async with database.write() as session:
        taken = await take_next(session, by=by, now=now)
    return None if taken is None else taken[0]


async def test_of_fifty_who_ask_at_once_each_gets_another_appeal(database: Database) -> None:
    numbers = [await write_in(database, str(700 + i)) for i in range(40)]
    people = [await hire(database, f"Operator{i}") for i in range(50)]
    given = await asyncio.gather(*(next_one(database, person) for person in people))
    assert sorted(filter(None, given)) == sorted(numbers)
    assert given.count(None) == 10
    for person, number in zip(people, given, strict=True):
        if number is not None:
            held = await appeal(database, number)
            assert (held.assignee_id, held.status) == (person.operator_id, "open")
            assert [e.event for e in await journal(database, number)] == [
                "appeal.opened", "appeal.changed",
            ]  # fmt: skip


async def test_the_next_appeal_is_the_urgent_one_then_the_nearest_due_then_the_longest_waiting(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    async with database.write() as session:
        session.add(Category(code="util.gas", urgent=True))
    by_wish: list[dict[str, Any]] = [
        {"priority": "urgent", "due_at": NOW + timedelta(days=9)},
        {"category": "util.gas", "due_at": NOW + timedelta(days=10)},
        {"due_at": NOW - timedelta(days=1), "priority": "low"},
        {"due_at": NOW + timedelta(days=1), "waiting_since": NOW - timedelta(hours=2)},
        {"due_at": NOW + timedelta(days=1), "waiting_since": NOW - timedelta(hours=1)},
        {"due_at": NOW + timedelta(days=1), "waiting_since": None},
        {"waiting_since": NOW - timedelta(days=30)},
        {"waiting_since": NOW - timedelta(days=29)},
    ]
    numbers: list[str] = []
    for i, fields in enumerate(reversed(by_wish)):
        numbers.insert(0, await write_in(database, str(700 + i)))
        await is_now(database, numbers[0], **fields)
    given = [await next_one(database, dana) for _ in by_wish]
    assert given == numbers
    assert await next_one(database, dana) is None


async def test_what_is_no_free_work_is_nobodys_next_appeal(database: Database) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    await teams(database, roads=[], water=[dana])
    idle: list[dict[str, Any]] = [
        {"assignee_id": marat.operator_id},
        {"status": "resolved"},
        {"status": "closed"},
        {"snoozed_until": NOW + timedelta(minutes=1)},
        {"team": "roads"},
    ]
    for i, fields in enumerate(idle):
        await is_now(database, await write_in(database, str(700 + i)), **fields)
    blocked = await write_in(database, "710")
    async with database.write() as session:
        contact = await session.get_one(Contact, (await appeal(database, blocked)).contact_id)
        contact.blocked_at = START
    assert await next_one(database, of(dana, "water")) is None
    woken = await write_in(database, "711")
    await is_now(database, woken, snoozed_until=NOW)
    assert await next_one(database, of(dana, "water")) == woken


async def test_a_language_one_does_not_speak_comes_only_when_nothing_else_is_left(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    await speaks(database, dana, "kk")
    numbers = {}
    for i, language in enumerate(("ru", None, "kk", "mixed", "en")):
        numbers[language] = await write_in(database, str(700 + i))
        await is_now(
            database,
            numbers[language],
            language=language,
            priority="urgent" if language == "ru" else "normal",
        )
    given = [await next_one(database, dana) for _ in range(4)]
    assert given == [numbers[None], numbers["kk"], numbers["mixed"], numbers["ru"]]
    assert await next_one(database, marat) == numbers["en"]


async def test_nobody_is_given_an_appeal_who_could_not_hold_it(database: Database) -> None:
    await write_in(database)
    program = Principal(role=Role.ADMIN, name="sync", operator_id=None, actor="token:sync")
    with pytest.raises(NotAllowed, match="no operator's name"):
        await next_one(database, program)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_next_appeal_is_looked_for_among_the_live_ones_alone(database: Database) -> None:
    dana = await hire(database, "Dana")
    asked: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, statement: str, values: Any, _x: Any, _many: bool) -> None:
        asked.append((statement, values))

    event.listen(database.writer.sync_engine, "before_cursor_execute", listen)
    assert await next_one(database, of(dana, "roads")) is None
    [(statement, values)] = [one for one in asked if "FROM appeals" in one[0]]
    async with database.reader.connect() as connection:
        plan = str(
            (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)).all()
        )
    assert "USING INDEX ix_appeals_" in plan
    assert "SCAN appeals'" not in plan


async def test_undoing_the_next_appeal_gives_it_back_as_it_was(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    async with database.write() as session:
        taken = await take_next(session, by=dana, now=NOW)
    assert taken is not None
    await take_back(database, taken[1], dana)
    free = await appeal(database, number)
    assert (free.assignee_id, free.status) == (None, "new")


# --- Outcomes -----------------------------------------------------------------------------------


async def test_an_appeal_is_resolved_with_an_outcome_and_opened_again_without(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, status=Status.RESOLVED, outcome=Outcome.FIXED)
    resolved = await appeal(database, number)
    assert (resolved.status, resolved.outcome) == ("resolved", "fixed")
    await change(database, number, dana, outcome=Outcome.REFUSED)
    assert (await appeal(database, number)).outcome == "refused"
    key = await change(database, number, dana, status=Status.OPEN)
    assert (await appeal(database, number)).outcome is None
    await take_back(database, key, dana)
    again = await appeal(database, number)
    assert (again.status, again.outcome, again.resolved_at) == ("resolved", "refused", NOW)


async def test_what_is_still_in_work_has_no_outcome(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    moves: list[dict[str, Any]] = [{}, {"status": Status.PENDING}]
    for changes in moves:
        with pytest.raises(BadValue, match="resolve it") as refused:
            await change(database, number, dana, outcome=Outcome.FIXED, **changes)
        assert refused.value.field == "outcome"
    await change(database, number, dana, status=Status.RESOLVED)
    assert (await appeal(database, number)).outcome is None


async def test_a_citizen_who_writes_again_opens_the_appeal_without_its_outcome(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    key = await change(database, number, dana, status=Status.RESOLVED, outcome=Outcome.PLANNED)
    at = NOW + timedelta(minutes=5)
    assert await receive(
        database, message("2", sender=sender(), sent_at=at), now=at
    ) == [number]  # fmt: skip
    opened = await appeal(database, number)
    assert (opened.status, opened.outcome) == ("open", None)
    with pytest.raises(ChangedSince) as refused:
        await take_back(database, key, dana, now=at)
    assert {later.field: later.by for later in refused.value.later} == {
        "status": "the hub", "outcome": "the hub", "resolved_at": "the hub",
        "waiting_since": "the citizen",
    }  # fmt: skip


# --- Putting off --------------------------------------------------------------------------------


async def test_a_snoozed_appeal_comes_back_by_itself_or_when_its_citizen_writes(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    until = NOW + timedelta(days=60)
    await change(database, number, dana, snoozed_until=until)
    assert (await appeal(database, number)).snoozed_until == until
    assert await next_one(database, dana) is None
    key = await change(database, number, dana, snoozed_until=None)
    assert (await appeal(database, number)).snoozed_until is None
    await take_back(database, key, dana)
    assert (await appeal(database, number)).snoozed_until == until
    await receive(database, message("2", sender=sender(), sent_at=NOW), now=NOW)
    assert (await appeal(database, number)).snoozed_until is None
    assert await next_one(database, dana) == number


async def test_an_appeal_is_put_off_into_the_future_and_not_for_ever(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    for until in (NOW, NOW - timedelta(days=1), NOW + timedelta(days=60, seconds=1)):
        with pytest.raises(BadValue) as refused:
            await change(database, number, dana, snoozed_until=until)
        assert refused.value.field == "snoozed_until"
    await change(database, number, dana, snoozed_until=NOW + timedelta(days=1))
    await change(database, number, dana, status=Status.RESOLVED)
    assert (await appeal(database, number)).snoozed_until is None
    with pytest.raises(BadValue, match="nothing to put off"):
        await change(database, number, dana, snoozed_until=NOW + timedelta(days=1))


# --- What it is about ---------------------------------------------------------------------------


async def test_tags_are_kept_in_one_way_and_each_once(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, add_tags=("#Шұңқыр", " яма  во дворе ", "яма во ДВОРЕ"))
    assert await tags(database, number) == ["шұңқыр", "яма во дворе"]
    key = await change(database, number, dana, add_tags=("люк",), remove_tags=("Шұңқыр", "нет"))
    assert await tags(database, number) == ["люк", "яма во дворе"]
    assert await change(database, number, dana, add_tags=("люк",)) is None
    await take_back(database, key, dana)
    assert await tags(database, number) == ["шұңқыр", "яма во дворе"]


@pytest.mark.parametrize("word", ["", " # ", "а" * 41, "a,b", "a\nb\x07"])
async def test_what_is_no_tag_is_refused(database: Database, word: str) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    with pytest.raises(BadValue) as refused:
        await change(database, number, dana, add_tags=("люк", word))
    assert refused.value.field == "tags"
    assert await tags(database, number) == []


async def test_an_appeal_has_ten_tags_at_most(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, add_tags=tuple(map(str, range(10))))
    with pytest.raises(BadValue, match="11 tags"):
        await change(database, number, dana, add_tags=("ещё",))
    await change(database, number, dana, add_tags=("ещё",), remove_tags=("0",))
    assert len(await tags(database, number)) == 10


async def test_a_category_is_one_of_the_list_once_there_is_a_list(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, category="освещение")
    async with database.write() as session:
        session.add(Category(code="roads.pothole"))
        session.add(Category(code="roads.old", retired_at=START))
    await change(database, number, dana, category="освещение", subject="Фонарь")
    await change(database, number, dana, category="roads.pothole", district="almaly")
    for code, why in (("освещение", "no category"), ("roads.old", "no longer in use")):
        with pytest.raises(BadValue, match=why) as refused:
            await change(database, number, dana, category=code)
        assert refused.value.field == "category"
    found = await appeal(database, number)
    assert (found.category, found.district) == ("roads.pothole", "almaly")
    await change(database, number, dana, category=None)
    assert (await appeal(database, number)).category is None


async def test_what_has_no_queue_goes_to_the_team_of_its_category(database: Database) -> None:
    dana = await hire(database, "Dana")
    async with database.write() as session:
        session.add(Team(key="streets", name="Streets", created_at=START))
        session.add(Team(key="houses", name="Houses", created_at=START))
        session.add(Category(code="roads.pothole", team="streets"))
    number, kept = await write_in(database), await write_in(database, "701")
    await change(database, number, dana, category="roads.pothole")
    assert (await appeal(database, number)).team == "streets"
    await change(database, kept, dana, team="houses")
    await change(database, kept, dana, category="roads.pothole")
    assert (await appeal(database, kept)).team == "houses"


async def test_a_district_is_one_of_the_list_once_there_is_a_list(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, district="old")
    names = {"kk": "Алмалы", "ru": "Алмалинский", "en": "Almaly"}
    places = {"items": [{"code": "almaly", "names": names}]}
    async with database.write() as session:
        session.add(OfficeSetting(name="districts", value=places, changed_at=START))
    with pytest.raises(BadValue, match="there are: almaly") as refused:
        await change(database, number, dana, district="bostandyk")
    assert refused.value.field == "district"
    await change(database, number, dana, district="old", subject="Фонарь")
    await change(database, number, dana, district="almaly")
    assert (await appeal(database, number)).district == "almaly"


async def test_a_duplicate_is_linked_to_its_original_and_never_in_a_circle(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first, second, third = [await write_in(database, str(700 + i)) for i in range(3)]
    key = await change(database, second, dana, duplicate_of=first)
    await change(database, third, dana, duplicate_of=second)
    assert (await appeal(database, second)).duplicate_of_id == (await appeal(database, first)).id
    for original in (first, second, third, "ALM-2026-9999999"):
        with pytest.raises(BadValue) as refused:
            await change(database, first, dana, duplicate_of=original)
        assert refused.value.field == "duplicate_of"
    assert (await appeal(database, first)).duplicate_of_id is None
    await take_back(database, key, dana)
    assert (await appeal(database, second)).duplicate_of_id is None


# --- Transfers ----------------------------------------------------------------------------------


async def test_a_transfer_takes_the_appeal_from_a_holder_who_is_not_of_the_team(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    await teams(database, roads=[marat], water=[])
    number = await write_in(database)
    await change(database, number, dana, assignee_id=dana.operator_id)
    key = await change(database, number, dana, team="roads", note="Это яма, не вода")
    given = await appeal(database, number)
    assert (given.team, given.assignee_id, given.message_count) == ("roads", None, 2)
    async with database.read() as session:
        note = (await session.exec(select(Message).where(Message.direction == "note"))).one()
    assert (note.text, note.author) == ("Это яма, не вода", "Dana")
    # Who gave it away sees it no more, and can take it back all the same.
    with pytest.raises(NotFound):
        await change(database, number, of(dana, "water"), category="x")
    await take_back(database, key, of(dana, "water"))
    back = await appeal(database, number)
    assert (back.team, back.assignee_id) == (None, dana.operator_id)
    await change(database, number, dana, assignee_id=marat.operator_id)
    await change(database, number, marat, team="roads")
    assert (await appeal(database, number)).assignee_id == marat.operator_id


async def test_what_somebody_holds_is_transferred_by_them_or_a_supervisor(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    await teams(database, roads=[])
    number = await write_in(database)
    await change(database, number, dana, assignee_id=dana.operator_id)
    with pytest.raises(AlreadyHeld):
        await change(database, number, marat, team="roads")
    with pytest.raises(NotAllowed):
        await change(database, number, marat, team="roads", reassign=True)
    await change(database, number, saule, team="roads", reassign=True)
    assert (await appeal(database, number)).assignee_id is None
    await change(database, number, saule, team=None, assignee_id=dana.operator_id)
    given = await appeal(database, number)
    assert (given.team, given.assignee_id) == (None, dana.operator_id)


async def test_a_team_is_one_of_those_set_up_once_there_are_any(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    await change(database, number, dana, assignee_id=dana.operator_id, team="Алатау")
    await teams(database, roads=[])
    async with database.write() as session:
        session.add(Team(key="old", name="old", created_at=START, archived_at=START))
    for key in ("water", "old"):
        with pytest.raises(BadValue, match="there are: roads") as refused:
            await change(database, number, dana, team=key)
        assert refused.value.field == "team"
    await change(database, number, dana, team="Алатау", priority=Priority.HIGH)
    assert (await appeal(database, number)).priority == "high"


# --- Who may ------------------------------------------------------------------------------------


async def test_what_one_cannot_see_one_cannot_change_claim_or_note(database: Database) -> None:
    dana = await hire(database, "Dana")
    await teams(database, roads=[], water=[dana])
    number = await write_in(database)
    await is_now(database, number, team="roads")
    for changes in (
        {"assignee_id": dana.operator_id}, {"status": Status.OPEN}, {"read": True},
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await change(database, number, of(dana, "water"), **changes)
    async with database.write() as session:
        with pytest.raises(NotFound):
            await add_note(session, number, "?", by=of(dana, "water"), now=NOW)
    assert (await appeal(database, number)).assignee_id is None


async def test_a_mention_asks_only_those_to_look_who_can_see(database: Database) -> None:
    dana, marat, erlan = [await hire(database, name) for name in ("Dana", "Marat", "Erlan")]
    await teams(database, roads=[marat])
    number = await write_in(database)
    await is_now(database, number, team="roads")
    assert marat.operator_id is not None
    assert erlan.operator_id is not None
    for wrong, told in (([marat.operator_id, erlan.operator_id], "Erlan cannot see"), ([7], "no ")):
        async with database.write() as session:
            with pytest.raises(BadValue, match=told) as refused:
                await add_note(session, number, "?", by=dana, now=NOW, mentions=wrong)
            await session.rollback()
        assert refused.value.field == "mentions"
    async with database.write() as session:
        note = await add_note(
            session, number, "Глянь", by=dana, now=NOW, mentions=[marat.operator_id] * 2
        )
    async with database.read() as session:
        [asked] = (await session.exec(select(Mention))).all()
    assert (asked.operator_id, asked.message_id, asked.seen_at) == (
        marat.operator_id, note.id, None,
    )  # fmt: skip


# --- Undo ---------------------------------------------------------------------------------------


async def test_a_change_is_undone_by_who_made_it_within_minutes_and_by_a_supervisor_later(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    number = await write_in(database)
    key = await change(database, number, dana, subject="Другая", latitude=43.25)
    with pytest.raises(NotAllowed, match="Somebody else did this"):
        await take_back(database, key, marat)
    late = NOW + TIME_TO_UNDO + timedelta(seconds=1)
    with pytest.raises(NotAllowed, match="more than 10 minutes"):
        await take_back(database, key, dana, now=late)
    await take_back(database, key, saule, now=late)
    back = await appeal(database, number)
    assert (back.subject, back.latitude) == ("Абай даңғылы 10, шам жанбайды", None)
    [*_, entry] = await journal(database, number)
    assert (entry.event, entry.actor) == ("appeal.change_undone", saule.actor)
    assert entry.data["undoes"] == str(key)
    assert entry.data["latitude"] == {"from": 43.25, "to": None}
    await take_back(database, entry.id, saule, now=late)
    assert (await appeal(database, number)).subject == "Другая"


async def test_what_somebody_changed_since_stays_and_they_are_named(database: Database) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    number = await write_in(database)
    key = await change(database, number, dana, subject="Первая", kind="complaint")
    await change(database, number, marat, subject="Вторая", now=NOW + timedelta(minutes=1))
    with pytest.raises(ChangedSince, match="subject was changed by Marat since") as refused:
        await take_back(database, key, dana)
    [later] = refused.value.later
    assert (later.field, later.by, later.at) == ("subject", "Marat", NOW + timedelta(minutes=1))
    found = await appeal(database, number)
    assert (found.subject, found.kind) == ("Вторая", "complaint")


async def test_nothing_is_undone_twice(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    key = await change(database, number, dana, priority=Priority.HIGH)
    await take_back(database, key, dana)
    with pytest.raises(ChangedSince, match="priority was changed by Dana"):
        await take_back(database, key, dana)


async def test_of_an_undo_and_a_change_at_once_the_change_is_never_lost(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    for i in range(10):
        number = await write_in(database, str(700 + i))
        key = await change(database, number, dana, subject="Первая")
        undone, _ = await asyncio.gather(
            take_back(database, key, dana),
            change(database, number, marat, subject="Вторая"),
            return_exceptions=True,
        )
        assert undone is None or isinstance(undone, ChangedSince)
        assert (await appeal(database, number)).subject == "Вторая"


async def test_an_appeal_does_not_go_back_to_somebody_who_left(database: Database) -> None:
    dana, saule = await hire(database, "Dana"), await hire(database, "Saule", Role.SUPERVISOR)
    number = await write_in(database)
    await change(database, number, dana, assignee_id=dana.operator_id)
    key = await change(database, number, saule, assignee_id=None, reassign=True)
    async with database.write() as session:
        await disable_operator(session, dana.operator_id or 0, actor="system", now=NOW)
    with pytest.raises(NotUndoable, match="works here no more"):
        await take_back(database, key, saule)


async def test_only_changes_that_one_may_see_can_be_asked_back(database: Database) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    await teams(database, roads=[])
    number = await write_in(database)
    key = await change(database, number, dana, team="roads")
    with pytest.raises(NotFound):
        await take_back(database, key, of(marat))
    opened = (await journal(database, number))[0]
    for other in (opened.id, 12345):
        with pytest.raises(NotFound, match="change to undo"):
            await take_back(database, other, dana)


async def test_a_language_that_was_set_is_taken_back_from_the_citizen_too(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await write_in(database)
    key = await change(database, number, dana, language="ru")
    await take_back(database, key, dana)
    found = await appeal(database, number)
    async with database.read() as session:
        contact = await session.get_one(Contact, found.contact_id)
    assert (found.language, contact.language, contact.language_fixed) == ("kk", "kk", False)
