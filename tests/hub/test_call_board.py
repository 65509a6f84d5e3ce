"""The board of calls over HTTP: who may see it, in which language, and as tables."""

import csv
import io
import zipfile
from datetime import timedelta
from typing import Any

from aiohttp.test_utils import TestClient

from hub.app import Hub
from hub.views import call_board_words as words
from hub.views.call_chart import HEIGHT, drawn, scale_step
from registry.calls.board import Figures, Hour
from registry.calls.tables import Call, PhoneAgent
from registry.models import Operator
from registry.operators import Role, add_token
from tests.conftest import FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.registry.desk import hire


async def token(hub: Hub, role: Role) -> dict[str, str]:
    """What a program of that role shows."""
    async with hub.database.write() as session:
        key = await add_token(
            session, name=role, role=role, secret_key=SECRET_KEY, actor="system", now=hub.clock()
        )
    return {"Authorization": f"Bearer {key}", "Accept-Language": "en"}


async def a_morning(hub: Hub) -> None:
    now = hub.clock()
    mischief = await hire(hub.database, "Mischief")
    async with hub.database.write() as session:
        operator = await session.get_one(Operator, mischief.operator_id)
        operator.name = "=cmd|' /C calc'!A0"
        session.add(
            PhoneAgent(
                operator_id=operator.id, state="away", reason="meal",
                since=now - timedelta(minutes=2),
            )
        )  # fmt: skip
        for waited in (4.0, 40.0):
            session.add(
                Call(
                    account="main", state="ended", started_at=now, waiting_since=now,
                    answered_at=now + timedelta(seconds=waited), ended_at=now, waited=waited,
                    ended_as="answered", talked=50.0,
                )
            )  # fmt: skip


async def test_the_hours_are_a_table_of_numbers(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    await a_morning(open_house)
    headers = await token(open_house, Role.SUPERVISOR)
    answer = await visitor.get("/api/v1/phone/board.csv", headers=headers)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="calls-2026-03-02.csv"' in answer.headers["Content-Disposition"]
    head, *rows = csv.reader(io.StringIO((await answer.read()).decode("utf-8-sig")))
    assert head[:4] == ["Hour", "Calls", "Answered", "Answered in time"]
    assert head[10] == "Calls (a week before)"
    nine = next(row for row in rows if row[0] == "09:00–10:00")
    assert nine[1:10] == ["2", "2", "1", "0", "0", "0", "50.0", "22.0", "50.0"]
    assert [row[0] for row in rows][-2:] == ["23:00–24:00", "By now"]


async def test_the_workbook_has_the_operators_and_none_of_their_names_is_a_formula(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await a_morning(open_house)
    headers = await token(open_house, Role.SUPERVISOR)
    answer = await visitor.get("/api/v1/phone/board.xlsx", headers=headers)
    assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(await answer.read())) as book:
        texts = book.read("xl/sharedStrings.xml").decode()
        formulas = [name for name in book.namelist() if b"<f>" in book.read(name)]
    assert "=cmd|" in texts
    assert "Away: a meal" in texts
    assert formulas == []


async def test_operators_take_nothing_out(open_house: Hub, visitor: TestClient[Any, Any]) -> None:
    headers = await token(open_house, Role.OPERATOR)
    for ending in ("csv", "xlsx"):
        answer = await visitor.get(f"/api/v1/phone/board.{ending}", headers=headers)
        assert answer.status == 403


# --- Words and bars -------------------------------------------------------------------------------


def test_times_and_shares_are_written_as_they_are_read() -> None:
    assert [words.length(one) for one in (None, 0.4, 65, 3723)] == ["–", "0:00", "1:05", "1:02:03"]
    assert [words.share(one) for one in (None, 0, 0.996, 1)] == ["–", "0 %", "99 %", "100 %"]
    assert words.hour(23) == "23:00–24:00"


def test_the_bars_stand_on_one_scale() -> None:
    hours = [
        Hour(hour=8, today=Figures(calls=9, answered=6), before=Figures(calls=12), is_over=True),
        Hour(hour=9, today=Figures(), before=Figures(), is_over=False),
    ]
    chart = drawn(hours)
    assert chart.lines == ((200.0, 0), (133.3, 5), (66.7, 10), (0.0, 15))
    first, second = chart.bars
    assert (first.calls_top, first.answered_top, first.before_top) == (80.0, 120.0, 40.0)
    assert second.calls_top == HEIGHT
    assert drawn([]).lines == ((200.0, 0), (0.0, 1))
    assert [scale_step(most) for most in (0, 5, 6, 11, 26, 5000)] == [1, 1, 2, 5, 10, 1000]
