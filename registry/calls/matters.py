"""What a call is about: its appeal, as its message's or as the one from which it was made."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.tables import Call
from registry.journal import record
from registry.models import Appeal, ExternalId, Message

CHANNEL = "phone"
"""By which a call's message comes."""


async def message_of(session: AsyncSession, call: Call) -> Message | None:
    """What a call that came in became; None of ours, and of one whose delivery was lost."""
    if call.external_id is None:
        return None
    found = await session.exec(
        select(Message)
        .join(ExternalId, col(ExternalId.message_id) == col(Message.id))
        .where(
            ExternalId.channel == CHANNEL,
            ExternalId.account == call.account,
            ExternalId.external_id == call.external_id,
        )
        .execution_options(populate_existing=True)
    )
    return found.one_or_none()


async def appeal_id_of(session: AsyncSession, call: Call) -> int | None:
    """The appeal that a call belongs to now, wherever it was moved."""
    if call.appeal_id is None:
        if call.external_id is None:
            return None
        what = {"account": call.account, "external_id": call.external_id}
        return (await session.exec(_ITS_MESSAGES, params=what)).one_or_none()
    appeal_id: int | None = call.appeal_id
    while appeal_id is not None:
        found = await session.exec(select(Appeal.merged_into_id).where(Appeal.id == appeal_id))
        into = found.one_or_none()
        if into is None:
            return appeal_id
        appeal_id = into
    return None


_ITS_MESSAGES = (
    select(Message.appeal_id)
    .join(ExternalId, col(ExternalId.message_id) == col(Message.id))
    .where(
        ExternalId.channel == CHANNEL,
        ExternalId.account == bindparam("account"),
        ExternalId.external_id == bindparam("external_id"),
    )
)
"""The appeal of what a call that came in became."""


async def appeal_of(session: AsyncSession, call: Call) -> Appeal | None:
    """The same, held until the transaction ends."""
    appeal_id = await appeal_id_of(session, call)
    if appeal_id is None:
        return None
    return await session.get_one(
        Appeal, appeal_id, with_for_update={"key_share": True}, populate_existing=True
    )


async def note_call(
    session: AsyncSession,
    call: Call,
    event: str,
    *,
    actor: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """Write in the journal, and in that of its appeal, what became of a call."""
    record(
        session,
        event,
        actor=actor,
        now=now,
        appeal_id=await appeal_id_of(session, call),
        data={"call": str(call.id), **(data or {})},
        key=key,
    )
