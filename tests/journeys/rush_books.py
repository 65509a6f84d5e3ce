"""After a rush: what the hub has written down is what happened at the provider, call by call."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlmodel import col, select

from connectors.phone.sandbox_legs import ENDED, Leg
from registry.calls.tables import Call, CallLeg, CallOrder, PhoneAgent
from registry.models import Attachment, ExternalId, JournalEntry, TeamMember
from tests.journeys.rush import Centre
from tests.journeys.rush_people import Citizen
from tests.registry.calls.simulation import spread

SLIP = 1.0
"""Seconds that are lost where the sweep asks of a call in the moment of its end, before that is
told: Twilio says when the call began, and how long it was, in whole seconds."""
TINY = 0.001
"""Seconds within which two sums of the same parts agree."""


@dataclass(frozen=True, slots=True)
class Books:
    """What a rush came to, once both sides agree."""

    ended: dict[str, int]
    """How many calls came to what."""
    untaken: int
    """Offers that nobody took."""
    given_on: int
    """Calls that were given to somebody else."""
    called_back: int
    recordings: int
    waits: dict[str, dict[str, float]]
    """Seconds that those waited who came in and were answered, by language."""


async def balanced(centre: Centre) -> Books:
    """Compare both sides, and tell what it came to. Raises: AssertionError where they differ."""
    twilio = centre.twilio
    await twilio.until(lambda: all(one.deleted for one in twilio.recordings.values()), timeout=60)
    async with centre.database.read() as session:
        calls = (await session.exec(select(Call).order_by(col(Call.id)))).all()
        legs = (await session.exec(select(CallLeg).order_by(col(CallLeg.id)))).all()
        agents = (await session.exec(select(PhoneAgent))).all()
        orders = (await session.exec(select(CallOrder))).all()
        sounds = (await session.exec(select(Attachment))).all()
        told = (await session.exec(select(JournalEntry))).all()
        appeals = (await session.exec(select(ExternalId))).all()
        team = frozenset(await session.exec(select(TeamMember.operator_id)))
    assert twilio.errors == []
    _no_call_is_lost(centre, calls, legs)
    _every_call_has_one_end(calls, told)
    for call in calls:
        if call.external_id is not None:
            _call_is_as_it_was(centre, call)
        _rings_at_one_at_a_time(twilio.legs, [leg for leg in legs if leg.call_id == call.id])
    for operator_id in centre.speaks:
        theirs = [leg for leg in legs if leg.operator_id == operator_id]
        _has_one_call_at_a_time(twilio.legs, theirs)
    assert {call.external_id for call in calls if call.direction == "in"} <= {
        one.external_id for one in appeals
    }
    assert {agent.state for agent in agents} <= {"available", "away"}
    assert all(order.done_at is not None for order in orders)
    assert len([one for one in sounds if one.state == "ready"]) == len(twilio.recordings)
    overtaken = list(_overtaken(centre, calls, legs, team))
    assert overtaken == []
    return Books(
        ended=dict(Counter(call.ended_as or "" for call in calls)),
        untaken=sum(leg.state in {"missed", "declined"} for leg in legs),
        given_on=sum(entry.event == "call.transferred" for entry in told),
        called_back=sum(call.direction == "out" and call.ended_as == "answered" for call in calls),
        recordings=len(twilio.recordings),
        waits=spread(
            (call.language or "", call.waited)
            for call in calls
            if call.direction == "in" and call.answered_at and call.waited is not None
        ),
    )


# --- Calls ----------------------------------------------------------------------------------------


def _no_call_is_lost(centre: Centre, calls: Sequence[Call], legs: Sequence[CallLeg]) -> None:
    there = centre.twilio.legs.values()
    assert {leg.status for leg in there} <= ENDED
    written = sorted(call.external_id for call in calls if call.external_id)
    assert written == sorted(leg.sid for leg in there if not _is_operators(leg))
    written = sorted(leg.external_id for leg in legs if leg.external_id)
    assert written == sorted(leg.sid for leg in there if _is_operators(leg))
    assert not [leg for leg in legs if leg.state in {"ringing", "joined"}]


def _every_call_has_one_end(calls: Sequence[Call], told: Sequence[JournalEntry]) -> None:
    assert {call.state for call in calls} == {"ended"}
    ends = Counter(entry.data["call"] for entry in told if entry.event == "call.ended")
    assert ends == Counter(str(call.id) for call in calls)


def _call_is_as_it_was(centre: Centre, call: Call) -> None:
    sid = call.external_id or ""
    leg, seen = centre.twilio.legs[sid], centre.seen
    citizen = centre.twilio.phones[leg.sender if leg.direction == "inbound" else leg.to]
    assert isinstance(citizen, Citizen)
    assert call.ended_at is not None
    assert leg.ended_at is not None
    slip = (call.ended_at - leg.ended_at).total_seconds()
    was_asked = call.ended_at.microsecond == 0
    assert slip == 0 or (was_asked and abs(slip) <= SLIP), (call, leg.ended_at)
    assert call.answered_at == seen.answered_at.get(sid)
    short = call.talked - seen.talked.get(sid, 0.0)
    assert abs(short) < TINY or (was_asked and abs(short) <= SLIP), (call, seen.talked.get(sid))
    match citizen.fates[sid]:
        case "left":
            assert call.answered_at is None
        case "":
            assert call.ended_as in {"no_answer", "busy"}, call
        case fate:
            assert call.ended_as == fate, call


# --- Operators ------------------------------------------------------------------------------------


def _is_operators(leg: Leg) -> bool:
    return leg.to.startswith("sip:")


def _rings_at_one_at_a_time(there: Mapping[str, Leg], legs_of_call: Sequence[CallLeg]) -> None:
    rang = [there[leg.external_id] for leg in legs_of_call if leg.external_id]
    _one_after_the_other((leg.created_at, leg.answered_at or leg.ended_at) for leg in rang)


def _has_one_call_at_a_time(there: Mapping[str, Leg], legs_of_operator: Sequence[CallLeg]) -> None:
    had = [there[leg.external_id] for leg in legs_of_operator if leg.external_id]
    _one_after_the_other((leg.created_at, leg.ended_at) for leg in had)


def _one_after_the_other(spans: Iterable[tuple[datetime, datetime | None]]) -> None:
    for (_, ended), (began, _) in pairwise(sorted(spans, key=lambda span: span[0])):
        assert ended is not None
        assert ended <= began


# --- Whose turn it was ----------------------------------------------------------------------------


def _overtaken(
    centre: Centre, calls: Sequence[Call], legs: Sequence[CallLeg], team: frozenset[int]
) -> Iterable[str]:
    """Who was passed over by an operator that could have taken them."""
    by_id = {call.id: call for call in calls}
    rings: dict[int, list[CallLeg]] = {call.id: [] for call in calls}
    for leg in legs:
        rings[leg.call_id].append(leg)
    for leg in legs:
        taken, at = by_id[leg.call_id], leg.made_at
        if leg.kind != "offer":
            continue
        for one in calls:
            if (
                _waited(centre, one, at)
                and not any(_rang(other, at) for other in rings[one.id])
                and _before(one, taken)
                and _fits(centre, leg.operator_id, one, team)
            ):
                yield f"{one.number} by {taken.number} at {at}"


def _waited(centre: Centre, call: Call, at: datetime) -> bool:
    """Whether they stood in the provider's queue, before and after."""
    moments = centre.seen.queued.get(call.external_id or "", [])
    return any(began < at < ended for began, ended in zip(moments[::2], moments[1::2], strict=True))


def _rang(leg: CallLeg, at: datetime) -> bool:
    return leg.made_at <= at and (leg.ended_at is None or at < leg.ended_at)


def _before(one: Call, other: Call) -> bool:
    if one.waiting_since is None or other.waiting_since is None:
        return False
    return (not one.urgent, one.waiting_since) < (not other.urgent, other.waiting_since)


def _fits(centre: Centre, operator_id: int, call: Call, team: frozenset[int]) -> bool:
    speaks = centre.speaks[operator_id]
    knows = not speaks or call.language in speaks
    return knows and (call.team is None or operator_id in team)
