"""Signing in: each step, what it refuses, and what the session that it opens is good for."""

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from sqlmodel import col, select

from hub.app import Hub
from registry.attempts import LIMITS, Kind
from registry.db import Database
from registry.errors import Unavailable
from registry.models import Operator, Session
from registry.operators import Role, disable_operator
from registry.sessions import TOUCH_EVERY, UNFINISHED
from tests.conftest import FakeClock
from tests.hub.test_web.signing import (
    COOKIE,
    PASSWORD,
    SAME_ORIGIN,
    Browser,
    add,
    audited,
    code,
    give_second_factor,
)

NEW = "Жаңа құпия сөз 2026"
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def is_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status == 200


# --- The password ---------------------------------------------------------------------------------


async def test_the_right_password_opens_a_session(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    dana = await add(open_house)
    assert not await is_in(browser)
    shown = await browser.get("/signin")
    assert (shown.status, shown.notice) == (200, "")
    entered = await browser.sign_in()
    assert (entered.status, entered.place) == (303, "/")
    assert await is_in(browser)
    async with open_house.database.read() as session:
        kept = (await session.exec(select(Session))).one()
    assert (kept.operator_id, kept.address, kept.browser) == (
        dana.id,
        "127.0.0.1",
        "Firefox/140",
    )
    assert await audited(open_house) == [("session.opened", {"way": "password"})]


@only_sqlite
async def test_the_cookie_is_ours_alone_and_no_script_reads_it(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    entered = await browser.sign_in()
    [header] = [h for h in entered.headers.getall("Set-Cookie") if h.startswith(COOKIE)]
    parts = {part.strip().lower() for part in header.split(";")[1:]}
    assert parts == {"httponly", "secure", "path=/", "samesite=lax"}
    assert len(SimpleCookie(header)[COOKIE].value) >= 43
    assert entered.headers["Cache-Control"] == "private, no-store"


@only_sqlite
async def test_a_wrong_password_and_an_unknown_address_are_refused_alike(
    open_house: Hub, browser: Browser
) -> None:
    dana = await add(open_house)
    await add(open_house, "Left", disabled_at=open_house.clock())
    await add(open_house, "Program", password_hash=None)
    refused = [
        await browser.sign_in(password=PASSWORD + "!"),
        await browser.sign_in(password=""),
        await browser.sign_in("nobody@example.kz"),
        await browser.sign_in("left@example.kz"),
        await browser.sign_in("program@example.kz", ""),
        await browser.sign_in(
            "'; DROP TABLE operators; --\x00\ud800".encode(errors="replace").decode()
        ),
    ]
    for shown in refused:
        assert shown.status == 401
        assert shown.notice == "The address or the password is wrong."
        assert COOKIE not in shown.cookies
    found = await audited(open_house)
    assert [event for event, _ in found] == ["session.refused"] * len(refused)
    assert found[0][1] == {"reason": "password", "operator": str(dana.id)}
    assert found[2][1] == {"reason": "password"}


async def test_who_fails_too_often_waits_even_with_the_right_password(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    await add(open_house)
    await add(open_house, "Aset")
    for _ in range(LIMITS[Kind.EMAIL]):
        assert (await browser.sign_in(password="wrong")).status == 401
    shown = await browser.sign_in()
    assert (shown.status, shown.headers["Retry-After"]) == (429, "60")
    assert shown.notice == "Too many attempts have failed. Come again in 1 minute."
    assert not await is_in(browser)
    clock.advance(timedelta(minutes=1))
    assert (await browser.sign_in()).status == 303
    assert await is_in(browser)


@only_sqlite
async def test_one_place_that_tries_many_addresses_waits_as_well(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    for number in range(LIMITS[Kind.ADDRESS]):
        shown = await browser.sign_in(f"{number}@example.kz", "wrong")
        assert shown.status == 401
    assert (await browser.sign_in()).status == 429


@only_sqlite
@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("/inbox?queue=mine&sort=due", "/inbox?queue=mine&sort=due"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/inbox\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
        ("/" + "x" * 3000, "/"),
    ],
)
async def test_one_comes_where_one_wanted_to_go_but_never_to_another_site(
    open_house: Hub, browser: Browser, wanted: str, place: str
) -> None:
    await add(open_house)
    assert (await browser.sign_in(next=wanted)).place == place


@only_sqlite
async def test_a_stranger_is_sent_to_sign_in_and_then_back(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    sent = await browser.get("/account?done=password")
    assert (sent.status, sent.place) == (303, "/signin?next=/account?done%3Dpassword")
    shown = await browser.get(sent.place)
    assert 'name="next" value="/account?done=password"' in shown.text
    assert (await browser.get("/account", headers={"HX-Request": "true"})).status == 401
    await browser.sign_in()
    assert (await browser.get("/signin?next=/account")).place == "/account"


@only_sqlite
async def test_the_form_speaks_the_language_that_was_chosen(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    sent = await browser.get("/signin?next=/account&language=kk")
    assert (sent.status, sent.place) == (303, "/signin?next=%2Faccount")
    assert '<html lang="kk"' in (await browser.get(sent.place)).text
    assert (await browser.get("/signin?language=xx")).status == 200
    assert browser.cookies["language"] == "kk"


# --- The second factor ----------------------------------------------------------------------------


async def test_with_a_second_factor_the_password_alone_opens_nothing(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    secret = await give_second_factor(open_house, await add(open_house))
    entered = await browser.sign_in(next="/account")
    assert entered.place == "/signin/code?next=%2Faccount"
    halfway = browser.key
    assert not await is_in(browser)
    assert (await browser.get("/api/v1/me")).status == 401
    assert (await browser.get("/signin/password")).place == "/signin"
    assert (await browser.get("/signin?next=/account")).place == "/signin/code?next=%2Faccount"
    assert await audited(open_house) == []
    shown = await browser.submit("/signin/code", "/signin/code", code="000000")
    assert (shown.status, shown.notice[:17]) == (401, "The code is wrong")
    entered = await browser.submit(
        "/signin/code?next=/account", "/signin/code", code=code(secret, clock), next="/account"
    )
    assert entered.place == "/account"
    assert await is_in(browser)
    assert browser.key != halfway
    assert [event for event, _ in await audited(open_house)] == [
        "session.refused",
        "session.opened",
    ]


@only_sqlite
async def test_the_key_from_before_the_code_opens_nothing_after_it(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    secret = await give_second_factor(open_house, await add(open_house))
    await browser.sign_in()
    halfway = browser.cookies[COOKIE]
    await browser.submit("/signin/code", "/signin/code", code=code(secret, clock))
    assert await is_in(browser)
    browser.cookies[COOKIE] = halfway
    assert not await is_in(browser)
    assert (await browser.get("/signin/code")).place == "/signin"


async def test_a_code_serves_once_and_codes_cannot_be_guessed(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    secret = await give_second_factor(open_house, await add(open_house))
    used = code(secret, clock)
    await browser.sign_in()
    assert (await browser.submit("/signin/code", "/signin/code", code=used)).status == 303
    browser.cookies.pop(COOKIE)
    await browser.sign_in()
    assert (await browser.submit("/signin/code", "/signin/code", code=used)).status == 401
    for _ in range(LIMITS[Kind.FACTOR] - 1):
        await browser.submit("/signin/code", "/signin/code", code="000000")
    clock.advance(timedelta(seconds=30))
    shown = await browser.submit("/signin/code", "/signin/code", code=code(secret, clock))
    assert (shown.status, shown.headers["Retry-After"]) == (429, "30")
    assert not await is_in(browser)


@only_sqlite
async def test_who_takes_too_long_for_the_code_begins_again(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    secret = await give_second_factor(open_house, await add(open_house))
    await browser.sign_in()
    clock.advance(UNFINISHED)
    sent = await browser.post("/signin/code", code=code(secret, clock))
    assert (sent.status, sent.place) == (303, "/signin")


# --- The password one has to choose ---------------------------------------------------------------


async def test_whoever_got_a_password_from_somebody_else_chooses_their_own_first(
    open_house: Hub, browser: Browser
) -> None:
    dana = await add(open_house, must_change_password=True)
    assert (await browser.sign_in()).place == "/signin/password"
    halfway = browser.key
    assert not await is_in(browser)
    assert (await browser.get("/signin/code")).place == "/signin"

    async def choose(password: str, again: str | None = None) -> tuple[int, str]:
        shown = await browser.submit(
            "/signin/password", "/signin/password", password=password, again=again or password
        )
        return shown.status, shown.notice

    assert await choose(NEW, NEW + "!") == (422, "The two passwords differ.")
    assert await choose("short") == (
        422,
        "The password is too short: it needs at least 12 characters.",
    )
    assert (await choose("x" * 1025))[1] == "The password is too long."
    assert (await choose(PASSWORD))[1] == "This is the password you have. Choose another one."
    assert await choose(NEW) == (303, "")
    assert await is_in(browser)
    assert browser.key != halfway
    async with open_house.database.read() as session:
        kept = await session.get(Operator, dana.id)
    assert kept is not None
    assert not kept.must_change_password
    browser.cookies.pop(COOKIE)
    assert (await browser.sign_in()).status == 401
    assert (await browser.sign_in(password=NEW)).place == "/"


@only_sqlite
async def test_the_code_comes_before_the_password_that_is_to_be_chosen(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    dana = await add(open_house, must_change_password=True)
    secret = await give_second_factor(open_house, dana)
    assert (await browser.sign_in()).place == "/signin/code"
    sent = await browser.submit("/signin/code", "/signin/code", code=code(secret, clock))
    assert sent.place == "/signin/password"
    assert not await is_in(browser)
    sent = await browser.submit("/signin/password", "/signin/password", password=NEW, again=NEW)
    assert sent.place == "/"
    assert await is_in(browser)


# --- Out ------------------------------------------------------------------------------------------


async def test_signing_out_ends_the_session_and_clears_the_browser(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    await browser.sign_in()
    key = browser.cookies[COOKIE]
    left = await browser.submit("/account", "/signout")
    assert (left.status, left.place) == (303, "/signin")
    assert left.headers["Clear-Site-Data"] == '"cache"'
    assert browser.key is None
    browser.cookies[COOKIE] = key
    assert not await is_in(browser)
    assert [event for event, _ in await audited(open_house)] == [
        "session.opened",
        "session.ended",
    ]


@only_sqlite
async def test_signing_out_twice_is_no_fault(open_house: Hub, browser: Browser) -> None:
    await add(open_house)
    assert (await browser.post("/signout")).place == "/signin"


@only_sqlite
async def test_who_is_disabled_is_out_by_the_next_request(
    open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    dana = await add(open_house)
    await browser.sign_in()
    async with open_house.database.write() as session:
        await disable_operator(session, dana.id, actor="system", now=clock())
    assert not await is_in(browser)


# --- Requests from elsewhere ----------------------------------------------------------------------


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.kz"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://hub.example.kz.evil.example"},
        {},
    ],
)
async def test_no_other_site_signs_anybody_in_or_out(
    open_house: Hub, browser: Browser, headers: dict[str, str]
) -> None:
    await add(open_house)
    form = {"email": "dana@example.kz", "password": PASSWORD}
    shown = await browser.ask("POST", "/signin", form=form, headers=headers)
    assert shown.status == 403
    assert browser.key is None
    await browser.sign_in()
    shown = await browser.ask("POST", "/signout", headers=headers)
    assert shown.status == 403
    assert await is_in(browser)


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://hub.example.kz"},
        {"Origin": "https://desk.example.kz", "Host": "desk.example.kz"},
    ],
)
async def test_our_own_page_may_as_old_and_new_browsers_tell_it(
    open_house: Hub, browser: Browser, headers: dict[str, str]
) -> None:
    await add(open_house)
    form = {"email": "dana@example.kz", "password": PASSWORD}
    assert (await browser.ask("POST", "/signin", form=form, headers=headers)).status == 303


@only_sqlite
@pytest.mark.parametrize("token", [None, "", "x" * 43, "\ud800"])
async def test_a_change_needs_the_sessions_own_token(
    open_house: Hub, browser: Browser, token: str | None
) -> None:
    await add(open_house)
    await browser.sign_in()
    fields = {} if token is None else {"csrf": token.encode(errors="replace").decode()}
    shown = await browser.post("/account/language", language="kk", **fields)
    assert shown.status == 403
    assert "Nothing was changed" in shown.text
    async with open_house.database.read() as session:
        assert (await session.exec(select(Operator.preferences))).one() == {}


@only_sqlite
async def test_a_token_is_good_for_its_own_session_alone(open_house: Hub, browser: Browser) -> None:
    await add(open_house)
    other = Browser(browser.client)
    await other.sign_in()
    page = await other.get("/account")
    token = page.text.split('data-csrf="')[1].split('"')[0]
    await browser.sign_in()
    assert (await browser.post("/account/language", language="kk", csrf=token)).status == 403
    headers = {**SAME_ORIGIN, "X-CSRF-Token": token}
    sent = await other.ask("POST", "/account/language", form={"language": "kk"}, headers=headers)
    assert sent.status == 303


# --- The border of the pages ----------------------------------------------------------------------


@only_sqlite
async def test_a_use_of_the_session_is_noted_and_the_page_comes_though_it_cannot_be(
    open_house: Hub, browser: Browser, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(open_house)
    await browser.sign_in()
    clock.advance(TOUCH_EVERY)
    assert await is_in(browser)

    async def seen_at() -> object:
        async with open_house.database.read() as session:
            return (await session.exec(select(col(Session.seen_at)))).one()

    assert await seen_at() == clock()
    noted = clock()
    clock.advance(TOUCH_EVERY)

    def refuse(_database: Database) -> None:
        raise Unavailable("full")

    monkeypatch.setattr(Database, "write", refuse)
    assert await is_in(browser)
    assert await seen_at() == noted


@only_sqlite
async def test_an_outage_is_a_page_that_says_so(
    open_house: Hub, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_database: Database) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(Database, "read", refuse)
    shown = await browser.get("/signin")
    assert shown.status == 503
    assert "The registry cannot be reached" in shown.text


@only_sqlite
async def test_a_form_that_is_none_is_refused_or_empty_and_never_a_500(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    for body, kind in [
        (b"email=%ff%fe&password=%00", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=b" for _ in range(60)), "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded; charset=nonsense"),
        (b'{"email": 1}', "application/json"),
        (b"", "multipart/form-data"),
    ]:
        headers = {**SAME_ORIGIN, "Content-Type": kind}
        shown = await browser.ask("POST", "/signin", headers=headers, data=body)
        assert shown.status in {400, 401}, shown.text


@only_sqlite
@pytest.mark.parametrize("path", ["/healthz", "/t/ALM-2026-0000001/x", "/static/x/y.css"])
async def test_what_needs_no_signing_in_asks_for_no_session(
    open_house: Hub, browser: Browser, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(open_house, role=Role.ADMIN)
    await browser.sign_in()
    asked: list[str] = []
    monkeypatch.setattr("hub.web.sessions.find_session", lambda *_args, **_more: asked.append(path))
    assert (await browser.get(path)).status in {200, 404}
    assert asked == []
