"""The stand-in refuses what Instagram refuses."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote_plus

import pytest

from connectors.instagram.private import refusals as said
from connectors.instagram.private.citizens import Citizen
from connectors.instagram.private.sandbox import VIEWER, PrivateSandbox
from connectors.testing.sandbox import Answered

APP = {
    "User-Agent": "Instagram 449.0.0.52.84 Android (34/14)",
    "X-IG-App-ID": "567067343352427",
    "X-IG-Device-ID": "1",
    "X-IG-Android-ID": "android-1",
    "X-Bloks-Version-Id": "1",
}


class App:
    """Speaks to the sandbox as the app does, by hand."""

    def __init__(self, sandbox: PrivateSandbox) -> None:
        self.sandbox = sandbox
        session = sandbox.session()["authorization_data"]
        bearer = b64encode(json.dumps(session).encode()).decode()
        self.headers = {**APP, "Authorization": f"Bearer IGT:2:{bearer}"}

    async def get(self, path: str, **headers: str) -> Answered:
        address = f"{self.sandbox.url}/api/v1/{path}"
        return await self.sandbox.exchange("GET", address, headers={**self.headers, **headers})

    async def post(
        self, path: str, form: Mapping[str, object] | str | bytes, **headers: str
    ) -> Answered:
        body: object = form
        if isinstance(form, Mapping):
            body = "&".join(f"{name}={quote_plus(str(value))}" for name, value in form.items())
        typed = {"Content-Type": "application/x-www-form-urlencoded"}
        address = path if path.startswith("http") else f"{self.sandbox.url}/api/v1/{path}"
        return await self.sandbox.exchange(
            "POST", address, body, headers={**self.headers, **typed, **headers}
        )


def message_of(answered: Answered) -> Any:
    return json.loads(answered.body)["message"]


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with PrivateSandbox() as sandbox:
        yield App(sandbox)


@pytest.fixture
async def citizen(app: App) -> Citizen:
    made = app.sandbox.citizen(name="Айгүл")
    await made.say("Сәлем")
    return made


def text_for(thread: str, text: object = "Жауап", **changes: object) -> dict[str, object]:
    return {
        "text": text,
        "thread_ids": json.dumps([int(thread)]),
        "client_context": "6800011111111111111",
        "offline_threading_id": "6800011111111111111",
        **changes,
    }


@pytest.mark.parametrize("missing", ["User-Agent", "X-IG-App-ID"])
async def test_a_browser_is_not_spoken_to(app: App, missing: str) -> None:
    answered = await app.get(
        "direct_v2/inbox/", **{missing: "" if missing != "User-Agent" else "curl"}
    )
    assert (answered.status, message_of(answered)) == (400, "useragent mismatch")


async def test_an_app_without_its_device_is_too_old(app: App) -> None:
    answered = await app.get("direct_v2/inbox/", **{"X-IG-Device-ID": ""})
    assert json.loads(answered.body)["error_type"] == "needs_upgrade"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer IGT:2:e30=", "Bearer IGT:2:???", "Bearer IGT:2:bnVsbA=="]
)
async def test_who_is_not_logged_in_is_told_so(app: App, authorization: str) -> None:
    for path in ("direct_v2/inbox/", "accounts/current_user/", f"feed/user/{VIEWER}/"):
        answered = await app.get(path, Authorization=authorization)
        assert (answered.status, message_of(answered)) == (403, "login_required")


async def test_a_session_that_was_ended_is_worth_nothing(app: App) -> None:
    assert (await app.get("direct_v2/inbox/")).status == 200
    app.sandbox.sessions.clear()
    assert (await app.get("direct_v2/inbox/")).status == 403


async def test_a_text_reaches_its_thread(app: App, citizen: Citizen) -> None:
    answered = await app.post("direct_v2/threads/broadcast/text/", text_for(citizen.thread))
    payload = json.loads(answered.body)["payload"]
    assert payload["thread_id"] == citizen.thread
    assert payload["client_context"] == "6800011111111111111"
    assert (await citizen.next()).text == "Жауап"


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ""},
        {"text": "ж" * 501},
        {"thread_ids": ""},
        {"thread_ids": "[]"},
        {"thread_ids": "[1, 2]"},
        {"thread_ids": "{"},
        {"client_context": ""},
        {"offline_threading_id": "1"},
    ],
)
async def test_a_text_that_is_wrong_is_refused(
    app: App, citizen: Citizen, changes: dict[str, object]
) -> None:
    answered = await app.post(
        "direct_v2/threads/broadcast/text/", text_for(citizen.thread, **changes)
    )
    assert answered.status == 400
    assert citizen.received == []


async def test_a_thread_that_is_not_there_is_not_found(app: App) -> None:
    answered = await app.post("direct_v2/threads/broadcast/text/", text_for("1"))
    assert answered.status == 404


async def test_a_link_names_its_addresses(app: App, citizen: Citizen) -> None:
    form = text_for(citizen.thread, link_text="Қараңыз https://a.kz", link_urls='["https://a.kz"]')
    assert (await app.post("direct_v2/threads/broadcast/link/", form)).status == 200
    for addresses in ("[]", '["https://b.kz"]', ""):
        wrong = {**form, "link_urls": addresses}
        assert (await app.post("direct_v2/threads/broadcast/link/", wrong)).status == 400


async def test_a_file_must_have_been_uploaded(app: App, citizen: Citizen) -> None:
    form = text_for(citizen.thread, attachment_fbid="1")
    assert (await app.post("direct_v2/threads/broadcast/photo_attachment/", form)).status == 400
    assert (await app.post("direct_v2/threads/broadcast/hologram/", form)).status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"x-entity-length": "4"},
        {"x-entity-type": "image/png"},
        {"x-entity-name": "other"},
        {"offset": "1"},
        {"image_type": ""},
        {"Authorization": ""},
    ],
)
async def test_an_upload_is_described_rightly(app: App, wrong: dict[str, str]) -> None:
    headers = {
        "x-entity-length": "3",
        "x-entity-type": "image/jpeg",
        "x-entity-name": "n",
        "offset": "0",
        "image_type": "FILE_ATTACHMENT",
        "Content-Type": "application/octet-stream",
    }
    address = f"{app.sandbox.url}/messenger_image/n"
    right = await app.post(address, b"jpg", **headers)
    assert right.status == 200
    assert (await app.post(address, b"jpg", **{**headers, **wrong})).status in (400, 403)


async def test_a_comment_is_signed_and_has_its_place(app: App, citizen: Citizen) -> None:
    post = app.sandbox.post()
    root = await citizen.comment("Қашан?")

    def signed(**data: object) -> str:
        return "signed_body=SIGNATURE." + quote_plus(json.dumps(data))

    path = f"media/{post.id}/comment/"
    right = signed(comment_text="Ертең", replied_to_comment_id=int(root["pk"]))
    assert (await app.post(path, right)).status == 200
    for wrong in (
        {"comment_text": "Ертең"},
        signed(comment_text=""),
        signed(comment_text="ж" * 2201),
        signed(comment_text="Ертең", replied_to_comment_id=5),
        "signed_body=SIGNATURE.[1",
    ):
        assert (await app.post(path, wrong)).status == 400
    assert (await app.post("media/1_2/comment/", right)).status == 400


async def test_pages_follow_one_another_without_a_gap(app: App) -> None:
    for number in range(45):
        citizen = app.sandbox.citizen(name=str(number))
        await citizen.say(str(number))
    found: list[str] = []
    cursor = ""
    while True:
        answered = await app.get(f"direct_v2/pending_inbox/?limit=20{cursor}")
        inbox = json.loads(answered.body)["inbox"]
        found += [thread["items"][0]["text"] for thread in inbox["threads"]]
        if not inbox["has_older"]:
            break
        cursor = f"&cursor={inbox['oldest_cursor']}"
    assert found == [str(number) for number in reversed(range(45))]


async def test_too_many_calls_are_refused() -> None:
    async with PrivateSandbox(per_second=1) as sandbox:
        app = App(sandbox)
        statuses = [(await app.get("direct_v2/inbox/")).status for _ in range(3)]
    assert 429 in statuses


async def test_what_is_not_there_is_not_found(app: App) -> None:
    assert (await app.get("users/1/info/")).status == 404


async def test_a_citizen_hears_of_every_message_of_the_account(app: App, citizen: Citizen) -> None:
    for text in ("бір", "екі"):
        await app.post("direct_v2/threads/broadcast/text/", text_for(citizen.thread, text))
    assert [(await citizen.next()).text for _ in range(2)] == ["бір", "екі"]
    with pytest.raises(TimeoutError):
        await citizen.next(timeout=0.05)


@pytest.mark.parametrize(
    "refused", [said.CHALLENGE, said.FEEDBACK, said.PLEASE_WAIT, said.CHECKPOINT, said.RATE_LIMIT]
)
async def test_refusals_can_be_planned_as_instagram_words_them(
    app: App, refused: tuple[int, Any]
) -> None:
    app.sandbox.fail_next(said.refusal(refused))
    answered = await app.get("direct_v2/inbox/")
    assert (answered.status, json.loads(answered.body)) == refused
