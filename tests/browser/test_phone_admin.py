"""The administration's page of the telephone: what callers hear, and how calls are taken."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from hub.web.i18n import LANGUAGES
from registry.calls.prompts import load_prompts
from registry.calls.script import Line, Play, Say
from registry.office import get_setting
from registry.office_shapes import Announcement, MenuItem, Telephone
from registry.operators import Principal, Role
from registry.teams import add_team
from tests.browser.conftest import OpenContext
from tests.browser.desk import employ, sign_in
from tests.browser.looking import Faults, axe, ready, shot, visit
from tests.browser.served import Served
from tests.registry.calls.test_delivered_sounds import recording

PLACE = "/admin/phone"


async def open_page(
    served: Served, open_context: OpenContext, language: str = "en", **viewport: int
) -> Page:
    """The page, as an administrator sees it."""
    context = await open_context(**({"viewport": viewport} if viewport else {}))
    await sign_in(served, context, await employ(served, "Дана", role=Role.ADMIN, language=language))
    page = await context.new_page()
    await visit(page, served.url + PLACE)
    return page


async def hears(served: Served, name: str, language: str) -> Say | Play | None:
    """What the next caller hears."""
    async with served.hub.database.read() as session:
        prompts = await load_prompts(session, public_url="")
    return prompts.heard(Line(name, language))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_is_whole_in_every_language(
    served: Served, open_context: OpenContext, language: str
) -> None:
    width = {"ru": 1366, "kk": 390, "en": 1920}[language]
    page = await open_page(served, open_context, language, width=width, height=900)
    line = page.locator("#line-goodbye")
    await line.locator("summary").click()
    await expect(line.get_by_role("textbox")).to_have_count(3)
    await expect(line.locator("audio")).to_have_count(1)
    wider = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wider) <= 0
    assert await axe(page) == []
    await line.scroll_into_view_if_needed()
    await shot(page, f"admin-phone-open-{language}")


async def test_a_line_is_reworded_recorded_heard_and_restored(
    served: Served, open_context: OpenContext, tmp_path: Path, faults: Faults
) -> None:
    faults.allow("400")
    page = await open_page(served, open_context)
    line = page.locator("#line-goodbye")
    await line.locator("summary").click()
    kazakh = line.locator(".spoken").filter(has=page.get_by_role("heading", name="Қазақша"))
    await kazakh.get_by_label("Words", exact=True).fill("Көріскенше!")
    async with page.expect_navigation(wait_until="commit"):
        await kazakh.get_by_role("button", name="Save").click()
    await ready(page)
    await expect(page.get_by_text("These lines have no recording")).to_be_visible()
    await expect(line).to_have_attribute("open", "")
    await expect(kazakh.locator("audio")).to_have_count(0)
    assert isinstance(await hears(served, "goodbye", "kk"), Say)
    await shot(page, "admin-phone-silent")

    text = tmp_path / "words.mp3"
    text.write_bytes(b"these are no sounds")
    await kazakh.get_by_label("Recording", exact=True).set_input_files(text)
    await kazakh.get_by_role("button", name="Upload").click()
    await expect(kazakh.get_by_label("Recording", exact=True)).to_have_accessible_description(
        "MP3 or WAV, at most 60 seconds "
        "The telephone cannot play this file; make an MP3 or a WAV of it."
    )
    await shot(page, "admin-phone-refused")

    sound = tmp_path / "words.wav"
    sound.write_bytes(recording(2.0))
    await kazakh.get_by_label("Recording", exact=True).set_input_files(sound)
    async with page.expect_navigation(wait_until="commit"):
        await kazakh.get_by_role("button", name="Upload").click()
    await ready(page)
    await expect(page.get_by_text("These lines have no recording")).to_have_count(0)
    assert isinstance(await hears(served, "goodbye", "kk"), Play)
    await line.locator("summary").click()
    lasts = await kazakh.locator("audio").evaluate(
        "(audio) => new Promise((done, failed) => { audio.preload = 'auto';"
        " audio.addEventListener('loadedmetadata', () => done(audio.duration));"
        " audio.addEventListener('error', () => failed(new Error(audio.error.message)));"
        " audio.load() })"
    )
    assert lasts == pytest.approx(2.0, abs=0.1)

    async def restored() -> None:
        await kazakh.get_by_role("button", name="As delivered").click()
        await page.get_by_role("button", name="OK").click()

    async with page.expect_navigation(wait_until="commit"):
        await restored()
    await ready(page)
    heard = await hears(served, "goodbye", "kk")
    assert isinstance(heard, Play)
    assert heard.address.endswith(".mp3")


async def test_the_announcement_is_turned_on_until_a_moment(
    served: Served, open_context: OpenContext
) -> None:
    page = await open_page(served, open_context)
    card = page.locator("#line-announcement")
    await card.get_by_label("Callers hear the announcement").check()
    await card.get_by_label("Until").fill("2099-03-02T18:00")
    await card.get_by_label("Русский").fill("На улице Абая нет воды.")
    await card.get_by_label("Қазақша").fill("Абай көшесінде су жоқ.")
    async with page.expect_navigation(wait_until="commit"):
        await card.get_by_role("button", name="Save").first.click()
    await ready(page)
    await expect(card.get_by_text("heard now")).to_be_visible()
    await expect(card.get_by_text("needs a recording")).to_be_visible()
    await expect(card.get_by_label("Until")).to_have_value("2099-03-02T18:00")
    assert await axe(page) == []
    await shot(page, "admin-phone-announcement")
    async with served.hub.database.read() as session:
        announced = await get_setting(session, Announcement)
    assert announced.on
    assert announced.until is not None
    assert announced.until.isoformat() == "2099-03-02T13:00:00+00:00"
    assert await hears(served, "announcement", "ru") == Say("На улице Абая нет воды.", "ru")


async def test_how_calls_are_taken_is_set(served: Served, open_context: OpenContext) -> None:
    boss = Principal(role=Role.ADMIN, name="x", operator_id=None, actor="system")
    async with served.hub.database.write() as session:
        await add_team(session, "roads", "Roads", by=boss, now=served.hub.clock())
    page = await open_page(served, open_context)
    card = page.locator(".card").filter(has=page.get_by_role("heading", name="How calls are taken"))
    await card.get_by_label("A call rings at an operator, seconds").fill("15")
    await card.get_by_label("Language for callers").select_option("ru")
    menu, links = card.locator("record-table").first, card.locator("record-table").last
    await menu.get_by_role("button", name="Add").click()
    await menu.get_by_label("Key").fill("1")
    await menu.get_by_label("Team").select_option("roads")
    await links.get_by_role("button", name="Add").click()
    await links.get_by_label("Messenger").fill("Telegram")
    await links.get_by_label("Address").fill("https://t.me/alaman")
    async with page.expect_navigation(wait_until="commit"):
        await card.get_by_role("button", name="Save").click()
    await ready(page)
    await expect(page.get_by_text("The menu has keys, but its line")).to_be_visible()
    await expect(menu.get_by_label("Team")).to_have_value("roads")
    assert await axe(page) == []
    async with served.hub.database.read() as session:
        telephone = await get_setting(session, Telephone)
    assert (telephone.ring_seconds, telephone.language) == (15, "ru")
    assert telephone.menu == (MenuItem(digit="1", team="roads"),)
    assert telephone.links == {"Telegram": "https://t.me/alaman"}
