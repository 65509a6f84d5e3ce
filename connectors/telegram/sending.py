"""A reply's part as a call of Telegram's: nothing in it is markup."""

from collections.abc import Sequence
from typing import Any, TypeAlias

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
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
)

from connectors.base import Rejected
from connectors.kit.texts import sendable
from connectors.telegram.limits import ALBUMS, MAX_ALBUM
from connectors.telegram.request import Request, Upload
from registry.types import AttachmentKind, OutboundFile, OutboundMessage

_Reply: TypeAlias = dict[str, Any] | None
_NO_PREVIEW = {"is_disabled": True}


def call_for(message: OutboundMessage) -> Request:
    """The call that carries one part. Raises: Rejected when Telegram has none for it."""
    chat = _chat(message.conversation)
    reply = _reply(message)
    text = sendable(message.text)
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
    return _file(chat, file, text, reply)


def _text(chat: int, text: str, reply: _Reply) -> Request:
    return Request(
        SendMessage,
        {
            "chat_id": chat,
            "text": text,
            "link_preview_options": _NO_PREVIEW,
            "reply_parameters": reply,
        },
    )


def _location(chat: int, file: OutboundFile, reply: _Reply) -> Request:
    if file.latitude is None or file.longitude is None:
        raise Rejected("The place has no coordinates.")
    return Request(
        SendLocation,
        {
            "chat_id": chat,
            "latitude": file.latitude,
            "longitude": file.longitude,
            "reply_parameters": reply,
        },
    )


_FILES: dict[AttachmentKind, tuple[type[TelegramMethod[Any]], dict[str, Any]]] = {
    AttachmentKind.PHOTO: (SendPhoto, {}),
    AttachmentKind.VIDEO: (SendVideo, {"supports_streaming": True}),
    AttachmentKind.AUDIO: (SendAudio, {}),
    AttachmentKind.VOICE: (SendVoice, {}),
    AttachmentKind.DOCUMENT: (SendDocument, {"disable_content_type_detection": True}),
}
"""The method of each kind, whose parameter bears the kind's name, and what it is told besides."""


def _file(chat: int, file: OutboundFile, caption: str, reply: _Reply) -> Request:
    if file.kind not in _FILES:
        raise Rejected(f"Telegram carries no {file.kind} of ours.")
    method, besides = _FILES[file.kind]
    upload = Upload(file)
    params = {
        "chat_id": chat,
        str(file.kind): upload,
        "caption": caption or None,
        "reply_parameters": reply,
        **besides,
    }
    return Request(method, params, (upload,))


_ALBUM_MEDIA = {
    AttachmentKind.PHOTO: InputMediaPhoto,
    AttachmentKind.VIDEO: InputMediaVideo,
    AttachmentKind.AUDIO: InputMediaAudio,
    AttachmentKind.DOCUMENT: InputMediaDocument,
}


def _album(chat: int, files: Sequence[OutboundFile], caption: str, reply: _Reply) -> Request:
    """The caption of an album is that of its first item: Telegram shows it under the whole."""
    kinds = {file.kind for file in files}
    if len(files) > MAX_ALBUM or not any(kinds <= together for together in ALBUMS):
        raise Rejected("These attachments cannot go together in one Telegram message.")
    uploads = tuple(Upload(file) for file in files)
    media = [
        _ALBUM_MEDIA[upload.file.kind](
            media=upload, caption=caption or None if upload is uploads[0] else None
        )
        for upload in uploads
    ]
    params = {"chat_id": chat, "media": media, "reply_parameters": reply}
    return Request(SendMediaGroup, params, uploads)


def _chat(conversation: str) -> int:
    try:
        return int(conversation)
    except ValueError:
        raise Rejected(f"Telegram has no conversation {conversation!r}.") from None


def _reply(message: OutboundMessage) -> _Reply:
    """A pressed button and a message of another chat cannot be pointed at."""
    if message.reply_to is None:
        return None
    chat, _, answered = message.reply_to.rpartition(":")
    if chat != message.conversation or not answered.isdecimal():
        return None
    return {"message_id": int(answered), "allow_sending_without_reply": True}
