"""Meta's Graph API: proofs of its deliveries, calls under one account's token, its errors' meaning.

WhatsApp, Messenger and Instagram share it. Their own paths stand in their own folders.

Sources: https://developers.facebook.com/docs/graph-api/webhooks/getting-started,
https://developers.facebook.com/docs/graph-api/guides/error-handling,
https://developers.facebook.com/docs/graph-api/overview/rate-limiting,
https://developers.facebook.com/docs/messenger-platform/error-codes,
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
"""

import json
from collections.abc import AsyncIterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from aiohttp.payload import AsyncIterablePayload
from msgspec import Struct

from connectors.base import (
    Answer,
    Blocked,
    Forged,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.kit.hooks import is_public
from connectors.kit.http import TIMEOUT, Client
from connectors.kit.lost_answers import somebody_else
from connectors.kit.signatures import hmac_sha256, same
from registry.types import Envelope, OutboundFile

VERSION = "v23.0"
"""The version of the API that every path starts with."""
GRAPH = "https://graph.facebook.com"
"""Where WhatsApp and Messenger are found, and Instagram by way of a Facebook login."""
SIGNATURE = "X-Hub-Signature-256"

FEW_TRIES = 5
"""How often it is worth trying what Meta calls its own failure, and may be our request's."""
_PAUSE = 60.0
"""Seconds to wait when a limit was hit and no header tells how long."""
_LONG_PAUSE = 3600.0
"""Seconds: the longest that an account is let wait, whatever Meta asks for."""
_SAID = 300
"""Characters of Meta's own words that an operator is shown."""
_FILES_TAKE = 6.0
"""So many times longer than a plain call one with a file may take."""

T = TypeVar("T")


# --- Deliveries ---------------------------------------------------------------------------------


def verify(envelope: Envelope, app_secret: str) -> None:
    """Check the signature over the body as it came. Raises: Forged."""
    shown = envelope.headers.get(SIGNATURE)
    expected = "sha256=" + hmac_sha256(app_secret, envelope.body)
    if not same(shown, expected) or not app_secret:
        raise Forged("The delivery is not signed with this account's app_secret.")


def handshake(query: Mapping[str, str], verify_token: str) -> Answer:
    """Give the challenge back to whoever knows the verify token. Raises: Forged."""
    knows = same(query.get("hub.verify_token"), verify_token)
    challenge = query.get("hub.challenge")
    if not knows or query.get("hub.mode") != "subscribe" or not challenge:
        raise Forged("The challenge does not show this account's verify_token.")
    return Answer(body=challenge.encode("utf-8", "replace"))


def unusable_hook(hook: str, api_base: str) -> Misconfigured | None:
    """Why Meta would not deliver to this address; a stand-in for Meta takes any."""
    if api_base != GRAPH or is_public(hook):
        return None
    parts = urlsplit(hook)
    return Misconfigured(
        "Meta delivers only to a public https address, and public_url is "
        f"{parts.scheme}://{parts.netloc}.",
        cure="Put the hub's public https address in public_url.",
    )


# --- Calls --------------------------------------------------------------------------------------


class Product(Struct, frozen=True, kw_only=True):
    """Whose account speaks, in the words that its errors and their cures need."""

    name: str
    """As an operator knows it: "WhatsApp"."""
    table: str
    """The account's table of the settings: "channels.whatsapp.main"."""
    token_from: str
    """How a person gets a token, in a sentence."""
    permissions: str
    """What the token must be allowed, for people: "pages_messaging, pages_manage_metadata"."""


class Graph:
    """One account's Graph API; connects when it is first called."""

    def __init__(
        self, token: str, product: Product, *, api_base: str = GRAPH, timeout: float = TIMEOUT
    ) -> None:
        self.token = token
        """Goes in a header with every call; may be replaced by a newer one at any time."""
        self.product = product
        self._calls = _Calls(api_base, product.name, timeout)
        self._files = _Calls(api_base, product.name, timeout * _FILES_TAKE)

    @property
    def timeout(self) -> float:
        """Seconds that a call takes at most; one that carries a file may take several times it."""
        return self._calls.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._calls.timeout = seconds
        self._files.timeout = seconds * _FILES_TAKE

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, into: type[T]) -> T:
        """Ask for `path` ("123/subscribed_apps"), the answer read as `into`. Raises: SendError."""
        return await self._call("GET", _address(path, query), None, into, sends=False)

    async def post(
        self,
        path: str,
        data: dict[str, Any] | aiohttp.MultipartWriter,
        *,
        into: type[T],
        sends: bool,
    ) -> T:
        """Change something: `data` as JSON, or as `multipart` makes it.

        `sends` where a repetition would be seen by a citizen: a lost answer is then Uncertain,
        and otherwise Unreachable, so that the call is simply made again. Raises: SendError.
        """
        return await self._call("POST", _address(path, None), data, into, sends=sends)

    async def delete(
        self, path: str, query: Mapping[str, str] | None = None, *, into: type[T]
    ) -> T:
        """Remove something; doing it twice is as good as once. Raises: SendError."""
        return await self._call("DELETE", _address(path, query), None, into, sends=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._calls.close()
        await self._files.close()

    async def _call(
        self,
        method: str,
        address: str,
        data: dict[str, Any] | aiohttp.MultipartWriter | None,
        into: type[T],
        *,
        sends: bool,
    ) -> T:
        token = self.token
        calls = self._files if isinstance(data, aiohttp.MultipartWriter) else self._calls
        authorization = {"Authorization": f"Bearer {token}"}
        try:
            reply = await calls.call(method, address, data=data, headers=authorization)
            status, headers, body = reply.status, reply.headers, reply.data
        except _Trouble as trouble:
            status, headers, body = trouble.status, trouble.headers, trouble.data
        except Unreachable as error:
            # Whoever answers 503 did nothing; behind any other trouble the call may have been
            # carried out.
            if sends and error.code not in _NOTHING_DONE:
                raise Uncertain(
                    f"{error.reason} The message may have gone out.", code=error.code
                ) from error
            raise
        except Uncertain as error:
            if sends:
                raise
            raise Unreachable(error.reason, code=error.code) from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES or _is_error(body):
            raise failure(
                status, body, product=self.product, sends=sends, headers=headers, hide=token
            )
        try:
            return msgspec.convert(body, into, strict=False)
        except msgspec.ValidationError as error:
            lost = Uncertain if sends else Unreachable
            raise lost(f"{self.product.name} answered what cannot be read") from error


def multipart(
    fields: Mapping[str, str], file: OutboundFile, *, field: str = "file"
) -> aiohttp.MultipartWriter:
    """A form with one file, which is read from its store while it is sent."""
    form = aiohttp.MultipartWriter("form-data")
    for name, value in fields.items():
        form.append(value).set_content_disposition("form-data", name=name)
    mime = file.mime or "application/octet-stream"
    part = form.append_payload(_Streamed(file.stream(), size=file.size, content_type=mime))
    # A name is told as it reads: percent signs in it would reach the citizen.
    shown = "".join(c for c in file.name if c.isprintable()) or "file"
    part.set_content_disposition("form-data", quote_fields=False, name=field, filename=shown)
    return form


class _Streamed(AsyncIterablePayload):
    """A stream of known length: Meta is told the length of what comes."""

    def __init__(self, stream: AsyncIterable[bytes], *, size: int, content_type: str) -> None:
        super().__init__(stream, content_type=content_type)
        self._size = size


class _Calls(Client):
    """Calls whose troubles, which Meta tells as JSON with a 5xx, are not lost."""

    def __init__(self, api_base: str, provider: str, timeout: float) -> None:
        super().__init__(api_base, provider=provider, headers={}, timeout=timeout)

    async def call(self, *args: Any, **options: Any) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(raise_for_status=_told)
        return await super().call(*args, **options)


class _Trouble(Exception):
    """A 5xx with an error of the Graph API in it."""

    def __init__(self, status: int, headers: Mapping[str, str], data: object) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers
        self.data = data


async def _told(response: aiohttp.ClientResponse) -> None:
    if response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    try:
        data = json.loads(await response.read())
    except (ValueError, RecursionError):
        return
    if _is_error(data):
        raise _Trouble(response.status, response.headers, data)


_NOTHING_DONE = frozenset({None, "503"})
"""Codes of an Unreachable after which nothing went out; None where nobody was reached."""


def _address(path: str, query: Mapping[str, str] | None) -> str:
    return f"/{VERSION}/{path}" + (f"?{urlencode(query)}" if query else "")


def _is_error(body: object) -> bool:
    return isinstance(body, dict) and isinstance(body.get("error"), dict)


# --- Errors -------------------------------------------------------------------------------------


class GraphError(Struct, frozen=True):
    """What Meta says was wrong."""

    code: int | None = None
    message: str = ""
    type: str = ""
    error_subcode: int | None = None
    is_transient: bool = False
    error_user_msg: str | None = None
    """Words for people, in the language of the token's owner."""
    error_data: Any = None

    @property
    def number(self) -> str | None:
        """The code, and the subcode behind a slash."""
        if self.code is None:
            return None
        return f"{self.code}/{self.error_subcode}" if self.error_subcode else str(self.code)

    @property
    def details(self) -> str:
        """The most exact words there are."""
        data = self.error_data
        details = data.get("details") if isinstance(data, dict) else None
        said = details if isinstance(details, str) else self.error_user_msg
        return said or self.message


_TOKEN = frozenset({0, 102, 190})
_PERMISSION = frozenset({3, 10, *range(200, 300), 131005})
_NOT_SENT = frozenset({131000, 1200})
"""Troubles of Meta's own in which, by its documentation, the message failed."""
_UNKNOWN = frozenset({1, 2})
"""Troubles of Meta's own after which nobody knows: of 1/1357046 Meta itself tells that the
messages "are all sent successfully, but the endpoint returns an error".
"""
_POLICY = 368
"""Of the words of a message as often as of the account."""
_PASSING = frozenset({131016, 131057, 133004})
_TOO_FAST = frozenset({4, 17, 32, 341, 613, 80006, 80007, 130429})
_PAIR = 131056
_SPAM = 131048
_WINDOW = frozenset({(10, 2018278), (10, 2018065), (10, 2534022), (131047, None)})
_GONE = {
    (551, None): "The person is not available on {name}: they blocked us, or their account ended.",
    (551, 1545041): "The person does not take messages from us.",
    (200, 1545041): "The person does not take messages from us.",
    (10, 2018108): "The person does not take messages from us.",
    (230, None): "The person has not agreed to messages from us.",
    (100, 2018001): "{name} knows no such person.",
    (100, 2534014): "{name} knows no such person.",
    (131026, None): "The number is not on {name}, or does not take messages from us.",
    (131050, None): "The person asked for no more messages of this kind.",
}
"""Pairs of code and subcode after which this person cannot be written to; None is any subcode."""
_REFUSED = {
    131021: "The account cannot write to itself.",
    131030: "The number is not on the list of those that a test account may write to.",
    130472: "Meta holds messages to this person back, as part of an experiment of its own.",
    131049: "Meta did not deliver it, to keep the number of such messages to this person low.",
    130497: "Meta does not let this account write to people in that country.",
}
_ACCOUNT = {
    _POLICY: (
        "Meta has restricted the account for breaking a policy.",
        "Look at Account Quality (business.facebook.com/accountquality), and ask for a review.",
    ),
    131031: (
        "Meta has locked the account.",
        "Look at Account Quality (business.facebook.com/accountquality), and ask for a review.",
    ),
    131037: (
        "The number's display name is not approved.",
        "Choose a display name in WhatsApp Manager, Phone numbers, and wait for its approval.",
    ),
    131042: (
        "Meta cannot bill the account.",
        "Add or correct the way of payment in Business Settings, WhatsApp accounts, Payment.",
    ),
    131045: (
        "The number is not registered with Meta.",
        "Register the number again in WhatsApp Manager, Phone numbers.",
    ),
    133010: (
        "The number is not registered with Meta.",
        "Register the number again in WhatsApp Manager, Phone numbers.",
    ),
}
_WHY_DEAD = {
    458: "The app was removed by the token's owner.",
    459: "The token's owner must log in to Facebook first.",
    460: "The token's owner changed their password.",
    463: "It has expired.",
    464: "The token's owner must log in to Facebook first.",
    467: "It was made invalid.",
    492: "The token's owner has no role on the page any more.",
}
"""Subcodes of 190."""


def failure(
    status: int,
    body: object,
    *,
    product: Product,
    sends: bool = False,
    headers: Mapping[str, str] | None = None,
    hide: str = "",
) -> SendError:
    """What a refusal means; `hide` is a secret that Meta's own words may repeat.

    `sends` where a repetition would be seen by a citizen, so that only what surely did not go out
    may be tried again.
    """
    told = headers or {}
    error = _read(body)
    if error is None:
        return _not_graph(status, product, told)
    number = error.number or str(status)
    words = _quoted(error.details, hide)
    name = product.name
    code = -1 if error.code is None else error.code
    pair = (code, error.error_subcode)
    gone = _GONE.get(pair) or _GONE.get((code, None))
    if pair in _WINDOW or (code, None) in _WINDOW:
        return WindowClosed(
            f"The person wrote too long ago for {name} to carry a reply.", code=number
        )
    if gone is not None:
        return Blocked(gone.format(name=name), code=number)
    if code in _TOO_FAST or code in {_PAIR, _SPAM}:
        return _throttled(code, number, product, told)
    if code in _REFUSED:
        return Rejected(_REFUSED[code], code=number)
    if code in _ACCOUNT and (code != _POLICY or _is_of_the_account(error)):
        what, cure = _ACCOUNT[code]
        said = f" Meta says{words}." if words else ""
        return Misconfigured(f"{what}{said}", cure=cure, code=number)
    if code in _TOKEN or (code < 0 and status == HTTPStatus.UNAUTHORIZED):
        # Not in Meta's words: they may hold the token itself.
        why = _WHY_DEAD.get(error.error_subcode or 0)
        return Misconfigured(
            f"{name} does not accept the token.{f' {why}' if why else ''}",
            cure=f"Make a new token and put it into {product.table}.access_token. "
            f"{product.token_from}",
            code=number,
        )
    if code in _PERMISSION:
        return Misconfigured(
            f"{name} does not allow the token to do this{words}.",
            cure=f"Give the token {product.permissions}, or make a new one that has them; and see "
            f"that the app has been granted them in App Review. {product.token_from}",
            code=number,
        )
    if code in _PASSING:
        return Unreachable(f"{name} is in trouble{words}.", code=number)
    if code in _NOT_SENT or (error.is_transient and code not in _UNKNOWN):
        return Unreachable(f"{name} is in trouble{words}.", code=number, most_tries=FEW_TRIES)
    if code in _UNKNOWN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        if sends:
            return Uncertain(
                f"{name} is in trouble, and the message may have gone out{words}.", code=number
            )
        return Unreachable(f"{name} is in trouble{words}.", code=number, most_tries=FEW_TRIES)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _throttled(code, number, product, told)
    return Rejected(f"{name} refused{words or ' without a word'}.", code=number)


def _read(body: object) -> GraphError | None:
    if not isinstance(body, dict):
        return None
    try:
        return msgspec.convert(body.get("error"), GraphError, strict=False)
    except msgspec.ValidationError:
        return None


def _is_of_the_account(error: GraphError) -> bool:
    """Whether a broken policy stops the account, rather than this one message.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
    """
    said = f"{error.message} {error.details}".lower()
    restricted = "account" in said and ("restricted" in said or "disabled" in said)
    return restricted or "temporarily blocked for polic" in said


def _throttled(code: int, number: str, product: Product, headers: Mapping[str, str]) -> Throttled:
    if code == _PAIR:
        return Throttled(
            f"{product.name} takes one message in six seconds to one person.",
            retry_after=6.0,
            whole_account=False,
            code=number,
        )
    if code == _SPAM:
        return Throttled(
            f"{product.name} slows the account: too many people blocked or reported it.",
            retry_after=_LONG_PAUSE,
            code=number,
        )
    return Throttled(
        f"The account is too fast for {product.name}.",
        retry_after=pause(headers, default=5.0 if code == 130429 else _PAUSE),
        code=number,
    )


def pause(headers: Mapping[str, str], *, default: float = _PAUSE) -> float:
    """Seconds until the account may go on, as the answer's headers tell; an hour at most, so that
    a limit that was lifted earlier is noticed.

    Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers
    """
    waits = [_minutes(headers.get(name)) * 60.0 for name in _USAGE]
    after = headers.get("Retry-After", "")
    if after.isascii() and after.isdecimal() and len(after) < _DIGITS:
        waits.append(float(after))
    return min(max(waits) or default, _LONG_PAUSE)


_DIGITS = 12
"""Digits of the longest number that is taken for a time."""
_USAGE = ("X-Business-Use-Case-Usage", "X-App-Usage")


def _minutes(usage: str | None) -> float:
    """The longest wait that one of these headers names, at whatever depth; 0 for none."""
    try:
        found = json.loads(usage or "0")
    except (ValueError, RecursionError):
        return 0.0
    waiting, longest = [found], 0.0
    while waiting:
        match waiting.pop():
            case list() as items:
                waiting.extend(items)
            case dict() as fields:
                minutes = fields.get("estimated_time_to_regain_access")
                if isinstance(minutes, int | float) and minutes > 0:
                    longest = max(longest, float(minutes))
                waiting.extend(fields.values())
    return longest


def _not_graph(status: int, product: Product, headers: Mapping[str, str]) -> SendError:
    """An answer without an error of the Graph API comes from something in between."""
    code = str(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _throttled(status, code, product, headers)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Rejected(f"The file is larger than {product.name} takes.", code=code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(f"{product.name} is in trouble.", code=code)
    return somebody_else(status, product.name, table=product.table)


def _quoted(words: str, hide: str) -> str:
    """Meta's words behind a colon, in one line and without the secret; empty for none."""
    line = " ".join(words.split())
    if hide:
        line = line.replace(hide, "…")
    line = line if len(line) <= _SAID else line[: _SAID - 1] + "…"
    return f": {line.rstrip('.')}" if line else ""
