"""What Meta's three channels share: proofs, calls under a token, and what each error means."""

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from connectors.base import (
    Blocked,
    Forged,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.kit.graph import (
    FEW_TRIES,
    GRAPH,
    SIGNATURE,
    VERSION,
    Graph,
    Product,
    failure,
    handshake,
    multipart,
    unusable_hook,
    verify,
)
from connectors.kit.signatures import hmac_sha256
from connectors.testing.sandbox import Call, Failure, Route, Sandbox, Upload, answer
from registry.types import AttachmentKind, Envelope, OutboundFile

SECRET = "app-secret-of-no-value"
TOKEN = "EAAG-token-of-no-value"
PRODUCT = Product(
    name="Messenger",
    table="channels.facebook.main",
    token_from="In business.facebook.com, System users, Generate token.",
    permissions="pages_messaging",
)


def envelope(body: bytes, signature: str | None) -> Envelope:
    headers = CIMultiDict({} if signature is None else {SIGNATURE: signature})
    return Envelope(
        id="d1",
        channel="facebook",
        account="main",
        headers=headers,
        body=body,
        received_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    )


# --- Deliveries ---------------------------------------------------------------------------------


def test_a_delivery_signed_over_its_raw_bytes_is_let_in() -> None:
    body = b'{"text":"\\u0421\\u04d9\\u043b\\u0435\\u043c"  }'
    signature = "sha256=" + hmac_sha256(SECRET, body)
    verify(envelope(body, signature), SECRET)
    with pytest.raises(Forged):
        verify(envelope(json.dumps(json.loads(body)).encode(), signature), SECRET)


GOOD = hmac_sha256(SECRET, b"{}")


@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        GOOD,
        "sha256=",
        f"sha1={GOOD}",
        f"sha256={GOOD.upper()}",
        f"sha256={GOOD}0",
        f"sha256= {GOOD}",
        "sha256=" + hmac_sha256("another-secret", b"{}"),
        "sha256=құпия",
        "\udcff",
    ],
)
def test_any_other_signature_is_forged(shown: str | None) -> None:
    with pytest.raises(Forged):
        verify(envelope(b"{}", shown), SECRET)


def test_an_empty_secret_proves_nothing() -> None:
    with pytest.raises(Forged):
        verify(envelope(b"{}", "sha256=" + hmac_sha256("", b"{}")), "")


ASKED = {"hub.mode": "subscribe", "hub.verify_token": "verify-me-please", "hub.challenge": "1158"}


def test_whoever_knows_the_verify_token_gets_the_plain_challenge_back() -> None:
    answered = handshake(ASKED, "verify-me-please")
    assert (answered.status, answered.body, answered.content_type) == (200, b"1158", "text/plain")
    assert handshake({**ASKED, "hub.challenge": "\udcff"}, "verify-me-please").status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"hub.mode": "unsubscribe"},
        {"hub.mode": ""},
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "\udcff"},
        {"hub.challenge": ""},
    ],
)
def test_any_other_challenge_is_forged(change: dict[str, str]) -> None:
    with pytest.raises(Forged):
        handshake({**ASKED, **change}, "verify-me-please")
    with pytest.raises(Forged):
        handshake({}, "verify-me-please")
    with pytest.raises(Forged):
        handshake({**ASKED, "hub.verify_token": ""}, "")


@pytest.mark.parametrize(
    "hook", ["http://hub.example.kz/hooks", "https://localhost/hooks", "http://127.0.0.1:8080/x"]
)
def test_meta_is_not_sent_to_an_address_that_is_not_public(hook: str) -> None:
    unusable = unusable_hook(hook, GRAPH)

    assert unusable is not None
    assert hook.rpartition("/")[0] in unusable.reason
    assert "public_url" in unusable.cure


def test_meta_takes_a_public_address_and_a_stand_in_takes_any() -> None:
    assert unusable_hook("https://hub.example.kz/hooks/facebook/main", GRAPH) is None
    assert unusable_hook("http://127.0.0.1:8080/hooks", "http://127.0.0.1:9") is None


# --- Calls --------------------------------------------------------------------------------------


class Meta(Sandbox):
    """One address that takes anything."""

    def routes(self) -> Iterable[Route]:
        yield Route("*", f"/{VERSION}/{{path:.+}}", self.take)

    async def take(self, call: Call) -> web.Response:
        return answer({"id": "7", "success": True})


@pytest.fixture
async def meta() -> AsyncIterator[Meta]:
    async with Meta() as running:
        yield running


@pytest.fixture
async def graph(meta: Meta) -> AsyncIterator[Graph]:
    made = Graph(TOKEN, PRODUCT, api_base=f"{meta.url}/")
    yield made
    await made.close()


async def test_the_token_goes_in_a_header_alone_and_may_be_replaced(
    graph: Graph, meta: Meta
) -> None:
    assert await graph.get("me", {"fields": "id,name"}, into=dict[str, Any])
    graph.token = "EAAG-newer"
    await graph.post("7/messages", {"text": "Сәлем"}, into=dict[str, Any], sends=True)
    await graph.delete("7", into=dict[str, Any])
    got, posted, deleted = meta.calls
    assert (got.path, got.query["fields"]) == (f"/{VERSION}/me", "id,name")
    assert got.headers["Authorization"] == f"Bearer {TOKEN}"
    assert (posted.headers["Authorization"], posted.data) == (
        "Bearer EAAG-newer",
        {"text": "Сәлем"},
    )
    assert deleted.method == "DELETE"
    assert all("EAAG" not in f"{call.path}{call.query}" for call in meta.calls)


async def test_a_file_is_streamed_with_its_length_and_its_name(graph: Graph, meta: Meta) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"%PDF"
        yield b"-1.7"

    file = OutboundFile(
        id="f1",
        kind=AttachmentKind.DOCUMENT,
        name='Жауап "2"\r\n100%.pdf',
        mime="application/pdf",
        size=8,
        stream=stream,
        link=lambda: "https://hub.example.kz/f/1",
    )
    form = multipart({"type": "application/pdf"}, file)
    await graph.post("7/media", form, into=dict[str, Any], sends=False)
    (call,) = meta.calls
    assert call.data["type"] == "application/pdf"
    assert call.data["file"] == Upload(
        filename='Жауап "2"100%.pdf', mime="application/pdf", content=b"%PDF-1.7"
    )
    assert int(call.headers["Content-Length"]) == len(call.body)


@pytest.mark.parametrize(
    ("failed", "sends", "error"),
    [
        (Failure.reset_after(), True, Uncertain),
        (Failure.reset_before(), True, Uncertain),
        (Failure.broken_json(takes_effect=True), True, Uncertain),
        (Failure(status=200, body={"id": ["?"]}), True, Uncertain),
        (Failure(status=200), True, Uncertain),
        (Failure.html(502), True, Uncertain),
        (Failure.html(504), True, Uncertain),
        (Failure.hang(), True, Uncertain),
        (Failure.reset_after(), False, Unreachable),
        (Failure.broken_json(), False, Unreachable),
        (Failure(status=200, body={"id": ["?"]}), False, Unreachable),
        (Failure.html(502), False, Unreachable),
        (Failure.hang(), False, Unreachable),
        (Failure.html(500), True, Uncertain),
        (Failure.html(503), True, Unreachable),
        (Failure.broken_json(500), True, Uncertain),
        (Failure.html(500), False, Unreachable),
        (Failure(status=500, body={"error": {"code": 2}}), True, Uncertain),
        (
            Failure(status=400, body={"error": {"code": 1, "error_subcode": 1357046}}),
            True,
            Uncertain,
        ),
        (Failure(status=500, body={"error": {"code": 1}}), False, Unreachable),
        (Failure(status=503, body={"error": {"code": 131016}}), True, Unreachable),
        (Failure(status=500, body={"error": {"code": 131045}}), True, Misconfigured),
        (Failure(status=200, body={"error": {"code": 190}}), True, Misconfigured),
    ],
    ids=range(23),
)
async def test_what_became_of_a_call_decides_whether_it_may_be_made_again(
    failed: Failure, sends: bool, error: type[SendError], graph: Graph, meta: Meta
) -> None:
    graph.timeout = 0.1
    meta.fail_next(failed)
    with pytest.raises(SendError) as caught:
        await graph.post("7/messages", {"text": "Хат"}, into=dict[str, str | bool], sends=sends)
    assert type(caught.value) is error
    assert TOKEN not in f"{caught.value!r}{caught.value.__cause__!r}"


async def test_nobody_there_is_unreachable(graph: Graph, meta: Meta) -> None:
    await meta.stop()
    with pytest.raises(Unreachable):
        await graph.post("7/messages", {}, into=dict[str, Any], sends=True)


# --- Errors -------------------------------------------------------------------------------------


def error(
    code: int,
    subcode: int | None = None,
    *,
    status: int = 400,
    sends: bool = False,
    **more: Any,
) -> SendError:
    said = {"code": code, "message": f"(#{code}) said", "fbtrace_id": "A1", **more}
    if subcode is not None:
        said["error_subcode"] = subcode
    return failure(status, {"error": said}, product=PRODUCT, sends=sends, hide=TOKEN)


@pytest.mark.parametrize(("code", "sends"), [(1, False), (2, False), (131000, True), (1200, True)])
def test_metas_own_trouble_is_tried_a_few_times(code: int, sends: bool) -> None:
    told = error(code, status=500, sends=sends)
    assert type(told) is Unreachable
    assert told.most_tries == FEW_TRIES


@pytest.mark.parametrize(
    ("code", "subcode", "status"),
    [(1, None, 500), (1, 99, 400), (1, 1357046, 400), (2, None, 400), (2, None, 503)],
)
def test_a_send_after_which_meta_was_in_trouble_may_have_gone_out(
    code: int, subcode: int | None, status: int
) -> None:
    told = error(code, subcode, status=status, sends=True)
    assert type(told) is Uncertain
    assert "may have gone out" in told.reason


def test_a_send_that_ends_in_an_unknown_trouble_may_have_gone_out() -> None:
    assert type(error(9999, status=500, sends=True)) is Uncertain
    assert type(error(100, is_transient=True, sends=True)) is Unreachable


@pytest.mark.parametrize("code", [131016, 131057, 133004])
def test_an_outage_is_waited_for(code: int) -> None:
    told = error(code, status=503, sends=True)
    assert type(told) is Unreachable
    assert told.most_tries is None


def test_what_is_said_to_pass_is_tried_again() -> None:
    assert type(error(100, is_transient=True)) is Unreachable
    assert type(error(9999, status=500)) is Unreachable


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80006, 80007, 130429])
def test_too_many_calls_pause_the_account(code: int) -> None:
    told = error(code)
    assert isinstance(told, Throttled)
    assert (told.whole_account, told.code) == (True, str(code))
    assert told.retry_after > 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (
            {
                "X-Business-Use-Case-Usage": json.dumps(
                    {
                        "112": [
                            {"type": "messenger", "estimated_time_to_regain_access": 19},
                            {"type": "pages", "estimated_time_to_regain_access": 0},
                        ]
                    }
                )
            },
            1140.0,
        ),
        ({"X-App-Usage": '{"call_count":100,"estimated_time_to_regain_access":3}'}, 180.0),
        ({"X-App-Usage": '{"call_count":100}', "Retry-After": "7"}, 7.0),
        ({"X-App-Usage": '{"estimated_time_to_regain_access":40000}'}, 3600.0),
        ({"Retry-After": "1209600"}, 3600.0),
        ({"Retry-After": "604800"}, 3600.0),
        ({"X-App-Usage": "{", "Retry-After": "soon"}, 60.0),
        ({"X-App-Usage": '{"estimated_time_to_regain_access": "never"}'}, 60.0),
        ({}, 60.0),
    ],
)
def test_the_headers_tell_how_long_to_wait(headers: dict[str, str], seconds: float) -> None:
    told = failure(400, {"error": {"code": 80006}}, product=PRODUCT, headers=headers)
    assert isinstance(told, Throttled)
    assert told.retry_after == seconds


def test_too_much_to_one_person_slows_that_person_alone() -> None:
    told = error(131056)
    assert isinstance(told, Throttled)
    assert not told.whole_account


def test_a_spam_limit_is_a_long_pause() -> None:
    told = error(131048)
    assert isinstance(told, Throttled)
    assert told.whole_account
    assert told.retry_after >= 3600


@pytest.mark.parametrize("code", [190, 102, 0])
def test_a_dead_token_tells_where_to_get_another(code: int) -> None:
    told = error(code, status=401, message=f"Malformed access token {TOKEN}")
    assert isinstance(told, Misconfigured)
    assert "channels.facebook.main.access_token" in told.cure
    assert PRODUCT.token_from in told.cure
    assert TOKEN not in told.reason


def test_a_dead_token_tells_why_it_is_dead() -> None:
    told = error(190, 463, status=401)
    assert (told.code, told.reason) == (
        "190/463",
        "Messenger does not accept the token. It has expired.",
    )


@pytest.mark.parametrize("code", [3, 10, 200, 299, 131005])
def test_a_missing_permission_names_it(code: int) -> None:
    told = error(code, status=403)
    assert isinstance(told, Misconfigured)
    assert "pages_messaging" in told.cure


@pytest.mark.parametrize("code", [131031, 131042, 131045, 131037, 133010])
def test_an_account_that_meta_stopped_tells_where_to_look(code: int) -> None:
    told = error(code, status=403)
    assert isinstance(told, Misconfigured)
    assert told.cure.endswith(".")


@pytest.mark.parametrize(
    "said",
    [
        {"message": "(#368) Temporarily blocked for policies violations"},
        {
            "error_data": {
                "details": "The WhatsApp Business Account associated with the app has been "
                "restricted or disabled for violating a platform policy."
            }
        },
    ],
)
def test_an_account_that_meta_restricted_tells_where_to_look(said: dict[str, Any]) -> None:
    told = error(368, status=403, **said)
    assert isinstance(told, Misconfigured)
    assert "accountquality" in told.cure


def test_words_that_meta_holds_to_be_abusive_are_refused_and_not_the_account() -> None:
    words = (
        "Your message couldn't be sent because it includes content that other people on Facebook "
        "have reported as abusive."
    )
    told = error(368, 1346003, message=words)
    assert type(told) is Rejected
    assert (words.rstrip(".") in told.reason, told.code) == (True, "368/1346003")
    assert type(error(368)) is Rejected


@pytest.mark.parametrize(
    ("code", "subcode"), [(10, 2018278), (10, 2018065), (10, 2534022), (131047, None), (131047, 7)]
)
def test_a_closed_window_is_told(code: int, subcode: int | None) -> None:
    assert type(error(code, subcode)) is WindowClosed


@pytest.mark.parametrize(
    ("code", "subcode"),
    [
        (551, 1545041),
        (551, None),
        (200, 1545041),
        (10, 2018108),
        (230, None),
        (230, 7),
        (100, 2018001),
        (131026, None),
        (131050, None),
    ],
)
def test_a_person_who_cannot_be_reached_is_blocked(code: int, subcode: int | None) -> None:
    told = error(code, subcode)
    assert type(told) is Blocked
    assert "{" not in told.reason


@pytest.mark.parametrize("code", [131021, 131030, 130472, 131049, 130497])
def test_what_never_goes_to_this_person_is_rejected_with_its_reason(code: int) -> None:
    told = error(code)
    assert type(told) is Rejected
    assert "said" not in told.reason


@pytest.mark.parametrize(
    "code", [100, 33, 131008, 131009, 131051, 131052, 131053, 132000, 132001, 132015, 135000, 9999]
)
def test_a_bad_request_is_rejected_in_metas_words(code: int) -> None:
    told = error(code, error_data={"details": "Parameter\n is  not valid."})
    assert type(told) is Rejected
    assert (told.reason, told.code) == (
        "Messenger refused: Parameter is not valid.",
        str(code),
    )


def test_metas_words_never_repeat_the_token_nor_fill_the_screen() -> None:
    told = error(100, message=f"bad {TOKEN} " + "x" * 5000)
    assert TOKEN not in told.reason
    assert len(told.reason) < 400


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, None, Misconfigured),
        (302, None, Misconfigured),
        (403, ["?"], Misconfigured),
        (400, {"error": "no object"}, Misconfigured),
        (413, None, Rejected),
        (429, None, Throttled),
        (500, None, Unreachable),
        (401, {"error": {"message": "who?"}}, Misconfigured),
        (429, {"error": {"message": "slow"}}, Throttled),
        (400, {"error": {}}, Rejected),
    ],
)
def test_an_answer_that_is_not_metas_is_told_apart(
    status: int, body: object, kind: type[SendError]
) -> None:
    told = failure(status, body, product=PRODUCT)
    assert type(told) is kind
    assert told.reason
