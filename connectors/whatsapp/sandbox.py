"""Meta's Cloud API on loopback: it refuses what Meta refuses, and its citizens write to a number.

Written from Meta's documentation and not from our client; nothing of `connectors.kit` is used.

Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/message-api,
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media,
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages,
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/override,
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web
from multidict import MultiDict

from connectors.testing import meta
from connectors.testing.sandbox import Call, Route, Sandbox, answer
from connectors.whatsapp.citizens import Citizen, Received
from connectors.whatsapp.rules import (
    Template,
    check_message,
    check_upload,
    missing,
    refused,
)

PHONE_NUMBER_ID, WABA_ID = "109000000000001", "109000000000002"
NUMBER = "77272000109"
TOKEN = "EAAGsandboxTokenOfNoValue0000000000000000"  # noqa: S105 - opens nothing
APP_SECRET = "5a6e0000000000000000000000007d31"  # noqa: S105
SIGNATURE_HEADER = "X-Hub-Signature-256"
WINDOW = timedelta(hours=24)
sign = meta.sign
_FIRST_CITIZEN = 77_015_550_100


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """A file that a citizen sent or the account uploaded."""

    content: bytes
    mime: str
    uploaded: bool
    """By the account: then it can be sent."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(slots=True, kw_only=True)
class Number:
    """How the phone number is, as Meta tells it."""

    status: str = "CONNECTED"
    quality_rating: str = "GREEN"
    name_status: str = "APPROVED"
    verified_name: str = "Алматы 109"
    platform_type: str = "CLOUD_API"


@dataclass(slots=True, kw_only=True)
class Posted:
    """What a citizen did, as the hub was told."""

    id: str
    content: Mapping[str, Any]
    status: int | None
    """What the webhook answered; None when none is set."""

    @property
    def external_id(self) -> str:
        return self.id


@dataclass(slots=True, kw_only=True)
class Sandboxed:
    """What a message of the account's became."""

    id: str
    to: str
    kind: str
    told: Mapping[str, Any]
    opaque: str | None
    at: datetime
    states: list[str] = field(default_factory=list)


class WhatsAppSandbox(Sandbox):
    """One WhatsApp Business Account with one number: `citizen(…)` for each person.

    The webhook is what `POST /{waba}/subscribed_apps` sets, or `webhook` from the start; one on
    this machine is asked for its challenge, as Meta does. `lifecycle` is what is reported of each
    message, in that order: repeat a status, or mix them up. `burst` is the number of messages that
    one person is sent at once before 131056; `a_page` the templates of one page.
    """

    def __init__(
        self,
        *,
        webhook: str | None = None,
        verify_token: str | None = None,
        lifecycle: Sequence[str] = (),
        burst: int | None = None,
        a_page: int = 2,
        strict: bool = False,
        **options: Any,
    ) -> None:
        """`strict` takes only public https addresses as a webhook, as Meta does."""
        super().__init__(**options)
        self.webhook = webhook
        self.verify_token = verify_token
        self.subscribed = webhook is not None
        self.lifecycle = list(lifecycle)
        self.burst = burst
        self.a_page = a_page
        self.strict = strict
        self.number = Number()
        self.citizens: dict[str, Citizen] = {}
        """By their numbers, and by their user ids."""
        self.files: dict[str, StoredFile] = {}
        self.templates: list[Template] = []
        self.sent: list[Sandboxed] = []
        self.known_ids: set[str] = set()
        """Messages that a reply can point at."""
        self._next = 0

    # --- Citizens --------------------------------------------------------------------------------

    def citizen(
        self,
        *,
        name: str = "Айгүл Сейтқали",
        language: str = "kk",
        wa_id: str | None = None,
        hidden: bool = False,
        wrote: bool = False,
    ) -> Citizen:
        """A new person. `hidden` keeps their number behind a username; `wrote` opens the window
        without a word."""
        number = len({id(one) for one in self.citizens.values()})
        digits = wa_id or str(_FIRST_CITIZEN + number)
        made = Citizen(
            self,
            wa_id=digits,
            user_id=f"KZ.{int(digits) * 7 + 13}",
            name=name,
            language=language,
            hidden=hidden,
        )
        if wrote:
            made.wrote_at = self.clock()
        self.citizens[made.wa_id] = self.citizens[made.user_id] = made
        return made

    def template(self, name: str, language: str, body: str, **settings: Any) -> Template:
        """Have a template approved, unless told otherwise."""
        made = Template(name=name, language=language, body=body, **settings)
        self.templates.append(made)
        return made

    def store(self, content: bytes, mime: str, *, uploaded: bool = False) -> str:
        """Keep a file under a new id."""
        media_id = self._number("1003")
        self.files[media_id] = StoredFile(content=content, mime=mime, uploaded=uploaded)
        return media_id

    def media(self, content: bytes, mime: str) -> dict[str, Any]:
        """What a citizen's message says of its file."""
        media_id = self.store(content, mime)
        digest = hashlib.sha256(content).digest()
        return {"id": media_id, "mime_type": mime, "sha256": b64encode(digest).decode()}

    def new_wamid(self) -> str:
        """The id of a message."""
        wamid = f"wamid.{self._number('HBgLNzcwMTU1NTAx')}AA=="
        self.known_ids.add(wamid)
        return wamid

    def now(self) -> str:
        """The moment as Meta writes it."""
        return str(int(self.clock().timestamp()))

    def _number(self, prefix: str) -> str:
        self._next += 1
        return f"{prefix}{self._next:012d}"

    # --- Webhooks --------------------------------------------------------------------------------

    async def notify(self, **value: Any) -> int | None:
        """Post what happened at the number to the webhook; None when none is set."""
        told = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": NUMBER, "phone_number_id": PHONE_NUMBER_ID},
            **value,
        }
        changes = [{"value": told, "field": "messages"}]
        return await self.post(
            {"object": "whatsapp_business_account", "entry": [{"id": WABA_ID, "changes": changes}]}
        )

    async def post(self, delivery: Mapping[str, Any]) -> int | None:
        """Post a whole delivery, signed; None when no webhook is set."""
        if self.webhook is None or not self.subscribed:
            return None
        body = json.dumps(delivery).encode()  # as Meta does, with \\u escapes
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(APP_SECRET, body)}
        return await self.deliver(self.webhook, body, headers)

    async def report(self, message: Sandboxed, status: str, **more: Any) -> int | None:
        """Post one status of a message of the account's."""
        message.states.append(status)
        citizen = self.citizens[message.to]
        told: dict[str, Any] = {
            "id": message.id,
            "status": status,
            "timestamp": self.now(),
            **citizen.as_recipient(),
            **more,
        }
        if message.opaque is not None:
            told["biz_opaque_callback_data"] = message.opaque
        return await self.notify(statuses=[told])

    async def _live(self, message: Sandboxed) -> None:
        for status in list(self.lifecycle):
            try:
                await self.report(message, status)
            except (aiohttp.ClientError, TimeoutError, OSError):
                return  # the hub is gone

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        version = r"/{version:v\d+\.\d+}"
        yield Route("POST", version + "/{id}/messages", self._send)
        yield Route("POST", version + "/{id}/media", self._upload)
        yield Route("GET", version + "/{id}/message_templates", self._list_templates)
        yield Route("GET", version + "/{id}/subscribed_apps", self._list_subscribed)
        yield Route("POST", version + "/{id}/subscribed_apps", self._subscribe)
        yield Route("GET", version + "/{id}", self._get)
        yield Route("GET", "/whatsapp_business/attachments/", self._download)

    def unknown(self, call: Call) -> web.Response:
        return refused(
            400, 2500, "Unknown path components: " + call.path, "OAuthException"
        ).response

    def too_many(self, call: Call, retry_after: float) -> web.Response:
        return refused(
            429,
            130429,
            "(#130429) Rate limit hit",
            details="Message failed to send because there were too many messages sent from this "
            "phone number in a short period of time",
        ).response

    def budgets(self, call: Call) -> Iterable[tuple[Hashable, float]]:
        return super().budgets(call) if call.path.endswith("/messages") else ()

    def _admit(self, call: Call) -> None:
        scheme, _, shown = call.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or shown != TOKEN:
            raise refused(
                401, 190, "Invalid OAuth access token - Cannot parse access token", "OAuthException"
            )

    def _at_number(self, call: Call) -> None:
        self._admit(call)
        if call.params["id"] != PHONE_NUMBER_ID:
            raise meta.unknown_object(call.params["id"])

    def _at_account(self, call: Call) -> None:
        self._admit(call)
        if call.params["id"] != WABA_ID:
            raise meta.unknown_object(call.params["id"])

    # --- Messages --------------------------------------------------------------------------------

    async def _send(self, call: Call) -> web.Response:
        self._at_number(call)
        if not isinstance(call.data, dict):
            raise missing("messaging_product")
        message = check_message(call.data, files=self.files, templates=self.templates)
        to = message["recipient"] if "to" not in message else message["to"].lstrip("+")
        citizen = self.citizens.get(to)
        if to == NUMBER:
            raise refused(400, 131021, "(#131021) Recipient cannot be sender")
        if citizen is None or citizen.blocked:
            raise refused(
                400, 131026, "(#131026) Message undeliverable", details="Message Undeliverable."
            )
        replied = message.get("context", {}).get("message_id")
        if replied is not None and replied not in self.known_ids:
            raise refused(
                400,
                131009,
                "(#131009) Parameter value is not valid",
                details=f"The replied message {replied} was not found",
            )
        if message["type"] != "template" and not self._open(citizen):
            raise refused(
                400,
                131047,
                "(#131047) Re-engagement message",
                details="Message failed to send because more than 24 hours have passed since the "
                "customer last replied to this number",
            )
        self._check_pair(citizen)
        return answer(self._accept(message, to, citizen))

    def _open(self, citizen: Citizen) -> bool:
        return citizen.wrote_at is not None and self.clock() - citizen.wrote_at < WINDOW

    def _check_pair(self, citizen: Citizen) -> None:
        """One message in six seconds to one person, of which a burst may be used up at once."""
        if self.burst is None:
            return
        since = self.clock() - timedelta(seconds=6) * self.burst
        if sum(at > since for at in citizen.sent_at) >= self.burst:
            raise refused(
                400,
                131056,
                "(#131056) (Business Account, Consumer Account) pair rate limit hit",
                details="Message failed to send because there were too many messages sent from "
                "this phone number to the same phone number in a short period of time",
            )

    def _accept(self, message: Mapping[str, Any], to: str, citizen: Citizen) -> dict[str, Any]:
        wamid = self.new_wamid()
        kind = message["type"]
        told = message[kind]
        citizen.sent_at.append(self.clock())
        received = Received(
            id=wamid,
            kind=kind,
            text=self._text(kind, told),
            told=told,
            files=(self.files[told["id"]],) if "id" in told else (),
            reply_to=message.get("context", {}).get("message_id"),
        )
        citizen.received.append(received)
        made = Sandboxed(
            id=wamid,
            to=citizen.wa_id,
            kind=kind,
            told=told,
            opaque=message.get("biz_opaque_callback_data"),
            at=self.clock(),
        )
        self.sent.append(made)
        self.changed()
        if self.lifecycle:
            self.later(self._live(made))
        contact = {"input": to} | ({} if citizen.hidden else {"wa_id": citizen.wa_id})
        return {
            "messaging_product": "whatsapp",
            "contacts": [{**contact, "user_id": citizen.user_id}],
            "messages": [{"id": wamid}],
        }

    def _text(self, kind: str, told: Mapping[str, Any]) -> str:
        if kind == "text":
            return str(told["body"])
        if kind == "template":
            language = told["language"]["code"]
            found = (t for t in self.templates if (t.name, t.language) == (told["name"], language))
            return next(found).filled(told.get("components", []))
        return str(told.get("caption") or told.get("name") or "")

    # --- Files -----------------------------------------------------------------------------------

    async def _upload(self, call: Call) -> web.Response:
        self._at_number(call)
        form = call.data if isinstance(call.data, MultiDict) else MultiDict()
        upload = check_upload(form)
        return answer({"id": self.store(upload.content, upload.mime, uploaded=True)})

    async def _get(self, call: Call) -> web.Response:
        self._admit(call)
        asked = call.params["id"]
        if asked == PHONE_NUMBER_ID:
            return answer(self._told_number(call.query.get("fields", "")))
        stored = self.files.get(asked)
        if stored is None:
            raise meta.unknown_object(asked)
        if call.query.get("phone_number_id", PHONE_NUMBER_ID) != PHONE_NUMBER_ID:
            raise meta.unknown_object(asked)
        query = urlencode({"mid": asked, "ext": self.now(), "hash": "ARsandbox"})
        return answer(
            {
                "messaging_product": "whatsapp",
                "url": f"{self.url}/whatsapp_business/attachments/?{query}",
                "mime_type": stored.mime,
                "sha256": stored.sha256,
                "file_size": str(len(stored.content)),
                "id": asked,
            }
        )

    async def _download(self, call: Call) -> web.Response:
        """Only with the token, for as long as the address lives."""
        self._admit(call)
        stored = self.files.get(call.query.get("mid", ""))
        if stored is None or call.query.get("hash") != "ARsandbox":
            return answer(status=404)
        return answer(stored.content, headers={"Content-Type": stored.mime})

    # --- The account -----------------------------------------------------------------------------

    def _told_number(self, fields: str) -> dict[str, Any]:
        number = self.number
        known = {
            "display_phone_number": "+7 727 200 0109",
            "verified_name": number.verified_name,
            "status": number.status,
            "quality_rating": number.quality_rating,
            "name_status": number.name_status,
            "code_verification_status": "VERIFIED",
            "platform_type": number.platform_type,
        }
        wanted = [one for one in fields.split(",") if one]
        for one in wanted:
            if one not in known:
                raise refused(
                    400,
                    100,
                    f"(#100) Tried accessing nonexisting field ({one})",
                    "OAuthException",
                )
        shown = {one: known[one] for one in wanted or ("display_phone_number", "verified_name")}
        return {**shown, "id": PHONE_NUMBER_ID}

    async def _list_templates(self, call: Call) -> web.Response:
        self._at_account(call)
        wanted = call.query.get("status")
        found = [one for one in self.templates if wanted in {None, one.status}]
        limit = min(int(call.query.get("limit", "25")), self.a_page)
        start = int(call.query.get("after", "0"))
        page = found[start : start + limit]
        paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + limit)}}
        if start + limit < len(found):
            paging["next"] = f"{self.url}{call.path}?access_token={TOKEN}&after={start + limit}"
        return answer({"data": [one.listed() for one in page], "paging": paging})

    async def _list_subscribed(self, call: Call) -> web.Response:
        self._at_account(call)
        app = {"whatsapp_business_api_data": {"id": "1", "name": "109", "link": "https://x.kz"}}
        if self.webhook is not None:
            app["override_callback_uri"] = self.webhook  # type: ignore[assignment]
        return answer({"data": [app] if self.subscribed else []})

    async def _subscribe(self, call: Call) -> web.Response:
        self._at_account(call)
        told = call.data if isinstance(call.data, dict) else {}
        address, word = told.get("override_callback_uri"), told.get("verify_token")
        if address is not None:
            if not isinstance(address, str) or not isinstance(word, str) or not word:
                raise missing("verify_token")
            if self.strict and urlsplit(address).scheme != "https":
                raise refused(400, 100, "(#100) The callback URL must be https")
            if not urlsplit(address).hostname:
                raise refused(400, 100, "(#100) The callback URL is no URL")
            here = urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}
            asks = here or self.strict
            if asks and not (await meta.challenge(self, address, word)).passed:
                raise refused(400, 2200, "(#2200) Callback verification failed")
            self.webhook, self.verify_token = address, word
        self.subscribed = True
        self.changed()
        return answer({"success": True})
