"""The front office: the form for visits, letters and calls, and the coupon that a citizen gets."""

from urllib.parse import urlsplit

import segno
from aiohttp import web

from hub.api.exchange import number_of
from hub.api.keys import PRINCIPAL
from hub.keys import DATABASE, SETTINGS
from hub.problems import Problem
from hub.tracking import tracking_links
from hub.views import shell
from hub.views.front_office_words import front_office_words
from hub.views.initials import on_paper
from hub.views.text import plain
from hub.web import i18n
from hub.web.pages import Page, language_of, render
from registry.appeals import DeskChannel
from registry.categories import list_categories
from registry.errors import NotFound
from registry.inbox import get_coupon
from registry.office import get_setting
from registry.office_shapes import Title
from registry.operators import Role


async def new(request: web.Request) -> web.StreamResponse:
    """`GET /desk/new`: the form."""
    async with request.config_dict[DATABASE].read() as session:
        around = await shell.load_shell(request, session)
        categories = await list_categories(session)
    with i18n.use(language_of(request)):
        said = front_office_words()
    return render(
        request,
        "front_office/new.html",
        channels=[channel.value for channel in DeskChannel],
        urgent=[category.code for category in categories if category.urgent],
        said=said,
        **shell.shown(around),
    )


async def coupon(request: web.Request) -> web.StreamResponse:
    """`GET /desk/coupon/{number}?language=`: to be printed, in the language of the citizen."""
    settings = request.config_dict[SETTINGS]
    try:
        async with request.config_dict[DATABASE].read() as session:
            found = await get_coupon(session, number_of(request), viewer=request[PRINCIPAL])
            title = await get_setting(session, Title)
    except (NotFound, Problem):
        return render(request, "error.html", status=404, what="not_found")
    asked = request.query.get("language", found.language)
    spoken = asked if asked in i18n.LANGUAGES else language_of(request)
    link = tracking_links(settings.public_url, settings.secret_key)(found.number, found.appeal_id)
    return render(
        request,
        "front_office/coupon.html",
        speak=spoken,
        coupon=found,
        plain=plain,
        on_paper=on_paper,
        title=getattr(title.names, spoken),
        link=link,
        shown_link=link.removeprefix(f"{urlsplit(link).scheme}://"),
        code=segno.make(link, error="m").svg_data_uri(border=2, scale=4, omitsize=True),
    )


PAGES = (
    Page(path="/desk/new", handler=new, role=Role.OPERATOR),
    Page(path="/desk/coupon/{number}", handler=coupon, role=Role.OPERATOR),
)
