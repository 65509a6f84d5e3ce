"""Recordings: what a caller leaves after a beep, and what was said in a conference.

Source: https://www.twilio.com/docs/voice/twiml/record,
https://www.twilio.com/docs/voice/api/recording
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from connectors.phone.sandbox_legs import VERSION, Go, HungUp, Leg
from connectors.phone.sandbox_rules import Element
from connectors.phone.sandbox_web import Callback, Document, ask_in_vain, tell

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

PROCESSING = 1.0
"""Seconds until the file of a recording can be had."""
EVERY_KEY = "1234567890*#"
BEEP = 0.5


@dataclass(slots=True, kw_only=True, eq=False)
class Recording:
    """A recording as the account keeps it."""

    sid: str
    call: str
    conference: str = ""
    source: Literal["RecordVerb", "Conference"]
    began_at: datetime
    seconds: int
    ready: bool = False
    deleted: bool = False
    sound: bytes | None = None
    """The file, silence where a test gave none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Where the progress of recordings is to be told."""

    address: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


def hooks_of(element: Element, document: Document) -> Hooks:
    """What a verb or noun that records says of its callback. Raises: Complaint."""
    name = "recordingStatusCallback"
    return Hooks(
        address=document.resolve(element.get(name)) if element.get(name) else "",
        method=element.get(f"{name}Method", "POST"),
        events=frozenset(element.get(f"{name}Event", "completed").split()),
    )


async def record(on: "PhoneSandbox", leg: Leg, verb: Element, document: Document) -> Go | None:
    """A beep, and then what is said, until silence, a key, the longest time, or the end.

    Where `keeps_silence` is off, as accounts can have it, silence is no recording, and the next
    verb follows.
    """
    hooks = hooks_of(verb, document)
    document.action(verb, {})  # an address that is none is refused before anything is recorded
    if verb.on("playBeep", default=True):
        await leg.hear("beep", seconds=BEEP)
    keys: list[str] = []
    leg.keys = keys
    began = on.time()
    hung_up: HungUp | None = None
    with leg.at("record"):
        try:
            ended_by = await _listen(on, leg, verb, keys)
        except HungUp as gone:
            ended_by, hung_up = "hangup", gone
        finally:
            leg.keys = None
    spoke = leg.speech is not None and leg.speech[1] > began
    if not spoke and not on.keeps_silence:
        if hung_up is not None:
            raise hung_up
        return None
    made = make(
        on,
        hooks,
        source="RecordVerb",
        call=leg.sid,
        began_at=began,
        seconds=_spoken(leg, began, on.time(), trimmed=verb.get("trim") != "do-not-trim"),
        sound=on.next_sound,
    )
    on.next_sound = None
    go = document.action(
        verb,
        {
            "RecordingUrl": url_of(on, made.sid),
            "RecordingSid": made.sid,
            "RecordingDuration": str(made.seconds),
            "Digits": ended_by,
        },
    )
    if hung_up is not None:
        await ask_in_vain(on, leg, go)
        raise hung_up
    return go


async def _listen(on: "PhoneSandbox", leg: Leg, verb: Element, keys: list[str]) -> str:
    """Wait for the end of a recording; gives the key that ended it, if one did."""
    finish, silence = verb.get("finishOnKey", EVERY_KEY), verb.number("timeout", 5)
    began = on.time()
    end = began + timedelta(seconds=verb.number("maxLength", 3600))
    while True:
        quiet_since = max(began, leg.speech[1]) if leg.speech is not None else began
        until = min(end, quiet_since + timedelta(seconds=silence)) if silence else end
        speech, pressed = leg.speech, len(keys)
        left = max(0.0, (until - on.time()).total_seconds())

        def is_news(speech: object = speech, pressed: int = pressed) -> bool:
            return leg.speech is not speech or len(keys) > pressed

        if not await leg.until(is_news, seconds=left):
            return ""
        for key in keys[pressed:]:
            if key in finish:
                return key


def _spoken(leg: Leg, began: datetime, ended: datetime, *, trimmed: bool) -> int:
    """Seconds of a recording, without the silence around it where that is cut off."""
    if trimmed and leg.speech is not None and leg.speech[1] > began:
        began, ended = max(began, leg.speech[0]), min(ended, leg.speech[1])
    return max(1, round((ended - began).total_seconds()))


def make(
    on: "PhoneSandbox",
    hooks: Hooks,
    *,
    source: Literal["RecordVerb", "Conference"],
    call: str,
    began_at: datetime,
    seconds: int,
    conference: str = "",
    sound: bytes | None = None,
) -> Recording:
    """Keep a recording, whose file can be had a little later, which is told then."""
    made = Recording(
        sid=on.new_sid("RE"),
        call=call,
        conference=conference,
        source=source,
        began_at=began_at,
        seconds=seconds,
        sound=sound,
    )
    on.recordings[made.sid] = made

    async def finish() -> None:
        made.ready = True
        on.changed()
        if hooks.address and "completed" in hooks.events:
            await tell(on, _callback(on, hooks, made))

    on.time.begin_later(PROCESSING, finish)
    return made


def url_of(on: "PhoneSandbox", sid: str) -> str:
    """The address of a recording as Twilio tells it, wherever its stand-in is."""
    return f"https://api.twilio.com/{VERSION}/Accounts/{on.account_sid}/Recordings/{sid}"


def _callback(on: "PhoneSandbox", hooks: Hooks, made: Recording) -> Callback:
    about: Mapping[str, str]
    about = {"ConferenceSid": made.conference} if made.conference else {"CallSid": made.call}
    fields = {
        "AccountSid": on.account_sid,
        **about,
        "RecordingSid": made.sid,
        "RecordingUrl": url_of(on, made.sid),
        "RecordingStatus": "completed",
        "RecordingDuration": str(made.seconds),
        "RecordingChannels": "1",
        "RecordingStartTime": format_datetime(made.began_at),
        "RecordingSource": made.source,
    }
    return Callback(
        about=made.sid,
        event="recording",
        address=hooks.address,
        method=hooks.method,
        fields=fields,
    )
