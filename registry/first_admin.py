"""The first administrator: made with a code that only the hub's log tells, while nobody is here.

Every process of an installation tells the same code. It dies when it is used, or when an operator
is added another way.
"""

import hmac
import re
import secrets
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import RegistryError
from registry.journal import SYSTEM
from registry.models import OfficeSetting, Operator
from registry.operators import Role, add_operator
from registry.sealing import seal, unseal

_NAME = "first_admin"
_PURPOSE = "first admin"
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without what is mistaken for something else when it is read from a screen."""
_GROUPS, _GROUP = 4, 5


class WrongSetupCode(RegistryError):
    """Not the code that the log tells."""

    def __init__(self) -> None:
        super().__init__("This is not the code that the hub's log tells.")


class AlreadySetUp(RegistryError):
    """There are operators: whoever comes now is let in by an administrator."""

    def __init__(self) -> None:
        super().__init__("There are operators already; an administrator lets you in.")


async def is_nobody_here(session: AsyncSession) -> bool:
    """Whether there is no operator at all, not even one who left."""
    return (await session.exec(select(Operator.id).limit(1))).first() is None


async def setup_code(session: AsyncSession, *, secret: SecretStr, now: datetime) -> str | None:
    """The code, made if there is none; None when there are operators. The caller commits."""
    if not await is_nobody_here(session):
        await session.exec(delete(OfficeSetting).where(col(OfficeSetting.name) == _NAME))
        return None
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    await session.exec(
        insert(OfficeSetting)
        .values(
            name=_NAME, value={"sealed": seal(secret, _PURPOSE, _made())}, changed_at=now,
            changed_by=SYSTEM,
        )
        .on_conflict_do_nothing(index_elements=["name"])
    )  # fmt: skip
    code = await _kept(session, secret=secret)
    if code is None:
        # It was sealed under another secret_key: it serves nobody any more.
        await session.exec(delete(OfficeSetting).where(col(OfficeSetting.name) == _NAME))
        return await setup_code(session, secret=secret, now=now)
    return code


async def add_first_admin(
    session: AsyncSession,
    code: str,
    *,
    email: str,
    name: str,
    password_hash: str,
    secret: SecretStr,
    now: datetime,
) -> Operator:
    """Make the administrator, and let the code die. Of two who try at once, one does.

    Raises: AlreadySetUp, WrongSetupCode, Unacceptable.
    """
    kept = await _kept(session, secret=secret)
    if not await is_nobody_here(session) or kept is None:
        raise AlreadySetUp
    typed = re.sub(r"[\s-]", "", code).upper().encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(typed, kept.replace("-", "").encode()):
        raise WrongSetupCode
    gone = await session.exec(
        delete(OfficeSetting)
        .where(col(OfficeSetting.name) == _NAME)
        .returning(col(OfficeSetting.name))
    )
    if gone.first() is None:
        raise AlreadySetUp
    return await add_operator(
        session, email=email, name=name, role=Role.ADMIN, password_hash=password_hash,
        actor=SYSTEM, now=now,
    )  # fmt: skip


async def _kept(session: AsyncSession, *, secret: SecretStr) -> str | None:
    kept = (
        await session.exec(select(OfficeSetting.value).where(OfficeSetting.name == _NAME))
    ).first()
    return None if kept is None else unseal(secret, _PURPOSE, str(kept.get("sealed", "")))


def _made() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)
