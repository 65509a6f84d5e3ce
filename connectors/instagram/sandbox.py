"""Instagram on loopback: it refuses what Meta refuses, and its citizens write to the account.

Sources: https://developers.facebook.com/docs/instagram-platform,
https://developers.facebook.com/docs/messenger-platform/instagram/features/send-message,
https://developers.facebook.com/docs/messenger-platform/error-codes
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from connectors.instagram.citizens import Citizen, Received
from connectors.testing import meta
from connectors.testing.sandbox import Call, Refused, Route, Sandbox, answer

TOKEN = "IGAAsandboxTokenOfNoValue0000000000000001"  # noqa: S105 - opens nothing
APP_SECRET = "sandbox-app-secret-of-no-value-0001"  # noqa: S105
VERIFY_TOKEN = "sandbox-verify-token"  # noqa: S105
IG_USER_ID, PAGE_ID, USERNAME = "17841400000000109", "109000000000109", "akimat.sample"
MEDIA = "17895600000000011"
"""A post of the account's."""
MAX_TEXT = 1000
"""Bytes of UTF-8."""
MAX_COMMENT = 2200
TOKEN_LIFE = timedelta(days=60)
WINDOW, HUMAN_AGENT_WINDOW = timedelta(hours=24), timedelta(days=7)
PRIVATE_REPLY_WITHIN = timedelta(days=7)
FIELDS = frozenset(
    """
    comments live_comments mentions message_edit message_reactions messages messaging_handover
    messaging_optins messaging_postbacks messaging_referral messaging_seen standby story_insights
    """.split()  # noqa: SIM905 - a table of words
)
_ATTACHMENTS = {
    "image": (8 * 1024 * 1024, {"image/jpeg", "image/png", "image/gif"}),
    "video": (25 * 1024 * 1024, {"video/mp4", "video/ogg", "video/quicktime", "video/webm"}),
    "audio": (25 * 1024 * 1024, {"audio/aac", "audio/mp4", "audio/x-m4a", "audio/wav"}),
    "file": (25 * 1024 * 1024, {"application/pdf"}),
}
_LONGEST_PAUSE = 60.0
"""Seconds between two attempts to deliver."""


@dataclass(slots=True, kw_only=True)
class Token:
    """A token that Meta gave out."""

    made_at: datetime
    ends_at: datetime | None
    """None for a page's, which does not end."""


@dataclass(slots=True, kw_only=True)
class Comment:
    """A comment under a post of the account's."""

    id: str
    author: str
    username: str
    media: str
    text: str
    parent: str | None
    at: datetime
    live: bool = False
    hidden: bool = False
    answered_privately: bool = False


class InstagramSandbox(Sandbox):
    """One account's Instagram: `InstagramSandbox()`, then `citizen(…)` for each person.

    `login` is how the token was made. `hook` is where events go: `enter_webhook` asks it first, as
    the App Dashboard does. Nothing is delivered before the account is subscribed. `retries`
    delivers again and again what the hub did not take. `echo_first` brings the echo of a message
    before the answer to its send. `fetches` asks for each file that a message names. `bare` puts
    comments into the entry itself. `header_renews` lets a token be renewed by the header alone,
    which Meta does not promise. Ids are counted from `first_number`.
    """

    def __init__(
        self,
        *,
        login: Literal["instagram", "facebook"] = "instagram",
        token: str = TOKEN,
        app_secret: str = APP_SECRET,
        verify_token: str = VERIFY_TOKEN,
        human_agent: bool = False,
        retries: bool = False,
        first_pause: float = 1.0,
        echo_first: bool = False,
        fetches: bool = False,
        bare: bool = False,
        header_renews: bool = True,
        first_number: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.login = login
        self.app_secret = app_secret
        self.verify_token = verify_token
        self.human_agent = human_agent
        self.retries = retries
        self.first_pause = first_pause
        self.echo_first = echo_first
        self.fetches = fetches
        self.bare = bare
        self.header_renews = header_renews
        self.known_fields = FIELDS
        """What this version of the API can deliver."""
        now = self.clock()
        self.tokens = {
            token: Token(
                made_at=now - timedelta(days=2),
                ends_at=None if login == "facebook" else now + TOKEN_LIFE - timedelta(days=2),
            )
        }
        self.hook: str | None = None
        self.subscribed: frozenset[str] = frozenset()
        """The fields that are delivered; of a page with a Facebook login, the page's own."""
        self.citizens: dict[str, Citizen] = {}
        self.sent: list[Received] = []
        """What the account wrote, to whomever."""
        self.comments: dict[str, Comment] = {}
        self.mentions: set[tuple[str, str | None]] = set()
        self.files: dict[str, tuple[bytes, str]] = {}
        self._numbers = first_number

    # --- Citizens --------------------------------------------------------------------------------

    def citizen(
        self,
        *,
        name: str = "aigul.sample",
        language: str | None = None,
        user_id: str | None = None,
        wrote: bool = False,
    ) -> Citizen:
        """A new person; the account can write to them once they have, or `wrote`."""
        id_ = user_id or f"67123456789{len(self.citizens):05d}"
        citizen = Citizen(self, id_, re.sub(r"\W+", ".", name).lower(), name)
        if wrote:
            citizen.wrote_at = self.clock()
        self.citizens[id_] = citizen
        return citizen

    def new_mid(self) -> str:
        """A message's id, as long as Instagram's own."""
        return f"aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDA{self._number():08d}"

    def new_comment(
        self,
        author: Citizen | None,
        media: str,
        text: str,
        *,
        parent: str | None = None,
        comment_id: str | None = None,
        live: bool = False,
    ) -> Comment:
        """Keep a comment; a reply to a reply hangs under the top one. None is the account."""
        root = self.comments[parent].parent or parent if parent is not None else None
        made = Comment(
            id=comment_id or f"1799{self._number():013d}",
            author=IG_USER_ID if author is None else author.id,
            username=USERNAME if author is None else author.username,
            media=media,
            text=text,
            parent=root,
            at=self.clock(),
            live=live,
        )
        self.comments[made.id] = made
        return made

    def store(self, content: bytes, mime: str) -> str:
        """Keep a file, and give the address at which it is had."""
        name = f"{self._number()}"
        self.files[name] = (content, mime)
        return f"{self.url}/cdn/{name}?asset_id={name}&signature=AbC-{name}"

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # --- Deliveries ------------------------------------------------------------------------------

    async def enter_webhook(self, address: str) -> int | None:
        """Enter the webhook's address in the App Dashboard: it is asked, and kept if it answers."""
        asked = await meta.challenge(self, address, self.verify_token)
        if asked.passed:
            self.hook = address
        return asked.status

    async def post_event(self, field: str, sender: str, content: Mapping[str, Any]) -> int | None:
        """Bring what somebody did in a private conversation, the account itself perhaps."""
        event = {
            "sender": {"id": sender},
            "recipient": {"id": IG_USER_ID},
            "timestamp": self._milliseconds(),
            **content,
        }
        if sender == IG_USER_ID:
            event["recipient"] = {"id": event.pop("to")}
        return await self._post(field, {"messaging": [event]}, time=self._milliseconds())

    async def post_comment(self, comment: Comment) -> int | None:
        """Bring a comment."""
        kind = "LIVE" if comment.live else "FEED"
        value: dict[str, Any] = {
            "id": comment.id,
            "from": {"id": comment.author, "username": comment.username},
            "media": {"id": comment.media, "media_product_type": kind},
            "text": comment.text,
        }
        if comment.parent is not None:
            value["parent_id"] = comment.parent
        return await self.post_change("live_comments" if comment.live else "comments", value)

    async def post_change(self, field: str, value: Mapping[str, Any]) -> int | None:
        """Bring what happened in public."""
        change = {"field": field, "value": dict(value)}
        content = change if self.bare else {"changes": [change]}
        return await self._post(field, content, time=self._milliseconds() // 1000)

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers that prove a delivery."""
        signature = meta.sign(self.app_secret, body)
        return {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}

    async def _post(self, field: str, content: Mapping[str, Any], *, time: int) -> int | None:
        wanted = bool(self.subscribed) if self.login == "facebook" else field in self.subscribed
        if self.hook is None or not wanted:
            return None
        entry = {"id": IG_USER_ID, "time": time, **content}
        body = json.dumps({"object": "instagram", "entry": [entry]}).encode()
        pause = self.first_pause
        while True:
            status: int | None = None
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                status = await self.deliver(self.hook, body, self.sign(body))
            if status == HTTPStatus.OK or not self.retries:
                return status
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _echo(self, delivery: Coroutine[Any, Any, int | None]) -> None:
        """Deliver beside the answer, or before it."""
        if self.echo_first:
            await delivery
        else:
            self.later(delivery)

    def _milliseconds(self) -> int:
        return round(self.clock().timestamp() * 1000)

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/cdn/{name}", self._serve_file)
        for base in ("", r"/{version:v\d+\.\d}"):
            yield Route("GET", f"{base}/refresh_access_token", self._refresh)
        base = r"/{version:v\d+\.\d}"
        routes: list[tuple[str, str, Callable[[Call], Awaitable[Any]]]] = [
            ("GET", "/{node}/subscribed_apps", self._subscribed_apps),
            ("POST", "/{node}/subscribed_apps", self._subscribe),
            ("POST", "/{node}/messages", self._messages),
            ("POST", "/{node}/replies", self._replies),
            ("POST", "/{node}/mentions", self._mentions),
            ("GET", "/{node}", self._node),
            ("POST", "/{node}", self._change),
        ]
        for method, path, handler in routes:
            yield Route(method, base + path, self._authorised(handler))

    def unknown(self, call: Call) -> web.Response:
        return answer(meta.error(2500, "Unknown path components: " + call.path), status=400)

    def too_many(self, call: Call, retry_after: float) -> web.Response:
        minutes = max(1, round(retry_after / 60))
        usage = {IG_USER_ID: [{"type": "messenger", "estimated_time_to_regain_access": minutes}]}
        body = meta.error(
            80006, "There have been too many messages sent from this Instagram account."
        )
        return answer(body, status=400, headers={"X-Business-Use-Case-Usage": json.dumps(usage)})

    def _authorised(
        self, handler: Callable[[Call], Awaitable[Any]]
    ) -> Callable[[Call], Awaitable[web.Response]]:
        async def handle(call: Call) -> web.Response:
            self._token_of(call)
            result = await handler(call)
            self.changed()
            return answer(result)

        return handle

    def _token_of(self, call: Call) -> str:
        """The valid token that a call shows, in its header or in its address."""
        scheme, _, shown = call.headers.get("Authorization", "").partition(" ")
        token = shown if scheme.lower() in {"bearer", "oauth"} else call.query.get("access_token")
        if not token:
            raise _refused(104, "An access token is required to request this resource.")
        known = self.tokens.get(token)
        if known is None:
            raise _refused(190, "Invalid OAuth access token - Cannot parse access token")
        if known.ends_at is not None and known.ends_at <= self.clock():
            words = f"Error validating access token: Session has expired on {known.ends_at:%c}."
            raise _refused(190, words, subcode=463)
        return token

    async def _serve_file(self, call: Call) -> web.Response:
        found = self.files.get(call.params["name"])
        if found is None or "signature" not in call.query:
            raise Refused(403, "URL signature expired")
        content, mime = found
        return answer(content, headers={"Content-Type": mime})

    # --- The account -----------------------------------------------------------------------------

    async def _refresh(self, call: Call) -> web.Response:
        if self.login != "instagram":
            raise _refused(2500, "Unknown path components: /refresh_access_token")
        if call.query.get("grant_type") != "ig_refresh_token":
            raise _refused(100, "Unsupported grant type")
        if not self.header_renews and "access_token" not in call.query:
            raise _refused(100, "The parameter access_token is required.")
        token = self._token_of(call)
        now = self.clock()
        if now - self.tokens[token].made_at < timedelta(hours=24):
            raise _refused(100, "The access token is less than 24 hours old.")
        renewed = f"{TOKEN[:24]}Renewed{self._number():010d}"
        self.tokens[renewed] = Token(made_at=now, ends_at=now + TOKEN_LIFE)
        seconds = int(TOKEN_LIFE.total_seconds())
        return answer({"access_token": renewed, "token_type": "bearer", "expires_in": seconds})

    async def _node(self, call: Call) -> Any:
        node = call.params["node"]
        if self.login == "instagram" and node in {"me", IG_USER_ID}:
            told = {"id": "9" + IG_USER_ID[1:], "user_id": IG_USER_ID, "username": USERNAME}
        elif self.login == "facebook" and node == IG_USER_ID:
            told = {"id": IG_USER_ID, "username": USERNAME}
        elif self.login == "facebook" and node in {"me", PAGE_ID}:
            told = {"id": PAGE_ID, "name": "Akimat Sample"}
        elif (person := self.citizens.get(node)) is not None:
            # Whoever has not written has not consented to being named.
            if person.wrote_at is None:
                raise _refused(230, "User consent is required to access user profile")
            told = {"id": node, "name": person.name, "username": person.username}
        else:
            raise meta.unknown_object(node)
        fields = call.query.get("fields", "id").split(",")
        unknown = [field for field in fields if field not in told]
        if unknown:
            raise _refused(100, f"Tried accessing nonexisting field ({unknown[0]})")
        return {"id": told["id"], **{field: told[field] for field in fields}}

    async def _subscribed_apps(self, call: Call) -> Any:
        self._own_node(call)
        if not self.subscribed:
            return {"data": []}
        return {"data": [{"id": "1", "subscribed_fields": sorted(self.subscribed)}]}

    async def _subscribe(self, call: Call) -> Any:
        self._own_node(call)
        asked = _fields(call).get("subscribed_fields")
        if not isinstance(asked, str) or not asked:
            raise _refused(100, "The parameter subscribed_fields is required.")
        fields = frozenset(asked.split(","))
        known = {"feed", "messages"} if self.login == "facebook" else self.known_fields
        if not fields <= known:
            words = f"Param subscribed_fields[0] must be one of {{{', '.join(sorted(known))}}}"
            raise _refused(100, f"(#100) {words}")
        self.subscribed = fields
        return {"success": True}

    def _own_node(self, call: Call) -> None:
        own = {"me", PAGE_ID if self.login == "facebook" else IG_USER_ID}
        if call.params["node"] not in own:
            raise meta.unknown_object(call.params["node"])

    # --- Messages --------------------------------------------------------------------------------

    async def _messages(self, call: Call) -> Any:
        self._own_node(call)
        data = _fields(call)
        kind, text, url = await self._content(data.get("message"))
        match data.get("recipient"):
            case {"id": str(id_), **rest} if not rest:
                about, citizen = None, self._reachable(id_)
                self._in_window(citizen, data)
            case {"comment_id": str(id_), **rest} if not rest:
                about, citizen = id_, self._commented(id_)
            case _:
                raise _refused(100, "(#100) Param recipient must be a JSON object with an id.")
        mid = self.new_mid()
        received = Received(
            kind=kind, text=text, id=mid, url=url, about=about, human_agent="tag" in data
        )
        self.sent.append(received)
        citizen.received.append(received)
        echo: dict[str, Any] = {"mid": mid, "is_echo": True}
        if kind == "text":
            echo["text"] = text
        else:
            echo["attachments"] = [{"type": kind, "payload": {"url": url}}]
        content = {"message": echo, "to": citizen.id}
        await self._echo(self.post_event("messages", IG_USER_ID, content))
        return {"recipient_id": citizen.id, "message_id": mid}

    def _reachable(self, id_: str) -> Citizen:
        if not re.fullmatch(r"\d+", id_):
            raise _refused(100, "(#100) Param recipient[id] must be a valid ID string")
        citizen = self.citizens.get(id_)
        if citizen is None or citizen.wrote_at is None:
            raise _refused(100, "(#100) No matching user found", subcode=2534014)
        if citizen.blocked or citizen.gone:
            raise _refused(551, "(#551) This person isn't available right now.", subcode=1545041)
        return citizen

    def _in_window(self, citizen: Citizen, data: Mapping[str, Any]) -> None:
        tag = data.get("tag")
        if tag is not None:
            if tag != "HUMAN_AGENT" or data.get("messaging_type") != "MESSAGE_TAG":
                raise _refused(100, "(#100) Invalid message tag")
            if not self.human_agent:
                raise _refused(10, "(#10) Application does not have permission for this action")
        window = HUMAN_AGENT_WINDOW if tag is not None else WINDOW
        if citizen.wrote_at is None or self.clock() - citizen.wrote_at > window:
            raise _late()

    def _commented(self, id_: str) -> Citizen:
        """Who wrote a comment, and has not been answered in private yet."""
        comment = self.comments.get(id_)
        if comment is None or comment.author not in self.citizens:
            raise meta.unknown_object(id_)
        if comment.answered_privately:
            raise _refused(10900, "(#10900) Activity already replied to")
        if self.clock() - comment.at > PRIVATE_REPLY_WITHIN:
            raise _late()
        comment.answered_privately = True
        return self.citizens[comment.author]

    async def _content(self, message: Any) -> tuple[str, str, str | None]:
        match message:
            case {"text": str(text), **rest} if not rest:
                if not text:
                    raise _refused(100, "(#100) Param message[text] must be non-empty UTF-8")
                if len(text.encode()) > MAX_TEXT:
                    words = "Length of param message[text] must be less than or equal to 1000"
                    raise _refused(100, f"(#100) {words}")
                return "text", text, None
            case {"attachment": {"type": str(kind), "payload": {"url": str(url)}}, **rest} if (
                not rest
            ):
                if kind not in _ATTACHMENTS:
                    raise _refused(100, "(#100) Param message[attachment][type] is not valid")
                await self._fetched(kind, url)
                return kind, "", url
            case _:
                raise _refused(100, "(#100) Param message must hold a text or an attachment")

    async def _fetched(self, kind: str, url: str) -> None:
        """Meta fetches a file itself, so its address must be a public one."""
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost"}:
            raise _refused(100, "(#100) The url you provided is not valid", subcode=2018047)
        if not self.fetches:
            return
        limit, mimes = _ATTACHMENTS[kind]
        try:
            async with aiohttp.ClientSession() as http, http.get(url) as response:
                size, mime = len(await response.read()), response.content_type
                fine = response.status == HTTPStatus.OK
        except (aiohttp.ClientError, OSError):
            fine = False
        if not fine or mime not in mimes or size > limit:
            words = "(#100) Failed to fetch the file from the url"
            raise _refused(100, words, subcode=2018008)

    # --- Comments --------------------------------------------------------------------------------

    async def _replies(self, call: Call) -> Any:
        comment = self._comment(call.params["node"])
        text = _comment_text(call)
        if comment.hidden:
            raise _refused(100, "(#100) You cannot reply to a hidden comment")
        if comment.live:
            raise _refused(100, "(#100) You cannot reply to a comment on a live video")
        made = self.new_comment(None, comment.media, text, parent=comment.id)
        return await self._commented_by_us(made, about=comment)

    async def _mentions(self, call: Call) -> Any:
        if call.params["node"] != IG_USER_ID:
            raise meta.unknown_object(call.params["node"])
        data, text = _fields(call), _comment_text(call)
        media, comment = data.get("media_id"), data.get("comment_id")
        if (media, comment) not in self.mentions:
            raise meta.unknown_object(str(comment or media))
        made = self.new_comment(None, str(media), text)
        self.sent.append(Received(kind="comment", text=text, id=made.id, about=comment))
        return {"id": made.id}

    async def _commented_by_us(self, made: Comment, *, about: Comment) -> Any:
        received = Received(kind="comment", text=made.text, id=made.id, about=about.id)
        self.sent.append(received)
        if about.author in self.citizens:
            self.citizens[about.author].received.append(received)
        await self._echo(self.post_comment(made))
        return {"id": made.id}

    async def _change(self, call: Call) -> Any:
        comment = self._comment(call.params["node"])
        hide = _fields(call).get("hide")
        if not isinstance(hide, bool):
            raise _refused(100, "(#100) The parameter hide is required")
        if comment.author == IG_USER_ID:
            raise _refused(100, "(#100) A comment of the media's owner cannot be hidden")
        comment.hidden = hide
        return {"success": True}

    def _comment(self, id_: str) -> Comment:
        if id_ not in self.comments:
            raise meta.unknown_object(id_)
        return self.comments[id_]


def _fields(call: Call) -> Mapping[str, Any]:
    """What a call says, as JSON or as a form."""
    return call.data if isinstance(call.data, Mapping) else {}


def _comment_text(call: Call) -> str:
    text = _fields(call).get("message")
    if not isinstance(text, str) or not text.strip():
        raise _refused(100, "(#100) The parameter message is required")
    if len(text) > MAX_COMMENT:
        raise _refused(100, "(#100) The comment is too long")
    return text


def _refused(code: int, message: str, *, subcode: int | None = None) -> Refused:
    return Refused(401 if code == 190 else 400, meta.error(code, message, subcode=subcode))


def _late() -> Refused:
    words = "(#10) This message is sent outside of allowed window."
    return _refused(10, words, subcode=2534022)
