"""Whether somebody picked up, and not their mailbox: who is rung by the telephone network presses a
key first.

A browser and a SIP device are answered by whoever sits there. For a mobile telephone that is turned
off its network answers, and a citizen would be left to a machine.
"""

from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.hearing import LegAnswered, Pressed
from registry.calls.legs import answer_leg, give_up, language_of
from registry.calls.ordering import leg_of
from registry.calls.script import Ask, HangUp, Line, Script

KEY = "take."
"""Begins the step at which a key is pressed; the leg's id follows."""
PATIENCE = timedelta(seconds=20)
"""Within which it is: so long it goes on ringing for whoever picked up in the last second."""


async def pick_up(session: AsyncSession, heard: LegAnswered, *, now: datetime) -> Script:
    """Somebody or something answers: what is heard there."""
    leg = await leg_of(session, heard.leg)
    if leg is None or leg.state != "ringing" or not leg.device.startswith("+"):
        return await answer_leg(session, heard, now=now)
    leg.deadline = max(leg.deadline, now + PATIENCE)
    line = Line("take_call", await language_of(session, leg.operator_id))
    return (Ask(step=f"{KEY}{leg.id}", sounds=(line,)),)


async def press(session: AsyncSession, heard: Pressed, *, now: datetime) -> Script:
    """A key was pressed there, or none."""
    name = heard.step.removeprefix(KEY)
    leg = await leg_of(session, name)
    if leg is not None and leg.state == "ringing" and not heard.digits:
        await give_up(session, leg, "missed", now=now)
        return (HangUp(),)
    answered = LegAnswered(account=heard.account, call=heard.call, at=heard.at, leg=name)
    return await answer_leg(session, answered, now=now)
