"""Calls and operators as rows, for the tests of what becomes of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.tables import Call, CallBack
from registry.db import Database
from registry.intake import accept
from registry.types import ContactPoint, InboundMessage, Sender
from tests.registry.samples import RULES, START

NUMBER = "+77011234567"


def ringing(number: str = NUMBER, *, at: datetime = START, **changes: Any) -> InboundMessage:
    """What the first delivery of a call becomes."""
    fields: dict[str, Any] = {
        "channel": "phone",
        "account": "main",
        "external_id": "CA1",
        "conversation": number,
        "sender": Sender(point=ContactPoint("tel", number)),
        "sent_at": at,
        "call": True,
    }
    return InboundMessage(**(fields | changes))


async def rings(
    database: Database, number: str = NUMBER, *, at: datetime = START, sid: str = "CA1"
) -> str:
    """A call comes in: its message, and so its appeal; the number of that."""
    item = ringing(number, at=at, external_id=sid)
    accepted = await database.run(accept([item], rules=RULES, now=at))
    return accepted.numbers[0] or ""


@asynccontextmanager
async def call_of(database: Database, **fields: Any) -> AsyncIterator[tuple[AsyncSession, Call]]:
    """A call's row, made if need be, in a transaction."""
    async with database.write() as session:
        sid = fields.setdefault("external_id", "CA1")
        found = (await session.exec(select(Call).where(Call.external_id == sid))).one_or_none()
        usual: dict[str, Any] = {
            "account": "main",
            "number": NUMBER,
            "started_at": START,
            "open_hours": True,
        }
        call = found or Call(**(usual | fields))
        if found is not None:
            for name, value in fields.items():
                setattr(found, name, value)
        session.add(call)
        await session.flush()
        yield session, call


async def call_backs(database: Database) -> list[CallBack]:
    """All of them."""
    async with database.read() as session:
        return list(await session.exec(select(CallBack).order_by(col(CallBack.id))))
