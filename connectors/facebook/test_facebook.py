"""A Facebook page under the contract, and what is its own."""

import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from pydantic import ValidationError

from connectors.base import (
    Blocked,
    Connector,
    Context,
    Diagnosis,
    Health,
    Hides,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.facebook.citizens import PICTURE, Citizen, Posted
from connectors.facebook.connector import FacebookConnector, FacebookSettings
from connectors.facebook.demo import demo_account
from connectors.facebook.health import REQUIRED
from connectors.facebook.limits import CAPABILITIES, COMMENTS, WITH_HUMAN_AGENT
from connectors.facebook.sandbox import APP_SECRET, TOKEN, FacebookSandbox
from connectors.kit.graph import GRAPH
from connectors.testing import meta, outgoing
from connectors.testing.contract import NOW, ConnectorContract, ProviderFailure
from connectors.testing.hub import Clock, SmallHub, delivery_to
from connectors.testing.sandbox import Failure
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactEvent,
    DeliveryReport,
    DeliveryState,
    Echo,
    Envelope,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    OutboundFile,
    OutboundMessage,
    Reaction,
    Unreadable,
)

PAGE = "104512398760021"
APP = "812345678901234"
VERIFY = "verify-token-of-the-main-account"
PERSON = "7412356890012345"
POST = f"{PAGE}_100001"
COMMENT = "100001_991100220033"
THREAD = f"{POST}/{COMMENT}/{PERSON}"


def refused(
    code: int,
    message: str = "(#1) No.",
    *,
    subcode: int | None = None,
    status: int = 400,
    **more: Any,
) -> Failure:
    return Failure(status=status, body=meta.error(code, message, subcode=subcode), **more)


COMMON = (
    ProviderFailure(name="dead token", failure=refused(190, subcode=463), error=Misconfigured),
    ProviderFailure(
        name="no permission", failure=refused(200, "(#200) Requires"), error=Misconfigured
    ),
    ProviderFailure(name="application too fast", failure=refused(4), error=Throttled),
    ProviderFailure(name="page too fast", failure=refused(32), error=Throttled),
    ProviderFailure(
        name="too fast for a while",
        failure=refused(
            613,
            headers={
                "X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 3}]}'
            },
        ),
        error=Throttled,
        retry_after=180.0,
    ),
    ProviderFailure(name="bad request", failure=refused(100), error=Rejected, code="100"),
    ProviderFailure(name="gone", failure=refused(100, subcode=33), error=Rejected, code="100/33"),
    ProviderFailure(name="abusive", failure=refused(368), error=Rejected, code="368"),
    ProviderFailure(name="unknown error", failure=refused(1, status=500), error=Uncertain),
    ProviderFailure(name="service unavailable", failure=refused(2, status=503), error=Uncertain),
    ProviderFailure(name="HTML with 502", failure=Failure.html(502), error=Uncertain, code="502"),
    ProviderFailure(name="HTML with 200", failure=Failure.html(200), error=Uncertain),
    ProviderFailure(
        name="a success that tells no id",
        failure=Failure(status=200, body={"success": True}, takes_effect=True),
        error=Uncertain,
    ),
    ProviderFailure(name="not Facebook at all", failure=Failure.html(404), error=Misconfigured),
)


class PageContract(ConnectorContract):
    """What both suites share: the page."""

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "page_id": PAGE,
            "access_token": TOKEN,
            "app_secret": APP_SECRET,
            "verify_token": VERIFY,
            "app_id": APP,
            "api_base": url,
        }

    def other_settings(self, url: str) -> dict[str, Any]:
        return {
            "page_id": "104512398760022",
            "access_token": "EAAGother0pageTokenOfNoValue",
            "app_secret": "00112233445566778899aabbccddeeff",
            "verify_token": "verify-token-of-the-other-account",
            "human_agent": True,
            "api_base": url,
        }

    def sandbox(self) -> FacebookSandbox:
        sandbox = FacebookSandbox()
        person = sandbox.citizen(user_id=PERSON)
        person.thread.last_action = sandbox.clock()
        person.thread.mids.add("m_first")
        sandbox.publish("Отключение воды 3 марта")
        sandbox.add_comment(
            PERSON, person.name, "Су жоқ", sandbox.comments[POST], comment_id=COMMENT
        )
        return sandbox

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        key = keys["app_secret"].encode()
        return {
            "X-Hub-Signature-256": f"sha256={hmac.new(key, envelope.body, 'sha256').hexdigest()}"
        }

    def texts(self, sandbox: FacebookSandbox) -> Sequence[str]:
        return [received.text for received in sandbox.sent]

    def handshakes(self) -> Sequence[tuple[Mapping[str, str], bytes]]:
        shown = {"hub.mode": "subscribe", "hub.verify_token": VERIFY}
        return [({**shown, "hub.challenge": "1158201444"}, b"1158201444")]

    def forged_handshakes(self) -> Sequence[Mapping[str, str]]:
        good = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1"}
        return [
            {**good, "hub.verify_token": VERIFY + "x"},
            {**good, "hub.verify_token": "құпия"},
            {**good, "hub.mode": "unsubscribe"},
            {**good, "hub.challenge": ""},
        ]

    def _attachments(self, connector: Connector) -> list[Attachment]:
        """The files of the fixtures as if the stand-in kept them: Meta's own hosts are far."""
        assert isinstance(connector, FacebookConnector)
        here = connector._settings.api_base
        return [
            msgspec.structs.replace(one, ref=here + urlsplit(one.ref or "").path)
            for one in super()._attachments(connector)
        ]


class TestMessenger(PageContract):
    connector_class = FacebookConnector
    conversation = PERSON
    last_inbound = "m_first"
    failures = (
        *COMMON,
        ProviderFailure(name="window", failure=refused(10, subcode=2018278), error=WindowClosed),
        ProviderFailure(
            name="window as it was told before",
            failure=refused(10, subcode=2018065),
            error=WindowClosed,
            code="10/2018065",
        ),
        ProviderFailure(name="blocked", failure=refused(551, subcode=1545041), error=Blocked),
        ProviderFailure(name="not available", failure=refused(551), error=Blocked, code="551"),
        ProviderFailure(
            name="unknown person", failure=refused(100, subcode=2018001), error=Blocked
        ),
        ProviderFailure(name="takes none", failure=refused(230), error=Blocked),
        ProviderFailure(name="messages off", failure=refused(10904), error=Misconfigured),
        ProviderFailure(
            name="temporary failure", failure=refused(1200, status=500), error=Unreachable
        ),
    )


class TestComments(PageContract):
    """The same page under its posts."""

    connector_class = FacebookConnector
    reads = False
    public = True
    conversation = THREAD
    last_inbound = COMMENT
    failures = COMMON


# --- What the tests stand on --------------------------------------------------------------------


class Hub(SmallHub[FacebookConnector]):
    channel = "facebook"


delivery = partial(delivery_to, "facebook")
reply = partial(
    outgoing.reply,
    "facebook",
    message_id="4810266791936",
    conversation=PERSON,
    last_inbound="m_first",
    last_inbound_at=NOW - timedelta(minutes=5),
)


def connector_at(
    url: str,
    *,
    public_url: str = "https://hub.example.kz",
    clock: Clock | None = None,
    max_media_bytes: int = 1024 * 1024,
    **keys: Any,
) -> FacebookConnector:
    table = {**PageContract().settings(url), **keys}
    settings = FacebookSettings.model_validate(table)
    return FacebookConnector(
        "main",
        settings,
        Context(
            public_url=public_url, clock=clock or (lambda: NOW), max_media_bytes=max_media_bytes
        ),
    )


def under(comment: str, author: str, text: str = "Бригада выехала.", **changes: Any) -> Any:
    """A reply to a comment."""
    thread = changes.pop("thread", f"{POST}/{comment}/{author}")
    return reply(text, conversation=thread, public=True, last_inbound=comment, **changes)


def file(kind: AttachmentKind, mime: str, content: bytes = b"tereze" * 50) -> OutboundFile:
    return outgoing.file(kind, content=content, name="Жауап.jpg", mime=mime)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def facebook(clock: Clock) -> AsyncIterator[FacebookSandbox]:
    async with FacebookSandbox(clock=clock, verifies=True) as running:
        running.publish("Су 3 наурызда өшіріледі")
        yield running


@pytest.fixture
async def hub(facebook: FacebookSandbox, clock: Clock) -> AsyncIterator[Hub]:
    """A hub whose webhook Meta knows."""
    async with Hub() as running:
        running.connector = connector_at(facebook.url, public_url=running.url, clock=clock)
        await running.connector.register()
        yield running
        await facebook.settled()
        await running.connector.close()


@pytest.fixture
def page(hub: Hub) -> FacebookConnector:
    return hub.connector


@pytest.fixture
def person(facebook: FacebookSandbox) -> Citizen:
    return facebook.citizen(name="Айгүл Сейтқали", user_id=PERSON)


async def the_error(page: FacebookConnector, message: OutboundMessage) -> SendError:
    with pytest.raises(SendError) as caught:
        await page.send(message)
    return caught.value


# --- Messenger ----------------------------------------------------------------------------------


async def test_a_conversation_goes_there_and_back(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector, person: Citizen
) -> None:
    said = await person.say("Абай даңғылы, 52: шұңқыр бар")
    assert said.status == 200
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    assert (message.text, message.external_id) == ("Абай даңғылы, 52: шұңқыр бар", said.external_id)
    assert (message.conversation, message.public) == (PERSON, False)
    hub.read.clear()

    sent = await page.send(reply(reply_to=message.external_id, part=2))
    heard = await person.next()
    assert (heard.text, heard.reply_to) == ("Рақмет, жөндейміз.", said.external_id)
    await facebook.settled()
    echo, delivered, read = hub.read
    assert isinstance(echo, Echo)
    assert (echo.message_id, echo.external_id) == ("4810266791936", sent.external_ids[0])
    assert isinstance(delivered, DeliveryReport)
    assert (delivered.state, delivered.external_id) == (
        DeliveryState.DELIVERED,
        sent.external_ids[0],
    )
    assert isinstance(read, DeliveryReport)
    assert (read.state, read.conversation, read.watermark) == (DeliveryState.READ, PERSON, NOW)


async def test_what_people_do_besides_writing_is_read(
    facebook: FacebookSandbox, hub: Hub, person: Citizen
) -> None:
    await person.start(ref="qr_bus_stop_52")
    said = await person.say("Қоқыс")
    await person.edit(said, "Қоқыс шығарылмаған")
    await person.react(said.external_id, "👍")
    await person.react(said.external_id, None)
    await person.press(title="Су жоқ", payload="WATER")
    started, _, edited, reacted, taken_back, pressed = hub.read
    assert isinstance(started, ContactEvent)
    assert (started.kind, started.payload) == ("started", "qr_bus_stop_52")
    assert isinstance(edited, MessageEdited)
    assert edited.message.text == "Қоқыс шығарылмаған"
    assert isinstance(reacted, Reaction)
    assert isinstance(taken_back, Reaction)
    assert (reacted.emoji, taken_back.emoji) == (("👍",), ())
    assert isinstance(pressed, InboundMessage)
    assert pressed.text == "Су жоқ"


async def test_what_an_employee_writes_in_metas_inbox_appears_once(
    facebook: FacebookSandbox, hub: Hub, person: Citizen
) -> None:
    await person.say("Су жоқ")
    mid = await facebook.native_reply(person, "Добрый день, передали бригаде")
    echo = hub.read[-1]
    assert isinstance(echo, Echo)
    assert (echo.message_id, echo.external_id, echo.conversation) == (None, mid, PERSON)
    assert echo.text == "Добрый день, передали бригаде"


async def test_files_are_fetched_from_where_meta_keeps_them(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector, person: Citizen
) -> None:
    await person.document("Өтініш 1.pdf", b"%PDF-1.7 " * 9_000)
    await person.photo("Міне")
    document, photo = hub.read
    assert isinstance(document, InboundMessage)
    assert isinstance(photo, InboundMessage)
    assert document.attachments[0].name == "Өтініш 1.pdf"
    for message, content in ((document, b"%PDF-1.7 " * 9_000), (photo, PICTURE)):
        chunks = [chunk async for chunk in page.fetch(message.attachments[0])]
        assert b"".join(chunks) == content
    downloads = [call for call in facebook.calls if call.path.startswith("/cdn/")]
    assert len(downloads) == 2
    assert all("Authorization" not in call.headers for call in downloads)


@pytest.mark.parametrize(
    "ref",
    [
        None,
        "https://evil.example.kz/a.jpg",
        "http://169.254.169.254/",
        "https://fbcdn.net.example.kz/a.jpg",
    ],
)
async def test_nothing_is_fetched_from_elsewhere(
    ref: str | None, facebook: FacebookSandbox, page: FacebookConnector
) -> None:
    with pytest.raises(Rejected):
        async for _ in page.fetch(Attachment(kind=AttachmentKind.PHOTO, ref=ref)):
            pass


async def test_a_file_over_the_hubs_limit_is_refused(
    facebook: FacebookSandbox, page: FacebookConnector
) -> None:
    small = connector_at(facebook.url, max_media_bytes=100)
    attachment = Attachment(kind=AttachmentKind.PHOTO, ref=facebook.store(b"x" * 101, "a.jpg"))
    with pytest.raises(Rejected) as caught:
        async for _ in small.fetch(attachment):
            pass
    assert caught.value.code == "too_large"
    await small.close()


async def test_a_file_goes_out_under_its_kind(
    facebook: FacebookSandbox, page: FacebookConnector, person: Citizen
) -> None:
    await person.say("Жауабын жіберіңізші")
    for kind, mime, called in (
        (AttachmentKind.PHOTO, "image/jpeg", "image"),
        (AttachmentKind.VIDEO, "video/mp4", "video"),
        (AttachmentKind.AUDIO, "audio/mpeg", "audio"),
        (AttachmentKind.VOICE, "audio/mp4", "audio"),
        (AttachmentKind.DOCUMENT, "application/pdf", "file"),
    ):
        await page.send(reply("", file(kind, mime), reply_to="postback:1:2"))
        heard = await person.next()
        assert heard.kind == called
        assert heard.files[0].content == b"tereze" * 50
        assert heard.metadata == "tereze:4810266791936:0"


@pytest.mark.parametrize(
    "message",
    [
        reply(" \n"),
        reply("подпись", file(AttachmentKind.PHOTO, "image/jpeg")),
        reply("", *[file(AttachmentKind.PHOTO, "image/jpeg")] * 2),
        reply("", file(AttachmentKind.LOCATION, "")),
        under(COMMENT, PERSON, "", thread="no-thread"),
        under(COMMENT, PERSON, "x", thread="no-thread"),
        under("../me", PERSON),
        under("1?is_hidden=true", PERSON),
        under(COMMENT, PERSON, "", attachments=(file(AttachmentKind.DOCUMENT, "text/plain"),)),
        under(COMMENT, PERSON, "ү" * 2001, private_reply=True),
        reply(conversation=THREAD, public=True, last_inbound=None),
    ],
)
async def test_what_facebook_cannot_carry_is_refused_without_a_call(
    message: OutboundMessage, facebook: FacebookSandbox, page: FacebookConnector
) -> None:
    before = len(facebook.calls)
    assert isinstance(await the_error(page, message), Rejected)
    assert len(facebook.calls) == before


# --- The window ---------------------------------------------------------------------------------


async def test_after_a_day_nothing_is_sent(
    facebook: FacebookSandbox, page: FacebookConnector, person: Citizen, clock: Clock
) -> None:
    await person.say("Су жоқ")
    clock.now = NOW + timedelta(hours=24, seconds=1)
    before = len(facebook.calls)
    error = await the_error(page, reply(last_inbound_at=NOW))
    assert isinstance(error, WindowClosed)
    assert "24 hours" in error.reason
    assert len(facebook.calls) == before


async def test_where_the_clocks_differ_meta_decides(
    facebook: FacebookSandbox, page: FacebookConnector, person: Citizen, clock: Clock
) -> None:
    await person.say("Су жоқ")
    clock.now = NOW + timedelta(hours=25)
    error = await the_error(page, reply(last_inbound_at=clock.now - timedelta(hours=1)))
    assert isinstance(error, WindowClosed)
    assert error.code == "10/2018278"


async def test_a_persons_reply_goes_for_a_week_where_meta_has_granted_it(
    facebook: FacebookSandbox, person: Citizen, clock: Clock
) -> None:
    facebook.human_agent = True
    granted = connector_at(facebook.url, clock=clock, human_agent=True)
    assert granted.capabilities.reply_window_hours == 168
    await person.say("Су жоқ")
    person.thread.last_action = NOW
    for hours, tag in ((23, None), (25, "HUMAN_AGENT"), (167, "HUMAN_AGENT")):
        clock.now = NOW + timedelta(hours=hours)
        await granted.send(reply(last_inbound_at=NOW))
        assert (await person.next()).tag == tag
    clock.now = NOW + timedelta(days=7, seconds=1)
    error = await the_error(granted, reply(last_inbound_at=NOW))
    assert isinstance(error, WindowClosed)
    assert "168 hours" in error.reason
    await granted.close()


async def test_a_tag_that_was_not_granted_closes_the_window_and_not_the_account(
    facebook: FacebookSandbox, person: Citizen, clock: Clock
) -> None:
    hopeful = connector_at(facebook.url, clock=clock, human_agent=True)
    await person.say("Су жоқ")
    clock.now = NOW + timedelta(hours=30)
    error = await the_error(hopeful, reply(last_inbound_at=NOW))
    assert isinstance(error, WindowClosed)
    assert "human_agent" in error.reason
    await hopeful.close()


async def test_who_only_pressed_start_can_be_greeted(
    page: FacebookConnector, person: Citizen
) -> None:
    await person.start()
    await page.send(reply("Сәлеметсіз бе!", last_inbound=None, last_inbound_at=None))
    assert (await person.next()).text == "Сәлеметсіз бе!"


async def test_who_blocked_the_page_is_left_alone(page: FacebookConnector, person: Citizen) -> None:
    await person.say("Су жоқ")
    person.block()
    error = await the_error(page, reply())
    assert isinstance(error, Blocked)
    assert error.code == "551/1545041"


def test_the_capabilities_follow_the_settings() -> None:
    plain, granted = connector_at(GRAPH), connector_at(GRAPH, human_agent=True)
    assert plain.capabilities is CAPABILITIES
    assert granted.capabilities is WITH_HUMAN_AGENT
    assert plain.capabilities.of(public=True) is COMMENTS
    assert (COMMENTS.hides, COMMENTS.private_reply_hours, COMMENTS.reply_window_hours) == (
        True,
        168,
        None,
    )


# --- Comments -----------------------------------------------------------------------------------


async def test_a_comment_its_answer_and_the_answer_to_it_are_one_thread(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector, person: Citizen
) -> None:
    said = await person.comment("Ауэзова, 14: су жоқ")
    (first,) = hub.read
    assert isinstance(first, InboundMessage)
    assert first.public
    assert first.conversation == f"{facebook.last_post}/{said.external_id}/{PERSON}"
    sent = await page.send(under(said.external_id, PERSON, thread=first.conversation))
    heard = await person.next()
    assert (heard.text, heard.reply_to) == ("Бригада выехала.", said.external_id)
    await facebook.settled()
    assert hub.read == [first], "our own comment came back as something new"

    again = await person.comment("Рақмет", on=sent.external_ids[0])
    second = hub.read[-1]
    assert isinstance(second, InboundMessage)
    assert (second.conversation, second.external_id) == (first.conversation, again.external_id)
    other = facebook.citizen(name="Ерлан Тестов")
    await other.comment("У нас тоже", on=said.external_id)
    third = hub.read[-1]
    assert isinstance(third, InboundMessage)
    assert third.conversation == f"{facebook.last_post}/{said.external_id}/{other.id}"


async def test_comments_are_edited_removed_and_hidden(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector, person: Citizen
) -> None:
    said = await person.comment("Су жок")
    await person.edit_comment(said, "Су жоқ")
    assert isinstance(page, Hides)
    for _ in range(2):
        await page.hide(said.external_id, hidden=True)
    await facebook.settled()
    assert facebook.comments[said.external_id].hidden
    await page.hide(said.external_id, hidden=False)
    await facebook.settled()
    assert not facebook.comments[said.external_id].hidden
    await person.remove_comment(said)
    message, edited, hidden, shown, removed = hub.read
    assert isinstance(edited, MessageEdited)
    assert edited.message.text == "Су жоқ"
    assert isinstance(hidden, ContactEvent)
    assert isinstance(shown, ContactEvent)
    assert (hidden.kind, shown.kind) == ("comment_hidden", "comment_shown")
    assert isinstance(message, InboundMessage)
    assert hidden.conversation == message.conversation
    assert isinstance(removed, MessageDeleted)
    assert removed.external_id == said.external_id
    with pytest.raises(Rejected):
        await page.hide(said.external_id, hidden=True)


@pytest.mark.parametrize("external_id", ["", "me", "1/comments", "m_abc", "1_2_3", "1?x=1"])
async def test_only_a_comment_can_be_hidden(
    external_id: str, facebook: FacebookSandbox, page: FacebookConnector
) -> None:
    before = len(facebook.calls)
    with pytest.raises(Rejected):
        await page.hide(external_id, hidden=True)
    assert len(facebook.calls) == before


async def test_a_comment_is_answered_with_a_picture_and_its_text(
    facebook: FacebookSandbox, page: FacebookConnector, person: Citizen
) -> None:
    said = await person.comment("Қашан?")
    picture = file(AttachmentKind.PHOTO, "image/jpeg", PICTURE)
    await page.send(under(said.external_id, PERSON, "Міне, дайын.", attachments=(picture,)))
    heard = await person.next()
    assert (heard.text, heard.files[0].content) == ("Міне, дайын.", PICTURE)
    await page.send(under(said.external_id, PERSON, "", attachments=(picture,)))
    assert (await person.next()).text == ""


async def test_an_older_comment_of_the_thread_can_be_answered(
    page: FacebookConnector, person: Citizen
) -> None:
    first = await person.comment("Бірінші")
    second = await person.comment("Екінші", on=first.external_id)
    await page.send(under(second.external_id, PERSON, reply_to=first.external_id))
    assert (await person.next()).reply_to == first.external_id


async def test_a_comments_author_is_answered_privately_once(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector, person: Citizen, clock: Clock
) -> None:
    said = await person.comment("Мой номер +7 701 …")
    private = under(said.external_id, PERSON, "Напишите адрес сюда", private_reply=True)
    sent = await page.send(private)
    heard = await person.next()
    assert (heard.from_comment, heard.kind) == (said.external_id, "text")
    assert sent.external_ids == (heard.id,)
    await facebook.settled()
    echo = next(value for value in hub.read if isinstance(value, Echo))
    assert (echo.message_id, echo.conversation) == ("4810266791936", PERSON)
    error = await the_error(page, private)
    assert isinstance(error, Rejected)
    assert "once" in error.reason


async def test_a_private_answer_comes_too_late_after_a_week(
    facebook: FacebookSandbox, page: FacebookConnector, person: Citizen, clock: Clock
) -> None:
    said = await person.comment("Су жоқ")
    clock.now = NOW + timedelta(days=7, seconds=1)
    late = under(said.external_id, PERSON, private_reply=True, last_inbound_at=NOW)
    assert isinstance(await the_error(page, late), WindowClosed)
    assert not facebook.sent
    later = under(said.external_id, PERSON, private_reply=True, last_inbound_at=clock.now)
    error = await the_error(page, later)
    assert isinstance(error, WindowClosed), "a later comment hides how old the answered one is"
    assert error.code == "10901"


async def test_a_visitors_post_is_answered_in_public_and_privately(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector, person: Citizen
) -> None:
    posted = await person.post("Почему на Райымбека, 212 не вывозят мусор?")
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    assert message.public
    thread = message.conversation
    await page.send(under(posted.external_id, PERSON, thread=thread))
    assert (await person.next()).reply_to == posted.external_id
    await page.send(under(posted.external_id, PERSON, thread=thread, private_reply=True))
    assert (await person.next()).from_comment == posted.external_id
    recipients = [call.data["recipient"] for call in facebook.calls if "messages" in call.path]
    assert recipients == [{"post_id": posted.external_id}]


async def test_a_comment_that_is_gone_cannot_be_answered(
    page: FacebookConnector, person: Citizen
) -> None:
    said = await person.comment("Су жоқ")
    await person.remove_comment(said)
    error = await the_error(page, under(said.external_id, PERSON))
    assert isinstance(error, Rejected)
    assert error.code == "100/33"


# --- The account --------------------------------------------------------------------------------


async def test_registering_sets_the_webhook_and_subscribes_the_page(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector
) -> None:
    assert facebook.callback_url == f"{hub.url}/hooks/facebook/main"
    assert set(REQUIRED) <= facebook.page_fields
    assert set(REQUIRED) <= facebook.app_fields
    assert (await page.check()).health is Health.OK
    tokens = {call.headers["Authorization"] for call in facebook.calls}
    assert tokens == {f"Bearer {TOKEN}", f"Bearer {APP}|{APP_SECRET}"}
    assert all(not call.query.get("access_token") for call in facebook.calls)


async def test_without_an_app_id_a_person_enters_the_webhook(
    facebook: FacebookSandbox, clock: Clock
) -> None:
    page = connector_at(facebook.url, app_id=None)
    await page.register()
    assert facebook.callback_url is None
    assert (await page.check()).health is Health.OK
    assert not [call for call in facebook.calls if "subscriptions" in call.path]
    async with Hub() as hub:
        hub.connector = page
        hook = f"{hub.url}/hooks/facebook/main"
        assert not await facebook.connect(hook, "a-wrong-verify-token")
        assert await facebook.connect(hook, VERIFY)
        person = facebook.citizen()
        assert (await person.say("Су жоқ")).status == 200
        assert len(hub.read) == 1
    await page.close()


async def test_a_webhook_that_meta_cannot_reach_is_told(facebook: FacebookSandbox) -> None:
    page = connector_at(facebook.url, public_url="http://127.0.0.1:9")
    with pytest.raises(Misconfigured) as caught:
        await page.register()
    assert caught.value.code == "2200"
    await page.close()


async def test_a_wrong_app_secret_is_told_as_such(facebook: FacebookSandbox) -> None:
    page = connector_at(facebook.url, app_secret="a-secret-of-another-app")
    with pytest.raises(Misconfigured) as caught:
        await page.register()
    assert "app_secret" in caught.value.cure
    found = await page.check()
    assert found.health is Health.DOWN
    assert "app_secret" in (found.cure or "")
    await page.close()


@pytest.mark.parametrize("public_url", ["http://hub.example.kz", "https://localhost:8080"])
async def test_an_address_that_meta_never_calls_is_told_before_it_is_asked(
    public_url: str,
) -> None:
    page = connector_at(GRAPH, public_url=public_url)
    with pytest.raises(Misconfigured, match="public https address"):
        await page.register()
    await page.close()


async def diagnosis(page: FacebookConnector, *words: str) -> Diagnosis:
    found = await page.check()
    assert found.health is Health.DOWN
    assert found.cure
    for word in words:
        assert word in f"{found.summary} {found.cure}"
    return found


async def test_what_is_not_delivered_is_named_and_replies_go_out(
    facebook: FacebookSandbox, hub: Hub, page: FacebookConnector
) -> None:
    facebook.page_fields -= {"feed", "message_reads"}
    found = await diagnosis(page, "message_reads, feed")
    assert found.can_send
    await page.register()
    facebook.app_fields -= {"messages"}
    found = await diagnosis(page, "messages", "Verify token", f"{hub.url}/hooks/facebook/main")
    assert found.can_send
    facebook.callback_url = "https://other.example.kz/secret-path/webhook"
    found = await diagnosis(page, "https://other.example.kz", "hub doctor")
    assert found.can_send
    assert "secret-path" not in repr(found)
    facebook.callback_url = None
    assert (await diagnosis(page, "nowhere")).can_send


async def test_another_pages_token_is_found_out(facebook: FacebookSandbox) -> None:
    page = connector_at(facebook.url, page_id="104512398760099")
    found = await diagnosis(page, PAGE, "104512398760099", "/me/accounts")
    assert not found.can_send
    await page.close()


@pytest.mark.parametrize(
    ("permission", "can_send"),
    [
        ("pages_messaging", False),
        ("pages_read_user_content", True),
        ("pages_manage_metadata", True),
    ],
)
async def test_a_missing_permission_is_named(
    permission: str, can_send: bool, facebook: FacebookSandbox, page: FacebookConnector
) -> None:
    facebook.permissions.discard(permission)
    assert (await diagnosis(page, permission)).can_send is can_send


async def test_a_dead_token_says_why_and_where_a_new_one_comes_from(
    facebook: FacebookSandbox, page: FacebookConnector, person: Citizen
) -> None:
    await person.say("Су жоқ")
    facebook.token_is_dead = True
    await diagnosis(page, "password", "System users", "channels.facebook.main.access_token")
    error = await the_error(page, reply())
    assert isinstance(error, Misconfigured)
    assert error.code == "190/460"


def test_what_is_broken_on_another_page_is_told_as_that_pages() -> None:
    body = json.dumps(
        {"object": "page", "entry": [{"id": "1", "time": 1, "messaging": [{"message": {}}]}]}
    ).encode()
    (told,) = connector_at(GRAPH).normalize(delivery(body))
    assert isinstance(told, Unreadable)
    assert (told.item, "page 1," in told.reason) == ("entry[0]", True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("page_id", "almaty109"),
        ("page_id", ""),
        ("app_id", "x"),
        ("access_token", "short"),
        ("access_token", "has a blank in it"),
        ("access_token", "line\nbreak-in-it"),
        ("app_secret", ""),
        ("verify_token", "short"),
        ("api_base", "graph.facebook.com"),
        ("api_base", "https://user@graph.facebook.com"),
        ("human_agent", "perhaps"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(key: str, value: str) -> None:
    table = {**PageContract().settings(GRAPH), key: value}
    with pytest.raises(ValidationError, match=key) as caught:
        FacebookSettings.model_validate(table)
    assert "blank in it" not in str(caught.value)


@pytest.mark.parametrize("key", ["page_id", "access_token", "app_secret", "verify_token"])
def test_a_setting_that_is_missing_is_named(key: str) -> None:
    table = PageContract().settings(GRAPH)
    del table[key]
    with pytest.raises(ValidationError, match=key):
        FacebookSettings.model_validate(table)


def test_a_long_delivery_is_read_item_by_item() -> None:
    page = connector_at(GRAPH)
    good = {"sender": {"id": PERSON}, "recipient": {"id": PAGE}, "timestamp": 1772443800000}
    items: list[Any] = [{**good, "message": {"mid": f"m_{n}", "text": "x"}} for n in range(50)]
    items[20] = "broken"
    items[30] = {**good, "message": {"mid": "", "text": 5}}
    body = json.dumps({"object": "page", "entry": [{"id": PAGE, "time": 1, "messaging": items}]})
    found = page.normalize(delivery(body.encode()))
    assert sum(isinstance(value, InboundMessage) for value in found) == 48
    paths = [getattr(value, "item", "") for value in found]
    assert paths[20] == "entry[0].messaging[20]"
    assert paths[30] == "entry[0].messaging[30]"


async def test_the_demos_people_write_and_comment_in_turn() -> None:
    async with demo_account(run=3) as account:
        settings = FacebookSettings.model_validate(account.settings)
        async with Hub() as hub:
            hub.connector = FacebookConnector(
                "main", settings, Context(public_url=hub.url, clock=lambda: datetime.now(UTC))
            )
            await hub.connector.register()
            writer = account.citizen(name="Айгүл", language="kk")
            commenter = account.citizen(name="Ерлан", language="ru")
            said = await writer.say("Су жоқ")
            assert isinstance(said, Posted)
            assert said.status == 200
            await commenter.say("Нет воды")
            await commenter.say("Третий день")
            private, first, second = hub.read
            assert isinstance(private, InboundMessage)
            assert isinstance(first, InboundMessage)
            assert isinstance(second, InboundMessage)
            assert (private.public, first.public) == (False, True)
            assert first.conversation == second.conversation
            await hub.connector.send(
                reply(
                    conversation=first.conversation,
                    public=True,
                    last_inbound=second.external_id,
                )
            )
            heard = await commenter.next(timeout=5)
            assert heard.text == "Рақмет, жөндейміз."
            await hub.connector.close()
