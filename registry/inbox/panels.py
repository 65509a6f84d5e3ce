"""What stands beside an appeal, but for its person: what it is tied to, and all that happened."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.appeals.dividing import SPLIT, SPLIT_UNDONE
from registry.inbox.appeals import find_one
from registry.inbox.messages import read_journal
from registry.inbox.rows import fetch
from registry.inbox.shapes import Appeal, Entry
from registry.operators import Principal
from registry.states import Status

MOST = 20
"""Appeals tied in one way that are shown, the newest of them."""

Bond = Literal["repeats", "repeated", "merged_into", "took", "split_from", "split_into"]
"""How an appeal is tied to another, as seen from the one that is open."""


class Brief(Struct, frozen=True, kw_only=True):
    """Another appeal, in a line."""

    number: str
    channel: str
    status: Status
    subject: str
    opened_at: datetime


class Tie(Struct, frozen=True, kw_only=True):
    """An appeal that this one is tied to."""

    bond: Bond
    appeal: Brief


class Panel(Struct, frozen=True, kw_only=True):
    """Everything beside one appeal; the card of its person is `registry.contacts.get_card`."""

    appeal: Appeal
    ties: list[Tie]
    """Those that the viewer may see."""
    journal: list[Entry]
    """The newest first."""


async def get_panel(session: AsyncSession, number: str, *, viewer: Principal) -> Panel:
    """What stands beside an appeal. Raises: NotFound, also when the viewer may not see it."""
    row, appeal = await find_one(session, number, viewer)
    journal = await read_journal(session, row.id)
    return Panel(
        appeal=appeal,
        ties=await _ties(session, row.id, journal, viewer),
        journal=journal[::-1],
    )


async def _ties(
    session: AsyncSession, appeal_id: int, journal: Sequence[Entry], viewer: Principal
) -> list[Tie]:
    appeal = models.Appeal
    own = await fetch(
        session,
        select(col(appeal.duplicate_of_id), col(appeal.merged_into_id)).where(
            col(appeal.id) == appeal_id
        ),
    )
    repeats, merged_into = own[0]
    split_from, split_into = _divisions(journal)
    bonds: list[tuple[Bond, ColumnElement[bool]]] = [
        ("repeated", col(appeal.duplicate_of_id) == appeal_id),
        ("took", col(appeal.merged_into_id) == appeal_id),
    ]
    if repeats is not None:
        bonds.append(("repeats", col(appeal.id) == repeats))
    if merged_into is not None:
        bonds.append(("merged_into", col(appeal.id) == merged_into))
    if split_from is not None:
        bonds.append(("split_from", col(appeal.number) == split_from))
    if split_into:
        bonds.append(("split_into", col(appeal.number).in_(split_into)))
    return [
        Tie(bond=bond, appeal=brief)
        for bond, tied in bonds
        for brief in await _briefs(session, viewer, tied)
    ]


def _divisions(journal: Sequence[Entry]) -> tuple[str | None, list[str]]:
    """The number that this one was split from, and those split from it, but for what was undone."""
    into = {entry.id: str(entry.data["into"]) for entry in journal if entry.event == SPLIT}
    undone = {entry.data.get("undoes") for entry in journal if entry.event == SPLIT_UNDONE}
    origin = next(
        (entry.data["split_from"] for entry in journal if "split_from" in entry.data), None
    )
    # The appeal that a split made is told as well that it was undone.
    was_taken_back = bool(undone - into.keys())
    stands = [number for id_, number in into.items() if id_ not in undone]
    return None if was_taken_back else origin, stands


async def _briefs(
    session: AsyncSession, viewer: Principal, chosen: ColumnElement[bool]
) -> list[Brief]:
    appeal = models.Appeal
    found = await fetch(
        session,
        select(
            col(appeal.number),
            col(appeal.channel),
            col(appeal.status),
            col(appeal.subject),
            col(appeal.opened_at),
        )
        .where(chosen, visible_to(viewer))
        .order_by(col(appeal.opened_at).desc(), col(appeal.id).desc())
        .limit(MOST),
    )
    return [
        Brief(
            number=row.number,
            channel=row.channel,
            status=Status(row.status),
            subject=row.subject,
            opened_at=row.opened_at,
        )
        for row in found
    ]
