"""A telephone number, to which nobody writes: what comes there are calls."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.phone.sandbox import NUMBER, PhoneSandbox
from tests.journeys.channels import twilio
from tests.journeys.channels.accounts import Account

_CARRIED = {
    "step": "at=menu&asked=1",
    "leg": "leg=184467440737",
    "leg-status": "leg=184467440737",
    "recording": "room=call-5512",
}
"""What the hub's own addresses carry back."""


class Telephone(Account):
    """A number at Twilio, with a document for when the hub does not answer."""

    channel = "phone"
    writers = ()
    sandbox: PhoneSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        self.sandbox = PhoneSandbox(
            account_sid=twilio.account_sid(other), auth_token=f"auth-token-of-phone-{name}"
        )
        fallback = self.sandbox.static("<Response><Reject/></Response>")
        self.sandbox.numbers[NUMBER].voice_fallback_url = fallback

    def keys(self) -> Mapping[str, Any]:
        return {
            "account_sid": self.sandbox.account_sid,
            "auth_token": self.sandbox.auth_token,
            "number": NUMBER,
            "api_base": self.sandbox.url,
        }

    def body(self, content: Any) -> bytes:
        return twilio.form(content)

    def mended(self, body: bytes) -> bytes:
        return twilio.mended(body)

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return twilio.form_proof(self.sandbox.auth_token, address, body)

    def deliveries(self) -> Iterator[tuple[str, Any]]:
        for path, content in super().deliveries():
            plain = path.partition("?")[0]
            query = _CARRIED.get(plain.rpartition("/")[2], "")
            yield (f"{plain}?{query}" if query else plain), content
