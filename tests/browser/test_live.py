"""Live changes in a browser: what happens is seen where it happens, and moves nothing in use."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from hub.live.clients import Goodbye
from registry.accounts import set_health
from registry.appeals import Change, Priority, add_note, change_appeal
from registry.operators import Principal, Role
from registry.sessions import end_all_sessions
from registry.types import AccountKey
from tests.browser.conftest import OpenContext
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe
from tests.browser.served import Served

NEWEST = "/inbox?queue=all&sort=newest"
UNASSIGNED = "/inbox?queue=unassigned&sort=oldest"
MINUTE = timedelta(minutes=1)

expect.set_options(timeout=15_000)


def row(page: Page, number: str) -> Locator:
    return page.locator(f'li.row[data-number="{number}"]')


async def shown(page: Page) -> list[str]:
    """The numbers of the list, from the top."""
    rows = await page.locator("#list li.row").all()
    return [await each.get_attribute("data-number") or "" for each in rows]


async def alter(served: Served, number: str, by: Principal, **changes: Any) -> None:
    async with served.hub.database.write() as session:
        await change_appeal(session, number, Change(**changes), by=by, now=served.hub.clock())


@pytest.fixture
def colleague(served: Served, open_context: OpenContext) -> Callable[[], Awaitable[Desk]]:
    """Somebody else who signs in, in a browser of their own."""

    async def come() -> Desk:
        principal = await employ(served, "Ерлан Сапаров", role=Role.OPERATOR)
        context = await open_context()
        await sign_in(served, context, principal)
        return Desk(served, await context.new_page(), principal)

    return come


async def followed(desk: Desk, address: str = NEWEST, *, connections: int = 1) -> Page:
    """A page that hears what changes: it has its counts."""
    page = await desk.visit(address)
    await expect(page.locator('.nav [data-count="all"]')).not_to_be_empty()
    assert len(desk.served.feed.clients) == connections
    return page


async def count(page: Page, queue: str, number: str) -> None:
    """Wait for the number of a queue: whatever happened before it has been told too."""
    await expect(page.locator(f'.nav [data-count="{queue}"]')).to_have_text(number)


# --- The list -----------------------------------------------------------------------------------


async def test_a_citizens_message_becomes_a_row_and_a_number(signed_in: Desk) -> None:
    [first] = await lay_out(signed_in.served, [{}])
    page = await followed(signed_in)
    number = await signed_in.served.write_in("Жарық жоқ")
    await expect(row(page, number)).to_contain_text("Жарық жоқ")
    assert await shown(page) == [number, first]
    await count(page, "unassigned", "2")


async def test_what_a_colleague_takes_leaves_the_unassigned_at_once(
    signed_in: Desk, colleague: Callable[[], Awaitable[Desk]]
) -> None:
    taken, left = await lay_out(signed_in.served, [{}, {}])
    page = await followed(signed_in, UNASSIGNED)
    other = await colleague()
    theirs = await followed(other, UNASSIGNED, connections=2)
    await row(theirs, taken).locator(".row-link").click()
    await theirs.locator('.thread-head [data-command="claim"]').click()
    await expect(row(page, taken)).to_have_count(0)
    assert await shown(page) == [left]
    await count(theirs, "mine", "1")


async def test_a_row_that_changes_keeps_the_focus_and_stays_picked(signed_in: Desk) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(4)])
    page = await followed(signed_in)
    changing = row(page, numbers[1])
    await changing.locator(".pick input").check()
    await changing.locator(".row-link").focus()
    await alter(
        signed_in.served, numbers[1], signed_in.principal, assignee_id=signed_in.operator_id
    )
    await expect(changing.locator(".assignee")).to_be_visible()
    await expect(changing.locator(".row-link")).to_be_focused()
    await expect(changing.locator(".pick input")).to_be_checked()


async def test_nothing_moves_under_the_pointer_until_it_leaves(signed_in: Desk) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(3)])
    page = await followed(signed_in)
    await row(page, numbers[2]).hover()
    number = await signed_in.served.write_in()
    await alter(signed_in.served, numbers[1], signed_in.principal, priority="urgent")
    await expect(row(page, numbers[1]).locator(".mark.bad")).to_be_visible()
    assert await shown(page) == numbers[::-1]
    await page.locator(".thread").hover()
    await expect(row(page, number)).to_be_visible()
    assert await shown(page) == [number, *numbers[::-1]]


async def test_a_row_that_comes_above_moves_nothing_that_is_read(signed_in: Desk) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(40)])
    page = await followed(signed_in)
    await row(page, numbers[10]).scroll_into_view_if_needed()
    before = await row(page, numbers[10]).bounding_box()
    number = await signed_in.served.write_in()
    await expect(row(page, number)).to_have_count(1)
    assert await row(page, numbers[10]).bounding_box() == before


async def test_a_row_goes_to_the_place_that_its_order_gives_it(signed_in: Desk) -> None:
    numbers = await lay_out(signed_in.served, [{"priority": "normal"} for _ in range(4)])
    page = await followed(signed_in, "/inbox?queue=all&sort=priority")
    assert await shown(page) == numbers
    await alter(signed_in.served, numbers[2], signed_in.principal, priority="urgent")
    await expect(page.locator("#list li.row").first).to_have_attribute("data-number", numbers[2])
    assert await shown(page) == [numbers[2], numbers[0], numbers[1], numbers[3]]


@pytest.mark.parametrize("sort", ["due", "waiting", "last_message", "newest", "oldest"])
async def test_rows_that_are_equal_stand_live_as_in_a_list_that_is_read(
    signed_in: Desk, sort: str
) -> None:
    now = signed_in.served.hub.clock()
    alike = dict.fromkeys(("opened_at", "last_message_at", "waiting_since", "due_at"), now)
    # Those registered later have the lesser numbers, and are dated earlier.
    first, second, third = await lay_out(
        signed_in.served,
        [
            {**alike, "number": f"ALM-2026-{9_000_003 - at:07}", "opened_at": now - at * MINUTE}
            for at in range(3)
        ],
    )
    address = f"/inbox?queue=all&sort={sort}"
    page = await followed(signed_in, address)
    read = await shown(page)

    for number in (third, second, first):
        await alter(signed_in.served, number, signed_in.principal, priority=Priority.URGENT)
        await expect(row(page, number)).to_have_class(re.compile(r"\burgent\b"))

    assert await shown(page) == read
    assert set(read) == {first, second, third}


async def test_what_lies_beyond_the_rows_that_were_loaded_waits_for_more(
    signed_in: Desk,
) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(60)])
    page = await followed(signed_in, "/inbox?queue=all&sort=oldest")
    late = await signed_in.served.write_in()
    await count(page, "all", "61")
    assert await shown(page) == numbers[:50]
    await page.locator("#list .more").scroll_into_view_if_needed()
    await expect(row(page, late)).to_have_count(1)
    assert await shown(page) == [*numbers, late]


async def say_health(served: Served, health: str) -> None:
    async with served.hub.database.write() as session:
        account, now = AccountKey("blackhole", "main"), served.hub.clock()
        await set_health(session, account, health=health, summary="", cure=None, now=now)


async def test_an_empty_list_says_so_until_something_comes(signed_in: Desk) -> None:
    [number] = await lay_out(signed_in.served, [{}])
    page = await followed(signed_in, UNASSIGNED)
    await alter(signed_in.served, number, signed_in.principal, assignee_id=signed_in.operator_id)
    empty = page.locator("#list [data-empty]")
    await expect(empty).to_contain_text("Not known yet")
    await signed_in.served.write_in()
    await expect(empty).to_be_hidden()
    await say_health(signed_in.served, "down")
    await page.reload()
    await expect(page.locator("#list li.row")).to_have_count(1)
    await page.goto(f"{signed_in.served.url}/inbox?queue=mentions&sort=due")
    await expect(empty).to_contain_text("main: Does not work")
    await expect(empty).to_contain_text("The last message came at")
    assert await axe(page) == []
    await say_health(signed_in.served, "ok")
    await page.reload()
    await expect(empty).to_contain_text("All channels work")


# --- The open appeal ----------------------------------------------------------------------------


async def test_an_open_appeal_shows_what_the_citizen_adds_beside_a_reply_that_is_being_written(
    signed_in: Desk,
) -> None:
    number = await signed_in.served.write_in("Жарық жоқ")
    page = await followed(signed_in, f"/inbox/{number}?queue=all&sort=newest")
    draft = page.locator("#draft")
    await draft.fill("Қазір тексереміз")
    await signed_in.served.write_in("Екінші күн")
    await expect(page.locator(".messages")).to_contain_text("Екінші күн")
    await expect(draft).to_have_value("Қазір тексереміз")
    await expect(draft).to_be_focused()


async def test_what_was_said_before_stays_when_whoever_took_an_unread_appeal_is_written_to(
    signed_in: Desk,
) -> None:
    number, hub = await signed_in.served.write_in("Жарық жоқ"), signed_in.served.hub
    async with hub.database.write() as session:
        await add_note(session, number, "Тексеру керек", by=signed_in.principal, now=hub.clock())
    page = await followed(signed_in, f"/inbox/{number}?queue=all&sort=newest")
    await expect(page.locator(".unread-mark")).to_be_visible()
    await page.locator('.thread-head [data-command="claim"]').click()
    await expect(page.locator(".unread-mark")).to_have_count(0)  # who takes it has read it

    await signed_in.served.write_in("Екінші күн")

    said = page.locator(".messages .message .text")
    await expect(said).to_have_text(["Жарық жоқ", "Тексеру керек", "Екінші күн"])
    await expect(page.locator(".messages .day")).to_have_count(1)


async def test_colleagues_see_who_reads_an_appeal_and_who_writes(
    signed_in: Desk, colleague: Callable[[], Awaitable[Desk]]
) -> None:
    number = await signed_in.served.write_in()
    page = await followed(signed_in)
    other = await colleague()
    theirs = await followed(other, f"/inbox/{number}?queue=all&sort=newest", connections=2)
    viewers = row(page, number).locator("[data-viewers]")
    await expect(viewers).to_have_text("ЕС")
    title = await viewers.get_attribute("title") or ""
    await theirs.locator("#draft").fill("Жауап")
    await expect(viewers).not_to_have_attribute("title", title)
    await expect(viewers).to_have_class("viewers writing")
    await theirs.close()
    await expect(viewers).to_be_empty()


# --- Connections --------------------------------------------------------------------------------


async def test_all_tabs_of_a_browser_share_one_connection(signed_in: Desk) -> None:
    page = await followed_empty(signed_in)
    tabs = [await page.context.new_page() for _ in range(7)]
    for tab in tabs:
        await Desk(signed_in.served, tab, signed_in.principal).visit(NEWEST)
    number = await signed_in.served.write_in()
    for tab in [page, *tabs]:
        await expect(row(tab, number)).to_have_count(1)
    assert len(signed_in.served.feed.clients) == 1


async def followed_empty(desk: Desk) -> Page:
    """A page of an office in which there is nothing yet."""
    page = await desk.visit(NEWEST)
    await expect(page.locator("#list [data-empty]")).to_be_visible()
    return page


async def test_without_a_shared_worker_a_tab_connects_by_itself(signed_in: Desk) -> None:
    await signed_in.page.add_init_script("delete window.SharedWorker")
    page = await followed_empty(signed_in)
    number = await signed_in.served.write_in()
    await expect(row(page, number)).to_be_visible()


async def test_after_a_break_the_screen_equals_a_fresh_one_and_a_banner_told_of_it(
    signed_in: Desk, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    faults.allow(r"/live")
    taken, kept = await lay_out(signed_in.served, [{}, {}])
    page = await followed(signed_in, UNASSIGNED)
    await row(page, kept).locator(".pick input").check()
    monkeypatch.setattr("hub.live.socket.is_same_origin", lambda _request: False)
    for client in list(signed_in.served.feed.clients):
        client.transport.abort()
    await expect(page.locator("#offline")).to_be_visible()
    await alter(signed_in.served, taken, signed_in.principal, assignee_id=signed_in.operator_id)
    number = await signed_in.served.write_in()
    monkeypatch.undo()
    await expect(page.locator("#offline")).to_be_hidden()
    await expect(row(page, number)).to_be_visible()
    assert await shown(page) == [kept, number]
    await expect(row(page, kept).locator(".pick input")).to_be_checked()


async def test_what_cannot_be_told_is_read_anew_and_keeps_what_is_picked_and_where_one_is(
    signed_in: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(70)])
    page = await followed(signed_in, "/inbox?queue=all&sort=oldest")
    await page.locator("#list .more").scroll_into_view_if_needed()
    await expect(row(page, numbers[69])).to_have_count(1)
    await row(page, numbers[60]).locator(".pick input").check()
    await row(page, numbers[60]).locator(".row-link").focus()
    before = await row(page, numbers[60]).bounding_box()
    monkeypatch.setattr("hub.live.board.MOST", 0)
    number = await signed_in.served.write_in()
    await alter(signed_in.served, numbers[2], signed_in.principal, priority="urgent")
    await expect(row(page, number)).to_have_count(1)
    await expect(row(page, numbers[2]).locator(".mark.bad")).to_have_count(1)
    assert await shown(page) == [*numbers, number]
    await expect(row(page, numbers[60]).locator(".pick input")).to_be_checked()
    await expect(row(page, numbers[60]).locator(".row-link")).to_be_focused()
    assert await row(page, numbers[60]).bounding_box() == before


async def test_who_was_signed_out_is_told_so(signed_in: Desk) -> None:
    page = await followed_empty(signed_in)
    served = signed_in.served
    async with served.hub.database.write() as session:
        await end_all_sessions(session, signed_in.operator_id, now=served.hub.clock())
    await expect(page.locator('#toasts a[href^="/signin"]')).to_be_visible()


async def test_somebody_else_who_signs_in_gets_a_connection_of_their_own(
    signed_in: Desk,
) -> None:
    await lay_out(signed_in.served, [{"team": "roads"}])
    page = await followed(signed_in)
    erlan = await employ(signed_in.served, "Ерлан", role=Role.OPERATOR)
    await sign_in(signed_in.served, page.context, erlan)
    theirs = await page.context.new_page()
    await Desk(signed_in.served, theirs, erlan).visit(NEWEST)
    await expect(theirs.locator("#list [data-empty]")).to_be_visible()
    await expect(page.locator("#toasts .toast")).to_be_visible()
    number = await signed_in.served.write_in()
    await expect(row(theirs, number)).to_be_visible()
    await count(theirs, "all", "1")
    assert {client.principal.name for client in signed_in.served.feed.clients} == {"Ерлан"}


async def test_who_may_see_something_else_from_now_on_sees_it(signed_in: Desk) -> None:
    page = await followed_empty(signed_in)
    number = await signed_in.served.write_in()
    await expect(row(page, number)).to_be_visible()
    await lay_out(signed_in.served, [{"team": "roads"}])
    for client in list(signed_in.served.feed.clients):
        client.leave(Goodbye.CHANGED)
    await expect(page.locator("#list li.row")).to_have_count(2)


# --- Calls --------------------------------------------------------------------------------------


async def test_an_operator_is_called_to_what_is_given_to_them(signed_in: Desk) -> None:
    [number] = await lay_out(signed_in.served, [{"name": "Айгерім", "text": "Жарық жоқ"}])
    page = await followed(signed_in)
    giver = await employ(signed_in.served, "Ерлан")
    await alter(signed_in.served, number, giver, assignee_id=signed_in.operator_id)
    called = page.locator("#toasts .toast", has_text=number)
    await expect(called).to_contain_text("Айгерім")
    await called.get_by_role("link").click()
    await expect(page.locator("#appeal-title")).to_contain_text(number)


LISTENING = """
document.hasFocus = () => false;
const note = (what) => {
  const { dataset } = document.documentElement;
  dataset.noted = [dataset.noted, what].join(" ").trim();
};
const Real = OscillatorNode;
window.OscillatorNode = class extends Real {
  constructor(context, options) { super(context, options); note(options.frequency); }
};
window.Notification = class {
  static permission = "granted";
  constructor(title, { tag }) { note(tag); }
  close() {}
};
"""
"""Notes what a tab sounds, and of what it notifies; none of the tabs is in use."""


UNDECIDED = """
window.Notification = class {
  static permission = "default";
  static async requestPermission() {
    document.documentElement.dataset.asked = "";
    return this.permission = "granted";
  }
};
"""
"""A browser whose owner has not said whether a page may notify."""


async def test_whoever_is_called_to_something_urgent_is_offered_to_be_notified_of_the_next(
    signed_in: Desk,
) -> None:
    numbers = await lay_out(signed_in.served, [{"priority": "urgent"}, {"priority": "urgent"}])
    await signed_in.page.context.add_init_script(UNDECIDED)
    page = await followed(signed_in)
    giver = await employ(signed_in.served, "Ерлан")
    await alter(signed_in.served, numbers[0], giver, assignee_id=signed_in.operator_id)
    offered = page.locator(".toast").get_by_role("button", name="Allow")
    await expect(offered).to_have_count(1)
    await offered.click()
    await expect(page.locator("html")).to_have_attribute("data-asked", "")
    await alter(signed_in.served, numbers[1], giver, assignee_id=signed_in.operator_id)
    await expect(page.locator(".toast", has_text=numbers[1])).to_be_visible()
    await expect(offered).to_have_count(0)


async def test_of_several_tabs_one_sounds_what_is_urgent_and_notifies_of_it(
    signed_in: Desk,
) -> None:
    plain, *urgent = await lay_out(
        signed_in.served, [{}, {"priority": "urgent"}, {"priority": "urgent"}]
    )
    await signed_in.page.context.add_init_script(LISTENING)
    first = await followed(signed_in)
    second = await signed_in.page.context.new_page()
    await Desk(signed_in.served, second, signed_in.principal).visit(NEWEST)
    giver = await employ(signed_in.served, "Ерлан")
    for page in (first, second):
        await page.locator("#list-title").click()  # until then a browser lets nothing be heard

    async def give(number: str) -> None:
        await alter(signed_in.served, number, giver, assignee_id=signed_in.operator_id)
        await expect(row(second, number).locator(".assignee")).to_have_count(1)

    await give(plain)
    await give(urgent[0])
    noted = re.compile(rf"^880 660 880 assigned {urgent[0]}$")
    await expect(first.locator("html")).to_have_attribute("data-noted", noted)
    assert await second.locator("html").get_attribute("data-noted") is None

    await first.close()
    await give(urgent[1])
    noted = re.compile(rf"^880 660 880 assigned {urgent[1]}$")
    await expect(second.locator("html")).to_have_attribute("data-noted", noted)
