"""A reply's part as one call of Twilio's: what is typed goes out as it stands."""

from typing import Any

from connectors.base import Rejected
from connectors.kit.twilio_webhooks import status_address
from connectors.sms.numbers import SenderKind, kind_of
from registry.types import Capabilities, OutboundMessage


def call_for(
    message: OutboundMessage, *, sender: str, hook: str, can: Capabilities
) -> dict[str, Any]:
    """The parameters of the call that carries one part. Raises: Rejected."""
    for file in message.attachments:
        if file.kind not in can.media:
            raise Rejected(f"This account's text messages carry no {file.kind}.")
    if not message.text and not message.attachments:
        raise Rejected("There is nothing to send.")
    call: dict[str, Any] = {
        "to": message.conversation,
        "status_callback": status_address(hook, message_id=message.message_id, part=message.part),
    }
    if kind_of(sender) is SenderKind.SERVICE:
        call["messaging_service_sid"] = sender
    else:
        call["from_"] = sender
    if message.text:
        call["body"] = message.text
    if message.attachments:
        call["media_url"] = [file.link() for file in message.attachments]
    return call
