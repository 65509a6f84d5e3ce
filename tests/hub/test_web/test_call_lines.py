"""What became of a call is told in words, in every language."""

import re
from datetime import datetime

import pytest

from hub.views.call_lines import ENDS, OUTCOMES, SHOWN, TOLD
from hub.views.names import Names
from hub.web import i18n
from registry.calls.wrap_up import CallOutcome


def _moment(at: datetime) -> str:
    return str(at)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_end_and_every_outcome_has_words(language: str, names: Names) -> None:
    assert set(OUTCOMES) == {one.value for one in CallOutcome}
    with i18n.use(language):
        said = [
            told({"as": as_, "outcome": outcome, "talked": 63}, names, _moment)
            for told in (*TOLD.values(), *SHOWN.values())
            for as_ in (*ENDS, "unheard of")
            for outcome in (*OUTCOMES, None)
        ]
    assert all(said)
    assert any("1:03" in one for one in said)
    if language != "en":
        assert not [one for one in said if re.search("[A-Za-z]{3}", one)]


@pytest.fixture
def names() -> Names:
    """Of nobody."""
    return Names()
