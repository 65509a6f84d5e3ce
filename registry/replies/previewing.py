"""A reply that is being written: what it would take, and what speaks against it now."""

from datetime import datetime

from msgspec import Struct
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.carrying import Manner, carrier, window_closes_at
from registry.errors import CannotCarry, NotFound
from registry.models import Appeal
from registry.replies.planning import too_long
from registry.replies.ways import conversation_of
from registry.splitting import plan_parts
from registry.types import Capabilities


async def preview_reply(
    session: AsyncSession,
    *,
    appeal_number: str,
    text: str,
    capabilities: Capabilities | None,
    now: datetime,
    private: bool = False,
) -> "Preview":
    """What a reply of this text would take, and what speaks against it now. Writes nothing.

    Raises: NotFound.
    """
    found = await session.exec(select(Appeal).where(Appeal.number == appeal_number))
    appeal = found.one_or_none()
    if appeal is None:
        raise NotFound("appeal", appeal_number)
    manner = Manner(template=False, private=private)
    refused: CannotCarry | None = None
    carried: Capabilities | None = None
    closes_at: datetime | None = None
    try:
        conversation = await conversation_of(session, appeal)
        if capabilities is not None:
            carried = capabilities.of(public=conversation.public and not private)
            closes_at = window_closes_at(
                capabilities.of(public=conversation.public),
                conversation.last_inbound_at,
                private=private,
            )
        await carrier(session, appeal, conversation, capabilities, manner, now=now)
    except CannotCarry as error:
        refused = error
    parts = [] if carried is None else plan_parts(text, (), carried)
    if refused is None and carried is not None:
        refused = too_long(parts, carried, manner)
    return Preview(
        parts=[part.text for part in parts],
        capabilities=carried,
        closes_at=closes_at,
        refused=refused,
    )


class Preview(Struct, frozen=True, kw_only=True):
    """What a reply would take."""

    parts: list[str]
    """The texts of its parts, as they would go out."""
    capabilities: Capabilities | None
    """What carries it; None where nothing can."""
    closes_at: datetime | None
    """When the reply window closes, where there is one."""
    refused: CannotCarry | None
    """Why it cannot go now."""
