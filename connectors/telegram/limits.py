"""What Telegram carries, as data.

Sources: https://core.telegram.org/bots/api#sending-files, https://core.telegram.org/bots/api#getfile,
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from registry.types import AttachmentKind, Capabilities, MediaLimit, RateLimit

MAX_DOWNLOAD = 20 * 1024 * 1024
"""Bytes of a file that a bot may fetch."""
_MAX_UPLOAD = 50 * 1024 * 1024
_MAX_PHOTO = 10 * 1024 * 1024

ALBUMS = (
    frozenset({AttachmentKind.PHOTO, AttachmentKind.VIDEO}),
    frozenset({AttachmentKind.AUDIO}),
    frozenset({AttachmentKind.DOCUMENT}),
)
"""Kinds that may stand together in one album."""
MAX_ALBUM = 10

CAPABILITIES = Capabilities(
    max_text=4096,
    text_unit="utf16",
    max_caption=1024,
    media={
        AttachmentKind.PHOTO: MediaLimit(
            max_bytes=_MAX_PHOTO, mimes=("image/jpeg", "image/png", "image/webp")
        ),
        AttachmentKind.VIDEO: MediaLimit(max_bytes=_MAX_UPLOAD, mimes=("video/mp4",)),
        AttachmentKind.AUDIO: MediaLimit(
            max_bytes=_MAX_UPLOAD, mimes=("audio/mpeg", "audio/mp4", "audio/x-m4a")
        ),
        AttachmentKind.VOICE: MediaLimit(
            max_bytes=_MAX_UPLOAD, mimes=("audio/ogg", "audio/mpeg", "audio/mp4")
        ),
        AttachmentKind.DOCUMENT: MediaLimit(max_bytes=_MAX_UPLOAD),
        AttachmentKind.LOCATION: MediaLimit(max_bytes=1),
    },
    max_attachments=10,
    album=ALBUMS,
    max_album=MAX_ALBUM,
    threads=True,
    rate=RateLimit(per_second=30.0, per_conversation_seconds=1.0),
)
