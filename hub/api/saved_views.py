"""Saved views: the list's filters and order by a name."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.exchange import PREFIX, id_of, json_response, nothing, read_body
from hub.api.fields import Word
from hub.api.keys import PRINCIPAL
from hub.api.listing import AppealQuery, query_of
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from hub.problems import Problem
from registry.operators import Principal, Role
from registry.saved_views import (
    SavedView,
    Wanted,
    add_saved_view,
    change_saved_view,
    delete_saved_view,
    get_saved_view,
    list_saved_views,
)

FILTERS = frozenset(AppealQuery.__struct_fields__) - {"cursor", "limit"}
"""What a view keeps: all that narrows the list or orders it, and not a page of it."""

_Query = Annotated[
    dict[str, Annotated[str, Meta(min_length=1, max_length=200)]],
    Meta(
        min_length=1,
        max_length=20,
        description="Of GET appeals: " + ", ".join(sorted(FILTERS)) + ".",
    ),
]
_Position = Annotated[int, Meta(ge=0, le=1_000_000)]


class SavedViewBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Filters and an order by a name."""

    name: Word
    query: _Query
    shared: Annotated[bool, Meta(description="For everybody: a supervisor's right.")] = False
    position: _Position | UnsetType = UNSET


class SavedViewChange(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to become of a view; a field that is absent stays as it is."""

    name: Word | UnsetType = UNSET
    query: _Query | UnsetType = UNSET
    position: _Position | UnsetType = UNSET


class SavedViews(Struct, frozen=True, kw_only=True):
    """The caller's own and everybody's, in their order."""

    items: list[SavedView]


async def list_(request: web.Request) -> web.Response:
    """`GET saved-views`."""
    async with request.config_dict[DATABASE].read() as session:
        found = await list_saved_views(session, by=request[PRINCIPAL])
    return json_response(SavedViews(items=found))


async def add(request: web.Request) -> web.Response:
    """`POST saved-views`."""
    principal = request[PRINCIPAL]
    body = await read_body(request, SavedViewBody)
    _check(body.query, principal)
    async with request.config_dict[DATABASE].write() as session:
        view_id = await add_saved_view(
            session,
            Wanted(name=body.name, query=body.query, position=body.position),
            shared=body.shared,
            by=principal,
            now=request.config_dict[CLOCK](),
        )
        shown = await get_saved_view(session, view_id, by=principal)
    location = {"Location": f"{PREFIX}/saved-views/{view_id}"}
    return json_response(shown, status=201, headers=location)


async def change(request: web.Request) -> web.Response:
    """`PATCH saved-views/{id}`."""
    view_id, principal = id_of(request, "saved view"), request[PRINCIPAL]
    body = await read_body(request, SavedViewChange)
    if not isinstance(body.query, UnsetType):
        _check(body.query, principal)
    async with request.config_dict[DATABASE].write() as session:
        await change_saved_view(
            session,
            view_id,
            Wanted(name=body.name, query=body.query, position=body.position),
            by=principal,
            now=request.config_dict[CLOCK](),
        )
        shown = await get_saved_view(session, view_id, by=principal)
    return json_response(shown)


async def delete(request: web.Request) -> web.Response:
    """`DELETE saved-views/{id}`."""
    view_id = id_of(request, "saved view")
    async with request.config_dict[DATABASE].write() as session:
        await delete_saved_view(
            session, view_id, by=request[PRINCIPAL], now=request.config_dict[CLOCK]()
        )
    return nothing()


def _check(query: Mapping[str, str], principal: Principal) -> None:
    """Whether the list takes it. Raises: Problem (400)."""
    for name in query.keys() - FILTERS:
        known = ", ".join(sorted(FILTERS))
        raise _refused(name, f"The list has no filter {name}; it has {known}.")
    try:
        query_of(msgspec.convert(dict(query), AppealQuery, strict=False), principal)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].rstrip("`")
        raise _refused(name, f"{str(error).partition(' - at ')[0]}.") from error
    except Problem as problem:
        raise _refused(str(problem.members.get("pointer", ""))[1:], problem.detail) from problem


def _refused(name: str, detail: str) -> Problem:
    return Problem(400, "invalid", detail, pointer=f"/query/{name}")


ROUTES = (
    Route(
        method="GET",
        path="/saved-views",
        handler=list_,
        role=Role.OPERATOR,
        summary="One's own views of the list, and everybody's.",
        returns=SavedViews,
    ),
    Route(
        method="POST",
        path="/saved-views",
        handler=add,
        role=Role.OPERATOR,
        summary="Save filters and an order by a name.",
        takes=SavedViewBody,
        status=201,
        returns=SavedView,
        problems=(400, 403, 413, 415),
    ),
    Route(
        method="PATCH",
        path="/saved-views/{id}",
        handler=change,
        role=Role.OPERATOR,
        summary="Change a view: one's own, or everybody's as a supervisor.",
        takes=SavedViewChange,
        returns=SavedView,
        problems=(400, 403, 404, 413, 415),
    ),
    Route(
        method="DELETE",
        path="/saved-views/{id}",
        handler=delete,
        role=Role.OPERATOR,
        summary="Remove a view: one's own, or everybody's as a supervisor.",
        status=204,
        problems=(403, 404),
    ),
)
