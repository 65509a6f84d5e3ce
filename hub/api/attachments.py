"""Attachments: files served so that nothing a stranger sent can run in a colleague's browser.

Only pictures, sound and films whose own first bytes say so are shown in place; everything else,
HTML and SVG above all, can only be saved. Each answer forbids scripts and guessing as well.
"""

import re
from typing import NamedTuple
from urllib.parse import quote

import structlog
from aiohttp import web
from msgspec import Struct
from sqlalchemy import or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import thumbnails
from hub.api.exchange import id_of, read_query
from hub.api.keys import PRINCIPAL
from hub.keys import DATABASE, MEDIA
from hub.problems import Problem
from hub.web.noting import note_heard, note_taken
from registry.access import message_visible_to
from registry.calls.matters import appeal_id_of
from registry.calls.recording import may_hear
from registry.calls.tables import Call
from registry.errors import NotFound, RegistryError
from registry.models import Attachment, Message
from registry.operators import Principal

log = structlog.get_logger(__name__)

SHOWN_IN_PLACE = frozenset({
    "image/jpeg", "image/png", "image/gif", "image/webp", "image/avif",
    "audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/wav", "audio/flac",
    "video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/3gpp",
})  # fmt: skip
"""Types no browser runs anything from."""

_SAFE = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=86400",
    "Accept-Ranges": "bytes",
}


class _Span(NamedTuple):
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


class FileQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """What `GET attachments/{id}` may be asked."""

    thumbnail: bool = False
    """A picture as WebP of at most 640 pixels, without what its camera wrote into it."""


async def download(request: web.Request) -> web.StreamResponse:
    """`GET attachments/{id}`, whole or the one range asked for, or a picture made small."""
    id_, asked = id_of(request, "attachment"), read_query(request, FileQuery)
    async with request.config_dict[DATABASE].read() as session:
        file, appeal_id = await _visible(session, id_, request[PRINCIPAL])
        call_id = file.call_id
        if call_id is not None:
            appeal_id = await _recorded(session, call_id, request[PRINCIPAL])
    if call_id is not None and file.state == "ready":
        await note_heard(request, appeal_id, {"attachment": str(id_), "call": str(call_id)})
    elif file.state == "ready" and not asked.thumbnail:
        await note_taken(request, appeal_id, {"attachment": str(id_), "name": file.name or ""})
    return await _send(request, file, thumbnail=asked.thumbnail)


async def _recorded(session: AsyncSession, call_id: int, by: Principal) -> int | None:
    """The appeal of a recorded call, for those who may hear it. Raises: Problem (403)."""
    if not await may_hear(session, call_id, by):
        raise Problem(
            403,
            "not_to_be_heard",
            "Recordings are heard by supervisors and by whoever was on the line.",
        )
    return await appeal_id_of(session, await session.get_one(Call, call_id))


async def serve(request: web.Request, id_: int) -> web.StreamResponse:
    """The file of an attachment, whoever asks. Raises: NotFound, Problem."""
    async with request.config_dict[DATABASE].read() as session:
        file = await session.get(Attachment, id_)
    if file is None or file.call_id is not None:  # no provider is sent what was said on the phone
        raise NotFound("attachment", id_)
    return await _send(request, file)


async def _visible(
    session: AsyncSession, id_: int, viewer: Principal
) -> tuple[Attachment, int | None]:
    """The file, if the viewer may see its appeal, or brought it in; and the appeal's id.

    Raises: NotFound.
    """
    found = await session.exec(
        select(Attachment, Message.appeal_id)
        .outerjoin(Message, col(Message.id) == col(Attachment.message_id))
        .where(
            col(Attachment.id) == id_,
            or_(col(Message.id).is_(None), message_visible_to(viewer)),
        )
    )
    row = found.one_or_none()
    file, appeal_id = (None, None) if row is None else row
    waits = file is not None and file.message_id is None and viewer.teams is not None
    if file is None or (waits and file.uploaded_by not in {None, viewer.actor}):
        raise NotFound("attachment", id_)
    return file, appeal_id


async def _send(
    request: web.Request, file: Attachment, *, thumbnail: bool = False
) -> web.StreamResponse:
    path, etag = _path(file), f'"{file.sha256 or file.id}"'
    media = request.config_dict[MEDIA]
    try:
        about = await media.glance(path)
        if thumbnail:
            path, etag = await thumbnails.thumbnail(media, path, about), f'{etag[:-1]}-small"'
            about = await media.glance(path)
    except NotFound as error:
        raise Problem(404, "attachment_lost", "The file is gone from the media store.") from error
    headers = {
        **_SAFE,
        "ETag": etag,
        "Content-Type": about.mime,
        "Content-Disposition": _disposition(file, about.mime),
    }
    if file.call_id is not None:
        headers["Cache-Control"] = "no-store"  # each listening is asked for, and noted
    if etag in _listed(request.headers.get("If-None-Match", "")):
        return web.Response(status=304, headers=headers)
    span = _span(request, about.size, etag)
    response = web.StreamResponse(status=200 if span is None else 206, headers=headers)
    start, end = span or _Span(0, about.size)
    if span is not None:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{about.size}"
    response.content_length = end - start
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        async for chunk in media.stream(path, start=start, end=end):
            await response.write(chunk)
    except RegistryError:
        # The answer has begun: cutting it short is the only way left to say that it is not whole.
        log.exception("a file broke off", attachment=file.id)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def _path(file: Attachment) -> str:
    if file.state == "ready" and file.path is not None:
        return file.path
    reason = (file.error or "the provider did not give it").rstrip(".")
    detail = {
        "pending": "The file has not been fetched from the provider yet; try again soon.",
        "failed": f"The file could not be fetched: {reason}.",
    }.get(file.state, f"A {file.kind} is no file.")
    raise Problem(404, f"attachment_{file.state}", detail)


def _disposition(file: Attachment, mime: str) -> str:
    """RFC 6266. The name is percent-encoded whole, so that nothing in it is a header's syntax."""
    manner = "inline" if mime in SHOWN_IN_PLACE else "attachment"
    name = quote(file.name or f"{file.kind}-{file.id}", safe="", errors="replace")
    return f"{manner}; filename*=UTF-8''{name}"


_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def _span(request: web.Request, size: int, etag: str) -> _Span | None:
    """The one range asked for, or None for the whole; several ranges are answered by the whole.

    Raises: Problem (416). Source: https://www.rfc-editor.org/rfc/rfc9110#section-14
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if asked is None or asked[0] == "bytes=-":
        return None
    if request.headers.get("If-Range", etag) != etag:
        return None
    first, last = asked[1], asked[2]
    if first:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return None  # no range at all, says the RFC, so it is ignored
    else:
        start, end = max(size - int(last), 0), size
    if start >= end:
        raise Problem(
            416,
            "range_not_satisfiable",
            f"The file has {size} bytes; the range lies outside of it.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return _Span(start, end)


def _listed(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
