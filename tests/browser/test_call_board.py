"""The supervisors' board of calls and the one on the wall, as people see them."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Response, expect

from hub.web.i18n import LANGUAGES
from registry.calls.tables import Call, CallBack, PhoneAgent
from registry.operators import Role
from registry.teams import add_team
from tests.browser.conftest import OpenContext
from tests.browser.desk import Desk, employ, sign_in
from tests.browser.looking import Faults, axe, shot, visit
from tests.browser.served import Served

WALL = {"width": 1920, "height": 1080}


async def a_day(served: Served) -> None:
    """Some calls of today and of a week before, some on the line, operators in every state."""
    now = served.hub.clock()
    rows: list[Any] = []
    for days in (0, 7):
        for hours in range(1, 9):
            for n in range(3 + (hours * 5 + days) % 9):
                started = now - timedelta(days=days, hours=hours, minutes=n)
                given_up = n % 5 == 4
                rows.append(
                    Call(
                        account="main", state="ended", started_at=started, waiting_since=started,
                        waited=float(7 * n), ended_at=started + timedelta(minutes=3),
                        answered_at=None if given_up else started + timedelta(seconds=7 * n),
                        ended_as="abandoned" if given_up else "answered",
                        talked=95.0 + 10 * n, wrapped_up=20.0,
                    )
                )  # fmt: skip
    for seconds, language, team in ((130, "kk", None), (48, "ru", "roads"), (5, "ru", "roads")):
        since = now - timedelta(seconds=seconds)
        rows.append(
            Call(
                account="main", state="waiting", started_at=since, waiting_since=since,
                language=language, team=team,
            )
        )  # fmt: skip
    for number, minutes in ((1, 5), (2, 90)):
        due = now - timedelta(minutes=minutes)
        rows.append(
            CallBack(
                account="main", number=f"+7701000000{number}", why="missed", asked_at=due,
                due_at=due,
            )
        )  # fmt: skip
    states = (("Айгерім Нұрланқызы", "busy", ""), ("Болат", "available", ""),
              ("Гүлнар", "wrap_up", ""), ("Ерлан", "away", "meal"))  # fmt: skip
    for at, (name, state, reason) in enumerate(states):
        who = await employ(served, name, role=Role.OPERATOR)
        assert who.operator_id is not None
        since = now - timedelta(seconds=65 * (at + 1))
        rows.append(
            PhoneAgent(operator_id=who.operator_id, state=state, reason=reason, since=since)
        )
    boss = await employ(served, "Сәуле")
    async with served.hub.database.write() as session:
        await add_team(session, "roads", "Дороги", by=boss, now=now)
        session.add_all(rows)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_board_and_the_wall_are_whole_and_open_to_everybody(
    served: Served, open_context: OpenContext, language: str
) -> None:
    await a_day(served)
    theme = {"ru": "light", "kk": "dark", "en": "light"}[language]
    principal = await employ(served, "Дана", language=language, theme=theme)
    context = await open_context(viewport=WALL if language != "kk" else None)
    await sign_in(served, context, principal)
    page = await context.new_page()

    await visit(page, f"{served.url}/phone/board")
    await expect(page.locator(".tile").first.locator("strong")).to_have_text("3")
    await expect(page.locator(".bars rect.calls")).not_to_have_count(0)
    assert await axe(page) == []
    await shot(page, f"board-{language}")

    await visit(page, f"{served.url}/phone/wallboard")
    await expect(page.locator(".wall-tile .figure").first).to_have_text("3")
    assert await axe(page) == []
    await shot(page, f"wallboard-{language}")


async def test_the_wall_fits_a_screen_and_its_figures_can_be_read_from_afar(
    served: Served, open_context: OpenContext
) -> None:
    await a_day(served)
    principal = await employ(served, "Дана", language="kk")
    context = await open_context(viewport=WALL)
    await sign_in(served, context, principal)
    page = await context.new_page()
    await visit(page, f"{served.url}/phone/wallboard")
    over = await page.evaluate("document.documentElement.scrollHeight - innerHeight")
    assert over <= 0, f"the wall is {over} pixels too high"
    # Half a centimetre is read from a metre. On a screen of 43 inches, 53 cm high, 2.5 cm are a
    # twentieth of its height.
    for size in await page.evaluate(
        "[...document.querySelectorAll('.figure, .wall-people strong, .wall-queues strong')]"
        ".map((one) => parseFloat(getComputedStyle(one).fontSize))"
    ):
        assert size >= WALL["height"] / 20
    grounds = await page.evaluate("getComputedStyle(document.querySelector('.wall')).colorScheme")
    assert grounds == "dark"


def _is_read_anew(response: Response) -> bool:
    return response.request.headers.get("hx-request") == "true"


async def test_a_call_that_comes_in_is_on_the_board_within_a_second(signed_in: Desk) -> None:
    async with signed_in.page.expect_response(_is_read_anew):
        page = await signed_in.visit("/phone/board")
    waiting = page.locator(".tile").first.locator("strong")
    await expect(waiting).to_have_text("0")
    # Its pulse was told: from here on nothing is read anew by itself for half a minute.
    hub = signed_in.served.hub
    async with hub.database.write() as session:
        session.add(
            Call(
                account="main", state="waiting", language="kk", started_at=hub.clock(),
                waiting_since=hub.clock(),
            )
        )  # fmt: skip
    await expect(waiting).to_have_text("1", timeout=5_000)
    await expect(page.get_by_role("rowheader", name="Қазақша")).to_be_visible()
    first = page.locator("tbody running-time").first
    shown = await first.text_content()
    await expect(first).not_to_have_text(shown or "", timeout=5_000)


async def test_operators_are_not_shown_the_board(
    served: Served, open_context: OpenContext, faults: Faults
) -> None:
    faults.allow("403")
    principal = await employ(served, "Ерлан", role=Role.OPERATOR, language="en")
    context = await open_context()
    await sign_in(served, context, principal)
    page = await context.new_page()
    for address in ("/phone/board", "/phone/wallboard"):
        answer = await page.goto(served.url + address)
        assert answer is not None
        assert answer.status == 403
    for ending in ("csv", "xlsx"):
        refused = await context.request.get(f"{served.url}/api/v1/phone/board.{ending}")
        assert refused.status == 403
