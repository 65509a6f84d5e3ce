"""The page where a citizen follows an appeal: for who has the address, and without a word of it."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient
from pydantic import SecretStr
from sqlalchemy import text
from yarl import URL

from hub.app import Hub, rules_of
from hub.tracking import CODE_CHARACTERS, tracking_links
from registry.intake import accept
from registry.models import Appeal, Contact
from registry.replies import Reach, Reply, queue_reply
from registry.states import Status
from registry.types import Capabilities, Inbound
from tests.conftest import Databases, FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.registry.samples import echo, message, sender
from tests.workers.stand_ins import DANA, MAIN

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PERSONAL = ("Айгүл", "Абай даңғылы", "шам", "telegram", "700", "Дана", "бригада")


async def take(hub: Hub, *items: Inbound) -> None:
    await hub.database.run(accept(items, rules=rules_of(hub.settings), now=hub.clock()))


async def link_told(hub: Hub) -> str:
    """The address's path, as the citizen read it in the acknowledgement."""
    async with hub.database.read() as session:
        found = await (await session.connection()).execute(
            text("SELECT text FROM messages WHERE idempotency_key LIKE 'acknowledgement:%'")
        )
        [told] = re.findall(r"https://hub\.example\.kz(/t/\S+)", found.scalar_one())
        return str(told)


async def move(hub: Hub, status: str) -> None:
    async with hub.database.write() as session:
        await (await session.connection()).execute(text(f"UPDATE appeals SET status = '{status}'"))


class Page(HTMLParser):
    """What a browser makes of a page: its words, its tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


async def look(
    visitor: TestClient[Any, Any], path: str, *, headers: Mapping[str, str] | None = None
) -> tuple[int, Page, Mapping[str, str], str]:
    where = visitor.make_url("/").join(URL(path, encoded=True))
    async with visitor.session.get(where, headers=headers) as answer:
        html = await answer.text()
        return answer.status, Page(html), answer.headers, html


async def test_the_address_in_the_acknowledgement_shows_how_far_the_appeal_is(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    await take(open_house, message("1"))
    path = await link_told(open_house)
    status, page, _, html = await look(visitor, f"{path}?lang=ru")
    assert status == 200
    for words in ("ALM-2026-0000001", "Зарегистрировано", "02.03.2026 09:00", "Ответа пока нет"):
        assert words in page.words, words
    assert [word for word in PERSONAL if word in html] == []

    clock.advance(timedelta(hours=1))
    async with open_house.database.write() as session:
        await queue_reply(
            session, "ALM-2026-0000001", Reply(text="бригада выехала"), by=DANA, key="k",
            accounts={MAIN: Reach(capabilities=Capabilities(max_text=100))}, now=clock(),
        )  # fmt: skip
    assert "Ответа пока нет" in (await look(visitor, f"{path}?lang=ru"))[1].words
    async with open_house.database.write() as session:
        await (await session.connection()).execute(
            text("UPDATE messages SET state = 'sent' WHERE direction = 'out'")
        )
    _, page, _, html = await look(visitor, f"{path}?lang=ru")
    assert "02.03.2026 10:00" in page.words, "the answer's time, and not the acknowledgement's"
    assert [word for word in PERSONAL if word in html] == []


async def test_an_answer_from_the_providers_own_app_is_an_answer_too(
    open_house: Hub, visitor: TestClient[Any, Any], clock: FakeClock
) -> None:
    await take(open_house, message("1"))
    await take(open_house, echo("e1", sent_at=clock.advance(timedelta(minutes=30))))
    _, page, _, _ = await look(visitor, f"{await link_told(open_house)}?lang=en")
    assert "02.03.2026 09:30" in page.words


@one_database
async def test_every_status_reads_well_in_three_languages(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await take(open_house, message("1"))
    path = await link_told(open_house)
    seen: dict[str, set[str]] = {}
    for status in Status:
        await move(open_house, status)
        for language in ("kk", "ru", "en"):
            answered, page, _, html = await look(visitor, f"{path}?lang={language}")
            assert answered == 200
            assert f'<html lang="{language}">' in html
            seen.setdefault(status, set()).update(page.words)
            assert sum(attrs.get("aria-current") == "true" for _, attrs in page.tags) == 1
    for status, words in {
        Status.NEW: ("Тіркелді", "Зарегистрировано", "Registered"),
        Status.OPEN: ("Қаралуда", "В работе", "Being handled"),
        Status.PENDING: ("Ждём вашего ответа", "Waiting for your answer"),
        Status.RESOLVED: ("Жауап берілді", "Дан ответ", "Answered"),
        Status.CLOSED: ("Аяқталды", "Закрыто", "Closed"),
    }.items():
        assert set(words) <= seen[status]


@one_database
@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("?lang=kk", "ru", "kk"),
        ("?lang=de", "en-US,en;q=0.9", "en"),
        ("?lang=%3Cscript%3E", "", "ru"),
        ("", "kk-KZ,kk;q=0.9,ru;q=0.8", "kk"),
        ("", "de, en;q=0.5", "en"),
        ("", "", "ru"),
        ("", "*;q=x,,;", "ru"),
        ("?lang=kk&lang=en", "", "kk"),
    ],
)
async def test_the_page_speaks_the_language_asked_for_or_the_browsers(
    open_house: Hub, visitor: TestClient[Any, Any], asked: str, accepted: str, language: str
) -> None:
    await take(open_house, message("1"))
    headers = {"Accept-Language": accepted}
    _, _, _, html = await look(visitor, await link_told(open_house) + asked, headers=headers)
    assert f'<html lang="{language}">' in html


async def test_who_has_not_the_address_learns_nothing(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await take(open_house, message("1"), message("2", conversation="9", sender=sender("9")))
    async with open_house.database.read() as session:
        connection = await session.connection()
        ids = (await connection.execute(text("SELECT id FROM appeals ORDER BY number"))).scalars()
    link = tracking_links("", SecretStr(SECRET_KEY))
    first, second = (
        link(f"ALM-2026-000000{n}", id_).rpartition("/")[2] for n, id_ in enumerate(ids, 1)
    )
    assert len(first) == CODE_CHARACTERS
    wrong = [
        f"/t/ALM-2026-0000001/{second}",
        f"/t/ALM-2026-0000001/{first[:-1]}",
        f"/t/ALM-2026-0000001/{first}0",
        f"/t/ALM-2026-0000001/{first.swapcase()}",
        f"/t/ALM-2026-0000009/{first}",
        f"/t/alm-2026-0000001/{first}",
        f"/t/ALM-2026-0000001%00/{first}",
        f"/t/%00/{first}",
        f"/t/%ED%A0%80/{first}",
        f"/t/%FF/{first}",
        "/t/ALM-2026-0000001/%D0%BA%D0%BB%D1%8E%D1%87",
        "/t/ALM-2026-0000001/%00",
        f"/t/%3Cscript%3Ealert(1)%3C%2Fscript%3E/{first}",
        f"/t/{'9' * 2000}/{first}",
    ]
    bodies = set()
    for path in wrong:
        status, page, headers, html = await look(visitor, path)
        assert status == 404, path
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "iframe", "form"})
        bodies.add(re.sub(r'href="[^"]*"', "", html))
    assert len(bodies) == 1, "a wrong code and a wrong number read the same"
    assert (await look(visitor, f"/t/ALM-2026-0000001/{first}"))[0] == 200


@one_database
async def test_the_page_can_run_nothing_and_is_neither_kept_nor_found(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    await take(open_house, message("1"))
    status, page, headers, html = await look(visitor, await link_told(open_house))
    assert status == 200
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }, "the one style is the one that stands in the page"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    tags = [tag for tag, _ in page.tags]
    assert {"script", "img", "iframe", "form", "link", "input"}.isdisjoint(tags)
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    for tag, attrs in page.tags:
        if tag == "a":
            assert (attrs["href"] or "").startswith("/t/ALM-2026-0000001/")


@one_database
async def test_what_stands_in_the_database_is_text_in_the_page(
    open_house: Hub, visitor: TestClient[Any, Any]
) -> None:
    hostile = "ALM<b>&\"'"
    async with open_house.database.write() as session:
        who = Contact(name="<i>", created_at=open_house.clock())
        session.add(who)
        await session.flush()
        appeal = Appeal(
            number=hostile, channel="visit", account="", contact_id=who.id, subject="<u>",
            status="new", opened_at=open_house.clock(), last_message_at=open_house.clock(),
        )  # fmt: skip
        session.add(appeal)
    made = tracking_links("", SecretStr(SECRET_KEY))("X", appeal.id)
    code = made.rpartition("/")[2]
    status, page, _, html = await look(visitor, f"/t/{URL.build(path=hostile).raw_path}/{code}")
    assert status == 200
    assert hostile in page.words
    assert "<b>" not in html
    for tag, attrs in page.tags:
        if tag == "a":
            assert (attrs["href"] or "").endswith(("?lang=kk", "?lang=ru", "?lang=en"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_that_is_away_is_said_in_words(
    open_house: Hub, visitor: TestClient[Any, Any], databases: Databases, database_url: str
) -> None:
    await take(open_house, message("1"))
    path = await link_told(open_house)
    await asyncio.to_thread(databases.server.drop, urlsplit(database_url).path.lstrip("/"))
    status, page, headers, _ = await look(visitor, f"{path}?lang=en")
    assert status == 503
    assert any("Try again in a few minutes" in words for words in page.words)
    assert headers["Cache-Control"] == "private, no-store"
