"""What of a call is registered: that somebody called, and what they said to the voicemail.

Pure and without I/O. What else happens to a call is read by `connectors.phone.hearing`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from connectors.base import PAST, Malformed
from connectors.phone.addresses import FALLBACK_MESSAGE, MESSAGE
from connectors.phone.deliveries import Delivery, read
from connectors.phone.people import conversation_of, point_of
from registry.calls.hearing import Past
from registry.types import Attachment, AttachmentKind, Envelope, Inbound, InboundMessage, Sender

MP3 = "audio/mpeg"


def inbound(envelope: Envelope, *, account: str) -> Sequence[Inbound]:
    """The first delivery of a citizen's call, or a voicemail. Raises: Malformed."""
    if envelope.action == PAST:
        return tuple(_remembered(_past(envelope.body), envelope, account))
    if envelope.action not in {"", MESSAGE, FALLBACK_MESSAGE}:
        return ()
    told = read(envelope)
    made = _Maker(envelope, account, told.citizen, told.call)
    if envelope.action:
        return (made.voicemail(left_sound(told)),) if left_sound(told) else ()
    return () if told.is_of_a_device or told.how is not None else (made.call(),)


def left_sound(told: Delivery) -> str:
    """Address of a voicemail; empty for one in which nothing was said."""
    return "" if told.seconds("RecordingDuration") == 0 else told.recording


def _past(body: bytes) -> Past:
    try:
        found = msgspec.json.decode(body, type=Past)
        if found.began_at.tzinfo is None:
            raise Malformed("The past call does not say in which zone its time is.")
        return replace(found, began_at=found.began_at.astimezone(UTC))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        raise Malformed("The body is no past call.") from None


def _remembered(past: Past, envelope: Envelope, account: str) -> Iterator[InboundMessage]:
    made = _Maker(envelope, account, past.number, past.call, at=past.began_at)
    yield made.call()
    for address in past.recordings:
        yield made.voicemail(address)


class _Maker:
    """Makes the messages of one call."""

    def __init__(
        self,
        envelope: Envelope,
        account: str,
        number: str,
        call: str,
        *,
        at: datetime | None = None,
    ) -> None:
        """`at` is when it was; Twilio's own deliveries tell no time."""
        self._envelope = envelope
        self._account = account
        self._number = number
        self._call = call
        self._at = at or envelope.received_at

    def call(self) -> InboundMessage:
        return self._message(self._call)

    def voicemail(self, address: str) -> InboundMessage:
        voice = Attachment(kind=AttachmentKind.VOICE, ref=address, mime=MP3)
        external_id = address.rpartition("/")[2].removesuffix(".mp3")
        return self._message(external_id, voice)

    def _message(self, external_id: str, *attachments: Attachment) -> InboundMessage:
        return InboundMessage(
            channel=self._envelope.channel,
            account=self._account,
            external_id=external_id,
            conversation=conversation_of(self._number, self._call),
            sender=Sender(point=point_of(self._number, self._call)),
            sent_at=self._at,
            attachments=attachments,
            call=True,
        )
