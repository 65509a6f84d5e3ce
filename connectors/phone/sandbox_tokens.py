"""The access tokens that softphones present, checked as Twilio checks them.

Sources: https://www.twilio.com/docs/iam/access-tokens,
https://www.twilio.com/docs/api/errors (20101 to 20107, 20157, 31105)
"""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LONGEST = 24 * 3600
"""Seconds that a token may live."""
IDENTITY = re.compile(r"[A-Za-z0-9_]{1,121}")
_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class TokenRefused(Exception):
    """Twilio does not take the token."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a token allows."""

    identity: str
    expires_at: datetime
    incoming: bool
    application: str
    """Sid of the TwiML application that outgoing calls go to; empty where none may go out."""


def check(
    token: str,
    *,
    keys: Mapping[str, str],
    account_sid: str,
    applications: Collection[str],
    now: datetime,
) -> Pass:
    """Read a token; `keys` are the account's API keys with their secrets. Raises: TokenRefused."""
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    header, payload = _decoded(head), _decoded(body)
    if header.get("cty") != "twilio-fpa;v=1" or header.get("alg") not in _HASHES:
        raise TokenRefused(20102, "Invalid Access Token header")
    issuer = payload.get("iss")
    secret = keys.get(issuer) if isinstance(issuer, str) else None
    if secret is None or payload.get("sub") != account_sid:
        raise TokenRefused(20103, "Invalid Access Token issuer/subject")
    expected = hmac.new(secret.encode(), signed.encode(), _HASHES[header["alg"]]).digest()
    if not hmac.compare_digest(expected, _bytes(signature)):
        raise TokenRefused(20107, "Invalid Access Token signature")
    expires_at = _times(payload, now)
    return _granted(payload.get("grants"), expires_at, applications)


def _times(payload: Mapping[str, Any], now: datetime) -> datetime:
    begins, expires = payload.get("nbf", 0), payload.get("exp")
    if not isinstance(expires, int) or expires <= now.timestamp():
        raise TokenRefused(20104, "Access Token expired or expiration date invalid")
    if not isinstance(begins, int) or begins > now.timestamp():
        raise TokenRefused(20105, "Access Token not yet valid")
    if expires - max(begins, payload.get("iat", 0), now.timestamp()) > LONGEST:
        raise TokenRefused(20157, "Expiration Time Exceeds Maximum Time Allowed")
    return datetime.fromtimestamp(expires, UTC)


def _granted(grants: object, expires_at: datetime, applications: Collection[str]) -> Pass:
    voice = grants.get("voice") if isinstance(grants, dict) else None
    identity = grants.get("identity") if isinstance(grants, dict) else None
    if not isinstance(voice, dict) or not isinstance(identity, str):
        raise TokenRefused(20106, "Invalid Access Token grants")
    outgoing, incoming = voice.get("outgoing", {}), voice.get("incoming", {})
    application = outgoing.get("application_sid", "") if isinstance(outgoing, dict) else None
    if application is None or (application and application not in applications):
        raise TokenRefused(20106, "Invalid Access Token grants")
    if not IDENTITY.fullmatch(identity):
        raise TokenRefused(31105, "Invalid client name")
    return Pass(
        identity=identity,
        expires_at=expires_at,
        incoming=isinstance(incoming, dict) and incoming.get("allow") is True,
        application=application,
    )


def _decoded(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TokenRefused(20101, "Invalid Access Token")
    return found


def _bytes(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (NotBase64, ValueError):
        raise TokenRefused(20101, "Invalid Access Token") from None
