"""What SMS through Twilio carries, as data.

Sources: https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/messaging/guides/accepted-mime-types,
https://help.twilio.com/articles/115002943027 (rates and queues)
"""

import msgspec

from registry.types import AttachmentKind, Capabilities, DeliveryState, MediaLimit, RateLimit

MAX_TEXT = 1600
_MAX_PICTURE = 5 * 1024 * 1024
_MAX_OTHER = 500 * 1024

DEFAULT = Capabilities(
    max_text=MAX_TEXT,
    # Twilio says "characters"; counted so, a text is never longer than Twilio takes it to be.
    text_unit="utf16",
    can_initiate=True,
    receipts=frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED}),
    # Twilio queues what an operator takes more slowly: up to ten hours' worth for a number.
    # Parts a second apart mostly arrive in their order.
    rate=RateLimit(per_second=10.0, per_conversation_seconds=1.0),
    segments=True,
)
"""Text alone: what every number carries."""

WITH_FILES = msgspec.structs.replace(
    DEFAULT,
    max_caption=MAX_TEXT,
    media={
        AttachmentKind.PHOTO: MediaLimit(
            max_bytes=_MAX_PICTURE, mimes=("image/jpeg", "image/png", "image/gif")
        ),
        AttachmentKind.VIDEO: MediaLimit(
            max_bytes=_MAX_OTHER, mimes=("video/mp4", "video/3gpp", "video/quicktime")
        ),
        AttachmentKind.AUDIO: MediaLimit(
            max_bytes=_MAX_OTHER, mimes=("audio/mpeg", "audio/mp4", "audio/ogg", "audio/amr")
        ),
        AttachmentKind.VOICE: MediaLimit(
            max_bytes=_MAX_OTHER, mimes=("audio/ogg", "audio/mpeg", "audio/mp4", "audio/amr")
        ),
        AttachmentKind.DOCUMENT: MediaLimit(
            max_bytes=_MAX_OTHER, mimes=("application/pdf", "text/csv", "text/calendar")
        ),
        AttachmentKind.CONTACT: MediaLimit(
            max_bytes=_MAX_OTHER, mimes=("text/vcard", "text/x-vcard")
        ),
    },
)
"""With MMS, one file a message: several together may not be larger than one alone."""
