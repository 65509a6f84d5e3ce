"""What an event of Messenger means: the core's values from Meta's shapes, pure and without I/O."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from connectors.facebook.content import Content, content_of, unreadable
from connectors.facebook.deliveries import BareMessaging, Message, Messaging, Party, Postback
from connectors.kit.moments import LATEST_MILLISECOND, moment
from registry.types import (
    ContactEvent,
    ContactPoint,
    DeliveryReport,
    DeliveryState,
    Echo,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Reaction,
    Sender,
    Unreadable,
)

SCHEME = "facebook"
"""The contact point's scheme: its value is the person's id, which is the page's own for them."""

_STARTS = frozenset({"get_started", "get_started_payload", "getstarted", "start", "started"})
"""Payloads of the button before the first message: the page's owner chooses it."""
_START_TITLES = frozenset({"get started", "начать", "бастау"})
_REACTIONS = {
    "smile": "😆",
    "angry": "😠",
    "sad": "😢",
    "wow": "😮",
    "love": "❤️",
    "like": "👍",
    "dislike": "👎",
}


class Account(NamedTuple):
    """The page that a delivery came to, and how its own messages are told from others'."""

    channel: str
    account: str
    page_id: str
    app_id: str | None


_PART = re.compile(r"[0-9]{1,4}")


def metadata_of(message_id: str, part: int) -> str:
    """What goes with a message of ours, and comes back in its echo."""
    return f"{_OURS}{message_id}:{part}"


_OURS = "tereze:"


def messaging(
    event: Messaging, account: Account, *, path: str, arrived: datetime
) -> Sequence[Inbound]:
    """What one event brings: nothing for an unknown kind. `arrived` is when the delivery came."""
    at = arrived if event.timestamp is None else moment(event.timestamp)
    message = event.message
    if message is not None and message.is_echo:
        person = _id(event.recipient)
        return () if person is None else _echo(message, account, person, at)
    person = _id(event.sender)
    if person == account.page_id:
        # The hand-over of a thread is told in either direction.
        person = _id(event.recipient) if _control(event) is not None else None
    if person is None:
        if message is None and event.postback is None:
            return ()
        return (Unreadable(reason="The message does not tell who sent it.", item=path),)
    if message is not None:
        return _message(message, account, person, at)
    if event.delivery is not None:
        return _delivered(event, account, person, at)
    if event.read is not None:
        return (
            DeliveryReport(
                channel=account.channel,
                account=account.account,
                state=DeliveryState.READ,
                at=at if event.timestamp is not None else moment(event.read.watermark),
                conversation=person,
                watermark=moment(event.read.watermark),
            ),
        )
    if event.postback is not None:
        return _postback(event.postback, account, person, at)
    if event.reaction is not None:
        reaction = event.reaction
        emoji = reaction.emoji or _REACTIONS.get(reaction.reaction or "", "❔")
        return (
            Reaction(
                channel=account.channel,
                account=account.account,
                conversation=person,
                external_id=reaction.mid,
                sender=_sender(person),
                emoji=() if reaction.action == "unreact" else (emoji,),
                at=at,
            ),
        )
    if event.message_edit is not None:
        edited = _inbound(
            event.message_edit.mid, account, person, at, Content(event.message_edit.text or "")
        )
        return (MessageEdited(message=edited, edited_at=at),)
    if event.message_unsend is not None:
        return (_deleted(event.message_unsend.mid, account, at),)
    return _event(event, account, person, at)


def bare(
    event: BareMessaging, account: Account, *, path: str, arrived: datetime
) -> Sequence[Inbound]:
    """A placeholder for a message whose content is broken or of a new shape."""
    person = _id(event.sender)
    if person is None or person == account.page_id:
        return (Unreadable(reason="A message has another shape than Meta's.", item=path),)
    said = event.message.text if isinstance(event.message.text, str) else ""
    at = arrived
    if isinstance(event.timestamp, int) and 0 <= event.timestamp <= LATEST_MILLISECOND:
        at = moment(event.timestamp)
    return (_inbound(event.message.mid, account, person, at, unreadable(said, ["unknown"])),)


def hands_over(event: Messaging) -> bool:
    """Whether an event tells that a thread goes from one app to another."""
    return event.message is None and _control(event) is not None


# --- Kinds of event -----------------------------------------------------------------------------


def _message(message: Message, account: Account, person: str, at: datetime) -> Sequence[Inbound]:
    if message.is_deleted:
        return (_deleted(message.mid, account, at),)
    replied = message.reply_to.mid if message.reply_to is not None else None
    read = _inbound(message.mid, account, person, at, content_of(message), reply_to=replied)
    if message.referral is None:
        return (read,)
    referral = message.referral
    told = referral.ref or (None if referral.ad_id is None else f"ad {referral.ad_id}")
    return (
        read,
        _contact_event(
            account, person, at, kind="referral", external_id=f"{message.mid}:referral", told=told
        ),
    )


def _inbound(
    mid: str,
    account: Account,
    person: str,
    at: datetime,
    content: Content,
    *,
    reply_to: str | None = None,
) -> InboundMessage:
    return InboundMessage(
        channel=account.channel,
        account=account.account,
        external_id=mid,
        conversation=person,
        sender=_sender(person),
        sent_at=at,
        text=content.text,
        attachments=content.attachments,
        reply_to=reply_to or None,
        unreadable=content.unreadable,
    )


def _echo(message: Message, account: Account, person: str, at: datetime) -> Sequence[Inbound]:
    if message.is_deleted:
        return ()
    ours = _ours(message, account)
    content = Content("") if ours is not None else content_of(message)
    return (
        Echo(
            channel=account.channel,
            account=account.account,
            external_id=message.mid,
            conversation=person,
            recipient=_sender(person),
            sent_at=at,
            text=content.text,
            attachments=content.attachments,
            message_id=ours[0] if ours else None,
            part=ours[1] if ours else 0,
        ),
    )


def _ours(message: Message, account: Account) -> tuple[str, int] | None:
    """Our own id and part of what left through the hub; another app's metadata means nothing."""
    metadata = message.metadata
    if metadata is None or not metadata.startswith(_OURS):
        return None
    if account.app_id is not None and str(message.app_id or account.app_id) != account.app_id:
        return None
    message_id, colon, part = metadata[len(_OURS) :].rpartition(":")
    return (message_id, int(part)) if colon and message_id and _PART.fullmatch(part) else None


def _delivered(
    event: Messaging, account: Account, person: str, at: datetime
) -> Sequence[DeliveryReport]:
    """By ids where Meta names them, or everything up to a moment.

    Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/message-deliveries
    """
    told = event.delivery
    assert told is not None
    watermark = moment(told.watermark)
    if event.timestamp is None:
        at = watermark
    if not told.mids:
        return (
            DeliveryReport(
                channel=account.channel,
                account=account.account,
                state=DeliveryState.DELIVERED,
                at=at,
                conversation=person,
                watermark=watermark,
            ),
        )
    return [
        DeliveryReport(
            channel=account.channel,
            account=account.account,
            state=DeliveryState.DELIVERED,
            at=at,
            external_id=mid,
        )
        for mid in told.mids
    ]


def _postback(pressed: Postback, account: Account, person: str, at: datetime) -> Sequence[Inbound]:
    """Whoever presses "Get started" is greeted; any other button says its label."""
    payload, title = pressed.payload or "", pressed.title or ""
    external_id = pressed.mid or f"postback:{person}:{_stamp(at)}"
    if payload.strip("<>").casefold() in _STARTS or title.casefold() in _START_TITLES:
        told = pressed.referral.ref if pressed.referral is not None else None
        return (
            _contact_event(
                account, person, at, kind="started", external_id=external_id, told=told or payload
            ),
        )
    said = title or payload
    content = Content(said) if said else unreadable("", ["button"])
    return (_inbound(external_id, account, person, at, content),)


def _event(event: Messaging, account: Account, person: str, at: datetime) -> Sequence[Inbound]:
    """What is only written to the journal."""
    found = _control(event)
    if found is None and event.referral is not None:
        found = "referral", event.referral.ref or event.referral.source
    if found is None and event.optin is not None:
        optin = event.optin
        found = "opt_in", optin.ref or optin.payload or optin.type
    if found is None:
        return ()
    kind, told = found
    external_id = f"{kind}:{person}:{_stamp(at)}"
    return (_contact_event(account, person, at, kind=kind, external_id=external_id, told=told),)


def _control(event: Messaging) -> tuple[str, str | None] | None:
    """Whose turn it is to answer: another app's, or ours.

    Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messaging_handovers
    """
    if event.pass_thread_control is not None:
        kind, app = "thread_passed", event.pass_thread_control.new_owner_app_id
    elif event.take_thread_control is not None:
        kind, app = "thread_taken", event.take_thread_control.new_owner_app_id
    elif event.request_thread_control is not None:
        kind, app = "thread_requested", event.request_thread_control.requested_owner_app_id
    else:
        return None
    return kind, None if app is None else f"app {app}"


def _contact_event(
    account: Account, person: str, at: datetime, *, kind: str, external_id: str, told: str | None
) -> ContactEvent:
    return ContactEvent(
        channel=account.channel,
        account=account.account,
        conversation=person,
        kind=kind,
        external_id=external_id,
        sender=_sender(person),
        at=at,
        payload=told or None,
    )


def _deleted(mid: str, account: Account, at: datetime) -> MessageDeleted:
    return MessageDeleted(channel=account.channel, account=account.account, external_id=mid, at=at)


def _sender(person: str) -> Sender:
    """Messenger tells no name."""
    return Sender(point=ContactPoint(SCHEME, person))


def _id(party: Party | None) -> str | None:
    return None if party is None or party.id is None else str(party.id)


def _stamp(at: datetime) -> int:
    return int(at.timestamp() * 1000)
