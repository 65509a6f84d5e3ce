"""JSON from strangers, in two ways: strictly and at once, or leniently and part by part.

Decoding is on the hot path: typed structs, which skip what they do not name. A body that they
cannot take (half a surrogate pair, a field of a new shape) and one with a NUL go the slow way, so
that one odd character or one changed field never costs a message, nor its neighbours.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import msgspec

from connectors.base import Malformed
from connectors.kit.texts import storable

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for a body that it cannot take."""

T = TypeVar("T")
B = TypeVar("B")


def strictly(body: bytes, read: Callable[[bytes], T]) -> T | None:
    """What `read`, a decoder, makes of a body; None for one that must go the slow way.

    A NUL fits every decoder, and no database: a text with one is cleaned on the slow way.
    """
    if b"\\u0000" in body:
        return None
    try:
        return read(body)
    except BROKEN:
        return None


def leniently(body: bytes, *, whole: Callable[[str], object] = int) -> Any:
    """A body's plain values, whose texts can be stored. `whole` reads a whole number's digits.

    Raises: Malformed.
    """
    try:
        value = json.loads(body.decode("utf-8", "replace"), parse_constant=_refuse, parse_int=whole)
        return _cleaned(value)
    except (ValueError, RecursionError):
        raise Malformed("The body is no JSON.") from None


def shaped(value: object, whole: type[T], bare: type[B]) -> T | B:
    """A value as the whole shape, or else as the bare one, which has only what must be there.

    Raises: msgspec.ValidationError, which tells what the whole shape lacks.
    """
    try:
        return msgspec.convert(value, whole)
    except msgspec.ValidationError as error:
        try:
            return msgspec.convert(value, bare)
        except msgspec.ValidationError:
            raise error from None


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case list():
            return [_cleaned(item) for item in value]
        case dict():
            return {storable(key): _cleaned(item) for key, item in value.items()}
        case _:
            return value


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(f"{constant} is no JSON")
