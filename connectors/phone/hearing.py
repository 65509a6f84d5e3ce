"""What a delivery of Twilio's tells of a call, in our words. Pure and without I/O.

Sources: https://www.twilio.com/docs/voice/twiml#request-parameters,
https://www.twilio.com/docs/voice/twiml/gather#action,
https://www.twilio.com/docs/voice/twiml/enqueue#attributes-action-parameters,
https://www.twilio.com/docs/voice/twiml/record#attributes-action-parameters,
https://www.twilio.com/docs/voice/api/call-resource#statuscallback,
https://www.twilio.com/docs/voice/twiml/conference#attributes-recording-status-callback
"""

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from connectors.phone import addresses
from connectors.phone.deliveries import Delivery, read
from connectors.phone.reading import left_sound
from registry.calls.hearing import (
    Arrived,
    Ended,
    LeftMessage,
    LeftQueue,
    LegAnswered,
    LegEnded,
    OnHold,
    Pressed,
    Rang,
    Recorded,
    Told,
    Waits,
)
from registry.types import Envelope

_KEYS = re.compile(r"[0-9*#]*")
_MOVED = frozenset({"redirected", "redirected-from-bridged", "bridged", "bridging-in-process"})
"""Results of a queue that we brought about. Nobody is dequeued by bridging here; it would be us."""
_FAILED = frozenset({"queue-full", "error", "system-error"})


_NOT_THEIRS = frozenset({addresses.LEG, addresses.LEG_STATUS, addresses.RECORDING, addresses.MUSIC})
"""The actions whose calls are not the citizens' own."""


def heard(envelope: Envelope, *, account: str, ours: str) -> Told | None:
    """None for what changes nothing, and for actions that are not ours. `ours` is the account's
    number. Raises: Malformed."""
    understand = _ACTIONS.get(envelope.action)
    if understand is None:
        return None
    told = read(envelope)
    common = {"account": account, "at": envelope.received_at}
    if envelope.action not in _NOT_THEIRS:
        common["number"] = told.citizen
    found = understand(told, common)
    if isinstance(found, Rang) and not found.ours:  # the call came by SIP
        return replace(found, ours=ours)
    return found


def _rang(told: Delivery, common: dict[str, Any]) -> Told | None:
    if told.is_of_a_device:
        return None
    if told.how is not None:  # the number's status callback has this address too
        return _ended(told, common)
    return Rang(**common, call=told.call, ours=told.ours)


def _step(told: Delivery, common: dict[str, Any]) -> Told | None:
    common = {**common, "call": told.call, "known": told.known, "step": told.carried("at")}
    if "asked" not in told.query and "Digits" not in told.fields:
        return Arrived(**common)
    digits = told.field("Digits")
    return Pressed(**common, digits=digits if _KEYS.fullmatch(digits) else "")


def _waits(told: Delivery, common: dict[str, Any]) -> Told | None:
    return Waits(**common, call=told.call, seconds=told.seconds("QueueTime") or 0.0)


def _left_queue(told: Delivery, common: dict[str, Any]) -> Told | None:
    result = told.field("QueueResult").lower()
    return LeftQueue(**common, call=told.call, moved=result in _MOVED, failed=result in _FAILED)


def _left_message(told: Delivery, common: dict[str, Any]) -> Told | None:
    seconds = told.seconds("RecordingDuration") or 0.0
    return LeftMessage(**common, call=told.call, recording=left_sound(told), seconds=seconds)


def _on_hold(_told: Delivery, common: dict[str, Any]) -> Told | None:
    return OnHold(**common, call="")


def _ended(told: Delivery, common: dict[str, Any]) -> Told | None:
    if told.how is None or told.is_of_a_device:
        return None
    seconds = told.seconds("CallDuration")
    return Ended(**common, call=told.call, known=told.known, how=told.how, seconds=seconds)


def _leg_answered(told: Delivery, common: dict[str, Any]) -> Told | None:
    return LegAnswered(**common, call=told.call, leg=told.carried("leg"))


def _leg_ended(told: Delivery, common: dict[str, Any]) -> Told | None:
    if told.how is None:
        return None
    return LegEnded(**common, call=told.call, leg=told.carried("leg"), how=told.how)


def _recorded(told: Delivery, common: dict[str, Any]) -> Told | None:
    if told.field("RecordingStatus").lower() != "completed" or not told.recording:
        return None
    return Recorded(
        **common,
        call=told.call if told.field("CallSid") else "",  # a room's recording is of no one call
        room=told.carried("room"),
        recording=told.recording,
        seconds=told.seconds("RecordingDuration") or 0.0,
    )


_ACTIONS: dict[str, Callable[[Delivery, dict[str, Any]], Told | None]] = {
    "": _rang,
    addresses.STEP: _step,
    addresses.WAIT: _waits,
    addresses.QUEUE: _left_queue,
    addresses.MESSAGE: _left_message,
    addresses.FALLBACK_MESSAGE: _left_message,
    addresses.MUSIC: _on_hold,
    addresses.LEG: _leg_answered,
    addresses.LEG_STATUS: _leg_ended,
    addresses.STATUS: _ended,
    addresses.RECORDING: _recorded,
}
