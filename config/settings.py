"""The settings: one load from TOML and the environment, frozen and typed, no globals.

A value written `env:NAME` or `file:PATH` is read from there, so that no secret need stand in the
file. Every key can be overridden by an environment variable: `HUB_HTTP__PORT` is `http.port`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

MIN_SECRET = 32
"""Characters a secret key must have at least."""


class SettingsError(Exception):
    """One sentence that names the key at fault and the cure."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address that starts with http:// or https:// is needed")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("the address may hold no query, fragment or user name")
    return url.rstrip("/")


def _database(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql://")):
        raise ValueError("an address that starts with sqlite:/// or postgresql:// is needed")
    return url


def _bus(url: str) -> str:
    if not url.startswith(("local:", "nats://")):
        raise ValueError("local: or an address that starts with nats:// is needed")
    return url


def _media(url: str) -> str:
    if not url.startswith(("file:///", "s3://")):
        raise ValueError("an address that starts with file:/// or s3:// is needed")
    return url


def _secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_SECRET:
        raise ValueError(f"at least {MIN_SECRET} characters are needed")
    return value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Http(_Table):
    """`[http]`: where the hub listens."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    trusted_proxies: tuple[str, ...] = ()
    max_body: int = Field(1024 * 1024, ge=1024)
    """Bytes of a webhook's body."""


class DatabaseTable(_Table):
    """`[database]`: where the registry is kept."""

    url: Annotated[SecretStr, AfterValidator(lambda v: SecretStr(_database(v.get_secret_value())))] = (
        SecretStr("sqlite:///var/hub.db")
    )


class BusTable(_Table):
    """`[bus]`: what carries deliveries from the webhooks to the registry."""

    url: Annotated[str, AfterValidator(_bus)] = "local:"
    queue: int = Field(4096, ge=1)
    """Deliveries that may wait; one more is answered 503."""


class MediaTable(_Table):
    """`[media]`: where files are kept."""

    url: Annotated[str, AfterValidator(_media)] | None = None
    """None stands for a folder `var/media` beside the settings."""
    max_bytes: int = Field(50 * 1024 * 1024, ge=1)


class Threads(_Table):
    """`[threads]`: when a message joins an appeal that already is."""

    join_window_hours: float = Field(72.0, ge=0)


class Numbers(_Table):
    """`[numbers]`: what appeal numbers look like."""

    prefix: str = Field("ALM", pattern=r"^[A-Z]{2,5}$")


class Log(_Table):
    """`[log]`: what the hub tells about its work."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Settings(BaseSettings):
    """All of an installation's settings. `hub.example.toml` gives every key with its reason."""

    model_config = SettingsConfigDict(
        env_prefix="HUB_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    public_url: Annotated[str, AfterValidator(_address)] = "http://127.0.0.1:8080"
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Almaty"
    secret_key: Annotated[SecretStr, AfterValidator(_secret)]
    http: Http = Http()
    database: DatabaseTable = DatabaseTable()
    bus: BusTable = BusTable()
    media: MediaTable = MediaTable()
    threads: Threads = Threads()
    numbers: Numbers = Numbers()
    log: Log = Log()
    greeting: dict[str, str] = {}
    """What a citizen who presses Start reads, by language."""
    channels: dict[str, dict[str, dict[str, Any]]] = {}
    """Checked by each channel's own class, so that a new channel never touches this file."""

    folder: Path = Field(default=Path(), exclude=True)
    """The folder of the settings' file: relative paths start here. Not a key."""
