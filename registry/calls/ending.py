"""What a call came to that is over: its last word in the journal, and whether to call back.

The caller holds the switchboard's lock, and commits.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from registry.appeals.answering import answer_appeal
from registry.calls.call_backs import CLOSED, MESSAGE, MISSED, missed, put_back, spoken, tried
from registry.calls.hearing import HowEnded
from registry.calls.matters import appeal_of, note_call, note_call_of
from registry.calls.steps import ANNOUNCEMENT, START
from registry.calls.tables import Call
from registry.calls.turns import LeftVoice
from registry.journal import CITIZEN, SYSTEM
from registry.models import Appeal
from registry.office import setting_of
from registry.office_shapes import Telephone

NOT_REACHED = frozenset({"abandoned", "closed", "failed"})
"""What a call came to in which a citizen did not get what they called for."""

_UNANSWERED: Mapping[HowEnded, str] = {
    HowEnded.BUSY: "busy",
    HowEnded.NO_ANSWER: "no_answer",
    HowEnded.FAILED: "failed",
}


async def finish(session: AsyncSession, call: Call, *, how: HowEnded, now: datetime) -> None:
    """Write down what the call came to. Its operators have left it."""
    call.state, call.ended_at = "ended", call.ended_at or now
    call.ended_as = what_became_of(call, how)
    if call.waiting_since is not None and call.waited is None:
        # Who called again waits on their old place, and yet only since they called.
        until = call.answered_at or call.ended_at
        call.waited = max(0.0, (until - max(call.waiting_since, call.started_at)).total_seconds())
    await _call_back(session, call, how, now=now)
    appeal = await appeal_of(session, call)
    moved = {} if appeal is None else _note_in(appeal, call)
    await note_call_of(
        session,
        None if appeal is None else appeal.id,
        call,
        "call.ended",
        actor=_actor(call),
        now=now,
        data={
            "as": call.ended_as,
            "direction": call.direction,
            "waited": round(call.waited or 0),
            "talked": round(call.talked),
            **moved,
        },
        key=f"call:{call.id}:ended",
    )


async def left_voice(session: AsyncSession, call: Call, voice: LeftVoice, *, now: datetime) -> None:
    """They left a message, and wait for an answer. It may be told after the call's end."""
    over = call.ended_at is not None
    if over and call.ended_as in NOT_REACHED:
        call.ended_as = "message"
    await missed(session, call, MESSAGE, now=now, again=not over)
    data = {} if voice.seconds is None else {"seconds": round(voice.seconds)}
    await note_call(session, call, "call.message_left", actor=CITIZEN, now=now, data=data)


def what_became_of(call: Call, how: HowEnded) -> str:
    """The one word for it. What ends in the greeting is a call like any other."""
    if call.answered_at is not None:
        return "answered"
    if call.direction == "out":
        return _UNANSWERED.get(how, "abandoned")
    left = call.facts.get("left")
    if isinstance(left, str):
        return left
    if "texted" in call.facts:
        return "texted"
    if call.step == ANNOUNCEMENT:
        return "informed"
    if how is HowEnded.FAILED:
        return "failed"
    return "abandoned" if call.open_hours else "closed"


async def _call_back(session: AsyncSession, call: Call, how: HowEnded, *, now: datetime) -> None:
    if call.ended_as == "answered":
        if call.facts.get("left") != "message":  # left after they had talked
            await spoken(session, call.number, operator_id=call.operator_id, now=now)
    elif call.direction == "out" and how is HowEnded.CANCELLED:
        await put_back(session, call)
    elif call.direction == "out":
        await tried(session, call, now=now)
    elif call.ended_as in NOT_REACHED and await _wanted_somebody(session, call):
        await missed(session, call, MISSED if call.open_hours else CLOSED, now=now)


async def _wanted_somebody(session: AsyncSession, call: Call) -> bool:
    """Not who hangs up in the first words of the greeting: a wrong number, a second thought.

    Whom we did not even greet wanted somebody.
    """
    waited = call.waiting_since is not None
    if waited or call.step == START or call.ended_as == "failed" or call.ended_at is None:
        return True
    patience = (await setting_of(session, Telephone)).missed_after_seconds
    return (call.ended_at - call.started_at).total_seconds() >= patience


def _note_in(appeal: Appeal, call: Call) -> dict[str, Any]:
    """What the appeal learns from the call: the language, and that what was asked before they
    talked has been answered, where it was not known yet when they did."""
    appeal.language = appeal.language or call.language
    if call.answered_at is None or appeal.waiting_since is None:
        return {}
    if appeal.waiting_since > call.answered_at:
        return {}
    return answer_appeal(appeal, now=call.answered_at)


def _actor(call: Call) -> str:
    if call.ended_as == "answered" and call.operator_id is not None:
        return f"operator:{call.operator_id}"
    return CITIZEN if call.direction == "in" else SYSTEM
