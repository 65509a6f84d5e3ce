"""A form of the counter is registered once: known by its key, however often it is sent."""

import hashlib

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import RegistryError
from registry.models import Appeal, JournalEntry, Message
from registry.operators import Principal


class OpenedAlready(RegistryError):
    """The same form came again: its appeal is there."""

    def __init__(self, number: str) -> None:
        super().__init__(f"It is registered already, as {number}.")
        self.number = number


class FormChanged(RegistryError):
    """A form came again under its key, and says something else now."""

    def __init__(self, number: str) -> None:
        super().__init__(
            f"This form is registered already, as {number}, and has been changed since; correct "
            "the appeal, or send the form anew with a new Idempotency-Key."
        )
        self.number = number


def form_key(key: str, *, by: Principal) -> str:
    """The journal's key of an opening; one writer's key is not another's."""
    return f"opened:{by.actor}:{key}"


def digest_of(form: msgspec.Struct) -> str:
    """Tells one form from another."""
    return hashlib.sha256(msgspec.json.encode(form, order="sorted")).hexdigest()


async def refuse_repeated(session: AsyncSession, key: str, *, digest: str) -> None:
    """Raises: OpenedAlready, FormChanged; where there is an appeal of this key."""
    found = await session.exec(
        select(Appeal.number, Message.request_digest)
        .join(JournalEntry, col(JournalEntry.appeal_id) == col(Appeal.id))
        .join(Message, col(Message.id) == col(JournalEntry.message_id))
        .where(JournalEntry.key == key)
    )
    earlier = found.one_or_none()
    if earlier is not None:
        number, before = earlier
        raise OpenedAlready(number) if before == digest else FormChanged(number)
