"""The Calls of the account's REST API, and how lists of its resources are cut into pages.

Sources: https://www.twilio.com/docs/voice/api/call-resource,
https://www.twilio.com/docs/api/errors (212xx), https://www.twilio.com/docs/usage/api/pagination
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from multidict import MultiDict

from connectors.phone.sandbox_dialling import place
from connectors.phone.sandbox_legs import ENDED, VERSION, Go, Leg, Wanted
from connectors.phone.sandbox_rules import Complaint, read
from connectors.phone.sandbox_tokens import IDENTITY
from connectors.testing.sandbox import Call, Refused, Route, answer
from connectors.testing.twilio import form_of, refusal

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox

T = TypeVar("T")

MOST_PAGE = 1000
MOST_TWIML = 4000
"""Characters of a document within a request."""
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SIP = re.compile(r"sips?:[^\s@;?]+@[^\s@]+")
_EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})


def not_found(call: Call) -> Refused:
    return refusal(404, 20404, f"The requested resource {call.path} was not found")


class CallDesk:
    """What is asked of calls."""

    def __init__(self, on: "PhoneSandbox") -> None:
        self.on = on

    def routes(self) -> Iterable[Route]:
        calls = f"/{VERSION}/Accounts/{{account}}/Calls"
        yield Route("POST", f"{calls}.json", self.create_call)
        yield Route("GET", f"{calls}.json", self.list_calls)
        yield Route("GET", f"{calls}/{{sid}}.json", self.fetch_call)
        yield Route("POST", f"{calls}/{{sid}}.json", self.update_call)

    async def create_call(self, call: Call) -> web.Response:
        self.on.admit(call)
        if self.on.status != "active":
            raise refusal(403, 20005, "Account not active")
        form = form_of(call)
        to, sender = self._ends(form)
        if form.get("ApplicationSid") and form["ApplicationSid"] not in self.on.applications:
            raise refusal(400, 21218, "ApplicationSid is not valid")
        go, seconds = _instructions(form, required=True), _seconds(form)
        leg = self.on.new_leg(
            sender=sender,
            to=to,
            direction="outbound-api",
            wanted=Wanted(
                address=_address(form, "StatusCallback"),
                method=_method(form, "StatusCallbackMethod"),
                events=_events(form),
            ),
            fallback=_fallback(form),
        )
        self.on.time.begin(place(self.on, leg, go, seconds=seconds + self.on.ring_buffer))
        return answer(self.shown(leg), status=201)

    async def list_calls(self, call: Call) -> web.Response:
        self.on.admit(call)
        asked = call.query
        found = [
            leg
            for leg in reversed(self.on.legs.values())
            if asked.get("To", leg.to) == leg.to
            and asked.get("From", leg.sender) == leg.sender
            and asked.get("Status", leg.status) == leg.status
            and asked.get("ParentCallSid", _parent(leg)) == _parent(leg)
            and within(asked, "StartTime", _start(leg))
            and within(asked, "EndTime", leg.ended_at)
        ]
        return paged(call, "calls", found, self.shown)

    async def fetch_call(self, call: Call) -> web.Response:
        self.on.admit(call)
        return answer(self.shown(self._known(call)))

    async def update_call(self, call: Call) -> web.Response:
        """Send a call elsewhere, or end it: `canceled` does nothing to one that was answered."""
        self.on.admit(call)
        leg, form = self._known(call), form_of(call)
        status = form.get("Status", "")
        if status not in {"", "completed", "canceled"}:
            raise refusal(400, 20001, f"Status is not valid: {status}")
        go = None if status else _instructions(form, required=False)
        if leg.status in ENDED or (go is not None and leg.status != "in-progress"):
            raise refusal(400, 21220, "Call is not in-progress. Cannot redirect.")
        if go is not None:
            leg.move(go)
        elif status == "completed":
            leg.end("completed" if leg.answered_at else "canceled")
        elif status == "canceled" and leg.answered_at is None:
            leg.end("canceled")
        return answer(self.shown(leg))

    def shown(self, leg: Leg) -> dict[str, Any]:
        """A call as the API tells of it."""
        path = f"/{VERSION}/Accounts/{self.on.account_sid}/Calls/{leg.sid}"
        over = leg.status in ENDED
        return {
            "sid": leg.sid,
            "account_sid": self.on.account_sid,
            "parent_call_sid": _parent(leg) or None,
            "to": leg.to,
            "to_formatted": leg.to,
            "from": leg.sender,
            "from_formatted": leg.sender,
            "phone_number_sid": leg.number_sid or None,
            "status": leg.status,
            "start_time": _rfc2822(_start(leg)),
            "end_time": _rfc2822(leg.ended_at),
            "duration": str(leg.seconds) if over else None,
            "price": None,
            "price_unit": "USD",
            "direction": leg.direction,
            "answered_by": None,
            "annotation": None,
            "api_version": VERSION,
            "caller_name": "" if leg.direction == "inbound" else None,
            "date_created": _rfc2822(leg.created_at),
            "date_updated": _rfc2822(leg.ended_at or leg.answered_at or leg.created_at),
            "forwarded_from": None,
            "group_sid": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{path}.json",
            "subresource_uris": {"recordings": f"{path}/Recordings.json"},
        }

    def _known(self, call: Call) -> Leg:
        leg = self.on.legs.get(call.params["sid"])
        if leg is None:
            raise not_found(call)
        return leg

    def _ends(self, form: MultiDict[str]) -> tuple[str, str]:
        """Who is called, and who calls, in the order in which Twilio checks them."""
        to, sender = form.get("To", ""), form.get("From", "")
        if not to:
            raise refusal(400, 21201, "No 'To' number is specified")
        if not sender:
            raise refusal(400, 21213, "No 'From' number is specified")
        bare = to.partition("?")[0]
        if to.startswith("client:"):
            good = IDENTITY.fullmatch(bare.removeprefix("client:")) is not None
        elif to.startswith(("sip:", "sips:")):
            good = _SIP.fullmatch(bare) is not None
        else:
            good, bare = _E164.fullmatch(to) is not None, to
        if not good:
            raise refusal(400, 21211, f"Called is not valid: {to}")
        is_number = sender.startswith("+")
        if is_number and not _E164.fullmatch(sender):
            raise refusal(400, 21212, f"From is not a valid phone number: {sender}")
        if is_number and sender not in self.on.numbers and sender not in self.on.verified:
            raise refusal(
                400,
                21210,
                f"The source phone number provided, {sender}, is not yet verified for your account."
                " You may only make calls from phone numbers that you've verified or purchased from"
                " Twilio.",
            )
        if to.startswith("+") and not is_number:
            raise refusal(400, 21212, f"From is not a valid phone number: {sender}")
        if any(to.startswith(prefix) for prefix in self.on.closed_countries):
            raise refusal(400, 21215, f"Account not authorized to call {to}.")
        if to in self.on.nonexistent:
            raise refusal(400, 21217, f"Phone number does not appear to be valid: {to}")
        return bare, sender


# --- What a request says --------------------------------------------------------------------------


def _instructions(form: MultiDict[str], *, required: bool) -> Go | None:
    if (twiml := form.get("Twiml")) is not None:
        if len(twiml) > MOST_TWIML:
            raise refusal(400, 21205, "Twiml must be at most 4000 characters")
        try:
            read(twiml.encode())
        except Complaint as complaint:
            raise refusal(400, complaint.code, complaint.detail) from None
        return Go(twiml=twiml)
    if form.get("Url"):
        return Go(address=_address(form, "Url"), method=_method(form, "Method"))
    if required and not form.get("ApplicationSid"):
        raise refusal(400, 21205, "Url parameter is required.")
    return None


def _fallback(form: MultiDict[str]) -> Go | None:
    address = _address(form, "FallbackUrl")
    return Go(address=address, method=_method(form, "FallbackMethod")) if address else None


def _address(form: MultiDict[str], name: str) -> str:
    """An absolute address with a whole host name."""
    value = form.get(name, "")
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise refusal(400, 21205, f"{name} is not a valid URL: {value}")
    return value


def _method(form: MultiDict[str], name: str) -> str:
    value = form.get(name, "POST").upper()
    if value not in {"GET", "POST"}:
        raise refusal(400, 21209, f"{name} must be GET or POST")
    return value


def _seconds(form: MultiDict[str]) -> int:
    value = form.get("Timeout", "60")
    if not value.isdecimal() or not 1 <= int(value) <= 600:
        raise refusal(400, 21208, f"Timeout is not valid: {value}")
    return int(value)


def _events(form: MultiDict[str]) -> frozenset[str]:
    events = frozenset(form.getall("StatusCallbackEvent", ["completed"]))
    if not events <= _EVENTS:
        raise refusal(400, 21626, f"StatusCallbackEvent is not valid: {sorted(events - _EVENTS)}")
    return events


# --- Lists ----------------------------------------------------------------------------------------


def paged(
    call: Call, name: str, found: Sequence[T], shown: Callable[[T], dict[str, Any]]
) -> web.Response:
    """One page of a list, with the address of the next."""
    size = min(MOST_PAGE, int(call.query.get("PageSize", 50)))
    page = int(call.query.get("Page", 0))
    pages = max(1, -(-len(found) // size))

    def uri(number: int) -> str:
        return f"{call.path}?{urlencode({**call.query, 'Page': number, 'PageSize': size})}"

    return answer(
        {
            name: [shown(one) for one in found[page * size : (page + 1) * size]],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": max(0, min((page + 1) * size, len(found)) - 1),
            "uri": uri(page),
            "first_page_uri": uri(0),
            "previous_page_uri": uri(page - 1) if page else None,
            "next_page_uri": uri(page + 1) if page + 1 < pages else None,
        }
    )


def within(asked: Any, name: str, at: datetime | None) -> bool:
    """Whether a moment lies where `StartTime`, `StartTime<` and `StartTime>` say: at or beyond."""
    day, before, after = (asked.get(name + sign) for sign in ("", "<", ">"))
    if not (day or before or after):
        return True
    if at is None:
        return False
    if day and not _moment(day) <= at < _moment(day) + timedelta(days=1):
        return False
    return (not before or at <= _moment(before)) and (not after or at >= _moment(after))


def _moment(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise refusal(400, 20001, f"not a time: {value}") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _start(leg: Leg) -> datetime | None:
    """When a call began: an outgoing one when it was answered, or else was over."""
    if leg.direction == "inbound":
        return leg.created_at
    return leg.answered_at or leg.ended_at


def _parent(leg: Leg) -> str:
    return leg.parent.sid if leg.parent is not None else ""


def _rfc2822(at: datetime | None) -> str | None:
    return None if at is None else format_datetime(at)
