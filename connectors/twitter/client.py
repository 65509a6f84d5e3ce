"""tweepy as the client: it knows the calls, their parameters and their bodies.

Its own way of asking is replaced. It would make a session for every call, without a timeout and
always to one host, log the tokens, and take a page of HTML for an error of its own. tweepy is
imported here alone, and this module when an account first calls X.

Where calls go and what they are signed for are two things: a sandbox or a proxy at `api_base`
stands for X, and whoever is X behind it checks the signature against X's own address.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct
from tweepy.asynchronous import AsyncClient  # type: ignore[import-untyped]
from yarl import URL

from connectors.base import Misconfigured
from connectors.kit.lost_answers import unanswered, unreadable
from connectors.twitter.failures import (
    SENDS,
    Doing,
    not_x,
    problem_of,
    refused,
)
from connectors.twitter.health import Window
from connectors.twitter.oauth import Keys, authorization, encoded
from connectors.twitter.settings import OWN_HOSTS, X
from registry.types import Clock

CONNECT = 10.0
"""Seconds to get a connection, new or from the pool."""

POST_FIELDS = {
    "tweet_fields": [
        "author_id",
        "conversation_id",
        "created_at",
        "entities",
        "note_tweet",
        "referenced_tweets",
        "attachments",
        "edit_history_tweet_ids",
    ],
    "expansions": ["author_id", "referenced_tweets.id", "attachments.media_keys"],
    "user_fields": ["name", "username"],
    "media_fields": ["media_key", "type", "url", "variants", "duration_ms"],
}
DM_FIELDS = {
    "dm_event_fields": [
        "id",
        "event_type",
        "text",
        "created_at",
        "sender_id",
        "dm_conversation_id",
        "attachments",
        "referenced_tweets",
        "entities",
    ],
    "expansions": ["sender_id", "participant_ids", "attachments.media_keys"],
    "user_fields": ["name", "username"],
    "media_fields": ["media_key", "type", "url", "variants", "duration_ms"],
}


class Reply(Struct, frozen=True, kw_only=True):
    """What X answered and meant as a success."""

    status: int
    body: bytes
    data: Any
    """The JSON of the answer; None when it is empty."""


class _Api(AsyncClient):  # type: ignore[misc]
    """tweepy's calls, made by us."""

    def __init__(self, client: "Client") -> None:
        super().__init__(return_type=aiohttp.ClientResponse, wait_on_rate_limit=False)
        self._client = client

    async def request(
        self,
        method: str,
        route: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        user_auth: bool = False,
    ) -> Reply:
        return await self._client.call(
            method, route, params=params, data=json, as_app=not user_auth
        )


class Client:
    """One account. Every method raises SendError."""

    def __init__(
        self,
        keys: Keys,
        bearer: str | None,
        *,
        account: str,
        api_base: str,
        timeout: float,
        clock: Clock,
    ) -> None:
        """`timeout` is what one call may take, in seconds."""
        self.account = account
        self.timeout = timeout
        self.windows: dict[str, Window] = {}
        """By the call's address, without the ids in it."""
        self._keys = keys
        self._bearer = bearer
        self._base = api_base
        self._signed_base = api_base if urlsplit(api_base).hostname in OWN_HOSTS else X
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None
        self._api = _Api(self)

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    # --- What X is asked -------------------------------------------------------------------------

    async def me(self) -> Mapping[str, Any]:
        """Whose tokens these are."""
        reply = await self._api.get_me(user_auth=True)
        return _object(_held(reply, "data"), "other")

    async def mentions(
        self, user_id: str, *, since_id: str, until_id: str | None, max_results: int
    ) -> Reply:
        """The newest posts that mention a user, between two ids that are not among them."""
        reply: Reply = await self._api.get_users_mentions(
            user_id,
            since_id=since_id,
            until_id=until_id,
            max_results=max_results,
            user_auth=True,
            **POST_FIELDS,
        )
        return reply

    async def messages(self, *, token: str | None, max_results: int) -> Reply:
        """The newest direct messages, or those before them where a page's token says."""
        reply: Reply = await self._api.get_direct_message_events(
            event_types="MessageCreate",
            pagination_token=token,
            max_results=max_results,
            user_auth=True,
            **DM_FIELDS,
        )
        return reply

    async def post(self, text: str, *, answers: str, media: Sequence[str]) -> str:
        """Reply to a post; gives the id of ours."""
        reply = await self._api.create_tweet(
            text=text or None,
            in_reply_to_tweet_id=answers,
            media_ids=list(media) or None,
            user_auth=True,
        )
        return _name(_held(reply, "data"), "id", "post")

    async def message(self, text: str, *, to: str, media: str | None) -> str:
        """Send a direct message; gives its event's id."""
        reply = await self._api.create_direct_message(
            participant_id=to, text=text or None, media_id=media, user_auth=True
        )
        return _name(_held(reply, "data"), "dm_event_id", "dm")

    # --- One call --------------------------------------------------------------------------------

    def signature(self, method: str, url: str, params: Sequence[tuple[str, str]] = ()) -> str:
        """The Authorization header in the user's name."""
        return authorization(
            self._keys,
            method,
            url,
            params=params,
            nonce=secrets.token_hex(16),
            timestamp=int(self._clock().timestamp()),
        )

    async def call(
        self,
        method: str,
        route: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        as_app: bool = False,
    ) -> Reply:
        """Make one call: `data` is a dict that goes as JSON, or a form."""
        doing = _doing(method, route)
        query = [(name, str(value)) for name, value in sorted((params or {}).items())]
        if as_app:
            proof = f"Bearer {self._app_token()}"
        else:
            proof = self.signature(method, self._signed_base + route, query)
        shown = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in query)
        url = URL(f"{self._base}{route}{'?' if shown else ''}{shown}", encoded=True)
        as_json = isinstance(data, dict)
        try:
            async with self._session().request(
                method,
                url,
                json=data if as_json else None,
                data=None if as_json else data,
                headers={"Authorization": proof},
                timeout=aiohttp.ClientTimeout(total=self.timeout, connect=CONNECT),
                allow_redirects=False,
            ) as response:
                status, headers = response.status, response.headers
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unanswered(error, "X", sends=doing in SENDS) from error
        self._note_window(method, route, headers)
        return self._judged(status, headers, body, doing)

    def _judged(self, status: int, headers: Mapping[str, str], body: bytes, doing: Doing) -> Reply:
        now = self._clock()
        try:
            data = json.loads(body) if body.strip() else None
        except (ValueError, RecursionError):
            if 200 <= status < 300:
                raise unreadable("X", sends=doing in SENDS) from None
            raise not_x(status, headers, doing=doing, account=self.account, now=now) from None
        problem = problem_of(status, data)
        if 200 <= status < 300:
            # Beside a page's `meta`, errors only tell what of its surroundings is not there.
            told = data.keys() if isinstance(data, dict) else set()
            if "errors" in told and not told & {"data", "meta"} and problem is not None:
                raise refused(problem, headers, doing=doing, now=now)
            return Reply(status=status, body=body, data=data)
        if problem is None or status < 400:
            raise not_x(status, headers, doing=doing, account=self.account, now=now)
        raise refused(problem, headers, doing=doing, now=now)

    def _app_token(self) -> str:
        if self._bearer is None:
            raise Misconfigured(
                "The account has no bearer_token, with which X is asked about webhooks.",
                cure=f"Give channels.twitter.{self.account}.bearer_token.",
            )
        return self._bearer

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self._http

    def _note_window(self, method: str, route: str, headers: Mapping[str, str]) -> None:
        left, limit = headers.get("x-rate-limit-remaining"), headers.get("x-rate-limit-limit")
        if left is not None and limit is not None and left.isdecimal() and limit.isdecimal():
            path = "/".join(
                "…" if part.isdecimal() and len(part) > 1 else part for part in route.split("/")
            )
            self.windows[f"{method} {path}"] = Window(left=int(left), limit=int(limit))


def _doing(method: str, route: str) -> Doing:
    if method == "POST" and route == "/2/tweets":
        return "post"
    if method == "POST" and route.endswith("/messages"):
        return "dm"
    return "file" if route.startswith("/2/media/") else "other"


def _held(reply: Reply, name: str) -> Any:
    return reply.data.get(name) if isinstance(reply.data, dict) else None


def _object(value: Any, doing: Doing) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise unreadable("X", sends=doing in SENDS)
    return value


def _name(value: Any, key: str, doing: Doing) -> str:
    """The id that X gave; a success without one leaves everything open."""
    found = _object(value, doing).get(key)
    if not isinstance(found, str) or not (found.isascii() and found.isdecimal()):
        raise unreadable("X", sends=doing in SENDS)
    return found
