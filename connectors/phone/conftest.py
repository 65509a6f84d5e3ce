"""A hub that answers as a test says, and Twilio's telephone that asks it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from connectors.phone.sandbox import ACCOUNT_SID, AUTH_TOKEN, NUMBER, Phone, PhoneSandbox
from connectors.testing.scripted_hub import ScriptedHub

CITIZEN = "+77012223344"
MORNING = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedHub]:
    async with ScriptedHub() as running:
        yield running


@pytest.fixture
async def twilio(scripted: ScriptedHub) -> AsyncIterator[PhoneSandbox]:
    """The number's calls go to /call, their ends are told to /ended."""
    async with PhoneSandbox(hub=scripted.url, start=MORNING) as running:
        running.numbers[NUMBER].voice_url = "https://hub.example.kz/call"
        running.numbers[NUMBER].status_callback = "https://hub.example.kz/ended"
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def calls(twilio: PhoneSandbox, number: str = CITIZEN) -> Phone:
    """A citizen calls."""
    caller = twilio.caller(number)
    await caller.call()
    return caller


async def leaves_message(twilio: PhoneSandbox, number: str = CITIZEN) -> None:
    """Somebody calls a line that takes voicemails, speaks for five seconds, and hangs up."""
    caller = await calls(twilio, number)
    await twilio.pass_time(1)
    await caller.say(seconds=5)
    await twilio.pass_time(5)
    await caller.hang_up()
    await twilio.pass_time(10)
