"""The desk's shell: the list, and moving about without loading the page anew."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenContext
from tests.browser.desk import ALL, Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, ready, shot, visit
from tests.browser.served import Served

expect.set_options(timeout=15_000)


def row(page: Page, number: str) -> Locator:
    return page.locator(f'li.row[data-number="{number}"]')


def _ends(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text) + "$")


def _has(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{name}\b")


async def mark(page: Page) -> None:
    """Leave something in the page that a page loaded anew does not have."""
    await page.evaluate("() => { document.documentElement.dataset.same = 'yes' }")


async def is_marked(page: Page) -> bool:
    return await page.locator("html[data-same]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_fourteen_rows_of_48_pixels_are_seen_at_once(
    served: Served, open_context: OpenContext, scheme: str
) -> None:
    await lay_out(
        served,
        [
            {
                "name": f"Айгерім Нұрланова {n}",
                "unread": n % 3,
                "priority": ("normal", "urgent", "high")[n % 3],
                "due_at": served.hub.clock() + timedelta(hours=n * 3 - 5),
                "category": "roads.pothole",
            }
            for n in range(20)
        ],
    )
    context = await open_context(color_scheme=scheme)
    await sign_in(served, context, await employ(served, "Дана", language="en"))
    page = await context.new_page()
    await visit(page, served.url + ALL)

    boxes = [await one.bounding_box() for one in await page.locator("li.row").all()]

    assert {box["height"] for box in boxes if box} == {48}
    assert sum(1 for box in boxes if box and box["y"] + box["height"] <= 768) >= 14
    await shot(page, f"list-{scheme}")
    assert await axe(page) == []


async def test_a_row_tells_by_signs_and_words_what_its_colours_tell(signed_in: Desk) -> None:
    now = signed_in.served.hub.clock()
    late, soon, fine, plain = await lay_out(
        signed_in.served,
        [
            {"due_at": now - timedelta(hours=2), "priority": "urgent", "unread": 3},
            {"due_at": now + timedelta(hours=2, minutes=1)},
            {"due_at": now + timedelta(days=2)},
            {"due_at": None, "waiting_since": None},
        ],
    )
    page = await signed_in.visit()

    for number, label, sign in (
        (late, "Late by", "alarm"),
        (soon, "Soon due, in", "hourglass-high"),
        (fine, "Due in", "clock"),
    ):
        drawn = row(page, number).locator(".due svg")
        await expect(drawn).to_have_attribute("aria-label", label)
        await expect(drawn.locator("use")).to_have_attribute("href", _ends(f"#{sign}"))
    await expect(row(page, late).locator(".due")).to_have_text("−2 h")
    await expect(row(page, late).locator(".mark svg")).to_have_attribute("aria-label", "Urgent")
    await expect(row(page, late).locator(".unread-count")).to_contain_text("3 unread")
    await expect(row(page, plain).locator(".due")).to_have_text("New")
    await expect(row(page, plain).locator(".since")).to_have_count(0)


async def test_a_deadline_says_its_time_to_the_minute(signed_in: Desk) -> None:
    now = signed_in.served.hub.clock()
    (number,) = await lay_out(
        signed_in.served,
        [{"due_at": now + timedelta(hours=4, seconds=30), "waiting_since": now}],
    )
    page = signed_in.page
    # The machine's clock is wrong by years: what counts is the hub's.
    await page.clock.install(time="2020-01-01T00:00:00Z")
    await signed_in.visit()
    due, since = row(page, number).locator(".due"), row(page, number).locator("since-time")
    await expect(due).to_have_class("due fine")

    await page.clock.run_for(40_000)
    await expect(due).to_have_class("due soon")
    await expect(due).to_have_text("3 h 59 min")

    await page.clock.run_for(60_000)
    await expect(due).to_have_text("3 h 58 min")
    await expect(since).to_have_text("1 min")

    # In a tab that nobody sees no text changes; once it is seen, every one is right.
    await hide(page, "true")
    await page.clock.run_for(4 * 3_600_000)
    await expect(due).to_have_text("3 h 58 min")
    await hide(page, "false")
    await expect(due).to_have_class("due late")
    await expect(due.locator("use")).to_have_attribute("href", _ends("#alarm"))
    await expect(due).to_have_text("−1 min")


async def test_nothing_moves_when_a_row_is_picked(signed_in: Desk) -> None:
    first, second, third = await lay_out(signed_in.served, [{}, {"unread": 2}, {}])
    page = await signed_in.visit()
    box = row(page, second).locator(".pick input")
    await expect(box).to_have_css("opacity", "0")
    before = await places(page)

    await row(page, second).hover()
    await expect(box).to_have_css("opacity", "1")
    await box.click()
    await row(page, third).locator(".pick input").click(modifiers=["Shift"])

    assert await places(page) == before
    await expect(page.locator("[data-selected]")).to_have_text("2 selected")
    await expect(row(page, second)).to_have_class(_has("picked"))
    await expect(row(page, first)).not_to_have_class(_has("picked"))
    await shot(page, "picked")
    assert await axe(page) == []

    await page.get_by_role("checkbox", name="Select all that are shown").click()
    await expect(page.locator("[data-selected]")).to_have_text("3 selected")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(page.locator("#bulk")).to_be_hidden()


async def test_an_appeal_opens_beside_its_list_and_the_browser_goes_back(signed_in: Desk) -> None:
    first, second = await lay_out(signed_in.served, [{"name": "Сергей"}, {"name": "Айгерім"}])
    page = await signed_in.visit()
    await mark(page)

    await row(page, first).click()
    await expect(page.locator("#appeal-title")).to_contain_text(f"{first} Сергей")
    assert page.url == f"{signed_in.served.url}/inbox/{first}?queue=all&sort=oldest"
    await expect(row(page, first).locator("a")).to_have_attribute("aria-current", "true")
    await expect(page).to_have_title(f"{first} · All live · Tereze")
    await shot(page, "opened")
    assert await axe(page) == []

    await row(page, second).click()
    await expect(page.locator("#appeal-title")).to_contain_text(second)
    await page.go_back()
    await expect(page.locator("#appeal-title")).to_contain_text(first)
    await page.go_back()
    await expect(page.locator("#appeal-title")).to_have_count(0)
    await expect(page.locator("#list [aria-current]")).to_have_count(0)
    await page.go_forward()
    await expect(page.locator("#appeal-title")).to_contain_text(first)
    assert await is_marked(page)


async def test_an_appeal_that_cannot_be_read_leaves_the_one_that_was_open(
    signed_in: Desk, faults: Faults
) -> None:
    first, second = await lay_out(signed_in.served, [{}, {}])
    page = await signed_in.visit()
    await row(page, first).click()
    await expect(page.locator("#appeal-title")).to_contain_text(first)
    faults.allow("404")
    await page.route(f"**/appeals/{second}/thread", lambda route: route.fulfill(status=404))

    await row(page, second).click()

    await expect(page.locator(".toast")).to_contain_text("not there any more")
    await expect(page.locator("#appeal-title")).to_contain_text(first)
    await expect(row(page, first).locator("a")).to_have_attribute("aria-current", "true")


async def test_the_end_of_a_list_brings_what_follows(signed_in: Desk) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(70)])
    page = await signed_in.visit()
    rows = page.locator("li.row")
    await expect(rows).to_have_count(50)
    await row(page, numbers[49]).scroll_into_view_if_needed()
    await expect(rows).to_have_count(70)
    await row(page, numbers[60]).click()
    await expect(page.locator("#appeal-title")).to_contain_text(numbers[60])
    await expect(row(page, numbers[60])).to_have_class(_has("open"))


async def test_another_queue_stands_in_the_same_page(signed_in: Desk) -> None:
    me = signed_in.operator_id
    mine, free = await lay_out(signed_in.served, [{"assignee_id": me}, {}])
    page = await signed_in.visit()
    await mark(page)

    await page.get_by_role("link", name="Mine").click()

    await expect(row(page, free)).to_have_count(0)
    await expect(row(page, mine)).to_have_count(1)
    await expect(page.locator("#list-title")).to_contain_text("Mine")
    await expect(page.locator('.nav [aria-current="page"]')).to_contain_text("Mine")
    await expect(page).to_have_title("Mine · Tereze")
    await page.go_back()
    await expect(row(page, free)).to_have_count(1)
    assert await is_marked(page)


async def test_a_filter_shows_at_once_what_it_picks_and_can_be_kept_as_a_view(
    signed_in: Desk,
) -> None:
    sms, telegram = await lay_out(signed_in.served, [{"channel": "web"}, {"language": "ru"}])
    page = await signed_in.visit()
    await page.get_by_role("button", name="Filters").click()
    await page.get_by_label("Channel").focus()
    await page.get_by_label("Channel").select_option("web")

    await expect(row(page, telegram)).to_have_count(0)
    await expect(row(page, sms)).to_have_count(1)
    assert "channel=web" in page.url
    await expect(page.get_by_label("Channel")).to_be_focused()
    await shot(page, "filters")
    assert await axe(page) == []

    await page.get_by_role("button", name="Save as a view").click()
    await page.get_by_label("Name of the view").fill("Порталдан 100%")
    await page.keyboard.press("Enter")
    view = page.locator(".nav").get_by_role("link", name="Порталдан 100%")
    await expect(view).to_have_attribute("aria-current", "page")

    await page.get_by_role("link", name="Clear").click()
    await expect(row(page, telegram)).to_have_count(1)
    await view.click()
    await expect(row(page, telegram)).to_have_count(0)
    await expect(page.locator("#list-title")).to_contain_text("Порталдан 100%")

    await page.keyboard.press("Control+k")
    await page.keyboard.type("delete this")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Delete").click()
    await expect(view).to_have_count(0)


async def test_the_days_of_a_filter_are_those_of_the_office(
    served: Served, open_context: OpenContext
) -> None:
    context = await open_context(timezone_id="America/New_York")
    await sign_in(served, context, await employ(served, "Дана", language="en"))
    page = await context.new_page()
    await visit(page, served.url + ALL)
    await page.get_by_role("button", name="Filters").click()

    await page.get_by_label("Registered from").fill("2026-03-02")

    await page.wait_for_url("**opened_from=2026-03-01T19*")
    await expect(page.get_by_label("Registered from")).to_have_value("2026-03-02")


async def test_another_language_speaks_at_once_and_everything_is_where_it_was(
    signed_in: Desk,
) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(40)])
    page = await signed_in.visit()
    await row(page, numbers[30]).click()
    await expect(page.locator("#appeal-title")).to_contain_text(numbers[30])
    rows = page.locator("#list .rows")
    scrolled = await rows.evaluate("(rows) => rows.scrollTop")
    assert scrolled > 0
    await page.get_by_label("Text of the reply").fill("Сәлеметсіз бе")

    await page.get_by_role("button", name="Дана Серікқызы").click()
    await page.get_by_role("menuitemradio", name="Қазақша").click()

    await expect(page.locator("html")).to_have_attribute("lang", "kk")
    await ready(page)
    await expect(page.locator("#appeal-title")).to_contain_text(numbers[30])
    assert await rows.evaluate("(rows) => rows.scrollTop") == scrolled
    await expect(page.locator("#draft")).to_have_value("Сәлеметсіз бе")
    assert (await signed_in.preferences())["language"] == "kk"


async def test_a_theme_is_there_at_once_and_stays(signed_in: Desk) -> None:
    page = await signed_in.visit()
    await page.get_by_role("button", name="Дана Серікқызы").click()
    await shot(page, "menu")
    assert await axe(page) == []
    async with page.expect_response("**/api/v1/me"):
        await page.get_by_role("menuitemradio", name="Dark").click()

    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.reload()
    await ready(page)
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_a_menu_is_gone_through_by_the_keyboard(signed_in: Desk) -> None:
    page = await signed_in.visit()
    button = page.get_by_role("button", name="Дана Серікқызы")
    await button.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("menuitemradio", name="Русский")).to_be_focused()
    await page.keyboard.press("End")
    await expect(page.get_by_role("menuitem", name="Sign out")).to_be_focused()
    await page.keyboard.press("l")
    await expect(page.get_by_role("menuitemradio", name="Light")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(button).to_be_focused()
    await expect(button).to_have_attribute("aria-expanded", "false")


async def test_who_signs_out_is_at_the_door(signed_in: Desk) -> None:
    page = await signed_in.visit()
    await page.get_by_role("button", name="Дана Серікқызы").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await page.wait_for_url("**/signin")
    await page.goto(f"{signed_in.served.url}/inbox")
    assert "/signin?next=" in page.url


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (
            "phone",
            {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
        ),
        ("zoomed", {"viewport": {"width": 683, "height": 384}, "device_scale_factor": 2}),
    ],
)
async def test_the_desk_fits_a_phone_and_a_page_zoomed_to_200_per_cent(
    served: Served, open_context: OpenContext, name: str, options: dict[str, object]
) -> None:
    numbers = await lay_out(served, [{"name": "Мария Константинопольская"} for _ in range(5)])
    context = await open_context(**options)
    await sign_in(served, context, await employ(served, "Дана", language="en"))
    page = await context.new_page()
    await visit(page, served.url + ALL)
    await shot(page, f"{name}-list")
    assert await axe(page) == []

    await row(page, numbers[0]).click()
    await expect(page.locator("#appeal-title")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(page.locator("#list")).to_be_hidden()
    await shot(page, f"{name}-appeal")

    await page.locator('[data-command="back"]').click()
    await expect(row(page, numbers[0]).locator("a")).to_be_focused()
    await page.keyboard.press("Shift+Slash")
    await expect(page.locator("#keys")).to_be_visible()
    await shot(page, f"{name}-keys")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await visit(page, served.url + "/admin")
    await expect(page.locator('.nav [aria-current="page"]')).to_be_in_viewport()


async def hide(page: Page, hidden: str) -> None:
    """Let the page believe that its tab is seen no more, or again."""
    await page.evaluate(
        f"Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }})"
    )
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def places(page: Page) -> list[dict[str, float] | None]:
    """Where each row and each of its parts stand."""
    found = page.locator("li.row, li.row .who, li.row .nr, li.row .due")
    return [await one.bounding_box() for one in await found.all()]  # type: ignore[misc]


async def test_a_saved_view_keeps_the_days_that_were_chosen(signed_in: Desk) -> None:
    now = signed_in.served.hub.clock()
    old, _ = await lay_out(
        signed_in.served, [{"opened_at": now - timedelta(days=40)}, {"opened_at": now}]
    )
    day = f"{now - timedelta(days=30):%Y-%m-%d}"
    page = await signed_in.visit()
    await page.locator("#filters-shown").click()
    await page.locator("#filter-before").fill(day)
    await expect(page.locator("#list li.row")).to_have_count(1)

    await page.locator('[data-command="save-view"]').click()
    await page.locator("dialog[open] input[type=text]").fill("Прошлое")
    await page.keyboard.press("Enter")
    view = page.locator(".nav a[data-view]")
    await expect(view).to_contain_text("Прошлое")
    await page.locator('.nav a[href="/inbox?queue=all"]').click()
    await expect(page.locator("#list li.row")).to_have_count(2)
    await view.click()

    await expect(page.locator("#list li.row")).to_have_count(1)
    await expect(row(page, old)).to_be_visible()
    await expect(page.locator("#filter-before")).to_have_value(day)
    await expect(view).to_have_attribute("aria-current", "page")


async def test_a_saved_view_keeps_every_value_of_a_filter(signed_in: Desk) -> None:
    page = await signed_in.visit("/inbox?queue=all&channel=telegram&channel=sms&sort=oldest")

    await page.locator('[data-command="save-view"]').click()
    await page.locator("dialog[open] input[type=text]").fill("Два канала")
    await page.keyboard.press("Enter")

    view = page.locator(".nav a[data-view]")
    await expect(view).to_have_attribute("href", re.compile("channel=telegram%2Csms"))
