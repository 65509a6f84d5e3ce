"""Replies to a person on Messenger and on Instagram, by the time since they wrote."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Misconfigured, SendError, WindowClosed
from connectors.kit.human_agent import HUMAN_AGENT_HOURS, WINDOW_HOURS, tag_errors, tag_for

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TAG = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
DAY, WEEK = timedelta(hours=WINDOW_HOURS), timedelta(hours=HUMAN_AGENT_HOURS)
A_MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("human_agent", [True, False])
@pytest.mark.parametrize("passed", [timedelta(minutes=-1), timedelta(0), DAY])
def test_within_a_day_a_reply_needs_no_tag(passed: timedelta, human_agent: bool) -> None:
    assert tag_for(NOW - passed, NOW, human_agent=human_agent, too_late="") == {}


@pytest.mark.parametrize("passed", [DAY + A_MOMENT, WEEK])
def test_within_a_week_a_human_agent_tells_that_it_is_one(passed: timedelta) -> None:
    assert tag_for(NOW - passed, NOW, human_agent=True, too_late="") == TAG


@pytest.mark.parametrize(
    ("passed", "human_agent", "hours"), [(DAY, False, "24"), (WEEK, True, "168")]
)
def test_later_it_is_too_late(passed: timedelta, human_agent: bool, hours: str) -> None:
    with pytest.raises(WindowClosed) as caught:
        tag_for(
            NOW - passed - A_MOMENT, NOW, human_agent=human_agent, too_late="Only {hours} hours."
        )
    assert caught.value.reason == f"Only {hours} hours."


def test_who_has_written_nothing_can_be_answered() -> None:
    assert tag_for(None, NOW, human_agent=False, too_late="") == {}


def refused(code: str, *, tagged: bool) -> SendError:
    """What becomes of a lost permission."""
    with pytest.raises(SendError) as caught, tag_errors(tagged=tagged):
        raise Misconfigured("Not allowed.", cure="Ask for it.", code=code)
    return caught.value


def test_a_tag_that_is_not_granted_closes_the_window_and_not_the_account() -> None:
    error = refused("10", tagged=True)

    assert isinstance(error, WindowClosed)
    assert (error.code, "human_agent" in error.reason) == ("10", True)


@pytest.mark.parametrize(("code", "tagged"), [("10", False), ("200", True), ("190", True)])
def test_any_other_lost_permission_stays_one(code: str, tagged: bool) -> None:
    assert isinstance(refused(code, tagged=tagged), Misconfigured)
