"""Who may stay: what the sessions of open connections are worth now, all of them at once."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.models import Operator, Session, TeamMember
from registry.operators import Principal, Role, as_principal
from registry.sessions import Stage


async def admitted(
    session: AsyncSession, digests: Collection[str], *, now: datetime
) -> dict[str, Principal]:
    """The principals of those sessions that are still open, by their digests.

    A session that ended, ran out, or whose operator was disabled is not among them.
    """
    if not digests:
        return {}
    connection = await session.connection()
    rows = await connection.execute(
        select(col(Session.digest), col(Operator.id), col(Operator.name), col(Operator.role))
        .join(Operator, col(Operator.id) == col(Session.operator_id))
        .where(
            col(Session.digest).in_(digests),
            col(Session.stage) == Stage.IN.value,
            col(Session.ended_at).is_(None),
            col(Session.expires_at) > now,
            col(Operator.disabled_at).is_(None),
        )
    )
    found = rows.all()
    members = await connection.execute(
        select(col(TeamMember.operator_id), col(TeamMember.team)).where(
            col(TeamMember.operator_id).in_({row.id for row in found})
        )
    )
    teams: defaultdict[int, set[str]] = defaultdict(set)
    for operator_id, team in members:
        teams[operator_id].add(team)
    return {
        row.digest: as_principal(row.id, row.name, Role(row.role), teams[row.id]) for row in found
    }
