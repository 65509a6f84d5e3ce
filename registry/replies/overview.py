"""Every way a reply to an appeal can go, and whether it can go now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.carrying import Manner, window_closes_at
from registry.errors import CannotCarry
from registry.operators import Principal
from registry.replies.queueing import find_appeal
from registry.replies.ways import (
    Accounts,
    Kind,
    Way,
    points_of,
    readable,
    refusal,
    thread_of,
    ways_elsewhere,
)


class WayNow(Struct, frozen=True, kw_only=True):
    """A way, and how it is at this moment."""

    way: Way
    private: bool
    """To the author of a public comment, privately."""
    label: str | None
    """The point as people read it, where they can."""
    refused: CannotCarry | None
    """Why a text cannot go now."""
    templates: bool
    """An approved template can go now, where a text cannot either."""
    closes_at: datetime | None
    """When the reply window closes, where there is one."""
    default: bool
    """Where a reply goes that names no way."""

    @property
    def kind(self) -> Literal["thread", "private", "elsewhere"]:
        """Which way it is."""
        if self.private:
            return "private"
        return "thread" if self.way.kind is Kind.THREAD else "elsewhere"


async def list_ways(
    session: AsyncSession, number: str, *, by: Principal, accounts: Accounts, now: datetime
) -> Sequence[WayNow]:
    """The appeal's own thread first, then the others, the best before. Raises: NotFound."""
    appeal = await find_appeal(session, number, by=by)
    points = await points_of(session, appeal.contact_id)
    thread = await thread_of(session, appeal, accounts)
    found: list[tuple[Way, bool]] = []
    if thread is not None:
        found.append((thread, False))
        if thread.carries is not None and thread.carries.private_reply_hours is not None:
            found.append((thread, True))
    found += [(way, False) for way in await ways_elsewhere(session, appeal, accounts)]
    ways: list[WayNow] = []
    can_be_written = thread is not None and not thread.is_spoken
    default = can_be_written
    for way, private in found:
        refused = await refusal(session, way, appeal, Manner(private=private), now=now)
        by_template = await refusal(session, way, appeal, Manner(template=True), now=now)
        first = way.kind is Kind.THREAD and not private and can_be_written
        if not default and refused is None:
            default = first = True
        ways.append(
            WayNow(
                way=way,
                private=private,
                label=readable(way.point, points),
                refused=refused,
                templates=by_template is None and not private,
                closes_at=None
                if way.carries is None
                else window_closes_at(
                    way.carries, way.conversation.last_inbound_at, private=private
                ),
                default=first,
            )
        )
    return ways
