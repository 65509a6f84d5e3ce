"""Signing in, step by step: failures counted first, then the proof, then a session with a new key.

Nothing slow happens within a transaction, and what was proved is looked at once more in the one
that opens the session.
"""

import re

import structlog
from aiohttp import web
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.keys import CLOCK, DATABASE, SETTINGS
from hub.web.sessions import client_address
from hub.web.signed import Signed
from registry.attempts import (
    Kind,
    TooManyAttempts,
    Tried,
    attempt_succeeded,
    begin_attempt,
    place_of,
)
from registry.audit import audit
from registry.errors import NotFound
from registry.models import Operator
from registry.operators import Unacceptable, operator_by_email
from registry.passwords import hash_password, is_password
from registry.second_factor import WrongCode, check_code
from registry.sessions import Stage, open_session, replace_session
from registry.staff import set_password

log = structlog.get_logger(__name__)

_MAX_EMAIL = 254


class WrongPassword(Exception):
    """The address or the password is wrong; which of the two is told to nobody."""


class Entered(Struct, frozen=True):
    """A session was opened."""

    key: str
    stage: Stage


async def enter_by_password(request: web.Request, *, email: str, password: str) -> Entered:
    """The first step. Raises: TooManyAttempts, WrongPassword."""
    address = client_address(request)
    tried = (
        Tried(Kind.EMAIL, email.strip().lower()[:_MAX_EMAIL]),
        Tried(Kind.ADDRESS, place_of(address)),
    )
    await begin(request, *tried)
    async with request.config_dict[DATABASE].read() as session:
        operator = await operator_by_email(session, email)
    kept = None if operator is None else operator.password_hash
    if not await is_password(kept, password):
        await _refused(request, "password", operator)
        raise WrongPassword
    assert operator is not None  # of nobody no password is right
    async with request.config_dict[DATABASE].write() as session:
        current = await session.get(Operator, operator.id)
        if current is None or current.disabled_at is not None or current.password_hash != kept:
            raise WrongPassword
        await succeeded(request, session, *tried)
        return await open_for(request, session, current)


async def enter_by_code(request: web.Request, signed: Signed, code: str) -> Entered:
    """The second step, with a second factor. Raises: TooManyAttempts, WrongCode, NotFound."""
    tried = Tried(Kind.FACTOR, str(signed.principal.operator_id))
    await begin(request, tried)
    async with request.config_dict[DATABASE].read() as session:
        operator = await _operator(session, signed)
    settings, now = request.config_dict[SETTINGS], request.config_dict[CLOCK]()
    try:
        async with request.config_dict[DATABASE].write() as session:
            await check_code(session, operator, code=code, secret=settings.secret_key, now=now)
            await succeeded(request, session, tried)
            stage = Stage.NEW_PASSWORD if operator.must_change_password else Stage.IN
            return await _go_on(request, session, signed, operator, stage, way="password and code")
    except WrongCode:
        await _refused(request, "code", operator)
        raise


async def enter_with_new_password(request: web.Request, signed: Signed, password: str) -> Entered:
    """The last step, for who got a password from somebody else. Raises: Unacceptable, NotFound."""
    async with request.config_dict[DATABASE].read() as session:
        operator = await _operator(session, signed)
    hashed = await new_hash(operator, password)
    now = request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        await set_password(
            session, operator.id, hashed, by=signed.principal, now=now, but=signed.digest
        )
        current = await _operator(session, signed)
        return await _go_on(request, session, signed, current, Stage.IN, way="new password")


async def new_hash(operator: Operator, password: str) -> str:
    """The hash of a password that is to replace an operator's. Raises: Unacceptable."""
    hashed = await hash_password(password)
    if await is_password(operator.password_hash, password):
        raise Unacceptable("This is the password you have; choose another one.", "password_same")
    return hashed


async def open_for(
    request: web.Request, session: AsyncSession, operator: Operator, *, way: str = "password"
) -> Entered:
    """A session at the stage that is next for the operator."""
    stage = Stage.IN
    if way == "password" and operator.totp_since is not None:
        stage = Stage.SECOND_FACTOR
    elif way == "password" and operator.must_change_password:
        stage = Stage.NEW_PASSWORD
    key = await open_session(
        session, operator, stage, way=way, secret=request.config_dict[SETTINGS].secret_key,
        now=request.config_dict[CLOCK](), address=client_address(request),
        browser=browser_of(request),
    )  # fmt: skip
    if stage is Stage.IN:
        log.info("signed in", operator=operator.id, way=way)
    return Entered(key, stage)


async def begin(request: web.Request, *tried: Tried) -> None:
    """Count an attempt. Raises: TooManyAttempts."""
    secret, now = request.config_dict[SETTINGS].secret_key, request.config_dict[CLOCK]()
    try:
        async with request.config_dict[DATABASE].write() as session:
            await begin_attempt(session, *tried, secret=secret, now=now)
    except TooManyAttempts as error:
        log.warning("too many attempts", address=client_address(request), seconds=error.seconds)
        raise


async def succeeded(request: web.Request, session: AsyncSession, *tried: Tried) -> None:
    """The attempt was no failure."""
    secret, now = request.config_dict[SETTINGS].secret_key, request.config_dict[CLOCK]()
    await attempt_succeeded(session, *tried, secret=secret, now=now)


def browser_of(request: web.Request) -> str:
    """What the browser says it is, made harmless."""
    return re.sub(r"[^\x20-\x7e]", "", request.headers.get("User-Agent", ""))


async def _go_on(
    request: web.Request, session: AsyncSession, signed: Signed, operator: Operator, stage: Stage,
    *, way: str,
) -> Entered:  # fmt: skip
    """The next stage under a new key. Raises: NotFound when the step was taken already."""
    key = await replace_session(
        session, signed.digest, operator, stage, way=way,
        secret=request.config_dict[SETTINGS].secret_key, now=request.config_dict[CLOCK](),
        address=client_address(request), browser=browser_of(request),
    )  # fmt: skip
    if stage is Stage.IN:
        log.info("signed in", operator=operator.id, way=way)
    return Entered(key, stage)


async def _operator(session: AsyncSession, signed: Signed) -> Operator:
    operator = await session.get(Operator, signed.principal.operator_id)
    if operator is None or operator.disabled_at is not None:
        raise NotFound("active operator", signed.principal.operator_id)
    return operator


async def _refused(request: web.Request, reason: str, operator: Operator | None) -> None:
    """Write down a failure; whom it was tried on only if they are known."""
    data = {"reason": reason}
    if operator is not None:
        data["operator"] = str(operator.id)
    address, now = client_address(request), request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].write() as session:
        await audit(session, "session.refused", principal=None, now=now, address=address, data=data)
    log.warning("sign-in refused", address=address, **data)
