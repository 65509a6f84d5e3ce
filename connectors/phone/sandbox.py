"""Twilio Voice on loopback: callers, operators' devices, TwiML, the REST API, and its own time.

    async with PhoneSandbox(hub=hub.url) as twilio:
        twilio.numbers[NUMBER].voice_url = "https://hub.example.kz/hooks/phone/main"
        caller, operator = twilio.caller("+77012223344"), twilio.device("client:operator_17")
        await caller.call()
        await caller.press("1")
        await twilio.pass_time(30)
        assert caller.place == "queue:support"

Time goes on by `pass_time` alone, and no faster than the hub answers; `twilio.time` is a clock for
the hub as well. Written from Twilio's documentation and not from our client.

Sources: https://www.twilio.com/docs/voice, and those that each module beside this names.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from connectors.phone import sandbox_interpreter as interpreter
from connectors.phone.sandbox_legs import Go, Heard, Leg, Wanted
from connectors.phone.sandbox_phones import WITHHELD, Phone
from connectors.phone.sandbox_queues import Queue
from connectors.phone.sandbox_recordings import Hooks, Recording
from connectors.phone.sandbox_rest import CallDesk
from connectors.phone.sandbox_rest_rooms import RoomDesk
from connectors.phone.sandbox_rooms import Room
from connectors.phone.sandbox_rules import BAD_ADDRESS, Complaint
from connectors.phone.sandbox_time import SimulatedTime
from connectors.phone.sandbox_tokens import Pass, TokenRefused
from connectors.phone.sandbox_web import FAILED, UNREACHED, Callback, Document, once
from connectors.testing.sandbox import Answered, Call, Route, answer
from connectors.testing.twilio import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    NUMBER,
    SIGNATURE_HEADER,
    OwnNumber,
    TwilioSandbox,
    form_of,
)
from registry.types import utc_now

API_KEY_SID = "SK0000000000000000000000000000c0de"
API_KEY_SECRET = "7d31000000000000000000000000c0de"  # noqa: S105 - opens nothing
APPLICATION_SID = "AP0000000000000000000000000000a991"
PATIENCE = 15.0
"""Real seconds that Twilio waits for an answer."""
_PACE = 0.1
"""Real seconds between two looks at the clock."""


@dataclass(slots=True, kw_only=True)
class VoiceNumber(OwnNumber):
    """A phone number of the account's that can be called."""

    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    voice_application_sid: str = ""
    status_callback_method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """What Twilio's debugger would show."""

    code: int
    detail: str
    address: str
    call: str
    """Sid of the call; empty where a callback failed."""
    at: datetime


class PhoneSandbox(TwilioSandbox):
    """One Twilio account's telephone."""

    numbers: dict[str, VoiceNumber]  # type: ignore[assignment]  # ours can more

    def __init__(self, *, start: datetime | None = None, **options: Any) -> None:
        """`start` is when the simulation begins, now unless told."""
        self.time = SimulatedTime(start or utc_now())
        super().__init__(clock=self.time, **options)
        self.patience = PATIENCE
        self.legs: dict[str, Leg] = {}
        """Every call by its sid, the oldest first."""
        self.phones: dict[str, Phone] = {}
        self.rooms: list[Room] = []
        """Every conference, the oldest first."""
        self.queues: dict[str, Queue] = {}
        self.recordings: dict[str, Recording] = {}
        self.next_sound: bytes | None = None
        """The file of the next voicemail, silence when None."""
        self.errors: list[Failing] = []
        """What could not be performed or reached, in order."""
        self.callbacks: Callable[[Callback], Iterable[float]] = once
        """After how many seconds each time a callback comes: none drops it, two repeat it."""
        self.told: list[Callback] = []
        """Every callback there was reason for, delivered or not."""
        self.bins: dict[str, str] = {}
        """Static documents by their addresses, which are found although the hub is not."""
        self.kept_sounds: dict[str, float] = {}
        self.keeps_silence = True
        """A voicemail in which nobody spoke is a recording all the same."""
        self.protects_sounds = True
        """The files of recordings are for the account alone."""
        self.ring_buffer = 0.0
        """Seconds that Twilio may let a phone ring beyond what was asked: up to 5."""
        self.verified: set[str] = set()
        """Numbers of others that the account may show."""
        self.nonexistent: set[str] = set()
        """Numbers that nobody has."""
        self.api_keys = {API_KEY_SID: API_KEY_SECRET}
        self.applications = {APPLICATION_SID}
        self._calls = CallDesk(self)
        self._rooms = RoomDesk(self)
        self._stopping = False

    # --- People and what they do -----------------------------------------------------------------

    def caller(self, number: str) -> Phone:
        """Whoever has a number, or shows none: "anonymous" and the like."""
        return self.phones.setdefault(number, Phone(self, number))

    device = caller
    """Whoever is at "client:…", "sip:…" or a number."""

    def phone_at(self, address: str) -> Phone | None:
        """Whoever can be called there; None for an address that nobody is at."""
        return self.phones.get(address)

    async def pass_time(self, seconds: float) -> None:
        """Let time go by. Raises: whatever went wrong in the simulation itself."""
        await self.time.pass_time(seconds)

    async def keep_pace(self) -> None:
        """Let time go by as it does outside, until it is cancelled. Raises: as `pass_time`."""
        while True:
            await asyncio.sleep(_PACE)
            await self.pass_time(max(0.0, (utc_now() - self.time()).total_seconds()))

    async def idle(self) -> None:
        """Wait until everybody waits for time, for a person or for the hub's orders."""
        await self.time.idle()

    async def live(self, leg: Leg, go: Go | None) -> None:
        """Follow documents to the end of a call."""
        await interpreter.live(self, leg, go)

    async def perform(self, leg: Leg, document: Document) -> Go | None:
        """One document. Raises: Complaint, HungUp, Moved."""
        return await interpreter.perform(self, leg, document)

    def begin_call(self, phone: Phone, to: str | None) -> Leg:
        """A call comes to a number of the account's."""
        number = self.numbers[to or next(iter(self.numbers))]
        leg = self.new_leg(
            sender=WITHHELD.get(phone.address, phone.address),
            to=number.number,
            direction="inbound",
            number_sid=number.sid,
            wanted=Wanted(address=number.status_callback, method=number.status_callback_method),
            fallback=Go(address=number.voice_fallback_url, method=number.voice_fallback_method)
            if number.voice_fallback_url
            else None,
        )
        leg.status = "ringing"
        go = Go(address=number.voice_url, method=number.voice_method)
        phone.legs.append(leg)
        self.time.begin(self.live(leg, go))
        return leg

    def new_leg(
        self,
        *,
        sender: str,
        to: str,
        direction: Literal["inbound", "outbound-api", "outbound-dial"],
        wanted: Wanted | None = None,
        fallback: Go | None = None,
        parent: Leg | None = None,
        number_sid: str = "",
    ) -> Leg:
        """A call that has just come to be."""
        leg = Leg(
            sid=self.new_sid("CA"),
            account_sid=self.account_sid,
            sender=sender,
            to=to,
            direction=direction,
            time=self.time,
            changed=self.changed,
            parent=parent,
            number_sid=number_sid,
            wanted=wanted or Wanted(),
            fallback=fallback,
            created_at=self.time(),
        )
        self.legs[leg.sid] = leg
        self.changed()
        return leg

    def queue(self, name: str) -> Queue:
        """A queue by its name, made when there is none."""
        if name not in self.queues:
            sid = self.new_sid("QU")
            self.queues[name] = Queue(sid=sid, name=name, created_at=self.time())
        return self.queues[name]

    def room(self, name: str, hooks: Hooks) -> Room:
        """The conference of a name that goes on, a new one when there is none."""
        for room in reversed(self.rooms):
            if room.name == name and room.status != "completed":
                return room
        made = Room(sid=self.new_sid("CF"), name=name, created_at=self.time(), hooks=hooks)
        self.rooms.append(made)
        return made

    def address_of(self, leg: Leg) -> str:
        """Whose side of a call it is."""
        owner = next((one for one in self.phones.values() if leg in one.legs), None)
        return owner.address if owner is not None else leg.to

    def heard_by(self, leg: Leg) -> Iterable[Leg]:
        """The legs that one hears and is heard by: in a conference that has started, or bridged."""
        for room in reversed(self.rooms):
            own = room.participants.get(leg)
            if own is not None and room.status == "in-progress" and not own.hold:
                return [
                    other
                    for other, one in room.participants.items()
                    if other is not leg and not one.hold
                ]
        return [leg.bridged] if leg.bridged is not None else []

    # --- The hub ---------------------------------------------------------------------------------

    async def ask(self, method: str, address: str, fields: Mapping[str, str]) -> Answered:
        """Ask an address of the hub's, signed. Raises: Complaint when no answer comes."""
        if (static := self.bins.get(address.partition("?")[0])) is not None:
            return Answered(status=200, headers={"Content-Type": "text/xml"}, body=static.encode())
        if not address:
            raise Complaint(BAD_ADDRESS, "Invalid URL format: there is no address")
        if self._stopping:
            raise Complaint(UNREACHED, "The simulation ends", address=address)
        try:
            async with asyncio.timeout(self.patience):
                if method == "POST":
                    return await self.post_form(address, fields)
                return await self._get(address, fields)
        except TimeoutError:
            detail = f"HTTP retrieval failure: no answer within {self.patience:g} seconds"
            raise Complaint(FAILED, detail, address=address) from None
        except (aiohttp.ClientError, OSError) as error:
            detail = f"HTTP connection failure: {error}"
            raise Complaint(UNREACHED, detail, address=address) from None

    async def _get(self, address: str, fields: Mapping[str, str]) -> Answered:
        if fields:
            address += ("&" if "?" in address else "?") + urlencode(fields)
        headers = {SIGNATURE_HEADER: self.sign(address, ()), "User-Agent": "TwilioProxy/1.1"}
        return await self.exchange("GET", self._reached(address), headers=headers)

    def complain(self, complaint: Complaint, leg: Leg | None, *, address: str = "") -> None:
        """Write into the debugger."""
        self.errors.append(
            Failing(
                code=complaint.code,
                detail=complaint.detail,
                address=complaint.address or address,
                call=leg.sid if leg is not None else "",
                at=self.time(),
            )
        )
        self.changed()

    def static(self, twiml: str) -> str:
        """Keep a document at Twilio, and give its address: for a fallback."""
        address = f"https://handler.twilio.com/twiml/{self.new_sid('EH')}"
        self.bins[address] = twiml
        return address

    # --- Its life --------------------------------------------------------------------------------

    async def stop(self) -> None:
        self._stopping = True
        await self.time.stop()
        await super().stop()

    async def start(self) -> None:
        self._stopping = False
        await super().start()

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        yield from super().routes()
        yield from self._calls.routes()
        yield from self._rooms.routes()

    def budgets(self, call: Call) -> Iterable[tuple[Hashable, float]]:
        return () if self.per_second is None else (("all", self.per_second),)

    def own(self, number: str, **settings: Any) -> VoiceNumber:
        sid = f"PN{len(self.numbers):032x}"
        made = VoiceNumber(number=number, sid=sid, **settings)
        self.numbers[number] = made
        return made

    async def _update_number(self, call: Call) -> web.Response:
        response = await super()._update_number(call)
        own = next(one for one in self.numbers.values() if one.sid == call.params["sid"])
        form = form_of(call)
        for parameter, attribute in _NUMBER_PARAMETERS.items():
            setattr(own, attribute, form.get(parameter, getattr(own, attribute)))
        self.changed()
        return answer(self._number(own), status=response.status)

    def _number(self, one: OwnNumber) -> dict[str, Any]:
        shown = super()._number(one)
        names = _NUMBER_PARAMETERS.values()
        return shown | {name: getattr(one, name) for name in names}


_NUMBER_PARAMETERS = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}

__all__ = [
    "ACCOUNT_SID",
    "API_KEY_SECRET",
    "API_KEY_SID",
    "APPLICATION_SID",
    "AUTH_TOKEN",
    "NUMBER",
    "Callback",
    "Failing",
    "Heard",
    "Pass",
    "Phone",
    "PhoneSandbox",
    "TokenRefused",
    "VoiceNumber",
]
