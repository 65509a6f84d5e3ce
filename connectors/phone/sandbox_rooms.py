"""Conferences: who is in, what they hear until it starts and on hold, and when it ends.

Source: https://www.twilio.com/docs/voice/twiml/conference,
https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from connectors.phone.sandbox_legs import Go, Leg, Moved
from connectors.phone.sandbox_recordings import Hooks, hooks_of, make
from connectors.phone.sandbox_rules import IN_ROOM, Complaint, Element
from connectors.phone.sandbox_web import Callback, Document, follow, tell

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

MOST = 250
_NO_RECORDING = frozenset({"", "false", "do-not-record"})


@dataclass(slots=True, kw_only=True, eq=False)
class Participant:
    """A leg in a conference."""

    leg: Leg
    joined_at: datetime
    starts: bool
    """The conference starts when this one is in."""
    ends: bool
    """It ends when this one leaves."""
    muted: bool = False
    hold: bool = False
    hold_go: Go | None = None
    """What is heard on hold; Twilio's own music when None."""
    label: str = ""
    beep: str = "true"
    kicked: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Room:
    """A conference of the account's."""

    sid: str
    name: str
    created_at: datetime
    hooks: Hooks
    """Of its own events: those of the first participant."""
    status: str = "init"
    participants: dict[Leg, Participant] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    ended_by: str | None = None
    told: int = 0
    recorded: bool = False
    recording_hooks: Hooks = field(default_factory=Hooks)

    def find(self, sid: str) -> Participant | None:
        """Whoever is in, by the sid of their call or their label."""
        for participant in self.participants.values():
            if sid in {participant.leg.sid, participant.label or None}:
                return participant
        return None

    def look(self) -> None:
        """Have everybody see what has changed."""
        for leg in self.participants:
            leg.bell.ring()


async def confer(on: "PhoneSandbox", leg: Leg, noun: Element, document: Document) -> dict[str, str]:
    """Be in a conference until it is over for this one; gives what the Dial's action is told.

    Raises: HungUp, Moved.
    """
    wait = _wait(noun, document)
    hooks = _hooks(noun, document)
    recording_hooks = hooks_of(noun, document)
    room = on.room(noun.text, hooks)
    if len(room.participants) >= noun.number("maxParticipants", MOST):
        return {"DialCallStatus": "failed"}
    participant = Participant(
        leg=leg,
        joined_at=on.time(),
        starts=noun.on("startConferenceOnEnter", default=True),
        ends=noun.on("endConferenceOnExit"),
        muted=noun.on("muted"),
        label=noun.get("participantLabel"),
        beep=noun.get("beep", "true"),
    )
    if noun.get("record") not in _NO_RECORDING:
        room.recorded, room.recording_hooks = True, recording_hooks
    room.participants[leg] = participant
    reason = "participant_hung_up"
    try:
        with leg.at(f"room:{room.name}"):
            await _tell(on, room, "join", "participant-join", participant)
            await _start(on, room)
            _beep(room, participant, "onEnter")
            await _stay(on, room, participant, wait)
    except Moved:
        reason = "participant_updated_via_api"
        raise
    finally:
        await depart(on, room, participant, reason=reason)
    return {"DialCallStatus": "answered", "DialCallDuration": ""}


async def _stay(on: "PhoneSandbox", room: Room, participant: Participant, wait: Go | None) -> None:
    leg = participant.leg

    def inside() -> bool:
        return room.participants.get(leg) is participant

    while inside():
        if participant.hold:
            with leg.as_long_as(lambda: inside() and participant.hold):
                await _hold_music(on, participant)
        elif room.status == "init":
            try:
                with leg.as_long_as(
                    lambda: inside() and room.status == "init" and not participant.hold
                ):
                    await _music(on, leg, wait)
            except Complaint as complaint:
                on.complain(complaint, leg)
                return
        else:
            await leg.until(lambda: not inside() or participant.hold)


async def _hold_music(on: "PhoneSandbox", participant: Participant) -> None:
    try:
        await _music(on, participant.leg, participant.hold_go)
    except Complaint as complaint:
        on.complain(complaint, participant.leg)
        await _music(on, participant.leg, None)


async def _music(on: "PhoneSandbox", leg: Leg, go: Go | None) -> None:
    """Twilio's own when None, silence without an address, otherwise one time what is there."""
    if go is None:
        await leg.hear("music", seconds=None)
        return
    if go.address:
        await follow(on, leg, go, allowed=IN_ROOM)
    await leg.until()


async def _start(on: "PhoneSandbox", room: Room) -> None:
    """Begin, once there are two and one of them is waited for."""
    starting = any(participant.starts for participant in room.participants.values())
    if room.status != "init" or len(room.participants) < 2 or not starting:
        return
    room.status, room.started_at = "in-progress", on.time()
    on.changed()
    room.look()
    await _tell(on, room, "start", "conference-start", None)


async def depart(on: "PhoneSandbox", room: Room, participant: Participant, *, reason: str) -> None:
    """Take one out, and with them everybody if they are the last or end it."""
    if room.participants.pop(participant.leg, None) is None:
        return
    participant.leg.bell.ring()
    on.changed()
    _beep(room, participant, "onExit")
    await _tell(on, room, "leave", "participant-leave", participant, ReasonParticipantLeft=reason)
    how = "kicked" if participant.kicked else "left"
    if participant.ends:
        reason = f"participant-with-end-conference-on-exit-{how}"
        await close(on, room, reason=reason, by=participant.leg.sid)
    elif not room.participants:
        await close(on, room, reason=f"last-participant-{how}", by=participant.leg.sid)


async def close(on: "PhoneSandbox", room: Room, *, reason: str, by: str | None = None) -> None:
    """End a conference: everybody goes on with what their document says next."""
    if room.status == "completed":
        return
    room.status, room.ended_at, room.reason, room.ended_by = "completed", on.time(), reason, by
    left, room.participants = list(room.participants.values()), {}
    for participant in left:
        participant.leg.bell.ring()
    on.changed()
    why = "moderator_ended_conference" if by else "conference_ended_via_api"
    for participant in left:
        await _tell(on, room, "leave", "participant-leave", participant, ReasonParticipantLeft=why)
    ended = {"ReasonConferenceEnded": reason, "Reason": reason.replace("-", " ")}
    if by:
        ended["CallSidEndingConference"] = by
    await _tell(on, room, "end", "conference-end", None, **ended)
    if room.recorded and room.started_at is not None:
        make(
            on,
            room.recording_hooks,
            source="Conference",
            call=by or "",
            conference=room.sid,
            began_at=room.started_at,
            seconds=max(1, round((room.ended_at - room.started_at).total_seconds())),
        )


async def hold(
    on: "PhoneSandbox", room: Room, participant: Participant, *, music: Go | None, held: bool
) -> None:
    """Have one hear music alone, or bring them back."""
    if participant.hold == held:
        return
    participant.hold, participant.hold_go = held, music
    participant.leg.bell.ring()
    on.changed()
    await _tell(on, room, "hold", f"participant-{'hold' if held else 'unhold'}", participant)


async def mute(on: "PhoneSandbox", room: Room, participant: Participant, *, muted: bool) -> None:
    """Have one heard by nobody, or by all again."""
    if participant.muted == muted:
        return
    participant.muted = muted
    on.changed()
    await _tell(on, room, "mute", f"participant-{'mute' if muted else 'unmute'}", participant)


async def modified(on: "PhoneSandbox", room: Room, participant: Participant) -> None:
    """Tell that something else of a participant is different now."""
    on.changed()
    await _tell(on, room, "modify", "participant-modify", participant)


# --- What it tells --------------------------------------------------------------------------------


async def _tell(
    on: "PhoneSandbox",
    room: Room,
    kind: str,
    event: str,
    participant: Participant | None,
    **more: str,
) -> None:
    if not room.hooks.address or kind not in room.hooks.events:
        return
    fields: Mapping[str, str] = {
        "AccountSid": on.account_sid,
        "ConferenceSid": room.sid,
        "FriendlyName": room.name,
        "SequenceNumber": str(room.told + 1),
        "StatusCallbackEvent": event,
        "Timestamp": format_datetime(on.time()),
        **(_about(participant) if participant is not None else {}),
        **more,
    }
    room.told += 1
    callback = Callback(
        about=room.sid,
        event=event,
        address=room.hooks.address,
        method=room.hooks.method,
        fields=fields,
    )
    await tell(on, callback)


def _about(participant: Participant) -> dict[str, str]:
    said = {
        "CallSid": participant.leg.sid,
        "Muted": _truth(participant.muted),
        "Hold": _truth(participant.hold),
        "Coaching": "false",
        "EndConferenceOnExit": _truth(participant.ends),
        "StartConferenceOnEnter": _truth(participant.starts),
    }
    return said | ({"ParticipantLabel": participant.label} if participant.label else {})


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _beep(room: Room, participant: Participant, when: str) -> None:
    if participant.beep in {"true", when} and room.status == "in-progress":
        for leg in room.participants:
            if leg is not participant.leg:
                leg.note("beep")


def _hooks(noun: Element, document: Document) -> Hooks:
    address = noun.get("statusCallback")
    return Hooks(
        address=document.resolve(address) if address else "",
        method=noun.get("statusCallbackMethod", "POST"),
        events=frozenset(noun.get("statusCallbackEvent").split()),
    )


def _wait(noun: Element, document: Document) -> Go | None:
    if "waitUrl" not in noun.attributes:
        return None
    address = noun.get("waitUrl")
    method = noun.get("waitMethod", "POST")
    return Go(address=document.resolve(address) if address else "", method=method)
