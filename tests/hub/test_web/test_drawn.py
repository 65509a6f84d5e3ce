"""Rows as they were drawn: anew whenever anything in them is another, and only then."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import DictLoader, Environment
from msgspec import structs

from hub.views import drawn
from hub.views.drawn import DrawnRows
from hub.views.names import Names
from hub.web import i18n
from registry.inbox import Appeal

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
NAMES = Names(categories={"water": {"ru": "Вода", "kk": "Су"}})


def an_appeal(**changes: Any) -> Appeal:
    fields: dict[str, Any] = dict.fromkeys(Appeal.__struct_fields__) | {"id": "1", **changes}
    return Appeal(**fields)


class Counting(DictLoader):
    """A template that tells how often it was drawn."""

    def __init__(self) -> None:
        super().__init__({"inbox/row.html": "{{ count() }}"})


@pytest.fixture
def rows() -> DrawnRows:
    times = iter(range(1, 100))
    env = Environment(loader=Counting(), autoescape=True)
    env.globals["count"] = lambda: next(times)
    return DrawnRows(env, ZoneInfo("Asia/Almaty"))


def test_the_same_appeal_is_drawn_once_for_all_who_read_its_language(rows: DrawnRows) -> None:
    with i18n.use("ru"):
        for _ in range(3):
            assert rows(an_appeal(), names=NAMES, now=NOW) == "1"
        assert rows(an_appeal(), names=Names(teams={"x": "X"}), now=NOW) == "1"
    with i18n.use("kk"):
        assert rows(an_appeal(), names=NAMES, now=NOW) == "2"
    with i18n.use("ru"):
        assert rows(an_appeal(), names=NAMES, now=NOW) == "1"


@pytest.mark.parametrize(
    ("name", "value"), [("subject", "Су жоқ"), ("unread", 2), ("assignee_name", "Дана")]
)
def test_what_has_changed_is_drawn_anew(rows: DrawnRows, name: str, value: object) -> None:
    first = an_appeal()
    assert rows(first, names=NAMES, now=NOW) == "1"
    assert rows(structs.replace(first, **{name: value}), names=NAMES, now=NOW) == "2"


def test_a_category_of_another_name_is_drawn_anew(rows: DrawnRows) -> None:
    with i18n.use("ru"):
        wet = an_appeal(category="water")
        assert rows(wet, names=NAMES, now=NOW) == "1"
        assert rows(wet, names=Names(categories={"water": {"ru": "Водоснабжение"}}), now=NOW) == "2"


@pytest.mark.parametrize(
    ("name", "at", "seconds"),
    [
        ("due_at", timedelta(hours=1), 1),
        ("due_at", timedelta(seconds=1), 2),
        ("waiting_since", timedelta(0), 60),
        ("snoozed_until", timedelta(seconds=1), 2),
    ],
)
def test_a_row_never_tells_a_minute_that_is_over(
    rows: DrawnRows, name: str, at: timedelta, seconds: int
) -> None:
    appeal = an_appeal(**{name: NOW + at})
    assert rows(appeal, names=NAMES, now=NOW) == "1"
    assert rows(appeal, names=NAMES, now=NOW) == "1"
    assert rows(appeal, names=NAMES, now=NOW + timedelta(seconds=seconds)) == "2"


def test_the_longest_unseen_is_forgotten_first(
    rows: DrawnRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "MOST", 2)
    first, second, third = (an_appeal(id=str(i)) for i in range(3))
    for appeal in (first, second, first, third):
        rows(appeal, names=NAMES, now=NOW)
    assert rows(first, names=NAMES, now=NOW) == "1"
    assert rows(second, names=NAMES, now=NOW) == "4"
