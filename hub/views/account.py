"""My account: the password, the second factor, and the browsers in which I am signed in."""

from typing import Any

import segno
from aiohttp import web
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.keys import CLOCK, DATABASE, SETTINGS
from hub.views import shell
from hub.views.signin import too_many
from hub.web import i18n
from hub.web.answers import go_to
from hub.web.forms import form_of
from hub.web.pages import Page, keep_language, render
from hub.web.sessions import client_address
from hub.web.signed import SESSION
from hub.web.signing_in import begin, new_hash, succeeded
from registry.attempts import Kind, TooManyAttempts, Tried
from registry.audit import audit
from registry.errors import NotFound
from registry.models import Operator
from registry.operators import Role, Unacceptable
from registry.passwords import MIN_PASSWORD, is_password
from registry.second_factor import (
    Enrolment,
    NotBegun,
    WrongCode,
    begin_enrolment,
    confirm_enrolment,
    enrolment_of,
)
from registry.sessions import end_all_sessions, end_session, list_sessions
from registry.staff import change_preferences, get_operator, set_password

ISSUER = "Tereze"
"""What the app on a phone calls us."""

ACCOUNT = "/account"


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /account`."""
    done = request.query.get("done", "")
    return await _page(request, done=done if done in _DONE else "")


async def change_password(request: web.Request) -> web.StreamResponse:
    """`POST /account/password`: every other browser is signed out."""
    form, signed = await form_of(request), request[SESSION]
    if form.get("password", "") != form.get("again", ""):
        return await _page(request, status=422, wrong="password_differs", at="password")
    operator = await _me(request)
    try:
        await _prove(request, operator, form.get("current", ""))
        hashed = await new_hash(operator, form.get("password", ""))
    except _NotProved as error:
        return await _page(request, at="password", **error.shown)
    except Unacceptable as error:
        return await _page(request, status=422, wrong=error.code, at="password")
    async with request.config_dict[DATABASE].write() as session:
        await set_password(
            session, operator.id, hashed, by=signed.principal, now=request.config_dict[CLOCK](),
            but=signed.digest,
        )  # fmt: skip
    return go_to(f"{ACCOUNT}?done=password")


async def begin_second_factor(request: web.Request) -> web.StreamResponse:
    """`POST /account/second-factor`: shows what the phone has to be told; nothing counts yet."""
    form, operator = await form_of(request), await _me(request)
    try:
        await _prove(request, operator, form.get("current", ""))
    except _NotProved as error:
        return await _page(request, at="second_factor", **error.shown)
    begun = begin_enrolment(
        operator, issuer=ISSUER, secret=request.config_dict[SETTINGS].secret_key,
        now=request.config_dict[CLOCK](),
    )  # fmt: skip
    return await _page(request, begun=begun, at="second_factor")


async def confirm_second_factor(request: web.Request) -> web.StreamResponse:
    """`POST /account/second-factor/confirm`."""
    form, operator = await form_of(request), await _me(request)
    secret, now = request.config_dict[SETTINGS].secret_key, request.config_dict[CLOCK]()
    sealed = form.get("sealed", "")
    try:
        async with request.config_dict[DATABASE].write() as session:
            await confirm_enrolment(
                session, operator, sealed=sealed, code=form.get("code", ""), secret=secret,
                now=now,
            )  # fmt: skip
    except NotBegun:
        return await _page(request, status=422, wrong="not_begun", at="second_factor")
    except WrongCode:
        begun = enrolment_of(operator, sealed, issuer=ISSUER, secret=secret, now=now)
        return await _page(request, status=422, wrong="code", begun=begun, at="second_factor")
    return go_to(f"{ACCOUNT}?done=second_factor")


async def sign_out_elsewhere(request: web.Request) -> web.StreamResponse:
    """`POST /account/sessions`: one session of mine ends, or all but this one."""
    form, signed = await form_of(request), request[SESSION]
    me, now, address = signed.principal, request.config_dict[CLOCK](), client_address(request)
    assert me.operator_id is not None  # whoever has a session is an operator
    async with request.config_dict[DATABASE].write() as session:
        if "session" not in form:
            ended = await end_all_sessions(session, me.operator_id, now=now, but=signed.digest)
            await audit(
                session, "session.ended", principal=me, now=now, address=address,
                data={"others": ended},
            )  # fmt: skip
            return go_to(f"{ACCOUNT}?done=sessions")
        try:
            await end_session(
                session, form["session"], by=me, now=now, address=address, of=me.operator_id
            )
        except NotFound:
            return go_to(ACCOUNT)  # it has ended by itself
    return go_to(f"{ACCOUNT}?done=sessions")


async def choose_language(request: web.Request) -> web.StreamResponse:
    """`POST /account/language`."""
    form, signed = await form_of(request), request[SESSION]
    chosen = form.get("language", "")
    if chosen not in i18n.LANGUAGES:
        return go_to(ACCOUNT)
    me = signed.principal.operator_id
    assert me is not None  # whoever has a session is an operator
    async with request.config_dict[DATABASE].write() as session:
        await change_preferences(session, me, {"language": chosen})
    response = go_to(f"{ACCOUNT}?done=language")
    keep_language(response, request, chosen)
    return response


class _NotProved(Exception):
    """The present password was not the right one."""

    def __init__(self, **shown: Any) -> None:
        super().__init__()
        self.shown = shown


async def _prove(request: web.Request, operator: Operator, password: str) -> None:
    """Make sure that it is the operator who sits there. Raises: _NotProved."""
    tried = Tried(Kind.EMAIL, operator.email)
    try:
        await begin(request, tried)
    except TooManyAttempts as error:
        raise _NotProved(**too_many(error)) from error
    if not await is_password(operator.password_hash, password):
        raise _NotProved(status=401, wrong="current_password")
    async with request.config_dict[DATABASE].write() as session:
        await succeeded(request, session, tried)


async def _me(request: web.Request) -> Operator:
    async with request.config_dict[DATABASE].read() as session:
        return await _operator(request, session)


async def _operator(request: web.Request, session: AsyncSession) -> Operator:
    id_ = request[SESSION].principal.operator_id
    assert id_ is not None  # whoever has a session is an operator
    return await get_operator(session, id_)


async def _page(
    request: web.Request,
    *,
    begun: Enrolment | None = None,
    at: str = "",
    done: str = "",
    wrong: str = "",
    **more: Any,
) -> web.Response:
    """The page; `at` is the part in which something was `wrong`."""
    now = request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].read() as session:
        around = await shell.load_shell(request, session)
        operator = await _operator(request, session)
        sessions = await list_sessions(session, operator.id, now=now)
    return render(
        request,
        "account/page.html",
        operator=operator,
        sessions=sessions,
        begun=begun,
        code_image=None if begun is None else segno.make(begun.uri).svg_data_uri(scale=4),
        done=done,
        at=at,
        least=MIN_PASSWORD,
        **{"wrong": wrong, "minutes": 0, **more},
        **shell.shown(around),
    )


_DONE = frozenset({"password", "second_factor", "sessions", "language"})

PAGES = (
    Page(path=ACCOUNT, handler=page, role=Role.OPERATOR),
    Page(path=f"{ACCOUNT}/password", handler=change_password, role=Role.OPERATOR, method="POST"),
    Page(
        path=f"{ACCOUNT}/second-factor",
        handler=begin_second_factor,
        role=Role.OPERATOR,
        method="POST",
    ),
    Page(
        path=f"{ACCOUNT}/second-factor/confirm",
        handler=confirm_second_factor,
        role=Role.OPERATOR,
        method="POST",
    ),
    Page(path=f"{ACCOUNT}/sessions", handler=sign_out_elsewhere, role=Role.OPERATOR, method="POST"),
    Page(path=f"{ACCOUNT}/language", handler=choose_language, role=Role.OPERATOR, method="POST"),
)
