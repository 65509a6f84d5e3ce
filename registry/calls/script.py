"""What somebody on the line hears and is asked, verb by verb, in no provider's words.

A script is carried out from its first verb on; the first that leads to a step ends it. A script
that leads nowhere ends the call.
"""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct


class Line(Struct, frozen=True):
    """Something to say: a prompt by its name, in a language, with what its text leaves open.

    `registry.calls.prompts` turns it into a `Say` or a `Play`; no connector sees one.
    """

    prompt: str
    language: str
    values: Mapping[str, str] = {}


class Say(Struct, frozen=True):
    """Words that the provider speaks."""

    text: str
    language: str
    """"ru" or "en"; where the provider has no voice for a language, a `Play` stands instead."""


class Play(Struct, frozen=True):
    """A sound file at a public address."""

    address: str


class Pause(Struct, frozen=True):
    seconds: int


Sound: TypeAlias = Line | Say | Play | Pause


class Ask(Struct, frozen=True, kw_only=True):
    """Play, and wait for keys; any key cuts the playing short. Leads to `Pressed(step)` always."""

    step: str
    sounds: tuple[Sound, ...]
    seconds: int = 5
    """To wait after the last sound."""
    digits: int = 1


class Queue(Struct, frozen=True, kw_only=True):
    """Wait in the provider's queue: it asks what to play by `Waits`; leads to `LeftQueue`."""

    name: str


class LeaveQueue(Struct, frozen=True):
    """Within an answer to `Waits`: out of the queue; leads to `LeftQueue`, which was not moved."""


class Talk(Struct, frozen=True, kw_only=True):
    """Go into a room. Leads to `Arrived(step)` when it is left."""

    room: str
    step: str
    ends_room: bool
    """The room ends for everybody when this one leaves."""
    recorded: bool = False


class TakeMessage(Struct, frozen=True, kw_only=True):
    """A beep, and what is said is recorded, until silence, # or the end. Leads to `LeftMessage`."""

    seconds: int
    """At most."""


class GoOn(Struct, frozen=True):
    """Leads to `Arrived(step)` at once."""

    step: str


class Music(Struct, frozen=True):
    """Over and over, for whoever is on hold or alone in a room; for an answer to `OnHold` only."""

    sounds: tuple[Sound, ...]


class HangUp(Struct, frozen=True):
    """The call is over."""


class Refuse(Struct, frozen=True):
    """Not answered at all; as the first verb only."""

    busy: bool = False


Verb: TypeAlias = (
    Line
    | Say
    | Play
    | Pause
    | Ask
    | Queue
    | LeaveQueue
    | Talk
    | TakeMessage
    | GoOn
    | Music
    | HangUp
    | Refuse
)

Script: TypeAlias = tuple[Verb, ...]
