"""Uploads: a file comes in before the reply that carries it, or is removed again."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from hub.api.exchange import attachment_url, id_of, invalid, json_response, nothing
from hub.api.keys import PRINCIPAL
from hub.keys import CLOCK, DATABASE, MEDIA, SETTINGS
from hub.problems import Problem
from registry.errors import RegistryError
from registry.media import CHUNK_BYTES, Stored, TooLarge, refine
from registry.models import Attachment
from registry.types import AttachmentKind
from registry.uploads import forget_removed, remove_upload, shown

FIELD = "file"

IDLE_SECONDS = 60.0
"""How long an upload may stand still."""

_SLACK_BYTES = 64 * 1024
"""What a multipart body may hold besides the file."""
_MAX_FIELDS = 16


async def upload(request: web.Request) -> web.Response:
    """`POST uploads`: multipart/form-data, streamed, with the file in the field `file`."""
    media, database = request.config_dict[MEDIA], request.config_dict[DATABASE]
    name, stored = await store_file(request, limit=request.config_dict[SETTINGS].media.max_bytes)
    row = _row(name, stored, request)
    try:
        async with database.write() as session:
            session.add(row)
    except RegistryError:
        await media.delete(stored.path)
        raise
    answer = shown(row)
    return json_response(answer, status=201, headers={"Location": attachment_url(answer.id)})


async def store_file(request: web.Request, *, limit: int) -> tuple[str, Stored]:
    """The form's file, its name cleaned, and where it lies in the media store by now.

    Raises: Problem (400, 408, 415), TooLarge past `limit` bytes, Unavailable.
    """
    if request.content_type != "multipart/form-data":
        raise Problem(
            415,
            "unsupported_media_type",
            f"The body is {request.content_type}; send multipart/form-data.",
            headers={"Accept": "multipart/form-data"},
        )
    if request.content_length is not None and request.content_length > limit + _SLACK_BYTES:
        raise TooLarge(limit)
    async with _reading():
        reader = await request.multipart()
    part = await _file(reader)
    name = _clean_name(part.filename)
    return name, await request.config_dict[MEDIA].put(_chunks(part, reader), max_bytes=limit)


async def remove(request: web.Request) -> web.Response:
    """`DELETE uploads/{id}`: one's own, that no message carries."""
    media, database = request.config_dict[MEDIA], request.config_dict[DATABASE]
    async with database.write() as session:
        removed = await remove_upload(session, id_of(request, "upload"), by=request[PRINCIPAL])
    # Whatever stops us here: it is marked, and the schedule finishes what is.
    await media.delete(removed.path)
    async with database.write() as session:
        await forget_removed(session, [removed.id])
    return nothing()


async def _file(reader: MultipartReader) -> BodyPartReader:
    for _ in range(_MAX_FIELDS):
        async with _reading():
            part = await reader.next()
        if part is None:
            break
        if isinstance(part, BodyPartReader) and part.name == FIELD:
            return part
    raise invalid(FIELD, "the form has no such field; send the file in it.")


async def _chunks(part: BodyPartReader, reader: MultipartReader) -> AsyncIterator[bytes]:
    """The file; it is whole only if the form goes on, or ends, as a form does after it."""
    while True:
        async with _reading():
            chunk = await part.read_chunk(CHUNK_BYTES)
        if not chunk:
            break
        yield chunk
    async with _reading():
        await reader.next()


@asynccontextmanager
async def _reading() -> AsyncIterator[None]:
    """One step of reading the form. Raises: Problem (400, 408)."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            yield
    except TimeoutError as error:
        raise Problem(408, "too_slow", "The upload stood still; send it again.") from error
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
        # All of them are how aiohttp says that a form is broken.
        raise Problem(400, "malformed", "The body is no form that can be read.") from error


def _row(name: str, stored: Stored, request: web.Request) -> Attachment:
    mime = refine(stored.mime, name)
    return Attachment(
        kind=_kind(mime).value,
        name=name,
        mime=mime,
        size=stored.size,
        state="ready",
        path=stored.path,
        sha256=stored.sha256,
        uploaded_by=request[PRINCIPAL].actor,
        created_at=request.config_dict[CLOCK](),
    )


_PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What channels carry as a photo; any other picture goes as a document."""


def _kind(mime: str) -> AttachmentKind:
    if mime in _PHOTOS:
        return AttachmentKind.PHOTO
    family = mime.partition("/")[0]
    if family == "video":
        return AttachmentKind.VIDEO
    return AttachmentKind.AUDIO if family == "audio" else AttachmentKind.DOCUMENT


_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f"<>|:*?]')
_MAX_NAME = 200


def _clean_name(name: str | None) -> str:
    """The last part of the name, without what a file system or a header could stumble over.

    Browsers percent-encode a few characters of a name in a form, and some libraries most of them.
    Source: https://html.spec.whatwg.org/#multipart-form-data
    """
    last = unquote(name or "").replace("\\", "/").rpartition("/")[2]
    cleaned = _FORBIDDEN.sub("", last.encode("utf-8", "ignore").decode()).strip(" .")
    if len(cleaned) > _MAX_NAME:
        stem, dot, ending = cleaned.rpartition(".")
        cleaned = f"{stem[: _MAX_NAME - 20]}{dot}{ending[:19]}"
    return cleaned or FIELD
