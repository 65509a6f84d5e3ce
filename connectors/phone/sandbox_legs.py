"""One leg of a call as Twilio keeps it: its state, what is heard on it, what it waits for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from connectors.phone.sandbox_time import Bell, SimulatedTime

VERSION = "2010-04-01"
ENDED = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})

Sound = Literal["say", "play", "beep", "music", "ring"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Something that was heard on a leg, from its beginning."""

    what: Sound
    text: str = ""
    """The words, or the address of the file."""
    language: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Where a call finds its next document: at an address, or in these words."""

    address: str = ""
    method: str = "POST"
    fields: Mapping[str, str] = field(default_factory=dict)
    """What is told besides the usual."""
    twiml: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Where a leg's progress is to be told, and which."""

    address: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


class HungUp(Exception):
    """The leg is over, and so is what it was doing."""


class Moved(Exception):
    """It was sent elsewhere by the API, out of what it was doing."""

    def __init__(self, go: Go) -> None:
        super().__init__(go.address)
        self.go = go


class _Over(Exception):
    """What was done for as long as something held is done no more."""

    def __init__(self, scope: "_Scope") -> None:
        super().__init__()
        self.scope = scope


@dataclass(frozen=True, slots=True, eq=False)
class _Scope:
    holds: Callable[[], bool]


@dataclass(slots=True, kw_only=True, eq=False)
class Leg:
    """One side of a conversation; everything that happens to it goes through here."""

    sid: str
    account_sid: str
    sender: str
    to: str
    direction: Literal["inbound", "outbound-api", "outbound-dial"]
    time: SimulatedTime
    changed: Callable[[], None]
    parent: "Leg | None" = None
    number_sid: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    fallback: Go | None = None
    status: str = "queued"
    created_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    picked: str = ""
    """What became of the ringing, as whoever it rings at decided: "answered" or "declined"."""
    place: str = ""
    """"queue:<name>", "room:<name>", "gather", "record"; empty elsewhere."""
    heard: list[Heard] = field(default_factory=list)
    keys: list[str] | None = None
    """Keys pressed since somebody listens for them; None when nobody does."""
    speech: tuple[datetime, datetime] | None = None
    """When whoever is there last began to speak, and will have ended."""
    told: int = 0
    """How many events were told."""
    away: bool = False
    """It was sent elsewhere, and no longer ends with the Dial that began it."""
    bridged: "Leg | None" = None
    """Whom it talks to outside of any conference."""
    bell: Bell = field(init=False)
    _moved: Go | None = None
    _scopes: list[_Scope] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bell = Bell(self.time)

    # --- What others do to it --------------------------------------------------------------------

    def end(self, status: str) -> None:
        """It is over, if it was not."""
        if self.status in ENDED:
            return
        self.status, self.ended_at = status, self.time()
        self._ring()

    def move(self, go: Go) -> None:
        """Send it to another document, whatever it does."""
        self._moved = go
        self._ring()

    def pick(self, how: Literal["answered", "declined"]) -> None:
        """Whoever it rings at decides."""
        self.picked = how
        self._ring()

    def press(self, key: str) -> None:
        """A key, which is lost when nobody listens."""
        if self.keys is not None:
            self.keys.append(key)
        self._ring()

    def speak(self, seconds: float) -> None:
        """Whoever is there speaks, from now on for so long."""
        now = self.time()
        began = now if self.speech is None or self.speech[1] < now else self.speech[0]
        self.speech = (began, now + timedelta(seconds=seconds))
        self._ring()

    def _ring(self) -> None:
        self.bell.ring()
        self.changed()

    # --- What it does itself ---------------------------------------------------------------------

    def answer(self) -> None:
        """From now on somebody is there; nothing happens when they are already."""
        if self.answered_at is None:
            self.status, self.answered_at = "in-progress", self.time()
            self.changed()

    def check(self) -> None:
        """Raises: HungUp, Moved, and what ends an `as_long_as`."""
        if self.status in ENDED:
            raise HungUp
        if (go := self._moved) is not None:
            self._moved = None
            raise Moved(go)
        for scope in self._scopes:
            if not scope.holds():
                raise _Over(scope)

    async def until(
        self, holds: Callable[[], bool] | None = None, *, seconds: float | None = None
    ) -> bool:
        """Wait until `holds()`, and tell whether it did in time. Raises: as `check`."""
        deadline = None if seconds is None else self.time() + timedelta(seconds=seconds)
        while True:
            self.check()
            if holds is not None and holds():
                return True
            if deadline is not None and self.time() >= deadline:
                return False
            await self.bell.wait(deadline)

    @contextmanager
    def as_long_as(self, holds: Callable[[], bool]) -> Iterator[None]:
        """End the block, wherever in it the leg waits, when `holds()` no more."""
        scope = _Scope(holds)
        self._scopes.append(scope)
        try:
            yield
        except _Over as over:
            if over.scope is not scope:
                raise
        finally:
            self._scopes.remove(scope)

    async def hear(
        self, what: Sound, text: str = "", *, language: str = "", seconds: float | None
    ) -> None:
        """Hear something to its end, without end when None. Raises: as `check`."""
        self.note(what, text, language=language)
        await self.until(seconds=seconds)

    def note(self, what: Sound, text: str = "", *, language: str = "") -> None:
        """Hear something beside what is heard."""
        self.heard.append(Heard(what=what, text=text, language=language, at=self.time()))
        self.changed()

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Be somewhere for as long as the block runs."""
        before, self.place = self.place, place
        self.changed()
        try:
            yield
        finally:
            self.place = before
            self.changed()

    # --- What is told of it ----------------------------------------------------------------------

    @property
    def seconds(self) -> int:
        """How long it has lasted since it was answered."""
        if self.answered_at is None:
            return 0
        return round(((self.ended_at or self.time()) - self.answered_at).total_seconds())

    def fields(self) -> dict[str, str]:
        """What every request of a call tells.

        Source: https://www.twilio.com/docs/voice/twiml#request-parameters
        """
        known = {
            "AccountSid": self.account_sid,
            "ApiVersion": VERSION,
            "CallSid": self.sid,
            "CallStatus": self.status,
            "Called": self.to,
            "Caller": self.sender,
            "Direction": self.direction,
            "From": self.sender,
            "To": self.to,
        }
        if self.direction == "inbound":
            known |= {"CalledCountry": "KZ", "CallerCountry": "KZ"}
            known |= {"FromCountry": "KZ", "ToCountry": "KZ"}
        if self.parent is not None:
            known["ParentCallSid"] = self.parent.sid
        return known
