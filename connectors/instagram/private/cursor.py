"""How far an account has been read, and what is still to be fetched: the cursor between two polls.

It is saved together with what was fetched, so that a crash repeats a call and loses nothing. What
is read twice is the same message to the hub.
"""

import msgspec
from msgspec import Struct

HOUR = 3600 * 1_000_000
"""Microseconds, as Instagram counts."""
FIRST_LOOK = 24 * HOUR
"""How far back the first poll of an account goes."""
OVERLAP = HOUR
"""How far below the newest everything is looked at again, as an answer may lag behind another."""
REQUESTS_EVERY = 3
"""Of so many looks one goes to the requests of people who write for the first time."""
MOST_THREADS = 200
MOST_IDS = 300


class Mark(Struct, array_like=True):
    """How far a thread or a post has been read."""

    at: int
    """When the newest message of the thread was written; when the post was last looked at."""
    keys: list[str] = []
    """What has been read of the last while before that."""
    seen: int = 0
    """How far the other side has read."""

    def copy(self) -> "Mark":
        return Mark(self.at, list(self.keys), self.seen)

    def knows(self, key: str, at: int, *, overlap: int) -> bool:
        return at <= self.at - overlap or key in self.keys

    def add(self, key: str) -> None:
        """Take note of one thing. A key ends in its moment, by which it is forgotten again."""
        if key not in self.keys:
            self.keys = [*self.keys, key][-MOST_IDS:]

    def forget(self, *, overlap: int) -> None:
        """Let go of the keys that no answer can bring again as news."""
        late = self.at - overlap
        self.keys = [one for one in self.keys if int(one.rpartition("@")[2]) > late]


class PostMark(Struct, array_like=True):
    """A post of ours."""

    mark: Mark
    count: int = 0
    """Comments, as the list of posts said."""
    looked: int = 0
    """When they were last read whatever the count."""
    replies: dict[str, int] = {}
    """How many answers each comment had."""


class Inbox(Struct, array_like=True, tag="inbox"):
    """A page of the list of threads."""

    folder: str
    """inbox or pending_inbox."""
    cursor: str | None = None


class Older(Struct, array_like=True, tag="older"):
    """A page of one thread, further back."""

    thread: str
    cursor: str
    known: Mark


class Posts(Struct, array_like=True, tag="posts"):
    """Our newest posts."""


class Comments(Struct, array_like=True, tag="comments"):
    """A page of a post's comments."""

    post: str
    code: str
    known: Mark
    missing: int
    """How many more comments there are than last time, and have not been found yet."""
    page: dict[str, str] = {}
    pages: int = 0


class Replies(Struct, array_like=True, tag="replies"):
    """A page of the answers to one comment."""

    post: str
    code: str
    root: str
    known: Mark
    page: dict[str, str] = {}
    pages: int = 0


Job = Inbox | Older | Posts | Comments | Replies


class Cursor(Struct):
    """All that the next poll must know."""

    start: int
    """What is older than this the account has never been asked for."""
    floor: int
    """Nothing before this is news in a thread that is not among `threads`."""
    newest: int = 0
    """The newest activity since the last look at everything."""
    before: int = 0
    """The same of the look at everything before that."""
    looks: int = 0
    threads: dict[str, Mark] = {}
    posts: dict[str, PostMark] = {}
    jobs: list[Job] = []


_decoder = msgspec.json.Decoder(Cursor)


def opened(text: str | None, *, now: int) -> Cursor:
    """The cursor that was saved; one that begins a day ago when there is none that can be read."""
    if text is not None:
        try:
            return _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return Cursor(start=now - FIRST_LOOK, floor=now - FIRST_LOOK)


def saved(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def finished(cursor: Cursor) -> None:
    """A look is done. After one at all threads, requests among them, the floor rises.

    A thread that moved up while its page was being read is met by the next look at the latest, so
    that the floor follows one look behind.
    """
    everything = cursor.looks % REQUESTS_EVERY == 0
    cursor.looks += 1
    if not everything:
        return
    cursor.floor = max(cursor.floor, cursor.before - OVERLAP)
    cursor.before, cursor.newest = max(cursor.before, cursor.newest), 0
    excess = len(cursor.threads) - MOST_THREADS
    if excess > 0:
        by_age = sorted(cursor.threads, key=lambda name: cursor.threads[name].at)
        for name in by_age[:excess]:
            if cursor.threads[name].at <= cursor.floor:
                del cursor.threads[name]
