"""The composer, in a browser: where a reply goes, what it carries, and taking it back."""

import asyncio
import re
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, Route, expect
from sqlmodel import col, select

from connectors.sms.sandbox import ACCOUNT_SID, AUTH_TOKEN, NUMBER, SmsSandbox
from connectors.telegram.sandbox import TelegramSandbox
from registry.models import Appeal, Dispatch, Message
from registry.saved_replies import Wanted, add_saved_reply
from tests.browser.conftest import OpenContext, Serve
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, shot

FLOOD = "Су басып жатыр, Абай даңғылы 10, көмектесіңіздерші!"


@pytest_asyncio.fixture(loop_scope="session")
async def desk(serve: Serve, open_context: OpenContext) -> AsyncIterator[Desk]:
    """A supervisor's desk, with a bot to which a citizen has written."""
    async with serve(with_telegram=True) as served:
        principal = await employ(served, "Дана Серікқызы", hold_seconds=0)
        context = await open_context()
        await sign_in(served, context, principal)
        page = await context.new_page()
        yield Desk(served, page, principal)
        # A route that still fetches from the hub would fail in whichever test comes next.
        if not page.is_closed():
            await page.unroute_all(behavior="ignoreErrors")
        await context.close()  # before the hub goes away under it


async def opened(desk: Desk) -> tuple[Page, str, TelegramSandbox]:
    """The page with the appeal of a citizen who has just written, its number, and the bot."""
    telegram = desk.served.telegram
    assert telegram is not None
    await telegram.citizen().say(FLOOD)
    async with desk.served.hub.database.read() as session:
        number = (
            await session.exec(
                select(Appeal.number)
                .join(Message, col(Message.appeal_id) == Appeal.id)
                .where(Message.text == FLOOD)
            )
        ).one()
    page = await desk.visit(f"/inbox/{number}?queue=all&sort=due")
    await page.locator("reply-composer[data-ready]").wait_for()
    return page, number, telegram


def picture() -> bytes:
    """A photo of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


async def test_it_says_where_the_reply_goes_before_anybody_types(desk: Desk) -> None:
    page, _, _ = await opened(desk)
    await expect(page.locator("[data-way]")).to_contain_text("Telegram")
    await expect(page.locator("[data-send]")).to_be_disabled()
    await page.locator("#draft").fill("Бригада жолға шықты, бір сағатта жетеді.")
    await expect(page.locator("[data-counter]")).to_contain_text("4096")
    await expect(page.locator("[data-send]")).to_be_enabled()
    await shot(page, "composer")
    assert await axe(page) == []


async def test_a_reply_with_a_photo_reaches_the_citizen(desk: Desk) -> None:
    page, _, telegram = await opened(desk)
    await page.locator("[data-files]").set_input_files(
        {"name": "ремонт.png", "mimeType": "image/png", "buffer": picture()}
    )
    await page.locator("#draft").fill("Жөнделді, міне суреті.")
    await page.locator("#draft").press("Control+Enter")
    await telegram.until(lambda: bool(telegram.sent))
    assert [one.kind for one in telegram.sent] == ["photo"]
    assert telegram.sent[0].text == "Жөнделді, міне суреті."
    await expect(page.locator("#draft")).to_have_value("")


async def test_what_is_typed_before_the_draft_has_come_stands_behind_it(desk: Desk) -> None:
    page, _, _ = await opened(desk)
    async with page.expect_response(lambda one: one.request.method == "PUT" and one.ok):
        await page.locator("#draft").fill("Бригада")
    typed = asyncio.Event()

    async def late(route: Route) -> None:
        await typed.wait()
        await route.continue_()

    await page.route("**/draft", late)
    await page.reload()
    await page.locator("#draft").press_sequentially(" жолда")
    typed.set()
    await expect(page.locator("#draft")).to_have_value("Бригада жолда")
    await page.reload()
    await expect(page.locator("#draft")).to_have_value("Бригада жолда")


async def test_a_reply_that_is_taken_back_never_goes_out_and_stands_in_the_composer_again(
    desk: Desk,
) -> None:
    page, _, telegram = await opened(desk)
    await page.locator("reply-composer").evaluate("(composer) => { composer.dataset.hold = '30' }")
    await page.locator("#draft").fill("Қате жауап")
    await page.locator("#draft").press("Control+Enter")
    await page.locator(".toast button").first.click()
    await expect(page.locator("#draft")).to_have_value("Қате жауап")
    async with desk.served.hub.database.read() as session:
        assert (await session.exec(select(Dispatch))).all() == []
    assert telegram.sent == []


TEMPLATE = {
    "id": "t1",
    "name": "Жауап",
    "language": "ru",
    "text": "Здравствуйте, {{1}}",
    "variables": ["1"],
}


async def test_a_template_that_is_taken_back_is_chosen_again_and_its_draft_is_the_hubs(
    desk: Desk,
) -> None:
    page, number, _ = await opened(desk)
    written: list[str] = []
    content = {
        "text": "", "mode": "reply", "uploads": [],
        "template": {"id": "t1", "language": "ru", "variables": {"1": "Айгерім"}},
    }  # fmt: skip
    taken = {"number": number, "content": content, "uploads": [], "draft_version": 7}
    refused: dict[str, Any] = {
        "parts": [], "unit": None, "limit": None, "language": None, "differs": False, "to": None,
        "refusal": {"code": "window_closed", "reason": "Closed.", "instead": "Wait."},
    }  # fmt: skip

    async def ways(route: Route) -> None:
        told = await (await route.fetch()).json()
        told["items"][0]["templates"] = True
        await route.fulfill(json=told)

    async def drafts(route: Route) -> None:
        if route.request.method != "GET":
            written.append(route.request.method)
        await route.fallback()

    await page.route("**/ways", ways)
    await page.route("**/draft", drafts)
    await page.route("**/replies/preview", lambda route: route.fulfill(json=refused))
    await page.route("**/templates", lambda route: route.fulfill(json={"items": [TEMPLATE]}))
    await page.route("**/replies", lambda route: route.fulfill(status=202, json={"id": "1"}))
    await page.route("**/messages/1", lambda route: route.fulfill(json=taken))
    await page.reload()
    chosen, variable = page.locator("[data-template] select"), page.locator('input[name="1"]')
    await page.locator("reply-composer").evaluate("(composer) => { composer.dataset.hold = '30' }")
    await chosen.select_option("0")
    await variable.fill("Айгерім")
    await page.locator("[data-send]").click()
    await expect(chosen).to_have_value("")

    await page.locator(".toast button").first.click()

    await expect(chosen).to_have_value("0")
    await expect(variable).to_have_value("Айгерім")
    await expect(page.locator("[data-send]")).to_be_enabled()
    assert written == []


async def test_a_draft_outlives_the_page(desk: Desk) -> None:
    page, number, _ = await opened(desk)
    await page.locator("#draft").fill("Басталған жауап")
    await expect(page.locator("[data-saved-at]")).not_to_be_empty()
    await page.close()
    again = await page.context.new_page()
    await again.goto(f"{desk.served.url}/inbox/{number}?queue=all&sort=due")
    await expect(again.locator("#draft")).to_have_value("Басталған жауап")


async def test_nothing_is_typed_behind_a_reply_that_is_on_its_way(desk: Desk) -> None:
    page, _, telegram = await opened(desk)
    draft, go = page.locator("#draft"), asyncio.Event()

    async def late(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route("**/replies", late)
    await draft.fill("Бригада жолда")
    await draft.press("Control+Enter")
    await expect(draft).not_to_be_editable()
    await page.keyboard.type(" Ол да")
    go.set()
    await expect(draft).to_have_value("")
    await expect(draft).to_be_editable()
    await telegram.until(lambda: bool(telegram.sent))
    assert telegram.sent[0].text == "Бригада жолда"


async def test_a_note_is_told_apart_and_never_leaves(desk: Desk) -> None:
    page, _, telegram = await opened(desk)
    await page.locator(".modes [data-mode=note]").click()
    await page.locator("#draft").fill("Су арнасымен сөйлестім")
    await page.locator("#draft").press("Control+Enter")
    await expect(page.locator(".message.note")).to_contain_text("Су арнасымен сөйлестім")
    await shot(page, "note")
    assert telegram.sent == []


async def test_a_colleagues_reply_holds_ones_own_until_one_insists(
    desk: Desk, open_context: OpenContext, faults: Faults
) -> None:
    faults.allow(r"409 \(Conflict\)")
    page, number, telegram = await opened(desk)
    await page.locator("#draft").fill("Менің жауабым осында")
    context = await open_context()
    await sign_in(desk.served, context, await employ(desk.served, "Әріптес", hold_seconds=0))
    theirs = await context.new_page()
    await theirs.goto(f"{desk.served.url}/inbox/{number}?queue=all&sort=due")
    await theirs.locator("reply-composer[data-ready]").wait_for()
    await theirs.locator("#draft").fill("Әріптестің жауабы")
    await theirs.locator("#draft").press("Control+Enter")
    await telegram.until(lambda: len(telegram.sent) == 1)

    await page.locator("#draft").press("Control+Enter")
    held = page.locator(".toast.bad")
    await expect(held).to_contain_text("Әріптес")
    await expect(held).to_contain_text("Әріптестің жауабы")
    assert await page.locator("#draft").input_value() == "Менің жауабым осында"
    await held.locator("button").first.click()
    await telegram.until(lambda: len(telegram.sent) == 2)
    await context.close()
    assert [one.text for one in telegram.sent] == ["Әріптестің жауабы", "Менің жауабым осында"]


async def test_a_saved_reply_comes_after_a_slash_in_the_citizens_language(desk: Desk) -> None:
    bodies = {"ru": "Бригада выехала.", "kk": "{number}: бригада жолға шықты."}
    async with desk.served.hub.database.write() as session:
        wanted = Wanted(name="бригада", bodies=bodies, team=None)
        await add_saved_reply(session, wanted, by=desk.principal, now=desk.served.hub.clock())
    page, number, _ = await opened(desk)
    await page.locator("#draft").press_sequentially("/бри")
    await expect(page.locator(".suggestions [role=option]")).to_have_count(1)
    await page.locator("#draft").press("Enter")
    await expect(page.locator("#draft")).to_have_value(f"{number}: бригада жолға шықты.")


async def test_a_file_that_the_channel_would_refuse_does_not_travel(desk: Desk) -> None:
    page, _, _ = await opened(desk)
    await page.locator("[data-files]").set_input_files(
        {"name": "сурет.png", "mimeType": "image/png", "buffer": b"0" * 11_000_000}
    )
    await expect(page.locator(".uploads li.bad")).to_contain_text("сурет.png")
    await page.locator("#draft").fill("Қараңыз")
    await expect(page.locator("[data-send]")).to_be_disabled()
    await page.locator(".uploads li button").click()
    await expect(page.locator("[data-send]")).to_be_enabled()


GIVE = """(kind) => {
  const data = new DataTransfer();
  const pdf = new Uint8Array([0x25, 0x50, 0x44, 0x46, 0x2d]);
  data.items.add(new File([pdf], `${kind}.pdf`, { type: "application/pdf" }));
  const usual = { bubbles: true, cancelable: true };
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { ...usual, clipboardData: data })
    : new DragEvent("drop", { ...usual, dataTransfer: data });
  document.querySelector(kind === "paste" ? "#draft" : ".log").dispatchEvent(event);
}"""
"""A file as a hand brings it: pasted into the text, dropped anywhere on the thread."""


async def test_files_come_by_pasting_and_dropping_and_are_seen_to_travel(desk: Desk) -> None:
    page, _, telegram = await opened(desk)
    go = asyncio.Event()

    async def late(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route("**/api/v1/uploads", late)
    for kind in ("paste", "drop"):
        await page.evaluate(GIVE, kind)
    files = page.locator(".uploads li")
    await expect(files).to_have_count(2)
    await expect(files.locator("progress").first).to_be_visible()
    await expect(page.locator("[data-send]")).to_be_disabled()
    go.set()
    await expect(files.locator("progress").first).to_be_hidden()
    await page.locator("#draft").press("Control+Enter")
    await telegram.until(lambda: sum(len(one.files) for one in telegram.sent) == 2)


async def test_a_reply_in_another_language_than_the_citizens_is_warned_of(desk: Desk) -> None:
    page, _, _ = await opened(desk)
    await page.locator("#draft").fill("Здравствуйте! Бригада уже выехала, ждите её до вечера.")
    await expect(page.locator("[data-warning]")).to_be_visible()
    await page.locator("#draft").fill("Сәлеметсіз бе! Бригада жолға шықты, кешке дейін жетеді.")
    await expect(page.locator("[data-warning]")).to_be_hidden()


async def test_an_sms_is_counted_in_segments_as_they_are_paid_for(
    serve: Serve, open_context: OpenContext
) -> None:
    async with SmsSandbox() as sms:
        account = {
            "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": NUMBER,
            "api_base": sms.url,
        }  # fmt: skip
        async with serve(tables={"channels": {"sms": {"main": account}}}) as served:
            context = await open_context()
            principal = await employ(served, "Дана Серікқызы", language="en")
            await sign_in(served, context, principal)
            visitor = {"channel": "visit", "account": "desk", "phone": "+77011234567"}
            [number] = await lay_out(served, [visitor])
            desk = Desk(served, await context.new_page(), principal)
            page = await desk.visit(f"/inbox/{number}?queue=all&sort=due")
            await expect(page.locator("[data-way]")).to_contain_text("SMS")
            counter, draft = page.locator("[data-counter]"), page.locator("#draft")
            await draft.fill("The crew is on its way. " * 6)
            await expect(counter).to_have_text("144 · SMS: 1")
            await draft.fill("Бригада жолға шықты. " * 6)
            await expect(counter).to_have_text("126 · SMS: 2")
            await page.locator("[data-emoji]").click()
            await page.locator(".suggestions [role=option]").first.click()
            await expect(draft).to_have_value(re.compile("🙂$"))
            await expect(counter).to_have_text(re.compile("SMS: 2$"))
            await context.close()
