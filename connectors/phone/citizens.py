"""Simulated people who call the city, and whom it calls back; nobody tells them when to do what."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from connectors.phone.sandbox_legs import ENDED, Leg
from connectors.phone.sandbox_phones import Phone
from connectors.phone.sandbox_time import Bell
from connectors.phone.sandbox_voices import length

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

LANGUAGE_KEYS = {"kk": "1", "ru": "2", "en": "3"}
CALL_BACK, MESSAGE = "1", "2"
"""What those who wait, or call after hours, may press."""
PATIENCE = 45
"""Seconds in the queue after which a citizen looks for another way."""
PICKS_UP_AFTER = 4.0
LEAST, MOST = 8.0, 40.0
"""Seconds that somebody speaks."""
_LONGEST = 3600.0
"""Real seconds that a call lasts at most."""


class Line(Phone):
    """A citizen's telephone: whoever has it takes part in every call."""

    def __init__(self, citizen: "Citizen", number: str) -> None:
        super().__init__(citizen.sandbox, number)
        self.answers_after = PICKS_UP_AFTER
        self._citizen = citizen

    def rung(self, leg: Leg) -> None:
        super().rung(leg)
        self.sandbox.time.begin(self._citizen.take_part(leg))


class Citizen:
    """One person with a telephone, who tells the same story to whoever picks up.

    `name` is for the demo's words only: a call tells a number.
    """

    def __init__(
        self, sandbox: "PhoneSandbox", number: str, *, name: str, language: str, choice: str
    ) -> None:
        """`choice` is the key of those who waited long enough."""
        self.sandbox = sandbox
        self.name = name
        self.language = language
        self.choice = choice
        self.phone = Line(self, number)
        self._story = ""
        self._is_known = False
        """They have chosen their language once, and are not asked again."""

    async def say(self, text: str) -> None:
        """Call, and tell it to an operator or to the voicemail; returns when the call is over."""
        self._story = text
        leg = self.sandbox.begin_call(self.phone, None)
        self.sandbox.time.begin(self.take_part(leg))
        await self.sandbox.until(lambda: leg.status in ENDED, timeout=_LONGEST)

    async def next(self, *, timeout: float) -> NoReturn:
        """Nobody writes to a telephone. Raises: TimeoutError."""
        await asyncio.sleep(timeout)
        raise TimeoutError

    async def take_part(self, leg: Leg) -> None:
        """Do from one second to the next what the call asks for."""
        queued = 0
        while leg.status not in ENDED:
            await self._wait(1)
            queued += leg.place.startswith("queue:")
            if self._is_listened_to(leg):
                await self._tell(leg)
            elif leg.keys is not None and not self._is_known:
                leg.press(LANGUAGE_KEYS[self.language])
                self._is_known = True
            elif leg.keys is not None and (not queued or queued > PATIENCE):
                leg.press(self.choice)

    async def _tell(self, leg: Leg) -> None:
        seconds = min(MOST, max(LEAST, length(self._story)))
        leg.speak(seconds)
        await self._wait(seconds)
        if self._is_listened_to(leg):
            leg.end("completed")

    def _is_listened_to(self, leg: Leg) -> bool:
        return bool(self.phone.talks_to) or leg.place == "record"

    async def _wait(self, seconds: float) -> None:
        time = self.sandbox.time
        await Bell(time).wait(time() + timedelta(seconds=seconds))
