"""The keys of one Instagram account, in either of its two modes."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, model_validator

from connectors.base import AccountSettings
from connectors.kit.keys import ApiBase, MetaId, matching

INSTAGRAM = "https://graph.instagram.com"
"""Where an account is found whose token was made with an Instagram login."""
FACEBOOK = "https://graph.facebook.com"
"""Where it is found when the token is that of the Facebook page the account is linked to."""

Login = Literal["instagram", "facebook"]

_LOGINS: dict[str, Login] = {"graph.instagram.com": "instagram", "graph.facebook.com": "facebook"}
_NEEDED = {
    "graph": ("ig_user_id", "access_token", "app_secret", "verify_token"),
    "private": ("username", "password", "session_file"),
}
_ONLY = {
    "graph": frozenset({*_NEEDED["graph"], "login", "human_agent"}),
    "private": frozenset({*_NEEDED["private"], "proxy", "poll_seconds", "daily_cap"}),
}
"""The keys that one mode has and the other does not."""
_OTHER = {"graph": "private", "private": "graph"}


_Secret = Annotated[SecretStr, matching(r"(?s).{8,}", "at least 8 characters are needed")]
_Token = Annotated[
    SecretStr,
    matching(r"[!-~]{8,}", "a token as Meta gives it is needed: one line without blanks"),
]
"""It travels in a header."""


class InstagramSettings(AccountSettings):
    """`[channels.instagram.<account>]`."""

    model_config = ConfigDict(hide_input_in_errors=True, coerce_numbers_to_str=True)

    mode: Literal["graph", "private"] = "graph"
    """"graph" is Meta's own API; "private" that of the phone's app, which Meta does not allow."""
    api_base: ApiBase | None = None
    """None for the provider's own address."""

    # mode = "graph"
    ig_user_id: MetaId | None = None
    """The professional account's id, as webhooks name it."""
    access_token: _Token | None = None
    app_secret: _Secret | None = None
    """Signs the deliveries: of the Instagram app with an Instagram login, else of the app."""
    verify_token: _Secret | None = None
    """Ours, chosen freely: Meta shows it when the webhook's address is entered."""
    login: Login | None = None
    """How the token was made; None: as the host of `api_base` tells, else "instagram"."""
    human_agent: bool = False
    """Meta has granted the app "Human Agent": replies go for 7 days, and not only for 24 hours."""

    # mode = "private"
    username: str | None = Field(None, min_length=1)
    password: SecretStr | None = None
    session_file: str | None = Field(None, min_length=1)
    """Where the login is kept; a relative path starts at the settings' folder."""
    proxy: SecretStr | None = None
    """An address that may hold a password."""
    poll_seconds: float = Field(60.0, gt=0)
    """Seconds between two polls."""
    daily_cap: int = Field(4000, ge=1)
    """Calls to Instagram in a day at most, reading and sending together."""

    @model_validator(mode="after")
    def _keys_of_one_mode(self) -> Self:
        other = _OTHER[self.mode]
        foreign = sorted(_ONLY[other] & self.model_fields_set)
        if foreign:
            raise ValueError(
                f'{", ".join(foreign)} belongs to mode = "{other}", and this account has '
                f'mode = "{self.mode}": remove it, or change the mode'
            )
        missing = [name for name in _NEEDED[self.mode] if getattr(self, name) is None]
        if missing:
            raise ValueError(f'{missing[0]} is missing: mode = "{self.mode}" needs it')
        told = _LOGINS.get(urlsplit(self.api_base or "").hostname or "")
        if self.login is not None and told not in (None, self.login):
            raise ValueError(
                f'api_base is the address of an account with login = "{told}", '
                f'not "{self.login}": remove one of the two'
            )
        return self

    @property
    def variant(self) -> Login:
        """How the token was made."""
        told = _LOGINS.get(urlsplit(self.api_base or "").hostname or "")
        return self.login or told or "instagram"

    @property
    def graph_base(self) -> str:
        """The Graph API's address."""
        return self.api_base or (FACEBOOK if self.variant == "facebook" else INSTAGRAM)
