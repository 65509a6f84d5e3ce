"""What a page carries, as data.

Sources: https://developers.facebook.com/docs/messenger-platform/reference/send-api (text, files),
https://developers.facebook.com/docs/messenger-platform/send-messages/message-tags (the tag),
https://developers.facebook.com/docs/messenger-platform/discovery/private-replies (once, 7 days),
https://developers.facebook.com/docs/graph-api/reference/object/comments (comments),
https://developers.facebook.com/docs/graph-api/overview/rate-limiting (speed)
"""

import msgspec

from connectors.kit.human_agent import HUMAN_AGENT_HOURS, WINDOW_HOURS
from registry.types import AttachmentKind, Capabilities, DeliveryState, MediaLimit, RateLimit

MAX_TEXT = 2000
"""Characters of a message, counted in UTF-16 units to be on the safe side."""
MAX_COMMENT = 8000
PRIVATE_REPLY_HOURS = 7 * 24.0
"""Since a comment, for the one private message to its author."""
_MAX_FILE = 25 * 1024 * 1024
_MAX_PHOTO = 8 * 1024 * 1024
_MAX_COMMENT_PHOTO = 4 * 1024 * 1024
_PHOTOS = ("image/jpeg", "image/png", "image/gif")
_SOUNDS = ("audio/mpeg", "audio/mp4", "audio/aac", "audio/wav", "audio/x-m4a")

COMMENTS = Capabilities(
    max_text=MAX_COMMENT,
    text_unit="utf16",
    max_caption=MAX_COMMENT,
    media={
        AttachmentKind.PHOTO: MediaLimit(
            max_bytes=_MAX_COMMENT_PHOTO, mimes=("image/jpeg", "image/png")
        )
    },
    max_attachments=10,
    threads=True,
    private_reply_hours=PRIVATE_REPLY_HOURS,
    hides=True,
    rate=RateLimit(per_second=2.0),
)

CAPABILITIES = Capabilities(
    max_text=MAX_TEXT,
    text_unit="utf16",
    media={
        AttachmentKind.PHOTO: MediaLimit(max_bytes=_MAX_PHOTO, mimes=_PHOTOS),
        AttachmentKind.VIDEO: MediaLimit(
            max_bytes=_MAX_FILE, mimes=("video/mp4", "video/quicktime", "video/webm")
        ),
        AttachmentKind.AUDIO: MediaLimit(max_bytes=_MAX_FILE, mimes=_SOUNDS),
        AttachmentKind.VOICE: MediaLimit(max_bytes=_MAX_FILE, mimes=_SOUNDS),
        AttachmentKind.DOCUMENT: MediaLimit(max_bytes=_MAX_FILE),
    },
    max_attachments=10,
    reply_window_hours=WINDOW_HOURS,
    threads=True,
    receipts=frozenset({DeliveryState.DELIVERED, DeliveryState.READ}),
    rate=RateLimit(per_second=20.0),
    public=COMMENTS,
)

WITH_HUMAN_AGENT = msgspec.structs.replace(CAPABILITIES, reply_window_hours=HUMAN_AGENT_HOURS)
"""Those of an account whose app may use the HUMAN_AGENT tag."""
