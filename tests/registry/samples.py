"""Inbound values for the registry's tests: a citizen of Almaty and what they write."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from registry.intake import Rules
from registry.types import ContactPoint, Echo, InboundMessage, Sender

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
RULES = Rules(
    join_window=timedelta(hours=72),
    number_prefix="ALM",
    zone=ZoneInfo("Asia/Almaty"),
    greetings={"ru": "Здравствуйте! Опишите, что случилось.", "kk": "Сәлеметсіз бе! Жазыңыз."},
)


def sender(value: str = "700", **changes: Any) -> Sender:
    """A citizen by their Telegram id."""
    fields: dict[str, Any] = {"name": "Айгүл", "language": "kk"}
    return Sender(point=ContactPoint("telegram", value), **(fields | changes))


def message(external_id: str = "1", **changes: Any) -> InboundMessage:
    """A message of that citizen in their private chat."""
    fields: dict[str, Any] = {
        "channel": "telegram",
        "account": "main",
        "external_id": external_id,
        "conversation": "700",
        "sender": sender(),
        "sent_at": START,
        "text": "Абай даңғылы 10, шам жанбайды",
    }
    return InboundMessage(**(fields | changes))


def echo(external_id: str = "e1", **changes: Any) -> Echo:
    """A reply that an employee wrote in the provider's own app."""
    fields: dict[str, Any] = {
        "channel": "telegram",
        "account": "main",
        "external_id": external_id,
        "conversation": "700",
        "recipient": sender(),
        "sent_at": START,
        "text": "Қабылданды, рахмет",
    }
    return Echo(**(fields | changes))
