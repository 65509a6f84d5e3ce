"""A reply's part as the Cloud API's messages.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api
"""

from typing import Any

from connectors.base import Rejected
from connectors.whatsapp.meta.templates import components
from connectors.whatsapp.people import is_number
from registry.types import AttachmentKind, OutboundFile, OutboundMessage

KINDS = {
    AttachmentKind.PHOTO: "image",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.AUDIO: "audio",
    AttachmentKind.VOICE: "audio",
    AttachmentKind.DOCUMENT: "document",
}
"""What the API calls the kinds of file that we send."""


def text(message: OutboundMessage) -> dict[str, Any]:
    """The part's text, without a preview of its links."""
    if not message.text:
        raise Rejected("There is nothing to send.")
    return _message(message, "text", {"preview_url": False, "body": message.text})


def place(message: OutboundMessage, file: OutboundFile) -> dict[str, Any]:
    """A point on the map. Raises: Rejected."""
    if file.latitude is None or file.longitude is None:
        raise Rejected("The place has no coordinates.")
    told: dict[str, Any] = {"latitude": file.latitude, "longitude": file.longitude}
    if file.name:
        told["name"] = file.name
    return _message(message, "location", told)


def media(message: OutboundMessage, file: OutboundFile, media_id: str) -> dict[str, Any]:
    """A file that has been uploaded, with the part's text as its caption."""
    kind = KINDS[file.kind]
    told: dict[str, Any] = {"id": media_id}
    if message.text:
        told["caption"] = message.text
    if kind == "document" and file.name:
        told["filename"] = file.name
    if file.kind is AttachmentKind.VOICE:
        told["voice"] = True
    return _message(message, kind, told)


def template(message: OutboundMessage) -> dict[str, Any]:
    """An approved template, filled in."""
    chosen = message.template
    assert chosen is not None
    told: dict[str, Any] = {"name": chosen.id, "language": {"code": chosen.language}}
    filled = components(chosen.variables)
    if filled:
        told["components"] = filled
    return _message(message, "template", told)


def _message(message: OutboundMessage, kind: str, told: dict[str, Any]) -> dict[str, Any]:
    to = message.conversation
    if not to:
        raise Rejected("The message is to nobody.")
    made: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        # A business-scoped user id has a field of its own.
        "to" if is_number(to) else "recipient": to,
        "type": kind,
        kind: told,
        # Comes back in every status, should the answer to this call be lost.
        "biz_opaque_callback_data": f"{message.message_id}:{message.part}",
    }
    if message.reply_to is not None and message.template is None:
        made["context"] = {"message_id": message.reply_to}
    return made
