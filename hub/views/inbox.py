"""The inbox: the queues, a list of rows, and the appeal that is open beside it."""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from hub.api.exchange import read_query
from hub.api.keys import PRINCIPAL
from hub.api.listing import AppealQuery, query_of
from hub.keys import CLOCK, CONNECTORS, DATABASE
from hub.views import shell, thread
from hub.views.drawn import DRAWN
from hub.views.names import Names
from hub.web import i18n
from hub.web.noting import is_news, note_seen
from hub.web.pages import Page, is_fragment, language_of, render
from registry import changes
from registry.inbox import AppealPage, Sort, list_appeals
from registry.operators import Role

ROWS = 50
"""Rows that one page of a list holds."""

FIRST_QUEUE = "mine"


async def home(request: web.Request) -> web.StreamResponse:
    """`GET /`: to the inbox."""
    raise web.HTTPSeeOther("/inbox")


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /inbox`, `GET /inbox/{number}`: the whole desk, or its list alone."""
    principal, number = request[PRINCIPAL], request.match_info.get("number")
    if not request.query:
        place = request.path + "?" + urlencode({"queue": FIRST_QUEUE, "sort": Sort.DUE.value})
        raise web.HTTPSeeOther(place)
    query = query_of(read_query(request, AppealQuery), principal)
    async with request.config_dict[DATABASE].read() as session:
        since = await changes.now(session)  # first: what changes meanwhile is told again
        around = await shell.load_shell(request, session)
        found = await list_appeals(
            session, query, viewer=principal, now=request.config_dict[CLOCK]()
        )
        opened: dict[str, Any] = {"opened": None}
        seen: int | None = None
        if number is not None:
            opened = await thread.load(request, session, number, around.names)
            if await is_news(request, session, opened["opened"].id):
                seen = opened["opened"].id
    if seen is not None:
        await note_seen(request, seen)
    template = "inbox/list.html" if is_fragment(request) else "inbox/page.html"
    return render(
        request,
        template,
        title=shell.title(request, around),
        page=found,
        rows=_rows(request, found, around.names),
        list_since=since,
        asked=_asked(request),
        query=query,
        next_address=_next(request, found),
        accounts=sorted({key.channel for key in request.config_dict[CONNECTORS]}),
        **shell.shown(around),
        **opened,
    )


async def rows(request: web.Request) -> web.StreamResponse:
    """`GET /inbox/rows`: the rows that follow, to stand below those that are there."""
    principal = request[PRINCIPAL]
    query = query_of(read_query(request, AppealQuery), principal)
    async with request.config_dict[DATABASE].read() as session:
        around = await shell.load_shell(request, session)
        found = await list_appeals(
            session, query, viewer=principal, now=request.config_dict[CLOCK]()
        )
    return render(
        request,
        "inbox/rows.html",
        page=found,
        rows=_rows(request, found, around.names),
        next_address=_next(request, found),
        **shell.shown(around),
    )


def _rows(request: web.Request, found: AppealPage, names: Names) -> Markup:
    """The rows of a page for whoever asks, as they are now."""
    draw, now = request.config_dict[DRAWN], request.config_dict[CLOCK]()
    with i18n.use(language_of(request)):
        return Markup("\n").join(draw(appeal, names=names, now=now) for appeal in found.items)


def _next(request: web.Request, found: AppealPage) -> str | None:
    if found.next is None:
        return None
    return "/inbox/rows?" + urlencode({**_asked(request), "cursor": found.next})


def _asked(request: web.Request) -> dict[str, str]:
    """What the address asks for; a name that comes several times has all of its values."""
    return {name: ",".join(request.query.getall(name)) for name in request.query}


PAGES = (
    Page(path="/", handler=home, role=Role.OPERATOR),
    Page(path="/inbox", handler=page, role=Role.OPERATOR),
    Page(path="/inbox/rows", handler=rows, role=Role.OPERATOR),
    Page(path="/inbox/{number}", handler=page, role=Role.OPERATOR),
)
