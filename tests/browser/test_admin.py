"""The pages of administration: each form does what it says, and the page tells it."""

from typing import Any

import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, expect
from sqlmodel import select

from registry.models import CalendarDay, Category, Operator, SavedReply, Team, Token
from registry.operators import Role
from tests.browser.desk import Desk, employ, sign_in
from tests.browser.looking import ready, shot
from tests.browser.served import Served

expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(loop_scope="session")
async def office(served: Served, context: BrowserContext) -> Desk:
    """The desk of an administrator who reads English."""
    principal = await employ(served, "Әкімші", role=Role.ADMIN, language="en")
    await sign_in(served, context, principal)
    return Desk(served, await context.new_page(), principal)


async def rows(desk: Desk, table: type[Any]) -> list[Any]:
    async with desk.served.hub.database.read() as session:
        return list(await session.exec(select(table)))


def record(page: Page, name: str) -> Locator:
    return page.locator("details.record").filter(has=page.locator("summary", has_text=name))


async def unfold(page: Page, name: str) -> Locator:
    one = record(page, name)
    await one.locator("summary").click()
    return one


async def reloaded(page: Page, button: Locator) -> None:
    """Press a button after which the page comes anew."""
    async with page.expect_event("load"):
        await button.click()
    await ready(page)


async def test_teams_people_and_tokens_are_made_changed_and_taken_away(office: Desk) -> None:
    page = await office.visit("/admin/teams")
    new = await unfold(page, "Add a team")
    await new.get_by_label("Name").fill("Дороги")
    await new.get_by_label("Key").fill("roads")
    await reloaded(page, new.get_by_role("button", name="Add"))
    await expect(record(page, "Дороги")).to_have_count(1)
    assert [team.key for team in await rows(office, Team)] == ["roads"]

    await office.visit("/admin/operators")
    new = await unfold(page, "Add an operator")
    await new.get_by_label("Surname, name and patronymic").fill("Сатпаева Дана")
    await new.get_by_label("E-mail address").fill("dana@example.kz")
    await new.get_by_label("Дороги").check()
    await new.get_by_label("Қазақша").check()
    await new.get_by_role("button", name="Add").click()
    await expect(page.locator("[data-secret-shown] code")).not_to_be_empty()
    await shot(page, "admin-secret")
    await page.reload()
    dana = await unfold(page, "Сатпаева Дана")
    await dana.get_by_label("Role").select_option("supervisor")
    await reloaded(page, dana.get_by_role("button", name="Save"))
    dana = await unfold(page, "Сатпаева Дана")
    await dana.get_by_role("button", name="Disable").click()
    await reloaded(page, page.locator("#question [value=ok]"))
    await expect(record(page, "Сатпаева Дана").locator("summary")).to_contain_text("Disabled")
    [kept] = [one for one in await rows(office, Operator) if one.email == "dana@example.kz"]
    assert (kept.role, kept.disabled_at is None, kept.languages) == ("supervisor", False, ["kk"])

    await office.visit("/admin/tokens")
    new = await unfold(page, "Make a token")
    await new.get_by_label("Name", exact=True).fill("сайт")
    await new.get_by_role("button", name="Make").click()
    await expect(page.locator("[data-secret-shown] code")).not_to_be_empty()
    await page.reload()
    await page.get_by_role("button", name="Revoke").click()
    await reloaded(page, page.locator("#question [value=ok]"))
    await expect(page.locator("tbody tr")).to_contain_text("Revoked")
    [token] = await rows(office, Token)
    assert token.revoked_at is not None


async def test_categories_days_and_saved_replies_are_made_and_taken_away(office: Desk) -> None:
    page = await office.visit("/admin/categories")
    new = await unfold(page, "Add a category")
    await new.get_by_label("Code").fill("festivals")
    names = {"Русский": "Праздники", "Қазақша": "Мерекелер", "English": "Festivals"}
    for language, name in names.items():
        await new.get_by_label(language).fill(name)
    await new.get_by_label("Term").fill("5")
    await reloaded(page, new.get_by_role("button", name="Add"))
    festivals = await unfold(page, "Festivals")
    await festivals.get_by_label("Term").fill("7")
    await reloaded(page, festivals.get_by_role("button", name="Save"))
    await expect(record(page, "Festivals").locator("summary")).to_contain_text("7 working days")
    [category] = [one for one in await rows(office, Category) if one.code == "festivals"]
    assert category.term == 7

    await office.visit("/admin/calendar?year=2031")
    await page.get_by_label("Day", exact=True).fill("2031-07-06")
    await page.get_by_label("Name", exact=True).fill("Қала күні")
    await page.get_by_label("Opens").fill("10:00")
    await page.get_by_label("Closes").fill("24:00")
    await reloaded(page, page.get_by_role("button", name="Put into the calendar"))
    day = page.locator("tbody tr", has_text="Қала күні")
    await expect(day).to_contain_text("10:00–24:00")
    await reloaded(page, day.get_by_role("button"))
    await expect(day).to_have_count(0)
    assert [one for one in await rows(office, CalendarDay) if one.name == "Қала күні"] == []

    await office.visit("/admin/replies")
    new = await unfold(page, "Add a saved reply")
    await new.get_by_label("Name").fill("бригада")
    await new.get_by_label("Русский").fill("{name}, бригада выехала.")
    await new.get_by_label("Қазақша").fill("{name}, бригада шықты.")
    await reloaded(page, new.get_by_role("button", name="Add"))
    [reply] = await rows(office, SavedReply)
    assert set(reply.bodies) == {"ru", "kk"}
    kept = await unfold(page, "/бригада")
    await kept.get_by_role("button", name="Delete").click()
    await reloaded(page, page.locator("#question [value=ok]"))
    await expect(record(page, "/бригада")).to_have_count(0)


async def test_every_form_of_the_office_is_taken_as_it_stands(office: Desk) -> None:
    page = await office.visit("/admin/office")
    closes = page.get_by_label("Monday: Closes")
    await closes.fill("24:00")
    forms = page.locator("main api-form")
    for at in range(await forms.count()):
        async with page.expect_response(lambda one: one.request.method == "PUT") as answer:
            await forms.nth(at).get_by_role("button", name="Save").click()
        said = await answer.value
        assert said.ok, (await forms.nth(at).get_attribute("path"), await said.text())
    await page.reload()
    await expect(closes).to_have_value("24:00")


async def test_an_account_is_paused_and_resumed(office: Desk) -> None:
    page = await office.visit("/channels")
    await reloaded(page, page.get_by_role("button", name="Pause"))
    await expect(page.locator(".account")).to_contain_text("Әкімші paused it at")
    await reloaded(page, page.get_by_role("button", name="Resume"))
    await expect(page.locator(".account.stopped")).to_have_count(0)
