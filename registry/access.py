"""Who may see an appeal, as a condition of SQL and as one of Python: both say the same.

Operators see what nobody's team holds, what their teams hold, and what they hold themselves.
Supervisors, administrators and programs that act in nobody's name see all. What one may not see is
not there: it is answered as something that does not exist.
"""

from sqlalchemy import ColumnElement, and_, exists, or_, true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.models import Appeal, Message
from registry.operators import Principal


def visible_to(principal: Principal) -> ColumnElement[bool]:
    """The condition on `appeals` under which the principal may see a row."""
    if principal.teams is None:
        return true()
    team = col(Appeal.team)
    return or_(
        team.is_(None),
        team.in_(sorted(principal.teams)),
        col(Appeal.assignee_id) == principal.operator_id,
    )


def message_visible_to(principal: Principal) -> ColumnElement[bool]:
    """The same condition on `messages`: one goes with its appeal; of none, all may see it."""
    if principal.teams is None:
        return true()
    appeal_id = col(Message.appeal_id)
    seen = exists().where(and_(col(Appeal.id) == appeal_id, visible_to(principal)))
    return or_(appeal_id.is_(None), seen)


async def may_see_message(session: AsyncSession, message_id: int, principal: Principal) -> bool:
    """The same of one message, by its id."""
    seen = select(Message.id).where(Message.id == message_id, message_visible_to(principal))
    return (await session.exec(seen)).first() is not None


def may_see(principal: Principal, *, team: str | None, assignee_id: int | None) -> bool:
    """The same of an appeal that is at hand."""
    if principal.teams is None or team is None or team in principal.teams:
        return True
    return assignee_id is not None and assignee_id == principal.operator_id
