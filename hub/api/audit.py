"""The audit and the journal as one list, to look at and to take out."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from hub import audit_words
from hub.api.exchange import invalid, json_response, read_query
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from hub.web.pages import language_of
from hub.web.sessions import client_address
from registry.audit import audit
from registry.events import MAX_LIMIT, Asked, Events, exported, list_events
from registry.ids import parse_id
from registry.operators import Role

Moment = Annotated[datetime, Meta(tz=True)]


class AuditFilter(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which entries are wanted; what is empty filters nothing."""

    operator: Annotated[str, Meta(max_length=20, description="An operator's id.")] = ""
    appeal: Annotated[str, Meta(max_length=40, description="An appeal's number.")] = ""
    event: Annotated[
        str, Meta(max_length=60, description='The beginning of a name, such as "session.".')
    ] = ""
    since: Annotated[Moment | UnsetType, Meta(description="RFC 3339.")] = UNSET
    until: Annotated[Moment | UnsetType, Meta(description="RFC 3339; up to, not including.")] = (
        UNSET
    )


class AuditQuery(AuditFilter, forbid_unknown_fields=True, kw_only=True):
    """A page of them."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = 50
    cursor: Annotated[str, Meta(description="`next` of the page before.")] = ""


async def list_(request: web.Request) -> web.Response:
    """`GET audit`."""
    asked = read_query(request, AuditQuery)
    async with request.config_dict[DATABASE].read() as session:
        return json_response(await list_events(session, asked_of(asked)))


async def export(request: web.Request) -> web.StreamResponse:
    """`GET audit.csv`: whoever takes it out is noted first."""
    asked, database = read_query(request, AuditFilter), request.config_dict[DATABASE]
    wanted, principal = asked_of(asked), request[PRINCIPAL]
    now, address = request.config_dict[CLOCK](), client_address(request)
    say = partial(audit_words.event_in, language_of(request))
    chosen = {name: str(value) for name, value in structs.asdict(asked).items() if value}
    if request.method == "GET":
        async with database.write() as session:
            await audit(
                session, "audit.taken", principal=principal, now=now, address=address, data=chosen
            )
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="audit-{now:%Y-%m-%d}.csv"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    await response.write("\ufeff".encode())  # so that spreadsheets take it for UTF-8
    async for lines in exported(database, wanted, say=say):
        await response.write(lines.encode("utf-8", "replace"))
    await response.write_eof()
    return response


def asked_of(asked: AuditFilter) -> Asked:
    """What the registry is asked for. Raises: Problem (400)."""
    operator_id = parse_id(asked.operator) if asked.operator else None
    if asked.operator and operator_id is None:
        raise invalid("operator", f"there is no operator {asked.operator}.")
    wanted = Asked(
        operator_id=operator_id,
        appeal=asked.appeal or None,
        event=asked.event,
        since=_moment("since", asked.since),
        until=_moment("until", asked.until),
    )
    if isinstance(asked, AuditQuery):
        wanted = structs.replace(wanted, limit=asked.limit, cursor=asked.cursor or None)
    return wanted


def _moment(name: str, asked: datetime | UnsetType) -> datetime | None:
    if isinstance(asked, UnsetType):
        return None
    try:
        return asked.astimezone(UTC)
    except OverflowError:
        raise invalid(name, "there is no such time in UTC.") from None


ROUTES = (
    Route(
        method="GET",
        path="/audit",
        handler=list_,
        role=Role.SUPERVISOR,
        summary="Who saw and did what, newest first.",
        query=AuditQuery,
        returns=Events,
        problems=(400,),
    ),
    Route(
        method="GET",
        path="/audit.csv",
        handler=export,
        role=Role.SUPERVISOR,
        summary="The same as a table, whole.",
        query=AuditFilter,
        media="text/csv",
        problems=(400,),
    ),
)
