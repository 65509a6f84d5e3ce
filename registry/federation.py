"""Operators who prove elsewhere who they are, and which of ours each of them is.

By the provider's name for them once that is known, before that by an address which the provider has
verified. The caller commits.
"""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import RegistryError
from registry.first_admin import is_nobody_here
from registry.journal import SYSTEM, record
from registry.models import Operator
from registry.operators import Role, add_operator


class Identity(Struct, frozen=True, kw_only=True):
    """Somebody, as the provider tells."""

    subject: str
    """The provider's name for them, for good."""
    email: str | None
    verified: bool
    """The provider made sure that the address is theirs."""
    name: str | None


class NotOurs(RegistryError):
    """The provider knows them and we do not; the sentence says what can be done."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


async def operator_for(
    session: AsyncSession,
    identity: Identity,
    *,
    create: bool,
    roles: Collection[Role] | None,
    now: datetime,
) -> Operator:
    """Who they are here. With `create` they are registered if they are new.

    `roles` are those the provider gives them, of which the highest counts at every sign-in; None
    where roles are given here. Raises: NotOurs, Unacceptable, Taken.
    """
    if roles is not None and not roles:
        raise NotOurs("Your account has no role here; ask whoever keeps the accounts.", "no_role")
    role = None if roles is None else max(roles, key=list(Role).index)
    operator = await _known(session, identity)
    if operator is None:
        operator = await _new(session, identity, create=create, role=role, now=now)
    if operator.disabled_at is not None:
        raise NotOurs("Your account here is disabled; ask an administrator.", "disabled")
    if operator.subject is None:
        operator.subject = identity.subject
        data = {"operator": str(operator.id), "subject": identity.subject}
        record(session, "operator.linked", actor=SYSTEM, now=now, data=data)
    if role is not None and operator.role != role:
        turn = {"from": operator.role, "to": role.value}
        operator.role = role.value
        data = {"operator": str(operator.id)}
        record(session, "operator.changed", actor=SYSTEM, now=now, data={**data, "role": turn})
    await session.flush()
    return operator


async def _known(session: AsyncSession, identity: Identity) -> Operator | None:
    by_subject = select(Operator).where(Operator.subject == identity.subject)
    found = (await session.exec(by_subject.with_for_update())).first()
    if found is not None or identity.email is None or not identity.verified:
        return found
    email = identity.email.strip().lower()
    by_email = select(Operator).where(Operator.email == email, col(Operator.subject).is_(None))
    return (await session.exec(by_email.with_for_update())).first()


async def _new(
    session: AsyncSession, identity: Identity, *, create: bool, role: Role | None, now: datetime
) -> Operator:
    # Else whoever comes first would shut the door to the first administrator.
    if not create or (role is not Role.ADMIN and await is_nobody_here(session)):
        raise NotOurs(
            "There is no account for you here; ask an administrator to add you.", "unknown"
        )
    if identity.email is None or not identity.verified:
        raise NotOurs(
            "The provider tells no verified e-mail address of yours, which is needed.", "unverified"
        )
    return await add_operator(
        session, email=identity.email, name=identity.name or identity.email,
        role=role or Role.OPERATOR, password_hash=None, actor=SYSTEM, now=now,
    )  # fmt: skip
