"""The provider in miniature: it carries orders, follows scripts, and tells what happens.

Citizens and operators act through it. Nothing is sent anywhere: what it tells is heard at once, and
time is the test's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlmodel import col, select

from registry.calls import agents
from registry.calls.carrying import claim_orders, fail_order, settle_order
from registry.calls.hearing import (
    Anything,
    Arrived,
    Ended,
    HowEnded,
    LeftMessage,
    LeftQueue,
    LegAnswered,
    LegEnded,
    Pressed,
    Rang,
    Waits,
)
from registry.calls.ordering import has_due_orders
from registry.calls.orders import Dial, HangUpCall, Hold, Move, Order, Release, Ring
from registry.calls.script import (
    Ask,
    GoOn,
    HangUp,
    LeaveQueue,
    Line,
    Queue,
    Refuse,
    Script,
    TakeMessage,
    Talk,
)
from registry.calls.switchboard import decision, hear, tick
from registry.calls.tables import Call, CallLeg, PhoneAgent
from registry.current_office import Office
from registry.db import Database
from registry.models import Operator, TeamMember
from registry.operators import Role, add_operator
from tests.registry.offices import bare_office
from tests.registry.samples import START


class Refused(Exception):
    """The provider will not do it."""


@dataclass(eq=False)
class Side:
    """A call as the provider has it: a citizen's, or an operator's."""

    sid: str
    number: str = ""
    known: str | None = None
    """Our id of it, where we began it."""
    leg: str | None = None
    """Our id of the leg; None for a citizen's."""
    device: str = ""
    state: str = "ringing"
    """"ringing", "up" or "over"."""
    step: str | None = None
    """Of the question it is asked."""
    in_queue: bool = False
    room: str | None = None
    after_room: str = ""
    ends_room: bool = False
    held: bool = False
    said: list[str] = field(default_factory=list)
    """Prompts, as they were heard."""


class Exchange:
    """The provider, and everybody who holds a receiver."""

    def __init__(self, database: Database, *, office: Office | None = None) -> None:
        self.database = database
        self.office = office or bare_office()
        self.now = START
        self.sides: dict[str, Side] = {}
        self.carried: list[Order] = []
        self.refuses: set[type[Order]] = set()
        """What it will not do."""
        self.loses: set[type[Anything]] = set()
        """What it never tells."""
        self._numbers = count(1)

    # --- Time and orders --------------------------------------------------------------------------

    async def passes(self, seconds: float) -> None:
        """Time goes by, second by second as the loop of the hub has it."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self.now = min(until, self.now + timedelta(seconds=1))
            await tick(self.database, office=self.office, now=self.now)
            await self.carry()

    async def carry(self) -> None:
        """Carry everything that is ordered, and what is ordered because of it."""
        while True:
            async with self.database.read() as session:
                if not await has_due_orders(session, now=self.now):
                    return
            async with decision(self.database, office=self.office, now=self.now) as session:
                claimed = await claim_orders(session, now=self.now)
            for one in claimed:
                made, failure = None, ""
                try:
                    made = await self._do(one.order)
                except Refused as error:
                    failure = str(error)
                async with decision(self.database, office=self.office, now=self.now) as session:
                    if failure:
                        await fail_order(session, one.id, failure, now=self.now)
                    else:
                        await settle_order(session, one.id, made=made, now=self.now)

    async def _do(self, order: Order) -> str | None:
        self.carried.append(order)
        if type(order) in self.refuses:
            raise Refused("It cannot be done.")
        match order:
            case Ring():
                return self._side(leg=order.leg, device=order.device).sid
            case Dial():
                return self._side(number=order.number, known=order.call, step=order.step).sid
            case Move():
                side = self._up(order.call)
                await self._leave_queue(side, moved=True)
                await self._leave_room(side)
                await self._arrive(side, order.step)
            case Hold():
                self._up(order.call).held = order.on
            case Release():
                self._up(order.call).ends_room = False
            case HangUpCall():
                side = self.sides[order.call]
                if side.state != "over":
                    await self.ends(side, HowEnded.CANCELLED if side.state == "ringing" else None)
            case _:
                raise AssertionError(order)
        return None

    def _up(self, sid: str) -> Side:
        side = self.sides[sid]
        if side.state != "up":
            raise Refused("The call is not in progress.")
        return side

    def _side(self, **fields: Any) -> Side:
        side = Side(sid=f"CA{next(self._numbers)}", **fields)
        self.sides[side.sid] = side
        return side

    # --- Citizens ---------------------------------------------------------------------------------

    async def rings(self, number: str = "+77010000001") -> Side:
        """Somebody calls; they hear what they hear first."""
        side = self._side(number=number, state="up")
        await self._tell(side, Rang(**self._about(side), number=number, ours="+77270000000"))
        return side

    async def waits(self, number: str = "+77010000001", language: str = "2") -> Side:
        """Somebody calls, and waits in the queue."""
        side = await self.rings(number)
        while not side.in_queue:
            await self.presses(side, language if side.step == "language" else "")
        await self.carry()
        return side

    async def presses(self, side: Side, digits: str) -> None:
        """They answer what they are asked."""
        assert side.step is not None
        await self._tell(side, Pressed(**self._about(side), step=side.step, digits=digits))
        await self.carry()

    async def picks_up(self, side: Side) -> None:
        """Somebody whom we call is there."""
        assert side.step is not None
        side.state = "up"
        await self._arrive(side, side.step)
        await self.carry()

    async def hangs_up(self, side: Side, how: HowEnded | None = None) -> None:
        """Whoever it is has had enough."""
        await self.ends(side, how)
        await self.carry()

    async def ends(self, side: Side, how: HowEnded | None = None) -> None:
        """A call is over, with all that follows from it."""
        side.state, side.step = "over", None
        await self._leave_queue(side, moved=False)
        await self._leave_room(side)
        what = how or HowEnded.COMPLETED
        if side.leg is None:
            await self._hear(Ended(**self._about(side), how=what))
        else:
            await self._hear(LegEnded(**self._about(side), leg=side.leg, how=what))

    # --- Operators --------------------------------------------------------------------------------

    async def hires(
        self,
        name: str,
        *,
        languages: Sequence[str] = (),
        teams: Sequence[str] = (),
        device: str = "sip:{name}@pbx.example.kz",
        available: bool = True,
    ) -> int:
        """An operator at the phone."""
        async with decision(self.database, office=self.office, now=self.now) as session:
            email = f"{name.lower()}@example.kz"
            operator = await add_operator(
                session, email=email, name=name, role=Role.OPERATOR, password_hash=None,
                actor="system", now=self.now,
            )  # fmt: skip
            operator.languages = list(languages)
            for team in teams:
                session.add(TeamMember(team=team, operator_id=operator.id))
            device = device.format(name=name.lower())
            await agents.set_device(session, operator.id, device, now=self.now)
            if available:
                await agents.set_state(session, operator.id, "available", now=self.now)
        await self.carry()
        return operator.id

    def rung(self, operator_id: int, legs: Sequence[CallLeg]) -> Side | None:
        """What rings at an operator, in the provider's eyes."""
        mine = {str(leg.id) for leg in legs if leg.operator_id == operator_id}
        found = [
            side for side in self.sides.values() if side.leg in mine and side.state == "ringing"
        ]
        return found[-1] if found else None

    async def answers(self, operator_id: int) -> Side:
        """An operator picks up what rings."""
        side = self.rung(operator_id, await self.legs())
        assert side is not None, "nothing rings"
        assert side.leg is not None
        side.state = "up"
        await self._tell(side, LegAnswered(**self._about(side), leg=side.leg))
        await self.carry()
        return side

    async def does(self, what: Any, operator_id: int, *arguments: Any, **named: Any) -> None:
        """An operator decides something: a function of agents, legs or talking."""
        async with decision(self.database, office=self.office, now=self.now) as session:
            await what(session, operator_id, *arguments, now=self.now, **named)
        await self.carry()

    async def writes_down(self, operator_id: int) -> None:
        """An operator is through with what is to be written."""
        from registry.calls import duty

        async with decision(self.database, office=self.office, now=self.now) as session:
            agent = await duty.hold_agent(session, operator_id, now=self.now)
            assert agent.state == "wrap_up"
            duty.be_done(agent, now=self.now)
        await self.carry()

    # --- What is told -----------------------------------------------------------------------------

    async def _hear(self, heard: Anything) -> Script | None:
        if type(heard) in self.loses:
            return None
        return await hear(self.database, heard, office=self.office, now=self.now)

    async def _tell(self, side: Side, heard: Anything) -> None:
        script = await self._hear(heard)
        await self._follow(side, script or ())

    async def _arrive(self, side: Side, step: str) -> None:
        await self._tell(side, Arrived(**self._about(side), step=step))

    async def _follow(self, side: Side, script: Script) -> None:
        if side.state != "up":
            return
        side.step = None
        for verb in script:
            match verb:
                case Line(prompt=prompt):
                    side.said.append(prompt)
                case Ask():
                    side.said += [one.prompt for one in verb.sounds if isinstance(one, Line)]
                    side.step = verb.step
                    return
                case Queue():
                    side.in_queue = True
                    await self._tell(side, Waits(**self._about(side), seconds=0))
                    return
                case LeaveQueue():
                    await self._leave_queue(side, moved=False, follow=True)
                    return
                case Talk():
                    side.room, side.after_room = verb.room, verb.step
                    side.ends_room = verb.ends_room
                    return
                case TakeMessage():
                    message = LeftMessage(**self._about(side), recording="RE1", seconds=7)
                    await self._tell(side, message)
                    return
                case GoOn():
                    await self._arrive(side, verb.step)
                    return
                case HangUp() | Refuse():
                    await self.ends(side)
                    return
        if not side.in_queue:
            await self.ends(side)

    async def _leave_queue(self, side: Side, *, moved: bool, follow: bool = False) -> None:
        if not side.in_queue:
            return
        side.in_queue, side.step = False, None
        script = await self._hear(LeftQueue(**self._about(side), moved=moved))
        if follow:
            await self._follow(side, script or ())

    async def _leave_room(self, side: Side) -> None:
        room, side.room, side.held = side.room, None, False
        if room is None or not side.ends_room:
            return
        for other in list(self.sides.values()):
            if other.room == room and other.state == "up":
                other.room, other.held = None, False
                await self._arrive(other, other.after_room)

    def _about(self, side: Side) -> dict[str, Any]:
        return {"account": "main", "call": side.sid, "at": self.now, "known": side.known}

    # --- What is true -----------------------------------------------------------------------------

    def in_room(self, side: Side) -> list[Side]:
        """Everybody whom one talks with."""
        return [
            other
            for other in self.sides.values()
            if other is not side and other.room is not None and other.room == side.room
        ]

    async def calls(self) -> list[Call]:
        """Every call, the first first."""
        async with self.database.read() as session:
            return list(await session.exec(select(Call).order_by(col(Call.id))))

    async def call(self, side: Side) -> Call:
        """What the hub knows of a citizen's call."""
        return next(call for call in await self.calls() if call.external_id == side.sid)

    async def legs(self) -> list[CallLeg]:
        """Every leg, the first first."""
        async with self.database.read() as session:
            return list(await session.exec(select(CallLeg).order_by(col(CallLeg.id))))

    async def agent(self, operator_id: int) -> PhoneAgent:
        """How an operator is."""
        async with self.database.read() as session:
            return await session.get_one(PhoneAgent, operator_id)

    async def offered_to(self) -> list[int]:
        """Everybody at whom something rings."""
        return [leg.operator_id for leg in await self.legs() if leg.state == "ringing"]

    async def change(self, table: Any, id_: int, **fields: Any) -> None:
        """Have a row be otherwise."""
        async with self.database.write() as session:
            row = await session.get_one(table, id_)
            for name, value in fields.items():
                setattr(row, name, value)

    async def disable(self, operator_id: int) -> None:
        """An operator leaves the city's service."""
        await self.change(Operator, operator_id, disabled_at=self.now)

    def at(self, seconds: float) -> datetime:
        """So long after now."""
        return self.now + timedelta(seconds=seconds)
