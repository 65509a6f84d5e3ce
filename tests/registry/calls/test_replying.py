"""A phone appeal is answered by a call, an SMS or another point: what cannot be done says so."""

from datetime import timedelta

import pytest
from sqlmodel import select

from registry import types
from registry.db import Database
from registry.errors import CannotCarry
from registry.models import Appeal, Conversation, Dispatch
from registry.operators import Principal
from registry.replies import Reach, Reply, Via, WayNow, list_ways, queue_reply
from registry.replies.ways import Accounts
from registry.types import AccountKey, Capabilities, ContactPoint
from tests.registry.calls.lines import NUMBER, rings
from tests.registry.desk import hire, receive
from tests.registry.samples import START, message, sender

PHONE, SMS, TELEGRAM = (AccountKey(name, "main") for name in ("phone", "sms", "telegram"))


def _same(point: types.ContactPoint) -> types.ContactPoint | None:
    return point if point.scheme == "tel" else None


SPOKEN = Reach(capabilities=Capabilities(max_text=0, carries=False, max_attachments=0))
TEXTS = Reach(capabilities=Capabilities(max_text=1600, can_initiate=True), name_of=_same)
CHAT = Reach(capabilities=Capabilities(max_text=4096))
ALL = {PHONE: SPOKEN, SMS: TEXTS, TELEGRAM: CHAT}


async def _ways(
    database: Database, number: str, by: Principal, accounts: Accounts = ALL
) -> list[WayNow]:
    async with database.read() as session:
        return list(await list_ways(session, number, by=by, accounts=accounts, now=START))


async def _reply(
    database: Database,
    number: str,
    by: Principal,
    *,
    via: Via | None = None,
    accounts: Accounts = ALL,
) -> None:
    async with database.write() as session:
        await queue_reply(
            session, number, Reply(text="Исправлено.", via=via), by=by, key="1",
            accounts=accounts, now=START + timedelta(minutes=5),
        )  # fmt: skip


async def test_a_reply_to_a_call_goes_by_sms_where_nothing_else_is_named(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await rings(database)
    await _reply(database, number, dana)
    async with database.read() as session:
        [sent] = await session.exec(select(Dispatch))
        conversation = await session.get_one(Conversation, sent.conversation_id)
        [appeal] = await session.exec(select(Appeal))
    assert (sent.channel, conversation.key) == ("sms", NUMBER)
    assert conversation.appeal_id == appeal.id  # what they answer joins it


async def test_the_ways_tell_that_the_phone_is_for_talking_and_which_one_is_meant(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await rings(database)
    call, text = await _ways(database, number, dana)
    assert (call.way.account, call.default) == (PHONE, False)
    assert call.refused is not None
    assert (call.refused.code, call.refused.instead) == (
        "only_spoken", "Call them, or write to another of their contact points.",
    )  # fmt: skip
    assert (text.way.account, text.default, text.refused) == (SMS, True, None)


async def test_who_also_writes_is_answered_where_they_write(database: Database) -> None:
    dana = await hire(database, "Dana")
    written = message(sender=sender(also=(ContactPoint("tel", NUMBER),)))
    [other] = await receive(database, written)
    number = await rings(database)
    async with database.write() as session:
        for appeal in await session.exec(select(Appeal).where(Appeal.number == other)):
            appeal.status = "closed"
    ways = await _ways(database, number, dana)
    assert [(one.way.account, one.default) for one in ways] == [
        (PHONE, False), (TELEGRAM, True), (SMS, False),
    ]  # fmt: skip
    # Of what was written, the calls of its author are no way to answer in writing.
    assert [one.way.account for one in await _ways(database, other, dana)] == [TELEGRAM, SMS]


async def test_a_reply_on_the_phone_itself_is_refused_with_what_to_do(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await rings(database)
    with pytest.raises(CannotCarry, match="Call them") as refused:
        await _reply(database, number, dana, via=Via(channel="phone", account="main"))
    assert refused.value.code == "only_spoken"


async def test_where_no_account_can_write_a_reply_is_refused_with_what_to_do(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await rings(database)
    accounts = {PHONE: SPOKEN}
    with pytest.raises(CannotCarry) as refused:
        await _reply(database, number, dana, accounts=accounts)
    assert refused.value.code == "no_channel"
    [call] = await _ways(database, number, dana, accounts)
    assert not call.default


async def test_a_phone_that_is_gone_from_the_settings_leaves_the_other_ways(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await rings(database)
    await _reply(database, number, dana, accounts={SMS: TEXTS})
