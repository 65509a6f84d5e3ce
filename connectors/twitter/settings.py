"""`[channels.twitter.<account>]`: the keys, and what they may hold."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from connectors.base import AccountSettings
from connectors.kit.keys import ApiBase, matching

X = "https://api.x.com"
"""The provider's own address."""
OWN_HOSTS = frozenset({"api.x.com", "api.twitter.com"})
"""Names under which X itself answers."""
MICRO = 1_000_000
"""Millionths of a dollar in one: spend is counted in these."""


def _written(value: object) -> object:
    """A number stands without quotes in many a settings file."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_UserId = Annotated[
    str,
    BeforeValidator(_written),
    matching(r"[1-9][0-9]{0,18}", "the account's number is needed, not its @name"),
]
Key = Annotated[SecretStr, matching(r"[!-~]+", "a key as the Developer Console shows it is needed")]
Dollars = Annotated[float, Field(ge=0, le=1_000_000)]


class Prices(BaseModel):
    """What X charges, in dollars; X changes it, and shows the present rates in its console.

    Source: https://docs.x.com/x-api/getting-started/pricing
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    read_post: Dollars = 0.005
    read_dm: Dollars = 0.010
    read_user: Dollars = 0.010
    """A person whose name comes with what they wrote, once a day."""
    post: Dollars = 0.015
    post_with_link: Dollars = 0.200
    """A post with an address in its text costs so much more."""
    dm: Dollars = 0.015


class TwitterSettings(AccountSettings):
    """One account on X."""

    model_config = ConfigDict(hide_input_in_errors=True)

    mode: Literal["polling", "webhook"] = "polling"
    user_id: _UserId
    """The number of our own account."""
    consumer_key: Key
    """The app's API Key."""
    consumer_secret: Key
    """The app's API Key Secret: signs calls, and proves deliveries."""
    access_token: Key
    access_token_secret: Key
    """What the account allowed the app: to read, to write, to use direct messages."""
    bearer_token: Key | None = None
    """The app's own, with which the webhook is registered."""
    client_secret: Key | None = None
    """The app's OAuth 2.0 Client Secret: proves deliveries where it is set."""
    crc: Literal["consumer", "client"] = "consumer"
    """Whose secret answers X's challenge: the consumer's or the client's."""
    poll_seconds: Annotated[float, Field(ge=5, le=86_400)] = 120.0
    monthly_cap: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Dollars that a calendar month may cost; None for as much as it takes."""
    prices: Prices = Prices()
    api_base: ApiBase = X

    @model_validator(mode="after")
    def _a_webhook_needs_more(self) -> Self:
        if self.mode == "webhook" and self.bearer_token is None:
            raise ValueError(
                'bearer_token is missing: mode = "webhook" registers with it; '
                'mode = "polling" needs none'
            )
        if self.crc == "client" and self.client_secret is None:
            raise ValueError('client_secret is missing: crc = "client" answers with it')
        return self
