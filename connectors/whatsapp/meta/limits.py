"""What the Cloud API carries, as data.

Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media,
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages,
https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput
"""

from registry.types import AttachmentKind, Capabilities, DeliveryState, MediaLimit, RateLimit

_MB = 1024 * 1024
MAX_TEXT, MAX_CAPTION = 4096, 1024
MAX_DOWNLOAD = 100 * _MB
"""Bytes of a file that a citizen may send."""
DOCUMENTS = (
    "text/plain",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
)

CAPABILITIES = Capabilities(
    max_text=MAX_TEXT,
    max_caption=MAX_CAPTION,
    captions=frozenset({AttachmentKind.PHOTO, AttachmentKind.VIDEO, AttachmentKind.DOCUMENT}),
    media={
        AttachmentKind.PHOTO: MediaLimit(max_bytes=5 * _MB, mimes=("image/jpeg", "image/png")),
        AttachmentKind.VIDEO: MediaLimit(max_bytes=16 * _MB, mimes=("video/mp4", "video/3gpp")),
        AttachmentKind.AUDIO: MediaLimit(
            max_bytes=16 * _MB,
            mimes=("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
        ),
        AttachmentKind.VOICE: MediaLimit(max_bytes=16 * _MB, mimes=("audio/ogg",)),
        AttachmentKind.DOCUMENT: MediaLimit(max_bytes=100 * _MB, mimes=DOCUMENTS),
        AttachmentKind.LOCATION: MediaLimit(max_bytes=1),
    },
    max_attachments=10,
    reply_window_hours=24.0,
    threads=True,
    receipts=frozenset({DeliveryState.DELIVERED, DeliveryState.READ, DeliveryState.FAILED}),
    # One message in six seconds to one person is the rule, of which 45 may be used up at once:
    # whoever needs more is told so by the API, and waits.
    rate=RateLimit(per_second=80.0),
    templates=True,
)
"""Of an account that knows its waba_id; without one its templates cannot be listed."""
