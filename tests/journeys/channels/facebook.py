"""A Facebook page, and those who write to it in Messenger and under its post."""

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.facebook.sandbox import FacebookSandbox
from tests.journeys.channels.accounts import VERIFY_TOKEN, Account, Heard, Writer


class FacebookWriter(Writer):
    """Somebody on Facebook."""

    account: "Facebook"
    first: ClassVar[int]

    def __init__(self, account: "Facebook", number: int) -> None:
        super().__init__(account, number)
        self.citizen = account.sandbox.citizen(user_id=str(self.first + number))

    async def heard(self) -> list[Heard]:
        return [
            Heard(
                id=one.id,
                text=one.text,
                picture=one.files[0].content if one.files else None,
                answers=one.from_comment or (one.reply_to if one.kind == "comment" else None),
            )
            for one in self.citizen.inbox
        ]


class Messenger(FacebookWriter):
    """Messenger with a page."""

    first = 7_412_356_800_000_000
    ends_as = "read"

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.say(text)
        return posted.external_id, posted.status


class PageComments(FacebookWriter):
    """Comments under a page's post."""

    first = 7_412_356_900_000_000
    public = True

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.comment(text)
        return posted.external_id, posted.status


class Facebook(Account):
    """A page, with one post."""

    channel = "facebook"
    writers = (Messenger, PageComments)
    sandbox: FacebookSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        self.sandbox = FacebookSandbox(
            page_id="104512398760022" if other else "104512398760021",
            token=f"EAAG0tokenOfThePage{name}",
            app_id="812345678901235" if other else "812345678901234",
            app_secret=f"5a4db0c5ec2e7f1a9d0b{name}",
            verifies=True,
        )
        self.sandbox.publish("Өтініштеріңізді осында жазыңыз.")

    def keys(self) -> Mapping[str, Any]:
        return {
            "page_id": self.sandbox.page_id,
            "access_token": self.sandbox.token,
            "app_id": self.sandbox.app_id,
            "app_secret": self.sandbox.app_secret,
            "verify_token": VERIFY_TOKEN,
            "api_base": self.sandbox.url,
        }

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return self.sandbox.signed(body)
