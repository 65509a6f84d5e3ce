"""A Telegram bot, and those who chat with it."""

from collections.abc import Mapping
from typing import Any

from connectors.telegram.sandbox import SECRET_HEADER, TelegramSandbox
from tests.journeys.channels.accounts import Account, Heard, Writer


class Chat(Writer):
    """A private chat with a bot."""

    account: "Telegram"

    def __init__(self, account: "Telegram", number: int) -> None:
        super().__init__(account, number)
        self.citizen = account.sandbox.citizen(user_id=5_512_345_601 + number)

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.say(text)
        return posted.external_id, posted.status

    async def heard(self) -> list[Heard]:
        return [
            Heard(
                id=str(one.message["message_id"]),
                text=one.text,
                picture=one.files[0].content if one.files else None,
            )
            for one in self.citizen.received
        ]


class Telegram(Account):
    """A bot."""

    channel = "telegram"
    writers = (Chat,)
    sandbox: TelegramSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        self.secret = f"webhook-secret-of-the-{name}-bot"
        token = "7012345678:AAF-token-of-one-bot-000000000000"
        if other:
            token = "7087654321:AAG-token-of-another-bot-00000000"
        self.sandbox = TelegramSandbox(token=token)

    def keys(self) -> Mapping[str, Any]:
        return {
            "token": self.sandbox.token,
            "webhook_secret": self.secret,
            "api_base": self.sandbox.url,
        }

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return {SECRET_HEADER: self.secret, "Content-Type": "application/json"}
