"""One number, or one messaging service, of a Twilio account: text messages in and out.

Twilio's library is imported when the account first calls Twilio, never to receive a delivery.
"""

from collections.abc import AsyncIterator, Sequence
from importlib.util import find_spec
from typing import Annotated, ClassVar, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from connectors.base import AccountSettings, Answer, Context, Diagnosis
from connectors.kit.keys import ApiBase, matching
from connectors.kit.twilio import TIMEOUT, TWILIO, Client, unusable_hook
from connectors.kit.twilio_webhooks import Signatures
from connectors.sms.entrances import entrances, point
from connectors.sms.health import diagnose
from connectors.sms.limits import DEFAULT, WITH_FILES
from connectors.sms.numbers import PHONE, SenderKind, address_of, kind_of, own_sender, point_of
from connectors.sms.reading import STATUS, inbound
from connectors.sms.sending import call_for
from registry.types import (
    Attachment,
    Capabilities,
    ContactPoint,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
)

if find_spec("twilio") is None:
    # Said at once, and not hours later by the first reply: importing it waits until then.
    raise ModuleNotFoundError("No module named 'twilio'", name="twilio")


_AccountSid: TypeAlias = Annotated[
    str,
    matching(
        r"AC[0-9a-f]{32}", "AC and 32 digits are needed, as the Console's first page shows them"
    ),
]
_AuthToken: TypeAlias = Annotated[
    SecretStr,
    matching(
        r"[!-~]{8,128}", "the Auth Token of the Console's first page is needed, without blanks"
    ),
]


class SmsSettings(AccountSettings):
    """`[channels.sms.<account>]`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    account_sid: _AccountSid
    auth_token: _AuthToken
    """Opens the account, and signs what Twilio delivers."""
    sender: Annotated[str, AfterValidator(own_sender)] = Field(alias="from")
    """The key `from`: our number, short code or name, or a messaging service's sid."""
    mms: bool = False
    """Files can be sent: the number and its operators carry MMS."""
    api_base: ApiBase = TWILIO


class SmsConnector:
    """One sender of ours."""

    name: ClassVar[str] = "sms"
    capabilities: Capabilities = DEFAULT
    Settings: ClassVar[type[AccountSettings]] = SmsSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, SmsSettings)
        self.account = account
        self.capabilities = WITH_FILES if settings.mms else DEFAULT
        self._settings = settings
        self._context = context
        token = settings.auth_token.get_secret_value()
        self._hook = context.hook(self.name, account)
        self._signatures = Signatures(token, self._hook)
        self._sender = settings.sender
        service = kind_of(settings.sender) is SenderKind.SERVICE
        self._ours = None if service else settings.sender
        self._client = Client(
            settings.account_sid,
            token,
            account=f"{self.name}.{account}",
            api_base=settings.api_base,
            timeout=TIMEOUT,
        )

    @property
    def timeout(self) -> float:
        """Seconds to wait for Twilio's answer."""
        return self._client.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._client.timeout = seconds

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        """Compare the signature over our public address and the whole form."""
        self._signatures.verify(envelope)

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read one message or one report."""
        return inbound(envelope, account=self.account, ours=self._ours)

    def answer(self, envelope: Envelope) -> Answer:
        """Twilio takes the answer to a message for what to write back: nothing.

        Source: https://www.twilio.com/docs/messaging/twiml
        """
        return _EMPTY if envelope.action == STATUS else _NO_REPLY

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment."""
        limit = self._context.max_media_bytes
        async for chunk in self._client.media(attachment, max_bytes=limit):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    def name_of(self, point: ContactPoint) -> ContactPoint | None:
        """A phone number in E.164, as it is."""
        named = point_of(address_of(point.value))
        return named if named == point and point.scheme == PHONE else None

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part as it stands; Twilio reports of it to the address that names it."""
        call = call_for(message, sender=self._sender, hook=self._hook, can=self.capabilities)
        sid = await self._client.send(**call)
        return Sent(external_ids=(sid,), at=self._context.clock())

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Have messages delivered to the hub where nobody has said where they go.

        An address that somebody entered stays: `check` tells what to change.
        """
        unusable = unusable_hook(self._hook, self._settings.api_base)
        if unusable is not None:
            raise unusable
        for way in await entrances(self._client, self._sender):
            if way.unset:
                await point(self._client, way, self._hook)

    async def check(self) -> Diagnosis:
        """Ask Twilio how the account is, and where it delivers to."""
        return await diagnose(
            self._client,
            sender=self._sender,
            hook=self._hook,
            api_base=self._settings.api_base,
        )

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        await self._client.close()


CONNECTOR = SmsConnector

_EMPTY = Answer()
_NO_REPLY = Answer(body=b"<Response/>", content_type="text/xml")
