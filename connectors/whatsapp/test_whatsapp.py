"""WhatsApp under the contract, at Meta and at Twilio, and what is its own at both."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from config.settings import sentence
from connectors.base import (
    Blocked,
    Connector,
    Forged,
    Misconfigured,
    Rejected,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.kit.signatures import hmac_sha256
from connectors.testing.contract import (
    NOW,
    PUBLIC_URL,
    ConnectorContract,
    ProviderFailure,
)
from connectors.testing.fixtures import Case, cases
from connectors.testing.sandbox import Call, Failure, Sandbox
from connectors.testing.twilio import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    NUMBER,
    SIGNATURE_HEADER,
    sign_delivery,
)
from connectors.whatsapp.connector import WhatsAppConnector, WhatsAppSettings
from connectors.whatsapp.people import named
from connectors.whatsapp.rules import error
from connectors.whatsapp.sandbox import (
    APP_SECRET,
    PHONE_NUMBER_ID,
    TOKEN,
    WABA_ID,
    WhatsAppSandbox,
)
from connectors.whatsapp.twilio.sandbox import TwilioWhatsAppSandbox
from registry.types import ContactPoint, DeliveryReport, Envelope

VERIFY = "verify-word-of-the-main-account"
WA_ID = "77015550142"
HOOK = f"{PUBLIC_URL}/hooks/whatsapp/main"


def said(status: int, code: int, message: str = "said", **more: Any) -> Failure:
    return Failure(status=status, body=error(code, message, **more))


def meta_keys(url: str) -> dict[str, Any]:
    return {
        "provider": "meta",
        "phone_number_id": PHONE_NUMBER_ID,
        "waba_id": WABA_ID,
        "access_token": TOKEN,
        "app_secret": APP_SECRET,
        "verify_token": VERIFY,
        "api_base": url,
    }


def twilio_keys(url: str) -> dict[str, Any]:
    return {
        "provider": "twilio",
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "from": NUMBER,
        "api_base": url,
    }


class TestMeta(ConnectorContract):
    connector_class = WhatsAppConnector
    libraries = ("twilio",)
    conversation = WA_ID
    last_inbound = "wamid.HBgLNzcwMTU1NTAxNDIVAgASGBQzQTAwMDAwMDAwMDAwMDAwMDAwMQA="
    fixtures_folder = "fixtures/meta"
    failures = (
        ProviderFailure(
            name="dead token",
            failure=said(401, 190, f"Malformed access token {TOKEN}", subcode=463),
            error=Misconfigured,
            code="190/463",
        ),
        ProviderFailure(name="no login", failure=said(401, 0), error=Misconfigured, code="0"),
        ProviderFailure(name="no permission", failure=said(403, 10), error=Misconfigured),
        ProviderFailure(name="no access", failure=said(403, 131005), error=Misconfigured),
        ProviderFailure(name="locked", failure=said(403, 131031), error=Misconfigured),
        ProviderFailure(name="not paid", failure=said(400, 131042), error=Misconfigured),
        ProviderFailure(
            name="not registered, with 500", failure=said(500, 131045), error=Misconfigured
        ),
        ProviderFailure(
            name="policy",
            failure=said(
                403,
                368,
                details="The WhatsApp Business Account associated with the app has been "
                "restricted or disabled for violating a platform policy.",
            ),
            error=Misconfigured,
            code="368",
        ),
        ProviderFailure(
            name="window", failure=said(400, 131047), error=WindowClosed, code="131047"
        ),
        ProviderFailure(name="undeliverable", failure=said(400, 131026), error=Blocked),
        ProviderFailure(name="to itself", failure=said(400, 131021), error=Rejected),
        ProviderFailure(name="experiment", failure=said(400, 130472), error=Rejected),
        ProviderFailure(
            name="too long",
            failure=said(400, 100, details="Param text['body'] is too long"),
            error=Rejected,
            code="100",
        ),
        ProviderFailure(name="missing parameter", failure=said(400, 131008), error=Rejected),
        ProviderFailure(name="unsupported type", failure=said(400, 131051), error=Rejected),
        ProviderFailure(name="template", failure=said(404, 132001), error=Rejected),
        ProviderFailure(
            name="throughput", failure=said(429, 130429), error=Throttled, code="130429"
        ),
        ProviderFailure(
            name="account's limit",
            failure=Failure(
                status=400,
                body=error(80007, "Rate limit issues"),
                headers={
                    "X-Business-Use-Case-Usage": '{"109": [{"type": "whatsapp", '
                    '"estimated_time_to_regain_access": 3}]}'
                },
            ),
            error=Throttled,
            retry_after=180.0,
        ),
        ProviderFailure(name="pair", failure=said(400, 131056), error=Throttled, retry_after=6.0),
        ProviderFailure(
            name="spam", failure=said(400, 131048), error=Throttled, retry_after=3600.0
        ),
        ProviderFailure(name="outage", failure=said(500, 131016), error=Unreachable),
        ProviderFailure(name="something", failure=said(500, 131000), error=Unreachable),
        ProviderFailure(name="unknown error", failure=said(400, 1), error=Uncertain),
        ProviderFailure(name="not Meta", failure=Failure.html(404), error=Misconfigured),
        ProviderFailure(name="gateway", failure=Failure.html(502), error=Uncertain, code="502"),
        ProviderFailure(
            name="a success without an id",
            failure=Failure(status=200, body={"messages": []}, takes_effect=True),
            error=Uncertain,
        ),
    )

    def sandbox(self) -> WhatsAppSandbox:
        sandbox = WhatsAppSandbox(clock=lambda: NOW)
        sandbox.citizen(wa_id=WA_ID, wrote=True)
        sandbox.known_ids.add(self.last_inbound)
        return sandbox

    def settings(self, url: str) -> dict[str, Any]:
        return meta_keys(url)

    def other_settings(self, url: str) -> dict[str, Any]:
        return {
            **meta_keys(url),
            "access_token": "EAAGanotherTokenOfNoValue000000000",
            "app_secret": "6b7f0000000000000000000000008e42",
            "verify_token": "verify-word-of-the-other-account",
        }

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        return {"X-Hub-Signature-256": "sha256=" + hmac_sha256(keys["app_secret"], envelope.body)}

    def texts(self, sandbox: WhatsAppSandbox) -> Sequence[str]:
        (citizen,) = set(sandbox.citizens.values())
        return [received.text for received in citizen.received]

    def is_send(self, call: Call) -> bool:
        return call.path.endswith("/messages")

    def handshakes(self) -> Sequence[tuple[Mapping[str, str], bytes]]:
        asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}
        return [(asked, b"1158201444")]

    def forged_handshakes(self) -> Sequence[Mapping[str, str]]:
        return [
            {"hub.mode": "subscribe", "hub.verify_token": "wrong", "hub.challenge": "1"},
            {"hub.mode": "subscribe", "hub.verify_token": APP_SECRET, "hub.challenge": "1"},
            {"hub.mode": "unsubscribe", "hub.verify_token": VERIFY, "hub.challenge": "1"},
            {"hub.verify_token": VERIFY, "hub.challenge": "1"},
            {"hub.mode": "subscribe", "hub.verify_token": VERIFY},
        ]


def refused(status: int, code: int, message: str = "said") -> Failure:
    return Failure(
        status=status,
        body={"code": code, "message": message, "more_info": "", "status": status},
    )


class TestTwilio(ConnectorContract):
    connector_class = WhatsAppConnector
    libraries = ("twilio",)
    conversation = WA_ID
    fixtures_folder = "fixtures/twilio"
    failures = (
        ProviderFailure(
            name="dead token", failure=refused(401, 20003), error=Misconfigured, code="20003"
        ),
        ProviderFailure(name="suspended", failure=refused(403, 30002), error=Misconfigured),
        ProviderFailure(name="no such sender", failure=refused(400, 63007), error=Misconfigured),
        ProviderFailure(name="window", failure=refused(400, 63016), error=WindowClosed),
        ProviderFailure(name="opted out", failure=refused(400, 21610), error=Blocked),
        ProviderFailure(name="not on WhatsApp", failure=refused(400, 63003), error=Blocked),
        ProviderFailure(name="no number", failure=refused(400, 21211), error=Rejected),
        ProviderFailure(name="too long", failure=refused(400, 21617), error=Rejected),
        ProviderFailure(
            name="too many calls",
            failure=Failure(
                status=429, body={"code": 20429, "message": "x"}, headers={"Retry-After": "7"}
            ),
            error=Throttled,
            retry_after=7.0,
        ),
        ProviderFailure(name="too many messages", failure=refused(429, 63018), error=Throttled),
        ProviderFailure(name="trouble", failure=refused(500, 20500), error=Unreachable),
    )

    def sandbox(self) -> TwilioWhatsAppSandbox:
        sandbox = TwilioWhatsAppSandbox(webhook=HOOK, reports=False, clock=lambda: NOW)
        sandbox.person(f"whatsapp:+{WA_ID}", wrote=True)
        return sandbox

    def settings(self, url: str) -> dict[str, Any]:
        return twilio_keys(url)

    def other_settings(self, url: str) -> dict[str, Any]:
        return {**twilio_keys(url), "auth_token": "6b7f0000000000000000000000008e42"}

    def body(self, content: Any) -> bytes:
        """A mutated fixture need not be an object, nor hold texts."""
        if not isinstance(content, dict):
            return urlencode({"Body": str(content)}, errors="replace").encode()
        return urlencode(
            {k: v if isinstance(v, str) else str(v) for k, v in content.items()}, errors="replace"
        ).encode()

    def query(self, case: Case) -> str:
        return "message=361934207885312000&part=0" if case.action == "status" else ""

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        address = f"{PUBLIC_URL}/hooks/whatsapp/{envelope.account}"
        address += f"/{envelope.action}" if envelope.action else ""
        address += f"?{envelope.query}" if envelope.query else ""
        return {SIGNATURE_HEADER: sign_delivery(keys["auth_token"], address, envelope.body)}

    def texts(self, sandbox: TwilioWhatsAppSandbox) -> Sequence[str]:
        return [message.body for message in sandbox.sent]

    def is_send(self, call: Call) -> bool:
        return call.path.endswith("/Messages.json")

    def test_a_handshake_is_answered_and_a_forged_one_refused(self, reader: Connector) -> None:
        """Twilio has none: whatever asks is forged."""
        assert isinstance(reader, WhatsAppConnector)
        asked = {"hub.mode": "subscribe", "hub.verify_token": AUTH_TOKEN, "hub.challenge": "1"}
        for query in ({}, asked):
            with pytest.raises(Forged):
                reader.handshake(query)

    async def test_registering_twice_is_as_good_as_once(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        """The Console alone sets where a sender's messages go."""
        assert isinstance(connector, WhatsAppConnector)
        await connector.register()
        assert provider.calls == []

    def test_a_message_is_answered_with_empty_twiml(self, reader: Any) -> None:
        answered = reader.answer(self.envelope(b"Body=x"))
        assert answered.content_type == "text/xml"
        assert answered.body.endswith(b"<Response></Response>")

    def test_a_status_names_our_message_wherever_it_comes_from(self, reader: Any) -> None:
        (case,) = (one for one in cases(self.fixtures()) if one.name == "failed@status")
        (report,) = reader.normalize(self.recorded(case))
        assert isinstance(report, DeliveryReport)
        assert (report.message_id, report.names) == ("361934207885312000", True)
        assert report.error_code == "63016"
        assert report.error_reason


# --- The settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "phone_number_id is missing"),
        ({"provider": "meta", "phone_number_id": "1"}, "access_token is missing"),
        ({"provider": "twilio"}, "account_sid is missing"),
        (
            {"provider": "twilio", "account_sid": ACCOUNT_SID, "auth_token": "a" * 32},
            "from is missing",
        ),
        ({**meta_keys("http://127.0.0.1:9"), "from": NUMBER}, "from belongs to"),
        ({**twilio_keys("http://127.0.0.1:9"), "app_secret": "a" * 32}, "app_secret belongs to"),
        ({**meta_keys("http://127.0.0.1:9"), "phone_number_id": "+77272000109"}, "digits"),
        ({**meta_keys("http://127.0.0.1:9"), "verify_token": "short"}, "8 or more"),
        ({**meta_keys("http://127.0.0.1:9"), "access_token": "with a blank"}, "8 or more"),
        ({**twilio_keys("http://127.0.0.1:9"), "from": "87272000109"}, "a number like"),
        ({**twilio_keys("http://127.0.0.1:9"), "account_sid": "SK" + "0" * 32}, "Account SID"),
        ({**meta_keys("http://127.0.0.1:9"), "sender": NUMBER}, "sender"),
        ({**meta_keys("ftp://x")}, "http"),
        ({**meta_keys("https://u:p@x.kz")}, "user name"),
        ({"provider": "viber"}, "provider"),
    ],
)
def test_what_is_wrong_with_the_settings_is_told_by_its_key(
    keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        WhatsAppSettings.model_validate(keys)
    told = sentence(caught.value, "channels.whatsapp.main", model=WhatsAppSettings)
    assert words in told
    assert AUTH_TOKEN not in f"{told}{caught.value}"


@pytest.mark.parametrize("given", ["+77272000109", "whatsapp:+77272000109"])
def test_a_sender_is_written_with_or_without_its_prefix(given: str) -> None:
    opened = WhatsAppSettings.model_validate({**twilio_keys("http://127.0.0.1:9"), "from": given})
    assert opened.twilio().sender == "+77272000109"


@pytest.mark.parametrize(
    ("point", "key"),
    [
        (ContactPoint("tel", "+77011234567"), "77011234567"),
        (ContactPoint("whatsapp", "KZ.ab12"), "KZ.ab12"),
        (ContactPoint("tel", "109 (city)"), None),
        (ContactPoint("telegram", "77011234567"), None),
    ],
)
def test_somebody_is_written_to_at_their_user_id_or_their_phone(
    point: ContactPoint, key: str | None
) -> None:
    found = named(point)
    assert found == (None if key is None else ContactPoint("whatsapp", key))


def test_twilio_is_left_alone_until_its_account_calls_it() -> None:
    code = (
        "import sys\n"
        "from connectors.base import Context\n"
        "from connectors.whatsapp.connector import CONNECTOR\n"
        f"keys = {twilio_keys('http://127.0.0.1:9')!r}\n"
        "made = CONNECTOR('main', CONNECTOR.Settings(**keys), Context(public_url='https://a.kz'))\n"
        "print([name for name in ('twilio', 'pytest', 'hypothesis') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


def test_the_sandbox_needs_neither_the_library_nor_the_tests() -> None:
    code = (
        "import sys, connectors.whatsapp.sandbox, connectors.whatsapp.twilio.sandbox\n"
        "print([name for name in ('twilio', 'pytest', 'hypothesis') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")
