"""Keys of the desk: what they do, when they do nothing, and others in their place."""

import asyncio
import re

from playwright.async_api import Locator, Page, Route, expect

from tests.browser.desk import Desk, lay_out
from tests.browser.looking import axe, ready, shot

expect.set_options(timeout=15_000)


def link(page: Page, number: str) -> Locator:
    return page.locator(f'li.row[data-number="{number}"] .row-link')


def key_row(page: Page, label: str) -> Locator:
    return page.locator("#keys tr").filter(
        has=page.get_by_role("rowheader", name=label, exact=True)
    )


async def press_in_cyrillic(page: Page, code: str, letter: str) -> None:
    """Press a key of a Cyrillic keyboard: another letter in the same place."""
    devtools = await page.context.new_cdp_session(page)
    pressed = {"code": code, "key": letter, "text": letter}
    await devtools.send("Input.dispatchKeyEvent", {"type": "keyDown", **pressed})
    await devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", "code": code, "key": letter})
    await devtools.detach()


async def test_rows_are_gone_through_opened_and_come_back_to_by_keys(signed_in: Desk) -> None:
    first, second, third = await lay_out(signed_in.served, [{}, {}, {}])
    page = await signed_in.visit()

    await page.keyboard.press("j")
    await expect(link(page, first)).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await page.keyboard.press("Alt+j")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowDown")
    await expect(link(page, second)).to_be_focused()
    await page.keyboard.press("o")
    await expect(page.locator("#appeal-title")).to_be_focused()
    await expect(page.locator("#appeal-title")).to_contain_text(second)

    await page.keyboard.press("j")
    await expect(page.locator("#appeal-title")).to_contain_text(third)
    await expect(page.locator("#appeal-title")).to_be_focused()
    await page.keyboard.press("u")
    await expect(link(page, third)).to_be_focused()
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await expect(page.locator("#appeal-title")).to_contain_text(second)
    await expect(page.locator("#appeal-title")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(link(page, second)).to_be_focused()


async def test_a_key_is_a_place_on_the_keyboard_in_every_layout(signed_in: Desk) -> None:
    first, second = await lay_out(signed_in.served, [{}, {}])
    page = await signed_in.visit()

    await press_in_cyrillic(page, "KeyJ", "о")
    await expect(link(page, first)).to_be_focused()
    await press_in_cyrillic(page, "KeyJ", "о")
    await expect(link(page, second)).to_be_focused()
    await press_in_cyrillic(page, "KeyO", "щ")
    await expect(page.locator("#appeal-title")).to_contain_text(second)


async def test_whoever_types_is_not_disturbed(signed_in: Desk) -> None:
    number, other = await lay_out(signed_in.served, [{}, {}])
    page = await signed_in.visit()
    await link(page, number).click()
    draft = page.get_by_label("Text of the reply")
    await draft.focus()

    await page.keyboard.type("j c e z 2 g m / ? n")
    # The Kazakh layout writes letters with the digits, and some systems with Alt.
    await press_in_cyrillic(page, "Digit2", "ә")
    await page.keyboard.press("Alt+j")
    await page.keyboard.press("Alt+e")

    await expect(draft).to_have_value("j c e z 2 g m / ? nә")
    await expect(draft).to_be_focused()
    await expect(page.locator("dialog[open]")).to_have_count(0)
    assert (await signed_in.appeal(number)).assignee_id is None
    assert (await signed_in.appeal(other)).assignee_id is None

    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Search and commands")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(draft).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#appeal-title")).to_be_focused()


async def test_two_keys_go_to_a_queue(signed_in: Desk) -> None:
    mine, free = await lay_out(signed_in.served, [{"assignee_id": signed_in.operator_id}, {}])
    page = await signed_in.visit()

    await page.keyboard.press("g")
    await expect(page.locator("html")).to_have_attribute("data-pending-key", "G")
    await page.keyboard.press("m")
    await expect(link(page, mine)).to_be_focused()
    await expect(link(page, free)).to_have_count(0)
    assert (await signed_in.appeal(free)).assignee_id is None

    await page.keyboard.press("g")
    await page.keyboard.press("Shift+Digit2")
    await expect(page.locator("#list-title")).to_contain_text("Mentions")
    await expect(page.locator("html:not([data-pending-key])")).to_be_attached()


async def test_one_key_leads_to_the_front_office(signed_in: Desk) -> None:
    page = await signed_in.visit()
    await page.keyboard.press("Shift+n")
    await page.wait_for_url("**/desk/new")


async def test_rows_are_picked_by_keys(signed_in: Desk) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(5)])
    page = await signed_in.visit()
    for key in ("j", "x", "j", "j", "Shift+x"):
        await page.keyboard.press(key)

    picked = page.locator("li.row.picked")
    await expect(picked).to_have_count(3)
    assert [await one.get_attribute("data-number") for one in await picked.all()] == numbers[:3]
    await page.keyboard.press("x")
    await expect(picked).to_have_count(2)
    await page.keyboard.press("Shift+a")
    await expect(picked).to_have_count(5)


async def test_another_key_takes_the_place_of_one_and_stays(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await page.keyboard.press("Shift+Slash")
    await expect(page.locator("#keys")).to_be_visible()
    await shot(page, "keys")
    assert await axe(page) == []
    take = key_row(page, "Take")
    await expect(take.locator("kbd")).to_have_text("C")

    await take.get_by_role("button").click()
    await expect(take).to_contain_text("Press the new key")
    await page.keyboard.press("2")
    await expect(take).to_contain_text("needed for writing")
    async with page.expect_response("**/api/v1/me"):
        await page.keyboard.press("q")
    await expect(take.locator("kbd")).to_have_text("Q")
    await expect(take.get_by_role("button")).to_be_focused()

    await page.reload()
    await ready(page)
    await page.keyboard.press("j")
    await page.keyboard.press("c")
    async with page.expect_response(re.compile(rf"/appeals/{number}$")):
        await page.keyboard.press("q")
    assert (await signed_in.appeal(number)).assignee_id == signed_in.operator_id


async def test_a_key_that_is_another_commands_is_not_taken_without_asking(signed_in: Desk) -> None:
    page = await signed_in.visit()
    await page.keyboard.press("Shift+Slash")
    take, snooze = key_row(page, "Take"), key_row(page, "Snooze…")
    await take.get_by_role("button").click()

    await page.keyboard.press("z")
    await expect(take.get_by_role("alert")).to_have_text("Z is the key of “Snooze…”.")
    await shot(page, "keys-conflict")
    await take.get_by_role("button", name="Cancel").click()
    await expect(take.locator("kbd")).to_have_text("C")

    await take.get_by_role("button").click()
    await page.keyboard.press("z")
    async with page.expect_response("**/api/v1/me"):
        await take.get_by_role("button", name="Use it for “Take”").click()
    await expect(take.locator("kbd")).to_have_text("Z")
    await expect(snooze.locator("kbd")).to_have_text("Alt M")
    assert (await signed_in.preferences())["keys"] == {"claim": ["KeyZ"], "snooze": ["Alt+KeyM"]}

    async with page.expect_response("**/api/v1/me"):
        await page.get_by_role("button", name="As they were").click()
    await expect(take.locator("kbd")).to_have_text("C")
    assert (await signed_in.preferences())["keys"] == {}


async def test_a_command_can_do_without_a_key_and_take_two(signed_in: Desk) -> None:
    page = await signed_in.visit()
    await page.keyboard.press("Shift+Slash")
    take = key_row(page, "Take")
    await take.get_by_role("button").click()
    await page.keyboard.press("Delete")
    await expect(take.get_by_role("cell").first).to_have_text("no key")

    await take.get_by_role("button").click()
    await page.keyboard.press("g")
    await expect(take).to_contain_text("G, and then?")
    async with page.expect_response("**/api/v1/me"):
        await page.keyboard.press("t")
    await expect(take.locator("kbd")).to_have_text("G T")

    await take.get_by_role("button").click()
    await page.keyboard.press("Escape")
    await expect(take.locator("kbd")).to_have_text("G T")
    await expect(page.locator("#keys")).to_be_visible()


async def test_the_next_key_is_chosen_before_the_hub_has_kept_the_last(signed_in: Desk) -> None:
    page = await signed_in.visit()
    answer = asyncio.Event()

    async def wait(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await page.route("**/api/v1/me", wait)
    await page.keyboard.press("Shift+Slash")
    take = key_row(page, "Take")
    await take.get_by_role("button").click()
    await page.keyboard.press("q")
    await expect(take.locator("kbd")).to_have_text("Q")
    await take.get_by_role("button").click()
    await expect(take).to_contain_text("Press the new key")
    async with page.expect_response("**/api/v1/me"):
        answer.set()
    await page.keyboard.press("w")
    await expect(take.locator("kbd")).to_have_text("W")


async def test_escape_leads_back_whatever_key_does(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await page.keyboard.press("Shift+Slash")
    back = key_row(page, "Back to the list")
    await back.get_by_role("button").click()
    async with page.expect_response("**/api/v1/me"):
        await page.keyboard.press("q")
    await expect(back.locator("kbd")).to_have_text(["Q", "Esc"])
    await page.keyboard.press("Escape")
    await link(page, number).focus()

    for key in ("q", "Escape"):
        await page.keyboard.press("Enter")
        await expect(page.locator("#appeal-title")).to_be_focused()
        await page.keyboard.press(key)
        await expect(link(page, number)).to_be_focused()
