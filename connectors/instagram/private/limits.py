"""What an account in private mode carries, as data.

Instagram publishes no limits of its app's own API. These are the app's, as people meet them, and
where nobody knows the smaller one: an account that goes over them is restricted or banned.

Sources: https://help.instagram.com/1493105310976402 (messages), the help centre on comments (2,200
characters), instagrapi's `direct_send_photo`, `direct_send_video` and `direct_send_voice` (types).
"""

from registry.types import AttachmentKind, Capabilities, DeliveryState, MediaLimit, RateLimit

_MB = 1024 * 1024
_RATE = RateLimit(per_second=0.2, per_conversation_seconds=5.0)
"""A person who types fast, and no more."""

COMMENTS = Capabilities(max_text=2200, threads=True, rate=_RATE)
"""In the thread under a post: text alone."""

CAPABILITIES = Capabilities(
    max_text=1000,
    text_unit="bytes",
    media={
        AttachmentKind.PHOTO: MediaLimit(max_bytes=8 * _MB, mimes=("image/jpeg",)),
        AttachmentKind.VIDEO: MediaLimit(max_bytes=25 * _MB, mimes=("video/mp4",)),
        AttachmentKind.VOICE: MediaLimit(max_bytes=25 * _MB, mimes=("audio/mp4", "audio/x-m4a")),
    },
    receipts=frozenset({DeliveryState.READ}),
    rate=_RATE,
    public=COMMENTS,
)
