"""Twilio's library as an asynchronous client, and how an account of Twilio's is.

What Twilio posts is in `connectors.kit.twilio_webhooks`, what its refusals mean in
`connectors.kit.twilio_failures`. The library, and aiohttp with it, is imported when an account
first calls Twilio: commands that only name the channels start without them.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from connectors.base import (
    Diagnosis,
    Health,
    Misconfigured,
    Rejected,
    SendError,
    Unreachable,
)
from connectors.kit.hooks import is_here
from connectors.kit.lost_answers import unanswered, unreadable
from connectors.kit.twilio_failures import ACTIVE_CURE, SIGN_IN_CURE, refused
from registry.types import Attachment

if TYPE_CHECKING:
    import aiohttp

TWILIO = "https://api.twilio.com"
"""The provider's own address; anything else is a proxy or a sandbox, and stands for all hosts."""
TIMEOUT = 20.0
"""Seconds that a call takes at most."""
CONNECT = 10.0
"""Seconds to get a connection."""
MEDIA_HOSTS = (
    "api.twilio.com",
    "mms.twiliocdn.com",
    "media.twiliocdn.com",
    "s3-external-1.amazonaws.com",
)
"""Where a message's files lie, and where Twilio redirects to for them.

Source: https://support.twilio.com/hc/en-us/articles/223183748
"""

T = TypeVar("T")


class _Refusal(Struct):
    code: int | None = None
    message: str | None = None


_REFUSAL = msgspec.json.Decoder(_Refusal)
_OBJECT = msgspec.json.Decoder(dict[str, Any])


class Client:
    """One account's calls to Twilio, through its library; connects when it is first called."""

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        account: str,
        api_base: str = TWILIO,
        timeout: float = TIMEOUT,
    ) -> None:
        """`account` is the settings' table as errors call it, "sms.main"."""
        self.timeout = timeout
        """Seconds that a call takes at most."""
        self.account_sid = account_sid
        self.account = account
        self._token = auth_token
        self._base = api_base.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._library: Any = None
        self._opening = asyncio.Lock()

    async def ask(self, operation: Callable[[Any], Awaitable[T]]) -> T:
        """Do something with the library: `operation` is given its `twilio.rest.Client`.

        `await client.ask(lambda twilio: twilio.messages("SM…").fetch_async())`; only the methods
        whose names end in `_async` work.

        Raises: SendError. Uncertain where a call that changes something may have been heard.
        """
        library, base_error = await self._open()
        failure: SendError
        try:
            return await operation(library)
        except base_error:
            failure = Unreachable("Twilio's answer is not what its library expects.")
        except (AttributeError, KeyError, TypeError, ValueError):
            failure = unreadable("Twilio", sends=False)
        raise failure

    async def send(self, **message: Any) -> str:
        """Send a message and give its sid; parameters as the library's `messages.create` has them.

        Raises: SendError.
        """
        return await self.create(lambda twilio: twilio.messages.create_async(**message))

    async def create(self, operation: Callable[[Any], Awaitable[Any]]) -> str:
        """Have Twilio make something that must not be made twice, and give its sid.

        Raises: SendError, Uncertain where it may have been made.
        """
        library, base_error = await self._open()
        creating = operation(library)
        sid: object = None
        try:
            sid = (await creating).sid
        except (base_error, AttributeError, KeyError, TypeError, ValueError):
            sid = None
        if not isinstance(sid, str) or not sid:
            raise unreadable("Twilio", sends=True)
        return sid

    def media(self, attachment: Attachment, *, max_bytes: int) -> AsyncIterator[bytes]:
        """Stream a file of a message; the account's token goes to Twilio's API alone.

        Raises: SendError, as `connectors.kit.download` does.
        """
        from connectors.kit.download import download

        ref = attachment.ref or ""
        # The library's hosts all stand behind api_base, and so do the files' addresses.
        at_api = ref.startswith(f"{TWILIO}/")
        at_base = ref.startswith(f"{self._base}/")
        address = self._base + ref.removeprefix(TWILIO) if at_api else ref
        return download(
            address,
            provider="Twilio",
            hosts=MEDIA_HOSTS,
            api_base=self._base,
            max_bytes=max_bytes,
            headers=self._authorization() if at_api or at_base else None,
            unauthorized=Misconfigured(
                "Twilio does not let the account fetch its files.",
                cure=SIGN_IN_CURE.format(account=self.account),
                code="401",
            ),
            timeout=self.timeout,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        session, self._session, self._library = self._session, None, None
        if session is not None:
            await session.close()

    # --- One call --------------------------------------------------------------------------------

    async def _open(self) -> tuple[Any, type[Exception]]:
        """The library's client and its errors' base; importing it takes long, in a thread."""
        import aiohttp

        async with self._opening:
            rest = await asyncio.to_thread(import_module, "twilio.rest")
            errors = import_module("twilio.base.exceptions")
            if self._library is None:
                self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
                self._library = rest.Client(
                    self.account_sid, self._token, http_client=_transport(self._request)
                )
            return self._library, errors.TwilioException

    def _authorization(self) -> dict[str, str]:
        pair = f"{self.account_sid}:{self._token}".encode()
        return {"Authorization": f"Basic {b64encode(pair).decode()}"}

    async def _request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, object] | None,
        data: Mapping[str, object] | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[int, str]:
        """Failures are raised outside the handlers: an error of the HTTP client holds the call's
        headers, and must not hang on ours as its context."""
        import aiohttp

        sends = method not in {"GET", "HEAD"}
        parts = urlsplit(url)
        if self._base != TWILIO:
            url = self._base + parts.path + (f"?{parts.query}" if parts.query else "")
        failure: SendError
        assert self._session is not None
        try:
            async with self._session.request(
                method,
                url,
                params={k: str(v) for k, v in (params or {}).items()} or None,
                data=urlencode(data or {}, doseq=True, errors="replace").encode()
                if sends
                else None,
                headers={**(headers or {}), **self._authorization()},
                timeout=aiohttp.ClientTimeout(total=self.timeout, connect=CONNECT),
                allow_redirects=False,  # it would carry the token to wherever it points
            ) as response:
                status = response.status
                asked = response.headers.get("Retry-After", "")
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = unanswered(error, "Twilio", sends=sends)
        else:
            if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                if status == HTTPStatus.NO_CONTENT or _decoded(_OBJECT, body) is not None:
                    return status, body.decode()
                failure = unreadable("Twilio", sends=sends)
            else:
                refusal = _decoded(_REFUSAL, body)
                failure = refused(
                    status,
                    None if refusal is None else refusal.code,
                    (refusal.message or "") if refusal is not None else "",
                    account=self.account,
                    sends=sends,
                    retry_after=float(asked) if asked.isascii() and asked.isdecimal() else None,
                )
        raise failure


def _transport(request: Callable[..., Awaitable[tuple[int, str]]]) -> Any:
    """What the library calls through, made when the library is there.

    Its own asynchronous client ignores its timeout, logs what it sends, and loses the header that
    tells how long to wait.
    """
    http, response = import_module("twilio.http"), import_module("twilio.http.response")

    class Transport(http.AsyncHttpClient):  # type: ignore[misc, name-defined]  # an untyped library
        def __init__(self) -> None:
            super().__init__(None, True)

        async def request(
            self,
            method: str,
            uri: str,
            params: dict[str, object] | None = None,
            data: dict[str, object] | None = None,
            headers: dict[str, str] | None = None,
            **_: object,
        ) -> Any:
            status, text = await request(
                method.upper(), uri, params=params, data=data, headers=headers
            )
            return response.Response(status, text)

    return Transport()


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# --- How the account is --------------------------------------------------------------------------


def unusable_hook(hook: str, api_base: str) -> Misconfigured | None:
    """Why Twilio would not deliver to this address; a sandbox takes any.

    Source: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
    """
    if api_base != TWILIO:
        return None
    host = urlsplit(hook).hostname
    if not is_here(hook) and "_" not in (host or ""):
        return None
    return Misconfigured(
        f"Twilio delivers only to a public address without underscores, and public_url is on "
        f"{host}.",
        cure="Put the hub's public https address into public_url.",
    )


LOW_BALANCE = 5.0
"""In the account's currency: below it people are warned."""


class Number(Struct, frozen=True, kw_only=True):
    """One of the account's own phone numbers."""

    sid: str
    number: str
    sms: bool
    """It can carry text messages."""
    mms: bool
    sms_url: str
    sms_method: str
    application: str
    """Sid of the TwiML application that takes its messages instead of `sms_url`."""


async def number_of(client: Client, number: str) -> Number | None:
    """One of the account's numbers, None when it is not. Raises: SendError."""
    found = await client.ask(
        lambda twilio: twilio.incoming_phone_numbers.list_async(phone_number=number, limit=1)
    )
    for one in found:
        can = one.capabilities if isinstance(one.capabilities, dict) else {}
        return Number(
            sid=str(one.sid),
            number=str(one.phone_number),
            sms=bool(can.get("sms", True)),
            mms=bool(can.get("mms", False)),
            sms_url=one.sms_url or "",
            sms_method=one.sms_method or "POST",
            application=one.sms_application_sid or "",
        )
    return None


async def account_trouble(client: Client) -> tuple[Diagnosis | None, dict[str, str]]:
    """What is wrong with the Twilio account itself, None when nothing is; and what is worth
    showing of it. Raises: SendError."""
    try:
        found = await client.ask(
            lambda twilio: twilio.api.accounts(client.account_sid).fetch_async()
        )
    except Rejected as error:
        raise refused(404, 20404, account=client.account, sends=True) from error
    status, details = str(found.status), {"account": str(found.friendly_name or "")}
    if status != "active":
        return Diagnosis(
            health=Health.DOWN,
            summary=f"The Twilio account is {status}: it neither sends nor receives.",
            cure=ACTIVE_CURE,
            details=details,
        ), details
    try:
        balance = await client.ask(lambda twilio: twilio.balance.fetch_async())
        amount, currency = float(balance.balance), str(balance.currency or "")
    except (Rejected, Misconfigured, TypeError, ValueError):
        return None, details  # a subaccount has no balance of its own to show
    details["balance"] = f"{amount:.2f} {currency}".strip()
    if amount <= 0:
        return Diagnosis(
            health=Health.DOWN,
            summary=f"The Twilio account's funds are used up ({details['balance']}).",
            cure="Add funds on the Twilio Console's Billing page, and turn auto-recharge on.",
            details=details,
            can_send=True,  # Twilio decides: it carries the messages of who pays by invoice
        ), details
    if amount < LOW_BALANCE:
        return Diagnosis(
            health=Health.DEGRADED,
            summary=f"The Twilio account's funds are nearly used up ({details['balance']}).",
            cure="Add funds on the Twilio Console's Billing page, and turn auto-recharge on.",
            details=details,
        ), details
    return None, details
