"""What stands beside an appeal, and only that of it which the viewer may see."""

from datetime import timedelta

import pytest
from msgspec import structs
from sqlmodel import select

from registry.appeals import Change, DeskChannel, Opening, change_appeal, open_appeal
from registry.appeals.dividing import Division, split_appeal
from registry.appeals.merging import merge_appeal
from registry.db import Database
from registry.errors import NotFound
from registry.inbox import Panel, get_panel
from registry.models import Message
from registry.operators import Principal, Role
from registry.types import ContactPoint
from registry.undoing import undo
from tests.registry.desk import hire, receive
from tests.registry.samples import RULES, START, message

PHONE = ContactPoint("tel", "+77011234567")


async def visit(
    database: Database, by: Principal, text: str = "Жарық жоқ", *, hours: int = 0
) -> str:
    """Айгүл comes to the counter; the number of her appeal."""
    async with database.write() as session:
        opened = await open_appeal(
            session,
            Opening(channel=DeskChannel.VISIT, text=text, name="Айгүл", points=(PHONE,)),
            by=by,
            prefix="ALM",
            zone=RULES.zone,
            now=START + timedelta(hours=hours),
        )
        return opened.number


async def beside(database: Database, number: str, viewer: Principal) -> Panel:
    async with database.read() as session:
        return await get_panel(session, number, viewer=viewer)


async def change(database: Database, number: str, wanted: Change, *, by: Principal) -> None:
    async with database.write() as session:
        await change_appeal(session, number, wanted, by=by, now=START)


def ties(panel: Panel) -> list[tuple[str, str]]:
    return [(tie.bond, tie.appeal.number) for tie in panel.ties]


async def test_only_what_the_viewer_may_see_stands_in_it(database: Database) -> None:
    chief, dana = await hire(database, "Chief", Role.SUPERVISOR), await hire(database, "Dana")
    dana = structs.replace(dana, teams=frozenset({"light"}))
    hidden, open_ = [await visit(database, chief, hours=at) for at in range(2)]
    await change(database, hidden, Change(team="roads"), by=chief)
    await change(database, open_, Change(duplicate_of=hidden), by=chief)

    panel = await beside(database, open_, dana)

    assert panel.ties == []
    assert [entry.event for entry in panel.journal] == ["appeal.changed", "appeal.opened"]
    assert ties(await beside(database, open_, chief)) == [("repeats", hidden)]
    with pytest.raises(NotFound):
        await beside(database, hidden, dana)


async def test_ties_are_told_from_both_sides(database: Database) -> None:
    dana = await hire(database, "Dana", Role.SUPERVISOR)
    original, repeat, gone = [await visit(database, dana, hours=at) for at in range(3)]
    await change(database, repeat, Change(duplicate_of=original), by=dana)
    async with database.write() as session:
        await merge_appeal(session, gone, original, across_contacts=False, by=dana, now=START)

    assert ties(await beside(database, original, dana)) == [("repeated", repeat), ("took", gone)]
    assert ties(await beside(database, repeat, dana)) == [("repeats", original)]
    assert ties(await beside(database, gone, dana)) == [("merged_into", original)]


async def test_an_appeal_that_was_split_off_is_told_until_that_is_undone(
    database: Database,
) -> None:
    dana = await hire(database, "Dana", Role.SUPERVISOR)
    [number] = await receive(database, message("1", text="Су жоқ"))
    await receive(database, message("2", text="Жарық та жоқ", sequence=1))
    async with database.write() as session:
        second = (await session.exec(select(Message).where(Message.text == "Жарық та жоқ"))).one()
        own, key = await split_appeal(
            session, number, Division(message_ids=(second.id,)), by=dana, prefix="ALM",
            zone=RULES.zone, now=START,
        )  # fmt: skip
        split = own.number
    assert ties(await beside(database, number, dana)) == [("split_into", split)]
    assert ties(await beside(database, split, dana)) == [("split_from", number)]

    async with database.write() as session:
        await undo(session, key, by=dana, now=START)

    # What is empty now was merged back.
    assert ties(await beside(database, number, dana)) == [("took", split)]
    assert ties(await beside(database, split, dana)) == [("merged_into", number)]
