"""The thread, in a browser: what stands in it, how a long one is read, and who has seen it."""

import asyncio
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from playwright.async_api import Route, expect
from sqlmodel import select

from registry.ids import new_id
from registry.journal import CITIZEN, record
from registry.models import Appeal, Dispatch, ExternalId, Message
from tests.browser.conftest import OpenContext
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import axe, shot
from tests.browser.test_media import attach, photo


async def say(desk: Desk, number: str, *said: dict[str, Any]) -> list[Message]:
    """Put messages behind what an appeal has, a minute apart, the last one a minute ago."""
    now = desk.served.hub.clock()
    async with desk.served.hub.database.write() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        messages = []
        for position, columns in enumerate(said):
            at = now - timedelta(minutes=len(said) - position)
            usual: dict[str, Any] = {
                "id": new_id(), "appeal_id": appeal.id, "direction": "in", "text": "Алло",
                "author": "Айгерім", "sent_at": at, "created_at": at,
            }  # fmt: skip
            messages.append(Message(**(usual | columns)))
        session.add_all(messages)
        appeal.message_count += len(messages)
    return messages


async def test_who_is_asked_to_look_finds_it_among_mentions_until_they_have(
    signed_in: Desk, open_context: OpenContext
) -> None:
    [number] = await lay_out(signed_in.served, [{}])
    colleague = await employ(signed_in.served, "Ерлан Сатпаев", language="en")
    context = await open_context()
    await sign_in(signed_in.served, context, colleague)
    theirs = await context.new_page()
    await Desk(signed_in.served, theirs, colleague).visit("/inbox?queue=mentions&sort=due")
    await expect(theirs.locator("#list [data-empty]")).to_be_visible()

    page = await signed_in.visit(f"/inbox/{number}?queue=all&sort=due")
    await page.locator("reply-composer[data-ready]").wait_for()
    await page.locator(".modes [data-mode=note]").click()
    await page.locator("#draft").press_sequentially("@Ер")
    await page.locator("#draft").press("Enter")
    await page.locator("#draft").press_sequentially("қарап шығыңыз")
    await page.locator("#draft").press("Control+Enter")

    count = theirs.locator('.nav [data-count="mentions"]')
    await expect(count).to_have_text("1")
    await theirs.locator(f'[data-number="{number}"] .row-link').click()
    await expect(theirs.locator(".message.note")).to_contain_text("@Ерлан Сатпаев қарап шығыңыз")
    await expect(count).to_have_text("")
    assert await axe(theirs) == []


async def test_a_long_thread_is_read_from_its_newest_end_a_page_at_a_time(
    signed_in: Desk,
) -> None:
    [number] = await lay_out(signed_in.served, [{"unread": 3}])
    yesterday = signed_in.served.hub.clock() - timedelta(days=1)
    await say(signed_in, number, *[{"text": f"сөз {n}", "sent_at": yesterday} for n in range(40)])
    await say(signed_in, number, *[{"text": f"бүгін {n}"} for n in range(40)])
    page = await signed_in.visit(f"/inbox/{number}?queue=all&sort=due")
    messages, jump = page.locator(".message"), page.locator("[data-jump]")

    await expect(messages).to_have_count(50)
    await expect(page.locator("#unread + .message")).to_contain_text("бүгін 37")
    assert await page.locator(".message.follows").count() > 10  # of one person, within minutes
    begins = yesterday.astimezone(ZoneInfo("Asia/Almaty")).strftime("%d.%m.%Y")
    await expect(page.locator(".day").first).to_have_text(begins)
    await page.locator(".log").evaluate("(log) => log.scrollTo({ top: 0 })")
    await expect(jump).to_have_text("To the newest")
    await page.locator("[data-earlier]").click()
    await expect(messages).to_have_count(81)
    await expect(messages.first).to_contain_text("сөз 0")
    await expect(page.locator("[data-earlier]")).to_have_count(0)
    await say(signed_in, number, {"text": "ең соңғысы"})
    await expect(jump).to_have_text("1 new message")
    await jump.click()
    await expect(messages.last).to_be_in_viewport()
    await expect(messages.last).to_contain_text("ең соңғысы")
    await expect(jump).to_be_hidden()


async def test_a_reply_that_failed_or_is_in_doubt_says_why_and_is_sent_again(
    signed_in: Desk,
) -> None:
    number = await signed_in.served.write_in()
    conversation = (await signed_in.appeal(number)).conversation_id
    out = {"direction": "out", "author": "Дана", "conversation_id": conversation}
    failed, doubtful = await say(
        signed_in,
        number,
        {**out, "state": "failed", "error_code": "blocked", "error_reason": "Бот бұғатталған"},
        {**out, "state": "uncertain"},
    )
    async with signed_in.served.hub.database.write() as session:
        for one in (failed, doubtful):
            session.add(
                Dispatch(
                    message_id=one.id, conversation_id=conversation or 0, channel="blackhole",
                    account="main", state=str(one.state), created_at=one.sent_at,
                    due_at=one.sent_at, parts=[{"text": "Алло", "attachments": []}], part_count=1,
                )
            )  # fmt: skip
    page = await signed_in.visit(f"/inbox/{number}?queue=failed&sort=due")
    await expect(page.locator("#list li.row .mark.bad")).to_have_count(1)

    said = page.locator(f"#m{failed.id}")
    await expect(said.locator(".trouble")).to_contain_text("Бот бұғатталған")
    await expect(page.locator(f"#m{doubtful.id} .trouble")).to_contain_text("Nobody knows")
    await shot(page, "thread-trouble")
    assert await axe(page) == []
    await said.get_by_role("button", name="Send again").click()
    await expect(said.locator(".trouble")).to_have_count(0)
    await page.get_by_role("button", name="Send again anyway").click()
    await expect(page.locator(".trouble")).to_have_count(0)


async def test_quotes_edits_and_what_was_deleted_or_cannot_be_shown_are_told(
    signed_in: Desk,
) -> None:
    [number] = await lay_out(signed_in.served, [{}])
    now = signed_in.served.hub.clock()
    first, quoting, edited, deleted = await say(
        signed_in,
        number,
        {"text": "Жарық қашан болады?"},
        {"direction": "out", "author": "Дана", "text": "Бүгін кешке", "reply_to": "q1",
         "state": "read"},
        {"text": "Рақмет!", "edited_at": now},
        {"text": "", "deleted_at": now},
    )  # fmt: skip
    async with signed_in.served.hub.database.write() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        session.add(
            ExternalId(channel="telegram", account="main", external_id="q1", message_id=first.id)
        )
        record(
            session, "message.edited", actor=CITIZEN, now=now, appeal_id=appeal.id,
            message_id=edited.id, data={"was": "Рахмет"},
        )  # fmt: skip
    await attach(signed_in.served, number, "sticker", photo((64, 64)))
    await attach(signed_in.served, number, "contact", name="Асан, +7 701 000 00 00")
    page = await signed_in.visit(f"/inbox/{number}?queue=all&sort=due")

    quoted = page.locator(f"#m{quoting.id} .quoted a")
    await expect(quoted).to_contain_text("Жарық қашан болады?")
    await expect(quoted).to_have_attribute("href", f"#m{first.id}")
    await expect(page.locator(f"#m{quoting.id} .delivery.read")).to_have_count(1)
    await page.locator(f"#m{edited.id} summary").click()
    await expect(page.locator(f"#m{edited.id} .edits li")).to_contain_text("Рахмет")
    await expect(page.locator(f"#m{deleted.id}")).to_contain_text("deleted this message")
    await expect(page.get_by_alt_text("Sticker")).to_have_js_property("naturalWidth", 64)
    await expect(page.locator(".message .file")).to_contain_text("Асан, +7 701 000 00 00")
    await shot(page, "thread-kinds")
    assert await axe(page) == []


async def test_an_answer_that_comes_late_covers_nothing_that_was_opened_since(
    signed_in: Desk,
) -> None:
    slow, quick = await lay_out(signed_in.served, [{"name": "Баяу"}, {"name": "Жылдам"}])
    page = await signed_in.visit()
    go = asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        await go.wait()
        await route.fulfill(response=answer)

    await page.route(f"**/appeals/{slow}/thread", late)
    async with page.expect_request(f"**/appeals/{slow}/thread") as asked:
        await page.locator(f'[data-number="{slow}"] .row-link').click()
    await page.locator(f'[data-number="{quick}"] .row-link').click()
    await expect(page.locator("#appeal-title")).to_contain_text("Жылдам")
    go.set()
    request = await asked.value
    assert request.failure == "net::ERR_ABORTED"
    await expect(page.locator("#appeal-title")).to_contain_text("Жылдам")
    await expect(page.locator("main")).to_have_attribute("data-open-appeal", quick)
    await page.unroute_all(behavior="wait")
