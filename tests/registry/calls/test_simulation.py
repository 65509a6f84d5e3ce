"""Two hundred callers and twenty operators for ten simulated minutes.

On PostgreSQL, where a decision's many statements each take a journey, it is a quarter of them: the
bench of calls has them all there.
"""

import pytest

from registry.db import Database
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.simulation import CALLERS, Simulation


@pytest.mark.parametrize(
    ("database_url", "callers"),
    [("sqlite", CALLERS), ("postgresql", CALLERS // 4)],
    indirect=["database_url"],
)
async def test_of_two_hundred_callers_nobody_is_lost_offered_twice_or_overtaken(
    database: Database, callers: int
) -> None:
    exchange = Exchange(database)
    outcome = await Simulation(exchange, callers=callers).run()
    calls = await exchange.calls()
    incoming = [call for call in calls if call.direction == "in"]
    assert len(incoming) == callers
    assert {call.state for call in calls} == {"ended"}
    assert outcome.overtaken == []
    assert set(outcome.ended) <= {"answered", "abandoned", "call_back", "message"}
    if callers == CALLERS:
        assert outcome.untaken
        assert outcome.transfers
    assert not [leg for leg in await exchange.legs() if leg.state in {"ringing", "joined"}]
    assert {side.state for side in exchange.sides.values()} == {"over"}
