"""SMS's stand-in: people with phones. What Twilio refuses is shown for its shared base."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp import web

from connectors.sms.sandbox import ACCOUNT_SID, AUTH_TOKEN, NUMBER, SmsSandbox
from connectors.testing.sandbox import Call, Route, Sandbox, answer
from connectors.testing.twilio import SIGNATURE_HEADER, sign

HOOK = "https://hub.example.kz/hooks/sms/main"
ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"


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
async def twilio(webhook: Webhook) -> AsyncIterator[SmsSandbox]:
    async with SmsSandbox(hub=webhook.url) as running:
        running.numbers[NUMBER].sms_url = HOOK
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def test_what_a_citizen_texts_comes_as_twilios_form(
    twilio: SmsSandbox, webhook: Webhook
) -> None:
    citizen = twilio.citizen(name="Ольга Ким", language="ru")
    said = await citizen.say("Нет воды, пр. Абая, 44")
    assert (said.status, said.answer) == (200, b"<Response/>")
    (call,) = webhook.calls
    assert call.data["Body"] == "Нет воды, пр. Абая, 44"
    assert (call.data["From"], call.data["To"]) == (citizen.number, NUMBER)
    assert call.data["MessageSid"] == call.data["SmsSid"] == said.external_id
    assert len(said.external_id) == 34
    assert call.data["NumMedia"] == "0"
    assert "Ольга" not in str(dict(call.data)), "a text message tells no name"
    assert call.headers[SIGNATURE_HEADER] == sign(AUTH_TOKEN, HOOK, call.data.items())
    assert call.headers["Content-Type"].startswith("application/x-www-form-urlencoded")


async def test_a_picture_comes_as_an_address_of_twilios(
    twilio: SmsSandbox, webhook: Webhook, http: aiohttp.ClientSession
) -> None:
    posted = await twilio.citizen().picture("Міне", content=b"\xff\xd8hole\xff\xd9")
    fields = posted.fields
    assert (fields["NumMedia"], fields["MediaContentType0"]) == ("1", "image/jpeg")
    assert fields["MediaUrl0"].startswith(f"https://api.twilio.com{ACCOUNT}/Messages/MM")
    path = fields["MediaUrl0"].removeprefix("https://api.twilio.com")
    async with http.get(twilio.url + path) as response:
        assert await response.read() == b"\xff\xd8hole\xff\xd9"


async def test_a_message_can_come_again(twilio: SmsSandbox, webhook: Webhook) -> None:
    citizen = twilio.citizen()
    await citizen.again(await citizen.say("Сәлем"))
    first, second = webhook.calls
    assert first.body == second.body
    assert first.headers[SIGNATURE_HEADER] == second.headers[SIGNATURE_HEADER]


async def test_nothing_comes_where_no_webhook_is_set(twilio: SmsSandbox, webhook: Webhook) -> None:
    twilio.numbers[NUMBER].sms_url = ""
    assert (await twilio.citizen().say("Сәлем")).status is None
    assert not webhook.calls


async def test_a_reply_reaches_the_citizen_it_is_for(
    twilio: SmsSandbox, http: aiohttp.ClientSession
) -> None:
    first, second = twilio.citizen(), twilio.citizen()
    assert first.number != second.number
    form = {"To": second.number, "From": NUMBER, "Body": "Рақмет"}
    async with http.post(f"{twilio.url}{ACCOUNT}/Messages.json", data=form) as response:
        assert response.status == 201
    heard = await second.next()
    assert (heard.text, heard.sender) == ("Рақмет", NUMBER)
    assert not first.received
    with pytest.raises(TimeoutError):
        await second.next(timeout=0.01)


async def test_who_opted_out_hears_nothing_until_they_opt_in(
    twilio: SmsSandbox, http: aiohttp.ClientSession
) -> None:
    citizen = twilio.citizen()
    form = {"To": citizen.number, "From": NUMBER, "Body": "Рақмет"}
    codes = []
    for word in ("сәлем", "Stop", "сәлем", "START"):
        await citizen.say(word)
        async with http.post(f"{twilio.url}{ACCOUNT}/Messages.json", data=form) as response:
            codes.append((await response.json()).get("code"))
    assert codes == [None, 21610, 21610, None]
    assert len(citizen.received) == 2


async def test_a_short_code_is_on_a_list_of_its_own(
    twilio: SmsSandbox, http: aiohttp.ClientSession
) -> None:
    twilio.short_code("1414")
    path = f"{twilio.url}{ACCOUNT}/SMS/ShortCodes"
    async with http.get(f"{path}.json?ShortCode=1414") as response:
        (code,) = (await response.json())["short_codes"]
    assert (code["short_code"], code["sms_url"]) == ("1414", None)
    async with http.post(f"{path}/{code['sid']}.json", data={"SmsUrl": HOOK}) as response:
        assert (await response.json())["sms_url"] == HOOK
    async with http.post(f"{path}/SC0.json", data={"SmsUrl": HOOK}) as response:
        assert response.status == 404
    async with http.get(f"{path}.json", headers={"Authorization": "Basic x"}) as response:
        assert response.status == 401
