"""Takes the screenshots of the documentation: `make screenshots` writes docs/screenshots/.

The desk is the real one, in the system's Chromium, with citizens of a stand-in of Telegram.
"""

import asyncio
import io
import shutil
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, async_playwright
from sqlmodel import col, select

from registry.appeals import Change, Priority, add_note, change_appeal
from registry.db import Database
from registry.migrate import migrate
from registry.models import Appeal
from registry.operators import Principal, Role
from registry.search.following import catch_up
from tests.browser.desk import employ, lay_out, sign_in
from tests.browser.looking import visit
from tests.browser.served import Served, serving

FOLDER = Path(__file__).parent / "screenshots"
SETTLE = 1500.0
"""Milliseconds until what a page fetches behind its first paint is there."""
QUALITY = 82
"""Of WebP."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: which page, on what screen, in which language."""

    name: str
    address: str
    language: str = "ru"
    theme: str = "light"
    width: int = 1366
    height: int = 768


SHOTS = (
    Shot("inbox", "/inbox/{number}?queue=all&sort=due"),
    Shot("inbox-dark", "/inbox/{number}?queue=all&sort=due", "kk", "dark", 1920, 1080),
    Shot("list-phone", "/inbox?queue=all&sort=due", "kk", width=390, height=844),
    Shot("thread-phone", "/inbox/{number}?queue=all&sort=due", "en", "dark", 390, 844),
    Shot("search", "/search?q=кошеде"),
    Shot("front-office", "/desk/new"),
    Shot("coupon", "/desk/coupon/{number}?language=kk", width=800),
    Shot("channels", "/channels"),
    Shot("categories", "/admin/categories", "kk"),
    Shot("office", "/admin/office", "en"),
    Shot("audit", "/audit"),
)

MATTERS = (
    {"name": "Серік Оспан", "text": "Ауладағы жарық үш күннен бері жанбайды", "unread": 1,
     "category": "light.yard", "district": "auezov", "phone": "+77010000001"},
    {"name": "Мария Ким", "text": "Яма на Розыбакиева, уже второе колесо", "language": "ru",
     "category": "roads.pothole", "priority": "high", "unread": 2},
    {"name": "Aigerim", "text": "The bus 92 did not come for an hour", "language": "en",
     "channel": "instagram", "category": "transport.interval"},
    {"name": "Қуаныш", "text": "Көшеде қоқыс екі аптадан бері шығарылмады", "channel": "whatsapp",
     "category": "clean.garbage", "status": "open"},
    {"name": "Ольга Петрова", "text": "Нет горячей воды в доме, мкр. Аксай-4", "language": "ru",
     "channel": "sms", "category": "utilities.hotwater", "unread": 1},
)  # fmt: skip


async def main() -> None:
    """Take every picture, each anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/hub.db"
        database = Database(url)
        await database.open()
        await migrate(database)
        await database.close()
        async with serving(database=url, folder=Path(name), with_telegram=True) as served:
            principal, number = await _furnish(served)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                for shot in SHOTS:
                    await _take(browser, served, shot, number)
                await browser.close()
    assert principal.role is Role.ADMIN


async def _furnish(served: Served) -> tuple[Principal, str]:
    """A day's appeals, and one that is being talked about."""
    principal = await employ(served, "Дежурный оператор", role=Role.ADMIN)
    await lay_out(served, MATTERS)
    assert served.telegram is not None
    citizen = served.telegram.citizen()
    await citizen.say("Сәлеметсіз бе! Абай даңғылы 10, бірінші қабат, су басып жатыр")
    await citizen.say("Көршілер де айтып жатыр, тез келіңіздерші")
    hub = served.hub
    now = hub.clock()
    async with hub.database.write() as session:
        found = await session.exec(
            select(Appeal.number).where(Appeal.account == "main").order_by(col(Appeal.id).desc())
        )
        number = found.first()
        assert number is not None
        await change_appeal(
            session, number,
            Change(assignee_id=principal.operator_id, category="housing.leak",
                   priority=Priority.URGENT, address="Абай даңғылы, 10"),
            by=principal, now=now,
        )  # fmt: skip
        note = "Су арнасымен сөйлестім, бригада 20 минутта келеді."
        await add_note(session, number, note, by=principal, now=now + timedelta(seconds=1))
    await catch_up(hub.database, now=now)
    return principal, number


async def _take(browser: Browser, served: Served, shot: Shot, number: str) -> None:
    context = await browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        timezone_id="Asia/Almaty",
        reduced_motion="reduce",
    )
    chosen = {"language": shot.language, "theme": shot.theme}
    somebody = await employ(served, "Дежурный оператор", role=Role.ADMIN, **chosen)
    await sign_in(served, context, somebody)
    page = await context.new_page()
    await visit(page, served.url + shot.address.format(number=number))
    await page.wait_for_timeout(SETTLE)
    picture = Image.open(io.BytesIO(await page.screenshot()))
    picture.save(FOLDER / f"{shot.name}.webp", quality=QUALITY, method=6)
    await context.close()


if __name__ == "__main__":
    asyncio.run(main())
