"""What X's stand-in holds a call against: the signature, the weight of a post, the prices.

Written from X's documentation, and not with what the connector uses for the same.

Sources: https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature,
https://docs.x.com/fundamentals/counting-characters,
https://docs.x.com/x-api/getting-started/pricing, https://docs.x.com/x-api/fundamentals/rate-limits
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

SIGNED_FOR = "https://api.x.com"
"""X checks a signature against its own address, whichever way the call came to it."""
CLOCK_SKEW = 300
"""Seconds by which a signed call may be early or late."""

WINDOW = 900
"""Seconds of a window of calls."""
LIMITS: Mapping[str, int] = {
    "GET /2/users/me": 75,
    "GET /2/users/:id/mentions": 300,
    "GET /2/dm_events": 15,
    "POST /2/tweets": 100,
    "POST /2/dm_conversations/with/:id/messages": 15,
    "POST /2/dm_conversations/:id/messages": 15,
    "POST /2/media/upload/initialize": 1875,
    "POST /2/media/upload/:id/append": 1875,
    "POST /2/media/upload/:id/finalize": 1875,
    "GET /2/media/upload": 1000,
    "GET /2/webhooks": 450,
    "POST /2/webhooks": 450,
    "PUT /2/webhooks/:id": 450,
    "GET /2/activity/subscriptions": 500,
    "POST /2/activity/subscriptions": 500,
    "PUT /2/activity/subscriptions/:id": 500,
}
"""Calls of a window: by the user, or by the app where the app asks."""

PRICES: Mapping[str, int] = {
    "user read": 10_000,
    "post read": 5_000,
    "dm read": 10_000,
    "post": 15_000,
    "post with url": 200_000,
    "dm": 15_000,
}
"""Millionths of a dollar."""

MOST_WEIGHT = 280
URL_WEIGHT = 23
_URL = re.compile(
    r"(?:https?://|(?<![\w@.])(?=[\w-]+(?:\.[\w-]+)*\.(?:kz|ru|com|org|net|gov|info|io)\b))"
    r"[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/[^\s<>\"«»]*)?(?:\?[^\s<>\"«»]*)?",
    re.ASCII | re.IGNORECASE,
)
_TRAILING = ".,;:!?()[]{}'\"…"
_EMOJI = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{2}"
    "|[0-9#*]\ufe0f?\u20e3"
    "|[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]\ufe0f?[\U0001f3fb-\U0001f3ff]?"
    "(?:\u200d[\u2190-\u2bff\U0001f000-\U0001faff]\ufe0f?[\U0001f3fb-\U0001f3ff]?)*)"
)


def weight(text: str) -> int:
    """What a post weighs: an address 23, an emoji 2, most letters of Europe 1, all others 2."""
    text = unicodedata.normalize("NFC", text)
    rest, addresses = [], 0
    at = 0
    for found in _URL.finditer(text):
        end = found.end() - (len(found[0]) - len(found[0].rstrip(_TRAILING)))
        rest.append(text[at : found.start()])
        addresses += 1
        at = end
    rest.append(text[at:])
    plain, emoji = _EMOJI.subn("", "\0".join(rest))
    return addresses * URL_WEIGHT + emoji * 2 + sum(map(_letter, plain.replace("\0", "")))


def has_address(text: str) -> bool:
    return _URL.search(text) is not None


def _letter(char: str) -> int:
    point = ord(char)
    light = (
        point <= 0x10FF
        or 0x2000 <= point <= 0x200D
        or 0x2010 <= point <= 0x201F
        or 0x2032 <= point <= 0x2037
    )
    return 1 if light else 2


def oauth_parameters(header: str) -> dict[str, str]:
    """The parameters of an Authorization header of OAuth 1.0a; empty for any other."""
    scheme, _, rest = header.partition(" ")
    if scheme != "OAuth":
        return {}
    found = re.findall(r'([a-z_]+)="([^"]*)"', rest)
    return {name: unquote(value) for name, value in found}


def expected_signature(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    parameters: Mapping[str, str],
    *,
    consumer_secret: str,
    token_secret: str,
    base: str = SIGNED_FOR,
) -> str:
    """The signature that a call must bear: RFC 5849, section 3.4."""
    pairs = [(_percent(k), _percent(v)) for k, v in query]
    pairs += [(_percent(k), _percent(v)) for k, v in parameters.items() if k != "oauth_signature"]
    normalised = "&".join("=".join(pair) for pair in sorted(pairs))
    message = "&".join([method.upper(), _percent(base + path), _percent(normalised)])
    key = f"{_percent(consumer_secret)}&{_percent(token_secret)}"
    mac = hmac.digest(key.encode("ascii"), message.encode("ascii"), hashlib.sha1)
    return base64.b64encode(mac).decode("ascii")


def _percent(text: str) -> str:
    """RFC 3986: letters, digits and -._~ stay as they are."""
    kept = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())
