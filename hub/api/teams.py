"""Teams: who shares which queue."""

from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.exchange import invalid, json_response, read_body
from hub.api.fields import TeamKey, Word
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from registry.ids import parse_id
from registry.operators import Role
from registry.teams import (
    TeamShown,
    add_team,
    archive_team,
    get_team,
    list_teams,
    rename_team,
    set_members,
)

OperatorIds = Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=1000)]


class NewTeam(Struct, forbid_unknown_fields=True, kw_only=True):
    """A team that is to be."""

    key: TeamKey
    name: Word
    members: OperatorIds = []


class TeamBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to change; what is absent stays."""

    name: Word | UnsetType = UNSET
    members: Annotated[
        OperatorIds | UnsetType, Meta(description="These operators, and nobody else.")
    ] = UNSET
    archived: Annotated[
        bool | UnsetType, Meta(description="Archived, it is offered to nobody any more.")
    ] = UNSET


class TeamList(Struct, frozen=True, kw_only=True):
    """Every team by name, those that are archived last."""

    items: list[TeamShown]


async def list_(request: web.Request) -> web.Response:
    """`GET teams`."""
    async with request.config_dict[DATABASE].read() as session:
        return json_response(TeamList(items=await list_teams(session)))


async def add(request: web.Request) -> web.Response:
    """`POST teams`."""
    body, by = await read_body(request, NewTeam), request[PRINCIPAL]
    members, now = _ids(body.members), request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        await add_team(session, body.key, body.name, by=by, now=now)
        await set_members(session, body.key, members, by=by, now=now)
        shown = await get_team(session, body.key)
    return json_response(shown, status=201)


async def change(request: web.Request) -> web.Response:
    """`PATCH teams/{key}`: everything asked for, or nothing."""
    key, by = request.match_info["key"], request[PRINCIPAL]
    body, now = await read_body(request, TeamBody), request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        if not isinstance(body.name, UnsetType):
            await rename_team(session, key, body.name, by=by, now=now)
        if not isinstance(body.members, UnsetType):
            await set_members(session, key, _ids(body.members), by=by, now=now)
        if not isinstance(body.archived, UnsetType):
            await archive_team(session, key, archived=body.archived, by=by, now=now)
        shown = await get_team(session, key)
    return json_response(shown)


def _ids(named: list[str]) -> list[int]:
    ids = []
    for text in named:
        id_ = parse_id(text)
        if id_ is None:
            raise invalid("members", f"there is no operator {text}.")
        ids.append(id_)
    return ids


ROUTES = (
    Route(
        method="GET",
        path="/teams",
        handler=list_,
        role=Role.OPERATOR,
        summary="Every team and its members.",
        returns=TeamList,
    ),
    Route(
        method="POST",
        path="/teams",
        handler=add,
        role=Role.ADMIN,
        summary="Make a team.",
        takes=NewTeam,
        status=201,
        returns=TeamShown,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="PATCH",
        path="/teams/{key}",
        handler=change,
        role=Role.ADMIN,
        summary="Rename a team, say who is in it, or archive it.",
        takes=TeamBody,
        returns=TeamShown,
        problems=(400, 404, 413, 415),
    ),
)
