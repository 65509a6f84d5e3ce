"""A contact centre's rush hour on a running hub: citizens call, operators take their calls.

    async with opened_centre(database_url=…, folder=…) as centre:
        outcome = await centre.rush(callers=200, operators=20, seconds=600)

The hub is whole: HTTP on loopback, signed webhooks, its loops, in this process. The provider is
Twilio's stand-in, whose time is the hub's clock. A moment ends when everybody waits and the hub has
carried what it ordered; so a run takes the same course however slow the machine is.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec.structs import replace
from sqlmodel import col, select

from config.settings import Settings
from connectors.base import Registers
from connectors.phone.sandbox import ACCOUNT_SID, AUTH_TOKEN, NUMBER, PhoneSandbox
from connectors.phone.sandbox_legs import ENDED
from hub.app import ALL_ROLES, Hub, _loops, application, open_hub
from registry.calls.ordering import due_orders
from registry.calls.switchboard import tick
from registry.calls.tables import CallOrder
from registry.models import Team, TeamMember
from registry.office import change_setting
from registry.office_shapes import MenuItem, Telephone, as_delivered
from tests.journeys.process import PATIENCE, SECRET_KEY, Reply
from tests.journeys.rush_people import SPEAKS, TEAM, TEAM_KEY, Citizen, Desk
from tests.journeys.telephone import Operator, device_of, employ
from workers.supervisor import keep_running

NOON = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
END = 3600
"""Seconds in which everything must be over."""
QUIET = 100
"""Seconds without any call after which nobody is going to call or be called."""
TICK = timedelta(seconds=5)
"""How often the hub looks at the clock: so often in real time as well, which passes at another
pace."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How long the hub took for one delivery, from its arrival to its answer; in seconds."""

    wall: float
    cpu: float
    """Of the whole process: at most this was the decision's."""


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

    def __init__(self, twilio: PhoneSandbox, hub: Hub, http: aiohttp.ClientSession) -> None:
        self.twilio = twilio
        self.hub = hub
        self.database = hub.database
        self.decisions: list[Decision] = []
        self.seen = Seen()
        self.citizens: list[Citizen] = []
        self.speaks: dict[int, tuple[str, ...]] = {}
        """Every operator's languages; none are all of them."""
        self._http = http
        self._changed = asyncio.Event()
        self._ticked = self.now

    @property
    def now(self) -> datetime:
        return self.twilio.time()

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
            await tick(self.database, office=self.hub.office.office, now=self.now)
            await self._carried()
        self.seen.look(self.twilio)

    async def _carried(self) -> None:
        """Wait until what was ordered is carried, and everybody waits."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await self.twilio.idle()
                if not self._changed.is_set():
                    return
                self._changed.clear()
                if await self._has_orders():
                    await self._changed.wait()

    async def _has_orders(self) -> bool:
        """Whether there are orders that are due, or being carried."""
        async with self.database.read() as session:
            if await due_orders(session, now=self.now, limit=1):
                return True
            claimed = select(CallOrder.id).where(
                col(CallOrder.done_at).is_(None),
                col(CallOrder.failure).is_(None),
                col(CallOrder.claimed_until) > self.now,
            )
            return (await session.exec(claimed.limit(1))).first() is not None

    @web.middleware
    async def timed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Look at the clock around each delivery."""
        if not request.path.startswith("/hooks/"):
            return await handler(request)
        began, worked = time.perf_counter(), time.process_time()
        response = await handler(request)
        took = Decision(time.perf_counter() - began, time.process_time() - worked)
        self.decisions.append(took)
        return response

    def follow(self) -> None:
        """Be told of every commit, and of the end of each moment."""
        self.database.on_commit(self._changed.set)
        self.twilio.time.after_each = self.end_moment


@asynccontextmanager
async def opened_centre(*, database_url: str, folder: Path) -> AsyncIterator[Centre]:
    """A contact centre at noon, on a migrated database, in which conversations are recorded."""
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        twilio = await stack.enter_async_context(PhoneSandbox(start=NOON, hub=url))
        twilio.numbers[NUMBER].voice_fallback_url = twilio.static("<Response><Reject/></Response>")
        account = {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "number": NUMBER,
            "api_base": twilio.url,
        }
        settings = Settings.model_validate(
            {
                "secret_key": SECRET_KEY,
                "public_url": url,
                "database": {"url": database_url},
                "folder": folder,
                "channels": {"phone": {"main": account}},
            }
        )
        hub = await stack.enter_async_context(open_hub(settings, clock=twilio.time))
        await _furnish(hub)
        http = await stack.enter_async_context(aiohttp.ClientSession(url))
        centre = Centre(twilio, hub, http)
        await stack.enter_async_context(_working(hub))
        app = application(hub)
        app.middlewares.append(centre.timed)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        for connector in hub.connectors.values():
            assert isinstance(connector, Registers)
            await connector.register()
        centre.follow()
        yield centre


async def _furnish(hub: Hub) -> None:
    setting = replace(
        as_delivered(Telephone), menu=(MenuItem(digit=TEAM_KEY, team=TEAM),), record=True
    )
    async with hub.database.write() as session:
        session.add(Team(key=TEAM, name="Water", created_at=hub.clock()))
        await change_setting(session, setting, actor="system", now=hub.clock())


@asynccontextmanager
async def _working(hub: Hub) -> AsyncIterator[None]:
    """Run all loops; they end by themselves, as those of a hub that stops."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name, loop in _loops(hub, only=ALL_ROLES, stopping=stopping):
            group.create_task(keep_running(name, loop, stopping=stopping), name=name)
        try:
            yield
        finally:
            stopping.set()
