"""Forty callers and eight operators for four simulated minutes.

That is a fifth of the city's rush, as crowded as the whole of it: bench.calls has them all, 200
callers and 20 operators for ten minutes.
"""

from registry.db import Database
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.simulation import Simulation

CALLERS = 40


async def test_in_a_rush_nobody_is_lost_offered_twice_or_overtaken(database: Database) -> None:
    exchange = Exchange(database)
    outcome = await Simulation(exchange, callers=CALLERS, operators=8, seconds=240).run()
    calls = await exchange.calls()
    incoming = [call for call in calls if call.direction == "in"]
    assert len(incoming) == CALLERS
    assert {call.state for call in calls} == {"ended"}
    assert outcome.overtaken == []
    assert set(outcome.ended) == {"answered", "abandoned", "call_back", "message"}
    assert outcome.untaken
    assert outcome.transfers
    assert not [leg for leg in await exchange.legs() if leg.state in {"ringing", "joined"}]
    assert {side.state for side in exchange.sides.values()} == {"over"}
