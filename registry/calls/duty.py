"""How an operator is at the phone: the row of it, and how it moves from one state to the next.

While an operator is busy or writes things down, `reason` is what they want to do after: it is empty
for whoever takes the next call.
"""

from datetime import datetime

from sqlalchemy import bindparam
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.tables import PhoneAgent

AVAILABLE = "available"
BUSY = "busy"
WRAP_UP = "wrap_up"
AWAY = "away"

CHOSEN_REASONS = ("break", "meal", "training", "other")
"""Why operators say that they are away."""
NO_ANSWER = "no_answer"
SIGNED_OUT = "signed_out"
FAILED = "failed"
"""Why the hub says so: they did not take a call, their softphone is silent, it cannot be rung."""


async def hold_agent(session: AsyncSession, operator_id: int, *, now: datetime) -> PhoneAgent:
    """Their row as it is now, made if need be. The caller holds the switchboard's lock."""
    with session.no_autoflush:
        agent = (await session.exec(_AGENT, params={"operator_id": operator_id})).one_or_none()
    if agent is None:
        agent = PhoneAgent(operator_id=operator_id, reason=SIGNED_OUT, since=now)
        session.add(agent)
        await session.flush()
    return agent


_AGENT = select(PhoneAgent).where(PhoneAgent.operator_id == bindparam("operator_id"))


def device_of(agent: PhoneAgent) -> str:
    """What rings, as `registry.calls.orders.Ring` names it."""
    return agent.device or f"client:operator-{agent.operator_id}"


def be_available(agent: PhoneAgent, *, now: datetime) -> None:
    """They take calls; who already does keeps their place among the idle."""
    if agent.state != AVAILABLE:
        agent.state, agent.since, agent.idle_since = AVAILABLE, now, now
    agent.reason, agent.wrapping_up = "", None


def be_away(agent: PhoneAgent, reason: str, *, now: datetime) -> None:
    """They take no calls."""
    if (agent.state, agent.reason) != (AWAY, reason):
        agent.state, agent.reason, agent.since = AWAY, reason, now
    agent.idle_since, agent.wrapping_up = None, None


def be_busy(agent: PhoneAgent, *, now: datetime) -> None:
    """They are on the line. Whoever was away goes back to that after."""
    agent.state, agent.since, agent.idle_since, agent.wrapping_up = BUSY, now, None, None


def wrap_up(agent: PhoneAgent, call_id: int, *, now: datetime) -> None:
    """They write down what a call was about."""
    agent.state, agent.since, agent.idle_since = WRAP_UP, now, None
    agent.wrapping_up = call_id


def be_done(agent: PhoneAgent, *, now: datetime) -> None:
    """They are through with a call: they take the next, or are away as they wished."""
    if agent.reason:
        be_away(agent, agent.reason, now=now)
    else:
        be_available(agent, now=now)
