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


class Document(Protocol):
    """Tells the OpenAPI document, as JSON; made when somebody first asks for it."""

    def __call__(self) -> bytes: ...


REPLAY = web.AppKey("replay", Replay)

DOCUMENT = web.AppKey("document", Document)
