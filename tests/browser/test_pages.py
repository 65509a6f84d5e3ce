"""Every page of the desk, as it comes: nothing is broken, and nobody is kept out."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from hub.views.pages import PAGES
from hub.web.i18n import LANGUAGES
from registry.calls.tables import CallBack
from registry.models import Team
from registry.operators import Role
from registry.search.following import catch_up
from tests.browser.conftest import OpenContext, Serve
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import axe, shot, visit
from tests.browser.served import Served
from tests.browser.telephone import CALLER

WHOLE = sorted(
    {
        page.path
        for page in PAGES
        if page.method == "GET" and page.role is not None and "{" not in page.path
    }
    - {"/", "/admin", "/inbox/rows", "/channels/standing"}
)
"""Addresses of pages; the rest lead to one, or are pieces of one."""

_WIDER = """() => Math.max(...[document.documentElement, document.querySelector("main")]
  .map((box) => box.scrollWidth - box.clientWidth))"""

WIDTHS = {"ru": (1366, 768), "kk": (390, 844), "en": (1920, 1080)}
THEMES = {"ru": "light", "kk": "dark", "en": "dark"}


@pytest_asyncio.fixture(loop_scope="session")
async def served(serve: Serve) -> AsyncIterator[Served]:
    """A hub with all that a desk can have: a phone, and teams."""
    async with serve(with_phone=True) as hub:
        async with hub.hub.database.write() as session:
            for key, name in (("houses", "Дома и сети"), ("streets", "Дороги и улицы")):
                session.add(Team(key=key, name=name, created_at=hub.hub.clock()))
        yield hub


@pytest_asyncio.fixture(loop_scope="session")
async def laid_out(served: Served) -> AsyncIterator[Served]:
    """That hub with some appeals, which search knows, and somebody to be called back."""
    await lay_out(
        served,
        [
            {"name": "Айгүл Сейтқали", "text": "Көшеде жарық жоқ", "phone": "+77011234567"},
            {"name": "Мария", "text": "Не вывозят мусор на улице Абая", "language": "ru"},
        ],
    )
    await catch_up(served.hub.database, now=served.hub.clock())
    async with served.hub.database.write() as session:
        now = served.hub.clock()
        session.add(CallBack(account="main", number=CALLER, why="missed", asked_at=now, due_at=now))
    yield served


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_is_whole_and_open_to_everybody(
    laid_out: Served, open_context: OpenContext, language: str
) -> None:
    width, height = WIDTHS[language]
    context = await open_context(viewport={"width": width, "height": height})
    chosen = {"language": language, "theme": THEMES[language]}
    principal = await employ(laid_out, "Дана", role=Role.ADMIN, **chosen)
    await sign_in(laid_out, context, principal)
    page = await context.new_page()
    for address in (*WHOLE, "/search?q=көше"):
        await visit(page, laid_out.url + address)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.locator("h1").first).not_to_be_empty()
        sideways = await page.evaluate(_WIDER)
        assert sideways <= 0, f"{address} is wider than the screen by {sideways}"
        assert await axe(page) == [], address
        await shot(page, f"{address.strip('/').replace('/', '-').partition('?')[0]}-{language}")
    await context.close()


async def test_whoever_is_to_be_called_back_is_called_from_a_phones_screen_too(
    laid_out: Served, open_context: OpenContext
) -> None:
    context = await open_context(viewport={"width": 390, "height": 844})
    principal = await employ(laid_out, "Дана", language="kk")
    await sign_in(laid_out, context, principal)
    page = await context.new_page()
    await visit(page, laid_out.url + "/phone/call-backs")
    for button in await page.locator(".call-backs button").all():
        await expect(button).to_be_in_viewport(ratio=1)
    await expect(page.locator(".call-backs button")).to_have_count(2)
    await context.close()


async def test_search_finds_without_kazakh_letters_and_leads_to_the_appeal(
    laid_out: Served, signed_in: Desk
) -> None:
    page = await signed_in.visit("/search?q=кошеде")
    await expect(page.locator(".findings li")).to_have_count(1)
    await expect(page.locator(".findings mark")).to_have_text(["Көшеде"])
    await page.locator("#search-q").fill("8 701 123 45 67")
    await page.locator("#search-q").press("Enter")
    await expect(page.locator(".findings li")).to_have_count(1)
    await page.locator(".findings a").click()
    await expect(page.locator("#appeal-title")).to_contain_text("Айгүл Сейтқали")
