"""Finding: the newest appeals whose documents fit, and no more of them than are asked for.

Nothing is ranked, nothing is counted. SQLite's index gives documents newest first and is read until
the page is full; but for an unfinished word it puts together all it has before it gives the first,
so that the newest documents themselves are read before it is asked. PostgreSQL's gives all that it
has in no order: it is asked shelf by shelf, the newest first, until the page is full.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.columns import Id
from registry.operators import Principal
from registry.search.dialects import SHELF, fits, follow, fts5, tsquery
from registry.search.documents import scope_of
from registry.search.query import All, Expression, Phrases, Wanted

LAST_ID = 2**63 - 1
"""No appeal has it: before it are all."""


async def search_ids(
    session: AsyncSession,
    wanted: Wanted,
    *,
    viewer: Principal | None,
    limit: int,
    before: int | None = None,
) -> list[int]:
    """The newest appeals that fit and that the viewer may see, older than `before`; newest first.

    Without a viewer, of all there are.
    """
    if not wanted:
        return []
    dialect = session.get_bind().dialect.name
    before = LAST_ID if before is None else before
    connection = await session.connection()
    if dialect == "sqlite" and wanted.is_unfinished:
        newest = await connection.execute(_among_newest(wanted, viewer, limit), {"before": before})
        if len(ids := list(newest.scalars())) == limit:
            return ids
    statement = _statement(dialect, wanted.phrases, viewer, limit)
    values = {"wanted": _expression(dialect, wanted, viewer), "before": before}
    return list((await connection.execute(statement, values)).scalars())


def all_of(session: AsyncSession, wanted: Wanted, *, viewer: Principal | None) -> Select[int]:
    """The statement that gives the ids of all that fit, however many, in no order."""
    dialect = session.get_bind().dialect.name
    statement = _statement(dialect, wanted.phrases, viewer, None)
    return statement.params(wanted=_expression(dialect, wanted, viewer), before=LAST_ID)


def _expression(dialect: str, wanted: Wanted, viewer: Principal | None) -> str:
    expression = All(_parts(wanted, viewer))
    return fts5(expression) if dialect == "sqlite" else tsquery(expression)


def _parts(wanted: Wanted, viewer: Principal | None) -> tuple[Expression, ...]:
    scope = None if viewer is None else scope_of(viewer)
    return wanted.parts if scope is None else (*wanted.parts, scope)


@lru_cache(1024)
def _statement(
    dialect: str, phrases: Phrases, viewer: Principal | None, limit: int | None
) -> Select[int]:
    """The statement, made once for each viewer; its parameters are `wanted` and `before`."""
    find = _in_fts5 if dialect == "sqlite" else _on_shelves
    return find(lambda id_: _asked(id_, phrases, viewer), limit)


def _asked(
    id_: SQLColumnExpression[int], phrases: Phrases, viewer: Principal | None
) -> list[ColumnElement[bool]]:
    """What is asked of each document that was found, one by one and until the page is full."""
    document = models.SearchDocument
    asked: list[ColumnElement[bool]] = []
    if phrases:
        stand = select(follow(col(document.words), phrases))
        asked.append(stand.where(col(document.appeal_id) == id_).scalar_subquery())
    if viewer is not None and viewer.teams is not None:
        seen = select(visible_to(viewer)).where(col(models.Appeal.id) == id_)
        asked.append(seen.scalar_subquery())
    return asked


_Asked: TypeAlias = Callable[[ColumnElement[int]], list[ColumnElement[bool]]]

_wanted = bindparam("wanted", type_=Text)
_before = bindparam("before", type_=Id)


# --- SQLite ---------------------------------------------------------------------------------------

READ = 1000
"""Documents that are read at least before the index is asked for an unfinished word: some 5 ms."""

_WORDS = table("search_words", column("rowid", Id))


@lru_cache(256)
def _among_newest(wanted: Wanted, viewer: Principal | None, limit: int) -> Select[int]:
    """The statement that looks for a page of a common word where it is: everywhere."""
    id_ = col(models.SearchDocument.appeal_id)
    older = select(id_).where(id_ < _before).order_by(id_.desc())
    oldest = older.offset(max(READ, 4 * limit)).limit(1).scalar_subquery()
    return (
        select(id_)
        .where(
            id_ < _before,
            id_ > func.coalesce(oldest, 0),
            fits(col(models.SearchDocument.words), Wanted(_parts(wanted, viewer), wanted.phrases)),
            *_asked(id_, (), viewer),
        )
        .order_by(id_.desc())
        .limit(limit)
    )


def _in_fts5(asked: _Asked, limit: int | None) -> Select[int]:
    id_ = _WORDS.c.rowid
    matches: ColumnElement[bool] = literal_column("search_words").op("MATCH")(_wanted)
    found = select(id_).where(matches, id_ < _before, *asked(id_))
    return found if limit is None else found.order_by(id_.desc()).limit(limit)


# --- PostgreSQL -----------------------------------------------------------------------------------

_LEXEMES: ColumnElement[Any] = literal_column(
    "array_to_tsvector(string_to_array(d.shelf || replace(d.words, ' ', ' ' || d.shelf), ' '))"
)
"""In the very words of the index."""


def _on_shelves(asked: _Asked, limit: int | None) -> Select[int]:
    shelf = models.SearchShelf.__table__.alias("s")  # type: ignore[attr-defined]
    document = models.SearchDocument.__table__.alias("d")  # type: ignore[attr-defined]
    # Plus nothing: or else PostgreSQL would walk the primary key, which is rarely the shorter way.
    id_ = document.c.appeal_id + literal_column("0")
    lexemes = cast(func.replace(_wanted, literal_column(f"'{SHELF}'"), shelf.c.code), TSQUERY)
    on_shelf = select(id_.label("id")).where(_LEXEMES.op("@@")(lexemes), id_ < _before)
    if limit is not None:
        on_shelf = on_shelf.order_by(id_.desc())
    fitting = on_shelf.correlate(shelf).lateral("fitting")
    page = select(fitting.c.id).where(*asked(fitting.c.id))
    if limit is not None:
        page = page.order_by(fitting.c.id.desc()).limit(limit)
    shown = page.correlate(shelf).lateral("page")
    found = select(shown.c.id).select_from(shelf.join(shown, true()))
    found = found.where(shelf.c.first_id < _before)
    if limit is None:
        return found
    return found.order_by(shelf.c.first_id.desc(), shown.c.id.desc()).limit(limit)
