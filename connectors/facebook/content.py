"""What a message holds: its text, its files, and readable words for everything else."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from connectors.facebook import deliveries
from registry.types import Attachment, AttachmentKind

MEDIA_HOSTS = (".fbcdn.net", ".fbsbx.com")
"""Where Meta keeps what people send."""

_FILES = {
    "image": AttachmentKind.PHOTO,
    "video": AttachmentKind.VIDEO,
    "audio": AttachmentKind.AUDIO,
    "file": AttachmentKind.DOCUMENT,
    "sticker": AttachmentKind.STICKER,
}
_SHARED = {
    "fallback": "link",
    "share": "link",
    "template": "card",
    "reel": "reel",
    "ig_reel": "Instagram reel",
    "post": "post",
    "ig_post": "Instagram post",
    "story_mention": "story",
    "ig_story": "Instagram story",
}
"""What is shown in words and with its link, and what it is then called."""
_LIKES = frozenset({"369239263222822", "369239343222814", "369239383222810"})
"""The thumb that stands beside Messenger's text field, in its three sizes."""
_MIMES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "wav": "audio/wav",
    "pdf": "application/pdf",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "txt": "text/plain",
    "zip": "application/zip",
}
_LONGEST_NAME = 150
_NO_FILES: tuple[Attachment, ...] = ()


class Content(NamedTuple):
    text: str
    attachments: tuple[Attachment, ...] = _NO_FILES
    unreadable: bool = False


def content_of(message: deliveries.Message) -> Content:
    """The text and the attachments of a message; a placeholder for what cannot be shown."""
    text = message.text or ""
    if not message.attachments:
        if not text and message.quick_reply is not None:
            text = message.quick_reply.payload or ""
        return Content(text) if text else unreadable("", ["unknown"])
    files: list[Attachment] = []
    lines = [text] if text else []
    unknown = []
    for attachment in _without_twins(message.attachments):
        if attachment.type in _FILES or attachment.type == "location":
            found = _file(attachment) or _place(attachment)
            if found is None:
                unknown.append(attachment.type)
                continue
            files.append(found)
            if found.kind is AttachmentKind.STICKER and _is_like(attachment):
                lines.append("👍")
            continue
        said = _in_words(attachment, text)
        if said is None:
            unknown.append(attachment.type)
        elif said:
            lines.append(said)
    whole = Content("\n".join(lines), tuple(files))
    return unreadable(whole.text, unknown, whole.attachments) if unknown else whole


def unreadable(
    said: str, kinds: Sequence[str], attachments: tuple[Attachment, ...] = _NO_FILES
) -> Content:
    """What stands in the thread for a message, or a part of one, that cannot be read."""
    named = ", ".join(sorted(set(kinds)))
    notice = f"[A Facebook message of a kind that cannot be shown here: {named}.]"
    return Content(f"{said}\n{notice}" if said else notice, attachments, unreadable=True)


def file_at(url: str, kind: AttachmentKind) -> Attachment:
    """A file of Meta's: its address, which holds a signature of Meta's and nothing of ours."""
    name = _name(url)
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    mime = _MIMES.get(ending)
    if kind is AttachmentKind.AUDIO and name.startswith("audioclip"):
        kind = AttachmentKind.VOICE
    if mime == "video/mp4" and kind in {AttachmentKind.AUDIO, AttachmentKind.VOICE}:
        mime = "audio/mp4"
    told = name if kind is AttachmentKind.DOCUMENT and name else None
    return Attachment(kind=kind, ref=url, name=told, mime=mime)


def _without_twins(attachments: list[deliveries.Attachment]) -> Iterator[deliveries.Attachment]:
    """For a while a sticker came twice: as a sticker, and as the picture it had been before.

    Source: https://developers.facebook.com/documentation/business-messaging/messenger-platform/changelog
    """
    stickers = {_sticker(one) for one in attachments if one.type == "sticker"}
    for one in attachments:
        if one.type == "image" and stickers and _sticker(one) in stickers - {None}:
            continue
        yield one


def _sticker(attachment: deliveries.Attachment) -> str | None:
    payload = attachment.payload
    return None if payload is None or payload.sticker_id is None else str(payload.sticker_id)


def _is_like(attachment: deliveries.Attachment) -> bool:
    return _sticker(attachment) in _LIKES


def _file(attachment: deliveries.Attachment) -> Attachment | None:
    kind = _FILES.get(attachment.type)
    url = _url(attachment)
    if kind is None or url is None:
        return None
    if kind is AttachmentKind.PHOTO and _sticker(attachment) is not None:
        kind = AttachmentKind.STICKER
    return file_at(url, kind)


def _place(attachment: deliveries.Attachment) -> Attachment | None:
    payload = attachment.payload
    if payload is None or payload.coordinates is None:
        return None
    return Attachment(
        kind=AttachmentKind.LOCATION,
        name=attachment.title or payload.title or None,
        latitude=payload.coordinates.lat,
        longitude=payload.coordinates.long,
    )


def _in_words(attachment: deliveries.Attachment, text: str) -> str | None:
    """A shared thing as a line; empty when the text says it already, None for an unknown thing."""
    called = _SHARED.get(attachment.type)
    title, url = _title(attachment), _url(attachment)
    if title is None and url is None:
        return None
    called = called or attachment.type.replace("_", " ")
    if url is not None and url in text:
        return "" if title is None or called == "link" else f"[{called}] {title}"
    return " ".join(part for part in (f"[{called}]", title, url) if part)


def _title(attachment: deliveries.Attachment) -> str | None:
    payload = attachment.payload
    if attachment.title:
        return attachment.title
    if payload is None:
        return None
    elements = payload.elements or (payload.product.elements if payload.product else None) or ()
    named = (element.title or element.subtitle for element in elements)
    return payload.title or payload.text or ", ".join(name for name in named if name) or None


def _url(attachment: deliveries.Attachment) -> str | None:
    payload = attachment.payload
    return (payload.url if payload is not None else None) or attachment.url or None


def _name(url: str) -> str:
    """The last part of an address's path: Meta puts a file's own name there."""
    name = url.partition("?")[0].rpartition("/")[2]
    if "%" in name:
        name = unquote(name, errors="replace")
    kept = "".join(char for char in name if char.isprintable() and char not in '/\\"')
    return kept[-_LONGEST_NAME:].strip()
