"""Calls at the webhook: what the provider is answered, whatever state we are in."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlmodel import select

from config.settings import Settings
from connectors.testing.twilio import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    NUMBER,
    SIGNATURE_HEADER,
    sign_delivery,
)
from hub import calls
from hub.app import Hub, application, open_hub
from registry.calls.prompt_changes import change_words
from registry.calls.steps import TEXT_KEY
from registry.calls.tables import Call
from registry.models import Buried, Message
from tests.conftest import Databases, FakeClock
from workers.bus import Topic

HOOK = "/hooks/phone/main"
CALL = f"CA{'1' * 32}"
CITIZEN = "+77012223344"


@pytest.fixture
async def hub(database_url: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Hub]:
    account = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "number": NUMBER}
    settings = Settings.model_validate(
        {
            "secret_key": "a secret of this test that nobody else has",
            "public_url": "https://hub.example.kz",
            "database": {"url": database_url},
            "folder": tmp_path,
            "channels": {"phone": {"main": account}},
        }
    )
    async with open_hub(settings, clock=clock) as opened:
        yield opened


@pytest.fixture
async def twilio(hub: Hub) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(application(hub))) as client:
        yield client


async def posts(
    twilio: TestClient[Any, Any], path: str = "", **fields: str
) -> tuple[int, ElementTree.Element | None]:
    """Post a signed form about a call; the status, and the document that is answered."""
    form = {
        "AccountSid": ACCOUNT_SID, "CallSid": CALL, "From": CITIZEN, "To": NUMBER,
        "CallStatus": "ringing", "Direction": "inbound", **fields,
    }  # fmt: skip
    body = urlencode(form).encode()
    signature = sign_delivery(AUTH_TOKEN, f"https://hub.example.kz{HOOK}{path}", body)
    headers = {
        SIGNATURE_HEADER: signature,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    async with twilio.post(HOOK + path, data=body, headers=headers) as answer:
        text = await answer.text()
        is_document = answer.status == 200 and bool(text)
        return answer.status, ElementTree.fromstring(text) if is_document else None


async def test_a_call_is_stored_and_answered_with_what_is_heard_first(
    hub: Hub, twilio: TestClient[Any, Any]
) -> None:
    status, document = await posts(twilio)
    assert status == 200
    assert document is not None
    assert [verb.tag for verb in document] == ["Gather"]
    played = [sound.text or "" for sound in document[0] if sound.tag == "Play"]
    assert played[0].startswith("https://hub.example.kz/prompts/welcome.kk.")
    async with hub.database.read() as session:
        (call,) = await session.exec(select(Call))
        (message,) = await session.exec(select(Message))
    assert (call.number, call.step) == (CITIZEN, "language")
    assert message.sent_at == hub.clock()


async def test_what_an_administrator_changed_is_heard_by_the_next_caller(
    hub: Hub, twilio: TestClient[Any, Any]
) -> None:
    await posts(twilio)
    async with hub.database.write() as session:
        await change_words(
            session, "welcome", "ru", "Добрый день!", actor="operator:1", now=hub.clock()
        )
    _, document = await posts(twilio, CallSid=f"CA{'2' * 32}")
    assert document is not None
    assert "Добрый день!" in [said.text for said in document.iter("Say")]


async def test_what_cannot_be_understood_is_buried_and_the_caller_is_told(
    hub: Hub, twilio: TestClient[Any, Any]
) -> None:
    for path in ("", "/status", "/step?at=%20"):
        status, document = await posts(
            twilio, path, CallSid=f"nobody's at {path}", CallStatus="completed"
        )
        assert status == 200
        assert document is not None
        assert [verb.tag for verb in document] == ["Play", "Hangup"]
        assert "/prompts/error.kk." in (document[0].text or "")
    async with hub.database.read() as session:
        buried = (await session.exec(select(Buried.action).order_by(Buried.action))).all()
    assert buried == ["", "status", "step"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_that_is_away_sends_the_caller_to_the_fallback(
    twilio: TestClient[Any, Any], databases: Databases, database_url: str
) -> None:
    await asyncio.to_thread(databases.server.drop, urlsplit(database_url).path.lstrip("/"))
    for path in ("", "/step?at=language&asked=1", "/wait", "/status"):
        assert (await posts(twilio, path, CallStatus="completed"))[0] == 503


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("failure", [ValueError("a bug"), TimeoutError()])
async def test_a_failure_of_ours_sends_the_caller_to_the_fallback(
    twilio: TestClient[Any, Any], failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(calls, "decide", fails)
    assert (await posts(twilio))[0] == 503


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_outbox_looks_again_for_whoever_may_have_asked_for_an_sms_alone(
    hub: Hub, twilio: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[Topic] = []
    monkeypatch.setattr(type(hub.bus), "wake", lambda _, topic: woken.append(topic))
    await posts(twilio)
    await posts(twilio, "/step?at=language&asked=1", Digits="2")
    assert woken == []
    await posts(twilio, "/step?at=wait&asked=1", Digits=TEXT_KEY)
    assert woken == [Topic.OUTBOX]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_told_twice_or_out_of_order_is_answered_all_the_same(
    hub: Hub, twilio: TestClient[Any, Any], clock: FakeClock
) -> None:
    told = [
        ("/status", {"CallStatus": "completed", "CallDuration": "9"}),
        ("/wait", {"QueueTime": "4", "CallStatus": "in-progress"}),
        ("/queue", {"QueueResult": "hangup"}),
        ("", {}),
        ("/step?at=language&asked=1", {"Digits": "1"}),
        ("/leg?leg=7", {}),
        ("/leg-status?leg=7", {"CallStatus": "completed"}),
        ("/nothing-of-ours", {}),
    ]
    for path, fields in [*told, *reversed(told)]:
        clock.advance(timedelta(seconds=1))
        assert (await posts(twilio, path, **fields))[0] == 200, path
    async with hub.database.read() as session:
        (call,) = await session.exec(select(Call))
        assert call.ended_at is not None
        assert len((await session.exec(select(Message))).all()) == 1
