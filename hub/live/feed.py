"""The feed: one task that reads what changed and tells every browser of this process.

It is woken by commits here and, on PostgreSQL, by those of other processes; a clock is the net
below. It waits a moment for more to gather, and then reads each thing once for all.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog
from aiohttp import web
from sqlalchemy import or_, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.live.board import MOST, Board, Found
from hub.live.clients import Client, Goodbye, View, Writer
from hub.live.notices import Notices
from hub.live.presence import CHANNEL, REPEAT_SECONDS, Presence
from hub.live.rendering import Renderer, Rows
from hub.live.views import Group
from hub.views.drawn import DRAWN
from registry import changes
from registry.admission import admitted
from registry.calls.locking import CALLS
from registry.calls.pulse import pulse
from registry.changes import Cursor, read_changes
from registry.db import Database
from registry.errors import Unavailable
from registry.inbox import ids_of, is_searching, load_known, matching_ids
from registry.models import Appeal
from registry.operators import Principal
from registry.queues import live
from registry.tally import count_queues
from registry.types import Clock
from registry.wire import CHANGES, Wire
from workers.supervisor import keep_running

log = structlog.get_logger(__name__)

CLOCK_SECONDS = 1.0
"""How often the feed looks without being woken."""
HEARTBEAT_SECONDS = 20.0
"""How often every browser hears something."""
COUNT_SECONDS = 0.25
"""Counts are made anew at most so often, and take a tenth of the time at most."""
RECOUNT_SECONDS = 60.0
"""How often they are made anew although nothing changed."""
CALLS_SECONDS = 0.3
"""How often the telephone's pulse is taken at most."""
PASSING_SECONDS = 5.0
"""How often it is asked whose deadline or snoozing has passed."""
ARRIVALS_AT_ONCE = 50
"""How many are met in one round, so that the others need not wait for them."""
CHECK_SECONDS = 1.0
"""Sessions are checked at most so often when something was committed here."""
RECHECK_SECONDS = 10.0
"""How often they are checked in any case."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that a client shows from now on, and up to where it knows what changed."""

    client: Client
    cursor: Cursor | None
    view: View | None = None
    number: str | None = None


class Feed:
    """Tells the browsers of this process what changes."""

    def __init__(self, database: Database, *, clock: Clock, window: float) -> None:
        """`window` is how many seconds changes are gathered."""
        self._database = database
        self._clock = clock
        self._window = window
        self.wire = Wire(database)
        """By which other processes are heard."""
        self._presence = Presence(time.monotonic)
        self._board = Board(self._presence)
        self._notices = Notices()
        self._arrivals: list[Arrival] = []
        self._woken = asyncio.Event()
        self._committed = False
        self._cursor: Cursor | None = None
        self._must_count = True
        self._count_after = self._recount_at = self._calls_after = 0.0
        self._times = _Times()
        self._passed_until: datetime | None = None

    # --- What clients ask -----------------------------------------------------------------------

    @property
    def clients(self) -> Collection[Client]:
        """Who is connected."""
        return self._board.clients

    def join(self, client: Client) -> None:
        """Tell a client from now on; it shows nothing yet."""
        if not self._board.clients:
            # While nobody listened nothing was read.
            self._cursor, self._passed_until, self._must_count = None, None, True
            self._notices.begin()
        self._board.add(client)
        self._woken.set()

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._arrivals = [arrival for arrival in self._arrivals if arrival.client is not client]
        self._board.remove(client)
        self._woken.set()

    def show(self, client: Client, view: View, cursor: Cursor | None) -> None:
        """The client shows a list that was read at the cursor. Raises: Problem."""
        self._board.groups.add(client, view)
        self._arrivals.append(Arrival(client, cursor, view=view))
        self._woken.set()

    def hide(self, client: Client, view: View) -> None:
        """The client shows the list no more."""
        self._arrivals = [a for a in self._arrivals if (a.client, a.view) != (client, view)]
        self._board.groups.remove(client, view)

    def open(self, client: Client, number: str, cursor: Cursor | None) -> None:
        """The client shows an appeal that was read at the cursor."""
        self._arrivals.append(Arrival(client, cursor, number=number))
        self._woken.set()

    def close(self, client: Client, number: str) -> None:
        """The client shows the appeal no more."""
        self._arrivals = [a for a in self._arrivals if (a.client, a.number) != (client, number)]
        self._board.close(client, number)
        self._woken.set()

    def write(self, client: Client, number: str, *, typing: bool) -> None:
        """Somebody writes in an appeal they have open, or has stopped."""
        self._presence.write(client, number, typing=typing)
        self._woken.set()

    # --- The loop -------------------------------------------------------------------------------

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """Feed while the application runs."""
        self._renderer = Renderer(app[DRAWN])
        stopping = asyncio.Event()
        stop_hearing = self._database.on_commit(self._wake)
        for channel in (CHANGES, CALLS):
            self.wire.on(channel, lambda _: self._woken.set())
        self.wire.on(CHANNEL, self._hear)
        loops = {"live": lambda: self._run(stopping), "wire": lambda: self.wire.run(stopping)}
        tasks = [
            asyncio.create_task(keep_running(name, loop, stopping=stopping), name=name)
            for name, loop in loops.items()
        ]
        yield
        stop_hearing()
        stopping.set()
        self._woken.set()
        await asyncio.gather(*tasks)

    async def say_goodbye(self, _app: web.Application) -> None:
        """Send everybody away, as the server stops."""
        for client in list(self._board.clients):
            client.leave(Goodbye.STOPPING)

    def _wake(self) -> None:
        self._committed = True
        self._woken.set()

    def _hear(self, words: str) -> None:
        if words:
            self._presence.hear(words)
        self._woken.set()

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), CLOCK_SECONDS)
            self._woken.clear()
            if not self._board.clients:
                await self._tell_others()  # that the last one left
                continue
            await asyncio.sleep(self._window)
            self._woken.clear()
            try:
                await self._round()
                await self._count()
                await self._tell_others()
            except Unavailable as error:
                log.warning("the screens wait for the database", reason=str(error))
                await asyncio.sleep(CLOCK_SECONDS)

    async def _round(self) -> None:
        """Read what changed and what is asked, and tell it."""
        now, at = self._clock(), time.monotonic()
        arrivals = self._arrivals[:ARRIVALS_AT_ONCE]
        async with self._database.read() as session:
            changed, cursor, lost = await self._changes(session)
            passed, passed_until = await self._passed(session, now)
            changed = list(dict.fromkeys([*changed, *passed]))
            missed = {arrival: await _missed(session, arrival.cursor) for arrival in arrivals}
            moved = self._presence.changes()
            numbers = {arrival.number for arrival in arrivals if arrival.number} | moved.keys()
            if any(arrival.view for arrival in arrivals):
                numbers |= self._presence.shown.keys()
            ids = await ids_of(session, numbers) if numbers else {}
            wanted = {*changed, *ids.values(), *_joined(missed.values())}
            found = Found(
                now=now,
                known=await load_known(session, wanted),
                by_words=await self._by_words(session, wanted, now),
            )
            news = {id_: found.known[id_] for id_ in changed if id_ in found.known}
            notices = await self._notices.read(session, news, now) if news else []
            await self._renderer.prepare(session, at=at)
            asked, staying = await self._staying(session, now, at)
            beat = await self._pulse(session, now, at)
        # From here on nothing is waited for: everybody is told the same state.
        self._cursor, self._passed_until = cursor, passed_until
        self._must_count = self._must_count or bool(changed) or lost
        rows = self._renderer.rows(now)
        if lost:
            self._board.tell_lost()
        self._board.tell_changes(found, changed, rows)
        self._presence.settle(moved)
        self._board.tell_presence(found, moved)
        self._board.tell_notices(notices)
        if beat is not None:
            self._board.tell_calls(beat)
        for arrival in arrivals:
            if arrival in self._arrivals:  # else it was called off meanwhile
                self._meet(arrival, found, missed[arrival], ids, rows)
        self._arrivals = [arrival for arrival in self._arrivals if arrival not in missed]
        if self._arrivals:
            self._woken.set()
        self._flush(everybody=self._times.is_due("heartbeat", at, HEARTBEAT_SECONDS))
        self._let_go(asked, staying)

    def _meet(
        self,
        arrival: Arrival,
        found: Found,
        missed: Sequence[int] | None,
        ids: Mapping[str, int],
        rows: Rows,
    ) -> None:
        """Tell a client what it missed, and let it follow from here on."""
        asked = arrival.cursor or ""
        if arrival.view is not None:
            self._board.meet_view(arrival.client, arrival.view, found, missed, rows, asked=asked)
        if arrival.number is not None:
            id_ = ids.get(arrival.number, 0)
            stale = missed is None or id_ in missed
            known = found.known.get(id_)
            self._board.meet_open(arrival.client, arrival.number, known, stale=stale, asked=asked)

    async def _count(self) -> None:
        """Count the queues, if they may have changed and it was not done just now."""
        at = time.monotonic()
        if self._must_count or at >= self._recount_at:
            if at < self._count_after:
                asyncio.get_running_loop().call_later(self._count_after - at, self._woken.set)
            else:
                async with self._database.read() as session:
                    tally = await count_queues(session, self._clock())
                self._must_count = False
                done = time.monotonic()
                self._count_after = done + max(COUNT_SECONDS, 9 * (done - at))
                self._recount_at = done + RECOUNT_SECONDS
                self._board.tell_counts(tally)
        for client in self._board.clients:
            if not client.counts:
                self._board.tell_counts_to(client)
        self._flush(everybody=False)

    async def _tell_others(self) -> None:
        """Tell the other processes who is where here."""
        everything = self._times.is_due("presence", time.monotonic(), REPEAT_SECONDS)
        for words in self._presence.words(everything=everything):
            await self.wire.tell(CHANNEL, words)

    def _flush(self, *, everybody: bool) -> None:
        writer = Writer(msgspec.json.encode({"cursor": self._cursor}))
        self._board.flush(writer, everybody=everybody)

    # --- What is read ---------------------------------------------------------------------------

    async def _changes(self, session: AsyncSession) -> tuple[list[int], Cursor, bool]:
        """The appeals that changed; and whether more did than can be told."""
        if self._cursor is None:
            return [], await changes.now(session), False
        cursor, lost, found = self._cursor, False, dict[int, None]()
        while True:
            read = await read_changes(session, cursor)
            found |= dict.fromkeys(read.appeal_ids)
            cursor, lost = read.cursor, lost or read.lost
            if not read.more:
                break
        if lost or len(found) > 2 * MOST:
            return [], cursor, True
        return list(found), cursor, False

    async def _passed(self, session: AsyncSession, now: datetime) -> tuple[Sequence[int], datetime]:
        """Appeals whose deadline or snoozing ended since this was asked last; and until when."""
        since = self._passed_until or now
        if (now - since).total_seconds() < PASSING_SECONDS:
            return (), since
        moments = (Appeal.due_at, Appeal.first_response_due, Appeal.snoozed_until)
        ended = or_(*((col(m) > since) & (col(m) <= now) for m in moments))
        rows = await (await session.connection()).execute(
            select(col(Appeal.id)).where(live, ended).limit(2 * MOST)
        )
        return rows.scalars().all(), now

    async def _pulse(self, session: AsyncSession, now: datetime, at: float) -> str | None:
        """The telephone's pulse, unless it was taken just now: then it is in a moment."""
        if at < self._calls_after:
            asyncio.get_running_loop().call_later(self._calls_after - at, self._woken.set)
            return None
        self._calls_after = at + CALLS_SECONDS
        return await pulse(session, now=now)

    async def _by_words(
        self, session: AsyncSession, ids: Collection[int], now: datetime
    ) -> Mapping[Group, set[int]]:
        """What of the appeals is found by those lists that search for words."""
        return {
            group: await matching_ids(session, group.query, ids, viewer=group.viewer, now=now)
            for group in self._board.groups
            if ids and is_searching(group.query)
        }

    async def _staying(
        self, session: AsyncSession, now: datetime, at: float
    ) -> tuple[list[Client], Mapping[str, Principal]]:
        """Clients that were looked at, if it is time to look, and what their sessions are worth."""
        after = CHECK_SECONDS if self._committed else RECHECK_SECONDS
        if not self._times.is_due("sessions", at, after):
            return [], {}
        self._committed = False
        asked = list(self._board.clients)
        return asked, await admitted(session, {client.digest for client in asked}, now=now)

    def _let_go(self, asked: Sequence[Client], staying: Mapping[str, Principal]) -> None:
        for client in asked:
            principal = staying.get(client.digest)
            if principal is None:
                client.leave(Goodbye.SIGNED_OUT)
            elif principal != client.principal:
                client.leave(Goodbye.CHANGED)


async def _missed(session: AsyncSession, cursor: Cursor | None) -> Sequence[int] | None:
    """What changed since a cursor; None for more than can be told."""
    if cursor is None:
        return ()
    read = await read_changes(session, cursor, limit=MOST * 10)
    if read.lost or read.more or len(read.appeal_ids) > MOST:
        return None
    return read.appeal_ids


def _joined(missed: Iterable[Sequence[int] | None]) -> Iterator[int]:
    for ids in missed:
        yield from ids or ()


class _Times:
    """When each thing was done last."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def is_due(self, name: str, at: float, seconds: float) -> bool:
        """Whether it is time to do it; then it counts as done."""
        if at - self._last.setdefault(name, at) < seconds:
            return False
        self._last[name] = at
        return True
