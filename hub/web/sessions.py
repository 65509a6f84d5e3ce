"""Sessions over HTTP: a cookie that names one, and the proof that our own page asked for a change.

Only pages and the API ask who somebody is: webhooks and static files cost nothing for it.
"""

import secrets
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web

from config.settings import Settings
from connectors.kit.signatures import same
from hub.addresses import remote_of
from hub.keys import CLOCK, DATABASE, SETTINGS
from hub.web.forms import form_of
from hub.web.signed import PRINCIPAL, SESSION, Signed
from registry.errors import Unavailable
from registry.sealing import signature
from registry.sessions import Found, Stage, find_session, is_due, touch

log = structlog.get_logger(__name__)

TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105
TOKEN_FIELD = "csrf"  # noqa: S105

_NAME = "session"
_PURPOSE = "csrf"
_SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


class Forbidden(Exception):
    """A request that changes something, of which it is not sure that our own page sent it."""


async def recognise(request: web.Request) -> Signed | None:
    """Who sent the request, by their cookie; found on it from now on as SESSION.

    PRINCIPAL is there only for who is in. Raises: Unavailable.
    """
    key = request.cookies.get(cookie_name(request.config_dict[SETTINGS]))
    if not key:
        return None
    settings, now = request.config_dict[SETTINGS], request.config_dict[CLOCK]()
    database = request.config_dict[DATABASE]
    async with database.read() as session:
        found = await find_session(session, key, secret=settings.secret_key, now=now)
    if found is None:
        return None
    if is_due(found.session, now=now):
        try:
            async with database.write() as session:
                await touch(session, found.session, now=now)
        except Unavailable as error:
            # Whoever reads on while nothing can be written is not to be stopped for that.
            log.warning("a session's use could not be noted", reason=str(error))
    signed = _signed(found, settings)
    request[SESSION] = signed
    if signed.stage == Stage.IN:
        request[PRINCIPAL] = signed.principal
    return signed


async def check_origin(request: web.Request) -> None:
    """Let a change pass only from our own page, and with the session's token where there is one.

    Raises: Forbidden.
    """
    if request.method in _SAFE:
        return
    if not is_same_origin(request):
        raise Forbidden("This request came from another site's page.")
    signed = request.get(SESSION)
    if signed is not None and not await _is_proved(request, signed):
        raise Forbidden(
            f"The {TOKEN_HEADER} of this session is missing or wrong; open the page again."
        )


def is_same_origin(request: web.Request) -> bool:
    """Whether a page of ours sent the request, as far as the browser says; silence is no yes.

    Source: https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    try:
        origin = urlsplit(request.headers.get(hdrs.ORIGIN, "")).netloc
    except ValueError:
        return False
    public = urlsplit(request.config_dict[SETTINGS].public_url)
    # Behind a proxy the scheme of the request is not the browser's.
    return bool(origin) and origin in {request.host, public.netloc}


def client_address(request: web.Request) -> str:
    """Where the request came from, past the proxies that are trusted."""
    return remote_of(request, request.config_dict[SETTINGS].http.trusted_proxies) or ""


def cookie_name(settings: Settings) -> str:
    """What the cookie is called: a browser takes __Host- over https alone, and from us alone."""
    return f"__Host-{_NAME}" if is_secure(settings) else _NAME


def is_secure(settings: Settings) -> bool:
    """Whether browsers reach the hub over https."""
    return settings.public_url.startswith("https:")


def remember(response: web.StreamResponse, request: web.Request, key: str) -> None:
    """Give the browser the key of a session; it forgets it when it is closed."""
    settings = request.config_dict[SETTINGS]
    response.set_cookie(
        cookie_name(settings), key, path="/", httponly=True, samesite="Lax",
        secure=is_secure(settings),
    )  # fmt: skip


def forget(response: web.StreamResponse, request: web.Request) -> None:
    """Take the key away from the browser."""
    settings = request.config_dict[SETTINGS]
    response.del_cookie(
        cookie_name(settings), path="/", httponly=True, samesite="Lax", secure=is_secure(settings)
    )


def _signed(found: Found, settings: Settings) -> Signed:
    kept, operator = found.session, found.operator
    return Signed(
        digest=kept.digest,
        principal=found.principal,
        email=operator.email,
        csrf=_proof(settings, kept.digest, nonce=secrets.token_urlsafe(9)),
        stage=kept.stage,
        languages=tuple(operator.languages),
        preferences=operator.preferences,
    )


def _proof(settings: Settings, digest: str, *, nonce: str) -> str:
    """Another one in each page: what a page's compressed length tells of it is worth nothing.

    Source: https://www.breachattack.com/
    """
    return f"{nonce}.{signature(settings.secret_key, _PURPOSE, f'{digest}.{nonce}')}"


async def _is_proved(request: web.Request, signed: Signed) -> bool:
    sent = request.headers.get(TOKEN_HEADER)
    if sent is None:
        sent = (await form_of(request)).get(TOKEN_FIELD, "")
    nonce = sent.partition(".")[0]
    return same(sent, _proof(request.config_dict[SETTINGS], signed.digest, nonce=nonce))
