"""A call's life, document by document and verb by verb, as Twilio performs them.

Sources: https://www.twilio.com/docs/voice/twiml (each verb has its page there),
https://www.twilio.com/docs/usage/security/availability-reliability (fallback addresses)
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from connectors.phone import sandbox_voices as voices
from connectors.phone.sandbox_dialling import dial
from connectors.phone.sandbox_legs import Go, HungUp, Leg, Moved
from connectors.phone.sandbox_queues import enqueue, leave
from connectors.phone.sandbox_recordings import record
from connectors.phone.sandbox_rules import Complaint, Element
from connectors.phone.sandbox_web import Document, fetch, length_of, tell_of_call

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

Verb: TypeAlias = Callable[["PhoneSandbox", Leg, Element, Document], Awaitable[Go | None]]

APOLOGY = "We're sorry, an application error has occurred. Goodbye."
ENDLESS = 1000
"""How often something sounds that is to sound for ever."""

_APOLOGIZE = Go(twiml=f"<Response><Say>{APOLOGY}</Say><Hangup/></Response>")
_UNANSWERED = frozenset({"Reject", "Pause", "Redirect"})
"""Verbs that a call can begin with before anybody picks up."""


async def live(on: "PhoneSandbox", leg: Leg, go: Go | None) -> None:
    """Follow documents until none leads further or the leg is over.

    What cannot be performed leads to the fallback address, and if that leads there again at once,
    to an apology and the end.
    """
    fell_back_at = None
    try:
        while (here := go) is not None:
            try:
                go = await perform(on, leg, await fetch(on, leg, here))
            except Moved as moved:
                go = moved.go
            except Complaint as complaint:
                address = complaint.address or here.address
                on.complain(complaint, leg, address=address)
                if here is _APOLOGIZE:
                    break
                if leg.fallback is None or fell_back_at == on.time():
                    go = _APOLOGIZE
                else:
                    fell_back_at = on.time()
                    told = {"ErrorCode": str(complaint.code), "ErrorUrl": address}
                    go = Go(address=leg.fallback.address, method=leg.fallback.method, fields=told)
    except HungUp:
        pass
    leg.end("completed")
    await tell_of_call(on, leg, "completed")


async def perform(on: "PhoneSandbox", leg: Leg, document: Document) -> Go | None:
    """One document; gives where it leads. Raises: Complaint, HungUp, Moved."""
    for verb in document.verbs:
        leg.check()
        if verb.name not in _UNANSWERED:
            leg.answer()
        go = await _VERBS[verb.name](on, leg, verb, document)
        if go is not None:
            return go
    leg.answer()
    return None


# --- Verbs ----------------------------------------------------------------------------------------


async def _say(_: "PhoneSandbox", leg: Leg, verb: Element, __: Document) -> None:
    for ___ in range(verb.number("loop", 1) or ENDLESS):
        language = verb.get("language")
        await leg.hear("say", verb.text, language=language, seconds=voices.length(verb.text))


async def _play(on: "PhoneSandbox", leg: Leg, verb: Element, document: Document) -> None:
    if digits := verb.get("digits"):
        await leg.hear("play", digits, seconds=len(digits) / 2)
        return
    address = document.resolve(verb.text)
    length = await length_of(on, address)
    leg.check()
    for _ in range(verb.number("loop", 1) or ENDLESS):
        await leg.hear("play", address, seconds=length)


async def _pause(_: "PhoneSandbox", leg: Leg, verb: Element, __: Document) -> None:
    await leg.until(seconds=verb.number("length", 1))


async def _redirect(_: "PhoneSandbox", __: Leg, verb: Element, document: Document) -> Go:
    return Go(address=document.resolve(verb.text), method=verb.get("method", "POST"))


async def _hang_up(_: "PhoneSandbox", leg: Leg, __: Element, ___: Document) -> None:
    leg.end("completed")
    leg.check()


async def _reject(_: "PhoneSandbox", leg: Leg, verb: Element, __: Document) -> None:
    """Once the call is answered, it is too late for anything but its end."""
    busy = verb.get("reason") == "busy"
    leg.end("completed" if leg.answered_at else "busy" if busy else "no-answer")
    leg.check()


async def _gather(on: "PhoneSandbox", leg: Leg, verb: Element, document: Document) -> Go | None:
    """Any key ends what is played; what was gathered goes to the action."""
    keys: list[str] = []
    leg.keys = keys
    barges = verb.on("bargeIn", default=True)
    with leg.at(leg.place or "gather"):
        try:
            with leg.as_long_as(lambda: not (keys and barges)):
                for nested in verb.children:
                    await _VERBS[nested.name](on, leg, nested, document)
            digits = await _digits(leg, keys, verb)
        finally:
            leg.keys = None
    if not digits and not verb.on("actionOnEmptyResult"):
        return None
    return document.action(verb, {"Digits": digits})


async def _digits(leg: Leg, keys: list[str], verb: Element) -> str:
    """A key that finishes does so after other keys alone."""
    finish, most = verb.get("finishOnKey", "#"), verb.number("numDigits", 0)
    digits, read = "", 0
    while True:
        while read < len(keys):
            key, read = keys[read], read + 1
            if key != finish:
                digits += key
            elif digits:
                return digits
            if most and len(digits) == most:
                return digits
        timeout = verb.number("timeout", 5)
        if not await leg.until(lambda: len(keys) > read, seconds=timeout):  # noqa: B023
            return digits


_VERBS: Mapping[str, Verb] = {
    "Say": _say,
    "Play": _play,
    "Pause": _pause,
    "Redirect": _redirect,
    "Hangup": _hang_up,
    "Reject": _reject,
    "Gather": _gather,
    "Record": record,
    "Enqueue": enqueue,
    "Leave": leave,
    "Dial": dial,
}
