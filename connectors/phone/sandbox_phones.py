"""People at a telephone: a citizen with a number, an operator with a softphone or on a desk."""

from collections.abc import Sequence, Set
from functools import partial
from typing import TYPE_CHECKING

from connectors.phone.sandbox_legs import ENDED, Heard, Leg
from connectors.phone.sandbox_tokens import Pass, check

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

WITHHELD = {
    "anonymous": "+266696687",
    "blocked": "+2562533",
    "restricted": "+7378742833",
    "unavailable": "+86282452253",
    "unknown": "+8656696",
}
"""What Twilio tells instead of a number that is not shown.

Source: https://help.twilio.com/articles/223179988
"""


class Phone:
    """One person at one address: "+77012223344", "client:operator_17", "sip:17@pbx.example.kz".

    Every verb returns when everybody waits again, the hub's answer to it included.
    """

    def __init__(self, sandbox: "PhoneSandbox", address: str) -> None:
        self.sandbox = sandbox
        self.address = address
        self.online = True
        """Whether it can ring at all: a closed browser, a phone without power."""
        self.answers_after: float | None = None
        """Seconds after which whoever is there picks up by themselves; None for when told."""
        self.legs: list[Leg] = []
        """All of its calls, the oldest first."""
        self.token: Pass | None = None
        """What it was registered with; a device that never was rings all the same."""

    # --- What is to be seen and heard ------------------------------------------------------------

    @property
    def leg(self) -> Leg | None:
        """The call that goes on: the one it began, or picked up."""
        goes_on = (leg for leg in self.legs if leg.status == "in-progress" or _calls(leg))
        return next(goes_on, None)

    @property
    def ringing(self) -> Leg | None:
        """What rings now, the oldest where more than one does."""
        return next((leg for leg in self.legs if _rings(leg)), None)

    @property
    def shown(self) -> str:
        """Who calls, as the ringing phone shows it."""
        return self.ringing.sender if self.ringing is not None else ""

    @property
    def status(self) -> str:
        """Of the last call, as Twilio calls it; empty when there was none."""
        return self.legs[-1].status if self.legs else ""

    @property
    def place(self) -> str:
        """Where its call is: "queue:…", "room:…", "gather", "record"; empty elsewhere."""
        return self.leg.place if self.leg is not None else ""

    @property
    def heard(self) -> Sequence[Heard]:
        """Everything that was heard, of every call."""
        return [heard for leg in self.legs for heard in leg.heard]

    @property
    def transcript(self) -> Sequence[str]:
        """The words, and the addresses of the files, in order."""
        return [heard.text for heard in self.heard if heard.what in {"say", "play"}]

    @property
    def talks_to(self) -> Set[str]:
        """Who hears them now, and is heard."""
        leg = self.leg
        if leg is None:
            return frozenset()
        return frozenset(self.sandbox.address_of(other) for other in self.sandbox.heard_by(leg))

    @property
    def engaged(self) -> bool:
        """A softphone takes a second call, a line does not."""
        if self.address.startswith("client:"):
            return False
        return self.leg is not None or self.ringing is not None

    @property
    def reachable(self) -> bool:
        """Whether a call to it rings."""
        valid = self.token is None or (
            self.token.incoming and self.token.expires_at > self.sandbox.time()
        )
        return self.online and valid

    # --- What they do ----------------------------------------------------------------------------

    def register(self, token: str) -> Pass:
        """Open the softphone with what the hub gave it. Raises: TokenRefused."""
        checked = check(
            token,
            keys=self.sandbox.api_keys,
            account_sid=self.sandbox.account_sid,
            applications=self.sandbox.applications,
            now=self.sandbox.time(),
        )
        if f"client:{checked.identity}" != self.address:
            raise ValueError(f"{self.address}: the token is for {checked.identity}.")
        self.token, self.online = checked, True
        return checked

    async def call(self, to: str | None = None) -> Leg:
        """Call a number of the account's, its first unless told."""
        leg = self.sandbox.begin_call(self, to)
        await self.sandbox.idle()
        return leg

    async def answer(self) -> None:
        """Pick up what rings. Raises: AssertionError when nothing does."""
        self._ringing().pick("answered")
        await self.sandbox.idle()

    async def decline(self) -> None:
        """Press it away. Raises: AssertionError when nothing rings."""
        self._ringing().pick("declined")
        await self.sandbox.idle()

    async def hang_up(self) -> None:
        """End the call. Raises: AssertionError when there is none."""
        leg = self._in_call()
        leg.end("completed" if leg.answered_at else "no-answer")
        await self.sandbox.idle()

    async def press(self, keys: str) -> None:
        """Keys one after another; they are lost when nothing listens for them."""
        for key in keys:
            self._in_call().press(key)
        await self.sandbox.idle()

    async def say(self, *, seconds: float) -> None:
        """Begin to speak, for so long; let the time pass then."""
        self._in_call().speak(seconds)
        await self.sandbox.idle()

    # --- For the sandbox -------------------------------------------------------------------------

    def rung(self, leg: Leg) -> None:
        """A call comes."""
        self.legs.append(leg)
        if self.answers_after is not None:
            self.sandbox.time.begin_later(self.answers_after, partial(self._answer, leg))
        self.sandbox.changed()

    async def _answer(self, leg: Leg) -> None:
        if _rings(leg):
            leg.pick("answered")

    def _ringing(self) -> Leg:
        assert self.ringing is not None, f"nothing rings at {self.address}"
        return self.ringing

    def _in_call(self) -> Leg:
        assert self.leg is not None, f"{self.address} is in no call"
        return self.leg


def _rings(leg: Leg) -> bool:
    return leg.direction != "inbound" and leg.status == "ringing" and not leg.picked


def _calls(leg: Leg) -> bool:
    return leg.direction == "inbound" and leg.status not in ENDED
