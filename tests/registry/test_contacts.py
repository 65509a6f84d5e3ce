"""Contacts: who sees them, what is known of them, blocking, and two who are one person."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from registry.appeals import ChangedSince, DeskChannel, NotUndoable, Opening, open_appeal, take_next
from registry.contacts.card import Card, get_card
from registry.contacts.changing import (
    ContactChange,
    add_contact_note,
    change_contact,
    delete_contact_note,
)
from registry.contacts.merging import merge_contacts, unmerge_contacts
from registry.contacts.seeing import ConcernsOthers
from registry.db import Database
from registry.errors import BadValue, NotAllowed, NotFound
from registry.models import (
    Appeal,
    Contact,
    ContactMerge,
    ContactNote,
    ContactPoint,
    Conversation,
    JournalEntry,
)
from registry.operators import Principal, Role
from registry.types import ContactPoint as Point
from registry.undoing import undo
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import START, message, sender
from tests.registry.test_merging import ALMATY
from tests.registry.test_work import appeal, is_now, of, teams
from tests.registry.waiting import blocked

NOW = START + timedelta(hours=1)


async def person(database: Database, citizen: str) -> int:
    """Who writes under that name; they have written before."""
    async with database.read() as session:
        found = await session.exec(
            select(ContactPoint.contact_id).where(ContactPoint.value == citizen)
        )
        return found.one()


async def change(database: Database, contact_id: int, by: Principal, **changes: Any) -> int | None:
    async with database.write() as session:
        return await change_contact(session, contact_id, ContactChange(**changes), by=by, now=NOW)


async def card(database: Database, contact_id: int, by: Principal) -> Card:
    async with database.read() as session:
        return await get_card(session, contact_id, by=by)


async def merge(
    database: Database, contact_id: int, into: int, by: Principal
) -> tuple[ContactMerge, int]:
    async with database.write() as session:
        return await merge_contacts(session, contact_id, into, by=by, now=NOW)


async def unmerge(database: Database, merge_id: int, by: Principal) -> None:
    async with database.write() as session:
        await unmerge_contacts(session, merge_id, by=by, now=NOW)


async def take_back(database: Database, key: int | None, by: Principal) -> None:
    assert key is not None
    async with database.write() as session:
        await undo(session, key, by=by, now=NOW)


async def note(database: Database, contact_id: int, text: str, by: Principal) -> ContactNote:
    async with database.write() as session:
        return await add_contact_note(session, contact_id, text, by=by, now=NOW)


# --- Knowing them -------------------------------------------------------------------------------


async def test_a_card_tells_what_is_known_and_what_they_brought(database: Database) -> None:
    dana = await hire(database, "Dana")
    numbers = []
    for i in range(22):
        at = START + timedelta(minutes=i)
        said = message(
            str(i), account=f"a{i}", sender=sender(), conversation="700", sent_at=at, text=str(i)
        )
        numbers += await receive(database, said, now=at)
    who = await person(database, "700")
    await note(database, who, "Просит звонить после шести", dana)
    shown = await card(database, who, dana)
    assert (shown.id, shown.name, shown.language) == (str(who), "Айгүл", "kk")
    assert [(p.scheme, p.value, p.doubt) for p in shown.points] == [("telegram", "700", None)]
    assert [(n.text, n.author, n.operator) for n in shown.notes] == [
        ("Просит звонить после шести", "Dana", str(dana.operator_id))
    ]
    assert [one.number for one in shown.appeals] == sorted(numbers, reverse=True)[:20]
    assert (shown.blocked_at, shown.merges) == (None, [])


async def test_a_contact_is_seen_by_whom_one_of_their_appeals_is_seen(database: Database) -> None:
    dana = of(await hire(database, "Dana"), "water")
    chief = await hire(database, "Saule", Role.SUPERVISOR)
    await teams(database, roads=[], water=[])
    hidden, shown = await write_in(database, "700"), await write_in(
        database, "700", external_id="2", account="second"
    )  # fmt: skip
    await is_now(database, hidden, team="roads")
    await is_now(database, shown, team="water")
    who = await person(database, "700")
    assert [one.number for one in (await card(database, who, dana)).appeals] == [shown]
    assert len((await card(database, who, chief)).appeals) == 2
    await is_now(database, shown, team="roads")
    with pytest.raises(NotFound, match="There is no contact"):
        await card(database, who, dana)
    for attempt in (
        change(database, who, dana, name="Другая"), note(database, who, "?", dana),
        merge(database, who, who, dana),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await attempt
    async with database.write() as session:
        nobody = Contact(name="Ия", created_at=START)
        session.add(nobody)
    assert (await card(database, nobody.id, dana)).name == "Ия"
    with pytest.raises(BadValue, match="There is no contact") as refused:
        await merge(database, nobody.id, who, dana)
    assert refused.value.field == "into"


async def test_a_wrong_identification_number_is_told_on_the_card(database: Database) -> None:
    dana = await hire(database, "Dana")
    async with database.write() as session:
        someone = Contact(name="Ия", created_at=START)
        session.add(someone)
        await session.flush()
        session.add_all(
            ContactPoint(contact_id=someone.id, scheme="iin", value=value, created_at=START)
            for value in ("850722100019", "850722100018")
        )
    first, second = (await card(database, someone.id, dana)).points
    assert first.doubt is None
    assert second.doubt is not None


# --- Changing them ------------------------------------------------------------------------------


async def test_a_change_of_a_contact_is_written_down_and_undone(database: Database) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    await write_in(database)
    who = await person(database, "700")
    before = await card(database, who, dana)
    key = await change(database, who, dana, name=" Айгүл  Омарова ", language="ru", blocked=True)
    after = await card(database, who, dana)
    assert (after.name, after.language, after.language_fixed, after.blocked_at) == (
        "Айгүл Омарова", "ru", True, NOW,
    )  # fmt: skip
    assert await change(database, who, dana, blocked=True, language="ru") is None
    with pytest.raises(NotAllowed):
        await take_back(database, key, marat)
    await take_back(database, key, dana)
    assert await card(database, who, dana) == before
    async with database.read() as session:
        entries = await session.exec(
            select(JournalEntry.event)
            .where(JournalEntry.contact_id == who, col(JournalEntry.event).startswith("contact."))
            .order_by(col(JournalEntry.id))
        )
        assert list(entries) == ["contact.changed", "contact.change_undone"]
    key = await change(database, who, dana, name="Первая")
    await change(database, who, marat, name="Вторая")
    with pytest.raises(ChangedSince, match="name was changed by Marat"):
        await take_back(database, key, dana)


async def test_what_a_blocked_person_writes_is_kept_and_is_nobodys_work(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first = await write_in(database)
    who = await person(database, "700")
    await change(database, who, dana, blocked=True)
    again = await write_in(database, "700", external_id="2")
    assert again == first
    assert (await appeal(database, first)).message_count == 2
    async with database.write() as session:
        assert await take_next(session, by=dana, now=NOW) is None
    await change(database, who, dana, blocked=False)
    async with database.write() as session:
        taken = await take_next(session, by=dana, now=NOW)
    assert taken is not None


async def test_a_note_is_deleted_by_its_author_or_a_supervisor_and_the_journal_keeps_it(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    await write_in(database)
    who = await person(database, "700")
    notes = [await note(database, who, text, dana) for text in ("раз", "два")]

    async def delete(note_id: int, by: Principal) -> None:
        async with database.write() as session:
            await delete_contact_note(session, who, note_id, by=by, now=NOW)

    with pytest.raises(NotAllowed, match="Dana wrote this note"):
        await delete(notes[0].id, marat)
    await delete(notes[0].id, dana)
    await delete(notes[1].id, saule)
    assert (await card(database, who, dana)).notes == []
    for gone in (notes[0].id, 7):
        with pytest.raises(NotFound):
            await delete(gone, dana)
    async with database.read() as session:
        told = await session.exec(
            select(JournalEntry.data).where(JournalEntry.event == "contact.note_deleted")
        )
        assert [data["was"] for data in told] == ["раз", "два"]


async def test_what_concerns_other_teams_is_for_whoever_sees_all_of_a_persons_appeals(
    database: Database,
) -> None:
    dana = of(await hire(database, "Dana"), "water")
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    await teams(database, roads=[], water=[])
    own = await write_in(database, "700")
    theirs = await write_in(database, "700", external_id="2", account="second")
    await is_now(database, own, team="water")
    await write_in(database, "701")
    shared, alone = await person(database, "700"), await person(database, "701")
    assert (await card(database, shared, dana)).whole
    await is_now(database, theirs, team="roads")
    assert not (await card(database, shared, dana)).whole
    for attempt in (
        change(database, shared, dana, blocked=True, name="Другая"),
        change(database, shared, dana, blocked=False),
        merge(database, shared, alone, dana),
        merge(database, alone, shared, dana),
    ):
        with pytest.raises(ConcernsOthers, match="a supervisor or an administrator can"):
            await attempt
    assert await change(database, shared, dana, name="Айгүл Омарова") is not None
    merged, _ = await merge(database, alone, shared, saule)
    with pytest.raises(ConcernsOthers):
        await unmerge(database, merged.id, dana)
    await unmerge(database, merged.id, saule)
    assert await change(database, shared, saule, blocked=True) is not None
    assert (await card(database, shared, dana)).name == "Айгүл Омарова"


async def test_what_one_holds_oneself_is_no_other_teams(database: Database) -> None:
    dana = of(await hire(database, "Dana"), "water")
    await teams(database, roads=[], water=[])
    held = await write_in(database, "700")
    await is_now(database, held, team="roads", assignee_id=dana.operator_id)
    assert await change(database, await person(database, "700"), dana, blocked=True) is not None


# --- Two who are one ----------------------------------------------------------------------------


async def test_who_is_merged_gives_all_they_have_and_writes_as_the_other(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first, second = await write_in(database, "700"), await write_in(database, "701")
    gone, stays = await person(database, "701"), await person(database, "700")
    await note(database, gone, "Глуховат", dana)
    merged, _ = await merge(database, gone, stays, dana)
    shown = await card(database, stays, dana)
    assert sorted(point.value for point in shown.points) == ["700", "701"]
    assert [one.number for one in shown.appeals] == [second, first]
    assert [one.text for one in shown.notes] == ["Глуховат"]
    [told] = shown.merges
    assert (told.id, told.gone.id, told.into.id, told.undone_at) == (
        str(merged.id), str(gone), str(stays), None,
    )  # fmt: skip
    assert await card(database, gone, dana) == shown
    third = await write_in(database, "701", external_id="2", account="second")
    assert (await appeal(database, third)).contact_id == stays
    visited = await visit(database, "701", dana)
    assert (await appeal(database, visited)).contact_id == stays
    with pytest.raises(BadValue, match="one contact already"):
        await merge(database, gone, stays, dana)


async def test_a_merge_undone_gives_back_what_went_and_leaves_what_came(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first, second = await write_in(database, "700"), await write_in(database, "701")
    gone, stays = await person(database, "701"), await person(database, "700")
    before = await card(database, gone, dana)
    await note(database, stays, "Свой", dana)
    merged, _ = await merge(database, gone, stays, dana)
    later = await write_in(database, "702")
    await is_now(database, later, contact_id=stays)
    await note(database, stays, "После", dana)
    await unmerge(database, merged.id, dana)
    back = await card(database, gone, dana)
    assert (back.points, back.appeals, back.notes) == (before.points, before.appeals, [])
    shown = await card(database, stays, dana)
    assert [one.number for one in shown.appeals] == [later, first]
    assert [one.text for one in shown.notes] == ["После", "Свой"]
    assert [one.undone_at for one in shown.merges] == [NOW]
    assert await write_in(database, "701", external_id="2") == second
    with pytest.raises(NotUndoable, match="undone already"):
        await unmerge(database, merged.id, dana)
    with pytest.raises(NotFound):
        await unmerge(database, 7, dana)


async def test_what_somebody_wrote_while_they_were_merged_is_theirs_once_it_is_undone(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    await write_in(database, "700")
    old = await write_in(database, "701")
    gone, stays = await person(database, "701"), await person(database, "700")
    merged, _ = await merge(database, gone, stays, dana)
    await is_now(database, old, status="closed")
    again = await write_in(database, "701", external_id="2")
    elsewhere = await write_in(database, "701", external_id="3", account="second")
    own = await write_in(database, "700", external_id="4", account="second")
    await unmerge(database, merged.id, dana)
    assert [one.number for one in (await card(database, gone, dana)).appeals] == [
        elsewhere, again, old,
    ]  # fmt: skip
    assert (await appeal(database, own)).contact_id == stays
    await is_now(database, elsewhere, status="closed")
    next_one = await write_in(database, "701", external_id="5", account="second")
    assert (await appeal(database, next_one)).contact_id == gone


async def test_a_merge_is_undone_by_its_key_and_after_a_later_one(database: Database) -> None:
    dana = await hire(database, "Dana")
    for citizen in ("700", "701", "702"):
        await write_in(database, citizen)
    one, two, three = [await person(database, citizen) for citizen in ("700", "701", "702")]
    _, key = await merge(database, three, two, dana)
    later, later_key = await merge(database, two, one, dana)
    assert len((await card(database, three, dana)).points) == 3
    with pytest.raises(NotUndoable, match="undo that merge first"):
        await take_back(database, key, dana)
    await take_back(database, later_key, dana)
    await take_back(database, key, dana)
    for who, citizen in ((one, "700"), (two, "701"), (three, "702")):
        assert [point.value for point in (await card(database, who, dana)).points] == [citizen]
    with pytest.raises(NotUndoable):
        await unmerge(database, later.id, dana)


async def test_the_nameless_take_the_name_of_whom_they_are_and_give_it_back(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    await write_in(database, "700", sender=sender("700", name=None))
    await write_in(database, "701")
    nameless, named = await person(database, "700"), await person(database, "701")
    merged, _ = await merge(database, named, nameless, dana)
    assert (await card(database, nameless, dana)).name == "Айгүл"
    await unmerge(database, merged.id, dana)
    assert (await card(database, nameless, dana)).name is None


async def visit(database: Database, name: str, by: Principal) -> str:
    """Somebody known by that name comes to the counter; the number of the appeal."""
    opening = Opening(
        channel=DeskChannel.VISIT, text="Яма", name=None, points=(Point("telegram", name),)
    )
    async with database.write() as session:
        opened = await open_appeal(session, opening, by=by, prefix="ALM", zone=ALMATY, now=NOW)
    return opened.number


# --- At once ------------------------------------------------------------------------------------


async def test_nobody_who_writes_during_a_merge_belongs_to_one_who_is_gone(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    for i in range(8):
        names = (f"7{i}0", f"7{i}1")
        for name in names:
            await write_in(database, name)
        stays, gone = [await person(database, name) for name in names]

        await asyncio.gather(
            merge(database, gone, stays, dana),
            *(
                write_in(database, names[1], external_id=f"{i}{j}", account=f"a{j}")
                for j in range(4)
            ),
            *(visit(database, names[1], dana) for _ in range(2)),
        )
        async with database.read() as session:
            for table in (Appeal, Conversation, ContactPoint):
                found = await session.exec(select(table.id).where(table.contact_id == gone))
                assert list(found) == [], (i, table)


@pytest.mark.parametrize("way", ["message", "visit"])
async def test_who_writes_while_a_merge_is_being_written_down_is_the_one_who_stays(
    database: Database, way: str
) -> None:
    dana = await hire(database, "Dana")
    for name in ("700", "701"):
        await write_in(database, name)
    stays, gone = await person(database, "700"), await person(database, "701")
    async with database.write() as session:
        await merge_contacts(session, gone, stays, by=dana, now=NOW)
        coming = asyncio.create_task(
            write_in(database, "701", external_id="2", account="second")
            if way == "message"
            else visit(database, "701", dana)
        )
        await blocked(database)
    number = await coming
    assert (await appeal(database, number)).contact_id == stays
    async with database.read() as session:
        found = await session.exec(
            select(Conversation.contact_id).where(Conversation.account == "second")
        )
        assert set(found) <= {stays}


async def test_of_two_who_are_merged_into_each_other_at_once_one_stays(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    for i in range(8):
        names = (f"7{i}0", f"7{i}1")
        for name in names:
            await write_in(database, name)
        one, two = [await person(database, name) for name in names]
        done = await asyncio.gather(
            merge(database, one, two, dana),
            merge(database, two, one, dana),
            return_exceptions=True,
        )
        assert [type(error) for error in done if isinstance(error, Exception)] == [BadValue]
        assert len((await card(database, one, dana)).points) == 2


# --- Undo of anything ---------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(
        st.just("change"),
        st.integers(0, 2),
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["Ия", "Нұр"]),
                "language": st.sampled_from(["kk", "ru", None]),
                "blocked": st.booleans(),
            },
        ),
    ),
    st.tuples(st.just("merge"), st.integers(0, 2), st.integers(0, 2)),
)


@pytest.fixture
async def scene(database: Database) -> tuple[Database, Principal, list[int]]:
    """Three people, one of them without a name, and who works on them."""
    dana = await hire(database, "Dana")
    for citizen in ("700", "701"):
        await write_in(database, citizen)
    await write_in(database, "702", sender=sender("702", name=None))
    return database, dana, [await person(database, name) for name in ("700", "701", "702")]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=1, max_size=7))
async def test_what_is_done_to_people_and_undone_in_turn_leaves_them_as_they_were(
    scene: tuple[Database, Principal, list[int]], steps: list[tuple[str, int, Any]]
) -> None:
    database, dana, people = scene
    before = await everybody(database)
    keys = []
    for what, which, how in steps:
        if what == "change":
            keys.append(await change(database, people[which], dana, **how))
        else:
            try:
                _, key = await merge(database, people[which], people[how], dana)
            except BadValue:
                continue  # they are one already
            keys.append(key)
    for key in reversed([key for key in keys if key is not None]):
        await take_back(database, key, dana)
    assert await everybody(database) == before


async def everybody(database: Database) -> list[Any]:
    """All contacts with all that they have."""
    async with database.read() as session:
        return [
            list(await session.exec(select(table).order_by(col(table.id))))
            for table in (Contact, ContactPoint, Conversation, Appeal, ContactNote)
        ]
