"""What Twilio carries to WhatsApp, as data.

Sources: https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages,
https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/whatsapp/key-concepts
"""

from connectors.whatsapp.meta.limits import DOCUMENTS
from registry.types import AttachmentKind, Capabilities, DeliveryState, MediaLimit, RateLimit

_MB = 1024 * 1024
MAX_TEXT, MAX_CAPTION = 1600, 1024
MAX_DOWNLOAD = 100 * _MB

CAPABILITIES = Capabilities(
    max_text=MAX_TEXT,
    text_unit="utf16",
    max_caption=MAX_CAPTION,
    # Twilio drops the text beside any other file.
    captions=frozenset({AttachmentKind.PHOTO}),
    media={
        AttachmentKind.PHOTO: MediaLimit(max_bytes=5 * _MB, mimes=("image/jpeg", "image/png")),
        AttachmentKind.VIDEO: MediaLimit(max_bytes=16 * _MB, mimes=("video/mp4",)),
        AttachmentKind.AUDIO: MediaLimit(
            max_bytes=16 * _MB, mimes=("audio/mpeg", "audio/ogg", "audio/amr", "audio/aac")
        ),
        AttachmentKind.VOICE: MediaLimit(max_bytes=16 * _MB, mimes=("audio/ogg",)),
        AttachmentKind.DOCUMENT: MediaLimit(max_bytes=16 * _MB, mimes=DOCUMENTS[1:]),
        AttachmentKind.LOCATION: MediaLimit(max_bytes=1),
    },
    max_attachments=10,
    reply_window_hours=24.0,
    receipts=frozenset({DeliveryState.DELIVERED, DeliveryState.READ, DeliveryState.FAILED}),
    rate=RateLimit(per_second=80.0),
    templates=True,
)
