"""Proofs of deliveries, with whatever a stranger may show."""

import pytest

from connectors.kit.signatures import hmac_sha256, same


def test_only_the_expected_proof_is_the_same() -> None:
    assert same("abc", "abc")
    assert not same("abd", "abc")
    assert not same("ab", "abc")


@pytest.mark.parametrize("shown", [None, "", "құпия", "\udcff", "\x00", "a" * 100_000])
def test_whatever_is_shown_is_wrong_rather_than_an_error(shown: str | None) -> None:
    assert not same(shown, "abc")


@pytest.mark.parametrize("shown", [None, ""])
def test_an_empty_secret_proves_nothing(shown: str | None) -> None:
    assert not same(shown, "")


def test_a_secret_outside_ascii_can_be_shown() -> None:
    assert same("құпия", "құпия")


def test_the_hmac_is_the_one_of_rfc_4231() -> None:
    # Source: RFC 4231, section 4.3
    assert hmac_sha256("Jefe", b"what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
