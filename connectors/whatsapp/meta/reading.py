"""What a delivery means: the core's values from the Cloud API's shapes, pure and without I/O."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from connectors.whatsapp.meta.content import read_content
from connectors.whatsapp.meta.deliveries import (
    Bare,
    Contact,
    Content,
    Error,
    Message,
    Status,
    Unread,
    Value,
    read_delivery,
)
from connectors.whatsapp.people import FORWARDED, OFTEN_FORWARDED, person
from connectors.whatsapp.words import placeholder
from registry.types import (
    ContactEvent,
    DeliveryReport,
    DeliveryState,
    Echo,
    Envelope,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Reaction,
    Sender,
    Unreadable,
)

_STATES = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "played": DeliveryState.READ,
    "failed": DeliveryState.FAILED,
}
_SILENT = frozenset({"user_changed_user_id", "customer_identity_changed"})
"""Changes that say nothing to an operator."""
_SAMPLE = "123456123"
"""The number's id in the samples that Meta's dashboard posts on demand."""


def inbound(envelope: Envelope, *, phone_number_id: str) -> Sequence[Inbound]:
    """What a delivery brings to one of our numbers. Raises: Malformed."""
    found: list[Inbound] = []
    where = _Where(envelope)
    for path, value in read_delivery(envelope.body):
        if isinstance(value, Unread):
            found.append(Unreadable(reason=value.reason, item=path))
        elif value.metadata.phone_number_id == phone_number_id:
            found.extend(_values(value, where, path))
        elif value.metadata.phone_number_id != _SAMPLE:
            found.append(Unreadable(reason=_foreign(value.metadata.phone_number_id), item=path))
    return found


def _foreign(phone_number_id: str) -> str:
    """All numbers of an app share one webhook, and one account of the hub is one number."""
    return (
        f"It is for the number with the phone_number_id {phone_number_id[:40]}, and not for this "
        "account's: give it an account of its own, with an app of its own."
    )


class _Where:
    """The account and the moment of a delivery."""

    __slots__ = ("account", "channel", "received_at")

    def __init__(self, envelope: Envelope) -> None:
        self.channel = envelope.channel
        self.account = envelope.account
        self.received_at = envelope.received_at


class _Broken(ValueError):
    """An item that lacks what nobody can guess."""


def _values(value: Value, where: _Where, path: str) -> Iterator[Inbound]:
    """Everything of one change; what is broken takes nothing of its neighbours along."""
    contacts = value.contacts
    for number, item in enumerate(value.messages):
        try:
            if isinstance(item, Unread):
                yield _unread(item, contacts, where, number)
            else:
                yield from _message(item, contacts, where, number)
        except _Broken as broken:
            yield Unreadable(reason=str(broken), item=f"{path}.value.messages[{number}]")
    for number, item in enumerate(value.message_echoes):
        try:
            if isinstance(item, Unread):
                raise _Broken(item.reason)
            yield from _echo(item, contacts, where)
        except _Broken as broken:
            yield Unreadable(reason=str(broken), item=f"{path}.value.message_echoes[{number}]")
    for number, status in enumerate(value.statuses):
        try:
            if isinstance(status, Unread):
                raise _Broken(status.reason)
            yield from _report(status, where)
        except _Broken as broken:
            yield Unreadable(reason=str(broken), item=f"{path}.value.statuses[{number}]")


# --- Messages -----------------------------------------------------------------------------------


def _message(
    message: Message, contacts: Sequence[Contact], where: _Where, number: int
) -> Iterator[Inbound]:
    if message.group_id is not None:
        return
    sender = _sender(message, contacts)
    if sender is None:
        raise _Broken("The message is from nobody.")
    at = _time(message.timestamp, where)
    if message.type == "text":  # most of them
        yield _inbound(message, where, external_id=message.id, sender=sender, at=at, number=number)
        return
    match message.type:
        case "reaction" if message.reaction is not None:
            emoji = message.reaction.emoji
            yield Reaction(
                channel=where.channel,
                account=where.account,
                conversation=sender.point.value,
                external_id=message.reaction.message_id,
                sender=sender,
                emoji=(emoji,) if emoji else (),
                at=at,
            )
        case "request_welcome":
            yield ContactEvent(
                channel=where.channel,
                account=where.account,
                conversation=sender.point.value,
                kind="started",
                external_id=message.id,
                sender=sender,
                at=at,
            )
        case "revoke" if message.revoke is not None:
            yield MessageDeleted(
                channel=where.channel,
                account=where.account,
                external_id=message.revoke.original_message_id,
                at=at,
            )
        case "edit" if message.edit is not None and message.edit.message is not None:
            edited = _inbound(
                message.edit.message,
                where,
                external_id=message.edit.original_message_id,
                sender=sender,
                at=at,
                number=number,
            )
            yield MessageEdited(message=edited, edited_at=at)
        case "system" if message.system is not None:
            yield from _system(message, sender, where, number, at)
        case _:
            yield _inbound(
                message, where, external_id=message.id, sender=sender, at=at, number=number
            )


def _inbound(
    content: Content,
    where: _Where,
    *,
    external_id: str,
    sender: Sender,
    at: datetime,
    number: int,
) -> InboundMessage:
    if not external_id:
        raise _Broken("The message has no id.")
    read = read_content(content)
    context = content.context
    origin = None
    if context is not None and (context.forwarded or context.frequently_forwarded):
        origin = OFTEN_FORWARDED if context.frequently_forwarded else FORWARDED
    return InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=external_id,
        conversation=sender.point.value,
        sender=sender,
        sent_at=at,
        text=read.text,
        sequence=number,
        attachments=read.attachments,
        reply_to=None if context is None else context.id or None,
        origin=origin,
        unreadable=read.unreadable,
    )


def _system(
    message: Message, sender: Sender, where: _Where, number: int, at: datetime
) -> Iterator[Inbound]:
    """A change of the person's number shows in the thread; their new number is theirs as well."""
    system = message.system
    assert system is not None
    if system.type in _SILENT:
        return
    new = system.wa_id or system.new_wa_id
    said = system.body or "Something about the person's account has changed."
    if system.type in {"user_changed_number", "customer_changed_number"} and new:
        said = f"The person changed their number: it is now +{new}."
        known = [point.value for point in (sender.point, *sender.also) if point.scheme != "tel"]
        sender = person([*known, new], name=sender.name) or sender
    yield InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=message.id,
        conversation=sender.point.value,
        sender=sender,
        sent_at=at,
        text=f"[{said}]",
        sequence=number,
    )


def _unread(item: Unread, contacts: Sequence[Contact], where: _Where, number: int) -> Inbound:
    """A placeholder in the thread, where the message still tells whose it is."""
    bare = item.bare
    sender = None if bare is None or bare.group_id is not None else _sender(bare, contacts)
    if bare is None or sender is None or not bare.id:
        raise _Broken(item.reason)
    kind = bare.type if isinstance(bare.type, str) and bare.type else "unknown"
    said = bare.text.get("body") if isinstance(bare.text, dict) else None
    notice = placeholder(kind)
    at = _time(bare.timestamp, where)
    return InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=bare.id,
        conversation=sender.point.value,
        sender=sender,
        sent_at=at,
        text=f"{said}\n{notice}" if isinstance(said, str) and said else notice,
        sequence=number,
        unreadable=True,
    )


def _echo(message: Message, contacts: Sequence[Contact], where: _Where) -> Iterator[Inbound]:
    """What an employee wrote in the WhatsApp Business app on the same number."""
    if message.group_id is not None or message.type in {"reaction", "edit", "revoke", "system"}:
        return
    told = _told_of(message.recipient, message.to_user_id, contacts)
    recipient = person(
        (message.to_user_id, told.user_id, told.parent_user_id, message.recipient, told.wa_id),
        name=_name(told),
    )
    if recipient is None or not message.id:
        raise _Broken("The message is to nobody, or has no id.")
    read = read_content(message)
    yield Echo(
        channel=where.channel,
        account=where.account,
        external_id=message.id,
        conversation=recipient.point.value,
        recipient=recipient,
        sent_at=_time(message.timestamp, where),
        text=read.text,
        attachments=read.attachments,
    )


# --- Statuses -----------------------------------------------------------------------------------


def _report(status: Status, where: _Where) -> Iterator[Inbound]:
    state = _STATES.get(status.status)
    if state is None:
        return
    # Our own message's id and part, as `sending` had Meta keep them.
    ours, _, part = (status.biz_opaque_callback_data or "").partition(":")
    error = status.errors[0] if status.errors else None
    yield DeliveryReport(
        channel=where.channel,
        account=where.account,
        state=state,
        at=_time(status.timestamp, where),
        external_id=status.id,
        message_id=ours or None,
        error_code=None if error is None or error.code is None else str(error.code),
        error_reason=None if error is None else _reason(error),
        names=bool(ours),
        part=int(part) if part.isascii() and part.isdecimal() and len(part) < 5 else 0,
    )


def _reason(error: Error) -> str | None:
    """The most exact words that Meta has for it."""
    details = None if error.error_data is None else error.error_data.details
    words = details or error.message or error.title
    return " ".join(words.split()) if words else None


# --- People -------------------------------------------------------------------------------------

_NOBODY = Contact()


def _sender(message: Message | Bare, contacts: Sequence[Contact]) -> Sender | None:
    told = _told_of(message.sender, message.from_user_id, contacts)
    parent = message.from_parent_user_id if isinstance(message, Message) else None
    return person(
        (
            message.from_user_id,
            told.user_id,
            parent,
            told.parent_user_id,
            message.sender,
            told.wa_id,
        ),
        name=_name(told),
    )


def _told_of(wa_id: str | None, user_id: str | None, contacts: Sequence[Contact]) -> Contact:
    """What the delivery tells of the person with these ids."""
    for contact in contacts:
        if (wa_id and contact.wa_id == wa_id) or (user_id and contact.user_id == user_id):
            return contact
    return _NOBODY


def _name(told: Contact) -> str | None:
    profile = told.profile
    if profile is None:
        return None
    return profile.name or (f"@{profile.username.lstrip('@')}" if profile.username else None)


def _time(seconds: object, where: _Where) -> datetime:
    """The moment that is told; for what is none, the one at which we heard of it."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError, OSError):
        return where.received_at
