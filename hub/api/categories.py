"""Categories: what appeals are about, with their terms; edited by administrators."""

import re
from typing import Annotated

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import PREFIX, invalid, json_response, read_body, read_query
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE, OFFICE
from hub.problems import Problem
from registry.categories import (
    CODE,
    CategoryChange,
    CategoryGiven,
    CategoryShown,
    add_category,
    change_category,
    list_categories,
    put_category,
)
from registry.office import get_setting
from registry.office_shapes import Departments, Place
from registry.operators import Role, Taken

log = structlog.get_logger(__name__)

_CODE = re.compile(CODE, re.ASCII)


class CategoryQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """What `GET categories` may be asked."""

    retired: Annotated[bool, Meta(description="With those that are no longer in use.")] = False


class Categories(Struct, frozen=True, kw_only=True):
    """The categories in their order, each group before its own, and who answers for them."""

    items: list[CategoryShown]
    departments: list[Place]


class CategoryBody(CategoryGiven, frozen=True, kw_only=True):
    """A new category."""

    code: Annotated[
        str, Meta(pattern=CODE, description='Such as "roads.pothole"; a group has no dot.')
    ]


async def list_(request: web.Request) -> web.Response:
    """`GET categories`."""
    asked = read_query(request, CategoryQuery)
    async with request.config_dict[DATABASE].read() as session:
        items = await list_categories(session, retired=asked.retired)
        departments = await get_setting(session, Departments)
    return json_response(Categories(items=items, departments=list(departments.items)))


async def add(request: web.Request) -> web.Response:
    """`POST categories`."""
    body = await read_body(request, CategoryBody)
    given = CategoryGiven(**{name: getattr(body, name) for name in CategoryGiven.__struct_fields__})
    async with request.config_dict[DATABASE].write() as session:
        try:
            shown = await add_category(
                session,
                body.code,
                given,
                actor=request[PRINCIPAL].actor,
                now=request.config_dict[CLOCK](),
            )
        except Taken as error:
            raise Problem(409, "taken", str(error)) from error
    await _tell(request, shown)
    location = {"Location": f"{PREFIX}/categories/{shown.code}"}
    return json_response(shown, status=201, headers=location)


async def put(request: web.Request) -> web.Response:
    """`PUT categories/{code}`: what the body leaves out is as in a new one."""
    code = request.match_info["code"]
    if not _CODE.fullmatch(code):
        raise invalid("code", f"{code!r} can be no category; write it as roads.pothole.")
    body = await read_body(request, CategoryGiven)
    async with request.config_dict[DATABASE].write() as session:
        shown = await put_category(
            session,
            code,
            body,
            actor=request[PRINCIPAL].actor,
            now=request.config_dict[CLOCK](),
        )
    await _tell(request, shown)
    return json_response(shown)


async def change(request: web.Request) -> web.Response:
    """`PATCH categories/{code}`: what the body leaves out stays."""
    body = await read_body(request, CategoryChange)
    async with request.config_dict[DATABASE].write() as session:
        shown = await change_category(
            session,
            request.match_info["code"],
            body,
            actor=request[PRINCIPAL].actor,
            now=request.config_dict[CLOCK](),
        )
    await _tell(request, shown)
    return json_response(shown)


async def _tell(request: web.Request, shown: CategoryShown) -> None:
    """This process knows it at once; deadlines follow behind."""
    await request.config_dict[OFFICE].refresh(request.config_dict[DATABASE])
    log.info("category set", category=shown.code, actor=request[PRINCIPAL].actor)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/categories",
        handler=list_,
        role=Role.OPERATOR,
        summary="What appeals are about, with terms and departments.",
        query=CategoryQuery,
        returns=Categories,
        problems=(400,),
    ),
    Route(
        method="POST",
        path="/categories",
        handler=add,
        role=Role.ADMIN,
        summary="Make a category.",
        takes=CategoryBody,
        status=201,
        returns=CategoryShown,
        problems=(400, 409, 413, 415),
    ),
    Route(
        method="PUT",
        path="/categories/{code}",
        handler=put,
        role=Role.ADMIN,
        summary="Make a category what is given, whether it is there or not.",
        takes=CategoryGiven,
        returns=CategoryShown,
        problems=(400, 413, 415),
    ),
    Route(
        method="PATCH",
        path="/categories/{code}",
        handler=change,
        role=Role.ADMIN,
        summary="Change a category, or retire it; open appeals get the deadlines of its new term.",
        takes=CategoryChange,
        returns=CategoryShown,
        problems=(400, 404, 413, 415),
    ),
)
