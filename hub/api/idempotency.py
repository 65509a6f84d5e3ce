"""The header by which a request that is tried again is known."""

import re

from aiohttp import web

from hub.problems import Problem

IDEMPOTENCY_KEY = "Idempotency-Key"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def required_key(request: web.Request) -> str:
    """The key of a request that needs one. Raises: Problem (400)."""
    return _checked(request.headers.get(IDEMPOTENCY_KEY, ""), code="idempotency_key_required")


def optional_key(request: web.Request) -> str | None:
    """The key; None for a request that is never the same as another. Raises: Problem (400)."""
    given = request.headers.get(IDEMPOTENCY_KEY)
    return None if given is None else _checked(given, code="invalid_idempotency_key")


def _checked(key: str, *, code: str) -> str:
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            code,
            f"Send the header {IDEMPOTENCY_KEY}: 1 to 255 printable characters without spaces, "
            "new for each request and the same when you try one again.",
        )
    return key
