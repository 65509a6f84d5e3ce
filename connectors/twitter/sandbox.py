"""X on loopback: it refuses what API v2 refuses, and its citizens write to the account.

A call in the account's name must be signed for https://api.x.com, although it came to loopback:
the connector sends to its `api_base` and signs for X, as it would through a proxy.

Sources: https://docs.x.com/x-api/introduction (each address has its page there),
https://docs.x.com/x-api/activity/event-payloads
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from aiohttp import web

from connectors.testing.sandbox import Call, Refused, Route, Sandbox, answer
from connectors.twitter.citizens import Citizen, Posted, Received
from connectors.twitter.problems import forbidden, invalid, not_found
from connectors.twitter.rules import (
    MOST_WEIGHT,
    expected_signature,
    has_address,
    oauth_parameters,
    weight,
)
from connectors.twitter.sandbox_gate import (
    ACCESS_TOKEN_SECRET,
    CLIENT_SECRET,
    CONSUMER_SECRET,
    USER_ID,
    Gate,
    Who,
)
from connectors.twitter.sandbox_hooks import HookDesk, Signing
from connectors.twitter.sandbox_pages import (
    asked,
    body_of,
    id_in,
    iso,
    only,
    paged,
    public,
    whole,
    written,
)
from connectors.twitter.sandbox_uploads import UploadDesk

_EPOCH = datetime.fromisoformat("2010-11-04T01:42:54.657+00:00")
_LATEST = timedelta(seconds=0.4)
"""How much later X tells of a direct message that the account itself sent."""
_RETENTION = timedelta(days=30)
_MOST_MENTIONS = 800
_MOST_TEXT = 10_000
_FILE_HOSTS = {"photo": "pbs.twimg.com", "video": "video.twimg.com", "private": "ton.twitter.com"}

Handler: TypeAlias = Callable[[Call], Awaitable[tuple[int, Mapping[str, Any]]]]


class TwitterSandbox(Sandbox):
    """One account's X: `TwitterSandbox()`, then `citizen(…)` for each person.

    `challenges` has X ask a webhook's address first; `strict` refuses addresses that are not
    https; `refuses_duplicates` takes no text twice; `windows` counts calls by 15 minutes;
    `funds` are what is left to spend, in millionths of a dollar, None for enough.
    """

    def __init__(
        self,
        *,
        user_id: str = USER_ID,
        username: str = "almaty_109_example",
        challenges: bool = True,
        strict: bool = False,
        signing: Signing = "both",
        refuses_duplicates: bool = False,
        windows: bool = True,
        funds: int | None = None,
        client_crc: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.user_id = user_id
        self.username = username
        self.refuses_duplicates = refuses_duplicates
        self.gate = Gate(self.clock, user_id=user_id, windows=windows, funds=funds)
        self.citizens: dict[str, Citizen] = {}
        self.posts: dict[str, dict[str, Any]] = {}
        """Every post by its id; of an edited one the latest."""
        self.directs: list[dict[str, Any]] = []
        """Every direct message, the oldest first."""
        self.sent: list[Received] = []
        """What the account wrote, to whomever."""
        self.files: dict[str, bytes] = {}
        """By their addresses without https://."""
        self.uploads = UploadDesk()
        self.desk = HookDesk(
            self.exchange,
            consumer_secret=CONSUMER_SECRET,
            client_secret=CLIENT_SECRET,
            crc_secret=CLIENT_SECRET if client_crc else CONSUMER_SECRET,
            challenges=challenges,
            strict=strict,
            signing=signing,
        )
        self._number = 0

    # --- Citizens --------------------------------------------------------------------------------

    def citizen(
        self,
        *,
        name: str = "Айгүл Сейтқали",
        username: str | None = None,
        user_id: str | None = None,
        kind: type[Citizen] = Citizen,
    ) -> Citizen:
        """A new person on X; the account can write to them once they have."""
        number = user_id or str(1_534_001_122_334_455_667 + len(self.citizens))
        made = kind(self, user_id=number, name=name, username=username or f"citizen_{number[-6:]}")
        self.citizens[number] = made
        return made

    def know(self, post_id: str, author: Citizen, text: str) -> None:
        """Have a citizen's post from before, under an id that a test names."""
        post = self._post(author.id, f"@{self.username} {text}", answers=None)
        del self.posts[post["id"]]
        told = {"id": post_id, "conversation_id": post_id, "edit_history_tweet_ids": [post_id]}
        self.posts[post_id] = {**post, **told}

    def next_id(self) -> str:
        """An id that tells its time, as X's do."""
        self._number += 1
        past = int((self.clock() - _EPOCH) / timedelta(milliseconds=1))
        return str((past << 22) + self._number)

    def store(self, content: bytes, *, kind: str, private: bool) -> dict[str, Any]:
        """Keep a citizen's file; what a message says of it."""
        number = self.next_id()
        host = _FILE_HOSTS["private" if private else kind]
        ending = "mp4" if kind == "video" else "png"
        path = f"1.1/ton/data/dm/{number}/{number}/f.{ending}" if private else f"media/{number}.png"
        self.files[f"{host}/{path}"] = content
        return {
            "media_key": f"3_{number}",
            "type": kind,
            "url": f"https://{host}/{path}",
            "url_in_text": f"https://t.co/m{number[-9:]}",
        }

    async def direct(
        self,
        user_id: str,
        text: str,
        *,
        links: Sequence[Mapping[str, Any]] = (),
        media: Mapping[str, Any] | None = None,
    ) -> Posted:
        """A citizen's direct message to the account."""
        return await self._direct(user_id, user_id, text, links=links, media=media)

    async def in_the_app(self, user_id: str, text: str) -> Posted:
        """A direct message that an employee writes in X's own app."""
        return await self._direct(self.user_id, user_id, text)

    async def posted(
        self,
        user_id: str,
        text: str,
        *,
        answers: str | None = None,
        quotes: str | None = None,
        reposts: str | None = None,
        edits: str | None = None,
        media: Sequence[Mapping[str, Any]] = (),
    ) -> Posted:
        """A citizen's post."""
        post = self._post(user_id, text, answers=answers or quotes or reposts, media=media)
        if reposts or quotes:
            kind = "retweeted" if reposts else "quoted"
            post["referenced_tweets"] = [{"type": kind, "id": reposts or quotes}]
            post["conversation_id"] = post["id"]
        if edits is not None:
            before = self.posts.pop(edits)
            post["edit_history_tweet_ids"] = [*before["edit_history_tweet_ids"], post["id"]]
        event = {
            **self._event("post.mention.create", public(post)),
            "includes": {"users": self._users([user_id, self.user_id]), "media": post["_media"]},
        }
        status = await self.desk.deliver("post.mention.create", self.user_id, event)
        return Posted(id=post["id"], content=public(post), status=status)

    async def told_read(self, user_id: str, message_id: str) -> int | None:
        """A citizen has read the account's direct messages up to one."""
        read = {
            "created_timestamp": self._millis(),
            "sender_id": user_id,
            "target": {"recipient_id": self.user_id},
            "last_read_event_id": message_id,
        }
        payload = {
            "direct_message_mark_read_events": [read],
            "users": self._user_map([user_id, self.user_id]),
        }
        return await self.desk.deliver("dm.read", self.user_id, self._event("dm.read", payload))

    # --- What X keeps ----------------------------------------------------------------------------

    async def _direct(
        self,
        sender: str,
        other: str,
        text: str,
        *,
        links: Sequence[Mapping[str, Any]] = (),
        media: Mapping[str, Any] | None = None,
    ) -> Posted:
        kept = self._keep(sender, other, text, links=links, media=media)
        kind = "dm.sent" if sender == self.user_id else "dm.received"
        status = await self.desk.deliver(kind, self.user_id, self._direct_event(kind, kept))
        return Posted(id=kept["id"], content=kept, status=status)

    def _keep(
        self,
        sender: str,
        other: str,
        text: str,
        *,
        links: Sequence[Mapping[str, Any]] = (),
        media: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        shown, found = written(text)
        kept = {
            "id": self.next_id(),
            "sender": sender,
            "other": other,
            "text": shown,
            "links": [*links, *found],
            "media": media,
            "at": self.clock(),
        }
        self.directs.append(kept)
        self.changed()
        return kept

    def _direct_event(self, kind: str, kept: Mapping[str, Any]) -> dict[str, Any]:
        """A direct message in the older shape, which the events carry."""
        ours = kept["sender"] == self.user_id
        links = [dict(link) for link in kept["links"]]
        data: dict[str, Any] = {
            "text": kept["text"],
            "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": links},
        }
        if kept["media"] is not None:
            media = kept["media"]
            told = {
                "type": media["type"],
                "media_url_https": media["url"],
                "url": media["url_in_text"],
                "display_url": "pic.x.com/file",
            }
            data["attachment"] = {"type": "media", "media": told}
        message = {
            "type": "message_create",
            "id": kept["id"],
            "created_timestamp": self._millis(kept["at"]),
            "message_create": {
                "target": {"recipient_id": kept["other"] if ours else self.user_id},
                "sender_id": kept["sender"],
                "message_data": data,
            },
        }
        users = self._user_map([kept["other"], self.user_id])
        return self._event(kind, {"direct_message_events": [message], "users": users})

    def _post(
        self,
        author: str,
        text: str,
        *,
        answers: str | None,
        media: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        number = self.next_id()
        shown, links = written(text)
        post: dict[str, Any] = {
            "id": number,
            "author_id": author,
            "text": shown,
            "created_at": iso(self.clock()),
            "conversation_id": self.posts[answers]["conversation_id"] if answers else number,
            "edit_history_tweet_ids": [number],
            "entities": {"urls": links},
            "_media": [{k: v for k, v in one.items() if k != "url_in_text"} for one in media],
        }
        if answers:
            post["referenced_tweets"] = [{"type": "replied_to", "id": answers}]
        if media:
            post["attachments"] = {"media_keys": [one["media_key"] for one in media]}
        self.posts[number] = post
        self.changed()
        return post

    def _event(self, kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "event_uuid": f"-{self.next_id()}",
            "filter": {"user_id": self.user_id},
            "event_type": kind,
            "payload": payload,
        }

    def _users(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        known = {one.id: one.user for one in self.citizens.values()}
        known[self.user_id] = self._me()
        return [known[one] for one in dict.fromkeys(ids) if one in known]

    def _user_map(self, ids: Iterable[str]) -> dict[str, Any]:
        return {user["id"]: {"data": user} for user in self._users(ids)}

    def _me(self) -> dict[str, Any]:
        return {"id": self.user_id, "name": "Алматы 109", "username": self.username}

    def _millis(self, at: datetime | None = None) -> str:
        return str(int((at or self.clock()).timestamp() * 1000))

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        user, app, either = self._as_user, self._as_app, self._as_either
        yield Route("GET", "/2/users/me", user("GET /2/users/me", self._get_me))
        yield Route(
            "GET", "/2/users/{id}/mentions", user("GET /2/users/:id/mentions", self._get_mentions)
        )
        yield Route("GET", "/2/dm_events", user("GET /2/dm_events", self._get_messages))
        yield Route("POST", "/2/tweets", user("POST /2/tweets", self._create_post))
        for path in ("with/{id}", "{id}"):
            name = f"POST /2/dm_conversations/{path.replace('{id}', ':id')}/messages"
            route = f"/2/dm_conversations/{path}/messages"
            yield Route("POST", route, user(name, self._create_message))
        media = "/2/media/upload"
        yield Route("GET", media, user(f"GET {media}", self._plain(self.uploads.status)))
        yield Route(
            "POST", f"{media}/initialize", user(f"POST {media}/initialize", self._initialize)
        )
        for verb, step in (("append", self.uploads.append), ("finalize", self.uploads.finalize)):
            name = f"POST {media}/:id/{verb}"
            yield Route("POST", f"{media}/{{id}}/{verb}", user(name, self._plain(step)))
        desk = self.desk
        yield Route("GET", "/2/webhooks", app("GET /2/webhooks", self._given(desk.listed)))
        yield Route("POST", "/2/webhooks", app("POST /2/webhooks", self._create_hook))
        yield Route("PUT", "/2/webhooks/{id}", app("PUT /2/webhooks/:id", self._validate))
        yield Route("DELETE", "/2/webhooks/{id}", app("", self._plain(desk.delete)))
        subscriptions = "/2/activity/subscriptions"
        given = self._given(desk.subscribed)
        yield Route("GET", subscriptions, app(f"GET {subscriptions}", given))
        yield Route("POST", subscriptions, either(f"POST {subscriptions}", self._subscribe))
        updated = self._plain(desk.update)
        yield Route("PUT", f"{subscriptions}/{{id}}", app(f"PUT {subscriptions}/:id", updated))
        for host in _FILE_HOSTS.values():
            yield Route("GET", f"/{{host:{re.escape(host)}}}/{{path:.+}}", self._serve_file)

    def unknown(self, call: Call) -> web.Response:
        return not_found("resource", call.path).response

    def _as_user(self, name: str, handler: Handler) -> Callable[[Call], Awaitable[web.Response]]:
        return partial(self._take, name, handler, "user")

    def _as_app(self, name: str, handler: Handler) -> Callable[[Call], Awaitable[web.Response]]:
        return partial(self._take, name, handler, "app")

    def _as_either(self, name: str, handler: Handler) -> Callable[[Call], Awaitable[web.Response]]:
        return partial(self._take, name, handler, "either")

    async def _take(self, name: str, handler: Handler, who: Who, call: Call) -> web.Response:
        """Who asks, how often, and then what is asked."""
        headers = self.gate.admit(call, name, who)
        status, said = await handler(call)
        self.changed()
        return answer(said, status=status, headers=headers)

    def _plain(self, handle: Callable[[Call], Mapping[str, Any]]) -> Handler:
        async def handler(call: Call) -> tuple[int, Mapping[str, Any]]:
            return 200, handle(call)

        return handler

    def _given(self, handle: Callable[[], Mapping[str, Any]]) -> Handler:
        return self._plain(lambda _: handle())

    # --- What it answers -------------------------------------------------------------------------

    async def _get_me(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        return 200, {"data": self._me()}

    async def _get_mentions(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        only(call, _MENTION_PARAMETERS)
        if call.params["id"] not in {self.user_id, *self.citizens}:
            raise not_found("user", call.params["id"])
        most = whole(call, "max_results", 10, 5, 100)
        since, until = id_in(call, "since_id"), id_in(call, "until_id")
        found = [
            post
            for post in sorted(self.posts.values(), key=lambda one: -int(one["id"]))
            if f"@{self.username}" in post["text"]
            and int(post["id"]) > (since or 0)
            and (until is None or int(post["id"]) < until)
        ][:_MOST_MENTIONS]
        page, meta = paged(found, call.query.get("pagination_token"), most)
        self.gate.charge("post read", [post["id"] for post in page])
        wanted = {"id", "text", "edit_history_tweet_ids", *asked(call, "tweet.fields")}
        said: dict[str, Any] = {"meta": meta}
        if page:
            said["data"] = [{k: v for k, v in post.items() if k in wanted} for post in page]
            expanded = asked(call, "expansions")
            includes: dict[str, Any] = {}
            if "author_id" in expanded:
                includes["users"] = self._users(post["author_id"] for post in page)
            if "attachments.media_keys" in expanded:
                includes["media"] = [one for post in page for one in post["_media"]]
            said["includes"] = self._billed(includes)
        return 200, said

    async def _get_messages(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        only(call, _MESSAGE_PARAMETERS)
        most = whole(call, "max_results", 100, 1, 100)
        oldest = self.clock() - _RETENTION
        found = [kept for kept in reversed(self.directs) if kept["at"] >= oldest]
        page, meta = paged(found, call.query.get("pagination_token"), most)
        self.gate.charge("dm read", [kept["id"] for kept in page])
        wanted = {"id", "event_type", "text", *asked(call, "dm_event.fields")}
        said: dict[str, Any] = {"meta": meta}
        if page:
            events = [self._listed(kept) for kept in page]
            said["data"] = [{k: v for k, v in one.items() if k in wanted} for one in events]
            expanded = asked(call, "expansions")
            includes: dict[str, Any] = {}
            if {"sender_id", "participant_ids"} & set(expanded):
                includes["users"] = self._users(
                    one for kept in page for one in (kept["sender"], kept["other"])
                )
            if "attachments.media_keys" in expanded:
                files = (kept["media"] for kept in page if kept["media"])
                includes["media"] = [
                    {k: v for k, v in file.items() if k != "url_in_text"} for file in files
                ]
            said["includes"] = self._billed(includes)
        return 200, said

    def _billed(self, includes: Mapping[str, Any]) -> dict[str, Any]:
        """What stands beside the page: people are charged for like what is on it."""
        self.gate.charge("user read", [user["id"] for user in includes.get("users", ())])
        return {name: held for name, held in includes.items() if held}

    def _listed(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """A direct message in the shape of API v2."""
        pair = sorted((self.user_id, kept["other"]), key=int)
        told = {
            "id": kept["id"],
            "event_type": "MessageCreate",
            "text": kept["text"],
            "sender_id": kept["sender"],
            "dm_conversation_id": "-".join(pair),
            "created_at": iso(kept["at"]),
            "entities": {"urls": list(kept["links"])},
        }
        if kept["media"]:
            told["attachments"] = {"media_keys": [kept["media"]["media_key"]]}
            link = {"url": kept["media"]["url_in_text"], "display_url": "pic.x.com/file"}
            told["entities"]["urls"].append(link)
        return told

    async def _create_post(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        data = body_of(call, {"text", "reply", "media", "quote_tweet_id", "reply_settings", "poll"})
        text, media = data.get("text", ""), data.get("media")
        if not isinstance(text, str) or (not text.strip() and media is None):
            raise invalid("text or media is required")
        if weight(text) > MOST_WEIGHT:
            raise forbidden("You are not permitted to perform this action.")
        files: tuple[str, ...] = ()
        if media is not None:
            ids = media.get("media_ids") if isinstance(media, dict) else None
            files = self.uploads.usable(ids, owner="tweet", most=4)
        answers = self._answered(data.get("reply"))
        if self.refuses_duplicates and any(one.public and one.text == text for one in self.sent):
            raise forbidden("You are not allowed to create a Tweet with duplicate content.")
        self.gate.charge("post with url" if has_address(text) else "post")
        post = self._post(self.user_id, text, answers=answers)
        received = Received(text=text, id=post["id"], public=True, answers=answers, media=files)
        self._reach(self._author(answers), received)
        return 201, {
            "data": {
                "id": post["id"],
                "text": post["text"],
                "edit_history_tweet_ids": [post["id"]],
            }
        }

    def _answered(self, reply: object) -> str | None:
        """The post that is answered, if X lets us: its author mentioned us, or it is ours."""
        if reply is None:
            return None
        answers = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) else None
        if not isinstance(answers, str) or not answers.isdecimal():
            raise invalid("reply.in_reply_to_tweet_id must be the id of a post")
        post = next(
            (one for one in self.posts.values() if answers in one["edit_history_tweet_ids"]), None
        )
        if post is None:
            raise forbidden(
                "You attempted to reply to a Tweet that is deleted or not visible to you."
            )
        author = self.citizens.get(post["author_id"])
        if author is not None and (author.blocked or f"@{self.username}" not in post["text"]):
            raise forbidden(
                "Reply to this conversation is not allowed because you have not been mentioned or "
                "otherwise engaged by the author of the post you are replying to."
            )
        return str(post["id"])

    def _author(self, post_id: str | None) -> Citizen | None:
        """Whom a reply reaches: the author of what it answers, or of what that answers."""
        while post_id is not None:
            post = self.posts[post_id]
            if post["author_id"] in self.citizens:
                return self.citizens[post["author_id"]]
            references = post.get("referenced_tweets") or [{"id": None}]
            post_id = references[0]["id"]
        return None

    async def _create_message(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        data = body_of(call, {"text", "attachments"})
        text, attached = data.get("text", ""), data.get("attachments")
        if not isinstance(text, str) or (not text.strip() and attached is None):
            raise invalid("text or attachments is required")
        if len(text) > _MOST_TEXT:
            raise invalid(f"text [{len(text)}] is longer than {_MOST_TEXT} characters")
        files: tuple[str, ...] = ()
        if attached is not None:
            well = isinstance(attached, list) and all(isinstance(one, dict) for one in attached)
            ids = [one.get("media_id") for one in attached] if well else None
            files = self.uploads.usable(ids, owner="dm", most=1)
        person = self._participant(call.params["id"])
        if person.suspended:
            raise not_found("user", person.id)
        if person.blocked or not (person.wrote or person.accepts_messages):
            raise forbidden("You do not have permission to DM one or more participants.")
        self.gate.charge("dm")
        kept = self._keep(self.user_id, person.id, text)
        self._reach(person, Received(text=text, id=kept["id"], public=False, media=files))
        self.later(self._tell_sent(kept))
        pair = "-".join(sorted((self.user_id, person.id), key=int))
        return 201, {"data": {"dm_conversation_id": pair, "dm_event_id": kept["id"]}}

    def _participant(self, number: str) -> Citizen:
        ids = [one for one in number.split("-") if one != self.user_id]
        person = self.citizens.get(ids[0]) if len(ids) == 1 else None
        if person is None:
            raise not_found("user", number)
        return person

    def _reach(self, person: Citizen | None, received: Received) -> None:
        self.sent.append(received)
        if person is not None:
            person.received.append(received)

    async def _tell_sent(self, kept: Mapping[str, Any]) -> None:
        await asyncio.sleep(_LATEST.total_seconds())
        await self.desk.deliver("dm.sent", self.user_id, self._direct_event("dm.sent", kept))

    async def _initialize(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        return 200, self.uploads.initialize(call, self.next_id())

    async def _create_hook(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        return 200, await self.desk.create(call, self.next_id(), iso(self.clock()))

    async def _validate(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        return 200, await self.desk.validate(call)

    async def _subscribe(self, call: Call) -> tuple[int, Mapping[str, Any]]:
        user = self.user_id if call.headers["Authorization"].startswith("OAuth ") else None
        now = iso(self.clock())
        return 200, self.desk.subscribe(call, self.next_id(), now, as_user=user)

    async def _serve_file(self, call: Call) -> web.Response:
        """Files of direct messages open for their two people alone."""
        host, path = call.params["host"], call.params["path"]
        if host == _FILE_HOSTS["private"]:
            shown = oauth_parameters(call.headers.get("Authorization", ""))
            expected = expected_signature(
                "GET",
                f"/{path}",
                call.query.items(),
                shown,
                consumer_secret=CONSUMER_SECRET,
                token_secret=ACCESS_TOKEN_SECRET,
                base=f"https://{host}",
            )
            if shown.get("oauth_signature") != expected:
                raise Refused(401)
        content = self.files.get(f"{host}/{path}")
        if content is None:
            raise Refused(404)
        return answer(content, headers={"Content-Type": "application/octet-stream"})


_MENTION_PARAMETERS = frozenset(
    {"since_id", "until_id", "start_time", "end_time", "max_results", "pagination_token"}
    | {"tweet.fields", "user.fields", "media.fields", "expansions", "poll.fields", "place.fields"}
)
_MESSAGE_PARAMETERS = frozenset(
    {"max_results", "pagination_token", "event_types", "dm_event.fields", "expansions"}
    | {"user.fields", "media.fields", "tweet.fields"}
)
