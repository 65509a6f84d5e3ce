"""A sender at Twilio: what goes out, what comes in, how the account is."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Context, Health, Misconfigured, Rejected, Template
from connectors.testing.contract import NOW
from connectors.testing.guard import localhost_only
from connectors.testing.hub import SmallHub
from connectors.testing.twilio import Content, TwilioSandbox
from connectors.whatsapp.connector import WhatsAppConnector, WhatsAppSettings
from connectors.whatsapp.test_whatsapp import HOOK, WA_ID, twilio_keys
from connectors.whatsapp.test_whatsapp_meta import file, reply
from connectors.whatsapp.twilio.health import SenderState, diagnose
from connectors.whatsapp.twilio.sandbox import Person, TwilioWhatsAppSandbox
from registry.types import (
    Attachment,
    AttachmentKind,
    ChosenTemplate,
    DeliveryReport,
    DeliveryState,
    InboundMessage,
)

SERVICE = "MG" + "0" * 31 + "a"


class Hub(SmallHub[WhatsAppConnector]):
    channel = "whatsapp"


def connector_at(
    url: str, *, public_url: str = "https://hub.example.kz", **keys: Any
) -> WhatsAppConnector:
    settings = WhatsAppSettings.model_validate({**twilio_keys(url), **keys})
    return WhatsAppConnector("main", settings, Context(public_url=public_url, clock=lambda: NOW))


@pytest.fixture(autouse=True)
def _at_home() -> Iterator[None]:
    with localhost_only():
        yield


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioWhatsAppSandbox]:
    async with TwilioWhatsAppSandbox(webhook=HOOK, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def aigul(twilio: TwilioWhatsAppSandbox) -> Person:
    return twilio.person(f"whatsapp:+{WA_ID}", wrote=True)


@pytest.fixture
async def sender(twilio: TwilioWhatsAppSandbox) -> AsyncIterator[WhatsAppConnector]:
    made = connector_at(twilio.url)
    yield made
    await made.close()


@pytest.fixture
async def hub(twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector) -> AsyncIterator[Hub]:
    """A hub behind a proxy: what signatures are made for is its public address."""
    async with Hub() as running:
        running.connector = sender
        twilio.hub = running.url
        yield running


# --- There and back -----------------------------------------------------------------------------


async def test_what_a_citizen_writes_reaches_the_hub_through_a_proxy(
    twilio: TwilioWhatsAppSandbox, hub: Hub, aigul: Person
) -> None:
    answered = await twilio.write(
        aigul,
        "Міне & сурет + дыбыс",
        files=[(b"\x89PNG", "image/png"), (b"OggS", "audio/ogg")],
        Blank="",
    )
    assert answered is not None
    assert (answered.status, answered.headers["Content-Type"][:8]) == (200, "text/xml")
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    assert (message.text, message.conversation) == ("Міне & сурет + дыбыс", WA_ID)
    assert [one.kind for one in message.attachments] == ["photo", "voice"]
    chunks = [chunk async for chunk in hub.connector.fetch(message.attachments[0])]
    assert b"".join(chunks) == b"\x89PNG"


async def test_statuses_come_to_an_address_that_names_our_message(
    twilio: TwilioWhatsAppSandbox, hub: Hub, aigul: Person
) -> None:
    twilio.lifecycle = ["queued", "delivered", "sent", "read", "read"]
    sent = await hub.connector.send(reply(part=1))
    await twilio.settled()
    reports = [one for one in hub.read if isinstance(one, DeliveryReport)]
    assert [one.state for one in reports] == [
        DeliveryState.DELIVERED,
        DeliveryState.SENT,
        DeliveryState.READ,
        DeliveryState.READ,
    ]
    assert {(one.message_id, one.external_id) for one in reports} == {
        ("361934207885312000", sent.external_ids[0])
    }


async def test_a_reply_after_a_day_fails_with_its_reason_and_a_template_goes(
    twilio: TwilioWhatsAppSandbox, hub: Hub, aigul: Person
) -> None:
    aigul.wrote_at = NOW - timedelta(hours=25)
    twilio.lifecycle = ["delivered"]
    content = twilio.content("appeal_solved", "kk", "Құрметті {{1}}, {{2}} орындалды.")
    await hub.connector.send(reply())
    await twilio.settled()
    (failed,) = hub.read
    assert isinstance(failed, DeliveryReport)
    assert (failed.state, failed.error_code) == (DeliveryState.FAILED, "63016")
    told = {"1": "Айгүл", "2": "ALM-2026-1"}
    chosen = ChosenTemplate(id=content.sid, language="kk", variables=told)
    await hub.connector.send(reply("как читается", template=chosen))
    await twilio.settled()
    assert isinstance(hub.read[1], DeliveryReport)
    assert hub.read[1].state is DeliveryState.DELIVERED
    assert (twilio.sent[1].content_sid, twilio.sent[1].body) == (content.sid, "")
    assert twilio.sent[1].content_variables == told


# --- Sending ------------------------------------------------------------------------------------


async def test_a_file_goes_out_by_an_address_that_twilio_fetches(
    twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector, aigul: Person
) -> None:
    await sender.send(reply("", file()))
    (message,) = twilio.sent
    assert (message.media, message.body) == (("https://hub.example.kz/files/1",), "")
    assert (message.to, message.sender) == (f"whatsapp:+{WA_ID}", "whatsapp:+77272000109")


async def test_a_picture_goes_out_with_its_caption(
    twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector, aigul: Person
) -> None:
    photo = file(AttachmentKind.PHOTO, name="p.jpg", mime="image/jpeg", content=b"JPEG")
    await sender.send(reply("Қараңыз", photo))
    (message,) = twilio.sent
    assert (message.media, message.body) == (("https://hub.example.kz/files/1",), "Қараңыз")


async def test_a_place_goes_out_as_a_place(
    twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector, aigul: Person
) -> None:
    place = file(
        AttachmentKind.LOCATION,
        name="ХҚКО | Алмалы",
        mime="",
        content=b"",
        latitude=43.238949,
        longitude=76.889709,
    )
    await sender.send(reply("", place))
    (call,) = twilio.calls
    assert call.data["PersistentAction"] == "geo:43.2389490,76.8897090|ХҚКО   Алмалы"
    assert call.data["Body"] == "ХҚКО   Алмалы"


async def test_a_person_without_a_number_is_written_to_by_their_user_id(
    twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector
) -> None:
    twilio.person("whatsapp:KZ.48212075531904417", wrote=True)
    await sender.send(reply(conversation="KZ.48212075531904417"))
    assert twilio.sent[0].to == "whatsapp:KZ.48212075531904417"


async def test_a_messaging_service_sends_in_place_of_a_number(
    twilio: TwilioWhatsAppSandbox, aigul: Person
) -> None:
    twilio.service(SERVICE, "+77272000109")
    service = connector_at(twilio.url, **{"from": SERVICE})
    await service.send(reply())
    assert twilio.sent[0].service == SERVICE
    assert (await service.check()).health is Health.OK
    await service.close()


@pytest.mark.parametrize(
    "message",
    [
        reply(""),
        reply("", file(), file()),
        reply("text beside", file()),
        reply("", file(AttachmentKind.LOCATION)),
        reply("", template=ChosenTemplate(id="HX1", language="kk", variables={"1": ""})),
    ],
    ids=range(5),
)
async def test_what_cannot_be_carried_is_refused_before_any_call(
    message: Any, twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector
) -> None:
    with pytest.raises(Rejected):
        await sender.send(message)
    assert twilio.calls == []


async def test_a_sender_that_is_not_ours_turns_the_account_red(
    twilio: TwilioWhatsAppSandbox, aigul: Person
) -> None:
    other = connector_at(twilio.url, **{"from": "+77272000110"})
    with pytest.raises(Misconfigured) as caught:
        await other.send(reply())
    assert caught.value.code == "63007"
    assert "channels.whatsapp.main.from" in caught.value.cure
    assert (await other.check()).health is Health.DEGRADED
    await other.close()


async def test_only_approved_templates_that_words_fill_in_are_listed(
    twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector
) -> None:
    first = twilio.content("appeal_taken", "ru", "Обращение {{ 1 }} принято, {{name}}.")
    twilio.content("waiting", "ru", "?", approval="pending")
    twilio.content("code", "ru", "{{1}}", category="AUTHENTICATION")
    pictured = twilio.content("pictured", "ru", "x")
    pictured.types = {"twilio/media": {"body": "Фото", "media": ["https://a.kz/{{1}}.png"]}}
    bodiless = twilio.content("bodiless", "ru", "x")
    bodiless.types = {"twilio/location": {"latitude": 1}}
    asked = Content(
        sid="HX" + "9" * 32,
        name="asked",
        language="kk",
        types={"twilio/quick-reply": {"body": "Шешілді ме?", "actions": [{"title": "Иә"}]}},
    )
    twilio.contents[asked.sid] = asked
    assert list(await sender.templates()) == [
        Template(
            id=first.sid,
            language="ru",
            name="appeal_taken",
            text="Обращение {{1}} принято, {{name}}.",
            variables=("1", "name"),
        ),
        Template(id=asked.sid, language="kk", name="asked", text="Шешілді ме?"),
    ]


# --- The account --------------------------------------------------------------------------------


def state(**changes: str) -> SenderState:
    return SenderState(**{"status": "ONLINE", "webhook": HOOK, "quality": "HIGH", **changes})


@pytest.mark.parametrize(
    ("found", "health", "can_send", "words"),
    [
        (state(), Health.OK, None, ""),
        (state(status="ONLINE:UPDATING"), Health.OK, None, ""),
        (state(quality=""), Health.OK, None, ""),
        (None, Health.DEGRADED, None, "channels.whatsapp.main.from"),
        (state(status="OFFLINE"), Health.DOWN, None, "Console"),
        (state(status=""), Health.DOWN, None, "Console"),
        (state(webhook=""), Health.DOWN, True, HOOK),
        (state(webhook="https://else.example.kz/x"), Health.DOWN, True, HOOK),
        (state(quality="LOW"), Health.DEGRADED, None, "fewer"),
    ],
    ids=range(9),
)
def test_the_state_of_the_sender_is_told_with_its_cure(
    found: SenderState | None, health: Health, can_send: bool | None, words: str
) -> None:
    told = diagnose(
        found,
        address="whatsapp:+77272000109",
        hook=HOOK,
        table="channels.whatsapp.main",
        details={"account": "109"},
    )
    assert (told.health, told.can_send) == (health, can_send)
    assert words in (told.cure or "")
    assert "else.example.kz" not in f"{told}"


async def test_an_account_without_funds_is_down_before_its_sender_is_asked(
    twilio: TwilioWhatsAppSandbox, sender: WhatsAppConnector
) -> None:
    twilio.balance = "0.00"
    assert (await sender.check()).health is Health.DOWN
    twilio.balance = "3.00"
    found = await sender.check()
    assert (found.health, found.details["balance"]) == (Health.DEGRADED, "3.00 USD")
    twilio.status = "suspended"
    assert (await sender.check()).health is Health.DOWN


async def test_a_twilio_that_lists_no_senders_is_a_warning(twilio: TwilioWhatsAppSandbox) -> None:
    async with TwilioSandbox(clock=lambda: NOW) as plain:
        sender = connector_at(plain.url)
        found = await sender.check()
        assert found.health is Health.DEGRADED
        await sender.close()


async def test_a_file_of_another_host_is_not_fetched_with_the_token(
    sender: WhatsAppConnector,
) -> None:
    for ref in ("https://evil.example.kz/x", "http://api.twilio.com.evil.kz/x", None):
        attachment = Attachment(kind=AttachmentKind.PHOTO, ref=ref)
        with pytest.raises(Rejected):
            await anext(aiter(sender.fetch(attachment)))


def test_variables_go_out_as_json() -> None:
    from connectors.whatsapp.twilio.templates import variables

    assert json.loads(variables({"1": " а\nб ", "name": "в"})) == {"1": "а б", "name": "в"}
