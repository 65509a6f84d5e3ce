"""What is true of the telephone at every moment, whatever happens."""

from collections.abc import Sequence

from sqlmodel import col, select

from registry.calls.matching import planned
from registry.calls.tables import Call, CallLeg, PhoneAgent
from tests.registry.calls.exchange import Exchange


async def check_truth(exchange: Exchange) -> None:
    """No operator has two calls, no call is offered to two, none is lost, nobody waits in vain."""
    async with exchange.database.read() as session:
        calls = (await session.exec(select(Call))).all()
        live = (
            await session.exec(select(CallLeg).where(col(CallLeg.state).in_(("ringing", "joined"))))
        ).all()
        agents = (await session.exec(select(PhoneAgent))).all()
        assert not await planned(session, now=exchange.now), "somebody waits, and somebody is idle"
    by_call: dict[int, list[CallLeg]] = {call.id: [] for call in calls}
    for leg in live:
        by_call[leg.call_id].append(leg)
    for call in calls:
        _check_call(call, by_call[call.id])
    _check_operators(live, agents)


def _check_call(call: Call, legs: list[CallLeg]) -> None:
    rings = [leg for leg in legs if leg.state == "ringing"]
    offers = [leg for leg in rings if leg.kind in {"offer", "transfer", "own"}]
    joined = [leg for leg in legs if leg.state == "joined"]
    assert len(offers) <= 1, "offered to two"
    assert (call.state == "ended") == (call.ended_at is not None) == (call.ended_as is not None)
    match call.state:
        case "talking":
            assert call.operator_id in {leg.operator_id for leg in joined}, "with nobody"
        case "ringing":
            assert len(offers) == 1 or (call.direction == "out" and joined), "rings at nobody"
        case "waiting":
            assert not legs, "waits, and rings or talks"
            assert call.waiting_since is not None
        case _:
            assert not legs, "is elsewhere, and rings or talks"


def _check_operators(live: Sequence[CallLeg], agents: Sequence[PhoneAgent]) -> None:
    taken = [leg.operator_id for leg in live]
    assert len(set(taken)) == len(taken), "an operator has two calls"
    for agent in agents:
        legs = [leg for leg in live if leg.operator_id == agent.operator_id]
        busy = any(leg.state == "joined" or leg.kind == "own" for leg in legs)
        assert (agent.state == "busy") == busy
        assert not legs or agent.state in {"busy", "available"}
        assert (agent.idle_since is not None) == (agent.state == "available")
        assert (agent.wrapping_up is not None) == (agent.state == "wrap_up")
