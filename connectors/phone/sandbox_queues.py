"""Queues: callers who wait, what they hear meanwhile, and how they leave.

Sources: https://www.twilio.com/docs/voice/twiml/enqueue, /leave, /queue,
https://www.twilio.com/docs/voice/api/queue-resource
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from connectors.phone.sandbox_bridges import Bridge, talk
from connectors.phone.sandbox_legs import Go, HungUp, Leg, Moved
from connectors.phone.sandbox_rules import IN_QUEUE, IN_ROOM, SCHEMA, Complaint, Element
from connectors.phone.sandbox_web import Document, ask_in_vain, follow

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

MOST = 1000
"""Callers in a queue, unless told otherwise."""
_LEAST_LOOP = 1.0
"""Seconds between two requests for what to play, where it plays nothing."""


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A caller in a queue."""

    leg: Leg
    since: datetime
    bridge: Bridge | None = None
    """With whoever took them out."""
    whisper: Go | None = None
    """What they hear before."""


@dataclass(slots=True, kw_only=True, eq=False)
class Queue:
    """A queue of the account's."""

    sid: str
    name: str
    created_at: datetime
    most: int = MOST
    members: list[Member] = field(default_factory=list)


class _Left(Exception):
    """The caller leaves by the verb."""


async def leave(_: "PhoneSandbox", leg: Leg, __: Element, ___: Document) -> None:
    """Out of the queue, to what follows it."""
    if not leg.place.startswith("queue:"):
        raise Complaint(SCHEMA, "Leave: the call is in no queue")
    raise _Left


async def enqueue(on: "PhoneSandbox", leg: Leg, verb: Element, document: Document) -> Go | None:
    """Wait; the action is asked when the caller leaves, however they do."""
    queue = on.queue(verb.text)
    action = document.action(verb, {}) if verb.get("action") else None
    wait = _wait(verb, document)
    if len(queue.members) >= verb.number("maxQueueSize", queue.most):
        return _told(action, queue, "queue-full", None)
    member = Member(leg=leg, since=on.time())
    queue.members.append(member)
    try:
        with leg.at(f"queue:{queue.name}"):
            result = await _stay(on, queue, member, wait)
    except (HungUp, Moved) as cut:
        result = "hangup" if isinstance(cut, HungUp) else "redirected"
        if member.bridge is not None:
            result = "bridged" if isinstance(cut, HungUp) else "redirected-from-bridged"
            member.bridge.end()
        _remove(queue, member)
        if (go := _told(action, queue, result, _waited(on, member))) is not None:
            await ask_in_vain(on, leg, go)
        raise
    _remove(queue, member)
    return _told(action, queue, result, _waited(on, member))


async def _stay(on: "PhoneSandbox", queue: Queue, member: Member, wait: Go | None) -> str:
    """Hear what is played until something ends it; gives the QueueResult."""
    leg = member.leg
    try:
        with leg.as_long_as(lambda: member.bridge is None):
            await _hear(on, queue, member, wait)
    except _Left:
        return "leave"
    except Complaint as complaint:
        on.complain(complaint, leg)
        return "error"
    assert member.bridge is not None
    _remove(queue, member)
    if member.whisper is not None:
        await follow(on, leg, member.whisper, allowed=IN_ROOM)
    await talk(leg, member.bridge)
    return "bridged"


async def _hear(on: "PhoneSandbox", queue: Queue, member: Member, wait: Go | None) -> None:
    """One document after another, from the beginning again when they end."""
    if wait is None:
        await member.leg.hear("music", seconds=None)
        return
    if not wait.address:
        await member.leg.until()
        return
    while True:
        began = on.time()
        fields = _numbers(on, queue, member)
        again = Go(address=wait.address, method=wait.method, fields=fields)
        await follow(on, member.leg, again, allowed=IN_QUEUE)
        if on.time() == began:
            await member.leg.until(seconds=_LEAST_LOOP)


def _wait(verb: Element, document: Document) -> Go | None:
    """Where what is played comes from: None for Twilio's own music, no address for silence."""
    if "waitUrl" not in verb.attributes:
        return None
    address = verb.get("waitUrl")
    method = verb.get("waitUrlMethod", "POST")
    return Go(address=document.resolve(address) if address else "", method=method)


def _numbers(on: "PhoneSandbox", queue: Queue, member: Member) -> dict[str, str]:
    now = on.time()
    waited = [(now - one.since).total_seconds() for one in queue.members]
    return {
        "QueueSid": queue.sid,
        "QueuePosition": str(queue.members.index(member) + 1),
        "QueueTime": str(_waited(on, member)),
        "AvgQueueTime": str(round(sum(waited) / len(waited))),
        "CurrentQueueSize": str(len(queue.members)),
        "MaxQueueSize": str(queue.most),
    }


def _waited(on: "PhoneSandbox", member: Member) -> int:
    return round((on.time() - member.since).total_seconds())


def _told(action: Go | None, queue: Queue, result: str, waited: int | None) -> Go | None:
    if action is None:
        return None
    fields = {"QueueResult": result}
    if waited is not None:
        fields |= {"QueueSid": queue.sid, "QueueTime": str(waited)}
    return Go(address=action.address, method=action.method, fields=fields)


def _remove(queue: Queue, member: Member) -> None:
    if member in queue.members:
        queue.members.remove(member)


async def dequeue(
    on: "PhoneSandbox", leg: Leg, noun: Element, document: Document, *, seconds: int
) -> dict[str, str]:
    """Talk to the first of a queue; gives what the Dial's action is told."""
    queue = on.queues.get(noun.text)
    if queue is None:
        return {"DialCallStatus": "failed"}
    leg.note("ring")
    if not await leg.until(lambda: bool(queue.members), seconds=seconds):
        return {"DialCallStatus": "no-answer"}
    member = queue.members[0]
    bridge = Bridge(leg, member.leg)
    if noun.get("url"):
        fields = {
            "QueueSid": queue.sid,
            "QueueTime": str(_waited(on, member)),
            "DequeueingCallSid": leg.sid,
        }
        member.whisper = document.action(noun, fields, name="url")
    member.bridge = bridge
    _remove(queue, member)
    member.leg.bell.ring()
    began = on.time()
    await talk(leg, bridge)
    return {
        "DialCallStatus": "completed",
        "DialCallSid": member.leg.sid,
        "DialCallDuration": str(round((on.time() - began).total_seconds())),
    }
