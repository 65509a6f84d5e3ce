"""A contact centre's rush hour on a running hub: citizens call, operators take their calls.

    async with opened_centre(database_url=…, folder=…) as centre:
        outcome = await centre.rush(callers=200, operators=20, seconds=600)

The hub is whole: HTTP on loopback, signed webhooks, its loops, in this process or, `apart`, in one
of its own. The provider is Twilio's stand-in, whose time is the hub's clock. A moment ends when
everybody waits and the hub has carried what it ordered; so a run takes the same course however slow
the machine is.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import aiohttp
from msgspec.structs import replace
from sqlmodel import col, select

from connectors.phone.sandbox import ACCOUNT_SID, AUTH_TOKEN, NUMBER, PhoneSandbox
from connectors.phone.sandbox_legs import ENDED
from registry.calls.ordering import has_due_orders
from registry.calls.switchboard import tick
from registry.calls.tables import CallOrder
from registry.current_office import Office, load_office
from registry.db import Database
from registry.models import Team, TeamMember
from registry.office import change_setting
from registry.office_shapes import MenuItem, Telephone, as_delivered
from tests.journeys.process import LOOK_AGAIN, PATIENCE, SECRET_KEY, Reply, opened
from tests.journeys.rush_hub import Decision, Timing, served, served_apart
from tests.journeys.rush_people import SPEAKS, TEAM, TEAM_KEY, Citizen, Desk
from tests.journeys.shared_time import SharedTime
from tests.journeys.telephone import Operator, device_of, employ

NOON = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
END = 3600
"""Seconds in which everything must be over."""
QUIET = 100
"""Seconds without any call after which nobody is going to call or be called."""
TICK = timedelta(seconds=5)
"""How often the hub looks at the clock: so often in real time as well, which passes at another
pace."""


@dataclass(slots=True)
class Seen:
    """What was to be seen on the provider's side."""

    answered_at: dict[str, datetime] = field(default_factory=dict)
    """When a citizen first talked with a person, by the sid of their call."""
    talked: dict[str, float] = field(default_factory=dict)
    """For how many seconds they did."""
    queued: dict[str, list[datetime]] = field(default_factory=dict)
    """From when on a citizen was in the queue, until when, and so on."""
    _talking: frozenset[str] = frozenset()
    _waiting: frozenset[str] = frozenset()
    _at: datetime = NOON

    def look(self, twilio: PhoneSandbox) -> None:
        """Nothing changes from one moment to the next."""
        now = twilio.time()
        for sid in self._talking:
            self.talked[sid] = self.talked.get(sid, 0.0) + (now - self._at).total_seconds()
        self._at = now
        self._talking = frozenset(
            leg.sid
            for room in twilio.rooms
            if room.status == "in-progress"
            for leg in room.participants
            if not leg.to.startswith("sip:")
        )
        for sid in self._talking:
            self.answered_at.setdefault(sid, now)
        waiting = frozenset(
            one.leg.sid for queue in twilio.queues.values() for one in queue.members
        )
        for sid in waiting ^ self._waiting:
            self.queued.setdefault(sid, []).append(now)
        self._waiting = waiting


class Centre:
    """A hub with a telephone, and whoever is at one."""

    def __init__(
        self,
        twilio: PhoneSandbox,
        database: Database,
        http: aiohttp.ClientSession,
        *,
        office: Office,
        timing: Timing,
        apart: bool,
    ) -> None:
        self.twilio = twilio
        self.database = database
        self.seen = Seen()
        self.citizens: list[Citizen] = []
        self.speaks: dict[int, tuple[str, ...]] = {}
        """Every operator's languages; none are all of them."""
        self._http = http
        self._office = office
        self._timing = timing
        self._apart = apart
        """What the hub commits is not heard of: it is looked for."""
        self._changed = asyncio.Event()
        self._ticked = self.now

    @property
    def now(self) -> datetime:
        return self.twilio.time()

    @property
    def decisions(self) -> list[Decision]:
        """Of a hub apart: once it is closed."""
        return self._timing.decisions

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str], content: object
    ) -> Reply:
        """One request to the hub."""
        asked = self._http.request(method, path, headers=headers, json=content)
        async with asked as response:
            return Reply(response.status, response.headers, await response.read())

    # --- People ----------------------------------------------------------------------------------

    async def rush(self, *, callers: int, operators: int, seconds: int, seed: int = 7) -> None:
        """Let so many call within so many seconds, and time pass until the last of them is served.

        Raises: TimeoutError.
        """
        for n in range(operators):
            await self._hire(n, Random(f"{seed} operator {n}"))
        for n in range(callers):
            number, luck = f"+7701{n:07}", Random(f"{seed} citizen {n}")
            citizen = Citizen(self.twilio, number, luck=luck)
            self.twilio.phones[number] = citizen
            self.citizens.append(citizen)
            self.twilio.time.begin_later(luck.uniform(0, seconds), citizen.calls)
        passed = quiet = 0
        while passed < seconds or quiet < QUIET:
            if passed >= END:
                raise TimeoutError("Somebody is on the line for ever.")
            await self.twilio.pass_time(1)
            passed += 1
            over = all(leg.status in ENDED for leg in self.twilio.legs.values())
            quiet = quiet + 1 if over else 0

    async def _hire(self, n: int, luck: Random) -> None:
        name, languages = f"Operator{n}", SPEAKS[n % len(SPEAKS)]
        async with self.database.write() as session:
            id_, token = await employ(session, name, *languages, now=self.now)
            if n % 3 == 0:
                session.add(TeamMember(team=TEAM, operator_id=id_))
        desk = Desk(self.twilio, device_of(name), luck=luck)
        self.twilio.phones[desk.address] = desk
        desk.operator = Operator(id=id_, name=name, phone=desk, hub=self, token=token)
        self.speaks[id_] = languages
        available = {"device": desk.address, "state": "available"}
        reply = await desk.operator.ask("PATCH", "phone", available)
        assert reply.status == 200, reply

    # --- Moments ---------------------------------------------------------------------------------

    async def end_moment(self) -> None:
        """Wait until the hub has nothing left to do; now and then it looks at the clock."""
        await self._carried()
        if self.now - self._ticked >= TICK:
            self._ticked = self.now
            await tick(self.database, office=self._office, now=self.now)
            await self._carried()
        self.seen.look(self.twilio)

    async def _carried(self) -> None:
        """Wait until what was ordered is carried, and everybody waits."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await self.twilio.idle()
                if not (self._apart or self._changed.is_set()):
                    return
                self._changed.clear()
                if await self._has_orders():
                    await self._change()
                elif self._apart:
                    return

    async def _change(self) -> None:
        """Wait until something may have changed."""
        if self._apart:
            await asyncio.sleep(LOOK_AGAIN)
        else:
            await self._changed.wait()

    async def _has_orders(self) -> bool:
        """Whether there are orders that are due, or being carried."""
        async with self.database.read() as session:
            if await has_due_orders(session, now=self.now):
                return True
            claimed = select(CallOrder.id).where(
                col(CallOrder.done_at).is_(None),
                col(CallOrder.failure).is_(None),
                col(CallOrder.claimed_until) > self.now,
            )
            return (await session.exec(claimed.limit(1))).first() is not None

    def follow(self) -> None:
        """Be told of every commit, and of the end of each moment."""
        self.database.on_commit(self._changed.set)
        self.twilio.time.after_each = self.end_moment


@asynccontextmanager
async def opened_centre(
    *, database_url: str, folder: Path, apart: bool = False
) -> AsyncIterator[Centre]:
    """A contact centre at noon, on a migrated database, in which conversations are recorded."""
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        twilio, clock = PhoneSandbox(start=NOON, hub=url), folder / "time"
        if apart:
            twilio.time = twilio.clock = SharedTime(NOON, clock)
        await stack.enter_async_context(twilio)
        twilio.numbers[NUMBER].voice_fallback_url = twilio.static("<Response><Reject/></Response>")
        account = {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "number": NUMBER,
            "api_base": twilio.url,
        }
        settings = {
            "secret_key": SECRET_KEY,
            "public_url": url,
            "database": {"url": database_url},
            "folder": folder,
            "channels": {"phone": {"main": account}},
        }
        http = await stack.enter_async_context(aiohttp.ClientSession(url))
        timing = Timing()
        if apart:
            hub = served_apart(settings, clock=clock, listening=listening, timing=timing)
            await stack.enter_async_context(hub)
            database = await stack.enter_async_context(opened(database_url))
        else:
            here = served(settings, clock=twilio.time, listening=listening, timing=timing)
            database = (await stack.enter_async_context(here)).database
        office = await _furnish(database)
        centre = Centre(twilio, database, http, office=office, timing=timing, apart=apart)
        centre.follow()
        yield centre


async def _furnish(database: Database) -> Office:
    setting = replace(
        as_delivered(Telephone), menu=(MenuItem(digit=TEAM_KEY, team=TEAM),), record=True
    )
    async with database.write() as session:
        session.add(Team(key=TEAM, name="Water", created_at=NOON))
        await change_setting(session, setting, actor="system", now=NOON)
    async with database.read() as session:
        office = await load_office(session)
    assert office is not None
    return office
