"""An account's settings, its passes, and what is said when something at Twilio is not as it should
be."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.base import Context, FallsBack, Health, Misconfigured, Phones, Rejected
from connectors.phone.connector import PhoneConnector, PhoneSettings
from connectors.phone.people import caller_shown, device_at_twilio, number_of
from connectors.phone.sandbox import (
    API_KEY_SECRET,
    API_KEY_SID,
    APPLICATION_SID,
    PhoneSandbox,
)
from connectors.testing.contract import NOW, PUBLIC_URL
from connectors.testing.outgoing import reply
from connectors.testing.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER

AccessToken: Any = import_module("twilio.jwt.access_token").AccessToken

HOOK = f"{PUBLIC_URL}/hooks/phone/main"
FALLBACK = "https://handler.twilio.com/twiml/EH0f0000000000000000000000000000a7"
KEYS = {
    "account_sid": ACCOUNT_SID,
    "auth_token": AUTH_TOKEN,
    "number": NUMBER,
    "api_key_sid": API_KEY_SID,
    "api_key_secret": API_KEY_SECRET,
}


def opened(*, public_url: str = PUBLIC_URL, now: datetime = NOW, **keys: Any) -> PhoneConnector:
    table = {name: value for name, value in {**KEYS, **keys}.items() if value is not None}
    settings = PhoneSettings.model_validate(table)
    return PhoneConnector("main", settings, Context(public_url=public_url, clock=lambda: now))


@pytest.fixture
async def twilio() -> AsyncIterator[PhoneSandbox]:
    async with PhoneSandbox() as running:
        running.numbers[NUMBER].voice_fallback_url = FALLBACK
        yield running


@pytest.fixture
async def phone(twilio: PhoneSandbox) -> AsyncIterator[PhoneConnector]:
    made = opened(api_base=twilio.url)
    yield made
    await made.close()


# --- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"account_sid": "AC12"}, "AC and 32 digits"),
        ({"auth_token": "with blanks in it"}, "Auth Token"),
        ({"number": "109"}, "with its country"),
        ({"number": "87272000109"}, "with its country"),
        ({"api_key_sid": "AC00000000000000000000000000000000"}, "SK and 32 digits"),
        ({"api_key_sid": None}, "give both or neither"),
        ({"api_key_secret": None}, "give both or neither"),
        ({"twiml_app_sid": "app"}, "AP and 32 digits"),
        ({"api_base": "api.twilio.com"}, "http"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_words(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        opened(**keys)
    assert API_KEY_SECRET not in str(caught.value)
    assert AUTH_TOKEN not in str(caught.value)


def test_a_number_may_be_written_as_people_write_it() -> None:
    settings = PhoneSettings.model_validate({**KEYS, "number": "+7 (727) 200-01-09"})
    assert settings.number == NUMBER


def test_an_account_is_a_telephone_with_a_fallback() -> None:
    made = opened()
    assert isinstance(made, Phones)
    assert isinstance(made, FallsBack)


# --- People --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ("+77015550142", "+77015550142"),
        ("77015550142", "+77015550142"),
        (" +77015550142 ", "+77015550142"),
        ("+266696687", ""),
        ("+7378742833", ""),
        ("+86282452253", ""),
        ("anonymous", ""),
        ("Restricted", ""),
        ("", ""),
        ("109", ""),
        ("87015550142", ""),
        ("7015550142", ""),
        ("sip:+77015550142@pbx.example.kz", ""),
        ("+7701555\u0660142", ""),
    ],
)
def test_a_withheld_number_is_none(told: str, number: str) -> None:
    assert number_of(told) == number


@pytest.mark.parametrize(
    ("device", "shown", "called", "caller"),
    [
        ("client:operator-17", "+77015550142", "client:operator_17", "client:77015550142"),
        ("client:operator-17", "", "client:operator_17", "client:anonymous"),
        ("client:operator-17", NUMBER, "client:operator_17", NUMBER),
        ("sip:17@pbx.example.kz", "+77015550142", "sip:17@pbx.example.kz", NUMBER),
        ("+77015550199", "+77015550142", "+77015550199", NUMBER),
    ],
)
def test_a_device_sees_whom_twilio_lets_it_see(
    device: str, shown: str, called: str, caller: str
) -> None:
    assert (device_at_twilio(device), caller_shown(device, shown, ours=NUMBER)) == (called, caller)


# --- Passes --------------------------------------------------------------------------------------


def test_a_pass_is_twilios_own_token() -> None:
    now = datetime.now(UTC)  # its library asks the machine's clock
    made = opened(now=now).pass_for("operator-17", seconds=600)
    read = AccessToken.from_jwt(made, key=API_KEY_SECRET)
    assert read.headers["cty"] == "twilio-fpa;v=1"
    assert (read.payload["iss"], read.payload["sub"]) == (API_KEY_SID, ACCOUNT_SID)
    assert read.payload["exp"] == int(now.timestamp()) + 600
    assert read.payload["grants"] == {
        "identity": "operator_17",
        "voice": {"incoming": {"allow": True}},
    }


async def test_a_browser_with_a_pass_takes_calls_until_it_ends(twilio: PhoneSandbox) -> None:
    made = opened(now=twilio.time(), api_base=twilio.url)
    device = twilio.device("client:operator_17")
    taken = device.register(made.pass_for("operator-17", seconds=600))
    assert (taken.incoming, device.reachable) == (True, True)
    await twilio.pass_time(601)
    assert not device.reachable


def test_a_browser_calls_by_itself_only_where_there_is_an_app() -> None:
    now = datetime.now(UTC)
    made = opened(now=now, twiml_app_sid=APPLICATION_SID).pass_for("a", seconds=60)
    voice = AccessToken.from_jwt(made, key=API_KEY_SECRET).payload["grants"]["voice"]
    assert voice["outgoing"] == {"application_sid": APPLICATION_SID}


def test_without_an_api_key_there_is_no_pass_and_the_cure_names_the_keys() -> None:
    made = opened(api_key_sid=None, api_key_secret=None)
    with pytest.raises(Misconfigured) as caught:
        made.pass_for("operator-17", seconds=60)
    assert "channels.phone.main.api_key_sid" in caught.value.cure


@pytest.mark.parametrize(("identity", "seconds"), [("", 60), ("a", 0), ("a", 24 * 3600 + 1)])
def test_a_pass_is_for_somebody_and_for_a_day_at_most(identity: str, seconds: int) -> None:
    with pytest.raises(ValueError, match="for somebody"):
        opened().pass_for(identity, seconds=seconds)


# --- Where calls go ------------------------------------------------------------------------------


async def test_a_new_number_is_pointed_to_the_hub(
    phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    own = twilio.numbers[NUMBER]
    own.voice_url = "https://demo.twilio.com/welcome/voice/"
    await phone.register()
    assert (own.voice_url, own.voice_method) == (HOOK, "POST")
    assert (own.status_callback, own.status_callback_method) == (f"{HOOK}/status", "POST")
    assert own.voice_fallback_url == FALLBACK
    assert (await phone.check()).health is Health.OK


async def test_what_somebody_entered_stays_and_is_told(
    phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    own = twilio.numbers[NUMBER]
    own.voice_url = "https://old.example.kz/secret/ivr"
    await phone.register()
    assert own.voice_url == "https://old.example.kz/secret/ivr"
    found = await phone.check()
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert "https://old.example.kz" in found.summary
    assert "secret" not in found.summary
    assert f"enter {HOOK} with HTTP POST" in (found.cure or "")


@pytest.mark.parametrize(
    ("entered", "health", "summary", "cure"),
    [
        ({"voice_url": ""}, Health.DOWN, "No webhook is set", "hub doctor"),
        ({"voice_method": "GET"}, Health.DOWN, "by GET", "choose HTTP POST"),
        (
            {"voice_application_sid": APPLICATION_SID},
            Health.DOWN,
            f"({APPLICATION_SID}) takes the calls",
            "Webhook instead of TwiML App",
        ),
        (
            {"capabilities": {"voice": False, "sms": True}},
            Health.DOWN,
            "carries no calls",
            "capability Voice",
        ),
        ({"status_callback": ""}, Health.DEGRADED, "does not tell when a call", "hub doctor"),
        (
            {"status_callback": "https://old.example.kz/x"},
            Health.DEGRADED,
            "the ends of calls",
            f"{HOOK}/status",
        ),
        ({"voice_fallback_url": ""}, Health.DEGRADED, "hear an error", "Primary handler fails"),
        (
            {"voice_fallback_url": f"{HOOK}/fallback-message"},
            Health.DEGRADED,
            "is the hub's own",
            "does not depend on the hub",
        ),
    ],
)
async def test_what_is_not_as_it_should_be_is_told_with_its_cure(
    entered: dict[str, Any],
    health: Health,
    summary: str,
    cure: str,
    phone: PhoneConnector,
    twilio: PhoneSandbox,
) -> None:
    await phone.register()
    for name, value in entered.items():
        setattr(twilio.numbers[NUMBER], name, value)
    found = await phone.check()
    assert found.health is health
    assert summary in found.summary
    assert cure in (found.cure or "")


async def test_patience_that_an_administrator_wrote_behind_the_address_is_theirs(
    phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    await phone.register()
    twilio.numbers[NUMBER].voice_url = f"{HOOK}#rc=2&rt=5000"
    assert (await phone.check()).health is Health.OK


async def test_a_number_of_another_account_is_told_by_its_key(twilio: PhoneSandbox) -> None:
    made = opened(api_base=twilio.url, number="+77172000109")
    found = await made.check()
    assert (found.health, "channels.phone.main.number" in (found.cure or "")) == (
        Health.DOWN,
        True,
    )
    with pytest.raises(Misconfigured):
        await made.register()
    await made.close()


@pytest.mark.parametrize("public_url", ["http://localhost:8080", "https://my_hub.example.kz"])
async def test_an_address_that_twilio_cannot_call_is_not_registered(public_url: str) -> None:
    made = opened(public_url=public_url)
    with pytest.raises(Misconfigured, match="public_url"):
        await made.register()


async def test_an_account_without_funds_is_down_and_one_that_runs_out_is_degraded(
    phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    await phone.register()
    twilio.balance = "0.00"
    assert (await phone.check()).health is Health.DOWN
    twilio.balance = "2.00"
    assert (await phone.check()).health is Health.DEGRADED


async def test_a_reply_is_refused_with_what_can_be_done(phone: PhoneConnector) -> None:
    with pytest.raises(Rejected, match="call, or answer another way"):
        await phone.send(reply("phone"))
