"""One number, or one messaging service, of a Twilio account: text messages in and out.

Twilio's library is imported when the account first calls Twilio, never to receive a delivery.
"""

from collections.abc import AsyncIterator, Sequence
from importlib.util import find_spec
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from connectors.base import AccountSettings, Answer, Context, Diagnosis
from connectors.kit.keys import ApiBase
from connectors.kit.twilio import TIMEOUT, TWILIO, unusable_hook
from connectors.kit.twilio_account import TwilioConnector, TwilioSettings
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


class SmsSettings(TwilioSettings):
    """`[channels.sms.<account>]`."""

    sender: Annotated[str, AfterValidator(own_sender)] = Field(alias="from")
    """The key `from`: our number, short code or name, or a messaging service's sid."""
    mms: bool = False
    """Files can be sent: the number and its operators carry MMS."""
    api_base: ApiBase = TWILIO


class SmsConnector(TwilioConnector):
    """One sender of ours."""

    name: ClassVar[str] = "sms"
    capabilities: Capabilities = DEFAULT
    Settings: ClassVar[type[AccountSettings]] = SmsSettings

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, SmsSettings)
        super().__init__(account, settings, context, api_base=settings.api_base, timeout=TIMEOUT)
        self.capabilities = WITH_FILES if settings.mms else DEFAULT
        self._settings = settings
        self._sender = settings.sender
        service = kind_of(settings.sender) is SenderKind.SERVICE
        self._ours = None if service else settings.sender

    # --- Receiving -------------------------------------------------------------------------------

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


CONNECTOR = SmsConnector

_EMPTY = Answer()
_NO_REPLY = Answer(body=b"<Response/>", content_type="text/xml")
