"""Bodies that strangers send: strictly where they fit, leniently where they do not."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from connectors.base import Malformed
from connectors.kit.hostile_json import leniently, shaped, strictly


class Told(Struct):
    text: str
    size: int = 0


class Bare(Struct):
    text: Any


_READ = msgspec.json.Decoder(Told).decode


def test_a_body_of_the_right_shape_is_read_at_once() -> None:
    assert strictly(b'{"text": "\\u044f\\ud83d\\ude00", "more": [1]}', _READ) == Told("я😀")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"text": 1}',
        b'{"text": "a\\u0000b"}',
        b'{"text": "\\ud83d"}',
        b'{"text": "\xff"}',
        b"[" * 100_000,
    ],
    ids=["nothing", "another shape", "a NUL", "half a pair", "no UTF-8", "a deep hole"],
)
def test_whatever_else_goes_the_slow_way(body: bytes) -> None:
    assert strictly(body, _READ) is None


def test_the_slow_way_gives_texts_that_can_be_stored_keys_and_values_alike() -> None:
    body = b'{"t\\u0000": ["a\\u0000b", {"\\ud83d": "\\ude00"}, "\xff"], "n": [1, 2.5, true, null]}'

    assert leniently(body) == {
        "t": ["ab", {"\ufffd": "\ufffd"}, "\ufffd"],
        "n": [1, 2.5, True, None],
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"message=a",
        b'{"text": tru',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"\x00" * 64,
        b"[" * 100_000,
        b"[" * 5000 + b"]" * 5000,
        b'{"n": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_malformed_and_no_other_error(body: bytes) -> None:
    with pytest.raises(Malformed, match=r"^The body is no JSON\.$"):
        leniently(body)


def test_whoever_reads_says_what_becomes_of_whole_numbers() -> None:
    body = b"[1, -2, 3.5, 100000000000000000000]"

    assert leniently(body) == [1, -2, 3.5, 10**20]
    assert leniently(body, whole=lambda digits: None if len(digits) > 18 else int(digits)) == [
        1,
        -2,
        3.5,
        None,
    ]


def test_a_value_has_the_whole_shape_or_the_bare_one() -> None:
    assert shaped({"text": "a", "size": 2}, Told, Bare) == Told("a", 2)
    assert shaped({"text": "a", "size": "large"}, Told, Bare) == Bare("a")


def test_a_value_of_neither_shape_is_told_by_what_the_whole_one_lacks() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"Expected `object`, got `array`"):
        shaped([], Told, Bare)
    with pytest.raises(msgspec.ValidationError, match=r"Expected `int`, got `str` - at `\$\.size`"):
        shaped({"size": "large", "text": "a"}, Told, Told)
