"""Operators: who there is; and for administrators, who is let in, as what, and with what."""

from datetime import datetime
from typing import Annotated, TypeAlias, TypeVar

import structlog
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.api.exchange import id_of, json_response, nothing, read_body
from hub.api.fields import Languages, Line, TeamKeys, Word
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from registry import models
from registry.operators import MAX_NAME, Principal, Role
from registry.passwords import hash_password, one_time_password
from registry.second_factor import remove_second_factor
from registry.staff import (
    describe_operator,
    get_operator,
    hire,
    let_go,
    list_operators,
    set_password,
    take_back,
)
from registry.teams import set_teams_of, teams_of

log = structlog.get_logger(__name__)

T = TypeVar("T")


Position: TypeAlias = Annotated[
    str,
    Meta(max_length=MAX_NAME, description="As a coupon names it; empty for the role's own name."),
]


class Access(Struct, frozen=True, kw_only=True):
    """How somebody gets in."""

    email: str
    password: bool
    """Whether they have one; without it they come by a token or through another system."""
    must_change_password: bool
    second_factor: bool
    elsewhere: bool
    """They have signed in through the OpenID provider."""
    created_at: datetime


class OperatorShown(Struct, frozen=True, kw_only=True):
    """Somebody who answers."""

    id: str
    name: str
    role: Role
    teams: list[str]
    languages: list[str]
    """What they answer in; empty for all."""
    position: str
    """What they are in the office; empty for what their role is called."""
    disabled_at: datetime | None
    access: Access | None
    """For administrators alone; None for everybody else."""


class OperatorList(Struct, frozen=True, kw_only=True):
    """Everybody by name: colleagues; for administrators those who left too."""

    items: list[OperatorShown]


class NewOperator(Struct, forbid_unknown_fields=True, kw_only=True):
    """Who is to be let in."""

    email: Line
    name: Word
    role: Role = Role.OPERATOR
    position: Position = ""
    teams: TeamKeys = []
    languages: Languages = []


class OperatorBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to change; what is absent stays."""

    name: Word | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    teams: TeamKeys | UnsetType = UNSET
    languages: Languages | UnsetType = UNSET
    disabled: Annotated[
        bool | UnsetType, Meta(description="Disabled, they and their tokens are let in no more.")
    ] = UNSET


class OneTimePassword(Struct, frozen=True, kw_only=True):
    """A password that is told once, and has to be changed at its first use."""

    operator: OperatorShown
    password: str


async def list_(request: web.Request) -> web.Response:
    """`GET operators`."""
    full = request[PRINCIPAL].is_at_least(Role.ADMIN)
    async with request.config_dict[DATABASE].read() as session:
        found = await list_operators(session)
        teams = await teams_of(session, [operator.id for operator in found])
    items = [
        _shown(operator, teams[operator.id], full=full)
        for operator in found
        if full or operator.disabled_at is None
    ]
    return json_response(OperatorList(items=items))


async def get(request: web.Request) -> web.Response:
    """`GET operators/{id}`."""
    operator_id = id_of(request, "operator")
    async with request.config_dict[DATABASE].read() as session:
        return json_response(await _one(session, operator_id))


async def add(request: web.Request) -> web.Response:
    """`POST operators`: with a password that the administrator hands over."""
    body, principal = await read_body(request, NewOperator), request[PRINCIPAL]
    password, now = one_time_password(), request.config_dict[CLOCK]()
    hashed = await hash_password(password)
    async with request.config_dict[DATABASE].write() as session:
        added = await hire(
            session, email=body.email, name=body.name, role=body.role, password_hash=hashed,
            by=principal, now=now,
        )  # fmt: skip
        await describe_operator(
            session, added.id, by=principal, now=now, languages=body.languages,
            position=body.position,
        )  # fmt: skip
        await set_teams_of(session, added.id, body.teams, by=principal, now=now)
        shown = await _one(session, added.id)
    log.info("operator added", operator=shown.id, actor=principal.actor)
    return json_response(OneTimePassword(operator=shown, password=password), status=201)


async def change(request: web.Request) -> web.Response:
    """`PATCH operators/{id}`: everything asked for, or nothing."""
    operator_id, principal = id_of(request, "operator"), request[PRINCIPAL]
    body, now = await read_body(request, OperatorBody), request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        await describe_operator(
            session,
            operator_id,
            by=principal,
            now=now,
            name=_given(body.name),
            role=_given(body.role),
            languages=_given(body.languages),
            position=_given(body.position),
        )
        if not isinstance(body.teams, UnsetType):
            await set_teams_of(session, operator_id, body.teams, by=principal, now=now)
        await _let(session, operator_id, body.disabled, by=principal, now=now)
        shown = await _one(session, operator_id)
    log.info("operator changed", operator=shown.id, actor=principal.actor)
    return json_response(shown)


async def reset_password(request: web.Request) -> web.Response:
    """`POST operators/{id}/password`: they are signed out everywhere."""
    operator_id, principal = id_of(request, "operator"), request[PRINCIPAL]
    password, now = one_time_password(), request.config_dict[CLOCK]()
    hashed = await hash_password(password)
    async with request.config_dict[DATABASE].write() as session:
        await set_password(
            session, operator_id, hashed, by=principal, now=now, known_to_others=True
        )
        shown = await _one(session, operator_id)
    log.info("password reset", operator=shown.id, actor=principal.actor)
    return json_response(OneTimePassword(operator=shown, password=password))


async def remove_factor(request: web.Request) -> web.Response:
    """`DELETE operators/{id}/second-factor`: for a lost phone."""
    operator_id, principal = id_of(request, "operator"), request[PRINCIPAL]
    async with request.config_dict[DATABASE].write() as session:
        await remove_second_factor(
            session, operator_id, by=principal, now=request.config_dict[CLOCK]()
        )
    log.info("second factor removed", operator=operator_id, actor=principal.actor)
    return nothing()


async def _let(
    session: AsyncSession,
    operator_id: int,
    disabled: bool | UnsetType,
    *,
    by: Principal,
    now: datetime,
) -> None:
    if disabled is True:
        await let_go(session, operator_id, by=by, now=now)
    elif disabled is False:
        await take_back(session, operator_id, by=by, now=now)


async def _one(session: AsyncSession, operator_id: int) -> OperatorShown:
    operator = await get_operator(session, operator_id)
    await session.refresh(operator)
    teams = await teams_of(session, [operator_id])
    return _shown(operator, teams[operator_id], full=True)


def _shown(operator: models.Operator, teams: list[str], *, full: bool) -> OperatorShown:
    access = Access(
        email=operator.email,
        password=operator.password_hash is not None,
        must_change_password=operator.must_change_password,
        second_factor=operator.totp_since is not None,
        elsewhere=operator.subject is not None,
        created_at=operator.created_at,
    )
    return OperatorShown(
        id=str(operator.id),
        name=operator.name,
        role=Role(operator.role),
        teams=teams,
        languages=operator.languages,
        position=operator.position,
        disabled_at=operator.disabled_at,
        access=access if full else None,
    )


def _given(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


ROUTES = (
    Route(
        method="GET",
        path="/operators",
        handler=list_,
        role=Role.OPERATOR,
        summary="Colleagues; for administrators everybody, and how they get in.",
        returns=OperatorList,
    ),
    Route(
        method="POST",
        path="/operators",
        handler=add,
        role=Role.ADMIN,
        summary="Let somebody in, with a password that is told once.",
        takes=NewOperator,
        status=201,
        returns=OneTimePassword,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="GET",
        path="/operators/{id}",
        handler=get,
        role=Role.ADMIN,
        summary="Somebody, and how they get in.",
        returns=OperatorShown,
        problems=(404,),
    ),
    Route(
        method="PATCH",
        path="/operators/{id}",
        handler=change,
        role=Role.ADMIN,
        summary="Change who somebody is, their teams or languages, or let them in no more.",
        takes=OperatorBody,
        returns=OperatorShown,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/operators/{id}/password",
        handler=reset_password,
        role=Role.ADMIN,
        summary="Give somebody another password, told once, and sign them out everywhere.",
        returns=OneTimePassword,
        problems=(404,),
    ),
    Route(
        method="DELETE",
        path="/operators/{id}/second-factor",
        handler=remove_factor,
        role=Role.ADMIN,
        summary="Let somebody whose phone is lost in without a code.",
        status=204,
        problems=(404,),
    ),
)
