"""Every exception of the library means something, and none is quoted."""

import inspect
from typing import Any

import instagrapi.exceptions  # type: ignore[import-untyped]
import pytest

from connectors.base import (
    Blocked,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
)
from connectors.instagram.private.failures import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MEANINGS,
    Meaning,
    meaning_of,
    translated,
)
from connectors.instagram.private.wire import Lost, Unsent

SECRET = "сессия-58000000109%3Afirst"
CLASSES: dict[str, Any] = {
    name: kind
    for name, kind in vars(instagrapi.exceptions).items()
    if inspect.isclass(kind) and issubclass(kind, Exception)
}
EXPECTED: dict[Meaning, tuple[type[SendError], type[SendError], type[SendError]]] = {
    # when something was sent, when something was asked for, at a login
    Meaning.CHALLENGE: (Misconfigured, Misconfigured, Misconfigured),
    Meaning.LOGGED_OUT: (Misconfigured, Misconfigured, Misconfigured),
    Meaning.PASSWORD: (Misconfigured, Misconfigured, Misconfigured),
    Meaning.TWO_FACTOR: (Misconfigured, Misconfigured, Misconfigured),
    Meaning.SUSPENDED: (Misconfigured, Misconfigured, Misconfigured),
    Meaning.ADDRESS: (Misconfigured, Misconfigured, Misconfigured),
    Meaning.OUTDATED: (Misconfigured, Misconfigured, Misconfigured),
    Meaning.SLOWER: (Throttled, Throttled, Throttled),
    Meaning.RESTRICTED: (Throttled, Throttled, Throttled),
    Meaning.TROUBLE: (Uncertain, Unreachable, Unreachable),
    Meaning.NOT_SENT: (Unreachable, Unreachable, Unreachable),
    Meaning.GONE: (Blocked, Unreachable, Misconfigured),
    Meaning.REFUSED: (Rejected, Unreachable, Misconfigured),
}


def test_the_table_names_every_exception_of_the_library_and_no_other() -> None:
    assert set(MEANINGS) == {*CLASSES, "Unsent", "Lost"}


@pytest.mark.parametrize("name", [*CLASSES, "Unsent", "Lost"])
def test_each_exception_is_told_in_the_cores_words_without_a_secret(name: str) -> None:
    kind = {**CLASSES, "Unsent": Unsent, "Lost": Lost}[name]
    error = kind(SECRET)
    meaning = meaning_of(error)
    assert meaning is MEANINGS[name]
    found = (
        translated(error, account="main", sends=True),
        translated(error, account="main"),
        translated(error, account="main", logs_in=True),
    )
    assert tuple(map(type, found)) == EXPECTED[meaning]
    for one in found:
        assert SECRET not in f"{one!r} {one.code} {getattr(one, 'cure', '')}"
        assert one.reason
        assert "\n" not in one.reason
        if isinstance(one, Misconfigured):
            assert "{account}" not in one.cure
            assert len(one.cure) > 40, "a cure says what a person must do"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ({"message": "checkpoint_required"}, Meaning.CHALLENGE),
        ({"message": "no", "error_type": "checkpoint_challenge_required"}, Meaning.CHALLENGE),
        ({"message": "consent_required"}, Meaning.CHALLENGE),
        ({"message": "user_has_logged_out"}, Meaning.LOGGED_OUT),
        ({"message": "no", "error_type": "inactive_user"}, Meaning.SUSPENDED),
        ({"message": "something new"}, Meaning.REFUSED),
    ],
)
def test_instagrams_own_words_are_understood_where_the_library_has_no_class(
    said: dict[str, str], meaning: Meaning
) -> None:
    assert meaning_of(CLASSES["UnknownError"](**said)) is meaning


def test_a_kind_that_is_not_known_is_trouble_and_never_a_second_send() -> None:
    assert isinstance(translated(RuntimeError("new"), account="main", sends=True), Uncertain)
    assert isinstance(translated(RuntimeError("new"), account="main"), Unreachable)


@pytest.mark.parametrize("meaning", FIRST_PAUSE)
def test_pauses_double_up_to_a_day(meaning: Meaning) -> None:
    name = next(name for name, found in MEANINGS.items() if found is meaning)
    error = CLASSES[name]("x")
    pauses = []
    for before in range(40):
        found = translated(error, account="main", before=before)
        assert isinstance(found, Throttled)
        pauses.append(found.retry_after)
    assert pauses[0] == FIRST_PAUSE[meaning]
    assert pauses[1] == 2 * pauses[0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_instagrams_words_to_the_owner_are_shown_on_one_line() -> None:
    error = CLASSES["FeedbackRequired"](
        message="feedback_required", feedback_message="We limit\n this. " + "x" * 500
    )
    found = translated(error, account="main")
    assert "We limit this." in found.reason
    assert "\n" not in found.reason
    assert len(found.reason) < 320
