"""Expressions as each database wants them: FTS5's, PostgreSQL's, and plain conditions for both."""

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, literal, or_, true

from registry.search.query import All, Expression, Leaf, Phrases, Wanted

SHELF = "#"
"""Stands for the shelf's code in PostgreSQL's query."""


def fts5(part: Expression) -> str:
    """The expression for MATCH."""
    if isinstance(part, Leaf):
        return f'"{part.token}"*' if part.open else f'"{part.token}"'
    joint = " AND " if isinstance(part, All) else " OR "
    return f"({joint.join(map(fts5, part.parts))})"


def tsquery(part: Expression) -> str:
    """The expression as text of a tsquery, each lexeme with the place of a shelf's code."""
    if isinstance(part, Leaf):
        return f"'{SHELF}{part.token}':*" if part.open else f"'{SHELF}{part.token}'"
    joint = " & " if isinstance(part, All) else " | "
    return f"({joint.join(map(tsquery, part.parts))})"


def fits(words: SQLColumnExpression[str], wanted: Wanted) -> ColumnElement[bool]:
    """Whether the words of one document fit: without an index, for what is at hand."""
    padded = _padded(words)
    return and_(*(_fits(padded, part) for part in wanted.parts), follow(words, wanted.phrases))


def follow(words: SQLColumnExpression[str], phrases: Phrases) -> ColumnElement[bool]:
    """Whether the words of each phrase stand next to each other."""
    padded = _padded(words)
    return and_(true(), *(_has(padded, f" {' '.join(phrase)} ") for phrase in phrases))


def _padded(words: SQLColumnExpression[str]) -> ColumnElement[str]:
    return literal(" ").concat(words).concat(" ")


def _fits(padded: ColumnElement[str], part: Expression) -> ColumnElement[bool]:
    if isinstance(part, Leaf):
        return _has(padded, f" {part.token}" if part.open else f" {part.token} ")
    joined: Any = and_ if isinstance(part, All) else or_
    found: ColumnElement[bool] = joined(*(_fits(padded, inner) for inner in part.parts))
    return found


def _has(padded: ColumnElement[str], piece: str) -> ColumnElement[bool]:
    return padded.contains(piece, autoescape=True)
