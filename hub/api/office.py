"""The office's settings: hours, working week, terms of the law, districts; each under its name."""

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct

from hub.api.exchange import json_response, read_body
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE, OFFICE
from registry.office import change_setting, get_recompute, get_setting
from registry.office_shapes import (
    SETTINGS,
    BusinessHours,
    Departments,
    Districts,
    FirstResponse,
    LegalTermsSetting,
    Setting,
    Title,
    Triage,
    WorkingWeek,
)
from registry.operators import Role

log = structlog.get_logger(__name__)


class OfficeShown(Struct, frozen=True, kw_only=True):
    """Every setting of the office."""

    timezone: str
    """It stands in the settings' file."""
    business_hours: BusinessHours
    working_week: WorkingWeek
    first_response: FirstResponse
    triage: Triage
    legal_terms: LegalTermsSetting
    districts: Districts
    departments: Departments
    title: Title
    recomputing: bool
    """The deadlines of open appeals still follow something that was changed."""


async def get(request: web.Request) -> web.Response:
    """`GET office`."""
    async with request.config_dict[DATABASE].read() as session:
        shown = OfficeShown(
            timezone=request.config_dict[OFFICE].office.calendar.zone.key,
            business_hours=await get_setting(session, BusinessHours),
            working_week=await get_setting(session, WorkingWeek),
            first_response=await get_setting(session, FirstResponse),
            triage=await get_setting(session, Triage),
            legal_terms=await get_setting(session, LegalTermsSetting),
            districts=await get_setting(session, Districts),
            departments=await get_setting(session, Departments),
            title=await get_setting(session, Title),
            recomputing=await get_recompute(session) is not None,
        )
    return json_response(shown)


async def districts(request: web.Request) -> web.Response:
    """`GET districts`: for everybody who fills in an address."""
    async with request.config_dict[DATABASE].read() as session:
        return json_response(await get_setting(session, Districts))


def _reader(shape: type[Setting]) -> Handler:
    async def read(request: web.Request) -> web.Response:
        async with request.config_dict[DATABASE].read() as session:
            return json_response(await get_setting(session, shape))

    return read


def _writer(shape: type[Setting]) -> Handler:
    async def write(request: web.Request) -> web.Response:
        value = await read_body(request, shape)
        actor = request[PRINCIPAL].actor
        async with request.config_dict[DATABASE].write() as session:
            await change_setting(session, value, actor=actor, now=request.config_dict[CLOCK]())
        # This process knows it at once; deadlines follow behind.
        await request.config_dict[OFFICE].refresh(request.config_dict[DATABASE])
        log.info("office set", setting=shape.name, actor=actor)
        return json_response(value)

    return write


def _routes(shape: type[Setting]) -> tuple[Route, Route]:
    """The addresses of one setting."""
    called = shape.name.replace("_", " ")
    follow = "; open appeals get deadlines by that" if shape.moves_deadlines else ""
    return (
        Route(
            method="GET",
            path=f"/office/{shape.name}",
            handler=_reader(shape),
            role=Role.ADMIN,
            summary=f"The office's {called}.",
            returns=shape,
        ),
        Route(
            method="PUT",
            path=f"/office/{shape.name}",
            handler=_writer(shape),
            role=Role.ADMIN,
            summary=f"Set the office's {called}{follow}.",
            takes=shape,
            returns=shape,
            problems=(400, 413, 415),
        ),
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/office",
        handler=get,
        role=Role.ADMIN,
        summary="Every setting of the office.",
        returns=OfficeShown,
    ),
    *(route for shape in SETTINGS for route in _routes(shape)),
    Route(
        method="GET",
        path="/districts",
        handler=districts,
        role=Role.OPERATOR,
        summary="The districts of the city.",
        returns=Districts,
    ),
)
