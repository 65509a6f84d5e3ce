"""The panel beside the thread, as an operator reads and changes it."""

import asyncio
from datetime import timedelta
from typing import Any

from playwright.async_api import Page, Route, expect
from sqlmodel import select

from registry.appeals import Change, DeskChannel, Opening, change_appeal, open_appeal
from registry.models import Contact, ContactNote
from registry.operators import Role
from registry.search.following import catch_up
from registry.types import ContactPoint
from tests.browser.conftest import OpenContext
from tests.browser.desk import ALL, Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, ready, shot
from tests.registry.samples import RULES

PHONE = ContactPoint("tel", "+77011234567")
AIGUL = {"name": "Айгүл Сейтқали", "points": (PHONE, ContactPoint("email", "aigul@example.kz"))}


async def bring(desk: Desk, text: str = "Жарық жоқ", **columns: Any) -> str:
    """Somebody comes to the counter; the number of their appeal."""
    fields: dict[str, Any] = {"channel": DeskChannel.VISIT, "text": text, **AIGUL, **columns}
    async with desk.served.hub.database.write() as session:
        opened = await open_appeal(
            session, Opening(**fields), by=desk.principal, prefix="ALM", zone=RULES.zone,
            now=desk.served.hub.clock(),
        )  # fmt: skip
        return opened.number


async def person(desk: Desk, number: str) -> Contact:
    appeal = await desk.appeal(number)
    async with desk.served.hub.database.read() as session:
        return await session.get_one(Contact, appeal.contact_id)


async def open_panel(desk: Desk, number: str) -> Page:
    page = await desk.visit(f"/inbox/{number}?queue=all&sort=due")
    await expect(page.locator(".panel-body")).to_have_attribute("data-number", number)
    return page


async def test_a_panel_shows_who_writes_and_leads_to_what_they_brought(signed_in: Desk) -> None:
    earlier = await bring(signed_in, "Шұңқыр бар")
    number = await bring(
        signed_in, address="Абай даңғылы, 10", tags=("аула",), latitude=43.24, longitude=76.91
    )
    page = await open_panel(signed_in, number)
    panel = page.locator("#panel")

    await expect(panel.get_by_role("heading", name="Айгүл Сейтқали")).to_be_visible()
    await expect(panel.get_by_role("link", name=PHONE.value)).to_have_attribute(
        "href", "tel:%2B77011234567"
    )
    await expect(panel.get_by_role("link", name="aigul@example.kz")).to_have_attribute(
        "href", "mailto:aigul%40example.kz"
    )
    await expect(panel.get_by_text("Абай даңғылы, 10")).to_be_visible()
    await expect(panel.locator(".panel-tags")).to_contain_text("аула")
    await expect(panel.locator("place-map .leaflet-container")).to_be_attached()
    await shot(page, "panel")

    await panel.locator(f'a[href="/inbox/{earlier}"]').click()

    await expect(panel.locator(".panel-body")).to_have_attribute("data-number", earlier)
    assert page.url.split("?")[0].endswith(f"/inbox/{earlier}")


async def test_a_point_is_copied(signed_in: Desk) -> None:
    number = await bring(signed_in)
    await signed_in.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await open_panel(signed_in, number)

    await page.locator(f'[data-copy="{PHONE.value}"]').click()

    await expect(page.locator("#toasts .toast")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == PHONE.value


async def test_a_name_is_changed_in_its_place_and_changed_back(signed_in: Desk) -> None:
    number = await bring(signed_in)
    page = await open_panel(signed_in, number)
    heading = page.locator("#panel h2")

    await heading.hover()
    await page.locator('[data-edit="name"]').click()
    await page.keyboard.type("Айгүл Серікқызы")
    await page.keyboard.press("Escape")
    await expect(heading).to_have_text("Айгүл Сейтқали")
    await page.keyboard.press("Enter")
    await page.keyboard.type("Айгүл Серікқызы")
    await page.keyboard.press("Enter")

    await expect(heading).to_have_text("Айгүл Серікқызы")
    assert (await person(signed_in, number)).name == "Айгүл Серікқызы"
    await page.locator("#toasts .toast").get_by_role("button").first.click()
    await expect(heading).to_have_text("Айгүл Сейтқали")
    assert (await person(signed_in, number)).name == "Айгүл Сейтқали"


async def test_notes_are_kept_for_colleagues_and_deleted_when_asked_twice(
    signed_in: Desk,
) -> None:
    number = await bring(signed_in)
    page = await open_panel(signed_in, number)
    notes = page.locator(".contact-note")

    await page.locator("#contact-note").fill("Нашар естиді: https://example.kz/a")
    await page.keyboard.press("Control+Enter")

    await expect(notes).to_have_count(1)
    await expect(notes.get_by_role("link")).to_have_attribute("href", "https://example.kz/a")
    await expect(page.locator("#contact-note")).to_have_value("")
    await expect(page.locator("#contact-note")).to_be_focused()

    await notes.locator("[data-drop-note]").click()
    await page.locator("#question").get_by_role("button").last.click()
    await expect(notes).to_have_count(0)
    async with signed_in.served.hub.database.read() as session:
        kept = (await session.exec(select(ContactNote))).one()
    assert kept.deleted_at is not None


async def test_whoever_is_blocked_is_shown_so_until_they_are_not(signed_in: Desk) -> None:
    number = await bring(signed_in)
    page = await open_panel(signed_in, number)
    notice = page.locator("#panel .notice.bad")

    await page.locator("[data-block]").click()
    await page.locator("#question").get_by_role("button").last.click()

    await expect(notice).to_be_visible()
    assert (await person(signed_in, number)).blocked_at is not None
    assert await axe(page) == []
    await page.locator("[data-block]").click()
    await expect(notice).to_be_hidden()
    assert (await person(signed_in, number)).blocked_at is None


async def test_two_who_are_one_person_become_one_and_two_again(signed_in: Desk) -> None:
    number = await bring(signed_in)
    other = await bring(
        signed_in, "Шу көп", name="А. Сейтқали", points=(ContactPoint("tel", "+77017654321"),)
    )
    await catch_up(signed_in.served.hub.database, now=signed_in.served.hub.clock())
    page = await open_panel(signed_in, number)
    dialog = page.locator("#person")

    await page.locator("[data-merge-contact]").click()
    await page.keyboard.type("8 701 765 43 21")
    await expect(dialog.get_by_role("option")).to_contain_text("А. Сейтқали")
    await shot(page, "panel-merge")
    await page.keyboard.press("Enter")
    await page.locator("#question").get_by_role("button").last.click()

    await expect(page.locator("#panel").get_by_text("+77017654321")).to_be_visible()
    assert (await person(signed_in, number)).id == (await person(signed_in, other)).id
    await expect(page.locator(f'.earlier a[href="/inbox/{other}"]')).to_be_visible()
    await page.locator("[data-unmerge]").click()
    await expect(page.locator("#panel").get_by_text("+77017654321")).to_have_count(0)
    assert (await person(signed_in, number)).id != (await person(signed_in, other)).id


async def test_the_name_that_stays_is_chosen_and_the_notice_takes_a_merge_back(
    signed_in: Desk,
) -> None:
    number = await bring(signed_in)
    await bring(signed_in, name="Дұрыс есім", points=(ContactPoint("tel", "+77017654321"),))
    await catch_up(signed_in.served.hub.database, now=signed_in.served.hub.clock())
    page = await open_panel(signed_in, number)

    await page.locator("[data-merge-contact]").click()
    await page.keyboard.type("Дұрыс")
    await expect(page.locator("#person").get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await page.locator("#question").get_by_text("Дұрыс есім").last.click()
    await page.locator("#question").get_by_role("button").last.click()

    heading = page.locator("#panel h2")
    await expect(heading).to_have_text("Дұрыс есім")
    await page.locator("#toasts .toast").get_by_role("button").first.click()
    await expect(heading).to_have_text("Айгүл Сейтқали")


async def test_the_appeal_is_described_where_it_is_shown(signed_in: Desk) -> None:
    number = await bring(signed_in)
    page = await open_panel(signed_in, number)

    await page.locator('[data-command="kind"]').click()
    await page.locator("#question input[value='complaint']").check()
    await page.locator("#question").get_by_role("button").last.click()
    await expect(page.locator(".panel-body")).to_have_attribute("data-kind", "complaint")

    await page.locator('[data-edit="address"]').click()
    await page.keyboard.type("Төле би көшесі, 59")
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-shows="address"]')).to_have_text("Төле би көшесі, 59")
    kept = await signed_in.appeal(number)
    assert (kept.kind, kept.address) == ("complaint", "Төле би көшесі, 59")


async def test_a_supervisor_extends_a_deadline_with_a_reason_and_takes_that_back(
    signed_in: Desk, faults: Faults
) -> None:
    faults.allow(r"400 \(Bad Request\)")
    [number] = await lay_out(signed_in.served, [{}])
    before = (await signed_in.appeal(number)).due_at
    assert before is not None
    wanted = (before + timedelta(days=7)).replace(second=0, microsecond=0)
    page = await open_panel(signed_in, number)

    async def ask(reason: str) -> None:
        await page.locator('#panel [data-command="deadline"]').click()
        at = wanted.astimezone(RULES.zone).strftime("%Y-%m-%dT%H:%M")
        await page.get_by_label("Day and time").fill(at)
        await page.get_by_label("Why").fill(reason)
        await page.keyboard.press("Enter")

    await ask("")
    await expect(page.locator(".toast.bad")).to_contain_text("with a reason")
    await ask("Сараптама керек")
    done = page.locator(".toast").filter(has_text="Deadline changed")
    await expect(done).to_be_visible()
    kept = await signed_in.appeal(number)
    assert (kept.due_at, kept.due_fixed) == (wanted, True)
    await expect(page.locator("#panel-journal")).to_contain_text("Сараптама керек")
    assert await axe(page) == []
    await done.get_by_role("button", name="Undo").click()
    shown = page.locator('#panel [data-command="deadline"] time')
    await expect(shown).to_have_attribute("datetime", before.isoformat())
    assert (await signed_in.appeal(number)).due_at == before


async def test_an_appeal_gets_another_subject_and_is_a_duplicate_no_more(
    signed_in: Desk,
) -> None:
    original = await bring(signed_in, "Құбыр жарылды")
    number = await bring(signed_in, "Көмек")
    async with signed_in.served.hub.database.write() as session:
        repeats = Change(duplicate_of=original)
        now = signed_in.served.hub.clock()
        await change_appeal(session, number, repeats, by=signed_in.principal, now=now)
    page = await open_panel(signed_in, number)

    await page.locator('#panel [data-edit="subject"]').click()
    await page.keyboard.type("Абай 10: құбыр жарылды")
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-shows="subject"]')).to_have_text("Абай 10: құбыр жарылды")
    await expect(page.locator(".ties li")).to_contain_text("Құбыр жарылды")
    await page.get_by_role("button", name="Not a duplicate").click()
    await expect(page.locator(".ties")).to_have_count(0)
    kept = await signed_in.appeal(number)
    assert (kept.subject, kept.duplicate_of_id) == ("Абай 10: құбыр жарылды", None)


async def test_all_that_happened_is_told_with_who_did_it(signed_in: Desk) -> None:
    number = await bring(signed_in)
    page = await open_panel(signed_in, number)
    await page.locator("#panel-journal summary").click()
    lines = page.locator("#panel-journal li")
    await expect(lines).to_have_count(1)
    await expect(lines).to_contain_text("Дана Серікқызы")

    await page.locator('.thread-head [data-command="claim"]').click()

    await expect(lines).to_have_count(2)
    await expect(page.locator("#panel-journal")).to_have_attribute("open", "")


async def test_what_is_being_written_outlives_what_colleagues_change(
    signed_in: Desk, open_context: OpenContext
) -> None:
    number = await bring(signed_in)
    page = await open_panel(signed_in, number)
    await page.locator("#contact-note").fill("Жазып жатырмын")
    colleague = await employ(signed_in.served, "Ерлан")
    context = await open_context()
    await sign_in(signed_in.served, context, colleague)
    theirs = await context.new_page()
    await theirs.goto(page.url)
    await ready(theirs)

    await theirs.locator('[data-edit="address"]').click()
    await theirs.keyboard.type("Абай, 5")
    await theirs.keyboard.press("Enter")
    await expect(theirs.locator('[data-shows="address"]')).to_have_text("Абай, 5")
    # What changed is told by the hub; here it is told by hand.
    await page.evaluate(
        "(number) => document.dispatchEvent("
        "new CustomEvent('tereze:thread', { detail: { number } }))",
        number,
    )

    await expect(page.locator('[data-shows="address"]')).to_have_text("Абай, 5")
    await expect(page.locator("#contact-note")).to_have_value("Жазып жатырмын")


async def test_the_panel_covers_a_narrow_screen_only_while_it_is_wanted(signed_in: Desk) -> None:
    number = await bring(signed_in)
    await signed_in.page.set_viewport_size({"width": 390, "height": 844})
    page = await signed_in.visit(f"/inbox/{number}?queue=all&sort=due")
    panel = page.locator("#panel")
    await expect(panel).to_be_hidden()

    await page.locator('.thread-head [data-toggle="panel"]').click()
    await expect(panel.get_by_role("heading", name="Айгүл")).to_be_visible()
    assert await axe(page) == []
    await shot(page, "panel-narrow")
    await panel.locator('[data-toggle="panel"]').click()

    await expect(panel).to_be_hidden()


async def test_of_an_appeal_that_is_not_theirs_an_operator_sees_no_panel(
    signed_in: Desk, open_context: OpenContext
) -> None:
    number = await bring(signed_in, team="roads")
    context = await open_context()
    operator = await employ(signed_in.served, "Ерлан", role=Role.OPERATOR)
    await sign_in(signed_in.served, context, operator)
    stranger = await open_context()
    address = f"{signed_in.served.url}/appeals/{number}/panel"

    assert (await signed_in.page.request.get(address)).status == 200
    assert (await context.request.get(address)).status == 404
    turned_away = await stranger.request.get(address, headers={"HX-Request": "true"})
    assert turned_away.status == 401


async def test_a_panel_that_comes_late_does_not_stand_beside_another_appeal(
    signed_in: Desk,
) -> None:
    """Whoever blocks or merges there means the person whose thread is open."""
    first, second = await lay_out(signed_in.served, [{"name": "Бірінші"}, {"name": "Екінші"}])
    page, go = signed_in.page, asyncio.Event()

    async def late(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route(f"**/appeals/{first}/panel", late)
    await signed_in.visit(f"/inbox/{first}?{ALL.partition('?')[2]}")
    await page.locator(f'li.row[data-number="{second}"] .row-link').click()
    body = page.locator(".panel-body")
    await expect(body).to_have_attribute("data-number", second)
    async with page.expect_response(f"**/appeals/{first}/panel") as answered:
        go.set()
    await (await answered.value).finished()
    await page.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    await expect(body).to_have_attribute("data-number", second)
