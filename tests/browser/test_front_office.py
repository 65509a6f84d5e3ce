"""The front office, as whoever sits at the counter uses it: with the keyboard, in a hurry."""

import asyncio
from typing import Any

from playwright.async_api import FilePayload, Page, Route, expect
from sqlmodel import col, select

from registry.models import Appeal, AppealTag, Attachment, Contact, ContactPoint, Message
from registry.search.following import catch_up
from tests.browser.conftest import OpenContext
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, ready, shot, visit
from tests.browser.test_media import photo

FORM = "/desk/new"
SUBMIT = 'button[type="submit"]'


async def open_form(desk: Desk) -> Page:
    page = await desk.visit(FORM)
    await expect(page.locator('[name="channel"]').first).to_be_focused()
    return page


async def fill(page: Page, **fields: str) -> None:
    """The least that is needed, and what else is told."""
    for name, value in {"name": "Айгүл Сейтқали", "text": "Жарық жоқ", **fields}.items():
        await page.locator(f"#{name}").fill(value)


def scan(name: str) -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": photo((40, 30))}


async def registered(page: Page) -> str:
    """The number that is shown at the end."""
    number = page.locator("#registered-number")
    await expect(number).to_be_visible()
    return await number.inner_text()


async def everything(desk: Desk, table: Any) -> list[Any]:
    async with desk.served.hub.database.read() as session:
        return list(await session.exec(select(table).order_by(col(table.id))))


async def test_an_appeal_is_registered_from_the_keyboard_alone(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    keyboard = page.keyboard

    await keyboard.press("3")  # by phone
    await keyboard.press("Tab")
    await keyboard.type("Сейтқали Айгүл")
    await keyboard.press("Enter")
    await keyboard.type("8 (701) 123-45-67")
    await keyboard.press("Tab")
    await keyboard.press("Enter")  # one more phone
    await keyboard.type("+7 727 250 00 01")
    await page.locator("#iin").focus()
    await keyboard.type("850722100019")
    await keyboard.press("Tab")
    await keyboard.press("ArrowDown")  # Kazakh
    await page.locator("#text").focus()
    await keyboard.type("Шам жанбайды\nЕкінші күн")
    await keyboard.press("Tab")
    await keyboard.type("фонарь")
    await keyboard.press("Enter")
    await keyboard.press("Tab")
    await keyboard.type("Абай даңғылы, 10")
    await page.locator("#tags").focus()
    await keyboard.type("аула, кеш")
    await keyboard.press("Control+Enter")

    number = await registered(page)
    await expect(page.locator("[data-coupon]")).to_be_focused()
    kept = await signed_in.appeal(number)
    assert (kept.channel, kept.category, kept.address) == (
        "phone",
        "light.street",
        "Абай даңғылы, 10",
    )
    assert (kept.language, kept.kind, kept.priority) == ("kk", "message", "normal")
    [message] = await everything(signed_in, Message)
    assert message.text == "Шам жанбайды\nЕкінші күн"
    points = [(point.scheme, point.value) for point in await everything(signed_in, ContactPoint)]
    assert sorted(points) == [
        ("iin", "850722100019"), ("tel", "+77011234567"), ("tel", "+77272500001"),
    ]  # fmt: skip
    async with signed_in.served.hub.database.read() as session:
        assert sorted(await session.exec(select(AppealTag.tag))) == ["аула", "кеш"]


async def test_alt_and_a_digit_choose_the_channel_from_any_field(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    await page.locator("#text").focus()
    await page.keyboard.type("2 ")
    await page.keyboard.press("Alt+2")
    await expect(page.locator('[name="channel"][value="letter"]')).to_be_checked()
    await expect(page.locator("#text")).to_be_focused()
    await expect(page.locator("#text")).to_have_value("2 ")


async def test_an_impatient_hand_registers_once(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    await fill(page)
    held: list[Route] = []
    came = asyncio.Event()

    async def hold(route: Route) -> None:
        held.append(route)
        came.set()

    await page.route("**/api/v1/appeals", hold)
    await page.locator(SUBMIT).dblclick()
    await page.keyboard.press("Control+Enter")
    await came.wait()
    await expect(page.locator(SUBMIT)).to_be_disabled()
    for route in held:
        await route.continue_()

    await registered(page)
    assert len(held) == 1
    assert len(await everything(signed_in, Appeal)) == 1


async def test_a_repeat_is_noticed_before_it_is_registered(signed_in: Desk) -> None:
    [number] = await lay_out(
        signed_in.served,
        [
            {
                "name": "Айгүл Сейтқали",
                "phone": "+77011234567",
                "text": "Шұңқыр бар",
                "channel": "sms",
            }
        ],
    )
    await catch_up(signed_in.served.hub.database, now=signed_in.served.hub.clock())
    page = await open_form(signed_in)
    known = page.locator(".known-person")

    await page.locator("#phone").type("8 701 123 45 67")

    await expect(known).to_have_count(1)
    await expect(known).to_contain_text("Айгүл Сейтқали")
    link = known.get_by_role("link")
    await expect(link).to_contain_text(number)
    await expect(link).to_contain_text("Шұңқыр бар")
    assert await axe(page) == []
    await shot(page, "front-office-known")

    await known.get_by_role("button").click()
    await expect(page.locator("#name")).to_have_value("Айгүл Сейтқали")
    await expect(page.locator("[data-phone]")).to_have_count(1)
    await expect(page.locator("#text")).to_be_focused()
    await page.keyboard.type("Әлі бар")
    await page.keyboard.press("Control+Enter")
    await registered(page)
    assert len(await everything(signed_in, Contact)) == 1


async def test_what_is_not_known_is_said_and_nothing_is_asked_for_a_letter_or_two(
    signed_in: Desk,
) -> None:
    page = await open_form(signed_in)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    status = page.locator("[data-known-status]")
    hint = await status.inner_text()

    await page.locator("#name").type("Ай")
    await expect(status).to_have_text(hint)
    async with page.expect_response(lambda response: "/api/v1/search" in response.url):
        await page.locator("#name").type("гүл")

    await expect(status).not_to_have_text(hint)
    await expect(page.locator(".known-person")).to_have_count(0)
    assert len([url for url in asked if "/api/v1/search" in url]) == 1


async def test_what_was_begun_outlives_a_reload_and_is_nobody_elses(
    signed_in: Desk, open_context: OpenContext
) -> None:
    page = await open_form(signed_in)
    await page.keyboard.press("2")
    await fill(page, text="Хат: жарық жоқ", iin="850722100018")
    await page.locator("[data-add-phone]").click()
    await page.keyboard.type("+77272500001")
    await page.locator("#category").fill("Яма")
    await page.keyboard.press("Enter")
    await page.set_input_files("[data-files]", scan("хат.jpg"))
    await expect(page.locator(".uploads li progress")).to_be_hidden()
    category = await page.locator("#category").input_value()

    await page.reload()
    await ready(page)

    await expect(page.locator('[name="channel"][value="letter"]')).to_be_checked()
    await expect(page.locator("#text")).to_have_value("Хат: жарық жоқ")
    await expect(page.locator("[data-phone]").nth(1)).to_have_value("+77272500001")
    await expect(page.locator("#category")).to_have_value(category)
    await expect(page.locator(".uploads li")).to_contain_text("хат.jpg")
    await expect(page.locator("[data-doubt]")).not_to_be_empty()

    colleague = await employ(signed_in.served, "Ерлан")
    await sign_in(signed_in.served, page.context, colleague)
    await visit(page, signed_in.served.url + FORM)
    await expect(page.locator("#text")).to_have_value("")
    assert await page.evaluate("sessionStorage.length") == 0


GIVE = """(kind) => {
  const data = new DataTransfer();
  const pdf = new Uint8Array([0x25, 0x50, 0x44, 0x46, 0x2d]);
  data.items.add(new File([pdf], `${kind}.pdf`, { type: "application/pdf" }));
  const tell = (event) => document.querySelector(".front-office").dispatchEvent(event);
  const usual = { bubbles: true, cancelable: true };
  if (kind === "paste") {
    tell(new ClipboardEvent("paste", { ...usual, clipboardData: data }));
  } else {
    tell(new DragEvent("dragover", { ...usual, dataTransfer: data }));
    tell(new DragEvent("drop", { ...usual, dataTransfer: data }));
  }
}"""
"""Files as a hand brings them to the page."""


async def test_the_scan_of_a_letter_comes_by_choosing_dropping_and_pasting(
    signed_in: Desk,
) -> None:
    page = await open_form(signed_in)
    await fill(page, text="")
    files = page.locator(".uploads li")
    await page.set_input_files("[data-files]", scan("1.jpg"))
    await page.evaluate(GIVE, "drop")
    await page.evaluate(GIVE, "paste")
    await expect(files).to_have_count(3)
    for at in range(3):
        await expect(files.nth(at).locator("progress")).to_be_hidden()
    await files.nth(1).get_by_role("button").click()
    await expect(files).to_have_count(2)

    await page.keyboard.press("Control+Enter")

    number = await registered(page)
    kept = await signed_in.appeal(number)
    [message] = [one for one in await everything(signed_in, Message) if one.appeal_id == kept.id]
    files_kept = await everything(signed_in, Attachment)
    attached = [one.name for one in files_kept if one.message_id == message.id]
    assert sorted(attached) == ["1.jpg", "paste.pdf"]


async def test_what_is_missing_is_said_where_it_is_missing(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    wrong = page.locator(".wrong")

    async def refused_at(field: str) -> None:
        await page.locator(SUBMIT).click()
        await expect(page.locator(field)).to_be_focused()
        await expect(page.locator(field)).to_have_attribute("aria-invalid", "true")
        await expect(wrong).to_have_count(1)

    await refused_at("#name")
    await page.locator("#phone").fill("12")
    await refused_at("#phone")
    await page.locator("#phone").fill("8 701 123 45 67")
    await page.locator("#email").fill("дана")
    await refused_at("#email")
    await page.locator("#email").fill("dana@example.kz")
    await expect(wrong).to_have_count(0)
    await refused_at("#text")
    assert await axe(page) == []
    await page.locator("#text").fill("Жарық жоқ")
    await page.locator(SUBMIT).click()
    await registered(page)


IINS = {
    "850722100019": False,
    "850722101801": False,
    "8507 2210-0019": False,
    "850722100018": True,
    "850722102600": True,
    "851332100019": True,
    "850229100019": True,
    "850722700019": True,
    "85072210001x": True,
    "85072": False,  # there may be more to come
}
"""What is typed, and whether something speaks against it."""


async def test_a_doubtful_iin_is_told_and_registered_all_the_same(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    await fill(page)
    doubt = page.locator("[data-doubt]")
    for iin, doubtful in IINS.items():
        await page.locator("#iin").fill(iin)
        assert bool(await doubt.inner_text()) == doubtful, iin
    await page.locator("#iin").fill("850722100018")

    await page.keyboard.press("Control+Enter")

    await registered(page)
    [point] = await everything(signed_in, ContactPoint)
    assert (point.scheme, point.value) == ("iin", "850722100018")


async def test_danger_to_life_is_told_at_once_and_made_urgent(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    danger = page.locator("[data-danger]")
    box = page.locator("#category")

    await box.fill("газ")
    await page.keyboard.press("Enter")
    await expect(danger).to_be_visible()
    await expect(danger).to_contain_text("112")
    await expect(page.locator("#priority")).to_have_value("urgent")

    await box.fill("")
    await page.keyboard.press("Tab")
    await expect(danger).to_be_hidden()


async def test_a_category_is_one_of_the_list_or_none(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    box, options = page.locator("#category"), page.locator("#category-list [role=option]")
    await box.click()
    assert await options.count() > 60
    await page.keyboard.press("Escape")
    await expect(options.first).to_be_hidden()

    await box.fill("шам")
    await expect(options.first).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Tab")
    chosen = await box.input_value()
    assert chosen
    await box.fill("мұндай жоқ")
    await expect(options).to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("Tab")
    await expect(box).to_have_value(chosen)


async def test_another_one_begins_with_an_empty_form_at_its_first_field(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    await page.keyboard.press("2")
    await fill(page, phone="87011234567")
    await page.keyboard.press("Control+Enter")
    first = await registered(page)
    await shot(page, "front-office-registered")
    assert await axe(page) == []

    await page.locator("[data-another]").click()

    await expect(page.locator('[name="channel"][value="letter"]')).to_be_focused()
    await expect(page.locator('[name="channel"][value="letter"]')).to_be_checked()
    for field in ("#name", "#phone", "#text"):
        await expect(page.locator(field)).to_have_value("")
    await fill(page)
    await page.keyboard.press("Control+Enter")
    assert await registered(page) != first
    await page.locator("[data-open]").click()
    await expect(page.locator("#appeal-title")).to_be_visible()


async def test_an_answer_that_is_lost_is_not_taken_for_a_refusal(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow("ERR_FAILED|Failed to load resource")
    page = await open_form(signed_in)
    await fill(page)
    await page.route("**/api/v1/appeals", lambda route: route.abort())

    await page.keyboard.press("Control+Enter")

    await expect(page.locator("[data-problem]")).to_be_visible()
    await expect(page.locator("#text")).to_have_value("Жарық жоқ")
    await expect(page.locator(SUBMIT)).to_be_enabled()
    await page.unroute("**/api/v1/appeals")
    await page.keyboard.press("Control+Enter")
    await registered(page)


async def lose_the_answer(route: Route) -> None:
    """The hub has done it, and nobody hears that."""
    await route.fetch()
    await route.abort()


async def test_what_is_pressed_again_after_a_lost_answer_is_registered_once(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow("ERR_FAILED|Failed to load resource")
    page = await open_form(signed_in)
    await fill(page)
    await page.route("**/api/v1/appeals", lose_the_answer)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-problem]")).to_be_visible()
    await page.unroute("**/api/v1/appeals")

    await page.reload()
    await ready(page)
    await page.keyboard.press("Control+Enter")

    number = await registered(page)
    assert [appeal.number for appeal in await everything(signed_in, Appeal)] == [number]
    await page.locator("[data-another]").click()
    await fill(page)
    await page.keyboard.press("Control+Enter")
    assert await registered(page) != number


async def test_a_form_changed_after_a_lost_answer_names_what_is_registered(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow("ERR_FAILED|Failed to load resource|422")
    page = await open_form(signed_in)
    await fill(page)
    await page.route("**/api/v1/appeals", lose_the_answer)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-problem]")).to_be_visible()
    await page.unroute("**/api/v1/appeals")

    await page.locator("#text").fill("Су жоқ")
    await page.keyboard.press("Control+Enter")

    [kept] = await everything(signed_in, Appeal)
    await expect(page.locator("[data-problem]")).to_contain_text(kept.number)
    await expect(page.locator("#text")).to_have_value("Су жоқ")


async def test_the_form_fits_every_screen(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    for width in (390, 768, 1366, 1920):
        await page.set_viewport_size({"width": width, "height": 844})
        wide = await page.evaluate(
            "[...document.querySelectorAll('main, main *')]"
            ".filter((each) => each.getBoundingClientRect().right > innerWidth + 1)"
            ".map((each) => each.outerHTML.slice(0, 80))"
        )
        assert wide == [], width
        await shot(page, f"front-office-{width}")
    assert await axe(page) == []


# --- The coupon -----------------------------------------------------------------------------------


async def test_a_coupon_is_printed_with_one_key_and_without_leaving_it(
    signed_in: Desk, open_context: OpenContext
) -> None:
    page = await open_form(signed_in)
    await fill(page)
    await page.keyboard.press("Control+Enter")
    number = await registered(page)
    await page.context.add_init_script("window.printed = 0; window.print = () => printed++;")

    async with page.context.expect_page() as opened:
        await page.keyboard.press("Enter")
    coupon = await opened.value
    await ready(coupon)

    await expect(coupon.locator(".coupon-number")).to_have_text(number)
    await expect(coupon.locator("[data-print]")).to_be_focused()
    await coupon.keyboard.press("Enter")
    assert await coupon.evaluate("printed") == 1
    assert number in coupon.url
    assert await axe(coupon) == []
    await shot(coupon, "coupon")


async def test_a_coupon_fits_a_receipt_and_a_small_sheet(signed_in: Desk) -> None:
    page = await open_form(signed_in)
    await fill(page)
    await page.keyboard.press("Control+Enter")
    number = await registered(page)
    await page.emulate_media(media="print")
    for language in ("kk", "ru", "en"):
        await visit(page, f"{signed_in.served.url}/desk/coupon/{number}?language={language}")
        await expect(page.locator("[data-print]")).to_be_hidden()
        for width in (302, 397):  # 80 mm, and the width of A6
            await page.set_viewport_size({"width": width, "height": 560})

            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert await page.evaluate("document.querySelector('.coupon').scrollHeight") <= 550
            await expect(page.locator(".coupon-code")).to_have_js_property("complete", True)
            await shot(page, f"coupon-{width}-{language}")
