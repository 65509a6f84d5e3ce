"""Who may ask X's stand-in, how often, and what it costs.

Sources: https://docs.x.com/fundamentals/authentication/overview,
https://docs.x.com/x-api/fundamentals/rate-limits, https://docs.x.com/x-api/getting-started/pricing
"""

import hmac
from collections.abc import Iterable
from typing import Literal, TypeAlias

from connectors.testing.sandbox import Call
from connectors.twitter.problems import no_credits, too_many, unauthorized, wrong_authentication
from connectors.twitter.rules import (
    CLOCK_SKEW,
    LIMITS,
    PRICES,
    WINDOW,
    expected_signature,
    oauth_parameters,
)
from registry.types import Clock

USER_ID = "1716450569358098432"
CONSUMER_KEY = "sandboxConsumerKey00000000"
CONSUMER_SECRET = "sandbox-consumer-secret-of-no-value-0000000000"  # noqa: S105 - opens nothing
ACCESS_TOKEN = f"{USER_ID}-sandboxAccessTokenOfNoValue0000"
ACCESS_TOKEN_SECRET = "sandbox-access-token-secret-of-no-value-000"  # noqa: S105
BEARER_TOKEN = "AAAAAAAAAAAAAAAAAAAAASandboxBearerOfNoValue"  # noqa: S105
CLIENT_SECRET = "sandbox-client-secret-of-no-value-000000000"  # noqa: S105


Who: TypeAlias = Literal["user", "app", "either"]
"""In whose name an address lets itself be asked."""


class Gate:
    """What every call passes: keys, windows and money."""

    def __init__(self, clock: Clock, *, user_id: str, windows: bool, funds: int | None) -> None:
        self.windows = windows
        self.limits = dict(LIMITS)
        self.funds = funds
        self.charged = 0
        """Millionths of a dollar spent so far."""
        self._clock = clock
        self._user_id = user_id
        self._nonces: set[str] = set()
        self._used: dict[tuple[str, int], int] = {}
        self._paid: set[tuple[str, str]] = set()

    def admit(self, call: Call, name: str, who: Who) -> dict[str, str]:
        """The headers that tell the window of a call that may be made. Raises: Refused."""
        scheme = call.headers.get("Authorization", "").partition(" ")[0]
        if who != "app" and scheme == "OAuth":
            self._check_signature(call)
        elif scheme == "Bearer":
            if not hmac.compare_digest(call.headers["Authorization"], f"Bearer {BEARER_TOKEN}"):
                raise unauthorized()
            if who == "user":
                raise wrong_authentication("OAuth 1.0a User Context", "OAuth 2.0 Application-Only")
        elif scheme == "OAuth":
            raise wrong_authentication("OAuth 2.0 Application-Only", "OAuth 1.0a User Context")
        else:
            raise unauthorized()
        return self._window(name)

    def _check_signature(self, call: Call) -> None:
        shown = oauth_parameters(call.headers["Authorization"])
        stamp = shown.get("oauth_timestamp", "")
        late = abs(self._clock().timestamp() - int(stamp)) if stamp.isdecimal() else CLOCK_SKEW + 1
        fresh = shown.get("oauth_nonce", "") not in self._nonces | {""}
        known = (shown.get("oauth_consumer_key"), shown.get("oauth_token"))
        method = (shown.get("oauth_signature_method"), shown.get("oauth_version"))
        expected = expected_signature(
            call.method,
            call.path,
            call.query.items(),
            shown,
            consumer_secret=CONSUMER_SECRET,
            token_secret=ACCESS_TOKEN_SECRET,
        )
        right = hmac.compare_digest(shown.get("oauth_signature", "").encode(), expected.encode())
        same = known == (CONSUMER_KEY, ACCESS_TOKEN) and method == ("HMAC-SHA1", "1.0")
        if not (right and same and fresh and late <= CLOCK_SKEW):
            raise unauthorized()
        self._nonces.add(shown["oauth_nonce"])

    def _window(self, name: str) -> dict[str, str]:
        limit = self.limits.get(name)
        if limit is None or not self.windows:
            return {}
        number = int(self._clock().timestamp()) // WINDOW
        used = self._used.get((name, number), 0) + 1
        self._used[name, number] = used
        headers = {
            "x-rate-limit-limit": str(limit),
            "x-rate-limit-remaining": str(max(limit - used, 0)),
            "x-rate-limit-reset": str((number + 1) * WINDOW),
        }
        if used > limit:
            raise too_many(headers)
        return headers

    def charge(self, what: str, resources: Iterable[str] = ("",)) -> None:
        """Take the price: of a thing that is read, once a day."""
        price = PRICES[what]
        for resource in resources:
            key = (f"{what} {resource}", f"{self._clock():%Y-%m-%d}")
            if resource and key in self._paid:
                continue
            if self.funds is not None and self.charged + price > self.funds:
                raise no_credits(self._user_id)
            self.charged += price
            self._paid.add(key)
