"""Signing in at the OpenID provider: there, and back."""

import msgspec
import structlog
from aiohttp import web

from hub.keys import CLOCK, DATABASE, SETTINGS
from hub.views.signin import NEXT, entered, signin_page
from hub.web.answers import HOME, go_to, place_of
from hub.web.oidc import BACK, LIFE, PROVIDER, Declined, Journey, ProviderFailed
from hub.web.pages import Page, render
from hub.web.sessions import client_address, is_secure
from hub.web.signing_in import open_for
from registry.audit import audit
from registry.federation import NotOurs, operator_for
from registry.operators import Taken, Unacceptable
from registry.sealing import seal, unseal

log = structlog.get_logger(__name__)

_COOKIE = "journey"
_PURPOSE = "journey"


async def depart(request: web.Request) -> web.StreamResponse:
    """`GET /signin/oidc`: to the provider, with what has to be remembered in a cookie."""
    provider, settings = request.config_dict[PROVIDER], request.config_dict[SETTINGS]
    if not provider.settings.is_on:
        return render(request, "error.html", status=404, what="not_found")
    place = place_of(request.query.get(NEXT))
    journey = provider.begin(place)
    try:
        response = go_to(await provider.address_for(journey))
    except ProviderFailed as error:
        return _failed(request, place, error)
    sealed = seal(settings.secret_key, _PURPOSE, msgspec.json.encode(journey).decode())
    response.set_cookie(
        _cookie(request), sealed, max_age=int(LIFE.total_seconds()), path="/", httponly=True,
        samesite="Lax", secure=is_secure(settings),
    )  # fmt: skip
    return response


async def arrive(request: web.Request) -> web.StreamResponse:
    """`GET /signin/oidc/back`: whom the provider sends back."""
    if not request.config_dict[PROVIDER].settings.is_on:
        return render(request, "error.html", status=404, what="not_found")
    journey = _journey(request)
    response = await _arrived(request, journey)
    response.del_cookie(
        _cookie(request), path="/", httponly=True, samesite="Lax",
        secure=is_secure(request.config_dict[SETTINGS]),
    )  # fmt: skip
    return response


async def _arrived(request: web.Request, journey: Journey | None) -> web.Response:
    provider, now = request.config_dict[PROVIDER], request.config_dict[CLOCK]()
    place = HOME if journey is None else journey.place
    try:
        if journey is None:
            raise Declined("this browser is on no journey")
        identity, claims = await provider.arrive(journey, request.query)
        async with request.config_dict[DATABASE].write() as session:
            operator = await operator_for(
                session, identity, create=provider.settings.create,
                roles=provider.roles_in(claims), now=now,
            )  # fmt: skip
            found = await open_for(request, session, operator, way="oidc")
    except ProviderFailed as error:
        return _failed(request, place, error)
    except Declined as error:
        log.info("nobody came back from the provider", reason=str(error))
        return signin_page(request, place, status=401, wrong="unfinished")
    except (NotOurs, Taken, Unacceptable) as error:
        code = "unknown" if isinstance(error, Taken) else error.code
        address = client_address(request)
        data = {"reason": code, "subject": identity.subject}
        async with request.config_dict[DATABASE].write() as session:
            await audit(
                session, "session.refused", principal=None, now=now, address=address, data=data
            )
        log.warning("sign-in refused", address=address, reason=str(error))
        return signin_page(request, place, status=403, wrong=code)
    return entered(request, found, place)


def _failed(request: web.Request, place: str, error: ProviderFailed) -> web.Response:
    log.error("the OpenID provider failed", reason=str(error))
    return signin_page(request, place, status=502, wrong="provider")


def _journey(request: web.Request) -> Journey | None:
    settings = request.config_dict[SETTINGS]
    kept = unseal(settings.secret_key, _PURPOSE, request.cookies.get(_cookie(request), ""))
    return None if kept is None else msgspec.json.decode(kept, type=Journey)


def _cookie(request: web.Request) -> str:
    return f"__Host-{_COOKIE}" if is_secure(request.config_dict[SETTINGS]) else _COOKIE


PAGES = (
    Page(path="/signin/oidc", handler=depart, role=None),
    Page(path=BACK, handler=arrive, role=None),
)
