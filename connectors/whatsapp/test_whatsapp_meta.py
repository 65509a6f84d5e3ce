"""A number at Meta: what goes out, what is fetched, how the account is."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from connectors.base import (
    Blocked,
    Context,
    Health,
    Misconfigured,
    Rejected,
    SendError,
    Template,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.kit.graph import VERSION
from connectors.testing import outgoing
from connectors.testing.contract import NOW
from connectors.testing.guard import localhost_only
from connectors.testing.hub import SmallHub
from connectors.testing.sandbox import Failure
from connectors.whatsapp.connector import WhatsAppConnector, WhatsAppSettings
from connectors.whatsapp.meta.health import Number, Subscribed, Subscriptions, diagnose
from connectors.whatsapp.rules import error
from connectors.whatsapp.sandbox import TOKEN, WABA_ID, WhatsAppSandbox
from connectors.whatsapp.test_whatsapp import HOOK, VERIFY, WA_ID, meta_keys
from registry.splitting import plan_parts
from registry.types import (
    Attachment,
    AttachmentKind,
    ChosenTemplate,
    ContactEvent,
    DeliveryReport,
    DeliveryState,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    OutboundMessage,
    Reaction,
)


class Hub(SmallHub[WhatsAppConnector]):
    channel = "whatsapp"


def connector_at(
    url: str, *, public_url: str = "https://hub.example.kz", **keys: Any
) -> WhatsAppConnector:
    given = {name: value for name, value in {**meta_keys(url), **keys}.items() if value is not None}
    context = Context(public_url=public_url, clock=lambda: NOW)
    return WhatsAppConnector("main", WhatsAppSettings.model_validate(given), context)


reply = partial(outgoing.reply, "whatsapp", message_id="361934207885312000", conversation=WA_ID)
file = partial(outgoing.file, name="Акт №5.pdf")


@pytest.fixture(autouse=True)
def _at_home() -> Iterator[None]:
    with localhost_only():
        yield


@pytest.fixture
async def meta() -> AsyncIterator[WhatsAppSandbox]:
    async with WhatsAppSandbox(clock=lambda: NOW) as running:
        running.citizen(wa_id=WA_ID, wrote=True)
        yield running


@pytest.fixture
async def number(meta: WhatsAppSandbox) -> AsyncIterator[WhatsAppConnector]:
    made = connector_at(meta.url)
    yield made
    await made.close()


@pytest.fixture
async def hub(meta: WhatsAppSandbox) -> AsyncIterator[Hub]:
    """A hub to which the account's deliveries are brought."""
    async with Hub() as running:
        running.connector = connector_at(meta.url, public_url=running.url)
        await running.connector.register()
        yield running
        await running.connector.close()


# --- There and back -----------------------------------------------------------------------------


async def test_what_a_citizen_does_reaches_the_hub(meta: WhatsAppSandbox, hub: Hub) -> None:
    citizen = meta.citizen(name="Дәулет", hidden=True)
    await citizen.start()
    first = await citizen.say("Сәтбаев 30 алдында жарық жоқ 👩🏽‍🔧")
    assert first.status == 200
    await citizen.photo("Міне")
    await citizen.voice()
    await citizen.document("Өтініш.pdf", b"%PDF-1.7")
    await citizen.location(43.238949, 76.889709)
    await citizen.edit(first, "Сәтбаев 32 алдында")
    await citizen.react(first.id, "👍")
    await citizen.react(first.id)
    await citizen.revoke(first)
    started, said, *files, edited, reacted, cleared, revoked = hub.read
    assert isinstance(started, ContactEvent)
    assert started.kind == "started"
    assert isinstance(said, InboundMessage)
    assert (said.text, said.conversation) == (
        "Сәтбаев 30 алдында жарық жоқ 👩🏽‍🔧",
        citizen.user_id,
    )
    assert said.sender.also == ()
    kinds = [one.attachments[0].kind for one in files if isinstance(one, InboundMessage)]
    assert kinds == ["photo", "voice", "document", "location"]
    assert isinstance(edited, MessageEdited)
    assert (edited.message.external_id, edited.message.text) == (first.id, "Сәтбаев 32 алдында")
    assert isinstance(reacted, Reaction)
    assert reacted.emoji == ("👍",)
    assert isinstance(cleared, Reaction)
    assert cleared.emoji == ()
    assert isinstance(revoked, MessageDeleted)
    assert revoked.external_id == first.id


async def test_a_reply_to_a_hidden_number_goes_by_the_user_id(
    meta: WhatsAppSandbox, hub: Hub
) -> None:
    citizen = meta.citizen(hidden=True)
    posted = await citizen.say("Алло")
    await hub.connector.send(
        reply("Тыңдап тұрмыз", conversation=citizen.user_id, reply_to=posted.id)
    )
    received = await citizen.next()
    assert (received.text, received.reply_to) == ("Тыңдап тұрмыз", posted.id)
    call = await meta.call(where=lambda call: call.path.endswith("/messages"))
    assert call.path.startswith(f"/{VERSION}/")
    assert call.data["recipient"] == citizen.user_id
    assert "to" not in call.data


async def test_statuses_come_back_with_our_own_id(meta: WhatsAppSandbox, hub: Hub) -> None:
    meta.lifecycle = ["delivered", "sent", "delivered", "read"]
    sent = await hub.connector.send(reply(part=2))
    await meta.settled()
    reports = [one for one in hub.read if isinstance(one, DeliveryReport)]
    assert [one.state for one in reports] == [
        DeliveryState.DELIVERED,
        DeliveryState.SENT,
        DeliveryState.DELIVERED,
        DeliveryState.READ,
    ]
    assert {(one.message_id, one.part, one.external_id, one.names) for one in reports} == {
        ("361934207885312000", 2, sent.external_ids[0], True)
    }


async def test_a_message_whose_answer_was_lost_is_named_by_its_status(
    meta: WhatsAppSandbox, hub: Hub
) -> None:
    meta.lifecycle = ["sent"]
    meta.fail_next(Failure.reset_after())
    with pytest.raises(Uncertain):
        await hub.connector.send(reply())
    await meta.settled()
    (report,) = hub.read
    assert isinstance(report, DeliveryReport)
    assert report.message_id == "361934207885312000"
    assert report.external_id == meta.sent[0].id


# --- Sending ------------------------------------------------------------------------------------


async def test_a_file_is_uploaded_and_sent_by_its_id_with_its_caption(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    content = b"%PDF-1.7 " * 20_000
    await number.send(reply("Акті қоса беріледі", file(content=content)))
    (received,) = meta.citizens[WA_ID].received
    assert (received.kind, received.text) == ("document", "Акті қоса беріледі")
    assert received.told["filename"] == "Акт №5.pdf"
    assert received.files[0].content == content
    upload, message = meta.calls
    assert upload.path.endswith("/media")
    assert upload.data["messaging_product"] == "whatsapp"
    assert "link" not in message.data["document"]


async def test_a_lost_answer_to_an_upload_is_tried_again_as_nothing_went_out(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    for failure in (Failure.reset_after(), Failure.broken_json(), Failure.html(502)):
        meta.fail_next(failure, where=lambda call: call.path.endswith("/media"))
        with pytest.raises(Unreachable):
            await number.send(reply("", file()))
    assert meta.sent == []
    await number.send(reply("", file()))
    assert len(meta.sent) == 1


async def test_a_voice_message_goes_out_as_one(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    voice = file(AttachmentKind.VOICE, name="v.ogg", mime="audio/ogg; codecs=opus", content=b"OggS")
    await number.send(reply("", voice))
    assert meta.sent[0].told["voice"] is True


async def test_a_text_goes_ahead_of_a_sound_as_a_part_of_its_own(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    sound = file(AttachmentKind.AUDIO, name="a.mp3", mime="audio/mpeg", content=b"ID3")
    for part in plan_parts("Тыңдаңыз", [sound], number.capabilities):
        await number.send(reply(part.text, *(sound for _ in part.attachments)))
    assert [one.kind for one in meta.sent] == ["text", "audio"]
    with pytest.raises(Rejected, match="of this kind, audio"):
        await number.send(reply("Тыңдаңыз", sound))


async def test_a_place_goes_out_with_its_name(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    place = file(
        AttachmentKind.LOCATION,
        name="ХҚКО",
        mime="",
        content=b"",
        latitude=43.238949,
        longitude=76.889709,
    )
    await number.send(reply("", place))
    assert meta.sent[0].told == {"latitude": 43.238949, "longitude": 76.889709, "name": "ХҚКО"}


@pytest.mark.parametrize(
    "message",
    [
        reply(""),
        reply("", file(), file()),
        reply("", file(AttachmentKind.STICKER)),
        reply("", file(AttachmentKind.LOCATION)),
        reply("x", conversation=""),
        reply("", template=ChosenTemplate(id="a", language="kk", variables={"1": " \n"})),
    ],
    ids=range(6),
)
async def test_what_cannot_be_carried_is_refused_before_any_call(
    message: OutboundMessage, meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    with pytest.raises(Rejected):
        await number.send(message)
    assert not any(call.path.endswith("/messages") for call in meta.calls)


async def test_after_a_day_only_a_template_goes(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    meta.citizens[WA_ID].wrote_at = NOW - timedelta(hours=25)
    meta.template("appeal_solved", "kk", "Құрметті {{1}}, {{2}} өтініші орындалды.")
    with pytest.raises(WindowClosed):
        await number.send(reply())
    chosen = ChosenTemplate(
        id="appeal_solved", language="kk", variables={"2": "ALM-2026-1\n", "1": "Айгүл"}
    )
    await number.send(reply("как читается", template=chosen, reply_to="wamid.unknown"))
    (received,) = meta.citizens[WA_ID].received
    assert received.text == "Құрметті Айгүл, ALM-2026-1 өтініші орындалды."


async def test_named_variables_and_one_in_the_header_find_their_places(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    meta.template(
        "visit",
        "ru",
        "Мастер придёт {{day}} к {{hour}}.",
        header="Обращение {{number}}",
        footer="Алматы 109",
    )
    (listed,) = await number.templates()
    assert listed == Template(
        id="visit",
        language="ru",
        name="visit",
        text="Обращение {{header.number}}\n\nМастер придёт {{day}} к {{hour}}.\n\nАлматы 109",
        variables=("header.number", "day", "hour"),
    )
    told = {"hour": "15:00", "header.number": "7", "day": "в среду"}
    await number.send(reply(template=ChosenTemplate(id="visit", language="ru", variables=told)))
    (received,) = meta.citizens[WA_ID].received
    assert received.text == "Обращение 7\n\nМастер придёт в среду к 15:00.\n\nАлматы 109"


async def test_every_page_of_the_templates_is_read_without_the_token_in_an_address(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    for n in range(5):
        meta.template(f"taken_{n}", "kk", "Қабылданды.")
    meta.template("asked", "kk", "Бағалаңыз", buttons=[{"type": "QUICK_REPLY", "text": "Иә"}])
    meta.template("rejected", "kk", "Жоқ", status="REJECTED")
    meta.template("code", "kk", "{{1}}", category="AUTHENTICATION")
    meta.template("pictured", "kk", "Сурет", header="", header_format="IMAGE")
    meta.template("linked", "kk", "Сілтеме", buttons=[{"type": "URL", "url": "https://a.kz/{{1}}"}])
    meta.template("carousel", "kk", "Көп", more=[{"type": "CAROUSEL", "cards": []}])
    found = await number.templates()
    assert [one.id for one in found] == ["asked", *(f"taken_{n}" for n in range(5))]
    assert len(meta.calls) == 5
    assert all(TOKEN not in f"{call.path}{call.query}" for call in meta.calls)


async def test_an_account_without_its_waba_id_lists_no_templates(meta: WhatsAppSandbox) -> None:
    number = connector_at(meta.url, waba_id=None)
    assert not number.capabilities.templates
    assert await number.templates() == ()
    await number.register()
    assert (await number.check()).health is Health.OK
    assert [call.path.rsplit("/", 1)[1] for call in meta.calls] == ["109000000000001"]
    await number.close()


async def test_too_much_to_one_person_slows_that_person_alone(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    meta.burst = 2
    other = meta.citizen(wrote=True)
    for _ in range(2):
        await number.send(reply())
    with pytest.raises(Throttled) as caught:
        await number.send(reply())
    assert not caught.value.whole_account
    await number.send(reply(conversation=other.wa_id))


async def test_a_person_who_is_not_on_whatsapp_or_has_blocked_us(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    meta.citizens[WA_ID].blocked = True
    for to in (WA_ID, "77000000000"):
        with pytest.raises(Blocked):
            await number.send(reply(conversation=to))


# --- Files --------------------------------------------------------------------------------------


async def fetched(number: WhatsAppConnector, ref: str | None) -> bytes:
    attachment = Attachment(kind=AttachmentKind.PHOTO, ref=ref)
    return b"".join([chunk async for chunk in number.fetch(attachment)])


async def test_a_citizens_file_is_fetched_in_two_steps_with_the_token_in_a_header(
    meta: WhatsAppSandbox, hub: Hub
) -> None:
    posted = await meta.citizen().photo("Міне")
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    stored = meta.files[posted.content["image"]["id"]]
    assert await fetched(hub.connector, message.attachments[0].ref) == stored.content
    asked, given = meta.calls[-2:]
    assert asked.query["phone_number_id"] == "109000000000001"
    assert given.path == "/whatsapp_business/attachments/"
    assert given.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in f"{asked.query}{given.query}"


async def test_a_file_that_arrives_altered_is_tried_again(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    media_id = meta.store(b"picture", "image/png")
    good = hashlib.sha256(b"picture").hexdigest()
    assert await fetched(number, f"{media_id} {good}") == b"picture"
    assert await fetched(number, media_id) == b"picture"
    with pytest.raises(Unreachable):
        await fetched(number, f"{media_id} {'0' * 64}")


async def test_a_file_that_is_gone_or_has_no_id_is_never_to_be_had(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    for ref in ("100300000009999", "../me", "", None, "ａ"):
        with pytest.raises(Rejected):
            await fetched(number, ref)


@pytest.mark.parametrize(
    "url", ["https://evil.example.kz/x", "http://lookaside.fbsbx.com/x", "file:///etc/passwd", ""]
)
async def test_an_address_that_is_not_metas_is_not_asked(
    url: str, meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    media_id = meta.store(b"picture", "image/png")
    meta.fail_next(Failure(status=200, body={"url": url, "id": media_id}))
    with pytest.raises(Rejected):
        await fetched(number, media_id)


async def test_a_dead_token_for_files_turns_the_account_red(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    media_id = meta.store(b"picture", "image/png")
    meta.fail_next(Failure(status=401), where=lambda call: "attachments" in call.path)
    with pytest.raises(Misconfigured) as caught:
        await fetched(number, media_id)
    assert "access_token" in caught.value.cure


# --- The account --------------------------------------------------------------------------------


async def test_the_webhook_is_set_once_meta_has_asked_whether_it_is_ours(
    meta: WhatsAppSandbox, hub: Hub
) -> None:
    assert meta.webhook == f"{hub.url}/hooks/whatsapp/main"
    assert hub.calls[0].query["hub.verify_token"] == VERIFY
    await hub.connector.register()
    assert (await hub.connector.check()).health is Health.OK


async def test_an_address_where_nobody_answers_is_not_taken(meta: WhatsAppSandbox) -> None:
    number = connector_at(meta.url, public_url="http://127.0.0.1:9")
    with pytest.raises(Misconfigured) as caught:
        await number.register()
    assert "public_url" in caught.value.cure
    assert caught.value.code == "2200"
    assert meta.webhook is None
    await number.close()


@pytest.mark.parametrize("public_url", ["http://hub.example.kz", "https://localhost"])
async def test_meta_itself_is_not_asked_to_deliver_where_it_cannot(public_url: str) -> None:
    number = connector_at("https://graph.facebook.com", public_url=public_url)
    with pytest.raises(Misconfigured) as caught:
        await number.register()
    assert public_url in caught.value.reason
    await number.close()


async def test_a_number_that_is_not_ours_names_the_key(meta: WhatsAppSandbox) -> None:
    for key in ("phone_number_id", "waba_id"):
        number = connector_at(meta.url, **{key: "109000000000099"})
        found = await number.check()
        assert found.health is Health.DOWN
        assert f"channels.whatsapp.main.{key}" in (found.cure or "")
        await number.close()


async def test_a_dead_token_is_down_with_its_cure(meta: WhatsAppSandbox) -> None:
    number = connector_at(meta.url, access_token="EAAGdead0000000000")
    found = await number.check()
    assert found.health is Health.DOWN
    assert "channels.whatsapp.main.access_token" in (found.cure or "")
    assert found.can_send is None
    await number.close()


HEARD = Subscriptions([Subscribed()])


@pytest.mark.parametrize(
    ("found", "heard", "health", "can_send", "words"),
    [
        (Number(status="CONNECTED"), HEARD, Health.OK, None, ""),
        (Number(), None, Health.OK, None, ""),
        (Number(), Subscriptions([Subscribed(HOOK)]), Health.OK, None, ""),
        (
            Number(),
            Subscriptions([Subscribed("https://else.example.kz/x"), Subscribed()]),
            Health.OK,
            None,
            "",
        ),
        (Number(), Subscriptions([]), Health.DOWN, True, HOOK),
        (Number(), Subscriptions([Subscribed("https://else.kz/x")]), Health.DOWN, True, HOOK),
        (Number(status="BANNED"), HEARD, Health.DOWN, None, "review"),
        (Number(status="PENDING"), HEARD, Health.DOWN, None, "registration"),
        (Number(status="DELETED"), HEARD, Health.DOWN, None, "channels.whatsapp.main"),
        (Number(status="RESTRICTED"), HEARD, Health.DEGRADED, None, "24 hours"),
        (Number(status="FLAGGED"), HEARD, Health.DEGRADED, None, "fewer"),
        (Number(platform_type="ON_PREMISE"), HEARD, Health.DOWN, None, "Register"),
        (Number(quality_rating="RED"), HEARD, Health.DEGRADED, None, "fewer"),
        (Number(quality_rating="YELLOW"), HEARD, Health.OK, None, ""),
        (Number(name_status="DECLINED"), HEARD, Health.DEGRADED, None, "display name"),
        (Number(status="OF_THE_FUTURE"), HEARD, Health.OK, None, ""),
    ],
    ids=range(16),
)
def test_the_state_of_the_number_is_told_with_its_cure(
    found: Number, heard: Subscriptions | None, health: Health, can_send: bool | None, words: str
) -> None:
    told = diagnose(found, heard, hook=HOOK, table="channels.whatsapp.main")
    assert (told.health, told.can_send) == (health, can_send)
    assert words in (told.cure or "")
    assert (told.cure is None) == (health is Health.OK)


async def test_an_app_that_is_not_subscribed_is_red_and_sends_all_the_same(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    found = await number.check()
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert WABA_ID not in found.summary
    await number.send(reply())
    assert len(meta.sent) == 1


async def test_closing_twice_is_as_good_as_once(number: WhatsAppConnector) -> None:
    await number.send(reply())
    await number.close()
    await number.close()


async def test_an_error_of_any_kind_holds_no_token(
    meta: WhatsAppSandbox, number: WhatsAppConnector
) -> None:
    for code in (100, 190, 10, 131031, 2):
        meta.fail_next(Failure(status=400, body=error(code, f"bad {TOKEN}")))
        with pytest.raises(SendError) as caught:
            await number.send(reply())
        assert TOKEN not in f"{caught.value!r}{caught.value.reason}"
