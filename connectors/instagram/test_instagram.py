"""Instagram on Meta's API under the contract, and what is its own."""

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from connectors.base import (
    Blocked,
    Connector,
    Context,
    Forged,
    Health,
    MemoryStore,
    Misconfigured,
    Rejected,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.instagram.connector import InstagramConnector
from connectors.instagram.demo import demo_account
from connectors.instagram.graph.limits import CAPABILITIES
from connectors.instagram.sandbox import (
    APP_SECRET,
    IG_USER_ID,
    MEDIA,
    TOKEN,
    TOKEN_LIFE,
    VERIFY_TOKEN,
    InstagramSandbox,
    Token,
)
from connectors.instagram.settings import InstagramSettings
from connectors.kit.signatures import hmac_sha256
from connectors.testing import outgoing
from connectors.testing.contract import (
    NOW,
    NOWHERE,
    PUBLIC_URL,
    ConnectorContract,
    ProviderFailure,
)
from connectors.testing.fixtures import cases
from connectors.testing.hub import Clock, SmallHub, delivery_to
from connectors.testing.meta import error
from connectors.testing.sandbox import Call, Failure
from registry.errors import Unavailable
from registry.types import (
    Attachment,
    AttachmentKind,
    DeliveryReport,
    Echo,
    Envelope,
    InboundMessage,
    OutboundFile,
    OutboundMessage,
)

CHAT = "6712345678901234"
COMMENT = "17990000000000101"
OTHER_TOKEN = "IGAAanotherTokenOfNoValue000000000000001"
PAGE_TOKEN = "EAAGpageTokenOfNoValue00000000000000001"
KEYS = {
    "ig_user_id": IG_USER_ID,
    "access_token": TOKEN,
    "app_secret": APP_SECRET,
    "verify_token": VERIFY_TOKEN,
}
PRIVATE = {"mode": "private", "username": "akimat", "password": "long-enough", "session_file": "s"}


def said(code: int, subcode: int | None = None, *, status: int = 400, **more: Any) -> Failure:
    """Meta's own error."""
    return Failure(status=status, body=error(code, "Meta's words", subcode=subcode), **more)


USAGE = {"X-Business-Use-Case-Usage": '{"1":[{"estimated_time_to_regain_access":3}]}'}
TOO_FAST = ProviderFailure(
    name="too fast", failure=said(80006, headers=USAGE), error=Throttled, retry_after=180.0
)
FAILURES: tuple[ProviderFailure, ...] = (
    ProviderFailure(
        name="window closed", failure=said(10, 2534022), error=WindowClosed, code="10/2534022"
    ),
    ProviderFailure(name="blocked", failure=said(551, 1545041), error=Blocked),
    ProviderFailure(name="not available", failure=said(551), error=Blocked, code="551"),
    ProviderFailure(name="nobody", failure=said(100, 2534014), error=Blocked),
    ProviderFailure(name="bad parameter", failure=said(100), error=Rejected, code="100"),
    ProviderFailure(name="no such object", failure=said(100, 33), error=Rejected),
    ProviderFailure(name="file not fetched", failure=said(100, 2018008), error=Rejected),
    ProviderFailure(name="answered in private", failure=said(10900), error=Rejected),
    ProviderFailure(
        name="dead token", failure=said(190, 463, status=401), error=Misconfigured, code="190/463"
    ),
    ProviderFailure(name="no permission", failure=said(10), error=Misconfigured),
    ProviderFailure(name="permission lost", failure=said(200), error=Misconfigured),
    ProviderFailure(name="abusive", failure=said(368, 1346003), error=Rejected),
    ProviderFailure(name="no consent", failure=said(230), error=Blocked),
    ProviderFailure(
        name="window as it was told before", failure=said(10, 2018065), error=WindowClosed
    ),
    TOO_FAST,
    ProviderFailure(name="app too fast", failure=said(4), error=Throttled),
    ProviderFailure(name="too fast for the front", failure=Failure.html(429), error=Throttled),
    ProviderFailure(name="own trouble", failure=said(2, status=500), error=Uncertain),
    ProviderFailure(name="transient", failure=said(1, status=500), error=Uncertain),
    ProviderFailure(name="not Meta at all", failure=Failure.html(404), error=Misconfigured),
    ProviderFailure(
        name="a success without an id",
        failure=Failure(status=200, body={"recipient_id": CHAT}, takes_effect=True),
        error=Uncertain,
    ),
)


class TestInstagram(ConnectorContract):
    """Direct messages, with a token made by an Instagram login."""

    connector_class = InstagramConnector
    fixtures_folder = "fixtures/graph"
    conversation = CHAT
    last_inbound = "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3ODQxNDAwMDAwMDAwMDAx"
    failures: ClassVar[Sequence[ProviderFailure]] = FAILURES

    def sandbox(self) -> InstagramSandbox:
        return prepared()

    def settings(self, url: str) -> dict[str, Any]:
        return {**KEYS, "api_base": url}

    def other_settings(self, url: str) -> dict[str, Any]:
        secrets = {"app_secret": "another-app-secret-0001", "verify_token": "another-verify"}
        return {**KEYS, "access_token": OTHER_TOKEN, **secrets, "api_base": url}

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        signature = hmac_sha256(keys["app_secret"], envelope.body)
        return {"X-Hub-Signature-256": f"sha256={signature}"}

    def texts(self, sandbox: InstagramSandbox) -> Sequence[str]:
        return [received.text for received in sandbox.sent]

    def _attachments(self, connector: Connector) -> list[Attachment]:
        """Files lie where the stand-in is: Instagram's own hosts are not asked by a test."""
        assert isinstance(connector, InstagramConnector)
        assert connector._graph is not None
        home = connector._graph._api_base
        return [
            msgspec.structs.replace(one, ref=f"{home}/cdn/{number}?signature=x")
            for number, one in enumerate(super()._attachments(connector))
        ]

    def handshakes(self) -> Sequence[tuple[Mapping[str, str], bytes]]:
        asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
        return [({**asked, "hub.verify_token": VERIFY_TOKEN}, b"1158201444")]

    def forged_handshakes(self) -> Sequence[Mapping[str, str]]:
        asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
        return [asked, {**asked, "hub.verify_token": "guessed"}]


class TestInstagramComments(TestInstagram):
    """Public replies under a comment."""

    conversation = f"{MEDIA}/{COMMENT}/{CHAT}"
    public = True
    reads = False
    last_inbound = COMMENT
    failures = (
        *FAILURES[4:6],
        FAILURES[8],
        TOO_FAST,
        ProviderFailure(
            name="a success without an id",
            failure=Failure(status=200, body={"success": True}, takes_effect=True),
            error=Uncertain,
        ),
    )


class TestInstagramByFacebook(TestInstagram):
    """The same with the token of the page that the account is linked to."""

    reads = False
    failures = (FAILURES[0], FAILURES[4], FAILURES[8], TOO_FAST)

    def sandbox(self) -> InstagramSandbox:
        return prepared(login="facebook", token=PAGE_TOKEN)

    def settings(self, url: str) -> dict[str, Any]:
        return {**KEYS, "access_token": PAGE_TOKEN, "login": "facebook", "api_base": url}


# --- What the tests stand on --------------------------------------------------------------------


def prepared(**options: Any) -> InstagramSandbox:
    """An account to which one person has written, and under whose post they have commented."""
    sandbox = InstagramSandbox(**{"clock": lambda: NOW, **options})
    citizen = sandbox.citizen(user_id=CHAT, wrote=True)
    sandbox.new_comment(citizen, MEDIA, "А когда асфальт?", comment_id=COMMENT)
    return sandbox


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def meta(clock: Clock) -> AsyncIterator[InstagramSandbox]:
    async with prepared(clock=clock) as running:
        yield running


Opened = Callable[..., InstagramConnector]


@pytest.fixture
async def opened(meta: InstagramSandbox, clock: Clock, store: MemoryStore) -> AsyncIterator[Opened]:
    """Opens the account as one of the hub's processes does: all have the same store."""
    made: list[InstagramConnector] = []

    def open_(**keys: Any) -> InstagramConnector:
        settings = InstagramSettings.model_validate({**KEYS, "api_base": meta.url, **keys})
        context = Context(public_url=PUBLIC_URL, clock=clock, store=lambda _: store)
        made.append(InstagramConnector("main", settings, context))
        return made[-1]

    yield open_
    for connector in made:
        await connector.close()


def message(text: str = "Қабылданды", **changes: Any) -> OutboundMessage:
    return outgoing.reply(
        "instagram", text, **{"conversation": CHAT, "last_inbound_at": NOW, **changes}
    )


def comment(text: str = "Асфальт төселеді", **changes: Any) -> OutboundMessage:
    thread = f"{MEDIA}/{COMMENT}/{CHAT}"
    return message(text, conversation=thread, public=True, last_inbound=COMMENT, **changes)


envelope = partial(delivery_to, "instagram")


def shown_token(call: Call) -> str:
    return call.headers["Authorization"].removeprefix("Bearer ")


def is_renewal(call: Call) -> bool:
    return call.path.endswith("/refresh_access_token")


def file(kind: AttachmentKind, mime: str, url: str) -> OutboundFile:
    return outgoing.file(
        kind, content=b"never asked for", name="фото.png", mime=mime, link=lambda: url
    )


# --- Settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["ig_user_id", "access_token", "app_secret", "verify_token"])
def test_a_missing_key_is_named(missing: str) -> None:
    with pytest.raises(ValidationError, match=f'{missing} is missing: mode = "graph" needs it'):
        InstagramSettings.model_validate({k: v for k, v in KEYS.items() if k != missing})


@pytest.mark.parametrize("missing", ["username", "password", "session_file"])
def test_a_missing_key_of_the_private_mode_is_named(missing: str) -> None:
    with pytest.raises(ValidationError, match=f'{missing} is missing: mode = "private" needs it'):
        InstagramSettings.model_validate({k: v for k, v in PRIVATE.items() if k != missing})


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({**KEYS, "password": "p", "username": "u"}, 'password, username belongs to mode = "priv'),
        ({**KEYS, "poll_seconds": 5}, 'poll_seconds belongs to mode = "private"'),
        ({**PRIVATE, "app_secret": "s" * 20}, 'app_secret belongs to mode = "graph"'),
        ({**PRIVATE, "login": "facebook"}, 'login belongs to mode = "graph"'),
    ],
)
def test_the_other_modes_keys_are_refused(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        InstagramSettings.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "login", "base"),
    [
        ({}, "instagram", "https://graph.instagram.com"),
        ({"login": "facebook"}, "facebook", "https://graph.facebook.com"),
        (
            {"api_base": "https://graph.facebook.com/"},
            "facebook",
            "https://graph.facebook.com",
        ),
        ({"api_base": "http://127.0.0.1:9"}, "instagram", "http://127.0.0.1:9"),
        (
            {"api_base": "http://127.0.0.1:9", "login": "facebook"},
            "facebook",
            "http://127.0.0.1:9",
        ),
    ],
)
def test_the_login_follows_from_its_key_or_the_address(
    keys: dict[str, Any], login: str, base: str
) -> None:
    settings = InstagramSettings.model_validate({**KEYS, **keys})
    assert (settings.variant, settings.graph_base) == (login, base)


def test_a_login_that_contradicts_the_address_is_refused() -> None:
    with pytest.raises(ValidationError, match=r'api_base is the address of .* "facebook"'):
        InstagramSettings.model_validate(
            {**KEYS, "login": "instagram", "api_base": "https://graph.facebook.com"}
        )


def test_an_error_of_the_settings_shows_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        InstagramSettings.model_validate({**KEYS, "access_token": "two words"})
    assert "two words" not in str(caught.value)
    assert "one line without blanks" in str(caught.value)


# --- Reading ------------------------------------------------------------------------------------


def read(body: object) -> list[Any]:
    settings = InstagramSettings.model_validate({**KEYS, "api_base": NOWHERE})
    connector = InstagramConnector("main", settings, Context(public_url=PUBLIC_URL))
    return list(connector.normalize(envelope(json.dumps(body).encode())))


def test_every_shape_of_an_entry_gives_the_same_message() -> None:
    event = {
        "sender": {"id": CHAT},
        "recipient": {"id": IG_USER_ID},
        "timestamp": 1772443500000,
        "message": {"mid": "m_1", "text": "Сәлем"},
    }
    change = {"field": "messages", "value": event}
    entries: list[dict[str, Any]] = [
        {"messaging": [event]},
        {"standby": [event]},
        {"changes": [change]},
        change,
    ]
    found = [
        read({"object": "instagram", "entry": [{"id": IG_USER_ID, "time": 1, **entry}]})
        for entry in entries
    ]
    assert [len(values) for values in found] == [1, 1, 1, 1]
    assert found[0] == found[1] == found[2] == found[3]


def test_one_person_is_one_contact_in_private_and_in_public() -> None:
    by_name = {case.name: read(case.content())[0] for case in cases(TestInstagram.fixtures())
               if case.name in {"text", "comment"}}  # fmt: skip
    private, public = by_name["text"], by_name["comment"]
    assert isinstance(private, InboundMessage)
    assert isinstance(public, InboundMessage)
    assert private.sender.point == public.sender.point
    assert private.conversation != public.conversation


def test_replies_of_two_authors_to_one_comment_are_two_conversations_of_one_root() -> None:
    first, second = (
        read(case.content())[0].conversation.split("/")
        for case in cases(TestInstagram.fixtures())
        if case.name in {"comment-reply", "comment-reply-of-another"}
    )
    assert first[:2] == second[:2] == ["17895600000000011", COMMENT]
    assert first[2] != second[2]


def test_a_file_of_a_page_is_a_link_and_one_of_the_cdn_a_file() -> None:
    def shared(url: str) -> Any:
        attached = [{"type": "share", "payload": {"url": url}}]
        said = {"mid": "m", "attachments": attached}
        event = {"sender": {"id": CHAT}, "timestamp": 1, "message": said}
        return read({"object": "instagram", "entry": [{"messaging": [event]}]})[0]

    page = shared("https://www.instagram.com/p/abc/")
    assert page.text.endswith("https://www.instagram.com/p/abc/")
    assert page.attachments == ()
    for url in ("https://scontent.cdninstagram.com/v/1.jpg?sig=1", f"{NOWHERE}/cdn/1"):
        kept = shared(url)
        assert [one.ref for one in kept.attachments] == [url]
        assert url not in kept.text
    assert shared("https://cdninstagram.com.example.kz/x").attachments == ()
    assert shared("http://[::1").attachments == ()


async def test_a_file_comes_without_the_token(meta: InstagramSandbox, opened: Opened) -> None:
    url = meta.store(b"a picture" * 1000, "image/jpeg")
    connector = opened()
    said = {"mid": "m", "attachments": [{"type": "image", "payload": {"url": url}}]}
    event = {"sender": {"id": CHAT}, "message": said}
    body = {"object": "instagram", "entry": [{"id": IG_USER_ID, "messaging": [event]}]}
    (found,) = connector.normalize(envelope(json.dumps(body).encode()))
    assert isinstance(found, InboundMessage)
    data = b"".join([chunk async for chunk in connector.fetch(found.attachments[0])])
    assert data == b"a picture" * 1000
    assert "Authorization" not in meta.calls[-1].headers
    meta.files.clear()
    with pytest.raises(Rejected):
        _ = [chunk async for chunk in connector.fetch(found.attachments[0])]


# --- Sending ------------------------------------------------------------------------------------


async def test_every_call_shows_the_token_in_a_header_and_never_in_the_address(
    meta: InstagramSandbox, opened: Opened
) -> None:
    connector = opened()
    await connector.register()
    await connector.refresh()
    await connector.check()
    await connector.send(message())
    await connector.send(comment())
    await connector.hide(COMMENT, hidden=True)
    assert len(meta.calls) >= 6
    for call in meta.calls:
        assert "access_token" not in call.query
        assert shown_token(call) in meta.tokens


async def test_a_file_goes_as_the_address_that_meta_fetches(
    meta: InstagramSandbox, opened: Opened
) -> None:
    url = "https://hub.example.kz/files/1"
    connector = opened()
    for kind, mime, sent_as in [
        (AttachmentKind.PHOTO, "image/png", "image"),
        (AttachmentKind.VOICE, "audio/mp4", "audio"),
        (AttachmentKind.DOCUMENT, "application/pdf", "file"),
    ]:
        await connector.send(message("", attachments=(file(kind, mime, url),)))
        assert (meta.sent[-1].kind, meta.sent[-1].url) == (sent_as, url)


@pytest.mark.parametrize(
    "part",
    [
        message(""),
        comment(""),
        message("подпись", attachments=(file(AttachmentKind.PHOTO, "image/png", "https://x"),)),
        message("", attachments=(file(AttachmentKind.LOCATION, "", "https://x"),)),
        message("", attachments=(file(AttachmentKind.PHOTO, "image/png", "https://x"),) * 2),
        comment(attachments=(file(AttachmentKind.PHOTO, "image/png", "https://x"),)),
        comment("", private_reply=True),
        message(conversation="../me"),
        message(public=True, conversation="a/b/c", last_inbound="1/comments"),
        message(public=True, conversation="a/b/c", last_inbound=None),
        message(public=True, conversation="a/b/c", last_inbound="mention:1?x:2"),
    ],
    ids=range(11),
)
async def test_what_instagram_has_no_call_for_is_rejected_without_one(
    part: OutboundMessage, meta: InstagramSandbox, opened: Opened
) -> None:
    with pytest.raises(Rejected):
        await opened().send(part)
    assert meta.calls == []


async def test_a_reply_after_the_window_is_refused_here_and_at_meta(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    connector = opened()
    clock.now = NOW + timedelta(hours=24, minutes=1)
    with pytest.raises(WindowClosed):
        await connector.send(message())
    assert meta.calls == []
    with pytest.raises(WindowClosed):
        await connector.send(message(last_inbound_at=None))
    assert len(meta.calls) == 1


async def test_a_human_agent_answers_for_seven_days(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    meta.human_agent = True
    connector = opened(human_agent=True)
    assert connector.capabilities.reply_window_hours == 168
    await connector.send(message())
    clock.now = NOW + timedelta(days=6)
    await connector.send(message())
    assert [received.human_agent for received in meta.sent] == [False, True]
    clock.now = NOW + timedelta(days=7, minutes=1)
    with pytest.raises(WindowClosed):
        await connector.send(message())


async def test_a_tag_that_was_not_granted_closes_the_window_and_not_the_account(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    connector = opened(human_agent=True)
    clock.now = NOW + timedelta(days=2)
    with pytest.raises(WindowClosed, match="human_agent") as caught:
        await connector.send(message())
    assert caught.value.code == "10"
    clock.now = NOW
    meta.fail_next(said(10))
    with pytest.raises(Misconfigured, match="does not allow"):
        await connector.send(message())


async def test_a_comment_is_answered_under_its_root(meta: InstagramSandbox, opened: Opened) -> None:
    citizen = meta.citizens[CHAT]
    reply = await citizen.comment(MEDIA, "Тағы да", parent=COMMENT)
    sent = await opened().send(comment("Жауап", part=0))
    again = await opened().send(
        message("Тағы жауап", public=True, conversation="x", last_inbound=reply.id)
    )
    for external_id in (*sent.external_ids, *again.external_ids):
        assert meta.comments[external_id].parent == COMMENT
    assert [received.about for received in meta.sent] == [COMMENT, reply.id]


async def test_a_comment_is_answered_in_private_once_and_within_a_week(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    connector = opened()
    late = await meta.citizens[CHAT].comment(MEDIA, "Ещё один")
    sent = await connector.send(comment("Напишите адрес", private_reply=True))
    assert sent.external_ids == (meta.sent[0].id,)
    assert (meta.sent[0].kind, meta.sent[0].about) == ("text", COMMENT)
    with pytest.raises(Rejected) as caught:
        await connector.send(comment("И ещё раз", private_reply=True))
    assert caught.value.code == "10900"
    clock.now = NOW + timedelta(days=7, minutes=1)
    with pytest.raises(WindowClosed):
        await connector.send(
            message(
                "Поздно", public=True, private_reply=True, last_inbound=late.id, conversation="x"
            )
        )


async def test_a_mention_is_answered_where_it_stands(
    meta: InstagramSandbox, opened: Opened
) -> None:
    citizen = meta.citizens[CHAT]
    await citizen.mention(media="17895600000000014", comment="17990000000000113")
    await citizen.mention(media="17895600000000015")
    connector = opened()
    for asked in ("mention:17895600000000014:17990000000000113", "mention:17895600000000015:"):
        part = message("Сәлеметсіз бе!", public=True, conversation="x", last_inbound=asked)
        assert (await connector.send(part)).external_ids
    assert [received.about for received in meta.sent] == ["17990000000000113", None]


async def test_a_comment_is_hidden_and_shown_again(meta: InstagramSandbox, opened: Opened) -> None:
    connector = opened()
    for hidden in (True, True, False):
        await connector.hide(COMMENT, hidden=hidden)
        assert meta.comments[COMMENT].hidden is hidden
        assert json.loads(meta.calls[-1].body) == {"hide": hidden}
    with pytest.raises(Rejected):
        await connector.hide("17990000000009999", hidden=True)
    before = len(meta.calls)
    for unfit in ("mention:1:2", "../me", ""):
        with pytest.raises(Rejected):
            await connector.hide(unfit, hidden=True)
    assert len(meta.calls) == before


# --- Echoes and receipts ------------------------------------------------------------------------


class Hub(SmallHub[InstagramConnector]):
    channel = "instagram"


@pytest.fixture
async def hub(meta: InstagramSandbox, opened: Opened) -> AsyncIterator[Hub]:
    """A hub that the dashboard knows and the account is subscribed to."""
    async with Hub() as running:
        running.connector = opened()
        assert await meta.enter_webhook(f"{running.url}/hooks/instagram/main") == 200
        await running.connector.register()
        yield running


@pytest.mark.parametrize("first", [False, True], ids=["after the answer", "before the answer"])
async def test_the_echo_of_a_send_bears_the_id_that_the_send_gave(
    first: bool, meta: InstagramSandbox, hub: Hub
) -> None:
    meta.echo_first = first
    sent = await hub.connector.send(message("Жөндеу бейсенбіде"))
    await meta.settled()
    (echo,) = hub.read
    assert isinstance(echo, Echo)
    assert (echo.external_id,) == sent.external_ids
    assert echo.message_id is None
    assert (echo.conversation, echo.text) == (CHAT, "Жөндеу бейсенбіде")


async def test_our_own_comment_comes_back_as_nothing(meta: InstagramSandbox, hub: Hub) -> None:
    await hub.connector.send(comment())
    await meta.settled()
    assert hub.read == []
    assert sum(call.method == "POST" for call in hub.calls) == 1


async def test_what_citizens_do_reaches_the_hub(meta: InstagramSandbox, hub: Hub) -> None:
    citizen = meta.citizens[CHAT]
    posted = await citizen.say("Абай даңғылы, 52")
    await citizen.photo()
    await citizen.edit(posted, "Абай даңғылы, 54")
    await citizen.react(posted.id)
    await citizen.press("Қалай өтініш беруге болады?")
    await citizen.comment(MEDIA, "Рақмет!")
    await citizen.mention(media="17895600000000015")
    await citizen.unsend(posted)
    sent = await hub.connector.send(message())
    await meta.settled()
    await citizen.see(citizen.received[-1])
    kinds = [type(value).__name__ for value in hub.read]
    assert kinds == [
        "InboundMessage", "InboundMessage", "MessageEdited", "Reaction", "InboundMessage",
        "InboundMessage", "InboundMessage", "MessageDeleted", "Echo", "DeliveryReport",
        "DeliveryReport",
    ]  # fmt: skip
    by_id, up_to = hub.read[-2:]
    assert isinstance(by_id, DeliveryReport)
    assert isinstance(up_to, DeliveryReport)
    assert by_id.external_id == sent.external_ids[0]
    assert (up_to.conversation, up_to.watermark, up_to.external_id) == (CHAT, NOW, None)


# --- The token ----------------------------------------------------------------------------------


async def test_a_token_whose_end_nobody_knows_is_renewed_at_once(
    meta: InstagramSandbox, opened: Opened
) -> None:
    connector = opened()
    await connector.refresh()
    await connector.refresh()
    assert sum(map(is_renewal, meta.calls)) == 1
    await connector.send(message())
    assert shown_token(meta.calls[-1]) != TOKEN


async def test_a_token_is_renewed_ten_days_before_its_end_and_every_process_speaks_with_it(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    first, second = opened(), opened()
    await first.refresh()
    clock.now = NOW + TOKEN_LIFE - timedelta(days=11)
    await first.refresh()
    assert sum(map(is_renewal, meta.calls)) == 1
    await second.hide(COMMENT, hidden=True)
    before = shown_token(meta.calls[-1])
    clock.now += timedelta(days=2)
    await first.refresh()
    assert sum(map(is_renewal, meta.calls)) == 2
    clock.now += timedelta(seconds=60)
    await second.hide(COMMENT, hidden=False)
    after = shown_token(meta.calls[-1])
    assert after != before
    clock.now += timedelta(days=40)
    await second.hide(COMMENT, hidden=True)
    assert meta.calls[-1].status == 200, "the first token has ended, the third has not"


async def test_the_renewed_token_outlives_a_restart(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    await opened().refresh()
    clock.now = NOW + TOKEN_LIFE - timedelta(days=1)
    await opened().hide(COMMENT, hidden=True)
    assert shown_token(meta.calls[-1]) != TOKEN


async def test_a_token_that_the_administrator_changes_wins_over_the_renewed_one(
    meta: InstagramSandbox, opened: Opened
) -> None:
    await opened().refresh()
    meta.tokens[OTHER_TOKEN] = Token(made_at=NOW - timedelta(days=3), ends_at=NOW + TOKEN_LIFE)
    renewed = opened(access_token=OTHER_TOKEN)
    await renewed.hide(COMMENT, hidden=True)
    assert shown_token(meta.calls[-1]) == OTHER_TOKEN
    await renewed.refresh()
    assert shown_token(meta.calls[-1]) == OTHER_TOKEN
    assert is_renewal(meta.calls[-1])


async def test_a_token_younger_than_a_day_is_renewed_when_it_is_old_enough(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    meta.tokens[TOKEN] = Token(made_at=NOW - timedelta(hours=1), ends_at=NOW + TOKEN_LIFE)
    connector = opened()
    await connector.register()
    await connector.refresh()
    asked = sum(map(is_renewal, meta.calls))
    assert (await connector.check()).health is Health.OK
    clock.now += timedelta(hours=5)
    await connector.refresh()
    assert sum(map(is_renewal, meta.calls)) == asked, "Meta is not asked every minute"
    clock.now += timedelta(hours=20)
    await connector.refresh()
    assert len(meta.tokens) == 2


async def test_where_meta_refuses_the_header_the_token_goes_where_it_is_documented(
    meta: InstagramSandbox, opened: Opened
) -> None:
    meta.header_renews = False
    await opened().refresh()
    first, second = filter(is_renewal, meta.calls)
    assert "access_token" not in first.query
    assert second.query["access_token"] == TOKEN
    assert len(meta.tokens) == 2


async def test_meta_in_trouble_is_asked_again_the_next_minute(
    meta: InstagramSandbox, opened: Opened
) -> None:
    connector = opened()
    meta.fail_next(Failure.html(), times=1)
    with pytest.raises(Unreachable) as caught:
        await connector.refresh()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    await connector.refresh()
    assert len(meta.tokens) == 2


async def test_the_token_of_a_page_is_not_renewed(clock: Clock, store: MemoryStore) -> None:
    async with prepared(clock=clock, login="facebook", token=PAGE_TOKEN) as meta:
        keys = {**KEYS, "access_token": PAGE_TOKEN, "login": "facebook", "api_base": meta.url}
        context = Context(public_url=PUBLIC_URL, clock=clock, store=lambda _: store)
        connector = InstagramConnector("main", InstagramSettings.model_validate(keys), context)
        await connector.refresh()
        assert meta.calls == []
        meta.subscribed = frozenset({"messages", "feed"})
        await connector.register()
        assert meta.subscribed == {"messages", "feed"}, "what Messenger asked for stays"
        found = await connector.check()
        assert found.details["token"] == "a page's token, which does not end by itself"
        await connector.close()


async def test_what_the_store_holds_is_the_token_and_no_plain_copy_of_the_settings(
    meta: InstagramSandbox, opened: Opened, store: MemoryStore
) -> None:
    await opened().refresh()
    held = json.loads(await store.read("token") or "")
    assert held["token"] in meta.tokens
    assert TOKEN not in json.dumps(held)
    await store.write("token", "not a token at all")
    await opened().hide(COMMENT, hidden=True)
    assert shown_token(meta.calls[-1]) == TOKEN


class ClosedStore(MemoryStore):
    """A store that cannot be asked now."""

    async def read(self, name: str) -> str | None:
        raise Unavailable("The database is away.")

    async def write(self, name: str, value: str) -> None:
        raise Unavailable("The database is away.")


async def test_while_the_store_is_away_the_settings_token_serves(
    meta: InstagramSandbox, clock: Clock
) -> None:
    away = ClosedStore()
    settings = InstagramSettings.model_validate({**KEYS, "api_base": meta.url})
    context = Context(public_url=PUBLIC_URL, clock=clock, store=lambda _: away)
    connector = InstagramConnector("main", settings, context)
    await connector.send(message())
    assert shown_token(meta.calls[-1]) == TOKEN
    with pytest.raises(Unreachable, match="could not be kept"):
        await connector.refresh()
    await connector.close()


# --- Health -------------------------------------------------------------------------------------


async def test_the_days_left_are_shown_and_few_of_them_are_a_warning(
    meta: InstagramSandbox, opened: Opened, clock: Clock
) -> None:
    connector = opened()
    await connector.register()
    assert "not known yet" in (await connector.check()).details["token"]
    await connector.refresh()
    found = await connector.check()
    assert (found.health, found.details["token"]) == (
        Health.OK, "60 days left, until 2026-05-01",
    )  # fmt: skip
    clock.now = NOW + TOKEN_LIFE - timedelta(days=6, hours=1)
    found = await connector.check()
    assert (found.health, found.can_send) == (Health.DEGRADED, None)
    assert found.summary == "The token ends on 2026-05-01 and could not be renewed."
    assert found.cure is not None
    assert "channels.instagram.main.access_token" in found.cure


async def test_a_dead_token_is_red_and_the_cure_is_exact(opened: Opened, clock: Clock) -> None:
    connector = opened()
    clock.now = NOW + TOKEN_LIFE + timedelta(days=1)
    found = await connector.check()
    assert found.health is Health.DOWN
    assert found.summary == "Instagram does not accept the token. It has expired."
    assert found.cure == (
        "Make a new token and put it into channels.instagram.main.access_token. In the App "
        "Dashboard open Instagram, API setup with Instagram login, and press Generate token beside "
        "the account."
    )


async def test_an_account_that_is_not_subscribed_is_red_and_can_send(
    meta: InstagramSandbox, opened: Opened
) -> None:
    connector = opened()
    found = await connector.check()
    assert (found.health, found.can_send) == (Health.DOWN, True)
    meta.subscribed = frozenset({"messages", "comments"})
    found = await connector.check()
    assert found.health is Health.DEGRADED
    assert "messaging_seen" in found.summary
    await connector.register()
    assert (await connector.check()).health is Health.OK


async def test_a_version_without_edits_is_subscribed_to_the_rest(
    meta: InstagramSandbox, opened: Opened
) -> None:
    meta.known_fields -= {"message_edit"}
    connector = opened()
    await connector.register()
    assert "messages" in meta.subscribed
    assert (await connector.check()).health is Health.OK


async def test_the_id_of_another_account_is_red_and_the_right_one_is_told(
    opened: Opened,
) -> None:
    found = await opened(ig_user_id="17841400000000777").check()
    assert found.health is Health.DOWN
    assert found.cure is not None
    assert f'ig_user_id = "{IG_USER_ID}"' in found.cure


# --- Modes --------------------------------------------------------------------------------------


def test_what_is_declared_without_an_account_is_metas() -> None:
    assert InstagramConnector.capabilities is CAPABILITIES
    assert CAPABILITIES.of(public=True).private_reply_hours == 168


async def test_an_account_with_a_webhook_does_not_poll(opened: Opened) -> None:
    connector = opened()
    assert not connector.polls
    page = await connector.poll("c")
    assert (list(page.bodies), page.cursor) == ([], "c")
    assert page.pause > 0


def test_no_secret_shows_in_what_an_account_tells_of_itself(opened: Opened) -> None:
    connector = opened()
    told = f"{vars(connector)!r} {vars(connector._graph)!r}"
    secrets = [value for value in KEYS.values() if value != IG_USER_ID]
    assert all(secret not in told for secret in secrets)
    assert isinstance(InstagramSettings.model_validate(KEYS).access_token, SecretStr)


async def test_two_sends_at_once_get_two_answers(meta: InstagramSandbox, opened: Opened) -> None:
    connector = opened()
    first, second = await asyncio.gather(
        connector.send(message("бір")), connector.send(message("екі"))
    )
    assert first.external_ids != second.external_ids
    assert sorted(received.text for received in meta.sent) == ["бір", "екі"]


async def test_an_account_in_private_mode_takes_no_delivery_by_webhook() -> None:
    settings = InstagramSettings.model_validate(PRIVATE)
    connector = InstagramConnector("main", settings, Context(public_url=PUBLIC_URL))
    assert connector.polls
    body = b'{"object":"instagram","entry":[]}'
    signed = {"X-Hub-Signature-256": "sha256=" + hmac_sha256(APP_SECRET, body)}
    with pytest.raises(Forged):
        connector.verify(msgspec.structs.replace(envelope(body), headers=signed))
    with pytest.raises(Forged):
        connector.handshake({"hub.mode": "subscribe", "hub.challenge": "1"})
    connector.timeout = 3.0
    assert connector.timeout == 3.0
    await connector.close()


# --- The demo -----------------------------------------------------------------------------------


async def test_the_demos_citizens_are_heard_and_answered() -> None:
    async with demo_account(run=3) as account, Hub() as hub:
        settings = InstagramSettings.model_validate(account.settings)
        hub.connector = InstagramConnector("main", settings, Context(public_url=PUBLIC_URL))
        account.listen(f"{hub.url}/hooks/instagram/main")
        citizen = account.citizen(name="Айгүл Сейтқали", language="kk")
        posted = await citizen.say("Абай даңғылы, 44")
        (heard,) = hub.read
        assert isinstance(heard, InboundMessage)
        assert (heard.external_id, heard.conversation) == (posted.id, citizen.id)
        answered = message("Рақмет", conversation=citizen.id, last_inbound_at=None)
        await hub.connector.send(answered)
        assert (await citizen.next()).text == "Рақмет"
        await hub.connector.close()
    async with demo_account(run=4) as later:
        other = later.citizen(name="Айгүл Сейтқали", language="kk")
        assert other.id != citizen.id
        assert other.sandbox.new_mid() != posted.id
        # A renewed token, which the hub keeps, is another Instagram's by now.
        assert later.settings["access_token"] != account.settings["access_token"]
