"""Dial, and ringing somebody: by the verb beside a call, or by the API alone.

Sources: https://www.twilio.com/docs/voice/twiml/dial, /client, /sip, /number,
https://www.twilio.com/docs/voice/api/call-resource
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from connectors.phone.sandbox_bridges import Bridge, talk
from connectors.phone.sandbox_legs import ENDED, Go, HungUp, Leg, Moved, Wanted
from connectors.phone.sandbox_queues import dequeue
from connectors.phone.sandbox_rooms import confer
from connectors.phone.sandbox_rules import Complaint, Element
from connectors.phone.sandbox_web import Document, ask_in_vain, fetch, tell_of_call

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

MOST_SECONDS = 14_400
"""How long a call lasts at most."""


async def dial(on: "PhoneSandbox", leg: Leg, verb: Element, document: Document) -> Go | None:
    """Connect a call; the action is asked at the end, whoever ended it, unless it was moved."""
    action = document.action(verb, {}) if verb.get("action") else None
    try:
        told = await _connect(on, leg, verb, document)
    except HungUp:
        if action is not None:
            talked = any(noun.name == "Conference" for noun in verb.children)
            told = {"DialCallStatus": "answered" if talked else "completed"}
            await ask_in_vain(on, leg, _with(action, told))
        raise
    return None if action is None else _with(action, told)


def _with(action: Go, told: Mapping[str, str]) -> Go:
    fields = {name: value for name, value in told.items() if value}
    return Go(address=action.address, method=action.method, fields=fields)


async def _connect(
    on: "PhoneSandbox", leg: Leg, verb: Element, document: Document
) -> dict[str, str]:
    first = verb.children[0] if verb.children else None
    seconds = verb.number("timeout", 30)
    if first is not None and first.name == "Conference":
        return await confer(on, leg, first, document)
    if first is not None and first.name == "Queue":
        return await dequeue(on, leg, first, document, seconds=seconds)
    nouns = verb.children or (Element("Number", {}, verb.text, ()),)
    children = [_child(on, leg, verb, noun, document) for noun in nouns]
    bridges = {child: Bridge(leg, child) for child in children}
    ready: list[Leg] = []
    for child, noun in zip(children, nouns, strict=True):
        on.time.begin(_ring_beside(on, child, noun, document, bridges[child], ready))
    leg.note("ring")
    try:
        await leg.until(
            lambda: bool(ready) or all(child.status in ENDED for child in children),
            seconds=seconds,
        )
        for child in children:
            if child not in ready[:1]:
                child.end("no-answer" if not ready else "canceled")
        if not ready:
            return {"DialCallStatus": _failure(children), "DialCallSid": children[0].sid}
        began = on.time()
        keys: list[str] = []
        leg.keys = keys if verb.on("hangupOnStar") else None
        with leg.as_long_as(lambda: "*" not in keys):
            limit = verb.number("timeLimit", MOST_SECONDS)
            await talk(leg, bridges[ready[0]], seconds=limit)
    finally:
        leg.keys = None
        for child, bridge in bridges.items():
            bridge.end()
            if not child.away:
                child.end("completed" if child.answered_at else "canceled")
    lasted = round((on.time() - began).total_seconds())
    return {
        "DialCallStatus": "completed",
        "DialCallSid": ready[0].sid,
        "DialCallDuration": str(lasted),
    }


def _failure(children: list[Leg]) -> str:
    how = [child.status for child in children]
    return next((one for one in ("busy", "failed") if one in how), "no-answer")


def _child(on: "PhoneSandbox", leg: Leg, verb: Element, noun: Element, document: Document) -> Leg:
    to = noun.text
    if noun.name == "Client":
        inner = next((one.text for one in noun.children if one.name == "Identity"), noun.text)
        to = f"client:{inner}"
    elif noun.name == "Number":
        to = "+" + re.sub(r"\D", "", noun.text)
    address = noun.get("statusCallback")
    return on.new_leg(
        sender=verb.get("callerId") or leg.sender,
        to=to,
        direction="outbound-dial",
        parent=leg,
        wanted=Wanted(
            address=document.resolve(address) if address else "",
            method=noun.get("statusCallbackMethod", "POST"),
            events=frozenset(noun.get("statusCallbackEvent", "completed").split()),
        ),
    )


async def _ring_beside(
    on: "PhoneSandbox",
    child: Leg,
    noun: Element,
    document: Document,
    bridge: Bridge,
    ready: list[Leg],
) -> None:
    """The called side of a Dial: ring, hear what only they hear, talk."""
    assert child.parent is not None
    try:
        if await ring(on, child, seconds=MOST_SECONDS):
            if noun.get("url"):
                whisper = Go(
                    address=document.resolve(noun.get("url")), method=noun.get("method", "POST")
                )
                await on.perform(child, await fetch(on, child, whisper))
            ready.append(child)
            child.parent.bell.ring()
            await talk(child, bridge)
    except HungUp:
        pass
    except Moved as moved:
        child.away = True
        bridge.end()
        await on.live(child, moved.go)
        return
    except Complaint as complaint:
        on.complain(complaint, child)
    child.end("completed")
    child.parent.bell.ring()
    await tell_of_call(on, child, "completed")


async def place(on: "PhoneSandbox", leg: Leg, go: Go | None, *, seconds: float) -> None:
    """The life of a call that the API began."""
    try:
        answered = await ring(on, leg, seconds=seconds)
    except HungUp:
        answered = False
    except Moved as moved:
        answered, go = True, moved.go
    if answered:
        await on.live(leg, go)
    else:
        await tell_of_call(on, leg, "completed")


async def ring(on: "PhoneSandbox", leg: Leg, *, seconds: float) -> bool:
    """Ring at whoever is called; False when the leg is over. Raises: HungUp, Moved."""
    await tell_of_call(on, leg, "initiated")
    leg.check()
    phone = on.phone_at(leg.to)
    if (phone is None and leg.to.startswith("client:")) or (phone and not phone.reachable):
        leg.end("no-answer")
        return False
    if phone is not None and phone.engaged:
        leg.end("busy")
        return False
    leg.status = "ringing"
    if phone is not None:
        phone.rung(leg)
    await tell_of_call(on, leg, "ringing")
    await leg.until(lambda: bool(leg.picked), seconds=seconds)
    if leg.picked != "answered":
        leg.end("busy" if leg.picked else "no-answer")
        return False
    leg.answer()
    await tell_of_call(on, leg, "answered")
    leg.check()
    return True
