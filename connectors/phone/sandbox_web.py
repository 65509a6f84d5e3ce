"""What Twilio asks the hub and tells it: documents, sound files, callbacks.

Sources: https://www.twilio.com/docs/voice/twiml#twilios-request,
https://www.twilio.com/docs/voice/api/call-resource#statuscallback,
https://www.twilio.com/docs/usage/webhooks/getting-started-twilio-webhooks
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from connectors.phone import sandbox_sounds as sounds
from connectors.phone.sandbox_legs import ENDED, Go, Leg
from connectors.phone.sandbox_rules import BAD_ADDRESS, XML_TYPES, Complaint, Element, read

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

UNREACHED = 11205
FAILED = 11200
BAD_CALLBACK = 15003


@dataclass(frozen=True, slots=True)
class Document:
    """The verbs found at an address; empty where they came with a request of the API."""

    address: str
    verbs: tuple[Element, ...]

    def resolve(self, value: str) -> str:
        """An address as the document names it, its own where it names none. Raises: Complaint."""
        found = urljoin(self.address, value) if value else self.address
        if not urlsplit(found).hostname:
            raise Complaint(BAD_ADDRESS, f"Invalid URL format: {found!r}", address=found)
        return found

    def action(self, element: Element, fields: Mapping[str, str], *, name: str = "action") -> Go:
        """Where an element's attribute leads."""
        method = element.get("method", "POST")
        return Go(address=self.resolve(element.get(name)), method=method, fields=fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Something that is told beside a call, and whose answer changes nothing."""

    about: str
    """The sid of a call, a conference or a recording."""
    event: str
    """"initiated", "ringing", "answered", "completed", "participant-join", "recording" …"""
    address: str
    method: str = "POST"
    fields: Mapping[str, str]


def once(_: Callback) -> Iterable[float]:
    """Every callback comes one time, at once: what `PhoneSandbox.callbacks` is until told."""
    return (0.0,)


async def fetch(
    on: "PhoneSandbox", leg: Leg, go: Go, *, allowed: frozenset[str] | None = None
) -> Document:
    """The document that a call goes to. Raises: Complaint; HungUp and Moved meanwhile."""
    if go.twiml is not None:
        return Document("", read(go.twiml.encode(), allowed=allowed))
    answered = await on.ask(go.method, go.address, {**leg.fields(), **go.fields})
    leg.check()
    kind = answered.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not 200 <= answered.status < 300:
        detail = f"HTTP retrieval failure: the answer was {answered.status}"
        raise Complaint(FAILED, detail, address=go.address)
    if kind in sounds.TYPES:
        return Document(go.address, (Element("Play", {}, go.address, ()),))
    if kind == "text/plain":
        return Document(go.address, (Element("Say", {}, answered.body.decode(), ()),))
    if kind not in XML_TYPES:
        raise Complaint(12300, f"Invalid Content-Type: {kind!r}", address=go.address)
    return Document(go.address, read(answered.body, allowed=allowed))


async def follow(on: "PhoneSandbox", leg: Leg, go: Go | None, *, allowed: frozenset[str]) -> None:
    """Perform one document after another, in a place where not all verbs may stand.

    Raises: Complaint, HungUp, Moved.
    """
    while go is not None:
        go = await on.perform(leg, await fetch(on, leg, go, allowed=allowed))


async def ask_in_vain(on: "PhoneSandbox", leg: Leg, go: Go) -> None:
    """Tell of the end of a verb when its call is elsewhere already: the answer is not followed."""
    try:
        await on.ask(go.method, go.address, {**leg.fields(), **go.fields})
    except Complaint as complaint:
        on.complain(complaint, leg)


async def length_of(on: "PhoneSandbox", address: str) -> float:
    """Seconds of a sound file, which is fetched. Raises: Complaint."""
    if (kept := on.kept_sounds.get(address)) is not None:
        return kept
    answered = await on.ask("GET", address, {})
    if answered.status != 200:
        detail = f"HTTP retrieval failure: the answer was {answered.status}"
        raise Complaint(FAILED, detail, address=address)
    mime = answered.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if mime not in sounds.TYPES:
        raise Complaint(13420, f"Play: Invalid Content-Type: {mime!r}", address=address)
    length = sounds.seconds(answered.body, mime)
    if length is None:
        raise Complaint(FAILED, f"The file is no {mime}", address=address)
    if "max-age" in answered.headers.get("Cache-Control", ""):
        on.kept_sounds[address] = length
    return length


async def tell(on: "PhoneSandbox", callback: Callback) -> None:
    """Post a callback, as often and as late as `callbacks` says; at once unless it says later."""
    on.told.append(callback)
    for delay in on.callbacks(callback):
        if delay > 0:
            on.time.begin_later(delay, partial(_post, on, callback))
        else:
            await _post(on, callback)


async def tell_of_call(on: "PhoneSandbox", leg: Leg, event: str) -> None:
    """One step of a call's progress, if somebody wishes to know."""
    wanted = leg.wanted
    if not wanted.address or event not in wanted.events:
        return
    status = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}
    fields = {
        **leg.fields(),
        "CallStatus": status.get(event, leg.status),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(leg.told),
        "Timestamp": format_datetime(on.time()),
    }
    leg.told += 1
    if leg.status in ENDED:
        fields["CallDuration"] = str(leg.seconds)
        fields["Duration"] = str(-(-leg.seconds // 60))
    callback = Callback(
        about=leg.sid, event=event, address=wanted.address, method=wanted.method, fields=fields
    )
    await tell(on, callback)


async def _post(on: "PhoneSandbox", callback: Callback) -> None:
    try:
        answered = await on.ask(callback.method, callback.address, callback.fields)
    except Complaint as complaint:
        on.complain(complaint, None)
        return
    if not 200 <= answered.status < 300:
        detail = f"Call Progress: the answer to {callback.event} was {answered.status}"
        on.complain(Complaint(BAD_CALLBACK, detail, address=callback.address), None)
