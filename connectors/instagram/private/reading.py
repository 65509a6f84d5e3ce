"""What a thread or a post's comments mean: the core's values, pure and without I/O.

A message that was taken back vanishes from Instagram's answers without a trace: nothing is told of
it, and it stays.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
from msgspec import Raw

from connectors.base import Malformed
from connectors.instagram.private.contents import animation, content_of, note_of
from connectors.instagram.private.shapes import (
    Comment,
    Delivery,
    Id,
    Item,
    Named,
    Ours,
    Reactions,
    Seen,
    Thread,
    User,
)
from connectors.instagram.private.tokens import sent_by_hub
from connectors.kit.hostile_json import BROKEN
from registry.types import (
    ContactEvent,
    ContactPoint,
    DeliveryReport,
    DeliveryState,
    Echo,
    Inbound,
    InboundMessage,
    MessageDeleted,
    Reaction,
    Sender,
    Unreadable,
)

SCHEME = "instagram-user"
"""The contact point's scheme: the app's own ids, which are not those of the official API."""

_BROKEN = (*BROKEN, ValueError, OverflowError)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTES = frozenset({"action_log", "reaction_log", "user_reaction", "title", "history_edit"})
"""Items that Instagram itself writes: that somebody liked a message, or changed the colours."""

_delivery = msgspec.json.Decoder(Delivery)
_thread = msgspec.json.Decoder(Thread)
_item = msgspec.json.Decoder(Item)
_comment = msgspec.json.Decoder(Comment)
_named = msgspec.json.Decoder(Named)
_reactions = msgspec.json.Decoder(Reactions)
_seen = msgspec.json.Decoder(Seen)

_Of = TypeVar("_Of", Thread, Delivery)


class _Where:
    """The account, and who it is on Instagram."""

    __slots__ = ("account", "channel", "sent", "viewer")

    def __init__(self, channel: str, account: str, viewer: str, sent: Mapping[str, Ours]) -> None:
        self.channel = channel
        self.account = account
        self.viewer = viewer
        self.sent = sent


def inbound(body: bytes, *, channel: str, account: str) -> Sequence[Inbound]:
    """What a delivery brings; nothing for a group. Raises: Malformed."""
    try:
        delivery = _delivery.decode(body)
        thread = _thread.decode(delivery.thread) if delivery.thread else None
    except _BROKEN as error:
        raise Malformed(f"no answer of Instagram's ({type(error).__name__})") from None
    where = _Where(channel, account, str(delivery.viewer_id), delivery.sent)
    found: list[Inbound] = []
    if thread is not None and thread.thread_id and not thread.is_group:
        for number, raw in enumerate(thread.items):
            found += _guarded(_said, raw, thread, where, f"thread.items[{number}]")
        for reader, raw in thread.last_seen_at.items():
            if reader != where.viewer:
                found += _guarded(_seen_up_to, raw, thread, where, "thread.last_seen_at")
    if delivery.media is not None:
        for number, raw in enumerate(delivery.comments):
            found += _guarded(_commented, raw, delivery, where, f"comments[{number}]")
    return found


def _guarded(
    read: Callable[[Raw, _Of, _Where], Iterable[Inbound]],
    raw: Raw,
    of: _Of,
    where: _Where,
    path: str,
) -> Iterable[Inbound]:
    """What one item gives, or that it cannot be read: its neighbours are read all the same."""
    try:
        return tuple(read(raw, of, where))
    except _BROKEN as error:
        reason = f"an item without what every one has ({type(error).__name__})"
        return (Unreadable(reason=reason, item=path),)


# --- Private threads ----------------------------------------------------------------------------


def _said(raw: Raw, thread: Thread, where: _Where) -> Iterable[Inbound]:
    """An item of a thread: a citizen's message, or one that left our account."""
    item = _item.decode(raw)
    sent_at = _time(item.timestamp)
    author = "" if item.user_id is None else str(item.user_id)
    if not author or not item.item_id:
        raise ValueError("an item without an author or an id")
    if author == where.viewer:
        yield from _ours(item, thread, where, sent_at)
    elif item.item_type == "deletion":
        yield MessageDeleted(
            channel=where.channel, account=where.account, external_id=item.item_id, at=sent_at
        )
    elif item.item_type in _NOTES:
        yield ContactEvent(
            channel=where.channel,
            account=where.account,
            conversation=thread.thread_id,
            kind=str(item.item_type),
            external_id=item.item_id,
            sender=_person(author, thread),
            at=sent_at,
            payload=note_of(item),
        )
    else:
        content = content_of(item)
        yield InboundMessage(
            channel=where.channel,
            account=where.account,
            external_id=item.item_id,
            conversation=thread.thread_id,
            sender=_person(author, thread),
            sent_at=sent_at,
            text=content.text,
            attachments=content.attachments,
            reply_to=_answered(item),
            unreadable=content.unreadable,
        )
    yield from _reacted(item, thread, where)


def _ours(item: Item, thread: Thread, where: _Where, sent_at: datetime) -> Iterable[Inbound]:
    """What left our account: by the hub, which knows it, or by an employee in the app."""
    message_id = sent_by_hub(item.client_context)
    if message_id is None:
        if item.item_type in _NOTES or item.item_type == "deletion":
            return
        people = [user for user in thread.users if str(user.pk) != where.viewer]
        if not people:
            return
        content = content_of(item)
        yield Echo(
            channel=where.channel,
            account=where.account,
            external_id=item.item_id,
            conversation=thread.thread_id,
            recipient=_sender(people[0]),
            sent_at=sent_at,
            text=content.text,
            attachments=content.attachments,
        )
    elif message_id:
        yield _arrived(item.item_id, Ours(message_id), where, sent_at)
    elif item.item_id in where.sent:
        yield _arrived(item.item_id, where.sent[item.item_id], where, sent_at)


def _reacted(item: Item, thread: Thread, where: _Where) -> Iterable[Inbound]:
    """Who reacts has one reaction to a message: a later one takes its place."""
    if not item.reactions:
        return
    try:
        reactions = _reactions.decode(item.reactions).emojis
    except _BROKEN:
        return
    for one in reactions:
        if str(one.sender_id) != where.viewer:
            yield Reaction(
                channel=where.channel,
                account=where.account,
                conversation=thread.thread_id,
                external_id=item.item_id,
                sender=_person(str(one.sender_id), thread),
                emoji=(one.emoji,),
                at=_time(one.timestamp),
            )


def _seen_up_to(raw: Raw, thread: Thread, where: _Where) -> Iterable[Inbound]:
    at = _time(_seen.decode(raw).timestamp)
    yield DeliveryReport(
        channel=where.channel,
        account=where.account,
        state=DeliveryState.READ,
        at=at,
        conversation=thread.thread_id,
        watermark=at,
    )


def _answered(item: Item) -> str | None:
    if not item.replied_to_message:
        return None
    try:
        return _named.decode(item.replied_to_message).item_id
    except _BROKEN:
        return None


def _person(pk: str, thread: Thread) -> Sender:
    for user in (*thread.users, *thread.left_users):
        if str(user.pk) == pk:
            return _sender(user)
    return Sender(point=ContactPoint(SCHEME, pk))


# --- Comments -----------------------------------------------------------------------------------


def _commented(raw: Raw, delivery: Delivery, where: _Where) -> Iterable[Inbound]:
    comment = _comment.decode(raw)
    post = delivery.media
    pk = str(comment.pk)
    author = comment.user_id if comment.user is None else comment.user.pk
    at = comment.created_at_utc or comment.created_at
    if post is None or not author or not pk or at is None:
        raise ValueError("a comment without an author or a time")
    sent_at = _time(int(at * 1_000_000))
    if str(author) == where.viewer:
        if pk in where.sent:
            yield _arrived(pk, where.sent[pk], where, sent_at)
        return
    root = str(comment.parent_comment_id or pk)
    answered = comment.replied_to_comment_id or comment.parent_comment_id
    gif = None if comment.giphy_media_info is None else animation(comment.giphy_media_info)
    yield InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=pk,
        conversation=public_thread(post.id, root, str(author)),
        sender=Sender(point=ContactPoint(SCHEME, str(author)))
        if comment.user is None
        else _sender(comment.user),
        sent_at=sent_at,
        text=comment.text,
        attachments=() if gif is None else (gif,),
        reply_to=None if answered is None else str(answered),
        public=True,
    )


def public_thread(post: str, root: str, author: str) -> str:
    """One conversation for each author and thread under a post."""
    return f"{post}:{root}:{author}"


# --- Values -------------------------------------------------------------------------------------


def _arrived(external_id: str, ours: Ours, where: _Where, at: datetime) -> DeliveryReport:
    return DeliveryReport(
        channel=where.channel,
        account=where.account,
        state=DeliveryState.SENT,
        at=at,
        external_id=external_id,
        message_id=ours.message_id,
        names=True,
        part=ours.part,
    )


def _sender(user: User) -> Sender:
    name = (user.full_name or "").strip() or user.username or None
    return Sender(point=ContactPoint(SCHEME, str(user.pk)), name=name)


def _time(microseconds: Id) -> datetime:
    """Instagram's own count from 1970 in UTC. Raises: ValueError, OverflowError."""
    return _EPOCH + timedelta(microseconds=int(microseconds))
