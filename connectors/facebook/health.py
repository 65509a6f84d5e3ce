"""How a page's account is: whose token it is, what it may do, and what Meta delivers.

Sources: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps,
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from connectors.base import Diagnosis, Health, SendError
from connectors.facebook.failures import PERMISSIONS
from connectors.kit.hooks import origin_of

REQUIRED = (
    "messages",
    "messaging_postbacks",
    "message_echoes",
    "message_deliveries",
    "message_reads",
    "message_reactions",
    "feed",
)
"""Fields without which something a citizen does is never seen."""
FIELDS = (
    *REQUIRED,
    "message_edits",
    "messaging_optins",
    "messaging_referrals",
    "messaging_handovers",
)
"""What the page is subscribed to."""


class Me(Struct):
    """Whoever the token speaks for."""

    id: str
    name: str = ""


class App(Struct):
    """An app that is installed on the page."""

    id: str = ""
    name: str = ""
    subscribed_fields: Sequence[str] = ()


class Apps(Struct):
    data: Sequence[App] = ()


class Field(Struct):
    name: str = ""


class Subscription(Struct):
    """Where Meta delivers the changes of one kind of object to."""

    object: str = ""
    callback_url: str = ""
    active: bool = False
    fields: Sequence[Field] = ()


class Subscriptions(Struct):
    data: Sequence[Subscription] = ()


class Listed(Struct):
    """A list that was only asked for to see whether it may be."""

    data: Sequence[object] = ()


class Need(NamedTuple):
    """What is asked for only to see whether the token may."""

    path: str
    query: Mapping[str, str]
    missing: str
    """What it means for people that the token may not."""
    to_send: bool = False
    """Nothing can be sent without it."""


NEEDS = (
    Need(
        "conversations",
        {"platform": "messenger", "fields": "id", "limit": "1"},
        "The token may not read and write messages: pages_messaging is missing.",
        to_send=True,
    ),
    Need(
        "feed",
        {"fields": "id", "limit": "1"},
        "The token may not read the page's posts and their comments: pages_read_engagement or "
        "pages_read_user_content is missing.",
    ),
    Need(
        "subscribed_apps",
        {},
        "The token may not subscribe the page: pages_manage_metadata is missing.",
    ),
)


class Success(Struct):
    success: bool = False


def dashboard(hook: str, account: str) -> str:
    """What a person enters in the App Dashboard."""
    return (
        f"At developers.facebook.com open the app, Webhooks, Page: enter Callback URL {hook} and "
        f"as Verify token the verify_token of channels.facebook.{account}, press Verify and save, "
        f"and subscribe to {', '.join(REQUIRED)}."
    )


def wrong_page(me: Me, page_id: str, account: str) -> Diagnosis | None:
    """What it means when the token is not the page's own."""
    if me.id == page_id:
        return None
    return Diagnosis(
        health=Health.DOWN,
        summary=f"The token is that of {me.name or 'another page or person'} ({me.id}), "
        f"and not of the page {page_id}.",
        cure=f"Put the page's own token into channels.facebook.{account}.access_token: GET "
        "/me/accounts with the token of the system user shows it; or correct page_id.",
        details={"token": me.id},
    )


def subscribed(
    me: Me, apps: Apps, subscriptions: Subscriptions | None, *, app_id: str | None, hook: str,
    account: str,
) -> Diagnosis:  # fmt: skip
    """The account whose token works: whether Meta delivers what it should."""
    details: dict[str, str] = {"page": me.name or me.id}
    fields = {
        name
        for app in apps.data
        if app_id is None or app.id == app_id
        for name in app.subscribed_fields
    }
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        return _deaf(
            f"The page does not deliver {', '.join(missing)} to the app.",
            "Run `hub doctor`, which subscribes the page, or restart the hub.",
            details,
        )
    if subscriptions is not None:
        found = next((one for one in subscriptions.data if one.object == "page"), None)
        if found is None or not found.active or found.callback_url != hook:
            where = "nowhere" if found is None else origin_of(found.callback_url)
            return _deaf(
                f"The app's webhook for pages is {where}, and not {hook}.",
                "Run `hub doctor`, which sets it, or restart the hub.",
                {**details, "webhook": where},
            )
        told = {field.name for field in found.fields}
        missing = [name for name in REQUIRED if name not in told]
        if missing:
            return _deaf(
                f"The app's webhook is not subscribed to {', '.join(missing)}.",
                dashboard(hook, account),
                details,
            )
    return Diagnosis(health=Health.OK, summary=f"{me.name or me.id} is connected.", details=details)


def not_allowed(need: Need, error: SendError) -> Diagnosis:
    """The account whose token lacks a permission."""
    return Diagnosis(
        health=Health.DOWN,
        summary=f"{need.missing} {error.reason}",
        cure=f"Make a new token with {PERMISSIONS}; and see that the app has been granted them "
        "in App Review, and that the token's owner has the page's tasks Messages, Community "
        "activity and Content.",
        details={"code": error.code or ""},
        can_send=not need.to_send,
    )


def _deaf(summary: str, cure: str, details: Mapping[str, str]) -> Diagnosis:
    """Nothing comes in, and replies go out all the same."""
    return Diagnosis(health=Health.DOWN, summary=summary, cure=cure, details=details, can_send=True)
