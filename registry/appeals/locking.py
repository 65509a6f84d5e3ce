"""Appeals as they are held by a transaction that changes them."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.errors import Merged, NotFound
from registry.models import Appeal
from registry.operators import Principal


async def lock_appeal(session: AsyncSession, number: str, *, by: Principal) -> Appeal:
    """The appeal, held until the transaction ends. Raises: NotFound, also if `by` cannot see it."""
    found = await session.exec(
        select(Appeal)
        .where(Appeal.number == number, visible_to(by))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    appeal = found.one_or_none()
    if appeal is None:
        raise NotFound("appeal", number)
    return appeal


async def refuse_merged(session: AsyncSession, appeal: Appeal) -> None:
    """Raises: Merged, where the appeal's messages are another's now."""
    if appeal.merged_into_id is not None:
        raise Merged(appeal.number, await number_of(session, appeal.merged_into_id))


async def number_of(session: AsyncSession, appeal_id: int) -> str:
    """An appeal's number."""
    found = await session.exec(select(Appeal.number).where(col(Appeal.id) == appeal_id))
    return found.one()
