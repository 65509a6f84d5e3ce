"""My account: the password, the second factor and the other browsers, each only by who it is."""

import re
from html import unescape
from typing import Any

import pytest
from sqlmodel import select

from hub.app import Hub
from registry.attempts import LIMITS, Kind
from registry.models import JournalEntry, Operator
from registry.sessions import list_sessions
from tests.conftest import FakeClock
from tests.hub.test_web.signing import (
    COOKIE,
    PASSWORD,
    Browser,
    Shown,
    add,
    audited,
    code,
    give_second_factor,
)

NEW = "Жаңа құпия сөз 2026"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def dana(open_house: Hub, browser: Browser) -> Operator:
    """Dana, who has signed in with the browser."""
    operator = await add(open_house)
    await browser.sign_in()
    return operator


async def another(browser: Browser) -> Browser:
    """Another browser of Dana's."""
    second = Browser(browser.client)
    assert (await second.sign_in()).status == 303
    return second


async def is_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status == 200


async def of(hub: Hub, operator: Operator) -> Operator:
    async with hub.database.read() as session:
        return await session.get_one(Operator, operator.id)


async def change_password(browser: Browser, **fields: Any) -> Shown:
    given = {"current": PASSWORD, "password": NEW, "again": NEW}
    return await browser.submit("/account", "/account/password", **(given | fields))


# --- The password ---------------------------------------------------------------------------------


async def test_another_password_signs_every_other_browser_out(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    second = await another(browser)
    sent = await change_password(browser)
    assert (sent.status, sent.place) == (303, "/account?done=password")
    assert "The password is changed" in (await browser.get(sent.place)).text
    assert await is_in(browser)
    assert not await is_in(second)
    assert (await second.sign_in()).status == 401
    assert (await second.sign_in(password=NEW)).status == 303
    async with open_house.database.read() as session:
        changed = JournalEntry.event == "password.changed"
        entry = (await session.exec(select(JournalEntry).where(changed))).one()
    assert entry.actor == f"operator:{dana.id}"


@pytest.mark.parametrize(
    ("fields", "status", "notice"),
    [
        ({"current": "wrong"}, 401, "This is not your present password."),
        ({"current": ""}, 401, "This is not your present password."),
        ({"again": NEW + "!"}, 422, "The two passwords differ."),
        (
            {"password": PASSWORD, "again": PASSWORD},
            422,
            "This is the password you have. Choose another one.",
        ),
        (
            {"password": "short", "again": "short"},
            422,
            "The password is too short: it needs at least 12 characters.",
        ),
    ],
)
async def test_a_password_is_changed_by_who_knows_it_to_one_that_will_do(
    open_house: Hub,
    browser: Browser,
    dana: Operator,
    fields: dict[str, str],
    status: int,
    notice: str,
) -> None:
    shown = await change_password(browser, **fields)
    assert (shown.status, shown.notice) == (status, notice)
    assert (await of(open_house, dana)).password_hash == dana.password_hash


async def test_a_browser_left_open_is_no_way_to_find_the_password_out(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    for _ in range(LIMITS[Kind.EMAIL]):
        assert (await change_password(browser, current="guess")).status == 401
    shown = await change_password(browser)
    assert (shown.status, shown.headers["Retry-After"]) == (429, "60")
    assert (await of(open_house, dana)).password_hash == dana.password_hash


# --- The second factor ----------------------------------------------------------------------------


async def begin(browser: Browser) -> tuple[str, dict[str, str]]:
    """The secret that the page shows, and the fields of the form that confirms it."""
    shown = await browser.submit("/account", "/account/second-factor", current=PASSWORD)
    assert shown.status == 200
    secret = re.search(r'<code class="number">([A-Z2-7]{32})</code>', shown.text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', shown.text)
    token = re.search(r'name="csrf" value="([^"]+)"', shown.text)
    assert secret is not None
    assert sealed is not None
    assert token is not None
    image = re.search(r'src="(data:image/svg\+xml[^"]+)"', shown.text)
    assert image is not None
    assert "<script" not in unescape(image[1])
    return secret[1], {"sealed": unescape(sealed[1]), "csrf": token[1]}


async def test_a_second_factor_counts_once_a_code_confirmed_it(
    open_house: Hub, browser: Browser, dana: Operator, clock: FakeClock
) -> None:
    secret, form = await begin(browser)
    assert (await of(open_house, dana)).totp_since is None
    shown = await browser.post("/account/second-factor/confirm", code="000000", **form)
    assert (shown.status, secret in shown.text) == (422, True)
    right = code(secret, clock, steps=-1)
    sent = await browser.post("/account/second-factor/confirm", code=right, **form)
    assert (sent.status, sent.place) == (303, "/account?done=second_factor")
    second = Browser(browser.client)
    assert (await second.sign_in()).place == "/signin/code"
    sent = await second.submit("/signin/code", "/signin/code", code=code(secret, clock))
    assert sent.place == "/"


async def test_another_phone_needs_the_password_and_a_code_of_its_own(
    open_house: Hub, browser: Browser, dana: Operator, clock: FakeClock
) -> None:
    shown = await browser.submit("/account", "/account/second-factor", current="wrong")
    assert (shown.status, shown.notice) == (401, "This is not your present password.")
    first = await give_second_factor(open_house, dana)
    second, form = await begin(browser)
    shown = await browser.post("/account/second-factor/confirm", code=code(first, clock), **form)
    assert shown.status == 422
    await browser.post("/account/second-factor/confirm", code=code(second, clock, steps=-1), **form)
    phone = Browser(browser.client)
    await phone.sign_in()
    refused = await phone.submit("/signin/code", "/signin/code", code=code(first, clock))
    assert refused.status == 401
    sent = await phone.submit("/signin/code", "/signin/code", code=code(second, clock))
    assert sent.status == 303


async def test_what_was_begun_for_somebody_else_confirms_nothing(
    open_house: Hub, browser: Browser, dana: Operator, clock: FakeClock
) -> None:
    secret, form = await begin(browser)
    aset = await add(open_house, "Aset")
    other = Browser(browser.client)
    await other.sign_in("aset@example.kz")
    shown = await other.submit(
        "/account", "/account/second-factor/confirm", sealed=form["sealed"],
        code=code(secret, clock),
    )  # fmt: skip
    assert (shown.status, shown.notice) == (422, "This took too long. Begin again.")
    assert (await of(open_house, aset)).totp_since is None


# --- Other browsers -------------------------------------------------------------------------------


async def test_one_browser_or_all_the_others_are_signed_out(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    second, third, fourth = [await another(browser) for _ in range(3)]
    shown = await browser.get("/account")
    assert shown.text.count("Firefox/140") == 4
    assert shown.text.count(">this browser<") == 1
    listed = re.findall(r'name="session" value="([^"]+)"', shown.text)
    assert len(listed) == 3
    await browser.submit("/account", "/account/sessions", session=listed[0])
    alive = [await is_in(each) for each in (second, third, fourth)]
    assert sorted(alive) == [False, True, True]
    await browser.submit("/account", "/account/sessions")
    assert [await is_in(each) for each in (second, third, fourth)] == [False] * 3
    assert await is_in(browser)
    ended = [data for event, data in await audited(open_house) if event == "session.ended"]
    assert ended == [{}, {"others": 2}]


async def test_nobody_signs_a_colleague_out_or_sees_where_they_are(
    open_house: Hub, browser: Browser, dana: Operator, clock: FakeClock
) -> None:
    await add(open_house, "Aset")
    other = Browser(browser.client)
    await other.sign_in("aset@example.kz")
    async with open_house.database.read() as session:
        [hers] = await list_sessions(session, dana.id, now=clock())
    assert hers.digest not in (await other.get("/account")).text
    sent = await other.submit("/account", "/account/sessions", session=hers.digest)
    assert sent.place == "/account"
    assert await is_in(browser)


async def test_the_key_of_a_session_stands_on_no_page(browser: Browser, dana: Operator) -> None:
    shown = await browser.get("/account")
    assert browser.cookies[COOKIE] not in shown.text


# --- The language ---------------------------------------------------------------------------------


async def test_the_language_follows_the_operator_to_another_browser(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    await browser.submit("/account", "/account/language", language="kk")
    await browser.submit("/account", "/account/language", language="xx")
    assert (await of(open_house, dana)).preferences == {"language": "kk"}
    assert '<html lang="kk"' in (await browser.get("/account")).text
    assert '<html lang="kk"' in (await (await another(browser)).get("/account")).text


async def test_who_signs_in_elsewhere_has_no_password_to_change_here(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    async with open_house.database.write() as session:
        (await session.get_one(Operator, dana.id)).password_hash = None
    shown = await browser.get("/account")
    assert 'name="current"' not in shown.text
    assert (await change_password(browser)).status == 401
