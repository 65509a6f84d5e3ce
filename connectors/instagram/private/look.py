"""One look at an account after another, call by call: what to ask, and what an answer brings.

Pure: the account makes the calls. A look is the inbox, now and then the requests of people who
write for the first time, and the comments of our newest posts.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.instagram.private.cursor import (
    OVERLAP,
    REQUESTS_EVERY,
    Comments,
    Cursor,
    Inbox,
    Job,
    Mark,
    Older,
    PostMark,
    Posts,
    Replies,
)

POSTS_EVERY = 5
"""Of so many looks one goes to the comments."""
NEWEST_POSTS = 12
"""Posts whose comments are read."""
ANYWAY = 6 * 3600 * 1_000_000
"""Microseconds after which a post's comments are read though their number is the same."""
MOST_PAGES = 50
_MESSAGES = 20
"""Messages of a thread on one page."""
_MESSAGE_OVERLAP = 60 * 1_000_000
"""Within a thread, where Instagram gives the times itself and in order."""

Body = dict[str, Any]


def plan(cursor: Cursor) -> None:
    """The calls of the next look."""
    cursor.jobs.append(Inbox("inbox"))
    if cursor.looks % REQUESTS_EVERY == 0:
        cursor.jobs.append(Inbox("pending_inbox"))
    if cursor.looks % POSTS_EVERY == 0:
        cursor.jobs.append(Posts())


def question(job: Job, viewer: str) -> tuple[str, dict[str, Any]]:
    """The address and the parameters of a call, as the app has them.

    Source: instagrapi's `direct_threads_chunk`, `direct_pending_chunk`, `direct_thread`,
    `user_medias_paginated_v1`, `media_comments_v1_chunk` and `media_comment_replies`.
    """
    match job:
        case Inbox():
            params: dict[str, Any] = {
                "visual_message_return_type": "unseen",
                "thread_message_limit": str(_MESSAGES),
                "persistentBadging": "true",
                "limit": "20",
                "is_prefetching": "false",
                "fetch_reason": "page_scroll" if job.cursor else "initial_snapshot",
            }
            if job.cursor:
                params |= {"cursor": job.cursor, "direction": "older"}
            return f"direct_v2/{job.folder}/", params
        case Older():
            return f"direct_v2/threads/{job.thread}/", {
                "visual_message_return_type": "unseen",
                "direction": "older",
                "limit": str(_MESSAGES),
                "cursor": job.cursor,
            }
        case Posts():
            return f"feed/user/{viewer}/", {"count": str(NEWEST_POSTS)}
        case Comments():
            return f"media/{job.post}/comments/", {
                "can_support_threading": "true",
                "permalink_enabled": "false",
                "sort_order": "recent",
                **job.page,
            }
        case Replies():
            return f"media/{job.post}/comments/{job.root}/inline_child_comments/", job.page


def taken(
    cursor: Cursor, job: Job, answer: Mapping[str, Any], *, viewer: str, now: int
) -> list[Body]:
    """What an answer brings; the cursor then knows of it, and of the calls that follow from it."""
    match job:
        case Inbox():
            return _inbox(cursor, job, answer, viewer)
        case Older():
            return _older(cursor, job, _mapping(answer.get("thread")), viewer)
        case Posts():
            return _posts(cursor, answer, now)
        case Comments():
            return _comments(cursor, job, answer, viewer)
        case Replies():
            return _replies(cursor, job, answer, viewer)


def pending(job: Job, answer: Mapping[str, Any]) -> list[str] | None:
    """The threads that wait to be let in, where the answer lists them."""
    if not isinstance(job, Inbox) or job.folder != "pending_inbox":
        return None
    threads = _listed(_mapping(answer.get("inbox")).get("threads"))
    return [str(thread["thread_id"]) for thread in threads if thread.get("thread_id")]


# --- Threads ------------------------------------------------------------------------------------


def _inbox(cursor: Cursor, job: Inbox, answer: Mapping[str, Any], viewer: str) -> list[Body]:
    inbox = _mapping(answer.get("inbox"))
    bodies: list[Body] = []
    activity = 0
    for thread in _listed(inbox.get("threads")):
        name = thread.get("thread_id")
        if not isinstance(name, str) or not name:
            continue
        activity = _number(thread.get("last_activity_at"))
        cursor.newest = max(cursor.newest, activity)
        if not thread.get("is_group"):
            bodies += _thread(cursor, name, thread, viewer)
    following = inbox.get("oldest_cursor")
    if isinstance(following, str) and inbox.get("has_older") and activity > cursor.floor:
        cursor.jobs.append(Inbox(job.folder, following))
    return bodies


def _thread(cursor: Cursor, name: str, thread: Mapping[str, Any], viewer: str) -> list[Body]:
    """The news of a thread; where the page does not reach what is known, the next one is asked."""
    known = cursor.threads.get(name)
    mark = Mark(cursor.floor) if known is None else known
    bound = mark.copy()
    news, reaches = _news(thread, bound, mark)
    older = thread.get("oldest_cursor")
    if news and not reaches and isinstance(older, str) and thread.get("has_older", True):
        cursor.jobs.insert(0, Older(name, older, bound))
    seen = max(
        (
            _number(_mapping(one).get("timestamp"))
            for reader, one in _mapping(thread.get("last_seen_at")).items()
            if reader != viewer
        ),
        default=0,
    )
    read_on = seen > max(bound.seen, 0 if known is not None else cursor.floor)
    mark.seen = max(mark.seen, seen)
    cursor.threads[name] = mark
    if not news and not read_on:
        return []
    return [_body(thread, news, viewer, seen=read_on)]


def _older(cursor: Cursor, job: Older, thread: Mapping[str, Any], viewer: str) -> list[Body]:
    mark = cursor.threads.setdefault(job.thread, job.known.copy())
    news, reaches = _news(thread, job.known, mark)
    older = thread.get("oldest_cursor")
    more = isinstance(older, str) and older != job.cursor and thread.get("has_older", True)
    if news and not reaches and more:
        cursor.jobs.insert(0, Older(job.thread, str(older), job.known))
    return [_body({**thread, "thread_id": job.thread}, news, viewer, seen=False)] if news else []


def _news(thread: Mapping[str, Any], bound: Mark, mark: Mark) -> tuple[list[Body], bool]:
    """The items that are not known yet, and whether the page reaches back to what is."""
    news: list[Body] = []
    reaches = False
    for item in _listed(thread.get("items")):
        sent = _number(item.get("timestamp"))
        at = max(sent, _reacted(item))
        key = f"{item.get('item_id')}@{at}"
        if not bound.knows(key, at, overlap=_MESSAGE_OVERLAP) and key not in mark.keys:
            news.append(item)
            mark.at = max(mark.at, at)
            mark.add(key)
        reaches = reaches or sent <= bound.at - _MESSAGE_OVERLAP
    mark.forget(overlap=_MESSAGE_OVERLAP)
    return news, reaches


def _reacted(item: Mapping[str, Any]) -> int:
    """When the last reaction was given: it makes a known message news."""
    emojis = _listed(_mapping(item.get("reactions")).get("emojis"))
    return max((_number(one.get("timestamp")) for one in emojis), default=0)


def _body(thread: Mapping[str, Any], news: list[Body], viewer: str, *, seen: bool) -> Body:
    """The thread as it came, with its news alone, and the oldest first."""
    news = sorted(news, key=lambda item: _number(item.get("timestamp")))
    left_out = {"items", "last_permanent_item", "theme"} | (set() if seen else {"last_seen_at"})
    kept = {name: value for name, value in thread.items() if name not in left_out}
    return {"viewer_id": viewer, "thread": {**kept, "items": news}}


# --- Comments -----------------------------------------------------------------------------------


def _posts(cursor: Cursor, answer: Mapping[str, Any], now: int) -> list[Body]:
    found: dict[str, PostMark] = {}
    for post in _listed(answer.get("items"))[:NEWEST_POSTS]:
        name = post.get("id")
        if not isinstance(name, str) or not name:
            continue
        count = _number(post.get("comment_count"))
        known = cursor.posts.get(name)
        mark = PostMark(Mark(cursor.start)) if known is None else known
        if count != mark.count or (count and now - mark.looked > ANYWAY):
            missing = max(0, count - mark.count) if known is not None else 0
            code = post.get("code")
            code = code if isinstance(code, str) else ""
            cursor.jobs.append(Comments(name, code, mark.mark.copy(), missing))
            # From now on, and not from the newest comment: while page after page is read, people
            # write under what has been read already.
            mark.mark.forget(overlap=OVERLAP)
            mark.count, mark.looked, mark.mark.at = count, now, now
        found[name] = mark
    cursor.posts = found
    return []


def _comments(cursor: Cursor, job: Comments, answer: Mapping[str, Any], viewer: str) -> list[Body]:
    post = cursor.posts.get(job.post) or PostMark(job.known.copy())
    news: list[Body] = []
    for comment in _listed(answer.get("comments")):
        root = str(comment.get("pk"))
        shown = _listed(comment.get("preview_child_comments"))
        plain = {name: v for name, v in comment.items() if name != "preview_child_comments"}
        news += _new_comments([plain], job.known, post.mark)
        news += _new_comments(
            [{"parent_comment_id": root, **one} for one in shown], job.known, post.mark
        )
        count = _number(comment.get("child_comment_count"))
        if count > max(len(shown), post.replies.get(root, 0)):
            cursor.jobs.append(Replies(job.post, job.code, root, job.known))
        if count:
            post.replies[root] = count
    for root in list(post.replies)[:-100]:
        del post.replies[root]
    missing = job.missing
    count = _number(answer.get("comment_count"))
    if not job.pages and count:  # the list of posts is older than this answer
        missing += max(0, count - post.count)
        post.count = count
    missing = max(0, missing - len(news))
    page = _next_page(answer, "has_more_headload_comments", "next_min_id", "min_id") or _next_page(
        answer, "has_more_comments", "next_max_id", "max_id"
    )
    if page and page != job.page and (news or missing) and job.pages < MOST_PAGES:
        cursor.jobs.append(Comments(job.post, job.code, job.known, missing, page, job.pages + 1))
    return _under(job.post, job.code, news, viewer)


def _replies(cursor: Cursor, job: Replies, answer: Mapping[str, Any], viewer: str) -> list[Body]:
    post = cursor.posts.get(job.post) or PostMark(job.known.copy())
    children = [
        {"parent_comment_id": job.root, **one} for one in _listed(answer.get("child_comments"))
    ]
    news = _new_comments(children, job.known, post.mark)
    page = _next_page(
        answer, "has_more_head_child_comments", "next_min_child_cursor", "min_id"
    ) or _next_page(answer, "has_more_tail_child_comments", "next_max_child_cursor", "max_id")
    if page and page != job.page and job.pages < MOST_PAGES:
        cursor.jobs.append(Replies(job.post, job.code, job.root, job.known, page, job.pages + 1))
    return _under(job.post, job.code, news, viewer)


def _new_comments(comments: Iterable[Body], bound: Mark, mark: Mark) -> list[Body]:
    news = []
    for comment in comments:
        seconds = _number(comment.get("created_at_utc") or comment.get("created_at"))
        at = seconds * 1_000_000
        key = f"{comment.get('pk')}@{at}"
        if not bound.knows(key, at, overlap=OVERLAP) and key not in mark.keys:
            news.append(comment)
            mark.add(key)
    return news


def _under(post: str, code: str, news: list[Body], viewer: str) -> list[Body]:
    if not news:
        return []
    news = sorted(news, key=lambda one: _number(one.get("created_at_utc") or one.get("created_at")))
    return [{"viewer_id": viewer, "media": {"id": post, "code": code}, "comments": news}]


def _next_page(
    answer: Mapping[str, Any], more: str, given: str, asked: str
) -> dict[str, str] | None:
    value = answer.get(given)
    return {asked: str(value)} if answer.get(more) and value else None


# --- Values of nobody's promise -----------------------------------------------------------------


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: object) -> list[Body]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: object) -> int:
    try:
        return int(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0
