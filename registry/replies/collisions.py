"""Two colleagues who answer at once: the second is told before the citizen reads two answers."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import RegistryError
from registry.models import Message
from registry.operators import Principal

BEGINNING = 200
"""Characters of a colleague's answer that are told."""


class ColleagueReplied(RegistryError):
    """Somebody else has answered what this reply answers."""

    def __init__(self, *, message_id: int, name: str, at: datetime, text: str) -> None:
        who = name or "Somebody in the provider's own app"
        super().__init__(
            f"{who} has answered this appeal meanwhile; read that answer, and send yours all the "
            'same with "even_so": true.'
        )
        self.message_id = message_id
        self.name = name
        """Empty where it was written in the provider's own app."""
        self.at = at
        self.beginning = text if len(text) <= BEGINNING else text[: BEGINNING - 1] + "…"


async def check_colleagues(
    session: AsyncSession, appeal_id: int, *, seen_through: int, by: Principal
) -> None:
    """Look for a colleague's answer after the message named. Raises: ColleagueReplied."""
    found = await session.exec(
        select(Message)
        .where(
            Message.appeal_id == appeal_id,
            Message.direction == "out",
            col(Message.id) > seen_through,
            written_by_people(),
            _not_by(by),
        )
        .order_by(col(Message.id).desc())
        .limit(1)
    )
    reply = found.one_or_none()
    if reply is not None:
        raise ColleagueReplied(
            message_id=reply.id, name=reply.author, at=reply.sent_at, text=reply.text
        )


async def answer_after(session: AsyncSession, appeal_id: int | None, message_id: int) -> int | None:
    """The last answer of a person in an appeal after a message."""
    found = await session.exec(
        select(func.max(Message.id)).where(
            Message.appeal_id == appeal_id,
            Message.direction == "out",
            col(Message.id) > message_id,
            written_by_people(),
        )
    )
    return found.one()


def written_by_people() -> ColumnElement[bool]:
    """Of what goes out: what the hub says by itself has no author, and a key; an answer written in
    the provider's own app has neither."""
    return or_(col(Message.author) != "", col(Message.idempotency_key).is_(None))


def _not_by(principal: Principal) -> ColumnElement[bool]:
    writer = col(Message.operator_id)
    if principal.operator_id is None:
        return or_(writer.is_not(None), col(Message.author) != principal.name)
    return or_(writer.is_(None), writer != principal.operator_id)
