"""Which calls somebody may look at: one, a list of them, and those that an appeal is about.

Operators see the calls that they had a side of, and those of appeals that they may see.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, func, or_, select, true
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.calls.matters import CHANNEL
from registry.calls.tables import Call, CallLeg, Transcript
from registry.errors import NotFound
from registry.inbox.rows import fetch
from registry.models import Appeal, Attachment, ExternalId, Message, Operator
from registry.operators import Principal, Role


class Talker(Struct, frozen=True, kw_only=True):
    """Who of us talked."""

    id: str
    name: str


class Recorded(Struct, frozen=True, kw_only=True):
    """A recording of a call: each room that it was in has one."""

    attachment: str
    """Its id."""
    state: Literal["pending", "ready", "failed"]
    transcript: str
    """What a machine understood of it; empty for nothing, or where none listens."""


class CallShown(Struct, frozen=True, kw_only=True):
    """A call, as lists and threads show it."""

    id: str
    account: str
    external_id: str | None
    direction: Literal["in", "out"]
    number: str
    """In E.164; empty where it is withheld."""
    language: str | None
    team: str | None
    state: str
    """"menu", "waiting", "ringing", "talking", "message", "parted" or "ended"."""
    ended_as: str | None
    outcome: str | None
    """What whoever talked with them says came of it."""
    operator: Talker | None
    appeal: str | None
    """The number of what it is about."""
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    waited: float | None
    """Seconds."""
    talked: float
    """Seconds."""
    recordings: list[Recorded]
    """The first first; none for who may not hear them (see registry.calls.recording)."""


async def get_call(session: AsyncSession, call_id: int, *, by: Principal) -> CallShown:
    """One call. Raises: NotFound, also for one that `by` may not see."""
    found = await fetch(session, _calls(by).where(col(Call.id) == call_id))
    if not found:
        raise NotFound("call", call_id)
    return (await _shown(session, found))[0]


async def list_calls(
    session: AsyncSession,
    *,
    by: Principal,
    number: str | None = None,
    appeal: str | None = None,
    on_the_line: bool | None = None,
    before: int | None = None,
    limit: int,
) -> list[CallShown]:
    """Calls of a number, of an appeal, or all that `by` may see, the newest first."""
    wanted = _calls(by)
    if number is not None:
        wanted = wanted.where(col(Call.number) == number)
    if appeal is not None:
        wanted = wanted.where(col(Appeal.number) == appeal)
    if on_the_line is not None:
        over = col(Call.ended_at).is_not(None)
        wanted = wanted.where(~over if on_the_line else over)
    if before is not None:
        wanted = wanted.where(col(Call.id) < before)
    found = await fetch(session, wanted.order_by(col(Call.id).desc()).limit(limit))
    return await _shown(session, found)


async def calls_of_appeal(
    session: AsyncSession, appeal_id: int, *, by: Principal
) -> list[CallShown]:
    """What was said by phone about an appeal that `by` may see, the first call first."""
    wanted = _selected(true(), by).where(_about_id().in_(await _with_merged(session, appeal_id)))
    return await _shown(session, await fetch(session, wanted.order_by(col(Call.started_at))))


async def transcripts_of(
    session: AsyncSession, attachment_ids: Collection[int]
) -> Mapping[str, str]:
    """The words of voicemails, by the ids of their files; of those in which any were understood."""
    if not attachment_ids:
        return {}
    words = select(col(Transcript.attachment_id), col(Transcript.text)).where(
        col(Transcript.attachment_id).in_(attachment_ids), col(Transcript.text) != ""
    )
    return {str(row.attachment_id): row.text for row in await fetch(session, words)}


async def _with_merged(session: AsyncSession, appeal_id: int) -> Collection[int]:
    """The appeal, and those that became part of it: an own call still names the one it was of."""
    found, fresh = {appeal_id}, {appeal_id}
    while fresh:
        rows = await fetch(session, _MERGED, {"ids": list(fresh)})
        fresh = {row.id for row in rows} - found
        found |= fresh
    return found


_MERGED = select(col(Appeal.id)).where(
    col(Appeal.merged_into_id).in_(bindparam("ids", expanding=True))
)


def _about_id() -> ColumnElement[int]:
    return func.coalesce(col(Call.appeal_id), col(Message.appeal_id))


def _selected(seen: ColumnElement[bool], by: Principal) -> Select[*tuple[Any, ...]]:
    """Calls with what they are about, where that may be `seen`."""
    named = and_(
        col(ExternalId.channel) == CHANNEL,
        col(ExternalId.account) == col(Call.account),
        col(ExternalId.external_id) == col(Call.external_id),
    )
    return (
        select(
            col(Call.id), col(Call.account), col(Call.external_id), col(Call.direction),
            col(Call.number), col(Call.language), col(Call.team), col(Call.state),
            col(Call.ended_as), col(Call.outcome), col(Call.operator_id), col(Call.started_at),
            col(Call.answered_at), col(Call.ended_at), col(Call.waited), col(Call.talked),
            col(Operator.name).label("operator_name"), col(Appeal.number).label("appeal_number"),
            _heard_by(by).label("heard"),
        )
        .select_from(Call)
        .outerjoin(Operator, col(Operator.id) == col(Call.operator_id))
        .outerjoin(ExternalId, named)
        .outerjoin(Message, col(Message.id) == col(ExternalId.message_id))
        .outerjoin(Appeal, and_(col(Appeal.id) == _about_id(), seen))
    )  # fmt: skip


def _heard_by(by: Principal) -> ColumnElement[bool]:
    """Whose recordings somebody may hear, as `registry.calls.recording.may_hear` says of one."""
    if by.is_at_least(Role.SUPERVISOR):
        return true()
    return exists().where(
        col(CallLeg.call_id) == col(Call.id),
        col(CallLeg.operator_id) == by.operator_id,
        col(CallLeg.joined_at).is_not(None),
    )


def _calls(by: Principal) -> Select[*tuple[Any, ...]]:
    found = _selected(visible_to(by), by)
    if by.teams is None:
        return found
    had = exists().where(
        col(CallLeg.call_id) == col(Call.id), col(CallLeg.operator_id) == by.operator_id
    )
    return found.where(or_(had, col(Appeal.id).is_not(None)))


async def _shown(session: AsyncSession, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[CallShown]:
    recordings = await _recordings(session, [row.id for row in rows if row.heard])
    return [_call(row, recordings[row.id]) for row in rows]


async def _recordings(
    session: AsyncSession, call_ids: Collection[int]
) -> Mapping[int, list[Recorded]]:
    recordings: dict[int, list[Recorded]] = defaultdict(list)
    if call_ids:
        found = await fetch(
            session,
            select(
                col(Attachment.id), col(Attachment.call_id), col(Attachment.state),
                func.coalesce(col(Transcript.text), "").label("transcript"),
            )
            .outerjoin(Transcript, col(Transcript.attachment_id) == col(Attachment.id))
            .where(col(Attachment.call_id).in_(call_ids))
            .order_by(col(Attachment.id)),
        )  # fmt: skip
        for row in found:
            recordings[row.call_id].append(
                Recorded(attachment=str(row.id), state=row.state, transcript=row.transcript)
            )
    return recordings


def _call(row: Row[*tuple[Any, ...]], recordings: list[Recorded]) -> CallShown:
    return CallShown(
        id=str(row.id),
        account=row.account,
        external_id=row.external_id,
        direction=row.direction,
        number=row.number,
        language=row.language,
        team=row.team,
        state=row.state,
        ended_as=row.ended_as,
        outcome=row.outcome,
        operator=(
            None
            if row.operator_id is None
            else Talker(id=str(row.operator_id), name=row.operator_name)
        ),
        appeal=row.appeal_number,
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        waited=row.waited,
        talked=row.talked,
        recordings=recordings,
    )
