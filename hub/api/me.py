"""Me: who is asking, what they chose for their screen, and the session that they ask by."""

from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from hub.api.exchange import json_response, nothing, read_body
from hub.api.fields import Languages
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from hub.problems import Problem
from hub.web.sessions import client_address, forget
from hub.web.signed import SESSION
from registry.operators import Principal, Role
from registry.sessions import end_session
from registry.staff import change_preferences, describe_operator, get_operator
from registry.teams import teams_of

Command = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}\Z")]
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+ ]{1,60}\Z")]


class PreferencesBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Choices for the screen: those that are given replace what was chosen; null takes one back."""

    language: Literal["kk", "ru", "en"] | UnsetType | None = UNSET
    theme: Literal["light", "dark", "auto"] | UnsetType | None = UNSET
    sounds: bool | UnsetType | None = UNSET
    notifications: bool | UnsetType | None = UNSET
    hold_seconds: (
        Annotated[int, Meta(ge=0, le=30, description="How long a reply waits to be taken back.")]
        | UnsetType
        | None
    ) = UNSET
    keys: (
        Annotated[
            dict[Command, Annotated[list[Key], Meta(max_length=5)]],
            Meta(max_length=100, description="Keys of commands, by their places on the keyboard."),
        ]
        | UnsetType
        | None
    ) = UNSET


class MeBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to change; what is absent stays."""

    preferences: PreferencesBody | UnsetType = UNSET
    languages: Languages | UnsetType = UNSET


class Me(Struct, frozen=True, kw_only=True):
    """Who is asking."""

    id: str | None
    """The operator's; None for a token that acts in nobody's name."""
    name: str
    email: str | None
    role: Role
    teams: list[str]
    """Whose queues they share; supervisors and administrators see all the others as well."""
    languages: list[str]
    """What they answer in; empty for all."""
    preferences: dict[str, Any]
    second_factor: bool
    csrf: str | None
    """What a change by cookie has to bring along as X-CSRF-Token; None by a token."""


async def get(request: web.Request) -> web.Response:
    """`GET me`."""
    return json_response(await _me(request))


async def change(request: web.Request) -> web.Response:
    """`PATCH me`."""
    body, principal = await read_body(request, MeBody), request[PRINCIPAL]
    operator_id = _operator_id(principal)
    now = request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        if not isinstance(body.preferences, UnsetType):
            chosen = to_builtins(body.preferences)
            await change_preferences(session, operator_id, chosen)
        if not isinstance(body.languages, UnsetType):
            await describe_operator(
                session, operator_id, by=principal, now=now, languages=body.languages
            )
    return json_response(await _me(request))


async def sign_out(request: web.Request) -> web.Response:
    """`DELETE session`: the browser that asks is signed out."""
    signed, principal = request.get(SESSION), request[PRINCIPAL]
    if signed is None:
        raise Problem(409, "no_session", "You came by a token; revoke it, or sign out elsewhere.")
    now, address = request.config_dict[CLOCK](), client_address(request)
    async with request.config_dict[DATABASE].write() as session:
        await end_session(session, signed.digest, by=principal, now=now, address=address)
    response = nothing()
    response.headers["Clear-Site-Data"] = '"cache"'
    forget(response, request)
    return response


async def _me(request: web.Request) -> Me:
    principal, signed = request[PRINCIPAL], request.get(SESSION)
    if principal.operator_id is None:
        return Me(
            id=None, name=principal.name, email=None, role=principal.role, teams=[], languages=[],
            preferences={}, second_factor=False, csrf=None,
        )  # fmt: skip
    async with request.config_dict[DATABASE].read() as session:
        operator = await get_operator(session, principal.operator_id)
        teams = await teams_of(session, [operator.id])
    return Me(
        id=str(operator.id),
        name=operator.name,
        email=operator.email,
        role=principal.role,
        teams=teams[operator.id],
        languages=operator.languages,
        preferences=operator.preferences,
        second_factor=operator.totp_since is not None,
        csrf=None if signed is None else signed.csrf,
    )


def _operator_id(principal: Principal) -> int:
    if principal.operator_id is None:
        detail = (
            f"The token {principal.name} acts in no operator's name; there is nobody to change."
        )
        raise Problem(409, "no_operator", detail)
    return principal.operator_id


ROUTES = (
    Route(
        method="GET",
        path="/me",
        handler=get,
        role=Role.OPERATOR,
        summary="Who is asking, and what they may do.",
        returns=Me,
    ),
    Route(
        method="PATCH",
        path="/me",
        handler=change,
        role=Role.OPERATOR,
        summary="Choose for one's own screen, or tell what one answers in.",
        takes=MeBody,
        returns=Me,
        problems=(400, 409, 413, 415),
    ),
    Route(
        method="DELETE",
        path="/session",
        handler=sign_out,
        role=Role.OPERATOR,
        summary="Sign the browser that asks out.",
        status=204,
        problems=(409,),
    ),
)
