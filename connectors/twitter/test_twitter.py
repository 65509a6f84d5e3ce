"""X under the contract, and what is its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from connectors.base import (
    Blocked,
    Context,
    Forged,
    Health,
    MemoryStore,
    Misconfigured,
    Page,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
)
from connectors.testing import outgoing
from connectors.testing.contract import NOW, NOWHERE, ConnectorContract, ProviderFailure
from connectors.testing.fixtures import cases
from connectors.testing.hub import Clock, SmallHub, delivery_to
from connectors.testing.samples import picture
from connectors.testing.sandbox import Call, Failure
from connectors.twitter.citizens import Citizen
from connectors.twitter.connector import TwitterConnector
from connectors.twitter.demo import demo_account
from connectors.twitter.failures import Doing, Problem, problem_of, refused, throttled
from connectors.twitter.oauth import Keys, authorization
from connectors.twitter.sandbox import TwitterSandbox
from connectors.twitter.sandbox_gate import (
    ACCESS_TOKEN,
    ACCESS_TOKEN_SECRET,
    BEARER_TOKEN,
    CLIENT_SECRET,
    CONSUMER_KEY,
    CONSUMER_SECRET,
    USER_ID,
)
from connectors.twitter.settings import TwitterSettings
from connectors.twitter.snowflake import id_at, time_of, within_second
from connectors.twitter.spending import next_month
from connectors.twitter.webhook import HEADER, OAUTH2_HEADER, WANTED, signature
from registry.errors import Unavailable
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactPoint,
    DeliveryReport,
    DeliveryState,
    Echo,
    Envelope,
    Inbound,
    InboundMessage,
    MessageEdited,
    OutboundFile,
    OutboundMessage,
)

CITIZEN = "1534001122334455667"
ROOT = str(id_at(NOW - timedelta(minutes=20)) + 7)
"""A citizen's post that mentions us."""
KEYS: dict[str, Any] = {
    "mode": "webhook",
    "user_id": USER_ID,
    "consumer_key": CONSUMER_KEY,
    "consumer_secret": CONSUMER_SECRET,
    "access_token": ACCESS_TOKEN,
    "access_token_secret": ACCESS_TOKEN_SECRET,
    "bearer_token": BEARER_TOKEN,
    "client_secret": CLIENT_SECRET,
}
SECRETS = (
    *(CONSUMER_KEY, CONSUMER_SECRET, ACCESS_TOKEN),
    *(ACCESS_TOKEN_SECRET, BEARER_TOKEN, CLIENT_SECRET),
)


def problem(status: int, detail: str, kind: str = "about:blank", **headers: str) -> Failure:
    full = kind if kind == "about:blank" else f"https://api.twitter.com/2/problems/{kind}"
    body = {"title": "…", "detail": detail, "type": full, "status": status}
    return Failure(status=status, body=body, headers=headers)


def older(status: int, code: int, message: str) -> Failure:
    return Failure(status=status, body={"errors": [{"code": code, "message": message}]})


RESET = {"x-rate-limit-reset": str(int(NOW.timestamp()) + 417), "x-rate-limit-remaining": "0"}

_EVERYWHERE = (
    ProviderFailure(
        name="no such keys",
        failure=problem(401, "Unauthorized"),
        error=Misconfigured,
        code="401",
    ),
    ProviderFailure(
        name="an older word for dead keys",
        failure=older(401, 89, "Invalid or expired token"),
        error=Misconfigured,
        code="89",
    ),
    ProviderFailure(
        name="keys without a right to write",
        failure=problem(403, "Not configured with oauth1 permissions.", "oauth1-permissions"),
        error=Misconfigured,
        code="oauth1-permissions",
    ),
    ProviderFailure(
        name="an app without access",
        failure=problem(403, "When authenticating …", "client-forbidden"),
        error=Misconfigured,
    ),
    ProviderFailure(
        name="our account is suspended",
        failure=problem(403, "Your account is suspended and is not permitted to do this."),
        error=Misconfigured,
    ),
    ProviderFailure(
        name="our account is locked",
        failure=older(403, 326, "To protect our users this account is temporarily locked."),
        error=Misconfigured,
        code="326",
    ),
    ProviderFailure(
        name="credits are spent",
        failure=problem(402, "Your enrolled account does not have any credits.", "credits"),
        error=Misconfigured,
        code="credits",
    ),
    ProviderFailure(
        name="credits are spent, in a newer word",
        failure=problem(402, "credits depleted", "credits-depleted"),
        error=Misconfigured,
    ),
    ProviderFailure(
        name="the spending limit is reached",
        failure=problem(429, "Usage cap exceeded: Monthly product cap", "usage-capped"),
        error=Misconfigured,
        code="usage-capped",
    ),
    ProviderFailure(
        name="too fast",
        failure=problem(429, "Too Many Requests", **RESET),
        error=Throttled,
        code="429",
        retry_after=417.0,
    ),
    ProviderFailure(
        name="too fast for how long", failure=problem(429, "Too Many Requests"), error=Throttled
    ),
    ProviderFailure(
        name="too many for the day",
        failure=problem(
            429,
            "Too Many Requests",
            **{"x-user-limit-24hour-remaining": "0"},
            **{"x-user-limit-24hour-reset": str(int(NOW.timestamp()) + 7200)},
        ),
        error=Throttled,
        retry_after=3600.0,
    ),
    ProviderFailure(name="too fast for the front", failure=Failure.html(429), error=Throttled),
    ProviderFailure(
        name="taken for a machine",
        failure=older(403, 226, "This request looks like it might be automated."),
        error=Throttled,
        retry_after=900.0,
    ),
    ProviderFailure(
        name="a field that is wrong",
        failure=problem(400, "One or more parameters to your request was invalid.", "invalid-x"),
        error=Rejected,
        code="invalid-x",
    ),
    ProviderFailure(
        name="a success that refuses",
        failure=Failure(status=200, body={"errors": [{"title": "Invalid", "detail": "No."}]}),
        error=Rejected,
    ),
    ProviderFailure(
        name="overloaded", failure=problem(503, "Over capacity"), error=Unreachable, code="503"
    ),
    ProviderFailure(name="front overloaded", failure=Failure.html(503), error=Unreachable),
    ProviderFailure(
        name="an error of X's own", failure=problem(500, "Internal error"), error=Uncertain
    ),
    ProviderFailure(name="HTML with 502", failure=Failure.html(502), error=Uncertain, code="502"),
    ProviderFailure(name="HTML with 504", failure=Failure.html(504), error=Uncertain),
    ProviderFailure(name="HTML with 200", failure=Failure.html(200), error=Uncertain),
    ProviderFailure(
        name="a success that tells no id",
        failure=Failure(status=201, body={"data": {"text": "…"}}, takes_effect=True),
        error=Uncertain,
    ),
    ProviderFailure(name="not X at all", failure=Failure.html(404), error=Misconfigured),
    ProviderFailure(
        name="sent elsewhere",
        failure=Failure(status=302, headers={"Location": "https://login.example.kz/"}),
        error=Misconfigured,
    ),
)


class TestTwitter(ConnectorContract):
    """Direct messages of an account with a webhook."""

    connector_class = TwitterConnector
    libraries = ("tweepy",)
    conversation = "-".join(sorted((USER_ID, CITIZEN), key=int))
    last_inbound = ROOT
    failures: ClassVar[Sequence[ProviderFailure]] = (
        *_EVERYWHERE,
        ProviderFailure(
            name="the citizen takes no messages",
            failure=problem(403, "You do not have permission to DM one or more participants."),
            error=Blocked,
            code="403",
        ),
        ProviderFailure(
            name="the citizen blocked us",
            failure=older(403, 349, "You cannot send messages to this user."),
            error=Blocked,
            code="349",
        ),
        ProviderFailure(
            name="only the verified may write",
            failure=older(403, 476, "Sender is not verified to send message requests"),
            error=Blocked,
        ),
        ProviderFailure(
            name="not permitted for this person",
            failure=problem(403, "This operation is not permitted."),
            error=Blocked,
        ),
        ProviderFailure(
            name="the citizen is gone",
            failure=problem(404, "Could not find user with id: [1].", "resource-not-found"),
            error=Blocked,
            code="resource-not-found",
        ),
    )

    def sandbox(self) -> TwitterSandbox:
        sandbox = TwitterSandbox(challenges=False, clock=lambda: NOW)
        citizen = sandbox.citizen(user_id=CITIZEN)
        citizen.wrote = True
        sandbox.know(ROOT, citizen, "Абай, 52")
        return sandbox

    def settings(self, url: str) -> dict[str, Any]:
        return {**KEYS, "api_base": url}

    def other_settings(self, url: str) -> dict[str, Any]:
        return {
            **KEYS,
            "user_id": "1716450569358098999",
            "consumer_secret": "another-consumer-secret-00000",
            "client_secret": "another-client-secret-0000000",
            "api_base": url,
        }

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        return {
            OAUTH2_HEADER: signature(keys["client_secret"], envelope.body),
            HEADER: signature(keys["consumer_secret"], envelope.body),
        }

    def handshakes(self) -> Sequence[tuple[Mapping[str, str], bytes]]:
        # The example of X's own documentation, with our secret.
        token = "challenge_string"
        told = {"response_token": signature(CONSUMER_SECRET, token.encode())}
        return [({"crc_token": token}, json.dumps(told).encode())]

    def forged_handshakes(self) -> Sequence[Mapping[str, str]]:
        return [
            {"crc_token": ""},
            {"crc_token": '{"for_user_id":"1","direct_message_events":[]}'},
            {"crc_token": "a b"},
            {"crc_token": "қ"},
            {"crc_token": "\udcff"},
            {"crc_token": "a" * 600},
            {"hub.challenge": "1"},
        ]

    def is_send(self, call: Call) -> bool:
        return call.method == "POST" and (
            call.path == "/2/tweets" or call.path.endswith("/messages")
        )

    def texts(self, sandbox: TwitterSandbox) -> Sequence[str]:
        return [received.text for received in sandbox.sent]


class TestTwitterPublic(TestTwitter):
    """Replies to posts."""

    reads = False
    public = True
    conversation = f"{ROOT}/{CITIZEN}"
    failures = (
        ProviderFailure(
            name="the same text again",
            failure=problem(403, "You are not allowed to create a Tweet with duplicate content."),
            error=Rejected,
            code="403",
        ),
        ProviderFailure(
            name="the post was deleted",
            failure=problem(
                403, "You attempted to reply to a Tweet that is deleted or not visible to you."
            ),
            error=Rejected,
        ),
        ProviderFailure(
            name="the author lets us not reply",
            failure=problem(
                403,
                "Reply to this conversation is not allowed because you have not been mentioned "
                "or otherwise engaged by the author of the post you are replying to.",
            ),
            error=Blocked,
        ),
        ProviderFailure(
            name="the author blocked us",
            failure=older(403, 136, "You have been blocked from the author of this post."),
            error=Blocked,
        ),
        ProviderFailure(
            name="not permitted, for whatever reason",
            failure=problem(403, "You are not permitted to perform this action."),
            error=Rejected,
        ),
        ProviderFailure(
            name="no such keys", failure=problem(401, "Unauthorized"), error=Misconfigured
        ),
        ProviderFailure(
            name="too fast",
            failure=problem(429, "Too Many Requests", **RESET),
            error=Throttled,
            retry_after=417.0,
        ),
    )


class TestTwitterPolled(TestTwitter):
    """The same account by polling: what differs is where the news come from."""

    has_webhook = False
    failures = _EVERYWHERE[:3] + _EVERYWHERE[9:10] + _EVERYWHERE[14:15]

    def settings(self, url: str) -> dict[str, Any]:
        kept = {k: v for k, v in KEYS.items() if k not in {"bearer_token", "client_secret"}}
        return {**kept, "mode": "polling", "api_base": url}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """What is read does not depend on the mode: one delivery is enough here."""
        if "case" in metafunc.fixturenames:
            found = [c for c in cases(self.fixtures()) if c.name.startswith("page-of-messages")]
            metafunc.parametrize("case", found[:1], ids=lambda case: case.name)
        else:
            super().pytest_generate_tests(metafunc)


# --- What the tests stand on --------------------------------------------------------------------


class Hub(SmallHub[TwitterConnector]):
    channel = "twitter"


delivery = partial(delivery_to, "twitter")
reply = partial(outgoing.reply, "twitter", conversation=TestTwitter.conversation)


def connector_at(
    url: str,
    *,
    public_url: str = "https://hub.example.kz",
    clock: Clock | None = None,
    store: MemoryStore | None = None,
    without: Sequence[str] = (),
    **keys: Any,
) -> TwitterConnector:
    table = {k: v for k, v in {**KEYS, "api_base": url, **keys}.items() if k not in without}
    kept = store or MemoryStore()
    context = Context(public_url=public_url, clock=clock or (lambda: NOW), store=lambda _: kept)
    return TwitterConnector("main", TwitterSettings.model_validate(table), context)


def in_public(text: str = "Рахмет!", *files: OutboundFile, **changes: Any) -> OutboundMessage:
    thread = {"conversation": f"{ROOT}/{CITIZEN}", "public": True, "last_inbound": ROOT}
    return reply(text, *files, **{**thread, **changes})


def file(
    kind: AttachmentKind = AttachmentKind.PHOTO,
    *,
    mime: str = "image/jpeg",
    content: bytes = b"\xff\xd8" * 700_000,
    number: int = 1,
    **changes: Any,
) -> OutboundFile:
    return outgoing.file(kind, content=content, id=f"f{number}", name="file", mime=mime, **changes)


def video(*, number: int = 1) -> OutboundFile:
    return file(AttachmentKind.VIDEO, mime="video/mp4", content=b"mp4" * 800_000, number=number)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def x(clock: Clock) -> AsyncIterator[TwitterSandbox]:
    async with TwitterSandbox(clock=clock) as running:
        citizen = running.citizen(user_id=CITIZEN, name="Айгүл Сейтқали")
        citizen.wrote = True
        running.know(ROOT, citizen, "Абай, 52")
        yield running


@pytest.fixture
def citizen(x: TwitterSandbox) -> Citizen:
    return x.citizens[CITIZEN]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def account(
    x: TwitterSandbox, clock: Clock, store: MemoryStore
) -> AsyncIterator[TwitterConnector]:
    made = connector_at(x.url, clock=clock, store=store)
    yield made
    await made.close()


@pytest.fixture
async def polling(
    x: TwitterSandbox, clock: Clock, store: MemoryStore
) -> AsyncIterator[TwitterConnector]:
    made = connector_at(x.url, clock=clock, store=store, mode="polling")
    yield made
    await made.close()


@pytest.fixture
async def hub(x: TwitterSandbox, clock: Clock) -> AsyncIterator[Hub]:
    """A hub whose webhook is registered at X, which challenged it."""
    async with Hub() as running:
        running.connector = connector_at(x.url, clock=clock, public_url=running.url)
        await running.connector.register()
        yield running
        await running.connector.close()


async def spent(store: MemoryStore, month: str = "2026-03") -> int:
    return await store.add(f"spend:{month}", 0)


async def bytes_of(connector: TwitterConnector, attachment: Attachment) -> bytes:
    return b"".join([chunk async for chunk in connector.fetch(attachment)])


def read(connector: TwitterConnector, page: Page) -> list[Inbound]:
    return [value for body in page.bodies for value in connector.normalize(delivery(body))]


def texts(values: Sequence[Inbound]) -> list[str]:
    return [value.text for value in values if isinstance(value, InboundMessage | Echo)]


# --- The keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
        ("https://api.x.com/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
    ],
)
def test_a_call_is_signed_as_in_the_example_that_x_publishes(url: str, expected: str) -> None:
    keys = Keys(
        consumer_key="xvz1evFS4wEEPTGEFPHBog",
        consumer_secret="kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        access_token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        access_token_secret="LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    )
    header = authorization(
        keys,
        "post",
        url,
        params=[
            ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
            ("include_entities", "true"),
        ],
        nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        timestamp=1_318_622_958,
    )
    shown = expected.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    assert f'oauth_signature="{shown}"' in header
    assert "GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb" not in repr(keys)


def test_an_id_tells_its_time_and_the_other_way_round() -> None:
    # The post of X's own example of an edit, and the time that stands beside it.
    told = time_of("2080761390344937796")
    assert told is not None
    assert told.replace(microsecond=0) == datetime(2026, 7, 24, 21, 5, 48, tzinfo=UTC)
    assert time_of(str(id_at(NOW))) == NOW
    assert time_of("20") is None
    ids = [id_at(NOW + timedelta(milliseconds=one)) + 5 for one in (0, 1, 999)]
    places = [within_second(str(one)) for one in ids]
    assert places == sorted(places) == [5, (1 << 22) + 5, (999 << 22) + 5]


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"user_id": "almaty"}, "user_id"),
        ({"user_id": "0"}, "user_id"),
        ({"consumer_key": ""}, "consumer_key"),
        ({"access_token": "two words"}, "access_token"),
        ({"bearer_token": None}, "bearer_token"),
        ({"crc": "client", "client_secret": None}, "client_secret"),
        ({"poll_seconds": 1}, "poll_seconds"),
        ({"monthly_cap": 0}, "monthly_cap"),
        ({"prices": {"post": -1}}, "prices"),
        ({"prices": {"posts": 1}}, "prices"),
        ({"mode": "stream"}, "mode"),
        ({"api_base": "api.x.com"}, "api_base"),
        ({"api_base": "https://u@api.x.com"}, "api_base"),
    ],
)
def test_a_wrong_key_of_the_settings_is_named(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named) as caught:
        TwitterSettings.model_validate({**KEYS, **keys})
    assert CONSUMER_SECRET not in str(caught.value)


def test_a_number_may_stand_without_quotes_and_the_rest_has_its_default() -> None:
    made = TwitterSettings.model_validate({**KEYS, "mode": "polling", "user_id": int(USER_ID)})
    assert made.user_id == USER_ID
    assert (made.api_base, made.poll_seconds, made.monthly_cap) == ("https://api.x.com", 120, None)
    assert made.prices.post_with_link == 0.2


def test_importing_the_connector_and_reading_leaves_tweepy_alone() -> None:
    code = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from connectors.base import Context\n"
        "from connectors.twitter.connector import CONNECTOR\n"
        "from connectors.twitter import sandbox\n"
        "from registry.types import Envelope\n"
        "keys = dict(user_id='1', consumer_key='k' * 9, consumer_secret='s' * 9,\n"
        "    access_token='t' * 9, access_token_secret='u' * 9)\n"
        "made = CONNECTOR('main', CONNECTOR.Settings(**keys), Context(public_url='https://a.kz'))\n"
        "came = Envelope(id='1', channel='twitter', account='main', headers={},\n"
        "    body=b'{}', received_at=datetime.now(UTC))\n"
        "made.normalize(came), made.handshake({'crc_token': 'x'})\n"
        "print([n for n in ('tweepy', 'requests', 'pytest') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


# --- The proof of a delivery --------------------------------------------------------------------


BODY = b'{"for_user_id":"1"}'
RIGHT_OAUTH2, RIGHT_OLDER = signature(CLIENT_SECRET, BODY), signature(CONSUMER_SECRET, BODY)
WRONG = signature("wrong", BODY)


@pytest.mark.parametrize(
    ("headers", "has_client_secret", "let_in"),
    [
        ({OAUTH2_HEADER: RIGHT_OAUTH2}, True, True),
        ({HEADER: RIGHT_OLDER}, True, True),
        ({OAUTH2_HEADER: RIGHT_OAUTH2, HEADER: RIGHT_OLDER}, True, True),
        # The header that X asks to verify decides.
        ({OAUTH2_HEADER: RIGHT_OAUTH2, HEADER: WRONG}, True, True),
        ({OAUTH2_HEADER: WRONG, HEADER: RIGHT_OLDER}, True, False),
        ({OAUTH2_HEADER: "", HEADER: RIGHT_OLDER}, True, False),
        # Without its secret it cannot be verified.
        ({OAUTH2_HEADER: RIGHT_OAUTH2, HEADER: RIGHT_OLDER}, False, True),
        ({OAUTH2_HEADER: RIGHT_OAUTH2}, False, False),
        ({OAUTH2_HEADER: RIGHT_OAUTH2, HEADER: WRONG}, False, False),
        # Each secret proves its own header alone.
        ({OAUTH2_HEADER: RIGHT_OLDER}, True, False),
        ({HEADER: RIGHT_OAUTH2}, True, False),
        ({HEADER: WRONG}, True, False),
        ({}, True, False),
    ],
    ids=range(13),
)
async def test_which_of_the_two_signatures_decides(
    headers: Mapping[str, str], has_client_secret: bool, let_in: bool
) -> None:
    made = connector_at(NOWHERE, without=() if has_client_secret else ("client_secret",))
    envelope = delivery(BODY, headers)
    if let_in:
        made.verify(envelope)
    else:
        with pytest.raises(Forged):
            made.verify(envelope)


async def test_a_challenge_signs_no_delivery() -> None:
    """Both are made alike: whoever had any text signed could forge deliveries."""
    made = connector_at(NOWHERE)
    for forged in (BODY.decode(), '{"data":{}}', "[]", '"x"', "{}"):
        with pytest.raises(Forged):
            made.handshake({"crc_token": forged})


async def test_the_challenge_can_be_answered_with_the_clients_secret(clock: Clock) -> None:
    async with TwitterSandbox(clock=clock, client_crc=True) as x, Hub() as hub:
        hub.connector = connector_at(x.url, public_url=hub.url, clock=clock)
        with pytest.raises(Misconfigured, match="challenge") as caught:
            await hub.connector.register()
        assert 'crc = "client"' in caught.value.cure
        await hub.connector.close()
        hub.connector = connector_at(x.url, public_url=hub.url, clock=clock, crc="client")
        await hub.connector.register()
        assert [hook.valid for hook in x.desk.hooks.values()] == [True]
        await hub.connector.close()


# --- The webhook --------------------------------------------------------------------------------


async def test_registering_makes_the_webhook_and_the_subscriptions_once(
    x: TwitterSandbox, hub: Hub
) -> None:
    await hub.connector.register()
    (hook,) = x.desk.hooks.values()
    assert hook.url == f"{hub.url}/hooks/twitter/main"
    assert sorted(one.event_type for one in x.desk.subscriptions.values()) == sorted(WANTED)
    assert {one.webhook_id for one in x.desk.subscriptions.values()} == {hook.id}
    assert (await hub.connector.check()).health is Health.OK


async def test_a_webhook_that_x_switched_off_is_challenged_again(
    x: TwitterSandbox, hub: Hub, clock: Clock
) -> None:
    (hook,) = x.desk.hooks.values()
    hook.valid = False
    found = await hub.connector.check()
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert found.cure is not None
    assert "certificate" in found.cure
    await hub.connector.refresh()
    assert not hook.valid, "it is looked after every ten minutes"
    clock.pass_(minutes=11)
    await hub.connector.refresh()
    assert hook.valid
    assert (await hub.connector.check()).health is Health.OK


async def test_subscriptions_that_are_missing_or_go_elsewhere_are_put_right(
    x: TwitterSandbox, hub: Hub
) -> None:
    first, second, *_ = x.desk.subscriptions.values()
    del x.desk.subscriptions[first.id]
    second.webhook_id = None
    found = await hub.connector.check()
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert first.event_type in found.summary
    assert second.event_type in found.summary
    await hub.connector.register()
    assert (await hub.connector.check()).health is Health.OK


async def test_an_app_with_too_many_webhooks_is_told_what_to_do(
    x: TwitterSandbox, hub: Hub, clock: Clock
) -> None:
    x.desk.most = 1
    other = connector_at(x.url, public_url=f"{hub.url}/other", clock=clock)
    with pytest.raises(Misconfigured, match="as many webhooks") as caught:
        await other.register()
    assert "DELETE" in caught.value.cure
    found = await other.check()
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert "127.0.0.1" in found.summary
    await other.close()


async def test_a_hub_that_does_not_answer_the_challenge_is_told_so(
    x: TwitterSandbox, account: TwitterConnector
) -> None:
    async with Hub() as nobody:
        made = connector_at(x.url, public_url=f"{nobody.url}/nowhere")
        with pytest.raises(Misconfigured, match="challenge"):
            await made.register()
        await made.close()


@pytest.mark.parametrize(
    "public_url",
    ["http://hub.example.kz", "https://localhost", "https://hub.example.kz:8443"],
)
async def test_x_itself_delivers_only_to_plain_public_https(public_url: str) -> None:
    made = connector_at("https://api.x.com", public_url=public_url)
    with pytest.raises(Misconfigured, match="public https"):
        made._check_hook()
    connector_at("https://api.x.com")._check_hook()


async def test_what_citizens_do_reaches_the_hub_by_webhook(
    x: TwitterSandbox, hub: Hub, citizen: Citizen
) -> None:
    assert (await citizen.message("Карта: https://example.kz/?a=1&b=2 <тут>")).status == 200
    first = await citizen.picture("Міне", content=picture(3))
    post = await citizen.mention("нет воды", pictures=[picture(4), picture(5)])
    await citizen.edit(post, "нет горячей воды")
    await citizen.repost(ROOT)
    ours = await x.in_the_app(citizen.id, "Көреміз")
    await citizen.read(ours.id)

    text, photo, mention, edited, echo, report = hub.read
    assert isinstance(text, InboundMessage)
    assert text.text == "Карта: https://example.kz/?a=1&b=2 <тут>"
    assert text.sender.point == ContactPoint("twitter", CITIZEN)
    assert text.sender.name == "Айгүл Сейтқали"
    assert isinstance(photo, InboundMessage)
    assert (photo.text, photo.external_id) == ("Міне", first.id)
    assert await bytes_of(hub.connector, photo.attachments[0]) == picture(3)
    assert isinstance(mention, InboundMessage)
    assert (mention.public, mention.conversation) == (True, f"{post.id}/{CITIZEN}")
    assert await bytes_of(hub.connector, mention.attachments[1]) == picture(5)
    assert isinstance(edited, MessageEdited)
    assert edited.message.external_id == post.id
    assert edited.message.text.endswith("нет горячей воды")
    assert isinstance(echo, Echo)
    assert (echo.external_id, echo.message_id) == (ours.id, None)
    assert isinstance(report, DeliveryReport)
    assert (report.state, report.conversation) == (DeliveryState.READ, text.conversation)
    assert report.watermark is not None
    assert echo.sent_at - report.watermark < timedelta(seconds=1)


async def test_a_reply_in_the_thread_is_one_conversation_and_another_author_another(
    x: TwitterSandbox, hub: Hub, citizen: Citizen
) -> None:
    neighbour = x.citizen(name="Ерлан")
    post = await citizen.mention("нет воды")
    sent = await hub.connector.send(
        in_public(conversation=f"{post.id}/{CITIZEN}", last_inbound=post.id)
    )
    await citizen.mention("и сегодня нет", answers=sent.external_ids[0])
    await neighbour.mention("у нас тоже", answers=post.id)
    first, second, third = hub.read
    assert isinstance(first, InboundMessage)
    assert isinstance(second, InboundMessage)
    assert isinstance(third, InboundMessage)
    assert first.conversation == second.conversation
    assert second.reply_to == sent.external_ids[0]
    assert third.conversation == f"{post.id}/{neighbour.id}"


async def test_our_own_direct_message_comes_back_under_the_id_that_the_send_gave(
    x: TwitterSandbox, hub: Hub
) -> None:
    sent = await hub.connector.send(reply())
    await hub.until(lambda: any(call.method == "POST" for call in hub.calls))
    await hub.until(lambda: bool(hub.read))
    (echo,) = hub.read
    assert isinstance(echo, Echo)
    assert (echo.external_id,) == sent.external_ids
    assert abs(echo.sent_at - sent.at) < timedelta(milliseconds=2)


# --- Polling ------------------------------------------------------------------------------------


async def test_a_message_has_one_id_whichever_way_it_came(
    x: TwitterSandbox, hub: Hub, polling: TwitterConnector, citizen: Citizen
) -> None:
    await citizen.message("Абай, 52")
    await citizen.mention("нет воды")
    await x.in_the_app(citizen.id, "Көреміз")
    polled = {
        (value.external_id, value.conversation): value
        for value in read(polling, await polling.poll(None))
        if isinstance(value, InboundMessage | Echo)
    }
    for value in hub.read:
        assert isinstance(value, InboundMessage | Echo)
        found = polled[value.external_id, value.conversation]
        assert type(found) is type(value)
        assert (found.text, found.sent_at) == (value.text, value.sent_at)


async def test_each_thing_is_polled_once_and_the_oldest_comes_first(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen, clock: Clock
) -> None:
    x.posts.clear()
    for n in range(3):
        await citizen.message(f"хат {n}")
        await citizen.mention(f"post {n}")
    first = await polling.poll(None)
    assert texts(read(polling, first)) == [
        *(f"@{x.username} post {n}" for n in range(3)),
        *(f"хат {n}" for n in range(3)),
    ]
    assert (first.more, first.pause) == (False, 120.0)
    second = await polling.poll(first.cursor)
    assert second.bodies == []
    clock.pass_(minutes=2)
    await citizen.message("хат 3")
    await citizen.mention("post 3")
    third = await polling.poll(second.cursor)
    assert texts(read(polling, third)) == [f"@{x.username} post 3", "хат 3"]


async def test_a_long_backlog_is_read_to_its_end_over_several_polls(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen
) -> None:
    x.posts.clear()
    for n in range(620):
        x._post(CITIZEN, f"@{x.username} {n}", answers=None)
    for n in range(130):
        x._keep(CITIZEN, CITIZEN, f"{n}")
    cursor, seen, polls = None, [], 0
    while True:
        page = await polling.poll(cursor)
        seen += read(polling, page)
        cursor, polls = page.cursor, polls + 1
        assert page.pause == (0.0 if page.more else 120.0)
        if not page.more:
            break
    assert polls == 2
    posts = [v for v in seen if isinstance(v, InboundMessage) and v.public]
    messages = [v for v in seen if isinstance(v, InboundMessage) and not v.public]
    assert len({v.external_id for v in posts}) == len(posts) == 620
    assert len({v.external_id for v in messages}) == len(messages) == 130


async def test_a_stop_in_the_middle_of_a_backlog_loses_nothing(
    x: TwitterSandbox, polling: TwitterConnector
) -> None:
    for n in range(130):
        x._keep(CITIZEN, CITIZEN, f"{n}")
    first = await polling.poll(None)
    assert first.more
    x._keep(CITIZEN, CITIZEN, "meanwhile")
    again = await polling.poll(first.cursor)  # as another process would, with the saved cursor
    last = await polling.poll(again.cursor)
    found = texts(read(polling, first) + read(polling, again) + read(polling, last))
    assert {f"{n}" for n in range(130)} | {"meanwhile"} <= set(found)


async def test_a_page_that_x_has_forgotten_is_begun_anew(
    x: TwitterSandbox, polling: TwitterConnector
) -> None:
    for n in range(130):
        x._keep(CITIZEN, CITIZEN, f"{n}")
    first = await polling.poll(None)
    assert first.cursor is not None
    state = json.loads(first.cursor)
    state["messages"]["token"] = "expired!"
    seen = read(polling, first)
    page = await polling.poll(json.dumps(state))
    seen += read(polling, page)
    while page.more:
        page = await polling.poll(page.cursor)
        seen += read(polling, page)
    assert {f"{n}" for n in range(130)} <= set(texts(seen))


async def test_the_first_poll_goes_back_a_week_and_later_ones_to_the_last(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen, clock: Clock
) -> None:
    x.posts.clear()
    await citizen.mention("eight days ago")
    await citizen.message("eight days ago")
    clock.pass_(days=8)
    await citizen.mention("now")
    await citizen.message("now")
    first = await polling.poll(None)
    assert texts(read(polling, first)) == [f"@{x.username} now", "now"]
    await citizen.mention("while we were away")
    clock.pass_(days=20)
    assert texts(read(polling, await polling.poll(first.cursor))) == [
        f"@{x.username} while we were away"
    ]


async def test_a_cursor_that_cannot_be_read_begins_anew(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen
) -> None:
    await citizen.message("сәлем")
    assert "сәлем" in texts(read(polling, await polling.poll("12345")))


async def test_when_x_says_wait_the_time_is_the_one_it_names(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen, clock: Clock
) -> None:
    x.gate.limits |= {"GET /2/users/:id/mentions": 0, "GET /2/dm_events": 0}
    with pytest.raises(Throttled) as caught:
        await polling.poll(None)
    reset = 900 - NOW.timestamp() % 900
    assert caught.value.retry_after == reset
    calls = len(x.calls)
    with pytest.raises(Throttled):
        await polling.poll(None)
    assert len(x.calls) == calls, "X is not asked before its time"
    clock.pass_(seconds=reset + 1)
    x.gate.limits.clear()
    await citizen.message("сәлем")
    assert "сәлем" in texts(read(polling, await polling.poll(None)))


async def test_one_kind_that_must_wait_does_not_hold_up_the_other(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen
) -> None:
    x.posts.clear()
    x.gate.limits["GET /2/dm_events"] = 1
    await citizen.mention("first")
    first = await polling.poll(None)
    await citizen.mention("second")
    await citizen.message("waits")
    second = await polling.poll(first.cursor)
    assert texts(read(polling, second)) == [f"@{x.username} second"]
    third = await polling.poll(second.cursor)
    assert (third.bodies, third.pause) == ([], 120.0)


async def test_a_page_of_nothing_but_partial_errors_is_empty(
    x: TwitterSandbox, polling: TwitterConnector
) -> None:
    gone = {"title": "Not Found Error", "detail": "Could not find tweet", "type": "about:blank"}
    body = {"errors": [gone], "meta": {"result_count": 0}}
    x.fail_next(Failure(status=200, body=body), times=2)
    page = await polling.poll(None)
    assert (page.bodies, page.more) == ([], False)


async def test_what_one_kind_brought_is_not_lost_over_the_others_failure(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen
) -> None:
    x.posts.clear()
    await citizen.mention("воды нет")
    x.fail_next(Failure.html(), times=None, where=lambda call: call.path == "/2/dm_events")
    page = await polling.poll(None)
    assert texts(read(polling, page)) == [f"@{x.username} воды нет"]
    with pytest.raises(Unreachable):
        await polling.poll(page.cursor)


async def test_a_page_that_breaks_off_after_another_keeps_what_came(
    x: TwitterSandbox, polling: TwitterConnector
) -> None:
    x.posts.clear()
    for n in range(150):
        x._post(CITIZEN, f"@{x.username} {n}", answers=None)
    x.fail_next(
        Failure.broken_json(),
        times=None,
        where=lambda call: call.path.endswith("/mentions") and "until_id" in call.query,
    )
    page = await polling.poll(None)
    assert len(texts(read(polling, page))) == 100
    x.heal()
    assert len(texts(read(polling, await polling.poll(page.cursor)))) == 50


# --- The money ----------------------------------------------------------------------------------


async def test_spend_is_counted_as_x_counts_it(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen, store: MemoryStore, clock: Clock
) -> None:
    for n in range(3):
        await citizen.message(f"хат {n}")
        await citizen.mention(f"post {n}")
    page = await polling.poll(None)
    assert await spent(store) == x.gate.charged == 4 * 5_000 + 3 * 10_000 + 10_000
    for _ in range(3):  # what is known costs nothing more on the same day
        page = await polling.poll(page.cursor)
        clock.pass_(minutes=2)
    assert await spent(store) == x.gate.charged
    await polling.send(reply())
    await polling.send(in_public())
    await polling.send(in_public("Толығырақ: https://example.kz/su"))
    page = await polling.poll(page.cursor)
    assert await spent(store) == x.gate.charged
    clock.pass_(days=1)
    page = await polling.poll(page.cursor)  # and is paid for again on the next
    assert await spent(store) == x.gate.charged


async def test_what_was_refused_is_not_paid_for_and_what_may_have_gone_out_is(
    x: TwitterSandbox, account: TwitterConnector, citizen: Citizen, store: MemoryStore
) -> None:
    citizen.blocked = True
    with pytest.raises(Blocked):
        await account.send(reply())
    assert await spent(store) == 0
    citizen.blocked = False
    x.fail_next(Failure.reset_after())
    with pytest.raises(Uncertain):
        await account.send(reply())
    assert await spent(store) == 15_000


async def test_no_reply_passes_the_cap(x: TwitterSandbox, clock: Clock, store: MemoryStore) -> None:
    made = connector_at(x.url, clock=clock, store=store, monthly_cap=0.04)
    await made.send(reply())
    await made.send(reply())
    with pytest.raises(Misconfigured, match=r"monthly_cap of \$0.04") as caught:
        await made.send(reply())
    assert "channels.twitter.main.monthly_cap" in caught.value.cure
    assert "2026-04-01" in caught.value.cure
    assert await spent(store) == x.gate.charged == 30_000
    many = await asyncio.gather(*(made.send(reply()) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, Misconfigured) for one in many)
    clock.pass_(days=30)
    await made.send(reply())
    assert await spent(store, "2026-04") == 15_000
    await made.close()


async def test_a_reply_that_is_too_dear_is_refused_while_a_plainer_one_fits(
    x: TwitterSandbox, clock: Clock, store: MemoryStore
) -> None:
    made = connector_at(x.url, clock=clock, store=store, monthly_cap=0.1)
    with pytest.raises(Rejected, match="Without the address") as caught:
        await made.send(in_public("Толығырақ: https://example.kz/su"))
    assert (caught.value.code, "$0.20" in caught.value.reason) == ("monthly_cap", True)
    await made.send(in_public())
    await store.add("spend:2026-03", 80_000)
    with pytest.raises(Misconfigured, match="does not pay"):
        await made.send(in_public("Толығырақ: https://example.kz/su"))
    assert await spent(store) == 95_000
    await made.close()


async def test_polling_at_the_cap_looks_again_after_a_quarter_of_an_hour(
    x: TwitterSandbox, clock: Clock, store: MemoryStore, citizen: Citizen
) -> None:
    x.posts.clear()
    made = connector_at(x.url, clock=clock, store=store, mode="polling", monthly_cap=0.1)
    for n in range(30):
        x._post(CITIZEN, f"@{x.username} {n}", answers=None)
    page = await made.poll(None)
    assert len(texts(read(made, page))) == 6, "no more is asked for than can be paid"
    assert await spent(store) == x.gate.charged == 6 * 5_000 + 10_000
    clock.pass_(minutes=15)
    await store.add("spend:2026-03", 50_000)
    with pytest.raises(Throttled) as caught:
        await made.poll(page.cursor)
    assert caught.value.retry_after == 900
    await store.add("spend:2026-03", 10_000)
    found = await made.check()
    assert (found.health, found.can_send) == (Health.DOWN, False)
    clock.pass_(days=30)
    assert len(texts(read(made, await made.poll(page.cursor)))) == 6
    await made.close()


async def test_money_that_a_send_holds_for_a_moment_stops_polling_for_no_longer(
    x: TwitterSandbox, clock: Clock, store: MemoryStore, citizen: Citizen
) -> None:
    made = connector_at(x.url, clock=clock, store=store, mode="polling", monthly_cap=0.25)
    await store.add("spend:2026-03", 240_000)
    with pytest.raises(Throttled):
        await made.poll(None)
    await store.add("spend:2026-03", -200_000)
    await citizen.message("сәлем")
    clock.pass_(seconds=900)
    assert "сәлем" in texts(read(made, await made.poll(None)))
    await made.close()


async def test_an_account_whose_money_does_not_pay_for_a_page_is_red_and_can_send(
    x: TwitterSandbox, clock: Clock, store: MemoryStore
) -> None:
    made = connector_at(x.url, clock=clock, store=store, mode="polling", monthly_cap=1)
    for so_far, health, sends in (
        (925_000, Health.DEGRADED, None),
        (925_001, Health.DOWN, True),
        (985_001, Health.DOWN, False),
    ):
        await store.add("spend:2026-03", so_far - await spent(store))
        found = await made.check()
        assert (found.health, found.can_send) == (health, sends)
        assert found.cure is not None
    await made.close()


async def test_a_persons_name_is_paid_for_once_a_day(
    x: TwitterSandbox, polling: TwitterConnector, citizen: Citizen, store: MemoryStore, clock: Clock
) -> None:
    x.posts.clear()
    cursor = None
    for day in (1, 2):
        for n in range(3):
            await citizen.mention(f"post {day} {n}")
            cursor = (await polling.poll(cursor)).cursor
        assert await spent(store) == x.gate.charged == day * (3 * 5_000 + 10_000)
        clock.pass_(days=1)


def test_x_is_asked_again_after_an_hour_at_most() -> None:
    reset = str(int((NOW + timedelta(days=3)).timestamp()))
    told = throttled({"x-rate-limit-reset": reset}, NOW)
    assert told.retry_after == 3600


@pytest.mark.parametrize(
    ("spend", "health", "words"),
    [
        (0, Health.OK, "receives by webhook"),
        (39_999_999, Health.OK, "receives by webhook"),
        (40_000_000, Health.DEGRADED, "$40.00 of the monthly_cap of $50.00"),
        (50_000_000, Health.DOWN, "$50.00 is spent"),
    ],
)
async def test_the_diagnosis_warns_of_the_cap(
    spend: int, health: Health, words: str, x: TwitterSandbox, hub: Hub, store: MemoryStore
) -> None:
    made = connector_at(x.url, public_url=hub.url, clock=Clock(), store=store, monthly_cap=50)
    await store.add("spend:2026-03", spend)
    found = await made.check()
    assert found.health is health
    assert words in found.summary
    assert found.details["spent"].endswith("of $50.00 in 2026-03")
    assert (found.cure is None) == (health is Health.OK)
    await made.close()


class Broken(MemoryStore):
    """A store whose database is away."""

    async def add(self, name: str, amount: int) -> int:
        raise Unavailable


async def test_without_its_store_an_account_waits(x: TwitterSandbox, clock: Clock) -> None:
    made = connector_at(x.url, clock=clock, store=Broken(), mode="polling")
    with pytest.raises(Unreachable):
        await made.send(reply())
    with pytest.raises(Unreachable):
        await made.poll(None)
    assert (await made.check()).health is Health.DOWN
    assert x.sent == []
    await made.close()


def test_the_month_after_december_is_january() -> None:
    assert next_month(datetime(2026, 12, 31, 23, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert next_month(datetime(2026, 1, 31, tzinfo=UTC)) == datetime(2026, 2, 1, tzinfo=UTC)


# --- Sending ------------------------------------------------------------------------------------


async def test_parts_of_a_public_reply_hang_under_each_other(
    x: TwitterSandbox, account: TwitterConnector, citizen: Citizen
) -> None:
    first = await account.send(in_public("1/2"))
    second = await account.send(in_public("2/2", part=1, previous_part=first.external_ids[0]))
    assert [one.answers for one in x.sent] == [ROOT, first.external_ids[0]]
    assert [one.text for one in citizen.received] == ["1/2", "2/2"]
    assert x.posts[second.external_ids[0]]["conversation_id"] == ROOT


@pytest.mark.parametrize(
    "message",
    [
        in_public(last_inbound=None),
        in_public(last_inbound="not-a-post"),
        reply(conversation="1534001122334455667"),
        reply(conversation="1-2"),
        reply(conversation=f"{USER_ID}-{USER_ID}"),
        reply(conversation="a-b"),
        reply(" \n"),
        reply("", file(), file(number=2)),
        in_public("", *(file(number=n) for n in range(5))),
        in_public("", file(), video(number=2)),
        in_public("", file(), file(mime="image/gif", number=2)),
        reply("", file(AttachmentKind.DOCUMENT, mime="application/pdf")),
        reply("", file(size=6 * 1024 * 1024)),
    ],
    ids=range(13),
)
async def test_what_x_cannot_carry_is_refused_before_it_is_asked(
    message: OutboundMessage, x: TwitterSandbox, account: TwitterConnector, store: MemoryStore
) -> None:
    with pytest.raises(Rejected):
        await account.send(message)
    assert x.calls == []
    assert await spent(store) == 0


async def test_files_are_handed_over_in_pieces(
    x: TwitterSandbox, account: TwitterConnector
) -> None:
    await account.send(in_public("Міне", file(), file(number=2)))
    await account.send(reply("Видео", video()))
    await account.send(in_public("", file(mime="image/gif", number=3)))
    one, two, film, gif = x.uploads.held.values()
    assert (one.category, one.content) == ("tweet_image", b"\xff\xd8" * 700_000)
    assert len(one.pieces) == 2
    assert (film.category, film.content) == ("dm_video", b"mp4" * 800_000)
    assert gif.category == "tweet_gif"
    assert [sent.media for sent in x.sent] == [(one.id, two.id), (film.id,), (gif.id,)]


async def test_a_film_that_takes_long_is_waited_for_and_not_handed_over_again(
    x: TwitterSandbox, account: TwitterConnector
) -> None:
    x.uploads.polls, x.uploads.check_after = 3, 3000
    for _ in range(2):
        with pytest.raises(Unreachable, match="still processing"):
            await account.send(reply("", video()))
    x.uploads.check_after = 0
    await account.send(reply("", video()))
    assert len(x.uploads.held) == 1
    assert len(x.sent) == 1


async def test_a_film_that_x_cannot_use_is_refused_and_handed_over_anew_another_time(
    x: TwitterSandbox, account: TwitterConnector
) -> None:
    x.uploads.broken = True
    with pytest.raises(Rejected, match="Unsupported video format"):
        await account.send(reply("", video()))
    x.uploads.broken = False
    await account.send(reply("", video()))
    assert len(x.uploads.held) == 2


@pytest.mark.parametrize("step", ["initialize", "append", "finalize"])
@pytest.mark.parametrize(
    "failure", [Failure.html(), Failure.reset_after(), Failure.broken_json()], ids=["a", "b", "c"]
)
async def test_a_file_that_did_not_arrive_has_sent_nothing(
    step: str, failure: Failure, x: TwitterSandbox, account: TwitterConnector
) -> None:
    x.fail_next(failure, where=lambda call: call.path.endswith(step))
    with pytest.raises(Unreachable):
        await account.send(in_public("Міне", file()))
    assert x.sent == []
    await account.send(in_public("Міне", file()))
    assert len(x.sent) == 1


async def test_a_file_that_x_forgot_is_handed_over_anew(
    x: TwitterSandbox, account: TwitterConnector
) -> None:
    x.gate.limits["POST /2/tweets"] = 0
    with pytest.raises(Throttled):
        await account.send(in_public("Міне", file()))
    x.gate.limits.clear()
    x.uploads.held.clear()
    await account.send(in_public("Міне", file()))
    assert len(x.sent) == 1


async def test_no_token_leaves_in_an_address_and_none_is_logged(
    x: TwitterSandbox, account: TwitterConnector, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        await account.send(reply())
        await account.check()
    for call in x.calls:
        shown = f"{call.path}{dict(call.query)}{call.body!r}"
        assert not any(secret in shown for secret in SECRETS)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert not any(secret in logged for secret in SECRETS)


# --- What X's refusals mean ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("doing", "status", "code", "said", "error"),
    [
        ("other", 403, "403", "Forbidden", Misconfigured),
        ("file", 403, "403", "This user is not allowed to post a video", Rejected),
        ("post", 404, "resource-not-found", "Could not find tweet", Rejected),
        ("post", 403, "344", "You have reached your daily limit", Throttled),
        ("post", 403, "403", "You have reached your daily limit for posting", Throttled),
        ("dm", 403, "150", "You cannot send messages to users who …", Blocked),
        ("dm", 403, "403", "User has been suspended", Blocked),
        ("dm", 403, "453", "You currently have access to a subset of X API", Misconfigured),
        ("dm", 403, "unsupported-authentication", "Unsupported", Misconfigured),
        ("dm", 403, "client-not-enrolled", "…", Misconfigured),
        ("dm", 400, "invalid-request", "text is too long", Rejected),
        ("file", 500, "500", "Internal error", Unreachable),
        ("other", 502, "502", "Bad Gateway", Unreachable),
        ("post", 500, "500", "Internal error", Uncertain),
    ],
)
def test_a_refusal_means_what_the_table_says(
    doing: Doing, status: int, code: str, said: str, error: type[SendError]
) -> None:
    found = refused(Problem(status=status, code=code, said=said), {}, doing=doing, now=NOW)
    assert type(found) is error
    assert found.code == code
    if isinstance(found, Misconfigured):
        assert found.cure


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        ({"detail": "No.\n Never.", "type": "about:blank"}, "400", "No. Never"),
        ({"errors": [{"message": "Bad", "code": 32}]}, "32", "Bad"),
        ({"errors": [{"detail": "Deep", "type": "https://x/2/problems/deep"}]}, "deep", "Deep"),
        (
            {"detail": "It is wrong.", "errors": [{"message": "`text` is wrong."}]},
            "400",
            "It is wrong: `text` is wrong",
        ),
        ({"title": "Only a title"}, "400", "Only a title"),
        ({"type": "about:blank"}, "400", "Bad Request"),
        ({"error": "odd"}, "400", "odd"),
    ],
)
def test_a_problem_is_read_in_each_of_its_shapes(data: Any, code: str, said: str) -> None:
    found = problem_of(400, data)
    assert found == Problem(status=400, code=code, said=said)


@pytest.mark.parametrize("data", [None, [], "x", 1, {}, {"errors": []}, {"errors": [1]}])
def test_what_is_no_problem_of_xs_is_none(data: Any) -> None:
    assert problem_of(400, data) is None


# --- The account --------------------------------------------------------------------------------


async def test_tokens_of_another_account_are_told(x: TwitterSandbox) -> None:
    made = connector_at(x.url, user_id="1716450569358098999")
    found = await made.check()
    assert found.health is Health.DOWN
    assert "almaty_109_example" in found.summary
    assert found.cure is not None
    assert USER_ID in found.cure
    await made.close()


async def test_the_diagnosis_tells_what_is_left_of_xs_windows(
    x: TwitterSandbox, polling: TwitterConnector
) -> None:
    await polling.poll(None)
    found = await polling.check()
    assert found.summary == "@almaty_109_example is polled every 120 seconds."
    assert found.details["account"] == "@almaty_109_example"
    assert found.details["left: GET /2/dm_events"] == "14 of 15"
    assert found.details["left: GET /2/users/…/mentions"] == "299 of 300"
    assert found.details["spent"] == "$0.01 in 2026-03"


async def test_registering_for_polling_proves_the_keys(x: TwitterSandbox) -> None:
    made = connector_at(x.url, mode="polling", access_token="wrong-token-000")
    with pytest.raises(Misconfigured, match="keys"):
        await made.register()
    await made.close()


# --- Files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ref",
    [
        None,
        "",
        "https://example.kz/media/1.jpg",
        "http://pbs.twimg.com/media/1.jpg",
        "https://pbs.twimg.com:8443/media/1.jpg",
        "https://pbs.twimg.com@example.kz/1.jpg",
        "https://pbs.twimg.com.example.kz/1.jpg",
        "file:///etc/passwd",
        "//pbs.twimg.com/media/1.jpg",
    ],
)
async def test_a_file_elsewhere_than_at_x_is_not_asked_for(
    ref: str | None, x: TwitterSandbox, account: TwitterConnector
) -> None:
    with pytest.raises(Rejected):
        await bytes_of(account, Attachment(kind=AttachmentKind.PHOTO, ref=ref))
    assert x.calls == []


async def test_a_file_that_is_gone_or_too_large_can_never_be_had(
    x: TwitterSandbox, account: TwitterConnector
) -> None:
    gone = Attachment(kind=AttachmentKind.PHOTO, ref="https://pbs.twimg.com/media/gone.jpg")
    with pytest.raises(Rejected):
        await bytes_of(account, gone)


async def test_a_private_file_is_asked_for_in_the_accounts_name(
    x: TwitterSandbox, account: TwitterConnector, citizen: Citizen
) -> None:
    held = x.store(b"private", kind="photo", private=True)
    photo = Attachment(kind=AttachmentKind.PHOTO, ref=held["url"])
    assert await bytes_of(account, photo) == b"private"
    wrong = connector_at(x.url, access_token_secret="another-secret-0000")
    with pytest.raises(Misconfigured):
        await bytes_of(wrong, photo)
    await wrong.close()
    public = x.store(b"public", kind="photo", private=False)
    shown = Attachment(kind=AttachmentKind.PHOTO, ref=public["url"])
    assert await bytes_of(account, shown) == b"public"
    assert "Authorization" not in x.calls[-1].headers


# --- The demo -----------------------------------------------------------------------------------


async def test_citizens_of_the_demo_write_in_public_and_in_private() -> None:
    async with demo_account(run=3) as demo, Hub() as hub:
        made = TwitterConnector(
            "main",
            TwitterSettings.model_validate(demo.settings),
            Context(public_url=hub.url),
        )
        hub.connector = made
        await made.register()
        people = [demo.citizen(name=name, language="kk") for name in ("Айгүл", "Ерлан")]
        assert len({person.id for person in people}) == 2
        for person in people:
            await person.say("Сәлеметсіз бе!")
            await person.photo("Міне")
        private, picture_, public, posted = hub.read
        assert isinstance(private, InboundMessage)
        assert isinstance(public, InboundMessage)
        assert isinstance(picture_, InboundMessage)
        assert isinstance(posted, InboundMessage)
        assert (private.public, public.public) == (False, True)
        for value in (picture_, posted):
            assert (await bytes_of(made, value.attachments[0])).startswith(b"\x89PNG")
        answered = reply(
            conversation=public.conversation, public=True, last_inbound=public.external_id
        )
        await made.send(answered)
        assert (await people[1].next()).text == answered.text
        await people[1].say("Рақмет!")
        again = hub.read[-1]
        assert isinstance(again, InboundMessage)
        assert again.conversation == public.conversation
        await made.close()
