"""What is done with appeals from the desk: asked for, told, and taken back."""

from datetime import UTC, datetime, timedelta

from playwright.async_api import Locator, Page, expect
from sqlmodel import select

from registry.models import AppealTag, Message
from registry.operators import Role
from tests.browser.conftest import OpenContext
from tests.browser.desk import ALL, Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, shot, visit
from tests.browser.served import Served

expect.set_options(timeout=15_000)


def toast(page: Page) -> Locator:
    return page.locator(".toast").last


def question(page: Page) -> Locator:
    return page.locator("#question")


async def focus(page: Page, number: str) -> None:
    await page.locator(f'li.row[data-number="{number}"] .row-link').focus()


async def take_back(page: Page) -> None:
    """Undo what was told last."""
    await toast(page).get_by_role("button", name="Undo").click()
    await expect(toast(page)).to_contain_text("Undone")


async def test_an_appeal_is_taken_and_given_back(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await focus(page, number)

    await page.keyboard.press("c")
    await expect(toast(page)).to_contain_text(f"Taken: {number}")
    assert (await signed_in.appeal(number)).assignee_id == signed_in.operator_id
    await expect(page.locator("li.row .assignee")).to_contain_text("ДС")
    await shot(page, "toast")
    assert await axe(page) == []

    await take_back(page)
    assert (await signed_in.appeal(number)).assignee_id is None


async def test_the_next_appeal_is_taken_and_opened_until_there_is_none(signed_in: Desk) -> None:
    now = signed_in.served.hub.clock()
    later, sooner = await lay_out(
        signed_in.served,
        [{"due_at": now + timedelta(days=2)}, {"due_at": now + timedelta(hours=1)}],
    )
    page = await signed_in.visit()

    await page.keyboard.press("n")
    await expect(page.locator("#appeal-title")).to_contain_text(sooner)
    await expect(page.locator("#appeal-title")).to_be_focused()
    await page.keyboard.press("n")
    await expect(page.locator("#appeal-title")).to_contain_text(later)
    await page.keyboard.press("n")
    await expect(toast(page)).to_contain_text("Nothing waits")
    assert (await signed_in.appeal(later)).assignee_id == signed_in.operator_id


async def test_how_an_appeal_ended_is_asked(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{"assignee_id": signed_in.operator_id}])
    page = await signed_in.visit()
    await page.locator(".row-link").click()
    await page.locator("#appeal-title").wait_for()

    await page.keyboard.press("e")
    await expect(question(page)).to_be_visible()
    await shot(page, "resolve")
    assert await axe(page) == []
    # Without an answer there is no end.
    await page.get_by_role("button", name="Resolve").last.click()
    await expect(question(page)).to_be_visible()
    await page.get_by_label("Refused").check()
    await page.keyboard.press("Enter")

    await expect(toast(page)).to_contain_text(f"Resolved: {number}")
    appeal = await signed_in.appeal(number)
    assert (appeal.status, appeal.outcome) == ("resolved", "refused")
    await expect(page.locator(".thread-head .status")).to_contain_text("Refused")
    await take_back(page)
    assert (await signed_in.appeal(number)).status == "new"


async def test_an_appeal_sleeps_until_the_morning_of_the_office(
    served: Served, open_context: OpenContext
) -> None:
    (number,) = await lay_out(served, [{}])
    context = await open_context(timezone_id="America/New_York")
    principal = await employ(served, "Дана", language="en")
    await sign_in(served, context, principal)
    desk = Desk(served, await context.new_page(), principal)
    page = await desk.visit()
    await focus(page, number)

    await page.keyboard.press("z")
    await expect(page.get_by_label("For an hour")).to_be_focused()
    await shot(page, "snooze")
    assert await axe(page) == []
    await page.get_by_label("Tomorrow morning").check()
    await page.keyboard.press("Enter")

    await expect(toast(page)).to_contain_text("Snoozed")
    until = (await desk.appeal(number)).snoozed_until
    assert until is not None
    # Nine in Almaty, which is five hours ahead.
    assert (until.hour, until.minute) == (4, 0)
    assert timedelta(0) < until - served.hub.clock() <= timedelta(hours=34)


async def test_an_appeal_sleeps_until_a_moment_that_is_written(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await focus(page, number)
    day = (signed_in.served.hub.clock() + timedelta(days=10)).date()

    await page.keyboard.press("z")
    await expect(page.get_by_label("Day and time")).to_be_hidden()
    await page.get_by_label("Another time…").check()
    await page.get_by_label("Day and time").fill(f"{day:%Y-%m-%d}T15:30")
    await page.get_by_role("button", name="Snooze").last.click()

    await expect(toast(page)).to_contain_text("Snoozed")
    expected = datetime(day.year, day.month, day.day, 10, 30, tzinfo=UTC)
    assert (await signed_in.appeal(number)).snoozed_until == expected


async def test_a_colleague_is_found_by_the_beginning_of_a_name(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    await employ(signed_in.served, "Марат Омаров")
    colleague = await employ(signed_in.served, "Нұрлан Ёлкин", role=Role.OPERATOR)
    page = await signed_in.visit()
    await focus(page, number)

    await page.keyboard.press("a")
    await expect(page.get_by_role("combobox", name="To whom")).to_be_focused()
    await page.keyboard.type("елк")
    await expect(question(page).get_by_role("option")).to_have_text(["Нұрлан Ёлкинcolleague"])
    await shot(page, "assign")
    assert await axe(page) == []
    await page.get_by_label("Note").fill("Сізге таныс")
    await page.get_by_role("button", name="Hand over").click()

    await expect(toast(page)).to_contain_text("Handed over")
    appeal = await signed_in.appeal(number)
    assert appeal.assignee_id == colleague.operator_id
    async with signed_in.served.hub.database.read() as session:
        notes = await session.exec(
            select(Message.text).where(Message.appeal_id == appeal.id, Message.direction == "note")
        )
        assert notes.all() == ["Сізге таныс"]


async def test_a_category_is_found_in_any_language(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await focus(page, number)

    await page.keyboard.press("y")
    await shot(page, "category")
    assert await axe(page) == []
    await page.keyboard.type("яма")
    await page.keyboard.press("Enter")

    await expect(toast(page)).to_contain_text("Category changed")
    assert (await signed_in.appeal(number)).category == "roads.pothole"


async def test_what_is_not_found_is_not_taken(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{"category": "roads.pothole"}])
    page = await signed_in.visit()
    await focus(page, number)

    await page.keyboard.press("y")
    await page.keyboard.type("there is no such category")
    await expect(question(page)).to_contain_text("Nothing found")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="OK").click()

    await expect(question(page)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(question(page)).to_be_hidden()
    assert (await signed_in.appeal(number)).category == "roads.pothole"


async def test_tags_are_put_on_and_taken_off(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await page.locator(".row-link").click()
    await page.locator("#appeal-title").wait_for()

    tags = page.locator(".thread-head .chip.accent")

    for words, left in (("снег, срочно", ["снег", "срочно"]), ("снег, двор", ["двор", "снег"])):
        await page.keyboard.press("t")
        await page.get_by_role("textbox", name="Tags").fill(words)
        await page.keyboard.press("Enter")
        await expect(tags).to_have_text(left)

    appeal = await signed_in.appeal(number)
    async with signed_in.served.hub.database.read() as session:
        kept = await session.exec(select(AppealTag.tag).where(AppealTag.appeal_id == appeal.id))
        assert set(kept) == {"снег", "двор"}


async def test_many_are_changed_at_once_and_taken_back_at_once(signed_in: Desk) -> None:
    numbers = await lay_out(signed_in.served, [{} for _ in range(4)])
    page = await signed_in.visit()
    for key in ("j", "x", "j", "j", "x"):
        await page.keyboard.press(key)

    await page.get_by_role("button", name="Take", exact=True).click()

    await expect(toast(page)).to_contain_text("Taken: 2 appeals")
    taken = [(await signed_in.appeal(number)).assignee_id is not None for number in numbers]
    assert taken == [True, False, True, False]
    await take_back(page)
    assert [(await signed_in.appeal(number)).assignee_id for number in numbers] == [None] * 4


async def test_of_many_those_that_cannot_be_changed_are_told_of(signed_in: Desk) -> None:
    colleague = await employ(signed_in.served, "Ерлан")
    free, held = await lay_out(signed_in.served, [{}, {"assignee_id": colleague.operator_id}])
    page = await signed_in.visit()
    await page.keyboard.press("Shift+a")
    await page.keyboard.press("c")

    await expect(toast(page)).to_contain_text("1 appeal could not be changed")
    await expect(page.locator(".toast").first).to_contain_text(f"Taken: {free}")
    assert (await signed_in.appeal(held)).assignee_id == colleague.operator_id


async def test_a_supervisor_may_take_what_somebody_holds_once_they_know(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow("409")
    colleague = await employ(signed_in.served, "Ерлан")
    (number,) = await lay_out(signed_in.served, [{"assignee_id": colleague.operator_id}])
    page = await signed_in.visit()
    await focus(page, number)

    await page.keyboard.press("c")
    await expect(toast(page)).to_contain_text("Somebody holds this appeal already: Ерлан.")
    await toast(page).get_by_role("button", name="Take it from them").click()

    await expect(toast(page)).to_contain_text("Taken")
    assert (await signed_in.appeal(number)).assignee_id == signed_in.operator_id


async def test_an_operator_learns_who_holds_an_appeal_and_does_not_get_it(
    served: Served, open_context: OpenContext, faults: Faults
) -> None:
    faults.allow("409")
    colleague = await employ(served, "Ерлан")
    (number,) = await lay_out(served, [{"assignee_id": colleague.operator_id}])
    context = await open_context()
    await sign_in(served, context, await employ(served, "Дана", role=Role.OPERATOR, language="en"))
    page = await context.new_page()
    await visit(page, served.url + ALL)
    await focus(page, number)

    await page.keyboard.press("c")

    await expect(toast(page)).to_contain_text("Ерлан")
    await expect(toast(page).get_by_role("button")).to_have_count(1)


async def test_what_was_changed_since_is_not_undone(signed_in: Desk, faults: Faults) -> None:
    faults.allow("409")
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await focus(page, number)
    await page.keyboard.press("p")
    await page.get_by_label("Urgent").check()
    await page.keyboard.press("Enter")
    first = toast(page).get_by_role("button", name="Undo")
    await expect(toast(page)).to_contain_text("Priority changed")
    handle = await first.element_handle()
    await page.keyboard.press("p")
    await page.get_by_label("Low").check()
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_have_count(2)

    assert handle is not None
    await handle.click()

    await expect(toast(page)).to_contain_text("changed again since")
    assert (await signed_in.appeal(number)).priority == "low"


async def test_messages_become_an_appeal_of_their_own_and_two_appeals_one(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow("409")
    first, second = await lay_out(
        signed_in.served, [{"text": "Жарық жоқ"}, {"text": "Су жоқ", "name": "Сергей"}]
    )
    page = await signed_in.visit()
    await focus(page, first)
    await page.keyboard.press("Enter")
    await expect(page.locator("#appeal-title")).to_be_focused()

    await page.keyboard.press("Control+k")
    await page.keyboard.type("merge")
    await page.keyboard.press("Enter")
    await page.get_by_label("Number of the appeal").fill(f"https://x/inbox/{second}?queue=all")
    await page.keyboard.press("Enter")
    await expect(question(page)).to_contain_text("of two different people")
    await question(page).get_by_role("button", name="Merge").click()

    await expect(page.locator("#appeal-title")).to_contain_text(second)
    await expect(page.locator(".message")).to_have_count(2)
    await expect(toast(page)).to_contain_text(f"Merged: {second}")

    await page.keyboard.press("Control+k")
    await page.keyboard.type("split")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Split off").click()
    await expect(question(page)).to_be_visible()
    await page.get_by_role("checkbox", name="Жарық жоқ").check()
    await shot(page, "split")
    assert await axe(page) == []
    await page.get_by_label("What the new appeal is about").fill("Жарық")
    await page.keyboard.press("Enter")

    await expect(toast(page)).to_contain_text("Split off")
    await expect(page.locator("#appeal-title")).not_to_contain_text(second)
    await expect(page.locator(".message .text")).to_have_text(["Жарық жоқ"])


async def test_the_keys_of_the_composer_put_the_focus_into_it(signed_in: Desk) -> None:
    await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await page.locator(".row-link").click()
    await page.locator("#appeal-title").wait_for()

    await page.keyboard.press("m")
    await expect(page.locator("#draft")).to_be_focused()
    await expect(page.get_by_role("radio", name="Note")).to_be_checked()
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await expect(page.get_by_role("radio", name="Reply")).to_be_checked()
    await expect(page.locator("#draft")).to_have_value("")


async def test_a_hub_that_does_not_answer_is_told_of(signed_in: Desk, faults: Faults) -> None:
    faults.allow("ERR_FAILED")
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await focus(page, number)
    await page.route("**/api/v1/appeals/*", lambda route: route.abort())

    await page.keyboard.press("c")

    await expect(toast(page)).to_contain_text("The hub did not answer")
    await expect(toast(page)).to_have_class("toast bad")


async def test_every_call_is_heard_once_one_wishes_it_and_urgent_ones_alone_again(
    signed_in: Desk,
) -> None:
    page = await signed_in.visit()
    for wanted, said in ((True, "every call"), (None, "Only urgent calls")):
        await page.locator("[data-menu=me]").click()
        await page.locator("#menu-me [data-command=calls]").click()
        await expect(page.locator(".toast").last).to_contain_text(said)
        assert (await signed_in.preferences()).get("sounds") is wanted


async def test_each_key_of_the_appeal_asks_what_it_is_for(signed_in: Desk) -> None:
    (number,) = await lay_out(signed_in.served, [{}])
    page = await signed_in.visit()
    await focus(page, number)
    for key, asked in (
        ("a", "Assign or transfer"), ("e", "Resolve"), ("Alt+e", "Resolve"), ("z", "Snooze"),
        ("Alt+m", "Snooze"), ("s", "Status"), ("p", "Priority"), ("y", "Category"),
        ("d", "District"), ("t", "Tags"), ("l", "Language of the appeal"),
    ):  # fmt: skip
        await page.keyboard.press(key)
        await expect(question(page).get_by_role("heading")).to_have_text(asked)
        await page.keyboard.press("Escape")
        await expect(question(page)).to_be_hidden()
        await focus(page, number)


async def test_an_appeal_is_resolved_and_the_next_one_taken_with_one_key(signed_in: Desk) -> None:
    held = {"assignee_id": signed_in.operator_id}
    number, following = await lay_out(signed_in.served, [held, {}])
    page = await signed_in.visit()
    await focus(page, number)
    await page.keyboard.press("Shift+E")
    await question(page).get_by_label("Answered").check()
    await page.keyboard.press("Enter")
    await expect(page.locator("#appeal-title")).to_contain_text(following)
    resolved, taken = await signed_in.appeal(number), await signed_in.appeal(following)
    assert (resolved.status, resolved.outcome) == ("resolved", "answered")
    assert taken.assignee_id == signed_in.operator_id
