"""What Twilio posts, whichever channel it carries: signed forms of one of two accounts."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from connectors.testing.twilio import SIGNATURE_HEADER, sign_delivery


def account_sid(other: bool) -> str:
    """One of two Twilio accounts."""
    return f"AC{'7a1d' if other else '5e7a':0>32}"


def form(content: Any) -> bytes:
    """A form; what a mutation made of its fields goes as its text."""
    fields = content if isinstance(content, dict) else {"Body": content}
    return urlencode(
        {
            str(name): value if isinstance(value, str) else json.dumps(value)
            for name, value in fields.items()
        },
        errors="replace",
    ).encode()


def form_proof(auth_token: str, address: str, body: bytes) -> Mapping[str, str]:
    return {
        SIGNATURE_HEADER: sign_delivery(auth_token, address, body),
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    }


def mended(body: bytes) -> bytes:
    """A torn form, written anew: Twilio signs fields, and sends no bytes that are none."""
    return urlencode(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)).encode()
