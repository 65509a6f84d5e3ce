"""How a phone account is: the Twilio account, its funds, our number, and where it leads."""

from typing import NamedTuple

from connectors.base import Diagnosis, Health, SendError
from connectors.kit.health import unreachable
from connectors.kit.hooks import origin_of
from connectors.kit.twilio import Client, account_trouble, unusable_hook
from connectors.phone.addresses import Addresses
from connectors.phone.entrances import Entrance, entrance_of, is_unset


class Wrong(NamedTuple):
    """What is wrong, and what a person must do about it."""

    summary: str
    cure: str


async def diagnose(
    client: Client, *, number: str, to: Addresses, api_base: str, softphone: bool
) -> Diagnosis:
    """Ask Twilio. Never raises: what fails becomes the diagnosis.

    `softphone` tells whether the account can give passes to browsers.
    """
    try:
        trouble, details = await account_trouble(client)
        if trouble is not None and trouble.health is Health.DOWN:
            return trouble
        entrance = await entrance_of(client, number)
    except SendError as error:
        return unreachable(error)
    unusable = unusable_hook(to.hook, api_base)
    if unusable is not None:
        return unreachable(unusable)
    details |= {"number": number, "softphone": "yes" if softphone else "no api_key_sid"}
    closed = _closed(entrance, number, to)
    if closed is not None:
        return Diagnosis(
            health=Health.DOWN,
            summary=closed.summary,
            cure=closed.cure,
            details=details,
            can_send=True,  # what we begin ourselves is carried all the same
        )
    if trouble is not None:
        return trouble
    weak = _weak(entrance, number, to)
    if weak is not None:
        return Diagnosis(
            health=Health.DEGRADED, summary=weak.summary, cure=weak.cure, details=details
        )
    return Diagnosis(
        health=Health.OK, summary=f"{number} takes calls and makes them.", details=details
    )


def _closed(entrance: Entrance, number: str, to: Addresses) -> Wrong | None:
    """Why calls do not reach the hub; None when they do."""
    place = _place(number)
    if not entrance.voice:
        return Wrong(
            f"{number} carries no calls.",
            "Buy a number with the capability Voice (Twilio Console, Phone Numbers, Buy a number).",
        )
    if entrance.trunk:
        return Wrong(
            f"A SIP trunk ({entrance.trunk}) takes the calls to {number}.",
            f"{place} under Configure with choose Webhook, TwiML Bin, Function, Studio Flow, Proxy "
            f"Service, and under A call comes in enter {to.hook} with HTTP POST.",
        )
    if entrance.application:
        return Wrong(
            f"A TwiML application ({entrance.application}) takes the calls to {number}.",
            f"{place} under A call comes in choose Webhook instead of TwiML App, and enter "
            f"{to.hook} with HTTP POST.",
        )
    if entrance.is_unset:
        return Wrong(
            f"No webhook is set for calls to {number}: nobody answers them.",
            f"{place} under A call comes in enter {to.hook} with HTTP POST, or run `hub doctor`, "
            f"which does that.",
        )
    return _wrong(
        f"the calls to {number}",
        entrance.url,
        entrance.method,
        wanted=to.hook,
        place=f"{place} under A call comes in",
    )


def _weak(entrance: Entrance, number: str, to: Addresses) -> Wrong | None:
    """What works, and would leave callers alone one day; None when nothing does."""
    place = _place(number)
    if is_unset(entrance.status):
        return Wrong(
            f"Twilio does not tell when a call to {number} ends: the hub finds out minutes later.",
            f"{place} under Call status changes enter {to.status()} with HTTP POST, or run `hub "
            f"doctor`, which does that.",
        )
    told = _wrong(
        f"the ends of calls to {number}",
        entrance.status,
        entrance.status_method,
        wanted=to.status(),
        place=f"{place} under Call status changes",
    )
    if told is not None:
        return told
    if is_unset(entrance.fallback):
        return Wrong(
            f"Callers of {number} hear an error when the hub does not answer.",
            f"Make the voicemail for that case with `hub phone fallback` and put it where "
            f"connectors/phone/README.md tells. {place} under Primary handler fails enter its "
            f"address.",
        )
    if entrance.fallback.partition("?")[0].startswith(to.hook):
        return Wrong(
            f"The address for when the hub does not answer is the hub's own ({number}).",
            f"{place} under Primary handler fails enter an address that does not depend on the "
            f"hub, such as a TwiML Bin's.",
        )
    return None


def _wrong(what: str, url: str, method: str, *, wanted: str, place: str) -> Wrong | None:
    # After a # an administrator may tell Twilio how patient to be.
    # Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    if url.partition("#")[0] != wanted:
        where = origin_of(url)
        return Wrong(
            f"Twilio brings {what} to {where} and not to the hub.",
            f"{place} enter {wanted} with HTTP POST.",
        )
    if method.upper() != "POST":
        return Wrong(
            f"Twilio brings {what} by {method}, not by POST.",
            f"{place} choose HTTP POST beside {wanted}.",
        )
    return None


def _place(number: str) -> str:
    """Where in the Console the cure is to be found."""
    return (
        f"In the Twilio Console under Phone Numbers, Active numbers, {number}, Voice configuration,"
    )
