"""Which way a reply goes."""

from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import CannotCarry
from registry.models import Appeal, Conversation


async def conversation_of(session: AsyncSession, appeal: Appeal) -> Conversation:
    conversation = (
        None
        if appeal.conversation_id is None
        else await session.get(Conversation, appeal.conversation_id)
    )
    if conversation is None:
        raise CannotCarry(
            f"An appeal that came by {appeal.channel} has no thread to reply in.",
            code="no_channel",
            instead="Answer by letter or by phone, and write down the answer as a note.",
        )
    return conversation
