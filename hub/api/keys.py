"""What only the API's handlers find on the application and on a request."""

from typing import Protocol

from aiohttp import web

from hub.web.signed import PRINCIPAL

__all__ = ["DOCUMENT", "PRINCIPAL", "REPLAY", "Replay"]


class Replay(Protocol):
    """Reads one of the buried again; whether it could be registered this time.

    Raises: registry.errors.NotFound, registry.errors.Unavailable.
    """

    async def __call__(self, buried_id: int, /) -> bool: ...


REPLAY = web.AppKey("replay", Replay)

DOCUMENT = web.AppKey("document", bytes)
"""The OpenAPI document, as JSON."""
