"""Instagram accounts, by Meta's API and by the app's, and those who write to them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.instagram.private.sandbox import PrivateSandbox
from connectors.instagram.sandbox import IG_USER_ID, MEDIA, InstagramSandbox
from tests.journeys.channels.accounts import VERIFY_TOKEN, Account, Heard, Writer, fetched


class InstagramWriter(Writer):
    """Somebody on Instagram."""

    account: "Instagram"
    first: ClassVar[int]

    def __init__(self, account: "Instagram", number: int) -> None:
        super().__init__(account, number)
        self.citizen = account.sandbox.citizen(user_id=str(self.first + number))

    async def heard(self) -> list[Heard]:
        sandbox = self.account.sandbox
        return [
            Heard(
                id=one.id,
                text=one.text,
                picture=await fetched(sandbox, one.url),
                answers=one.about,
            )
            for one in self.citizen.received
        ]


class InstagramDirect(InstagramWriter):
    """Messages to an account."""

    first = 6_712_345_678_900_000
    longest = 600
    ends_as = "read"

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.say(text)
        return posted.id, posted.status

    async def look(self) -> None:
        await self.citizen.see(self.citizen.received[-1])


class InstagramComments(InstagramWriter):
    """Comments under an account's post."""

    first = 6_712_345_679_900_000
    public = True
    takes_pictures = False

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.comment(MEDIA, text)
        return posted.id, posted.status


class Instagram(Account):
    """A professional account, by Meta's own API."""

    channel = "instagram"
    recorded = "fixtures/graph"
    writers = (InstagramDirect, InstagramComments)
    sandbox: InstagramSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        self.sandbox = InstagramSandbox(
            token=f"IGAAtokenOfTheAccount{name}000000000001",
            app_secret=f"app-secret-of-instagram-{name}",
            verify_token=VERIFY_TOKEN,
            fetches=True,
        )
        (self.token,) = self.sandbox.tokens

    def keys(self) -> Mapping[str, Any]:
        return {
            "ig_user_id": IG_USER_ID,
            "access_token": self.token,
            "app_secret": self.sandbox.app_secret,
            "verify_token": VERIFY_TOKEN,
            "api_base": self.sandbox.url,
        }

    async def listen(self, hub: str) -> None:
        assert await self.sandbox.enter_webhook(hub + self.hook) == 200

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return self.sandbox.sign(body)


class AppWriter(Writer):
    """Somebody on Instagram, to an account that speaks as the phone's app does."""

    account: "InstagramApp"
    takes_pictures = False  # it takes them; but one message in five seconds is its pace
    first: ClassVar[int]

    def __init__(self, account: "InstagramApp", number: int) -> None:
        super().__init__(account, number)
        pk = self.first + number
        self.citizen = account.sandbox.citizen(name="Айгүл Сейтқали", pk=pk)


class AppDirect(AppWriter):
    """Messages to such an account."""

    first = 47_000_000_100
    ends_as = "read"

    async def _say(self, text: str) -> tuple[str, int | None]:
        return str((await self.citizen.say(text))["item_id"]), None

    async def heard(self) -> list[Heard]:
        return [Heard(id=one.item["item_id"], text=one.text) for one in self.citizen.received]

    async def look(self) -> None:
        await self.citizen.read()


class AppComments(AppWriter):
    """Comments under the post of such an account."""

    first = 47_000_000_200
    public = True

    async def _say(self, text: str) -> tuple[str, int | None]:
        return str((await self.citizen.comment(text))["pk"]), None

    async def heard(self) -> list[Heard]:
        return [
            Heard(id=one.item["pk"], text=one.text, answers=one.item.get("replied_to_comment_id"))
            for one in self.account.sandbox.sent
            if one.item.get("parent_comment_id") in self.wrote
        ]


class InstagramApp(Account):
    """An account by the API of the phone's app, which is polled."""

    channel = "instagram"
    recorded = "fixtures/private"
    writers = (AppDirect, AppComments)
    sandbox: PrivateSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        self.sandbox = PrivateSandbox(username=f"almaty.{name}")
        self.sandbox.post()

    def keys(self) -> Mapping[str, Any]:
        return {
            "mode": "private",
            "username": self.sandbox.username,
            "password": self.sandbox.password,
            "session_file": f"var/{self.name}.session",
            "poll_seconds": 0.2,
            "api_base": self.sandbox.url,
        }

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        raise NotImplementedError  # nothing is delivered to it
