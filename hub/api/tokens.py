"""Tokens: keys to the API for programs."""

from datetime import datetime
from typing import Annotated

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import id_of, invalid, json_response, nothing, read_body
from hub.api.fields import Word
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE, SETTINGS
from registry.errors import NotFound
from registry.operators import (
    Role,
    add_token,
    find_operator,
    list_tokens,
    revoke_token,
    token_name,
)

log = structlog.get_logger(__name__)


class TokenShown(Struct, frozen=True, kw_only=True):
    """A token, without what it opens with."""

    id: str
    name: str
    role: Role
    operator: str | None
    """The id of the operator in whose name it acts."""
    created_at: datetime
    revoked_at: datetime | None


class TokenList(Struct, frozen=True, kw_only=True):
    """Every token, the newest first."""

    items: list[TokenShown]


class NewToken(Struct, forbid_unknown_fields=True, kw_only=True):
    """A token that is to be."""

    name: Word
    role: Role = Role.OPERATOR
    operator: Annotated[
        str | None,
        Meta(description="Id or e-mail address of whom it acts for, never above their role."),
    ] = None


class TokenMade(Struct, frozen=True, kw_only=True):
    """A token, shown for the only time."""

    token: str


async def list_(request: web.Request) -> web.Response:
    """`GET tokens`."""
    async with request.config_dict[DATABASE].read() as session:
        found = await list_tokens(session)
    items = [
        TokenShown(
            id=str(row.id),
            name=row.name,
            role=Role(row.role),
            operator=None if row.operator_id is None else str(row.operator_id),
            created_at=row.created_at,
            revoked_at=row.revoked_at,
        )
        for row in found
    ]
    return json_response(TokenList(items=items))


async def add(request: web.Request) -> web.Response:
    """`POST tokens`."""
    body, principal = await read_body(request, NewToken), request[PRINCIPAL]
    async with request.config_dict[DATABASE].write() as session:
        operator_id = None
        if body.operator is not None:
            try:
                operator_id = (await find_operator(session, body.operator)).id
            except NotFound as error:
                raise invalid("operator", str(error)) from error
        token = await add_token(
            session, name=body.name, role=body.role, operator_id=operator_id,
            secret_key=request.config_dict[SETTINGS].secret_key.get_secret_value(),
            actor=principal.actor, now=request.config_dict[CLOCK](),
        )  # fmt: skip
    log.info("token added", name=body.name, actor=principal.actor)
    return json_response(TokenMade(token=token), status=201)


async def revoke(request: web.Request) -> web.Response:
    """`DELETE tokens/{id}`."""
    token_id, principal = id_of(request, "active token"), request[PRINCIPAL]
    async with request.config_dict[DATABASE].write() as session:
        name = await token_name(session, token_id)
        await revoke_token(session, name, actor=principal.actor, now=request.config_dict[CLOCK]())
    log.info("token revoked", name=name, actor=principal.actor)
    return nothing()


ROUTES = (
    Route(
        method="GET",
        path="/tokens",
        handler=list_,
        role=Role.ADMIN,
        summary="Every token, without what it opens with.",
        returns=TokenList,
    ),
    Route(
        method="POST",
        path="/tokens",
        handler=add,
        role=Role.ADMIN,
        summary="Make a token; it is shown this once.",
        takes=NewToken,
        status=201,
        returns=TokenMade,
        problems=(400, 409, 413, 415),
    ),
    Route(
        method="DELETE",
        path="/tokens/{id}",
        handler=revoke,
        role=Role.ADMIN,
        summary="Refuse a token from now on.",
        status=204,
        problems=(404,),
    ),
)
