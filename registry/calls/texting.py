"""An SMS with links to our messengers, for who would rather write than wait."""

from datetime import datetime

import phonenumbers
from phonenumbers import PhoneNumberType
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import types
from registry.calls.matters import appeal_id_of, note_call
from registry.calls.tables import Call
from registry.contacts import PHONE
from registry.errors import CannotCarry
from registry.journal import SYSTEM
from registry.models import AccountState, Appeal, ContactPoint, Conversation, Dispatch, Message
from registry.office import setting_of
from registry.office_shapes import Telephone, Title
from registry.replies.ways import Kind, Way, hold_way
from registry.states import LIVE
from registry.types import DeliveryState

SMS = "sms"

_ASKS = {
    "kk": "Бізге жаза аласыз:",
    "ru": "Нам можно написать:",
    "en": "You can write to us:",
}


async def can_text(session: AsyncSession, number: str) -> bool:
    """Whether there are links, an account that can send them, and a phone that can receive them."""
    telephone = await setting_of(session, Telephone)
    if not (telephone.text_from and telephone.links and _may_receive(number)):
        return False
    state = await session.get(AccountState, (SMS, telephone.text_from))
    if state is None or not state.can_send or state.stopped_at is not None:
        return False
    refused = await session.exec(
        select(Conversation.id).where(
            Conversation.channel == SMS,
            Conversation.account == telephone.text_from,
            Conversation.key == number,
            col(Conversation.blocked_at).is_not(None),
        )
    )
    return refused.first() is None


async def send_links(session: AsyncSession, call: Call, *, now: datetime) -> bool:
    """Queue the links, once a call; whether they go. What they answer joins the call's appeal.

    The caller commits, then wakes the outbox.
    """
    appeal_id = await appeal_id_of(session, call)
    if appeal_id is None or not await can_text(session, call.number):
        return False
    key = f"links:{call.id}"
    appeal = await session.get_one(Appeal, appeal_id)
    telephone = await setting_of(session, Telephone)
    try:
        conversation = await _conversation(session, appeal, telephone, call.number, now=now)
    except CannotCarry:
        return False  # the number is another contact's by now
    sent = await session.exec(
        select(Message.id).where(
            Message.conversation_id == conversation.id, Message.idempotency_key == key
        )
    )
    if sent.first() is not None:
        return True
    text = await _text(session, telephone, call.language or telephone.language)
    message = Message(
        appeal_id=appeal_id,
        conversation_id=conversation.id,
        direction="out",
        text=text,
        author="",
        sent_at=now,
        created_at=now,
        state=DeliveryState.QUEUED,
        state_at=now,
        idempotency_key=key,
    )
    session.add(message)
    await session.flush()
    session.add(
        Dispatch(
            message_id=message.id,
            conversation_id=conversation.id,
            channel=SMS,
            account=telephone.text_from,
            parts=[{"text": text, "attachments": []}],
            part_count=1,
            due_at=now,
            created_at=now,
        )
    )
    await note_call(session, call, "call.links_sent", actor=SYSTEM, now=now)
    return True


async def _conversation(
    session: AsyncSession, appeal: Appeal, telephone: Telephone, number: str, *, now: datetime
) -> Conversation:
    """The thread in which they read it, held. Raises: CannotCarry."""
    found = await session.exec(
        select(Conversation, ContactPoint)
        .join(ContactPoint, col(ContactPoint.id) == col(Conversation.point_id))
        .where(
            Conversation.channel == SMS,
            Conversation.account == telephone.text_from,
            Conversation.key == number,
        )
    )
    known = found.first()
    conversation = Conversation(
        channel=SMS, account=telephone.text_from, key=number, contact_id=appeal.contact_id
    )
    way = Way(
        kind=Kind.ELSEWHERE,
        conversation=conversation if known is None else known[0],
        point=types.ContactPoint(PHONE, number),
        is_open=known is not None,
        reach=None,
    )
    held = (await hold_way(session, way, now=now)).conversation
    if not await _is_about_another(session, held, appeal):
        held.appeal_id = appeal.id
    return held


async def _is_about_another(
    session: AsyncSession, conversation: Conversation, appeal: Appeal
) -> bool:
    """Whether what they write there next belongs to an appeal that is not finished."""
    if conversation.appeal_id in {None, appeal.id}:
        return False
    found = await session.exec(select(Appeal.status).where(Appeal.id == conversation.appeal_id))
    return found.one() in LIVE


async def _text(session: AsyncSession, telephone: Telephone, language: str) -> str:
    title = (await setting_of(session, Title)).names
    name = getattr(title, language, title.ru)
    links = [f"{messenger}: {address}" for messenger, address in telephone.links.items()]
    return "\n".join([f"{name}. {_ASKS.get(language, _ASKS['ru'])}", *links])


def _may_receive(number: str) -> bool:
    """Whether an SMS may reach it: of a landline it surely cannot."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(parsed) != PhoneNumberType.FIXED_LINE
