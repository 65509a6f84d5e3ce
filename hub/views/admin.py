"""Administration: who works here, and by what rules. Pages show; the API changes."""

from collections.abc import Awaitable, Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.keys import CLOCK, CONNECTORS, DATABASE, SETTINGS
from hub.views import shell
from hub.web.i18n import deferred
from hub.web.pages import Page, render
from hub.web.signed import PRINCIPAL
from registry.calls.prompt_changes import MAX_MUSIC_SECONDS, MAX_SECONDS, list_prompts
from registry.categories import list_categories
from registry.holidays import list_days
from registry.office import get_setting
from registry.office_shapes import SETTINGS as OFFICE_SETTINGS
from registry.office_shapes import WEEKDAYS, Announcement, Departments, Telephone
from registry.operators import Role, list_tokens
from registry.saved_replies import list_saved_replies
from registry.staff import list_operators
from registry.teams import list_teams, teams_of

SECTIONS = {
    "operators": (deferred("Operators"), Role.ADMIN),
    "teams": (deferred("Teams"), Role.ADMIN),
    "replies": (deferred("Saved replies"), Role.SUPERVISOR),
    "categories": (deferred("Categories and terms"), Role.ADMIN),
    "calendar": (deferred("Calendar"), Role.ADMIN),
    "office": (deferred("Office"), Role.ADMIN),
    "phone": (deferred("Phone"), Role.ADMIN),
    "tokens": (deferred("Tokens"), Role.ADMIN),
}
"""The pages, and the least role that each is for."""

Load = Callable[[web.Request, AsyncSession], Awaitable[dict[str, Any]]]


async def home(request: web.Request) -> web.StreamResponse:
    """`GET /admin`: to the first page that one may see."""
    principal = request[PRINCIPAL]
    first = next(key for key, (_, role) in SECTIONS.items() if principal.is_at_least(role))
    raise web.HTTPSeeOther(f"/admin/{first}")


async def _operators(_request: web.Request, session: AsyncSession) -> dict[str, Any]:
    operators = await list_operators(session)
    return {
        "operators": operators,
        "memberships": await teams_of(session, [one.id for one in operators]),
    }


async def _teams(_request: web.Request, session: AsyncSession) -> dict[str, Any]:
    return {"teams": await list_teams(session), "operators": await list_operators(session)}


async def _replies(request: web.Request, session: AsyncSession) -> dict[str, Any]:
    return {"replies": await list_saved_replies(session, by=request[PRINCIPAL])}


async def _categories(_request: web.Request, session: AsyncSession) -> dict[str, Any]:
    return {
        "categories": await list_categories(session, retired=True),
        "departments": (await get_setting(session, Departments)).items,
    }


async def _calendar(request: web.Request, session: AsyncSession) -> dict[str, Any]:
    zone = ZoneInfo(request.config_dict[SETTINGS].timezone)
    this_year = request.config_dict[CLOCK]().astimezone(zone).year
    asked = request.query.get("year", "")
    year = int(asked) if asked.isascii() and asked.isdigit() and len(asked) == 4 else this_year
    year = min(max(year, this_year - 10), this_year + 10)
    return {"year": year, "days": await list_days(session, year)}


async def _office(_request: web.Request, session: AsyncSession) -> dict[str, Any]:
    found = {shape.name: await get_setting(session, shape) for shape in OFFICE_SETTINGS}
    return {
        "office": {name: msgspec.to_builtins(value) for name, value in found.items()},
        "weekdays": WEEKDAYS,
    }


async def _phone(request: web.Request, session: AsyncSession) -> dict[str, Any]:
    prompts = await list_prompts(session)
    telephone = await get_setting(session, Telephone)
    announcement = await get_setting(session, Announcement)
    lines = [prompts.announcement, *(line for group in prompts.items for line in group.lines)]
    menu = next(line for line in lines if line.name == "menu")
    accounts = request.config_dict[CONNECTORS]
    # What is set stays a choice though its account has gone from the settings.
    senders = {telephone.text_from, *(key.account for key in accounts if key.channel == "sms")}
    until, now = announcement.until, request.config_dict[CLOCK]()
    return {
        "prompts": prompts,
        "office": {"telephone": telephone, "announcement": announcement},
        "announcement_now": announcement.on and (until is None or now < until),
        "silent": [
            (line.name, line.about)
            for line in lines
            if any(one.needs_sound for one in line.languages.values())
        ],
        "menu_unsaid": bool(telephone.menu)
        and any(one.changed_at is None for one in menu.languages.values()),
        "menu_rows": msgspec.to_builtins(telephone.menu),
        "link_rows": [
            {"name": name, "address": address} for name, address in telephone.links.items()
        ],
        "sms_accounts": [(name, name) for name in sorted(senders - {""})],
        "line_seconds": MAX_SECONDS,
        "music_seconds": MAX_MUSIC_SECONDS,
    }


async def _tokens(_request: web.Request, session: AsyncSession) -> dict[str, Any]:
    return {"tokens": await list_tokens(session)}


def _page(section: str, load: Load) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        async with request.config_dict[DATABASE].read() as session:
            around = await shell.load_shell(request, session)
            found = await load(request, session)
        principal = request[PRINCIPAL]
        return render(
            request,
            f"admin/{section}.html",
            section=section,
            sections={
                key: name for key, (name, role) in SECTIONS.items() if principal.is_at_least(role)
            },
            **found,
            **shell.shown(around),
        )

    return handler


_LOADS: dict[str, Load] = {
    "operators": _operators,
    "teams": _teams,
    "replies": _replies,
    "categories": _categories,
    "calendar": _calendar,
    "office": _office,
    "phone": _phone,
    "tokens": _tokens,
}

PAGES = (
    Page(path="/admin", handler=home, role=Role.SUPERVISOR),
    *(
        Page(path=f"/admin/{section}", handler=_page(section, load), role=SECTIONS[section][1])
        for section, load in _LOADS.items()
    ),
)
