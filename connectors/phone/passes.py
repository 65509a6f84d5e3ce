"""A pass by which a browser becomes an operator's device: Twilio's access token.

It is a JWT of a fixed form, made here: the library asks the machine's clock, and is long to load.

Source: https://www.twilio.com/docs/iam/access-tokens
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from connectors.phone.people import identity_at_twilio

LONGEST = 24 * 3600
"""Seconds for which Twilio takes a pass."""
BROWSER_SOURCES = {
    "connect-src": ("wss://voice-js.roaming.twilio.com", "https://eventgw.twilio.com"),
    "media-src": ("mediastream:",),
}
"""What a browser reaches that is a device: the signalling, the reports on quality, and its own
microphone and speaker. Sounds and code, for which Twilio names two hosts more, are the hub's.
Source: the README of @twilio/voice-sdk, "Content Security Policy"."""
_HEADER = {"typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1"}


class Key(Struct, frozen=True, kw_only=True):
    """What signs passes: an API key of the account."""

    account_sid: str
    sid: str
    secret: str


def make_pass(
    key: Key, identity: str, *, seconds: int, now: datetime, application: str | None
) -> str:
    """`application` is the TwiML App that calls begun by the browser go to; None: it takes calls
    and makes none. Raises: ValueError."""
    if not identity or not 0 < seconds <= LONGEST:
        raise ValueError("a pass is for somebody, and for a day at most")
    at = int(now.timestamp())
    voice: dict[str, Any] = {"incoming": {"allow": True}}
    if application is not None:
        voice["outgoing"] = {"application_sid": application}
    claims = {
        "jti": f"{key.sid}-{at}",
        "iss": key.sid,
        "sub": key.account_sid,
        "iat": at,
        "exp": at + seconds,
        "grants": {"identity": identity_at_twilio(identity), "voice": voice},
    }
    signed = f"{_part(_HEADER)}.{_part(claims)}"
    signature = hmac.digest(key.secret.encode(), signed.encode(), "sha256")
    return f"{signed}.{_encoded(signature)}"


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(msgspec.json.encode(value))


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
