"""What Twilio posts for WhatsApp: the core's values from its forms, pure and without I/O.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from collections.abc import Mapping, Sequence

from msgspec import structs

from connectors.kit.twilio_webhooks import Received, read_message, read_report
from connectors.whatsapp.people import (
    FORWARDED,
    OFTEN_FORWARDED,
    is_number,
    person,
)
from connectors.whatsapp.words import placeholder
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactEvent,
    Envelope,
    Inbound,
    InboundMessage,
    Sender,
    Unreadable,
)

PREFIX = "whatsapp:"
STATUS = "status"
"""The webhook's action to which Twilio reports what became of our messages."""
_OPT_OUTS = {"STOP": "blocked", "START": "unblocked"}


def inbound(envelope: Envelope, *, number: str) -> Sequence[Inbound]:
    """What a delivery brings to one of our numbers (digits, or empty for whichever).

    Raises: Malformed.
    """
    if envelope.action == STATUS:
        report = read_report(envelope)
        return () if report is None else (report,)
    if envelope.action:
        return ()
    received = read_message(_without_nul(envelope.body))
    if not received.sender.startswith(PREFIX):
        return ()
    to = key_of(received.to)
    if number and to and to != number:
        return ()
    sender = _sender(received)
    if sender is None or not received.sid:
        return (Unreadable(reason="The message is from nobody."),)
    message = _message(received, sender, envelope)
    kind = _OPT_OUTS.get(received.opt_out)
    if kind is None:
        return (message,)
    event = ContactEvent(
        channel=envelope.channel,
        account=envelope.account,
        conversation=sender.point.value,
        kind=kind,
        external_id=f"{message.external_id}:{kind}",
        sender=sender,
        at=envelope.received_at,
    )
    return (message, event)


def key_of(address: str) -> str:
    """A number's digits, or a user id, from Twilio's "whatsapp:+7…"."""
    return address.removeprefix(PREFIX).strip().removeprefix("+")


def _sender(received: Received) -> Sender | None:
    fields = received.fields
    number = fields.get("WaId", "")
    return person(
        (
            key_of(received.sender),
            number if is_number(number) else None,
            fields.get("ExternalUserId"),
        ),
        name=fields.get("ProfileName") or None,
    )


def _message(received: Received, sender: Sender, envelope: Envelope) -> InboundMessage:
    told = received.fields
    attachments = [_file(file, told) for file in received.media]
    place = _place(told)
    if place is not None:
        attachments.append(place)
    text = told.get("Body", "") or told.get("ButtonText", "") or told.get("ListTitle", "")
    if place is not None and not text:
        text = "\n".join(dict.fromkeys(filter(None, (told.get("Label"), told.get("Address")))))
    unreadable = not text and not attachments
    return InboundMessage(
        channel=envelope.channel,
        account=envelope.account,
        external_id=received.sid,
        conversation=sender.point.value,
        sender=sender,
        # Twilio tells no time of a message.
        sent_at=envelope.received_at,
        text=placeholder(told.get("MessageType") or "unknown") if unreadable else text,
        attachments=tuple(attachments),
        reply_to=told.get("OriginalRepliedMessageSid") or None,
        origin=_origin(told),
        unreadable=unreadable,
    )


def _file(file: Attachment, told: Mapping[str, str]) -> Attachment:
    """Twilio tells a sticker and a voice message only by their types."""
    kind = file.kind
    if told.get("MessageType") == "sticker" or file.mime == "image/webp":
        kind = AttachmentKind.STICKER
    elif file.mime == "audio/ogg":
        kind = AttachmentKind.VOICE
    return structs.replace(file, kind=kind)


def _place(told: Mapping[str, str]) -> Attachment | None:
    try:
        latitude, longitude = float(told["Latitude"]), float(told["Longitude"])
    except (KeyError, ValueError):
        return None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return Attachment(
        kind=AttachmentKind.LOCATION,
        name=told.get("Label") or None,
        latitude=latitude,
        longitude=longitude,
    )


def _origin(told: Mapping[str, str]) -> str | None:
    if told.get("FrequentlyForwarded", "").lower() == "true":
        return OFTEN_FORWARDED
    return FORWARDED if told.get("Forwarded", "").lower() == "true" else None


def _without_nul(body: bytes) -> bytes:
    """A blank for each NUL, which PostgreSQL does not store."""
    return body.replace(b"%00", b"%20").replace(b"\x00", b" ")
