"""The softphone: taking calls in the browser, who calls, and what is written of a call."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route, expect
from sqlmodel import select

from hub.web.pages import POLICY
from registry.calls.agents import set_device, set_state
from registry.calls.switchboard import decision
from registry.models import Message
from registry.sessions import end_all_sessions
from tests.browser.conftest import Serve
from tests.browser.desk import Desk, employ, lay_out, sign_in
from tests.browser.looking import Faults, axe, ready, shot, visit
from tests.browser.telephone import CALLER, Telephone, never_closed, replace_sdk
from tests.registry.calls.exchange import Exchange

NAME = "Айгүл Сейтқали"


@pytest_asyncio.fixture(loop_scope="session")
async def telephone(serve: Serve, context: BrowserContext) -> AsyncIterator[Telephone]:
    """The desk of an operator who reads English, in a hub with a telephone."""
    async with serve(with_phone=True) as hub:
        await replace_sdk(context)
        principal = await employ(hub, "Дана Серікқызы", language="en")
        await sign_in(hub, context, principal)
        desk = Desk(hub, await context.new_page(), principal)
        exchange = Exchange(hub.hub.database, office=never_closed(hub.hub.office.office))
        exchange.now = hub.hub.clock()
        yield Telephone(desk, exchange)
        await desk.page.close()  # before the hub: it would ask what has changed


async def take_calls(telephone: Telephone) -> Page:
    """Turn the phone on, in the browser."""
    page = await telephone.desk.visit("/inbox?queue=all&sort=due")
    await page.locator("[data-menu=phone]").click()
    await page.get_by_role("menuitemradio", name="Take calls").click()
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "available")
    return page


async def talk(telephone: Telephone) -> Page:
    """Talk with a citizen."""
    page = await take_calls(telephone)
    await telephone.rings()
    await telephone.ring_browser()
    await page.locator("#call-strip").get_by_role("button", name="Answer").click()
    await telephone.answered()
    await expect(page.locator("#call-strip")).to_have_attribute("data-stage", "talking")
    return page


async def notes(telephone: Telephone) -> list[str]:
    async with telephone.desk.served.hub.database.read() as session:
        found = await session.exec(select(Message.text).where(Message.direction == "note"))
        return list(found)


# --- Turning it on --------------------------------------------------------------------------------


async def test_the_providers_code_is_loaded_when_somebody_takes_calls_and_not_before(
    telephone: Telephone,
) -> None:
    page = await telephone.desk.visit()
    assert await page.evaluate("'sdk' in window") is False
    page = await take_calls(telephone)
    assert await page.evaluate("sdk.device.state") == "registered"
    token = await page.evaluate("sdk.token")
    assert len(token.split(".")) == 3
    sounds = await page.evaluate("Object.values(sdk.options.sounds)")
    assert len(sounds) == 15
    assert all(one.startswith(telephone.desk.served.url) for one in sounds)


async def test_a_page_that_is_loaded_anew_is_the_telephone_again(telephone: Telephone) -> None:
    page = await take_calls(telephone)
    await page.reload()
    await ready(page)
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "available")
    await expect(page.locator("html[data-phone-ready]")).to_be_attached()
    assert await page.evaluate("sdk.device.state") == "registered"


async def test_a_browser_without_a_microphone_says_so_and_takes_no_calls(
    telephone: Telephone,
) -> None:
    await telephone.page.context.clear_permissions()
    page = await telephone.desk.visit()
    await page.locator("[data-menu=phone]").click()
    await page.get_by_role("menuitemradio", name="Take calls").click()
    await expect(page.locator("#toasts")).to_contain_text("may not use the microphone")
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "away signed_out")


async def test_one_goes_for_a_meal_and_the_bar_says_so_and_since_when(
    telephone: Telephone,
) -> None:
    page = await take_calls(telephone)
    await page.locator("[data-menu=phone]").click()
    await page.get_by_role("menuitemradio", name="Meal").click()
    await expect(page.locator("#phone-state")).to_contain_text("Meal")
    await expect(page.locator("#phone-state call-clock")).to_have_text(re.compile(r"^0:0\d$"))


async def test_calls_ring_at_another_phone(telephone: Telephone) -> None:
    page = await telephone.desk.visit()
    await page.locator("[data-menu=phone]").click()
    await page.get_by_role("menuitemradio", name="Ring at another phone").click()
    await page.get_by_role("textbox", name="Where calls ring").fill("sip:dana@pbx.example.kz")
    await page.get_by_role("button", name="OK").click()
    await expect(page.locator("[data-phone-other]")).to_have_text("sip:dana@pbx.example.kz")
    await page.locator("[data-menu=phone]").click()
    await page.get_by_role("menuitemradio", name="Take calls").click()
    await telephone.rings()
    strip = page.locator("#call-strip")
    await expect(strip).to_contain_text("Answer it at sip:dana@pbx.example.kz")
    await expect(strip.get_by_role("button", name="Answer")).to_be_hidden()
    assert await page.evaluate("'sdk' in window") is False


# --- A call ---------------------------------------------------------------------------------------


async def test_a_call_is_offered_answered_held_muted_and_ended(telephone: Telephone) -> None:
    await lay_out(telephone.desk.served, [{"name": NAME, "phone": CALLER, "text": "Жарық жоқ"}])
    page = await take_calls(telephone)
    side = await telephone.rings()
    strip = page.locator("#call-strip")
    await expect(strip).to_contain_text(NAME)
    await expect(strip).to_contain_text(CALLER)
    await expect(strip).to_contain_text("Русский")
    await expect(page.locator("#call-said")).to_contain_text("Incoming call")
    await shot(page, "phone-offer")
    assert await axe(page) == []

    await telephone.ring_browser()
    await page.keyboard.press("F8")
    await telephone.answered()
    await expect(strip).to_have_attribute("data-stage", "talking")
    await expect(page.locator("#call-note")).to_be_focused()
    assert await telephone.did() == ["accept"]

    await page.keyboard.press("F9")
    await expect(strip.get_by_role("button", name="Unmute")).to_have_attribute(
        "aria-pressed", "true"
    )
    await strip.get_by_role("button", name="Hold").click()
    await expect(strip).to_have_attribute("data-stage", "held")
    await telephone.carry()
    assert side.held
    await strip.get_by_role("button", name="Keypad").click()
    for key in "1#":
        await page.locator("#keypad").get_by_role("button", name=key, exact=True).click()
    await expect(page.locator("#keypad output")).to_have_text("1#")
    await page.keyboard.press("Escape")
    await shot(page, "phone-talking")
    assert await axe(page) == []

    await strip.get_by_role("button", name="Hang up").click()
    await expect(strip).to_have_attribute("data-stage", "wrap_up")
    assert await telephone.did() == ["accept", "mute", "digits 1", "digits #", "disconnect"]


async def test_an_offer_is_declined_by_key_and_the_bar_says_that_one_is_away(
    telephone: Telephone,
) -> None:
    page = await take_calls(telephone)
    await telephone.rings()
    await telephone.ring_browser()
    await expect(page.locator("#call-strip")).to_be_visible()
    await page.keyboard.press("Shift+F8")
    await expect(page.locator("#call-strip")).to_be_hidden()
    await expect(page.locator("#phone-state")).to_contain_text("Did not answer")
    assert await telephone.did() == ["reject"]


async def test_an_offer_is_there_again_after_a_lost_connection(telephone: Telephone) -> None:
    page = await take_calls(telephone)
    for client in telephone.desk.served.feed.clients:
        client.transport.abort()
    await telephone.rings()
    await expect(page.locator("#call-strip")).to_be_visible()
    await page.reload()
    await ready(page)
    await expect(page.locator("#call-strip")).to_be_visible()


async def test_a_caller_is_given_to_a_colleague_who_is_asked_first(telephone: Telephone) -> None:
    hub = telephone.desk.served.hub
    colleague = await employ(telephone.desk.served, "Асет Нұрлан")
    assert colleague.operator_id is not None
    page = await talk(telephone)
    now = hub.clock()
    async with decision(hub.database, office=hub.office.office, now=now) as session:
        await set_device(session, colleague.operator_id, "sip:aset@pbx.example.kz", now=now)
        await set_state(session, colleague.operator_id, "available", now=now)
    strip = page.locator("#call-strip")
    await strip.get_by_role("button", name="Transfer").click()
    dialog = page.locator("#question")
    await dialog.get_by_role("option", name="Асет Нұрлан").click()
    await dialog.get_by_label("Talk with them first").check()
    await dialog.get_by_role("button", name="Give").click()
    await expect(strip).to_contain_text("Асет Нұрлан is asked")
    await telephone.carry()
    await telephone.exchange.answers(colleague.operator_id)
    await expect(strip).to_contain_text("Асет Нұрлан has joined")
    await strip.get_by_role("button", name="Hand over").click()
    await expect(strip).to_have_attribute("data-stage", "wrap_up")


async def test_whoever_is_signed_out_talks_to_the_end_and_then_nothing_rings_there(
    telephone: Telephone, faults: Faults
) -> None:
    faults.allow("401")
    page = await talk(telephone)
    hub = telephone.desk.served.hub
    async with hub.database.write() as session:
        await end_all_sessions(session, telephone.desk.operator_id, now=hub.clock())
    await expect(page.locator(".toast")).to_contain_text("signed out")
    assert await telephone.did() == ["accept"]
    await page.evaluate("sdk.call.emit('disconnect', sdk.call)")
    await expect(page.locator("html")).not_to_have_attribute("data-phone-ready", "")
    assert await telephone.did() == ["accept", "destroy"]


async def test_a_provider_that_does_not_answer_is_told_of_with_the_cure(
    telephone: Telephone,
) -> None:
    page = telephone.desk.page
    await page.add_init_script("globalThis.sdkFails = 'never'")
    await page.clock.install()
    await telephone.desk.visit()
    async with page.expect_response("**/api/v1/phone/pass"):
        await page.locator("[data-menu=phone]").click()
        await page.get_by_role("menuitemradio", name="Take calls").click()
    await expect(page.locator(".toast").last).to_contain_text("Turning the phone on")
    while not await page.get_by_text("does not answer. Check this computer's network").count():
        await page.clock.run_for(1_000)
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "away signed_out")


async def test_a_state_from_before_the_phone_was_turned_on_does_not_turn_it_off(
    telephone: Telephone,
) -> None:
    page = await telephone.desk.visit()
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "away signed_out")
    registered, late = asyncio.Event(), asyncio.Event()

    async def phone(route: Route) -> None:
        if route.request.method == "GET":
            answer = await route.fetch()
            await registered.wait()
            await route.fulfill(response=answer)
            return
        # The hub is told after the late state has been shown.
        registered.set()
        await late.wait()
        await route.continue_()

    await page.route("**/api/v1/phone", phone)
    async with page.expect_response("**/api/v1/phone"):
        await page.evaluate("document.dispatchEvent(new Event('tereze:calls'))")
        await page.locator("[data-menu=phone]").click()
        await page.get_by_role("menuitemradio", name="Take calls").click()
    await page.evaluate("new Promise((done) => setTimeout(done))")
    late.set()
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "available")
    assert await telephone.did() == []


async def test_another_tab_answers_by_the_one_that_is_the_telephone_and_takes_its_place(
    telephone: Telephone,
) -> None:
    first = await take_calls(telephone)
    await telephone.rings()
    await telephone.ring_browser()
    other = await first.context.new_page()
    await visit(other, telephone.desk.served.url + "/inbox?queue=all&sort=due")
    await other.locator("#call-strip").get_by_role("button", name="Answer").click()
    await telephone.answered()
    await expect(other.locator("#call-strip")).to_have_attribute("data-stage", "talking")
    assert await telephone.did() == ["accept"]
    assert await other.evaluate("'sdk' in window") is False

    async with other.expect_response("**/api/v1/phone/seen"):
        await first.close()
    assert await other.evaluate("sdk.device.state") == "registered"
    await other.close()


async def test_while_one_talks_a_link_to_another_page_opens_beside_the_call(
    telephone: Telephone,
) -> None:
    page = await talk(telephone)
    async with page.context.expect_page() as opened:
        await page.locator('.nav a[href="/channels"]').click()
    beside = await opened.value
    await ready(beside)
    await expect(beside.locator("#call-strip")).to_have_attribute("data-stage", "talking")
    await expect(page.locator("#call-strip")).to_have_attribute("data-stage", "talking")
    await beside.close()


# --- The card -------------------------------------------------------------------------------------


async def test_what_is_typed_survives_a_reload_and_becomes_the_note(telephone: Telephone) -> None:
    page = await talk(telephone)
    note = page.locator("#call-note")
    await note.fill("Нет воды на Абая, 10")
    await expect(page.locator("[data-note-said]")).to_contain_text("Kept")
    await page.reload()
    await ready(page)
    await expect(note).to_have_value("Нет воды на Абая, 10")

    await page.locator("#call-strip").get_by_role("button", name="Hang up").click()
    card = page.locator("#call-card")
    await card.get_by_role("radio", name="registered as an appeal").check()
    await shot(page, "phone-wrap-up")
    assert await axe(page) == []
    await card.get_by_role("button", name="Done with this call").click()
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "available")
    await expect(card).to_be_hidden()
    assert await notes(telephone) == ["Нет воды на Абая, 10"]


async def test_a_call_of_which_nothing_is_written_asks_what_it_was_about(
    telephone: Telephone, faults: Faults
) -> None:
    faults.allow(r"409 .*/phone/wrap-up")
    page = await talk(telephone)
    await page.locator("#call-strip").get_by_role("button", name="Hang up").click()
    await page.locator("#call-card").get_by_role("button", name="Done with this call").click()
    await expect(page.locator("[data-note-said]")).to_have_text(
        "Write down what the call was about."
    )
    await expect(page.locator("#call-note")).to_be_focused()
    await expect(page.locator("#phone-state")).to_have_attribute("data-state", "wrap_up")


async def test_a_card_knows_the_caller_and_puts_the_call_to_their_open_appeal(
    telephone: Telephone,
) -> None:
    matter = {"name": NAME, "phone": CALLER, "text": "Шұңқыр бар"}
    (number,) = await lay_out(telephone.desk.served, [matter])
    page = await talk(telephone)
    card = page.locator("#call-card")
    await expect(card.get_by_role("heading", name=NAME)).to_be_visible()
    await card.get_by_text("Шұңқыр бар").click()
    await shot(page, "phone-card")
    await page.keyboard.press("Alt+F9")
    await expect(page.locator("#toasts")).to_contain_text(number)
    await expect(card.locator(".matter.this")).to_contain_text("Шұңқыр бар")
    await card.locator(".matter.this a").click()
    thread = page.locator("#thread .call")
    await expect(thread).to_contain_text("Incoming call")
    await expect(thread).to_contain_text("on the line")
    await shot(page, "phone-thread")
    assert await axe(page) == []


async def test_one_key_registers_what_was_typed_as_an_appeal(telephone: Telephone) -> None:
    page = await talk(telephone)
    await page.locator("#call-note").fill("Нет света\nс утра")
    await page.keyboard.press("Alt+F9")
    await expect(page.locator("#toasts")).to_contain_text("Registered")
    await expect(page.locator("#call-card .matter.this")).to_contain_text("Нет света")


# --- Calling somebody -----------------------------------------------------------------------------


async def test_one_calls_the_citizen_from_an_appeal_and_the_call_stands_in_its_thread(
    telephone: Telephone,
) -> None:
    (number,) = await lay_out(telephone.desk.served, [{"name": NAME, "phone": CALLER}])
    await take_calls(telephone)
    page = await telephone.desk.visit(f"/inbox/{number}?queue=all&sort=due")
    await expect(page.locator("html[data-phone-ready]")).to_be_attached()
    await page.locator("reply-composer").get_by_role("button", name="Call them").click()
    strip = page.locator("#call-strip")
    await expect(strip).to_have_attribute("data-stage", "own")
    await telephone.carry()
    await telephone.ring_browser()
    await telephone.answered()
    await expect(strip).to_have_attribute("data-stage", "calling")
    assert await telephone.did() == ["accept"]
    dialled = [one for one in telephone.exchange.sides.values() if one.number == CALLER]
    await telephone.exchange.picks_up(dialled[-1])
    await expect(strip).to_have_attribute("data-stage", "talking")
    await expect(page.locator("#thread .call")).to_contain_text("Outgoing call")


async def test_an_appeal_that_came_by_phone_is_answered_by_a_call_as_nothing_can_be_written(
    telephone: Telephone,
) -> None:
    side = await telephone.rings()
    await telephone.exchange.hangs_up(side)
    page = await telephone.desk.visit()
    await page.locator("#list .row-link").first.click()
    composer = page.locator("reply-composer")
    await expect(composer.get_by_role("button", name="Call them")).to_be_enabled()
    await expect(composer.locator("[data-blocked]")).to_be_visible()
    await expect(composer.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    call = page.locator("#thread .call")
    await expect(call).to_contain_text("the call ended before anybody answered")
    await expect(page.locator("#thread .line")).to_have_count(0)  # it is said once
    await shot(page, "phone-missed")
    assert await axe(page) == []


async def test_whoever_has_not_turned_the_phone_on_gets_it_turned_on_to_call(
    telephone: Telephone,
) -> None:
    (number,) = await lay_out(telephone.desk.served, [{"name": NAME, "phone": CALLER}])
    page = await telephone.desk.visit(f"/inbox/{number}?queue=all&sort=due")
    panel = page.locator("#panel")
    await panel.get_by_role("button", name=f"Call {CALLER}").click()
    await expect(page.locator("#call-strip")).to_have_attribute("data-stage", "own")


# --- What a page may load -------------------------------------------------------------------------


async def test_a_page_with_a_softphone_reaches_what_the_provider_documents_and_no_more(
    telephone: Telephone,
) -> None:
    answer = await telephone.page.goto(telephone.desk.served.url + "/inbox?queue=all&sort=due")
    assert answer is not None
    policy = dict(
        one.split(" ", 1) for one in answer.headers["content-security-policy"].split("; ")
    )
    wider = {name: value for name, value in policy.items() if value != POLICY[name]}
    assert wider == {
        "connect-src": "'self' wss://voice-js.roaming.twilio.com https://eventgw.twilio.com",
        "media-src": "'self' blob: mediastream:",
    }


async def test_without_a_telephone_there_is_no_bar_and_no_host_more(signed_in: Desk) -> None:
    answer = await signed_in.page.goto(signed_in.served.url + "/inbox?queue=all&sort=due")
    assert answer is not None
    assert "twilio" not in answer.headers["content-security-policy"]
    await expect(signed_in.page.locator("#phone-state")).to_have_count(0)


async def test_the_providers_own_code_runs_under_our_policy_until_it_needs_the_network(
    telephone: Telephone, faults: Faults
) -> None:
    faults.allow(r"voice-js\.roaming\.twilio\.com.*ERR_NAME_NOT_RESOLVED")
    faults.allow("ERR_NAME_NOT_RESOLVED")
    page = telephone.page
    await page.context.unroute("**/vendor/twilio-voice.js")
    await telephone.desk.visit()
    fetched: list[str] = []
    page.on("response", lambda answer: fetched.append(answer.url.rsplit("/", 1)[-1]))
    await page.locator("[data-menu=phone]").click()
    async with page.expect_response("**/sounds/dtmfh.wav") as heard:
        await page.get_by_role("menuitemradio", name="Take calls").click()
    assert (await heard.value).status == 200
    assert await page.evaluate("typeof Twilio.Device") == "function"


# --- Call-backs -----------------------------------------------------------------------------------


async def test_whoever_gave_up_stands_in_the_list_is_called_with_one_click_and_goes(
    telephone: Telephone,
) -> None:
    await lay_out(telephone.desk.served, [{"name": NAME, "phone": CALLER, "text": "Жарық жоқ"}])
    page = await take_calls(telephone)
    await page.locator("[data-menu=phone]").click()
    await page.get_by_role("menuitemradio", name="Other work").click()
    place = page.get_by_role("link", name="Call-backs")
    await expect(place).not_to_contain_text("1")
    await telephone.exchange.hangs_up(await telephone.rings())
    await expect(place).to_contain_text("1")
    await place.click()
    await page.wait_for_url("**/phone/call-backs")
    await ready(page)
    row = page.get_by_role("row", name=NAME)
    await expect(row).to_contain_text("nobody answered them")
    await shot(page, "call-backs")
    assert await axe(page) == []
    await row.get_by_role("button", name="Call them").click()
    await expect(row).to_contain_text("Дана Серікқызы is calling")
    await expect(page.locator("#call-strip")).to_contain_text(NAME)
    await telephone.carry()
    await telephone.ring_browser()
    await telephone.answered()
    citizen = [side for side in telephone.exchange.sides.values() if side.known][-1]
    await telephone.exchange.picks_up(citizen)
    await expect(row).to_have_count(0)
