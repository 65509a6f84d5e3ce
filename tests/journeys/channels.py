"""Every channel as a journey meets it: an account on its provider's stand-in, and who writes there.

An `Account` is a running stand-in with the settings that reach it; two of one channel have their
own stand-ins and their own secrets. A `Writer` is one citizen in one place of an account: in
private, or under a post. The nth citizen has the same id in every account of the channel.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from connectors.blackhole.connector import HEADER as BLACKHOLE_HEADER
from connectors.blackhole.sandbox import BlackholeSandbox
from connectors.facebook.sandbox import FacebookSandbox
from connectors.instagram.private.sandbox import PrivateSandbox
from connectors.instagram.sandbox import IG_USER_ID, MEDIA, InstagramSandbox
from connectors.sms.sandbox import SmsSandbox
from connectors.telegram.sandbox import SECRET_HEADER, TelegramSandbox
from connectors.testing import fixtures
from connectors.testing.sandbox import Call, Sandbox
from connectors.testing.twilio import NUMBER, SIGNATURE_HEADER, sign_delivery
from connectors.twitter.sandbox import TwitterSandbox
from connectors.twitter.sandbox_gate import (
    ACCESS_TOKEN,
    ACCESS_TOKEN_SECRET,
    BEARER_TOKEN,
    CONSUMER_KEY,
    CONSUMER_SECRET,
)
from connectors.twitter.sandbox_hooks import HookDesk
from connectors.whatsapp import sandbox as whatsapp
from connectors.whatsapp.rules import refused
from connectors.whatsapp.sandbox import WhatsAppSandbox
from connectors.whatsapp.twilio.sandbox import PREFIX, TwilioWhatsAppSandbox
from tests.journeys.process import Hub, Nursery

VERIFY_TOKEN = "a-word-that-the-journeys-chose"
OF_A_MESSAGE = "?message=361934207885312000&part=0"
"""What stands behind the address to which Twilio reports of a message."""
NAMES = ("first", "second")
"""What two accounts of a channel are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What an account wrote to a citizen, in one message."""

    id: str
    text: str
    picture: bytes | None = None
    answers: str | None = None
    """In public: what it stands under."""


class Writer(ABC):
    """One citizen in one place of an account."""

    public: ClassVar[bool] = False
    takes_pictures: ClassVar[bool] = True
    longest: ClassVar[int] = 0
    """Characters of Cyrillic in one message, where it is cheap to write more."""
    ends_as: ClassVar[str] = "sent"
    """How far the provider tells what becomes of a reply, once the citizen has looked."""

    def __init__(self, account: "Account", number: int) -> None:
        self.account = account
        self.wrote: list[str] = []
        """Ids of what they wrote."""
        self.statuses: list[int | None] = []
        """What the hub answered to each; None where it polls."""

    @property
    def place(self) -> str:
        """Where they write, in words."""
        return f"{self.account} {type(self).__name__}"

    async def say(self, text: str) -> None:
        """Write a text: a message, or a comment of its own."""
        id_, status = await self._say(text)
        self.wrote.append(id_)
        self.statuses.append(status)

    @abstractmethod
    async def _say(self, text: str) -> tuple[str, int | None]: ...

    @abstractmethod
    async def heard(self) -> list[Heard]:
        """What reached them, in order."""
        ...

    async def look(self) -> None:
        """Read everything, where the provider tells that."""
        return


class Account(ABC):
    """An account on a stand-in of its own: `async with` starts and stops that."""

    channel: ClassVar[str]
    recorded: ClassVar[str] = "fixtures"
    """Where the channel's recorded deliveries are."""
    writers: ClassVar[Sequence[type[Writer]]]
    sandbox: Sandbox
    settings: Mapping[str, Any]

    def __init__(self, name: str, *, other: bool = False) -> None:
        """`other` gives it other secrets than the first one of its kind has."""
        self.name = name
        self.other = other

    def __str__(self) -> str:
        return f"{self.channel}/{self.name}"

    @property
    def hook(self) -> str:
        """The path to which its provider delivers."""
        return f"/hooks/{self.channel}/{self.name}"

    def writer(self, number: int, *, public: bool = False) -> Writer:
        """The citizen of that number, where they write first or in public."""
        return next(made for made in self.writers if made.public == public)(self, number)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The account's stand-in runs while the block does."""
        async with self.sandbox:
            self.settings = self.keys()
            yield

    def sent(self) -> int:
        """How many messages it wrote, to whomever."""
        return len(self.sandbox.sent)  # type: ignore[attr-defined]  # every stand-in has them

    @abstractmethod
    def keys(self) -> Mapping[str, Any]:
        """The keys of its settings."""

    def expect(self, hub: str) -> None:
        """Be told where the hub will be, as by hand, before it runs."""

    async def listen(self, hub: str) -> None:
        """Be told by hand where the hub is, now that it runs."""

    # --- Deliveries that are made by hand --------------------------------------------------------

    def body(self, content: Any) -> bytes:
        """The body of a delivery."""
        return json.dumps(content).encode()

    def mended(self, body: bytes) -> bytes:
        """A torn body as the provider could still have sent and signed it."""
        return body

    @abstractmethod
    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        """The headers by which the provider proves a delivery to this address."""

    def deliveries(self) -> Iterator[tuple[str, Any]]:
        """Every recorded delivery: the path it came to, and what was in it."""
        package = import_module(f"connectors.{self.channel}")
        folder = Path(package.__path__[0]) / self.recorded
        for case in fixtures.cases(folder):
            path = f"{self.hook}/{case.action}" if case.action else self.hook
            yield path + (OF_A_MESSAGE if case.action == "status" else ""), case.content()


async def fetched(sandbox: Sandbox, address: str | None) -> bytes | None:
    """The file at an address, as a provider fetches it: without a word who asks."""
    if address is None:
        return None
    answered = await sandbox.exchange("GET", address)
    assert answered.status == 200, (address, answered.status)
    return answered.body


# --- Telegram -------------------------------------------------------------------------------------


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


# --- WhatsApp -------------------------------------------------------------------------------------


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


# --- What Twilio carries --------------------------------------------------------------------------


def account_sid(other: bool) -> str:
    """One of two Twilio accounts."""
    return f"AC{'7a1d' if other else '5e7a':0>32}"


def form(content: Any) -> bytes:
    """A form; what a mutation made of its fields goes as its text."""
    fields = content if isinstance(content, dict) else {"Body": content}
    return urlencode(
        {
            str(name): value if isinstance(value, str) else json.dumps(value)
            for name, value in fields.items()
        },
        errors="replace",
    ).encode()


def form_proof(auth_token: str, address: str, body: bytes) -> Mapping[str, str]:
    return {
        SIGNATURE_HEADER: sign_delivery(auth_token, address, body),
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    }


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
            account_sid=account_sid(other),
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
        return form(content)

    def mended(self, body: bytes) -> bytes:
        return urlencode(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)).encode()

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return form_proof(self.sandbox.auth_token, address, body)


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
            account_sid=account_sid(other), auth_token=f"auth-token-of-sms-{name}"
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
        return form(content)

    def mended(self, body: bytes) -> bytes:
        return urlencode(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)).encode()

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return form_proof(self.sandbox.auth_token, address, body)


# --- Facebook -------------------------------------------------------------------------------------


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


# --- Instagram ------------------------------------------------------------------------------------


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


# --- X --------------------------------------------------------------------------------------------


class XWriter(Writer):
    """Somebody on X."""

    account: "X"
    first: ClassVar[int]

    def __init__(self, account: "X", number: int) -> None:
        super().__init__(account, number)
        self.citizen = account.sandbox.citizen(user_id=str(self.first + number))

    async def heard(self) -> list[Heard]:
        held = self.account.sandbox.uploads.held
        return [
            Heard(
                id=one.id,
                text=one.text,
                picture=held[one.media[0]].content if one.media else None,
                answers=one.answers,
            )
            for one in self.citizen.received
        ]


class XDirect(XWriter):
    """Direct messages to an account that is told of them."""

    first = 1_534_001_122_334_455_600
    ends_as = "read"

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.message(text)
        return posted.id, posted.status

    async def look(self) -> None:
        await self.citizen.read(self.citizen.received[-1].id)


class XDirectPolled(XDirect):
    """Direct messages to an account that asks for them: nobody tells it that they were read."""

    ends_as = "sent"


class XMentions(XWriter):
    """Posts with an account's name in them."""

    first = 1_534_001_122_334_465_600
    public = True
    longest = 300

    async def _say(self, text: str) -> tuple[str, int | None]:
        posted = await self.citizen.mention(text)
        return posted.id, posted.status


class X(Account):
    """An account on X that has its deliveries brought."""

    channel = "twitter"
    writers = (XDirect, XMentions)
    sandbox: TwitterSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        user_id = "1716450569358098999" if other else "1716450569358098432"
        self.secret = f"client-secret-of-x-{name}-0000000000000"
        sandbox = TwitterSandbox(user_id=user_id, windows=False)
        # An app of its own, as far as deliveries go.
        sandbox.desk = HookDesk(
            sandbox.exchange,
            consumer_secret=CONSUMER_SECRET,
            client_secret=self.secret,
            crc_secret=CONSUMER_SECRET,
            challenges=True,
            strict=False,
            signing="oauth2",
        )
        self.sandbox = sandbox

    def keys(self) -> Mapping[str, Any]:
        return {
            "mode": "webhook",
            "user_id": self.sandbox.user_id,
            "consumer_key": CONSUMER_KEY,
            "consumer_secret": CONSUMER_SECRET,
            "access_token": ACCESS_TOKEN,
            "access_token_secret": ACCESS_TOKEN_SECRET,
            "bearer_token": BEARER_TOKEN,
            "client_secret": self.secret,
            "api_base": self.sandbox.url,
        }

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        return {"Content-Type": "application/json", **self.sandbox.desk.signed(body)}


class XPolled(X):
    """An account on X that asks."""

    writers = (XDirectPolled, XMentions)

    def keys(self) -> Mapping[str, Any]:
        left_out = {"bearer_token", "client_secret"}
        kept = {name: value for name, value in super().keys().items() if name not in left_out}
        return {**kept, "mode": "polling", "poll_seconds": 5}


# --- The blackhole --------------------------------------------------------------------------------


class Poster(Writer):
    """Somebody who writes into the blackhole, and hears nothing back."""

    account: "Blackhole"

    def __init__(self, account: "Blackhole", number: int) -> None:
        super().__init__(account, number)
        self.number = number

    async def _say(self, text: str) -> tuple[str, int | None]:
        id_ = f"{self.number}-{len(self.wrote)}"
        return id_, await self.account.sandbox.write(f"citizen-{self.number}", text, id=id_)

    async def heard(self) -> list[Heard]:
        return []


class Blackhole(Account):
    """An account without a provider."""

    channel = "blackhole"
    writers = (Poster,)
    sandbox: BlackholeSandbox

    def __init__(self, name: str, *, other: bool = False) -> None:
        super().__init__(name, other=other)
        secret = f"secret-of-the-{name}-blackhole"
        self.sandbox = BlackholeSandbox(webhook_secret=secret, account=name)

    def keys(self) -> Mapping[str, Any]:
        return {"webhook_secret": self.sandbox.webhook_secret}

    def expect(self, hub: str) -> None:
        self.sandbox.hub = hub

    def proof(self, address: str, body: bytes) -> Mapping[str, str]:
        secret = self.sandbox.webhook_secret
        return {BLACKHOLE_HEADER: secret, "Content-Type": "application/json"}


# --- All of them ----------------------------------------------------------------------------------

WITH_WEBHOOKS: Sequence[type[Account]] = (
    Telegram, WhatsApp, WhatsAppByTwilio, Sms, Facebook, Instagram, X,
)  # fmt: skip
"""A kind of account of every channel and provider to which deliveries are brought."""
EVERY: Sequence[type[Account]] = (*WITH_WEBHOOKS, InstagramApp, XPolled)
"""The same with those that poll."""


@asynccontextmanager
async def town(
    *accounts: Account,
    nursery: Nursery,
    database_url: str,
    folder: Path,
    tables: Mapping[str, Mapping[str, object]] | None = None,
) -> AsyncIterator[Hub]:
    """A hub and its accounts, which are well and deliver; in the end it has logged no fault."""
    async with AsyncExitStack() as stack:
        channels: dict[str, dict[str, Mapping[str, object]]] = {}
        for account in accounts:
            await stack.enter_async_context(account.running())
            channels.setdefault(account.channel, {})[account.name] = account.settings
        hub = Hub(
            nursery=nursery,
            folder=folder,
            database_url=database_url,
            channels=channels,
            tables=tables,
        )
        for account in accounts:
            account.expect(hub.url)
        await stack.enter_async_context(hub)
        for account in accounts:
            await account.listen(hub.url)
        yield hub
    assert hub.tracebacks == []
