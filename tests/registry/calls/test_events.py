"""Deliveries come in any order, twice, late or never: in the end what is true is the same."""

from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.calls import legs, talking
from registry.calls.agents import set_state
from registry.calls.hearing import (
    Anything,
    Arrived,
    Ended,
    HowEnded,
    LeftQueue,
    LegAnswered,
    LegEnded,
    Past,
    Pressed,
    Rang,
    Recorded,
    Waits,
)
from registry.calls.legs import LEFT_ROOM
from registry.calls.script import Script
from registry.calls.steps import ROOM, TALKED
from registry.calls.sweeping import PAUSE, apply_past, calls_to_ask_about
from registry.calls.switchboard import decision, hear
from registry.db import Database
from registry.errors import RegistryError
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.truth import check_truth

_NAMES = count(1)


async def _hire(exchange: Exchange) -> int:
    return await exchange.hires(f"Operator{next(_NAMES)}")


# --- The end of a conversation --------------------------------------------------------------------


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


TAIL = 12
"""Deliveries of a conversation that may come in any order once it goes on."""


def _tail(about: dict[str, Any], leg: dict[str, Any]) -> list[Anything]:
    answered = {name: value for name, value in leg.items() if name != "leg"}
    return [
        Ended(**about, how=HowEnded.COMPLETED),
        LegEnded(**leg, how=HowEnded.COMPLETED),
        Arrived(**about, step=TALKED),
        Arrived(**answered, step=LEFT_ROOM),
        Rang(**about, number="+77010000001", ours="+77270000000"),
        Pressed(**about, step="language", digits="1"),
        Pressed(**about, step="wait", digits="2"),
        Waits(**about, seconds=3),
        LeftQueue(**about, moved=True),
        Arrived(**about, step=ROOM),
        LegAnswered(**leg),
        Recorded(**about, room="call-1", recording="RE1", seconds=3),
    ]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    order=st.permutations(range(TAIL)),
    again=st.lists(st.integers(0, TAIL - 1), max_size=6),
    lost=st.sets(st.integers(1, TAIL - 1)),
)
async def test_a_conversation_ends_the_same_however_its_end_is_told(
    exchange: Exchange, order: Sequence[int], again: Sequence[int], lost: set[int]
) -> None:
    operator_id = await _hire(exchange)
    caller = await exchange.waits(f"+7701{next(_NAMES):07}")
    side = await exchange.answers(operator_id)
    about = {"account": "main", "call": caller.sid, "at": exchange.now}
    tail = _tail(about, {"account": "main", "call": side.sid, "at": exchange.now, "leg": side.leg})
    for index in [*(one for one in order if one not in lost), *again]:
        await hear(exchange.database, tail[index], office=exchange.office, now=exchange.now)
        await check_truth(exchange)
    for one in (caller, side):
        one.state, one.room = "over", None
    await exchange.carry()
    call = await exchange.call(caller)
    assert (call.state, call.ended_as, call.operator_id) == ("ended", "answered", operator_id)
    assert [leg.state for leg in await exchange.legs() if leg.call_id == call.id] == ["left"]
    agent = await exchange.agent(operator_id)
    assert (agent.state, agent.wrapping_up) == ("wrap_up", call.id)
    await exchange.writes_down(operator_id)
    await exchange.does(set_state, operator_id, "away", reason="meal")


# --- A whole day of it ----------------------------------------------------------------------------


class Unreliable(Exchange):
    """A provider that tells things twice, late, or never, as luck has it."""

    luck = Random(0)

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.late: list[Anything] = []

    async def _hear(self, heard: Anything) -> Script | None:
        fate = self.luck.random()
        if isinstance(heard, Ended | LegEnded | LeftQueue) and fate < 0.3:
            if fate < 0.2:
                self.late.append(heard)
            return None
        if fate > 0.8:
            self.late.append(heard)
        return await super()._hear(heard)

    async def delivers_late(self, most: int) -> None:
        """Some of what has come to nobody yet, or is told again."""
        for _ in range(min(most, len(self.late))):
            heard = self.late.pop(self.luck.randrange(len(self.late)))
            await super()._hear(heard)
        await self.carry()

    async def is_swept(self) -> None:
        """What the hub asks, the provider answers truly."""
        self.now += PAUSE
        async with decision(self.database, office=self.office, now=self.now) as session:
            for doubtful in await calls_to_ask_about(session, now=self.now):
                side = self.sides[doubtful.call]
                past = Past(
                    call=side.sid,
                    number=side.number,
                    ours="",
                    began_at=self.now,
                    how=HowEnded.COMPLETED if side.state == "over" else None,
                )
                await apply_past(session, "main", past, office=self.office, now=self.now)
        await self.carry()


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(luck=st.randoms(use_true_random=False), turns=st.integers(10, 30))
async def test_whatever_is_told_twice_late_or_never_no_call_is_lost(
    database: Database, luck: Random, turns: int
) -> None:
    exchange = Unreliable(database)
    exchange._numbers = count(next(_NAMES) * 1000)
    exchange.luck = luck
    operators = [await _hire(exchange) for _ in range(3)]
    for _ in range(turns):
        await _something_happens(exchange, operators)
        await exchange.delivers_late(luck.randrange(3))
        await check_truth(exchange)
    for side in list(exchange.sides.values()):
        if side.state != "over":
            await exchange.ends(side)
    await exchange.delivers_late(len(exchange.late))
    await exchange.passes(25)
    await exchange.is_swept()
    await check_truth(exchange)
    assert all(call.state == "ended" and call.ended_as for call in await exchange.calls())
    assert not [leg for leg in await exchange.legs() if leg.state in {"ringing", "joined"}]
    for operator_id in operators:
        if (await exchange.agent(operator_id)).state == "wrap_up":
            await exchange.writes_down(operator_id)
        await exchange.does(set_state, operator_id, "away", reason="meal")
    assert all(side.state == "over" for side in exchange.sides.values())


async def _something_happens(exchange: Unreliable, operators: Sequence[int]) -> None:
    luck, operator_id = exchange.luck, exchange.luck.choice(operators)
    citizens = [one for one in exchange.sides.values() if one.leg is None and one.state != "over"]
    match luck.randrange(9):
        case 0 | 1:
            await exchange.waits(f"+7702{next(_NAMES):07}", language=luck.choice("123"))
        case 2 if citizens:
            await exchange.hangs_up(luck.choice(citizens))
        case 3 | 4 | 5:
            await _picks_up(exchange, operator_id)
        case 6:
            await exchange.passes(luck.choice([1, 10, 20]))
        case 7:
            await _decides(exchange, operator_id, luck.choice(operators))
        case _:
            await _is_back(exchange, operator_id)


async def _picks_up(exchange: Exchange, operator_id: int) -> None:
    if exchange.rung(operator_id, await exchange.legs()) is not None:
        await exchange.answers(operator_id)
    else:
        await _is_back(exchange, operator_id)


async def _is_back(exchange: Exchange, operator_id: int) -> None:
    if (await exchange.agent(operator_id)).state == "wrap_up":
        await exchange.writes_down(operator_id)
    await exchange.does(set_state, operator_id, "available")


async def _decides(exchange: Unreliable, operator_id: int, colleague_id: int) -> None:
    for what, arguments in exchange.luck.sample(
        [
            (talking.hang_up, ()),
            (talking.hold, ()),
            (talking.transfer_to_team, (None,)),
            (talking.transfer_to, (colleague_id,)),
            (talking.complete_transfer, ()),
            (talking.cancel_transfer, ()),
            (legs.decline, ()),
        ],
        3,
    ):
        try:
            await exchange.does(what, operator_id, *arguments)
        except RegistryError:
            continue
