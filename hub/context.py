"""What the hub gives its connectors to live with, made from the settings."""

from dataclasses import replace
from functools import partial

from config.settings import Settings
from connectors.base import Context
from registry.account_store import DatabaseStore
from registry.db import Database
from registry.types import Clock, utc_now


def context_of(settings: Settings, database: Database | None, *, clock: Clock = utc_now) -> Context:
    """The connectors' context; without a database, accounts forget when the process ends."""
    context = Context(
        public_url=settings.public_url,
        clock=clock,
        max_media_bytes=settings.media.max_bytes,
        folder=settings.folder,
        secret_key=settings.secret_key,
    )
    if database is None:
        return context
    store = partial(DatabaseStore, database, secret_key=settings.secret_key, clock=clock)
    return replace(context, store=store)
