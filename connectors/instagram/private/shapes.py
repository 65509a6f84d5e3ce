"""The private API's JSON as far as it is read: threads, their items, comments.

Nobody documents it. Every field may be missing or new; what an item holds is decoded only once its
kind is known, so that one strange item spoils no other.

Sources: instagrapi's `extractors` and `types`, and the bridges and clients that read the same API.
"""

from typing import Any, TypeAlias

from msgspec import Raw, Struct

Id: TypeAlias = int | str
"""Ids come as numbers here and as texts there, and exceed 2**53."""


class User(Struct):
    pk: Id
    username: str | None = None
    full_name: str | None = None


class Seen(Struct):
    """How far somebody has read a thread."""

    timestamp: Id
    """Microseconds."""
    item_id: str | None = None


class Candidate(Struct):
    url: str
    width: int = 0
    height: int = 0


class Versions(Struct):
    candidates: list[Candidate] = []


class Audio(Struct):
    audio_src: str | None = None


class Caption(Struct):
    text: str | None = None


class Media(Struct):
    """A picture, a video, a post, or what is left of one that has expired."""

    media_type: int | None = None
    """1 picture, 2 video, 8 several, 11 audio."""
    code: str | None = None
    """The post's name in its address."""
    product_type: str | None = None
    image_versions2: Versions | None = None
    video_versions: list[Candidate] | None = None
    audio: Audio | None = None
    caption: Caption | None = None
    user: User | None = None
    carousel_media: list["Media"] | None = None
    expiring_media_action_summary: dict[str, Any] | None = None


class VisualMedia(Struct):
    """A disappearing picture or video."""

    media: Media | None = None
    view_mode: str | None = None
    """once, replayable or permanent."""


class Voice(Struct):
    media: Media | None = None


class Link(Struct):
    text: str | None = None
    link_context: dict[str, Any] | None = None


class Clip(Struct):
    clip: Media | None = None


class Felix(Struct):
    video: Media | None = None
    text: str | None = None


class ReelShare(Struct):
    """An answer to a story, or a mention in one."""

    type: str | None = None
    """reply, reaction, mention or reply_gif."""
    text: str | None = None
    media: Media | None = None
    reel_owner_id: Id | None = None


class StoryShare(Struct):
    """A story that is passed on."""

    text: str | None = None
    title: str | None = None
    message: str | None = None
    """Instead of the story, when it has expired."""
    media: Media | None = None


class Xma(Struct):
    """A card: the newer shape of what is shared."""

    target_url: str | None = None
    title_text: str | None = None
    subtitle_text: str | None = None
    header_title_text: str | None = None
    caption_body_text: str | None = None
    preview_url: str | None = None
    preview_url_mime_type: str | None = None
    playable_url: str | None = None
    playable_url_mime_type: str | None = None


class Picture(Struct):
    url: str | None = None
    mp4: str | None = None
    webp: str | None = None


class Animated(Struct):
    images: dict[str, Picture] = {}
    is_sticker: Any = None


class Place(Struct):
    name: str | None = None
    address: str | None = None
    city: str | None = None
    lat: float | None = None
    lng: float | None = None


class Hashtag(Struct):
    name: str | None = None


class Told(Struct):
    """What Instagram itself writes into a thread."""

    description: str | None = None
    title: str | None = None
    message: str | None = None


class EmojiReaction(Struct):
    sender_id: Id
    timestamp: Id
    emoji: str


class Reactions(Struct):
    emojis: list[EmojiReaction] = []


class Named(Struct):
    item_id: str | None = None


class Item(Struct):
    """One message of a thread."""

    item_id: str
    timestamp: Id
    """Microseconds."""
    user_id: Id | None = None
    item_type: str | None = None
    client_context: Any = None
    text: Any = None
    auxiliary_text: Any = None
    replied_to_message: Raw = Raw()
    reactions: Raw = Raw()
    like: Any = None
    media: Raw = Raw()
    voice_media: Raw = Raw()
    visual_media: Raw = Raw()
    raven_media: Raw = Raw()
    animated_media: Raw = Raw()
    media_share: Raw = Raw()
    direct_media_share: Raw = Raw()
    clip: Raw = Raw()
    felix_share: Raw = Raw()
    reel_share: Raw = Raw()
    story_share: Raw = Raw()
    xma_media_share: Raw = Raw()
    xma_reel_share: Raw = Raw()
    xma_clip: Raw = Raw()
    xma_story_share: Raw = Raw()
    xma_reel_mention: Raw = Raw()
    xma_profile: Raw = Raw()
    generic_xma: Raw = Raw()
    link: Raw = Raw()
    profile: Raw = Raw()
    location: Raw = Raw()
    hashtag: Raw = Raw()
    action_log: Raw = Raw()
    reaction_log: Raw = Raw()
    video_call_event: Raw = Raw()
    placeholder: Raw = Raw()


class Thread(Struct):
    thread_id: str
    users: list[User] = []
    left_users: list[User] = []
    items: list[Raw] = []
    is_group: bool = False
    last_seen_at: dict[str, Raw] = {}
    """By the user's id; here only when somebody has read on."""


class Comment(Struct):
    pk: Id
    user: User | None = None
    user_id: Id | None = None
    text: str = ""
    created_at_utc: float | None = None
    created_at: float | None = None
    parent_comment_id: Id | None = None
    replied_to_comment_id: Id | None = None
    giphy_media_info: Animated | None = None


class Post(Struct):
    """A post of ours."""

    id: str
    """Its number and ours, joined by an underscore."""
    code: str | None = None


class Ours(Struct, array_like=True):
    """A message of the hub's."""

    message_id: str
    part: int = 0


class Delivery(Struct):
    """What a poll makes an envelope of: our id, and a thread or comments as the API gave them."""

    viewer_id: Id
    thread: Raw = Raw()
    media: Post | None = None
    comments: list[Raw] = []
    sent: dict[str, Ours] = {}
    """Messages of the hub's among them that only what it remembers tells, by their ids."""
