"""Twilio's brick: proofs against Twilio's own validator, refusals, and calls that go wrong."""

import asyncio
import hashlib
from base64 import b64decode
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from importlib import import_module
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict

from connectors.base import (
    Blocked,
    Forged,
    Malformed,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.kit import twilio_failures
from connectors.kit.twilio import Client
from connectors.kit.twilio_failures import reason_of, refused
from connectors.kit.twilio_webhooks import (
    Signatures,
    read_form,
    read_message,
    read_report,
    status_address,
)
from connectors.testing.sandbox import Call, Failure, Refused, Route, Sandbox, answer
from registry.types import Attachment, AttachmentKind, DeliveryState, Envelope

RequestValidator: Any = import_module("twilio.request_validator").RequestValidator

SID = "AC" + "0" * 31 + "1"
TOKEN = "0123456789abcdef0123456789abcdef"
HOOK = "https://hub.example.kz/hooks/sms/main"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

_SAME_EVERY_RUN = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def delivery(
    body: bytes, signature: str | None = None, *, action: str = "", query: str = "", **more: str
) -> Envelope:
    headers = CIMultiDict({name.replace("_", "-"): value for name, value in more.items()})
    if signature is not None:
        headers["X-Twilio-Signature"] = signature
    return Envelope(
        id="d1",
        channel="sms",
        account="main",
        action=action,
        query=query,
        headers=headers,
        body=body,
        received_at=AT,
    )


def forged(envelope: Envelope, hook: str = HOOK) -> bool:
    try:
        Signatures(TOKEN, hook).verify(envelope)
    except Forged:
        return True
    return False


# --- Signatures ----------------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_PIECES = ("a", "\\", "\n", "&", "=", "+", "я", "%0A", "%5C", "%26", "%3D", "%D1%8F", "%D1", "x41")
_FORMS = st.lists(st.tuples(_TEXT, _TEXT), max_size=12)


@_SAME_EVERY_RUN
@given(fields=_FORMS, port=st.sampled_from(["", ":443", ":8443"]), query=st.booleans())
def test_what_twilios_own_library_signs_is_let_in(
    fields: list[tuple[str, str]], port: str, query: bool
) -> None:
    hook = f"https://hub.example.kz{port}/hooks/sms/main"
    address = f"{hook}/status?message=12&part=0" if query else hook
    signature = RequestValidator(TOKEN).compute_signature(address, MultiDict(fields))
    envelope = delivery(
        urlencode(fields).encode(),
        signature,
        action="status" if query else "",
        query="message=12&part=0" if query else "",
    )
    assert not forged(envelope, hook)
    changed = delivery(envelope.body + b"&Body=1", signature, action=envelope.action)
    assert forged(changed, hook)


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        ("https://hub.example.kz", "https://hub.example.kz:443"),
        ("https://hub.example.kz:443", "https://hub.example.kz"),
        ("https://hub.example.kz:8443", "https://hub.example.kz:8443"),
        ("https://hub.example.kz:8443", "https://hub.example.kz"),
        ("http://hub.example.kz", "http://hub.example.kz:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[::1]:8080", "http://[::1]"),
    ],
)
def test_twilio_signs_with_the_port_or_without(public: str, signed: str) -> None:
    signature = RequestValidator(TOKEN).compute_signature(
        f"{signed}/hooks/sms/main", {"Body": "Сәлем", "Blank": ""}
    )
    body = urlencode({"Blank": "", "Body": "Сәлем"}).encode()
    assert not forged(delivery(body, signature), f"{public}/hooks/sms/main")


@pytest.mark.parametrize(
    "address",
    [
        "http://hub.example.kz/hooks/sms/main",
        "https://else.example.kz/hooks/sms/main",
        "https://hub.example.kz/hooks/sms/other",
        "https://hub.example.kz/hooks/sms/main/status",
        "https://hub.example.kz/hooks/sms/main?a=1",
    ],
)
def test_another_address_is_not_ours_whatever_the_request_says(address: str) -> None:
    signature = RequestValidator(TOKEN).compute_signature(address, {"Body": "1"})
    host = "else.example.kz"
    assert forged(delivery(b"Body=1", signature, Host=host, X_Forwarded_Host=host))


def test_several_values_of_one_name_count_once_each_and_in_order() -> None:
    fields = MultiDict([("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b")])
    signature = RequestValidator(TOKEN).compute_signature(HOOK, fields)
    assert not forged(delivery(b"MediaUrl=b&MediaUrl=a&MediaUrl=b", signature))


def test_a_blank_field_is_signed_too() -> None:
    with_blank = RequestValidator(TOKEN).compute_signature(HOOK, {"FromCity": "", "Body": "1"})
    assert not forged(delivery(b"Body=1&FromCity=", with_blank))
    assert not forged(delivery(b"Body=1&FromCity", with_blank))
    without = RequestValidator(TOKEN).compute_signature(HOOK, {"Body": "1"})
    assert forged(delivery(b"Body=1&FromCity=", without))


def test_a_json_body_is_proved_by_its_hash_in_the_address() -> None:
    body = '{"text": "Сәлем"}'.encode()
    query = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(f"{HOOK}?{query}", {})
    shown = {"query": query, "Content_Type": "application/json"}
    assert RequestValidator(TOKEN).validate(f"{HOOK}?{query}", body.decode(), signature)
    assert not forged(delivery(body, signature, **shown))
    assert forged(delivery(body + b" ", signature, **shown))
    assert forged(delivery(body, signature, query="bodySHA256=", Content_Type="application/json"))
    form = "application/x-www-form-urlencoded"
    assert forged(delivery(b"From=1", signature, query=query, Content_Type=form))


@pytest.mark.parametrize("shown", [None, "", "қол", "\udcff", "=" * 9000, "a" * 28])
def test_whatever_is_shown_instead_of_a_signature_is_forged(shown: str | None) -> None:
    assert forged(delivery(b"Body=1", shown))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&" * 500_000, b"a=1&" * 5000, b"=" * 99])
def test_a_body_that_is_no_form_is_forged(body: bytes) -> None:
    assert forged(delivery(body, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="))


def test_an_empty_token_proves_nothing() -> None:
    signature = RequestValidator("").compute_signature(HOOK, {})
    with pytest.raises(Forged):
        Signatures("", HOOK).verify(delivery(b"", signature))


@_SAME_EVERY_RUN
@given(fields=_FORMS)
def test_a_form_reads_as_it_was_written(fields: list[tuple[str, str]]) -> None:
    kept = dict(reversed(fields))
    assert read_form(urlencode(fields).encode()) == kept


@_SAME_EVERY_RUN
@given(body=st.lists(st.sampled_from(_PIECES)))
def test_a_form_that_another_program_wrote_reads_as_it_does_everywhere(body: list[str]) -> None:
    text = "".join(body)
    assert read_form(text.encode()) == dict(reversed(parse_qsl(text, keep_blank_values=True)))


@pytest.mark.parametrize("body", [b"a=%", b"a=%4", b"a=%zz", b"a=%FF", b"a=%fE&b=1", b"\xd0"])
def test_what_is_no_form_is_told(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_form(body)
    assert forged(delivery(body, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="))


# --- Deliveries ----------------------------------------------------------------------------------


def test_a_message_is_read_with_its_files() -> None:
    found = read_message(
        urlencode(
            {
                "MessageSid": "MM1",
                "From": "+77015550142",
                "To": "+77272000109",
                "Body": "Шұңқыр + су",
                "NumMedia": "3",
                "MediaUrl0": "https://api.twilio.com/2010-04-01/x/Media/ME0",
                "MediaContentType0": "image/jpeg",
                "MediaUrl1": "https://api.twilio.com/2010-04-01/x/Media/ME1",
                "MediaContentType1": "text/vcard; charset=utf-8",
                "MediaUrl2": "https://api.twilio.com/2010-04-01/x/Media/ME2",
                "OptOutType": "stop",
            }
        ).encode()
    )
    assert (found.sid, found.sender, found.body) == ("MM1", "+77015550142", "Шұңқыр + су")
    assert [(one.kind, one.mime) for one in found.media] == [
        (AttachmentKind.PHOTO, "image/jpeg"),
        (AttachmentKind.CONTACT, "text/vcard"),
        (AttachmentKind.DOCUMENT, None),
    ]
    assert found.opt_out == "STOP"


@pytest.mark.parametrize("body", [b"", b"{}", b"MessageSid=SM1", b"From=%2B7", b"\xff"])
def test_what_is_no_message_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_message(body)


def test_of_a_name_that_comes_twice_the_first_counts() -> None:
    assert read_form(b"a=1&a=2&b=3") == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("sent", DeliveryState.SENT),
        ("delivered", DeliveryState.DELIVERED),
        ("read", DeliveryState.READ),
        ("undelivered", DeliveryState.FAILED),
        ("failed", DeliveryState.FAILED),
        ("canceled", DeliveryState.FAILED),
        ("queued", None),
        ("accepted", None),
        ("sending", None),
        ("of-the-future", None),
    ],
)
def test_a_status_names_our_message_and_twilios(status: str, state: DeliveryState | None) -> None:
    query = status_address(HOOK, message_id="184467", part=1).partition("?")[2]
    body = urlencode({"MessageSid": "SM1", "MessageStatus": status}).encode()
    report = read_report(delivery(body, action="status", query=query))
    if state is None:
        assert report is None
        return
    assert report is not None
    assert (report.state, report.external_id) == (state, "SM1")
    assert (report.message_id, report.part, report.names) == ("184467", 1, True)
    assert report.at == AT
    assert (report.error_reason is not None) == (state is DeliveryState.FAILED)


@pytest.mark.parametrize(
    "part", ["", "&part=", "&part=x", "&part=-1", "&part=%C2%B2", "&part=99999"]
)
def test_a_part_that_is_none_of_ours_is_the_first(part: str) -> None:
    body = b"MessageSid=SM1&MessageStatus=sent"
    report = read_report(delivery(body, action="status", query=f"message=7{part}"))
    assert report is not None
    assert (report.message_id, report.part) == ("7", 0)


def test_a_status_without_our_id_names_twilios_alone() -> None:
    body = b"SmsSid=SM1&SmsStatus=failed&ErrorCode=30003"
    report = read_report(delivery(body, action="status", query="\udcff=1&x"))
    assert report is not None
    assert (report.message_id, report.names, report.error_code) == (None, False, "30003")
    assert report.error_reason == "The phone is switched off or out of reach."


@pytest.mark.parametrize("code", [None, "", "abc", "²", "99999", "30003"])
def test_every_code_has_a_reason(code: str | None) -> None:
    assert reason_of(code).endswith(".")


# --- Refusals ------------------------------------------------------------------------------------

ACCOUNT = "sms.main"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 21610, Blocked),
        (400, 21614, Blocked),
        (400, 30005, Blocked),
        (400, 30006, Blocked),
        (400, 63003, Blocked),
        (400, 63024, Blocked),
        (400, 21211, Rejected),
        (400, 21217, Rejected),
        (400, 30003, Rejected),
        (400, 21602, Rejected),
        (400, 21604, Rejected),
        (400, 21605, Rejected),
        (400, 21617, Rejected),
        (400, 99999, Rejected),
        (400, None, Rejected),
        (413, None, Rejected),
        (400, 63016, WindowClosed),
        (429, 20429, Throttled),
        (429, None, Throttled),
        (429, 99999, Throttled),
        (400, 63018, Throttled),
        (400, 21611, Throttled),
        (400, 30001, Unreachable),
        (401, 20003, Misconfigured),
        (403, 20003, Misconfigured),
        (401, None, Misconfigured),
        (403, None, Misconfigured),
        (403, 20005, Misconfigured),
        (400, 21606, Rejected),
        (400, 21703, Rejected),
        (400, 21659, Misconfigured),
        (400, 21660, Misconfigured),
        (403, 21408, Rejected),
        (400, 21609, Misconfigured),
        (400, 30002, Misconfigured),
        (404, 20404, Misconfigured),
        (404, None, Misconfigured),
        (302, None, Misconfigured),
        (500, 20500, Unreachable),
        (503, 20503, Unreachable),
        (502, 99999, Unreachable),
        (503, None, Unreachable),
        (500, None, Uncertain),
        (502, None, Uncertain),
        (504, None, Uncertain),
    ],
)
def test_each_refusal_means_its_error(
    status: int, code: int | None, error: type[SendError]
) -> None:
    found = refused(status, code, "Words.", account=ACCOUNT, sends=True)
    assert type(found) is error
    assert found.code == str(code or status)
    assert "{" not in found.reason
    if isinstance(found, Misconfigured):
        assert "{" not in found.cure


def test_a_token_that_is_refused_because_the_account_is_suspended_says_so() -> None:
    found = refused(401, 20003, "Account is suspended", account=ACCOUNT, sends=True)
    assert isinstance(found, Misconfigured)
    assert "suspended" in found.reason
    assert "Billing" in found.cure
    plain = refused(401, 20003, "Authenticate", account=ACCOUNT, sends=True)
    assert isinstance(plain, Misconfigured)
    assert "channels.sms.main.account_sid" in plain.cure


@pytest.mark.parametrize(("asked", "pause"), [(17.0, 17.0), (None, 5.0), (0.0, 5.0), (9e9, 3600.0)])
def test_twilio_says_how_long_to_wait(asked: float | None, pause: float) -> None:
    found = refused(429, 20429, account=ACCOUNT, sends=True, retry_after=asked)
    assert isinstance(found, Throttled)
    assert found.retry_after == pause


def test_every_known_code_gives_one_sentence_and_a_cure_where_a_person_must_act() -> None:
    for code, (kind, reason, cure) in twilio_failures.MEANINGS.items():
        assert reason.endswith("."), code
        assert "\n" not in reason, code
        assert (kind is Misconfigured) == bool(cure), code


# --- Calls ---------------------------------------------------------------------------------------


class Twilio(Sandbox):
    """As much of Twilio as the client needs; `connectors.testing.twilio` has the rest."""

    elsewhere = ""

    def routes(self) -> Iterable[Route]:
        account = f"/2010-04-01/Accounts/{SID}"
        yield Route("POST", f"{account}/Messages.json", self.create)
        yield Route("GET", f"{account}/Messages/{{sid}}.json", self.fetch)
        yield Route("GET", f"{account}/Messages/MM1/Media/ME1", self.media)
        yield Route("GET", "/cdn/ME1.jpg", self.file)

    async def create(self, call: Call) -> web.Response:
        return answer({"sid": f"SM{len(self.calls)}", "status": "queued"}, status=201)

    async def fetch(self, call: Call) -> web.Response:
        return answer({"sid": call.params["sid"], "status": "sent"})

    async def media(self, call: Call) -> web.Response:
        raise Refused(307, headers={"Location": self.elsewhere or f"{self.url}/cdn/ME1.jpg"})

    async def file(self, call: Call) -> web.Response:
        return answer(b"\xff\xd8jpeg")


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    async with Twilio() as running:
        yield running


@pytest.fixture
async def client(twilio: Twilio) -> AsyncIterator[Client]:
    made = Client(SID, TOKEN, account=ACCOUNT, api_base=twilio.url)
    yield made
    await made.close()


async def send(client: Client, **changes: Any) -> str:
    given = {"to": "+77015550142", "from_": "+77272000109", "body": "Рақмет + 1", **changes}
    return await client.send(**given)


async def test_a_message_goes_out_by_the_library_to_where_api_base_is(
    client: Client, twilio: Twilio
) -> None:
    assert await send(client, media_url=["https://a.kz/1", "https://a.kz/2"]) == "SM1"
    (call,) = twilio.calls
    assert call.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert call.data["Body"] == "Рақмет + 1"
    assert call.data.getall("MediaUrl") == ["https://a.kz/1", "https://a.kz/2"]
    scheme, _, shown = call.headers["Authorization"].partition(" ")
    assert (scheme, b64decode(shown).decode()) == ("Basic", f"{SID}:{TOKEN}")


async def test_the_library_asks_through_the_same_session(client: Client, twilio: Twilio) -> None:
    found = await client.ask(lambda library: library.messages("SM7").fetch_async())
    assert (found.sid, found.status) == ("SM7", "sent")


async def test_a_server_that_hangs_is_given_up_after_the_timeout(
    client: Client, twilio: Twilio
) -> None:
    await send(client)
    client.timeout = 0.2
    twilio.fail_next(Failure.hang(), times=2)
    began = perf_counter()
    with pytest.raises(Uncertain):
        await send(client)
    with pytest.raises(Unreachable):
        await client.ask(lambda library: library.messages("SM7").fetch_async())
    assert perf_counter() - began < 5


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure.reset_after(), Uncertain),
        (Failure.reset_before(), Uncertain),
        (Failure.broken_json(201, takes_effect=True), Uncertain),
        (Failure(status=201, body=["not", "an", "object"]), Uncertain),
        (Failure(status=201, body={"status": "queued"}), Uncertain),
        (Failure(status=200, body=b"\xff"), Uncertain),
        (Failure.html(502), Uncertain),
        (Failure.html(503), Unreachable),
        (Failure(status=503, body={"code": 20503, "message": "x"}), Unreachable),
        (Failure(status=302, headers={"Location": "https://else.example.kz/"}), Misconfigured),
        (Failure(status=400, body={"code": 21610, "message": "x"}), Blocked),
        (Failure(status=400, body={"code": "many", "message": []}), Rejected),
    ],
    ids=range(12),
)
async def test_each_failure_has_its_name(
    failure: Failure, error: type[SendError], client: Client, twilio: Twilio
) -> None:
    twilio.fail_next(failure)
    with pytest.raises(SendError) as caught:
        await send(client)
    assert type(caught.value) is error
    assert "\n" not in caught.value.reason
    seen: BaseException | None = caught.value
    while seen is not None:
        assert TOKEN not in f"{seen!r} {vars(seen)!r}"
        assert "Basic" not in f"{seen!r} {vars(seen)!r}"
        seen = seen.__context__
    assert len(twilio.calls) == 1, "a redirect is not followed, and nothing is sent twice"


async def test_the_time_to_wait_is_taken_from_the_header(client: Client, twilio: Twilio) -> None:
    body = {"code": 20429, "message": "Too Many Requests", "status": 429}
    twilio.fail_next(Failure(status=429, body=body, headers={"Retry-After": "17"}))
    with pytest.raises(Throttled) as caught:
        await send(client)
    assert caught.value.retry_after == 17.0


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>", b'{"messages": 1}'])
async def test_a_reading_that_fails_may_be_tried_again(
    body: bytes, client: Client, twilio: Twilio
) -> None:
    twilio.fail_next(Failure(status=200, body=body))
    with pytest.raises(Unreachable):
        await client.ask(lambda library: library.messages.list_async(limit=1))


async def test_nobody_there_is_unreachable(client: Client, twilio: Twilio) -> None:
    await twilio.stop()
    with pytest.raises(Unreachable):
        await send(client)


async def test_closing_twice_is_as_good_as_once_and_opens_again(
    client: Client, twilio: Twilio
) -> None:
    await asyncio.gather(send(client), send(client))
    await client.close()
    await client.close()
    await send(client)
    assert len(twilio.calls) == 3


MEDIA = f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages/MM1/Media/ME1"


async def whole(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


def file(ref: str) -> Attachment:
    return Attachment(kind=AttachmentKind.PHOTO, ref=ref, mime="image/jpeg")


async def test_a_file_is_fetched_with_the_token_and_its_redirect_without(
    client: Client, twilio: Twilio
) -> None:
    async with Twilio() as cdn:
        twilio.elsewhere = f"{cdn.url}/cdn/ME1.jpg"
        with pytest.raises(Rejected):  # a host that nobody allowed
            await whole(client.media(file(MEDIA), max_bytes=1000))
        assert not cdn.calls
    twilio.elsewhere = ""
    assert await whole(client.media(file(MEDIA), max_bytes=1000)) == b"\xff\xd8jpeg"
    assert twilio.calls[-2].headers["Authorization"].startswith("Basic ")
    with pytest.raises(Rejected):
        await whole(client.media(file(MEDIA), max_bytes=3))


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "http://127.0.0.1:9/x",
        "https://else.example.kz/x",
        "https://api.twilio.com.else.example.kz/x",
        "https://api.twilio.com@else.example.kz/x",
        "file:///etc/passwd",
        "https://[",
    ],
)
async def test_a_file_elsewhere_is_not_asked_for(ref: str, client: Client) -> None:
    with pytest.raises(Rejected):
        await whole(client.media(file(ref), max_bytes=1000))


def test_names_are_quoted_in_the_address_of_a_status() -> None:
    address = status_address(HOOK, message_id="1 &2", part=0)
    assert address == f"{HOOK}/status?message={quote('1 &2', safe='').replace('%20', '+')}&part=0"
