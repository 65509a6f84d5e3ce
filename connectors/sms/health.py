"""How an SMS account is: the Twilio account, its funds, our sender, and where it delivers to."""

from connectors.base import Diagnosis, Health, SendError
from connectors.kit.health import unreachable
from connectors.kit.hooks import origin_of
from connectors.kit.twilio import Client, account_trouble, unusable_hook
from connectors.sms.entrances import Entrance, entrances
from connectors.sms.numbers import SenderKind, kind_of


async def diagnose(client: Client, *, sender: str, hook: str, api_base: str) -> Diagnosis:
    """Ask Twilio. Never raises: what fails becomes the diagnosis."""
    try:
        trouble, details = await account_trouble(client)
        if trouble is not None and trouble.health is Health.DOWN:
            return trouble
        ways = await entrances(client, sender)
    except SendError as error:
        return unreachable(error)
    unusable = unusable_hook(hook, api_base)
    if unusable is not None:
        return unreachable(unusable)
    details["from"] = sender
    closed = [told for told in (_closed(way, hook) for way in ways) if told is not None]
    if closed:
        summary, cure = closed[0]
        return Diagnosis(
            health=Health.DOWN, summary=summary, cure=cure, details=details, can_send=True
        )
    if trouble is not None:
        return trouble
    if kind_of(sender) is SenderKind.ALPHANUMERIC:
        return Diagnosis(
            health=Health.DEGRADED,
            summary=f"{sender} is a name: citizens cannot answer it, so only replies go out.",
            cure="For messages both ways put a number or a messaging service into from.",
            details=details,
        )
    return Diagnosis(health=Health.OK, summary=f"{sender} sends and receives.", details=details)


def _closed(way: Entrance, hook: str) -> tuple[str, str] | None:
    """Why what citizens write does not reach the hub, and the cure; None when it does."""
    if way.application:
        return (
            f"A TwiML application ({way.application}) takes the messages to {way.name}.",
            f"{_place(way)} choose Webhook instead of TwiML App, and enter {hook} with HTTP POST.",
        )
    if way.unset:
        return (
            f"No webhook is set for {way.name}: what citizens write does not arrive.",
            f"{_place(way)} enter {hook} with HTTP POST, or run `hub doctor`, which does that.",
        )
    # After a # an administrator may tell Twilio how patient to be.
    # Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    if way.url.partition("#")[0] != hook:
        where = origin_of(way.url)
        return (
            f"Twilio delivers the messages to {way.name} to {where} and not to the hub.",
            f"{_place(way)} enter {hook} with HTTP POST.",
        )
    if way.method.upper() != "POST":
        return (
            f"The messages to {way.name} are delivered by {way.method}, not by POST.",
            f"{_place(way)} choose HTTP POST beside {hook}.",
        )
    return None


def _place(way: Entrance) -> str:
    """Where in the Console the cure is to be found."""
    match way.kind:
        case SenderKind.SERVICE:
            return (
                f"In the Twilio Console under Messaging, Services, {way.name}, Integration, "
                f"choose Send a webhook and under Request URL:"
            )
        case SenderKind.SHORT_CODE:
            return (
                f"In the Twilio Console under Phone Numbers, Short codes, {way.name}, "
                f"A message comes in:"
            )
        case _:
            return (
                f"In the Twilio Console under Phone Numbers, Active numbers, {way.name}, "
                f"Messaging configuration, A message comes in:"
            )
