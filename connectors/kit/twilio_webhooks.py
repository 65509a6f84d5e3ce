"""What Twilio posts to a webhook: proved by its signature, read into typed values.

Sources: https://www.twilio.com/docs/usage/security#validating-requests,
https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlencode, urlsplit

from msgspec import Struct

from connectors.base import Forged, Malformed
from connectors.kit.signatures import same
from connectors.kit.twilio_failures import reason_of
from registry.types import Attachment, AttachmentKind, DeliveryReport, DeliveryState, Envelope

SIGNATURE_HEADER = "X-Twilio-Signature"
_MOST_FIELDS = 400
"""Fields of a form: Twilio sends a few dozen."""


# --- Forms ---------------------------------------------------------------------------------------


def pairs(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form in order, blank ones too. Raises: ValueError when it is none."""
    if body.count(b"&") >= _MOST_FIELDS:
        raise ValueError("too many fields")
    found = []
    for field in body.decode("utf-8").replace("+", " ").split("&"):
        if field:
            name, _, value = field.partition("=")
            found.append(
                (
                    unquote(name) if "%" in name else name,
                    unquote(value) if "%" in value else value,
                )
            )
    return found


def read_form(body: bytes) -> dict[str, str]:
    """A delivery's fields; of a name that comes twice the first. Raises: Malformed."""
    try:
        found = pairs(body)
    except ValueError:
        raise Malformed("The body is not a form of Twilio's.") from None
    found.reverse()
    return dict(found)


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
        self._addresses = tuple(dict.fromkeys((given, without, with_port)))

    def verify(self, envelope: Envelope) -> None:
        """Raises: Forged."""
        shown = envelope.headers.get(SIGNATURE_HEADER)
        if not shown or not self._token:
            raise Forged("The delivery has no signature of Twilio's.")
        rest = f"/{envelope.action}" if envelope.action else ""
        if envelope.query:
            rest = f"{rest}?{envelope.query}"
        signed = rest.encode("utf-8", "surrogatepass") + self._signed_body(envelope)
        proved = False
        for address in self._addresses:
            digest = hmac.digest(self._token, address.encode() + signed, "sha1")
            proved |= same(shown, b64encode(digest).decode())
        if not proved:
            raise Forged("The signature of the delivery is not this account's.")

    @staticmethod
    def _signed_body(envelope: Envelope) -> bytes:
        """What of the body follows the address: sorted fields, or nothing where the query holds
        the body's hash, as for JSON."""
        if "bodySHA256=" in envelope.query and not _is_form(envelope.headers):
            told = next((v for n, v in _query(envelope.query) if n == "bodySHA256"), "")
            if not same(told, hashlib.sha256(envelope.body).hexdigest()):
                raise Forged("The body of the delivery is not the one that Twilio signed.")
            return b""
        try:
            fields = pairs(envelope.body)
        except ValueError:
            raise Forged("The body of the delivery is no form, and its hash is not told.") from None
        return "".join([name + value for name, value in sorted(set(fields))]).encode()


def _is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")


def _query(query: str) -> list[tuple[str, str]]:
    try:
        return pairs(query.encode("utf-8", "replace"))
    except ValueError:
        return []


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
    number = fields.get("NumMedia", "0").strip()
    if number in {"0", ""}:
        return ()
    # The addresses are believed rather than the number: a wrong one must lose nothing.
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


def read_report(envelope: Envelope) -> DeliveryReport | None:
    """What a status callback tells; None for a status that tells nothing. Raises: Malformed.

    The address that the callback came to, made by `status_address`, names our own message.
    """
    fields = read_form(envelope.body)
    status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").strip().lower()
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if not sid or not status:
        raise Malformed("The form is no status: it lacks MessageSid or MessageStatus.")
    state = _STATES.get(status)
    if state is None:
        return None
    ours = next((value for name, value in _query(envelope.query) if name == "message"), "")
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
    )


def status_address(hook: str, *, message_id: str, part: int) -> str:
    """Where Twilio reports of one part: carries our id back, also when the answer was lost."""
    return f"{hook}/status?{urlencode({'message': message_id, 'part': part})}"
