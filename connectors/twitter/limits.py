"""What X carries, as data: direct messages, and replies to posts.

Sources: https://docs.x.com/x-api/media/quickstart/best-practices,
https://docs.x.com/x-api/direct-messages/manage/integrate,
https://docs.x.com/fundamentals/counting-characters, https://docs.x.com/x-api/fundamentals/rate-limits
"""

from msgspec.structs import replace

from registry.types import AttachmentKind, Capabilities, DeliveryState, MediaLimit, RateLimit

MAX_IMAGE = 5 * 1024 * 1024
MAX_VIDEO = 50 * 1024 * 1024
"""X takes 512 MB and more; this is what can be handed over and processed within one send."""
IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif")
VIDEOS = ("video/mp4", "video/quicktime")
MAX_PHOTOS = 4
"""Photos of one post; a GIF or a video goes alone."""

_MEDIA = {
    AttachmentKind.PHOTO: MediaLimit(max_bytes=MAX_IMAGE, mimes=IMAGES),
    AttachmentKind.VIDEO: MediaLimit(max_bytes=MAX_VIDEO, mimes=VIDEOS),
}
_RATE = RateLimit(per_second=5.0)
"""X counts by windows of 15 minutes, and tells when one is over: see `failures.throttled`."""

_POSTS = Capabilities(
    max_text=280,
    text_unit="weighted",
    max_caption=280,
    media=_MEDIA,
    max_attachments=8,
    album=(frozenset({AttachmentKind.PHOTO}),),
    max_album=MAX_PHOTOS,
    threads=True,
    rate=_RATE,
)
"""Public replies."""

POLLED = Capabilities(
    max_text=10_000,
    text_unit="codepoints",
    max_caption=10_000,
    media=_MEDIA,
    max_attachments=8,
    rate=_RATE,
    public=_POSTS,
)
"""Direct messages, and public replies within."""

CAPABILITIES = replace(POLLED, receipts=frozenset({DeliveryState.READ}))
"""The same by webhook, which also tells that a direct message was read."""
