"""Teams: people who share a queue. An operator sees their teams' appeals, and those of no team.

The caller commits.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import NotFound
from registry.journal import record
from registry.models import Operator, Team, TeamMember
from registry.operators import Principal, Taken, Unacceptable, clean_name

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class TeamShown(Struct, frozen=True, kw_only=True):
    """A team and whose queue it is."""

    key: str
    """Names it for good: appeals hold it."""
    name: str
    members: list[str]
    """Ids of operators, the disabled ones too."""
    archived_at: datetime | None
    """Since when it is offered to nobody any more; what it holds, its members see as before."""


async def list_teams(session: AsyncSession) -> list[TeamShown]:
    """Every team by its name, those that are archived last."""
    teams = (await session.exec(select(Team))).all()
    members: dict[str, list[str]] = {team.key: [] for team in teams}
    for member in await session.exec(select(TeamMember).order_by(col(TeamMember.operator_id))):
        members.setdefault(member.team, []).append(str(member.operator_id))
    shown = [_shown(team, members[team.key]) for team in teams]
    return sorted(shown, key=lambda team: (team.archived_at is not None, team.name, team.key))


async def get_team(session: AsyncSession, key: str) -> TeamShown:
    """One of them. Raises: NotFound."""
    team = await _team(session, key)
    found = await session.exec(
        select(TeamMember.operator_id)
        .where(TeamMember.team == key)
        .order_by(col(TeamMember.operator_id))
    )
    return _shown(team, [str(id_) for id_ in found])


async def add_team(
    session: AsyncSession, key: str, name: str, *, by: Principal, now: datetime
) -> None:
    """Make a team without members. Raises: Taken, Unacceptable."""
    if not _KEY.fullmatch(key):
        raise Unacceptable(
            f"{key!r} is no key of a team; take up to 32 small Latin letters, digits, - and _, "
            "a letter first.",
            "key",
        )
    cleaned = clean_name(name)
    try:
        async with session.begin_nested():
            session.add(Team(key=key, name=cleaned, created_at=now))
    except IntegrityError as error:
        raise Taken("a team", key) from error
    data = {"team": key, "name": cleaned}
    record(session, "team.added", actor=by.actor, now=now, data=data)


async def rename_team(
    session: AsyncSession, key: str, name: str, *, by: Principal, now: datetime
) -> None:
    """Call it otherwise; its key stays. Raises: NotFound, Unacceptable."""
    team, cleaned = await _team(session, key), clean_name(name)
    if team.name == cleaned:
        return
    data = {"team": key, "name": {"from": team.name, "to": cleaned}}
    team.name = cleaned
    record(session, "team.renamed", actor=by.actor, now=now, data=data)
    await session.flush()


async def archive_team(
    session: AsyncSession, key: str, *, archived: bool, by: Principal, now: datetime
) -> None:
    """Offer it to nobody any more, or again. Raises: NotFound."""
    team = await _team(session, key)
    if (team.archived_at is not None) == archived:
        return
    team.archived_at = now if archived else None
    event = "team.archived" if archived else "team.restored"
    record(session, event, actor=by.actor, now=now, data={"team": key})
    await session.flush()


async def set_members(
    session: AsyncSession, key: str, operator_ids: Collection[int], *, by: Principal, now: datetime
) -> None:
    """These and nobody else share the queue from now on. Raises: NotFound (team or operator)."""
    await _team(session, key)
    before = set(await session.exec(select(TeamMember.operator_id).where(TeamMember.team == key)))
    wanted = set(operator_ids)
    for id_ in sorted(wanted - before):
        if await session.get(Operator, id_) is None:
            raise NotFound("operator", id_)
        session.add(TeamMember(team=key, operator_id=id_))
        _note_member(session, "team.joined", key, id_, by=by, now=now)
    for id_ in sorted(before - wanted):
        await _leave(session, key, id_)
        _note_member(session, "team.left", key, id_, by=by, now=now)
    await session.flush()


async def set_teams_of(
    session: AsyncSession, operator_id: int, keys: Collection[str], *, by: Principal, now: datetime
) -> None:
    """The operator shares these queues and no others from now on. Raises: NotFound (a team)."""
    before = set(
        await session.exec(select(TeamMember.team).where(TeamMember.operator_id == operator_id))
    )
    wanted = set(keys)
    for key in sorted(wanted - before):
        await _team(session, key)
        session.add(TeamMember(team=key, operator_id=operator_id))
        _note_member(session, "team.joined", key, operator_id, by=by, now=now)
    for key in sorted(before - wanted):
        await _leave(session, key, operator_id)
        _note_member(session, "team.left", key, operator_id, by=by, now=now)
    await session.flush()


async def teams_of(session: AsyncSession, operator_ids: Sequence[int]) -> dict[int, list[str]]:
    """The keys of each operator's teams."""
    found: dict[int, list[str]] = {id_: [] for id_ in operator_ids}
    members = select(TeamMember).where(col(TeamMember.operator_id).in_(operator_ids))
    for member in await session.exec(members.order_by(col(TeamMember.team))):
        found[member.operator_id].append(member.team)
    return found


async def _team(session: AsyncSession, key: str) -> Team:
    """Ours until the commit: two that set the members of one team come one after the other."""
    team = await session.get(Team, key, with_for_update=True)
    if team is None:
        raise NotFound("team", key)
    return team


async def _leave(session: AsyncSession, key: str, operator_id: int) -> None:
    await session.exec(
        delete(TeamMember).where(
            col(TeamMember.team) == key, col(TeamMember.operator_id) == operator_id
        )
    )


def _note_member(
    session: AsyncSession, event: str, key: str, operator_id: int, *, by: Principal, now: datetime
) -> None:
    data = {"team": key, "operator": str(operator_id)}
    record(session, event, actor=by.actor, now=now, data=data)


def _shown(team: Team, members: list[str]) -> TeamShown:
    return TeamShown(key=team.key, name=team.name, members=members, archived_at=team.archived_at)
