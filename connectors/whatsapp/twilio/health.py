"""How a WhatsApp sender at Twilio is, and what a person must do about it.

Source: https://www.twilio.com/docs/whatsapp/api/senders
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from connectors.base import Diagnosis, Health, Misconfigured, Rejected
from connectors.kit.twilio import Client

_SENDERS = "Twilio Console, Messaging, Senders, WhatsApp senders"


class SenderState(Struct, frozen=True, kw_only=True):
    """A WhatsApp sender, as far as Twilio tells."""

    status: str
    webhook: str
    quality: str


async def sender_of(client: Client, address: str) -> SenderState | None:
    """One of the account's WhatsApp senders, None when it is not among them, or when Twilio does
    not list them (the shared test number). Raises: SendError."""
    try:
        found = await client.ask(
            lambda twilio: twilio.messaging.v2.channels_senders.list_async(
                channel="whatsapp", limit=100
            )
        )
    except (Rejected, Misconfigured) as error:
        if error.code in {"20404", "404"}:
            return None
        raise
    for one in found:
        if one.sender_id == address:
            return SenderState(
                status=str(one.status or ""),
                webhook=str(_told(one.webhook).get("callback_url") or ""),
                quality=str(_told(one.properties).get("quality_rating") or ""),
            )
    return None


def diagnose(
    sender: SenderState | None, *, address: str, hook: str, table: str, details: Mapping[str, str]
) -> Diagnosis:
    """`hook` is where Twilio must deliver to."""
    shown = {**details, "number": address.removeprefix("whatsapp:")}
    if sender is None:
        return Diagnosis(
            health=Health.DEGRADED,
            summary=f"Twilio lists no WhatsApp sender {address}.",
            cure=f"Compare {table}.from with {_SENDERS}; with the shared test number this warning "
            "stays.",
            details=shown,
        )
    shown |= {"status": sender.status}
    if sender.quality:
        shown["quality"] = sender.quality
    if not sender.status.upper().startswith("ONLINE"):
        return Diagnosis(
            health=Health.DOWN,
            summary=f"The WhatsApp sender is {sender.status or 'in no known state'}.",
            cure=f"See in the {_SENDERS} what is asked for.",
            details=shown,
        )
    if sender.webhook.rstrip("/") != hook:
        return Diagnosis(
            health=Health.DOWN,
            summary="Twilio delivers the sender's messages to another address than this hub's."
            if sender.webhook
            else "Twilio delivers the sender's messages nowhere.",
            cure=f"Give {hook} as the webhook for incoming messages, by HTTP POST: {_SENDERS}.",
            details=shown,
            can_send=True,
        )
    if sender.quality.upper() == "LOW":
        return Diagnosis(
            health=Health.DEGRADED,
            summary="The number's quality is low: Meta may slow it down or stop it.",
            cure="Send fewer templates, and only to people who expect them.",
            details=shown,
        )
    return Diagnosis(
        health=Health.OK, summary=f"{shown['number']} is a WhatsApp sender.", details=shown
    )


def _told(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
