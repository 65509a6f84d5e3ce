"""What somebody on the line hears next: what happened, once it is stored, goes to the switchboard.

A delivery that cannot be understood is buried like any other, and whoever is on the line is told
so and let go. Where nothing can be decided the delivery is refused: the provider then asks its
fallback address (see docs/adr/0016-calls.md).
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from connectors.base import Answer, Malformed, Phones
from registry.burial import Burial, bury
from registry.calls.hearing import LegAnswered, LegEnded, OnHold, Pressed, Recorded
from registry.calls.prompt_words import MUSIC, NO_LANGUAGE
from registry.calls.prompts import CurrentPrompts, spoken
from registry.calls.script import HangUp, Line, Music, Script
from registry.calls.steps import TEXT_KEY
from registry.calls.switchboard import Next, decide
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.errors import Unavailable
from registry.office import get_setting
from registry.office_shapes import Telephone
from registry.types import AccountKey, Clock, Envelope
from workers.bus import Bus, Topic
from workers.meters import Meters

log = structlog.get_logger(__name__)

PATIENCE = 10.0
"""Seconds in which it is decided, or refused: providers wait for somewhat longer."""


_MUSIC: Script = (Music((Line(MUSIC, NO_LANGUAGE),)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchboard:
    """What hearing a call takes."""

    database: Database
    office: CurrentOffice
    prompts: CurrentPrompts
    bus: Bus
    clock: Clock
    meters: Meters


async def listen(envelope: Envelope, phone: Phones, switchboard: Switchboard) -> Answer | None:
    """Take in what a stored delivery tells; what is heard next, None where nobody waits for that.

    Raises: Unavailable.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            following = await _next(envelope, phone, switchboard)
            return await _said(following, phone, switchboard)
    except TimeoutError:
        raise Unavailable("The switchboard does not answer in time.") from None
    except Unavailable:
        raise
    except Exception as error:
        log.exception("the switchboard failed", account=_account(envelope), envelope=envelope.id)
        raise Unavailable("The switchboard failed.") from error


async def _next(envelope: Envelope, phone: Phones, switchboard: Switchboard) -> Next:
    now = switchboard.clock()
    try:
        heard = phone.hear(envelope)
    except Malformed as error:
        await _bury(envelope, str(error), switchboard)
        return Next(await _excuse(switchboard))
    if heard is None:
        return Next(None)
    log.info(
        "heard",
        account=_account(envelope),
        envelope=envelope.id,
        call=heard.call,
        what=type(heard).__name__,
        **({"leg": heard.leg} if isinstance(heard, LegAnswered | LegEnded) else {}),
    )
    if isinstance(heard, OnHold):
        return Next(_MUSIC)
    following = await decide(switchboard.database, heard, office=switchboard.office.office, now=now)
    if isinstance(heard, Pressed) and heard.digits == TEXT_KEY:
        switchboard.bus.wake(Topic.OUTBOX)  # they may have asked for an SMS
    elif isinstance(heard, Recorded):
        switchboard.bus.wake(Topic.MEDIA)
    return following


async def _said(following: Next, phone: Phones, switchboard: Switchboard) -> Answer | None:
    """The script in the provider's words. What an administrator changed is heard at once."""
    if following.script is None:
        return None
    with suppress(Unavailable):  # it is decided already: they hear what we know
        await switchboard.prompts.refresh(switchboard.database, seen=following.revision)
    return phone.speak(spoken(following.script, prompts=switchboard.prompts.prompts))


async def _bury(envelope: Envelope, reason: str, switchboard: Switchboard) -> None:
    async with switchboard.database.write() as session:
        burial = Burial(envelope=envelope, reason=reason)
        new = await bury(session, [burial], now=switchboard.clock())
    if new:  # the intake may have buried it already
        switchboard.meters.buried(AccountKey(envelope.channel, envelope.account))
        log.warning("buried", account=_account(envelope), envelope=envelope.id, reason=reason)


async def _excuse(switchboard: Switchboard) -> Script:
    """Nobody knows what they speak: it is said as to whoever chose no language."""
    async with switchboard.database.read() as session:
        language = (await get_setting(session, Telephone)).language
    return Line("error", language), HangUp()


def _account(envelope: Envelope) -> str:
    return str(AccountKey(envelope.channel, envelope.account))
