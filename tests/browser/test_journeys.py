"""Whole journeys through the desk, as operators make them in a working day."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect

from connectors.facebook.demo import DemoAccount as FacebookPage
from connectors.facebook.sandbox import FacebookSandbox
from connectors.telegram.samples import photo
from connectors.whatsapp.demo import DemoAccount
from connectors.whatsapp.sandbox import WhatsAppSandbox
from registry.models import Operator
from registry.operators import Role
from registry.states import Outcome, Status
from tests.browser.conftest import OpenContext, Serve
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, ready, shot
from tests.browser.served import Served
from tests.browser.test_keys import press_in_cyrillic
from tests.browser.test_live import alter, row
from tests.hub.test_web.signing import PASSWORD, add, give_second_factor

NEWEST = "/inbox?queue=all&sort=newest"

expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(loop_scope="session")
async def city(serve: Serve) -> AsyncIterator[Served]:
    """A hub with a bot that citizens write to."""
    async with serve(with_telegram=True) as served:
        yield served


def toast(page: Page) -> Locator:
    return page.locator(".toast").last


async def hired(served: Served, name: str, **preferences: object) -> tuple[str, pyotp.TOTP]:
    """The address of an operator with a password and a phone that makes codes, and that phone."""
    hub = served.hub
    operator = await add(hub, name, Role.SUPERVISOR)
    secret = await give_second_factor(hub, operator)
    async with hub.database.write() as session:
        kept = await session.get_one(Operator, operator.id)
        kept.preferences = {"language": "en", "hold_seconds": 0, **preferences}
    return operator.email, pyotp.TOTP(secret)


async def heard(page: Page) -> None:
    """Wait until the hub tells the page of changes."""
    await expect(page.locator('.nav [data-count="all"]')).not_to_be_empty()


# --- From signing in to the citizen's thanks ------------------------------------------------------


async def test_from_the_password_to_the_answer_of_a_citizen_who_got_a_photo(
    city: Served, page: Page
) -> None:
    telegram = city.telegram
    assert telegram is not None
    email, phone = await hired(city, "Dana")
    await lay_out(city, [{}])

    await page.goto(city.url + "/inbox?queue=unassigned&sort=newest")
    await page.locator("#email").fill(email)
    await page.locator("#password").fill(PASSWORD)
    await page.locator("button.primary").click()
    await page.locator("#code").fill(phone.at(city.hub.clock()))
    await page.locator("button.primary").click()
    await expect(page.locator("#list-title")).to_contain_text("Unassigned")
    await ready(page)
    await heard(page)

    citizen = telegram.citizen(name="Айгүл Сейтқали")
    await citizen.say("Абай даңғылында шұңқыр бар")
    new = page.locator("li.row", has_text="Абай даңғылында шұңқыр бар")
    await expect(new).to_be_visible()
    await new.locator(".row-link").click()
    await expect(page.locator("#appeal-title")).to_contain_text("Айгүл Сейтқали")
    await page.locator('.thread-head [data-command="claim"]').click()
    await expect(page.locator('.thread-head [data-command="release"]')).to_be_visible()
    await expect(new).to_have_count(0)

    pressed = asyncio.Event()

    async def upload_slowly(route: Route) -> None:
        await pressed.wait()
        await route.continue_()

    await page.route("**/api/v1/uploads", upload_slowly)
    await page.locator("[data-files]").set_input_files(
        {"name": "жол.jpg", "mimeType": "image/jpeg", "buffer": photo(7)}
    )
    await page.locator("#draft").fill("Шұңқыр жамалды, міне суреті.")
    # The photo still travels: the reply goes once it is there.
    await page.locator("#draft").press("Control+Enter")
    pressed.set()
    received = await citizen.next()
    assert (received.kind, received.text) == ("photo", "Шұңқыр жамалды, міне суреті.")
    assert [file.content for file in received.files] == [photo(7)]

    mine = page.locator(".message.out")
    await expect(mine).to_have_attribute("data-state", "sent")
    await expect(mine.locator("img")).to_be_visible()
    await expect(page.locator(".messages")).not_to_contain_text("message.")
    await citizen.say("Рақмет, жол тегіс!")
    await expect(page.locator(".message.in").last).to_contain_text("Рақмет, жол тегіс!")
    await shot(page, "journey-answered")


async def test_what_the_citizen_has_read_is_seen_while_the_appeal_is_open(
    serve: Serve, open_context: OpenContext
) -> None:
    async with WhatsAppSandbox(lifecycle=("sent", "delivered")) as whatsapp:
        account = DemoAccount(whatsapp, 1)
        async with serve(tables={"channels": {"whatsapp": {"main": account.settings}}}) as served:
            context = await open_context()
            principal = await employ(served, "Дана", language="en", hold_seconds=0)
            await sign_in(served, context, principal)
            await lay_out(served, [{}])
            page = await Desk(served, await context.new_page(), principal).visit(NEWEST)
            await heard(page)
            citizen = account.citizen(name="Ержан", language="kk")
            await citizen.say("Лифт тоқтап тұр")
            await page.locator("li.row .row-link", has_text="Лифт тоқтап тұр").click()
            await page.locator("reply-composer[data-ready]").wait_for()
            await page.locator("#draft").fill("Шебер шықты.")
            await page.locator("#draft").press("Control+Enter")
            received = await citizen.next()
            mine = page.locator(".message.out")
            await expect(mine).to_have_attribute("data-state", "delivered")
            await citizen.read(received)
            await expect(mine).to_have_attribute("data-state", "read")
            await context.close()


async def test_a_comment_is_hidden_from_others_and_its_author_answered_in_private(
    serve: Serve, open_context: OpenContext
) -> None:
    async with FacebookSandbox(verifies=True) as facebook:
        facebook.publish("Өтініштеріңізді осында жазыңыз.")
        settings = FacebookPage(facebook, 1).settings
        async with serve(tables={"channels": {"facebook": {"main": settings}}}) as served:
            context = await open_context()
            principal = await employ(served, "Дана", language="en", hold_seconds=0)
            await sign_in(served, context, principal)
            await lay_out(served, [{}])
            page = await Desk(served, await context.new_page(), principal).visit(NEWEST)
            await heard(page)
            citizen = facebook.citizen(name="Ержан", user_id="7000000000010001")
            said = await citizen.comment("Телефоным 8 701 000 00 00, қоңырау шалыңыздар!")
            await page.locator("li.row .row-link", has_text="Телефоным").click()
            await page.get_by_role("button", name="Hide from others").click()
            await expect(page.locator(".message.in .gone")).to_contain_text("Hidden from others")
            assert facebook.comments[said.external_id].hidden
            assert await axe(page) == []
            await page.get_by_role("button", name="Show to others again").click()
            await expect(page.locator(".message.in .gone")).to_have_count(0)
            assert not facebook.comments[said.external_id].hidden

            # What the hub tells of the ways anew is under way while another one is chosen.
            asked, go = asyncio.Event(), asyncio.Event()

            async def late(route: Route) -> None:
                asked.set()
                await go.wait()
                await route.continue_()

            await page.route("**/ways", late)
            await page.evaluate("document.dispatchEvent(new CustomEvent('tereze:patched'))")
            await asked.wait()
            private = page.locator("[data-way] option[value^=private]")
            way = await private.get_attribute("value")
            await page.locator("[data-way]").select_option(way)
            async with page.expect_response("**/ways"):
                go.set()
            await expect(page.locator("[data-way]")).to_have_value(way or "")
            await page.locator("#draft").fill("Нөміріңізді көпшілік көрмейді, қоңырау шаламыз.")
            await page.locator("#draft").press("Control+Enter")
            received = await citizen.next()
            assert received.from_comment == said.external_id
            await expect(page.locator(".message.private")).to_contain_text("Privately")
            await context.close()


async def test_an_appeal_that_is_answered_and_snoozed_comes_back_in_the_offices_morning(
    served: Served, open_context: OpenContext
) -> None:
    context = await open_context(timezone_id="America/New_York")
    principal = await employ(served, "Дана", language="en", hold_seconds=0)
    await sign_in(served, context, principal)
    desk = Desk(served, await context.new_page(), principal)
    page, number = await writing(desk, "Ертең тексереміз.")
    await page.locator('[data-menu="send-and"]').click()
    await page.locator('[data-then="snooze"]').click()
    await expect(page.locator('#menu-more [data-command="wake"]')).to_have_count(1)
    until = (await desk.appeal(number)).snoozed_until
    assert until is not None
    # Nine in Almaty, which is five hours ahead.
    assert (until.hour, until.minute) == (4, 0)
    assert timedelta(0) < until - served.hub.clock() <= timedelta(hours=34)
    await context.close()


# --- Two at once ----------------------------------------------------------------------------------


async def test_of_two_who_take_an_appeal_at_once_one_has_it_and_the_other_is_told_who(
    city: Served, open_context: OpenContext, faults: Faults
) -> None:
    faults.allow(r"409 \(Conflict\)")
    (number,) = await lay_out(city, [{}])
    desks = {}
    for name in ("Дана Серікқызы", "Ерлан Сапаров"):
        context = await open_context()
        principal = await employ(city, name, role=Role.OPERATOR, language="en")
        await sign_in(city, context, principal)
        desks[principal.operator_id] = Desk(city, await context.new_page(), principal)
        page = await desks[principal.operator_id].visit(f"/inbox/{number}?queue=all&sort=newest")
        await heard(page)

    take = '.thread-head [data-command="claim"]'
    await asyncio.gather(*(desk.page.locator(take).click() for desk in desks.values()))
    for desk in desks.values():
        await expect(desk.page.locator(".toast")).to_have_count(1)

    one, other = desks.values()
    holder = (await one.appeal(number)).assignee_id
    winner, loser = (one, other) if holder == one.operator_id else (other, one)
    assert holder == winner.operator_id
    await expect(toast(winner.page)).to_contain_text(f"Taken: {number}")
    await expect(toast(loser.page)).to_contain_text(winner.principal.name)
    await expect(loser.page.locator('.thread-head [data-command="assign"].chip')).to_contain_text(
        winner.principal.name
    )
    await expect(winner.page.locator('.thread-head [data-command="release"]')).to_be_visible()
    await shot(loser.page, "journey-already-held")
    for desk in desks.values():
        await desk.page.context.close()


async def test_what_was_resolved_by_mistake_comes_back(signed_in: Desk) -> None:
    mine = {"assignee_id": signed_in.operator_id, "status": "open"}
    (number,) = await lay_out(signed_in.served, [mine])
    page = await signed_in.visit(f"/inbox/{number}?queue=mine&sort=oldest")
    await expect(page.locator('.nav [data-count="mine"]')).to_have_text("1")
    await page.locator('.thread-head [data-command="resolve"]').click()
    await page.get_by_label("Answered").check()
    await page.locator('#question [value="ok"]').click()
    await expect(row(page, number)).to_have_count(0)
    await expect(page.locator('.nav [data-count="mine"]')).to_be_empty()

    await toast(page).get_by_role("button", name="Undo").click()
    await expect(toast(page)).to_contain_text("Undone")
    await expect(row(page, number)).to_be_visible()
    await expect(page.locator('.nav [data-count="mine"]')).to_have_text("1")
    await expect(page.locator(".thread-head")).to_have_attribute("data-status", "open")
    appeal = await signed_in.appeal(number)
    assert (appeal.status, appeal.outcome) == ("open", None)
    assert appeal.assignee_id == signed_in.operator_id


# --- What is being written ------------------------------------------------------------------------


async def writing(desk: Desk, text: str) -> tuple[Page, str]:
    """The page with an appeal to which somebody writes a reply, and its number."""
    number = await desk.served.write_in("Көшеде жарық жоқ")
    page = await desk.visit(f"/inbox/{number}?queue=all&sort=newest")
    await page.locator("reply-composer[data-ready]").wait_for()
    await heard(page)
    await page.locator("#draft").fill(text)
    return page, number


async def test_a_browser_that_dies_takes_no_draft_along(
    signed_in: Desk, open_context: OpenContext
) -> None:
    async with signed_in.page.expect_response(
        lambda answer: answer.url.endswith("/draft") and answer.request.method == "PUT"
    ):
        page, number = await writing(signed_in, "Бригада жолға шықты, ")
    dead = asyncio.Event()
    page.on("crash", lambda _: dead.set())
    devtools = await page.context.new_cdp_session(page)
    await page.locator("#draft").press_sequentially("бір са")
    crash = asyncio.create_task(devtools.send("Page.crash"))
    await dead.wait()
    crash.cancel()

    context = await open_context()
    await sign_in(signed_in.served, context, signed_in.principal)
    again = Desk(signed_in.served, await context.new_page(), signed_in.principal)
    page = await again.visit(f"/inbox/{number}?queue=all&sort=newest")
    await expect(page.locator("#draft")).to_have_value(re.compile("^Бригада жолға шықты, "))
    await context.close()


async def test_what_was_still_on_its_way_when_the_page_was_left_stands_there_again(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow(r"409 \(Conflict\)")  # whether what was on its way had come is tried out
    page, _ = await writing(signed_in, "")
    await page.evaluate(
        """() => {
          const fetched = window.fetch;
          const never = new Promise(() => {});
          window.keeping = new Promise((begun) => {
            window.fetch = (address, options) => {
              if (options?.method !== "PUT") return fetched(address, options);
              begun();
              return never;
            };
          });
        }"""
    )
    await page.locator("#draft").fill("Бригада")
    await page.evaluate("keeping")
    await page.locator("#draft").press_sequentially(" жолда")
    await page.reload()
    await expect(page.locator("#draft")).to_have_value("Бригада жолда")
    async with page.expect_response(lambda one: one.request.method == "PUT" and one.ok):
        await page.locator("#draft").press_sequentially("!")
    await page.reload()
    await expect(page.locator("#draft")).to_have_value("Бригада жолда!")


async def test_another_language_and_the_dark_keep_the_appeal_and_what_is_written(
    signed_in: Desk,
) -> None:
    page, number = await writing(signed_in, "Бригада")
    for language, name, send in (("kk", "Қазақша", "Жіберу"), ("en", "English", "Send")):
        # What was typed at the very last has not been kept yet when the page goes.
        await page.locator("#draft").press_sequentially(f" {language}")
        await page.locator('[data-menu="me"]').click()
        await page.get_by_role("menuitemradio", name=name).click()
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await ready(page)
        await expect(page.locator("[data-send-label]")).to_have_text(send)
        await expect(page.locator("#appeal-title")).to_contain_text(number)
    await expect(page.locator("#draft")).to_have_value("Бригада kk en")

    await page.locator('[data-menu="me"]').click()
    async with page.expect_response(re.compile("/api/v1/me$")):
        await page.get_by_role("menuitemradio", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.locator("#draft")).to_have_value("Бригада kk en")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.locator("body")).to_have_css("color-scheme", "dark")
    await shot(page, "journey-dark")


# --- A long break ---------------------------------------------------------------------------------

SHOWN = """() => {
  const said = (element) => {
    const copy = element.cloneNode(true);
    // What runs by itself, and who else looks.
    for (const one of copy.querySelectorAll("since-time, due-time, [data-viewers]")) one.remove();
    return copy.textContent.replace(/\\s+/g, " ").trim();
  };
  const all = (selector, tell) => [...document.querySelectorAll(selector)].map(tell);
  return {
    rows: all("#list li.row", (row) => [row.dataset.number, row.className, said(row)]),
    counts: all("[data-count]", (count) => [count.dataset.count, count.textContent]),
    head: all(".thread-head", (head) => [said(head), JSON.stringify(head.dataset)]),
    messages: all(".messages > li", (one) => [one.id, one.className, one.dataset.state, said(one)]),
    panel: all("#panel .panel-part", said),
    draft: document.querySelector("#draft").value,
  };
}"""
"""What a page shows of the list, the numbers, the open appeal and the person."""


async def same(page: Page, fresh: Page) -> None:
    """Wait until both pages show the same."""
    async with asyncio.timeout(15):
        while (await page.evaluate(SHOWN)) != (await fresh.evaluate(SHOWN)):
            await page.wait_for_timeout(100)


@pytest.mark.parametrize("most", [200, 0], ids=["told one by one", "read anew"])
async def test_after_a_long_break_under_traffic_the_desk_is_as_if_loaded_anew(
    signed_in: Desk,
    open_context: OpenContext,
    monkeypatch: pytest.MonkeyPatch,
    faults: Faults,
    most: int,
) -> None:
    faults.allow(r"/live|ERR_INTERNET_DISCONNECTED")
    monkeypatch.setattr("hub.live.board.MOST", most)
    served, me = signed_in.served, signed_in.principal
    numbers = await lay_out(served, [{} for _ in range(6)])
    page, number = await writing(signed_in, "Қазір тексереміз, ")
    await alter(served, number, me, assignee_id=me.operator_id)
    await expect(page.locator('.thread-head [data-command="release"]')).to_be_visible()

    await page.context.set_offline(True)
    monkeypatch.setattr("hub.live.socket.is_same_origin", lambda _request: False)
    for client in list(served.feed.clients):
        client.transport.abort()
    await expect(page.locator("#offline")).to_be_visible()
    await page.locator("#draft").press_sequentially("күте тұрыңыз")
    for place in range(6):
        await served.write_in(f"Тағы да {place}", sender=f"sender{place}", name=f"Көрші {place}")
    for place in range(5):
        await served.write_in(f"Әлі жоқ {place}")
    await alter(served, number, me, category="roads.pothole", priority="high")
    await alter(served, numbers[0], me, assignee_id=me.operator_id)
    await alter(served, numbers[1], me, priority="urgent")
    await alter(served, numbers[2], me, status=Status.RESOLVED, outcome=Outcome.ANSWERED)
    await alter(served, numbers[3], me, category="roads.pothole")
    await served.write_in("Рақмет", sender="sender1")
    colleague = await employ(served, "Ерлан")
    for other in numbers[4:]:
        await alter(served, other, colleague, assignee_id=colleague.operator_id)
        await alter(served, other, colleague, status=Status.PENDING)

    monkeypatch.setattr("hub.live.socket.is_same_origin", lambda _request: True)
    async with page.expect_response(
        lambda answer: answer.url.endswith("/draft") and answer.request.method == "PUT"
    ):
        await page.context.set_offline(False)
    await expect(page.locator("#offline")).to_be_hidden()
    context = await open_context()
    await sign_in(served, context, me)
    anew = Desk(served, await context.new_page(), me)
    fresh = await anew.visit(f"/inbox/{number}?queue=all&sort=newest")
    await heard(fresh)
    await same(page, fresh)
    assert len((await page.evaluate(SHOWN))["messages"]) > 6
    await expect(page.locator("#draft")).to_have_value("Қазір тексереміз, күте тұрыңыз")
    await expect(page.locator("#draft")).to_be_focused()
    await context.close()


# --- Without a mouse ------------------------------------------------------------------------------


async def test_a_shift_is_worked_with_the_keyboard_alone_in_a_cyrillic_layout(
    city: Served, page: Page
) -> None:
    telegram = city.telegram
    assert telegram is not None
    email, phone = await hired(city, "Dana")
    citizens = {name: telegram.citizen(name=name) for name in ("Айгүл Сейтқали", "Ержан Сапаров")}
    for citizen in citizens.values():
        await citizen.say("Абай даңғылында шұңқыр бар")

    await page.goto(city.url + "/inbox?queue=mine&sort=oldest")
    await page.keyboard.type(email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#code")).to_be_focused()
    await page.keyboard.type(phone.at(city.hub.clock()))
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/inbox?*")
    await ready(page)

    await press_in_cyrillic(page, "KeyG", "п")
    await press_in_cyrillic(page, "KeyA", "ф")
    rows = page.locator("li.row .row-link")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_be_focused()
    await press_in_cyrillic(page, "KeyJ", "о")
    await expect(rows.last).to_be_focused()
    await press_in_cyrillic(page, "KeyK", "л")
    await expect(rows.first).to_be_focused()
    first, second = await rows.locator(".who").all_inner_texts()
    await press_in_cyrillic(page, "KeyO", "щ")
    await expect(page.locator("#appeal-title")).to_be_focused()
    await expect(page.locator("#appeal-title")).to_contain_text(first)
    await press_in_cyrillic(page, "KeyC", "с")
    await expect(page.locator('.thread-head [data-command="release"]')).to_be_visible()

    await press_in_cyrillic(page, "KeyR", "к")
    await expect(page.locator("#draft")).to_be_focused()
    await page.keyboard.type("Бүгін жамаймыз.")
    await expect(page.locator("[data-send]")).to_be_enabled()
    await page.keyboard.press("Control+Enter")
    assert (await citizens[first].next()).text == "Бүгін жамаймыз."
    await expect(page.locator("#draft")).to_have_value("")
    await page.keyboard.press("Escape")
    await expect(page.locator("#appeal-title")).to_be_focused()

    await press_in_cyrillic(page, "KeyY", "н")
    await expect(page.locator("#question")).to_be_visible()
    await page.keyboard.type("яма")
    await page.keyboard.press("Enter")
    await expect(page.locator(".thread-head")).to_have_attribute("data-category", "roads.pothole")
    await press_in_cyrillic(page, "KeyE", "у")
    await expect(page.locator("#question")).to_be_visible()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(page.locator(".thread-head")).to_have_attribute("data-status", "resolved")
    await press_in_cyrillic(page, "KeyN", "т")
    await expect(page.locator("#appeal-title")).to_contain_text(second)
    await expect(page.locator("#appeal-title")).to_be_focused()
