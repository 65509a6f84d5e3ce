"""What a caller's path depends on, and what one turn of it changes."""

from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct

from registry.calls.script import Script
from registry.office_shapes import Announcement, Telephone


class Facts(Struct, frozen=True, kw_only=True):
    """What the path depends on besides the call."""

    open: bool
    """Whether the contact centre was open when the call's first delivery was received."""
    telephone: Telephone
    announcement: Announcement | None
    """None unless it is in force."""
    remembered: str | None
    """The language of the number's last call."""
    ahead: int
    """How many are served before them."""
    estimate: float | None
    """Seconds until a person is there; None where nobody can tell (see registry.calls.estimate)."""
    agents_on: int
    """Operators who take calls: available, busy or writing things down."""
    urgent: bool
    """The number has an open appeal that is urgent."""
    blocked: bool
    """The contact is blocked."""
    texts: bool
    """An SMS of ours can reach the number (see registry.calls.texting)."""
    now: datetime


class EntersQueue(Struct, frozen=True):
    """They wait for a person from now on, or since their call-back's place."""


class WantsCallBack(Struct, frozen=True, kw_only=True):
    """They are to be called."""

    keeps_place: bool
    """They hold their place in the queue; otherwise it is for the next opening."""


class WantsText(Struct, frozen=True):
    """They are sent the links by SMS."""


class LeftVoice(Struct, frozen=True, kw_only=True):
    """They left a voicemail."""

    recording: str
    seconds: float | None = None
    """None where it was not told."""


class ConsentsToRecord(Struct, frozen=True, kw_only=True):
    """They heard the notice."""

    consents: bool


Effect: TypeAlias = EntersQueue | WantsCallBack | WantsText | LeftVoice | ConsentsToRecord


class Turn(Struct, frozen=True, kw_only=True):
    """What is heard next and what changes in the call. None: stays as it is."""

    script: Script
    state: str | None = None
    step: str | None = None
    facts: dict[str, Any] | None = None
    """`Call.facts` as a whole."""
    language: str | None = None
    team: str | None = None
    effects: tuple[Effect, ...] = ()
