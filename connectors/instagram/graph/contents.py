"""What a message holds: its text, its files, and words for what is neither."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from connectors.instagram.graph.shapes import Attached, Message
from registry.types import Attachment, AttachmentKind

CDN = (".fbsbx.com", ".cdninstagram.com", ".fbcdn.net")
"""Where Instagram keeps files; a dot stands for every host under it."""

_FILES = {
    "image": AttachmentKind.PHOTO,
    "video": AttachmentKind.VIDEO,
    "audio": AttachmentKind.AUDIO,
    "file": AttachmentKind.DOCUMENT,
}
_SHARED = {
    "share": ("A shared post", AttachmentKind.PHOTO),
    "ig_post": ("A shared post", AttachmentKind.PHOTO),
    "story_mention": ("The account was mentioned in the person's story", AttachmentKind.PHOTO),
    "ig_story": ("A shared story", AttachmentKind.PHOTO),
    "reel": ("A shared reel", AttachmentKind.VIDEO),
    "ig_reel": ("A shared reel", AttachmentKind.VIDEO),
    "fallback": ("A shared link", AttachmentKind.DOCUMENT),
}
"""What people share instead of writing it: words for it, and the kind of the file in it. A story
or a post may hold a video all the same: what a file is shows when it is fetched."""
_UNSUPPORTED = "[A message that Instagram does not pass on: open it in Instagram.]"
_EPHEMERAL = "[A photo or a video that disappears: it can be opened in Instagram only.]"
_STORY = "[In reply to the account's story.]"


def content(message: Message, home: str) -> tuple[str, tuple[Attachment, ...], bool]:
    """The text, the files, and whether something in it could not be read.

    `home` is the account's api_base, from where files come as well as from Instagram's own hosts.
    """
    text = message.text or ""
    attached: Sequence[Attached] = message.attachments
    story = message.reply_to.story if message.reply_to is not None else None
    if not attached and story is None and text and not message.is_unsupported:
        return text, (), False  # nearly every message
    lines = [text] if text else []
    files: list[Attachment] = []
    unreadable = message.is_unsupported
    if unreadable:
        lines.append(_UNSUPPORTED)
    for one in attached:
        unreadable |= _attached(one, home, lines, files, told=message.is_unsupported)
    if story is not None:
        lines.append(_STORY)
        if story.url and _is_file(story.url, home):
            files.append(Attachment(kind=AttachmentKind.PHOTO, ref=story.url))
    if not lines and not files:
        lines.append("[An Instagram message with nothing in it that can be shown here.]")
        unreadable = True
    return "\n".join(lines), tuple(files), unreadable


def _attached(
    one: Attached, home: str, lines: list[str], files: list[Attachment], *, told: bool
) -> bool:
    """Add what one attachment brings; whether it cannot be shown."""
    url = one.payload.url if one.payload is not None else None
    kind = _FILES.get(one.type)
    if kind is not None and url:
        files.append(Attachment(kind=kind, ref=url))
        return False
    if one.type in _SHARED:
        what, kind = _SHARED[one.type]
        title = one.payload.title if one.payload is not None else None
        line = f"{what}: {title}" if title else what
        if url and _is_file(url, home):
            files.append(Attachment(kind=kind, ref=url))
            url = None
        lines.append(f"[{line}.]" if not url else f"[{line}.] {url}")
        return False
    if one.type == "ephemeral":
        lines.append(_EPHEMERAL)
    elif not told:
        named = one.type[:40] or "unknown"
        lines.append(f"[An Instagram attachment of a kind that cannot be shown here: {named}.]")
    if url and _is_file(url, home):
        files.append(Attachment(kind=AttachmentKind.DOCUMENT, ref=url))
    return True


def _is_file(url: str, home: str) -> bool:
    """Whether an address leads to a file, and not to a page."""
    if url.startswith(home + "/"):
        return True
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return host is not None and host.endswith(CDN)
