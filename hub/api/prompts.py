"""The telephone's lines: what they say in each language, and the files that say it."""

import asyncio
from typing import Annotated

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import json_response, read_body
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.api.uploads import store_file
from hub.keys import CLOCK, DATABASE, MEDIA
from registry.calls.prompt_changes import (
    MAX_BYTES,
    MAX_MUSIC_SECONDS,
    MAX_SECONDS,
    PromptList,
    PromptShown,
    RecordingGiven,
    change_words,
    get_prompt,
    list_prompts,
    remove_sound,
    restore,
    store_sound,
)
from registry.calls.prompt_words import MUSIC
from registry.calls.sound_length import SoundTooLong, seconds_of
from registry.errors import RegistryError, Unavailable
from registry.media import MediaStore, Stored
from registry.operators import Role

log = structlog.get_logger(__name__)


class PromptBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a line is to say."""

    text: Annotated[str, Meta(min_length=1, max_length=1000)]


async def list_(request: web.Request) -> web.Response:
    """`GET telephone/prompts`."""
    async with request.config_dict[DATABASE].read() as session:
        return json_response(await list_prompts(session))


async def put(request: web.Request) -> web.Response:
    """`PUT telephone/prompts/{prompt}/{language}`."""
    name, language = _named(request)
    body = await read_body(request, PromptBody)
    actor, now = request[PRINCIPAL].actor, request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        gone = await change_words(session, name, language, body.text, actor=actor, now=now)
    return await _changed(request, gone)


async def remove(request: web.Request) -> web.Response:
    """`DELETE telephone/prompts/{prompt}/{language}`: answers the line as it was delivered."""
    name, language = _named(request)
    actor, now = request[PRINCIPAL].actor, request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        gone = await restore(session, name, language, actor=actor, now=now)
    return await _changed(request, gone)


async def put_sound(request: web.Request) -> web.Response:
    """`PUT telephone/prompts/{prompt}/{language}/sound`: a form with the field `file`."""
    name, language = _named(request)
    database, media = request.config_dict[DATABASE], request.config_dict[MEDIA]
    async with database.read() as session:
        await get_prompt(session, name, language)  # before a file comes in for nothing
    _, stored = await store_file(request, limit=MAX_BYTES)
    actor, now = request[PRINCIPAL].actor, request.config_dict[CLOCK]()
    limit = MAX_MUSIC_SECONDS if name == MUSIC else MAX_SECONDS
    try:
        given = await asyncio.to_thread(_listened_to, media, stored, limit=limit)
        async with database.write() as session:
            gone = await store_sound(session, name, language, given, actor=actor, now=now)
    except RegistryError:
        await media.delete(stored.path)
        raise
    return await _changed(request, gone)


async def remove_sound_(request: web.Request) -> web.Response:
    """`DELETE telephone/prompts/{prompt}/{language}/sound`: the words stay."""
    name, language = _named(request)
    actor, now = request[PRINCIPAL].actor, request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        gone = await remove_sound(session, name, language, actor=actor, now=now)
    return await _changed(request, gone)


def _named(request: web.Request) -> tuple[str, str]:
    return request.match_info["prompt"], request.match_info["language"]


def _listened_to(media: MediaStore, stored: Stored, *, limit: int) -> RecordingGiven:
    """The file, if it can be played and is short enough. Raises: NotASound, SoundTooLong."""
    seconds = seconds_of(media.read(stored.path), stored.mime)
    if seconds > limit:
        raise SoundTooLong(seconds, limit)
    return RecordingGiven(path=stored.path, mime=stored.mime, version=stored.sha256[:16])


async def _changed(request: web.Request, gone: str | None) -> web.Response:
    """The line as it is now; the file that nobody plays any more goes."""
    name, language = _named(request)
    log.info("line changed", prompt=name, language=language, actor=request[PRINCIPAL].actor)
    async with request.config_dict[DATABASE].read() as session:
        shown = await get_prompt(session, name, language)
    if gone is not None:
        try:
            await request.config_dict[MEDIA].delete(gone)
        except Unavailable as error:
            log.warning("a replaced sound is left in the store", path=gone, reason=str(error))
    return json_response(shown)


_LINE = "/telephone/prompts/{prompt}/{language}"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/telephone/prompts",
        handler=list_,
        role=Role.ADMIN,
        summary="Everything that the telephone says, as it is heard.",
        returns=PromptList,
    ),
    Route(
        method="PUT",
        path=_LINE,
        handler=put,
        role=Role.ADMIN,
        summary="Let a line say something else; a file uploaded for the old words goes.",
        takes=PromptBody,
        returns=PromptShown,
        problems=(400, 404, 413, 415),
    ),
    Route(
        method="DELETE",
        path=_LINE,
        handler=remove,
        role=Role.ADMIN,
        summary="Let a line be as it was delivered.",
        returns=PromptShown,
        problems=(404,),
    ),
    Route(
        method="PUT",
        path=f"{_LINE}/sound",
        handler=put_sound,
        role=Role.ADMIN,
        summary="Let an MP3 or WAV file say a line; the music has the language `any`.",
        upload=True,
        returns=PromptShown,
        problems=(400, 404, 408, 413, 415),
    ),
    Route(
        method="DELETE",
        path=f"{_LINE}/sound",
        handler=remove_sound_,
        role=Role.ADMIN,
        summary="Remove the uploaded file of a line; its words stay.",
        returns=PromptShown,
        problems=(404,),
    ),
)
