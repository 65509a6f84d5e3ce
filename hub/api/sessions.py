"""Sessions: the browsers where somebody is signed in; for administrators, where anybody is."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import json_response, nothing, read_query
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from hub.problems import Problem
from hub.web.sessions import client_address
from hub.web.signed import SESSION
from registry.audit import audit
from registry.ids import parse_id
from registry.operators import Principal, Role
from registry.sessions import end_all_sessions, end_session, list_sessions


class SessionQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whose sessions are meant."""

    operator: Annotated[
        str, Meta(max_length=20, description="An operator's id; by default oneself.")
    ] = ""


class SessionShown(Struct, frozen=True, kw_only=True):
    """A browser in which somebody is signed in."""

    id: str
    """Names the session; it opens nothing."""
    current: bool
    """It is the one that asks."""
    address: str
    browser: str
    created_at: datetime
    seen_at: datetime


class SessionList(Struct, frozen=True, kw_only=True):
    """The sessions of one operator, the one used last first."""

    items: list[SessionShown]


async def list_(request: web.Request) -> web.Response:
    """`GET sessions`."""
    operator_id, now = _meant(request), request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].read() as session:
        found = await list_sessions(session, operator_id, now=now)
    signed = request.get(SESSION)
    items = [
        SessionShown(
            id=one.digest,
            current=signed is not None and signed.digest == one.digest,
            address=one.address,
            browser=one.browser,
            created_at=one.created_at,
            seen_at=one.seen_at,
        )
        for one in found
    ]
    return json_response(SessionList(items=items))


async def end(request: web.Request) -> web.Response:
    """`DELETE sessions/{session}`."""
    principal, now = request[PRINCIPAL], request.config_dict[CLOCK]()
    own = None if principal.is_at_least(Role.ADMIN) else _own(principal)
    async with request.config_dict[DATABASE].write() as session:
        await end_session(
            session, request.match_info["session"], by=principal, now=now, of=own,
            address=client_address(request),
        )  # fmt: skip
    return nothing()


async def end_all(request: web.Request) -> web.Response:
    """`DELETE sessions`: all but the one that asks."""
    operator_id, principal, signed = _meant(request), request[PRINCIPAL], request.get(SESSION)
    now, address = request.config_dict[CLOCK](), client_address(request)
    async with request.config_dict[DATABASE].write() as session:
        but = None if signed is None else signed.digest
        ended = await end_all_sessions(session, operator_id, now=now, but=but)
        data = {"operator": str(operator_id), "ended": ended}
        await audit(
            session, "session.ended", principal=principal, now=now, address=address, data=data
        )
    return nothing()


def _meant(request: web.Request) -> int:
    """Whose sessions. Raises: Problem (403, 404, 409)."""
    asked, principal = read_query(request, SessionQuery), request[PRINCIPAL]
    if not asked.operator:
        return _own(principal)
    operator_id = parse_id(asked.operator)
    if operator_id is None:
        raise Problem(404, "not_found", f"There is no operator {asked.operator}.")
    if operator_id != principal.operator_id and not principal.is_at_least(Role.ADMIN):
        raise Problem(403, "forbidden", "Only administrators see the sessions of others.")
    return operator_id


def _own(principal: Principal) -> int:
    if principal.operator_id is None:
        detail = f"The token {principal.name} acts in no operator's name, and has no sessions."
        raise Problem(409, "no_operator", detail)
    return principal.operator_id


ROUTES = (
    Route(
        method="GET",
        path="/sessions",
        handler=list_,
        role=Role.OPERATOR,
        summary="Where one is signed in; for administrators, where anybody is.",
        query=SessionQuery,
        returns=SessionList,
        problems=(400, 404, 409),
    ),
    Route(
        method="DELETE",
        path="/sessions",
        handler=end_all,
        role=Role.OPERATOR,
        summary="Sign out everywhere but in the browser that asks.",
        query=SessionQuery,
        status=204,
        problems=(400, 404, 409),
    ),
    Route(
        method="DELETE",
        path="/sessions/{session}",
        handler=end,
        role=Role.OPERATOR,
        summary="Sign a browser out.",
        status=204,
        problems=(404, 409),
    ),
)
