"""One WhatsApp sender at Twilio: deliveries in, messages out through its library."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from pydantic import SecretStr

from connectors.base import (
    Answer,
    Context,
    Diagnosis,
    Forged,
    Health,
    Rejected,
    SendError,
    Template,
)
from connectors.kit.health import unreachable
from connectors.kit.twilio import TWILIO, Client, account_trouble
from connectors.kit.twilio_webhooks import Signatures, status_address
from connectors.whatsapp.people import is_number
from connectors.whatsapp.twilio.health import diagnose, sender_of
from connectors.whatsapp.twilio.limits import CAPABILITIES, MAX_DOWNLOAD
from connectors.whatsapp.twilio.reading import PREFIX, STATUS, inbound, key_of
from connectors.whatsapp.twilio.templates import approved, variables
from registry.types import (
    Attachment,
    AttachmentKind,
    Envelope,
    Inbound,
    OutboundFile,
    OutboundMessage,
    Sent,
)

_TWIML = Answer(
    body=b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>',
    content_type="text/xml",
)
"""Says that there is nothing to answer."""
_MAX_LABEL = 256


class Keys(Struct, frozen=True, kw_only=True):
    """What the settings of such an account must tell."""

    account_sid: str
    auth_token: SecretStr
    sender: str
    """A number ("+7…"), or a messaging service's sid."""
    api_base: str = TWILIO


class TwilioAccount:
    """A WhatsApp sender at Twilio."""

    capabilities = CAPABILITIES

    def __init__(self, account: str, keys: Keys, context: Context, *, timeout: float) -> None:
        self._context = context
        self._table = f"channels.whatsapp.{account}"
        self._hook = context.hook("whatsapp", account)
        self._service = keys.sender.startswith("MG")
        self._sender = keys.sender if self._service else PREFIX + keys.sender
        self._number = "" if self._service else key_of(keys.sender)
        token = keys.auth_token.get_secret_value()
        self._signatures = Signatures(token, self._hook)
        self.client = Client(
            keys.account_sid,
            token,
            account=f"whatsapp.{account}",
            api_base=keys.api_base,
            timeout=timeout,
        )

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        self._signatures.verify(envelope)

    def handshake(self, query: Mapping[str, str]) -> Answer:
        raise Forged("Twilio asks for no handshake.")

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        return inbound(envelope, number=self._number)

    def answer(self, envelope: Envelope) -> Answer:
        return Answer() if envelope.action == STATUS else _TWIML

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        if attachment.ref is None:
            raise Rejected("The attachment has no file.")
        limit = min(MAX_DOWNLOAD, self._context.max_media_bytes)
        async for chunk in self.client.media(attachment, max_bytes=limit):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        to = message.conversation
        told: dict[str, Any] = {
            "to": f"{PREFIX}+{to}" if is_number(to) else PREFIX + to,
            "messaging_service_sid" if self._service else "from_": self._sender,
            "status_callback": status_address(
                self._hook, message_id=message.message_id, part=message.part
            ),
        }
        sid = await self.client.send(**told, **_content(message))
        return Sent(external_ids=(sid,), at=self._context.clock())

    async def templates(self) -> Sequence[Template]:
        return await approved(self.client)

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Nothing: where the sender's messages go is set in the Console, as `check` tells."""

    async def check(self) -> Diagnosis:
        try:
            trouble, details = await account_trouble(self.client)
            if trouble is not None and trouble.health is Health.DOWN:
                return trouble
            if self._service:
                return trouble or Diagnosis(
                    health=Health.OK,
                    summary=f"The messaging service {self._sender} sends for WhatsApp.",
                    details=details,
                )
            sender = await sender_of(self.client, self._sender)
        except SendError as error:
            return unreachable(error)
        found = diagnose(
            sender, address=self._sender, hook=self._hook, table=self._table, details=details
        )
        return trouble if trouble is not None and found.health is Health.OK else found

    async def close(self) -> None:
        await self.client.close()


def _content(message: OutboundMessage) -> dict[str, Any]:
    """What the message holds. Raises: Rejected."""
    if message.template is not None:
        told = {"content_sid": message.template.id}
        if message.template.variables:
            told["content_variables"] = variables(message.template.variables)
        return told
    if len(message.attachments) > 1:
        raise Rejected("WhatsApp carries one file in a message.")
    if not message.attachments:
        if not message.text:
            raise Rejected("There is nothing to send.")
        return {"body": message.text}
    (file,) = message.attachments
    if message.text and file.kind not in CAPABILITIES.captions:
        raise Rejected(f"Twilio carries no text beside a file of this kind, {file.kind}.")
    if file.kind is AttachmentKind.LOCATION:
        return _place(file)
    caption = {"body": message.text} if message.text else {}
    return {"media_url": [file.link()], **caption}


def _place(file: OutboundFile) -> dict[str, Any]:
    """Source: https://www.twilio.com/docs/whatsapp/tutorial/send-and-receive-location-messages"""
    if file.latitude is None or file.longitude is None:
        raise Rejected("The place has no coordinates.")
    point = f"{file.latitude:.7f},{file.longitude:.7f}"
    label = file.name.replace("|", " ")[:_MAX_LABEL].strip() or point
    return {"body": label, "persistent_action": [f"geo:{point}|{label}"]}
