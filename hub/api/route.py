"""One route of the API, as the server and the OpenAPI document read it."""

from dataclasses import dataclass
from typing import Literal

from aiohttp.typedefs import Handler
from msgspec import Struct

from registry.operators import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one address below /api/v1, as the server and the OpenAPI document read it."""

    method: str
    path: str
    handler: Handler
    role: Role
    """The least role that may call it."""
    summary: str
    status: int = 200
    """Of the answer when all is well."""
    returns: type[Struct] | None = None
    """None for what is no JSON shape of ours: a file, this document."""
    takes: type[Struct] | None = None
    """The body."""
    query: type[Struct] | None = None
    upload: bool = False
    """The body is a form with a file."""
    keyed: Literal["never", "if_given", "always"] = "never"
    """Whether it takes an Idempotency-Key, or needs one."""
    empty: bool = False
    """It may answer 204: there was nothing to be had."""
    undoable: bool = False
    """The header Undo of the answer holds the key by which the change is undone."""
    media: str = "application/json"
    """The type of an answer without a shape."""
    problems: tuple[int, ...] = ()
    """Beyond those that any route may answer."""
