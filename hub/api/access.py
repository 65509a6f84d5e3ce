"""Who may come in: a bearer token for every address of the API, and a role for each route."""

from aiohttp import web
from aiohttp.typedefs import Handler

from hub.api.keys import PRINCIPAL
from hub.keys import DATABASE, SETTINGS
from hub.problems import Problem
from registry.operators import Role, authenticate


@web.middleware
async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks; a stranger sees nothing, not even what is not there."""
    token = _token(request)
    secret_key = request.config_dict[SETTINGS].secret_key.get_secret_value()
    async with request.config_dict[DATABASE].read() as session:
        principal = await authenticate(session, token, secret_key)
    if principal is None:
        raise _unauthorized(
            "This token opens nothing; it is wrong or was revoked.", "invalid_token"
        )
    request[PRINCIPAL] = principal
    return await handler(request)


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
