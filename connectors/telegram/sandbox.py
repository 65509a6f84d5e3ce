"""Telegram on loopback: it refuses what the Bot API refuses, and its citizens write to the bot.

Sources: https://core.telegram.org/bots/api, and for the words of its refusals the server that
Telegram runs, https://github.com/tdlib/telegram-bot-api
"""

import asyncio
import html
import json
import re
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import MultiDict

from connectors.telegram.citizens import Citizen, Posted, Received
from connectors.testing.sandbox import Call, Refused, Route, Sandbox, Upload, answer

TOKEN = "7012345678:AAF-sandbox-token-of-no-value-000000"  # noqa: S105 - opens nothing
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
MAX_TEXT, MAX_CAPTION = 4096, 1024
"""UTF-16 units."""
MAX_UPLOAD, MAX_PHOTO, MAX_DOWNLOAD = 50 * 1024 * 1024, 10 * 1024 * 1024, 20 * 1024 * 1024
MAX_WAIT = 50
"""Seconds of a long poll."""
_FIRST_CITIZEN = 5_512_345_601
"""Beyond 32 bits, as the ids of newer accounts are."""
_LONGEST_PAUSE = 60.0
"""Seconds between two attempts to deliver."""
_ON_REQUEST_ONLY = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Updates that come only to whoever names them."""
_MIXED = frozenset({"photo", "video"})
"""Media that may stand together in an album."""

Method: TypeAlias = Callable[["Params"], Awaitable[Any]]


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """A file that a citizen or the bot sent."""

    path: str
    content: bytes
    size: int
    """What Telegram says it is; larger than `content` to stand for a file too large to fetch."""


@dataclass(slots=True, kw_only=True)
class Webhook:
    """Where the bot asked its updates to be delivered."""

    url: str
    secret: str | None
    max_connections: int
    error_at: int | None = None
    error: str | None = None


@dataclass(slots=True, eq=False)
class _Poll:
    """A getUpdates that waits; a newer one or a webhook ends it."""

    ended: str | None = None


class TelegramSandbox(Sandbox):
    """One bot's Telegram: `TelegramSandbox(token=…)`, then `citizen(…)` for each person.

    `strict` refuses webhooks that are not https, as Telegram does and a server of one's own does
    not. `retries` delivers a failed update again and again, as Telegram does, until it is taken;
    without it an update that failed stays pending. `a_second_a_chat` refuses the second message
    to a chat within a second.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        username: str = "almaty_109_bot",
        strict: bool = False,
        retries: bool = False,
        first_pause: float = 1.0,
        a_second_a_chat: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.token = token
        self.user = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Алматы 109",
            "username": username,
        }
        self.strict = strict
        self.retries = retries
        self.first_pause = first_pause
        """Seconds before the second attempt; doubled each time."""
        self.a_second_a_chat = a_second_a_chat
        self.webhook: Webhook | None = None
        self.allowed: Sequence[str] | None = None
        """The kinds of update that were asked for; None for all but those on request only."""
        self.pending: dict[int, dict[str, Any]] = {}
        """Updates nobody has taken, in order, by their numbers."""
        self.citizens: dict[int, Citizen] = {}
        self.sent: list[Received] = []
        """What the bot wrote, to whomever."""
        self.files: dict[str, StoredFile] = {}
        self.queries: dict[str, str | None] = {}
        """Pressed buttons: the text each was answered with, None while it waits."""
        self._update_id = 884_120_300
        self._message_ids: dict[int, int] = {}
        self._poll: _Poll | None = None
        self._turns: dict[int, asyncio.Lock] = {}

    # --- Citizens --------------------------------------------------------------------------------

    def citizen(
        self,
        *,
        name: str = "Айгүл Сейтқали",
        language: str | None = "kk",
        username: str | None = None,
        user_id: int | None = None,
        started: bool = False,
    ) -> Citizen:
        """A new person on Telegram; the bot can write to them once they have, or `started`."""
        first, _, last = name.partition(" ")
        number = user_id if user_id is not None else _FIRST_CITIZEN + len(self.citizens)
        told = {"last_name": last, "username": username, "language_code": language}
        user = {"id": number, "is_bot": False, "first_name": first}
        user |= {key: value for key, value in told.items() if value}
        citizen = Citizen(self, user, started=started)
        self.citizens[number] = citizen
        return citizen

    async def post(self, chat: int, kind: str, content: Mapping[str, Any]) -> int | None:
        """Bring an update of a kind to the bot.

        The status the webhook answered; None when it waits for getUpdates or could not be
        delivered, or when the bot did not ask for updates of this kind.
        """
        allowed = self.allowed
        if kind in _ON_REQUEST_ONLY if allowed is None else kind not in allowed:
            return None
        self._update_id += 1
        update = {"update_id": self._update_id, kind: dict(content)}
        self.pending[self._update_id] = update
        self.changed()
        return await self._deliver(chat, update)

    def next_message_id(self, chat: int) -> int:
        """Ids are counted within a chat here, so that two chats have messages of one id."""
        self._message_ids[chat] = self._message_ids.get(chat, 0) + 1
        return self._message_ids[chat]

    def store(self, content: bytes, *, path: str, size: int | None = None) -> dict[str, Any]:
        """Keep a file, and give what a message says of it. `{n}` in the path is its number."""
        number = len(self.files) + 1
        file_id = f"AgACAgIAAxkBAAI{number:06d}-sandbox_file"
        told = len(content) if size is None else size
        self.files[file_id] = StoredFile(path=path.format(n=number), content=content, size=told)
        return {"file_id": file_id, "file_unique_id": f"AQAD{number:06d}", "file_size": told}

    # --- Deliveries ------------------------------------------------------------------------------

    async def _deliver(self, chat: int, update: dict[str, Any]) -> int | None:
        """Post an update to the webhook, after the earlier ones of its chat."""
        async with self._turns.setdefault(chat, asyncio.Lock()):
            pause = self.first_pause
            while self.webhook is not None and update["update_id"] in self.pending:
                status, wait = await self._attempt(self.webhook, update)
                if (status is not None and status < 300) or not self.retries:
                    return status
                await asyncio.sleep(wait if wait is not None else pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            return None

    async def redeliver(self) -> None:
        """Post everything that waits to the webhook, chat by chat at once."""
        await asyncio.gather(
            *(self._deliver(_chat_of(update), update) for update in self.pending.values())
        )

    async def _attempt(
        self, webhook: Webhook, update: dict[str, Any]
    ) -> tuple[int | None, float | None]:
        """The webhook's status, None without one, and the seconds it asks to wait."""
        headers = {"Content-Type": "application/json"}
        if webhook.secret:
            headers[SECRET_HEADER] = webhook.secret
        try:
            answered = await self.exchange(
                "POST", webhook.url, json.dumps(update).encode(), headers=headers
            )
        except (aiohttp.ClientError, TimeoutError, OSError):
            self._failed(webhook, "Connection refused")
            return None, None
        if answered.status < 300:
            self.pending.pop(update["update_id"], None)
            self._take_method(answered.body)
            self.changed()
            return answered.status, None
        reason = HTTPStatus(answered.status).phrase
        self._failed(webhook, f"Wrong response from the webhook: {answered.status} {reason}")
        wait = answered.headers.get("Retry-After", "")
        return answered.status, float(wait) if wait.isdecimal() else None

    def _failed(self, webhook: Webhook, error: str) -> None:
        webhook.error, webhook.error_at = error, self.now()
        self.changed()

    def _take_method(self, body: bytes) -> None:
        """A webhook may answer with a call, of which only the pressed buttons' is known here."""
        with suppress(ValueError):
            said = json.loads(body)
            if isinstance(said, dict) and said.get("method") == "answerCallbackQuery":
                self._release(str(said.get("callback_query_id")), said.get("text"))

    def now(self) -> int:
        """The moment as Telegram writes it."""
        return int(self.clock().timestamp())

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        yield Route("*", "/bot{token}/{method}", self._call_method)
        yield Route("GET", "/file/bot{token}/{path:.+}", self._serve_file)

    def unknown(self, call: Call) -> web.Response:
        return answer(_error(404, "Not Found"), status=404)

    def too_many(self, call: Call, retry_after: float) -> web.Response:
        wait = max(1, round(retry_after))
        return answer(
            _error(429, f"Too Many Requests: retry after {wait}", retry_after=wait), status=429
        )

    def budgets(self, call: Call) -> Iterable[tuple[Hashable, float]]:
        if not call.params.get("method", "").lower().startswith("send"):
            return
        yield from super().budgets(call)
        if self.a_second_a_chat:
            yield ("chat", Params(call).text("chat_id")), 1.0

    async def _call_method(self, call: Call) -> web.Response:
        if call.params["token"] != self.token:
            raise _refused(401, "Unauthorized")
        method = self._methods().get(call.params["method"].lower())
        if method is None:
            raise _refused(404, "Not Found: method not found")
        if len(call.body) > MAX_UPLOAD:
            raise _refused(413, "Request Entity Too Large")
        result = await method(Params(call))
        self.changed()
        return answer({"ok": True, "result": result})

    def _methods(self) -> Mapping[str, Method]:
        return {
            "getme": self._get_me,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._get_webhook_info,
            "getupdates": self._get_updates,
            "getfile": self._get_file,
            "answercallbackquery": self._answer_callback_query,
            "sendmessage": self._send_message,
            "sendphoto": self._media("photo"),
            "sendvideo": self._media("video"),
            "sendaudio": self._media("audio"),
            "sendvoice": self._media("voice"),
            "senddocument": self._media("document"),
            "sendlocation": self._send_location,
            "sendmediagroup": self._send_media_group,
        }

    async def _serve_file(self, call: Call) -> web.Response:
        found = [f for f in self.files.values() if f.path == call.params["path"]]
        if call.params["token"] != self.token or not found:
            raise _refused(404, "Not Found")
        return answer(found[0].content, headers={"Content-Type": "application/octet-stream"})

    # --- The account's methods -------------------------------------------------------------------

    async def _get_me(self, _: "Params") -> Any:
        return {**self.user, "can_join_groups": False, "can_read_all_group_messages": False}

    async def _set_webhook(self, params: "Params") -> Any:
        url = params.text("url")
        if not url:
            return await self._delete_webhook(params)
        parts = urlsplit(url)
        if not parts.hostname:
            raise _bad("invalid webhook URL specified")
        if self.strict and parts.scheme != "https":
            raise _bad("bad webhook: An HTTPS URL must be provided for webhook")
        if self.strict and (parts.port or 443) not in {80, 88, 443, 8443}:
            raise _bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
        secret = params.text("secret_token")
        if len(secret) > 256:
            raise _bad("secret token is too long")
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]+", secret):
            raise _bad("secret token contains unallowed characters")
        self._set_allowed(params)
        self._end_poll("terminated by setWebhook request")
        if params.flag("drop_pending_updates"):
            self.pending.clear()
        self.webhook = Webhook(
            url=url,
            secret=secret or None,
            max_connections=min(100, max(1, params.whole("max_connections", 40))),
        )
        self.later(self.redeliver())
        return True

    async def _delete_webhook(self, params: "Params") -> Any:
        if params.flag("drop_pending_updates"):
            self.pending.clear()
        self.webhook = None
        return True

    async def _get_webhook_info(self, _: "Params") -> Any:
        hook = self.webhook
        info: dict[str, Any] = {
            "url": hook.url if hook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self.pending),
        }
        if hook is not None:
            info["max_connections"] = hook.max_connections
            info["ip_address"] = "127.0.0.1"
            if hook.error is not None:
                info |= {"last_error_date": hook.error_at, "last_error_message": hook.error}
        if self.allowed is not None:
            info["allowed_updates"] = list(self.allowed)
        return info

    async def _get_updates(self, params: "Params") -> Any:
        if self.webhook is not None:
            raise _refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        self._end_poll(
            "terminated by other getUpdates request; "
            "make sure that only one bot instance is running"
        )
        self._set_allowed(params)
        self._confirm(params.whole("offset", 0))
        poll = self._poll = _Poll()
        limit = min(100, max(1, params.whole("limit", 100)))
        wait = min(MAX_WAIT, max(0, params.whole("timeout", 0)))
        if not self.pending and wait:
            with suppress(TimeoutError):
                await self.until(lambda: bool(self.pending) or poll.ended is not None, timeout=wait)
        if poll.ended is not None:
            raise _refused(409, f"Conflict: {poll.ended}")
        return list(self.pending.values())[:limit]

    def _end_poll(self, reason: str) -> None:
        if self._poll is not None:
            self._poll.ended = reason
            self._poll = None
            self.changed()

    def _confirm(self, offset: int) -> None:
        """Forget the updates before `offset`; a negative one keeps so many of the last."""
        numbers = list(self.pending)
        gone = numbers[:offset] if offset < 0 else [n for n in numbers if n < offset]
        for number in gone:
            del self.pending[number]

    def _set_allowed(self, params: "Params") -> None:
        kinds = params.parsed("allowed_updates")
        if isinstance(kinds, list):
            self.allowed = [str(kind) for kind in kinds] or None

    async def _get_file(self, params: "Params") -> Any:
        file_id = params.text("file_id")
        stored = self.files.get(file_id)
        if stored is None:
            raise _bad("invalid file_id")
        if stored.size > MAX_DOWNLOAD:
            raise _bad("file is too big")
        return {
            "file_id": file_id,
            "file_unique_id": file_id[-12:],
            "file_size": stored.size,
            "file_path": stored.path,
        }

    async def _answer_callback_query(self, params: "Params") -> Any:
        query = params.text("callback_query_id")
        if query not in self.queries:
            raise _bad("query is too old and response timeout expired or query ID is invalid")
        self._release(query, params.text("text"))
        return True

    def _release(self, query: str, text: object) -> None:
        if query in self.queries:
            self.queries[query] = str(text or "")

    # --- What the bot writes ---------------------------------------------------------------------

    async def _send_message(self, params: "Params") -> Any:
        citizen = self._recipient(params)
        text = _marked_up(params.text("text"), params.text("parse_mode"))
        if not text.strip():
            raise _bad("message text is empty")
        if _units(text) > MAX_TEXT:
            raise _bad("message is too long")
        return self._arrive(citizen, params, "text", {"text": text}, text=text)

    def _media(self, kind: str) -> Method:
        async def send(params: Params) -> Any:
            citizen = self._recipient(params)
            caption = self._caption(params.text("caption"), params.text("parse_mode"))
            upload = params.upload(kind, params.value(kind))
            content = {kind: self._taken(kind, upload)}
            if caption:
                content["caption"] = caption
            return self._arrive(citizen, params, kind, content, text=caption, files=[upload])

        return send

    async def _send_location(self, params: "Params") -> Any:
        citizen = self._recipient(params)
        place = {}
        for name, limit in (("latitude", 90), ("longitude", 180)):
            try:
                place[name] = float(params.text(name))
            except ValueError:
                raise _bad(f"{name} is empty" if not params.text(name) else "wrong place") from None
            if abs(place[name]) > limit:
                raise _bad(f"{name} is out of range")
        return self._arrive(citizen, params, "location", {"location": place}, place=place)

    async def _send_media_group(self, params: "Params") -> Any:
        citizen = self._recipient(params)
        items = params.parsed("media")
        if not isinstance(items, list) or not 2 <= len(items) <= 10:
            raise _bad("expected 2 to 10 items in the media group")
        kinds = {str(item.get("type")) for item in items}
        if not (kinds <= _MIXED or (len(kinds) == 1 and kinds <= {"audio", "document"})):
            raise _bad(f"{max(kinds - _MIXED)} can't be mixed with other media types")
        ready = []
        for item in items:
            kind = str(item["type"])
            caption = self._caption(
                str(item.get("caption") or ""), str(item.get("parse_mode") or "")
            )
            upload = params.upload(kind, item.get("media"))
            content = {kind: self._taken(kind, upload), "media_group_id": "1390"}
            if caption:
                content["caption"] = caption
            ready.append((kind, content, caption, upload))
        return [
            self._arrive(citizen, params, kind, content, text=caption, files=[upload])
            for kind, content, caption, upload in ready
        ]

    def _recipient(self, params: "Params") -> Citizen:
        chat = params.text("chat_id")
        if not chat:
            raise _bad("chat_id is empty")
        citizen = self.citizens.get(int(chat)) if re.fullmatch(r"-?\d{1,18}", chat) else None
        if citizen is None or not citizen.started:
            raise _bad("chat not found")
        if citizen.moved_to is not None:
            raise _refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=citizen.moved_to,
            )
        if citizen.deactivated:
            raise _refused(403, "Forbidden: user is deactivated")
        if citizen.blocked:
            raise _refused(403, "Forbidden: bot was blocked by the user")
        return citizen

    def _arrive(
        self,
        citizen: Citizen,
        params: "Params",
        kind: str,
        content: Mapping[str, Any],
        *,
        text: str = "",
        files: Sequence[Upload] = (),
        place: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        reply_to = self._replied(citizen, params)
        message: dict[str, Any] = {
            "message_id": self.next_message_id(citizen.id),
            "from": self.user,
            "chat": citizen.chat,
            "date": self.now(),
            **content,
        }
        if reply_to is not None:
            message["reply_to_message"] = citizen.messages[reply_to]
        citizen.messages[message["message_id"]] = message
        preview = params.parsed("link_preview_options")
        received = Received(
            kind=kind,
            text=text,
            message=message,
            files=tuple(files),
            reply_to=reply_to,
            preview=not (isinstance(preview, dict) and preview.get("is_disabled")),
            latitude=place["latitude"] if place else None,
            longitude=place["longitude"] if place else None,
        )
        citizen.received.append(received)
        self.sent.append(received)
        return message

    def _replied(self, citizen: Citizen, params: "Params") -> int | None:
        wanted = params.parsed("reply_parameters")
        if not isinstance(wanted, dict):
            return None
        number = int(wanted.get("message_id") or 0)
        if number in citizen.messages:
            return number
        if not wanted.get("allow_sending_without_reply"):
            raise _bad("message to be replied not found")
        return None

    def _caption(self, raw: str, mode: str) -> str:
        caption = _marked_up(raw, mode)
        if _units(caption) > MAX_CAPTION:
            raise _bad("message caption is too long")
        return caption

    def _taken(self, kind: str, upload: Upload) -> Any:
        """What a message says of an uploaded file."""
        if kind == "photo" and len(upload.content) > MAX_PHOTO:
            raise _bad("file is too big")
        file = self.store(upload.content, path=f"{kind}s/file_{{n}}")
        if kind == "photo":
            return [{**file, "width": 320, "height": 240}]
        return {**file, "file_name": upload.filename, "mime_type": upload.mime, "duration": 1}


@dataclass(frozen=True)
class Params:
    """A call's parameters, whichever of the four ways they came: all are text, or JSON in text.

    Source: https://core.telegram.org/bots/api#making-requests
    """

    call: Call
    _fields: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        data = self.call.data
        body = data if isinstance(data, Mapping | MultiDict) else {}
        object.__setattr__(self, "_fields", {**self.call.query, **body})

    def value(self, name: str) -> Any:
        return self._fields.get(name)

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if value is None or isinstance(value, Upload):
            return ""
        return value if isinstance(value, str) else json.dumps(value)

    def parsed(self, name: str) -> Any:
        """A value that is JSON, and in a form stands as its text; None when it is neither."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            return None

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        return int(text) if re.fullmatch(r"-?\d{1,18}", text) else default

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in {"true", "1", "yes"}

    def upload(self, kind: str, value: Any) -> Upload:
        """The file itself, or the one that `attach://name` points at."""
        if isinstance(value, str) and value.startswith("attach://"):
            value = self._fields.get(value.removeprefix("attach://"))
        if isinstance(value, Upload):
            if not value.content:
                raise _bad("file must be non-empty")
            return value
        if value:
            raise _bad("wrong remote file identifier specified: Wrong string length")
        raise _bad(f"there is no {kind} in the request")


def _chat_of(update: Mapping[str, Any]) -> int:
    (content,) = (value for key, value in update.items() if key != "update_id")
    chat = content.get("chat") or content.get("message", {}).get("chat") or {}
    return int(chat.get("id", 0))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _marked_up(text: str, mode: str) -> str:
    """What is left of a text when marks in it are taken for markup."""
    match mode.lower():
        case "":
            return text
        case "html":
            return html.unescape(re.sub(r"<[^>]*>", "", text))
        case _:
            return re.sub(r"[*_`~|\[\]\\]", "", text)


def _error(code: int, description: str, **parameters: int) -> dict[str, Any]:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return body


def _refused(code: int, description: str, **parameters: int) -> Refused:
    return Refused(code, _error(code, description, **parameters))


def _bad(description: str) -> Refused:
    return _refused(400, f"Bad Request: {description}")


__all__ = [
    "SECRET_HEADER",
    "TOKEN",
    "Citizen",
    "Posted",
    "Received",
    "StoredFile",
    "TelegramSandbox",
    "Webhook",
]
