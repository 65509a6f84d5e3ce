"""The proof of a call in a user's name: OAuth 1.0a with HMAC-SHA1.

It is written out here because the usual library logs the tokens it signs with.

Source: https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

from msgspec import Struct


class Keys(Struct, frozen=True, kw_only=True):
    """What signs: the app's pair and the user's. Never shown: its repr is without values."""

    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str

    def __repr__(self) -> str:
        return "Keys(…)"


def encoded(text: str) -> str:
    """Percent-encoding as RFC 3986 has it."""
    return quote(text, safe="-._~")


def authorization(
    keys: Keys,
    method: str,
    url: str,
    *,
    params: Iterable[tuple[str, str]] = (),
    nonce: str,
    timestamp: int,
) -> str:
    """The Authorization header of one call.

    `url` is without a query, `params` hold the query and a body's form fields; a body of JSON or
    of several parts is not signed.
    """
    ours = {
        "oauth_consumer_key": keys.consumer_key,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(timestamp),
        "oauth_token": keys.access_token,
        "oauth_version": "1.0",
    }
    signed = sorted((encoded(name), encoded(value)) for name, value in [*params, *ours.items()])
    listed = "&".join(f"{name}={value}" for name, value in signed)
    base = f"{method.upper()}&{encoded(url)}&{encoded(listed)}"
    key = f"{encoded(keys.consumer_secret)}&{encoded(keys.access_token_secret)}"
    digest = hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()
    shown = {**ours, "oauth_signature": b64encode(digest).decode()}
    return "OAuth " + ", ".join(
        f'{encoded(name)}="{encoded(value)}"' for name, value in sorted(shown.items())
    )
