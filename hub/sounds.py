"""What the telephone plays, under public addresses: the provider fetches it, and pages play it.

`/prompts/{name}.{language}.{version}.{mp3|wav}`: only lines that there are, and of each only the
sound that callers hear. There is nothing secret in it, so nothing is signed; an address of an old
version leads to the present sound, lest somebody on the line hears nothing.
"""

import asyncio
import re

from aiohttp import web

from hub.keys import DATABASE, MEDIA
from hub.problems import RETRY_AFTER_SECONDS
from hub.web.static import FOR_EVER
from registry.calls.delivered_sounds import MIME, delivered_sound, file_name, manifest
from registry.calls.prompts import PATH, Recording, load_prompts
from registry.errors import NotFound, Unavailable

_FILE = re.compile(r"([a-z][a-z0-9_]{0,31})\.([a-z]{2,3})\.([0-9a-z]{1,32})\.(?:mp3|wav)", re.ASCII)
_SAFE = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Accept-Ranges": "bytes",
}


def add_routes(app: web.Application) -> None:
    """Open the addresses."""
    app.router.add_get(f"{PATH}/{{file}}", serve)


async def serve(request: web.Request) -> web.Response:
    """`GET /prompts/{file}`, whole or the one range asked for."""
    named = _FILE.fullmatch(request.match_info["file"])
    if named is None:
        return _nothing()
    name, language, version = named.groups()
    try:
        recording = await _recording(request, name, language, version)
        if recording is None:
            return _nothing()
        content = await asyncio.to_thread(_content, request, name, language, recording)
    except NotFound:
        return _nothing()
    except Unavailable:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return web.Response(status=503, text="Come again in a moment.", headers=headers)
    lasting = FOR_EVER if recording.version == version else "no-cache"
    headers = {**_SAFE, "Cache-Control": lasting, "ETag": f'"{recording.version}"'}
    return _answer(request, content, recording.mime, headers)


async def _recording(
    request: web.Request, name: str, language: str, version: str
) -> Recording | None:
    """The sound that is meant; a delivered one is found without the database."""
    made = (await asyncio.to_thread(manifest)).get(file_name(name, language))
    if made is not None and made.version == version:
        return Recording(version=version, mime=MIME, path=None)
    async with request.app[DATABASE].read() as session:
        prompts = await load_prompts(session, public_url="")
    return prompts.recordings.get((name, language))


def _content(request: web.Request, name: str, language: str, recording: Recording) -> bytes:
    if recording.path is None:
        return delivered_sound(name, language)
    return request.app[MEDIA].read(recording.path)


def _answer(
    request: web.Request, content: bytes, mime: str, headers: dict[str, str]
) -> web.Response:
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    try:
        start, end, _ = request.http_range.indices(len(content))
    except ValueError:
        start, end = 0, len(content)  # no range that we know: the whole, says the RFC
    if start >= end:
        headers["Content-Range"] = f"bytes */{len(content)}"
        return web.Response(status=416, headers=headers)
    part = content[start:end]
    if len(part) == len(content):
        return web.Response(body=content, content_type=mime, headers=headers)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    return web.Response(status=206, body=part, content_type=mime, headers=headers)


def _nothing() -> web.Response:
    return web.Response(status=404, text="There is no such sound.")
