"""What a delivery means: the core's values from Instagram's shapes, pure and without I/O."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from connectors.base import Malformed
from connectors.instagram.graph.contents import content
from connectors.instagram.graph.shapes import (
    BareEvent,
    Change,
    Comment,
    Delivery,
    Edit,
    Entry,
    Event,
    Mention,
    Message,
    Person,
    Postback,
    Reacted,
    Referral,
    Seen,
)
from connectors.kit.hostile_json import shaped
from connectors.kit.moments import LATEST_SECOND, moment
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

SCHEME = "instagram"
"""The contact point's scheme; its value is the person's id as our account alone knows it."""
UNKNOWN_SCHEME = "instagram_unknown"
"""A writer whom Instagram does not name; the value is the comment or the post they wrote."""
MENTION = "mention"
"""What the external id of a mention starts with; media and comment follow, each after a colon."""

_SAMPLE = "0"
"""The account's id in the samples that Meta's dashboard posts on demand."""
_COMMENTS = frozenset({"comments", "live_comments"})
_MESSAGES = frozenset(
    {
        "messages",
        "message_reactions",
        "messaging_postbacks",
        "messaging_seen",
        "messaging_referral",
        "message_edit",
        "standby",
    }
)
_DIGITS = 20
"""Digits of the longest number that can be a time."""

T = TypeVar("T")


class Where:
    """The account that a delivery came to, and when."""

    __slots__ = ("account", "channel", "home", "ours", "received_at")

    def __init__(
        self, *, channel: str, account: str, ours: str, home: str, received_at: datetime
    ) -> None:
        self.channel = channel
        self.account = account
        self.ours = ours
        """The account's own id."""
        self.home = home
        """The account's api_base: files may come from there."""
        self.received_at = received_at


def inbound(delivery: Delivery | dict[str, Any], where: Where) -> list[Inbound]:
    """What a delivery brings, each item by itself: nothing for an unknown kind."""
    values: list[Inbound] = []
    if isinstance(delivery, Delivery):
        if delivery.object == "instagram":
            for number, entry in enumerate(delivery.entry):
                _entry(entry, where, f"entry[{number}]", values)
        return values
    entries = delivery.get("entry")
    if not isinstance(delivery.get("object"), str) or not isinstance(entries, list):
        raise Malformed("The body is no delivery of Instagram's.")
    if delivery["object"] == "instagram":
        for number, raw in enumerate(entries):
            _broken_entry(raw, where, f"entry[{number}]", values)
    return values


def _entry(entry: Entry, where: Where, path: str, values: list[Inbound]) -> None:
    if _foreign(entry.id, where, path, values):
        return
    for number, event in enumerate(entry.messaging):
        _guarded(_event, event, entry.time, where, f"{path}.messaging[{number}]", values)
    for number, event in enumerate(entry.standby):
        _guarded(_event, event, entry.time, where, f"{path}.standby[{number}]", values)
    for number, change in enumerate(entry.changes):
        _change(change, entry.time, where, f"{path}.changes[{number}]", values)
    if entry.field is not None:
        change = Change(field=entry.field, value=entry.value)
        _change(change, entry.time, where, path, values)


def _broken_entry(raw: Any, where: Where, path: str, values: list[Inbound]) -> None:
    """An entry of which something is broken: each of its items is read by itself."""
    if not isinstance(raw, dict):
        values.append(Unreadable(reason="The entry is no object.", item=path))
        return
    lists = ("messaging", "standby", "changes")
    head = {name: value for name, value in raw.items() if name not in lists}
    try:
        entry = msgspec.convert(head, Entry)
    except msgspec.ValidationError as error:
        values.append(Unreadable(reason=f"The entry has another shape: {error}.", item=path))
        entry = Entry(time=_any_time(raw.get("time")))
    if _foreign(entry.id, where, path, values):
        return
    for name in lists:
        items = raw.get(name)
        if items is None:
            continue
        if not isinstance(items, list):
            values.append(Unreadable(reason="It is no list.", item=f"{path}.{name}"))
            continue
        for number, item in enumerate(items):
            at = f"{path}.{name}[{number}]"
            if name == "changes":
                change = _converted(item, Change, at, values)
                if change is not None:
                    _change(change, entry.time, where, at, values)
            else:
                _raw_event(item, entry.time, where, at, values)
    if entry.field is not None:
        change = Change(field=entry.field, value=entry.value)
        _change(change, entry.time, where, path, values)


def _foreign(id_: str | int | None, where: Where, path: str, values: list[Inbound]) -> bool:
    """Whether an entry is another account's: all accounts of an app share one address."""
    if id_ is None or str(id_) == where.ours:
        return False
    if str(id_) != _SAMPLE:
        reason = f"It is for the Instagram account {str(id_)[:40]}, and not for ig_user_id."
        values.append(Unreadable(reason=reason, item=path))
    return True


def _change(change: Change, time: Any, where: Where, path: str, values: list[Inbound]) -> None:
    """A change tells its value as an object, or as a list of such."""
    items = change.value if isinstance(change.value, list) else [change.value]
    for item in items:
        if change.field in _MESSAGES:
            _raw_event(item, time, where, path, values)
        elif change.field in _COMMENTS:
            comment = _converted(item, Comment, path, values)
            if comment is not None:
                _guarded(_comment, comment, time, where, path, values)
        elif change.field == "mentions":
            mention = _converted(item, Mention, path, values)
            if mention is not None:
                _guarded(_mention, mention, time, where, path, values)


def _raw_event(item: Any, time: Any, where: Where, path: str, values: list[Inbound]) -> None:
    try:
        event = shaped(item, Event, BareEvent)
    except msgspec.ValidationError as error:
        values.append(Unreadable(reason=f"It has another shape: {error}.", item=path))
        return
    if isinstance(event, BareEvent):
        _guarded(_new_shape, event, time, where, path, values)
    else:
        _guarded(_event, event, time, where, path, values)


def _converted(item: Any, into: type[T], path: str, values: list[Inbound]) -> T | None:
    try:
        return msgspec.convert(item, into)
    except msgspec.ValidationError as error:
        values.append(Unreadable(reason=f"It has another shape: {error}.", item=path))
        return None


class _Lacking(Exception):
    """An item lacks what the hub cannot do without; the words say what."""


def _guarded(
    read: Callable[[T, Any, Where], Iterator[Inbound]],
    item: T,
    time: Any,
    where: Where,
    path: str,
    values: list[Inbound],
) -> None:
    try:
        values.extend(read(item, time, where))
    except _Lacking as error:
        values.append(Unreadable(reason=str(error), item=path))


# --- Private conversations ----------------------------------------------------------------------


def _event(event: Event, time: Any, where: Where) -> Iterator[Inbound]:
    at = _time(event.timestamp, time, where)
    if event.message is not None:
        yield from _message(event, event.message, at, where)
    elif event.postback is not None:
        yield from _postback(event, event.postback, at, where)
    elif event.reaction is not None:
        yield from _reaction(event, event.reaction, at, where)
    elif event.read is not None:
        yield from _seen(event, event.read, at, where)
    elif event.message_edit is not None:
        yield from _edited(event, event.message_edit, at, where)
    elif event.referral is not None:
        yield from _referral(event, event.referral, at, where)


def _message(event: Event, message: Message, at: datetime, where: Where) -> Iterator[Inbound]:
    mid = str(message.mid)
    if message.is_deleted:
        yield MessageDeleted(channel=where.channel, account=where.account, external_id=mid, at=at)
        return
    text, attachments, unreadable = content(message, where.home)
    sender = _id(event.sender)
    if message.is_echo or sender == where.ours:
        recipient = _id(event.recipient)
        if recipient is None:
            raise _Lacking("The echo of a message of ours does not tell to whom it went.")
        if recipient == where.ours:
            return  # notes to oneself
        yield Echo(
            channel=where.channel,
            account=where.account,
            external_id=mid,
            conversation=recipient,
            recipient=_sender(recipient),
            sent_at=at,
            text=text,
            attachments=attachments,
        )
        return
    if sender is None:
        raise _Lacking("The message does not tell who sent it.")
    reply = message.reply_to
    yield InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=mid,
        conversation=sender,
        sender=_sender(sender),
        sent_at=at,
        text=text,
        attachments=attachments,
        reply_to=None if reply is None or reply.mid is None else str(reply.mid),
        unreadable=unreadable,
    )


def _new_shape(bare: BareEvent, time: Any, where: Where) -> Iterator[Inbound]:
    """A message that has changed its shape is shown as far as it goes."""
    message, sender = bare.message, str(bare.sender.id)
    if message.is_echo or sender == where.ours:
        raise _Lacking("A message of ours has a shape of which nothing is known.")
    said = message.text if isinstance(message.text, str) else ""
    notice = "[An Instagram message of a kind that cannot be shown here.]"
    yield InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=str(message.mid),
        conversation=sender,
        sender=_sender(sender),
        sent_at=_time(_any_time(bare.timestamp), time, where),
        text=f"{said}\n{notice}" if said else notice,
        unreadable=True,
    )


def _postback(event: Event, postback: Postback, at: datetime, where: Where) -> Iterator[Inbound]:
    """A chosen ice breaker or a pressed button is what the person says: its label."""
    sender = _citizen(event, where)
    if sender is None:
        return
    mid = postback.mid
    yield InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=str(mid) if mid is not None else f"postback:{sender}:{_stamp(at)}",
        conversation=sender,
        sender=_sender(sender),
        sent_at=at,
        text=postback.title or postback.payload or "",
    )


def _reaction(event: Event, reaction: Reacted, at: datetime, where: Where) -> Iterator[Inbound]:
    """A person has one reaction to a message; words stand where no emoji is told."""
    sender = _citizen(event, where)
    if sender is None:
        return
    shown = reaction.emoji or reaction.reaction or "❔"
    yield Reaction(
        channel=where.channel,
        account=where.account,
        conversation=sender,
        external_id=str(reaction.mid),
        sender=_sender(sender),
        emoji=() if reaction.action == "unreact" else (shown,),
        at=at,
    )


def _seen(event: Event, seen: Seen, at: datetime, where: Where) -> Iterator[Inbound]:
    """Whoever read a message has read those before it too, of which Instagram does not tell."""
    sender = _citizen(event, where)
    if sender is None:
        return
    read = DeliveryReport(
        channel=where.channel,
        account=where.account,
        state=DeliveryState.READ,
        at=at,
        conversation=sender,
        watermark=at,
    )
    if seen.mid is not None:
        yield DeliveryReport(
            channel=where.channel,
            account=where.account,
            state=DeliveryState.READ,
            at=at,
            external_id=str(seen.mid),
        )
    yield read


def _edited(event: Event, edit: Edit, at: datetime, where: Where) -> Iterator[Inbound]:
    """An edit of the person's; one of ours in Instagram's app keeps the text that we know."""
    if str(edit.num_edit) == "0" and edit.text is None:
        return  # told of messages that nobody edited
    sender = _citizen(event, where)
    if sender is None:
        return
    yield MessageEdited(
        message=InboundMessage(
            channel=where.channel,
            account=where.account,
            external_id=str(edit.mid),
            conversation=sender,
            sender=_sender(sender),
            sent_at=at,
            text=edit.text or "",
        ),
        edited_at=at,
    )


def _referral(event: Event, referral: Referral, at: datetime, where: Where) -> Iterator[Inbound]:
    """Somebody came back to the conversation by a link of ours."""
    sender = _citizen(event, where)
    if sender is None:
        return
    yield ContactEvent(
        channel=where.channel,
        account=where.account,
        conversation=sender,
        kind="referral",
        external_id=f"referral:{sender}:{_stamp(at)}",
        sender=_sender(sender),
        at=at,
        payload=referral.ref or referral.source,
    )


# --- Comments and mentions ----------------------------------------------------------------------


def _comment(comment: Comment, time: Any, where: Where) -> Iterator[Inbound]:
    author, id_ = comment.author, str(comment.id)
    if author is not None and (
        str(author.id) == where.ours or author.self_ig_scoped_id is not None
    ):
        return
    parent = None if comment.parent_id is None else str(comment.parent_id)
    media = "0" if comment.media is None else str(comment.media.id)
    who = id_ if author is None else str(author.id)
    yield InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=id_,
        conversation=f"{media}/{parent or id_}/{who}",
        sender=(
            Sender(point=ContactPoint(UNKNOWN_SCHEME, id_))
            if author is None
            else _sender(who, author.username)
        ),
        sent_at=_time(None, time, where),
        text=comment.text or "[A comment without a text: a GIF or a sticker.]",
        reply_to=parent,
        public=True,
        unreadable=not comment.text,
    )


def _mention(mention: Mention, time: Any, where: Where) -> Iterator[Inbound]:
    """Neither the text nor the author is told, so what stands here is where to look."""
    media, comment = str(mention.media_id), mention.comment_id
    if comment is None:
        place, id_ = "the caption of a post", f"{MENTION}:{media}:"
        told = f"post {media}"
    else:
        place, id_ = "a comment", f"{MENTION}:{media}:{comment}"
        told = f"comment {comment}, post {media}"
    yield InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=id_,
        conversation=f"{media}/{MENTION}:{comment or ''}/",
        sender=Sender(point=ContactPoint(UNKNOWN_SCHEME, id_)),
        sent_at=_time(None, time, where),
        text=f"[The account was mentioned in {place}. Instagram does not tell the text: read it at "
        f"https://www.instagram.com/accounts/activity/ ({told}).]",
        public=True,
        unreadable=True,
    )


# --- People and times ---------------------------------------------------------------------------


def _id(person: Person | None) -> str | None:
    return None if person is None else str(person.id)


def _citizen(event: Event, where: Where) -> str | None:
    """Who did it, or None when we did it ourselves."""
    if event.sender is None:
        raise _Lacking("It does not tell who did it.")
    sender = str(event.sender.id)
    return None if sender == where.ours else sender


def _sender(id_: str, username: str | None = None) -> Sender:
    return Sender(point=ContactPoint(SCHEME, id_), name=username or None)


def _any_time(value: Any) -> int | float | str | None:
    return value if isinstance(value, int | float | str) else None


def _time(*times: Any) -> datetime:
    """The first of these that tells a time: a number, digits, or at last when we received it."""
    *told, where = times
    for value in told:
        number = value
        if isinstance(value, str):
            digits = value.isascii() and value.isdecimal() and len(value) <= _DIGITS
            number = int(value) if digits else None
        if isinstance(number, int | float) and 0 < number <= LATEST_SECOND * 1000:
            return moment(number)
    received: datetime = where.received_at
    return received


def _stamp(at: datetime) -> int:
    return round(at.timestamp() * 1000)
