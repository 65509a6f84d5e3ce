"""The first start: whoever can read the hub's log makes themself the administrator."""

from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import web

from hub.keys import CLOCK, DATABASE, SETTINGS
from hub.views.signin import entered, too_many
from hub.web.answers import HOME
from hub.web.forms import form_of
from hub.web.pages import Page, render
from hub.web.sessions import client_address
from hub.web.signing_in import begin, open_for, succeeded
from registry.attempts import Kind, TooManyAttempts, Tried, place_of
from registry.first_admin import AlreadySetUp, WrongSetupCode, add_first_admin, is_nobody_here
from registry.operators import Unacceptable
from registry.passwords import MIN_PASSWORD, hash_password

log = structlog.get_logger(__name__)


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /setup`: only while there is no operator."""
    async with request.config_dict[DATABASE].read() as session:
        if not await is_nobody_here(session):
            return _gone(request)
    return _page(request, {})


async def set_up(request: web.Request) -> web.StreamResponse:
    """`POST /setup`."""
    async with request.config_dict[DATABASE].read() as session:
        if not await is_nobody_here(session):
            return _gone(request)
    form = await form_of(request)
    if form.get("password", "") != form.get("again", ""):
        return _page(request, form, status=422, wrong="password_differs")
    settings, now = request.config_dict[SETTINGS], request.config_dict[CLOCK]()
    tried = Tried(Kind.SETUP, place_of(client_address(request)))
    try:
        hashed = await hash_password(form.get("password", ""))
        await begin(request, tried)
        async with request.config_dict[DATABASE].write() as session:
            admin = await add_first_admin(
                session, form.get("code", ""), email=form.get("email", ""),
                name=form.get("name", ""), password_hash=hashed, secret=settings.secret_key,
                now=now,
            )  # fmt: skip
            await succeeded(request, session, tried)
            found = await open_for(request, session, admin)
    except AlreadySetUp:
        return _gone(request)
    except WrongSetupCode:
        log.warning("a wrong setup code", address=client_address(request))
        return _page(request, form, status=401, wrong="setup_code")
    except Unacceptable as error:
        return _page(request, form, status=422, wrong=error.code)
    except TooManyAttempts as error:
        return _page(request, form, **too_many(error))
    log.info("the first administrator is here", operator=admin.id)
    return entered(request, found, HOME)


def _page(
    request: web.Request, form: Mapping[str, str], *, wrong: str = "", **more: Any
) -> web.Response:
    return render(
        request,
        "signin/setup.html",
        email=form.get("email", ""),
        name=form.get("name", ""),
        least=MIN_PASSWORD,
        **{"wrong": wrong, "minutes": 0, **more},
    )


def _gone(request: web.Request) -> web.Response:
    return render(request, "error.html", status=404, what="not_found")


PAGES = (
    Page(path="/setup", handler=page, role=None),
    Page(path="/setup", handler=set_up, role=None, method="POST"),
)
