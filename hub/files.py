"""Files under public addresses that end within the hour: for providers that fetch what we send.

`/files/{attachment}/{until}/{signature}/{name}`: whoever has such an address may read this one file
until then, and learns nothing else from it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from aiohttp import web
from pydantic import SecretStr

from connectors.kit.signatures import same
from hub.api.attachments import serve
from hub.keys import CLOCK, SETTINGS
from hub.problems import RETRY_AFTER_SECONDS, Problem
from registry.errors import NotFound, Unavailable
from registry.sealing import signature
from registry.types import Clock

LIFE = timedelta(hours=1)
_PURPOSE = "file links"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_EXTENSION = re.compile(r"(?:\.[A-Za-z0-9]{1,8})?\Z")


def add_routes(app: web.Application) -> None:
    """Open the addresses."""
    app.router.add_get("/files/{id:\\d{1,19}}/{until:\\d{1,12}}/{signature}/{name}", fetch)


def links(public_url: str, secret: SecretStr, clock: Clock) -> Callable[[int, str], str]:
    """What makes the address of a file, by its attachment's id and its name."""

    def link(id_: int, name: str) -> str:
        until = int((clock() + LIFE).timestamp())
        signed = signature(secret, _PURPOSE, f"{id_}:{until}")
        # Providers stumble over other letters in an address, however they are written.
        plain = name if _PLAIN.fullmatch(name) else f"file-{id_}{_extension(name)}"
        return f"{public_url}/files/{id_}/{until}/{signed}/{plain}"

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
    except NotFound as error:
        raise web.HTTPNotFound(text="There is no such file.") from error
    except Unavailable:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return web.Response(status=503, text="Come again in a moment.", headers=headers)
    except Problem as problem:
        return web.Response(status=problem.status, text=problem.detail, headers=problem.headers)


def _extension(name: str) -> str:
    found = _EXTENSION.search(name)
    return found[0] if found else ""
