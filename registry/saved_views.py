"""Saved views: filters and an order of the list by a name, one's own or everybody's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.appeals import NotAllowed
from registry.errors import BadValue, NotFound
from registry.journal import record
from registry.operators import Principal, Role

MAX_VIEWS = 50
"""One person's, and everybody's."""


class SavedView(Struct, frozen=True, kw_only=True):
    """A view as it is offered."""

    id: str
    name: str
    shared: bool
    """Everybody's, rather than the caller's own."""
    query: dict[str, str]
    """As `GET appeals` takes it."""
    position: int
    """Where it stands among the others, the least first."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a view is to be; what is unset stays."""

    name: str | UnsetType = UNSET
    query: Mapping[str, str] | UnsetType = UNSET
    """Known to be one that the list takes."""
    position: int | UnsetType = UNSET


async def list_saved_views(session: AsyncSession, *, by: Principal) -> list[SavedView]:
    """The principal's own and everybody's, in their order."""
    view = models.SavedView
    found = await session.exec(
        select(view)
        .where(_offered_to(by))
        .order_by(col(view.position), col(view.name), col(view.id))
    )
    return [_shown(one) for one in found]


async def get_saved_view(session: AsyncSession, view_id: int, *, by: Principal) -> SavedView:
    """One of those. Raises: NotFound."""
    return _shown(await _find(session, view_id, by=by))


async def add_saved_view(
    session: AsyncSession, wanted: Wanted, *, shared: bool, by: Principal, now: datetime
) -> int:
    """Save a view after the others; its id. Raises: BadValue, NotAllowed."""
    owner = None if shared else _operator(by)
    _check_right(owner, by)
    if isinstance(wanted.name, UnsetType) or isinstance(wanted.query, UnsetType):
        raise BadValue("name", "A view needs a name and a query.")
    place = col(models.SavedView.position)
    of_owner = col(models.SavedView.operator_id).is_not_distinct_from(owner)
    counted = await session.exec(select(func.count(), func.max(place)).where(of_owner))
    count, last = counted.one()
    if count >= MAX_VIEWS:
        raise BadValue("name", f"There are {count} views already; remove one first.")
    view = models.SavedView(
        operator_id=owner,
        name=_clean_name(wanted.name),
        query=dict(wanted.query),
        position=(last or 0) + 1 if isinstance(wanted.position, UnsetType) else wanted.position,
        created_at=now,
    )
    session.add(view)
    data = {"view": str(view.id), **_told(view)}
    record(session, "saved_view.added", actor=by.actor, now=now, data=data)
    await session.flush()
    return view.id


async def change_saved_view(
    session: AsyncSession, view_id: int, wanted: Wanted, *, by: Principal, now: datetime
) -> None:
    """Save it anew. Raises: NotFound, BadValue, NotAllowed."""
    view = await _find(session, view_id, by=by)
    _check_right(view.operator_id, by)
    before = _told(view)
    if not isinstance(wanted.name, UnsetType):
        view.name = _clean_name(wanted.name)
    if not isinstance(wanted.query, UnsetType):
        view.query = dict(wanted.query)
    if not isinstance(wanted.position, UnsetType):
        view.position = wanted.position
    after = _told(view)
    changed = {
        name: {"from": before[name], "to": after[name]}
        for name in before
        if before[name] != after[name]
    }
    if changed:
        data = {"view": str(view.id), **changed}
        record(session, "saved_view.changed", actor=by.actor, now=now, data=data)
    await session.flush()


async def delete_saved_view(
    session: AsyncSession, view_id: int, *, by: Principal, now: datetime
) -> None:
    """Remove it. Raises: NotFound, NotAllowed."""
    view = await _find(session, view_id, by=by)
    _check_right(view.operator_id, by)
    data = {"view": str(view.id), **_told(view)}
    record(session, "saved_view.deleted", actor=by.actor, now=now, data=data)
    await session.delete(view)
    await session.flush()


def _offered_to(by: Principal) -> Any:
    owner = col(models.SavedView.operator_id)
    return or_(owner.is_(None), owner == by.operator_id)


async def _find(session: AsyncSession, view_id: int, *, by: Principal) -> models.SavedView:
    found = await session.exec(
        select(models.SavedView)
        .where(models.SavedView.id == view_id, _offered_to(by))
        .with_for_update()
    )
    view = found.one_or_none()
    if view is None:
        raise NotFound("saved view", view_id)
    return view


def _check_right(owner: int | None, by: Principal) -> None:
    """One's own everybody changes; everybody's a supervisor. Raises: NotAllowed."""
    if owner is None and not by.is_at_least(Role.SUPERVISOR):
        raise NotAllowed(
            "This view is everybody's; a supervisor or an administrator can change it. "
            "Save one of your own."
        )


def _operator(by: Principal) -> int:
    if by.operator_id is None:
        raise NotAllowed(
            f"{by.name} acts in no operator's name; save a view for everybody, "
            "or sign in as an operator."
        )
    return by.operator_id


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 60 or not cleaned.isprintable():
        raise BadValue("name", "A name of 1 to 60 printable characters is needed.")
    return cleaned


def _shown(view: models.SavedView) -> SavedView:
    return SavedView(
        id=str(view.id),
        name=view.name,
        shared=view.operator_id is None,
        query=view.query,
        position=view.position,
    )


def _told(view: models.SavedView) -> dict[str, Any]:
    return {"name": view.name, "query": dict(view.query), "position": view.position}
