"""Asking X for what is new: posts that mention us, and direct messages.

Each page is a delivery as X gave it. X gives the newest first: a poll goes back to what is known
already, some pages at a time, and its cursor tells how far it came, so that a stop in between
loses nothing. Posts are asked for between two ids; direct messages can only be paged back.

What is read is paid for, a thing once a day however often it is read (by UTC), and so is each
person whose name comes with it.

Sources: https://docs.x.com/x-api/posts/user-mention-timeline-by-user-id,
https://docs.x.com/x-api/direct-messages/lookup/introduction,
https://docs.x.com/x-api/getting-started/pricing
"""

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, field

from connectors.base import Page, Rejected, SendError, Throttled, Unreachable
from connectors.twitter.settings import Prices
from connectors.twitter.snowflake import id_at
from connectors.twitter.spending import Purse, micro
from registry.types import Clock

if TYPE_CHECKING:
    from connectors.twitter.client import Client

_log = logging.getLogger(__name__)

BACKLOG = timedelta(days=7)
"""How far back the first poll goes. Later ones go back to the last, however long ago it was, as
far as X does: 800 mentions, and 30 days of direct messages."""
PAGES = 5
"""Pages of each kind that one poll reads at most."""
POSTS = 100
"""Posts of a page: the most X gives, and only what is new costs anything."""
FEWEST_POSTS = 5
MESSAGES = 20
"""Messages of a page: what is known already is among them, and is paid for once a day."""


class Mentions(Struct):
    """How far the posts are read."""

    since: int = 0
    """The newest that is known, or what the first poll begins behind."""
    until: int | None = None
    """In the middle of reading back: everything from here on is known too."""
    newest: int = 0


class Messages(Struct):
    """How far the direct messages are read."""

    since: int = 0
    token: str | None = None
    """In the middle of reading back: X's name for the next page."""
    newest: int = 0
    paid: str = ""
    """The day on which what is known was paid for last."""


class Cursor(Struct):
    mentions: Mentions = field(default_factory=Mentions)
    messages: Messages = field(default_factory=Messages)


class _Meta(Struct):
    next_token: str | None = None


class _Thing(Struct):
    id: str


class _Includes(Struct):
    users: list[_Thing] = []


class _Page(Struct):
    data: list[_Thing] = []
    includes: _Includes = field(default_factory=_Includes)
    meta: _Meta = field(default_factory=_Meta)


_CURSOR = msgspec.json.Decoder(Cursor)
_PAGE = msgspec.json.Decoder(_Page)


class Poller:
    """What one account polls."""

    def __init__(
        self, *, purse: Purse, prices: Prices, user_id: str, seconds: float, clock: Clock
    ) -> None:
        self._purse = purse
        self._post, self._dm = micro(prices.read_post), micro(prices.read_dm)
        self._user = micro(prices.read_user)
        self._met: tuple[str, set[int]] = ("", set())
        """A day, and the people who were paid for on it, as far as this process knows."""
        self._user_id = user_id
        self._seconds = seconds
        self._clock = clock
        self._until: dict[str, datetime] = {}
        """Kinds that X lets us ask for again only then."""

    @property
    def least(self) -> int:
        """What there must be to read both kinds, in millionths of a dollar."""
        return max(FEWEST_POSTS * (self._post + self._user), self._dm + 2 * self._user)

    async def poll(self, client: "Client", cursor: str | None) -> Page:
        """Read what is new. What one kind brought is not lost over the other's failure.

        Raises: Throttled when neither may be asked for yet, SendError when nothing came of it.
        """
        state = _state(cursor, id_at(self._clock() - BACKLOG))
        bodies: list[bytes] = []
        failed: list[SendError] = []
        unfinished = False
        kinds: dict[str, Callable[[], Awaitable[bool]]] = {
            "mentions": lambda: self._mentions(client, state.mentions, bodies),
            "messages": lambda: self._messages(client, state.messages, bodies),
        }
        for kind, read in kinds.items():
            if self._waits(kind):
                continue
            try:
                unfinished |= await read()
            except Throttled as error:
                self._until[kind] = self._clock() + timedelta(seconds=error.retry_after)
                _log.info("X's %s must wait: %s", kind, error.reason)
            except SendError as error:
                failed.append(error)
        if not bodies and failed:
            raise failed[0]
        waiting = [self._waits(kind) for kind in kinds]
        if not bodies and all(waiting):
            raise Throttled(
                "X lets the account read nothing for now.", retry_after=min(waiting), code="429"
            )
        more = unfinished and not failed
        return Page(
            bodies=bodies,
            cursor=msgspec.json.encode(state).decode(),
            more=more,
            pause=0.0 if more else self._seconds,
        )

    def _waits(self, kind: str) -> float:
        """Seconds until a kind may be asked for; 0 when it may be now."""
        until = self._until.get(kind)
        left = 0.0 if until is None else (until - self._clock()).total_seconds()
        if left <= 0:
            self._until.pop(kind, None)
        return max(left, 0.0)

    async def _mentions(self, client: "Client", state: Mentions, bodies: list[bytes]) -> bool:
        """Read back to what is known; whether there is more of it."""
        came: list[bytes] = []
        try:
            for _ in range(PAGES):
                # Each post may be by somebody new.
                booking = await self._purse.booked(
                    self._post + self._user, least=FEWEST_POSTS, most=POSTS
                )
                spent = 0
                try:
                    reply = await client.mentions(
                        self._user_id,
                        since_id=str(state.since),
                        until_id=None if state.until is None else str(state.until),
                        max_results=booking.count,
                    )
                    ids, people, next_token = _read(reply.body)
                    spent = len(ids) * self._post + self._introduced(people)
                finally:
                    await booking.settle(spent)
                if ids:
                    came.append(reply.body)
                    state.newest = max(state.newest, *ids)
                if next_token is None or not ids:
                    state.since = max(state.since, state.newest)
                    state.until, state.newest = None, 0
                    return False
                state.until = min(ids)
            return True
        finally:
            bodies += reversed(came)  # the oldest first

    async def _messages(self, client: "Client", state: Messages, bodies: list[bytes]) -> bool:
        """The same with direct messages."""
        came: list[bytes] = []
        try:
            for _ in range(PAGES):
                today = f"{self._clock():%Y-%m-%d}"
                # X names us too, beside whoever else takes part.
                booking = await self._purse.booked(
                    self._dm + self._user, least=1, most=MESSAGES, besides=self._user
                )
                spent = 0
                try:
                    reply = await client.messages(token=state.token, max_results=booking.count)
                    ids, people, next_token = _read(reply.body)
                    fresh = {one for one in ids if one > state.since}
                    read = len(fresh) if state.paid == today else len(ids)
                    spent = read * self._dm + self._introduced(people)
                except Rejected:
                    if state.token is None:
                        raise
                    state.token = None  # it has expired: from the newest again
                    continue
                finally:
                    await booking.settle(spent)
                state.paid = today
                if fresh:
                    came.append(_only(reply.body, fresh) if len(fresh) < len(ids) else reply.body)
                    state.newest = max(state.newest, *fresh)
                if next_token is None or len(fresh) < len(ids) or not ids:
                    state.since = max(state.since, state.newest)
                    state.token, state.newest = None, 0
                    return False
                state.token = next_token
            return True
        finally:
            bodies += reversed(came)

    def _introduced(self, people: set[int]) -> int:
        """What the names of these people cost: each is paid for once a day."""
        today = f"{self._clock():%Y-%m-%d}"
        if self._met[0] != today:
            self._met = (today, set())
        new = people - self._met[1]
        self._met[1].update(new)
        return len(new) * self._user


def _state(cursor: str | None, floor: int) -> Cursor:
    """How far the polls came; from `floor` on when there was none, or none that can be read."""
    try:
        state = Cursor() if cursor is None else _CURSOR.decode(cursor)
    except msgspec.DecodeError:
        _log.warning("the cursor cannot be read: X is read again from %s days ago", BACKLOG.days)
        state = Cursor()
    state.mentions.since = state.mentions.since or floor
    state.messages.since = state.messages.since or floor
    return state


def _read(body: bytes) -> tuple[list[int], set[int], str | None]:
    """The ids of a page, those of the people it names, and the name of the next."""
    try:
        page = _PAGE.decode(body)
        people = {int(user.id) for user in page.includes.users}
        return [int(thing.id) for thing in page.data], people, page.meta.next_token
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise Unreachable("X's page of news could not be read.") from None


def _only(body: bytes, fresh: set[int]) -> bytes:
    """The page without what is known already."""
    page = json.loads(body)
    page["data"] = [thing for thing in page["data"] if int(thing["id"]) in fresh]
    return json.dumps(page, ensure_ascii=False).encode()
