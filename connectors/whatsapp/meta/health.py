"""How a number at Meta is, and what a person must do about it.

Sources: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-phone-number/whatsapp-business-account-phone-number-api,
https://developers.facebook.com/documentation/business-messaging/whatsapp/reference/whatsapp-business-account/subscribed-apps-api
"""

from msgspec import Struct

from connectors.base import Diagnosis, Health, Misconfigured, SendError
from connectors.kit.health import unreachable

NUMBER_FIELDS = (
    "display_phone_number,verified_name,status,quality_rating,name_status,"
    "code_verification_status,platform_type"
)
_NUMBERS_PAGE = "business.facebook.com/wa/manage/phone-numbers"
_NOT_SEEN = frozenset({"100/33", "33", "100"})
"""What Meta says about an id that does not exist, or that the token may not see."""


class Number(Struct):
    """The phone number, as far as it tells."""

    display_phone_number: str = ""
    verified_name: str = ""
    status: str | None = None
    quality_rating: str | None = None
    name_status: str | None = None
    code_verification_status: str | None = None
    platform_type: str | None = None


class Subscribed(Struct):
    """One app that hears of the WhatsApp Business Account's messages."""

    override_callback_uri: str | None = None


class Subscriptions(Struct):
    data: list[Subscribed] = []


_STATUS = {
    "BANNED": (
        Health.DOWN,
        "Meta has banned the number.",
        "Ask for a review at business.facebook.com/accountquality.",
    ),
    "DISCONNECTED": (
        Health.DOWN,
        "The number is not connected to the Cloud API.",
        f"Register the number at {_NUMBERS_PAGE}.",
    ),
    "DELETED": (
        Health.DOWN,
        "The number has been deleted.",
        f"Add a number at {_NUMBERS_PAGE}, and put its phone_number_id into {{table}}.",
    ),
    "PENDING": (
        Health.DOWN,
        "The number is not registered yet.",
        f"Finish the registration at {_NUMBERS_PAGE}.",
    ),
    "UNVERIFIED": (
        Health.DOWN,
        "The number is not verified yet.",
        f"Verify the number by SMS or call at {_NUMBERS_PAGE}.",
    ),
    "RESTRICTED": (
        Health.DEGRADED,
        "Meta lets the number start no more conversations for now: its limit is used up.",
        "Wait 24 hours; replies within the window go out all the same.",
    ),
    "FLAGGED": (
        Health.DEGRADED,
        "Meta has flagged the number: many people block or report it.",
        f"See why at {_NUMBERS_PAGE}, and send fewer templates.",
    ),
    "RATE_LIMITED": (
        Health.DEGRADED,
        "Meta slows the number down.",
        f"See why at {_NUMBERS_PAGE}, and send less at once.",
    ),
}
"""What each status other than CONNECTED means."""


def diagnose(
    number: Number, subscriptions: Subscriptions | None, *, hook: str, table: str
) -> Diagnosis:
    """`subscriptions` is None where the account's waba_id is not told; `hook` is our webhook."""
    told = {
        "number": number.display_phone_number,
        "name": number.verified_name,
        "status": number.status,
        "quality": number.quality_rating,
        "name_status": number.name_status,
    }
    details = {name: value for name, value in told.items() if value}

    def found(health: Health, summary: str, cure: str, can_send: bool | None = None) -> Diagnosis:
        return Diagnosis(
            health=health, summary=summary, cure=cure, details=details, can_send=can_send
        )

    worse = _STATUS.get((number.status or "").upper())
    if worse is not None and worse[0] is Health.DOWN:
        return found(worse[0], worse[1], worse[2].format(table=table))
    if (number.platform_type or "CLOUD_API").upper() == "ON_PREMISE":
        return found(
            Health.DOWN,
            "The number is registered elsewhere than at the Cloud API.",
            f"Register the number at {_NUMBERS_PAGE}.",
        )
    unheard = None if subscriptions is None else _unheard(subscriptions, hook)
    if unheard is not None:
        return found(Health.DOWN, *unheard, can_send=True)
    if worse is not None:
        return found(worse[0], worse[1], worse[2].format(table=table))
    if (number.quality_rating or "").upper() == "RED":
        return found(
            Health.DEGRADED,
            "The number's quality is low: Meta may slow it down or stop it.",
            f"See at {_NUMBERS_PAGE} what people report, and send fewer templates.",
        )
    if (number.name_status or "").upper() in {"DECLINED", "EXPIRED"}:
        return found(
            Health.DEGRADED,
            "The number's display name is not approved.",
            f"Choose another display name at {_NUMBERS_PAGE}.",
        )
    shown = f"{number.display_phone_number} {number.verified_name}".strip() or "The number"
    return Diagnosis(
        health=Health.OK, summary=f"{shown} is connected to the Cloud API.", details=details
    )


def _unheard(subscriptions: Subscriptions, hook: str) -> tuple[str, str] | None:
    if not subscriptions.data:
        cure = (
            f"In the app at developers.facebook.com, WhatsApp, Configuration: give {hook} as the "
            "Callback URL with the account's verify_token, and subscribe to messages."
        )
        return "No app is subscribed to the WhatsApp Business Account: nothing is delivered.", cure
    overrides = [one.override_callback_uri for one in subscriptions.data]
    if all(overrides) and hook not in overrides:
        return (
            "Meta delivers to another address than this hub's.",
            f"Set the WhatsApp Business Account's callback override to {hook}, or remove it.",
        )
    return None


def troubled(error: SendError, *, table: str, key: str) -> Diagnosis:
    """What it means that `key` of the settings could not even be asked about."""
    if error.code in _NOT_SEEN and not isinstance(error, Misconfigured):
        return Diagnosis(
            health=Health.DOWN,
            summary=f"Meta knows no {key} as in the settings, or the token may not see it.",
            cure=f"Compare {table}.{key} with WhatsApp, API Setup in the app at "
            "developers.facebook.com, and give the system user of the token that account.",
        )
    return unreachable(error, cure=f"Check that this machine reaches {table}.api_base.")
