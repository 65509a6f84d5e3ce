"""What a call is about: its appeal, as its message's or as the one from which it was made."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.tables import Call
from registry.inbox.rows import fetch
from registry.journal import record_at_once
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
        found = await fetch(session, _ITS_MESSAGES, _provider_s(call))
        return found[0].appeal_id if found else None
    appeal_id: int | None = call.appeal_id
    while appeal_id is not None:
        found = await fetch(session, _MERGED_INTO, {"id": appeal_id})
        into = found[0].merged_into_id if found else None
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

_MERGED_INTO = select(Appeal.merged_into_id).where(Appeal.id == bindparam("id"))


async def appeal_of(session: AsyncSession, call: Call) -> Appeal | None:
    """The same, held until the transaction ends."""
    if call.appeal_id is None:
        return (await session.exec(_ITS_APPEAL, params=_provider_s(call))).one_or_none()
    appeal_id = await appeal_id_of(session, call)
    if appeal_id is None:
        return None
    return await session.get_one(
        Appeal, appeal_id, with_for_update={"key_share": True}, populate_existing=True
    )


_ITS_APPEAL = (
    select(Appeal)
    .join(Message, col(Message.appeal_id) == col(Appeal.id))
    .join(ExternalId, col(ExternalId.message_id) == col(Message.id))
    .where(
        ExternalId.channel == CHANNEL,
        ExternalId.account == bindparam("account"),
        ExternalId.external_id == bindparam("external_id"),
    )
    .with_for_update(key_share=True, of=Appeal)
    .execution_options(populate_existing=True)
)


def _provider_s(call: Call) -> dict[str, str | None]:
    """How the provider names it."""
    return {"account": call.account, "external_id": call.external_id}


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
    of = await appeal_id_of(session, call)
    await note_call_of(session, of, call, event, actor=actor, now=now, data=data, key=key)


async def note_call_of(
    session: AsyncSession,
    appeal_id: int | None,
    call: Call,
    event: str,
    *,
    actor: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """The same, for whoever knows the appeal."""
    told = {"call": str(call.id), **(data or {})}
    await record_at_once(
        session, event, actor=actor, now=now, appeal_id=appeal_id, data=told, key=key
    )
