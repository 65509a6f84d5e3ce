"""One caller and the provider's side of their call, for the tests of the path."""

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from registry.calls.flow import Facts, ToFollow, Turn, follow
from registry.calls.hearing import Arrived, LeftMessage, LeftQueue, Pressed, Rang, Waits
from registry.calls.script import Ask, HangUp, LeaveQueue, Line, Queue, TakeMessage, Talk, Verb
from registry.calls.tables import Call
from registry.office_shapes import Telephone, as_delivered
from tests.registry.samples import START

NUMBER = "+77011234567"
TELEPHONE = as_delivered(Telephone)


def telephone(**changes: Any) -> Telephone:
    """How calls are taken, with something changed."""
    return replace(TELEPHONE, **changes)


def facts(**changes: Any) -> Facts:
    """Of an open contact centre with two operators, to whom nobody has spoken before."""
    usual: dict[str, Any] = {
        "open": True,
        "telephone": TELEPHONE,
        "announcement": None,
        "remembered": None,
        "ahead": 0,
        "estimate": None,
        "agents_on": 2,
        "urgent": False,
        "blocked": False,
        "texts": True,
        "now": START,
    }
    return Facts(**(usual | changes))


class Caller:
    """A citizen on the line: presses keys, and remembers what was heard and what came of it."""

    def __init__(self, *, number: str = NUMBER, now: datetime = START, **known: Any) -> None:
        self.facts = facts(now=now, **known)
        self.call = Call(id=17, account="main", external_id="CA1", number=number, started_at=now)
        self.heard: tuple[Verb, ...] = ()
        self.effects: list[Any] = []
        self.queued = False
        """The provider has them in the queue."""

    def rings(self) -> "Caller":
        """The call begins."""
        return self.hears(Rang(**self._about(), number=self.call.number, ours="+77270000000"))

    def presses(self, digits: str, *, after: float = 0) -> "Caller":
        """Answers what is asked, some seconds later."""
        asked = self.asked
        self.passes(after)
        return self.hears(Pressed(**self._about(), step=asked.step, digits=digits))

    def passes(self, seconds: float) -> "Caller":
        """Time goes by."""
        self.facts = replace(self.facts, now=self.facts.now + timedelta(seconds=seconds))
        return self

    def goes_on(self) -> "Caller":
        """What the provider asks by itself, where no key is waited for."""
        last = self.heard[-1]
        if isinstance(last, Queue):
            return self.hears(Waits(**self._about(), seconds=0))
        if isinstance(last, LeaveQueue):
            self.queued = False
            return self.hears(LeftQueue(**self._about(), moved=False))
        if isinstance(last, TakeMessage):
            return self.hears(LeftMessage(**self._about(), recording="RE1", seconds=3))
        assert isinstance(last, Talk), last
        return self.hears(Arrived(**self._about(), step=last.step))

    def hears(self, event: ToFollow) -> "Caller":
        """What happened, and what follows from it."""
        turn = follow(self.call, event, self.facts)
        self.apply(turn)
        return self

    def apply(self, turn: Turn) -> None:
        """Do to the call what the switchboard does."""
        for name in ("state", "step", "facts", "language", "team"):
            value = getattr(turn, name)
            if value is not None:
                setattr(self.call, name, value)
        self.effects += turn.effects
        self.heard = turn.script
        self.queued = self.queued or any(isinstance(verb, Queue) for verb in turn.script)

    @property
    def asked(self) -> Ask:
        """What waits for a key."""
        last = self.heard[-1]
        assert isinstance(last, Ask), last
        return last

    @property
    def prompts(self) -> list[str]:
        """The lines heard last, by their names."""
        found = []
        for verb in self.heard:
            sounds = verb.sounds if isinstance(verb, Ask) else (verb,)
            found += [one.prompt for one in sounds if isinstance(one, Line)]
        return found

    @property
    def languages(self) -> set[str]:
        """Those of the lines heard last."""
        sounds = [one for verb in self.heard for one in getattr(verb, "sounds", (verb,))]
        return {one.language for one in sounds if isinstance(one, Line)}

    @property
    def is_over(self) -> bool:
        """Nothing follows."""
        return isinstance(self.heard[-1], HangUp)

    def _about(self) -> dict[str, Any]:
        return {"account": "main", "call": "CA1", "at": self.facts.now}
