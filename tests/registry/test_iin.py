"""Identification numbers: what looks wrong is told, and nothing is refused."""

import pytest

from registry.contacts import clean_point, doubts_about
from registry.iin import check_digit, doubt_about_iin
from registry.types import ContactPoint

VALID = "850722100019"
SECOND_PASS = "850722101801"


@pytest.mark.parametrize("iin", [VALID, SECOND_PASS, "8507 2210-0019"])
def test_a_number_that_can_be_one_is_not_doubted(iin: str) -> None:
    assert doubt_about_iin(iin) is None


@pytest.mark.parametrize("iin", [VALID, SECOND_PASS])
def test_any_other_check_digit_is_doubted(iin: str) -> None:
    for digit in set("0123456789") - {iin[-1]}:
        assert doubt_about_iin(iin[:-1] + digit), digit


def test_a_number_without_a_check_digit_is_never_issued() -> None:
    assert check_digit("85072210260") is None
    assert all(doubt_about_iin(f"85072210260{last}") for last in range(10))


@pytest.mark.parametrize(
    ("iin", "told"),
    [
        ("", "12 digits"),
        ("85072210001", "12 digits"),
        ("٨50722100019", "12 digits"),
        ("851322100019", "no such day"),
        ("850230100019", "no such day"),
        ("850722900019", "no such day"),
        ("850722100018", "slip of the pen"),
    ],
)
def test_each_doubt_says_what_it_is(iin: str, told: str) -> None:
    doubt = doubt_about_iin(iin)
    assert doubt is not None
    assert told in doubt


def test_a_point_is_kept_by_its_digits_and_doubts_are_told_of_it_alone() -> None:
    assert clean_point(ContactPoint("IIN", " 8507 2210-0019 ")) == ContactPoint("iin", VALID)
    assert clean_point(ContactPoint("iin", "85-не помню")).value == "85непомню"
    points = (ContactPoint("iin", VALID), ContactPoint("tel", "1"), ContactPoint("IIN", "1"))
    assert len(doubts_about(points)) == 1
