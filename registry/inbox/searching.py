"""Search by pieces of text: it reads every row it looks at."""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models

_NUMBER = re.compile(r"[A-Z]{2,5}-(\d{0,4}|\d{4}-\d*)")
_PHONE = re.compile(r"\+?[\d\s()-]+")
_PHONE_DIGITS = 4
"""Fewer digits than this are no phone."""


async def search_condition(session: AsyncSession, q: str) -> ColumnElement[bool]:
    """What an appeal must hold: the beginning of a number, digits of a phone, a piece of a text."""
    appeal, point = models.Appeal, models.ContactPoint
    if _NUMBER.fullmatch(q.upper()):
        return col(appeal.number).startswith(q.upper(), autoescape=True)
    found = await _text(session, q)
    digits = re.sub(r"\D", "", q)
    if _PHONE.fullmatch(q) and len(digits) >= _PHONE_DIGITS:
        if len(digits) == 11 and digits.startswith("8"):
            digits = "7" + digits[1:]  # 8 701 … is how +7 701 … is dialled at home
        at_phone = exists().where(
            and_(
                col(point.contact_id) == col(appeal.contact_id),
                col(point.value).contains(digits),
            )
        )
        return or_(at_phone, col(appeal.number).endswith(digits), found)
    return found


async def _text(session: AsyncSession, q: str) -> ColumnElement[bool]:
    appeal, message = models.Appeal, models.Message
    fold: Callable[[Any], ColumnElement[str]]
    if session.get_bind().dialect.name == "sqlite":
        # SQLite's own lower() knows only ASCII.
        await _teach_casefold(session)
        fold, needle = func.casefold, q.casefold()
    else:
        fold, needle = func.lower, q.lower()

    def has(column: Any) -> ColumnElement[bool]:
        return fold(column).contains(needle, autoescape=True)

    said = exists().where(
        and_(
            col(message.appeal_id) == col(appeal.id),
            col(message.deleted_at).is_(None),
            has(message.text),
        )
    )
    return or_(has(appeal.subject), has(appeal.address), has(models.Contact.name), said)


async def _teach_casefold(session: AsyncSession) -> None:
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    await driver.create_function("casefold", 1, _casefold, deterministic=True)


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()
