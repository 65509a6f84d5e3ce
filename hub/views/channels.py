"""The channels page: how every account is, and what a person must do about it."""

from aiohttp import web

from hub.api.channels import read_channels
from hub.keys import CONNECTORS, DATABASE
from hub.views import shell
from hub.views.account_words import details_told
from hub.web.pages import Page, render
from registry.accounts import account_states
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


async def standing(request: web.Request) -> web.StreamResponse:
    """`GET /channels/standing`: in a few words, for a list with nothing in it."""
    connectors = request.config_dict[CONNECTORS]
    configured = sorted(connectors)
    async with request.config_dict[DATABASE].read() as session:
        states = await account_states(session)
    health = dict.fromkeys(configured, "unknown")
    for key in health.keys() & states.keys():
        health[key] = states[key].health if states[key].stopped_at is None else "stopped"
    return render(
        request,
        "channels_standing.html",
        working=configured,
        others=[(key, told) for key, told in health.items() if told != "ok"],
        last_in=max((one.last_in_at for one in states.values() if one.last_in_at), default=None),
    )


PAGES = (
    Page(path="/channels", handler=page, role=Role.OPERATOR),
    Page(path="/channels/standing", handler=standing, role=Role.OPERATOR),
)
