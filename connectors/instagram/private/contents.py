"""What one item of a thread holds: its text, its files, or words in their place.

What a person sees of an item is text as they wrote it, and in square brackets what the hub says of
it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct

from connectors.instagram.private.shapes import (
    Animated,
    Candidate,
    Clip,
    Felix,
    Hashtag,
    Item,
    Link,
    Media,
    Place,
    ReelShare,
    StoryShare,
    Told,
    User,
    VisualMedia,
    Voice,
    Xma,
)
from connectors.kit.hostile_json import BROKEN
from registry.types import Attachment, AttachmentKind

_BROKEN = (*BROKEN, ValueError)
_PICTURE, _VIDEO, _ALBUM, _AUDIO = 1, 2, 8, 11


class Content(Struct, frozen=True):
    """An item as people read it."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    unreadable: bool = False


_Reader: TypeAlias = Callable[[Raw], Content | None]
_T = TypeVar("_T")


def content_of(item: Item) -> Content:
    """What an item holds; a placeholder for what cannot be shown."""
    said = item.text if isinstance(item.text, str) else ""
    kind = item.item_type or ""
    if kind == "text" or (not kind and said):
        return Content(said) if said else _placeholder("an empty text")
    if kind == "like":
        return Content(_line(item.like) or "❤️")
    content: Content | None = None
    try:
        raw, read = _held(item, kind)
        if read is not None:
            content = read(raw)
    except _BROKEN:
        content = None
    if content is None or not (content.text or content.attachments):
        content = _placeholder(kind or "unknown")
    besides = [line for line in (said, _auxiliary(item)) if line and line not in content.text]
    if not besides:
        return content
    return Content(
        "\n".join(filter(None, (*besides, content.text))), content.attachments, content.unreadable
    )


def note_of(item: Item) -> str | None:
    """What Instagram itself writes in a thread."""
    raw = item.action_log or item.reaction_log
    if not raw:
        return _line(item.text) or None
    try:
        return _line(_decoded(raw, Told).description) or None
    except _BROKEN:
        return None


def animation(animated: Animated) -> Attachment | None:
    """A moving picture of Giphy's."""
    picture = animated.images.get("fixed_height") or next(iter(animated.images.values()), None)
    if picture is None:
        return None
    for address, mime in (
        (picture.webp, "image/webp"),
        (picture.url, "image/gif"),
        (picture.mp4, "video/mp4"),
    ):
        if address:
            return Attachment(kind=AttachmentKind.STICKER, ref=address, mime=mime)
    return None


# --- Kinds of item ------------------------------------------------------------------------------


def _held(item: Item, kind: str) -> tuple[Raw, _Reader | None]:
    """What the item's kind says that it holds, and how that is read."""
    # Of some kinds the field has another name, as may those to come: told by what the item has.
    for name in (kind, *_GUESSES) if kind in _READERS else _GUESSES:
        raw = getattr(item, name)
        if raw and bytes(raw) != b"null":
            return raw, _READERS[name]
    return Raw(), None


def _media(raw: Raw) -> Content | None:
    return Content(attachments=tuple(_files(_decoded(raw, Media))))


def _voice(raw: Raw) -> Content | None:
    media = _decoded(raw, Voice).media
    address = None if media is None or media.audio is None else media.audio.audio_src
    if not address:
        return None
    return Content(
        attachments=(Attachment(kind=AttachmentKind.VOICE, ref=address, mime="audio/mp4"),)
    )


def _disappearing(raw: Raw) -> Content | None:
    """A picture for one look: there is an address until somebody has looked in the app."""
    visual = _decoded(raw, VisualMedia)
    media = visual.media or _decoded(raw, Media)
    files = tuple(_files(media))
    if files:
        return Content(attachments=files)
    named = "video" if media.media_type == _VIDEO else "photo"
    return Content(f"[A disappearing {named}, which has been opened or has expired.]", (), True)


def _animated(raw: Raw) -> Content | None:
    found = animation(_decoded(raw, Animated))
    return None if found is None else Content(attachments=(found,))


def _post(raw: Raw) -> Content | None:
    return _shared(_decoded(raw, Media))


def _tagged(raw: Raw) -> Content | None:
    media = _decoded(raw, VisualMedia).media
    return None if media is None else _shared(media)


def _clip(raw: Raw) -> Content | None:
    media = _decoded(raw, Clip).clip or _decoded(raw, Media)
    return _shared(media)


def _felix(raw: Raw) -> Content | None:
    felix = _decoded(raw, Felix)
    return None if felix.video is None else _shared(felix.video, _line(felix.text))


def _shared(media: Media, said: str = "") -> Content | None:
    """A post that is passed on: its address, whose it is, and what it says."""
    lines = [said]
    whose = f" of @{media.user.username}" if media.user and media.user.username else ""
    if media.code:
        kind = "reel" if media.product_type == "clips" else "p"
        lines.append(f"[A post{whose}: https://www.instagram.com/{kind}/{media.code}/]")
    elif whose:
        lines.append(f"[A post{whose}.]")
    lines.append(_line(media.caption.text) if media.caption else "")
    return Content("\n".join(filter(None, lines)), tuple(_files(media)))


_REEL_WORDS = {
    "reply": "[Answers a story.]",
    "reply_gif": "[Answers a story.]",
    "reaction": "[Reacts to a story.]",
    "mention": "[Mentions this account in a story.]",
}


def _reel(raw: Raw) -> Content | None:
    reel = _decoded(raw, ReelShare)
    text = "\n".join(
        filter(
            None, (_line(reel.text), _REEL_WORDS.get(reel.type or "", "[Writes about a story.]"))
        )
    )
    return Content(text, tuple(_files(reel.media)))


def _story(raw: Raw) -> Content | None:
    story = _decoded(raw, StoryShare)
    whose = ""
    if story.media is not None and story.media.user is not None and story.media.user.username:
        whose = f" of @{story.media.user.username}"
    gone = _line(story.message)
    notice = f"[Passes on a story{whose}{': ' + gone if gone else '.'}]"
    text = "\n".join(filter(None, (_line(story.text), notice)))
    return Content(text, tuple(_files(story.media)))


def _cards(raw: Raw) -> Content | None:
    """Cards: what stands on each, where it leads, and its picture."""
    lines: list[str] = []
    files: list[Attachment] = []
    for card in msgspec.json.decode(raw, type=list[Xma]):
        about = (card.header_title_text, card.title_text, card.subtitle_text)
        lines += [line for line in map(_line, (*about, card.caption_body_text)) if line]
        if card.target_url:
            lines.append(f"[{card.target_url}]")
        if card.playable_url:
            mime = card.playable_url_mime_type or "video/mp4"
            files.append(Attachment(kind=AttachmentKind.VIDEO, ref=card.playable_url, mime=mime))
        elif card.preview_url:
            mime = card.preview_url_mime_type or "image/jpeg"
            files.append(Attachment(kind=AttachmentKind.PHOTO, ref=card.preview_url, mime=mime))
    return Content("\n".join(dict.fromkeys(lines)), tuple(files))


def _link(raw: Raw) -> Content | None:
    link = _decoded(raw, Link)
    context: Mapping[str, Any] = link.link_context or {}
    address = _line(context.get("link_url"))
    text = _line(link.text)
    return Content(text if address in text else "\n".join(filter(None, (text, address))))


def _profile(raw: Raw) -> Content | None:
    user = _decoded(raw, User)
    name = f" ({user.full_name})" if user.full_name else ""
    if not user.username:
        return None
    return Content(
        f"[A profile: @{user.username}{name}, https://www.instagram.com/{user.username}/]"
    )


def _place(raw: Raw) -> Content | None:
    place = _decoded(raw, Place)
    text = "\n".join(dict.fromkeys(filter(None, (place.name, place.address, place.city))))
    if place.lat is None or place.lng is None:
        return Content(text)
    return Content(
        text,
        (
            Attachment(
                kind=AttachmentKind.LOCATION,
                name=place.name,
                latitude=place.lat,
                longitude=place.lng,
            ),
        ),
    )


def _hashtag(raw: Raw) -> Content | None:
    name = _decoded(raw, Hashtag).name
    return Content(f"#{name}") if name else None


def _called(raw: Raw) -> Content | None:
    told = _line(_decoded(raw, Told).description)
    return Content(f"[A call in the Instagram app{': ' + told if told else '.'}]", (), True)


def _told(raw: Raw) -> Content | None:
    told = _decoded(raw, Told)
    words = ": ".join(filter(None, (_line(told.title), _line(told.message))))
    notice = f"[Instagram shows this message in the app alone{': ' if words else ''}{words}]"
    return Content(notice, (), True)


_READERS: dict[str, _Reader] = {
    "media": _media,
    "voice_media": _voice,
    "visual_media": _disappearing,
    "raven_media": _disappearing,
    "animated_media": _animated,
    "media_share": _post,
    "direct_media_share": _tagged,
    "clip": _clip,
    "felix_share": _felix,
    "reel_share": _reel,
    "story_share": _story,
    "xma_media_share": _cards,
    "xma_reel_share": _cards,
    "xma_clip": _cards,
    "xma_story_share": _cards,
    "xma_reel_mention": _cards,
    "xma_profile": _cards,
    "generic_xma": _cards,
    "link": _link,
    "profile": _profile,
    "location": _place,
    "hashtag": _hashtag,
    "video_call_event": _called,
    "placeholder": _told,
}
"""By the item's kind, which is also the field that holds it."""
_GUESSES = tuple(name for name in _READERS if name != "placeholder")


# --- Parts --------------------------------------------------------------------------------------


def _files(media: Media | None) -> Iterable[Attachment]:
    """A post's or message's pictures and videos, each in the largest size."""
    if media is None:
        return
    if media.media_type == _ALBUM or (media.carousel_media and not media.image_versions2):
        for one in media.carousel_media or ():
            if not one.carousel_media:
                yield from _files(one)
        return
    if media.video_versions:
        best = _largest(media.video_versions)
        yield Attachment(kind=AttachmentKind.VIDEO, ref=best.url, mime="video/mp4")
    elif media.image_versions2 is not None and media.image_versions2.candidates:
        best = _largest(media.image_versions2.candidates)
        yield Attachment(kind=AttachmentKind.PHOTO, ref=best.url, mime="image/jpeg")
    elif media.audio is not None and media.audio.audio_src:
        yield Attachment(kind=AttachmentKind.VOICE, ref=media.audio.audio_src, mime="audio/mp4")


def _largest(candidates: list[Candidate]) -> Candidate:
    return max(candidates, key=lambda one: one.width * one.height)


def _decoded(raw: Raw, shape: type[_T]) -> _T:
    return msgspec.json.decode(raw, type=shape)


def _line(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _auxiliary(item: Item) -> str:
    """Words that the app shows above a card: "Replied to your story"."""
    said = _line(item.auxiliary_text)
    return f"[{said}]" if said else ""


def _placeholder(kind: str) -> Content:
    return Content(f"[An Instagram message of a kind that cannot be shown here: {kind}.]", (), True)
