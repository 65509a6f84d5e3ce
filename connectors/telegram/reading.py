"""What an update means: the core's values from Telegram's shapes, pure and without I/O."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from connectors.kit.moments import Seconds
from connectors.telegram.updates import (
    BareMessage,
    CallbackQuery,
    ChatMemberUpdated,
    Emoji,
    Entity,
    File,
    Message,
    Origin,
    ReactionUpdated,
    Unread,
    Update,
    User,
    content_keys,
)
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactEvent,
    ContactPoint,
    Inbound,
    InboundMessage,
    MessageEdited,
    Reaction,
    Sender,
)

SCHEME = "telegram"
"""The contact point's scheme; its value is the user's id, which never changes."""
ALLOWED_UPDATES = [
    "message",
    "edited_message",
    "message_reaction",
    "callback_query",
    "my_chat_member",
]
"""The kinds of update the hub reads, asked for by webhook and by polling alike."""

_ENVELOPE = frozenset(
    """
    message_id message_thread_id direct_messages_topic from sender_chat sender_boost_count
    sender_business_bot sender_tag guest_query_id guest_bot_caller_user guest_bot_caller_chat
    date business_connection_id chat forward_origin forward_date forward_from forward_from_chat
    forward_from_message_id forward_sender_name forward_signature is_topic_message
    is_automatic_forward reply_to_message external_reply quote reply_to_story
    reply_to_checklist_task_id reply_to_poll_option_id via_bot edit_date has_protected_content
    is_from_offline is_paid_post media_group_id author_signature paid_star_count entities
    link_preview_options suggested_post_info effect_id caption caption_entities
    show_caption_above_media has_media_spoiler reply_markup receiver_user ephemeral_message_id
    """.split()  # noqa: SIM905 - a table of fifty words
)
"""Fields of a message that are about it rather than in it."""

_SERVICE = frozenset(
    """
    boost_added channel_chat_created chat_background_set chat_owner_changed chat_owner_left
    checklist_tasks_added checklist_tasks_done community_chat_added community_chat_joined
    community_chat_removed connected_website delete_chat_photo direct_message_price_changed
    forum_topic_closed forum_topic_created forum_topic_edited forum_topic_reopened
    general_forum_topic_hidden general_forum_topic_unhidden giveaway_completed giveaway_created
    group_chat_created left_chat_member managed_bot_created message_auto_delete_timer_changed
    migrate_from_chat_id migrate_to_chat_id new_chat_members new_chat_photo new_chat_title
    paid_message_price_changed pinned_message poll_option_added poll_option_deleted
    proximity_alert_triggered suggested_post_approval_failed suggested_post_approved
    suggested_post_declined suggested_post_paid suggested_post_refunded supergroup_chat_created
    video_chat_ended video_chat_participants_invited video_chat_scheduled video_chat_started
    write_access_allowed
    """.split()  # noqa: SIM905
)
"""Messages that tell of a change in the chat: nobody wrote them, and nobody need read them."""


def inbound(
    update: Update | Unread,
    *,
    channel: str,
    account: str,
    body: bytes,
    received_at: datetime,
) -> Sequence[Inbound]:
    """What an update brings: nothing for an unknown kind, a group, or a change in the chat."""
    where = _Where(channel, account)
    if isinstance(update, Unread):
        return _unread(update, where, received_at)
    if update.message is not None:
        return _message(update.message, where, body)
    if update.callback_query is not None:
        return _pressed(update.callback_query, where, received_at)
    if update.edited_message is not None:
        return _edited(update.edited_message, where, body)
    if update.message_reaction is not None:
        return _reaction(update.message_reaction, where)
    if update.my_chat_member is not None:
        return _member(update.my_chat_member, where, update.update_id)
    return ()


def external_id(chat: int, message: int) -> str:
    """A message's id within the account: Telegram's own are unique within a chat alone."""
    return f"{chat}:{message}"


class _Where:
    """The account an update came to."""

    __slots__ = ("account", "channel")

    def __init__(self, channel: str, account: str) -> None:
        self.channel = channel
        self.account = account


# --- Kinds of update ----------------------------------------------------------------------------


def _message(message: Message, where: _Where, body: bytes) -> Sequence[Inbound]:
    text = message.text
    if text is not None and text.startswith("/start") and message.forward_origin is None:
        command, _, payload = text.partition(" ")
        if command == "/start" or command.startswith("/start@"):
            return _started(message, where, payload.strip() or None)
    read = _read(message, where, body)
    return () if read is None else (read,)


def _edited(message: Message, where: _Where, body: bytes) -> Sequence[Inbound]:
    read = _read(message, where, body)
    if read is None:
        return ()
    return (MessageEdited(message=read, edited_at=_time(message.edit_date or message.date)),)


def _started(message: Message, where: _Where, payload: str | None) -> Sequence[Inbound]:
    if message.chat.type != "private" or message.sender is None:
        return ()
    return (
        ContactEvent(
            channel=where.channel,
            account=where.account,
            conversation=str(message.chat.id),
            kind="started",
            external_id=external_id(message.chat.id, message.message_id),
            sender=_sender(message.sender),
            at=_time(message.date),
            payload=payload,
        ),
    )


def _member(changed: ChatMemberUpdated, where: _Where, update_id: int) -> Sequence[Inbound]:
    """In a private chat this comes only when the person blocks or unblocks the bot."""
    if changed.chat.type != "private":
        return ()
    kind = {"kicked": "blocked", "member": "unblocked"}.get(changed.new_chat_member.status)
    if kind is None:
        return ()
    return (
        ContactEvent(
            channel=where.channel,
            account=where.account,
            conversation=str(changed.chat.id),
            kind=kind,
            external_id=f"{changed.chat.id}:member:{update_id}",
            sender=_sender(changed.sender),
            at=_time(changed.date),
        ),
    )


def _reaction(changed: ReactionUpdated, where: _Where) -> Sequence[Inbound]:
    if changed.chat.type != "private" or changed.user is None:
        return ()
    return (
        Reaction(
            channel=where.channel,
            account=where.account,
            conversation=str(changed.chat.id),
            external_id=external_id(changed.chat.id, changed.message_id),
            sender=_sender(changed.user),
            emoji=tuple(_emoji(one) for one in changed.new_reaction),
            at=_time(changed.date),
        ),
    )


def _emoji(reaction: Emoji) -> str:
    """A custom emoji is a picture: all that is told of it is a number."""
    return "⭐" if reaction.type == "paid" else reaction.emoji or "❔"


def _pressed(query: CallbackQuery, where: _Where, received_at: datetime) -> Sequence[Inbound]:
    """A pressed button is what the person says: its label, as they saw it."""
    message = query.message
    if message is None or message.chat.type != "private":
        return ()
    rows = message.reply_markup.inline_keyboard if message.reply_markup is not None else []
    labels = (b.text for row in rows for b in row if b.callback_data == query.data is not None)
    text = next(labels, None) or query.data or query.game_short_name or ""
    return (
        InboundMessage(
            channel=where.channel,
            account=where.account,
            external_id=f"callback:{query.id}",
            conversation=str(message.chat.id),
            sender=_sender(query.sender),
            sent_at=received_at,
            text=text,
            sequence=message.message_id,
            reply_to=external_id(message.chat.id, message.message_id),
        ),
    )


def _unread(update: Unread, where: _Where, received_at: datetime) -> Sequence[Inbound]:
    message = update.message or update.edited_message
    if message is None or message.chat.type != "private" or message.sender is None:
        return ()
    said = next((said for said in (message.text, message.caption) if isinstance(said, str)), "")
    try:
        sent_at = _time(msgspec.convert(message.date, Seconds))
    except msgspec.ValidationError:
        sent_at = received_at
    placeholder = _placeholder(message, message.sender, where, said=said, sent_at=sent_at)
    if update.message is None:
        return (MessageEdited(message=placeholder, edited_at=received_at),)
    return (placeholder,)


# --- A message's content ------------------------------------------------------------------------


def _read(message: Message, where: _Where, body: bytes) -> InboundMessage | None:
    """The message as the core has it, or None for what no person wrote to us in private."""
    chat, sender = message.chat, message.sender
    if chat.type != "private" or sender is None:
        return None
    attachments: tuple[Attachment, ...] = ()
    if message.text is not None:
        text = message.text
        if message.entities is not None:
            text = _with_links(text, message.entities)
    else:
        content = _content(message)
        if content is None:
            kinds = content_keys(body) - _ENVELOPE
            if kinds and kinds <= _SERVICE:
                return None
            said = _with_links(message.caption or "", message.caption_entities or ())
            return _placeholder(
                message,
                sender,
                where,
                said=said,
                sent_at=_time(message.date),
                kinds=kinds - _SERVICE,
            )
        text, attachments = content
    replied = message.reply_to_message
    return InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=external_id(chat.id, message.message_id),
        conversation=str(chat.id),
        sender=_sender(sender) if message.contact is None else _sender_with_card(message, sender),
        sent_at=_time(message.date),
        text=text,
        sequence=message.message_id,
        attachments=attachments,
        reply_to=None if replied is None else external_id(replied.chat.id, replied.message_id),
        group=message.media_group_id,
        origin=None if message.forward_origin is None else _origin(message.forward_origin),
    )


def _placeholder(
    message: Message | BareMessage,
    sender: User,
    where: _Where,
    *,
    said: str,
    sent_at: datetime,
    kinds: Iterable[str] = (),
) -> InboundMessage:
    """What stands in the thread for a message that cannot be read."""
    named = ", ".join(sorted(kinds)) or "unknown"
    notice = f"[A Telegram message of a kind that cannot be shown here: {named}.]"
    return InboundMessage(
        channel=where.channel,
        account=where.account,
        external_id=external_id(message.chat.id, message.message_id),
        conversation=str(message.chat.id),
        sender=_sender(sender),
        sent_at=sent_at,
        text=f"{said}\n{notice}" if said else notice,
        sequence=message.message_id,
        unreadable=True,
    )


def _content(message: Message) -> tuple[str, tuple[Attachment, ...]] | None:
    """The text and the attachments of a message without a text, or None for an unknown kind.

    Telegram also fills an older field for some kinds (an animation is a document too, a venue a
    location), so the newer one is asked first.
    """
    file = _file(message)
    if file is not None:
        return _with_links(message.caption or "", message.caption_entities or ()), (file,)
    if message.sticker is not None:
        sticker = message.sticker
        mime = "image/webp"
        if sticker.is_animated:
            mime = "application/x-tgsticker"
        elif sticker.is_video:
            mime = "video/webm"
        attachment = _attachment(AttachmentKind.STICKER, sticker, mime=mime)
        return sticker.emoji or "", (attachment,)
    if message.venue is not None:
        venue = message.venue
        text = "\n".join(line for line in (venue.title, venue.address) if line)
        return text, (_place(venue.location.latitude, venue.location.longitude, venue.title),)
    if message.location is not None:
        return "", (_place(message.location.latitude, message.location.longitude, None),)
    if message.contact is not None:
        card = message.contact
        name = _name(card.first_name, card.last_name)
        text = ", ".join(part for part in (name, card.phone_number) if part)
        return text, (Attachment(kind=AttachmentKind.CONTACT, name=name),)
    if message.poll is not None:
        options = (f"• {option.text}" for option in message.poll.options)
        return "\n".join((f"📊 {message.poll.question}", *options)), ()
    if message.dice is not None:
        return f"{message.dice.emoji} {message.dice.value}", ()
    return None


def _file(message: Message) -> Attachment | None:
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return _attachment(AttachmentKind.PHOTO, largest, mime="image/jpeg")
    video = message.animation or message.video or message.video_note
    if video is not None:
        return _attachment(AttachmentKind.VIDEO, video, mime="video/mp4")
    if message.voice is not None:
        return _attachment(AttachmentKind.VOICE, message.voice, mime="audio/ogg")
    if message.audio is not None:
        audio = message.audio
        title = " - ".join(part for part in (audio.performer, audio.title) if part)
        return _attachment(AttachmentKind.AUDIO, audio, mime="audio/mpeg", name=title or None)
    if message.document is not None:
        return _attachment(AttachmentKind.DOCUMENT, message.document, mime=None)
    return None


def _attachment(
    kind: AttachmentKind, file: File, *, mime: str | None, name: str | None = None
) -> Attachment:
    """A file to fetch. `mime` and `name` stand in where Telegram tells none."""
    return Attachment(
        kind=kind,
        ref=file.file_id,
        name=file.file_name or name,
        mime=file.mime_type or mime,
        size=file.file_size,
    )


def _place(latitude: float, longitude: float, name: str | None) -> Attachment:
    return Attachment(
        kind=AttachmentKind.LOCATION, name=name or None, latitude=latitude, longitude=longitude
    )


def _with_links(text: str, entities: Iterable[Entity]) -> str:
    """The text with the address of each hidden link in parentheses behind the link's own text.

    Telegram counts offsets in UTF-16 units.
    """
    links = [e for e in entities if e.type == "text_link" and e.url and e.offset >= 0]
    if not links:
        return text
    units = text.encode("utf-16-le")
    for link in sorted(links, key=lambda e: e.offset + e.length, reverse=True):
        start, end = link.offset * 2, (link.offset + max(link.length, 0)) * 2
        url = link.url or ""
        shown = units[start:end].decode("utf-16-le", "replace")
        if _bare(url) != _bare(shown):
            units = units[:end] + f" ({url})".encode("utf-16-le", "replace") + units[end:]
    return units.decode("utf-16-le", "replace")


def _bare(url: str) -> str:
    """An address as people write it, without its scheme and the last slash."""
    return url.strip().removeprefix("https://").removeprefix("http://").rstrip("/")


# --- People -------------------------------------------------------------------------------------


def _sender(user: User) -> Sender:
    return Sender(
        point=ContactPoint(SCHEME, str(user.id)),
        name=_name(user.first_name, user.last_name) or user.username,
        language=_language(user.language_code),
    )


def _sender_with_card(message: Message, user: User) -> Sender:
    """The sender, with their phone when the card they sent is their own.

    Telegram fills `user_id` from the phone itself, so another's number never passes for one's own.
    """
    card = message.contact
    sender = _sender(user)
    if card is None or card.user_id != user.id or message.forward_origin is not None:
        return sender
    digits = "".join(c for c in card.phone_number if c in "0123456789")
    if not digits:
        return sender
    return Sender(
        point=sender.point,
        name=sender.name,
        language=sender.language,
        also=(ContactPoint("tel", f"+{digits}"),),
    )


def _name(first: str | None, last: str | None) -> str | None:
    return " ".join(part for part in (first, last) if part).strip() or None


def _language(code: str | None) -> str | None:
    """The two letters of an IETF tag such as "en-US"; None for a language that has three."""
    if code is None or not code[:2].isalpha() or code[2:3] not in {"", "-", "_"}:
        return None
    return code[:2].lower() if len(code) > 1 else None


def _origin(origin: Origin) -> str:
    if origin.sender_user is not None:
        user = origin.sender_user
        return _with_handle(_name(user.first_name, user.last_name), user.username)
    if origin.sender_user_name is not None:
        return origin.sender_user_name
    chat = origin.chat or origin.sender_chat
    if chat is None:
        return "Telegram"
    name = _with_handle(chat.title, chat.username)
    return f"{name}, {origin.author_signature}" if origin.author_signature else name


def _with_handle(name: str | None, username: str | None) -> str:
    if username is None:
        return name or "Telegram"
    return f"{name} (@{username})" if name else f"@{username}"


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
