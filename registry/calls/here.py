"""Where a caller is on their path, and how they are asked something there."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from registry.calls.script import Ask, HangUp, Line, Verb
from registry.calls.steps import LANGUAGE, LANGUAGE_KEYS, MOST_CHANGES, MOST_TRIES, PARTED
from registry.calls.tables import Call
from registry.calls.turns import ConsentsToRecord, Effect, Facts, Turn


class Here(Struct, frozen=True, kw_only=True):
    """A call on its path, with what this turn has changed so far."""

    call: Call
    office: Facts
    in_queue: bool
    """The provider's queue has them."""
    language: str | None
    kept: Mapping[str, Any]
    """`Call.facts`: "tries" at the question, "changes" of the language and "then" where that goes
    on; "told_at" and "limit_from" of the wait; "left" what they left for, "last" what they hear
    then; "voice" the recording of what they said; "texted" once they were sent the links; "stay"
    how often they came to a room."""
    said: tuple[Line, ...] = ()
    """What is said before the next question."""
    team: str | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def speaks(self) -> str:
        """The language to speak with them."""
        return self.language or self.office.remembered or self.office.telephone.language

    @property
    def recorded(self) -> bool:
        """Whether they have consented to it."""
        decided = [one.consents for one in self.effects if isinstance(one, ConsentsToRecord)]
        return decided[-1] if decided else self.call.record

    def saying(self, *prompts: str) -> "Here":
        """With lines that are heard before what follows."""
        return replace(self, said=(*self.said, *(Line(one, self.speaks) for one in prompts)))

    def keeping(self, **kept: Any) -> "Here":
        """With something to remember."""
        return replace(self, kept={**self.kept, **kept})

    def without(self, *names: str) -> "Here":
        """With something less to remember."""
        return replace(self, kept={k: v for k, v in self.kept.items() if k not in names})

    def having(self, effect: Effect) -> "Here":
        """With something that comes of it."""
        return replace(self, effects=(*self.effects, effect))

    def turn(self, *script: Verb, step: str, state: str | None = None) -> Turn:
        """Say what is to be said, and go on with the script."""
        return Turn(
            script=(*self.said, *script),
            state=state,
            step=step,
            facts=dict(self.kept),
            language=self.language if self.language != self.call.language else None,
            team=self.team,
            effects=self.effects,
        )

    def ask(self, step: str, *prompts: str, seconds: int = 5) -> Turn:
        """Ask; a key cuts short what is said before as well."""
        question = Ask(step=step, sounds=self.saying(*prompts).said, seconds=seconds)
        # A call of ours has no menu: the operator is on the line already.
        state = None if self.in_queue or self.call.direction == "out" else "menu"
        return replace(self, said=()).turn(question, step=step, state=state)

    def part(self, *prompts: str) -> Turn:
        """Say a last thing."""
        return self.saying(*prompts, "goodbye").turn(HangUp(), step=PARTED, state="parted")


def asked_again(here: Here, step: str, *prompts: str) -> Turn | None:
    """The question once more; None where it was asked often enough."""
    again = once_more(here)
    return None if again is None else again.ask(step, *prompts)


def once_more(here: Here) -> Here | None:
    """With a try less; None where there is none left."""
    tries = int(here.kept.get("tries", 1))
    return None if tries >= MOST_TRIES else here.keeping(tries=tries + 1)


def ask_language(here: Here) -> Turn:
    """In all of them at once: nobody is spoken to in a language that they did not choose."""
    prompts = ("language",) if "then" in here.kept else ("welcome", "language")
    sounds = tuple(Line(one, spoken) for spoken in LANGUAGE_KEYS.values() for one in prompts)
    return replace(here, said=(*here.said, *sounds)).ask(LANGUAGE)


def change_language(here: Here, step: str) -> Turn | None:
    """Ask for it, and come back to the step; None where that was done often enough."""
    changes = int(here.kept.get("changes", 0))
    if changes >= MOST_CHANGES:
        return None
    return ask_language(here.without("tries").keeping(changes=changes + 1, then=step))
