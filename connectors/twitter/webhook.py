"""The webhook: the proof of a delivery, X's challenge, and the registration.

Sources: https://docs.x.com/x-api/webhooks/introduction, https://docs.x.com/x-api/webhooks/quickstart,
https://docs.x.com/x-api/activity/quickstart
"""

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from connectors.base import Answer, Forged, Misconfigured, Rejected
from connectors.kit.hooks import is_public
from connectors.kit.signatures import same

if TYPE_CHECKING:
    from connectors.twitter.client import Client

OAUTH2_HEADER = "X-Twitter-Webhooks-Signature-OAuth2"
HEADER = "X-Twitter-Webhooks-Signature"

WANTED = ("dm.received", "dm.sent", "dm.read", "post.mention.create", "post.delete")
"""The events that the account subscribes to."""
_PUBLIC = frozenset({"post.delete"})
"""Those that X gives for any account; the rest only in the name of the account itself."""
_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=.:~]{1,512}")
"""What a challenge may hold. A delivery is JSON and cannot be made of these alone: whoever had
one answered would have its signature, as both are made alike."""


def signature(secret: str, message: bytes) -> str:
    """What X signs deliveries with, and what it wants a challenge answered with."""
    digest = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return f"sha256={b64encode(digest).decode()}"


def verify(
    body: bytes, headers: Mapping[str, str], *, consumer_secret: str, client_secret: str | None
) -> None:
    """Check a delivery's signature in constant time. Raises: Forged.

    X sends one of two headers, and during an app's migration both. It asks to verify the one of
    OAuth 2.0 when it is there, and to fall back to the other when it is not: so where the account
    has a client_secret, that header alone decides, and a wrong one is not saved by the other.
    """
    newer, older = headers.get(OAUTH2_HEADER), headers.get(HEADER)
    if newer is not None and client_secret is not None:
        shown, secret = newer, client_secret
    else:
        shown, secret = older or "", consumer_secret
    if not same(shown, signature(secret, body)):
        raise Forged("The signature of the delivery is not made with this account's secret.")


def answer_challenge(query: Mapping[str, str], secret: str) -> Answer:
    """Prove to X that the address is ours. Raises: Forged."""
    token = query.get("crc_token", "")
    if not _TOKEN.fullmatch(token):
        raise Forged("This is no challenge of X's: its crc_token is missing or odd.")
    told = {"response_token": signature(secret, token.encode())}
    return Answer(body=json.dumps(told).encode(), content_type="application/json")


# --- Registration -------------------------------------------------------------------------------


class Hook(Struct, frozen=True, kw_only=True):
    """A webhook of the app, as X has it."""

    id: str
    url: str
    valid: bool


class Standing(Struct, frozen=True, kw_only=True):
    """How the registration stands."""

    hook: Hook | None
    others: Sequence[str] = ()
    """Hosts of the app's further webhooks."""
    missing: Sequence[str] = ()
    """Events that are not delivered there."""


async def look(client: "Client", hook: str, user_id: str) -> Standing:
    """Ask X how the webhook and the subscriptions stand. Raises: SendError."""
    hooks = await _hooks(client)
    ours = next((one for one in hooks if one.url == hook), None)
    others = [urlsplit(one.url).hostname or "" for one in hooks if one.url != hook]
    if ours is None:
        return Standing(hook=None, others=others, missing=WANTED)
    there = {
        kind
        for kind, (_, webhook_id) in (await _subscriptions(client, user_id)).items()
        if webhook_id == ours.id
    }
    return Standing(
        hook=ours, others=others, missing=[kind for kind in WANTED if kind not in there]
    )


async def register(client: "Client", hook: str, user_id: str, *, account: str) -> None:
    """Make the webhook, or have X look at it again, and subscribe. Raises: SendError."""
    hooks = await _hooks(client)
    ours = next((one for one in hooks if one.url == hook), None)
    if ours is None:
        hook_id = await _created(client, hook, account)
    else:
        hook_id = ours.id
        if not ours.valid:
            await revalidate(client, ours, account=account)
    known = await _subscriptions(client, user_id)
    for kind in WANTED:
        subscription, webhook_id = known.get(kind, (None, None))
        if subscription is not None and webhook_id == hook_id:
            continue
        if subscription is not None:
            route = f"/2/activity/subscriptions/{subscription}"
            await client.call("PUT", route, data={"webhook_id": hook_id}, as_app=True)
            continue
        wish = {"event_type": kind, "filter": {"user_id": user_id}, "webhook_id": hook_id}
        try:
            await client.call(
                "POST", "/2/activity/subscriptions", data=wish, as_app=kind in _PUBLIC
            )
        except Rejected as error:
            if "duplicate" not in error.reason.lower() and "already" not in error.reason.lower():
                raise


async def revalidate(client: "Client", hook: Hook, *, account: str) -> None:
    """Have X challenge a webhook again that failed. Raises: SendError."""
    try:
        reply = await client.call("PUT", f"/2/webhooks/{hook.id}", as_app=True)
    except Rejected as error:
        raise _unanswered(hook.url, error, account) from error
    data = reply.data.get("data") if isinstance(reply.data, dict) else None
    if isinstance(data, dict) and data.get("valid") is False:
        raise _unanswered(hook.url, None, account)


def unusable(hook: str) -> Misconfigured | None:
    """Why X would not deliver to this address."""
    parts = urlsplit(hook)
    if is_public(hook) and parts.port is None:
        return None
    return Misconfigured(
        "X delivers only to a public https address without a port, and public_url is "
        f"{parts.scheme}://{parts.netloc}.",
        cure='Put the hub\'s public https address in public_url, or set mode = "polling" '
        "for this account.",
    )


async def _created(client: "Client", hook: str, account: str) -> str:
    try:
        reply = await client.call("POST", "/2/webhooks", data={"url": hook}, as_app=True)
    except Rejected as error:
        said = error.reason.lower()
        if "limit" in said:
            raise Misconfigured(
                f"The app has as many webhooks as X allows it. {error.reason}",
                cure="Delete the one that is not the hub's in the Developer Console, or with "
                "DELETE /2/webhooks/:id; or take an app of its own for the hub.",
                code=error.code,
            ) from error
        raise _unanswered(hook, error, account) from error
    data = reply.data.get("data") if isinstance(reply.data, dict) else None
    hook_id = data.get("id") if isinstance(data, dict) else None
    if not isinstance(hook_id, str):
        raise Misconfigured(
            "X did not name the webhook that it made.",
            cure="Run `hub doctor` again; if this stays, look for the webhook in the Developer "
            "Console.",
        )
    return hook_id


def _unanswered(hook: str, error: Rejected | None, account: str) -> Misconfigured:
    said = "" if error is None else f" {error.reason}"
    return Misconfigured(
        f"X does not take {hook} as a webhook: its challenge was not answered as it wants.{said}",
        cure="Make the address reachable from the internet with a valid certificate, correct "
        f"public_url, compare channels.twitter.{account}.consumer_secret with the Developer "
        "Console; if the app has an OAuth 2.0 Client Secret, give client_secret and "
        'crc = "client".',
        code=None if error is None else error.code,
    )


async def _hooks(client: "Client") -> list[Hook]:
    reply = await client.call("GET", "/2/webhooks", as_app=True)
    found = []
    for one in _listed(reply.data):
        number, url = one.get("id"), one.get("url")
        if isinstance(number, str) and isinstance(url, str):
            found.append(Hook(id=number, url=url, valid=one.get("valid") is not False))
    return found


async def _subscriptions(client: "Client", user_id: str) -> dict[str, tuple[str, str | None]]:
    """The account's subscriptions by their events: their ids, and the webhooks they go to."""
    found: dict[str, tuple[str, str | None]] = {}
    token: str | None = None
    for _ in range(_MOST_PAGES):
        params = None if token is None else {"pagination_token": token}
        reply = await client.call("GET", "/2/activity/subscriptions", params=params, as_app=True)
        for one in _listed(reply.data):
            wanted, number = one.get("filter"), one.get("subscription_id")
            kind, webhook_id = one.get("event_type"), one.get("webhook_id")
            ours = isinstance(wanted, dict) and wanted.get("user_id") == user_id
            if ours and isinstance(number, str) and isinstance(kind, str):
                found[kind] = (number, webhook_id if isinstance(webhook_id, str) else None)
        meta = reply.data.get("meta") if isinstance(reply.data, dict) else None
        following = meta.get("next_token") if isinstance(meta, dict) else None
        if not isinstance(following, str):
            break
        token = following
    return found


_MOST_PAGES = 50


def _listed(data: Any) -> list[dict[str, Any]]:
    items = data.get("data") if isinstance(data, dict) else None
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
