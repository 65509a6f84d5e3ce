"""What Instagram carries through Meta's API, as data.

Sources: https://developers.facebook.com/docs/messenger-platform/instagram/features/send-message,
https://developers.facebook.com/docs/instagram-platform/private-replies,
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment/replies,
https://developers.facebook.com/docs/graph-api/overview/rate-limiting#instagram-graph-api
"""

import msgspec

from connectors.kit.human_agent import HUMAN_AGENT_HOURS, WINDOW_HOURS
from registry.types import AttachmentKind, Capabilities, DeliveryState, MediaLimit, RateLimit

MAX_TEXT = 1000
"""Bytes of UTF-8: some 500 Cyrillic letters."""
MAX_COMMENT = 2200
_MAX_IMAGE = 8 * 1024 * 1024
_MAX_FILE = 25 * 1024 * 1024
_SOUND = MediaLimit(
    max_bytes=_MAX_FILE,
    mimes=("audio/aac", "audio/mp4", "audio/x-m4a", "audio/wav", "audio/x-wav"),
)

_COMMENTS = Capabilities(
    max_text=MAX_COMMENT,
    private_reply_hours=7 * 24.0,
    hides=True,
    rate=RateLimit(per_second=1.0),
)

CAPABILITIES = Capabilities(
    max_text=MAX_TEXT,
    text_unit="bytes",
    media={
        AttachmentKind.PHOTO: MediaLimit(max_bytes=_MAX_IMAGE, mimes=("image/jpeg", "image/png")),
        AttachmentKind.VIDEO: MediaLimit(
            max_bytes=_MAX_FILE,
            mimes=("video/mp4", "video/ogg", "video/x-msvideo", "video/quicktime", "video/webm"),
        ),
        AttachmentKind.AUDIO: _SOUND,
        AttachmentKind.VOICE: _SOUND,
        AttachmentKind.DOCUMENT: MediaLimit(max_bytes=_MAX_FILE, mimes=("application/pdf",)),
    },
    reply_window_hours=WINDOW_HOURS,
    receipts=frozenset({DeliveryState.READ}),
    rate=RateLimit(per_second=10.0),
    public=_COMMENTS,
)
"""Ten a second is what Meta takes of files; of texts it takes a hundred."""


def capabilities(*, human_agent: bool) -> Capabilities:
    """What one account can carry."""
    if not human_agent:
        return CAPABILITIES
    return msgspec.structs.replace(CAPABILITIES, reply_window_hours=HUMAN_AGENT_HOURS)
