"""The connector and Twilio's stand-in were written apart, each from Twilio's documentation.

Here they talk, with a few answers in the place of the hub's switchboard.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from aiohttp import web

from connectors.base import Context
from connectors.phone.connector import PhoneConnector, PhoneSettings
from connectors.phone.sandbox import (
    ACCOUNT_SID,
    API_KEY_SECRET,
    API_KEY_SID,
    AUTH_TOKEN,
    NUMBER,
    PhoneSandbox,
)
from connectors.testing.sandbox import Call, Route, Sandbox, answer
from registry.calls.hearing import (
    Anything,
    Arrived,
    Ended,
    HowEnded,
    LeftMessage,
    LeftQueue,
    LegAnswered,
    LegEnded,
    Pressed,
    Rang,
    Recorded,
    Waits,
)
from registry.calls.orders import Dial, Forget, HangUpCall, Hold, Move, Order, Release, Ring
from registry.calls.script import (
    Ask,
    GoOn,
    HangUp,
    LeaveQueue,
    Queue,
    Say,
    Script,
    TakeMessage,
    Talk,
)
from registry.types import Envelope, InboundMessage

T = TypeVar("T")

CITIZEN, OPERATOR, LEG = "+77012223344", "client:operator-17", "7"
HOOK = "/hooks/phone/main"


class Switchboard(Sandbox):
    """A hub that verifies, understands and answers what the connector gives it."""

    def __init__(self, twilio: PhoneSandbox) -> None:
        super().__init__()
        self.twilio = twilio
        self.connector: PhoneConnector | None = None
        self.heard: list[Anything] = []
        self.messages: list[InboundMessage] = []

    def routes(self) -> Iterable[Route]:
        yield Route("POST", HOOK, self._take)
        yield Route("POST", f"{HOOK}/{{action}}", self._take)

    def last(self, kind: type[T]) -> T:
        return [one for one in self.heard if isinstance(one, kind)][-1]

    async def _take(self, call: Call) -> web.Response:
        assert self.connector is not None
        envelope = Envelope(
            id=str(len(self.calls)),
            channel="phone",
            account="main",
            action=call.params.get("action", ""),
            query=urlencode(call.query),
            headers=call.headers,
            body=call.body,
            received_at=self.twilio.time(),
        )
        self.connector.verify(envelope)
        for one in self.connector.normalize(envelope):
            assert isinstance(one, InboundMessage)
            self.messages.append(one)
        heard = self.connector.hear(envelope)
        if heard is not None:
            self.heard.append(heard)
        script, connector = follow(heard), self.connector
        said = connector.answer(envelope) if script is None else connector.speak(script)
        return answer(said.body, status=said.status, headers={"Content-Type": said.content_type})


def follow(heard: Anything | None) -> Script | None:
    """What is said next, in the fewest words."""
    match heard:
        case Rang():
            return (Ask(step="language", sounds=(Say("Выберите язык", "ru"),)),)
        case Pressed(step="language"):
            return (Queue(name="support"),)
        case Waits():
            return (Ask(step="waiting", sounds=(Say("Please wait", "en"),), seconds=20),)
        case Pressed(step="waiting", digits="2"):
            return (LeaveQueue(),)
        case Pressed(step="waiting") | LeftQueue(moved=True):
            return ()
        case LeftQueue():
            return (Say("Speak after the tone", "en"), TakeMessage(seconds=60))
        case LeftMessage():
            return (Say("Thanks", "en"), GoOn(step="parted"))
        case Arrived(step="talk"):
            return (Talk(room="call-1", step="parted", ends_room=False, recorded=True),)
        case Arrived():
            return (Say("Goodbye", "en"), HangUp())
        case LegAnswered():
            return (Talk(room="call-1", step="wrapped", ends_room=True),)
    return None


@pytest.fixture
async def board() -> AsyncIterator[Switchboard]:
    twilio = PhoneSandbox()
    async with Switchboard(twilio) as running:
        twilio.hub = running.url
        async with twilio:
            settings = PhoneSettings.model_validate(
                {
                    "account_sid": ACCOUNT_SID,
                    "auth_token": AUTH_TOKEN,
                    "number": NUMBER,
                    "api_key_sid": API_KEY_SID,
                    "api_key_secret": API_KEY_SECRET,
                    "api_base": twilio.url,
                }
            )
            context = Context(public_url="https://hub.example.kz", clock=twilio.time)
            connector = PhoneConnector("main", settings, context)
            running.connector = connector
            await connector.register()
            yield running
            await connector.close()
            assert not twilio.errors


@pytest.fixture
def twilio(board: Switchboard) -> PhoneSandbox:
    return board.twilio


@pytest.fixture
def connector(board: Switchboard) -> PhoneConnector:
    assert board.connector is not None
    return board.connector


@pytest.fixture
def carried(twilio: PhoneSandbox, connector: PhoneConnector) -> Any:
    async def carry(order: Order) -> str | None:
        found = await connector.carry(order)
        await twilio.idle()
        return found

    return carry


async def test_a_caller_waits_talks_is_held_and_says_goodbye(
    board: Switchboard, twilio: PhoneSandbox, connector: PhoneConnector, carried: Any
) -> None:
    caller, device = twilio.caller(CITIZEN), twilio.device("client:operator_17")
    device.register(connector.pass_for("operator-17", seconds=3600))
    call = (await caller.call()).sid
    (message,) = board.messages
    assert (message.external_id, message.conversation, message.call) == (call, CITIZEN, True)
    await caller.press("2")
    await twilio.pass_time(45)
    assert board.last(Pressed).digits == ""
    side = await carried(Ring(leg=LEG, device=OPERATOR, shown=CITIZEN, seconds=20))
    await device.answer()
    assert caller.place == "queue:support", "music until a person is there"
    await carried(Move(call=call, step="talk"))
    assert (caller.talks_to, device.talks_to) == ({device.address}, {CITIZEN})
    assert board.last(LeftQueue).moved
    for on in (True, False):
        await carried(Hold(room="call-1", call=call, on=on))
        assert bool(caller.talks_to) != on
    await twilio.pass_time(60)
    await device.hang_up()
    assert caller.transcript[-1] == "Goodbye"
    ended = board.last(LegEnded)
    assert (ended.leg, ended.call, ended.how) == (LEG, side, HowEnded.COMPLETED)
    await twilio.pass_time(5)
    assert board.last(Ended).call == call
    recorded = board.last(Recorded)
    assert (recorded.room, recorded.seconds) == ("call-1", 60)
    await carried(Forget(recording=recorded.recording))
    assert [one.deleted for one in twilio.recordings.values()] == [True]
    past = await connector.look_up(call)
    assert past is not None
    assert (past.number, past.how) == (CITIZEN, HowEnded.COMPLETED)


async def test_whoever_is_released_leaves_the_others_talking(
    twilio: PhoneSandbox, carried: Any
) -> None:
    caller, first = twilio.caller(CITIZEN), twilio.device("client:operator_17")
    second = twilio.device("sip:18@pbx.example.kz")
    call = (await caller.call()).sid
    await caller.press("1")
    side = await carried(Ring(leg=LEG, device=OPERATOR, shown=CITIZEN, seconds=20))
    await first.answer()
    await carried(Move(call=call, step="talk"))
    await carried(Ring(leg="8", device=second.address, shown=NUMBER, seconds=20))
    await second.answer()
    assert caller.talks_to == {first.address, second.address}
    await carried(Release(room="call-1", call=side))
    await first.hang_up()
    assert caller.talks_to == {second.address}
    await carried(HangUpCall(call=call))
    assert caller.status == "completed"
    await carried(HangUpCall(call=call))


@pytest.mark.parametrize(("how", "ended"), [("declines", "busy"), ("ignores", "no_answer")])
async def test_an_operator_who_does_not_answer_is_told_of(
    how: str, ended: str, board: Switchboard, twilio: PhoneSandbox, carried: Any
) -> None:
    device = twilio.device("client:operator_17")
    await carried(Ring(leg=LEG, device=OPERATOR, shown=CITIZEN, seconds=20))
    if how == "declines":
        await device.decline()
    await twilio.pass_time(20)
    assert board.last(LegEnded).how == HowEnded(ended)


async def test_a_voicemail_is_left_out_of_the_queue(
    board: Switchboard, twilio: PhoneSandbox, connector: PhoneConnector
) -> None:
    caller = twilio.caller("anonymous")
    call = await caller.call()
    await caller.press("1")
    await twilio.pass_time(3)
    await caller.press("2")
    await twilio.pass_time(3)
    await caller.say(seconds=6)
    await twilio.pass_time(6)
    await caller.press("#")
    left = board.last(LeftMessage)
    assert (left.call, left.seconds) == (call.sid, 6)
    begun, voicemail = board.messages
    assert begun.conversation == voicemail.conversation == f"anonymous:{call.sid}"
    (attachment,) = voicemail.attachments
    await twilio.pass_time(5)
    sound = b"".join([chunk async for chunk in connector.fetch(attachment)])
    assert sound[:2] == b"\xff\xf3"
    assert caller.transcript[-2:] == ["Thanks", "Goodbye"]


async def test_a_citizen_is_called_back(
    board: Switchboard, twilio: PhoneSandbox, carried: Any
) -> None:
    citizen = twilio.caller(CITIZEN)
    call = await carried(Dial(call="9", number=CITIZEN, step="talk", seconds=30))
    assert citizen.shown == NUMBER
    await citizen.answer()
    arrived = board.last(Arrived)
    assert (arrived.call, arrived.known, arrived.step) == (call, "9", "talk")
    await citizen.hang_up()
    assert board.last(Ended).known == "9"


async def test_the_document_for_when_the_hub_is_down_takes_a_message_that_is_found_afterwards(
    board: Switchboard, twilio: PhoneSandbox, connector: PhoneConnector
) -> None:
    document = connector.fallback({}).body.decode()
    twilio.numbers[NUMBER].voice_fallback_url = twilio.static(document)
    began = twilio.time() - timedelta(seconds=1)  # Twilio's times have no fractions
    await board.stop()
    caller = twilio.caller(CITIZEN)
    call = await caller.call()
    while caller.place != "record":
        await twilio.pass_time(1)
    await caller.say(seconds=9)
    await twilio.pass_time(9)
    await caller.hang_up()
    await twilio.pass_time(5)
    assert {error.code for error in twilio.errors} == {11205}
    twilio.errors.clear()
    (past,) = await connector.past_calls(began)
    assert (past.call, past.number, len(past.recordings)) == (call.sid, CITIZEN, 1)
