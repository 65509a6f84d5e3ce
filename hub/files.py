"""Files under public addresses that end within the hour: for providers that fetch what we send.

`/files/{attachment}/{until}/{signature}/{name}`: whoever has such an address may read this one file
until then, and learns nothing else from it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from aiohttp import web
from pydantic import SecretStr

from connectors.kit.signatures import same
from hub.api.attachments import serve
from hub.keys import CLOCK, SETTINGS
from hub.problems import Problem
from registry.sealing import signature
from registry.types import Clock

LIFE = timedelta(hours=1)
_PURPOSE = "file links"


def add_routes(app: web.Application) -> None:
    """Open the addresses."""
    app.router.add_get("/files/{id:\\d{1,19}}/{until:\\d{1,12}}/{signature}/{name}", fetch)


def links(public_url: str, secret: SecretStr, clock: Clock) -> Callable[[int, str], str]:
    """What makes the address of a file, by its attachment's id and its name."""

    def link(id_: int, name: str) -> str:
        until = int((clock() + LIFE).timestamp())
        signed = signature(secret, _PURPOSE, f"{id_}:{until}")
        return f"{public_url}/files/{id_}/{until}/{signed}/{quote(name, safe='')}"

    return link


async def fetch(request: web.Request) -> web.StreamResponse:
    """Serve the file to whoever shows an address that we made, in time."""
    match, settings = request.match_info, request.app[SETTINGS]
    expected = signature(settings.secret_key, _PURPOSE, f"{match['id']}:{match['until']}")
    if not same(match["signature"], expected):
        raise web.HTTPNotFound(text="There is no such file.")
    if request.app[CLOCK]() > datetime.fromtimestamp(int(match["until"]), UTC):
        raise web.HTTPGone(text="This address has run out.")
    try:
        return await serve(request, int(match["id"]))
    except Problem as problem:
        raise web.HTTPNotFound(text=problem.detail) from problem
