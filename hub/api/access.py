"""Who may come in: whoever brings a token or has signed in, and a role for each route."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from hub.api.keys import PRINCIPAL
from hub.keys import DATABASE, SETTINGS
from hub.problems import Problem
from hub.web.sessions import Forbidden, check_origin, recognise
from registry.operators import Role, authenticate


@web.middleware
async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks; a stranger sees nothing, not even what is not there.

    A browser brings its cookie without being asked, so that a change by cookie has to prove where
    it comes from; a token is sent by nobody but its holder.
    """
    if hdrs.AUTHORIZATION in request.headers:
        await _by_token(request)
    else:
        await _by_session(request)
    if any("\x00" in named for named in request.match_info.values()):
        # Nothing is called so, and PostgreSQL knows no such character.
        raise Problem(404, "not_found", "There is nothing at this address.")
    return await handler(request)


async def _by_token(request: web.Request) -> None:
    token = _token(request)
    secret_key = request.config_dict[SETTINGS].secret_key.get_secret_value()
    async with request.config_dict[DATABASE].read() as session:
        principal = await authenticate(session, token, secret_key)
    if principal is None:
        raise _unauthorized(
            "This token opens nothing; it is wrong or was revoked.", "invalid_token"
        )
    request[PRINCIPAL] = principal


async def _by_session(request: web.Request) -> None:
    signed = await recognise(request)
    if signed is None:
        raise _unauthorized("Sign in, or send a token: Authorization: Bearer TOKEN.", None)
    if PRINCIPAL not in request:
        raise _unauthorized("You are not quite in yet; finish signing in first.", None)
    try:
        await check_origin(request)
    except Forbidden as error:
        raise Problem(403, "csrf", str(error)) from error


def needing(role: Role, handler: Handler) -> Handler:
    """The handler, for those who are at least `role`."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        principal = request[PRINCIPAL]
        if not principal.is_at_least(role):
            raise Problem(
                403,
                "forbidden",
                f"This needs the role {role}, and {principal.name} is {principal.role}.",
            )
        return await handler(request)

    return guarded


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthorized("Send a token: Authorization: Bearer TOKEN.", None)
    return token.strip()


def _unauthorized(detail: str, error: str | None) -> Problem:
    challenge = 'Bearer realm="hub"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
