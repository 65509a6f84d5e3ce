"""Watches what accounts bring: one gone silent when it usually brings much, or only forgeries.

What is usual is learnt from the account's own past weeks: the same hours of the same weekday.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.base import Diagnosis, Health
from registry.db import Database
from registry.models import AccountState
from registry.traffic import SLOT, Slot, read_traffic, slot_of
from registry.types import AccountKey

WEEKS = 4
"""As many past weeks are looked at."""
LEAST_WEEKS = 2
"""Fewer teach nothing: a holiday would pass for a habit."""
LEAST_USUAL = 5
"""Messages that the quietest of those weeks must have brought for silence to mean anything."""
LONGEST_SILENCE = timedelta(hours=24)
"""How far back a silence is looked at: longer ones say no more."""
WRITTEN_WITHIN = timedelta(minutes=1)
"""By then what came is written down by whichever process counted it."""
FORGED_WITHIN = timedelta(minutes=10)
FORGED_MANY = 5
"""So many forgeries, and more than what was genuine, mean that the secret differs."""

UNREAD_FOR = timedelta(minutes=3)
"""A provider that cannot be polled for so long is no hiccup."""
PAUSED_FOR = timedelta(minutes=5)

LOOKS_BACK = timedelta(weeks=WEEKS) + LONGEST_SILENCE + SLOT


async def watched(
    account: AccountKey,
    told: Diagnosis,
    state: AccountState | None,
    database: Database,
    *,
    now: datetime,
) -> Diagnosis:
    """The worst of what the provider told and of what we see: traffic, polls, replies, pauses."""
    slots = await database.run(read_traffic(account, since=now - LOOKS_BACK))
    shown = judge(slots, now=now)
    found = (
        [shown]
        if state is None
        else [_unread(state, now), shown, _refused(state), _paused(state, now)]
    )
    for other in found:
        if other is not None and _BADNESS[other.health] > _BADNESS[told.health]:
            told = replace(other, details=told.details)
    return told


def _refused(state: AccountState) -> Diagnosis | None:
    """An account whose last reply was refused is not green, whatever it says of itself.

    It may try again: the refusal is over once a reply has got through.
    """
    if state.refused_at is None:
        return None
    return Diagnosis(
        health=Health.DEGRADED,
        summary=f"The last reply was refused: {state.refusal}",
        cure=state.refusal_cure,
    )


def _unread(state: AccountState, now: datetime) -> Diagnosis | None:
    """An account that cannot be polled brings nothing; its replies may go out all the same."""
    if state.unread_since is None:
        return None
    since = f"{state.unread_since:%Y-%m-%d %H:%M} UTC"
    if state.unread_cure is not None:
        return Diagnosis(
            health=Health.DOWN,
            summary=f"Nothing has been read since {since}: {state.unread_reason}",
            cure=state.unread_cure,
            can_send=True,
        )
    if now - state.unread_since < UNREAD_FOR:
        return None
    return Diagnosis(
        health=Health.DEGRADED,
        summary=f"Nothing could be read since {since}: {state.unread_reason}",
        cure="Look at the network and at the provider's status page; it is tried again by itself.",
    )


def _paused(state: AccountState, now: datetime) -> Diagnosis | None:
    """Replies that wait for long because the provider asked for it are told of."""
    if state.paused_until is None or state.paused_until - now < PAUSED_FOR:
        return None
    return Diagnosis(
        health=Health.DEGRADED,
        summary=f"The provider asked for a pause: replies go out from "
        f"{state.paused_until:%Y-%m-%d %H:%M} UTC on.",
        cure="Nothing is lost; if it comes often, ask the provider for a higher limit.",
    )


_BADNESS = {Health.OK: 0, Health.DEGRADED: 1, Health.DOWN: 2}


def judge(slots: Sequence[Slot], *, now: datetime) -> Diagnosis | None:
    """What is wrong with an account's traffic, if anything; `slots` go back `LOOKS_BACK`."""
    return _forgeries(slots, now) or _silence(slots, now)


def _forgeries(slots: Sequence[Slot], now: datetime) -> Diagnosis | None:
    recent = [slot for slot in slots if slot.start >= slot_of(now) - FORGED_WITHIN]
    forged = sum(slot.forged for slot in recent)
    genuine = sum(slot.received for slot in recent)
    if forged < FORGED_MANY or forged <= genuine:
        return None
    return Diagnosis(
        health=Health.DOWN,
        summary=f"{forged} deliveries of the last minutes were refused: their signature or secret "
        f"is wrong; {genuine} messages were right.",
        cure="Compare the account's secret in the settings with the provider's, and public_url "
        "with the address the provider calls; if both are right, a stranger is knocking.",
        can_send=True,
    )


def _silence(slots: Sequence[Slot], now: datetime) -> Diagnosis | None:
    """Nothing since a while in which each of the past weeks brought something.

    Messages count, and not the receipts of what we send: they may come to another address.
    """
    last = max((slot.start for slot in slots if slot.received), default=None)
    if last is None:
        return None
    since, until = max(last + SLOT, now - LONGEST_SILENCE), slot_of(now - WRITTEN_WITHIN)
    if since >= until:
        return None
    usual = [
        _received(slots, since - timedelta(weeks=week), until - timedelta(weeks=week))
        for week in _weeks_known(slots, since, silent_for=until - last - SLOT)
    ]
    if len(usual) < LEAST_WEEKS or min(usual) < LEAST_USUAL:
        return None
    return Diagnosis(
        health=Health.DEGRADED,
        summary=f"Nothing has come since {last + SLOT:%Y-%m-%d %H:%M} UTC; in the same hours of "
        f"{len(usual)} weeks before {min(usual)} to {max(usual)} messages came.",
        cure="Write to the account yourself; if nothing arrives, look at the webhook or the token "
        "at the provider, and at what stands before the hub.",
    )


def _weeks_known(slots: Sequence[Slot], since: datetime, *, silent_for: timedelta) -> range:
    """The past weeks that the counts reach back to, the last one before the silence first."""
    week = timedelta(weeks=1)
    first = max(-(-silent_for // week), 1)
    return range(first, min((since - slots[0].start) // week, WEEKS) + 1)


def _received(slots: Sequence[Slot], start: datetime, end: datetime) -> int:
    return sum(slot.received for slot in slots if start <= slot.start < end)
