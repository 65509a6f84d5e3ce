"""What a message on X holds: its text as its author sees it, and its files.

Source: https://docs.x.com/x-api/fundamentals/data-dictionary
"""

from collections.abc import Iterable, Mapping, Sequence

from connectors.twitter.shapes import LegacyMedia, Link, Media, Variant
from registry.types import Attachment, AttachmentKind

_SHORT = ("https://t.co/", "http://t.co/")
_LONGEST_LINK = 4096
_MOST_LINKS = 100
_KINDS = {
    "photo": AttachmentKind.PHOTO,
    "video": AttachmentKind.VIDEO,
    "animated_gif": AttachmentKind.VIDEO,
}
"""X hands a GIF out as a video without sound."""
_MIMES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


def shown(text: str, links: Sequence[Link], media: Sequence[LegacyMedia] = ()) -> str:
    """The text as its author sees it: whole addresses, none for the files, and & for &amp;.

    Source: https://docs.x.com/x-api/fundamentals/data-dictionary
    """
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if not links and not media:
        return text
    for link in links[:_MOST_LINKS]:
        if not link.url.startswith(_SHORT) or len(link.url) > 64:
            continue
        if _is_file(link):
            text = text.replace(link.url, "", 1)
        elif link.expanded_url and len(link.expanded_url) <= _LONGEST_LINK:
            text = text.replace(link.url, link.expanded_url, 1)
    for file in media[:_MOST_LINKS]:
        if file.url.startswith(_SHORT) and len(file.url) <= 64:
            text = text.replace(file.url, "", 1)
    return text.rstrip()


def _is_file(link: Link) -> bool:
    return (
        link.media_key is not None
        or (link.display_url or "").startswith(("pic.x.com/", "pic.twitter.com/"))
        or "/messages/media/" in (link.expanded_url or "")
    )


def files_of(
    keys: Iterable[str], media: Mapping[str, Media], max_media: int
) -> tuple[tuple[Attachment, ...], int]:
    """The files of a message, and how many of them X did not tell enough of."""
    found, missing = [], 0
    for key in keys:
        file = media.get(key)
        kind = None if file is None else _KINDS.get(file.type)
        if file is None or kind is None:
            missing += 1
            continue
        if kind is AttachmentKind.PHOTO:
            found.append(_attachment(kind, file.url, _picture(file.url)))
        else:
            best = _best(file.variants, file.duration_ms, max_media)
            found.append(_attachment(kind, best, "video/mp4"))
    return tuple(found), missing


def legacy_files_of(
    media: Iterable[LegacyMedia], max_media: int
) -> tuple[tuple[Attachment, ...], int]:
    found, missing = [], 0
    for file in media:
        kind = _KINDS.get(file.type)
        if kind is None:
            missing += 1
        elif kind is AttachmentKind.PHOTO:
            found.append(_attachment(kind, file.media_url_https, _picture(file.media_url_https)))
        else:
            info = file.video_info
            best = None
            if info is not None:
                best = _best(info.variants, info.duration_millis, max_media)
            found.append(_attachment(kind, best, "video/mp4"))
    return tuple(found), missing


def _attachment(kind: AttachmentKind, ref: str | None, mime: str | None) -> Attachment:
    return Attachment(kind=kind, ref=ref or None, mime=mime)


def _picture(url: str | None) -> str | None:
    """The type that the address's ending tells."""
    path = (url or "").partition("?")[0]
    return _MIMES.get(path[-5:].rpartition(".")[2].lower())


def _best(variants: Sequence[Variant], duration: int | None, max_media: int) -> str | None:
    """The MP4 of the best quality that is small enough, as far as X tells; else the smallest."""
    films = [v for v in variants if v.content_type == "video/mp4" and v.url]
    films.sort(key=_bits, reverse=True)
    seconds = (duration or 0) / 1000
    for film in films:
        if _bits(film) / 8 * seconds <= max_media:
            return film.url
    return films[-1].url if films else None


def _bits(variant: Variant) -> int:
    return variant.bit_rate or variant.bitrate or 0
