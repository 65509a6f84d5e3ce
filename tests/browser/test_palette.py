"""The palette: one box that finds appeals, places and commands."""

from playwright.async_api import Locator, Page, expect

from registry.search.following import catch_up
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, shot
from tests.browser.served import Served

expect.set_options(timeout=15_000)


async def index(served: Served) -> None:
    """Let what is there be searched for."""
    await catch_up(served.hub.database, now=served.hub.clock())


def options(page: Page) -> Locator:
    return page.locator("#palette").get_by_role("option")


def active(page: Page) -> Locator:
    """What Enter would choose."""
    return page.locator('#palette [role="option"][aria-selected="true"]')


async def test_an_appeal_is_found_by_words_a_phone_or_its_number(signed_in: Desk) -> None:
    number, _ = await lay_out(
        signed_in.served,
        [
            {"name": "Сергей Петров", "text": "Во дворе нет света", "phone": "+77012345678"},
            {"name": "Айгерім", "text": "Су жоқ", "channel": "web"},
        ],
    )
    await index(signed_in.served)
    page = await signed_in.visit()
    await page.get_by_role("button", name="Number, phone, name, words…").click()

    for typed in ("света", "8 701 234 56 78", number):
        await page.keyboard.press("Control+a")
        await page.keyboard.type(typed)
        await expect(active(page)).to_contain_text(number)
        await expect(active(page)).to_contain_text("Сергей Петров")
    await page.keyboard.press("Control+a")
    await page.keyboard.type("света")
    await expect(active(page).locator("mark")).to_have_text("света")
    await shot(page, "palette-found")
    assert await axe(page) == []
    await page.keyboard.press("Enter")

    await expect(page.locator("#appeal-title")).to_contain_text(number)
    await expect(page.locator("#appeal-title")).to_be_focused()
    await page.keyboard.press("Control+k")
    await expect(options(page).first).to_contain_text("Сергей Петров")


async def test_a_place_and_a_command_are_found_by_the_beginnings_of_their_words(
    signed_in: Desk,
) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await page.keyboard.press("j")

    await page.keyboard.press("Control+k")
    await shot(page, "palette")
    assert await axe(page) == []
    await page.keyboard.type("tak")
    await expect(active(page)).to_have_text("TakeC")
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_contain_text(f"Taken: {number}")

    await page.keyboard.press("Control+k")
    await page.keyboard.type("overd")
    await page.keyboard.press("Enter")
    await expect(page.locator("#list-title")).to_contain_text("Overdue")
    await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_what_the_hub_finds_does_not_come_under_the_finger(signed_in: Desk) -> None:
    await lay_out(signed_in.served, [{"text": "Release a look at this"}])
    await index(signed_in.served)
    page = await signed_in.visit()
    await page.keyboard.press("j")
    await page.keyboard.press("Control+k")

    await page.keyboard.type("release")

    await expect(options(page).filter(has_text="a look at this")).to_have_count(1)
    await expect(active(page)).to_have_text("ReleaseShift C")
    await page.keyboard.press("ArrowDown")
    await expect(active(page)).to_contain_text("Citizen")
    box = page.get_by_role("combobox", name="Search and commands")
    await expect(box).to_have_attribute(
        "aria-activedescendant", str(await active(page).get_attribute("id"))
    )
    await page.keyboard.press("End")
    await expect(box).to_be_focused()


async def test_what_is_not_found_is_looked_for_everywhere(signed_in: Desk, faults: Faults) -> None:
    page = await signed_in.visit()
    await page.keyboard.press("Slash")
    await page.keyboard.type("жарық & жоқ")
    await expect(page.locator("#palette")).to_contain_text("Nothing found")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/search?q=*")
    assert page.url.endswith("%26+%D0%B6%D0%BE%D2%9B")

    await signed_in.visit()
    faults.allow("ERR_FAILED")
    await page.route("**/api/v1/search?*", lambda route: route.abort())
    await page.keyboard.press("Control+k")
    await page.keyboard.type("жарық")
    await expect(page.locator("#palette")).to_contain_text("The hub did not answer")
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette")).to_be_hidden()


async def test_what_a_colleague_looked_at_in_this_tab_is_not_offered_to_the_next(
    signed_in: Desk,
) -> None:
    (number,) = await lay_out(signed_in.served, [{"name": "Сергей Петров"}])
    page = await signed_in.visit()
    await page.locator(f'li.row[data-number="{number}"] .row-link').click()
    await expect(page.locator("#appeal-title")).to_contain_text(number)
    await signed_in.visit()
    await page.keyboard.press("Control+k")
    await expect(options(page).filter(has_text="Сергей Петров")).to_have_count(1)

    await sign_in(signed_in.served, page.context, await employ(signed_in.served, "Ерлан"))
    await signed_in.visit()
    await page.keyboard.press("Control+k")
    await expect(options(page).first).to_be_visible()
    await expect(options(page).filter(has_text="Сергей Петров")).to_have_count(0)
    assert number not in await page.evaluate("() => JSON.stringify(sessionStorage)")
