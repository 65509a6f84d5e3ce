"""A reply that is being written: what it would take, and what speaks against it now."""

from datetime import datetime

from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.carrying import window_closes_at
from registry.errors import CannotCarry
from registry.intake.messages import LEAST_LETTERS
from registry.language import Language, detect
from registry.models import Appeal, Contact
from registry.operators import Principal
from registry.replies.asked import Reply
from registry.replies.planning import cut, too_long
from registry.replies.queueing import find_appeal
from registry.replies.ways import Accounts, Way, carried_by, find_way, points_of, readable
from registry.types import Capabilities


class Preview(Struct, frozen=True, kw_only=True):
    """What a reply would take."""

    parts: list[str]
    """The texts of its parts, as they would go out."""
    way: Way | None
    """Which way it would go; None where there is none."""
    label: str | None
    """Where that ends, as people read it."""
    private: bool
    """It answers the author of a public comment privately."""
    capabilities: Capabilities | None
    """What carries it; None where nothing can."""
    closes_at: datetime | None
    """When the reply window closes, where there is one."""
    refused: CannotCarry | None
    """Why it cannot go now."""
    language: Language | None
    """What it is written in, where that can be told."""
    differs: bool
    """It is in another language than the appeal, or its contact."""


async def preview_reply(
    session: AsyncSession,
    number: str,
    reply: Reply,
    *,
    by: Principal,
    accounts: Accounts,
    now: datetime,
) -> Preview:
    """What the reply would take, and what speaks against it now. Writes nothing.

    Raises: NotFound.
    """
    appeal = await find_appeal(session, number, by=by)
    way: Way | None = None
    refused: CannotCarry | None = None
    carried: Capabilities | None = None
    closes_at: datetime | None = None
    try:
        way = await find_way(session, appeal, reply.via, accounts, manner=reply.manner, now=now)
        if way.reach is not None:
            capabilities = way.reach.capabilities
            public = way.conversation.public
            carried = capabilities.of(public=public and not reply.private)
            closes_at = window_closes_at(
                capabilities.of(public=public),
                way.conversation.last_inbound_at,
                private=reply.private,
            )
        await carried_by(session, way, appeal, reply.manner, now=now)
    except CannotCarry as error:
        refused = error
    parts = [] if carried is None else await cut(reply.text, (), carried)
    if refused is None and carried is not None:
        refused = too_long(parts, carried, reply.manner)
    language = detect(reply.text)
    points = await points_of(session, appeal.contact_id)
    return Preview(
        parts=[part.text for part in parts],
        way=way,
        private=reply.private,
        label=None if way is None else readable(way.point, points),
        capabilities=carried,
        closes_at=closes_at,
        refused=refused,
        language=language,
        differs=await _differs(session, appeal, reply.text, language),
    )


async def _differs(
    session: AsyncSession, appeal: Appeal, text: str, language: Language | None
) -> bool:
    """Whether the citizen may not read it; a mixed text, or one of few letters, tells nothing."""
    if language in {None, "mixed"} or sum(map(str.isalpha, text)) < LEAST_LETTERS:
        return False
    wanted = appeal.language
    if wanted is None:
        contact = await session.get_one(Contact, appeal.contact_id)
        wanted = contact.language
    return wanted not in {None, "mixed", language}
