"""What Twilio posts to a webhook: proved by its signature, read into typed values.

Sources: https://www.twilio.com/docs/usage/security#validating-requests,
https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

import hmac
from base64 import b64encode
from codecs import escape_decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from msgspec import Struct

from connectors.base import Forged, Malformed
from connectors.kit.signatures import same
from connectors.kit.twilio_failures import reason_of
from registry.types import Attachment, AttachmentKind, DeliveryReport, DeliveryState, Envelope

SIGNATURE_HEADER = "X-Twilio-Signature"
_MOST_FIELDS = 400
"""Fields of a form: Twilio sends a few dozen."""


# --- Forms ---------------------------------------------------------------------------------------


def read_form(body: bytes) -> dict[str, str]:
    """A delivery's fields, blank ones too; of a name that comes twice the first.

    Raises: Malformed.
    """
    try:
        found = _fields(body)
    except ValueError:
        raise Malformed("The body is not a form of Twilio's.") from None
    found.reverse()
    try:
        return {name.decode(): value.decode() for name, _, value in found}
    except UnicodeDecodeError:
        return {
            name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
            for name, _, value in found
        }


def _fields(body: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """The fields of a form in order: name, something between, value.

    The whole body is decoded at once, percent signs as escapes of Python's, which takes a tenth
    of the time of a field after the other. Two bytes that no UTF-8 holds stand for the separators
    meanwhile.

    Raises: ValueError when it is no form, or not of UTF-8.
    """
    ands, equals = body.count(b"&"), body.count(b"=")
    if ands >= _MOST_FIELDS:
        raise ValueError("too many fields")
    if not body.isascii():
        body.decode("utf-8")
    marked = body.replace(b"\\", b"\\\\").replace(b"&", b"\xff").replace(b"=", b"\xfe")
    decoded: Any = escape_decode(marked.replace(b"+", b" ").replace(b"%", b"\\x"))
    plain = bytes(decoded[0])
    if plain.count(b"\xff") != ands or plain.count(b"\xfe") != equals:
        raise ValueError("not of UTF-8")
    found = [field.partition(b"\xfe") for field in plain.split(b"\xff") if field]
    if equals != len(found) or not all(between for _, between, _ in found):
        # A field without a value, or an equals sign within one: neither is Twilio's way.
        found = [(name, b"", value.replace(b"\xfe", b"=")) for name, _, value in found]
    return found


# --- Signatures ----------------------------------------------------------------------------------


class Signatures:
    """Proves the deliveries to one webhook and its actions, by the address that Twilio was given.

    That is the hub's public address: what a request says of itself behind a proxy is not asked.
    """

    def __init__(self, auth_token: str, hook: str) -> None:
        """`hook` is the webhook's public address, without an action."""
        self._token = auth_token.encode()
        # Twilio signs an address with its port or without; both are accepted, as its own
        # libraries do. Source: https://www.twilio.com/docs/usage/security#validating-requests
        parts = urlsplit(hook)
        host = parts.netloc if parts.port is None else parts.netloc.rpartition(":")[0]
        port = parts.port or (443 if parts.scheme == "https" else 80)
        given = f"{parts.scheme}://{parts.netloc}{parts.path}"
        with_port = f"{parts.scheme}://{host}:{port}{parts.path}"
        without = f"{parts.scheme}://{host}{parts.path}"
        self._addresses = tuple(
            address.encode() for address in dict.fromkeys((given, without, with_port))
        )

    def verify(self, envelope: Envelope) -> None:
        """Raises: Forged."""
        shown = envelope.headers.get(SIGNATURE_HEADER)
        if not shown or not self._token:
            raise Forged("The delivery has no signature of Twilio's.")
        rest = f"/{envelope.action}" if envelope.action else ""
        if envelope.query:
            rest = f"{rest}?{envelope.query}"
        signed = rest.encode("utf-8", "surrogatepass") + _signed_body(envelope)
        for address in self._addresses:
            digest = hmac.digest(self._token, address + signed, "sha1")
            if same(shown, b64encode(digest).decode()):
                return
        raise Forged("The signature of the delivery is not this account's.")


def _signed_body(envelope: Envelope) -> bytes:
    """What of the body follows the address: sorted fields, or nothing where the query holds the
    body's hash, as for JSON."""
    if "bodySHA256=" in envelope.query and not _is_form(envelope.headers):
        if not same(_asked(envelope.query, "bodySHA256"), sha256(envelope.body).hexdigest()):
            raise Forged("The body of the delivery is not the one that Twilio signed.")
        return b""
    try:
        fields = _fields(envelope.body)
    except ValueError:
        raise Forged("The body of the delivery is no form, and its hash is not told.") from None
    return b"".join([name + value for name, _, value in sorted(set(fields))])


def _is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")


def _asked(query: str, name: str) -> str:
    """One parameter of a query; empty when it is not there."""
    for field in query.split("&", 9)[:9]:
        if field.startswith(f"{name}="):
            return unquote_plus(field[len(name) + 1 :])
    return ""


# --- What comes in -------------------------------------------------------------------------------


class Received(Struct, frozen=True, kw_only=True):
    """A citizen's message as Twilio tells it."""

    sid: str
    """Twilio's id: the same when it delivers the message again."""
    sender: str
    to: str
    body: str
    media: tuple[Attachment, ...]
    opt_out: str
    """What Advanced Opt-Out took the message for: "STOP", "START", "HELP", or nothing."""
    service: str
    """Sid of the messaging service that it came through, if any."""
    fields: Mapping[str, str]
    """The whole form, for what only some channels have."""


def read_message(body: bytes) -> Received:
    """Raises: Malformed, for what is no incoming message at all."""
    fields = read_form(body)
    get = fields.get
    sid = get("MessageSid") or get("SmsSid") or get("SmsMessageSid") or ""
    sender = get("From", "").strip()
    if not sid or not sender:
        raise Malformed("The form is no message: it lacks MessageSid or From.")
    return Received(
        sid=sid,
        sender=sender,
        to=get("To", "").strip(),
        body=get("Body", ""),
        media=_media(fields),
        opt_out=get("OptOutType", "").strip().upper(),
        service=get("MessagingServiceSid", ""),
        fields=fields,
    )


_KINDS = {
    "image": AttachmentKind.PHOTO,
    "video": AttachmentKind.VIDEO,
    "audio": AttachmentKind.AUDIO,
}
_CARDS = frozenset({"text/vcard", "text/x-vcard", "text/directory"})


def _media(fields: Mapping[str, str]) -> tuple[Attachment, ...]:
    # The addresses are believed rather than NumMedia: a wrong number must lose nothing.
    if "MediaUrl0" not in fields:
        return ()
    found = []
    for n in range(_MOST_FIELDS):
        ref = fields.get(f"MediaUrl{n}")
        if ref is None:
            break
        mime = fields.get(f"MediaContentType{n}", "").partition(";")[0].strip().lower()
        kind = _KINDS.get(mime.partition("/")[0], AttachmentKind.DOCUMENT)
        if mime in _CARDS:
            kind = AttachmentKind.CONTACT
        found.append(Attachment(kind=kind, ref=ref or None, mime=mime or None))
    return tuple(found)


_STATES = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "undelivered": DeliveryState.FAILED,
    "failed": DeliveryState.FAILED,
    "canceled": DeliveryState.FAILED,
}
"""The statuses that tell something; the others come before `sent`.

Source: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
"""
_LONGEST_PART = 5
"""Digits that the number of a part never has."""
_INCOMING = frozenset({"receiving", "received"})


def read_report(envelope: Envelope) -> DeliveryReport | None:
    """What a status callback tells; None for a status that tells nothing. Raises: Malformed.

    The address that the callback came to, made by `status_address`, names our own message.
    """
    fields = read_form(envelope.body)
    status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").strip().lower()
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if not sid or not status:
        raise Malformed("The form is no status: it lacks MessageSid or MessageStatus.")
    if status in _INCOMING:
        raise Malformed("A citizen's message came to the address for reports of our own.")
    state = _STATES.get(status)
    if state is None:
        return None
    ours, part = _asked(envelope.query, "message"), _asked(envelope.query, "part")
    code, reason = None, None
    if state is DeliveryState.FAILED:
        code = fields.get("ErrorCode", "").strip() or None
        reason = reason_of(code) if status != "canceled" else "The message was cancelled at Twilio."
    return DeliveryReport(
        channel=envelope.channel,
        account=envelope.account,
        state=state,
        at=envelope.received_at,
        external_id=sid,
        message_id=ours or None,
        error_code=code,
        error_reason=reason,
        names=bool(ours),
        part=int(part) if part.isascii() and part.isdecimal() and len(part) < _LONGEST_PART else 0,
    )


def status_address(hook: str, *, message_id: str, part: int) -> str:
    """Where Twilio reports of one part: carries our id back, also when the answer was lost."""
    return f"{hook}/status?{urlencode({'message': message_id, 'part': part})}"
