"""What a call is about: the appeal that it joins or becomes, and what is typed of it meanwhile."""

from typing import Annotated
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.exchange import id_of, invalid, json_response, nothing, read_body
from hub.api.fields import Number
from hub.api.keys import PRINCIPAL
from hub.api.phone import operator_of
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE, SETTINGS
from registry.calls.joining import Matter, join_call, register_call
from registry.calls.jotting import LONGEST, jot
from registry.calls.seeing import CallShown, get_call
from registry.operators import Role


class MatterBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a call is about: an appeal that there is, or a new one."""

    appeal: Number | UnsetType = UNSET
    across_contacts: Annotated[
        bool, Meta(description="Join it though the appeal is another person's.")
    ] = False
    subject: Annotated[
        Annotated[str, Meta(max_length=300)] | UnsetType,
        Meta(description="What the new appeal is about."),
    ] = UNSET
    category: Annotated[str, Meta(max_length=80)] | None = None


class JottingBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What one has typed of a call so far."""

    text: Annotated[str, Meta(max_length=LONGEST)]


async def set_matter(request: web.Request) -> web.Response:
    """`POST phone/calls/{id}/matter`."""
    call_id, principal = id_of(request, "call"), request[PRINCIPAL]
    body, settings = await read_body(request, MatterBody), request.config_dict[SETTINGS]
    if isinstance(body.appeal, UnsetType) == isinstance(body.subject, UnsetType):
        raise invalid("appeal", "tell the appeal to join, or the subject of a new one.")
    prefix, zone = settings.numbers.prefix, ZoneInfo(settings.timezone)
    async with request.config_dict[DATABASE].write() as session:
        await get_call(session, call_id, by=principal)
        now = request.config_dict[CLOCK]()
        if not isinstance(body.appeal, UnsetType):
            await join_call(
                session, call_id, body.appeal, across_contacts=body.across_contacts,
                by=principal, now=now, prefix=prefix, zone=zone,
            )  # fmt: skip
        elif not isinstance(body.subject, UnsetType):
            matter = Matter(subject=body.subject, category=body.category)
            await register_call(
                session, call_id, matter, by=principal, now=now, prefix=prefix, zone=zone
            )
    async with request.config_dict[DATABASE].read() as session:
        return json_response(await get_call(session, call_id, by=principal))


async def keep_note(request: web.Request) -> web.Response:
    """`PUT phone/calls/{id}/note`."""
    operator_id, call_id = operator_of(request), id_of(request, "call")
    body = await read_body(request, JottingBody)
    async with request.config_dict[DATABASE].write() as session:
        await jot(session, call_id, operator_id, body.text)
    return nothing()


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/phone/calls/{id}/matter",
        handler=set_matter,
        role=Role.OPERATOR,
        summary="Join a call to an appeal, or register it as one of its own.",
        takes=MatterBody,
        returns=CallShown,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="PUT",
        path="/phone/calls/{id}/note",
        handler=keep_note,
        role=Role.OPERATOR,
        summary="Keep what one has typed of a call so far.",
        takes=JottingBody,
        status=204,
        problems=(400, 404, 409, 413, 415),
    ),
)
