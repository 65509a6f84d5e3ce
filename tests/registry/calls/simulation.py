"""Ten minutes of a contact centre: 200 callers, 20 operators, and everything that people do.

Time is simulated: the second is what passes between two looks at the clock. What anybody does is
drawn from a seed. Used by the tests, and by the bench that measures how long a decision takes.
"""

import heapq
import statistics
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random

from msgspec.structs import replace
from sqlmodel import col, select

from registry.calls import agents, legs, talking
from registry.calls.switchboard import tick
from registry.calls.tables import Call, CallLeg
from registry.errors import RegistryError
from registry.office import change_setting
from registry.office_shapes import MenuItem, Telephone, as_delivered
from tests.registry.calls.exchange import Exchange, Side
from tests.registry.calls.truth import check_truth

CALLERS = 200
OPERATORS = 20
SECONDS = 600
"""In which the callers come."""
END = 3600
"""When everything must be over."""

_SPEAKS: tuple[tuple[str, ...], ...] = (("kk", "ru"), ("ru",), ("kk",), ("kk", "ru", "en"), ())
_KEYS = {"kk": "1", "ru": "2", "en": "3"}
TEAM = "water"
TALK_SECONDS = (20, 80)
"""How long people talk: so that callers have to wait, and not for ever."""
STEP = 2
"""Seconds between two ticks of the hub's clock, and two looks at who is offered whom."""
LOOK_EVERY = 20
"""Seconds between two looks at whether everything is true."""


@dataclass(slots=True)
class Outcome:
    """What it came to."""

    ended: dict[str, int] = field(default_factory=dict)
    """How many calls came to what."""
    waits: dict[str, list[float]] = field(default_factory=dict)
    """Seconds until somebody was there, by language, of calls that came in and were answered."""
    overtaken: list[str] = field(default_factory=list)
    offers: int = 0
    untaken: int = 0
    transfers: int = 0

    def fairness(self) -> dict[str, dict[str, float]]:
        """How waits are spread among those of a language."""
        return spread((name, wait) for name, found in self.waits.items() for wait in found)


def spread(waits: Iterable[tuple[str, float]]) -> dict[str, dict[str, float]]:
    """How waits are spread among those of a language, from pairs of both; in seconds."""
    by_language: dict[str, list[float]] = {}
    for language, wait in waits:
        by_language.setdefault(language, []).append(wait)
    return {
        language: {
            "calls": len(found),
            "p50": round(statistics.median(found), 1),
            "p90": round(sorted(found)[int(len(found) * 0.9)], 1),
            "longest": round(max(found), 1),
        }
        for language, found in sorted(by_language.items())
    }


class Simulation:
    """One run. Everybody acts through the exchange."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        seed: int = 7,
        callers: int = CALLERS,
        operators: int = OPERATORS,
        seconds: int = SECONDS,
    ) -> None:
        """`seconds` is in which the callers come."""
        self.exchange = exchange
        self.outcome = Outcome()
        self._callers = callers
        self._staff = operators
        self._seconds = seconds
        self._luck = Random(seed)
        self._plan: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []
        self._order = count()
        self._began = exchange.now
        self._judged = 0
        self._operators: dict[int, tuple[frozenset[str], bool]] = {}

    async def run(self) -> Outcome:
        """Let it pass, and look at it."""
        await self._open()
        luck = self._luck
        for n in range(self._callers):
            self._at(luck.uniform(0, self._seconds), lambda n=n: self._calls(n))  # type: ignore[misc]
        second = 0
        while self._plan and second < END:
            second += STEP
            while self._plan and self._plan[0][0] < second:
                moment, _, act = heapq.heappop(self._plan)
                self._now(moment)
                await act()
            self._now(second)
            await tick(self.exchange.database, office=self.exchange.office, now=self.exchange.now)
            await self.exchange.carry()
            await self._look()
            if second % LOOK_EVERY == 0:
                await check_truth(self.exchange)
        await check_truth(self.exchange)
        await self._count()
        return self.outcome

    # --- The centre -------------------------------------------------------------------------------

    async def _open(self) -> None:
        setting = replace(as_delivered(Telephone), menu=(MenuItem(digit="1", team=TEAM),))
        async with self.exchange.database.write() as session:
            await change_setting(session, setting, actor="system", now=self.exchange.now)
        for n in range(self._staff):
            languages = _SPEAKS[n % len(_SPEAKS)]
            teams = [TEAM] if n % 3 == 0 else []
            id_ = await self.exchange.hires(f"Operator{n}", languages=languages, teams=teams)
            self._operators[id_] = (frozenset(languages), bool(teams))

    def _now(self, second: float) -> None:
        self.exchange.now = max(self.exchange.now, self._began + timedelta(seconds=second))

    def _at(self, moment: float, act: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._plan, (moment, next(self._order), act))

    def _in(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        passed = (self.exchange.now - self._began).total_seconds()
        self._at(passed + seconds, act)

    # --- Callers ----------------------------------------------------------------------------------

    async def _calls(self, n: int) -> None:
        language = self._luck.choices(["kk", "ru", "en"], [45, 50, 5])[0]
        side = await self.exchange.rings(f"+7701{n:07}")
        await self.exchange.presses(side, _KEYS[language])
        digits = "1" if self._luck.random() < 0.3 else ""
        while side.step == "menu":
            await self.exchange.presses(side, digits)
        await self.exchange.carry()
        fate = self._luck.random()
        if fate < 0.15:
            self._in(self._luck.uniform(5, 90), lambda: self._gives_up(side))
        elif fate < 0.25:
            self._in(self._luck.uniform(20, 60), lambda: self._presses(side, "1"))
        elif fate < 0.3:
            self._in(self._luck.uniform(20, 60), lambda: self._presses(side, "2"))
        self._in(40, lambda: self._goes_on_waiting(side))

    async def _gives_up(self, side: Side) -> None:
        if side.state == "up" and side.in_queue:
            await self.exchange.hangs_up(side)

    async def _presses(self, side: Side, digits: str) -> None:
        if side.in_queue and side.step == "wait":
            await self.exchange.presses(side, digits)

    async def _goes_on_waiting(self, side: Side) -> None:
        if side.in_queue and side.step == "wait":
            await self.exchange.presses(side, "")
            self._in(40, lambda: self._goes_on_waiting(side))

    # --- Operators --------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Whoever something rings at has heard it; who was to be offered was the right one."""
        async with self.exchange.database.read() as session:
            found = await session.exec(
                select(CallLeg).where(col(CallLeg.id) > self._judged).order_by(col(CallLeg.id))
            )
            new = found.all()
            if not new:
                return
            waiting = (await session.exec(select(Call).where(Call.state == "waiting"))).all()
            calls = [await session.get_one(Call, leg.call_id) for leg in new]
            missed = {
                leg.call_id: leg.ended_at
                for leg in await session.exec(select(CallLeg).order_by(col(CallLeg.id)))
                if leg.ended_at is not None
            }
        self._judged = new[-1].id
        for leg, call in zip(new, calls, strict=True):
            self.outcome.offers += leg.kind == "offer"
            self._judge(leg, call, [one for one in waiting if not missed.get(one.id)])
            self._in(self._luck.uniform(1, 6), lambda leg=leg: self._hears(leg))  # type: ignore[misc]

    def _judge(self, leg: CallLeg, taken: Call, waiting: Sequence[Call]) -> None:
        """Nobody is passed over whom the same operator could have taken."""
        speaks, is_team = self._operators[leg.operator_id]
        if leg.kind != "offer":
            return
        for one in waiting:
            fits = (not speaks or one.language in speaks) and (one.team is None or is_team)
            assert one.waiting_since is not None
            assert taken.waiting_since is not None
            before = (not one.urgent, one.waiting_since) < (not taken.urgent, taken.waiting_since)
            if fits and before and one.waiting_since < leg.made_at:
                self.outcome.overtaken.append(f"{one.number} by {taken.number}")

    async def _hears(self, leg: CallLeg) -> None:
        fate, operator_id = self._luck.random(), leg.operator_id
        if self.exchange.rung(operator_id, [leg]) is None:
            return
        if fate < 0.04:
            # Nobody is at the desk: they find out later.
            self._in(self._luck.uniform(40, 90), lambda: self._comes_back(operator_id))
        elif fate < 0.06:
            await self.exchange.does(legs.decline, operator_id)
            self._in(5, lambda: self._comes_back(operator_id))
        else:
            side = await self.exchange.answers(operator_id)
            self._in(self._luck.uniform(*TALK_SECONDS), lambda: self._has_talked(operator_id, side))

    async def _comes_back(self, operator_id: int) -> None:
        if (await self.exchange.agent(operator_id)).state == "away":
            await self.exchange.does(agents.set_state, operator_id, "available")

    async def _has_talked(self, operator_id: int, side: Side) -> None:
        citizen = next((one for one in self.exchange.sides.values() if _dialled(one, side)), None)
        if citizen is not None:
            await self.exchange.picks_up(citizen)
            self._in(self._luck.uniform(*TALK_SECONDS), lambda: self._has_talked(operator_id, side))
            return
        if side.state == "up":
            await self._parts(operator_id, side)
        self._in(self._luck.uniform(2, 12), lambda: self._has_written(operator_id))

    async def _parts(self, operator_id: int, side: Side) -> None:
        fate = self._luck.random()
        citizen = next(iter(self.exchange.in_room(side)), None)
        try:
            if fate < 0.06:
                await self.exchange.does(talking.transfer_to_team, operator_id, None)
                self.outcome.transfers += 1
            elif fate < 0.5 and citizen is not None:
                await self.exchange.hangs_up(citizen)
            elif fate < 0.7:
                await self.exchange.does(talking.hang_up, operator_id)
            else:
                await self.exchange.hangs_up(side)
        except RegistryError:
            await self.exchange.hangs_up(side)

    async def _has_written(self, operator_id: int) -> None:
        if (await self.exchange.agent(operator_id)).state == "wrap_up":
            await self.exchange.writes_down(operator_id)
        else:
            await self._comes_back(operator_id)

    # --- What it came to --------------------------------------------------------------------------

    async def _count(self) -> None:
        legs_of = await self.exchange.legs()
        self.outcome.untaken = sum(leg.state in {"missed", "declined"} for leg in legs_of)
        for call in await self.exchange.calls():
            name = call.ended_as or call.state
            self.outcome.ended[name] = self.outcome.ended.get(name, 0) + 1
            if call.answered_at and call.waited is not None and call.direction == "in":
                self.outcome.waits.setdefault(call.language or "", []).append(call.waited)


def _dialled(side: Side, operator: Side) -> bool:
    return (
        side.known is not None and side.state == "ringing" and operator.room == f"call-{side.known}"
    )
