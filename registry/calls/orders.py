"""What the provider is told to do with a call on its own: written with the decision, carried after.

An order may be carried twice, when a process died in between: what it names tells the second time
that it is done already.
"""

from typing import TypeAlias

from msgspec import Struct


class Ring(Struct, frozen=True, kw_only=True, tag=True):
    """Call somebody. `LegAnswered` and `LegEnded` of this leg tell what came of it."""

    leg: str
    """Our id of it."""
    device: str
    """"client:operator-17", "sip:17@pbx.example.kz" or a number in E.164."""
    shown: str
    """The number that they see: the citizen's, or one of ours towards a citizen."""
    seconds: int
    """To let it ring."""
    first: bool = False
    """Surely nobody has tried to carry it before. Otherwise the provider is asked whether it rings
    already, which takes a moment."""


class Dial(Struct, frozen=True, kw_only=True, tag=True):
    """Call a citizen, whose side of the call starts at a step once they pick up (`Arrived`)."""

    call: str
    """Our id of it; `Ended` and `Arrived` come with the provider's, which carrying it out gives."""
    number: str
    step: str
    seconds: int
    first: bool = False
    """As of `Ring`."""


class Move(Struct, frozen=True, kw_only=True, tag=True):
    """Take a citizen's call to a step, out of whatever it is doing: leads to `Arrived(step)`."""

    call: str
    """The provider's id."""
    step: str


class Hold(Struct, frozen=True, kw_only=True, tag=True):
    """Let somebody in a room hear music alone, or bring them back."""

    room: str
    call: str
    on: bool


class Release(Struct, frozen=True, kw_only=True, tag=True):
    """The room goes on when this one leaves it."""

    room: str
    call: str


class HangUpCall(Struct, frozen=True, kw_only=True, tag=True):
    """End a call or a leg, by the provider's id. One that is over already is no error."""

    call: str


class Forget(Struct, frozen=True, kw_only=True, tag=True):
    """Delete a recording at the provider: it lies with us."""

    recording: str


Order: TypeAlias = Ring | Dial | Move | Hold | Release | HangUpCall | Forget
