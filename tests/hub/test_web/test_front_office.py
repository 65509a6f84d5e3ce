"""The front office: its form, and the coupon, for whoever may see the appeal or took it in."""

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from hub.app import Hub
from hub.tracking import tracking_links
from hub.views.initials import on_paper
from registry.appeals import DeskChannel, Opening, open_appeal
from registry.inbox import get_coupon
from registry.models import Appeal, Operator
from registry.office import change_setting
from registry.office_shapes import Names, Title
from registry.operators import Principal, Role, principal_of
from registry.staff import describe_operator
from registry.types import ContactPoint
from tests.hub.test_web.signing import Browser, Shown, add
from tests.registry.desk import receive
from tests.registry.samples import RULES, START, message

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def enter(
    hub: Hub, browser: Browser, name: str = "Dana", role: Role = Role.OPERATOR
) -> Principal:
    """Somebody signs in."""
    operator = await add(hub, name, role)
    assert (await browser.sign_in(f"{name.lower()}@example.kz")).status == 303
    async with hub.database.read() as session:
        return await principal_of(session, operator, role)


async def take_in(hub: Hub, by: Principal, **columns: Any) -> str:
    """An appeal that somebody takes in at the counter; its number."""
    fields: dict[str, Any] = {
        "channel": DeskChannel.VISIT,
        "text": "Жарық жоқ",
        "name": "Айгүл",
        "points": (ContactPoint("tel", "+77011234567"),),
    }
    async with hub.database.write() as session:
        opened = await open_appeal(
            session, Opening(**(fields | columns)), by=by, prefix="ALM", zone=RULES.zone,
            now=hub.clock(),
        )  # fmt: skip
        return opened.number


def told(page: Shown) -> dict[str, str]:
    """The lines of a coupon."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page.text, re.DOTALL)
    return {unescape(name): unescape(value) for name, value in found}


# --- The form -------------------------------------------------------------------------------------


@one_database
async def test_a_stranger_is_sent_to_sign_in_and_comes_back(browser: Browser) -> None:
    shown = await browser.get("/desk/new")
    assert (shown.status, shown.place) == (303, "/signin?next=/desk/new")


@one_database
async def test_the_form_offers_what_the_office_knows(open_house: Hub, browser: Browser) -> None:
    await enter(open_house, browser)

    shown = await browser.get("/desk/new")

    assert shown.status == 200
    channels = re.findall(r'name="channel" value="(\w+)"', shown.text)
    assert channels == [channel.value for channel in DeskChannel]
    assert '<option value="medeu">Medeu</option>' in shown.text
    assert '<option value="complaint">Complaint</option>' in shown.text
    urgent = re.search(r'data-urgent="(.*?)"', shown.text)
    assert urgent is not None
    assert "utilities.gas" in unescape(urgent[1])
    assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=", shown.text)


# --- The coupon -----------------------------------------------------------------------------------


async def test_a_coupon_says_what_the_law_wants_on_it(open_house: Hub, browser: Browser) -> None:
    dana = await enter(open_house, browser)
    number = await take_in(open_house, dana, kind="application")

    shown = await browser.get(f"/desk/coupon/{number}?language=en")

    assert shown.status == 200
    assert f'<p class="coupon-number">{number}</p>' in shown.text
    # The clock of the office stands at nine in the morning.
    assert told(shown) == {
        "Date, time": "02.03.2026 09:00",
        "How it came": "Visit",
        "Kind": "Application",
        "Accepted by": "Dana, operator",
        "To be answered until": "03.03.2026",
    }
    assert "Contact centre" in shown.text


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Сериков Асан Болатович", "Сериков А. Б."),
        ("Асан Болатович Сериков", "Сериков А. Б."),
        ("Оспан Серік Қайратұлы", "Оспан С. Қ."),
        ("Ахметова Айгүл Серікқызы", "Ахметова А. С."),
        ("әбенова мадина ілиясқызы", "әбенова М. І."),
        ("Асан Сериков", "Сериков А."),
        ("Сериков Асан", "Сериков А."),
        # Which word is the surname, nobody can tell: nothing is cut off.
        ("Мария Ким", "Мария Ким"),
        ("Лев Яшин", "Лев Яшин"),
        ("Яков Ким", "Яков Ким"),
        ("Ирина Пушкина", "Ирина Пушкина"),
        ("Kim Anna Lee", "Kim Anna Lee"),
        ("Dana", "Dana"),
        ("Смена 2", "Смена 2"),
        ("Нур Мухаммед Икрам оглы", "Нур Мухаммед Икрам оглы"),
    ],
)
def test_papers_name_the_surname_and_initials(name: str, printed: str) -> None:
    assert on_paper(name) == printed


@pytest.mark.parametrize(
    ("position", "language", "printed"),
    [
        ("главный специалист", "kk", "Сериков А. Б., главный специалист"),
        ("", "ru", "Сериков А. Б., оператор"),
        ("", "kk", "Сериков А. Б., оператор"),
        ("<b>", "en", "Сериков А. Б., <b>"),
    ],
)
async def test_a_coupon_names_the_surname_initials_and_position_of_that_day(
    open_house: Hub, browser: Browser, position: str, language: str, printed: str
) -> None:
    dana = await enter(open_house, browser)
    assert dana.operator_id is not None
    async with open_house.database.write() as session:
        await describe_operator(
            session, dana.operator_id, by=dana, now=open_house.clock(),
            name="Сериков Асан Болатович", position=position,
        )  # fmt: skip
        [operator] = await session.exec(select(Operator).where(Operator.id == dana.operator_id))
        dana = await principal_of(session, operator, Role.OPERATOR)
    number = await take_in(open_house, dana)
    async with open_house.database.write() as session:
        await describe_operator(
            session, dana.operator_id or 0, position="уволен", by=dana, now=open_house.clock()
        )

    shown = await browser.get(f"/desk/coupon/{number}?language={language}")

    assert printed in told(shown).values()


async def test_a_coupon_leads_to_the_page_where_the_appeal_is_followed(
    open_house: Hub, browser: Browser
) -> None:
    dana = await enter(open_house, browser)
    number = await take_in(open_house, dana)

    shown = await browser.get(f"/desk/coupon/{number}")

    async with open_house.database.read() as session:
        coupon = await get_coupon(session, number, viewer=dana)
    settings = open_house.settings
    link = tracking_links(settings.public_url, settings.secret_key)(number, coupon.appeal_id)
    assert f'href="{link}"' in shown.text
    code = re.search(r'class="coupon-code" src="(.*?)"', shown.text)
    assert code is not None
    assert code[1].startswith("data:image/svg+xml")
    followed = await Browser(browser.client).get(link.removeprefix(settings.public_url))
    assert followed.status == 200
    assert number in followed.text


@one_database
async def test_a_coupon_speaks_the_language_that_is_asked_for(
    open_house: Hub, browser: Browser
) -> None:
    dana = await enter(open_house, browser)
    number = await take_in(open_house, dana, language="kk")
    async with open_house.database.write() as session:
        await change_setting(
            session, Title(names=Names(ru="iKomek", kk="iKomek 109", en="iKomek Almaty")),
            actor="system", now=START,
        )  # fmt: skip

    pages = {
        asked: (await browser.get(f"/desk/coupon/{number}{asked}")).text
        for asked in ("", "?language=ru", "?language=en", "?language=fr")
    }

    for asked, language, title in [
        ("", "kk", "iKomek 109"),
        ("?language=ru", "ru", "iKomek"),
        ("?language=en", "en", "iKomek Almaty"),
        ("?language=fr", "en", "iKomek Almaty"),
    ]:
        assert f'<html lang="{language}"' in pages[asked]
        assert f'<p class="coupon-office">{title}</p>' in pages[asked]


@one_database
async def test_nobody_is_named_for_what_came_by_itself(open_house: Hub, browser: Browser) -> None:
    await enter(open_house, browser)
    [number] = await receive(open_house.database, message())

    shown = await browser.get(f"/desk/coupon/{number}?language=en")

    assert shown.status == 200
    assert "Accepted by" not in told(shown)
    assert told(shown)["How it came"] == "Telegram"


async def test_who_took_an_appeal_in_prints_its_coupon_wherever_it_went(
    open_house: Hub, browser: Browser
) -> None:
    dana = await enter(open_house, browser)
    number = await take_in(open_house, dana)
    colleague = Browser(browser.client)
    await enter(open_house, colleague, "Erlan")
    async with open_house.database.write() as session:
        await session.exec(update(Appeal).where(col(Appeal.number) == number).values(team="roads"))

    assert (await browser.get(f"/desk/coupon/{number}")).status == 200
    assert (await colleague.get(f"/desk/coupon/{number}")).status == 404
    assert (await browser.get(f"/appeals/{number}/panel")).status == 404


@one_database
@pytest.mark.parametrize("number", ["ALM-2026-0000009", "ALM-2026", "%2e%2e"])
async def test_there_is_no_coupon_of_what_is_not_there(
    open_house: Hub, browser: Browser, number: str
) -> None:
    await enter(open_house, browser)
    assert (await browser.get(f"/desk/coupon/{number}")).status == 404


@one_database
async def test_the_words_of_an_operators_name_are_text(open_house: Hub, browser: Browser) -> None:
    dana = await enter(open_house, browser, "Dana")
    hostile = '<img src=x onerror=alert(1)> "Dana" \u202etxt'
    number = await take_in(open_house, Principal(
        role=dana.role, name=hostile, operator_id=dana.operator_id, actor=dana.actor,
        teams=dana.teams,
    ))  # fmt: skip

    shown = await browser.get(f"/desk/coupon/{number}")

    assert "<img src=x" not in shown.text
    assert "&lt;img src=x onerror=alert(1)&gt; &#34;Dana&#34; \ufffdtxt" in shown.text
