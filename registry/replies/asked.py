"""What an operator asks for when they answer."""

from datetime import timedelta

from msgspec import Struct

from registry import types
from registry.appeals import Change
from registry.carrying import Manner

MAX_HOLD = timedelta(seconds=30)
"""How long a reply can be held back for its writer to take it back."""


class Via(Struct, frozen=True, kw_only=True):
    """Another way to the same contact than the appeal's own thread."""

    channel: str
    account: str
    point: types.ContactPoint | None = None
    """None for wherever they were last heard on that account."""


class Reply(Struct, frozen=True, kw_only=True):
    """A reply to the citizen, and what goes with it."""

    text: str = ""
    """With a template, what that reads as."""
    attachment_ids: tuple[int, ...] = ()
    template: types.ChosenTemplate | None = None
    private: bool = False
    """Answers the author of a public comment privately."""
    via: Via | None = None
    hold: timedelta = timedelta()
    """How long it waits, so that it can still be taken back."""
    seen_through: int | None = None
    """The newest message that its writer had seen; None where nobody looks."""
    even_so: bool = False
    """It goes even if a colleague has answered since then."""
    then: Change | None = None
    """What becomes of the appeal, with the reply or not at all."""
    drop_draft: bool = False
    """What its writer was writing in this appeal is what goes now."""

    @property
    def manner(self) -> Manner:
        """How it goes."""
        return Manner(template=self.template is not None, private=self.private)
