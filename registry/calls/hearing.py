"""What happened to a call, in nobody's words but ours: what a connector that `Phones` reads."""

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct


class Heard(Struct, frozen=True, kw_only=True):
    """What all of them tell."""

    account: str
    """Our number's name in the settings."""
    call: str
    """The provider's id of the citizen's call; of the leg where an operator's side is meant."""
    at: datetime
    """When the delivery was received."""
    known: str | None = None
    """Our own id of the call, where we began it ourselves: the provider carries it back."""
    number: str = ""
    """The citizen's in E.164, where the delivery tells it: any may be the first that we hear of a
    call. Empty where it is withheld."""


class Rang(Heard, frozen=True, kw_only=True):
    """A citizen calls, and nobody has answered yet. Answered with a script."""

    ours: str
    """Which number of ours was called."""


class Pressed(Heard, frozen=True, kw_only=True):
    """What was asked at a step has been answered. Answered with a script."""

    step: str
    digits: str
    """Empty where nothing was pressed in time."""


class Waits(Heard, frozen=True, kw_only=True):
    """The caller is in the queue, and it is asked what to play next. Answered with a script."""

    seconds: float
    """Since this stay in the queue began, as the provider says."""


class Arrived(Heard, frozen=True, kw_only=True):
    """The call reached a step: it was moved there, or what was played is over. Answered."""

    step: str


class LeftQueue(Heard, frozen=True, kw_only=True):
    """The call is no longer in the queue. Answered with a script, which may be heard by nobody."""

    moved: bool
    """We moved it; otherwise the caller hung up, or the queue failed."""
    failed: bool = False


class LeftMessage(Heard, frozen=True, kw_only=True):
    """A voicemail is finished. Answered with a script."""

    recording: str
    """What `fetch` needs to have the sound; empty where nothing was recorded."""
    seconds: float


class OnHold(Heard, frozen=True, kw_only=True):
    """Somebody is on hold, or alone in a room, and it is asked what to play. It changes nothing.
    Answered with `Music`."""


class Ended(Heard, frozen=True, kw_only=True):
    """A citizen's call is over, or never came to be. May come twice, and before anything else."""

    how: "HowEnded"
    seconds: float | None = None
    """How long it lasted, as the provider counts."""


class HowEnded(StrEnum):
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    CANCELLED = "cancelled"


class LegAnswered(Heard, frozen=True, kw_only=True):
    """Whoever a leg rings at has picked up. Answered with a script for them."""

    leg: str
    """Our id of it, as `Ring` named it."""


class LegEnded(Heard, frozen=True, kw_only=True):
    """A leg is over, or never came to be."""

    leg: str
    how: HowEnded


class Recorded(Heard, frozen=True, kw_only=True):
    """The sound of a conversation can be fetched."""

    room: str
    recording: str
    seconds: float


WithScript: TypeAlias = Rang | Pressed | Waits | Arrived | LeftQueue | LeftMessage | LegAnswered
"""What the provider waits for an answer to."""

Anything: TypeAlias = WithScript | Ended | LegEnded | Recorded

Told: TypeAlias = Anything | OnHold
"""What a delivery may tell: of `OnHold` nothing comes but the answer."""


class Past(Struct, frozen=True, kw_only=True):
    """A call as the provider remembers it: of one that we may never have heard of."""

    call: str
    number: str
    ours: str
    began_at: datetime
    how: HowEnded | None
    """None while it goes on."""
    seconds: float | None = None
    recordings: tuple[str, ...] = ()
    """Each as `fetch` needs it."""


class PastTalk(Struct, frozen=True, kw_only=True):
    """What was recorded of a conversation, as the provider keeps it."""

    room: str
    recording: str
    """As `fetch` needs it."""
    seconds: float
