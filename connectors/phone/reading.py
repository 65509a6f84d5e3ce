"""What of a call is registered: that somebody called, and what they said to the voicemail.

Pure and without I/O. What else happens to a call is read by `connectors.phone.hearing`.
"""

from collections.abc import Sequence

from connectors.phone.addresses import FALLBACK_MESSAGE, MESSAGE
from connectors.phone.deliveries import Delivery, read
from connectors.phone.people import conversation_of, point_of
from registry.types import Attachment, AttachmentKind, Envelope, Inbound, InboundMessage, Sender

MP3 = "audio/mpeg"


def inbound(envelope: Envelope, *, account: str) -> Sequence[Inbound]:
    """The first delivery of a citizen's call, or a voicemail. Raises: Malformed."""
    if envelope.action not in {"", MESSAGE, FALLBACK_MESSAGE}:
        return ()
    told = read(envelope)
    if envelope.action:
        return (_voicemail(told, envelope, account),) if left_sound(told) else ()
    if told.is_of_a_device or told.how is not None:
        return ()
    return (_message(told, envelope, account, external_id=told.call),)


def left_sound(told: Delivery) -> str:
    """Address of a voicemail; empty for one in which nothing was said."""
    return "" if told.seconds("RecordingDuration") == 0 else told.recording


def _voicemail(told: Delivery, envelope: Envelope, account: str) -> InboundMessage:
    address = left_sound(told)
    voice = Attachment(kind=AttachmentKind.VOICE, ref=address, mime=MP3)
    external_id = address.rpartition("/")[2].removesuffix(".mp3")
    return _message(told, envelope, account, external_id=external_id, attachments=(voice,))


def _message(
    told: Delivery,
    envelope: Envelope,
    account: str,
    *,
    external_id: str,
    attachments: tuple[Attachment, ...] = (),
) -> InboundMessage:
    number = told.citizen
    return InboundMessage(
        channel=envelope.channel,
        account=account,
        external_id=external_id,
        conversation=conversation_of(number, told.call),
        sender=Sender(point=point_of(number, told.call)),
        sent_at=envelope.received_at,  # Twilio tells no time
        attachments=attachments,
        call=True,
    )
