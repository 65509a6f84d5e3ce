"""A reply's part as a call of the Graph API: a message, a comment's reply, or a private reply.

Sources: https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/messaging-api,
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment/replies,
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/mentions
"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from connectors.base import Rejected
from connectors.instagram.graph.reading import MENTION
from connectors.kit.human_agent import tag_for
from registry.types import AttachmentKind, OutboundFile, OutboundMessage

_TYPES = {
    AttachmentKind.PHOTO: "image",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.AUDIO: "audio",
    AttachmentKind.VOICE: "audio",
    AttachmentKind.DOCUMENT: "file",
}
_TOO_LATE = (
    "The person wrote more than {hours} hours ago, and Instagram carries no reply after that."
)
_LONGEST_ID = 32


class Request(Struct, frozen=True):
    """A call that a citizen sees the effect of."""

    path: str
    data: dict[str, Any]


class Taken(Struct, frozen=True):
    """What Meta answers: a message's id, or a comment's."""

    message_id: str | None = None
    id: str | None = None


def request_for(
    message: OutboundMessage, *, ours: str, human_agent: bool, now: datetime
) -> Request:
    """The call that carries one part; `ours` is the account's id.

    Raises: Rejected when Instagram has none for it, WindowClosed when it would come too late.
    """
    if message.private_reply:
        return _private_reply(message)
    if message.public:
        return _comment(message, ours)
    return _direct(message, human_agent=human_agent, now=now)


def comment_id(external_id: str | None) -> str:
    """The id as a part of an address. Raises: Rejected."""
    if external_id is None or not _is_id(external_id):
        raise Rejected("Instagram has no such comment.")
    return external_id


def _direct(message: OutboundMessage, *, human_agent: bool, now: datetime) -> Request:
    if not _is_id(message.conversation):
        raise Rejected(f"Instagram has no conversation {message.conversation[:40]!r}.")
    recipient = {"id": message.conversation}
    data: dict[str, Any] = {"recipient": recipient, "message": _content(message)}
    tag = tag_for(message.last_inbound_at, now, human_agent=human_agent, too_late=_TOO_LATE)
    return Request("me/messages", data | tag)


def _private_reply(message: OutboundMessage) -> Request:
    if message.attachments:
        raise Rejected("A private reply to a comment carries no file.")
    recipient = {"comment_id": comment_id(message.last_inbound)}
    return Request("me/messages", {"recipient": recipient, "message": _content(message)})


def _comment(message: OutboundMessage, ours: str) -> Request:
    if message.attachments:
        raise Rejected("A comment on Instagram carries no file.")
    if not message.text:
        raise Rejected("There is nothing to send.")
    answered = message.last_inbound or ""
    if answered.startswith(f"{MENTION}:"):
        return _answer_to_mention(answered, message.text, ours)
    return Request(f"{comment_id(message.last_inbound)}/replies", {"message": message.text})


def _answer_to_mention(answered: str, text: str, ours: str) -> Request:
    """Where we were mentioned is another's post: its comments are answered by an edge of ours."""
    _, media, comment = answered.split(":", 2)
    data = {"media_id": comment_id(media), "message": text}
    if comment:
        data["comment_id"] = comment_id(comment)
    return Request(f"{ours}/mentions", data)


def _content(message: OutboundMessage) -> dict[str, Any]:
    match message.attachments:
        case ():
            if not message.text:
                raise Rejected("There is nothing to send.")
            return {"text": message.text}
        case (file,) if not message.text:
            return {"attachment": {"type": _type(file), "payload": {"url": file.link()}}}
        case _:
            raise Rejected("A message on Instagram is either a text or one file.")


def _type(file: OutboundFile) -> str:
    if file.kind not in _TYPES:
        raise Rejected(f"Instagram carries no {file.kind} of ours.")
    return _TYPES[file.kind]


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= _LONGEST_ID
