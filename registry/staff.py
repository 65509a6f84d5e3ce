"""What becomes of operators after they were added: roles, passwords, languages, leaving, return.

The caller commits. Whoever gets a password from somebody else is to change it at the first use.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import NotFound, RegistryError
from registry.journal import record
from registry.models import Operator
from registry.operators import (
    Principal,
    Role,
    add_operator,
    clean_name,
    clean_position,
    disable_operator,
)
from registry.sessions import end_all_sessions

LANGUAGES = ("kk", "ru", "en")
"""What operators may answer in."""


class LastAdmin(RegistryError):
    """Nobody would be left who can let people in."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the last administrator; make somebody else one first.")


async def list_operators(session: AsyncSession) -> Sequence[Operator]:
    """Everybody by name, those who left too."""
    return (await session.exec(select(Operator).order_by(Operator.name, col(Operator.id)))).all()


async def get_operator(session: AsyncSession, operator_id: int) -> Operator:
    """Somebody, whether they may act or not. Raises: NotFound."""
    operator = await session.get(Operator, operator_id)
    if operator is None:
        raise NotFound("operator", operator_id)
    return operator


async def hire(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    role: Role,
    password_hash: str,
    by: Principal,
    now: datetime,
) -> Operator:
    """Register somebody with a password that others know. Raises: Taken, Unacceptable."""
    operator = await add_operator(
        session, email=email, name=name, role=role, password_hash=password_hash, actor=by.actor,
        now=now,
    )  # fmt: skip
    operator.must_change_password = True
    await session.flush()
    return operator


async def set_password(
    session: AsyncSession,
    operator_id: int,
    password_hash: str,
    *,
    by: Principal,
    now: datetime,
    known_to_others: bool = False,
    but: str | None = None,
) -> None:
    """Give an operator another password, and end their sessions, but the one of that digest.

    A password that others know serves to choose one's own. Raises: NotFound.
    """
    operator = await _locked(session, operator_id)
    operator.password_hash = password_hash
    operator.must_change_password = known_to_others
    await session.flush()
    await end_all_sessions(session, operator_id, now=now, but=but)
    event = "password.reset" if known_to_others else "password.changed"
    data = {"operator": str(operator_id)}
    record(session, event, actor=by.actor, now=now, data=data)


async def describe_operator(
    session: AsyncSession,
    operator_id: int,
    *,
    by: Principal,
    now: datetime,
    name: str | None = None,
    role: Role | None = None,
    languages: Sequence[str] | None = None,
    position: str | None = None,
) -> None:
    """Change what is given; the rest stays. Raises: NotFound, LastAdmin, Unacceptable."""
    admins = [] if role is None else await _lock_admins(session)
    operator = await _locked(session, operator_id)
    wanted: dict[str, Any] = {
        "name": None if name is None else clean_name(name),
        "role": None if role is None else role.value,
        "languages": None if languages is None else _ordered(languages),
        "position": None if position is None else clean_position(position),
    }
    history = {}
    for field, after in wanted.items():
        before = getattr(operator, field)
        if after is not None and after != before:
            history[field] = {"from": before, "to": after}
    if "role" in history:
        _keep_an_admin(operator, admins)
    for field, turn in history.items():
        setattr(operator, field, turn["to"])
    if history:
        data = {"operator": str(operator_id), **history}
        record(session, "operator.changed", actor=by.actor, now=now, data=data)
    await session.flush()


async def change_preferences(
    session: AsyncSession, operator_id: int, chosen: Mapping[str, Any]
) -> None:
    """Put choices beside those that are there; None takes one back. Raises: NotFound.

    They are of the screen alone, and no matter of the journal.
    """
    operator = await _locked(session, operator_id)
    merged = {**operator.preferences, **chosen}
    operator.preferences = {name: value for name, value in merged.items() if value is not None}
    await session.flush()


async def let_go(session: AsyncSession, operator_id: int, *, by: Principal, now: datetime) -> None:
    """Let an operator in no more; nothing happens if so it is. Raises: NotFound, LastAdmin."""
    admins = await _lock_admins(session)
    operator = await _locked(session, operator_id)
    if operator.disabled_at is not None:
        return
    _keep_an_admin(operator, admins)
    await disable_operator(session, operator_id, actor=by.actor, now=now)


async def take_back(
    session: AsyncSession, operator_id: int, *, by: Principal, now: datetime
) -> None:
    """Let an operator in again, and the tokens in their name. Raises: NotFound."""
    operator = await _locked(session, operator_id)
    if operator.disabled_at is None:
        return
    operator.disabled_at = None
    data = {"operator": str(operator_id)}
    record(session, "operator.enabled", actor=by.actor, now=now, data=data)
    await session.flush()


async def _locked(session: AsyncSession, operator_id: int) -> Operator:
    operator = await session.get(
        Operator, operator_id, with_for_update=True, populate_existing=True
    )
    if operator is None:
        raise NotFound("operator", operator_id)
    return operator


async def _lock_admins(session: AsyncSession) -> list[int]:
    """Those who can let people in: two who take each other's rights come one after the other."""
    found = await session.exec(
        select(Operator.id)
        .where(Operator.role == Role.ADMIN.value, col(Operator.disabled_at).is_(None))
        .order_by(col(Operator.id))
        .with_for_update()
    )
    return list(found)


def _keep_an_admin(leaving: Operator, admins: Sequence[int]) -> None:
    if [leaving.id] == list(admins):
        raise LastAdmin(leaving.name)


def _ordered(languages: Sequence[str]) -> list[str]:
    return [code for code in LANGUAGES if code in languages]
