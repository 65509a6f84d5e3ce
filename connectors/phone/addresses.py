"""Where Twilio posts what happens to a call: an action each, and our own ids in the query."""

from urllib.parse import urlencode

from msgspec import Struct

STEP = "step"
"""A question was answered, or the call arrived somewhere."""
WAIT = "wait"
"""The queue asks what to play."""
QUEUE = "queue"
"""The call has left the queue."""
MESSAGE = "message"
"""A voicemail is finished."""
FALLBACK_MESSAGE = "fallback-message"
"""The same of the document that is played when the hub does not answer."""
MUSIC = "music"
"""Somebody is on hold, or alone in a room: what to play."""
LEG = "leg"
"""Whoever was rung at has picked up."""
LEG_STATUS = "leg-status"
"""What became of an operator's side."""
STATUS = "status"
"""What became of a citizen's call."""
RECORDING = "recording"
"""The sound of a conversation is there."""

WITH_DOCUMENT = frozenset({"", STEP, WAIT, QUEUE, MESSAGE, FALLBACK_MESSAGE, MUSIC, LEG})
"""The actions by which Twilio asks for a document; of the others it only tells."""


class Addresses(Struct, frozen=True):
    """The public addresses of one account."""

    hook: str
    """The webhook's, without an action: here a call begins."""

    def step(self, at: str, *, asked: bool = False, call: str | None = None) -> str:
        """`asked` marks the answer to a question, which may be silence."""
        return self._to(STEP, at=at, asked="1" if asked else None, call=call)

    def wait(self) -> str:
        return self._to(WAIT)

    def queue(self) -> str:
        return self._to(QUEUE)

    def message(self) -> str:
        return self._to(MESSAGE)

    def fallback_message(self) -> str:
        return self._to(FALLBACK_MESSAGE)

    def music(self) -> str:
        return self._to(MUSIC)

    def leg(self, leg: str) -> str:
        return self._to(LEG, leg=leg)

    def leg_status(self, leg: str) -> str:
        return self._to(LEG_STATUS, leg=leg)

    def status(self, *, call: str | None = None) -> str:
        return self._to(STATUS, call=call)

    def recording(self, room: str) -> str:
        return self._to(RECORDING, room=room)

    def _to(self, action: str, **query: str | None) -> str:
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self.hook}/{action}" + (f"?{urlencode(given)}" if given else "")
