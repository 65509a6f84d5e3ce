"""A reply's part as a call of the Graph API: to a person, or under a comment.

Sources: https://developers.facebook.com/docs/messenger-platform/reference/send-api,
https://developers.facebook.com/docs/messenger-platform/discovery/private-replies,
https://developers.facebook.com/docs/graph-api/reference/object/comments
"""

import json
import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from connectors.base import Rejected, WindowClosed
from connectors.facebook.comments import Thread, thread_of
from connectors.facebook.failures import PRIVATELY_TOO_OLD, TOO_OLD
from connectors.facebook.limits import (
    MAX_TEXT,
    PRIVATE_REPLY_HOURS,
)
from connectors.facebook.messenger import metadata_of
from connectors.kit.human_agent import tag_for
from connectors.kit.texts import sendable
from registry.types import AttachmentKind, OutboundFile, OutboundMessage

_TYPES = {
    AttachmentKind.PHOTO: "image",
    AttachmentKind.VIDEO: "video",
    AttachmentKind.AUDIO: "audio",
    AttachmentKind.VOICE: "audio",
    AttachmentKind.DOCUMENT: "file",
}
"""Messenger's names of the kinds."""
_RESPONSE = {"messaging_type": "RESPONSE"}


class Post(NamedTuple):
    """A call: its path, its fields, and the file that goes with it under the name `field`."""

    path: str
    fields: dict[str, Any]
    file: OutboundFile | None = None
    field: str = ""

    def form(self) -> dict[str, str]:
        """The fields as a form takes them: what is not text as JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in self.fields.items()
        }


def call_for(message: OutboundMessage, *, page: str, human_agent: bool, now: datetime) -> Post:
    """The call that carries one part.

    Raises: Rejected when Facebook has none for it, WindowClosed when it comes too late.
    """
    if len(message.attachments) > 1:
        raise Rejected("Facebook carries one attachment a message.")
    file = message.attachments[0] if message.attachments else None
    if file is None and not message.text.strip():
        raise Rejected("There is nothing to send.")
    text = sendable(message.text)
    if not message.public:
        tag = tag_for(message.last_inbound_at, now, human_agent=human_agent, too_late=TOO_OLD)
        recipient = {"id": message.conversation}
        post = _private(message, recipient, tag or _RESPONSE, text, file, page)
        if message.reply_to is not None and _is_mid(message.reply_to):
            post.fields["reply_to"] = {"mid": message.reply_to}
        return post
    thread = thread_of(message.conversation)
    if thread is None or not message.last_inbound:
        raise Rejected("The comment that would be answered is not known.")
    if message.private_reply:
        return _from_comment(message, thread, text, file, page, now)
    return _comment(message, text, file)


def _private(
    message: OutboundMessage,
    recipient: dict[str, str],
    told: dict[str, str],
    text: str,
    file: OutboundFile | None,
    page: str,
) -> Post:
    content: dict[str, Any] = {"metadata": metadata_of(message.message_id, message.part)}
    if file is None:
        content["text"] = text
    else:
        if text:
            raise Rejected("A file on Messenger carries no text: send the text by itself.")
        if file.kind not in _TYPES:
            raise Rejected(f"Messenger carries no {file.kind} of ours.")
        content["attachment"] = {"type": _TYPES[file.kind], "payload": {"is_reusable": False}}
    fields = {"recipient": recipient, **told, "message": content}
    return Post(f"{page}/messages", fields, file, "filedata")


def _is_mid(external_id: str) -> bool:
    """Whether Messenger knows it: a pressed button without an id of its own has one of ours."""
    return not external_id.startswith("postback:")


def _from_comment(
    message: OutboundMessage,
    thread: Thread,
    text: str,
    file: OutboundFile | None,
    page: str,
    now: datetime,
) -> Post:
    """The one message by which a page may turn to a comment's author."""
    if len(text.encode("utf-16-le")) // 2 > MAX_TEXT:
        raise Rejected(f"A private message has at most {MAX_TEXT} characters.")
    at = message.last_inbound_at
    if at is not None and now - at > timedelta(hours=PRIVATE_REPLY_HOURS):
        raise WindowClosed(PRIVATELY_TOO_OLD)
    assert message.last_inbound is not None
    of = "post_id" if message.last_inbound == thread.post else "comment_id"
    return _private(message, {of: message.last_inbound}, _RESPONSE, text, file, page)


def _comment(message: OutboundMessage, text: str, file: OutboundFile | None) -> Post:
    answered = message.reply_to or message.last_inbound or ""
    if not is_object_id(answered):
        raise Rejected("The comment that would be answered is not known.")
    path = f"{answered}/comments"
    if file is None:
        return Post(path, {"message": text})
    if file.kind is not AttachmentKind.PHOTO:
        raise Rejected("A comment carries a photo and no other file.")
    return Post(path, {"message": text} if text else {}, file, "source")


def is_object_id(external_id: str) -> bool:
    """Whether it is a comment's or a post's id, which may stand in an address."""
    return re.fullmatch(r"[0-9]{1,32}(_[0-9]{1,32})?", external_id) is not None
