"""WhatsApp numbers, at Meta and at Twilio, and those who write to them."""

import json
from collections.abc import Mapping
from typing import Any

from connectors.testing.sandbox import Call
from connectors.testing.twilio import NUMBER
from connectors.whatsapp import sandbox as whatsapp
from connectors.whatsapp.rules import refused
from connectors.whatsapp.sandbox import WhatsAppSandbox
from connectors.whatsapp.twilio.sandbox import PREFIX, TwilioWhatsAppSandbox
from tests.journeys.channels import twilio
from tests.journeys.channels.accounts import VERIFY_TOKEN, Account, Heard, Writer, fetched


class Number(WhatsAppSandbox):
    """A number whose token and app secret are its own."""

    def __init__(self, *, token: str, app_secret: str, **options: Any) -> None:
        super().__init__(**options)
        self.token = token
        self.app_secret = app_secret

    def signed(self, body: bytes) -> Mapping[str, str]:
        """The headers of a delivery."""
        signature = whatsapp.sign(self.app_secret, body)
        return {"Content-Type": "application/json", whatsapp.SIGNATURE_HEADER: signature}

    async def post(self, delivery: Mapping[str, Any]) -> int | None:
        if self.webhook is None or not self.subscribed:
            return None
        body = json.dumps(delivery).encode()
        return await self.deliver(self.webhook, body, self.signed(body))

    def _admit(self, call: Call) -> None:
        if call.headers.get("Authorization") != f"Bearer {self.token}":
            raise refused(401, 190, "Invalid OAuth access token", "OAuthException")


class WhatsAppChat(Writer):
    """A chat with a number at Meta."""

    ends_as = "read"
    account: "WhatsApp"

    def __init__(self, account: "WhatsApp", number: int) -> None:
        super().__init__(account, number)
        self.citizen = account.sandbox.citizen(wa_id=str(77_015_550_100 + number))

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.say(text)
        return posted.id, posted.status

    async def heard(self) -> list[Heard]:
        return [
            Heard(id=one.id, text=one.text, picture=one.files[0].content if one.files else None)
            for one in self.citizen.received
        ]


class WhatsApp(Account):
    """A number at Meta's Cloud API."""

    channel = "whatsapp"
    recorded = "fixtures/meta"
    writers = (WhatsAppChat,)
    sandbox: Number

    def __init__(self, name: str, *, other: bool = False, **options: Any) -> None:
        super().__init__(name, other=other)
        self.sandbox = Number(
            token=f"EAAGtokenOfTheNumber{name}0000000000000000",
            app_secret=f"5a6e00000000app0secret0of0{name}",
            lifecycle=("sent", "delivered", "read"),
            **options,
        )

    def keys(self) -> Mapping[str, Any]:
        return {
            "provider": "meta",
            "phone_number_id": whatsapp.PHONE_NUMBER_ID,
            "waba_id": whatsapp.WABA_ID,
            "access_token": self.sandbox.token,
            "app_secret": self.sandbox.app_secret,
            "verify_token": VERIFY_TOKEN,
            "api_base": self.sandbox.url,
        }

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return self.sandbox.signed(body)


class WhatsAppByTwilioChat(Writer):
    """A chat with a sender at Twilio."""

    ends_as = "read"
    account: "WhatsAppByTwilio"

    def __init__(self, account: "WhatsAppByTwilio", number: int) -> None:
        super().__init__(account, number)
        self.person = account.sandbox.person(f"{PREFIX}+{77_015_550_300 + number}")

    async def _say(self, text: str) -> tuple[str, int | None]:
        answered = await self.account.sandbox.write(self.person, text)
        return "", None if answered is None else answered.status

    async def heard(self) -> list[Heard]:
        sandbox = self.account.sandbox
        return [
            Heard(
                id=one.sid,
                text=one.body,
                picture=await fetched(sandbox, next(iter(one.media), None)),
            )
            for one in sandbox.sent
            if one.to == self.person.address
        ]


class WhatsAppByTwilio(Account):
    """A WhatsApp sender at Twilio."""

    channel = "whatsapp"
    recorded = "fixtures/twilio"
    writers = (WhatsAppByTwilioChat,)
    sandbox: TwilioWhatsAppSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        self.sandbox = TwilioWhatsAppSandbox(
            account_sid=twilio.account_sid(other),
            auth_token=f"auth-token-of-whatsapp-{name}",
            lifecycle=("queued", "sent", "delivered", "read"),
        )
        for _ in range(1000):
            self.sandbox.new_sid("SM")  # the recorded deliveries have the first ones

    def keys(self) -> Mapping[str, Any]:
        return {
            "provider": "twilio",
            "account_sid": self.sandbox.account_sid,
            "auth_token": self.sandbox.auth_token,
            "from": NUMBER,
            "api_base": self.sandbox.url,
        }

    def expect(self, hub: str) -> None:
        self.sandbox.webhook = hub + self.hook

    def body(self, content: Any) -> bytes:
        return twilio.form(content)

    def mended(self, body: bytes) -> bytes:
        return twilio.mended(body)

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return twilio.form_proof(self.sandbox.auth_token, address, body)
