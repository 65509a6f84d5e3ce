"""One Telegram bot: updates in by webhook or by polling, replies out through aiogram.

Only private chats are read. aiogram is imported when the account first calls Telegram, never to
receive a delivery.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias

import msgspec
from msgspec import Struct
from pydantic import ConfigDict, SecretStr, model_validator

from connectors.base import (
    AccountSettings,
    Answer,
    Context,
    Diagnosis,
    Forged,
    Misconfigured,
    Page,
    Rejected,
    SendError,
    Unreachable,
)
from connectors.kit.health import unreachable
from connectors.kit.keys import ApiBase, matching
from connectors.telegram.health import TELEGRAM, diagnose, unusable_hook
from connectors.telegram.limits import CAPABILITIES, MAX_DOWNLOAD
from connectors.telegram.reading import ALLOWED_UPDATES, external_id, inbound
from connectors.telegram.updates import read_update
from registry.types import Attachment, Capabilities, Envelope, Inbound, OutboundMessage, Sent

if TYPE_CHECKING:
    from connectors.telegram.client import Client

if find_spec("aiogram") is None:
    # Said at once, and not hours later by the first reply: importing it waits until then.
    raise ModuleNotFoundError("No module named 'aiogram'", name="aiogram")

_log = logging.getLogger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
_PAGE = 100
"""Updates of one poll: the most Telegram gives."""
_POLL_WAIT = 25
"""Seconds a poll waits for the first update."""


_Token: TypeAlias = Annotated[
    SecretStr,
    matching(
        r"\d{1,16}:[A-Za-z0-9_-]{1,64}",
        "a token as @BotFather gives it is needed: digits, a colon, letters",
    ),
]
_WebhookSecret: TypeAlias = Annotated[
    SecretStr,
    matching(
        r"[A-Za-z0-9_-]{8,256}", "8 to 256 of the characters A-Z, a-z, 0-9, _ and - are needed"
    ),
]
"""Telegram takes a single character; whoever guesses it speaks in everybody's name.

Source: https://core.telegram.org/bots/api#setwebhook
"""
_ApiBase: TypeAlias = Annotated[ApiBase, matching(r"[^{}]*", "the address may hold no braces")]
"""aiogram puts the token into an address by braces."""


class TelegramSettings(AccountSettings):
    """`[channels.telegram.<account>]`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: _Token
    """What @BotFather gave for the bot."""
    webhook_secret: _WebhookSecret | None = None
    """What Telegram says with each delivery, so that nobody else's is taken."""
    mode: Literal["webhook", "polling"] = "webhook"
    api_base: _ApiBase = TELEGRAM

    @model_validator(mode="after")
    def _webhook_needs_a_secret(self) -> Self:
        if self.mode == "webhook" and self.webhook_secret is None:
            raise ValueError(
                'webhook_secret is missing: mode = "webhook" needs one; mode = "polling" needs none'
            )
        return self


class TelegramConnector:
    """One bot."""

    name: ClassVar[str] = "telegram"
    capabilities: ClassVar[Capabilities] = CAPABILITIES
    Settings: ClassVar[type[AccountSettings]] = TelegramSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, TelegramSettings)
        self.account = account
        self.timeout = 30.0
        """Seconds to wait for Telegram's answer; each MB of a file adds its own."""
        self._settings = settings
        self._context = context
        secret = settings.webhook_secret
        self._secret = b"" if secret is None else secret.get_secret_value().encode()
        self._hook = context.hook(self.name, account)
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._unanswered: list[tuple[int, str]] = []

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        """Compare the secret that Telegram sends in a header with the one it was given."""
        given = envelope.headers.get(SECRET_HEADER, "")
        if not self._secret or not compare_digest(
            given.encode("utf-8", "surrogatepass"), self._secret
        ):
            raise Forged("The secret of the delivery is not this account's.")

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read one update."""
        return inbound(
            read_update(envelope.body),
            channel=self.name,
            account=self.account,
            body=envelope.body,
            received_at=envelope.received_at,
        )

    def answer(self, envelope: Envelope) -> Answer:
        """A pressed button is released by the webhook's own answer, which costs no call.

        Source: https://core.telegram.org/bots/api#making-requests-when-getting-updates
        """
        query = _query(envelope.body)
        if query is None:
            return _EMPTY
        method = {"method": "answerCallbackQuery", "callback_query_id": query}
        return Answer(body=msgspec.json.encode(method), content_type="application/json")

    @property
    def polls(self) -> bool:
        return self._settings.mode == "polling"

    async def poll(self, cursor: str | None) -> Page:
        """Ask for what came since; the cursor is the number of the next update.

        The buttons of the page before are released now: by its cursor it has been stored.
        """
        client = await self._open()
        offset = None if cursor is None else int(cursor)
        await self._release_buttons(client, offset)
        bodies = [
            bytes(update) for update in await client.updates(offset, limit=_PAGE, wait=_POLL_WAIT)
        ]
        for body in bodies:
            number = _number(body)
            offset = number + 1
            query = _query(body)
            if query is not None:
                self._unanswered.append((number, query))
        return Page(
            bodies=bodies,
            cursor=None if offset is None else str(offset),
            more=len(bodies) == _PAGE,
        )

    async def _release_buttons(self, client: "Client", offset: int | None) -> None:
        pressed, self._unanswered = self._unanswered, []
        stored = [query for number, query in pressed if offset is not None and number < offset]
        for outcome in await asyncio.gather(
            *(client.answer_callback(query) for query in stored), return_exceptions=True
        ):
            if isinstance(outcome, SendError):
                _log.info("a pressed button was not released: %s", outcome.reason)
            elif outcome is not None:
                raise outcome

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment."""
        if attachment.ref is None:
            raise Rejected("The attachment has no file.")
        client = await self._open()
        limit = min(MAX_DOWNLOAD, self._context.max_media_bytes)
        async for chunk in client.download(attachment.ref, size=attachment.size, max_bytes=limit):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part as it stands, without markup."""
        client = await self._open()
        taken = await client.send(message)
        return Sent(
            external_ids=tuple(external_id(one.chat.id, one.message_id) for one in taken),
            at=datetime.fromtimestamp(taken[0].date, UTC),
        )

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Set the webhook, or remove it for polling; what waits at Telegram is kept."""
        client = await self._open()
        if self.polls:
            await client.delete_webhook()
            return
        unusable = unusable_hook(self._hook, self._settings.api_base)
        if unusable is not None:
            raise unusable
        try:
            await client.set_webhook(self._hook, self._secret.decode())
        except Rejected as error:
            raise Misconfigured(
                f"Telegram does not take {self._hook} as a webhook. {error.reason}",
                cure="Correct public_url: it must be the hub's public https address.",
                code=error.code,
            ) from error

    async def check(self) -> Diagnosis:
        """Ask Telegram who the bot is and where it delivers to."""
        try:
            client = await self._open()
            me, info = await client.me(), await client.webhook_info()
        except SendError as error:
            return unreachable(error)
        unusable = None if self.polls else unusable_hook(self._hook, self._settings.api_base)
        if unusable is not None:
            return unreachable(unusable)
        return diagnose(
            me,
            info,
            hook=None if self.polls else self._hook,
            wanted=ALLOWED_UPDATES,
            now=self._context.clock(),
        )

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self) -> "Client":
        """The client, made at the first call: importing aiogram takes seconds, in a thread."""
        if self._client is not None:
            return self._client
        async with self._opening:
            if self._client is None:
                module = await asyncio.to_thread(import_module, "connectors.telegram.client")
                self._client = module.Client(
                    self._settings.token.get_secret_value(),
                    account=self.account,
                    api_base=self._settings.api_base,
                    timeout=self.timeout,
                )
            return self._client


CONNECTOR = TelegramConnector

_EMPTY = Answer()


class _QueryId(Struct):
    id: str


class _Pressed(Struct):
    callback_query: _QueryId | None = None


class _Numbered(Struct):
    update_id: int


_PRESSED = msgspec.json.Decoder(_Pressed)
_NUMBERED = msgspec.json.Decoder(_Numbered)


def _query(body: bytes) -> str | None:
    """The id of the pressed button's query, if the update is one."""
    if b'"callback_query"' not in body:
        return None
    try:
        pressed = _PRESSED.decode(body).callback_query
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if pressed is None else pressed.id


def _number(body: bytes) -> int:
    try:
        return _NUMBERED.decode(body).update_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreachable("Telegram's answer holds an update without a number.") from None
