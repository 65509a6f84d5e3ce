"""Who may act here: operators and API tokens, and their roles.

A token is kept as a keyed digest, which cannot be read back. Nothing is cached, so that a revoked
token or a disabled operator is refused from the next request on.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import NotFound, RegistryError
from registry.ids import parse_id
from registry.journal import record
from registry.models import Operator, Session, TeamMember, Token

MAX_NAME = 100

TOKEN_PREFIX = "hub_"  # noqa: S105
"""Starts every token, so that scanners for leaked secrets can know one."""


class Role(StrEnum):
    """What one may do; each holds all that the one before it may."""

    OPERATOR = "operator"
    """Reads, answers, and moves what is theirs."""
    SUPERVISOR = "supervisor"
    """Takes appeals from others, sees raw deliveries."""
    ADMIN = "admin"
    """Everything."""


_RANK: Mapping[Role, int] = {role: rank for rank, role in enumerate(Role)}


class Principal(Struct, frozen=True, kw_only=True):
    """Who acts: an operator, or a program with a token."""

    role: Role
    name: str
    operator_id: int | None
    """None for a token that acts in nobody's name: it can hold no appeal."""
    actor: str
    """As the journal writes it: "operator:ID" or "token:NAME"."""
    teams: frozenset[str] | None = None
    """The teams whose appeals they see, beside those of no team; None for all there are."""

    def is_at_least(self, role: Role) -> bool:
        """Whether this one may do what `role` may."""
        return _RANK[self.role] >= _RANK[role]


class Taken(RegistryError):
    """There is one by that name already."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"There is {what} {name} already; choose another name or remove that one.")
        self.what = what
        self.name = name


class Unacceptable(RegistryError):
    """A name, an e-mail address or a password that cannot be used; the sentence says why."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


# --- Operators ----------------------------------------------------------------------------------


async def add_operator(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    role: Role,
    password_hash: str | None,
    actor: str,
    now: datetime,
) -> Operator:
    """Register an operator; without a password they can act only by a token.

    Raises: Taken, Unacceptable.
    """
    operator = Operator(
        email=clean_email(email),
        name=clean_name(name),
        role=role.value,
        password_hash=password_hash,
        created_at=now,
    )
    await _insert(session, operator, Taken("an operator", operator.email))
    data = {"operator": str(operator.id), "email": operator.email, "role": operator.role}
    record(session, "operator.added", actor=actor, now=now, data=data)
    return operator


async def disable_operator(
    session: AsyncSession, operator_id: int, *, actor: str, now: datetime
) -> None:
    """Let an operator in no more, by no session and no token of theirs. Raises: NotFound."""
    done = await session.exec(
        update(Operator)
        .where(col(Operator.id) == operator_id, col(Operator.disabled_at).is_(None))
        .values(disabled_at=now)
        .returning(col(Operator.id))
    )
    if done.scalar_one_or_none() is None:
        raise NotFound("active operator", operator_id)
    # One who is let in again later signs in anew.
    await session.exec(
        update(Session)
        .where(col(Session.operator_id) == operator_id, col(Session.ended_at).is_(None))
        .values(ended_at=now)
    )
    record(session, "operator.disabled", actor=actor, now=now, data={"operator": str(operator_id)})


async def find_operator(session: AsyncSession, id_or_email: str) -> Operator:
    """An operator who may act. Raises: NotFound."""
    named = or_(
        col(Operator.email) == id_or_email.strip().lower(),
        col(Operator.id) == parse_id(id_or_email),
    )
    found = await session.exec(select(Operator).where(named, col(Operator.disabled_at).is_(None)))
    operator = found.first()
    if operator is None:
        raise NotFound("active operator", id_or_email)
    return operator


async def operator_by_email(session: AsyncSession, email: str) -> Operator | None:
    """The operator with that address, if they may act."""
    found = await session.exec(
        select(Operator).where(
            col(Operator.email) == email.strip().lower(), col(Operator.disabled_at).is_(None)
        )
    )
    return found.first()


async def presented(session: AsyncSession, principal: Principal) -> dict[str, str]:
    """Who somebody is, as papers of this day name them; a position only if they have one."""
    shown = {"name": principal.name, "role": principal.role.value}
    found = await session.exec(
        select(Operator.position).where(col(Operator.id) == principal.operator_id)
    )
    position = found.first()
    return {**shown, "position": position} if position else shown


async def principal_of(session: AsyncSession, operator: Operator, role: Role) -> Principal:
    """An operator as one who acts, in a role of theirs."""
    teams: Iterable[str] = ()
    if not _sees_all(role):
        teams = await session.exec(
            select(TeamMember.team).where(TeamMember.operator_id == operator.id)
        )
    return as_principal(operator.id, operator.name, role, teams)


def as_principal(operator_id: int, name: str, role: Role, teams: Iterable[str]) -> Principal:
    """An operator of these teams as one who acts; supervisors see every team's appeals."""
    return Principal(
        role=role,
        name=name,
        operator_id=operator_id,
        actor=f"operator:{operator_id}",
        teams=None if _sees_all(role) else frozenset(teams),
    )


def _sees_all(role: Role) -> bool:
    return _RANK[role] >= _RANK[Role.SUPERVISOR]


# --- Tokens -------------------------------------------------------------------------------------


async def add_token(
    session: AsyncSession,
    *,
    name: str,
    role: Role,
    secret_key: str,
    actor: str,
    now: datetime,
    operator_id: int | None = None,
) -> str:
    """Make a token and return it, for the only time.

    With an operator it acts in their name and never above their role.
    Raises: Taken, Unacceptable.
    """
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = Token(
        name=clean_name(name),
        digest=digest(token, secret_key),
        role=role.value,
        operator_id=operator_id,
        created_at=now,
    )
    await _insert(session, row, Taken("a token", row.name))
    data = {"token": row.name, "role": row.role}
    record(session, "token.added", actor=actor, now=now, data=data)
    return token


async def revoke_token(session: AsyncSession, name: str, *, actor: str, now: datetime) -> None:
    """Refuse a token from now on. Raises: NotFound."""
    done = await session.exec(
        update(Token)
        .where(col(Token.name) == name, col(Token.revoked_at).is_(None))
        .values(revoked_at=now)
        .returning(col(Token.id))
    )
    if done.scalar_one_or_none() is None:
        raise NotFound("active token", name)
    record(session, "token.revoked", actor=actor, now=now, data={"token": name})


async def list_tokens(session: AsyncSession) -> Sequence[Token]:
    """Every token, the newest first."""
    return (await session.exec(select(Token).order_by(col(Token.id).desc()))).all()


async def token_name(session: AsyncSession, token_id: int) -> str:
    """What a token is called. Raises: NotFound."""
    token = await session.get(Token, token_id)
    if token is None:
        raise NotFound("active token", token_id)
    return token.name


async def authenticate(session: AsyncSession, token: str, secret_key: str) -> Principal | None:
    """Who the bearer of a token is, or None when it opens nothing."""
    found = await session.exec(
        select(Token, Operator)
        .outerjoin(Operator, col(Operator.id) == col(Token.operator_id))
        .where(col(Token.digest) == digest(token, secret_key), col(Token.revoked_at).is_(None))
    )
    row = found.first()
    if row is None:
        return None
    kept, operator = row[0], row[1]
    role = Role(kept.role)
    if operator is None:
        return Principal(role=role, name=kept.name, operator_id=None, actor=f"token:{kept.name}")
    if operator.disabled_at is not None:
        return None
    held = min(role, Role(operator.role), key=lambda one: _RANK[one])
    return await principal_of(session, operator, held)


def digest(token: str, secret_key: str) -> str:
    """What is kept of a token: HMAC-SHA256 under the installation's key, in hexadecimal."""
    return hmac.new(
        secret_key.encode(), token.encode("utf-8", "surrogateescape"), hashlib.sha256
    ).hexdigest()


def clean_email(email: str) -> str:
    """The address in lower case. Raises: Unacceptable."""
    cleaned = email.strip().lower()
    if len(cleaned) > 254 or not _EMAIL.fullmatch(cleaned):
        raise Unacceptable(f"{email!r} is no e-mail address; write it as name@example.kz.", "email")
    return cleaned


def clean_name(name: str) -> str:
    """The name without needless spaces. Raises: Unacceptable."""
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise Unacceptable(f"A name of 1 to {MAX_NAME} printable characters is needed.", "name")
    return cleaned


def clean_position(position: str) -> str:
    """The position without needless spaces; empty for none. Raises: Unacceptable."""
    cleaned = " ".join(position.split())
    if len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise Unacceptable(
            f"A position of at most {MAX_NAME} printable characters is needed.", "position"
        )
    return cleaned


_EMAIL = re.compile(r"[^\s@\x00-\x1f]+@[^\s@.\x00-\x1f]+(\.[^\s@.\x00-\x1f]+)+")


async def _insert(session: AsyncSession, row: Operator | Token, taken: Taken) -> None:
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise taken from error
