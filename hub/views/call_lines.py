"""What became of calls, as the journal's sentences."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hub.views.names import Names
from hub.web.i18n import deferred
from hub.web.i18n import gettext as _

ENDS: Mapping[str, str] = {
    "answered": deferred("the call is over, after %(time)s of talking"),
    "abandoned": deferred("the call ended before anybody answered"),
    "closed": deferred("the call came outside of opening hours"),
    "call_back": deferred("asked for a call-back"),
    "message": deferred("the call ended with a voice message"),
    "texted": deferred("the call ended with links sent by SMS"),
    "informed": deferred("heard the announcement and hung up"),
    "refused": deferred("the call was refused: the person is blocked"),
    "no_answer": deferred("nobody answered our call"),
    "busy": deferred("the line was busy when we called"),
    "failed": deferred("the call failed"),
}
"""By what a call came to."""

OUTCOMES: Mapping[str, str] = {
    "answered": deferred("question answered"),
    "registered": deferred("registered as an appeal"),
    "passed_on": deferred("passed on to a colleague"),
    "call_again": deferred("another call agreed"),
    "wrong_number": deferred("wrong number"),
    "silence": deferred("nobody spoke"),
}
"""What came of a call, as whoever talked says."""


def _fixed(text: str) -> Callable[..., str]:
    def told(_data: Any, _names: Names, _moment: Callable[[datetime], str]) -> str:
        return _(text)

    return told


def _ended(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
    minutes, seconds = divmod(int(data.get("talked", 0)), 60)
    how = ENDS.get(str(data.get("as")))
    if how is None:
        return _("the call ended")
    words = _(how)
    return words % {"time": f"{minutes}:{seconds:02}"} if "%(time)s" in words else words


def _wrapped_up(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
    outcome = OUTCOMES.get(str(data.get("outcome")))
    said = _("wrote down what came of the call")
    return said if outcome is None else f"{said}: {_(outcome)}"


TOLD: Mapping[str, Callable[..., str]] = {
    "call.missed": _fixed(deferred("did not take the call")),
    "call.transferred": _fixed(deferred("transferred the call")),
    "call.joined": _fixed(deferred("joined the call to this appeal")),
    "call.registered": _fixed(deferred("registered the call")),
    "call.links_sent": _fixed(deferred("links to write to us were sent by SMS")),
    "call.recording_deleted": _fixed(deferred("the recording was deleted, as its time is over")),
    "call_back.cancelled": _fixed(deferred("cancelled the call-back")),
    "call_back.given_up": _fixed(deferred("calling back was given up: nobody answers")),
}
"""By the event, what is said of it."""

SHOWN: Mapping[str, Callable[..., str]] = {
    "call.answered": _fixed(deferred("took the call")),
    "call.ended": _ended,
    "call.message_left": _fixed(deferred("left a voice message")),
    "call.wrapped_up": _wrapped_up,
    "call.recorded": _fixed(deferred("the call was recorded")),
    "call.transcribed": _fixed(deferred("a machine wrote down what was said")),
}
"""The same of what the call itself shows, where it stands in a thread."""
