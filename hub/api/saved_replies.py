"""Saved replies: what may be put into a reply, filled in for an appeal, and kept by supervisors."""

from typing import Annotated
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.exchange import PREFIX, id_of, json_response, nothing, read_body, read_query
from hub.api.fields import Number, Word
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE, SETTINGS
from registry.operators import Role
from registry.saved_replies import (
    MAX_BODY,
    Filled,
    SavedReply,
    Wanted,
    add_saved_reply,
    change_saved_reply,
    delete_saved_reply,
    fill_in,
    get_saved_reply,
    list_saved_replies,
)

_Bodies = Annotated[
    dict[str, Annotated[str, Meta(max_length=MAX_BODY)]],
    Meta(
        max_length=10,
        description='By language ("ru", "kk", "en"); {name}, {number}, {deadline} and {operator} '
        "are filled in.",
    ),
]


class SavedReplyQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """For which appeal saved replies are wanted."""

    appeal: Annotated[
        Number | UnsetType, Meta(description="Their texts are filled in for this one.")
    ] = UNSET


class SavedReplyBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A text that is written often."""

    name: Word
    bodies: _Bodies
    team: Word | None = None


class SavedReplyChange(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to become of a saved reply; a field that is absent stays as it is."""

    name: Word | UnsetType = UNSET
    bodies: _Bodies | UnsetType = UNSET
    team: Word | UnsetType | None = UNSET


class OfferedReply(SavedReply, frozen=True, kw_only=True):
    """A saved reply, as it was written and as it reads in the appeal."""

    filled: Filled | None
    """None where no appeal was named."""


class SavedReplies(Struct, frozen=True, kw_only=True):
    """Everybody's and those of the caller's teams, by their names."""

    items: list[OfferedReply]


async def list_(request: web.Request) -> web.Response:
    """`GET saved-replies`."""
    principal = request[PRINCIPAL]
    asked = read_query(request, SavedReplyQuery)
    zone = ZoneInfo(request.config_dict[SETTINGS].timezone)
    async with request.config_dict[DATABASE].read() as session:
        found = await list_saved_replies(session, by=principal)
        filled: list[Filled | None] = [None] * len(found)
        if not isinstance(asked.appeal, UnsetType):
            filled = [*await fill_in(session, asked.appeal, found, by=principal, zone=zone)]
    items = [_offered(*pair) for pair in zip(found, filled, strict=True)]
    return json_response(SavedReplies(items=items))


async def add(request: web.Request) -> web.Response:
    """`POST saved-replies`."""
    body = await read_body(request, SavedReplyBody)
    async with request.config_dict[DATABASE].write() as session:
        reply_id = await add_saved_reply(
            session,
            Wanted(name=body.name, bodies=body.bodies, team=body.team),
            by=request[PRINCIPAL],
            now=request.config_dict[CLOCK](),
        )
        shown = await get_saved_reply(session, reply_id)
    location = {"Location": f"{PREFIX}/saved-replies/{reply_id}"}
    return json_response(shown, status=201, headers=location)


async def change(request: web.Request) -> web.Response:
    """`PATCH saved-replies/{id}`."""
    reply_id = id_of(request, "saved reply")
    body = await read_body(request, SavedReplyChange)
    async with request.config_dict[DATABASE].write() as session:
        await change_saved_reply(
            session,
            reply_id,
            Wanted(name=body.name, bodies=body.bodies, team=body.team),
            by=request[PRINCIPAL],
            now=request.config_dict[CLOCK](),
        )
        shown = await get_saved_reply(session, reply_id)
    return json_response(shown)


async def delete(request: web.Request) -> web.Response:
    """`DELETE saved-replies/{id}`."""
    reply_id = id_of(request, "saved reply")
    async with request.config_dict[DATABASE].write() as session:
        await delete_saved_reply(
            session, reply_id, by=request[PRINCIPAL], now=request.config_dict[CLOCK]()
        )
    return nothing()


def _offered(reply: SavedReply, filled: Filled | None) -> OfferedReply:
    fields = {name: getattr(reply, name) for name in SavedReply.__struct_fields__}
    return OfferedReply(**fields, filled=filled)


ROUTES = (
    Route(
        method="GET",
        path="/saved-replies",
        handler=list_,
        role=Role.OPERATOR,
        summary="Texts that are written often, filled in for an appeal.",
        query=SavedReplyQuery,
        returns=SavedReplies,
        problems=(400, 404),
    ),
    Route(
        method="POST",
        path="/saved-replies",
        handler=add,
        role=Role.SUPERVISOR,
        summary="Save a text, for everybody or for a team.",
        takes=SavedReplyBody,
        status=201,
        returns=SavedReply,
        problems=(400, 409, 413, 415),
    ),
    Route(
        method="PATCH",
        path="/saved-replies/{id}",
        handler=change,
        role=Role.SUPERVISOR,
        summary="Write a saved text anew.",
        takes=SavedReplyChange,
        returns=SavedReply,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="DELETE",
        path="/saved-replies/{id}",
        handler=delete,
        role=Role.SUPERVISOR,
        summary="Offer a saved text no more.",
        status=204,
        problems=(404,),
    ),
)
