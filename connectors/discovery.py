"""Finds channels by their folders, and imports only those the settings name."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pydantic import ValidationError

import connectors
from config.settings import SettingsError, sentence
from connectors.base import Connector, Context
from registry.types import AccountKey

_NOT_CHANNELS = frozenset({"kit", "testing"})


def channel_names() -> list[str]:
    """Every channel that has a folder, in alphabetical order."""
    found = iter_modules(connectors.__path__)
    return sorted(m.name for m in found if m.ispkg and m.name not in _NOT_CHANNELS)


def channel_class(channel: str) -> type[Connector]:
    """The connector's class of one channel.

    Raises: SettingsError for a channel that does not exist or whose library is not installed.
    """
    if channel not in channel_names():
        known = ", ".join(channel_names())
        raise SettingsError(f"channels.{channel}: there is no such channel; there are {known}.")
    try:
        module = import_module(f"connectors.{channel}.connector")
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"channels.{channel}: the package {error.name} is not installed; "
            f"install tereze[{channel}]."
        ) from error
    found: type[Connector] = module.CONNECTOR
    return found


def open_accounts(
    channels: Mapping[str, Mapping[str, Mapping[str, Any]]], context: Context
) -> dict[AccountKey, Connector]:
    """A connector for every account in the settings; touches no network.

    Raises: SettingsError, a sentence that names the key at fault.
    """
    opened: dict[AccountKey, Connector] = {}
    for channel, accounts in channels.items():
        for account, keys in accounts.items():
            made = channel_class(channel)
            try:
                settings = made.Settings.model_validate(dict(keys))
            except ValidationError as error:
                raise SettingsError(
                    sentence(error, f"channels.{channel}.{account}", model=made.Settings)
                ) from None
            opened[AccountKey(channel, account)] = made(account, settings, context)
    return opened
