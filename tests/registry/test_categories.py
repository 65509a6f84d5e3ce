"""Categories: the city's list at the first start, and what an administrator may make of it."""

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlmodel import col, select

from registry.categories import (
    CODE,
    CategoryChange,
    CategoryGiven,
    CategoryShown,
    add_category,
    change_category,
    list_categories,
    put_category,
)
from registry.db import Database
from registry.deadlines import Unit
from registry.errors import BadValue, NotFound
from registry.models import Category, JournalEntry, Team
from registry.office import RECOMPUTE, get_recompute, get_setting, write_value
from registry.office_shapes import Departments, Districts, Names, Place
from registry.operators import Taken
from registry.taxonomy import CategoryKnown, read_taxonomy
from tests.registry.offices import furnished
from tests.registry.samples import START

NAMES = Names(ru="Велодорожка", kk="Веложол", en="Cycle path")
LATER = START + timedelta(hours=1)

IN_GROUPS = {
    "transport": 6, "roads": 6, "traffic": 3, "housing": 5, "utilities": 6, "light": 3, "clean": 5,
    "green": 4, "yard": 5, "eco": 4, "build": 3, "social": 7,
}  # fmt: skip


def given(**changes: Any) -> CategoryGiven:
    fields: dict[str, Any] = {"names": NAMES, "term": 7, "department": "roads"}
    return CategoryGiven(**(fields | changes))


async def listed(database: Database, *, retired: bool = False) -> dict[str, CategoryShown]:
    async with database.read() as session:
        return {one.code: one for one in await list_categories(session, retired=retired)}


async def entries(database: Database) -> list[JournalEntry]:
    async with database.read() as session:
        found = await session.exec(
            select(JournalEntry)
            .where(JournalEntry.event == "category.changed")
            .order_by(col(JournalEntry.id))
        )
        return list(found)


async def causes(database: Database) -> list[str]:
    async with database.read() as session:
        asked = await get_recompute(session)
    return [] if asked is None else list(asked.causes)


async def add(database: Database, code: str, **changes: Any) -> CategoryShown:
    async with database.write() as session:
        return await add_category(session, code, given(**changes), actor="operator:1", now=LATER)


async def change(database: Database, code: str, **changes: Any) -> CategoryShown:
    async with database.write() as session:
        return await change_category(
            session, code, CategoryChange(**changes), actor="operator:1", now=LATER
        )


# --- The file -------------------------------------------------------------------------------------


def test_the_file_has_all_twelve_groups_with_their_categories() -> None:
    taxonomy = read_taxonomy()
    codes = [one.code for one in taxonomy.categories]
    groups = Counter(code.partition(".")[0] for code in codes if "." in code)
    assert groups == IN_GROUPS
    assert [code for code in codes if "." not in code] == list(IN_GROUPS)
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(CODE, code) for code in codes)


def test_everything_in_the_file_has_a_name_of_its_own_in_all_three_languages() -> None:
    taxonomy = read_taxonomy()
    places = [*taxonomy.departments, *taxonomy.districts]
    things: list[CategoryKnown | Place] = [*taxonomy.categories, *places]
    for one in things:
        names: dict[str, str] = msgspec.to_builtins(one.names)
        assert set(names) == {"ru", "kk", "en"}
        assert all(name == name.strip() != "" for name in names.values()), one.code
        assert names["en"].isascii(), one.code
        assert not names["ru"].isascii(), one.code
        assert not names["kk"].isascii(), one.code
    for kind in (taxonomy.departments, taxonomy.districts):
        for language in ("ru", "kk", "en"):
            assert len({getattr(one.names, language) for one in kind}) == len(kind)


def test_the_terms_of_the_file_are_those_of_the_city() -> None:
    known = {one.code: one for one in read_taxonomy().categories}
    hours = {code for code, one in known.items() if (one.term, one.unit) == (4, Unit.HOURS)}
    assert hours == {"roads.manhole", "roads.signal", "light.pole", "green.danger"}
    gas = known["utilities.gas"]
    assert (gas.term, gas.unit, gas.urgent) == (0, Unit.HOURS, True)
    assert [code for code, one in known.items() if one.urgent] == ["utilities.gas"]
    days = {
        code: one.term
        for code, one in known.items()
        if one.unit is Unit.WORKING_DAYS and "." in code
    }
    assert days["roads.pothole"] == 5
    assert days["social.other"] == days["housing.elevator"] == days["clean.snow"] == 1
    assert max(filter(None, days.values())) == 15
    assert all(one.term is None for code, one in known.items() if "." not in code)


def test_every_category_of_the_file_has_a_department_of_the_file() -> None:
    taxonomy = read_taxonomy()
    departments = {one.code for one in taxonomy.departments}
    assert {one.department for one in taxonomy.categories} == departments
    assert len(taxonomy.districts) == 8


# --- The first start ------------------------------------------------------------------------------


async def test_the_first_start_fills_the_table_and_the_next_one_leaves_it_alone(
    database: Database,
) -> None:
    await furnished(database)
    first = await listed(database)
    assert list(first) == [one.code for one in read_taxonomy().categories]
    assert first["eco.dogs"].department == "veterinary"
    assert first["eco.dogs"].group == "eco"
    await change(database, "eco.dogs", retired=True)
    async with database.write() as session:
        await session.delete(await session.get_one(Category, "eco.noise"))
    await furnished(database, now=LATER)
    after = await listed(database)
    assert set(first) - set(after) == {"eco.dogs", "eco.noise"}
    async with database.read() as session:
        assert len((await get_setting(session, Districts)).items) == 8
        assert len((await get_setting(session, Departments)).items) == 14


# --- What an administrator makes of it ------------------------------------------------------------


async def test_a_category_is_made_changed_and_retired_old_beside_new(database: Database) -> None:
    await furnished(database)
    made = await add(database, "roads.cycle", position=225)
    assert (made.group, made.term, made.retired_at) == ("roads", 7, None)
    assert (await listed(database))["roads.cycle"] == made
    await change(database, "roads.cycle", term=None, names=Names(ru="Вело", kk="Вело", en="Bike"))
    retired = await change(database, "roads.cycle", retired=True)
    assert retired.retired_at == LATER
    assert retired.term is None
    assert "roads.cycle" not in await listed(database)
    assert (await listed(database, retired=True))["roads.cycle"] == retired
    told = await entries(database)
    assert [(e.actor, e.data["code"]) for e in told] == [("operator:1", "roads.cycle")] * 3
    assert told[0].data["from"] is None
    assert told[1].data["from"] == told[0].data["to"]
    assert told[2].data["from"]["retired_at"] is None
    assert told[2].data["to"]["retired_at"] is not None


async def test_what_changes_nothing_writes_nothing(database: Database) -> None:
    await furnished(database)
    await change(database, "roads.pothole", term=5, unit=Unit.WORKING_DAYS, urgent=False)
    await change(database, "roads.pothole")
    assert await entries(database) == []


async def test_a_put_makes_it_what_is_given_and_brings_back_what_was_retired(
    database: Database,
) -> None:
    await furnished(database)
    await change(database, "roads.pothole", retired=True)
    for code in ("roads.pothole", "roads.cycle"):
        async with database.write() as session:
            shown = await put_category(
                session, code, given(urgent=True), actor="operator:1", now=LATER
            )
        assert (shown.term, shown.urgent, shown.retired_at) == (7, True, None)
        assert shown.names["en"] == "Cycle path"


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({"term": 6}, True),
        ({"unit": Unit.HOURS}, True),
        ({"term": None}, True),
        ({"names": NAMES}, False),
        ({"urgent": True, "position": 3, "department": "housing"}, False),
        ({"retired": True}, False),
    ],
)
async def test_only_another_term_moves_deadlines(
    database: Database, changes: dict[str, Any], moves: bool
) -> None:
    office = await furnished(database)
    async with database.write() as session:
        await write_value(session, RECOMPUTE, {}, now=START)
    await change(database, "roads.pothole", **changes)
    assert await causes(database) == (["categories"] if moves else [])
    assert await office.refresh(database)
    assert not await office.refresh(database)


async def test_a_code_that_is_taken_is_refused(database: Database) -> None:
    await furnished(database)
    with pytest.raises(Taken, match=r"roads\.pothole"):
        await add(database, "roads.pothole")
    with pytest.raises(NotFound):
        await change(database, "roads.cycle", term=1)


@pytest.mark.parametrize(
    ("code", "changes", "field"),
    [
        ("bikes.path", {}, "code"),
        ("roads.cycle", {"department": "ministry"}, "department"),
        ("roads.cycle", {"team": "night"}, "team"),
    ],
)
async def test_what_leads_nowhere_is_refused_and_nothing_is_kept(
    database: Database, code: str, changes: dict[str, Any], field: str
) -> None:
    await furnished(database)
    async with database.write() as session:
        session.add(Team(key="day", name="Дневная", created_at=START))
    with pytest.raises(BadValue) as refused:
        await add(database, code, **changes)
    assert refused.value.field == field
    assert code not in await listed(database, retired=True)
    assert await entries(database) == []


async def test_a_group_is_retired_after_what_is_in_it(database: Database) -> None:
    await furnished(database)
    with pytest.raises(BadValue, match=r"light\.pole, light\.street, light\.yard"):
        await change(database, "light", retired=True)
    for code in ("light.pole", "light.street", "light.yard", "light"):
        await change(database, code, retired=True)
    with pytest.raises(BadValue, match="no group light"):
        await change(database, "light.pole", retired=False)
    await change(database, "light", retired=False)
    assert (await change(database, "light.pole", retired=False)).retired_at is None


@pytest.mark.parametrize(
    "code", ["", "Roads", "roads.", ".pothole", "a.b.c", "яма", "roads-x", "1a", "roads.x\n"]
)
def test_what_is_no_code_fits_no_pattern(code: str) -> None:
    assert re.match(CODE, code) is None
