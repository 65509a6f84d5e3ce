"""What a change to an appeal looks like in a request, for one appeal and for many."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.api.exchange import invalid
from hub.api.fields import Kind, Language, Latitude, Line, Longitude, Number, Tags, Text, Word
from hub.api.listing import ME, own_id
from registry.appeals import Change, Priority
from registry.errors import NotFound
from registry.operators import Principal, find_operator
from registry.states import Outcome, Status

UNDO = "Undo"
"""The header of an answer that holds the key by which the change can be undone."""


class ChangeBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to become of an appeal; a field that is absent stays as it is."""

    status: Status | UnsetType = UNSET
    outcome: Annotated[
        Outcome | UnsetType | None, Meta(description="Of one that is resolved or closed.")
    ] = UNSET
    assignee: Annotated[
        str | UnsetType | None,
        Meta(description='"me", an operator\'s id or e-mail address; null releases the appeal.'),
    ] = UNSET
    reassign: Annotated[
        bool, Meta(description="Take it from whoever holds it: a supervisor's right.")
    ] = False
    priority: Priority | UnsetType = UNSET
    category: Word | UnsetType | None = UNSET
    team: Annotated[
        Word | UnsetType | None,
        Meta(description="Whoever holds the appeal and is not of that team lets go of it."),
    ] = UNSET
    note: Annotated[Text, Meta(description="Said to colleagues together with the change.")] = ""
    language: Language | UnsetType | None = UNSET
    subject: Line | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    address: Line | UnsetType | None = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET
    district: Word | UnsetType | None = UNSET
    snoozed_until: Annotated[
        Annotated[datetime, Meta(tz=True)] | UnsetType | None,
        Meta(description="RFC 3339, at most 60 days ahead; null wakes the appeal."),
    ] = UNSET
    add_tags: Tags = []
    remove_tags: Tags = []
    duplicate_of: Annotated[
        Number | UnsetType | None, Meta(description="The appeal that it repeats; nothing moves.")
    ] = UNSET
    due_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | UnsetType | None,
        Meta(
            description="A deadline that neither category nor calendar moves, by a supervisor; "
            "null gives it back to them."
        ),
    ] = UNSET
    reason: Annotated[Line, Meta(description="Why the deadline moves; an extension needs one.")] = (
        ""
    )
    unread: Annotated[Literal[0] | UnsetType, Meta(description="Marks every message as read.")] = (
        UNSET
    )


async def change_of(session: AsyncSession, body: ChangeBody, principal: Principal) -> Change:
    """The registry's change. Raises: Problem (400)."""
    assignee_id: int | UnsetType | None
    match body.assignee:
        case str() as named:
            assignee_id = await _operator_id(session, named, principal)
        case unnamed:
            assignee_id = unnamed
    return Change(
        status=body.status,
        outcome=body.outcome,
        assignee_id=assignee_id,
        reassign=body.reassign,
        team=body.team,
        note=body.note if body.note.strip() else None,
        priority=body.priority,
        category=body.category,
        language=body.language,
        subject=body.subject,
        kind=body.kind,
        address=body.address,
        latitude=body.latitude,
        longitude=body.longitude,
        district=body.district,
        snoozed_until=_moment("snoozed_until", body.snoozed_until),
        add_tags=tuple(body.add_tags),
        remove_tags=tuple(body.remove_tags),
        duplicate_of=body.duplicate_of,
        due_at=_moment("due_at", body.due_at),
        reason=body.reason.strip() or None,
        read=body.unread == 0,
    )


def undo_header(entry: int | None) -> dict[str, str]:
    """The header that tells how to undo; none for what changed nothing."""
    return {} if entry is None else {UNDO: str(entry)}


async def _operator_id(session: AsyncSession, named: str, principal: Principal) -> int:
    try:
        operator = await find_operator(session, own_id(principal) if named == ME else named)
    except NotFound as error:
        raise invalid("assignee", str(error)) from error
    return operator.id


def _moment(field: str, asked: datetime | UnsetType | None) -> datetime | UnsetType | None:
    if not isinstance(asked, datetime):
        return asked
    try:
        return asked.astimezone(UTC)
    except OverflowError:
        raise invalid(field, "there is no such time in UTC.") from None
