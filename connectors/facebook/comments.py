"""What happens under the page's posts: comments, and what visitors post themselves.

One conversation for each author and thread: its key is "post/root/author". The root is the
top-level comment, so that what its author adds under it joins their appeal; of a visitor's post it
is the post.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from connectors.facebook.content import Content, file_at, unreadable
from connectors.facebook.deliveries import BareFeed, Feed
from connectors.facebook.messenger import SCHEME, Account
from connectors.kit.moments import moment
from registry.types import (
    AttachmentKind,
    ContactEvent,
    ContactPoint,
    Inbound,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    Sender,
    Unreadable,
)

_POSTS = frozenset({"post", "status", "photo", "video", "share", "note", "album"})
"""Items that are posts: by a visitor when they are not by the page."""
_HIDDEN = {"hide": "comment_hidden", "unhide": "comment_shown"}


class Thread(NamedTuple):
    """Where a comment hangs."""

    post: str
    root: str
    author: str


def thread_key(thread: Thread) -> str:
    """The conversation's key."""
    return "/".join(thread)


def thread_of(conversation: str) -> Thread | None:
    """The thread that a key names, None for a key that names none."""
    parts = conversation.split("/")
    return Thread(*parts) if len(parts) == 3 and all(parts) else None


def feed(value: Feed, account: Account, *, path: str, arrived: datetime) -> Sequence[Inbound]:
    """What one change brings: nothing for our own doing, a like, or an unknown kind."""
    if value.item == "comment":
        return _comment(value, account, path=path, arrived=arrived)
    if value.item in _POSTS:
        return _post(value, account, arrived=arrived)
    return ()


def bare(value: BareFeed, account: Account, *, arrived: datetime) -> Sequence[Inbound]:
    """A placeholder for a comment whose content is broken or of a new shape."""
    if value.item != "comment" or value.verb not in {"add", "edited"}:
        return ()
    if str(value.author.id) == account.page_id:
        return ()
    post = _text(value.post_id) or value.comment_id
    parent = _text(value.parent_id)
    said = _text(value.message)
    message = InboundMessage(
        channel=account.channel,
        account=account.account,
        external_id=value.comment_id,
        conversation=thread_key(
            Thread(post, _root(value.comment_id, parent, post), str(value.author.id))
        ),
        sender=_sender(str(value.author.id), value.author.name),
        sent_at=arrived,
        text=unreadable(said, ["unknown"]).text,
        public=True,
        unreadable=True,
    )
    if value.verb == "edited":
        return (MessageEdited(message=message, edited_at=arrived),)
    return (message,)


# --- Comments -----------------------------------------------------------------------------------


def _comment(value: Feed, account: Account, *, path: str, arrived: datetime) -> Sequence[Inbound]:
    if value.comment_id is None:
        return (Unreadable(reason="The comment has no id.", item=path),)
    if value.author is not None and str(value.author.id) == account.page_id:
        return ()
    if value.verb == "remove":
        return (
            MessageDeleted(
                channel=account.channel,
                account=account.account,
                external_id=value.comment_id,
                at=arrived,
            ),
        )
    if value.verb not in {"add", "edited", "edit", *_HIDDEN}:
        return ()
    if value.author is None:
        if value.verb in _HIDDEN:
            return ()
        reason = "The comment does not tell who wrote it: the app lacks pages_read_user_content."
        return (Unreadable(reason=reason, item=path),)
    post = value.post_id or value.parent_id or value.comment_id
    author = str(value.author.id)
    conversation = thread_key(Thread(post, _root(value.comment_id, value.parent_id, post), author))
    sender = _sender(author, value.author.name)
    if value.verb in _HIDDEN:
        return (
            ContactEvent(
                channel=account.channel,
                account=account.account,
                conversation=conversation,
                kind=_HIDDEN[value.verb],
                external_id=f"{value.comment_id}:{value.verb}:{int(arrived.timestamp())}",
                sender=sender,
                at=arrived,
                payload=value.comment_id,
                public=True,
                by_us=True,
            ),
        )
    answered = value.parent_id if value.parent_id not in {None, post} else None
    message = _message(
        value, account, value.comment_id, conversation, sender, arrived, reply_to=answered
    )
    if value.verb == "add":
        return (message,)
    return (MessageEdited(message=message, edited_at=max(arrived, message.sent_at)),)


def _root(comment: str, parent: str | None, post: str) -> str:
    """The top-level comment: a reply's parent, or the comment itself.

    A post's id is "page_post", a comment's "post_comment": the parent of a top-level comment is
    the post, under either spelling of its id.
    """
    if not parent or parent in {post, post.rpartition("_")[2], comment}:
        return comment
    return parent


def _post(value: Feed, account: Account, *, arrived: datetime) -> Sequence[Inbound]:
    """A visitor's post on the page is a thread of its own."""
    post, who = value.post_id, value.author
    if post is None or who is None or str(who.id) == account.page_id:
        return ()
    if value.verb == "remove":
        return (
            MessageDeleted(
                channel=account.channel, account=account.account, external_id=post, at=arrived
            ),
        )
    if value.verb not in {"add", "edited", "edit"}:
        return ()
    author = str(who.id)
    conversation = thread_key(Thread(post, post, author))
    sender = _sender(author, who.name)
    message = _message(value, account, post, conversation, sender, arrived)
    if value.verb == "add":
        return (message,)
    return (MessageEdited(message=message, edited_at=max(arrived, message.sent_at)),)


def _message(
    value: Feed,
    account: Account,
    external_id: str,
    conversation: str,
    sender: Sender,
    arrived: datetime,
    *,
    reply_to: str | None = None,
) -> InboundMessage:
    content = _content(value)
    sent_at = arrived if value.created_time is None else moment(value.created_time)
    return InboundMessage(
        channel=account.channel,
        account=account.account,
        external_id=external_id,
        conversation=conversation,
        sender=sender,
        sent_at=sent_at,
        text=content.text,
        attachments=content.attachments,
        reply_to=reply_to,
        public=True,
        unreadable=content.unreadable,
    )


def _content(value: Feed) -> Content:
    photos = value.photos or ([value.photo] if value.photo else [])
    files = [file_at(url, AttachmentKind.PHOTO) for url in photos if url]
    if value.video:
        files.append(file_at(value.video, AttachmentKind.VIDEO))
    said = value.message or ""
    # The link of a photo's or a video's post is the post's own page.
    if value.link and not files and value.link not in said:
        said = f"{said}\n{value.link}" if said else value.link
    if not said and not files:
        return unreadable("", [f"{value.item} without text"])
    return Content(said, tuple(files))


def _sender(person: str, name: str | None) -> Sender:
    return Sender(point=ContactPoint(SCHEME, person), name=name or None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
