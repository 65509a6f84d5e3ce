"""Twilio's stand-in refuses what Twilio refuses, signs as Twilio does, reports in any order."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.testing.sandbox import Call, Route, Sandbox, answer
from connectors.testing.twilio import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    NUMBER,
    SIGNATURE_HEADER,
    TwilioSandbox,
    sign,
)

CITIZEN = "+77015550142"
SERVICE = f"MG{'9' * 32}"
ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
AUTH = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
TEXT = {"To": CITIZEN, "From": NUMBER, "Body": "Рақмет"}


class Webhook(Sandbox):
    """A hub that takes every delivery."""

    def routes(self) -> Iterator[Route]:
        yield Route("POST", "/{path:.*}", self.take)

    async def take(self, _: Call) -> web.Response:
        return answer("<Response/>", headers={"Content-Type": "text/xml"})


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with Webhook() as running:
        yield running


@pytest.fixture
async def twilio(webhook: Webhook) -> AsyncIterator[TwilioSandbox]:
    async with TwilioSandbox(hub=webhook.url) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(
    http: aiohttp.ClientSession,
    twilio: TwilioSandbox,
    path: str,
    form: Any = None,
    *,
    headers: dict[str, str] = AUTH,
) -> tuple[int, Any]:
    method = "GET" if form is None else "POST"
    async with http.request(
        method, twilio.url + path, data=form, headers=headers, allow_redirects=False
    ) as response:
        if "json" in response.content_type:
            return response.status, await response.json()
        return response.status, await response.read()


def test_the_signature_is_the_one_of_twilios_own_example() -> None:
    # Source: the example of the validators in Twilio's libraries, such as
    # https://www.twilio.com/docs/usage/security#validating-requests
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    address = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", address, fields.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic x"},
        {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, "wrong")},
        {"Authorization": f"Bearer {AUTH_TOKEN}"},
    ],
    ids=range(4),
)
@pytest.mark.parametrize(
    "path", [".json", "/Balance.json", "/IncomingPhoneNumbers.json", "/Messages/SM1/Media/ME1"]
)
async def test_nobody_is_let_in_without_the_token(
    path: str, headers: dict[str, str], http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    status, body = await ask(http, twilio, f"{ACCOUNT}{path}", headers=headers)
    assert (status, body["code"]) == (401, 20003)
    assert body["more_info"] == "https://www.twilio.com/docs/errors/20003"
    assert AUTH_TOKEN not in str(body)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"To": None}, 400, 21604),
        ({"From": None}, 400, 21603),
        ({"Body": None}, 400, 21619),
        ({"Body": ""}, 400, 21619),
        ({"Body": "я" * 1601}, 400, 21617),
        ({"Body": "👩" * 801}, 400, 21617),
        ({"To": "87015550142"}, 400, 21211),
        ({"To": "+7701"}, 400, 21211),
        ({"To": "whatsapp:+77015550142"}, 400, 21211),
        ({"To": "1414"}, 400, 21211),
        ({"To": "+77272500000"}, 400, 21614),
        ({"To": "+996555000111"}, 403, 21408),
        ({"From": "+77270000000"}, 400, 21659),
        ({"From": "+77272000110"}, 400, 21661),
        ({"From": "!"}, 400, 21212),
        ({"From": None, "MessagingServiceSid": "MG1"}, 400, 21701),
        ({"From": None, "MessagingServiceSid": f"MG{'8' * 32}"}, 400, 21701),
        ({"From": None, "MessagingServiceSid": f"MG{'7' * 32}"}, 400, 21704),
        ({"MediaUrl": "ftp://files.example.kz/1"}, 400, 21620),
        ({"MediaUrl": "files.example.kz/1"}, 400, 21620),
        ({"StatusCallback": "hub.example.kz/status"}, 400, 21609),
        ({"StatusCallback": "https://my_hub.example.kz/"}, 400, 21609),
        ({"ContentSid": "HX1"}, 400, 21655),
        ({"ContentSid": f"HX{'0' * 31}1", "ContentVariables": "{"}, 400, 21656),
        ({"ContentSid": f"HX{'0' * 31}1", "ContentVariables": '{"1": 2}'}, 400, 21656),
    ],
)
async def test_a_message_that_is_not_as_it_must_be_is_refused(
    changes: dict[str, Any],
    status: int,
    code: int,
    http: aiohttp.ClientSession,
    twilio: TwilioSandbox,
) -> None:
    twilio.landlines.add("+77272500000")
    twilio.closed_countries.add("+996")
    twilio.own("+77272000110", capabilities={"sms": False, "voice": True})
    twilio.service(f"MG{'7' * 32}")
    twilio.content("answer", "kk", "Сәлем, {{1}}")
    form = {name: value for name, value in {**TEXT, **changes}.items() if value is not None}
    found, body = await ask(http, twilio, f"{ACCOUNT}/Messages.json", form)
    assert (found, body["status"], body["code"]) == (status, status, code)
    assert body["message"]
    assert not twilio.sent


async def test_eleven_files_are_too_many(
    http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    files = [("MediaUrl", f"https://hub.example.kz/files/{n}") for n in range(11)]
    _, body = await ask(http, twilio, f"{ACCOUNT}/Messages.json", [*TEXT.items(), *files])
    assert body["code"] == 21623
    status, body = await ask(http, twilio, f"{ACCOUNT}/Messages.json", [*TEXT.items(), *files[1:]])
    assert (status, body["num_media"], body["sid"][:2]) == (201, "10", "MM")


async def test_json_is_not_what_twilio_takes(
    http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    async with http.post(
        f"{twilio.url}{ACCOUNT}/Messages.json", json=TEXT, headers=AUTH
    ) as response:
        assert response.status == 415


async def test_a_message_is_taken_kept_and_fetched(
    http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    status, made = await ask(http, twilio, f"{ACCOUNT}/Messages.json", TEXT)
    assert (status, made["status"], made["body"]) == (201, "queued", "Рақмет")
    await twilio.settled()
    _, fetched = await ask(http, twilio, f"{ACCOUNT}/Messages/{made['sid']}.json")
    assert fetched["status"] == "delivered"
    status, _ = await ask(http, twilio, f"{ACCOUNT}/Messages/SM0.json")
    assert status == 404


async def test_too_fast_is_429_with_the_time_to_wait(http: aiohttp.ClientSession) -> None:
    async with (
        TwilioSandbox(per_second=1.0, reports=False) as twilio,
        http.post(f"{twilio.url}{ACCOUNT}/Messages.json", data=TEXT, headers=AUTH) as first,
        http.post(f"{twilio.url}{ACCOUNT}/Messages.json", data=TEXT, headers=AUTH) as second,
    ):
        assert (first.status, second.status) == (201, 429)
        assert (await second.json())["code"] == 20429
        assert int(second.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_an_account_that_is_not_active_sends_nothing(
    status: str, http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    twilio.status = status
    _, body = await ask(http, twilio, f"{ACCOUNT}/Messages.json", TEXT)
    assert body["code"] == 20005
    _, body = await ask(http, twilio, f"{ACCOUNT}.json")
    assert body["status"] == status


# --- Webhooks ------------------------------------------------------------------------------------

CALLBACK = "https://hub.example.kz/hooks/sms/main/status?message=7&part=0"


async def test_statuses_are_reported_signed_and_in_the_order_that_was_asked(
    http: aiohttp.ClientSession, twilio: TwilioSandbox, webhook: Webhook
) -> None:
    twilio.lifecycle = ["delivered", "sent", "sent", ("undelivered", 30003)]
    await ask(http, twilio, f"{ACCOUNT}/Messages.json", {**TEXT, "StatusCallback": CALLBACK})
    await twilio.settled()
    told = [(call.data["MessageStatus"], call.data.get("ErrorCode")) for call in webhook.calls]
    assert told == [
        ("delivered", None),
        ("sent", None),
        ("sent", None),
        ("undelivered", "30003"),
    ]
    for call in webhook.calls:
        assert (call.path, dict(call.query)) == (
            "/hooks/sms/main/status",
            {"message": "7", "part": "0"},
        )
        assert call.headers[SIGNATURE_HEADER] == sign(AUTH_TOKEN, CALLBACK, call.data.items())


async def test_a_callback_to_nowhere_on_this_machine_is_not_tried(
    http: aiohttp.ClientSession,
) -> None:
    async with TwilioSandbox() as twilio:
        form = {**TEXT, "StatusCallback": CALLBACK}
        status, _ = await ask(http, twilio, f"{ACCOUNT}/Messages.json", form)
        await twilio.settled()
    assert (status, twilio.sent[0].status) == (201, "delivered")


async def test_a_strict_one_refuses_callbacks_to_this_machine(
    http: aiohttp.ClientSession,
) -> None:
    async with TwilioSandbox(strict=True) as twilio:
        form = {**TEXT, "StatusCallback": "http://127.0.0.1:8080/status"}
        _, body = await ask(http, twilio, f"{ACCOUNT}/Messages.json", form)
    assert body["code"] == 21609


def incoming(body: str, **changes: str) -> dict[str, str]:
    fields = {"MessageSid": "SM1", "From": CITIZEN, "To": NUMBER, "Body": body, "NumMedia": "0"}
    return {**fields, **changes}


async def test_a_message_reaches_the_numbers_webhook_signed(
    twilio: TwilioSandbox, webhook: Webhook
) -> None:
    assert await twilio.receive(incoming("Сәлем")) is None
    assert not webhook.calls
    twilio.numbers[NUMBER].sms_url = "https://hub.example.kz/hooks/sms/main"
    answered = await twilio.receive(incoming("Сәлем"))
    assert answered is not None
    assert (answered.status, answered.body) == (200, b"<Response/>")
    (call,) = webhook.calls
    expected = sign(AUTH_TOKEN, "https://hub.example.kz/hooks/sms/main", call.data.items())
    assert call.headers[SIGNATURE_HEADER] == expected


async def test_an_application_takes_the_messages_instead_of_the_webhook(
    twilio: TwilioSandbox, webhook: Webhook
) -> None:
    twilio.own(NUMBER, sms_url="https://hub.example.kz/a", sms_application_sid="AP1")
    assert await twilio.receive(incoming("Сәлем")) is None
    assert not webhook.calls


@pytest.mark.parametrize("on_number", [False, True])
async def test_a_service_takes_the_messages_of_its_numbers(
    on_number: bool, twilio: TwilioSandbox, webhook: Webhook
) -> None:
    twilio.numbers[NUMBER].sms_url = "https://hub.example.kz/number"
    twilio.service(
        SERVICE,
        NUMBER,
        inbound_request_url="https://hub.example.kz/service",
        use_inbound_webhook_on_number=on_number,
        advanced_opt_out=True,
    )
    await twilio.receive(incoming("stop"))
    (call,) = webhook.calls
    assert call.path == ("/number" if on_number else "/service")
    assert (call.data["MessagingServiceSid"], call.data["OptOutType"]) == (SERVICE, "STOP")


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop ", "StopAll", "END", "quit", "CANCEL"])
async def test_who_writes_stop_is_left_alone_until_they_write_start(
    word: str, http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    await twilio.receive(incoming(word))
    _, body = await ask(http, twilio, f"{ACCOUNT}/Messages.json", TEXT)
    assert body["code"] == 21610
    twilio.own("+77272000110")
    status, _ = await ask(
        http, twilio, f"{ACCOUNT}/Messages.json", {**TEXT, "From": "+77272000110"}
    )
    assert status == 201, "only the pair of the two numbers is closed"
    await twilio.receive(incoming("start"))
    status, _ = await ask(http, twilio, f"{ACCOUNT}/Messages.json", TEXT)
    assert status == 201


@pytest.mark.parametrize("text", ["STOP PLEASE", "Стоп", "не stop", "HELP"])
async def test_a_sentence_with_the_word_in_it_opts_nobody_out(
    text: str, twilio: TwilioSandbox
) -> None:
    await twilio.receive(incoming(text))
    assert not twilio.opted_out


# --- Files, numbers, templates -------------------------------------------------------------------


async def test_a_file_is_redirected_to_a_store_that_asks_for_no_token(
    http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    stored = twilio.store(b"\xff\xd8", "image/jpeg", message="MM1")
    path = stored["url"].removeprefix("https://api.twilio.com")
    async with http.get(twilio.url + path, headers=AUTH, allow_redirects=False) as response:
        assert response.status == 307
        there = response.headers["Location"]
    async with http.get(there) as response:
        assert (response.content_type, await response.read()) == ("image/jpeg", b"\xff\xd8")


async def test_a_number_is_found_and_its_webhook_can_be_set(
    http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    path = f"{ACCOUNT}/IncomingPhoneNumbers.json?PhoneNumber=%2B77272000109"
    _, body = await ask(http, twilio, path)
    (number,) = body["incoming_phone_numbers"]
    assert (number["phone_number"], number["sms_url"]) == (NUMBER, "")
    path = f"{ACCOUNT}/IncomingPhoneNumbers/{number['sid']}.json"
    _, body = await ask(http, twilio, path, {"SmsUrl": "https://hub.example.kz/x"})
    assert twilio.numbers[NUMBER].sms_url == body["sms_url"] == "https://hub.example.kz/x"
    _, body = await ask(http, twilio, f"{ACCOUNT}/IncomingPhoneNumbers.json?PhoneNumber=%2B1")
    assert body["incoming_phone_numbers"] == []


async def test_templates_are_listed_with_what_whatsapp_says_of_them(
    http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    made = twilio.content("answer", "kk", "Сәлем, {{1}}", variables={"1": "Айгүл"})
    _, body = await ask(http, twilio, "/v1/ContentAndApprovals?PageSize=20")
    (content,) = body["contents"]
    assert (content["sid"], content["language"]) == (made.sid, "kk")
    assert content["types"] == {"twilio/text": {"body": "Сәлем, {{1}}"}}
    assert content["approval_requests"]["status"] == "approved"
    form = {"To": CITIZEN, "From": NUMBER, "ContentSid": made.sid, "ContentVariables": '{"1": "А"}'}
    status, _ = await ask(http, twilio, f"{ACCOUNT}/Messages.json", form)
    assert status == 201
    assert twilio.sent[0].content_variables == {"1": "А"}


async def test_the_funds_of_a_subaccount_are_not_told(
    http: aiohttp.ClientSession, twilio: TwilioSandbox
) -> None:
    _, body = await ask(http, twilio, f"{ACCOUNT}/Balance.json")
    assert (body["balance"], body["currency"]) == ("83.20", "USD")
    twilio.balance = None
    status, _ = await ask(http, twilio, f"{ACCOUNT}/Balance.json")
    assert status == 404
