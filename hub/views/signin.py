"""Signing in and out: the password, the code, and the password that one has to choose.

Forms are plain: they work before any script has come.
"""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from hub.keys import CLOCK, DATABASE
from hub.web.answers import HOME, go_to, place_of
from hub.web.forms import form_of
from hub.web.oidc import PROVIDER
from hub.web.pages import Page, render
from hub.web.sessions import client_address, forget, remember
from hub.web.signed import SESSION, Signed
from hub.web.signing_in import (
    Entered,
    WrongPassword,
    enter_by_code,
    enter_by_password,
    enter_with_new_password,
)
from registry.attempts import TooManyAttempts
from registry.errors import NotFound
from registry.first_admin import is_nobody_here
from registry.operators import Unacceptable
from registry.passwords import MIN_PASSWORD
from registry.second_factor import WrongCode
from registry.sessions import Stage, end_session

NEXT = "next"
_STEPS = {Stage.SECOND_FACTOR: "/signin/code", Stage.NEW_PASSWORD: "/signin/password"}


# --- The password ---------------------------------------------------------------------------------


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /signin`."""
    place = place_of(request.query.get(NEXT))
    signed = request.get(SESSION)
    if signed is not None:
        return go_to(_step(Stage(signed.stage), place))
    async with request.config_dict[DATABASE].read() as session:
        if await is_nobody_here(session):
            return go_to("/setup")
    return signin_page(request, place)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """`POST /signin`."""
    form = await form_of(request)
    place, email = place_of(form.get(NEXT)), form.get("email", "")
    try:
        found = await enter_by_password(request, email=email, password=form.get("password", ""))
    except WrongPassword:
        return signin_page(request, place, status=401, email=email, wrong="password")
    except TooManyAttempts as error:
        return signin_page(request, place, email=email, **too_many(error))
    return entered(request, found, place)


def signin_page(
    request: web.Request, place: str, *, email: str = "", wrong: str = "", **more: Any
) -> web.Response:
    """The form, with what was wrong the last time."""
    provider = request.config_dict[PROVIDER].settings
    return render(
        request,
        "signin/signin.html",
        place=place,
        email=email,
        provider=provider.name if provider.is_on else "",
        provider_address="/signin/oidc?" + urlencode({NEXT: place}),
        **{"wrong": wrong, "minutes": 0, **more},
    )


# --- The code -------------------------------------------------------------------------------------


async def code_page(request: web.Request) -> web.StreamResponse:
    """`GET /signin/code`."""
    place = place_of(request.query.get(NEXT))
    if _at(request, Stage.SECOND_FACTOR) is None:
        return go_to(_signin(place))
    return render(request, "signin/code.html", place=place, wrong="", minutes=0)


async def code(request: web.Request) -> web.StreamResponse:
    """`POST /signin/code`."""
    form = await form_of(request)
    place, signed = place_of(form.get(NEXT)), _at(request, Stage.SECOND_FACTOR)
    if signed is None:
        return go_to(_signin(place))
    refused: dict[str, Any]
    try:
        return entered(request, await enter_by_code(request, signed, form.get("code", "")), place)
    except NotFound:
        return go_to(_signin(place))
    except WrongCode:
        refused = {"status": 401, "wrong": "code", "minutes": 0}
    except TooManyAttempts as error:
        refused = too_many(error)
    return render(request, "signin/code.html", place=place, **refused)


# --- The password one has to choose ---------------------------------------------------------------


async def password_page(request: web.Request) -> web.StreamResponse:
    """`GET /signin/password`."""
    place = place_of(request.query.get(NEXT))
    if _at(request, Stage.NEW_PASSWORD) is None:
        return go_to(_signin(place))
    return _password_page(request, place)


async def password(request: web.Request) -> web.StreamResponse:
    """`POST /signin/password`."""
    form = await form_of(request)
    place, signed = place_of(form.get(NEXT)), _at(request, Stage.NEW_PASSWORD)
    if signed is None:
        return go_to(_signin(place))
    chosen = form.get("password", "")
    if chosen != form.get("again", ""):
        return _password_page(request, place, wrong="password_differs")
    try:
        found = await enter_with_new_password(request, signed, chosen)
    except NotFound:
        return go_to(_signin(place))
    except Unacceptable as error:
        return _password_page(request, place, wrong=error.code)
    return entered(request, found, place)


def _password_page(request: web.Request, place: str, *, wrong: str = "") -> web.Response:
    return render(
        request,
        "signin/password.html",
        status=422 if wrong else 200,
        place=place,
        wrong=wrong,
        minutes=0,
        least=MIN_PASSWORD,
    )


# --- Out ------------------------------------------------------------------------------------------


async def sign_out(request: web.Request) -> web.StreamResponse:
    """`POST /signout`: the session ends, and the browser forgets what it kept of us."""
    response = go_to("/signin")
    forget(response, request)
    response.headers["Clear-Site-Data"] = '"cache"'
    signed = request.get(SESSION)
    if signed is not None:
        now, address = request.config_dict[CLOCK](), client_address(request)
        async with request.config_dict[DATABASE].write() as session:
            await end_session(session, signed.digest, by=signed.principal, now=now, address=address)
    return response


# --- What they share ------------------------------------------------------------------------------


def entered(request: web.Request, found: Entered, place: str) -> web.Response:
    """To the next step, or to where they wanted to go, with the key of the new session."""
    response = go_to(_step(found.stage, place))
    remember(response, request, found.key)
    return response


def too_many(error: TooManyAttempts) -> dict[str, Any]:
    """What a form that is shown again says of it."""
    headers = {"Retry-After": str(error.seconds)}
    return {"status": 429, "headers": headers, "wrong": "too_many", "minutes": error.minutes}


def _at(request: web.Request, stage: Stage) -> Signed | None:
    signed = request.get(SESSION)
    return signed if signed is not None and signed.stage == stage else None


def _step(stage: Stage, place: str) -> str:
    address = _STEPS.get(stage)
    return place if address is None else _with(address, place)


def _signin(place: str) -> str:
    return _with("/signin", place)


def _with(address: str, place: str) -> str:
    return address if place == HOME else f"{address}?{urlencode({NEXT: place})}"


PAGES = (
    Page(path="/signin", handler=page, role=None),
    Page(path="/signin", handler=sign_in, role=None, method="POST"),
    Page(path="/signin/code", handler=code_page, role=None),
    Page(path="/signin/code", handler=code, role=None, method="POST"),
    Page(path="/signin/password", handler=password_page, role=None),
    Page(path="/signin/password", handler=password, role=None, method="POST"),
    Page(path="/signout", handler=sign_out, role=None, method="POST"),
)
