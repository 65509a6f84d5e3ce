"""The channels page: how every account is, and what a person must do about it."""

from aiohttp import web

from hub.api.channels import read_channels
from hub.keys import DATABASE
from hub.views import shell
from hub.views.account_words import details_told
from hub.web.pages import Page, render
from registry.operators import Role


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /channels`."""
    found = await read_channels(request)
    async with request.config_dict[DATABASE].read() as session:
        around = await shell.load_shell(request, session)
    worst_first = {"down": 0, "degraded": 1, "unknown": 2, "ok": 3}
    accounts = sorted(
        found.items, key=lambda one: (worst_first[one.health], one.channel, one.account)
    )
    return render(
        request,
        "channels.html",
        accounts=accounts,
        details_told=details_told,
        **shell.shown(around),
    )


PAGES = (Page(path="/channels", handler=page, role=Role.OPERATOR),)
