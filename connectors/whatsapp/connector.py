"""One WhatsApp number, at Meta's Cloud API or at Twilio: one channel for the core.

Twilio's library is imported when an account at Twilio first calls it, and for no other.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from connectors.base import AccountSettings, Answer, Context, Diagnosis, Template
from connectors.kit.graph import GRAPH, Graph
from connectors.kit.keys import ApiBase, Secret, matching
from connectors.kit.twilio import TWILIO, Client
from connectors.whatsapp.meta.account import Keys as MetaKeys
from connectors.whatsapp.meta.account import MetaAccount
from connectors.whatsapp.meta.limits import CAPABILITIES
from connectors.whatsapp.people import named
from connectors.whatsapp.twilio.account import Keys as TwilioKeys
from connectors.whatsapp.twilio.account import TwilioAccount
from registry.types import (
    Attachment,
    Capabilities,
    ContactPoint,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
)

TIMEOUT = 20.0
"""Seconds to wait for the provider's answer; a file may take several times as long."""


def _sender(value: str) -> str:
    number = value.removeprefix("whatsapp:")
    if re.fullmatch(r"\+[1-9][0-9]{6,14}|MG[0-9a-f]{32}", number):
        return number
    raise ValueError("a number like +77271234567 or a messaging service's sid (MG…) is needed")


_Id: TypeAlias = Annotated[
    str,
    matching(r"[0-9]{1,32}", "an id of Meta's is needed: digits, as WhatsApp Manager shows it"),
]
_Sid: TypeAlias = Annotated[
    str,
    matching(r"AC[0-9a-fA-F]{32}", "the Account SID is needed: AC and 32 hexadecimal digits"),
]


class WhatsAppSettings(AccountSettings):
    """`[channels.whatsapp.<account>]`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    provider: Literal["meta", "twilio"] = "meta"
    """Where the number is: at Meta's own Cloud API, or at Twilio."""
    phone_number_id: _Id | None = None
    """Meta: the number's id, which is not the number."""
    waba_id: _Id | None = None
    """Meta: the WhatsApp Business Account's id, for its templates and its webhook's check."""
    access_token: Secret | None = None
    """Meta: a system user's token."""
    app_secret: Secret | None = None
    """Meta: what deliveries are signed with."""
    verify_token: Secret | None = None
    """Meta: a word of one's own, by which the webhook's handshake is answered."""
    account_sid: _Sid | None = None
    auth_token: Secret | None = None
    """Twilio: opens the account, and signs its deliveries."""
    sender: Annotated[str, AfterValidator(_sender)] | None = Field(default=None, alias="from")
    """Twilio: the WhatsApp sender's number, or a messaging service's sid."""
    api_base: ApiBase | None = None
    """Another address in place of the provider's own: a sandbox, or a proxy."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for provider, keys in _KEYS.items():
            for name, needed in keys.items():
                given = getattr(self, name) is not None
                key = "from" if name == "sender" else name
                if given and provider != self.provider:
                    raise ValueError(f'{key} belongs to provider = "{provider}"; leave it out')
                if needed and not given and provider == self.provider:
                    raise ValueError(f'{key} is missing: provider = "{provider}" needs it')
        if self.provider == "twilio" and find_spec("twilio") is None:
            raise ValueError(
                'the package twilio is not installed: provider = "twilio" needs tereze[whatsapp]'
            )
        return self

    def meta(self) -> MetaKeys:
        """The keys of a number at Meta."""
        assert self.phone_number_id is not None
        assert self.access_token is not None
        assert self.app_secret is not None
        assert self.verify_token is not None
        return MetaKeys(
            phone_number_id=self.phone_number_id,
            access_token=self.access_token,
            app_secret=self.app_secret,
            verify_token=self.verify_token,
            waba_id=self.waba_id,
            api_base=self.api_base or GRAPH,
        )

    def twilio(self) -> TwilioKeys:
        """The keys of a number at Twilio."""
        assert self.account_sid is not None
        assert self.auth_token is not None
        assert self.sender is not None
        return TwilioKeys(
            account_sid=self.account_sid,
            auth_token=self.auth_token,
            sender=self.sender,
            api_base=self.api_base or TWILIO,
        )


_KEYS: dict[str, dict[str, bool]] = {
    "meta": {
        "phone_number_id": True,
        "access_token": True,
        "app_secret": True,
        "verify_token": True,
        "waba_id": False,
    },
    "twilio": {"account_sid": True, "auth_token": True, "sender": True},
}
"""Each provider's keys, and whether it needs them."""


class WhatsAppConnector:
    """One number."""

    name: ClassVar[str] = "whatsapp"
    capabilities: Capabilities = CAPABILITIES
    Settings: ClassVar[type[AccountSettings]] = WhatsAppSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, WhatsAppSettings)
        self.account = account
        self._at: MetaAccount | TwilioAccount
        if settings.provider == "meta":
            self._at = MetaAccount(account, settings.meta(), context, timeout=TIMEOUT)
            self._client: Graph | Client = self._at.graph
        else:
            self._at = TwilioAccount(account, settings.twilio(), context, timeout=TIMEOUT)
            self._client = self._at.client
        self.capabilities = self._at.capabilities

    @property
    def timeout(self) -> float:
        """Seconds to wait for the provider's answer."""
        return self._client.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._client.timeout = seconds

    def verify(self, envelope: Envelope) -> None:
        """Check the delivery's signature."""
        self._at.verify(envelope)

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """Answer Meta's challenge; Twilio has none."""
        return self._at.handshake(query)

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read a delivery, each item by itself."""
        return self._at.normalize(envelope)

    def answer(self, envelope: Envelope) -> Answer:
        """Nothing for Meta; for Twilio that there is nothing to do."""
        return self._at.answer(envelope)

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment."""
        return self._at.fetch(attachment)

    def name_of(self, point: ContactPoint) -> ContactPoint | None:
        """A user id, or the digits of a phone number; only a template can go to them first."""
        return named(point)

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part as it stands, without markup."""
        return await self._at.send(message)

    async def templates(self) -> Sequence[Template]:
        """The approved templates that words alone fill in."""
        return await self._at.templates()

    async def register(self) -> None:
        """Tell Meta where deliveries go, where its account is known. Idempotent."""
        await self._at.register()

    async def check(self) -> Diagnosis:
        """Ask the provider how the number is, and where its deliveries go."""
        return await self._at.check()

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        await self._at.close()


CONNECTOR = WhatsAppConnector
