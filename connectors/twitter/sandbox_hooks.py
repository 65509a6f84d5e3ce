"""X's stand-in for webhooks: it challenges an address before it takes it, signs, and delivers.

Sources: https://docs.x.com/x-api/webhooks/introduction, https://docs.x.com/x-api/webhooks/quickstart,
https://docs.x.com/x-api/activity/quickstart
"""

import base64
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import aiohttp

from connectors.testing.sandbox import Answered, Call
from connectors.twitter.problems import invalid, not_found, wrong_authentication

SIGNATURE = "X-Twitter-Webhooks-Signature"
PRIVATE = frozenset({"dm.received", "dm.sent", "dm.read", "dm.indicate_typing"}) | {
    "post.mention.create",
    "post.reply.create",
    "chat.received",
}
"""Events that only the account itself may subscribe to."""
PUBLIC = frozenset({"post.create", "post.delete", "profile.update.bio"})

Exchange = Callable[..., Awaitable[Answered]]
Signing = Literal["oauth2", "legacy", "both"]


@dataclass(slots=True, kw_only=True)
class Hook:
    id: str
    url: str
    valid: bool
    created_at: str


@dataclass(slots=True, kw_only=True)
class Subscription:
    id: str
    event_type: str
    user_id: str
    webhook_id: str | None
    created_at: str
    tag: str | None = None

    def told(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "subscription_id": self.id,
            "event_type": self.event_type,
            "filter": {"user_id": self.user_id},
            "created_at": self.created_at,
            "updated_at": self.created_at,
        }
        said |= {"webhook_id": self.webhook_id} if self.webhook_id else {}
        return said | ({"tag": self.tag} if self.tag else {})


class HookDesk:
    """The webhooks and subscriptions of an app.

    `challenges` has X ask an address before it takes it; `strict` refuses what is not https or
    names a port; `signing` is which of the two signatures a delivery bears.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        consumer_secret: str,
        client_secret: str | None,
        crc_secret: str,
        challenges: bool,
        strict: bool,
        signing: Signing,
        most: int = 5,
    ) -> None:
        self.hooks: dict[str, Hook] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.signing = signing
        self.challenges = challenges
        self.strict = strict
        self.most = most
        self._exchange = exchange
        self._consumer_secret = consumer_secret
        self._client_secret = client_secret
        self._crc_secret = crc_secret

    # --- Webhooks --------------------------------------------------------------------------------

    async def create(self, call: Call, number: str, now: str) -> Mapping[str, Any]:
        url = call.data.get("url") if isinstance(call.data, dict) else None
        parts = urlsplit(url) if isinstance(url, str) else None
        if not isinstance(url, str) or parts is None or not parts.hostname:
            raise invalid("UrlValidationFailed: url is not a valid address")
        if self.strict and (parts.scheme != "https" or parts.port is not None):
            raise invalid("UrlValidationFailed: the url must be https and name no port")
        if any(hook.url == url for hook in self.hooks.values()):
            raise invalid("DuplicateUrlFailed: a webhook exists for this url")
        if len(self.hooks) >= self.most:
            raise invalid("WebhookLimitExceeded: the maximum number of webhooks is reached")
        await self._challenge(url)
        hook = Hook(id=number, url=url, valid=True, created_at=now)
        self.hooks[number] = hook
        return {"data": _told(hook)}

    async def validate(self, call: Call) -> Mapping[str, Any]:
        hook = self._hook(call)
        hook.valid = False
        await self._challenge(hook.url)
        hook.valid = True
        return {"data": {"valid": True}}

    def delete(self, call: Call) -> Mapping[str, Any]:
        del self.hooks[self._hook(call).id]
        return {"data": {"deleted": True}}

    def listed(self) -> Mapping[str, Any]:
        found = [_told(hook) for hook in self.hooks.values()]
        return {"data": found, "meta": {"result_count": len(found)}}

    def _hook(self, call: Call) -> Hook:
        hook = self.hooks.get(call.params["id"])
        if hook is None:
            raise invalid("WebhookIdInvalid: the webhook_id was not found")
        return hook

    async def _challenge(self, url: str) -> None:
        if not self.challenges:
            return
        token = secrets.token_urlsafe(24)
        failed = invalid("CrcValidationFailed: the challenge was not answered as it must be")
        asked = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode({'crc_token': token})}"
        try:
            answered = await self._exchange("GET", asked)
            said = json.loads(answered.body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            raise failed from None
        wanted = _hmac(self._crc_secret, token.encode())
        typed = answered.headers.get("Content-Type", "").startswith("application/json")
        if answered.status != 200 or not typed or said != {"response_token": wanted}:
            raise failed

    # --- Subscriptions ---------------------------------------------------------------------------

    def subscribe(
        self, call: Call, number: str, now: str, *, as_user: str | None
    ) -> Mapping[str, Any]:
        data = call.data if isinstance(call.data, dict) else {}
        kind, wanted = data.get("event_type"), data.get("filter")
        user_id = wanted.get("user_id") if isinstance(wanted, dict) else None
        if kind not in PRIVATE | PUBLIC or not isinstance(user_id, str):
            raise invalid("event_type and filter.user_id are required")
        if kind in PRIVATE and as_user != user_id:
            raise wrong_authentication("OAuth 1.0a User Context", "OAuth 2.0 Application-Only")
        webhook_id = data.get("webhook_id")
        if webhook_id is not None and webhook_id not in self.hooks:
            raise invalid("WebhookIdInvalid: the webhook_id was not found")
        if any(
            (one.event_type, one.user_id) == (kind, user_id) for one in self.subscriptions.values()
        ):
            raise invalid("DuplicateSubscription: a subscription exists for this event and filter")
        made = Subscription(
            id=number,
            event_type=kind,
            user_id=user_id,
            webhook_id=webhook_id,
            created_at=now,
            tag=data.get("tag"),
        )
        self.subscriptions[number] = made
        return {"data": made.told(), "meta": {"total_subscriptions": len(self.subscriptions)}}

    def update(self, call: Call) -> Mapping[str, Any]:
        found = self.subscriptions.get(call.params["id"])
        if found is None:
            raise not_found("subscription", call.params["id"])
        data = call.data if isinstance(call.data, dict) else {}
        if data.keys() - {"webhook_id", "tag"}:
            raise invalid("only tag and webhook_id can be updated")
        if data.get("webhook_id") not in self.hooks:
            raise invalid("WebhookIdInvalid: the webhook_id was not found")
        found.webhook_id = data["webhook_id"]
        return {"data": found.told()}

    def subscribed(self) -> Mapping[str, Any]:
        found = [one.told() for one in self.subscriptions.values()]
        return {"data": found, "meta": {"total_subscriptions": len(found)}}

    # --- Deliveries ------------------------------------------------------------------------------

    async def deliver(self, kind: str, user_id: str, event: Mapping[str, Any]) -> int | None:
        """Post an event to the webhook that is subscribed to it; the status it answered."""
        for one in self.subscriptions.values():
            hook = self.hooks.get(one.webhook_id or "")
            if (one.event_type, one.user_id) != (kind, user_id) or hook is None or not hook.valid:
                continue
            body = json.dumps({"data": {**event, "tag": one.tag}}, ensure_ascii=False).encode()
            headers = {"Content-Type": "application/json", **self.signed(body)}
            try:
                return (await self._exchange("POST", hook.url, body, headers=headers)).status
            except (aiohttp.ClientError, TimeoutError, OSError):
                return None
        return None

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers that prove a delivery."""
        headers = {}
        if self.signing != "legacy" and self._client_secret is not None:
            headers[f"{SIGNATURE}-OAuth2"] = _hmac(self._client_secret, body)
        if self.signing != "oauth2" or self._client_secret is None:
            headers[SIGNATURE] = _hmac(self._consumer_secret, body)
        return headers


def _told(hook: Hook) -> dict[str, Any]:
    return {"id": hook.id, "url": hook.url, "valid": hook.valid, "created_at": hook.created_at}


def _hmac(secret: str, message: bytes) -> str:
    mac = hmac.digest(secret.encode(), message, "sha256")
    return "sha256=" + base64.b64encode(mac).decode("ascii")
