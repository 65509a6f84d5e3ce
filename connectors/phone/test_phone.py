"""The telephone under the contract.

It carries nothing that is written: so what is sent, and how a send fails, are no tests of it. How
its orders go is in `test_phone_calls.py`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from connectors.phone.connector import PhoneConnector
from connectors.phone.sandbox import API_KEY_SECRET, API_KEY_SID, PhoneSandbox
from connectors.testing.contract import PUBLIC_URL, ConnectorContract
from connectors.testing.fixtures import Case
from connectors.testing.twilio import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    NUMBER,
    SIGNATURE_HEADER,
    sign_delivery,
)
from registry.calls.orders import Dial, Forget, HangUpCall, Hold, Move, Order, Release, Ring
from registry.types import Envelope

FALLBACK = "https://handler.twilio.com/twiml/EH0f0000000000000000000000000000a7"
_CALL = f"CA{'1' * 32}"
_QUERIES = {
    "step": "at=menu&asked=1",
    "leg": "leg=184467440737",
    "leg-status": "leg=184467440737",
    "recording": "room=call-5512",
}
"""What our own addresses carry back."""
_BY_CASE = {
    "silence-without-a-field@step": "at=menu&asked=1",
    "arrived@step": "at=room",
    "arrived-in-a-call-of-ours@step": "at=hello&call=5512",
    "pressed-in-a-call-of-ours@step": "at=notice&asked=1&call=5512",
    "left-the-room@step": "at=talked",
    "hung-up-in-the-room@step": "at=talked",
    "completed-call-of-ours@status": "call=5512",
    "no-answer-of-a-call-of-ours@status": "call=5512",
    "busy-of-a-call-of-ours@status": "call=5512",
}


class TestPhone(ConnectorContract):
    connector_class = PhoneConnector
    libraries = ("twilio",)
    conversation = "+77015550142"
    unknown_call = f"CA{'9' * 32}"

    def sandbox(self) -> PhoneSandbox:
        made = PhoneSandbox()
        made.numbers[NUMBER].voice_fallback_url = FALLBACK
        return made

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "number": NUMBER,
            "api_key_sid": API_KEY_SID,
            "api_key_secret": API_KEY_SECRET,
            "api_base": url,
        }

    def other_settings(self, url: str) -> dict[str, Any]:
        return {
            "account_sid": f"AC{'b' * 32}",
            "auth_token": "0123456789abcdef-of-the-other-one",
            "number": "+77172000109",
            "api_base": url,
        }

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        address = f"{PUBLIC_URL}/hooks/phone/{envelope.account}"
        if envelope.action:
            address += f"/{envelope.action}"
        if envelope.query:
            address += f"?{envelope.query}"
        return {SIGNATURE_HEADER: sign_delivery(keys["auth_token"], address, envelope.body)}

    def texts(self, sandbox: PhoneSandbox) -> Sequence[str]:
        return []

    def body(self, content: Any) -> bytes:
        """Twilio posts forms: a fixture holds their fields."""
        return form(content) if isinstance(content, dict) else json.dumps(content).encode()

    def query(self, case: Case) -> str:
        if "malformed" in case.name:
            return ""
        return _BY_CASE.get(case.name, _QUERIES.get(case.action, ""))

    def orders(self) -> Sequence[Order]:
        recording = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings"
        return (
            Ring(leg="7", device="client:operator-17", shown="+77015550142", seconds=20),
            Dial(call="5", number="+77015550142", step="hello", seconds=30, first=True),
            Move(call=_CALL, step="room"),
            Hold(room="call-5", call=_CALL, on=True),
            Release(room="call-5", call=_CALL),
            HangUpCall(call=_CALL),
            Forget(recording=f"{recording}/RE{'1' * 32}.mp3"),
        )


def form(fields: Mapping[Any, Any]) -> bytes:
    text = {
        str(name): value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
    }
    return urlencode(text, errors="replace").encode()
