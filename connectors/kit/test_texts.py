"""Texts that a stranger wrote, on their way to a provider or a database."""

import pytest

from connectors.kit.texts import sendable, storable


@pytest.mark.parametrize("text", ["", "Абай даңғылы", "pothole", "👍🏽", "a\tb\n"])
def test_a_text_that_anybody_can_carry_stays_as_it_is(text: str) -> None:
    assert sendable(text) == text
    assert storable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\ud83d\ude00", "😀"),
        ("яма\ud83d", "яма\ufffd"),
        ("\ude00яма", "\ufffdяма"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
def test_halves_of_a_surrogate_pair_are_joined_or_marked(text: str, shown: str) -> None:
    assert sendable(text) == shown
    assert storable(text) == shown
    shown.encode()


def test_what_is_stored_has_no_nul_and_what_is_sent_keeps_it() -> None:
    assert storable("я\x00ма\x00") == "яма"
    assert storable("\x00") == ""
    assert sendable("a\x00b") == "a\x00b"
