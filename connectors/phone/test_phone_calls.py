"""Whole lives of calls: the connector between Twilio's stand-in and a test that plays the core."""

import re
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeGuard, TypeVar
from urllib.parse import urlencode

import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace

from connectors.base import PAST, Context, Malformed, Rejected, Uncertain, Unreachable
from connectors.phone.conftest import CITIZEN, calls, leaves_message
from connectors.phone.connector import PhoneConnector, PhoneSettings
from connectors.phone.sandbox import API_KEY_SECRET, API_KEY_SID, PhoneSandbox
from connectors.testing.contract import PUBLIC_URL
from connectors.testing.hub import delivery_to
from connectors.testing.sandbox import Call, Failure, Route, Sandbox, answer
from connectors.testing.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER
from registry.calls.hearing import (
    Arrived,
    Ended,
    Heard,
    HowEnded,
    LeftMessage,
    LeftQueue,
    LegAnswered,
    LegEnded,
    OnHold,
    Pressed,
    Rang,
    Recorded,
    Waits,
)
from registry.calls.orders import Dial, Forget, HangUpCall, Hold, Move, Release, Ring
from registry.calls.script import (
    Ask,
    GoOn,
    HangUp,
    LeaveQueue,
    Music,
    Play,
    Queue,
    Refuse,
    Say,
    Script,
    TakeMessage,
    Talk,
)
from registry.types import (
    Attachment,
    AttachmentKind,
    Clock,
    Inbound,
    InboundMessage,
    utc_now,
)

MORNING = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ROOM = "call-5512"
MUSIC = Play("https://hub.example.kz/prompts/music.wav")

SETTINGS = PhoneSettings.model_validate(
    {
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "number": NUMBER,
        "api_key_sid": API_KEY_SID,
        "api_key_secret": API_KEY_SECRET,
    }
)

Answering: TypeAlias = Callable[[Any], Script]
H = TypeVar("H", bound=Heard)


class Exchange(Sandbox):
    """A hub whose core is a table: what is heard, to what is said."""

    connector: PhoneConnector

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[type[Heard], Script | Answering] = {}
        self.heard: list[Heard] = []
        self.read: list[Inbound] = []

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/hooks/phone/main", self.receive)
        yield Route("POST", "/hooks/phone/main/{action}", self.receive)

    async def receive(self, call: Call) -> web.Response:
        query = urlencode(list(call.query.items()))
        action = call.params.get("action", "")
        envelope = delivery_to("phone", call.body, call.headers, action=action, query=query)
        self.connector.verify(envelope)
        self.read.extend(self.connector.normalize(envelope))
        heard = self.connector.hear(envelope)
        said = self.connector.answer(envelope)
        if heard is not None:
            self.heard.append(heard)
            script = self.says.get(type(heard))
            if callable(script):
                script = script(heard)
            if script is not None:
                said = self.connector.speak(script)
        self.changed()
        return answer(said.body, headers={"Content-Type": said.content_type or "text/plain"})

    def all(self, kind: type[H]) -> list[H]:
        """What was heard of one kind, in order."""
        return [one for one in self.heard if isinstance(one, kind)]

    def last(self, kind: type[H]) -> H:
        return self.all(kind)[-1]


def opened(provider: Sandbox, *, clock: Clock = utc_now) -> PhoneConnector:
    """The account's connector, speaking to whoever stands in for Twilio."""
    settings = SETTINGS.model_copy(update={"api_base": provider.url})
    return PhoneConnector("main", settings, Context(public_url=PUBLIC_URL, clock=clock))


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with Exchange() as running:
        yield running


@pytest.fixture
async def twilio(exchange: Exchange) -> AsyncIterator[PhoneSandbox]:
    async with PhoneSandbox(hub=exchange.url, start=MORNING) as running:
        running.kept_sounds[MUSIC.address] = 20.0
        yield running
        assert not running.errors, "Twilio's debugger would show something"


@pytest.fixture
async def phone(twilio: PhoneSandbox, exchange: Exchange) -> AsyncIterator[PhoneConnector]:
    """The connector of an account whose number leads to the hub."""
    made = opened(twilio, clock=twilio.time)
    exchange.connector = made
    await made.register()
    yield made
    await made.close()


def waiting(exchange: Exchange) -> None:
    """Whoever calls waits in the queue, with music."""
    exchange.says[Rang] = (Queue(name="callers"),)
    exchange.says[Waits] = (Ask(step="wait", sounds=(Say("Ждите", "ru"), MUSIC), seconds=1),)


def talking(exchange: Exchange, *, recorded: bool = False) -> None:
    """Whoever is moved, and whoever picks up, go into the room."""
    talk = Talk(room=ROOM, step="talked", ends_room=True, recorded=recorded)
    exchange.says[LegAnswered] = (talk,)

    def arrived(heard: Arrived) -> Script:
        return (HangUp(),) if heard.step == "talked" else (talk,)

    exchange.says[Arrived] = arrived
    exchange.says[OnHold] = (Music((MUSIC,)),)


async def test_a_caller_waits_talks_is_held_and_hangs_up(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    waiting(exchange)
    talking(exchange)
    citizen, operator = twilio.caller(CITIZEN), twilio.device("client:operator_17")
    operator.register(phone.pass_for("operator-17", seconds=600))
    await citizen.call()
    (message,) = exchange.read
    rang = exchange.last(Rang)
    assert isinstance(message, InboundMessage)
    assert (message.call, message.text, message.conversation) == (True, "", CITIZEN)
    assert (rang.number, rang.ours, rang.call) == (CITIZEN, NUMBER, message.external_id)
    assert exchange.last(Waits).seconds == 0
    await twilio.pass_time(5)
    assert list(citizen.transcript) == ["Ждите", MUSIC.address]

    leg = await phone.carry(
        Ring(leg="7", device="client:operator-17", shown=CITIZEN, seconds=20, first=True)
    )
    await twilio.idle()
    assert operator.shown == f"client:{CITIZEN[1:]}"
    await operator.answer()
    answered = exchange.last(LegAnswered)
    assert (answered.leg, answered.call) == ("7", leg)

    await phone.carry(Move(call=rang.call, step="room"))
    await twilio.idle()
    assert exchange.last(LeftQueue).moved
    assert exchange.last(Arrived).step == "room"
    assert citizen.talks_to == {"client:operator_17"}

    await phone.carry(Hold(room=ROOM, call=rang.call, on=True))
    assert not citizen.talks_to
    await twilio.pass_time(25)
    assert list(citizen.transcript) == ["Ждите", *[MUSIC.address] * 3], "over and over"
    await phone.carry(Hold(room=ROOM, call=rang.call, on=False))
    assert citizen.talks_to == {"client:operator_17"}

    await citizen.hang_up()
    await twilio.pass_time(1)
    ended = exchange.last(Ended)
    assert (ended.call, ended.how, ended.known) == (rang.call, HowEnded.COMPLETED, None)
    assert (exchange.last(LegEnded).leg, exchange.last(LegEnded).how) == ("7", HowEnded.COMPLETED)
    assert len(exchange.read) == 1, "a call is one message"
    with pytest.raises(Rejected, match="room is empty"):
        await phone.carry(Hold(room=ROOM, call=rang.call, on=True))


async def test_a_room_goes_on_without_whoever_was_released(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    waiting(exchange)
    talking(exchange)
    citizen = twilio.caller(CITIZEN)
    first, second = twilio.device("client:operator_1"), twilio.device("sip:17@pbx.example.kz")
    await citizen.call()
    legs = []
    for number, (device, at) in enumerate(
        [(first, "client:operator-1"), (second, "sip:17@pbx.example.kz")]
    ):
        legs.append(await phone.carry(Ring(leg=str(number), device=at, shown=CITIZEN, seconds=20)))
        await twilio.idle()
        assert device.shown == (NUMBER if at.startswith("sip:") else f"client:{CITIZEN[1:]}")
        await device.answer()
    await phone.carry(Move(call=exchange.last(Rang).call, step="room"))
    await twilio.idle()
    assert citizen.talks_to == {"client:operator_1", "sip:17@pbx.example.kz"}
    assert legs[0] is not None
    await phone.carry(Release(room=ROOM, call=legs[0]))
    await phone.carry(HangUpCall(call=legs[0]))
    await twilio.pass_time(1)
    assert citizen.talks_to == {"sip:17@pbx.example.kz"}
    await second.hang_up()
    await twilio.pass_time(1)
    assert not citizen.talks_to
    assert {one.leg for one in exchange.all(LegEnded)} == {"0", "1"}


async def test_what_is_pressed_is_heard_and_silence_too(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    menu = (Ask(step="menu", sounds=(Say("Нажмите", "ru"),), seconds=5),)
    exchange.says = {Rang: menu, Pressed: menu}
    citizen = await calls(twilio)
    await citizen.press("3")
    await citizen.press("#")
    await twilio.pass_time(20)
    pressed = exchange.all(Pressed)
    assert [one.digits for one in pressed][:3] == ["3", "#", ""]
    assert {one.step for one in pressed} == {"menu"}
    assert not exchange.all(Arrived)


async def test_whoever_picks_up_on_a_number_can_be_asked_for_a_key(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    exchange.says = {
        LegAnswered: (Ask(step="take.7", sounds=(Say("Звонок", "ru"),)),),
        Pressed: (Talk(room=ROOM, step="leg", ends_room=True),),
    }
    mobile = twilio.caller("+77015550001")
    ring = Ring(leg="7", device=mobile.address, shown=CITIZEN, seconds=20, first=True)
    leg = await phone.carry(ring)
    await twilio.idle()
    await mobile.answer()
    await mobile.press("5")
    pressed = exchange.last(Pressed)
    assert (pressed.step, pressed.digits, pressed.call) == ("take.7", "5", leg)
    assert mobile.place == f"room:{ROOM}"


async def test_who_leaves_the_queue_by_a_key_is_not_moved(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    waiting(exchange)
    exchange.says |= {Pressed: (LeaveQueue(),), LeftQueue: (GoOn("parted"),), Arrived: (HangUp(),)}
    citizen = await calls(twilio)
    await citizen.press("1")
    await twilio.pass_time(1)
    left = exchange.last(LeftQueue)
    assert (left.moved, left.failed) == (False, False)
    assert exchange.last(Arrived).step == "parted"
    assert citizen.status == "completed"


async def test_a_voicemail_is_a_message_whose_sound_can_be_fetched_and_forgotten(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    exchange.says = {Rang: (TakeMessage(seconds=60),), LeftMessage: (HangUp(),)}
    twilio.next_sound = b"ID3 a voice"
    citizen = await calls(twilio)
    await twilio.pass_time(1)
    await citizen.say(seconds=8)
    await twilio.pass_time(8)
    await citizen.hang_up()
    await twilio.idle()
    left = exchange.last(LeftMessage)
    voice = exchange.read[-1]
    assert isinstance(voice, InboundMessage)
    assert (voice.call, voice.conversation) == (True, CITIZEN)
    (sound,) = voice.attachments
    assert (sound.kind, sound.mime, sound.ref) == (
        AttachmentKind.VOICE,
        "audio/mpeg",
        left.recording,
    )
    assert voice.external_id in left.recording

    with pytest.raises(Unreachable, match="still preparing"):
        await fetched(phone, sound)
    await twilio.pass_time(10)
    assert await fetched(phone, sound) == b"ID3 a voice"
    await phone.carry(Forget(recording=left.recording))
    await phone.carry(Forget(recording=left.recording))
    with pytest.raises(Rejected, match="no longer"):
        await fetched(phone, sound)
    with pytest.raises(Rejected):
        await phone.carry(Forget(recording="https://example.com/Recordings/RE1.mp3"))


async def fetched(phone: PhoneConnector, sound: Attachment) -> bytes:
    return b"".join([chunk async for chunk in phone.fetch(sound)])


async def test_a_recorded_conversation_is_told_by_its_room(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    waiting(exchange)
    talking(exchange, recorded=True)
    citizen, operator = twilio.caller(CITIZEN), twilio.device("client:operator_17")
    await citizen.call()
    await phone.carry(Ring(leg="7", device="client:operator-17", shown="", seconds=20))
    await twilio.idle()
    assert operator.shown == "client:anonymous"
    await operator.answer()
    await phone.carry(Move(call=exchange.last(Rang).call, step="room"))
    await twilio.pass_time(30)
    await operator.hang_up()
    await twilio.pass_time(30)
    (recorded,) = exchange.all(Recorded)
    assert recorded.room == ROOM
    assert recorded.seconds == pytest.approx(30, abs=2)
    # Where that was lost, it is asked for.
    (talk,) = await phone.past_talks(MORNING, known=())
    assert (talk.room, talk.recording) == (ROOM, recorded.recording)
    assert talk.seconds == recorded.seconds
    assert await phone.past_talks(MORNING, known={recorded.recording}) == []
    sound = Attachment(kind=AttachmentKind.AUDIO, ref=recorded.recording)
    assert await fetched(phone, sound)
    assert exchange.last(Arrived).step == "talked"


async def test_a_caller_can_be_refused_before_they_pay(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    exchange.says = {Rang: (Refuse(busy=True),)}
    citizen = await calls(twilio)
    await twilio.pass_time(1)
    assert citizen.status == "busy"
    assert exchange.last(Ended).how is HowEnded.BUSY


async def test_a_citizen_is_called_and_arrives_at_their_step(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    exchange.says = {
        Arrived: (Ask(step="hello", sounds=(Say("Здравствуйте", "ru"),)),),
        Pressed: (HangUp(),),
    }
    citizen = twilio.caller(CITIZEN)
    order = Dial(call="5512", number=CITIZEN, step="hello", seconds=30, first=True)
    sid = await phone.carry(order)
    await twilio.idle()
    assert citizen.shown == NUMBER
    await citizen.answer()
    arrived = exchange.last(Arrived)
    assert (arrived.call, arrived.known, arrived.step) == (sid, "5512", "hello")
    await citizen.press("1")
    await twilio.pass_time(1)
    ended = exchange.last(Ended)
    assert (ended.call, ended.known, ended.how) == (sid, "5512", HowEnded.COMPLETED)


@pytest.mark.parametrize(
    ("does", "how"), [("nothing", HowEnded.NO_ANSWER), ("decline", HowEnded.BUSY)]
)
async def test_what_becomes_of_a_call_that_nobody_takes_is_told(
    does: str,
    how: HowEnded,
    phone: PhoneConnector,
    twilio: PhoneSandbox,
    exchange: Exchange,
) -> None:
    citizen, operator = twilio.caller(CITIZEN), twilio.device("client:operator_17")
    await phone.carry(Dial(call="5512", number=CITIZEN, step="hello", seconds=30))
    await phone.carry(Ring(leg="7", device="client:operator-17", shown=CITIZEN, seconds=30))
    await twilio.idle()
    if does == "decline":
        await citizen.decline()
        await operator.decline()
    await twilio.pass_time(60)
    assert exchange.last(Ended).how is how
    assert exchange.last(LegEnded).how is how


# --- Orders that were carried before -------------------------------------------------------------


RINGS = Ring(leg="7", device="client:operator-17", shown=CITIZEN, seconds=20)
DIALS = Dial(call="5512", number=CITIZEN, step="hello", seconds=30)
_CALLED = re.compile(r".*/Calls\.json")


def creates(call: Call) -> bool:
    return call.method == "POST" and _CALLED.fullmatch(call.path) is not None


@pytest.mark.parametrize("order", [RINGS, DIALS], ids=["ring", "dial"])
async def test_an_order_that_is_carried_twice_rings_once(
    order: Ring | Dial, phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    twilio.device("client:operator_17")
    first = await phone.carry(order)
    await twilio.idle()
    assert await phone.carry(order) == first
    assert len(twilio.legs) == 1


@pytest.mark.parametrize("order", [RINGS, DIALS], ids=["ring", "dial"])
async def test_a_call_whose_answer_was_lost_is_found_at_once(
    order: Ring | Dial, phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    twilio.device("client:operator_17")
    twilio.fail_next(Failure.reset_after(), where=creates)
    sid = await phone.carry(order)
    assert list(twilio.legs) == [sid]


@pytest.mark.parametrize("order", [RINGS, DIALS], ids=["ring", "dial"])
async def test_a_call_that_nobody_can_find_is_uncertain_and_tried_again_rings_once(
    order: Ring | Dial, phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    twilio.fail_next(Failure.reset_before(), where=creates)
    with pytest.raises(Uncertain) as caught:
        await phone.carry(order)
    assert "may ring" in caught.value.reason
    sid = await phone.carry(order)
    assert list(twilio.legs) == [sid]


async def test_an_order_that_is_surely_the_first_asks_nothing_before(
    phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    before = len(twilio.calls)
    await phone.carry(Ring(leg="7", device="client:operator-1", shown="", seconds=5, first=True))
    assert [call.method for call in twilio.calls[before:]] == ["POST"]


async def test_a_call_that_is_over_is_not_taken_for_the_one_that_is_ordered(
    phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    operator = twilio.device("client:operator_17")
    before = await phone.carry(RINGS)
    await twilio.idle()
    await operator.decline()
    assert await phone.carry(RINGS) != before


async def test_a_call_to_somebody_else_is_not_taken_for_the_one_that_is_ordered(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    waiting(exchange)
    await twilio.caller(CITIZEN).call()
    other = Ring(leg="8", device="client:operator-18", shown=CITIZEN, seconds=20)
    assert len({await phone.carry(RINGS), await phone.carry(other), await phone.carry(DIALS)}) == 3
    assert len(twilio.legs) == 4


async def test_hanging_up_what_is_over_is_no_error_and_moving_it_is(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    exchange.says = {Rang: (HangUp(),)}
    leg = await twilio.caller(CITIZEN).call()
    await twilio.pass_time(1)
    await phone.carry(HangUpCall(call=leg.sid))
    await phone.carry(HangUpCall(call=f"CA{'9' * 32}"))
    for call in (leg.sid, f"CA{'9' * 32}"):
        with pytest.raises(Rejected):
            await phone.carry(Move(call=call, step="room"))
    for order in (Hold(room=ROOM, call=leg.sid, on=True), Release(room=ROOM, call=leg.sid)):
        with pytest.raises(Rejected, match="room is empty"):
            await phone.carry(order)


async def test_a_change_whose_answer_was_lost_may_be_made_again(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    waiting(exchange)
    leg = await twilio.caller(CITIZEN).call()
    twilio.fail_next(Failure.reset_after())
    with pytest.raises(Unreachable, match="answer was lost"):
        await phone.carry(HangUpCall(call=leg.sid))
    await phone.carry(HangUpCall(call=leg.sid))


async def test_a_number_that_cannot_be_called_is_told_in_words(
    phone: PhoneConnector, twilio: PhoneSandbox
) -> None:
    twilio.closed_countries.add("+49")
    twilio.fail_next(
        Failure(status=400, body={"code": 21215, "message": "Geo", "status": 400}), where=creates
    )
    with pytest.raises(Rejected, match="Geo permissions"):
        await phone.carry(Dial(call="1", number="+4930123456", step="hello", seconds=9, first=True))


# --- What Twilio remembers -----------------------------------------------------------------------


async def test_a_call_is_looked_up_while_it_goes_on_and_after(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    waiting(exchange)
    citizen = twilio.caller(CITIZEN)
    leg = await citizen.call()
    await twilio.pass_time(30)
    now = await phone.look_up(leg.sid)
    assert now is not None
    assert (now.call, now.number, now.ours, now.how) == (leg.sid, CITIZEN, NUMBER, None)
    assert now.began_at == MORNING
    await citizen.hang_up()
    await twilio.pass_time(1)
    then = await phone.look_up(leg.sid)
    assert then is not None
    assert then.how is HowEnded.COMPLETED
    assert then.seconds == pytest.approx(30, abs=1)
    sid = await phone.carry(DIALS)
    assert sid is not None
    ours = await phone.look_up(sid)
    assert ours is not None
    assert (ours.number, ours.ours) == (CITIZEN, NUMBER)


async def test_past_calls_are_the_citizens_with_their_voicemails(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    exchange.says = {Rang: (TakeMessage(seconds=60),), LeftMessage: (HangUp(),)}
    early = twilio.caller("+77010000001")
    await early.call()
    await early.hang_up()
    await twilio.pass_time(3600)
    since = twilio.time()
    for number in ("anonymous", CITIZEN):
        await leaves_message(twilio, number)
    await phone.carry(RINGS)
    await phone.carry(DIALS)
    past = await phone.past_calls(since)
    assert [one.number for one in past] == ["", CITIZEN]
    assert [one.how for one in past] == [HowEnded.COMPLETED, HowEnded.COMPLETED]
    told = [one.recording for one in exchange.all(LeftMessage) if one.recording]
    assert [one.recordings for one in past] == [(sound,) for sound in told[-2:]]
    assert [one.call for one in await phone.past_calls(since + timedelta(days=1))] == []


def remembered(number: int, **values: Any) -> dict[str, Any]:
    """A call as Twilio lists it."""
    usual = {
        "sid": f"CA{number:032x}",
        "from": CITIZEN,
        "to": NUMBER,
        "direction": "inbound",
        "status": "completed",
        "start_time": "Mon, 02 Mar 2026 04:30:00 +0000",
        "date_created": "Mon, 02 Mar 2026 04:29:59 +0000",
        "duration": "61",
    }
    return {**usual, **values}


class Archive(Sandbox):
    """Twilio's lists as they stand, whatever is asked: it looks for days, not for moments."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, list[dict[str, Any]]] = {"Calls": [], "Recordings": []}

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/2010-04-01/Accounts/{account}/{list}.json", self._list)

    async def _list(self, call: Call) -> web.Response:
        name = call.params["list"]
        return answer({name.lower(): self.lists[name], "next_page_uri": None, "page_size": 1000})


async def test_what_began_earlier_that_day_and_who_is_no_citizen_is_left_out() -> None:
    def recording(number: int, **values: Any) -> dict[str, Any]:
        usual = {"sid": f"RE{number:032x}", "source": "RecordVerb", "status": "completed"}
        return {**usual, "call_sid": f"CA{1:032x}", **values}

    async with Archive() as archive:
        archive.lists["Calls"] = [
            remembered(4, direction="outbound-api"),
            remembered(3, **{"from": "client:operator_17"}),
            remembered(2, start_time="Mon, 02 Mar 2026 03:59:59 +0000"),
            remembered(1),
            remembered(5, status="busy", start_time=None, duration=None),
        ]
        archive.lists["Recordings"] = [
            recording(1),
            recording(2, source="Conference"),
            recording(3, status="absent"),
            recording(4, call_sid=f"CA{9:032x}"),
            recording(5, status="processing"),
        ]
        made = opened(archive)
        early, late = await made.past_calls(MORNING)
        await made.close()
    assert (early.call, early.how, early.seconds) == (f"CA{5:032x}", HowEnded.BUSY, None)
    assert early.began_at == datetime(2026, 3, 2, 4, 29, 59, tzinfo=UTC)
    assert (late.call, late.how, late.seconds) == (f"CA{1:032x}", HowEnded.COMPLETED, 61.0)
    assert [sound[-6:] for sound in late.recordings] == ["01.mp3", "05.mp3"]


async def test_a_past_call_is_the_messages_that_its_own_deliveries_were(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    exchange.says = {Rang: (TakeMessage(seconds=60),), LeftMessage: (HangUp(),)}
    for number in (CITIZEN, "anonymous"):
        exchange.read.clear()
        since = twilio.time()
        await leaves_message(twilio, number)
        (past,) = await phone.past_calls(since)
        body = msgspec.json.encode(past)
        again = phone.normalize(delivery_to("phone", body, action=PAST))
        timeless = [replace(one, sent_at=since) for one in exchange.read if is_message(one)]
        assert list(again) == timeless
        assert len(again) == 2


def is_message(value: Inbound) -> TypeGuard[InboundMessage]:
    return isinstance(value, InboundMessage)


@pytest.mark.parametrize("zone", ["", "Z", "+05:00"])
def test_a_past_call_has_an_aware_time_in_utc_or_is_malformed(zone: str) -> None:
    body = {"call": f"CA{1:032x}", "number": CITIZEN, "ours": NUMBER, "how": "completed"}
    told = msgspec.json.encode({**body, "began_at": f"2026-03-02T09:30:00{zone}"})
    reader = PhoneConnector("main", SETTINGS, Context(public_url=PUBLIC_URL))
    if zone:
        (message,) = reader.normalize(delivery_to("phone", told, action=PAST))
        assert is_message(message)
        assert message.sent_at.utcoffset() == timedelta(0)
    else:
        with pytest.raises(Malformed):
            reader.normalize(delivery_to("phone", told, action=PAST))


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000, b"a=b"])
def test_what_is_no_past_call_is_malformed(body: bytes) -> None:
    reader = PhoneConnector("main", SETTINGS, Context(public_url=PUBLIC_URL))
    with pytest.raises(Malformed):
        reader.normalize(delivery_to("phone", body, action=PAST))


# --- When the hub does not answer ----------------------------------------------------------------


async def test_the_fallback_takes_a_voicemail_that_is_found_afterwards(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    kazakh = "https://city.example.kz/tereze.mp3"
    document = phone.fallback({"kk": kazakh})
    twilio.numbers[NUMBER].voice_fallback_url = twilio.static(document.body.decode())
    twilio.kept_sounds[kazakh] = 8.0
    exchange.fail_next(Failure.reset_before(), times=None)
    citizen = await calls(twilio)
    await twilio.pass_time(60)
    assert citizen.transcript[0] == kazakh
    assert citizen.transcript[1].startswith("Извините")
    assert citizen.transcript[2].startswith("Sorry")
    await citizen.say(seconds=9)
    await twilio.pass_time(20)
    assert citizen.place == "record", "silence ends nothing"
    await citizen.hang_up()
    await twilio.pass_time(10)
    assert exchange.heard == []
    exchange.heal()
    (past,) = await phone.past_calls(MORNING)
    assert (past.number, len(past.recordings)) == (CITIZEN, 1)
    sound = Attachment(kind=AttachmentKind.VOICE, ref=past.recordings[0])
    assert await fetched(phone, sound)
    assert {error.code for error in twilio.errors} == {11205}
    twilio.errors.clear()


async def test_a_hub_that_is_back_is_told_of_the_fallbacks_voicemail_at_once(
    phone: PhoneConnector, twilio: PhoneSandbox, exchange: Exchange
) -> None:
    document = phone.fallback({})
    twilio.numbers[NUMBER].voice_fallback_url = twilio.static(document.body.decode())
    exchange.fail_next(Failure.reset_before())
    citizen = await calls(twilio)
    await twilio.pass_time(60)
    await citizen.say(seconds=9)
    await twilio.pass_time(10)
    await citizen.hang_up()
    await twilio.pass_time(1)
    (voice,) = exchange.read
    assert isinstance(voice, InboundMessage)
    assert (voice.conversation, len(voice.attachments)) == (CITIZEN, 1)
    assert exchange.last(LeftMessage).recording == voice.attachments[0].ref
    twilio.errors.clear()
