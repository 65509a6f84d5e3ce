"""A reply's part as calls of Telegram's: nothing in it is markup, files go out as they are read."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from aiogram import Bot
from aiogram.methods import (
    SendAudio,
    SendDocument,
    SendLocation,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
    SendVideo,
    SendVoice,
    TelegramMethod,
)
from aiogram.types import (
    InputFile,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    LinkPreviewOptions,
    ReplyParameters,
)

from connectors.base import Rejected
from connectors.telegram.limits import ALBUMS, MAX_ALBUM
from registry.types import AttachmentKind, OutboundFile, OutboundMessage

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class Upload(InputFile):
    """A file on its way out, never whole in memory."""

    def __init__(self, file: OutboundFile) -> None:
        super().__init__(filename=_file_name(file.name))
        self.file = file
        self.whole = False
        """Every byte of it was read for the call under way."""

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        self.whole = False
        async for chunk in self.file.stream():
            yield chunk
        self.whole = True


@dataclass(frozen=True, slots=True)
class Sending:
    """One call, and the files that go with it."""

    method: TelegramMethod[Any]
    uploads: tuple[Upload, ...] = ()

    def to(self, chat: int) -> Self:
        """The same to another chat."""
        return replace(self, method=self.method.model_copy(update={"chat_id": chat}))


def call_for(message: OutboundMessage) -> Sending:
    """The call that carries one part. Raises: Rejected when Telegram has none for it."""
    chat = _chat(message.conversation)
    reply = _reply(message)
    text = _sendable(message.text)
    files = message.attachments
    if not files:
        if not text:
            raise Rejected("There is nothing to send.")
        return _text(chat, text, reply)
    if len(files) > 1:
        return _album(chat, files, text, reply)
    (file,) = files
    if file.kind is AttachmentKind.LOCATION:
        if text:
            raise Rejected("A place on Telegram carries no text: send the text by itself.")
        return _location(chat, file, reply)
    return _file(chat, file, text or None, reply)


def _text(chat: int, text: str, reply: ReplyParameters | None) -> Sending:
    return Sending(
        SendMessage(
            chat_id=chat,
            text=text,
            parse_mode=None,
            entities=None,
            link_preview_options=_NO_PREVIEW,
            reply_parameters=reply,
        )
    )


def _location(chat: int, file: OutboundFile, reply: ReplyParameters | None) -> Sending:
    if file.latitude is None or file.longitude is None:
        raise Rejected("The place has no coordinates.")
    return Sending(
        SendLocation(
            chat_id=chat,
            latitude=file.latitude,
            longitude=file.longitude,
            reply_parameters=reply,
        )
    )


def _file(
    chat: int, file: OutboundFile, caption: str | None, reply: ReplyParameters | None
) -> Sending:
    upload = Upload(file)
    common: dict[str, Any] = {
        "chat_id": chat,
        "caption": caption,
        "parse_mode": None,
        "caption_entities": None,
        "reply_parameters": reply,
    }
    method: TelegramMethod[Any]
    match file.kind:
        case AttachmentKind.PHOTO:
            method = SendPhoto(photo=upload, **common)
        case AttachmentKind.VIDEO:
            method = SendVideo(video=upload, supports_streaming=True, **common)
        case AttachmentKind.AUDIO:
            method = SendAudio(audio=upload, **common)
        case AttachmentKind.VOICE:
            method = SendVoice(voice=upload, **common)
        case AttachmentKind.DOCUMENT:
            method = SendDocument(document=upload, disable_content_type_detection=True, **common)
        case _:
            raise Rejected(f"Telegram carries no {file.kind} of ours.")
    return Sending(method, (upload,))


_ALBUM_MEDIA = {
    AttachmentKind.PHOTO: InputMediaPhoto,
    AttachmentKind.VIDEO: InputMediaVideo,
    AttachmentKind.AUDIO: InputMediaAudio,
    AttachmentKind.DOCUMENT: InputMediaDocument,
}


def _album(
    chat: int, files: Sequence[OutboundFile], caption: str, reply: ReplyParameters | None
) -> Sending:
    """The caption of an album is that of its first item: Telegram shows it under the whole."""
    kinds = {file.kind for file in files}
    if len(files) > MAX_ALBUM or not any(kinds <= together for together in ALBUMS):
        raise Rejected("These attachments cannot go together in one Telegram message.")
    uploads = tuple(Upload(file) for file in files)
    media: list[Any] = [
        _ALBUM_MEDIA[file.kind](
            media=upload,
            caption=caption or None if upload is uploads[0] else None,
            parse_mode=None,
            caption_entities=None,
        )
        for file, upload in zip(files, uploads, strict=True)
    ]
    return Sending(SendMediaGroup(chat_id=chat, media=media, reply_parameters=reply), uploads)


def _chat(conversation: str) -> int:
    try:
        return int(conversation)
    except ValueError:
        raise Rejected(f"Telegram has no conversation {conversation!r}.") from None


def _reply(message: OutboundMessage) -> ReplyParameters | None:
    """A pressed button and a message of another chat cannot be pointed at."""
    chat, _, answered = (message.reply_to or "").rpartition(":")
    if chat != message.conversation or not answered.isdecimal():
        return None
    return ReplyParameters(message_id=int(answered), allow_sending_without_reply=True)


def _sendable(text: str) -> str:
    """The text as UTF-8 can carry it: halves of surrogate pairs become the replacement mark."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _file_name(name: str) -> str:
    """A name that stands in a form's header: no control characters, no quotes."""
    kept = "".join(c for c in _sendable(name) if c.isprintable() and c not in '"\\')
    return kept.strip() or "file"
