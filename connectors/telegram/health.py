"""How a Telegram account is: what getMe and getWebhookInfo say, and what a person must do.

Source: https://core.telegram.org/bots/api#webhookinfo
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from msgspec import Struct

from connectors.base import Diagnosis, Health, Misconfigured
from connectors.kit.hooks import is_public, origin_of

TELEGRAM = "https://api.telegram.org"
"""The provider's own address; anything else is a server of our own, or a sandbox."""
_PORTS = frozenset({80, 88, 443, 8443})
"""Where Telegram delivers to."""
_RECENT = timedelta(minutes=10)
_MANY = 100
"""Deliveries that wait at Telegram, from which on they do not just happen to be under way."""


class Me(Struct):
    """The bot's own user."""

    id: int
    username: str = ""


class WebhookInfo(Struct):
    """Where Telegram delivers to, and how that goes."""

    url: str = ""
    pending_update_count: int = 0
    last_error_date: int | None = None
    last_error_message: str | None = None
    allowed_updates: Sequence[str] | None = None


def unusable_hook(hook: str, api_base: str) -> Misconfigured | None:
    """Why Telegram would not deliver to this address; a server of our own takes any."""
    if api_base != TELEGRAM:
        return None
    parts = urlsplit(hook)
    if is_public(hook) and (parts.port or 443) in _PORTS:
        return None
    return Misconfigured(
        f"Telegram delivers only to a public https address on port 443, 80, 88 or 8443, "
        f"and public_url is {parts.scheme}://{parts.netloc}.",
        cure='Put the hub\'s public https address in public_url, or set mode = "polling" '
        "for this account.",
    )


def diagnose(
    me: Me, info: WebhookInfo, *, hook: str | None, wanted: Sequence[str], now: datetime
) -> Diagnosis:
    """`hook` is our webhook's address, None for polling; `wanted` the kinds of update we read."""
    details = {"bot": f"@{me.username}", "pending": str(info.pending_update_count)}
    if info.last_error_message:
        details["last_error"] = info.last_error_message
    if hook is None:
        return _polled(info, details)
    again = "Run `hub doctor`, which sets the webhook, or restart the hub."
    if not info.url:
        return Diagnosis(
            health=Health.DOWN,
            summary="No webhook is set: Telegram delivers nothing.",
            cure=again,
            details=details,
        )
    if info.url != hook:
        return Diagnosis(
            health=Health.DOWN,
            summary=f"Telegram delivers to {origin_of(info.url)} and not to {hook}.",
            cure=f"{again} If another program uses this bot, take a bot of its own for the hub.",
            details=details,
        )
    failing = _failing(info, now)
    if failing is not None:
        return Diagnosis(
            health=Health.DEGRADED,
            summary=failing,
            cure=_cure(info.last_error_message or "", again, hook),
            details=details,
        )
    missing = sorted(set(wanted) - set(info.allowed_updates or ()))
    if missing:
        return Diagnosis(
            health=Health.DEGRADED,
            summary=f"Telegram was not asked to deliver {', '.join(missing)}.",
            cure=again,
            details=details,
        )
    return Diagnosis(
        health=Health.OK, summary=f"@{me.username} receives by webhook.", details=details
    )


def _polled(info: WebhookInfo, details: dict[str, str]) -> Diagnosis:
    if info.url:
        return Diagnosis(
            health=Health.DOWN,
            summary=f"A webhook to {origin_of(info.url)} is set, so Telegram lets nobody poll.",
            cure="Run `hub doctor`, which removes the webhook, or restart the hub.",
            details=details,
        )
    return Diagnosis(health=Health.OK, summary=f"{details['bot']} is polled.", details=details)


def _failing(info: WebhookInfo, now: datetime) -> str | None:
    """What is wrong with the deliveries, or None when an old failure has been got over."""
    waiting = info.pending_update_count
    if info.last_error_date is not None and info.last_error_message:
        at = datetime.fromtimestamp(info.last_error_date, UTC)
        if waiting or now - at < _RECENT:
            return (
                f"Telegram's last delivery failed at {at:%Y-%m-%d %H:%M:%S} UTC "
                f"({info.last_error_message}); {waiting} wait."
            )
    if waiting >= _MANY:
        return f"{waiting} deliveries wait at Telegram."
    return None


def _cure(message: str, again: str, hook: str) -> str:
    lowered = message.lower()
    if "401" in lowered or "403" in lowered:
        return f"The secret differs from the one that was set. {again}"
    if "404" in lowered:
        return f"The address {hook} is not the hub's: correct public_url or the proxy's rules."
    if "ssl" in lowered or "certificate" in lowered:
        return f"Give {origin_of(hook)} a valid certificate with its whole chain."
    if any(word in lowered for word in ("refused", "timed out", "timeout", "resolve", "closed")):
        return f"Make {origin_of(hook)} reachable from the internet, or correct public_url."
    return "Look in the hub's log for what it answered then; Telegram repeats its deliveries."
