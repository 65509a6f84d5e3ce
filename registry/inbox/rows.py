"""Rows of columns, as they come from the connection: no entity is made of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select
from sqlmodel.ext.asyncio.session import AsyncSession


async def fetch(
    session: AsyncSession, statement: Select[*tuple[Any, ...]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Everything that the statement finds."""
    connection = await session.connection()
    return (await connection.execute(statement)).all()
