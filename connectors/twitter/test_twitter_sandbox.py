"""X's stand-in refuses what X refuses, in X's words."""

import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from connectors.testing.samples import picture
from connectors.testing.sandbox import Answered
from connectors.twitter.citizens import Citizen, Townsperson
from connectors.twitter.oauth import Keys, authorization
from connectors.twitter.rules import weight
from connectors.twitter.sandbox import TwitterSandbox
from connectors.twitter.sandbox_gate import (
    ACCESS_TOKEN,
    ACCESS_TOKEN_SECRET,
    BEARER_TOKEN,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    USER_ID,
)
from registry.measuring import measure

OURS = Keys(
    consumer_key=CONSUMER_KEY,
    consumer_secret=CONSUMER_SECRET,
    access_token=ACCESS_TOKEN,
    access_token_secret=ACCESS_TOKEN_SECRET,
)
BEARER = {"Authorization": f"Bearer {BEARER_TOKEN}"}


class Caller:
    """Whoever calls X, with a signature that can be spoilt."""

    def __init__(self, x: TwitterSandbox, http: aiohttp.ClientSession) -> None:
        self.x = x
        self._http = http
        self._nonce = 0

    def header(
        self,
        method: str,
        path: str,
        *,
        keys: Keys = OURS,
        base: str = "https://api.x.com",
        late: int = 0,
        params: tuple[tuple[str, str], ...] = (),
    ) -> dict[str, str]:
        self._nonce += 1
        proof = authorization(
            keys,
            method,
            base + path,
            params=params,
            nonce=f"n{self._nonce}",
            timestamp=int(time.time()) - late,
        )
        return {"Authorization": proof}

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Any = None,
        headers: dict[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        proof = headers
        if proof is None:
            proof = self.header(method, path, params=tuple((query or {}).items()))
        async with self._http.request(
            method, self.x.url + path, json=json, data=data, params=query or {}, headers=proof
        ) as response:
            self.last = Answered(
                status=response.status, headers=response.headers, body=await response.read()
            )
            return response.status, await response.json()


@pytest.fixture
async def x() -> AsyncIterator[TwitterSandbox]:
    async with TwitterSandbox(refuses_duplicates=True) as running:
        yield running


@pytest.fixture
async def caller(x: TwitterSandbox) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as http:
        yield Caller(x, http)


@pytest.fixture
def citizen(x: TwitterSandbox) -> Citizen:
    made = x.citizen()
    made.wrote = True
    return made


def kind(problem: Any) -> str:
    return str(problem["type"]).rpartition("/")[2]


# --- Who asks -----------------------------------------------------------------------------------


async def test_a_signed_call_is_let_in_and_tells_the_window(caller: Caller) -> None:
    status, data = await caller.call("GET", "/2/users/me")
    assert (status, data["data"]["id"]) == (200, USER_ID)
    assert caller.last.headers["x-rate-limit-limit"] == "75"
    assert caller.last.headers["x-rate-limit-remaining"] == "74"
    reset = int(caller.last.headers["x-rate-limit-reset"])
    assert 0 < reset - time.time() <= 900


async def test_a_call_must_be_signed_for_x_by_our_keys_now_and_once(caller: Caller) -> None:
    path = "/2/users/me"
    other = Keys(
        consumer_key=CONSUMER_KEY,
        consumer_secret="another",
        access_token=ACCESS_TOKEN,
        access_token_secret=ACCESS_TOKEN_SECRET,
    )
    spoilt = [
        {},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "OAuth"},
        {"Authorization": "Bearer wrong"},
        caller.header("GET", path, keys=other),
        caller.header("GET", path, base=caller.x.url),
        caller.header("GET", path, late=3600),
        caller.header("POST", path),
        caller.header("GET", "/2/dm_events"),
        caller.header("GET", path, params=(("max_results", "5"),)),
    ]
    for headers in spoilt:
        status, data = await caller.call("GET", path, headers=headers)
        assert (status, data["title"]) == (401, "Unauthorized"), headers
    once = caller.header("GET", path)
    assert (await caller.call("GET", path, headers=once))[0] == 200
    assert (await caller.call("GET", path, headers=once))[0] == 401


async def test_the_app_and_the_user_are_told_apart(caller: Caller) -> None:
    for method, path, headers in (
        ("GET", "/2/dm_events", BEARER),
        ("POST", "/2/tweets", BEARER),
        ("GET", "/2/webhooks", None),
    ):
        status, data = await caller.call(method, path, headers=headers)
        assert (status, kind(data)) == (403, "unsupported-authentication")


async def test_calls_beyond_the_window_are_refused_until_it_is_over(
    caller: Caller, x: TwitterSandbox
) -> None:
    for _ in range(15):
        assert (await caller.call("GET", "/2/dm_events"))[0] == 200
    status, data = await caller.call("GET", "/2/dm_events")
    assert (status, data["title"]) == (429, "Too Many Requests")
    assert caller.last.headers["x-rate-limit-remaining"] == "0"
    assert (await caller.call("GET", "/2/users/me"))[0] == 200


async def test_an_address_that_x_does_not_have_is_not_found(caller: Caller) -> None:
    status, data = await caller.call("GET", "/2/nowhere")
    assert (status, kind(data)) == (404, "resource-not-found")


# --- Reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {"max_results": "4"},
        {"max_results": "101"},
        {"since_id": "x"},
        {"pagination_token": "???"},
        {"nonsense": "1"},
    ],
)
async def test_wrong_parameters_are_refused(query: dict[str, str], caller: Caller) -> None:
    status, data = await caller.call("GET", f"/2/users/{USER_ID}/mentions", query=query)
    assert (status, kind(data)) == (400, "invalid-request")
    assert data["errors"][0]["message"]


async def test_a_page_holds_what_was_asked_for_and_names_the_next(
    caller: Caller, citizen: Citizen
) -> None:
    for n in range(7):
        await citizen.mention(f"{n}", pictures=[picture(n)])
    path = f"/2/users/{USER_ID}/mentions"
    _, bare = await caller.call("GET", path, query={"max_results": "5"})
    assert set(bare["data"][0]) == {"id", "text", "edit_history_tweet_ids"}
    assert bare["meta"]["result_count"] == 5
    _, rest = await caller.call(
        "GET",
        path,
        query={
            "max_results": "5",
            "pagination_token": bare["meta"]["next_token"],
            "expansions": "author_id,attachments.media_keys",
            "tweet.fields": "author_id",
        },
    )
    assert [one["text"][-1] for one in bare["data"] + rest["data"]] == list("6543210")
    assert "next_token" not in rest["meta"]
    assert rest["data"][0]["author_id"] == citizen.id
    assert rest["includes"]["users"][0]["username"] == citizen.username
    assert len(rest["includes"]["media"]) == 2
    _, later = await caller.call("GET", path, query={"since_id": bare["meta"]["newest_id"]})
    assert later == {"meta": {"result_count": 0}}


async def test_reading_is_charged_once_a_day_and_stops_without_credits(
    caller: Caller, citizen: Citizen, x: TwitterSandbox
) -> None:
    x.gate.funds = 25_000
    await citizen.message("бір")
    await citizen.message("екі")
    for _ in range(3):
        assert (await caller.call("GET", "/2/dm_events"))[0] == 200
    assert x.gate.charged == 20_000
    await citizen.message("үш")
    status, data = await caller.call("GET", "/2/dm_events")
    assert (status, data["title"], kind(data)) == (402, "CreditsDepleted", "credits")


# --- Posts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "weighs"),
    [
        ("", 0),
        ("a" * 280, 280),
        ("Құрметті тұрғын!", 16),
        ("水道", 4),
        ("👩🏽‍🔧", 2),
        ("🇰🇿", 2),
        ("https://example.kz/" + "a" * 100, 23),
        ("см. example.kz.", 5 + 23),
        ("(https://example.kz/?a=1&b=2)", 25),
        ("e\u0301", 1),
        ("a@example.kz", 12),
        ("№ 5 — «Абай»", 13),
    ],
)
def test_a_post_is_weighed_as_x_weighs_it(text: str, weighs: int) -> None:
    assert weight(text) == weighs
    assert measure(text, "weighted") == weighs, "the hub weighs it otherwise"


async def test_a_post_that_x_refuses(caller: Caller, citizen: Citizen, x: TwitterSandbox) -> None:
    posted = await citizen.mention("су жоқ")
    silent = await x.posted(citizen.id, "нечто о погоде")
    under = {"in_reply_to_tweet_id": posted.id}

    async def refused(wanted: int, words: str, **post: Any) -> None:
        got, data = await caller.call("POST", "/2/tweets", json=post)
        said = f"{data['detail']} {data.get('errors')}"
        assert got == wanted, said
        assert words in said

    first = {"text": "Рақмет", "reply": under}
    assert (await caller.call("POST", "/2/tweets", json=first))[0] == 201
    await refused(403, "duplicate content", text="Рақмет", reply=under)
    await refused(403, "not permitted", text="ж" * 281, reply=under)
    await refused(400, "required", text=" ")
    await refused(400, "allowed fields", text="x", status="x")
    await refused(400, "in_reply_to_tweet_id", text="x", reply={})
    await refused(403, "deleted", text="x", reply={"in_reply_to_tweet_id": "17"})
    await refused(403, "not been mentioned", text="x", reply={"in_reply_to_tweet_id": silent.id})
    await refused(400, "media IDs", text="x", media={"media_ids": ["1"]})
    citizen.delete(posted)
    await refused(403, "deleted", text="y", reply=under)
    assert [one.text for one in x.sent] == ["Рақмет"]
    assert x.gate.charged == 15_000
    assert (await caller.call("POST", "/2/tweets", data=b"{"))[0] == 400


async def test_a_post_with_an_address_costs_more(caller: Caller, x: TwitterSandbox) -> None:
    await caller.call("POST", "/2/tweets", json={"text": "Толығырақ: https://example.kz"})
    assert x.gate.charged == 200_000


# --- Direct messages ----------------------------------------------------------------------------


async def test_a_direct_message_that_x_refuses(
    caller: Caller, citizen: Citizen, x: TwitterSandbox
) -> None:
    stranger = x.citizen(name="Ерлан")
    path = f"/2/dm_conversations/with/{citizen.id}/messages"
    status, data = await caller.call("POST", path, json={"text": "Сәлем"})
    assert status == 201
    assert set(data["data"]) == {"dm_conversation_id", "dm_event_id"}
    by_pair = f"/2/dm_conversations/{data['data']['dm_conversation_id']}/messages"
    nobody = "/2/dm_conversations/with/5/messages"
    assert (await caller.call("POST", by_pair, json={"text": "2"}))[0] == 201
    for body in ({}, {"text": ""}, {"text": "а" * 10_001}, {"text": 1}, {"text": "x", "to": "1"}):
        assert (await caller.call("POST", path, json=body))[0] == 400
    two = [{"media_id": "1"}, {"media_id": "2"}]
    assert (await caller.call("POST", path, json={"attachments": two}))[0] == 400
    elsewhere = f"/2/dm_conversations/with/{stranger.id}/messages"
    status, data = await caller.call("POST", elsewhere, json={"text": "x"})
    assert (status, "permission to DM" in data["detail"]) == (403, True)
    stranger.accepts_messages = True
    assert (await caller.call("POST", elsewhere, json={"text": "x"}))[0] == 201
    stranger.suspended = True
    assert (await caller.call("POST", elsewhere, json={"text": "x"}))[0] == 404
    assert (await caller.call("POST", nobody, json={"text": "x"}))[0] == 404


# --- Files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"media_type": "image/png", "total_bytes": 0},
        {"media_type": "image/png", "total_bytes": "5"},
        {"media_type": "image/png", "total_bytes": 5, "media_category": "tweet_song"},
        {"media_type": "video/mp4", "total_bytes": 5, "media_category": "tweet_image"},
        {"media_type": "image/png", "total_bytes": 6_000_000, "media_category": "tweet_image"},
        {"media_type": "image/gif", "total_bytes": 16_000_000, "media_category": "dm_gif"},
        {"media_type": "image/png", "total_bytes": 5, "command": "INIT"},
    ],
)
async def test_a_file_that_x_does_not_take(wish: dict[str, Any], caller: Caller) -> None:
    status, data = await caller.call("POST", "/2/media/upload/initialize", json=wish)
    assert (status, kind(data)) == (400, "invalid-request")


async def handed(caller: Caller, mime: str, category: str, content: bytes) -> tuple[str, Any]:
    wish = {"media_type": mime, "total_bytes": len(content), "media_category": category}
    _, made = await caller.call("POST", "/2/media/upload/initialize", json=wish)
    number = made["data"]["id"]
    form = aiohttp.FormData({"segment_index": "0"})
    form.add_field("media", content, filename="x")
    status, _ = await caller.call("POST", f"/2/media/upload/{number}/append", data=form)
    assert status == 200
    _, done = await caller.call("POST", f"/2/media/upload/{number}/finalize")
    return number, done["data"]


async def test_a_film_is_processed_before_it_can_be_used(caller: Caller, citizen: Citizen) -> None:
    posted = await citizen.mention("видео")
    number, done = await handed(caller, "video/mp4", "tweet_video", b"film")
    assert done["processing_info"]["state"] == "pending"
    post = {
        "text": "Міне",
        "media": {"media_ids": [number]},
        "reply": {"in_reply_to_tweet_id": posted.id},
    }
    assert (await caller.call("POST", "/2/tweets", json=post))[0] == 400
    _, told = await caller.call(
        "GET", "/2/media/upload", query={"command": "STATUS", "media_id": number}
    )
    assert told["data"]["processing_info"]["state"] == "succeeded"
    assert (await caller.call("POST", "/2/tweets", json=post))[0] == 201


async def test_files_keep_to_their_category_and_to_themselves(
    caller: Caller, citizen: Citizen
) -> None:
    photo, _ = await handed(caller, "image/png", "tweet_image", b"one")
    gif, _ = await handed(caller, "image/gif", "tweet_gif", b"two")
    await caller.call("GET", "/2/media/upload", query={"media_id": gif})
    private, _ = await handed(caller, "image/png", "dm_image", b"three")
    for ids, status in (
        ([photo, gif], 400),
        ([private], 403),
        ([photo] * 5, 400),
        ([], 400),
        ([photo], 201),
    ):
        post = {"text": f"{status}", "media": {"media_ids": ids}}
        assert (await caller.call("POST", "/2/tweets", json=post))[0] == status, ids
    path = f"/2/dm_conversations/with/{citizen.id}/messages"
    attached = {"attachments": [{"media_id": photo}]}
    assert (await caller.call("POST", path, json=attached))[0] == 403


async def test_pieces_must_add_up(caller: Caller) -> None:
    wish = {"media_type": "image/png", "total_bytes": 5, "media_category": "tweet_image"}
    _, made = await caller.call("POST", "/2/media/upload/initialize", json=wish)
    number = made["data"]["id"]
    assert (await caller.call("POST", f"/2/media/upload/{number}/append", json={}))[0] == 400
    assert (await caller.call("POST", f"/2/media/upload/{number}/finalize"))[0] == 400
    assert (await caller.call("POST", "/2/media/upload/5/finalize"))[0] == 404


# --- The webhook --------------------------------------------------------------------------------


async def test_a_webhook_that_x_does_not_take(caller: Caller, x: TwitterSandbox) -> None:
    async def refused(url: Any, words: str) -> None:
        status, data = await caller.call("POST", "/2/webhooks", json={"url": url}, headers=BEARER)
        assert status == 400
        assert words in data["errors"][0]["message"]

    await refused(None, "UrlValidationFailed")
    await refused("nowhere", "UrlValidationFailed")
    await refused(f"{x.url}/2/nowhere", "CrcValidationFailed")
    await refused("http://127.0.0.1:9/hook", "CrcValidationFailed")
    x.desk.strict = True
    await refused("http://hub.example.kz/hook", "UrlValidationFailed")
    await refused("https://hub.example.kz:8443/hook", "UrlValidationFailed")
    x.desk.challenges = False
    wish = {"url": "https://hub.example.kz/hook"}
    assert (await caller.call("POST", "/2/webhooks", json=wish, headers=BEARER))[0] == 200
    await refused("https://hub.example.kz/hook", "DuplicateUrlFailed")
    x.desk.most = 1
    await refused("https://hub.example.kz/other", "WebhookLimitExceeded")
    (hook,) = x.desk.hooks
    assert (await caller.call("DELETE", f"/2/webhooks/{hook}", headers=BEARER))[0] == 200
    assert (await caller.call("PUT", f"/2/webhooks/{hook}", headers=BEARER))[0] == 400


async def test_private_events_are_subscribed_to_in_the_accounts_own_name_and_once(
    caller: Caller, x: TwitterSandbox
) -> None:
    path = "/2/activity/subscriptions"
    wish = {"event_type": "dm.received", "filter": {"user_id": USER_ID}}
    status, data = await caller.call("POST", path, json=wish, headers=BEARER)
    assert (status, kind(data)) == (403, "unsupported-authentication")
    assert (await caller.call("POST", path, json=wish))[0] == 200
    status, data = await caller.call("POST", path, json=wish)
    assert (status, "Duplicate" in data["errors"][0]["message"]) == (400, True)
    stranger = {"event_type": "dm.received", "filter": {"user_id": "5"}}
    assert (await caller.call("POST", path, json=stranger))[0] == 403
    for strange in ({}, {**wish, "event_type": "x"}, {**wish, "webhook_id": "9"}):
        assert (await caller.call("POST", path, json=strange))[0] in {400, 403}
    (number,) = x.desk.subscriptions
    for odd in ({"webhook_id": "9"}, {"event_type": "dm.sent"}):
        assert (await caller.call("PUT", f"{path}/{number}", json=odd, headers=BEARER))[0] == 400
    assert (await caller.call("PUT", f"{path}/9", json={}, headers=BEARER))[0] == 404


async def test_what_nobody_subscribed_to_is_delivered_nowhere(citizen: Citizen) -> None:
    assert (await citizen.message("сәлем")).status is None


async def test_ids_tell_their_time_and_never_come_twice() -> None:
    now = datetime(2026, 7, 24, 21, 5, 48, tzinfo=UTC)
    x = TwitterSandbox(clock=lambda: now)
    ids = [x.next_id() for _ in range(100)]
    assert len(set(ids)) == 100
    # X's own example of that second.
    assert abs(int(ids[0]) - 2080761390344937796) < 1000 << 22


async def test_in_private_a_citizen_writes_again_what_x_lets_nobody_edit(x: TwitterSandbox) -> None:
    person = x.citizen(kind=Townsperson)
    assert isinstance(person, Townsperson)
    await person.edit(await person.say("Су жоқ"), "Су жоқ, Абай даңғылы, 44")
    assert len(x.directs) == 2
