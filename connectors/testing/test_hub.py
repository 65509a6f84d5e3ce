"""The small hub of the channels' tests, and what is sent from it."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest

from connectors.base import Answer, Context, Forged
from connectors.blackhole.connector import HEADER, BlackholeConnector, BlackholeSettings
from connectors.testing.contract import NOW
from connectors.testing.hub import Clock, SmallHub, delivery_to
from connectors.testing.outgoing import file, reply
from registry.types import AttachmentKind, Envelope, InboundMessage

SECRET = "shown-by-the-sender"
BODY = b'{"id": "1", "sender": "aigerim", "text": "\xd0\xa1\xd1\x83 \xd0\xb6\xd0\xbe\xd2\x9b"}'


class Talkative(BlackholeConnector):
    """One that shakes hands, and answers with the address that a delivery came to."""

    def handshake(self, query: Mapping[str, str]) -> Answer:
        if query.get("word") != SECRET:
            raise Forged("not the word")
        return Answer(body=b"hello")

    def answer(self, envelope: Envelope) -> Answer:
        return Answer(body=f"{envelope.action}?{envelope.query}".encode())


class Hub(SmallHub[Talkative]):
    channel = "blackhole"


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    settings = BlackholeSettings.model_validate({"webhook_secret": SECRET})
    async with Hub() as running:
        running.connector = Talkative("main", settings, Context(public_url=running.url))
        yield running


async def test_a_delivery_is_verified_read_and_answered(hub: Hub) -> None:
    hook = f"{hub.url}/hooks/blackhole/main"
    said = await hub.exchange("POST", f"{hook}/status?a=%D2%9B+1", BODY, headers={HEADER: SECRET})

    assert (said.status, said.body) == (200, b"status?a=%D2%9B+1")
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    assert (message.text, message.account) == ("Су жоқ", "main")
    assert hub.answers == [Answer(body=b"status?a=%D2%9B+1")]


async def test_what_is_forged_is_refused_and_not_read(hub: Hub) -> None:
    hook = f"{hub.url}/hooks/blackhole/main"

    assert await hub.deliver(hook, BODY, {HEADER: "another-word"}) == 401
    assert (await hub.exchange("GET", f"{hook}?word=another")).status == 403
    assert (hub.read, hub.answers) == ([], [])
    assert (await hub.exchange("GET", f"{hook}?word={SECRET}")).body == b"hello"


def test_a_delivery_is_one_to_the_account_of_every_test() -> None:
    found = delivery_to("sms", b"a=1", {"X-Key": "k"}, action="status", query="b=2")

    assert (found.channel, found.account, found.body) == ("sms", "main", b"a=1")
    assert (found.headers["x-key"], found.action, found.query) == ("k", "status", "b=2")


def test_time_passes_only_when_told_to() -> None:
    clock = Clock()

    clock.pass_(hours=25, minutes=1)

    assert clock() - NOW == timedelta(days=1, minutes=61)


async def test_a_file_is_given_out_in_parts_and_whole() -> None:
    content = bytes(range(256)) * 600
    sent = file(AttachmentKind.PHOTO, content=content, mime="image/jpeg")

    parts = [part async for part in sent.stream()]

    assert b"".join(parts) == content
    assert len(parts) == 3
    assert (sent.size, sent.mime) == (len(content), "image/jpeg")
    made = reply("sms", "Жөндейміз", sent, conversation="+77015550142")
    assert (made.attachments, made.conversation, made.public) == ((sent,), "+77015550142", False)
