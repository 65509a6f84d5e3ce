"""The stand-ins refuse what Meta and Twilio refuse, and give what they give."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from multidict import MultiDict

from connectors.base import Context
from connectors.testing.contract import NOW
from connectors.testing.sandbox import Call, Upload
from connectors.testing.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER
from connectors.whatsapp.connector import WhatsAppConnector, WhatsAppSettings
from connectors.whatsapp.demo import demo_account
from connectors.whatsapp.rules import check_upload
from connectors.whatsapp.sandbox import (
    APP_SECRET,
    PHONE_NUMBER_ID,
    TOKEN,
    WABA_ID,
    WhatsAppSandbox,
    sign,
)
from connectors.whatsapp.twilio.sandbox import TwilioWhatsAppSandbox

WA_ID = "77015550142"
AT_TWILIO = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
TEXT: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "to": WA_ID,
    "type": "text",
    "text": {"body": "Сәлем"},
}


def text(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**TEXT, **changes}.items() if value is not ...}


def message(kind: str, content: Any, **changes: Any) -> dict[str, Any]:
    return text(type=kind, text=..., **{kind: content}, **changes)


@pytest.fixture
async def meta() -> AsyncIterator[WhatsAppSandbox]:
    async with WhatsAppSandbox(clock=lambda: NOW) as running:
        running.citizen(wa_id=WA_ID, wrote=True)
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        yield session


async def sent(
    meta: WhatsAppSandbox, client: aiohttp.ClientSession, body: Any, **options: Any
) -> tuple[int, Any]:
    async with client.post(
        f"{meta.url}/v23.0/{PHONE_NUMBER_ID}/messages", json=body, **options
    ) as response:
        return response.status, await response.json()


async def test_a_message_that_is_right_is_taken(
    meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    status, body = await sent(meta, client, text(to=f"+{WA_ID}", biz_opaque_callback_data="1:0"))
    assert status == 200
    (contact,) = body["contacts"]
    assert (contact["input"], contact["wa_id"]) == (WA_ID, WA_ID)
    assert body["messages"][0]["id"].startswith("wamid.")
    assert (await meta.citizens[WA_ID].next()).text == "Сәлем"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], 131008),
        ({}, 131008),
        (text(messaging_product="viber"), 131008),
        (text(recipient_type="group"), 100),
        (text(to=...), 131008),
        (text(to=77015550142), 100),
        (text(to="KZ.123"), 100),
        (text(to=..., recipient="77015550142"), 100),
        (text(to=..., recipient="KZ.404"), 131026),
        (text(to="77000000001"), 131026),
        (text(to="77272000109"), 131021),
        (text(type="hologram"), 131051),
        (text(surprise=1), 100),
        (text(text="Сәлем"), 131008),
        (text(text={"body": ""}), 131008),
        (text(text={"body": " "}), 131008),
        (text(text={"body": "x" * 4097}), 100),
        (text(text={"body": "x", "preview_url": "no"}), 100),
        (text(text={"body": "x", "bold": True}), 100),
        (text(context={"id": "wamid.x"}), 131008),
        (text(context={"message_id": "wamid.unknown"}), 131009),
        (text(biz_opaque_callback_data="x" * 513), 100),
        (message("image", {}), 131008),
        (message("image", {"id": "1", "link": "https://a.kz"}), 131008),
        (message("image", {"id": "404"}), 131009),
        (message("image", {"id": "DOC"}), 131053),
        (message("image", {"id": "PNG", "caption": "x" * 1025}), 100),
        (message("image", {"id": "INBOUND"}), 131009),
        (message("audio", {"id": "MP3", "caption": "x"}), 100),
        (message("audio", {"id": "MP3", "voice": True}), 131053),
        (message("location", {"latitude": "43", "longitude": 76}), 131008),
        (message("location", {"latitude": 43, "longitude": 181}), 100),
        (message("template", {"name": "solved"}), 131008),
        (message("template", {"name": "nothing", "language": {"code": "kk"}}), 132001),
        (message("template", {"name": "solved", "language": {"code": "en"}}), 132001),
        (message("template", {"name": "paused", "language": {"code": "kk"}}), 132015),
        (message("template", {"name": "pending", "language": {"code": "kk"}}), 132001),
        (message("template", {"name": "solved", "language": {"code": "kk"}}), 132000),
    ],
    ids=range(38),
)
async def test_a_message_that_is_wrong_is_refused(
    body: Any, code: int, meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    ids = {
        "PNG": meta.store(b"png", "image/png", uploaded=True),
        "DOC": meta.store(b"pdf", "application/pdf", uploaded=True),
        "MP3": meta.store(b"mp3", "audio/mpeg", uploaded=True),
        "INBOUND": meta.store(b"png", "image/png"),
    }
    meta.template("solved", "kk", "Құрметті {{1}}")
    meta.template("paused", "kk", "x", status="PAUSED")
    meta.template("pending", "kk", "x", status="PENDING")
    if isinstance(body, dict):
        body = {
            name: {**value, "id": ids.get(value["id"], value["id"])}
            if name in {"image", "audio"} and "id" in value
            else value
            for name, value in body.items()
        }
    status, told = await sent(meta, client, body)
    assert (status >= 400, told["error"]["code"]) == (True, code)
    assert {"message", "type", "fbtrace_id"} <= told["error"].keys()
    assert meta.sent == []


def parameter(value: str, **more: str) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ([parameter("Айгүл", parameter_name="name")], None),
        ([parameter("Айгүл")], 100),
        ([parameter("Айгүл", parameter_name="surname")], 100),
        ([parameter("", parameter_name="name")], 131008),
        ([parameter("екі\nжол", parameter_name="name")], 132018),
        ([parameter("көп     бос", parameter_name="name")], 132018),
        ([{"type": "image"}], 132012),
        ([parameter("a", parameter_name="name")] * 2, 132000),
        ("x", 132000),
    ],
    ids=range(9),
)
async def test_a_template_takes_exactly_its_variables(
    parameters: Any, code: int | None, meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    meta.template("greeting", "kk", "Құрметті {{name}}")
    told = {
        "name": "greeting",
        "language": {"code": "kk"},
        "components": [{"type": "body", "parameters": parameters}],
    }
    _, body = await sent(meta, client, message("template", told))
    assert body.get("error", {}).get("code") == code


async def test_the_window_closes_after_a_day_and_opens_with_a_word(
    meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    citizen = meta.citizens[WA_ID]
    citizen.wrote_at = NOW - timedelta(hours=24)
    _, told = await sent(meta, client, TEXT)
    assert told["error"]["code"] == 131047
    assert (await citizen.say("Алло")).status is None, "no webhook is set"
    status, _ = await sent(meta, client, TEXT)
    assert status == 200


@pytest.mark.parametrize(
    "path",
    [f"{PHONE_NUMBER_ID}", f"{WABA_ID}/message_templates", f"{WABA_ID}/subscribed_apps", "1003"],
)
async def test_nothing_is_told_without_the_token(
    path: str, meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        async with client.get(f"{meta.url}/v23.0/{path}", headers=headers) as response:
            assert response.status == 401
            assert (await response.json())["error"]["code"] == 190


@pytest.mark.parametrize("path", ["109000000000099", "109000000000099/message_templates", "404"])
async def test_an_unknown_object_is_refused_in_metas_words(
    path: str, meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{meta.url}/v23.0/{path}") as response:
        told = (await response.json())["error"]
    assert (response.status, told["code"], told["error_subcode"]) == (400, 100, 33)


async def test_an_address_without_a_version_is_unknown(
    meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{meta.url}/{PHONE_NUMBER_ID}") as response:
        assert (await response.json())["error"]["code"] == 2500
    async with client.get(f"{meta.url}/v23.0/{PHONE_NUMBER_ID}?fields=age") as response:
        assert (await response.json())["error"]["code"] == 100


def upload(**changes: Any) -> MultiDict[Any]:
    form = {
        "messaging_product": "whatsapp",
        "type": "image/png",
        "file": Upload(filename="a.png", mime="image/png", content=b"png"),
        **changes,
    }
    return MultiDict({name: value for name, value in form.items() if value is not ...})


@pytest.mark.parametrize(
    "form",
    [
        upload(messaging_product=...),
        upload(type=...),
        upload(file=...),
        upload(file="png"),
        upload(type="image/gif"),
        upload(type="image/jpeg"),
        upload(file=Upload(filename="a.png", mime="image/png", content=b"")),
        upload(
            type="audio/ogg",
            file=Upload(filename="a", mime="audio/ogg", content=b"x" * (16 * 1024 * 1024 + 1)),
        ),
    ],
    ids=range(8),
)
def test_an_upload_that_is_wrong_is_refused(form: MultiDict[Any]) -> None:
    from connectors.testing.sandbox import Refused

    with pytest.raises(Refused):
        check_upload(form)


def test_an_upload_that_is_right_is_taken() -> None:
    assert check_upload(upload()).content == b"png"


async def test_a_delivery_is_signed_over_its_escaped_bytes(meta: WhatsAppSandbox) -> None:
    calls: list[tuple[bytes, str]] = []

    async def deliver(address: str, body: object, headers: Any = None) -> int:
        assert isinstance(body, bytes)
        calls.append((body, headers["X-Hub-Signature-256"]))
        return 200

    meta.deliver = deliver  # type: ignore[method-assign]
    meta.webhook, meta.subscribed = "http://127.0.0.1:9/x", True
    await meta.citizens[WA_ID].say("Сәлем")
    ((body, signature),) = calls
    assert b"\\u04d9" in body
    assert signature == "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert signature == sign(APP_SECRET, body)


async def test_too_many_messages_a_second_are_refused() -> None:
    async with (
        WhatsAppSandbox(clock=lambda: NOW, per_second=1) as meta,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client,
    ):
        meta.citizen(wa_id=WA_ID, wrote=True)
        codes = [(await sent(meta, client, TEXT))[1].get("error", {}).get("code") for _ in "12"]
    assert codes == [None, 130429]


async def test_a_strict_meta_takes_only_https(
    meta: WhatsAppSandbox, client: aiohttp.ClientSession
) -> None:
    meta.strict = True
    path = f"{meta.url}/v23.0/{WABA_ID}/subscribed_apps"
    for told, code in (
        ({"override_callback_uri": "http://hub.example.kz/x", "verify_token": "w"}, 100),
        ({"override_callback_uri": "https:///x", "verify_token": "w"}, 100),
        ({"override_callback_uri": "https://hub.example.kz/x"}, 131008),
        ({"override_callback_uri": "https://127.0.0.1:9/x", "verify_token": "w"}, 2200),
    ):
        async with client.post(path, json=told) as response:
            assert (await response.json())["error"]["code"] == code
    assert not meta.subscribed
    async with client.post(path, json={}) as response:
        assert await response.json() == {"success": True}
    assert meta.subscribed


# --- Twilio -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"To": f"+{WA_ID}"}, 21211),
        ({"To": "whatsapp:KZ.48212075531904417"}, None),
        ({"From": NUMBER}, 63007),
        ({"From": "whatsapp:+77272000110"}, 63007),
        ({"Body": ""}, 21619),
        ({"Body": "x" * 1601}, 21617),
        ({"MediaUrl": "ftp://a"}, 21620),
        ({"PersistentAction": "geo:43.2,76.8|ХҚКО"}, None),
        ({"PersistentAction": "tel:109"}, 21626),
        ({"ContentSid": "HX" + "0" * 32}, 21655),
    ],
    ids=range(11),
)
async def test_twilio_refuses_what_whatsapp_cannot_carry(
    changes: dict[str, str], code: int | None
) -> None:
    form = {"To": f"whatsapp:+{WA_ID}", "From": f"whatsapp:{NUMBER}", "Body": "Сәлем", **changes}

    def asked(call: Call) -> bool:
        return call.path.endswith("/Messages.json")

    async with (
        TwilioWhatsAppSandbox(clock=lambda: NOW, reports=False) as twilio,
        aiohttp.ClientSession(headers=AT_TWILIO) as client,
    ):
        path = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        async with client.post(path, data=form) as response:
            told = await response.json()
        assert (await twilio.call(where=asked)).took_effect == (code is None)
    assert (told.get("code"), response.status) == (code, 201 if code is None else 400)


async def test_twilio_takes_one_file_a_message() -> None:
    form = [("To", f"whatsapp:+{WA_ID}"), ("From", f"whatsapp:{NUMBER}")]
    form += [("MediaUrl", "https://a.kz/1"), ("MediaUrl", "https://a.kz/2")]
    async with (
        TwilioWhatsAppSandbox(reports=False) as twilio,
        aiohttp.ClientSession(headers=AT_TWILIO) as client,
    ):
        path = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        async with client.post(path, data=form) as response:
            assert (await response.json())["code"] == 21623
        async with client.get(f"{twilio.url}/v2/Channels/Senders") as response:
            assert response.status == 400


async def test_the_demo_has_people_who_hide_their_number_and_templates() -> None:
    async with demo_account(run=3) as account:
        opened = WhatsAppSettings.model_validate(account.settings)
        context = Context(public_url="http://127.0.0.1:9", clock=lambda: NOW)
        number = WhatsAppConnector("demo", opened, context)
        assert {one.language for one in await number.templates()} == {"kk", "ru"}
        people = [account.citizen(name="Дәулет", language="kk") for _ in range(10)]
        await number.close()
    assert len({one.wa_id for one in people}) == len({one.user_id for one in people}) == 10
    assert sum(one.hidden for one in people) == 2
