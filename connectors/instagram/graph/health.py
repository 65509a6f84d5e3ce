"""How an account is: whom the token belongs to, how long it lives, and what Meta delivers.

Sources: https://developers.facebook.com/docs/instagram-platform/webhooks,
https://developers.facebook.com/docs/graph-api/webhooks/getting-started/webhooks-for-instagram
"""

from datetime import datetime, timedelta

from msgspec import Struct

from connectors.base import Diagnosis, Health, Rejected, SendError
from connectors.instagram.graph.tokens import Held
from connectors.instagram.settings import Login
from connectors.kit.graph import Graph, Product
from connectors.kit.health import unreachable

NEEDED = (
    "messages",
    "comments",
    "live_comments",
    "mentions",
    "message_reactions",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_seen",
)
"""What Meta is asked to deliver."""
WISHED = ("message_edit",)
"""What it is asked for besides, as not every version of the API has it."""
WARN_WITHIN = timedelta(days=7)
"""A token that ends sooner turns the account yellow."""


class Me(Struct):
    """The account that a token belongs to."""

    id: str = ""
    user_id: str = ""
    """With an Instagram login: the id that webhooks name."""
    username: str = ""


class Subscribed(Struct):
    """An app that the account's events are delivered to."""

    subscribed_fields: list[str] = []


class Apps(Struct):
    data: list[Subscribed] = []


class Done(Struct):
    success: bool = True


async def subscribe(graph: Graph, *, login: Login, ours: str) -> None:
    """Have the account's events delivered. Raises: SendError.

    With a Facebook login any field of the page's opens the way, and what is set already is left
    alone: the page may have been subscribed for Messenger. The fields of Instagram's own are
    chosen in the App Dashboard.
    """
    if login == "facebook":
        apps = await graph.get("me/subscribed_apps", into=Apps)
        if not apps.data:
            data = {"subscribed_fields": "feed"}
            await graph.post("me/subscribed_apps", data, into=Done, sends=False)
        return
    path = f"{ours}/subscribed_apps"
    try:
        data = {"subscribed_fields": ",".join(NEEDED + WISHED)}
        await graph.post(path, data, into=Done, sends=False)
    except Rejected:
        data = {"subscribed_fields": ",".join(NEEDED)}
        await graph.post(path, data, into=Done, sends=False)


async def diagnose(
    graph: Graph, held: Held, *, login: Login, ours: str, product: Product, now: datetime
) -> Diagnosis:
    """Ask Meta about the account; never raises."""
    try:
        if login == "facebook":
            me = await graph.get(ours, {"fields": "id,username"}, into=Me)
            me.user_id = me.id
        else:
            me = await graph.get("me", {"fields": "user_id,username"}, into=Me)
        details = {"account": f"@{me.username}", "token": _lifetime(held, login, now)}
        if me.user_id != ours:
            return _another(me, ours, product, details)
        fields = await _fields(graph, login, ours)
    except SendError as error:
        return _failed(error, product)
    return _worst(fields, held, login=login, product=product, now=now, details=details)


async def _fields(graph: Graph, login: Login, ours: str) -> frozenset[str] | None:
    """What is delivered; None when Meta does not tell."""
    node = "me" if login == "facebook" else ours
    try:
        apps = await graph.get(f"{node}/subscribed_apps", into=Apps)
    except Rejected:
        return None
    return frozenset(field for app in apps.data for field in app.subscribed_fields)


def _worst(
    fields: frozenset[str] | None,
    held: Held,
    *,
    login: Login,
    product: Product,
    now: datetime,
    details: dict[str, str],
) -> Diagnosis:
    details["delivered"] = "unknown" if fields is None else ", ".join(sorted(fields)) or "nothing"
    again = "Run `hub doctor`, which subscribes the account, or restart the hub."
    wanted = set() if fields is None or login == "facebook" else set(NEEDED) - fields
    if fields is not None and (not fields or "messages" in wanted):
        return Diagnosis(
            health=Health.DOWN,
            summary="The account is not subscribed: Instagram delivers no messages.",
            cure=again,
            details=details,
            can_send=True,
        )
    if held.ends is not None and held.ends - now < WARN_WITHIN:
        return Diagnosis(
            health=Health.DEGRADED,
            summary=f"The token ends on {held.ends:%Y-%m-%d} and could not be renewed.",
            cure=f"Make a new token and put it into {product.table}.access_token. "
            f"{product.token_from}",
            details=details,
        )
    if wanted:
        return Diagnosis(
            health=Health.DEGRADED,
            summary=f"Instagram was not asked to deliver {', '.join(sorted(wanted))}.",
            cure=again,
            details=details,
        )
    return Diagnosis(
        health=Health.OK, summary=f"{details['account']} receives by webhook.", details=details
    )


def _another(me: Me, ours: str, product: Product, details: dict[str, str]) -> Diagnosis:
    return Diagnosis(
        health=Health.DOWN,
        summary=f"The token belongs to @{me.username} ({me.user_id or me.id}), and ig_user_id "
        f"names {ours}: deliveries are not taken for this account's.",
        cure=f'Set {product.table}.ig_user_id = "{me.user_id or me.id}", or put that account\'s '
        "token into access_token.",
        details=details,
        can_send=False,
    )


def _failed(error: SendError, product: Product) -> Diagnosis:
    cure = f"Check that this machine reaches {product.table}.api_base."
    if isinstance(error, Rejected):
        cure = f"Check {product.table}.ig_user_id and login against the App Dashboard."
    return unreachable(error, cure=cure)


def _lifetime(held: Held, login: Login, now: datetime) -> str:
    if login == "facebook":
        return "a page's token, which does not end by itself"
    if held.ends is None:
        return "its end is not known yet: Meta tells it with the first renewal"
    return f"{max(0, (held.ends - now).days)} days left, until {held.ends:%Y-%m-%d}"
