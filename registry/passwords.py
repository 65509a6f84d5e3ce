"""Passwords: kept as argon2id hashes, which cannot be read back, and checked at one cost."""

import asyncio
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from registry.operators import Unacceptable

MIN_PASSWORD = 12
"""Characters a password must have at least."""
MAX_PASSWORD = 1024
"""More would only keep the hash function busy."""

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is mistaken for something else when it is read out."""
_GROUPS, _GROUP = 4, 5

_hasher = PasswordHasher()
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
"""Each hash takes 64 MiB: a crowd at the door waits its turn rather than filling the memory."""


async def hash_password(password: str) -> str:
    """The argon2id hash, made in a thread: call it before the transaction. Raises: Unacceptable."""
    if len(password) < MIN_PASSWORD:
        raise Unacceptable(
            f"The password is too short; take at least {MIN_PASSWORD} characters.", "password_short"
        )
    if len(password) > MAX_PASSWORD:
        raise Unacceptable(
            f"The password is too long; take at most {MAX_PASSWORD} characters.", "password_long"
        )
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, _hasher.hash, _spelled(password))


async def is_password(kept: str | None, password: str) -> bool:
    """Whether this is the password of which `kept` is the hash; call it outside a transaction.

    Where nothing is kept it costs as much time and says no, so that nobody learns who is here.
    """
    tried = _spelled(password[:MAX_PASSWORD])
    loop = asyncio.get_running_loop()
    matches = await loop.run_in_executor(_threads, _matches, kept or _nobody(), tried)
    return matches and kept is not None


def one_time_password() -> str:
    """A password that is told once: 20 letters and digits, 99 bits, in groups that can be read."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _spelled(password: str) -> str:
    """In one form, whichever way a keyboard composed its letters."""
    return unicodedata.normalize("NFKC", password)


def _nobody() -> str:
    """A hash that no password has, as costly to check as a real one."""
    return (
        f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
        "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    )


def _matches(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except VerificationError:
        return False
