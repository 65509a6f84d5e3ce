"""A Facebook page on loopback: it refuses what the Graph API refuses, and people turn to the page.

Sources: https://developers.facebook.com/docs/graph-api/reference/page/messages,
https://developers.facebook.com/docs/messenger-platform/reference/send-api,
https://developers.facebook.com/docs/messenger-platform/error-codes,
https://developers.facebook.com/docs/messenger-platform/discovery/private-replies,
https://developers.facebook.com/docs/graph-api/reference/object/comments,
https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps,
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions,
https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import quote

import aiohttp
from aiohttp import web

from connectors.facebook.citizens import Citizen, Comment, Received, feed_value
from connectors.testing import meta
from connectors.testing.sandbox import Call, Refused, Route, Sandbox, Upload, answer

TOKEN = "EAAG0sandboxPageTokenOfNoValue"  # noqa: S105 - opens nothing
APP_SECRET = "5a4db0c5ec2e7f1a9d0b3c6e8f7a1b2c"  # noqa: S105 - guards nothing
MAX_TEXT, MAX_METADATA, MAX_COMMENT = 2000, 1000, 8000
MAX_FILE, MAX_IMAGE = 25 * 1024 * 1024, 8 * 1024 * 1024
WINDOW, HUMAN_AGENT, PRIVATE_REPLY = timedelta(hours=24), timedelta(days=7), timedelta(days=7)
ALL_PERMISSIONS = frozenset(
    {
        "pages_messaging",
        "pages_manage_metadata",
        "pages_read_engagement",
        "pages_read_user_content",
        "pages_manage_engagement",
    }
)
PAGE_FIELDS = frozenset(
    {
        "feed",
        "mention",
        "message_deliveries",
        "message_echoes",
        "message_edits",
        "message_reactions",
        "message_reads",
        "messages",
        "messaging_account_linking",
        "messaging_handovers",
        "messaging_optins",
        "messaging_policy_enforcement",
        "messaging_postbacks",
        "messaging_referrals",
        "ratings",
        "standby",
    }
)
"""Fields of the page's webhook; not all there are."""
_TYPES = ("RESPONSE", "UPDATE", "MESSAGE_TAG", "UTILITY")
_TAGS = frozenset(
    {"HUMAN_AGENT", "ACCOUNT_UPDATE", "CONFIRMED_EVENT_UPDATE", "POST_PURCHASE_UPDATE"}
)
_FAMILIES = {"image": "image/", "audio": "audio/", "video": "video/", "file": ""}
_LONGEST_PAUSE = 60.0
"""Seconds between two attempts to deliver."""


class FacebookSandbox(Sandbox):
    """One page and the app that serves it: `citizen(…)` for each person, `publish` for a post.

    `verifies` tries a webhook with a challenge before taking it, as Meta does. `retries` delivers
    again and again until the hub takes it, as Meta does; without it what failed waits for
    `redeliver`. `human_agent` is whether the app was granted that feature.
    """

    def __init__(
        self,
        *,
        page_id: str = "104512398760021",
        page_name: str = "Алматы әкімдігі",
        token: str = TOKEN,
        app_id: str = "812345678901234",
        app_secret: str = APP_SECRET,
        human_agent: bool = False,
        verifies: bool = False,
        retries: bool = False,
        first_pause: float = 1.0,
        run: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.page_id, self.page_name = page_id, page_name
        self.token, self.app_id, self.app_secret = token, app_id, app_secret
        self.human_agent = human_agent
        self.verifies = verifies
        self.retries = retries
        self.first_pause = first_pause
        """Seconds before the second attempt to deliver; doubled each time."""
        self.permissions = set(ALL_PERMISSIONS)
        self.token_is_dead = False
        self.callback_url: str | None = None
        """The app's webhook, set through the API or by `connect`."""
        self.app_fields: set[str] = set()
        self.page_fields: set[str] = set()
        """What the page is subscribed to; only what is in both is delivered."""
        self.citizens: dict[str, Citizen] = {}
        self.comments: dict[str, Comment] = {}
        """Comments and posts."""
        self.sent: list[Received] = []
        """What the page wrote, to whomever and wherever, in order."""
        self.files: dict[str, bytes] = {}
        self.pending: list[bytes] = []
        """Deliveries that were not taken."""
        self.last_post = ""
        self._number = 100_000 + run * 1_000_000
        self._run = run
        self._turns: dict[str, asyncio.Lock] = {}

    # --- People and posts ------------------------------------------------------------------------

    def citizen(self, *, name: str = "Айгүл Сейтқали", user_id: str | None = None) -> Citizen:
        """A new person; the page can write to them once they have."""
        number = user_id or f"74123568{len(self.citizens):08d}"
        self.citizens[number] = Citizen(self, number, name)
        return self.citizens[number]

    def publish(self, text: str) -> str:
        """A post by the page itself, and its id."""
        self.last_post = self.add_post(self.page_id, self.page_name, text).id
        return self.last_post

    def add_post(self, author: str, name: str, text: str) -> Comment:
        id_ = f"{self.page_id}_{self._next()}"
        made = Comment(
            id=id_, post=id_, author=author, name=name, message=text, parent=None,
            created=self.clock(),
        )  # fmt: skip
        self.comments[id_] = made
        return made

    def add_comment(
        self, author: str, name: str, text: str, target: Comment, *, photo: str | None = None,
        comment_id: str | None = None,
    ) -> Comment:  # fmt: skip
        """Threads are one level deep: who answers a reply answers in its thread."""
        top = target if target.parent in {None, target.post} else self.comments[str(target.parent)]
        id_ = comment_id or f"{target.post.partition('_')[2]}_{self._next()}"
        made = Comment(
            id=id_, post=target.post, author=author, name=name, message=text, parent=top.id,
            created=self.clock(), photo=photo,
        )  # fmt: skip
        self.comments[id_] = made
        return made

    def store(self, content: bytes, name: str) -> str:
        """Keep a file, and give the signed address at which it is found."""
        key = f"{self._next()}/{name}"
        self.files[key] = content
        signature = hashlib.sha256(key.encode()).hexdigest()[:24]
        return f"{self.url}/cdn/{quote(key)}?_nc_cat=1&oh=00_{signature}&oe=69AA0000&dl=1"

    def new_mid(self) -> str:
        return f"m_sandbox{self._run}-{self._next()}"

    def milliseconds(self) -> int:
        return int(self.clock().timestamp() * 1000)

    def _next(self) -> int:
        self._number += 1
        return self._number

    # --- Deliveries ------------------------------------------------------------------------------

    async def connect(self, callback_url: str, verify_token: str) -> bool:
        """Enter the webhook in the App Dashboard; whether it passed the challenge."""
        if not (await meta.challenge(self, callback_url, verify_token)).passed:
            return False
        self.callback_url, self.app_fields = callback_url, set(PAGE_FIELDS)
        return True

    async def tell(
        self, field: str, person: str, event: Mapping[str, Any], *, by_page: bool = False
    ) -> int | None:
        """Deliver an event of Messenger: the webhook's status, None when nobody is told."""
        ends = {"sender": {"id": person}, "recipient": {"id": self.page_id}}
        if by_page:
            ends = {"sender": {"id": self.page_id}, "recipient": {"id": person}}
        item = {**ends, "timestamp": self.milliseconds(), **event}
        return await self._post(field, person, {"messaging": [item]}, self.milliseconds())

    async def tell_feed(self, made: Comment, verb: str) -> int | None:
        """Deliver what happened under a post."""
        change = {"field": "feed", "value": feed_value(made, verb, page=self.page_id)}
        now = int(self.clock().timestamp())
        return await self._post("feed", made.post, {"changes": [change]}, now)

    async def redeliver(self) -> None:
        """Post again what was not taken."""
        waiting, self.pending = self.pending, []
        for body in waiting:
            if await self._attempt(body) != 200:
                self.pending.append(body)

    async def _post(
        self, field: str, turn: str, content: Mapping[str, Any], time: int
    ) -> int | None:
        self.changed()
        if field not in self.app_fields & self.page_fields:
            return None
        entry = {"id": self.page_id, "time": time, **content}
        body = json.dumps({"object": "page", "entry": [entry]}).replace("/", "\\/").encode()
        pause = self.first_pause
        async with self._turns.setdefault(turn, asyncio.Lock()):
            while True:
                status = await self._attempt(body)
                if status == 200:
                    break
                if not self.retries:
                    self.pending.append(body)
                    break
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        self.changed()
        return status

    async def _attempt(self, body: bytes) -> int | None:
        if self.callback_url is None:
            return None
        try:
            return await self.deliver(self.callback_url, body, self.signed(body))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    def signed(self, body: bytes) -> Mapping[str, str]:
        """The headers of a delivery."""
        key = self.app_secret.encode()
        return {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature": f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}",
            "X-Hub-Signature-256": meta.sign(self.app_secret, body),
        }

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        version = r"/{version:v\d+\.\d+}"
        yield Route("GET", "/cdn/{key:.+}", self._serve_file)
        yield Route("GET", version + "/me", self._get_me)
        yield Route("GET", version + "/{id}/subscriptions", self._get_subscriptions)
        yield Route("POST", version + "/{id}/subscriptions", self._set_subscription)
        yield Route("GET", version + "/{id}/subscribed_apps", self._get_subscribed_apps)
        yield Route("POST", version + "/{id}/subscribed_apps", self._subscribe_app)
        yield Route("GET", version + "/{id}/conversations", self._get_conversations)
        yield Route("GET", version + "/{id}/feed", self._get_feed)
        yield Route("POST", version + "/{id}/messages", self._send_message)
        yield Route("POST", version + "/{id}/comments", self._add_comment)
        yield Route("POST", version + "/{id}", self._update)
        yield Route("GET", version + "/{id}", self._get_profile)

    def unknown(self, call: Call) -> web.Response:
        return answer(meta.error(2500, f"Unknown path components: {call.path}"), status=400)

    def too_many(self, call: Call, retry_after: float) -> web.Response:
        message = "(#613) Calls to this api have exceeded the rate limit."
        usage = {self.page_id: [{"type": "messenger", "estimated_time_to_regain_access": 1}]}
        return answer(
            meta.error(613, message),
            status=400,
            headers={"X-Business-Use-Case-Usage": json.dumps(usage)},
        )

    async def _serve_file(self, call: Call) -> web.Response:
        content = self.files.get(call.params["key"])
        if content is None or "oh" not in call.query:
            raise Refused(403, "URL signature mismatch")
        return answer(content, headers={"Content-Type": "application/octet-stream"})

    def _authorize(self, call: Call, *permissions: str, node: str | None = None) -> None:
        """Refuse a call without the page's own token, or one that its token may not make."""
        if call.headers.get("Authorization", "") == "" and "access_token" not in call.query:
            _refuse(104, "An access token is required to request this resource.")
        if self.token_is_dead or call.headers.get("Authorization") != f"Bearer {self.token}":
            _refuse(
                190,
                "Error validating access token: The session has been invalidated.",
                subcode=460 if self.token_is_dead else None,
                status=401,
            )
        if node is not None and node not in {self.page_id, "me"}:
            raise meta.unknown_object(node)
        for permission in permissions:
            if permission not in self.permissions:
                _refuse(200, f"(#200) Requires {permission} permission to manage the object.")

    def _authorize_app(self, call: Call) -> None:
        if call.headers.get("Authorization") != f"Bearer {self.app_id}|{self.app_secret}":
            _refuse(190, "Invalid OAuth access token signature.", status=401)
        if call.params["id"] != self.app_id:
            raise meta.unknown_object(call.params["id"])

    # --- The account -----------------------------------------------------------------------------

    async def _get_me(self, call: Call) -> web.Response:
        self._authorize(call)
        return answer({"id": self.page_id, "name": self.page_name})

    async def _get_profile(self, call: Call) -> web.Response:
        """A person's names: only of who has written to the page, and never a full name of one word.

        Source: https://developers.facebook.com/docs/messenger-platform/identity/user-profile
        """
        self._authorize(call, "pages_messaging")
        citizen = self.citizens.get(call.params["id"])
        if citizen is None or citizen.thread.last_action is None:
            raise meta.unknown_object(call.params["id"])
        first, _, last = citizen.name.partition(" ")
        known = {"first_name": first, "last_name": last, "name": citizen.name}
        fields = call.query.get("fields", "first_name,last_name").split(",")
        unknown = [field for field in fields if field not in known]
        if unknown:
            _refuse(100, f"(#100) Tried accessing nonexisting field ({unknown[0]})")
        told = {field: known[field] for field in fields if known[field]}
        return answer({**told, "id": citizen.id})

    async def _get_conversations(self, call: Call) -> web.Response:
        self._authorize(call, "pages_messaging", node=call.params["id"])
        return answer({"data": [{"id": f"t_{number}"} for number in list(self.citizens)[:1]]})

    async def _get_feed(self, call: Call) -> web.Response:
        self._authorize(
            call, "pages_read_engagement", "pages_read_user_content", node=call.params["id"]
        )
        return answer({"data": [{"id": self.last_post}] if self.last_post else []})

    async def _get_subscribed_apps(self, call: Call) -> web.Response:
        self._authorize(call, "pages_manage_metadata", node=call.params["id"])
        app = {"id": self.app_id, "name": "109", "subscribed_fields": sorted(self.page_fields)}
        return answer({"data": [app] if self.page_fields else []})

    async def _subscribe_app(self, call: Call) -> web.Response:
        self._authorize(call, "pages_manage_metadata", node=call.params["id"])
        self.page_fields = self._fields(call, "subscribed_fields")
        self.changed()
        return answer({"success": True})

    async def _get_subscriptions(self, call: Call) -> web.Response:
        self._authorize_app(call)
        if self.callback_url is None:
            return answer({"data": []})
        fields = [{"name": name, "version": "v23.0"} for name in sorted(self.app_fields)]
        told = {"object": "page", "callback_url": self.callback_url, "active": True}
        return answer({"data": [{**told, "fields": fields}]})

    async def _set_subscription(self, call: Call) -> web.Response:
        self._authorize_app(call)
        told = _fields_of(call)
        if told.get("object") != "page":
            _refuse(100, "(#100) Param object must be one of {USER, PAGE, PERMISSIONS}")
        url, verify_token = str(told.get("callback_url", "")), str(told.get("verify_token", ""))
        if not url.startswith(("http://", "https://")):
            _refuse(2201, "(#2201) The callback URL could not be validated.")
        fields = self._fields(call, "fields")
        if self.verifies and not (await meta.challenge(self, url, verify_token)).passed:
            _refuse(2200, "(#2200) Callback verification failed with the following errors.")
        self.callback_url, self.app_fields = url, fields
        self.changed()
        return answer({"success": True})

    def _fields(self, call: Call, name: str) -> set[str]:
        fields = {one for one in str(_fields_of(call).get(name, "")).split(",") if one}
        unknown = fields - PAGE_FIELDS
        if not fields or unknown:
            given = ", ".join(sorted(unknown)) or "nothing"
            _refuse(100, f"(#100) Param {name} must be a list of known fields, not {given}")
        return fields

    # --- Messages --------------------------------------------------------------------------------

    async def _send_message(self, call: Call) -> web.Response:
        self._authorize(call, "pages_messaging", node=call.params["id"])
        told = _fields_of(call)
        recipient, message = _object(told, "recipient"), _object(told, "message")
        by = [key for key in ("id", "comment_id", "post_id") if recipient.get(key)]
        if len(by) != 1:
            _refuse(100, "(#100) Param recipient must be non-empty.")
        kind, files, text = self._checked(message, call)
        if by == ["id"]:
            citizen = self._in_window(str(recipient["id"]), told)
            comment = None
        else:
            comment = self._privately(str(recipient[by[0]]))
            citizen = self.citizens[comment.author]
        reply_to = _object(told, "reply_to").get("mid") if "reply_to" in told else None
        if reply_to is not None and reply_to not in citizen.thread.mids:
            _refuse(100, "(#100) Param reply_to[mid] is not a message of this conversation.")
        if comment is not None:
            comment.answered_privately = True
        received = Received(
            id=self.new_mid(),
            text=text,
            kind=kind,
            files=files,
            reply_to=reply_to,
            tag=told.get("tag"),
            from_comment=None if comment is None else comment.id,
            metadata=message.get("metadata"),
        )
        citizen.thread.mids.add(received.id)
        self._deliver_to(citizen, received)
        self.later(self._echo_and_receipts(citizen, received))
        return answer({"recipient_id": citizen.id, "message_id": received.id})

    def _checked(
        self, message: Mapping[str, Any], call: Call
    ) -> tuple[str, tuple[Upload, ...], str]:
        """The kind, the files and the text of a message that may be sent."""
        text, attachment = message.get("text"), message.get("attachment")
        if len(str(message.get("metadata") or "")) > MAX_METADATA:
            _refuse(100, f"(#100) Length of param message[metadata] must be at most {MAX_METADATA}")
        if (text is None) == (attachment is None):
            _refuse(100, "(#100) Message must have exactly one of text and attachment.")
        if attachment is None:
            if not isinstance(text, str) or not text.strip():
                _refuse(100, "(#100) Param message[text] must be a non-empty UTF-8 encoded string")
            if len(text.encode("utf-16-le")) // 2 > MAX_TEXT:
                _refuse(
                    100,
                    "(#100) Length of param message[text] must be less than or equal to "
                    f"{MAX_TEXT}",
                )
            return "text", (), text
        kind = attachment.get("type") if isinstance(attachment, dict) else None
        if kind not in _FAMILIES:
            _refuse(100, "(#100) Param message[attachment][type] must be one of {AUDIO, FILE, …}")
        upload = _upload(call, "filedata")
        if upload is None:
            _refuse(100, "(#100) Upload attachment failure.", subcode=2018047)
        if not upload.mime.startswith(_FAMILIES[kind]):
            _refuse(100, f"(#100) A file of type {upload.mime} is no {kind}.", subcode=2018047)
        if len(upload.content) > (MAX_IMAGE if kind == "image" else MAX_FILE):
            _refuse(100, "(#100) Attachment size exceeds allowable limit.", subcode=2018109)
        return kind, (upload,), ""

    def _in_window(self, number: str, told: Mapping[str, Any]) -> Citizen:
        """The person, where the page may write to them now."""
        kind, tag = told.get("messaging_type"), told.get("tag")
        if kind not in _TYPES:
            _refuse(100, f"(#100) Param messaging_type must be one of {{{', '.join(_TYPES)}}}")
        if (kind == "MESSAGE_TAG") != (tag is not None) or (tag and tag not in _TAGS):
            _refuse(100, "(#100) Param tag must be given with MESSAGE_TAG, and be a known one.")
        if tag == "HUMAN_AGENT" and not self.human_agent:
            _refuse(10, "(#10) Application does not have permission for this action")
        citizen = self.citizens.get(number)
        last = None if citizen is None else citizen.thread.last_action
        if citizen is None or (last is None and not citizen.thread.blocked):
            _refuse(100, "(#100) No matching user found", subcode=2018001)
        if citizen.thread.blocked or last is None:
            _refuse(551, "(#551) This person isn't available right now.", subcode=1545041)
        if self.clock() - last > (HUMAN_AGENT if tag == "HUMAN_AGENT" else WINDOW):
            _refuse(10, "(#10) This message is sent outside of allowed window.", subcode=2018278)
        return citizen

    def _privately(self, number: str) -> Comment:
        """The comment whose author may still be written to, once."""
        comment = self.comments.get(number)
        if comment is None or comment.removed:
            raise meta.unknown_object(number)
        if comment.answered_privately:
            _refuse(10900, "(#10900) Activity already replied to")
        if comment.author not in self.citizens:
            _refuse(10902, "(#10902) This is not a Replyable activity")
        if self.clock() - comment.created > PRIVATE_REPLY:
            _refuse(10901, "(#10901) Activity is too old to reply to")
        if self.citizens[comment.author].thread.blocked:
            _refuse(10903, "(#10903) This user cant reply to this activity")
        return comment

    def _deliver_to(self, citizen: Citizen, received: Received) -> None:
        self.sent.append(received)
        citizen.inbox.append(received)
        self.changed()

    async def _echo_and_receipts(self, citizen: Citizen, received: Received) -> None:
        message: dict[str, Any] = {
            "mid": received.id,
            "is_echo": True,
            "app_id": int(self.app_id),
        }
        if received.metadata is not None:
            message["metadata"] = received.metadata
        if received.text:
            message["text"] = received.text
        message["attachments"] = [
            {"type": received.kind, "payload": {"url": self.store(one.content, one.filename)}}
            for one in received.files
        ]
        await self.tell("message_echoes", citizen.id, {"message": message}, by_page=True)
        delivery = {"mids": [received.id], "watermark": self.milliseconds()}
        await self.tell("message_deliveries", citizen.id, {"delivery": delivery})
        read = {"watermark": self.milliseconds()}
        await self.tell("message_reads", citizen.id, {"read": read})

    async def native_reply(self, citizen: Citizen, text: str) -> str:
        """An employee answers in Meta's own inbox."""
        mid = self.new_mid()
        citizen.thread.mids.add(mid)
        citizen.inbox.append(Received(id=mid, text=text))
        message = {"mid": mid, "is_echo": True, "app_id": 263902037430900, "text": text}
        await self.tell("message_echoes", citizen.id, {"message": message}, by_page=True)
        return mid

    # --- Comments --------------------------------------------------------------------------------

    async def _add_comment(self, call: Call) -> web.Response:
        self._authorize(call, "pages_manage_engagement")
        target = self.comments.get(call.params["id"])
        if target is None or target.removed:
            raise meta.unknown_object(call.params["id"])
        told = _fields_of(call)
        text, upload = told.get("message", ""), _upload(call, "source")
        if not isinstance(text, str) or not (text.strip() or upload):
            _refuse(100, "(#100) You must provide a comment message or an attachment")
        if len(text) > MAX_COMMENT:
            _refuse(100, f"(#100) Length of param message must be at most {MAX_COMMENT}")
        if upload is not None and not upload.mime.startswith("image/"):
            _refuse(100, "(#100) Invalid image: the file is no picture.")
        photo = None if upload is None else self.store(upload.content, "comment.jpg")
        made = self.add_comment(self.page_id, self.page_name, text, target, photo=photo)
        received = Received(
            id=made.id,
            text=text,
            kind="comment",
            files=() if upload is None else (upload,),
            reply_to=target.id,
        )
        self.sent.append(received)
        person = self.citizens.get(target.author)
        if person is not None:
            person.inbox.append(received)
        self.changed()
        self.later(self.tell_feed(made, "add"))
        return answer({"id": made.id})

    async def _update(self, call: Call) -> web.Response:
        self._authorize(call, "pages_manage_engagement")
        comment = self.comments.get(call.params["id"])
        if comment is None or comment.removed or comment.parent is None:
            raise meta.unknown_object(call.params["id"])
        hidden = _fields_of(call).get("is_hidden")
        if not isinstance(hidden, bool):
            _refuse(100, "(#100) Param is_hidden must be a boolean")
        if comment.author == self.page_id:
            _refuse(200, "(#200) The page cannot hide a comment of its own.")
        if comment.hidden != hidden:
            comment.hidden = hidden
            self.later(self.tell_feed(comment, "hide" if hidden else "unhide"))
        self.changed()
        return answer({"success": True})


# --- What the Graph API says --------------------------------------------------------------------


def _refuse(code: int, message: str, *, subcode: int | None = None, status: int = 400) -> NoReturn:
    raise Refused(status, meta.error(code, message, subcode=subcode))


def _fields_of(call: Call) -> Mapping[str, Any]:
    """The fields of a call's body: of a form those that are JSON decoded."""
    if isinstance(call.data, dict):
        return call.data
    if call.data is None:
        _refuse(100, "(#100) The body is neither JSON nor a form.")
    fields: dict[str, Any] = {}
    for name, value in call.data.items():
        if isinstance(value, str):
            fields[name] = json.loads(value) if re.match(r"[\[{]", value) else value
    return fields


def _object(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name)
    if not isinstance(value, dict) or not value:
        _refuse(100, f"(#100) Param {name} must be non-empty.")
    return value


def _upload(call: Call, name: str) -> Upload | None:
    found = None if isinstance(call.data, dict) or call.data is None else call.data.get(name)
    return found if isinstance(found, Upload) else None
