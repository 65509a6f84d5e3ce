"""What the stand-ins for Meta's products do alike: errors, proofs of deliveries, the challenge.

Written from Meta's documentation and not from our client; nothing of `connectors.kit` is used.

Sources: https://developers.facebook.com/docs/graph-api/guides/error-handling,
https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp

from connectors.testing.sandbox import Refused, Sandbox

CHALLENGE = "1158201444"
"""Meta's own example."""


def error(
    code: int,
    message: str,
    kind: str = "OAuthException",
    *,
    subcode: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of a refusal; `data` is what only some products tell besides."""
    told: dict[str, Any] = {
        "message": message,
        "type": kind,
        "code": code,
        "fbtrace_id": "AbCdSandbox",
    }
    if data is not None:
        told["error_data"] = dict(data)
    if subcode is not None:
        told["error_subcode"] = subcode
    return {"error": told}


def unknown_object(asked: str) -> Refused:
    """An id that does not exist, or that the token may not see."""
    message = (
        f"Unsupported request. Object with ID '{asked}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation."
    )
    return Refused(400, error(100, message, "GraphMethodException", subcode=33))


def sign(app_secret: str, body: bytes) -> str:
    """The X-Hub-Signature-256 of a body."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


class Challenged(NamedTuple):
    """How an address took the challenge."""

    passed: bool
    status: int | None
    """What it answered; None when it could not be reached."""


async def challenge(sandbox: Sandbox, address: str, verify_token: str) -> Challenged:
    """Ask an address whether it is the hub's, as Meta does before it delivers there."""
    query = urlencode(
        {"hub.mode": "subscribe", "hub.challenge": CHALLENGE, "hub.verify_token": verify_token}
    )
    try:
        answered = await sandbox.exchange("GET", f"{address}?{query}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Challenged(passed=False, status=None)
    passed = answered.status == 200 and answered.body == CHALLENGE.encode()
    return Challenged(passed, answered.status)
