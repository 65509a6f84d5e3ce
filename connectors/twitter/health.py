"""How an account on X is, and what a person must do.

Sources: https://docs.x.com/x-api/webhooks/introduction, https://docs.x.com/x-api/getting-started/pricing
"""

from collections.abc import Mapping
from dataclasses import replace

from msgspec import Struct

from connectors.base import Diagnosis, Health
from connectors.twitter.spending import WARN_AT, dollars
from connectors.twitter.webhook import Standing


class Window(Struct, frozen=True, kw_only=True):
    """How much of a window of calls is left, as X last said."""

    left: int
    limit: int


_AGAIN = "Run `hub doctor`, which registers the webhook, or restart the hub."


def another(found: str, handle: str, wanted: str, details: Mapping[str, str]) -> Diagnosis:
    """The tokens are those of another account."""
    return Diagnosis(
        health=Health.DOWN,
        summary=f"The access_token is the one of @{handle} ({found}), and user_id is {wanted}.",
        cure=f"Put {found} into user_id, or generate access_token and access_token_secret while "
        "signed in as the right account.",
        details=details,
    )


def polled(handle: str, seconds: float, details: Mapping[str, str]) -> Diagnosis:
    return Diagnosis(
        health=Health.OK,
        summary=f"@{handle} is polled every {seconds:g} seconds.",
        details=details,
    )


def delivered(handle: str, standing: Standing, hook: str, details: Mapping[str, str]) -> Diagnosis:
    """What is wrong with the webhook stops no reply."""
    if standing.hook is None:
        elsewhere = ", ".join(sorted(set(standing.others)))
        to = f" X delivers to {elsewhere}." if elsewhere else ""
        return Diagnosis(
            health=Health.DOWN,
            summary=f"No webhook for {hook} is registered: X delivers nothing there.{to}",
            cure=_AGAIN,
            details=details,
            can_send=True,
        )
    if not standing.hook.valid:
        return Diagnosis(
            health=Health.DOWN,
            summary="X has switched the webhook off, because its challenge went unanswered.",
            cure=f"Make {hook} reachable from the internet with a valid certificate. {_AGAIN}",
            details=details,
            can_send=True,
        )
    if standing.missing:
        return Diagnosis(
            health=Health.DOWN,
            summary=f"X was not asked to deliver {', '.join(standing.missing)}.",
            cure=_AGAIN,
            details=details,
            can_send=True,
        )
    return Diagnosis(health=Health.OK, summary=f"@{handle} receives by webhook.", details=details)


def within_means(
    found: Diagnosis,
    *,
    spent: int,
    cap: int | None,
    page: int,
    cheapest: int,
    until: str,
    account: str,
) -> Diagnosis:
    """The same, unless the money is a worse trouble.

    `page` is what it costs at least to read, 0 where X delivers; `cheapest` the least that a send
    costs. All are in millionths of a dollar.
    """
    if cap is None or found.health is Health.DOWN:
        return found
    cure = (
        f"Raise channels.twitter.{account}.monthly_cap and restart the hub, or set a longer "
        f"poll_seconds; a new month begins on {until} (UTC)."
    )
    if spent >= cap:
        return replace(
            found,
            health=Health.DOWN,
            summary=f"The monthly_cap of {dollars(cap)} is spent: nothing is read or sent.",
            cure=cure,
            can_send=False,
        )
    if cap - spent < max(page, cheapest):
        means = "reading" if cap - spent >= cheapest else "a reply"
        return replace(
            found,
            health=Health.DOWN,
            summary=f"{dollars(spent)} of the monthly_cap of {dollars(cap)} are spent: what is "
            f"left does not pay for {means}.",
            cure=cure,
            can_send=cap - spent >= cheapest,
        )
    if spent >= cap * WARN_AT:
        return replace(
            found,
            health=Health.DEGRADED,
            summary=f"{dollars(spent)} of the monthly_cap of {dollars(cap)} are spent.",
            cure=cure,
        )
    return found


def spend_details(*, spent: int, cap: int | None, month: str) -> dict[str, str]:
    of = "" if cap is None else f" of {dollars(cap)}"
    return {"spent": f"{dollars(spent)}{of} in {month}"}


def window_details(windows: Mapping[str, Window]) -> dict[str, str]:
    """What is left of X's windows of calls, as far as this process saw."""
    return {
        f"left: {name}": f"{window.left} of {window.limit}"
        for name, window in sorted(windows.items())
    }
