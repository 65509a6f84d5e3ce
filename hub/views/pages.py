"""Puts the pages of the desk into an application."""

from aiohttp import web

from hub.thumbnails import FORMATS
from hub.views import (
    account,
    admin,
    audit,
    call_board,
    channels,
    front_office,
    inbox,
    labels,
    panel,
    search,
    setup,
    signin,
    signin_elsewhere,
    thread,
)
from hub.views.words import words
from hub.web.pages import Page, add_pages

PAGES: tuple[Page, ...] = (
    *signin.PAGES,
    *signin_elsewhere.PAGES,
    *setup.PAGES,
    *account.PAGES,
    *inbox.PAGES,
    *channels.PAGES,
    *search.PAGES,
    *audit.PAGES,
    *call_board.PAGES,
    *admin.PAGES,
    *thread.PAGES,
    *panel.PAGES,
    *front_office.PAGES,
)


def add_routes(app: web.Application) -> None:
    """Open the pages."""
    pictures = {"picture_types": frozenset(FORMATS)}
    add_pages(app, PAGES, {**labels.globals_(), **pictures, "words": words})
