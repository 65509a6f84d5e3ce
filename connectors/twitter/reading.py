"""What a delivery means: the core's values from X's shapes, pure and without I/O.

A message has the same external id whichever way it came: the id of the post, or of the event of
the direct messages. X's own name for a delivery (`event_uuid`) is of no use for that: the same
message comes again under another one, and by polling under none.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from connectors.base import Malformed
from connectors.twitter.contents import files_of, legacy_files_of, shown
from connectors.twitter.shapes import (
    Activity,
    Delivery,
    Entities,
    Includes,
    Item,
    LegacyDeletion,
    LegacyMessage,
    LegacyPost,
    MarkRead,
    Media,
    Told,
    User,
    post_of,
    read_delivery,
    told_of,
)
from connectors.twitter.snowflake import time_of, within_second
from registry.types import (
    Attachment,
    ContactPoint,
    DeliveryReport,
    DeliveryState,
    Echo,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Sender,
    Unreadable,
)

SCHEME = "twitter"
"""The contact point's scheme; its value is the user's number, which never changes."""
_POSTED = frozenset(
    {"post.mention.create", "post.reply.create", "post.create", "post.quote.create"}
)
_TOLD = frozenset({"dm.received", "dm.sent", "dm.read"})


class Where(Struct, frozen=True, kw_only=True):
    """The account that a delivery came to, and when."""

    channel: str
    account: str
    user_id: str
    received_at: datetime
    max_media: int
    """Bytes of a video that can be fetched: of several qualities the best within is taken."""


def inbound(body: bytes, where: Where) -> Sequence[Inbound]:
    """What a delivery brings: nothing for a kind that is of no concern. Raises: Malformed."""
    delivery, unread = read_delivery(body)
    values: list[Inbound] = list(unread)
    data = delivery.data
    if isinstance(data, Activity):
        values += _activity(data, where)
    elif isinstance(data, list):
        # A page begins with the newest.
        people, media = _people(delivery.includes), _media(delivery.includes)
        for number in range(len(data) - 1, -1, -1):
            item = data[number]
            if item is not None:
                values += _item(item, f"data[{number}]", people, media, where)
    elif delivery.for_user_id == where.user_id:
        values += _account_activity(delivery, where)
    return values


def conversation_with(user: str, other: str) -> str:
    """X's name for the direct messages of two: the smaller number stands first.

    Source: https://docs.x.com/x-api/direct-messages/lookup/integrate
    """
    first, second = sorted((user, other), key=int)
    return f"{first}-{second}"


def other_of(conversation: str, user_id: str) -> str | None:
    """The other one of the two; None for a group, and for a note to oneself."""
    one, dash, two = conversation.partition("-")
    if not dash or not all(part.isascii() and part.isdecimal() for part in (one, two)):
        return None
    if len(one) > 19 or len(two) > 19 or one == two or user_id not in (one, two):
        return None
    return two if one == user_id else one


# --- The three kinds of delivery ----------------------------------------------------------------


def _activity(event: Activity, where: Where) -> Sequence[Inbound]:
    if event.filter is None or event.filter.user_id != where.user_id:
        return ()  # one webhook may serve several accounts of an app
    kind = event.event_type
    if kind in _POSTED:
        post = post_of(event)
        return _post(post, _people(event.includes), _media(event.includes), where)
    if kind in _TOLD:
        told, unread = told_of(event)
        return [*unread, *_told(told, where)]
    if kind == "post.delete":
        post = post_of(event)
        return (_deleted(post.id, where.received_at, where),)
    return ()


def _account_activity(delivery: Delivery, where: Where) -> list[Inbound]:
    """Source: https://docs.x.com/x-api/account-activity/introduction"""
    told = Told(
        direct_message_events=delivery.direct_message_events,
        direct_message_mark_read_events=delivery.direct_message_mark_read_events,
        tweet_create_events=delivery.tweet_create_events,
        tweet_delete_events=delivery.tweet_delete_events,
        users=delivery.users,
    )
    return _told(told, where)


def _told(told: Told, where: Where) -> list[Inbound]:
    values: list[Inbound] = []
    people = {key: user.data or user for key, user in told.users.items()}
    for message in told.direct_message_events:
        values += _legacy_message(message, people, where)
    for read in told.direct_message_mark_read_events:
        values += _read(read, where)
    for post in told.tweet_create_events:
        values += _legacy_post(post, where)
    values += [_legacy_deletion(deletion, where) for deletion in told.tweet_delete_events]
    return values


def _item(
    item: Item, path: str, people: Mapping[str, User], media: Mapping[str, Media], where: Where
) -> Sequence[Inbound]:
    try:
        if item.event_type is None:
            return _post(item, people, media, where)
        return _message(item, people, media, where)
    except Malformed as error:
        return (Unreadable(reason=str(error), item=path),)


# --- Posts --------------------------------------------------------------------------------------


def _post(
    post: Item, people: Mapping[str, User], media: Mapping[str, Media], where: Where
) -> Sequence[Inbound]:
    """A post that mentions us; our own, and one that only repeats another, are nobody's message."""
    if post.author_id is None:
        raise Malformed("The post does not tell its author.")
    references = {reference.type: reference.id for reference in reversed(post.referenced_tweets)}
    if post.author_id == where.user_id or "retweeted" in references:
        return ()
    note = post.note_tweet
    long = note is not None and bool(note.text)
    text = note.text if note is not None and long else post.text
    entities = note.entities if note is not None and long else post.entities
    keys = post.attachments.media_keys if post.attachments is not None else []
    files, missing = files_of(keys, media, where.max_media)
    links = [] if entities is None else entities.urls
    if long and post.entities is not None:
        links = [*links, *post.entities.urls]
    return _public(
        post.id,
        author=_sender(post.author_id, people),
        root=post.conversation_id or post.id,
        text=shown(text, links),
        files=files,
        missing=missing,
        reply_to=references.get("replied_to") or references.get("quoted"),
        told_at=post.created_at,
        history=post.edit_history_tweet_ids,
        where=where,
    )


def _legacy_post(post: LegacyPost, where: Where) -> Sequence[Inbound]:
    """The older shape names no conversation: the post that is answered stands for its root."""
    if post.user.id_str == where.user_id or post.retweeted_status is not None:
        return ()
    extended = post.extended_tweet
    text, entities, carrier = post.text, post.entities, post.extended_entities
    if extended is not None and extended.full_text:
        text, entities = extended.full_text, extended.entities
        carrier = extended.extended_entities or carrier
    media = (carrier or entities or Entities()).media
    files, missing = legacy_files_of(media, where.max_media)
    person = User(id=post.user.id_str, name=post.user.name, screen_name=post.user.screen_name)
    return _public(
        post.id_str,
        author=_sender(post.user.id_str, {post.user.id_str: person}),
        root=post.conversation_id_str or post.in_reply_to_status_id_str or post.id_str,
        text=shown(text, [] if entities is None else entities.urls, media),
        files=files,
        missing=missing,
        reply_to=post.in_reply_to_status_id_str or post.quoted_status_id_str,
        told_at=_at(post.timestamp_ms),
        history=[] if post.edit_history is None else post.edit_history.edit_tweet_ids,
        where=where,
    )


def _public(
    post_id: str,
    *,
    author: Sender,
    root: str,
    text: str,
    files: tuple[Attachment, ...],
    missing: int,
    reply_to: str | None,
    told_at: datetime | None,
    history: Sequence[str],
    where: Where,
) -> Sequence[Inbound]:
    """A post as one message of its author in its thread.

    Each edit of a post is a new post with the ids of all before it. They are one message, under
    the first one's id: so the edit finds what was registered, and what it answers stays.

    Source: https://docs.x.com/x-api/fundamentals/edit-posts
    """
    first = history[0] if post_id in history else post_id
    edited_at = _utc(told_at) or time_of(post_id) or where.received_at
    sent_at = edited_at if first == post_id else time_of(first) or edited_at
    message = _placed(
        InboundMessage(
            channel=where.channel,
            account=where.account,
            external_id=first,
            conversation=f"{first if root in history else root}/{author.point.value}",
            sender=author,
            sent_at=sent_at,
            text=text,
            sequence=within_second(first),
            attachments=files,
            reply_to=reply_to,
            public=True,
        ),
        missing,
    )
    return (message if first == post_id else MessageEdited(message=message, edited_at=edited_at),)


def _legacy_deletion(deletion: LegacyDeletion, where: Where) -> MessageDeleted:
    at = _at(deletion.timestamp_ms) or where.received_at
    return _deleted(deletion.status.id, at, where)


def _deleted(post_id: str, at: datetime, where: Where) -> MessageDeleted:
    return MessageDeleted(channel=where.channel, account=where.account, external_id=post_id, at=at)


# --- Direct messages ----------------------------------------------------------------------------


def _message(
    event: Item, people: Mapping[str, User], media: Mapping[str, Media], where: Where
) -> Sequence[Inbound]:
    """A direct message as polling fetches it; nothing for what happens in a group."""
    if event.event_type != "MessageCreate":
        return ()
    other = other_of(event.dm_conversation_id or "", where.user_id)
    if other is None:
        return ()
    if event.sender_id is None:
        raise Malformed("The direct message does not tell its sender.")
    keys = event.attachments.media_keys if event.attachments is not None else []
    files, missing = files_of(keys, media, where.max_media)
    links = event.urls if event.entities is None else [*event.entities.urls, *event.urls]
    return _private(
        event.id,
        sender_id=event.sender_id,
        other=_sender(other, people),
        text=shown(event.text, links),
        files=files,
        missing=missing,
        told_at=event.created_at,
        where=where,
    )


def _legacy_message(
    message: LegacyMessage, people: Mapping[str, User], where: Where
) -> Sequence[Inbound]:
    """A direct message as both kinds of webhook tell it."""
    created = message.message_create
    if created is None or created.target is None or created.target.recipient_id is None:
        return ()
    pair = (created.sender_id, created.target.recipient_id)
    if where.user_id not in pair or pair[0] == pair[1]:
        return ()
    other = pair[1] if pair[0] == where.user_id else pair[0]
    data, media, missing = created.message_data, [], 0
    if data.attachment is not None:
        if data.attachment.media is not None:
            media = [data.attachment.media]
        else:
            missing = 1
    files, lost = legacy_files_of(media, where.max_media)
    return _private(
        message.id,
        sender_id=created.sender_id,
        other=_sender(other, people),
        text=shown(data.text, [] if data.entities is None else data.entities.urls, media),
        files=files,
        missing=missing + lost,
        told_at=_at(message.created_timestamp),
        where=where,
    )


def _private(
    event_id: str,
    *,
    sender_id: str,
    other: Sender,
    text: str,
    files: tuple[Attachment, ...],
    missing: int,
    told_at: datetime | None,
    where: Where,
) -> Sequence[Inbound]:
    """A citizen's direct message, or an echo of ours from X's own app."""
    sent_at = _utc(told_at) or time_of(event_id) or where.received_at
    conversation = conversation_with(where.user_id, other.point.value)
    if sender_id == where.user_id:
        return (
            Echo(
                channel=where.channel,
                account=where.account,
                external_id=event_id,
                conversation=conversation,
                recipient=other,
                sent_at=sent_at,
                text=text,
                attachments=files,
            ),
        )
    message = InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=event_id,
        conversation=conversation,
        sender=other,
        sent_at=sent_at,
        text=text,
        sequence=within_second(event_id),
        attachments=files,
    )
    return (_placed(message, missing),)


def _read(read: MarkRead, where: Where) -> Sequence[Inbound]:
    """The citizen has read up to a message: all of ours until then are read."""
    if read.sender_id == where.user_id:
        return ()
    at = _at(read.created_timestamp) or where.received_at
    last = None if read.last_read_event_id is None else time_of(read.last_read_event_id)
    return (
        DeliveryReport(
            channel=where.channel,
            account=where.account,
            state=DeliveryState.READ,
            at=at,
            conversation=conversation_with(where.user_id, read.sender_id),
            watermark=last or at,
        ),
    )


# --- What a message holds -----------------------------------------------------------------------


def _placed(message: InboundMessage, missing: int) -> InboundMessage:
    """The message, with a visible word for what of it cannot be shown."""
    if missing:
        notice = "[An attachment on X that cannot be shown here.]"
    elif not message.text and not message.attachments:
        notice = "[A message on X of a kind that cannot be shown here.]"
    else:
        return message
    text = f"{message.text}\n{notice}" if message.text else notice
    return InboundMessage(
        channel=message.channel,
        account=message.account,
        external_id=message.external_id,
        conversation=message.conversation,
        sender=message.sender,
        sent_at=message.sent_at,
        text=text,
        sequence=message.sequence,
        attachments=message.attachments,
        reply_to=message.reply_to,
        public=message.public,
        unreadable=True,
    )


# --- People and times ---------------------------------------------------------------------------


def _people(includes: Includes | None) -> Mapping[str, User]:
    if includes is None:
        return {}
    users = (user.data or user for user in includes.users)
    return {user.id: user for user in users if user.id is not None}


def _media(includes: Includes | None) -> Mapping[str, Media]:
    return {} if includes is None else {file.media_key: file for file in includes.media}


def _sender(user_id: str, people: Mapping[str, User]) -> Sender:
    """Who wrote: the name they chose, and without one the @name."""
    user = people.get(user_id)
    name = None
    if user is not None:
        handle = user.username or user.screen_name
        name = user.name or (f"@{handle}" if handle else None)
    return Sender(point=ContactPoint(SCHEME, user_id), name=name)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _at(milliseconds: str | None) -> datetime | None:
    if milliseconds is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except OverflowError:
        return None


def _utc(moment: datetime | None) -> datetime | None:
    """A moment in UTC; None for one so early or late that UTC cannot have it."""
    if moment is None or moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None
