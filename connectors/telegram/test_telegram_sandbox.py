"""The stand-in refuses what the Bot API refuses, and its citizens behave as people there do."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.telegram.samples import photo
from connectors.telegram.sandbox import MAX_DOWNLOAD, SECRET_HEADER, TOKEN, TelegramSandbox
from connectors.testing.contract import NOW
from connectors.testing.sandbox import Call, Failure, Route, Sandbox, answer

CHAT = 100200300
TEXT = {"chat_id": CHAT, "text": "Сәлем"}


class Webhook(Sandbox):
    """Takes deliveries, and answers them with what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[web.Response] = []

    def routes(self) -> Iterator[Route]:
        yield Route("POST", "/hook", self.take)

    async def take(self, _: Call) -> web.Response:
        return self.answers.pop(0) if self.answers else answer()

    @property
    def texts(self) -> list[str]:
        return [json.loads(call.body)["message"]["text"] for call in self.calls]


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox() as running:
        running.citizen(user_id=CHAT, started=True)
        yield running


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with Webhook() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(
    http: aiohttp.ClientSession,
    telegram: TelegramSandbox,
    method: str,
    params: Any = None,
    *,
    token: str = TOKEN,
) -> tuple[int, Any]:
    async with http.post(f"{telegram.url}/bot{token}/{method}", json=params or {}) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("method", "params", "status", "words"),
    [
        ("sendPigeon", {}, 404, "method not found"),
        ("sendMessage", {"text": "Сәлем"}, 400, "chat_id is empty"),
        ("sendMessage", {"chat_id": "", "text": "Сәлем"}, 400, "chat_id is empty"),
        ("sendMessage", {"chat_id": 1, "text": "Сәлем"}, 400, "chat not found"),
        ("sendMessage", {"chat_id": "@citizen", "text": "Сәлем"}, 400, "chat not found"),
        ("sendMessage", {"chat_id": CHAT}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": CHAT, "text": " \n "}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": CHAT, "text": "қ" * 4097}, 400, "message is too long"),
        ("sendMessage", {"chat_id": CHAT, "text": "🚧" * 2049}, 400, "message is too long"),
        (
            "sendMessage",
            {**TEXT, "reply_parameters": {"message_id": 99}},
            400,
            "message to be replied not found",
        ),
        ("sendPhoto", {"chat_id": CHAT}, 400, "there is no photo in the request"),
        ("sendPhoto", {"chat_id": CHAT, "photo": "none"}, 400, "wrong remote file identifier"),
        ("sendVoice", {"chat_id": CHAT, "caption": "қ" * 1025}, 400, "caption is too long"),
        ("sendLocation", {"chat_id": CHAT, "longitude": 76.9}, 400, "latitude is empty"),
        ("sendLocation", {"chat_id": CHAT, "latitude": 91, "longitude": 0}, 400, "out of range"),
        ("sendMediaGroup", {"chat_id": CHAT, "media": [{"type": "photo"}]}, 400, "2 to 10"),
        (
            "sendMediaGroup",
            {"chat_id": CHAT, "media": [{"type": "photo"}, {"type": "document"}]},
            400,
            "document can't be mixed",
        ),
        ("getFile", {"file_id": "none"}, 400, "invalid file_id"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, 400, "query is too old"),
        ("setWebhook", {"url": "nowhere"}, 400, "invalid webhook URL"),
        (
            "setWebhook",
            {"url": "https://a.kz", "secret_token": "with space"},
            400,
            "unallowed characters",
        ),
        ("setWebhook", {"url": "https://a.kz", "secret_token": "x" * 257}, 400, "too long"),
    ],
)
async def test_what_the_bot_api_refuses_is_refused(
    method: str,
    params: Any,
    status: int,
    words: str,
    telegram: TelegramSandbox,
    http: aiohttp.ClientSession,
) -> None:
    got, body = await ask(http, telegram, method, params)
    assert (got, body["ok"], body["error_code"]) == (status, False, status)
    assert words in body["description"]
    assert not telegram.sent


async def test_a_wrong_token_is_unauthorized(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    status, body = await ask(http, telegram, "getMe", token="1:wrong")
    assert (status, body["description"]) == (401, "Unauthorized")
    async with http.get(f"{telegram.url}/elsewhere") as response:
        assert response.status == 404
        assert (await response.json())["ok"] is False


async def test_text_at_the_limit_is_taken_in_the_units_telegram_counts(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    for text in ("қ" * 4096, "🚧" * 2048):
        assert (await ask(http, telegram, "sendMessage", {"chat_id": CHAT, "text": text}))[0] == 200


async def test_parameters_may_come_by_query_json_or_form(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    address = f"{telegram.url}/bot{TOKEN}/SENDMESSAGE"
    form = aiohttp.FormData()
    form.add_field("chat_id", str(CHAT))
    form.add_field("text", "бөліктермен", content_type="text/plain; charset=utf-8")
    options: list[dict[str, Any]] = [
        {"params": {"chat_id": CHAT, "text": "сұраумен"}},
        {"json": {"chat_id": CHAT, "text": "JSON-мен"}},
        {"data": {"chat_id": str(CHAT), "text": "пішінмен"}},
        {"data": form},
    ]
    for option in options:
        async with http.post(address, **option) as response:
            assert response.status == 200, await response.text()
    assert [one.text for one in telegram.sent] == [
        "сұраумен",
        "JSON-мен",
        "пішінмен",
        "бөліктермен",
    ]


async def test_marks_in_a_text_are_lost_when_markup_is_asked_for(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    for mode, text in (("HTML", "<b>1</b> &lt; 2"), ("MarkdownV2", "*1* _<_ 2"), ("", "*1* < 2")):
        await ask(http, telegram, "sendMessage", {**TEXT, "text": text, "parse_mode": mode})
    assert [one.text for one in telegram.sent] == ["1 < 2", "1 < 2", "*1* < 2"]


async def test_who_blocked_the_bot_or_is_gone_gets_nothing(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    citizen = telegram.citizens[CHAT]
    await citizen.block()
    assert (await ask(http, telegram, "sendMessage", TEXT))[0] == 403
    await citizen.unblock()
    assert (await ask(http, telegram, "sendMessage", TEXT))[0] == 200
    citizen.deactivated = True
    assert (await ask(http, telegram, "sendMessage", TEXT))[0] == 403
    stranger = telegram.citizen(name="Сергей")
    status, body = await ask(http, telegram, "sendMessage", {**TEXT, "chat_id": stranger.id})
    assert (status, body["description"]) == (400, "Bad Request: chat not found")
    await stranger.say("Здравствуйте")
    assert (await ask(http, telegram, "sendMessage", {**TEXT, "chat_id": stranger.id}))[0] == 200


async def test_a_second_message_within_a_second_is_too_many(http: aiohttp.ClientSession) -> None:
    async with TelegramSandbox(a_second_a_chat=True, clock=lambda: NOW) as telegram:
        for user_id in (CHAT, CHAT + 1):
            telegram.citizen(user_id=user_id, started=True)
        assert (await ask(http, telegram, "sendMessage", TEXT))[0] == 200
        status, body = await ask(http, telegram, "sendMessage", TEXT)
        assert (status, body["parameters"]) == (429, {"retry_after": 1})
        other = {**TEXT, "chat_id": CHAT + 1}
        assert (await ask(http, telegram, "sendMessage", other))[0] == 200
        assert (await ask(http, telegram, "getMe"))[0] == 200


async def test_updates_wait_until_they_are_confirmed(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    citizen = telegram.citizens[CHAT]
    for number in range(3):
        assert (await citizen.say(str(number))).status is None
    _, body = await ask(http, telegram, "getUpdates", {"limit": 2})
    numbers = [update["update_id"] for update in body["result"]]
    assert numbers == sorted(numbers)
    assert len(numbers) == 2
    _, again = await ask(http, telegram, "getUpdates", {"limit": 2})
    assert again == body
    _, rest = await ask(http, telegram, "getUpdates", {"offset": numbers[-1] + 1})
    assert [update["message"]["text"] for update in rest["result"]] == ["2"]
    _, last = await ask(http, telegram, "getUpdates", {"offset": -1})
    assert last == rest


async def test_a_long_poll_ends_with_the_first_update_or_a_newer_poll(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    first = asyncio.create_task(ask(http, telegram, "getUpdates", {"timeout": 30}))
    await telegram.call(nth=1)
    second = asyncio.create_task(ask(http, telegram, "getUpdates", {"timeout": 30}))
    status, body = await first
    assert (status, body["error_code"]) == (409, 409)
    await telegram.citizens[CHAT].say("Сәлем")
    assert len((await second)[1]["result"]) == 1


async def test_polling_and_a_webhook_exclude_each_other(
    telegram: TelegramSandbox, http: aiohttp.ClientSession, webhook: Webhook
) -> None:
    waiting = asyncio.create_task(ask(http, telegram, "getUpdates", {"timeout": 30}))
    await telegram.call(nth=1)
    await ask(http, telegram, "setWebhook", {"url": f"{webhook.url}/hook"})
    assert (await waiting)[0] == 409
    assert (await ask(http, telegram, "getUpdates"))[0] == 409
    await ask(http, telegram, "deleteWebhook")
    assert (await ask(http, telegram, "getUpdates"))[0] == 200


async def test_only_the_kinds_of_update_that_were_asked_for_come(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    citizen = telegram.citizens[CHAT]
    said = await citizen.say("Сәлем")
    await citizen.react(said.message_id, "👍")
    assert len(telegram.pending) == 1, "reactions come on request only"
    await ask(http, telegram, "getUpdates", {"allowed_updates": ["message_reaction"]})
    await citizen.say("Тағы да")
    await citizen.react(said.message_id)
    assert [list(update)[1] for update in telegram.pending.values()] == [
        "message",
        "message_reaction",
    ]


async def test_a_strict_one_takes_only_https_on_the_ports_of_telegram(
    http: aiohttp.ClientSession,
) -> None:
    async with TelegramSandbox(strict=True) as telegram:
        for url, words in (
            ("http://a.kz/hook", "An HTTPS URL must be provided"),
            ("https://a.kz:8080/hook", "only on ports"),
        ):
            status, body = await ask(http, telegram, "setWebhook", {"url": url})
            assert status == 400
            assert words in body["description"]
        assert (await ask(http, telegram, "setWebhook", {"url": "https://a.kz:8443/hook"}))[
            0
        ] == 200


async def test_a_delivery_carries_the_secret_and_telegrams_json(
    telegram: TelegramSandbox, http: aiohttp.ClientSession, webhook: Webhook
) -> None:
    await telegram.citizens[CHAT].say("күтіп тұр")
    params = {"url": f"{webhook.url}/hook", "secret_token": "the-secret_1"}
    await ask(http, telegram, "setWebhook", params)
    await telegram.until(lambda: not telegram.pending)
    assert (await telegram.citizens[CHAT].say("Сәлем")).status == 200
    assert webhook.texts == ["күтіп тұр", "Сәлем"]
    for call in webhook.calls:
        assert call.headers[SECRET_HEADER] == "the-secret_1"
        assert call.headers["Content-Type"] == "application/json"
        assert call.body.isascii()


async def test_a_refused_delivery_waits_and_is_told_of(
    telegram: TelegramSandbox, http: aiohttp.ClientSession, webhook: Webhook
) -> None:
    await ask(http, telegram, "setWebhook", {"url": f"{webhook.url}/hook"})
    webhook.answers = [answer(status=503)]
    assert (await telegram.citizens[CHAT].say("Сәлем")).status == 503
    _, body = await ask(http, telegram, "getWebhookInfo")
    assert body["result"]["pending_update_count"] == 1
    assert "503 Service Unavailable" in body["result"]["last_error_message"]
    await telegram.redeliver()
    assert not telegram.pending
    await webhook.stop()
    assert (await telegram.citizens[CHAT].say("Сәлем")).status is None
    _, body = await ask(http, telegram, "getWebhookInfo")
    assert body["result"]["last_error_message"] == "Connection refused"


async def test_one_that_retries_delivers_in_order_until_all_is_taken(
    http: aiohttp.ClientSession, webhook: Webhook
) -> None:
    async with TelegramSandbox(retries=True, first_pause=0.001) as telegram:
        citizen = telegram.citizen(user_id=CHAT)
        await ask(http, telegram, "setWebhook", {"url": f"{webhook.url}/hook"})
        refusals = [answer(status=500), answer(status=503, headers={"Retry-After": "0"})]
        webhook.answers = [*refusals, answer(), answer(status=500)]
        said = await asyncio.gather(citizen.say("бір"), citizen.say("екі"))
        assert [one.status for one in said] == [200, 200]
        assert webhook.texts == ["бір", "бір", "бір", "екі", "екі"]


async def test_stopping_gives_up_what_is_being_delivered(
    http: aiohttp.ClientSession, webhook: Webhook
) -> None:
    webhook.fail_next(Failure(status=503), times=None)
    async with TelegramSandbox(retries=True, first_pause=60) as telegram:
        await telegram.citizen(user_id=CHAT).say("Сәлем")
        await ask(http, telegram, "setWebhook", {"url": f"{webhook.url}/hook"})
        await webhook.call()
    assert len(webhook.calls) == 1


async def test_a_citizen_reads_what_the_bot_writes_in_order(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    citizen = telegram.citizens[CHAT]
    reading = asyncio.create_task(citizen.next())
    said = await citizen.say("Су жоқ")
    await ask(
        http,
        telegram,
        "sendMessage",
        {**TEXT, "text": "Қай үйде?", "reply_parameters": {"message_id": said.message_id}},
    )
    received = await reading
    assert (received.text, received.reply_to) == ("Қай үйде?", said.message_id)
    await ask(http, telegram, "sendMessage", {**TEXT, "text": "Қосылды"})
    assert (await citizen.next()).text == "Қосылды"
    with pytest.raises(TimeoutError):
        await citizen.next(timeout=0.01)


async def test_files_are_served_to_the_bot_alone(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    posted = await telegram.citizens[CHAT].photo("Міне")
    largest = posted.message["photo"][-1]
    _, body = await ask(http, telegram, "getFile", {"file_id": largest["file_id"]})
    path = body["result"]["file_path"]
    async with http.get(f"{telegram.url}/file/bot{TOKEN}/{path}") as response:
        content = await response.read()
    assert content.startswith(b"\xff\xd8\xff\xe0")
    assert len(content) == largest["file_size"]
    for address in (f"bot{TOKEN}/none", f"bot1:wrong/{path}"):
        async with http.get(f"{telegram.url}/file/{address}") as response:
            assert response.status == 404


async def test_a_file_too_large_to_fetch_is_refused(
    telegram: TelegramSandbox, http: aiohttp.ClientSession
) -> None:
    posted = await telegram.citizens[CHAT].document("видео.mov", b"x", size=MAX_DOWNLOAD + 1)
    file_id = posted.message["document"]["file_id"]
    status, body = await ask(http, telegram, "getFile", {"file_id": file_id})
    assert (status, body["description"]) == (400, "Bad Request: file is too big")


async def test_a_file_over_the_limit_is_too_large_to_send(
    telegram: TelegramSandbox, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.telegram.sandbox.MAX_UPLOAD", 1_000)
    form = aiohttp.FormData({"chat_id": str(CHAT)})
    form.add_field("document", bytes(1_001), filename="a.bin")
    async with http.post(f"{telegram.url}/bot{TOKEN}/sendDocument", data=form) as response:
        assert response.status == 413
        assert (await response.json())["description"] == "Request Entity Too Large"


def test_a_photo_is_what_it_says() -> None:
    picture = photo(3)
    assert picture.startswith(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00")
    assert picture.endswith(b"\xff\xd9")
    assert picture != photo(4)
