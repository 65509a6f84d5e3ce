"""Drafts: what an operator was writing, saved as they type."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import json_response, nothing, number_of, read_body
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from registry.drafts import (
    Draft,
    DraftContent,
    DraftLine,
    drop_draft,
    get_draft,
    list_drafts,
    save_draft,
)
from registry.operators import Role


class DraftBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What the composer holds now."""

    content: DraftContent
    version: Annotated[
        Annotated[int, Meta(ge=0, le=2**63 - 1)] | None,
        Meta(description="Of the draft that this goes on from; null where there was none."),
    ] = None


class DraftFound(Struct, frozen=True, kw_only=True):
    """The caller's draft in an appeal."""

    draft: Draft | None
    """None where they are writing nothing."""


class Drafts(Struct, frozen=True, kw_only=True):
    """The caller's drafts, the latest first."""

    items: list[DraftLine]


async def list_(request: web.Request) -> web.Response:
    """`GET drafts`."""
    async with request.config_dict[DATABASE].read() as session:
        found = await list_drafts(session, by=request[PRINCIPAL])
    return json_response(Drafts(items=found))


async def get(request: web.Request) -> web.Response:
    """`GET appeals/{number}/draft`."""
    async with request.config_dict[DATABASE].read() as session:
        found = await get_draft(session, number_of(request), by=request[PRINCIPAL])
    return json_response(DraftFound(draft=found))


async def save(request: web.Request) -> web.Response:
    """`PUT appeals/{number}/draft`."""
    number = number_of(request)
    body = await read_body(request, DraftBody)
    async with request.config_dict[DATABASE].write() as session:
        saved = await save_draft(
            session,
            number,
            body.content,
            version=body.version,
            by=request[PRINCIPAL],
            now=request.config_dict[CLOCK](),
        )
    return json_response(saved)


async def drop(request: web.Request) -> web.Response:
    """`DELETE appeals/{number}/draft`."""
    async with request.config_dict[DATABASE].write() as session:
        await drop_draft(session, number_of(request), by=request[PRINCIPAL])
    return nothing()


ROUTES = (
    Route(
        method="GET",
        path="/drafts",
        handler=list_,
        role=Role.OPERATOR,
        summary="In which appeals one was writing something.",
        returns=Drafts,
        problems=(403,),
    ),
    Route(
        method="GET",
        path="/appeals/{number}/draft",
        handler=get,
        role=Role.OPERATOR,
        summary="What one was writing in an appeal.",
        returns=DraftFound,
        problems=(404,),
    ),
    Route(
        method="PUT",
        path="/appeals/{number}/draft",
        handler=save,
        role=Role.OPERATOR,
        summary="Save what one is writing, over the version that one goes on from.",
        takes=DraftBody,
        returns=Draft,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="DELETE",
        path="/appeals/{number}/draft",
        handler=drop,
        role=Role.OPERATOR,
        summary="Discard what one was writing.",
        status=204,
        problems=(404,),
    ),
)
