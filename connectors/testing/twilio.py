"""Twilio on loopback: its REST API for messages, its signed webhooks, its files, its opt-outs.

The shared base of the sandboxes of the channels that Twilio carries. Written from Twilio's
documentation and not from our client; nothing of `connectors.kit` is used here.

Sources: https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status,
https://www.twilio.com/docs/usage/security#validating-requests,
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource,
https://www.twilio.com/docs/content/content-api-resources,
https://help.twilio.com/articles/223134027 (opt-out keywords)
"""

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from aiohttp import web
from multidict import MultiDict

from connectors.testing.sandbox import Answered, Call, Refused, Route, Sandbox, answer

ACCOUNT_SID = "AC7a1d0000000000000000000000005e7a"
AUTH_TOKEN = "5a6e0000000000000000000000007d31"  # opens nothing
NUMBER = "+77272000109"
SIGNATURE_HEADER = "X-Twilio-Signature"
MAX_BODY = 1600
"""Characters of a message, counted here as UTF-16 units, which is never less."""
MAX_MEDIA = 10
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})

_VERSION = "2010-04-01"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_-]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_CONTENT = re.compile(r"HX[0-9a-f]{32}")


@dataclass(slots=True, kw_only=True)
class OwnNumber:
    """A phone number of the account's, as the Console shows it."""

    number: str
    sms_url: str = ""
    sms_method: str = "POST"
    sms_application_sid: str = ""
    status_callback: str = ""
    capabilities: Mapping[str, bool] = field(
        default_factory=lambda: {"sms": True, "mms": True, "voice": True, "fax": False}
    )
    sid: str = ""


@dataclass(slots=True, kw_only=True)
class Service:
    """A messaging service with its sender pool."""

    sid: str
    numbers: list[str]
    inbound_request_url: str = ""
    use_inbound_webhook_on_number: bool = False
    advanced_opt_out: bool = False
    """Keyword messages then come with `OptOutType`."""


@dataclass(slots=True, kw_only=True)
class Content:
    """A template of the Content API, with what WhatsApp says of it."""

    sid: str
    name: str
    language: str
    types: Mapping[str, Any]
    """{"twilio/text": {"body": "Сәлем, {{1}}"}}"""
    variables: Mapping[str, str] = field(default_factory=dict)
    approval: str = "approved"
    category: str = "UTILITY"


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message that the account sent, as Twilio keeps it."""

    sid: str
    to: str
    sender: str
    """Our number, which Twilio chooses where a service sends."""
    body: str
    media: tuple[str, ...]
    created_at: datetime
    service: str = ""
    status: str = "queued"
    error_code: int | None = None
    status_callback: str = ""
    content_sid: str = ""
    content_variables: Mapping[str, str] = field(default_factory=dict)


class TwilioSandbox(Sandbox):
    """One Twilio account.

    `lifecycle` is what becomes of each message, in the order in which it is reported: repeat a
    status, or put them in any order. An item may be a pair of a status and an error code.
    Callbacks go out by themselves unless `reports` is False; `report` posts one.

    Webhooks go where the number's or the service's configuration says, signed for that very
    address; where `hub` is given, its host and port take the place of the address's own, so that
    a public address can be served on loopback. A callback to a host that is not this machine goes
    nowhere without it.
    """

    prefix = ""
    """Stands before addresses of this channel: "whatsapp:"."""

    def __init__(
        self,
        *,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        numbers: Iterable[str] = (NUMBER,),
        lifecycle: Sequence[str | tuple[str, int]] = ("queued", "sent", "delivered"),
        reports: bool = True,
        strict: bool = False,
        **options: Any,
    ) -> None:
        """`strict` refuses callbacks to this machine, as Twilio does."""
        super().__init__(**options)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.status = "active"
        self.balance: str | None = "83.20"
        self.currency = "USD"
        self.lifecycle = list(lifecycle)
        self.reports = reports
        self.strict = strict
        self.numbers: dict[str, OwnNumber] = {}
        for number in numbers:
            self.own(number)
        self.services: dict[str, Service] = {}
        self.contents: dict[str, Content] = {}
        self.sent: list[Message] = []
        self.opted_out: set[tuple[str, str]] = set()
        """Pairs of a sender of ours (a number, or a service's sid) and a citizen's number."""
        self.landlines: set[str] = set()
        self.closed_countries: set[str] = set()
        """Prefixes that the account's geo permissions leave out."""
        self.files: dict[str, tuple[str, bytes]] = {}
        """Files of messages by their sids: type and content."""
        self._sids = count(1)

    # --- What the Console would do ---------------------------------------------------------------

    def own(self, number: str, **settings: Any) -> OwnNumber:
        """Buy a number, or set one up anew."""
        sid = f"PN{len(self.numbers):032x}"
        self.numbers[number] = OwnNumber(number=number, sid=sid, **settings)
        return self.numbers[number]

    def service(self, sid: str, *numbers: str, **settings: Any) -> Service:
        """Make a messaging service of some of the account's numbers."""
        self.services[sid] = Service(sid=sid, numbers=list(numbers), **settings)
        return self.services[sid]

    def content(self, name: str, language: str, body: str, **settings: Any) -> Content:
        """Make a text template, approved unless told otherwise."""
        sid = f"HX{len(self.contents) + 1:032x}"
        made = Content(
            sid=sid, name=name, language=language, types={"twilio/text": {"body": body}}, **settings
        )
        self.contents[sid] = made
        return made

    def store(self, content: bytes, mime: str, *, message: str) -> dict[str, str]:
        """Keep a file of an incoming message, and give what its webhook says of it."""
        sid = self.new_sid("ME")
        self.files[sid] = (mime, content)
        path = f"/{_VERSION}/Accounts/{self.account_sid}/Messages/{message}/Media/{sid}"
        return {"url": f"https://api.twilio.com{path}", "type": mime}

    def new_sid(self, kind: str) -> str:
        """Two letters and 32 hexadecimal digits, unique in this account."""
        return f"{kind}{next(self._sids):032x}"

    # --- Webhooks --------------------------------------------------------------------------------

    def sign(self, address: str, fields: Iterable[tuple[str, str]]) -> str:
        """The signature of a form that is posted to an address."""
        return sign(self.auth_token, address, fields)

    async def post_form(self, address: str, fields: Mapping[str, str]) -> Answered:
        """Post a signed webhook. Raises: aiohttp.ClientError, TimeoutError."""
        pairs = list(fields.items())
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            SIGNATURE_HEADER: self.sign(address, pairs),
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": self.new_sid("RQ"),
        }
        return await self.exchange(
            "POST", self._reached(address), urlencode(pairs).encode(), headers=headers
        )

    def _reached(self, address: str) -> str:
        """Where an address of the hub's is to be found on this machine."""
        if self.hub is None:
            return address
        parts = urlsplit(address)
        return f"{self.hub.rstrip('/')}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    async def receive(self, fields: Mapping[str, str]) -> Answered | None:
        """Bring a citizen's message to the hub; None when no webhook is set for its number."""
        to, citizen = fields["To"], fields["From"]
        service = next(
            (one for one in self.services.values() if self._bare(to) in one.numbers), None
        )
        told = dict(fields)
        keyword = self._take_keyword(service, to, citizen, fields.get("Body", ""))
        if service is not None:
            told["MessagingServiceSid"] = service.sid
            if keyword and service.advanced_opt_out:
                told["OptOutType"] = keyword
        address = self._webhook(self._bare(to), service)
        return None if not address else await self.post_form(address, told)

    def _bare(self, address: str) -> str:
        return address.removeprefix(self.prefix)

    def _webhook(self, number: str, service: Service | None) -> str:
        if service is not None and not service.use_inbound_webhook_on_number:
            return service.inbound_request_url
        own = self.numbers.get(number)
        return "" if own is None or own.sms_application_sid else own.sms_url

    def _take_keyword(self, service: Service | None, to: str, citizen: str, body: str) -> str:
        """STOP and its like work before, and whether or not, the webhook is asked."""
        word = body.strip().upper()
        pair = (to if service is None else service.sid, citizen)
        if word in STOP:
            self.opted_out.add(pair)
            return "STOP"
        if word in START:
            self.opted_out.discard(pair)
            return "START"
        return "HELP" if word in HELP else ""

    async def report(
        self,
        message: Message,
        status: str,
        *,
        error_code: int | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Answered | None:
        """Post one status callback; None when the message asked for none that can be reached."""
        message.status, message.error_code = status, error_code
        self.changed()
        address = message.status_callback
        if not address or (self.hub is None and not _on_this_machine(address)):
            return None
        fields = {
            "ApiVersion": _VERSION,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
            "From": message.sender,
            "MessageSid": message.sid,
            "AccountSid": self.account_sid,
        }
        if message.service:
            fields["MessagingServiceSid"] = message.service
        if error_code is not None:
            fields["ErrorCode"] = str(error_code)
        return await self.post_form(address, {**fields, **(more or {})})

    async def _live(self, message: Message) -> None:
        for step in list(self.lifecycle):
            status, code = step if isinstance(step, tuple) else (step, None)
            try:
                await self.report(message, status, error_code=code)
            except (aiohttp.ClientError, TimeoutError, OSError):
                return  # the hub is gone

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        account = f"/{_VERSION}/Accounts/{{account}}"
        yield Route("GET", f"{account}.json", self._fetch_account)
        yield Route("GET", f"{account}/Balance.json", self._fetch_balance)
        yield Route("GET", f"{account}/IncomingPhoneNumbers.json", self._list_numbers)
        yield Route("POST", f"{account}/IncomingPhoneNumbers/{{sid}}.json", self._update_number)
        yield Route("POST", f"{account}/Messages.json", self._create_message)
        yield Route("GET", f"{account}/Messages/{{sid}}.json", self._fetch_message)
        yield Route("GET", f"{account}/Messages/{{sid}}/Media/{{media}}", self._fetch_media)
        yield Route("GET", "/twiliocdn/{media}", self._serve_file)
        # The hosts messaging.twilio.com and content.twilio.com stand under the same address.
        yield Route("GET", "/v1/Services/{sid}", self._fetch_service)
        yield Route("POST", "/v1/Services/{sid}", self._update_service)
        yield Route("GET", "/v1/Services/{sid}/PhoneNumbers", self._list_service_numbers)
        yield Route("GET", "/v1/Content", self._list_contents)
        yield Route("GET", "/v1/ContentAndApprovals", self._list_contents)

    def unknown(self, call: Call) -> web.Response:
        return refusal(404, 20404, f"The requested resource {call.path} was not found").response

    def too_many(self, call: Call, retry_after: float) -> web.Response:
        return answer(
            _error(429, 20429, "Too Many Requests"),
            status=429,
            headers={"Retry-After": str(max(1, round(retry_after)))},
        )

    def budgets(self, call: Call) -> Iterable[tuple[Hashable, float]]:
        return super().budgets(call) if call.path.endswith("/Messages.json") else ()

    def admit(self, call: Call) -> None:
        """Basic authentication, and the account in the path. Raises: Refused."""
        scheme, _, shown = call.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = b64decode(shown, validate=True).decode().partition(":")
        except ValueError:
            user = password = ""
        if scheme != "Basic" or (user, password) != (self.account_sid, self.auth_token):
            raise refusal(401, 20003, "Authenticate")
        if call.params.get("account", self.account_sid) != self.account_sid:
            raise refusal(404, 20404, f"The requested resource {call.path} was not found")

    # --- The account -----------------------------------------------------------------------------

    async def _fetch_account(self, call: Call) -> web.Response:
        self.admit(call)
        return answer(
            {
                "sid": self.account_sid,
                "owner_account_sid": self.account_sid,
                "friendly_name": "Алматы 109",
                "status": self.status,
                "type": "Full",
            }
        )

    async def _fetch_balance(self, call: Call) -> web.Response:
        self.admit(call)
        if self.balance is None:  # a subaccount
            raise refusal(404, 20404, f"The requested resource {call.path} was not found")
        return answer(
            {
                "account_sid": self.account_sid,
                "balance": self.balance,
                "currency": self.currency,
            }
        )

    async def _list_numbers(self, call: Call) -> web.Response:
        self.admit(call)
        wanted = call.query.get("PhoneNumber", "")
        found = [self._number(one) for one in self.numbers.values() if wanted in {"", one.number}]
        return answer(
            {
                "incoming_phone_numbers": found,
                "page": 0,
                "page_size": int(call.query.get("PageSize", 50)),
                "uri": call.path,
                "next_page_uri": None,
            }
        )

    async def _update_number(self, call: Call) -> web.Response:
        self.admit(call)
        for one in self.numbers.values():
            if one.sid == call.params["sid"]:
                form = form_of(call)
                one.sms_url = form.get("SmsUrl", one.sms_url)
                one.sms_method = form.get("SmsMethod", one.sms_method)
                self.changed()
                return answer(self._number(one))
        raise refusal(404, 20404, f"The requested resource {call.path} was not found")

    def _number(self, one: OwnNumber) -> dict[str, Any]:
        return {
            "sid": one.sid,
            "account_sid": self.account_sid,
            "phone_number": one.number,
            "friendly_name": one.number,
            "sms_url": one.sms_url,
            "sms_method": one.sms_method,
            "sms_application_sid": one.sms_application_sid,
            "status_callback": one.status_callback,
            "capabilities": dict(one.capabilities),
        }

    async def _fetch_service(self, call: Call) -> web.Response:
        self.admit(call)
        return answer(self._service(self._known_service(call)))

    async def _update_service(self, call: Call) -> web.Response:
        self.admit(call)
        service = self._known_service(call)
        service.inbound_request_url = form_of(call).get(
            "InboundRequestUrl", service.inbound_request_url
        )
        self.changed()
        return answer(self._service(service))

    def _service(self, service: Service) -> dict[str, Any]:
        return {
            "sid": service.sid,
            "account_sid": self.account_sid,
            "friendly_name": "109",
            "inbound_request_url": service.inbound_request_url or None,
            "inbound_method": "POST",
            "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
        }

    async def _list_service_numbers(self, call: Call) -> web.Response:
        self.admit(call)
        found = [
            {"sid": self.numbers[one].sid, "phone_number": one, "country_code": "KZ"}
            for one in self._known_service(call).numbers
        ]
        return answer({"phone_numbers": found, "meta": _meta("phone_numbers", call)})

    def _known_service(self, call: Call) -> Service:
        service = self.services.get(call.params["sid"])
        if service is None:
            raise refusal(404, 20404, f"The requested resource {call.path} was not found")
        return service

    async def _list_contents(self, call: Call) -> web.Response:
        self.admit(call)
        found = [
            {
                "sid": one.sid,
                "account_sid": self.account_sid,
                "friendly_name": one.name,
                "language": one.language,
                "variables": dict(one.variables),
                "types": dict(one.types),
                "approval_requests": {
                    "name": one.name,
                    "category": one.category,
                    "content_type": next(iter(one.types), ""),
                    "status": one.approval,
                    "rejection_reason": "",
                },
            }
            for one in self.contents.values()
        ]
        return answer({"contents": found, "meta": _meta("contents", call)})

    # --- Messages --------------------------------------------------------------------------------

    async def _create_message(self, call: Call) -> web.Response:
        self.admit(call)
        if self.status != "active":
            raise refusal(403, 20005, "Account not active")
        form = form_of(call)
        message = self._accepted(form)
        self.sent.append(message)
        self.arrived(message)
        self.changed()
        if self.reports:
            self.later(self._live(message))
        return answer(self._message(message), status=201)

    def arrived(self, message: Message) -> None:
        """A message was taken: where a channel's sandbox hands it to its citizen."""

    def _accepted(self, form: MultiDict[str]) -> Message:
        """Check a request in the order in which Twilio does. Raises: Refused."""
        to = form.get("To", "")
        if not to:
            raise refusal(400, 21604, "A 'To' phone number is required.")
        service = self._sending_service(form.get("MessagingServiceSid", ""))
        sender = form.get("From", "")
        if not sender and service is None:
            raise refusal(400, 21603, "A 'From' phone number is required.")
        self._check_recipient(to)
        if service is None:
            self._check_sender(sender)
        body, media = form.get("Body", ""), tuple(form.getall("MediaUrl", ()))
        content = form.get("ContentSid", "")
        variables = self._check_content(content, form.get("ContentVariables", ""))
        if not body and not media and not content:
            raise refusal(400, 21619, "A text message body or media urls must be specified.")
        if len(body.encode("utf-16-le", "surrogatepass")) // 2 > MAX_BODY:
            raise refusal(
                400, 21617, "The concatenated message body exceeds the 1600 character limit"
            )
        if len(media) > MAX_MEDIA:
            raise refusal(400, 21623, "Number of media files exceeds allowed limit")
        for address in media:
            if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).hostname:
                raise refusal(400, 21620, f"Invalid media URL(s): {address}")
        callback = form.get("StatusCallback", "")
        if callback and not self._is_callback(callback):
            raise refusal(400, 21609, f"The StatusCallback URL {callback} is not a valid URL.")
        if service is not None and not service.numbers:
            raise refusal(400, 21704, "The Messaging Service contains no phone numbers.")
        pair = (sender if service is None else service.sid, to)
        if pair in self.opted_out:
            raise refusal(400, 21610, "Attempt to send to unsubscribed recipient")
        self.check_more(form)
        return Message(
            sid=self.new_sid("MM" if media else "SM"),
            to=to,
            sender=sender or (f"{self.prefix}{service.numbers[0]}" if service else ""),
            body=body,
            media=media,
            created_at=self.clock(),
            service="" if service is None else service.sid,
            status="queued" if service is None else "accepted",
            status_callback=callback,
            content_sid=content,
            content_variables=variables,
        )

    def check_more(self, form: MultiDict[str]) -> None:
        """What a channel of Twilio's checks besides. Raises: Refused."""

    def _check_recipient(self, to: str) -> None:
        number = self._bare(to)
        if not to.startswith(self.prefix) or not _E164.fullmatch(number):
            raise refusal(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if number in self.landlines:
            raise refusal(400, 21614, f"'To' number is not a valid mobile number: {to}")
        if any(number.startswith(prefix) for prefix in self.closed_countries):
            raise refusal(
                403,
                21408,
                "Permission to send an SMS has not been enabled for the region indicated by "
                f"the 'To' number: {to}",
            )

    def _check_sender(self, sender: str) -> None:
        number = self._bare(sender)
        if not self.prefix and _ALPHANUMERIC.fullmatch(sender):
            return
        if not _E164.fullmatch(number) and not number.isdecimal():
            raise refusal(400, 21212, f"Invalid From Number: {sender}")
        own = self.numbers.get(number)
        if own is None:
            raise refusal(400, 21659, f"'From' {sender} is not a Twilio phone number or Short Code")
        if not own.capabilities.get("sms"):
            raise refusal(400, 21661, f"'From' {sender} is not SMS-capable")

    def _sending_service(self, sid: str) -> Service | None:
        if not sid:
            return None
        if not _SERVICE.fullmatch(sid) or sid not in self.services:
            raise refusal(400, 21701, "The Messaging Service does not exist")
        return self.services[sid]

    def _check_content(self, sid: str, variables: str) -> Mapping[str, str]:
        if not sid:
            return {}
        if not _CONTENT.fullmatch(sid) or sid not in self.contents:
            raise refusal(400, 21655, "The ContentSid is Invalid")
        try:
            read = json.loads(variables or "{}")
        except ValueError:
            read = None
        if not isinstance(read, dict) or not all(isinstance(one, str) for one in read.values()):
            raise refusal(400, 21656, "The Content Variables Parameter is invalid")
        return read

    def _is_callback(self, address: str) -> bool:
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "_" in parts.hostname:
            return False
        return not (self.strict and _on_this_machine(address))

    async def _fetch_message(self, call: Call) -> web.Response:
        self.admit(call)
        for message in self.sent:
            if message.sid == call.params["sid"]:
                return answer(self._message(message))
        raise refusal(404, 20404, f"The requested resource {call.path} was not found")

    def _message(self, message: Message) -> dict[str, Any]:
        created = format_datetime(message.created_at)
        return {
            "sid": message.sid,
            "account_sid": self.account_sid,
            "messaging_service_sid": message.service or None,
            "to": message.to,
            "from": message.sender if not message.service else None,
            "body": message.body,
            "status": message.status,
            "error_code": message.error_code,
            "error_message": None,
            "direction": "outbound-api",
            "num_media": str(len(message.media)),
            "num_segments": "0" if message.service else "1",
            "price": None,
            "price_unit": "USD",
            "api_version": _VERSION,
            "date_created": created,
            "date_sent": None,
            "date_updated": created,
            "uri": f"/{_VERSION}/Accounts/{self.account_sid}/Messages/{message.sid}.json",
        }

    async def _fetch_media(self, call: Call) -> web.Response:
        """Twilio answers with a redirect to its file store, which here has the same address."""
        self.admit(call)
        if call.params["media"] not in self.files:
            raise refusal(404, 20404, f"The requested resource {call.path} was not found")
        return answer(
            status=307, headers={"Location": f"{self.url}/twiliocdn/{call.params['media']}"}
        )

    async def _serve_file(self, call: Call) -> web.Response:
        stored = self.files.get(call.params["media"])
        if stored is None:
            return answer("<Error><Code>NoSuchKey</Code></Error>", status=404)
        mime, content = stored
        return answer(content, headers={"Content-Type": mime})


def sign(auth_token: str, address: str, fields: Iterable[tuple[str, str]]) -> str:
    """The X-Twilio-Signature of a form: the address, then each name and value sorted by name.

    The example of the documentation is a test of this.
    """
    unique: dict[str, set[str]] = {}
    for name, value in fields:
        unique.setdefault(name, set()).add(value)
    text = address
    for name in sorted(unique):
        for value in sorted(unique[name]):
            text += f"{name}{value}"
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return b64encode(digest).decode()


def sign_delivery(auth_token: str, address: str, body: bytes) -> str:
    """The signature of a delivery whose body is a form already."""
    return sign(
        auth_token, address, parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    )


def refusal(status: int, code: int, message: str) -> Refused:
    """A refusal in Twilio's own form."""
    return Refused(status, _error(status, code, message))


def _error(status: int, code: int, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def _meta(key: str, call: Call) -> dict[str, Any]:
    return {
        "key": key,
        "page": 0,
        "page_size": int(call.query.get("PageSize", 50)),
        "first_page_url": call.path,
        "previous_page_url": None,
        "next_page_url": None,
        "url": call.path,
    }


def form_of(call: Call) -> MultiDict[str]:
    """The fields of a call's form. Raises: Refused."""
    kind = call.headers.get("Content-Type", "")
    if not kind.startswith("application/x-www-form-urlencoded"):
        raise refusal(415, 20415, "Unsupported Media Type")
    return call.data if isinstance(call.data, MultiDict) else MultiDict()


def _on_this_machine(address: str) -> bool:
    return urlsplit(address).hostname in {"localhost", "127.0.0.1", "::1"}
