"""Who takes part in a rush: citizens, each with a way of their own, and operators at desk phones.

What anybody does is drawn from a luck that is theirs alone: nobody's course depends on whose turn
it was before.
"""

from datetime import timedelta
from random import Random

from connectors.phone.sandbox import Phone, PhoneSandbox
from connectors.phone.sandbox_legs import ENDED, Leg
from connectors.phone.sandbox_time import Bell
from connectors.phone.twiml import SILENCE
from registry.calls.steps import CALL_BACK_KEY, LANGUAGE_KEYS, MESSAGE_KEY, REFUSE_KEY
from tests.journeys.telephone import Operator, spoken_lines

SPEAKS: tuple[tuple[str, ...], ...] = (("kk", "ru"), ("ru",), ("kk",), ("kk", "ru", "en"), ())
"""The languages of one operator after the other; none are all of them."""
TEAM, TEAM_KEY = "water", "1"
TALK_SECONDS = (20, 80)
"""How long people talk: so that callers have to wait, and not for ever."""

PATIENT, GIVES_UP, ASKS, LEAVES_WORD, HANGS_UP = (
    "patient", "gives up", "asks to be called", "leaves a message", "hangs up at once",
)  # fmt: skip
_WAYS = {PATIENT: 62, GIVES_UP: 14, ASKS: 10, LEAVES_WORD: 8, HANGS_UP: 6}
_LANGUAGES = {"kk": 45, "ru": 50, "en": 5}
_KEYS = {language: key for key, language in LANGUAGE_KEYS.items()}


class Citizen(Phone):
    """Somebody who calls once, and whom we may call back.

    `fates` is what became of each call as they know it, by its sid: "answered", "message",
    "call_back", "abandoned"; "left" where they hung up in the greeting; "" for what rang in vain.
    """

    def __init__(self, twilio: PhoneSandbox, number: str, *, luck: Random) -> None:
        super().__init__(twilio, number)
        self.language = _chosen(luck, _LANGUAGES)
        self.way = _chosen(luck, _WAYS)
        self.fates: dict[str, str] = {}
        self._luck = luck
        self._bears = luck.uniform(15, 90)
        """Seconds of waiting until a citizen who is not patient has had enough; of the greeting
        they bear a tenth of it."""

    async def calls(self) -> None:
        """Call, and do from second to second what it takes."""
        leg = self.sandbox.begin_call(self, None)
        self.fates[leg.sid] = "left"
        greeted = waited = 0
        while leg.status not in ENDED:
            await _wait(self.sandbox, 1)
            if self.hears(leg):
                self.fates[leg.sid] = "answered"
            elif leg.place == "record":
                await self._leaves_word(leg)
            elif leg.place.startswith("queue:"):
                waited += 1
                if self.fates[leg.sid] == "left":
                    self.fates[leg.sid] = ""
                if waited > self._bears:
                    self._has_had_enough(leg)
            else:
                greeted += 1
                self._answers(leg)
                if self.way == HANGS_UP and greeted > self._bears / 10:
                    leg.end("completed")

    def rung(self, leg: Leg) -> None:
        """We call them."""
        super().rung(leg)
        self.fates[leg.sid] = ""
        self.sandbox.time.begin(self._is_called(leg))

    def hears(self, leg: Leg) -> bool:
        """Whether they talk with a person."""
        return bool(self.sandbox.heard_by(leg))

    async def _is_called(self, leg: Leg) -> None:
        await _wait(self.sandbox, self._luck.uniform(2, 10))
        if self._luck.random() < 0.1 or leg.status != "ringing":
            return  # the telephone is in the other room
        leg.pick("answered")
        while leg.status not in ENDED:
            await _wait(self.sandbox, 1)
            if self.hears(leg):
                self.fates[leg.sid] = "answered"

    def _answers(self, leg: Leg) -> None:
        """What is asked before the queue: most press no key at all, except for a language."""
        if leg.keys is None:
            return
        asked = spoken_lines(self)[-1][0]
        if asked in {"welcome", "language"}:
            leg.press(_KEYS[self.language])
        elif asked == "menu" and self._luck.random() < 0.05:
            leg.press(TEAM_KEY)
        elif asked.startswith("record_") and self._luck.random() < 0.02:
            leg.press(REFUSE_KEY)

    def _has_had_enough(self, leg: Leg) -> None:
        if self.way == GIVES_UP:
            self.fates[leg.sid] = "abandoned"
            leg.end("completed")
        elif self.way == ASKS and leg.keys is not None:
            self.fates[leg.sid] = "call_back"
            leg.press(CALL_BACK_KEY)
        elif self.way == LEAVES_WORD and leg.keys is not None:
            leg.press(MESSAGE_KEY)

    async def _leaves_word(self, leg: Leg) -> None:
        seconds = self._luck.uniform(4, 20)
        leg.speak(seconds)
        await _wait(self.sandbox, seconds)
        self.fates[leg.sid] = "message"
        if self._luck.random() < 0.5:
            leg.end("completed")
        else:
            await _wait(self.sandbox, SILENCE + 1)


class Desk(Phone):
    """The telephone on the desk of somebody who takes calls, and writes down what about."""

    operator: Operator

    def __init__(self, twilio: PhoneSandbox, address: str, *, luck: Random) -> None:
        super().__init__(twilio, address)
        self._luck = luck

    def rung(self, leg: Leg) -> None:
        super().rung(leg)
        self.sandbox.time.begin(self._hears(leg))

    async def _hears(self, leg: Leg) -> None:
        await _wait(self.sandbox, self._luck.uniform(1, 6))
        fate = self._luck.random()
        if self.ringing is not leg:
            return  # the caller is gone
        if fate < 0.04:  # nobody is at the desk
            await _wait(self.sandbox, self._luck.uniform(30, 90))
        elif fate < 0.07:
            leg.pick("declined")
            await _wait(self.sandbox, 5)
        else:
            leg.pick("answered")
            await self._talks(leg)
            await _wait(self.sandbox, self._luck.uniform(2, 12))
        await self._goes_on()

    async def _talks(self, leg: Leg) -> None:
        talked, enough = 0, self._luck.uniform(*TALK_SECONDS)
        while leg.status not in ENDED:
            await _wait(self.sandbox, 1)
            talked += bool(self.sandbox.heard_by(leg))
            if talked > enough:
                await self._parts(leg)
                return

    async def _parts(self, leg: Leg) -> None:
        """One of the two hangs up, on the telephone or on the screen; or another is to help."""
        fate = self._luck.random()
        if fate < 0.06:
            has = (await self.operator.ask("GET", "phone")).json["call"]
            await self.operator.does("transfer", {"team": has["team"]})
        elif fate < 0.3:
            await self.operator.does("hang-up")
        elif fate < 0.6:
            leg.end("completed")
        else:
            (citizen,) = self.sandbox.heard_by(leg)
            citizen.end("completed")

    async def _goes_on(self) -> None:
        phone = (await self.operator.ask("GET", "phone")).json
        if phone["state"] == "wrap_up":
            await self.operator.writes_down("Asks when the water will be back.")
        elif phone["state"] == "away":
            await self.operator.is_now("available")


async def _wait(twilio: PhoneSandbox, seconds: float) -> None:
    time = twilio.time
    await Bell(time).wait(time() + timedelta(seconds=seconds))


def _chosen(luck: Random, weights: dict[str, int]) -> str:
    (found,) = luck.choices(list(weights), list(weights.values()))
    return found
