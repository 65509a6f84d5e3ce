"""The demo's callers find their way by themselves."""

import asyncio

import pytest

from connectors.phone.citizens import CALL_BACK, MESSAGE, Citizen
from connectors.phone.demo import DemoSandbox, demo_account
from connectors.phone.sandbox import NUMBER, PhoneSandbox
from connectors.testing.scripted_hub import ScriptedHub

CITIZEN = "+77012223344"


def citizen(twilio: PhoneSandbox, *, choice: str = MESSAGE, language: str = "ru") -> Citizen:
    made = Citizen(twilio, CITIZEN, name="Ольга Ким", language=language, choice=choice)
    twilio.phones[CITIZEN] = made.phone
    return made


async def call(twilio: PhoneSandbox, caller: Citizen, *, seconds: float) -> None:
    calling = asyncio.create_task(caller.say("Нет воды, пр. Абая, 44"))
    await asyncio.sleep(0)  # the call has begun
    await twilio.pass_time(seconds)
    if caller.phone.leg is not None:
        calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)


@pytest.mark.parametrize(("language", "key"), [("kk", "1"), ("ru", "2"), ("en", "3")])
async def test_a_citizen_chooses_their_language_once(
    language: str, key: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Gather action="/step" numDigits="1"><Say>Language</Say></Gather>'
    caller = citizen(twilio, language=language)
    await call(twilio, caller, seconds=5)
    assert [told["Digits"] for told in scripted.told("/step")] == [key]
    assert caller.phone.status == "completed"


@pytest.mark.parametrize("choice", [CALL_BACK, MESSAGE])
async def test_a_citizen_who_waited_long_looks_for_another_way(
    choice: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Gather action="/step" numDigits="1"/>'
    scripted.replies["/step"] = '<Enqueue waitUrl="/wait" action="/queue">a</Enqueue>'
    scripted.replies["/wait"] = '<Gather action="/wanted" numDigits="1" timeout="20"/>'
    scripted.replies["/wanted"] = "<Leave/>"
    scripted.replies["/queue"] = '<Record action="/message"/>'
    await call(twilio, citizen(twilio, choice=choice), seconds=40)
    assert not list(scripted.told("/wanted"))
    await twilio.pass_time(60)
    assert [told["Digits"] for told in scripted.told("/wanted")] == [choice]
    (message,) = scripted.told("/message")
    assert (message["Digits"], message["RecordingDuration"]) == ("hangup", "8")


async def test_a_citizen_who_is_called_back_picks_up_and_talks(
    twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Dial><Conference>call-1</Conference></Dial>"
    caller = citizen(twilio)
    scripted.replies["/other"] = "<Dial><Number>+77012223344</Number></Dial>"
    twilio.own("+77272000110", voice_url="https://hub.example.kz/other")
    other = twilio.caller("+77015550142")
    await other.call("+77272000110")
    assert caller.phone.ringing
    await twilio.pass_time(4)
    assert other.talks_to == {CITIZEN}
    await twilio.pass_time(30)
    assert caller.phone.status == "completed"


async def test_every_device_of_the_demo_picks_up_by_itself(scripted: ScriptedHub) -> None:
    async with DemoSandbox(hub=scripted.url) as twilio:
        twilio.numbers[NUMBER].voice_url = "https://hub.example.kz/call"
        scripted.replies["/call"] = "<Dial><Client>operator_9</Client></Dial>"
        caller = twilio.caller(CITIZEN)
        await caller.call()
        await twilio.pass_time(3)
        assert caller.talks_to == {"client:operator_9"}


async def test_in_the_demo_time_goes_on_by_itself() -> None:
    async with demo_account(run=5) as account:
        people = [account.citizen(name="Айгүл", language="kk") for _ in range(3)]
        assert len({one.phone.address for one in people}) == 3
        twilio = people[0].sandbox
        rung = []

        async def ring() -> None:
            rung.append(True)
            twilio.changed()

        twilio.time.begin_later(0.2, ring)
        await twilio.until(lambda: bool(rung))
