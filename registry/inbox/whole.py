"""One appeal with all that belongs to it, and one message."""

from sqlalchemy import and_, bindparam
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import message_visible_to
from registry.errors import NotFound
from registry.inbox.appeals import find_one
from registry.inbox.messages import Reading, read_journal, read_messages
from registry.inbox.shapes import Appeal, AppealDetail, AttachmentUrl, Message
from registry.operators import Principal


async def get_appeal(
    session: AsyncSession,
    number: str,
    *,
    attachment_url: AttachmentUrl,
    viewer: Principal | None = None,
) -> AppealDetail:
    """One appeal, whole. Raises: NotFound, also when the viewer may not see it."""
    row, appeal = await find_one(session, number, viewer)
    return AppealDetail(
        **{name: getattr(appeal, name) for name in Appeal.__struct_fields__},
        messages=await read_messages(
            session, _OF_APPEAL, {"appeal_id": row.id}, attachment_url=attachment_url
        ),
        journal=await read_journal(session, row.id),
    )


async def get_summary(
    session: AsyncSession, number: str, *, viewer: Principal | None = None
) -> Appeal:
    """One appeal as lists show it. Raises: NotFound, also when the viewer may not see it."""
    _, appeal = await find_one(session, number, viewer)
    return appeal


async def get_message(
    session: AsyncSession,
    message_id: int,
    *,
    attachment_url: AttachmentUrl,
    viewer: Principal | None = None,
) -> Message:
    """One message. Raises: NotFound, also when the viewer may not see its appeal."""
    chosen = col(models.Message.id) == message_id
    if viewer is not None:
        chosen = and_(chosen, message_visible_to(viewer))
    found = await read_messages(session, Reading(chosen), attachment_url=attachment_url)
    if not found:
        raise NotFound("message", message_id)
    return found[0]


_OF_APPEAL = Reading(col(models.Message.appeal_id) == bindparam("appeal_id"))
