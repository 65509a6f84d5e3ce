"""The stand-in refuses what the Graph API refuses, in its words."""

import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.facebook.citizens import PICTURE, Citizen
from connectors.facebook.sandbox import APP_SECRET, TOKEN, FacebookSandbox
from connectors.testing.contract import NOW
from connectors.testing.hub import Clock
from connectors.testing.sandbox import Call, Route, Sandbox, answer

VERSION = "v23.0"
VERIFY = "chosen-by-us"


class Receiver(Sandbox):
    """A webhook that answers the challenge, and refuses as often as it is told."""

    refuse = 0

    def routes(self) -> list[Route]:
        return [Route("GET", "/hook", self.greet), Route("POST", "/hook", self.receive)]

    async def greet(self, call: Call) -> web.Response:
        knows = call.query["hub.verify_token"] == VERIFY
        return answer(call.query["hub.challenge"], status=200 if knows else 403)

    async def receive(self, call: Call) -> web.Response:
        if self.refuse:
            self.refuse -= 1
            return answer(status=503)
        return answer("EVENT_RECEIVED")

    def told(self) -> list[Any]:
        """The deliveries that were taken."""
        return [call.data for call in self.calls if call.method == "POST" and call.status == 200]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def facebook(clock: Clock) -> AsyncIterator[FacebookSandbox]:
    async with FacebookSandbox(clock=clock, verifies=True) as running:
        running.publish("Су 3 наурызда өшіріледі")
        yield running


@pytest.fixture
async def person(facebook: FacebookSandbox) -> Citizen:
    citizen = facebook.citizen()
    await citizen.say("Су жоқ")
    return citizen


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def receiver(facebook: FacebookSandbox) -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        assert await facebook.connect(f"{running.url}/hook", VERIFY)
        facebook.page_fields = {"messages", "message_echoes", "message_deliveries", "feed"}
        yield running
        await facebook.settled()


async def ask(
    http: aiohttp.ClientSession,
    facebook: FacebookSandbox,
    path: str,
    data: Any = None,
    *,
    method: str = "POST",
    token: str | None = TOKEN,
    query: str = "",
) -> tuple[int, Any, Mapping[str, str]]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    form = isinstance(data, aiohttp.FormData)
    async with http.request(
        method,
        f"{facebook.url}/{VERSION}/{path}{query}",
        json=None if form else data,
        data=data if form else None,
        headers=headers,
    ) as response:
        return response.status, await response.json(), response.headers


def message(person: Citizen, **changes: Any) -> dict[str, Any]:
    good = {
        "recipient": {"id": person.id},
        "messaging_type": "RESPONSE",
        "message": {"text": "Рақмет"},
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def form(
    person: Citizen, kind: str, mime: str, content: bytes = b"x", *, field: str = "filedata"
) -> aiohttp.FormData:
    made = aiohttp.FormData()
    made.add_field("recipient", json.dumps({"id": person.id}))
    made.add_field("messaging_type", "RESPONSE")
    made.add_field("message", json.dumps({"attachment": {"type": kind, "payload": {}}}))
    made.add_field(field, io.BytesIO(content), filename="file", content_type=mime)
    return made


# --- Messages -----------------------------------------------------------------------------------


async def test_a_message_gets_an_id_and_reaches_the_person(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    status, body, _ = await ask(http, facebook, f"{facebook.page_id}/messages", message(person))
    assert status == 200
    assert body["recipient_id"] == person.id
    heard = await person.next()
    assert (heard.text, heard.id) == ("Рақмет", body["message_id"])


@pytest.mark.parametrize(
    ("changes", "code", "subcode"),
    [
        ({"recipient": None}, 100, None),
        ({"recipient": {}}, 100, None),
        ({"recipient": {"id": "1", "comment_id": "2"}}, 100, None),
        ({"recipient": {"id": "404"}}, 100, 2018001),
        ({"recipient": {"comment_id": "404"}}, 100, 33),
        ({"messaging_type": None}, 100, None),
        ({"messaging_type": "REPLY"}, 100, None),
        ({"messaging_type": "MESSAGE_TAG"}, 100, None),
        ({"tag": "HUMAN_AGENT"}, 100, None),
        ({"messaging_type": "MESSAGE_TAG", "tag": "LATE"}, 100, None),
        ({"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}, 10, None),
        ({"message": None}, 100, None),
        ({"message": {"metadata": "x"}}, 100, None),
        ({"message": {"text": ""}}, 100, None),
        ({"message": {"text": "ү" * 2001}}, 100, None),
        ({"message": {"text": "😀" * 1001}}, 100, None),
        ({"message": {"text": "x", "metadata": "m" * 1001}}, 100, None),
        ({"message": {"text": "x", "attachment": {"type": "image"}}}, 100, None),
        ({"message": {"attachment": {"type": "hologram"}}}, 100, None),
        ({"message": {"attachment": {"type": "image", "payload": {}}}}, 100, 2018047),
        ({"reply_to": {"mid": "m_unknown"}}, 100, None),
    ],
    ids=range(21),
)
async def test_a_message_that_is_not_right_is_refused(
    changes: dict[str, Any],
    code: int,
    subcode: int | None,
    http: aiohttp.ClientSession,
    facebook: FacebookSandbox,
    person: Citizen,
) -> None:
    body = message(person, **changes)
    status, refusal, _ = await ask(http, facebook, f"{facebook.page_id}/messages", body)
    assert status == 400
    error = refusal["error"]
    assert (error["code"], error.get("error_subcode")) == (code, subcode)
    assert error["message"]
    assert error["fbtrace_id"]
    assert not facebook.sent


@pytest.mark.parametrize(
    ("kind", "mime", "size", "subcode"),
    [
        ("image", "image/png", 10, None),
        ("file", "application/zip", 10, None),
        ("image", "application/pdf", 10, 2018047),
        ("audio", "video/mp4", 10, 2018047),
        ("image", "image/jpeg", 8 * 1024 * 1024 + 1, 2018109),
        ("video", "video/mp4", 25 * 1024 * 1024 + 1, 2018109),
    ],
)
async def test_files_are_checked_for_kind_and_size(
    kind: str,
    mime: str,
    size: int,
    subcode: int | None,
    http: aiohttp.ClientSession,
    facebook: FacebookSandbox,
    person: Citizen,
) -> None:
    data = form(person, kind, mime, b"x" * size)
    status, body, _ = await ask(http, facebook, f"{facebook.page_id}/messages", data)
    if subcode is None:
        assert status == 200
        assert person.inbox[0].files[0].mime == mime
    else:
        assert (status, body["error"]["error_subcode"]) == (400, subcode)


async def test_a_file_belongs_into_its_field(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    data = form(person, "image", "image/png", field="source")
    status, body, _ = await ask(http, facebook, f"{facebook.page_id}/messages", data)
    assert (status, body["error"]["error_subcode"]) == (400, 2018047)


async def test_the_window_closes_after_a_day_and_with_the_tag_after_a_week(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen, clock: Clock
) -> None:
    facebook.human_agent = True
    tagged = message(person, messaging_type="MESSAGE_TAG", tag="HUMAN_AGENT")
    path = f"{facebook.page_id}/messages"
    for hours, plain, human in ((24, 200, 200), (25, 400, 200), (169, 400, 400)):
        clock.now = NOW + timedelta(hours=hours)
        assert (await ask(http, facebook, path, message(person)))[0] == plain
        status, body, _ = await ask(http, facebook, path, tagged)
        assert status == human
    assert (body["error"]["code"], body["error"]["error_subcode"]) == (10, 2018278)


async def test_who_blocked_the_page_is_not_available(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    person.block()
    _, body, _ = await ask(http, facebook, f"{facebook.page_id}/messages", message(person))
    assert (body["error"]["code"], body["error"]["error_subcode"]) == (551, 1545041)


# --- Comments -----------------------------------------------------------------------------------


async def test_a_private_reply_goes_once_and_within_a_week(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen, clock: Clock
) -> None:
    first, second = await person.comment("Бірінші"), await person.comment("Екінші")
    path = f"{facebook.page_id}/messages"
    body = {"recipient": {"comment_id": first.external_id}, "message": {"text": "Жазыңызшы"}}
    status, taken, _ = await ask(http, facebook, path, body)
    assert (status, taken["recipient_id"]) == (200, person.id)
    _, again, _ = await ask(http, facebook, path, body)
    assert again["error"]["code"] == 10900
    clock.now = NOW + timedelta(days=7, minutes=1)
    body["recipient"] = {"comment_id": second.external_id}
    _, late, _ = await ask(http, facebook, path, body)
    assert late["error"]["code"] == 10901
    own = {"recipient": {"post_id": facebook.last_post}, "message": {"text": "x"}}
    _, ours, _ = await ask(http, facebook, path, own)
    assert ours["error"]["code"] == 10902


@pytest.mark.parametrize("data", [{}, {"message": " "}, {"message": "x" * 8001}], ids=range(3))
async def test_a_comment_that_is_not_right_is_refused(
    data: Any, http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    said = await person.comment("Су жоқ")
    status, body, _ = await ask(http, facebook, f"{said.external_id}/comments", data)
    assert (status, body["error"]["code"]) == (400, 100)


async def test_what_is_gone_can_be_neither_answered_nor_hidden(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    said = await person.comment("Су жоқ")
    await person.remove_comment(said)
    calls: list[tuple[str, dict[str, Any]]] = [
        (f"{said.external_id}/comments", {"message": "x"}),
        (said.external_id, {"is_hidden": True}),
        ("404", {"is_hidden": True}),
    ]
    for path, data in calls:
        status, body, _ = await ask(http, facebook, path, data)
        assert (status, body["error"]["error_subcode"]) == (400, 33)


async def test_hiding_takes_a_boolean_and_anothers_comment(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    said = await person.comment("Су жоқ")
    assert (await ask(http, facebook, said.external_id, {"is_hidden": "yes"}))[0] == 400
    status, body, _ = await ask(http, facebook, said.external_id, {"is_hidden": True})
    assert (status, body) == (200, {"success": True})
    _, made, _ = await ask(http, facebook, f"{said.external_id}/comments", {"message": "Қазір"})
    _, body, _ = await ask(http, facebook, made["id"], {"is_hidden": True})
    assert body["error"]["code"] == 200


async def test_an_answer_to_a_reply_stands_in_its_thread(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    said = await person.comment("Су жоқ")
    reply = await person.comment("Әлі де", on=said.external_id)
    picture = aiohttp.FormData()
    picture.add_field("message", "Міне")
    picture.add_field("source", PICTURE, filename="a.jpg", content_type="image/jpeg")
    _, made, _ = await ask(http, facebook, f"{reply.external_id}/comments", picture)
    assert facebook.comments[made["id"]].parent == said.external_id
    assert person.inbox[-1].files[0].content == PICTURE


# --- The account --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "status", "code"), [(None, 400, 104), ("EAAGwrong", 401, 190)], ids=["none", "wrong"]
)
async def test_a_call_without_the_pages_token_is_refused(
    token: str | None,
    status: int,
    code: int,
    http: aiohttp.ClientSession,
    facebook: FacebookSandbox,
    person: Citizen,
) -> None:
    for method, path, data in (
        ("GET", "me", None),
        ("GET", f"{facebook.page_id}/subscribed_apps", None),
        ("POST", f"{facebook.page_id}/messages", message(person)),
        ("POST", f"{facebook.last_post}/comments", {"message": "x"}),
    ):
        found, body, _ = await ask(http, facebook, path, data, method=method, token=token)
        assert (found, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("permission", "method", "path"),
    [
        ("pages_messaging", "POST", "{page}/messages"),
        ("pages_messaging", "GET", "{page}/conversations"),
        ("pages_read_engagement", "GET", "{page}/feed"),
        ("pages_manage_metadata", "POST", "{page}/subscribed_apps"),
        ("pages_manage_engagement", "POST", "{post}/comments"),
        ("pages_manage_engagement", "POST", "{post}"),
    ],
)
async def test_each_call_needs_its_permission(
    permission: str,
    method: str,
    path: str,
    http: aiohttp.ClientSession,
    facebook: FacebookSandbox,
) -> None:
    facebook.permissions.discard(permission)
    address = path.format(page=facebook.page_id, post=facebook.last_post)
    data: dict[str, Any] | None = {} if method == "POST" else None
    _, body, _ = await ask(http, facebook, address, data, method=method)
    assert body["error"]["code"] == 200
    assert permission in body["error"]["message"]


async def test_another_page_and_an_unknown_path_are_refused(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, person: Citizen
) -> None:
    _, body, _ = await ask(http, facebook, "1234/messages", message(person))
    assert body["error"]["error_subcode"] == 33
    status, body, _ = await ask(http, facebook, "a/b/c", {})
    assert (status, body["error"]["code"]) == (400, 2500)


async def test_too_many_calls_are_told_how_long_to_wait(
    http: aiohttp.ClientSession, clock: Clock
) -> None:
    async with FacebookSandbox(clock=clock, per_second=1.0) as facebook:
        await ask(http, facebook, "me", method="GET")
        status, body, headers = await ask(http, facebook, "me", method="GET")
        assert (status, body["error"]["code"]) == (400, 613)
        assert "estimated_time_to_regain_access" in headers["X-Business-Use-Case-Usage"]


async def test_the_webhook_is_tried_before_it_is_taken(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, receiver: Receiver
) -> None:
    token = f"{facebook.app_id}|{APP_SECRET}"
    path = f"{facebook.app_id}/subscriptions"
    facebook.callback_url = None
    good = {
        "object": "page",
        "callback_url": f"{receiver.url}/hook",
        "verify_token": VERIFY,
        "fields": "messages,feed",
    }
    for changes, code in (
        ({"object": "user"}, 100),
        ({"callback_url": "hub.example.kz"}, 2201),
        ({"fields": "messages,no_such_field"}, 100),
        ({"fields": ""}, 100),
        ({"verify_token": "another"}, 2200),
        ({"callback_url": "http://127.0.0.1:9/hook"}, 2200),
    ):
        _, body, _ = await ask(http, facebook, path, {**good, **changes}, token=token)
        assert body["error"]["code"] == code
        assert facebook.callback_url is None
    _, refusal, _ = await ask(http, facebook, path, good)
    assert refusal["error"]["code"] == 190, "the page's token is not the app's"
    assert (await ask(http, facebook, path, good, token=token))[1] == {"success": True}
    _, body, _ = await ask(http, facebook, path, method="GET", token=token)
    (found,) = body["data"]
    assert found["callback_url"] == good["callback_url"]
    assert [one["name"] for one in found["fields"]] == ["feed", "messages"]


# --- Deliveries ---------------------------------------------------------------------------------


async def test_deliveries_are_signed_over_what_goes_out(
    facebook: FacebookSandbox, receiver: Receiver, person: Citizen
) -> None:
    await person.say("Шұңқыр: Абай/52")
    call = receiver.calls[-1]
    expected = hmac.new(APP_SECRET.encode(), call.body, hashlib.sha256).hexdigest()
    assert call.headers["X-Hub-Signature-256"] == f"sha256={expected}"
    assert b"\\/52" in call.body, "Meta escapes slashes, and the signature covers that"
    assert call.data["entry"][0]["messaging"][0]["message"]["text"] == "Шұңқыр: Абай/52"


async def test_only_what_is_subscribed_on_both_sides_is_delivered(
    facebook: FacebookSandbox, receiver: Receiver, person: Citizen
) -> None:
    facebook.page_fields = {"messages"}
    facebook.app_fields = {"messages", "feed"}
    before = len(receiver.told())
    assert (await person.comment("Су жоқ")).status is None
    assert (await person.say("Су жоқ")).status == 200
    assert len(receiver.told()) == before + 1


async def test_what_was_not_taken_is_delivered_again(
    facebook: FacebookSandbox, receiver: Receiver, person: Citizen
) -> None:
    receiver.refuse = 1
    said = await person.say("Екінші рет")
    assert said.status == 503
    assert len(facebook.pending) == 1
    await facebook.redeliver()
    assert not facebook.pending
    message = receiver.told()[-1]["entry"][0]["messaging"][0]["message"]
    assert message["mid"] == said.external_id


async def test_a_stubborn_sandbox_delivers_until_it_is_taken(clock: Clock) -> None:
    async with (
        Receiver() as receiver,
        FacebookSandbox(clock=clock, retries=True, first_pause=0.001) as facebook,
    ):
        assert await facebook.connect(f"{receiver.url}/hook", VERIFY)
        facebook.page_fields = {"messages"}
        receiver.refuse = 3
        assert (await facebook.citizen().say("Су жоқ")).status == 200
        assert len(receiver.told()) == 1
        await facebook.settled()


async def test_a_sent_message_comes_back_as_an_echo_and_a_receipt(
    http: aiohttp.ClientSession, facebook: FacebookSandbox, receiver: Receiver, person: Citizen
) -> None:
    body = message(person, message={"text": "Рақмет", "metadata": "m1"})
    _, taken, _ = await ask(http, facebook, f"{facebook.page_id}/messages", body)
    await facebook.settled()
    echo, delivered = (one["entry"][0]["messaging"][0] for one in receiver.told()[-2:])
    assert (echo["sender"]["id"], echo["recipient"]["id"]) == (facebook.page_id, person.id)
    assert echo["message"]["is_echo"]
    assert (echo["message"]["mid"], echo["message"]["metadata"]) == (taken["message_id"], "m1")
    assert str(echo["message"]["app_id"]) == facebook.app_id
    assert delivered["delivery"]["mids"] == [taken["message_id"]]


async def test_a_file_is_served_to_whoever_has_its_signature(
    http: aiohttp.ClientSession, facebook: FacebookSandbox
) -> None:
    url = facebook.store(b"picture", "a b.jpg")
    async with http.get(url) as response:
        assert (response.status, await response.read()) == (200, b"picture")
    async with http.get(url.partition("?")[0]) as response:
        assert response.status == 403
