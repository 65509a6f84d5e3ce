"""SMS under the contract, and what is its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from connectors.base import (
    Answer,
    Blocked,
    Context,
    Health,
    Misconfigured,
    Rejected,
    Throttled,
    Uncertain,
    Unreachable,
)
from connectors.kit.twilio import TWILIO
from connectors.sms.connector import SmsConnector, SmsSettings
from connectors.sms.demo import demo_account
from connectors.sms.numbers import address_of, own_sender, point_of
from connectors.sms.sandbox import ACCOUNT_SID, AUTH_TOKEN, NUMBER, SmsSandbox
from connectors.testing import outgoing
from connectors.testing.contract import NOW, PUBLIC_URL, ConnectorContract, ProviderFailure
from connectors.testing.fixtures import Case
from connectors.testing.hub import SmallHub, delivery_to
from connectors.testing.sandbox import Failure
from connectors.testing.twilio import SIGNATURE_HEADER, sign_delivery
from registry.types import (
    AttachmentKind,
    ContactEvent,
    ContactPoint,
    DeliveryReport,
    DeliveryState,
    Envelope,
    InboundMessage,
    OutboundFile,
)

CITIZEN = "+77015550142"
SERVICE = f"MG{'9' * 32}"
OTHER = {
    "account_sid": f"AC{'b' * 32}",
    "auth_token": "0123456789abcdef-of-the-other-one",
    "from": "+77172000109",
}
OURS = "184467440737"
"""An id of a message of ours."""


def refusal(status: int, code: int, message: str, **headers: str) -> Failure:
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Failure(
        status=status,
        body=body,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


class TestSms(ConnectorContract):
    """With MMS, which carries all that SMS does."""

    connector_class = SmsConnector
    libraries = ("twilio",)
    conversation = CITIZEN
    last_inbound = "SM1"
    failures = (
        ProviderFailure(
            name="opted out",
            failure=refusal(400, 21610, "Attempt to send to unsubscribed recipient"),
            error=Blocked,
            code="21610",
        ),
        ProviderFailure(
            name="no mobile number", failure=refusal(400, 21614, "not mobile"), error=Blocked
        ),
        ProviderFailure(
            name="no number at all",
            failure=refusal(400, 21211, "Invalid 'To' Phone Number: 1414"),
            error=Rejected,
            code="21211",
        ),
        ProviderFailure(name="too long", failure=refusal(400, 21617, "too long"), error=Rejected),
        ProviderFailure(
            name="unknown code", failure=refusal(400, 29999, "of the future"), error=Rejected
        ),
        ProviderFailure(
            name="too fast",
            failure=refusal(429, 20429, "Too Many Requests", Retry_After="17"),
            error=Throttled,
            code="20429",
            retry_after=17.0,
        ),
        ProviderFailure(name="too fast for the front", failure=Failure.html(429), error=Throttled),
        ProviderFailure(
            name="dead token",
            failure=refusal(401, 20003, "Authenticate"),
            error=Misconfigured,
            code="20003",
        ),
        ProviderFailure(
            name="suspended",
            failure=refusal(403, 20005, "Account not active"),
            error=Misconfigured,
        ),
        ProviderFailure(
            name="sender not ours",
            failure=refusal(400, 21660, "Mismatch between the 'From' number and the account"),
            error=Misconfigured,
        ),
        ProviderFailure(
            name="country not allowed", failure=refusal(403, 21408, "region"), error=Rejected
        ),
        ProviderFailure(
            name="callback not taken", failure=refusal(400, 21609, "callback"), error=Misconfigured
        ),
        ProviderFailure(name="not Twilio at all", failure=Failure.html(404), error=Misconfigured),
        ProviderFailure(
            name="sent elsewhere",
            failure=Failure(status=302, headers={"Location": "https://login.example.kz/"}),
            error=Misconfigured,
        ),
        ProviderFailure(
            name="server error", failure=refusal(500, 20500, "Internal"), error=Unreachable
        ),
        ProviderFailure(name="front out of service", failure=Failure.html(503), error=Unreachable),
        ProviderFailure(name="HTML with 502", failure=Failure.html(502), error=Uncertain),
        ProviderFailure(name="HTML with 200", failure=Failure.html(200), error=Uncertain),
        ProviderFailure(
            name="a success that tells no id",
            failure=Failure(status=201, body={"status": "queued"}, takes_effect=True),
            error=Uncertain,
        ),
    )

    def sandbox(self) -> SmsSandbox:
        return SmsSandbox()

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "from": NUMBER,
            "mms": True,
            "api_base": url,
        }

    def other_settings(self, url: str) -> dict[str, Any]:
        return {**OTHER, "api_base": url}

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        address = f"{PUBLIC_URL}/hooks/sms/{envelope.account}"
        if envelope.action:
            address += f"/{envelope.action}"
        if envelope.query:
            address += f"?{envelope.query}"
        return {SIGNATURE_HEADER: sign_delivery(keys["auth_token"], address, envelope.body)}

    def texts(self, sandbox: SmsSandbox) -> Sequence[str]:
        return [message.body for message in sandbox.sent]

    def body(self, content: Any) -> bytes:
        """Twilio posts forms: a fixture holds their fields."""
        return form(content) if isinstance(content, dict) else json.dumps(content).encode()

    def query(self, case: Case) -> str:
        named = case.action == "status" and "another-program" not in case.name
        return f"message={OURS}&part=0" if named else ""


def form(fields: Mapping[Any, Any]) -> bytes:
    text = {
        str(name): value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
    }
    return urlencode(text, errors="replace").encode()


# --- What the tests stand on ---------------------------------------------------------------------


class Hub(SmallHub[SmsConnector]):
    channel = "sms"


def connector_at(url: str, *, public_url: str = PUBLIC_URL, **keys: Any) -> SmsConnector:
    table = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": NUMBER, "api_base": url}
    settings = SmsSettings.model_validate({**table, **keys})
    return SmsConnector("main", settings, Context(public_url=public_url, clock=lambda: NOW))


reply = partial(outgoing.reply, "sms", message_id=OURS, conversation=CITIZEN)


def file(kind: AttachmentKind = AttachmentKind.PHOTO) -> OutboundFile:
    link = f"{PUBLIC_URL}/files/f1/1/signature/act.jpg"
    return outgoing.file(
        kind, content=b"\xff\xd8", name="акт.jpg", mime="image/jpeg", link=lambda: link
    )


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with Hub() as running:
        yield running


@pytest.fixture
async def twilio(hub: Hub) -> AsyncIterator[SmsSandbox]:
    """Twilio, which finds the hub's public address on this machine."""
    async with SmsSandbox(hub=hub.url) as running:
        yield running


@pytest.fixture
async def sms(twilio: SmsSandbox, hub: Hub) -> AsyncIterator[SmsConnector]:
    """The connector of an account whose number delivers to the hub."""
    made = connector_at(twilio.url)
    hub.connector = made
    await made.register()
    yield made
    await made.close()


def delivery(fields: Mapping[str, str], *, action: str = "", query: str = "") -> Envelope:
    return delivery_to("sms", form(fields), action=action, query=query)


# --- Whole lives ---------------------------------------------------------------------------------


async def test_a_conversation_there_and_back(
    sms: SmsConnector, twilio: SmsSandbox, hub: Hub
) -> None:
    citizen = twilio.citizen(number=CITIZEN)
    said = await citizen.say("Абай даңғылы, 52 үйде шұңқыр бар + су")
    assert (said.status, said.answer) == (200, b"<Response/>")
    assert hub.answers == [Answer(body=b"<Response/>", content_type="text/xml")]
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    assert message.text == "Абай даңғылы, 52 үйде шұңқыр бар + су"
    assert (message.conversation, message.external_id) == (CITIZEN, said.external_id)
    assert message.sender.point == ContactPoint("tel", CITIZEN)

    sent = await sms.send(reply())
    heard = await citizen.next()
    assert (heard.text, heard.sender) == ("Рақмет, жөндейміз.", NUMBER)
    assert sent.external_ids == (heard.sid,)
    await twilio.settled()
    reports = [one for one in hub.read if isinstance(one, DeliveryReport)]
    assert [report.state for report in reports] == [DeliveryState.SENT, DeliveryState.DELIVERED]
    assert {(one.external_id, one.message_id, one.names) for one in reports} == {
        (heard.sid, OURS, True)
    }
    assert hub.answers[-1] == Answer(), "a report asks for no answer"


async def test_a_message_that_comes_again_has_the_same_id(
    sms: SmsConnector, twilio: SmsSandbox, hub: Hub
) -> None:
    citizen = twilio.citizen()
    await citizen.again(await citizen.say("Сәлем"))
    first, second = hub.read
    assert first == second


async def test_reports_that_come_late_twice_and_out_of_order_are_all_told(
    sms: SmsConnector, twilio: SmsSandbox, hub: Hub
) -> None:
    twilio.lifecycle = ["delivered", "sent", "sending", "sent", ("undelivered", 30003)]
    await sms.send(reply())
    await twilio.settled()
    states = [one.state for one in hub.read if isinstance(one, DeliveryReport)]
    assert states == ["delivered", "sent", "sent", "failed"]
    (last,) = hub.read[-1:]
    assert isinstance(last, DeliveryReport)
    assert (last.error_code, last.error_reason) == (
        "30003",
        "The phone is switched off or out of reach.",
    )


async def test_a_message_whose_answer_was_lost_is_named_by_its_report(
    sms: SmsConnector, twilio: SmsSandbox, hub: Hub
) -> None:
    twilio.fail_next(Failure.reset_after())
    with pytest.raises(Uncertain):
        await sms.send(reply(part=1))
    await twilio.settled()
    report = hub.read[-1]
    assert isinstance(report, DeliveryReport)
    assert (report.message_id, report.part) == (OURS, 1)
    assert report.external_id == twilio.sent[0].sid
    assert report.names


async def test_who_opts_out_is_not_written_to_until_they_opt_in(
    sms: SmsConnector, twilio: SmsSandbox, hub: Hub
) -> None:
    citizen = twilio.citizen(number=CITIZEN)
    await citizen.opt_out("Stop")
    (event,) = hub.read
    assert isinstance(event, ContactEvent)
    assert (event.kind, event.payload, event.conversation) == ("blocked", "Stop", CITIZEN)
    with pytest.raises(Blocked) as caught:
        await sms.send(reply())
    assert "START" in caught.value.reason
    await citizen.opt_in()
    event = hub.read[-1]
    assert isinstance(event, ContactEvent)
    assert event.kind == "unblocked"
    await sms.send(reply())
    assert (await citizen.next()).text == "Рақмет, жөндейміз."


async def test_a_picture_is_fetched_through_a_redirect_to_the_store(
    sms: SmsConnector, twilio: SmsSandbox, hub: Hub
) -> None:
    await twilio.citizen().picture("Міне", content=b"\xff\xd8picture\xff\xd9")
    (message,) = hub.read
    assert isinstance(message, InboundMessage)
    (attachment,) = message.attachments
    assert attachment.kind is AttachmentKind.PHOTO
    got = b"".join([chunk async for chunk in sms.fetch(attachment)])
    assert got == b"\xff\xd8picture\xff\xd9"
    asked = [call for call in twilio.calls if "/Media/" in call.path]
    assert [call.headers["Authorization"][:6] for call in asked] == ["Basic "]


async def test_a_forged_delivery_is_refused(
    sms: SmsConnector, twilio: SmsSandbox, hub: Hub
) -> None:
    twilio.auth_token = "another-token"
    assert (await twilio.citizen().say("Сәлем")).status == 401
    assert not hub.read


# --- Sending -------------------------------------------------------------------------------------


async def test_files_go_out_as_addresses_only_where_the_account_carries_them(
    twilio: SmsSandbox,
) -> None:
    plain, with_files = connector_at(twilio.url), connector_at(twilio.url, mms=True)
    assert not plain.capabilities.media
    assert with_files.capabilities.media.keys() >= {AttachmentKind.PHOTO, AttachmentKind.DOCUMENT}
    with pytest.raises(Rejected):
        await plain.send(reply(attachments=(file(),)))
    with pytest.raises(Rejected):
        await with_files.send(reply("", attachments=(file(AttachmentKind.LOCATION),)))
    assert not twilio.calls
    await with_files.send(reply("Акт", attachments=(file(),)))
    (sent,) = twilio.sent
    assert (sent.body, sent.media) == ("Акт", (f"{PUBLIC_URL}/files/f1/1/signature/act.jpg",))
    await with_files.close()


async def test_nothing_is_not_sent(twilio: SmsSandbox) -> None:
    made = connector_at(twilio.url)
    with pytest.raises(Rejected):
        await made.send(reply(""))
    assert not twilio.calls


async def test_a_service_sends_by_itself(twilio: SmsSandbox, hub: Hub) -> None:
    twilio.service(SERVICE, NUMBER)
    made = connector_at(twilio.url, **{"from": SERVICE})
    await made.send(reply())
    call = await twilio.call(where=lambda call: call.path.endswith("/Messages.json"))
    assert call.data["MessagingServiceSid"] == SERVICE
    assert "From" not in call.data
    assert twilio.sent[0].service == SERVICE
    await made.close()


async def test_each_part_names_itself_in_the_address_of_its_reports(
    sms: SmsConnector, twilio: SmsSandbox
) -> None:
    await sms.send(reply(part=0))
    await sms.send(reply(part=1))
    assert [one.status_callback for one in twilio.sent] == [
        f"{PUBLIC_URL}/hooks/sms/main/status?message={OURS}&part=0",
        f"{PUBLIC_URL}/hooks/sms/main/status?message={OURS}&part=1",
    ]


async def test_many_replies_at_once_open_one_client(sms: SmsConnector, twilio: SmsSandbox) -> None:
    sent = await asyncio.gather(*(sms.send(reply(f"{n}")) for n in range(20)))
    assert len({one.external_ids for one in sent}) == 20


# --- Reading -------------------------------------------------------------------------------------


def incoming(body: str = "Сәлем", **changes: str) -> dict[str, str]:
    fields = {"MessageSid": "SM1", "From": CITIZEN, "To": NUMBER, "Body": body, "NumMedia": "0"}
    return {**fields, **changes}


@pytest.mark.parametrize("to", ["+77272000555", "1414", "Dukenim", "", SERVICE])
async def test_what_came_to_another_number_is_not_ours_unless_a_service_is(to: str) -> None:
    assert not connector_at("http://127.0.0.1:9").normalize(delivery(incoming(To=to)))
    service = connector_at("http://127.0.0.1:9", **{"from": SERVICE})
    assert len(service.normalize(delivery(incoming(To=to)))) == 1


async def test_an_action_of_no_meaning_gives_nothing() -> None:
    made = connector_at("http://127.0.0.1:9")
    assert not made.normalize(delivery(incoming(), action="voice"))


@pytest.mark.parametrize(
    ("told", "address", "scheme"),
    [
        ("+77015550142", "+77015550142", "tel"),
        ("77015550142", "+77015550142", "tel"),
        ("1414", "1414", "sms"),
        ("Dukenim", "Dukenim", "sms"),
        ("+Dukenim", "+Dukenim", "sms"),
        ("whatsapp:+77015550142", "whatsapp:+77015550142", "sms"),
        ("²³⁴⁵⁶⁷⁸⁹⁰", "²³⁴⁵⁶⁷⁸⁹⁰", "sms"),
    ],
)
def test_every_kind_of_sender_survives(told: str, address: str, scheme: str) -> None:
    assert address_of(told) == address
    assert point_of(address) == ContactPoint(scheme, address)


# --- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("+7 (727) 200-01-09", NUMBER),
        (SERVICE, SERVICE),
        ("1414", "1414"),
        ("Almaty 109", "Almaty 109"),
    ],
)
def test_a_sender_is_a_number_a_service_a_code_or_a_name(given: str, kept: str) -> None:
    assert own_sender(given) == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"from": "8 727 200 01 09"},
        {"from": ""},
        {"from": "MG1"} | {"from": "Акимат"},
        {"from": "ALongerNameThanTwilioTakes"},
        {"account_sid": "SK1"},
        {"auth_token": "with a blank in it"},
        {"auth_token": ""},
        {"api_base": "api.twilio.com"},
        {"sender": NUMBER},
    ],
    ids=range(9),
)
def test_a_key_that_cannot_be_right_is_refused_and_not_shown(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        connector_at("http://127.0.0.1:9", **changes)
    told = str(caught.value)
    assert next(iter(changes)) in told
    assert AUTH_TOKEN not in told
    assert "with a blank" not in told


# --- The account ---------------------------------------------------------------------------------

HOOK = f"{PUBLIC_URL}/hooks/sms/main"


async def checked(twilio: SmsSandbox, **keys: Any) -> Any:
    made = connector_at(twilio.url, **keys)
    found = await made.check()
    await made.close()
    assert AUTH_TOKEN not in repr(found)
    return found


async def test_a_number_that_nobody_set_up_is_red_sends_all_the_same_and_is_set_up(
    twilio: SmsSandbox,
) -> None:
    found = await checked(twilio)
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert HOOK in found.cure
    assert NUMBER in found.cure
    twilio.numbers[NUMBER].sms_url = "https://demo.twilio.com/welcome/sms/reply"
    assert (await checked(twilio)).health is Health.DOWN
    made = connector_at(twilio.url)
    await made.register()
    await made.close()
    assert twilio.numbers[NUMBER].sms_url == HOOK
    assert (await checked(twilio)).health is Health.OK


async def test_an_address_that_somebody_entered_stays_and_is_told(twilio: SmsSandbox) -> None:
    theirs = "https://else.example.kz/hook/of-another-program"
    twilio.numbers[NUMBER].sms_url = theirs
    made = connector_at(twilio.url)
    await made.register()
    await made.close()
    assert twilio.numbers[NUMBER].sms_url == theirs
    found = await checked(twilio)
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert "else.example.kz" in found.summary
    assert "of-another-program" not in repr(found)
    assert HOOK in found.cure


async def test_what_an_administrator_tells_twilio_behind_the_address_is_left_to_them(
    twilio: SmsSandbox,
) -> None:
    twilio.own(NUMBER, sms_url=f"{HOOK}#rc=3&rp=ct,5xx")
    assert (await checked(twilio)).health is Health.OK


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ({"sms_url": HOOK, "sms_application_sid": "AP1"}, "TwiML App"),
        ({"sms_url": HOOK, "sms_method": "GET"}, "HTTP POST"),
    ],
)
async def test_other_ways_to_lose_what_citizens_write_are_told(
    setup: dict[str, str], words: str, twilio: SmsSandbox
) -> None:
    twilio.own(NUMBER, **setup)
    found = await checked(twilio)
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert words in found.cure


@pytest.mark.parametrize(
    ("status", "balance", "health", "words"),
    [
        ("suspended", "83.20", Health.DOWN, "suspended"),
        ("closed", "83.20", Health.DOWN, "closed"),
        ("active", "0", Health.DOWN, "used up"),
        ("active", "-1.5", Health.DOWN, "used up"),
        ("active", "2.10", Health.DEGRADED, "nearly used up"),
        ("active", "83.20", Health.OK, "receives"),
        ("active", None, Health.OK, "receives"),
        ("active", "plenty", Health.OK, "receives"),
    ],
)
async def test_the_twilio_account_and_its_funds_are_told(
    status: str, balance: str | None, health: Health, words: str, twilio: SmsSandbox
) -> None:
    twilio.status, twilio.balance = status, balance
    twilio.own(NUMBER, sms_url=HOOK)
    found = await checked(twilio)
    assert found.health is health
    assert words in found.summary
    assert (found.cure is None) == (health is Health.OK)
    assert found.can_send is (True if words == "used up" else None)


@pytest.mark.parametrize(
    ("sender", "words"),
    [
        ("+77270000000", "another Twilio account"),
        ("1414", "another Twilio account"),
        ("+77272000110", "cannot send"),
        (SERVICE, "no such messaging service"),
        (f"MG{'8' * 32}", "has no number"),
    ],
)
async def test_a_sender_that_is_not_ours_is_red_with_its_cure(
    sender: str, words: str, twilio: SmsSandbox
) -> None:
    twilio.own("+77272000110", capabilities={"sms": False})
    twilio.service(f"MG{'8' * 32}")
    found = await checked(twilio, **{"from": sender})
    assert (found.health, found.can_send) == (Health.DOWN, None)
    assert words in found.summary
    assert "channels.sms.main.from" in found.cure


async def test_a_short_code_is_looked_up_and_set_up(twilio: SmsSandbox) -> None:
    twilio.short_code("1414")
    assert (await checked(twilio, **{"from": "1414"})).health is Health.DOWN
    made = connector_at(twilio.url, **{"from": "1414"})
    await made.register()
    await made.close()
    assert (await checked(twilio, **{"from": "1414"})).health is Health.OK


async def test_a_name_sends_and_cannot_be_answered(twilio: SmsSandbox) -> None:
    found = await checked(twilio, **{"from": "Almaty109"})
    assert found.health is Health.DEGRADED
    assert "cannot answer" in found.summary
    made = connector_at(twilio.url, **{"from": "Almaty109"})
    await made.register()
    await made.send(reply())
    assert twilio.sent[0].sender == "Almaty109"
    await made.close()


@pytest.mark.parametrize("on_number", [False, True])
async def test_a_service_is_set_up_where_it_delivers_from(
    on_number: bool, twilio: SmsSandbox, hub: Hub
) -> None:
    service = twilio.service(SERVICE, NUMBER, use_inbound_webhook_on_number=on_number)
    found = await checked(twilio, **{"from": SERVICE})
    assert (found.health, found.can_send) == (Health.DOWN, True)
    assert (NUMBER if on_number else SERVICE) in found.cure
    made = connector_at(twilio.url, **{"from": SERVICE})
    hub.connector = made
    await made.register()
    assert (service.inbound_request_url == HOOK) == (not on_number)
    assert (await made.check()).health is Health.OK
    assert (await twilio.citizen().say("Сәлем")).status == 200
    assert len(hub.read) == 1
    await made.close()


async def test_a_dead_token_is_red_with_its_cure(twilio: SmsSandbox) -> None:
    found = await checked(twilio, auth_token="yesterdays-token")
    assert found.health is Health.DOWN
    assert "channels.sms.main.account_sid" in found.cure


@pytest.mark.parametrize(
    "public_url", ["http://127.0.0.1:8080", "https://localhost", "https://my_hub.example.kz"]
)
async def test_twilio_itself_is_not_asked_to_deliver_where_it_cannot(public_url: str) -> None:
    made = connector_at(TWILIO, public_url=public_url)
    with pytest.raises(Misconfigured) as caught:
        await made.register()
    assert "public_url" in caught.value.cure
    await made.close()


async def test_the_demo_has_a_number_and_people_with_numbers_of_their_own() -> None:
    async with demo_account(run=0) as first, demo_account(run=1_800_000_007) as second:
        people = [one.citizen(name="Ерлан", language="kk") for one in (first, first, second)]
        assert len({person.number for person in people}) == 3
        assert all(len(person.number) == len(CITIZEN) for person in people)
        made = SmsConnector(
            "demo",
            SmsSettings.model_validate(first.settings),
            Context(public_url="http://127.0.0.1:9", clock=lambda: NOW),
        )
        await made.register()
        await made.send(reply(conversation=people[0].number))
        assert (await people[0].next()).text == "Рақмет, жөндейміз."
        await made.close()
