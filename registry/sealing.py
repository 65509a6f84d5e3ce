"""What is sealed or signed with the hub's key: keys of a purpose each, all derived from one secret.

A value that is sealed can be read back only with the same key; a signature proves that an address
is of our own making, and until when.
"""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

SIGNATURE_CHARACTERS = 43


def derived(secret: SecretStr, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from which neither the secret nor another key follows."""
    return hmac.new(secret.get_secret_value().encode(), purpose.encode(), hashlib.sha256).digest()


def seal(secret: SecretStr, purpose: str, value: str) -> str:
    """The value, unreadable and unalterable without the key."""
    return _box(secret, purpose).encrypt(value.encode()).decode()


def unseal(secret: SecretStr, purpose: str, sealed: str) -> str | None:
    """What was sealed for the same purpose; None when it was altered, or by another key."""
    try:
        return _box(secret, purpose).decrypt(sealed.encode()).decode()
    except (InvalidToken, ValueError):
        return None


def signature(secret: SecretStr, purpose: str, text: str) -> str:
    """43 characters that only the holder of the key can make for this text."""
    digest = hmac.new(
        derived(secret, purpose), text.encode("utf-8", "surrogatepass"), hashlib.sha256
    ).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _box(secret: SecretStr, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derived(secret, purpose)))
