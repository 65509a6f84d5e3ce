"""The search page: every appeal of all years that has what was typed, newest first."""

from urllib.parse import urlencode

from aiohttp import web

from hub.keys import DATABASE
from hub.views import shell
from hub.web.i18n import deferred
from hub.web.pages import Page, render
from hub.web.signed import PRINCIPAL
from registry.ids import parse_id
from registry.operators import Role
from registry.search.results import search

ROWS = 30
LONGEST = 200
"""Characters of what is typed; more is not looked for."""

PLACES = {
    "number": deferred("in the number"),
    "phone": deferred("in the phone"),
    "name": deferred("in the name"),
    "contact": deferred("in a contact point"),
    "address": deferred("in the address"),
    "subject": deferred("in the subject"),
    "tag": deferred("in a tag"),
    "message": deferred("in a message"),
    "note": deferred("in a note"),
    "file": deferred("in a file's name"),
    "transcript": deferred("in what a machine heard"),
}


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /search?q=`."""
    q = request.query.get("q", "").replace("\x00", "").strip()[:LONGEST]
    before = parse_id(request.query.get("before", ""))
    async with request.config_dict[DATABASE].read() as session:
        around = await shell.load_shell(request, session)
        found = (
            await search(session, q, viewer=request[PRINCIPAL], limit=ROWS, before=before)
            if q
            else None
        )
    following = None
    if found is not None and found.next is not None:
        following = "/search?" + urlencode({"q": q, "before": found.next})
    return render(
        request,
        "search.html",
        q=q,
        found=found,
        places=PLACES,
        next_address=following,
        **shell.shown(around),
    )


PAGES = (Page(path="/search", handler=page, role=Role.OPERATOR),)
