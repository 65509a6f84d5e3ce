"""A number for text messages, and those who have it."""

from collections.abc import Mapping
from typing import Any

from connectors.sms.sandbox import SmsSandbox
from connectors.testing.twilio import NUMBER
from tests.journeys.channels import twilio
from tests.journeys.channels.accounts import Account, Heard, Writer, fetched


class Phone(Writer):
    """A telephone."""

    ends_as = "delivered"
    account: "Sms"

    def __init__(self, account: "Sms", number: int) -> None:
        super().__init__(account, number)
        self.citizen = account.sandbox.citizen(number=f"+{77_015_550_200 + number}")

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.say(text)
        return posted.external_id, posted.status

    async def heard(self) -> list[Heard]:
        sandbox = self.account.sandbox
        return [
            Heard(
                id=one.sid,
                text=one.text,
                picture=await fetched(sandbox, next(iter(one.media), None)),
            )
            for one in self.citizen.received
        ]


class Sms(Account):
    """A number at Twilio, of an operator that carries pictures."""

    channel = "sms"
    writers = (Phone,)
    sandbox: SmsSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        self.sandbox = SmsSandbox(
            account_sid=twilio.account_sid(other), auth_token=f"auth-token-of-sms-{name}"
        )

    def keys(self) -> Mapping[str, Any]:
        return {
            "account_sid": self.sandbox.account_sid,
            "auth_token": self.sandbox.auth_token,
            "from": NUMBER,
            "mms": True,
            "api_base": self.sandbox.url,
        }

    def body(self, content: Any) -> bytes:
        return twilio.form(content)

    def mended(self, body: bytes) -> bytes:
        return twilio.mended(body)

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return twilio.form_proof(self.sandbox.auth_token, address, body)
