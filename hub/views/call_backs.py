"""The call-backs: a list for whoever has a minute, which follows the telephone by itself."""

from typing import Any

from aiohttp import web

from hub.api.keys import PRINCIPAL
from hub.keys import CLOCK, DATABASE
from hub.views import shell
from hub.views.names import load_names
from hub.web.i18n import deferred
from hub.web.pages import Page, is_fragment, render
from registry.calls.calling_back import MOST, count_call_backs, list_call_backs
from registry.operators import Role

WHYS = {
    "asked": deferred("asked for it"),
    "missed": deferred("nobody answered them"),
    "message": deferred("left a voice message"),
    "closed": deferred("called outside of opening hours"),
}
"""Why somebody is to be called."""


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /phone/call-backs`; as a fragment, who is to be called just now."""
    by, now = request[PRINCIPAL], request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].read() as session:
        shown: dict[str, Any] = {
            "call_backs": await list_call_backs(session, by=by, now=now),
            "due": await count_call_backs(session, by=by, now=now),
            "most": MOST,
            "whys": WHYS,
        }
        if is_fragment(request):
            names = await load_names(session)
            return render(request, "phone/call_backs_list.html", names=names, **shown)
        around = await shell.load_shell(request, session)
    return render(request, "phone/call_backs.html", **shown, **shell.shown(around))


PAGES = (Page(path="/phone/call-backs", handler=page, role=Role.OPERATOR),)
