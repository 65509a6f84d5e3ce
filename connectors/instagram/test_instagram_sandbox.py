"""The stand-in refuses what Meta refuses, and its citizens behave as people there do."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.instagram.sandbox import (
    APP_SECRET,
    FIELDS,
    IG_USER_ID,
    MEDIA,
    PAGE_ID,
    TOKEN,
    TOKEN_LIFE,
    VERIFY_TOKEN,
    InstagramSandbox,
    Token,
)
from connectors.kit.signatures import hmac_sha256
from connectors.testing.contract import NOW
from connectors.testing.hub import Clock
from connectors.testing.samples import picture
from connectors.testing.sandbox import Call, Route, Sandbox, answer

CHAT = "6712345678901234"
COMMENT = "17990000000000101"
TEXT = {"recipient": {"id": CHAT}, "message": {"text": "Сәлем"}}


class Webhook(Sandbox):
    """Takes deliveries, and answers them with what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[web.Response] = []

    def routes(self) -> Iterator[Route]:
        yield Route("POST", "/hook", self.take)
        yield Route("GET", "/hook", self.challenge)

    async def take(self, call: Call) -> web.Response:
        signature = call.headers["X-Hub-Signature-256"]
        assert signature == "sha256=" + hmac_sha256(APP_SECRET, call.body)
        return self.answers.pop(0) if self.answers else answer()

    async def challenge(self, call: Call) -> web.Response:
        assert call.query["hub.mode"] == "subscribe"
        fits = call.query["hub.verify_token"] == VERIFY_TOKEN
        return answer(call.query["hub.challenge"] if fits else "", status=200 if fits else 403)

    @property
    def entries(self) -> list[dict[str, Any]]:
        posted = [json.loads(call.body) for call in self.calls if call.method == "POST"]
        assert all(body["object"] == "instagram" for body in posted)
        return [entry for body in posted for entry in body["entry"]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def meta(clock: Clock) -> AsyncIterator[InstagramSandbox]:
    async with InstagramSandbox(clock=clock) as running:
        citizen = running.citizen(user_id=CHAT, wrote=True)
        running.new_comment(citizen, MEDIA, "А когда асфальт?", comment_id=COMMENT)
        yield running


@pytest.fixture
async def webhook(meta: InstagramSandbox) -> AsyncIterator[Webhook]:
    async with Webhook() as running:
        meta.hook, meta.subscribed = f"{running.url}/hook", FIELDS
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(
    http: aiohttp.ClientSession,
    meta: InstagramSandbox,
    path: str,
    data: object = None,
    *,
    token: str | None = TOKEN,
    version: str = "/v23.0",
) -> tuple[int, Any]:
    """One call; without data by GET."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    method = "GET" if data is None else "POST"
    address = f"{meta.url}{version}/{path}"
    async with http.request(method, address, json=data, headers=headers) as response:
        return response.status, await response.json()


def code(body: Any) -> tuple[int, int | None]:
    error = body["error"]
    assert error["message"]
    assert error["type"] in {"OAuthException", "GraphMethodException"}
    return error["code"], error.get("error_subcode")


# --- Tokens -------------------------------------------------------------------------------------


async def test_a_call_needs_a_valid_token(
    meta: InstagramSandbox, http: aiohttp.ClientSession, clock: Clock
) -> None:
    status, body = await ask(http, meta, "me/messages", TEXT, token=None)
    assert (status, code(body)) == (400, (104, None))
    status, body = await ask(http, meta, "me/messages", TEXT, token="guessed")
    assert (status, code(body)) == (401, (190, None))
    clock.now += TOKEN_LIFE
    status, body = await ask(http, meta, "me/messages", TEXT)
    assert (status, code(body)) == (401, (190, 463))
    assert meta.sent == []


async def test_a_token_is_renewed_after_a_day_and_not_after_its_end(
    meta: InstagramSandbox, http: aiohttp.ClientSession, clock: Clock
) -> None:
    path = "refresh_access_token?grant_type=ig_refresh_token"
    meta.tokens[TOKEN] = Token(made_at=NOW, ends_at=NOW + TOKEN_LIFE)
    assert code((await ask(http, meta, path))[1]) == (100, None)
    clock.now += timedelta(days=1)
    status, body = await ask(http, meta, path)
    assert (status, body["expires_in"]) == (200, TOKEN_LIFE.total_seconds())
    assert body["access_token"] in meta.tokens
    shown = f"{path}&access_token={TOKEN}"
    assert (await ask(http, meta, shown, token=None, version=""))[0] == 200
    clock.now += TOKEN_LIFE
    assert code((await ask(http, meta, path))[1]) == (190, 463)
    assert code((await ask(http, meta, "refresh_access_token"))[1]) == (100, None)


# --- Messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"recipient": {"id": int(CHAT)}}, (100, None)),
        ({"recipient": {"id": CHAT, "comment_id": COMMENT}}, (100, None)),
        ({"recipient": CHAT}, (100, None)),
        ({"recipient": {"id": "abc"}}, (100, None)),
        ({"recipient": {"id": "670000"}}, (100, 2534014)),
        ({"recipient": {"comment_id": "1"}}, (100, 33)),
        ({"message": None}, (100, None)),
        ({"message": {}}, (100, None)),
        ({"message": {"text": ""}}, (100, None)),
        ({"message": {"text": 5}}, (100, None)),
        ({"message": {"text": "қ" * 501}}, (100, None)),
        ({"message": {"text": "a", "attachment": {}}}, (100, None)),
        ({"message": {"attachment": {"type": "gif", "payload": {"url": "/"}}}}, (100, None)),
        (
            {"message": {"attachment": {"type": "image", "payload": {"url": "http://x.kz/1"}}}},
            (100, 2018047),
        ),
        ({"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}, (10, None)),
        ({"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"}, (100, None)),
    ],
)  # fmt: skip
async def test_a_message_that_meta_would_refuse_is_refused(
    change: dict[str, Any],
    expected: tuple[int, int | None],
    meta: InstagramSandbox,
    http: aiohttp.ClientSession,
) -> None:
    status, body = await ask(http, meta, "me/messages", {**TEXT, **change})
    assert (status, code(body)) == (400, expected)
    assert meta.sent == []


async def test_a_thousand_bytes_are_taken_and_two_messages_have_two_ids(
    meta: InstagramSandbox, http: aiohttp.ClientSession
) -> None:
    whole = {**TEXT, "message": {"text": "қ" * 500}}
    answers = [await ask(http, meta, f"{node}/messages", whole) for node in ("me", IG_USER_ID)]
    assert [status for status, _ in answers] == [200, 200]
    assert {body["recipient_id"] for _, body in answers} == {CHAT}
    assert len({body["message_id"] for _, body in answers}) == 2
    assert code((await ask(http, meta, "1/messages", whole))[1]) == (100, 33)


async def test_the_window_is_a_day_or_with_the_tag_a_week(
    meta: InstagramSandbox, http: aiohttp.ClientSession, clock: Clock
) -> None:
    meta.human_agent = True
    tagged = {**TEXT, "messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    clock.now = NOW + timedelta(hours=24, seconds=1)
    assert code((await ask(http, meta, "me/messages", TEXT))[1]) == (10, 2534022)
    assert (await ask(http, meta, "me/messages", tagged))[0] == 200
    clock.now = NOW + timedelta(days=7, seconds=1)
    assert code((await ask(http, meta, "me/messages", tagged))[1]) == (10, 2534022)
    await meta.citizens[CHAT].say("Әлі күтіп жүрмін")
    assert (await ask(http, meta, "me/messages", TEXT))[0] == 200


async def test_who_blocked_the_account_or_never_wrote_is_not_reached(
    meta: InstagramSandbox, http: aiohttp.ClientSession
) -> None:
    silent = {**TEXT, "recipient": {"id": meta.citizen(user_id="55").id}}
    assert code((await ask(http, meta, "me/messages", silent))[1]) == (100, 2534014)
    meta.citizens[CHAT].block()
    assert code((await ask(http, meta, "me/messages", TEXT))[1]) == (551, 1545041)


async def test_a_file_is_fetched_and_looked_at(
    meta: InstagramSandbox, http: aiohttp.ClientSession
) -> None:
    meta.fetches = True

    async def sent(kind: str, url: str) -> Any:
        said = {"attachment": {"type": kind, "payload": {"url": url}}}
        return (await ask(http, meta, "me/messages", {**TEXT, "message": said}))[1]

    fine = meta.store(picture(), "image/png")
    assert "message_id" in await sent("image", fine)
    assert code(await sent("video", fine)) == (100, 2018008)
    assert code(await sent("image", fine.partition("?")[0])) == (100, 2018008)
    large = meta.store(b"0" * (8 * 1024 * 1024 + 1), "image/png")
    assert code(await sent("image", large)) == (100, 2018008)


async def test_too_many_calls_are_told_how_long_to_wait(
    clock: Clock, http: aiohttp.ClientSession
) -> None:
    async with InstagramSandbox(clock=clock, per_second=1) as meta:
        meta.citizen(user_id=CHAT, wrote=True)
        assert (await ask(http, meta, "me/messages", TEXT))[0] == 200
        headers = {"Authorization": f"Bearer {TOKEN}"}
        address = f"{meta.url}/v23.0/me/messages"
        async with http.post(address, json=TEXT, headers=headers) as response:
            assert code(await response.json()) == (80006, None)
            usage = json.loads(response.headers["X-Business-Use-Case-Usage"])
        assert usage[IG_USER_ID][0]["estimated_time_to_regain_access"] >= 1


# --- Comments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (f"{COMMENT}/replies", {}),
        (f"{COMMENT}/replies", {"message": " "}),
        (f"{COMMENT}/replies", {"message": "қ" * 2201}),
        (f"{COMMENT}/replies", {"text": "a"}),
        ("1/replies", {"message": "a"}),
        (f"{IG_USER_ID}/mentions", {"media_id": "1", "message": "a"}),
        (f"{MEDIA}/mentions", {"media_id": "1", "message": "a"}),
        (COMMENT, {"hide": "true"}),
        (COMMENT, {}),
        ("1", {"hide": True}),
    ],
)
async def test_what_meta_would_not_do_with_a_comment_is_refused(
    path: str, data: dict[str, Any], meta: InstagramSandbox, http: aiohttp.ClientSession
) -> None:
    status, body = await ask(http, meta, path, data)
    assert (status, code(body)[0]) == (400, 100)
    assert meta.sent == []


async def test_a_hidden_or_a_live_comment_is_not_answered_in_public(
    meta: InstagramSandbox, http: aiohttp.ClientSession
) -> None:
    said = {"message": "Жауап"}
    meta.comments[COMMENT].hidden = True
    assert code((await ask(http, meta, f"{COMMENT}/replies", said))[1]) == (100, None)
    live = meta.new_comment(meta.citizens[CHAT], MEDIA, "Сәлем", live=True)
    assert code((await ask(http, meta, f"{live.id}/replies", said))[1]) == (100, None)
    own = meta.new_comment(None, MEDIA, "Біздікі")
    assert code((await ask(http, meta, own.id, {"hide": True}))[1]) == (100, None)


# --- The account --------------------------------------------------------------------------------


async def test_only_known_fields_are_subscribed_to(
    meta: InstagramSandbox, http: aiohttp.ClientSession
) -> None:
    path = f"{IG_USER_ID}/subscribed_apps"
    assert (await ask(http, meta, path)) == (200, {"data": []})
    for fields in ("", "messages,dreams", None):
        _, body = await ask(http, meta, path, {"subscribed_fields": fields})
        assert code(body) == (100, None)
    await ask(http, meta, path, {"subscribed_fields": "messages,comments"})
    _, told = await ask(http, meta, path)
    assert told["data"][0]["subscribed_fields"] == ["comments", "messages"]
    assert code((await ask(http, meta, f"{PAGE_ID}/subscribed_apps"))[1]) == (100, 33)


async def test_the_account_tells_its_ids_and_a_page_has_none_of_them(
    meta: InstagramSandbox, http: aiohttp.ClientSession, clock: Clock
) -> None:
    _, me = await ask(http, meta, "me?fields=user_id,username")
    assert me["user_id"] == IG_USER_ID != me["id"]
    assert code((await ask(http, meta, "me?fields=shoe_size"))[1]) == (100, None)
    assert code((await ask(http, meta, "me/dreams"))[1]) == (2500, None)
    async with InstagramSandbox(clock=clock, login="facebook") as page:
        assert (await ask(http, page, "me?fields=id"))[1] == {"id": PAGE_ID}
        assert (await ask(http, page, f"{IG_USER_ID}?fields=username"))[0] == 200
        assert (await ask(http, page, "refresh_access_token"))[0] == 400


# --- Deliveries ---------------------------------------------------------------------------------


async def test_the_dashboard_keeps_an_address_that_answers_its_challenge(
    meta: InstagramSandbox, webhook: Webhook
) -> None:
    address, meta.hook = f"{webhook.url}/hook", None
    meta.verify_token = "another"
    assert await meta.enter_webhook(address) == 403
    assert meta.hook is None
    meta.verify_token = VERIFY_TOKEN
    assert await meta.enter_webhook(address) == 200
    assert meta.hook == address


async def test_nothing_is_delivered_that_was_not_subscribed_to(
    meta: InstagramSandbox, webhook: Webhook
) -> None:
    meta.subscribed = frozenset({"messages"})
    citizen = meta.citizens[CHAT]
    assert (await citizen.say("Сәлем")).status == 200
    assert (await citizen.comment(MEDIA, "Сәлем")).status is None
    assert len(webhook.entries) == 1


async def test_the_shapes_are_those_of_the_documentation(
    meta: InstagramSandbox, webhook: Webhook, http: aiohttp.ClientSession
) -> None:
    citizen = meta.citizens[CHAT]
    await citizen.say("Сәлем")
    await citizen.comment(MEDIA, "Сұрақ", parent=COMMENT)
    meta.bare = True
    await citizen.comment(MEDIA, "Тағы сұрақ")
    await ask(http, meta, "me/messages", TEXT)
    await meta.settled()
    said, asked, bare, echo = webhook.entries
    (event,) = said["messaging"]
    assert event["timestamp"] == said["time"] == NOW.timestamp() * 1000
    assert asked["time"] == NOW.timestamp()
    assert asked["changes"][0]["field"] == bare["field"] == "comments"
    assert asked["changes"][0]["value"]["parent_id"] == COMMENT
    assert "parent_id" not in bare["value"]
    assert echo["messaging"][0]["sender"]["id"] == IG_USER_ID
    assert echo["messaging"][0]["recipient"]["id"] == CHAT
    assert echo["messaging"][0]["message"]["is_echo"] is True


async def test_a_delivery_that_was_not_taken_comes_again(
    meta: InstagramSandbox, webhook: Webhook
) -> None:
    webhook.answers = [answer(status=503), answer(status=500)]
    meta.retries, meta.first_pause = True, 0.0
    assert (await meta.citizens[CHAT].say("Сәлем")).status == 200
    assert len(webhook.entries) == 3
    assert webhook.entries[0] == webhook.entries[2]


async def test_the_echo_can_come_before_the_answer(
    meta: InstagramSandbox, webhook: Webhook, http: aiohttp.ClientSession
) -> None:
    meta.echo_first = True
    status, body = await ask(http, meta, "me/messages", TEXT)
    assert status == 200
    assert webhook.entries[0]["messaging"][0]["message"]["mid"] == body["message_id"]


async def test_a_picture_is_a_picture(
    meta: InstagramSandbox, http: aiohttp.ClientSession, webhook: Webhook
) -> None:
    await meta.citizens[CHAT].photo("Міне", content=None)
    said, shown = (entry["messaging"][0]["message"] for entry in webhook.entries)
    assert said["text"] == "Міне"
    url = shown["attachments"][0]["payload"]["url"]
    async with http.get(url) as response:
        assert await response.read() == picture(0)
        assert response.content_type == "image/png"
    async with http.get(url.partition("?")[0]) as response:
        assert response.status == 403
