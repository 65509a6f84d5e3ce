"""The calendar: the days of a year that are not what their weekday says."""

import re
from datetime import date
from typing import Annotated

import structlog
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.exchange import json_response, read_body, read_query
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE, OFFICE
from hub.problems import Problem
from registry.holidays import Day, DayGiven, list_days, remove_day, set_day, shown
from registry.operators import Role

log = structlog.get_logger(__name__)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class CalendarQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """What `GET calendar` may be asked."""

    year: Annotated[
        Annotated[int, Meta(ge=2000, le=2200)] | UnsetType,
        Meta(description="The present one, if it is left out."),
    ] = UNSET


class CalendarYear(Struct, frozen=True, kw_only=True):
    """The special days of a year."""

    year: int
    items: list[Day]
    """None at all means that nobody has told the year's holidays: only its weekends are free."""


async def get(request: web.Request) -> web.Response:
    """`GET calendar`."""
    year = read_query(request, CalendarQuery).year
    if isinstance(year, UnsetType):
        zone = request.config_dict[OFFICE].office.calendar.zone
        year = request.config_dict[CLOCK]().astimezone(zone).year
    async with request.config_dict[DATABASE].read() as session:
        items = [shown(row) for row in await list_days(session, year)]
    return json_response(CalendarYear(year=year, items=items))


async def put(request: web.Request) -> web.Response:
    """`PUT calendar/{day}`."""
    day = _day_of(request)
    body = await read_body(request, DayGiven)
    async with request.config_dict[DATABASE].write() as session:
        set_ = await set_day(
            session,
            day,
            body,
            actor=request[PRINCIPAL].actor,
            now=request.config_dict[CLOCK](),
        )
    await _tell(request, day)
    return json_response(set_)


async def remove(request: web.Request) -> web.Response:
    """`DELETE calendar/{day}`: answers what the year has left."""
    day = _day_of(request)
    async with request.config_dict[DATABASE].write() as session:
        await remove_day(
            session, day, actor=request[PRINCIPAL].actor, now=request.config_dict[CLOCK]()
        )
        items = [shown(row) for row in await list_days(session, day.year)]
    await _tell(request, day)
    return json_response(CalendarYear(year=day.year, items=items))


def _day_of(request: web.Request) -> date:
    """The day in the address. Raises: Problem (404)."""
    text = request.match_info["day"]
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        detail = f"There is no day {text}; write it as 2026-03-21."
        raise Problem(404, "not_found", detail) from None


async def _tell(request: web.Request, day: date) -> None:
    """This process knows it at once; deadlines follow behind."""
    await request.config_dict[OFFICE].refresh(request.config_dict[DATABASE])
    log.info("calendar set", day=day.isoformat(), actor=request[PRINCIPAL].actor)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/calendar",
        handler=get,
        role=Role.OPERATOR,
        summary="The holidays and working days of a year that are not what their weekday says.",
        query=CalendarQuery,
        returns=CalendarYear,
        problems=(400,),
    ),
    Route(
        method="PUT",
        path="/calendar/{day}",
        handler=put,
        role=Role.ADMIN,
        summary="Make a day a holiday or a working day; open appeals get deadlines by that.",
        takes=DayGiven,
        returns=Day,
        problems=(400, 404, 413, 415),
    ),
    Route(
        method="DELETE",
        path="/calendar/{day}",
        handler=remove,
        role=Role.ADMIN,
        summary="Let a day be what its weekday says.",
        returns=CalendarYear,
        problems=(404,),
    ),
)
