"""Keys of settings: what they may hold, and what a person is told who gave another thing."""

from typing import Annotated, Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from connectors.kit.keys import ApiBase, MetaId, Secret, matching


def told(kind: Any, value: object) -> str:
    """What is said of a value that a key may not hold."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors()
    return error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("http://127.0.0.1:8081/stand-in//", "http://127.0.0.1:8081/stand-in"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_address_loses_its_last_slash(given: str, kept: str) -> None:
    assert TypeAdapter(ApiBase).validate_python(given) == kept


@pytest.mark.parametrize("given", ["", "api.example.com", "ftp://api.example.com", "https://", "/"])
def test_an_address_is_one_of_the_web(given: str) -> None:
    assert told(ApiBase, given) == "an address that starts with http:// or https:// is needed"


@pytest.mark.parametrize(
    "given",
    [
        "https://api.example.com?version=2",
        "https://api.example.com/#top",
        "https://someone@api.example.com",
        "https://someone:word@api.example.com",
        "https://:word@api.example.com",
    ],
)
def test_an_address_holds_no_secret_and_nothing_but_the_way(given: str) -> None:
    assert told(ApiBase, given) == "the address may hold no query, fragment or user name"


@pytest.mark.parametrize("given", ["12345678", "!~AZaz09" * 256])
def test_a_secret_is_a_line_without_blanks(given: str) -> None:
    assert TypeAdapter(Secret).validate_python(given).get_secret_value() == given


@pytest.mark.parametrize(
    "given", ["", "1234567", "1234 5678", "12345678\n", "құпия-сөз", "a" * 2049, "a\x00bcdefghi"]
)
def test_what_could_be_guessed_or_breaks_a_header_is_no_secret(given: str) -> None:
    assert told(Secret, given) == "8 or more characters without blanks are needed"


def test_an_id_of_metas_is_made_of_digits() -> None:
    assert TypeAdapter(MetaId).validate_python("104512398760021") == "104512398760021"
    for odd in ("", "1" * 33, "12a", " 12", "12\n", "१२"):
        assert told(MetaId, odd) == "an id of Meta's is needed: digits alone"


def test_all_of_a_key_matches_and_not_its_beginning() -> None:
    kind = Annotated[str, matching("ab?", "an a is needed")]

    assert TypeAdapter(kind).validate_python("ab") == "ab"
    for odd in ("abc", "cab", "a\n"):
        assert told(kind, odd) == "an a is needed"


def test_what_is_wrong_with_a_secret_is_told_without_it() -> None:
    kind = Annotated[SecretStr, matching("[0-9]+", "digits are needed")]

    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(SecretStr("not-for-the-log"))
    assert "not-for-the-log" not in str(caught.value)
