"""Search within a list: the condition under which an appeal has the words, beside other filters.

A list has an order of its own, so the newest finds are not enough. Three cases, told apart by the
first finds: few, and their ids are the condition; many and close together, and a list of the newest
meets one at every few steps of its own way; otherwise all are collected first.
"""

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, any_, false, func, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.columns import Id
from registry.models import Appeal, SearchDocument
from registry.operators import Principal
from registry.search.dialects import fits
from registry.search.documents import document
from registry.search.finding import all_of, search_ids
from registry.search.query import Wanted, parse
from registry.search.sources import Source, read_sources

FEW = 1000
"""Finds that are named by their ids."""

CLOSE = 20
"""Documents, for each find: when there are fewer, they are close together."""


async def search_condition(
    session: AsyncSession, q: str, *, viewer: Principal | None = None, newest_first: bool = True
) -> ColumnElement[bool]:
    """What an appeal must be to have what was typed: see registry.search.query.

    `newest_first` says that the list begins with what came last, more or less.
    """
    wanted = parse(q)
    first = await search_ids(session, wanted, viewer=viewer, limit=FEW + 1)
    if len(first) <= FEW:
        return _is_one_of(session, first)
    if newest_first and await _are_close(session, first[-1]):
        return _fits(wanted)
    found, id_ = all_of(session, wanted, viewer=viewer), col(Appeal.id)
    if session.get_bind().dialect.name == "sqlite":
        return id_.in_(found)
    # Once, before anything else: PostgreSQL would not guess how many there are.
    return id_ == any_(func.array(found.scalar_subquery()))


def _is_one_of(session: AsyncSession, ids: Sequence[int]) -> ColumnElement[bool]:
    id_ = col(Appeal.id)
    if not ids:
        return false()
    if session.get_bind().dialect.name == "sqlite":
        return id_.in_(ids)
    return id_ == any_(literal(ids, ARRAY(Id)))


def _fits(wanted: Wanted) -> ColumnElement[bool]:
    # As a value, which is asked for one appeal after the other: as EXISTS, PostgreSQL might read
    # every document first.
    words = select(fits(col(SearchDocument.words), wanted))
    return words.where(SearchDocument.appeal_id == Appeal.id).scalar_subquery()


async def _are_close(session: AsyncSession, last_id: int) -> bool:
    document_id = col(SearchDocument.appeal_id)
    newer = select(document_id).where(document_id >= last_id).limit(FEW * CLOSE).subquery()
    found = await (await session.connection()).execute(select(func.count()).select_from(newer))
    return found.scalar_one() < FEW * CLOSE


async def fitting_ids(session: AsyncSession, q: str, appeal_ids: Iterable[int]) -> set[int]:
    """Which of the appeals have what was typed, as they are now: no index is asked, which may be a
    moment behind."""
    wanted = parse(q)
    if not wanted:
        return set()
    sources = await read_sources(session, appeal_ids)
    # In a thread: a long conversation takes a while, and all screens would wait for it.
    return await asyncio.to_thread(_fitting, sources, wanted)


def _fitting(sources: Iterable[Source], wanted: Wanted) -> set[int]:
    return {source.appeal_id for source in sources if wanted.fits(document(source))}
