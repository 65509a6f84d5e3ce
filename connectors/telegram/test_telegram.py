"""Telegram under the contract, and what is its own."""

import asyncio
import json
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from connectors.base import (
    Answer,
    Blocked,
    Context,
    Diagnosis,
    Forged,
    Health,
    Malformed,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
)
from connectors.telegram.connector import TelegramConnector, TelegramSettings
from connectors.telegram.health import TELEGRAM, Me, WebhookInfo, diagnose
from connectors.telegram.limits import MAX_DOWNLOAD
from connectors.telegram.reading import ALLOWED_UPDATES
from connectors.telegram.sandbox import SECRET_HEADER, TOKEN, TelegramSandbox
from connectors.testing import outgoing
from connectors.testing.contract import NOW, ConnectorContract, ProviderFailure
from connectors.testing.fixtures import cases
from connectors.testing.hub import SmallHub, delivery_to
from connectors.testing.outgoing import file
from connectors.testing.sandbox import Failure
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactEvent,
    ContactPoint,
    Envelope,
    InboundMessage,
    MessageEdited,
    OutboundFile,
    OutboundMessage,
    Reaction,
)

SECRET = "fixture_secret-of_the-main_account"
OTHER_TOKEN = "7087654321:AAG-second-token-of-no-value-0000000"
CHAT = 100200300


def said(status: int, description: str, **parameters: int) -> Failure:
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Failure(status=status, body=body)


class TestTelegram(ConnectorContract):
    connector_class = TelegramConnector
    libraries = ("aiogram",)
    signs_body = False
    conversation = str(CHAT)
    last_inbound = f"{CHAT}:1"
    failures = (
        ProviderFailure(
            name="blocked by the person",
            failure=said(403, "Forbidden: bot was blocked by the user"),
            error=Blocked,
            code="403",
        ),
        ProviderFailure(
            name="account deleted",
            failure=said(403, "Forbidden: user is deactivated"),
            error=Blocked,
        ),
        ProviderFailure(
            name="never started",
            failure=said(403, "Forbidden: bot can't initiate conversation with a user"),
            error=Blocked,
        ),
        ProviderFailure(
            name="unknown chat", failure=said(400, "Bad Request: chat not found"), error=Blocked
        ),
        ProviderFailure(
            name="peer invalid", failure=said(400, "Bad Request: PEER_ID_INVALID"), error=Blocked
        ),
        ProviderFailure(
            name="too long",
            failure=said(400, "Bad Request: message is too long"),
            error=Rejected,
            code="400",
        ),
        ProviderFailure(
            name="too large", failure=said(413, "Request Entity Too Large"), error=Rejected
        ),
        ProviderFailure(name="too large for the front", failure=Failure.html(413), error=Rejected),
        ProviderFailure(
            name="a refusal of no known number", failure=said(418, "I am a teapot"), error=Rejected
        ),
        ProviderFailure(
            name="not at the moment",
            failure=said(400, "Bad Request: file is temporarily unavailable"),
            error=Unreachable,
        ),
        ProviderFailure(
            name="too fast",
            failure=said(429, "Too Many Requests: retry after 17", retry_after=17),
            error=Throttled,
            code="429",
            retry_after=17.0,
        ),
        ProviderFailure(
            name="too fast for how long", failure=said(429, "Too Many Requests"), error=Throttled
        ),
        ProviderFailure(name="too fast for the front", failure=Failure.html(429), error=Throttled),
        ProviderFailure(
            name="dead token", failure=said(401, "Unauthorized"), error=Misconfigured, code="401"
        ),
        ProviderFailure(
            name="no such token", failure=said(404, "Not Found"), error=Misconfigured, code="404"
        ),
        ProviderFailure(
            name="conflict",
            failure=said(409, "Conflict: terminated by other getUpdates request"),
            error=Misconfigured,
        ),
        ProviderFailure(name="not Telegram at all", failure=Failure.html(404), error=Misconfigured),
        ProviderFailure(
            name="sent elsewhere",
            failure=Failure(status=302, headers={"Location": "https://login.example.kz/"}),
            error=Misconfigured,
        ),
        ProviderFailure(
            name="server error", failure=said(500, "Internal Server Error"), error=Unreachable
        ),
        ProviderFailure(name="bad gateway", failure=said(502, "Bad Gateway"), error=Unreachable),
        ProviderFailure(name="front out of service", failure=Failure.html(503), error=Unreachable),
        ProviderFailure(
            name="HTML with 502", failure=Failure.html(502), error=Uncertain, code="502"
        ),
        ProviderFailure(name="HTML with 504", failure=Failure.html(504), error=Uncertain),
        ProviderFailure(name="HTML with 200", failure=Failure.html(200), error=Uncertain),
        ProviderFailure(
            name="an error without a word",
            failure=Failure(status=500, body={"ok": False}),
            error=Uncertain,
        ),
        ProviderFailure(
            name="a success that tells no id",
            failure=Failure(status=200, body={"ok": True, "result": True}, takes_effect=True),
            error=Uncertain,
        ),
    )

    def sandbox(self) -> TelegramSandbox:
        sandbox = TelegramSandbox()
        sandbox.citizen(user_id=CHAT, started=True)
        return sandbox

    def settings(self, url: str) -> dict[str, Any]:
        return {"token": TOKEN, "webhook_secret": SECRET, "api_base": url}

    def other_settings(self, url: str) -> dict[str, Any]:
        return {"token": OTHER_TOKEN, "webhook_secret": "secret_of-the-other", "api_base": url}

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        return {SECRET_HEADER: keys["webhook_secret"]}

    def texts(self, sandbox: TelegramSandbox) -> Sequence[str]:
        return [received.text for received in sandbox.sent]


class TestTelegramPolled(TestTelegram):
    """The same by polling: what differs is where the updates come from."""

    has_webhook = False

    def settings(self, url: str) -> dict[str, Any]:
        return {"token": TOKEN, "mode": "polling", "api_base": url}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """What is read does not depend on the mode: one delivery is enough here."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", cases(self.fixtures())[:1], ids=lambda case: case.name)
        else:
            super().pytest_generate_tests(metafunc)


# --- What the tests stand on --------------------------------------------------------------------


class Hub(SmallHub[TelegramConnector]):
    channel = "telegram"


def connector_at(
    url: str, *, public_url: str = "https://hub.example.kz", **keys: Any
) -> TelegramConnector:
    settings = TelegramSettings.model_validate(
        {"token": TOKEN, "webhook_secret": SECRET, "api_base": url, **keys}
    )
    return TelegramConnector("main", settings, Context(public_url=public_url, clock=lambda: NOW))


delivery = partial(delivery_to, "telegram")
reply = partial(outgoing.reply, "telegram")


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    async with TelegramSandbox() as running:
        yield running


@pytest.fixture
async def bot(telegram: TelegramSandbox) -> AsyncIterator[TelegramConnector]:
    """The connector of an account in webhook mode, and a citizen who has started it."""
    telegram.citizen(user_id=CHAT, started=True)
    made = connector_at(telegram.url)
    yield made
    await made.close()


@pytest.fixture
async def polling(telegram: TelegramSandbox) -> AsyncIterator[TelegramConnector]:
    made = connector_at(telegram.url, mode="polling")
    yield made
    await made.close()


@pytest.fixture
async def hub(telegram: TelegramSandbox) -> AsyncIterator[Hub]:
    """A hub whose webhook is set at Telegram."""
    async with Hub() as running:
        running.connector = connector_at(telegram.url, public_url=running.url)
        await running.connector.register()
        yield running
        await running.connector.close()


def leaks(error: BaseException) -> bool:
    """Whether the token stands in an error, or in anything it hangs on, shown or not."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if TOKEN in f"{one!r} {one} {vars(one)!r}":
            return True
        waiting += [one.__cause__, one.__context__]
    return TOKEN in "".join(traceback.format_exception(error))


# --- Receiving ----------------------------------------------------------------------------------


def test_importing_the_connector_and_reading_leaves_aiogram_alone() -> None:
    code = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from connectors.base import Context\n"
        "from connectors.telegram.connector import CONNECTOR\n"
        "from registry.types import Envelope\n"
        "keys = {'token': '1:abc', 'webhook_secret': 'secret-secret'}\n"
        "made = CONNECTOR('main', CONNECTOR.Settings(**keys), Context(public_url='https://a.kz'))\n"
        "headers = {'X-Telegram-Bot-Api-Secret-Token': 'secret-secret'}\n"
        "came = Envelope(id='1', channel='telegram', account='main', headers=headers,\n"
        "    body=b'{\"update_id\": 1}', received_at=datetime.now(UTC))\n"
        "made.verify(came), made.normalize(came), made.answer(came)\n"
        "print('aiogram' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("False", "")


def test_the_sandbox_needs_neither_the_client_nor_the_tests_library() -> None:
    code = (
        "import sys, connectors.telegram.sandbox\n"
        "print([name for name in ('aiogram', 'pytest', 'hypothesis') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


async def test_what_a_citizen_does_reaches_the_hub_by_webhook(
    telegram: TelegramSandbox, hub: Hub
) -> None:
    citizen = telegram.citizen(name="Айгүл Сейтқали", language="kk")
    assert (await citizen.start("qr-abay-52")).status == 200
    first = await citizen.say("Абай даңғылы, 52 үйде шұңқыр бар")
    await citizen.photo("Міне")
    await citizen.album("Екі сурет", "")
    await citizen.voice()
    await citizen.document("Акт.pdf", b"%PDF-1.7")
    shared = await citizen.location(43.238949, 76.889709, live_seconds=900)
    await citizen.move(shared, 43.24, 76.891)
    await citizen.contact()
    await citizen.edit(first, "Абай даңғылы, 54 үйде")
    await citizen.react(first.message_id, "👍")
    await citizen.block()
    await citizen.unblock()

    started, text, photo, one, two, voice, document, place, moved, card, edited, reaction, *rest = (
        hub.read
    )
    assert isinstance(started, ContactEvent)
    assert (started.kind, started.payload) == ("started", "qr-abay-52")
    assert isinstance(text, InboundMessage)
    assert text.external_id == first.external_id
    assert text.sender.point == ContactPoint("telegram", str(citizen.id))
    for value, kind in (
        (photo, AttachmentKind.PHOTO),
        (voice, AttachmentKind.VOICE),
        (document, AttachmentKind.DOCUMENT),
        (place, AttachmentKind.LOCATION),
        (card, AttachmentKind.CONTACT),
    ):
        assert isinstance(value, InboundMessage)
        assert [attachment.kind for attachment in value.attachments] == [kind]
    assert isinstance(one, InboundMessage)
    assert isinstance(two, InboundMessage)
    assert one.group == two.group is not None
    assert one.external_id != two.external_id
    assert isinstance(moved, MessageEdited)
    assert moved.message.external_id == shared.external_id
    assert moved.message.attachments[0].latitude == 43.24
    assert isinstance(card, InboundMessage)
    assert card.sender.also == (ContactPoint("tel", "+77015550142"),)
    assert isinstance(edited, MessageEdited)
    assert edited.message.text == "Абай даңғылы, 54 үйде"
    assert isinstance(reaction, Reaction)
    assert (reaction.external_id, reaction.emoji) == (first.external_id, ("👍",))
    assert [value.kind for value in rest if isinstance(value, ContactEvent)] == [
        "blocked",
        "unblocked",
    ]
    assert not telegram.pending


@pytest.mark.parametrize(
    ("spoilt", "text"),
    [
        (rb"\ud83d\ude21 \ud83d \u0416", "😡 � Ж"),
        (rb"\ude21\ud83d", "��"),
        (rb"a\u0000b", "ab"),
        (b"\xd0\x90\xff", "А�"),
        (rb"\\u0000 stays", "\\u0000 stays"),
    ],
    ids=["half a pair", "a pair turned round", "NUL", "no UTF-8", "a NUL as typed"],
)
def test_odd_characters_cost_no_message(spoilt: bytes, text: str) -> None:
    body = (
        b'{"update_id":1,"message":{"message_id":7,"date":1772440200,'
        b'"from":{"id":5,"is_bot":false,"first_name":"' + spoilt + b'"},'
        b'"chat":{"id":5,"type":"private"},"text":"' + spoilt + b'"}}'
    )
    (message,) = connector_at(TELEGRAM).normalize(delivery(body))
    assert isinstance(message, InboundMessage)
    assert not message.unreadable
    assert (message.text, message.sender.name) == (text, text.strip())


@pytest.mark.parametrize("body", [b'{"update_id":1,"x":' + b"[" * 100_000, b'{"update_id":NaN}'])
def test_a_body_that_no_parser_takes_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        connector_at(TELEGRAM).normalize(delivery(body))


def test_the_words_of_a_malformed_update_hold_nothing_of_its_content() -> None:
    body = json.dumps({"update_id": 1, "message_reaction": {"chat": "Сейтқали"}}).encode()
    with pytest.raises(Malformed) as caught:
        connector_at(TELEGRAM).normalize(delivery(body))
    assert "message_reaction.chat" in str(caught.value)
    assert "Сейтқали" not in str(caught.value)


def test_a_polled_account_takes_no_delivery_by_webhook() -> None:
    polled = TelegramSettings(token=SecretStr(TOKEN), mode="polling")
    made = TelegramConnector("main", polled, Context(public_url="https://hub.example.kz"))
    for given in ({}, {SECRET_HEADER: ""}, {SECRET_HEADER: SECRET}):
        with pytest.raises(Forged):
            made.verify(delivery(b"{}", given))


# --- Pressed buttons ----------------------------------------------------------------------------


async def test_a_pressed_button_is_a_message_and_the_webhooks_answer_releases_it(
    telegram: TelegramSandbox, hub: Hub
) -> None:
    citizen = telegram.citizen()
    asked = await citizen.say("Жөнделді ме?")
    await citizen.press(asked.message_id, "done:1", label="Иә, жөнделді")
    message = hub.read[-1]
    assert isinstance(message, InboundMessage)
    assert message.text == "Иә, жөнделді"
    assert message.reply_to == asked.external_id
    assert list(telegram.queries.values()) == [""]
    assert not any(call.path.lower().endswith("answercallbackquery") for call in telegram.calls)


def test_only_a_pressed_button_is_answered() -> None:
    made = connector_at(TELEGRAM)
    for body in (
        b"{}",
        b"\xff",
        b'"callback_query"',
        b'{"callback_query":null}',
        json.dumps({"message": {"text": '"callback_query"'}}).encode(),
    ):
        assert made.answer(delivery(body)) == Answer()


async def test_a_polled_button_is_released_once_its_update_is_stored(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    citizen = telegram.citizen()
    asked = await citizen.say("Жөнделді ме?")
    await citizen.press(asked.message_id, "done:1")
    page = await polling.poll(None)
    assert list(telegram.queries.values()) == [None]
    again = await polling.poll(None)  # storing failed: the cursor has not moved
    assert list(telegram.queries.values()) == [None]
    assert again.bodies == page.bodies
    await citizen.say("Тағы бір сөз")
    await polling.poll(page.cursor)
    assert list(telegram.queries.values()) == [""]


async def test_a_button_that_is_too_old_to_release_stops_no_poll(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    citizen = telegram.citizen()
    asked = await citizen.say("Жөнделді ме?")
    await citizen.press(asked.message_id, "done:1")
    page = await polling.poll(None)
    telegram.queries.clear()
    await citizen.say("Тағы бір сөз")
    assert len((await polling.poll(page.cursor)).bodies) == 1


# --- Polling ------------------------------------------------------------------------------------


async def test_polling_moves_its_cursor_and_loses_nothing(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    citizen = telegram.citizen()
    for number in range(150):
        await citizen.say(f"хабар {number}")
    texts: list[str] = []
    cursor = None
    more = True
    while more:
        page = await polling.poll(cursor)
        texts += [text_of(polling, body) for body in page.bodies]
        cursor, more = page.cursor, page.more
    assert texts == [f"хабар {number}" for number in range(150)]
    last = await citizen.say("соңғысы")
    page = await polling.poll(cursor)
    assert [text_of(polling, body) for body in page.bodies] == [last.message["text"]]
    assert int(page.cursor or 0) == int(cursor or 0) + 1


def text_of(connector: TelegramConnector, body: bytes) -> str:
    (message,) = connector.normalize(delivery(body))
    assert isinstance(message, InboundMessage)
    return message.text


async def test_a_poll_waits_for_the_first_update(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(polling.poll(None))
        await telegram.call(where=is_method("getUpdates"))
        await telegram.citizen().say("Сәлем")
    page = waiting.result()
    assert len(page.bodies) == 1
    assert not page.more


async def test_a_poll_that_brings_nothing_keeps_its_cursor(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    telegram.fail_next(Failure(status=200, body={"ok": True, "result": []}))
    page = await polling.poll("884120301")
    assert (list(page.bodies), page.cursor, page.more) == ([], "884120301", False)


async def test_an_update_without_a_number_is_asked_for_again(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    telegram.fail_next(Failure(status=200, body={"ok": True, "result": [{"message": {}}]}))
    with pytest.raises(Unreachable):
        await polling.poll(None)


async def test_both_modes_ask_for_the_same_kinds_of_update(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    await bot.register()
    assert telegram.allowed == ALLOWED_UPDATES
    polling = connector_at(telegram.url, mode="polling")
    await polling.register()
    telegram.allowed = None
    await telegram.citizen().say("Сәлем")
    await polling.poll(None)
    assert telegram.allowed == ALLOWED_UPDATES
    await polling.close()


async def test_polling_beside_a_webhook_tells_the_cure(
    telegram: TelegramSandbox, bot: TelegramConnector, polling: TelegramConnector
) -> None:
    await bot.register()
    with pytest.raises(Misconfigured) as caught:
        await polling.poll(None)
    assert "webhook" in caught.value.reason
    assert "hub doctor" in caught.value.cure
    assert (await polling.check()).health is Health.DOWN
    await polling.register()
    assert telegram.webhook is None
    assert (await polling.check()).health is Health.OK


async def test_two_that_poll_with_one_token_are_told_apart_from_a_webhook(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    other = connector_at(telegram.url, mode="polling")
    first = asyncio.create_task(polling.poll(None))
    await telegram.call(where=is_method("getUpdates"))
    second = asyncio.create_task(other.poll(None))
    with pytest.raises(Misconfigured) as caught:
        await first
    assert "Another program" in caught.value.reason
    await telegram.citizen().say("Сәлем")
    assert len((await second).bodies) == 1
    await other.close()


def is_method(name: str) -> Any:
    return lambda call: call.path.endswith(f"/{name}")


# --- Sending ------------------------------------------------------------------------------------


async def test_a_text_goes_out_without_markup_preview_or_a_fuss(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    telegram.citizens[CHAT].messages[41] = {"message_id": 41}
    sent = await bot.send(reply("<b>1</b> _2_ https://example.kz", reply_to=f"{CHAT}:41"))
    (call,) = telegram.calls
    assert call.data == {
        "chat_id": CHAT,
        "text": "<b>1</b> _2_ https://example.kz",
        "link_preview_options": {"is_disabled": True},
        "reply_parameters": {"message_id": 41, "allow_sending_without_reply": True},
    }
    (received,) = telegram.sent
    assert (received.reply_to, received.preview) == (41, False)
    assert sent.external_ids == (f"{CHAT}:{received.message['message_id']}",)
    assert sent.at == datetime.fromtimestamp(received.message["date"], UTC)


@pytest.mark.parametrize(
    "pointed", [f"{CHAT}:999", "callback:2367580294178305021", "42:1", "x", f"{CHAT}:"]
)
async def test_a_reply_to_what_cannot_be_pointed_at_goes_out_all_the_same(
    pointed: str, telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    await bot.send(reply("Иә", reply_to=pointed))
    assert [received.reply_to for received in telegram.sent] == [None]


async def test_half_a_surrogate_pair_does_not_stop_a_text(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    await bot.send(reply("жол \ud83d тазаланды 👩‍👧"))
    assert telegram.sent[0].text == "жол � тазаланды 👩‍👧"


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (AttachmentKind.PHOTO, "sendPhoto"),
        (AttachmentKind.VIDEO, "sendVideo"),
        (AttachmentKind.AUDIO, "sendAudio"),
        (AttachmentKind.VOICE, "sendVoice"),
        (AttachmentKind.DOCUMENT, "sendDocument"),
    ],
)
async def test_a_file_goes_out_whole_with_its_name_and_caption(
    kind: AttachmentKind, method: str, telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    content = bytes(range(256)) * 2_000
    await bot.send(reply("Жауап *хат* <i>", file(kind, name='Жауап "1"\r\n.pdf', content=content)))
    assert telegram.calls[0].path.endswith(f"/{method}")
    (received,) = telegram.sent
    assert received.text == "Жауап *хат* <i>"
    assert [(one.filename, one.content) for one in received.files] == [("Жауап 1.pdf", content)]


async def test_an_album_is_one_call_and_several_ids_with_the_caption_once(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    photos = [file(AttachmentKind.PHOTO, name=f"{n}.jpg", content=b"jpeg%d" % n) for n in range(3)]
    sent = await bot.send(reply("Дейін, кейін", *photos))
    assert [call.path.rpartition("/")[2] for call in telegram.calls] == ["sendMediaGroup"]
    assert [received.text for received in telegram.sent] == ["Дейін, кейін", "", ""]
    assert [received.files[0].content for received in telegram.sent] == [
        b"jpeg0",
        b"jpeg1",
        b"jpeg2",
    ]
    assert len(set(sent.external_ids)) == 3


async def test_a_place_goes_out_as_a_place(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    await bot.send(reply("", place()))
    (received,) = telegram.sent
    assert (received.kind, received.latitude, received.longitude) == (
        "location",
        43.238949,
        76.889709,
    )


def place(**changes: Any) -> OutboundFile:
    values: dict[str, Any] = {
        "id": "f2",
        "kind": AttachmentKind.LOCATION,
        "name": "",
        "mime": "",
        "size": 0,
        "stream": file().stream,
        "link": file().link,
        "latitude": 43.238949,
        "longitude": 76.889709,
    }
    return OutboundFile(**{**values, **changes})


@pytest.mark.parametrize(
    "message",
    [
        reply(""),
        reply("Осында", place()),
        reply("", place(latitude=None)),
        reply("", file(AttachmentKind.STICKER)),
        reply("", file(AttachmentKind.PHOTO), file(AttachmentKind.DOCUMENT)),
        reply("", *[file(AttachmentKind.PHOTO)] * 11),
        reply("Сәлем", conversation="@almaty"),
    ],
    ids=["nothing", "text of a place", "nowhere", "sticker", "mixed album", "eleven", "no chat"],
)
async def test_what_telegram_has_no_call_for_is_rejected_before_any_call(
    message: OutboundMessage, telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    with pytest.raises(Rejected):
        await bot.send(message)
    assert not telegram.calls


async def test_a_file_that_breaks_off_was_surely_not_sent(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"%PDF"
        raise OSError("the store is gone")

    whole = file()
    breaks = OutboundFile(
        id="f",
        kind=whole.kind,
        name="a.pdf",
        mime=whole.mime,
        size=10,
        stream=broken,
        link=lambda: "https://hub.example.kz/files/1",
    )
    with pytest.raises(Unreachable):
        await bot.send(reply("", breaks))
    assert not telegram.sent
    await bot.send(reply("", whole))
    assert len(telegram.sent) == 1


async def test_an_answer_lost_after_a_whole_file_is_uncertain_and_before_it_is_not(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    telegram.fail_next(Failure.reset_after())
    with pytest.raises(Uncertain):
        await bot.send(reply("", file()))
    assert len(telegram.sent) == 1
    telegram.fail_next(Failure.reset_before())
    with pytest.raises(Unreachable):
        await bot.send(reply("", file(content=bytes(30 * 1024 * 1024))))
    assert len(telegram.sent) == 1


async def test_a_chat_that_has_moved_is_followed(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    telegram.citizen(user_id=-1001234567890, started=True)
    telegram.citizens[CHAT].moved_to = -1001234567890
    sent = await bot.send(reply("Сәлем"))
    assert sent.external_ids == ("-1001234567890:1",)
    telegram.citizens[-1001234567890].moved_to = CHAT
    with pytest.raises(Rejected):
        await bot.send(reply("Сәлем"))


async def test_the_sandboxs_own_refusals_have_their_errors(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    citizen = telegram.citizens[CHAT]
    citizen.blocked = True
    with pytest.raises(Blocked, match="blocked"):
        await bot.send(reply())
    citizen.blocked, citizen.deactivated = False, True
    with pytest.raises(Blocked, match="deleted"):
        await bot.send(reply())
    with pytest.raises(Blocked, match="no such chat"):
        await bot.send(reply(conversation="5"))
    citizen.deactivated = False
    with pytest.raises(Rejected, match="too long"):
        await bot.send(reply("қ" * 4097))
    stranger = connector_at(telegram.url, token=OTHER_TOKEN)
    with pytest.raises(Misconfigured) as caught:
        await stranger.send(reply())
    assert "channels.telegram.main.token" in caught.value.cure
    await stranger.close()


async def test_too_fast_in_one_chat_is_throttled() -> None:
    async with TelegramSandbox(a_second_a_chat=True, clock=lambda: NOW) as telegram:
        telegram.citizen(user_id=CHAT, started=True)
        bot = connector_at(telegram.url)
        await bot.send(reply())
        with pytest.raises(Throttled) as caught:
            await bot.send(reply())
        assert caught.value.retry_after == 1
        assert caught.value.whole_account
        await bot.close()


# --- Files --------------------------------------------------------------------------------------


async def fetched(bot: TelegramConnector, attachment: Attachment) -> bytes:
    return b"".join([chunk async for chunk in bot.fetch(attachment)])


def document(ref: str | None, size: int | None = None) -> Attachment:
    return Attachment(kind=AttachmentKind.DOCUMENT, ref=ref, size=size)


async def test_a_file_is_fetched_as_it_was_sent_and_its_reference_holds_no_token(
    telegram: TelegramSandbox, hub: Hub
) -> None:
    content = bytes(range(256)) * 1_000
    await telegram.citizen().document("Акт.pdf", content)
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    (attachment,) = message.attachments
    assert TOKEN not in repr(message)
    assert "/" not in (attachment.ref or "")
    assert await fetched(hub.connector, attachment) == content


async def test_the_largest_size_of_a_picture_is_fetched(
    telegram: TelegramSandbox, hub: Hub
) -> None:
    await telegram.citizen().photo(content=b"\xff\xd8 whole picture \xff\xd9")
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    assert (
        await fetched(hub.connector, message.attachments[0]) == b"\xff\xd8 whole picture \xff\xd9"
    )


async def test_a_file_that_is_too_large_is_rejected_whoever_tells_its_size(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    large = telegram.store(b"x", path="documents/file_{n}", size=MAX_DOWNLOAD + 1)
    with pytest.raises(Rejected, match="20 MB"):
        await fetched(bot, document(large["file_id"], MAX_DOWNLOAD + 1))
    assert not telegram.calls
    with pytest.raises(Rejected, match="too big"):
        await fetched(bot, document(large["file_id"]))


async def test_a_file_over_the_hubs_own_cap_is_cut_off(telegram: TelegramSandbox) -> None:
    settings = TelegramSettings.model_validate(
        {"token": TOKEN, "mode": "polling", "api_base": telegram.url}
    )
    context = Context(public_url="https://hub.example.kz", max_media_bytes=1024 * 1024)
    bot = TelegramConnector("main", settings, context)
    honest = telegram.store(bytes(1024 * 1024 + 1), path="a/{n}")
    with pytest.raises(Rejected, match="1 MB"):
        await fetched(bot, document(honest["file_id"]))
    silent = telegram.store(bytes(3 * 1024 * 1024), path="b/{n}", size=0)
    with pytest.raises(Rejected, match="1 MB"):
        await fetched(bot, document(silent["file_id"]))
    await bot.close()


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure(status=404), Rejected),
        (Failure(status=429), Throttled),
        (Failure(status=500), Unreachable),
        (Failure.html(302), Unreachable),
        (Failure.reset_before(), Unreachable),
        (Failure(status=200, body=b"half"), Unreachable),
    ],
    ids=["gone", "too fast", "server error", "redirect", "reset", "less than there is"],
)
async def test_a_download_that_fails_says_whether_it_may_be_tried_again(
    failure: Failure, error: type[SendError], telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    kept = telegram.store(b"content", path="documents/file_{n}")
    telegram.fail_next(failure, times=None, where=lambda call: call.path.startswith("/file/"))
    with pytest.raises(error) as caught:
        await fetched(bot, document(kept["file_id"], kept["file_size"]))
    assert not leaks(caught.value)
    telegram.heal()
    assert await fetched(bot, document(kept["file_id"])) == b"content"


async def test_a_file_nobody_has_is_rejected(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    for ref in (None, "unknown"):
        with pytest.raises(Rejected):
            await fetched(bot, document(ref))
    telegram.fail_next(Failure(status=200, body={"ok": True, "result": {"file_id": "x"}}))
    with pytest.raises(Rejected, match="no longer"):
        await fetched(bot, document("x"))


# --- The token ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        Failure.reset_before(),
        Failure.reset_after(),
        Failure.html(),
        Failure.broken_json(),
        said(401, "Unauthorized"),
        said(500, "Internal Server Error"),
        said(429, "Too Many Requests: retry after 3", retry_after=3),
        Failure(status=302, headers={"Location": "/elsewhere"}),
    ],
    ids=lambda failure: str(failure.status),
)
async def test_the_token_hangs_on_no_error(
    failure: Failure, telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    telegram.fail_next(failure)
    with pytest.raises(SendError) as caught:
        await bot.send(reply())
    assert not leaks(caught.value)


async def test_the_token_hangs_on_no_error_of_a_server_that_is_not_there(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    await telegram.stop()
    for call in (bot.send(reply()), bot.register(), fetched(bot, document("x"))):
        with pytest.raises(Unreachable) as caught:
            await call
        assert not leaks(caught.value)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"token": TOKEN}, "webhook_secret"),
        ({"token": TOKEN, "webhook_secret": "with space!"}, "webhook_secret"),
        ({"token": TOKEN, "webhook_secret": "short"}, "webhook_secret"),
        ({"token": TOKEN, "webhook_secret": "x" * 257}, "webhook_secret"),
        ({"token": "not a token at all", "mode": "polling"}, "token"),
        ({"token": f"{TOKEN}/../x", "mode": "polling"}, "token"),
        ({"token": TOKEN, "mode": "pigeon"}, "mode"),
        ({"token": TOKEN, "mode": "polling", "api_base": "api.telegram.org"}, "api_base"),
        ({"token": TOKEN, "mode": "polling", "api_base": "https://a.kz/{x}"}, "api_base"),
        ({"webhook_secret": SECRET}, "token"),
    ],
)
def test_settings_that_make_no_sense_name_the_key_and_hide_the_value(
    keys: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        TelegramSettings.model_validate(keys)
    told = str(caught.value)
    assert named in told
    for secret in ("token", "webhook_secret"):
        assert keys.get(secret, "no such") not in told


# --- The account --------------------------------------------------------------------------------


async def test_registering_says_where_to_with_which_secret(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    await bot.register()
    assert telegram.webhook is not None
    assert telegram.webhook.url == "https://hub.example.kz/hooks/telegram/main"
    assert telegram.webhook.secret == SECRET


async def test_registering_drops_nothing_that_waits(
    telegram: TelegramSandbox, polling: TelegramConnector
) -> None:
    await telegram.citizen().say("Сәлем")
    await polling.register()
    assert len(telegram.pending) == 1
    assert len((await polling.poll(None)).bodies) == 1


@pytest.mark.parametrize(
    "public_url",
    [
        "http://hub.example.kz",
        "https://localhost",
        "https://127.0.0.1:8443",
        "https://hub.example.kz:8080",
    ],
)
async def test_telegram_itself_is_not_asked_to_deliver_where_it_cannot(public_url: str) -> None:
    bot = connector_at(TELEGRAM, public_url=public_url)
    with pytest.raises(Misconfigured) as caught:
        await bot.register()
    assert public_url in caught.value.reason
    assert "public_url" in caught.value.cure
    await bot.close()


async def test_a_webhook_that_telegram_refuses_tells_the_cure() -> None:
    async with TelegramSandbox(strict=True) as telegram:
        bot = connector_at(telegram.url, public_url="http://hub.example.kz")
        with pytest.raises(Misconfigured) as caught:
            await bot.register()
        assert "HTTPS" in caught.value.reason
        assert "public_url" in caught.value.cure
        await bot.close()


HOOK = "https://hub.example.kz/hooks/telegram/main"
JUST_NOW = int((NOW - timedelta(minutes=2)).timestamp())
LONG_AGO = int((NOW - timedelta(days=2)).timestamp())


def info(**changes: Any) -> WebhookInfo:
    return WebhookInfo(**{"url": HOOK, "allowed_updates": ALLOWED_UPDATES, **changes})


def failed(message: str, **changes: Any) -> WebhookInfo:
    return info(last_error_date=JUST_NOW, last_error_message=message, **changes)


@pytest.mark.parametrize(
    ("found", "health", "words"),
    [
        (info(), Health.OK, ""),
        (info(pending_update_count=3), Health.OK, ""),
        (
            failed("Connection refused").__class__(
                url=HOOK,
                allowed_updates=ALLOWED_UPDATES,
                last_error_date=LONG_AGO,
                last_error_message="x",
            ),
            Health.OK,
            "",
        ),
        (info(url=""), Health.DOWN, "hub doctor"),
        (info(url="https://else.example.kz/bot-secret"), Health.DOWN, "hub doctor"),
        (info(pending_update_count=500), Health.DEGRADED, "log"),
        (info(allowed_updates=["message"]), Health.DEGRADED, "hub doctor"),
        (failed("Wrong response from the webhook: 403 Forbidden"), Health.DEGRADED, "secret"),
        (failed("Wrong response from the webhook: 404 Not Found"), Health.DEGRADED, "public_url"),
        (failed("Wrong response from the webhook: 503 x"), Health.DEGRADED, "log"),
        (failed("SSL error {certificate verify failed}"), Health.DEGRADED, "certificate"),
        (failed("Connection refused", pending_update_count=7), Health.DEGRADED, "reachable"),
        (failed("Failed to resolve host"), Health.DEGRADED, "reachable"),
    ],
)
def test_the_state_of_the_webhook_is_told_with_its_cure(
    found: WebhookInfo, health: Health, words: str
) -> None:
    told = diagnose(Me(id=1, username="x_bot"), found, hook=HOOK, wanted=ALLOWED_UPDATES, now=NOW)
    assert told.health is health
    assert words in (told.cure or "")
    assert (told.cure is None) == (health is Health.OK)
    assert "bot-secret" not in f"{told}", "another program's address may hold its secret"


async def test_a_wrong_secret_shows_in_the_diagnosis_until_the_webhook_is_set_anew(
    telegram: TelegramSandbox, hub: Hub
) -> None:
    assert telegram.webhook is not None
    telegram.webhook.secret = "the-secret-of-yesterday"
    said = await telegram.citizen().say("Сәлем")
    assert said.status == 401
    telegram.webhook.error_at = JUST_NOW
    told: Diagnosis = await hub.connector.check()
    assert told.health is Health.DEGRADED
    assert "1 wait" in told.summary
    assert "secret" in (told.cure or "")
    await hub.connector.register()
    await telegram.until(lambda: not telegram.pending)
    assert len(hub.read) == 1
    assert (await hub.connector.check()).health is Health.OK


async def test_a_dead_token_is_down_with_its_cure(telegram: TelegramSandbox) -> None:
    bot = connector_at(telegram.url, token=OTHER_TOKEN)
    told = await bot.check()
    assert told.health is Health.DOWN
    assert "@BotFather" in (told.cure or "")
    await bot.close()


async def test_a_server_of_ones_own_may_deliver_to_any_address() -> None:
    async with TelegramSandbox() as telegram:
        bot = connector_at(telegram.url, public_url="http://127.0.0.1:8080")
        await bot.register()
        assert (await bot.check()).health is Health.OK
        await bot.close()


async def test_bots_of_one_server_share_its_connections_until_the_last_closes(
    telegram: TelegramSandbox, bot: TelegramConnector
) -> None:
    second = connector_at(telegram.url)
    await bot.send(reply())
    await second.send(reply())
    assert second._client is not None
    assert bot._client is not None
    session = second._client._session
    assert bot._client._session is session
    await second.close()
    await second.close()
    await bot.send(reply())
    await bot.close()
    assert session._session is not None
    assert session._session.closed
    await bot.send(reply())
    assert len(telegram.sent) == 4
