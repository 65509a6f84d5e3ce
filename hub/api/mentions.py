"""Mentions: what colleagues asked one to look at."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import json_response, read_body, read_query
from hub.api.fields import Number
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from registry.mentions import Mentions, list_mentions, see_mentions
from registry.operators import Role


class MentionQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """How many to show."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class SeenBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """The appeal that was looked at."""

    appeal: Number


class Seen(Struct, frozen=True, kw_only=True):
    """How many mentions were not seen until now."""

    seen: int


async def list_(request: web.Request) -> web.Response:
    """`GET mentions`."""
    asked = read_query(request, MentionQuery)
    async with request.config_dict[DATABASE].read() as session:
        found = await list_mentions(session, by=request[PRINCIPAL], limit=asked.limit)
    return json_response(found)


async def see(request: web.Request) -> web.Response:
    """`POST mentions/seen`."""
    body = await read_body(request, SeenBody)
    async with request.config_dict[DATABASE].write() as session:
        seen = await see_mentions(
            session, body.appeal, by=request[PRINCIPAL], now=request.config_dict[CLOCK]()
        )
    return json_response(Seen(seen=seen))


ROUTES = (
    Route(
        method="GET",
        path="/mentions",
        handler=list_,
        role=Role.OPERATOR,
        summary="Notes in which colleagues ask one to look, those not seen first.",
        query=MentionQuery,
        returns=Mentions,
        problems=(400,),
    ),
    Route(
        method="POST",
        path="/mentions/seen",
        handler=see,
        role=Role.OPERATOR,
        summary="Say that one has looked at an appeal.",
        takes=SeenBody,
        returns=Seen,
        problems=(400, 404, 413, 415),
    ),
)
