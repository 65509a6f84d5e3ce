"""Rows of columns, as they come from the connection: no entity is made of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select
from sqlmodel.ext.asyncio.session import AsyncSession


async def fetch(
    session: AsyncSession,
    statement: Select[*tuple[Any, ...]],
    values: Mapping[str, object] | None = None,
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Everything that the statement finds, its parameters having these values."""
    connection = await session.connection()
    return (await connection.execute(statement, values)).all()
