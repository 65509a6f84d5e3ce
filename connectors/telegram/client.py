"""aiogram as the client: it knows the methods, the uploads and the refusals.

Its own way of asking is replaced by one with a limit on each phase of a call, so that a message
that surely did not go out is told from one that may have. aiogram is imported here and in the
modules this one imports, which are loaded when an account first calls Telegram.
"""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TypeVar
from weakref import WeakKeyDictionary

import aiohttp
import msgspec
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import AiogramError
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteWebhook,
    GetFile,
    GetMe,
    GetUpdates,
    GetWebhookInfo,
    SetWebhook,
)
from msgspec import Struct

from connectors.base import Rejected, SendError, Throttled, Unreachable
from connectors.kit.lost_answers import unanswered, unreadable
from connectors.telegram.failures import Migrated, not_telegram, refused
from connectors.telegram.health import Me, WebhookInfo
from connectors.telegram.reading import ALLOWED_UPDATES
from connectors.telegram.request import Request
from connectors.telegram.sending import call_for
from registry.types import OutboundMessage

T = TypeVar("T")

CONNECT = 10.0
"""Seconds to get a connection, new or from the pool."""
_SLOWEST = 128 * 1024
"""Bytes a second below which an upload is given up."""
_DOWNLOAD = 300.0
"""Seconds for a whole file."""
_CHUNK = 64 * 1024
_MAX_CONNECTIONS = 40
"""Deliveries that Telegram may make at once: its own default, said aloud."""


_JSON = {"Content-Type": "application/json"}


class Session(AiohttpSession):
    """aiogram's session, shared by the bots of one server."""

    async def ask(self, bot: Bot, request: Request, *, seconds: float) -> tuple[int, bytes]:
        """Make a call and give its status and body as they came.

        Raises: aiohttp.ClientError, TimeoutError, OSError.
        """
        http = await self.create_session()
        data: aiohttp.FormData | bytes
        if request.uploads:
            data, headers = self.build_form_data(bot, request.method(**request.params)), {}
        else:
            given = {key: value for key, value in request.params.items() if value is not None}
            data, headers = msgspec.json.encode(given), _JSON
        async with http.post(
            self.api.api_url(token=bot.token, method=request.name),
            data=data,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=seconds, connect=CONNECT),
            allow_redirects=False,
        ) as response:
            return response.status, await response.read()

    async def close(self) -> None:
        """Let go of every connection; aiogram's own waits for TLS to end, where there is any."""
        if self._session is not None and not self.api.base.startswith("https:"):
            await self._session.close()
        await super().close()


class _Answer(Struct):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    description: str = ""
    """Never empty in a refusal."""


class _Ref(Struct):
    id: int


class Taken(Struct):
    """A message of ours, as Telegram took it."""

    message_id: int
    date: int
    chat: _Ref


class _FileInfo(Struct):
    file_size: int | None = None
    file_path: str | None = None


_ANY_METHOD = GetMe()
_ANSWER = msgspec.json.Decoder(_Answer)
_DONE = msgspec.json.Decoder(bool)
_ME = msgspec.json.Decoder(Me)
_WEBHOOK_INFO = msgspec.json.Decoder(WebhookInfo)
_FILE_INFO = msgspec.json.Decoder(_FileInfo)
_UPDATES = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGE: msgspec.json.Decoder[Taken | list[Taken]] = msgspec.json.Decoder(Taken | list[Taken])


class Client:
    """One bot. Every method raises SendError."""

    def __init__(self, token: str, *, account: str, api_base: str, timeout: float) -> None:
        """`timeout` is what a whole call may take without files, in seconds."""
        self.account = account
        self.timeout = timeout
        self._api_base = api_base
        self._session = _take_session(api_base)
        self._bot = Bot(token, session=self._session)
        self._closed = False

    async def close(self) -> None:
        """The last bot of a server closes the connections."""
        if not self._closed:
            self._closed = True
            await _give_back_session(self._api_base)

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> list[Taken]:
        """Carry one part of a reply; an album becomes several messages."""
        request = call_for(message)
        try:
            taken = await self._send(request)
        except Migrated as moved:
            taken = await self._send(request.to(moved.chat))
        return taken if isinstance(taken, list) else [taken]

    async def _send(self, request: Request) -> Taken | list[Taken]:
        size = sum(upload.file.size for upload in request.uploads)
        seconds = self.timeout + size / _SLOWEST
        return await self._ask(request, _MESSAGE, seconds=seconds, sends=True)

    async def answer_callback(self, query: str) -> None:
        """Stop the clock on the button that was pressed."""
        await self._ask(Request(AnswerCallbackQuery, {"callback_query_id": query}), _DONE)

    # --- Receiving -------------------------------------------------------------------------------

    async def updates(self, offset: int | None, *, limit: int, wait: int) -> list[msgspec.Raw]:
        """The updates from `offset` on, as they came; waits `wait` seconds for the first."""
        params = {
            "offset": offset,
            "limit": limit,
            "timeout": wait,
            "allowed_updates": ALLOWED_UPDATES,
        }
        return await self._ask(Request(GetUpdates, params), _UPDATES, seconds=wait + self.timeout)

    async def download(
        self, file_id: str, *, size: int | None, max_bytes: int
    ) -> AsyncIterator[bytes]:
        """Stream a file in chunks; `size` is what its message said of it.

        Raises: Rejected when it is gone, or larger than `max_bytes`.
        """
        if (size or 0) > max_bytes:
            raise _too_large(max_bytes)
        info = await self._ask(Request(GetFile, {"file_id": file_id}), _FILE_INFO)
        if info.file_path is None:
            raise Rejected("Telegram no longer has the file.")
        if (info.file_size or 0) > max_bytes:
            raise _too_large(max_bytes)
        failure: SendError | None = None
        received = 0
        http = await self._session.create_session()
        try:
            async with http.get(
                self._session.api.file_url(self._bot.token, info.file_path),
                timeout=aiohttp.ClientTimeout(
                    total=_DOWNLOAD, connect=CONNECT, sock_read=self.timeout
                ),
                allow_redirects=False,
            ) as response:
                failure = _no_file(response.status)
                if failure is None:
                    async for chunk in response.content.iter_chunked(_CHUNK):
                        received += len(chunk)
                        if received > max_bytes:
                            failure = _too_large(max_bytes)
                            break
                        yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError):
            failure = Unreachable("The connection to Telegram broke in the middle of the file.")
        if failure is None and info.file_size not in {None, received}:
            failure = Unreachable("Telegram sent less of the file than there is.")
        if failure is not None:
            raise failure

    # --- The account -----------------------------------------------------------------------------

    async def me(self) -> Me:
        return await self._ask(Request(GetMe), _ME)

    async def webhook_info(self) -> WebhookInfo:
        return await self._ask(Request(GetWebhookInfo), _WEBHOOK_INFO)

    async def set_webhook(self, url: str, secret: str) -> None:
        params = {
            "url": url,
            "secret_token": secret,
            "allowed_updates": ALLOWED_UPDATES,
            "max_connections": _MAX_CONNECTIONS,
            "drop_pending_updates": False,
        }
        await self._ask(Request(SetWebhook, params), _DONE)

    async def delete_webhook(self) -> None:
        await self._ask(Request(DeleteWebhook, {"drop_pending_updates": False}), _DONE)

    # --- One call --------------------------------------------------------------------------------

    async def _ask(
        self,
        request: Request,
        result: msgspec.json.Decoder[T],
        *,
        seconds: float | None = None,
        sends: bool = False,
    ) -> T:
        """Call Telegram and decode its result; `sends` marks a call that must not happen twice.

        Failures are raised outside the handlers: an error of the HTTP client may hold the address
        of the call, and with it the token, and must not hang on ours as its context.
        """
        for upload in request.uploads:
            upload.whole = False
        failure: SendError
        try:
            status, body = await self._session.ask(
                self._bot, request, seconds=seconds or self.timeout
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            whole = all(upload.whole for upload in request.uploads)
            failure = unanswered(error, "Telegram", sends=sends, whole=whole)
        else:
            answer = _decoded(body)
            if answer is None or not (answer.ok or answer.description):
                failure = not_telegram(status, account=self.account, sends=sends)
            elif answer.ok:
                try:
                    return result.decode(answer.result)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    failure = unreadable("Telegram", sends=sends)
            else:
                failure = self._refusal(status, body, sends=sends)
        raise failure

    def _refusal(self, status: int, body: bytes, *, sends: bool) -> SendError:
        """aiogram reads a refusal: its status, its words, its parameters; of any method alike."""
        try:
            self._session.check_response(self._bot, _ANY_METHOD, status, body.decode())
        except AiogramError as error:
            return refused(error, status, account=self.account, sends=sends)
        return unreadable("Telegram", sends=sends)


def _too_large(max_bytes: int) -> Rejected:
    """The refusal of a file that is over the limit of Telegram or of the hub."""
    return Rejected(f"The file is larger than {max_bytes // (1024 * 1024)} MB.", code="too_large")


def _decoded(body: bytes) -> _Answer | None:
    try:
        return _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _no_file(status: int) -> SendError | None:
    if status == HTTPStatus.OK:
        return None
    code = str(status)
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Rejected("Telegram no longer has the file.", code=code)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("Telegram asks the bot to wait.", retry_after=5.0, code=code)
    return Unreachable(f"Telegram answered {status} instead of the file.", code=code)


# --- The session that bots share ----------------------------------------------------------------


class _Shared:
    """A session and how many bots use it: its TLS context costs 40 ms."""

    def __init__(self, api_base: str) -> None:
        self.session = Session(api=TelegramAPIServer.from_base(api_base))
        self.bots = 0


_SESSIONS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = WeakKeyDictionary()


def _take_session(api_base: str) -> Session:
    sessions = _SESSIONS.setdefault(asyncio.get_running_loop(), {})
    shared = sessions.get(api_base)
    if shared is None:
        shared = sessions[api_base] = _Shared(api_base)
    shared.bots += 1
    return shared.session


async def _give_back_session(api_base: str) -> None:
    sessions = _SESSIONS[asyncio.get_running_loop()]
    shared = sessions[api_base]
    shared.bots -= 1
    if shared.bots == 0:
        del sessions[api_base]
        await shared.session.close()
