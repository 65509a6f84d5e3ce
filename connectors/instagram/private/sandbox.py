"""Instagram's private API on loopback: what the app's calls are answered, as far as the hub makes
them.

Nobody documents that API. This follows what instagrapi sends and expects, what its tests hold of
real answers, and what people who write clients have published of the refusals.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.instagram.private.citizens import CDN, Citizen, Received
from connectors.instagram.private.refusals import (
    BAD_PASSWORD,
    LOGIN_REQUIRED,
    NO_REQUESTS,
)
from connectors.testing.sandbox import Call, Refused, Route, Sandbox, answer

VIEWER = 58_000_000_109
"""The account's own id."""
MAX_TEXT = 1000
"""Bytes of a message."""
MAX_COMMENT = 2200
PAGE = 20


@dataclass(slots=True)
class Thread:
    """A thread as the server keeps it."""

    id: str
    users: list[dict[str, Any]]
    items: list[dict[str, Any]] = field(default_factory=list)
    """The newest first."""
    pending: bool = False
    group: bool = False
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def activity(self) -> int:
        return int(self.items[0]["timestamp"]) if self.items else 0


@dataclass(slots=True)
class Post:
    """A post of the account's."""

    id: str
    code: str
    comments: list[dict[str, Any]] = field(default_factory=list)
    """The newest first; answers stand in their comment's `children`."""

    @property
    def count(self) -> int:
        return sum(1 + len(comment["children"]) for comment in self.comments)


class PrivateSandbox(Sandbox):
    """One account's Instagram."""

    def __init__(
        self,
        *,
        username: str = "almaty.109",
        password: str = "қала-кілті-2026",  # noqa: S107 - opens nothing but this
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.username = username
        self.password = password
        self.sessions: set[str] = set()
        """The sessions that live; taking one away logs the account out."""
        self.logins = 0
        self.two_factor = False
        self.login_refusal: tuple[int, object] | None = None
        """What a login is answered instead of a session."""
        self.threads: dict[str, Thread] = {}
        self.posts: list[Post] = []
        self.citizens: dict[int, Citizen] = {}
        self.files: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.sent: list[Received] = []
        """What the account sent, in order."""
        self._last = 0
        self._number = 0

    # --- Its state -------------------------------------------------------------------------------

    def microseconds(self) -> int:
        """Now, and never the same twice."""
        self._last = max(self._last + 1, int(self.clock().timestamp() * 1_000_000))
        return self._last

    def session(self, name: str = "first") -> dict[str, Any]:
        """A session that lives, as `get_settings` of the library gives it."""
        key = f"{VIEWER}%3A{name}%3A28"
        self.sessions.add(key)
        return {
            "uuids": {
                "phone_id": "57d64c41-a916-3fa5-bd7a-3796c1dab122",
                "uuid": "8aa373c6-f316-44d7-b49e-d74563f4a8f3",
                "client_session_id": "6c296d0a-3534-4dce-b5aa-a6a6ab017443",
                "advertising_id": "8dc88b76-dfbc-44dc-abbc-31a6f1d54b04",
                "android_device_id": "android-e021b636049dc0e9",
                "request_id": "1b7e4a1c-9e5a-4c0e-8b7a-0e7f3a1d2c3b",
                "tray_session_id": "2c8f5b2d-0f6b-4d1f-9c8b-1f8a4b2e3d4c",
            },
            "mid": "ZqExampleAAEAAGhub",
            "authorization_data": {"ds_user_id": str(VIEWER), "sessionid": key},
            "cookies": {},
        }

    def citizen(self, *, name: str, username: str | None = None, pk: int | None = None) -> Citizen:
        """A new person, who has not written yet."""
        self._number += 1
        pk = pk or 47_000_000_000 + self._number
        user = {
            "pk": pk,
            "pk_id": str(pk),
            "username": username or f"turgyn_{self._number}",
            "full_name": name,
            "is_private": False,
            "profile_pic_url": f"{CDN}/v/t51.2885-19/{pk}.jpg",
        }
        thread = f"340282366841710300949128{pk:015d}"
        self.citizens[pk] = Citizen(self, user, thread)
        return self.citizens[pk]

    def post(self, caption: str = "") -> Post:
        """A new post of the account's."""
        self._number += 1
        post = Post(id=f"34000000000000{self._number:05d}_{VIEWER}", code=f"DCtereze{self._number}")
        self.posts.insert(0, post)
        return post

    def store(self, content: bytes, name: str) -> str:
        """A file on Instagram's servers; its address."""
        path = f"/v/t51.2885-15/{len(self.files)}_{name}"
        self.files[path] = content
        return f"{CDN}{path}?stp=dst-jpg&oh=00_signature&oe=69000000"

    def put(
        self, thread: str, author: int, kind: str, content: Mapping[str, Any], token: str = ""
    ) -> dict[str, Any]:
        """Put an item into a thread, which begins with it if need be."""
        found = self.threads.get(thread)
        if found is None:
            citizen = self.citizens[author]
            found = self.threads[thread] = Thread(thread, [citizen.user], pending=True)
        now = self.microseconds()
        item = {
            "item_id": f"32{now:017d}{len(found.items):016d}",
            "user_id": author,
            "timestamp": now,
            "item_type": kind,
            "client_context": token or str((now // 1000 << 22) | (now & 0x3FFFFF)),
            "is_shh_mode": False,
            "show_forward_attribution": False,
            **content,
        }
        found.items.insert(0, item)
        self.changed()
        return item

    def read(self, thread: str, reader: int) -> None:
        """Somebody reads a thread to its end."""
        newest = self.threads[thread].items[0]
        self.threads[thread].seen[str(reader)] = {
            "item_id": newest["item_id"],
            "timestamp": str(newest["timestamp"]),
            "created_at": str(newest["timestamp"]),
            "shh_seen_state": {},
        }

    def write_comment(
        self, user: Mapping[str, Any], text: str, *, post: str | None, under: str | None
    ) -> dict[str, Any]:
        """A comment of anybody's."""
        found = next(one for one in self.posts if post in (None, one.id))
        self._number += 1
        seconds = self.microseconds() // 1_000_000
        comment: dict[str, Any] = {
            "pk": f"18{self._number:015d}",
            "user_id": user["pk"],
            "type": 0,
            "text": text,
            "created_at": seconds,
            "created_at_utc": seconds,
            "content_type": "comment",
            "status": "Active",
            "user": dict(user),
            "media_id": int(found.id.partition("_")[0]),
        }
        if under is None:
            found.comments.insert(0, {**comment, "type": 0, "children": []})
            return comment
        root = self._root(found, under)
        if root is None:
            raise Refused(400, {"message": "Comment not found", "status": "fail"})
        comment |= {"type": 2, "parent_comment_id": root["pk"], "replied_to_comment_id": under}
        root["children"].append(comment)
        return comment

    @staticmethod
    def _root(post: Post, pk: str) -> dict[str, Any] | None:
        for comment in post.comments:
            if pk in (comment["pk"], *(child["pk"] for child in comment["children"])):
                return comment
        return None

    # --- Addresses -------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        api, bloks = "/api/v1", "/api/v1/bloks/async_action/com.bloks.www"
        direct = f"{api}/direct_v2"
        return (
            Route("POST", "/graphql_www", self._register_device),
            Route("POST", f"{bloks}.bloks.caa.login.process_client_data_and_redirect/", self._aac),
            Route("POST", f"{api}/attestation/create_android_keystore/", self._nonce),
            Route("POST", f"{bloks}.caa.login.oauth.token.fetch.async/", self._nothing),
            Route("GET", f"{api}/qe/sync/", self._keys),
            Route("POST", f"{bloks}.bloks.caa.login.async.send_login_request/", self._caa_login),
            Route("POST", f"{api}/launcher/sync/", self._nothing),
            Route("POST", f"{api}/accounts/login/", self._legacy_login),
            Route("POST", f"{api}/feed/reels_tray/", self._logged_in_nothing),
            Route("POST", f"{api}/feed/timeline/", self._logged_in_nothing),
            Route("GET", f"{api}/accounts/current_user/", self._current_user),
            Route("GET", f"{direct}/inbox/", self._inbox),
            Route("GET", f"{direct}/pending_inbox/", self._inbox),
            Route("GET", f"{direct}/threads/{{thread}}/", self._thread),
            Route("POST", f"{direct}/threads/{{thread}}/approve/", self._approve),
            Route("POST", f"{direct}/threads/broadcast/{{method}}/", self._broadcast),
            Route("GET", "/messenger_{kind}/{name}", self._offset),
            Route("POST", "/messenger_{kind}/{name}", self._upload),
            Route("GET", f"{api}/feed/user/{{user}}/", self._feed),
            Route("GET", f"{api}/media/{{post}}/comments/", self._comments),
            Route(
                "GET",
                f"{api}/media/{{post}}/comments/{{root}}/inline_child_comments/",
                self._children,
            ),
            Route("POST", f"{api}/media/{{post}}/comment/", self._comment),
            Route("GET", "/v/{path:.*}", self._file),
        )

    def unknown(self, call: Call) -> web.Response:
        return answer({"message": "", "status": "fail"}, status=404)

    def too_many(self, call: Call, retry_after: float) -> web.Response:
        return answer({"message": "rate limited", "status": "fail"}, status=429)

    # --- Who calls -------------------------------------------------------------------------------

    def _app(self, call: Call) -> None:
        """Only the app is spoken to."""
        agent = call.headers.get("User-Agent", "")
        if not agent.startswith("Instagram ") or not call.headers.get("X-IG-App-ID"):
            raise Refused(400, {"message": "useragent mismatch", "status": "fail"})
        for needed in ("X-IG-Device-ID", "X-IG-Android-ID", "X-Bloks-Version-Id"):
            if not call.headers.get(needed):
                raise Refused(
                    400,
                    {
                        "message": "Update Instagram",
                        "error_type": "needs_upgrade",
                        "status": "fail",
                    },
                )

    def _logged_in(self, call: Call, *, app: bool = True) -> None:
        if app:
            self._app(call)
        token = call.headers.get("Authorization", "").removeprefix("Bearer IGT:2:")
        try:
            session = json.loads(base64.b64decode(token))["sessionid"]
        except (ValueError, KeyError, TypeError):
            session = None
        if session not in self.sessions:
            raise Refused(*LOGIN_REQUIRED)

    # --- Logging in ------------------------------------------------------------------------------

    async def _nothing(self, call: Call) -> web.Response:
        self._app(call)
        return answer({"status": "ok"})

    async def _logged_in_nothing(self, call: Call) -> web.Response:
        self._logged_in(call)
        return answer({"status": "ok", "tray": [], "feed_items": []})

    async def _register_device(self, call: Call) -> web.Response:
        if call.data is None or "usdid_token" not in call.data.get("variables", ""):
            raise Refused(400, {"message": "invalid variables", "status": "fail"})
        return answer({"data": {"1$usdid_registration(input:$input)": {"success": True}}})

    async def _aac(self, call: Call) -> web.Response:
        self._app(call)
        node = {"key": "CAA_ACCOUNT_ACCESS_CONTEXT:aac", "initial": '{"aac_init_timestamp":1}'}
        return answer(
            {"layout": {"bloks_payload": {"data": [{"id": "1", "data": node}]}}, "status": "ok"}
        )

    async def _nonce(self, call: Call) -> web.Response:
        self._app(call)
        return answer({"challenge_nonce": "bm9uY2U=", "key_nonce": "a2V5", "status": "ok"})

    async def _keys(self, call: Call) -> web.Response:
        public = _key().public_key()
        pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return answer(
            {"status": "ok"},
            headers={
                "ig-set-password-encryption-key-id": "109",
                "ig-set-password-encryption-pub-key": base64.b64encode(pem).decode(),
            },
        )

    async def _caa_login(self, call: Call) -> web.Response:
        self._app(call)
        params = json.loads(call.data["params"])["client_input_params"]
        if not params.get("aac") or not call.headers.get("X-IG-Attest-Params"):
            raise Refused(400, {"message": "payload returned is null", "status": "fail"})
        self.logins += 1
        if self.login_refusal is not None:
            raise Refused(*self.login_refusal)
        if not self._is_right(params["contact_point"], params["password"]):
            # The app is sent back to the older way, which says what is wrong.
            return _bloks({"data": [{"data": {"key": "CAA_LOGIN_FALLBACK:legacy"}}]})
        if self.two_factor:
            return _bloks({"tree": {"two_step_verification_context": "context-of-two-steps"}})
        key = self._new_session()
        authorization = {"ds_user_id": str(VIEWER), "sessionid": key}
        bearer = base64.b64encode(json.dumps(authorization).encode()).decode()
        logged_in = {
            "login_response": json.dumps({"logged_in_user": {"pk": VIEWER}, "status": "ok"}),
            "headers": json.dumps({"IG-Set-Authorization": f"Bearer IGT:2:{bearer}"}),
            "cookies": "",
        }
        action = f"(bk.action.caa.HandleLoginResponse, {json.dumps(json.dumps(logged_in))})"
        return _bloks({"action": action})

    async def _legacy_login(self, call: Call) -> web.Response:
        self._app(call)
        body = _signed(call)
        self.logins += 1
        if self.login_refusal is not None:
            raise Refused(*self.login_refusal)
        if not self._is_right(body["username"], body["enc_password"]):
            raise Refused(*BAD_PASSWORD)
        authorization = {"ds_user_id": str(VIEWER), "sessionid": self._new_session()}
        bearer = base64.b64encode(json.dumps(authorization).encode()).decode()
        return answer(
            {"logged_in_user": {"pk": VIEWER}, "status": "ok"},
            headers={"ig-set-authorization": f"Bearer IGT:2:{bearer}"},
        )

    def _new_session(self) -> str:
        key = f"{VIEWER}%3Alogin{self.logins}%3A28"
        self.sessions.add(key)
        return key

    def _is_right(self, username: str, encrypted: str) -> bool:
        return username == self.username and _decrypted(encrypted) == self.password

    async def _current_user(self, call: Call) -> web.Response:
        self._logged_in(call)
        user = {"pk": VIEWER, "username": self.username, "full_name": "109", "email": ""}
        return answer({"user": user, "status": "ok"})

    # --- Threads ---------------------------------------------------------------------------------

    async def _inbox(self, call: Call) -> web.Response:
        """A page of threads, those with the newest activity first."""
        self._logged_in(call)
        pending = "pending" in call.path
        wanted = sorted(
            (one for one in self.threads.values() if one.pending == pending and one.items),
            key=lambda one: -one.activity,
        )
        if "cursor" in call.query:
            wanted = [one for one in wanted if one.activity < int(call.query["cursor"])]
        page = wanted[: int(call.query.get("limit", PAGE))]
        limit = int(call.query.get("thread_message_limit", 10))
        inbox: dict[str, Any] = {
            "threads": [self._shown(one, one.items[:limit], one.items) for one in page],
            "has_older": len(page) < len(wanted),
            "unseen_count": 0,
            "unseen_count_ts": self.microseconds(),
            "blended_inbox_enabled": True,
        }
        if inbox["has_older"]:
            inbox["oldest_cursor"] = str(page[-1].activity)
        return answer(
            {
                "viewer": {"pk": VIEWER, "username": self.username},
                "inbox": inbox,
                "seq_id": 1,
                "pending_requests_total": sum(one.pending for one in self.threads.values()),
                "status": "ok",
            }
        )

    async def _thread(self, call: Call) -> web.Response:
        self._logged_in(call)
        thread = self._found(call.params["thread"])
        items = thread.items
        if "cursor" in call.query:
            items = [one for one in items if int(one["timestamp"]) < int(call.query["cursor"])]
        page = items[: int(call.query.get("limit", PAGE))]
        return answer({"thread": self._shown(thread, page, items), "status": "ok"})

    def _found(self, thread: str) -> Thread:
        if thread not in self.threads:
            raise Refused(404, {"message": "Thread does not exist", "status": "fail"})
        return self.threads[thread]

    def _shown(
        self, thread: Thread, page: list[dict[str, Any]], whole: list[dict[str, Any]]
    ) -> dict[str, Any]:
        older = len(page) < len(whole)
        shown: dict[str, Any] = {
            "thread_id": thread.id,
            "thread_v2_id": str(17_800_000_000_000_000 + int(thread.id[-15:]) % 10**15),
            "users": thread.users,
            "left_users": [],
            "admin_user_ids": [],
            "items": page,
            "last_activity_at": thread.activity,
            "muted": False,
            "is_pin": False,
            "named": False,
            "canonical": not thread.group,
            "pending": thread.pending,
            "archived": False,
            "thread_type": "private",
            "viewer_id": VIEWER,
            "thread_title": thread.users[0]["username"],
            "folder": 0,
            "vc_muted": False,
            "is_group": thread.group,
            "mentions_muted": False,
            "approval_required_for_new_members": False,
            "input_mode": 0,
            "read_state": 1,
            "last_seen_at": thread.seen,
            "has_older": older,
            "has_newer": False,
            "newest_cursor": str(page[0]["timestamp"]) if page else "",
        }
        if older:
            shown["oldest_cursor"] = str(page[-1]["timestamp"])
        return shown

    async def _approve(self, call: Call) -> web.Response:
        self._logged_in(call)
        self._found(call.params["thread"]).pending = False
        return answer({"status": "ok"})

    async def _broadcast(self, call: Call) -> web.Response:
        """A message of the account's, into one thread."""
        self._logged_in(call)
        method = call.params["method"]
        data = _signed(call) if method == "raven_attachment" else dict(call.data or {})
        content, text = self._content(method, data)
        token = data.get("client_context", "")
        if not token or token != data.get("offline_threading_id", token):
            raise Refused(400, {"message": "Invalid client context", "status": "fail"})
        threads = _json(data.get("thread_ids"))
        if not isinstance(threads, list) or len(threads) != 1:
            raise Refused(400, {"message": "Invalid thread ids", "status": "fail"})
        thread = self._found(str(threads[0]))
        people = [self.citizens.get(user["pk"]) for user in thread.users]
        if any(citizen is not None and citizen.blocks for citizen in people):
            raise Refused(*NO_REQUESTS)
        item = self.put(thread.id, VIEWER, _ITEMS[method], content, token)
        heard = Received(text=text, kind=_ITEMS[method], item=item)
        self.sent.append(heard)
        for citizen in people:
            if citizen is not None:
                citizen.received.append(heard)
        self.changed()
        payload = {
            "client_context": token,
            "item_id": item["item_id"],
            "timestamp": str(item["timestamp"]),
            "thread_id": thread.id,
        }
        return answer(
            {"action": "item_ack", "status_code": "200", "payload": payload, "status": "ok"}
        )

    def _content(self, method: str, data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        if method in ("text", "link"):
            text = data.get("text" if method == "text" else "link_text", "")
            if not text or len(text.encode()) > MAX_TEXT:
                raise Refused(400, {"message": "Invalid text", "status": "fail"})
            if method == "text":
                return {"text": text}, text
            addresses = _json(data.get("link_urls"))
            if not addresses or not all(one in text for one in addresses):
                raise Refused(400, {"message": "Invalid links", "status": "fail"})
            link = {"text": text, "link_context": {"link_url": addresses[0]}}
            return {"link": link}, text
        if method not in _ITEMS:
            raise Refused(404, {"message": "", "status": "fail"})
        if str(data.get("attachment_fbid")) not in self.uploads:
            raise Refused(400, {"message": "Invalid attachment", "status": "fail"})
        return {}, ""

    async def _offset(self, call: Call) -> web.Response:
        self._logged_in(call, app=False)
        return answer({"offset": 0})

    async def _upload(self, call: Call) -> web.Response:
        """A file for a message, as rupload.facebook.com takes it."""
        self._logged_in(call, app=False)
        kind, name = call.params["kind"], call.params["name"]
        length, mime = call.headers.get("x-entity-length"), call.headers.get("x-entity-type")
        right = (
            mime == _UPLOADS.get(kind)
            and length == str(len(call.body)) != "0"
            and call.headers.get("x-entity-name") == name
            and call.headers.get("offset") == "0"
            and call.headers.get(f"{kind}_type") == "FILE_ATTACHMENT"
        )
        if not right:
            raise Refused(400, {"debug_info": {"type": "InvalidRequestError"}})
        media_id = str(900_000_000_000 + len(self.uploads))
        self.uploads[media_id] = call.body
        return answer({"media_id": int(media_id)})

    # --- Comments --------------------------------------------------------------------------------

    async def _feed(self, call: Call) -> web.Response:
        self._logged_in(call)
        items = [
            {
                "id": post.id,
                "pk": post.id.partition("_")[0],
                "code": post.code,
                "media_type": 1,
                "comment_count": post.count,
            }
            for post in self.posts[: int(call.query.get("count", 12))]
        ]
        return answer({"items": items, "num_results": len(items), "status": "ok"})

    def _post(self, call: Call) -> Post:
        for post in self.posts:
            if post.id == call.params["post"]:
                return post
        raise Refused(400, {"message": "Media not found or unavailable", "status": "fail"})

    async def _comments(self, call: Call) -> web.Response:
        self._logged_in(call)
        post = self._post(call)
        start = int(json.loads(call.query["min_id"])["cursor"]) if "min_id" in call.query else 0
        page = post.comments[start : start + PAGE]
        shown = [
            {name: value for name, value in one.items() if name != "children"}
            | {
                "child_comment_count": len(one["children"]),
                "preview_child_comments": one["children"][:1],
            }
            for one in page
        ]
        more = start + PAGE < len(post.comments)
        body: dict[str, Any] = {
            "comments": shown,
            "comment_count": post.count,
            "has_more_comments": False,
            "has_more_headload_comments": more,
            "status": "ok",
        }
        if more:
            body["next_min_id"] = json.dumps({"cursor": start + PAGE})
        return answer(body)

    async def _children(self, call: Call) -> web.Response:
        self._logged_in(call)
        root = self._root(self._post(call), call.params["root"])
        if root is None:
            raise Refused(400, {"message": "Media not found or unavailable", "status": "fail"})
        start = int(call.query.get("min_id", 0))
        children = root["children"][start : start + PAGE]
        more = start + PAGE < len(root["children"])
        body: dict[str, Any] = {
            "child_comments": children,
            "child_comment_count": len(root["children"]),
            "has_more_head_child_comments": more,
            "has_more_tail_child_comments": False,
            "status": "ok",
        }
        if more:
            body["next_min_child_cursor"] = str(start + PAGE)
        return answer(body)

    async def _comment(self, call: Call) -> web.Response:
        self._logged_in(call)
        self._post(call)
        data = _signed(call)
        text = data.get("comment_text", "")
        if not text or len(text) > MAX_COMMENT:
            raise Refused(400, {"message": "Invalid comment", "status": "fail"})
        under = data.get("replied_to_comment_id")
        user = {"pk": VIEWER, "username": self.username, "full_name": "109"}
        user["profile_pic_url"] = f"{CDN}/v/t51.2885-19/hub.jpg"
        comment = self.write_comment(
            user, text, post=call.params["post"], under=None if under is None else str(under)
        )
        heard = Received(text=text, kind="comment", item=comment)
        self.sent.append(heard)
        self.changed()
        return answer({"comment": comment, "status": "ok"})

    async def _file(self, call: Call) -> web.Response:
        """A file, whoever asks: its address is signed."""
        content = self.files.get(call.path)
        if content is None:
            raise Refused(404)
        return answer(content)


_ITEMS = {
    "text": "text",
    "link": "link",
    "photo_attachment": "media",
    "raven_attachment": "raven_media",
    "voice_attachment": "voice_media",
}
_UPLOADS = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mp4"}


@cache
def _key() -> rsa.RSAPrivateKey:
    """What passwords are sent under; one for every sandbox, as making it takes time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _decrypted(encrypted: str) -> str | None:
    """The password that the app has sealed: its own key under ours, then AES-GCM."""
    found = re.fullmatch(r"#PWD_INSTAGRAM:4:([0-9]+):(.+)", encrypted)
    if found is None:
        return None
    sent_at, payload = found[1], base64.b64decode(found[2])
    iv, size = payload[2:14], int.from_bytes(payload[14:16], "little")
    sealed_key, rest = payload[16 : 16 + size], payload[16 + size :]
    key = _key().decrypt(sealed_key, padding.PKCS1v15())
    tag, text = rest[:16], rest[16:]
    return AESGCM(key).decrypt(iv, text + tag, sent_at.encode()).decode()


def _bloks(payload: Mapping[str, Any]) -> web.Response:
    return answer({"layout": {"bloks_payload": dict(payload)}, "status": "ok"})


def _signed(call: Call) -> dict[str, Any]:
    """The JSON of a signed body. The signature has long been a word."""
    text = call.body.decode()
    found = _json(unquote_plus(text.removeprefix("signed_body=SIGNATURE.")))
    if not text.startswith("signed_body=SIGNATURE.") or not isinstance(found, dict):
        raise Refused(400, {"message": "Invalid signature", "status": "fail"})
    return found


def _json(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
