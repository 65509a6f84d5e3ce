"""How a delivery is proved: compared in constant time, whatever a stranger puts in a header."""

import hashlib
import hmac


def same(shown: str | None, expected: str) -> bool:
    """Whether the proof shown is the one expected; takes equally long when it is not.

    A header may be missing, and may hold anything: neither is an error here.
    """
    return hmac.compare_digest(_bytes(shown or ""), _bytes(expected)) and bool(expected)


def hmac_sha256(secret: str, body: bytes) -> str:
    """The lower-case hexadecimal HMAC-SHA256 of a body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _bytes(text: str) -> bytes:
    # Servers hand bytes of a header that are no UTF-8 on as lone surrogates.
    return text.encode("utf-8", "surrogatepass")
