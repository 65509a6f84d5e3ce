"""Categories: what appeals are about, how long each may take, and who answers for it.

A code has a group and a name in it, as "roads.pothole" has; a group by itself has no dot. No
category is removed: one that is retired is offered no more, and what has it keeps it and its term.
The caller commits.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.choices import check_team
from registry.deadlines import Unit
from registry.errors import BadValue, NotFound
from registry.journal import SYSTEM, record
from registry.models import Category
from registry.office import get_setting, hold_office, office_changed
from registry.office_shapes import Departments, Names
from registry.operators import Taken
from registry.taxonomy import Taxonomy

CODE = r"^[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31})?\Z"
"""A group, or a group and a name in it."""

CAUSE = "categories"

Amount = Annotated[
    int, Meta(ge=0, le=1000, description="How many of the unit; 0 is at once, null the law's own.")
]


class CategoryGiven(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a category is to be."""

    names: Names
    term: Amount | None = None
    unit: Unit = Unit.WORKING_DAYS
    department: Annotated[str, Meta(max_length=32, description="Its code, or nothing.")] = ""
    team: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """Whose queue it goes to."""
    urgent: bool = False
    """Danger to life."""
    position: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Where it stands in lists."""


class CategoryChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to become of a category; what is unset stays."""

    names: Names | UnsetType = UNSET
    term: Amount | UnsetType | None = UNSET
    unit: Unit | UnsetType = UNSET
    department: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET
    team: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType | None = UNSET
    urgent: bool | UnsetType = UNSET
    position: Annotated[int, Meta(ge=0, le=1_000_000)] | UnsetType = UNSET
    retired: bool | UnsetType = UNSET
    """Offer it no more, or again."""


class CategoryShown(Struct, frozen=True, kw_only=True):
    """A category as people see it."""

    code: str
    group: str | None
    """None for a group itself."""
    names: dict[str, str]
    term: int | None
    unit: Unit
    department: str
    team: str | None
    urgent: bool
    position: int
    retired_at: datetime | None


async def list_categories(session: AsyncSession, *, retired: bool = False) -> list[CategoryShown]:
    """The categories in their order; those that are retired only if asked for."""
    query = select(Category).order_by(col(Category.position), col(Category.code))
    if not retired:
        query = query.where(col(Category.retired_at).is_(None))
    return [shown(row) for row in await session.exec(query)]


async def add_category(
    session: AsyncSession, code: str, given: CategoryGiven, *, actor: str, now: datetime
) -> CategoryShown:
    """Make a category. Raises: Taken, BadValue."""
    await hold_office(session, now=now)
    if await session.get(Category, code) is not None:
        raise Taken("a category", code)
    row = Category(code=code, names={})
    session.add(row)
    return await _become(session, row, msgspec.structs.asdict(given), None, actor=actor, now=now)


async def put_category(
    session: AsyncSession, code: str, given: CategoryGiven, *, actor: str, now: datetime
) -> CategoryShown:
    """Make it what is given, whether it was there or not; one that was retired is in use again.

    Raises: BadValue.
    """
    await hold_office(session, now=now)
    row = await session.get(Category, code, populate_existing=True)
    before = None if row is None else shown(row)
    if row is None:
        row = Category(code=code, names={})
        session.add(row)
    wanted = {**msgspec.structs.asdict(given), "retired": False}
    return await _become(session, row, wanted, before, actor=actor, now=now)


async def change_category(
    session: AsyncSession, code: str, change: CategoryChange, *, actor: str, now: datetime
) -> CategoryShown:
    """Change some of it. Raises: NotFound, BadValue."""
    await hold_office(session, now=now)
    row = await session.get(Category, code, populate_existing=True)
    if row is None:
        raise NotFound("category", code)
    wanted = {
        name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET
    }
    return await _become(session, row, wanted, shown(row), actor=actor, now=now)


async def seed_categories(session: AsyncSession, taxonomy: Taxonomy, *, now: datetime) -> bool:
    """Fill the table if there is nothing in it; whether there was not."""
    if (await session.exec(select(Category.code).limit(1))).first() is not None:
        return False
    session.add_all(
        Category(
            code=one.code,
            names=msgspec.to_builtins(one.names),
            term=one.term,
            unit=one.unit.value,
            department=one.department,
            urgent=one.urgent,
            position=position * 10,
        )
        for position, one in enumerate(taxonomy.categories, 1)
    )
    codes = [one.code for one in taxonomy.categories]
    record(session, "categories.seeded", actor=SYSTEM, now=now, data={"codes": codes})
    await session.flush()
    return True


def shown(row: Category) -> CategoryShown:
    """A category of the table, as people see it."""
    return CategoryShown(
        code=row.code,
        group=group_of(row.code),
        names=row.names,
        term=row.term,
        unit=Unit(row.unit),
        department=row.department,
        team=row.team,
        urgent=row.urgent,
        position=row.position,
        retired_at=row.retired_at,
    )


def group_of(code: str) -> str | None:
    """The group that a code is in; None for a group."""
    group, dot, _ = code.partition(".")
    return group if dot else None


async def _become(
    session: AsyncSession,
    row: Category,
    wanted: Mapping[str, Any],
    before: CategoryShown | None,
    *,
    actor: str,
    now: datetime,
) -> CategoryShown:
    """Set the fields, check what came of it, and tell it. Raises: BadValue."""
    for name, value in wanted.items():
        match name:
            case "retired":
                row.retired_at = (row.retired_at or now) if value else None
            case "names":
                row.names = msgspec.to_builtins(value)
            case "unit":
                row.unit = value.value
            case _:
                setattr(row, name, value)
    after = shown(row)
    if before == after:
        return after
    await _check(session, after, before)
    data = {
        "code": row.code,
        "from": msgspec.to_builtins(before),
        "to": msgspec.to_builtins(after),
    }
    record(session, "category.changed", actor=actor, now=now, data=data)
    same_term = before is not None and (before.term, before.unit) == (after.term, after.unit)
    await office_changed(session, cause=None if same_term else CAUSE, now=now)
    return after


async def _check(
    session: AsyncSession, category: CategoryShown, before: CategoryShown | None
) -> None:
    """Raises: BadValue, for what leads nowhere."""
    if category.group is not None and category.retired_at is None:
        group = await session.get(Category, category.group)
        if group is None or group.retired_at is not None:
            raise BadValue("code", f"There is no group {category.group}; make the group first.")
    if category.group is None and category.retired_at is not None:
        within = await session.exec(
            select(Category.code)
            .where(
                col(Category.code).startswith(f"{category.code}.", autoescape=True),
                col(Category.retired_at).is_(None),
            )
            .order_by(col(Category.code))
        )
        if found := within.all():
            raise BadValue("retired", f"Retire first what is in it: {', '.join(found)}.")
    if category.department and (before is None or before.department != category.department):
        known = [place.code for place in (await get_setting(session, Departments)).items]
        if known and category.department not in known:
            raise BadValue(
                "department",
                f"There is no department {category.department}; there are: {', '.join(known)}.",
            )
    if before is None or before.team != category.team:
        await check_team(session, category.team)
