"""The second factor: codes that an app on the operator's phone makes (TOTP).

Source: https://www.rfc-editor.org/rfc/rfc6238
"""

import re
from datetime import datetime

import pyotp
from msgspec import Struct
from pydantic import SecretStr
from pyotp.utils import strings_equal
from sqlalchemy import update
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import NotFound, RegistryError
from registry.journal import record
from registry.models import Operator
from registry.operators import Principal
from registry.sealing import seal, unseal

STEP = 30
"""Seconds that a code is for; the one before and the one after are taken too, as clocks differ."""
ENROLMENT_SECONDS = 15 * 60
"""How long one has to put the secret into an app and confirm it."""

_PURPOSE = "second factor"
_ENROLMENT = "second factor enrolment"
_CODE = re.compile(r"\d{6}", re.ASCII)


class WrongCode(RegistryError):
    """The code is not the one that the app shows now, or was used already."""

    def __init__(self) -> None:
        super().__init__("The code is wrong or was used already; wait for the next one.")


class NotBegun(RegistryError):
    """The enrolment was not begun, was altered, or took too long."""

    def __init__(self) -> None:
        super().__init__("This took too long; begin again.")


class Enrolment(Struct, frozen=True):
    """What an app has to be told. Nothing counts until a code confirms it."""

    secret: str
    """In Base32, for whoever types it in."""
    uri: str
    """The same as an otpauth address, for a QR code."""
    sealed: str
    """What the confirmation has to bring along."""


def begin_enrolment(
    operator: Operator, *, issuer: str, secret: SecretStr, now: datetime
) -> Enrolment:
    """A new secret for an operator; it is kept by whoever asked, sealed, until it is confirmed."""
    made, until = pyotp.random_base32(), int(now.timestamp()) + ENROLMENT_SECONDS
    sealed = seal(secret, _ENROLMENT, f"{operator.id}:{until}:{made}")
    return enrolment_of(operator, sealed, issuer=issuer, secret=secret, now=now)


def enrolment_of(
    operator: Operator, sealed: str, *, issuer: str, secret: SecretStr, now: datetime
) -> Enrolment:
    """The enrolment that was begun, to be shown once more. Raises: NotBegun."""
    made = _unsealed(operator, sealed, secret=secret, now=now)
    uri = pyotp.TOTP(made, interval=STEP).provisioning_uri(name=operator.email, issuer_name=issuer)
    return Enrolment(secret=made, uri=uri, sealed=sealed)


async def confirm_enrolment(
    session: AsyncSession, operator: Operator, *, sealed: str, code: str, secret: SecretStr,
    now: datetime,
) -> None:  # fmt: skip
    """From now on signing in takes a code of this secret. Raises: NotBegun, WrongCode."""
    made = _unsealed(operator, sealed, secret=secret, now=now)
    step = _step_of(made, code, now=now)
    if step is None:
        raise WrongCode
    replaced = operator.totp_since is not None
    await session.exec(
        update(Operator)
        .where(col(Operator.id) == operator.id)
        .values(totp_secret=seal(secret, _PURPOSE, made), totp_since=now, totp_step=step)
    )
    data = {"operator": str(operator.id), "replaced": replaced}
    record(session, "second_factor.set", actor=f"operator:{operator.id}", now=now, data=data)


async def check_code(
    session: AsyncSession, operator: Operator, *, code: str, secret: SecretStr, now: datetime
) -> None:
    """Use up a code: of any number who try the same at once, one gets through.

    Raises: WrongCode.
    """
    kept = unseal(secret, _PURPOSE, operator.totp_secret or "")
    step = None if kept is None else _step_of(kept, code, now=now)
    if step is None:
        raise WrongCode
    used = await session.exec(
        update(Operator)
        .where(col(Operator.id) == operator.id, col(Operator.totp_step) < step)
        .values(totp_step=step)
        .returning(col(Operator.id))
    )
    if used.first() is None:
        raise WrongCode


async def remove_second_factor(
    session: AsyncSession, operator_id: int, *, by: Principal, now: datetime
) -> None:
    """Let an operator in without a code again: their phone is lost. Raises: NotFound."""
    done = await session.exec(
        update(Operator)
        .where(col(Operator.id) == operator_id, col(Operator.totp_since).is_not(None))
        .values(totp_secret=None, totp_since=None)
        .returning(col(Operator.id))
    )
    if done.first() is None:
        raise NotFound("second factor of operator", operator_id)
    data = {"operator": str(operator_id)}
    record(session, "second_factor.removed", actor=by.actor, now=now, data=data)


def _unsealed(operator: Operator, sealed: str, *, secret: SecretStr, now: datetime) -> str:
    opened = unseal(secret, _ENROLMENT, sealed)
    if opened is None:
        raise NotBegun
    operator_id, until, made = opened.split(":")
    if operator_id != str(operator.id) or now.timestamp() > int(until):
        raise NotBegun
    return made


def _step_of(made: str, code: str, *, now: datetime) -> int | None:
    """The half-minute whose code this is: of those nearby, the latest."""
    typed = re.sub(r"[\s-]", "", code)
    if not _CODE.fullmatch(typed):
        return None
    totp, current = pyotp.TOTP(made, interval=STEP), int(now.timestamp()) // STEP
    near = (current + 1, current, current - 1)
    matching = [step for step in near if strings_equal(totp.generate_otp(step), typed)]
    return matching[0] if matching else None
