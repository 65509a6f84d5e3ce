"""What a delivery of Twilio's means: messages, keywords, reports. Pure and without I/O.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from collections.abc import Sequence

from connectors.kit.twilio_webhooks import Received, read_message, read_report
from connectors.sms.numbers import address_of, point_of
from registry.types import ContactEvent, Envelope, Inbound, InboundMessage, Sender

STATUS = "status"
"""The webhook's action for reports of our own messages."""

_OPT_OUT_TYPES = {"STOP": "blocked", "START": "unblocked", "HELP": "help"}
"""What Advanced Opt-Out of a messaging service says, in whatever language the keyword was.

Source: https://help.twilio.com/articles/360034798533
"""
_KEYWORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"), "blocked"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "unblocked"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}
"""The words that Twilio itself acts on when they are all of a message.

Source: https://help.twilio.com/articles/223134027
"""
_SAID = frozenset({"YES", "HELP", "INFO"})
"""Of them what people write as well to be heard: those are messages too."""
_LONGEST_KEYWORD = 16
_NOTHING = "[A text message without a text or a file.]"


def inbound(envelope: Envelope, *, account: str, ours: str | None) -> Sequence[Inbound]:
    """`ours` is the number that messages must have come to; None for any of the Twilio account's,
    as a messaging service has several. Raises: Malformed."""
    if envelope.action == STATUS or b"MessageStatus=" in envelope.body:
        report = read_report(envelope)
        return () if report is None else (report,)
    if envelope.action:
        return ()
    message = read_message(envelope.body)
    if ours is not None and address_of(message.to) != ours:
        return ()
    kind = _keyword(message)
    if kind is None:
        return (_message(message, envelope, account),)
    event = _event(message, kind, envelope, account)
    if kind == "help" or message.body.strip().upper() in _SAID:
        return (event, _message(message, envelope, account))
    return (event,)


def _keyword(message: Received) -> str | None:
    if message.opt_out:
        return _OPT_OUT_TYPES.get(message.opt_out)
    if message.media or len(message.body) > _LONGEST_KEYWORD:
        return None
    return _KEYWORDS.get(message.body.strip().upper())


def _event(message: Received, kind: str, envelope: Envelope, account: str) -> ContactEvent:
    """What Twilio did by itself goes to the journal: it opted them out, or in, or sent its help."""
    address = address_of(message.sender)
    return ContactEvent(
        channel=envelope.channel,
        account=account,
        conversation=address,
        kind=kind,
        external_id=message.sid,
        sender=Sender(point=point_of(address)),
        at=envelope.received_at,
        payload=message.body,
    )


def _message(message: Received, envelope: Envelope, account: str) -> InboundMessage:
    address = address_of(message.sender)
    empty = not message.media and not message.body.strip()
    return InboundMessage(
        channel=envelope.channel,
        account=account,
        external_id=message.sid,
        conversation=address,
        sender=Sender(point=point_of(address)),
        sent_at=envelope.received_at,  # Twilio tells no time
        text=_NOTHING if empty else message.body,
        attachments=message.media,
        unreadable=empty,
    )
