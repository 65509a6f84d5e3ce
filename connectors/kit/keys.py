"""What the keys of an account's settings may hold, and what is said where one holds another thing.

An error never quotes the value: it may be a secret.
"""

import re
from typing import Annotated, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_Key = TypeVar("_Key", bound=str | SecretStr)


def matching(pattern: str, needed: str) -> AfterValidator:
    """For a text or a secret all of which matches; whoever gave another is told what is needed."""
    wanted = re.compile(pattern)

    def check(value: _Key) -> _Key:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not wanted.fullmatch(text):
            raise ValueError(needed)
        return value

    return AfterValidator(check)


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address that starts with http:// or https:// is needed")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("the address may hold no query, fragment or user name")
    return value.rstrip("/")


ApiBase: TypeAlias = Annotated[str, AfterValidator(_address)]
"""Where a provider's API is found, without a slash at its end."""
Secret: TypeAlias = Annotated[
    SecretStr, matching(r"[!-~]{8,2048}", "8 or more characters without blanks are needed")
]
"""What stands in a header or a form: no blanks, and too long to be guessed."""
MetaId: TypeAlias = Annotated[
    str, matching(r"[0-9]{1,32}", "an id of Meta's is needed: digits alone")
]
"""Of a page, an app or an account."""
