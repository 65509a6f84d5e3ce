"""Puts the pages of the desk into an application."""

from zoneinfo import ZoneInfo

from aiohttp import web

from hub.keys import CONNECTORS, SETTINGS
from hub.phones import browser_sources, phones_of
from hub.problems import Problem
from hub.thumbnails import FORMATS
from hub.views import (
    account,
    admin,
    audit,
    call_backs,
    call_board,
    channels,
    front_office,
    inbox,
    labels,
    panel,
    phone,
    search,
    setup,
    signin,
    signin_elsewhere,
    thread,
)
from hub.views.drawn import DRAWN, DrawnRows
from hub.views.phone_words import softphone
from hub.views.words import words
from hub.web.pages import SOURCES, TEMPLATES, Page, add_pages


async def nowhere(request: web.Request) -> web.StreamResponse:
    """`GET` of an address that nothing answers at."""
    raise Problem(404, "not_found", f"There is nothing at {request.path}.")


PAGES: tuple[Page, ...] = (
    *signin.PAGES,
    *signin_elsewhere.PAGES,
    *setup.PAGES,
    *account.PAGES,
    *inbox.PAGES,
    *channels.PAGES,
    *search.PAGES,
    *audit.PAGES,
    *call_backs.PAGES,
    *call_board.PAGES,
    *admin.PAGES,
    *thread.PAGES,
    *panel.PAGES,
    *phone.PAGES,
    *front_office.PAGES,
    # What programs ask says so itself.
    Page(path="/{address:(?!(api|hooks|static)/).*}", handler=nowhere, role=None),
)


def add_routes(app: web.Application) -> None:
    """Open the pages."""
    pictures = {"picture_types": frozenset(FORMATS)}
    phones = [made for _, made in phones_of(app[CONNECTORS])]
    app[SOURCES] = browser_sources(phones)
    add_pages(
        app, PAGES, {**labels.globals_(), **pictures, **softphone(bool(phones)), "words": words}
    )
    app[DRAWN] = DrawnRows(app[TEMPLATES], ZoneInfo(app[SETTINGS].timezone))
