"""Inbox: what an operator waits for among a city's years of appeals.

    python -m bench.inbox [--appeals 1000000] [--database sqlite|postgresql|both] [--browser]
                          [--keep FOLDER]

The hub is the real one, asked over HTTP by somebody who has signed in: pages of queues, a thread,
and searches for a rare, a middling and a common word, one request after another. The ceiling is the
same page from a bare handler of the same server program; with --browser Chromium tells when it had
painted the first of it. Times are milliseconds. To load and index a million appeals takes a while:
with --keep the city stays in the folder for the next time.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote

import aiohttp
from pydantic import SecretStr

from bench.city import COMMON, MIDDLING, RARE, SEED, SUPERVISOR, City
from bench.databases import temporary_database
from bench.loading import load
from bench.options import databases, parser, write
from bench.servers import Running, hub_server, page_server
from config.settings import load as load_settings
from hub.web.sessions import cookie_name
from registry.db import Database
from registry.models import Operator
from registry.search.following import catch_up
from registry.sessions import Stage, open_session
from registry.types import utc_now

ROUNDS = 200
WARM = 10
AIMS = {"queue": 50.0, "thread": 50.0, "search": 150.0}
OPERATOR = SUPERVISOR + 1
SECRET = "a secret key that only this bench has, long enough"


@dataclass(frozen=True, slots=True)
class Result:
    """One kind of request on one database."""

    database: str
    appeals: int
    asked: str
    p50_ms: float
    p99_ms: float
    ceiling_p50_ms: float
    ceiling_p99_ms: float
    """Far from its p50 where somebody else used the machine."""
    ratio: float
    """Of the ceiling's p50 to ours."""
    aim_p99_ms: float
    bytes: int


def main() -> None:
    """Run, print what is measured, and write bench/results/inbox.json."""
    asked = parser(__doc__)
    asked.add_argument("--appeals", type=int, default=1_000_000)
    asked.add_argument("--browser", action="store_true")
    asked.add_argument("--keep", type=Path)
    options = asked.parse_args()
    results = [
        result
        for kind in databases(options)
        for result in _measure(kind, options.appeals, browser=options.browser, keep=options.keep)
    ]
    write("inbox", results)


def _measure(kind: str, appeals: int, *, browser: bool, keep: Path | None) -> list[Result]:
    city = City(appeals)
    kept = keep and keep / f"{kind}-{appeals}"
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        temporary_database(kind, Path(place), keep=kept) as url,
    ):
        folder = Path(place)
        keys = asyncio.run(_prepare(url, city))
        text = _SETTINGS.format(url=url, secret=SECRET)
        with hub_server(text, folder) as hub:
            hub.settle(seconds=1200)  # a first start computes the deadlines of what is open
            name = cookie_name(load_settings(folder / "hub.toml"))
            cookies = {who: f"{name}={key}" for who, key in keys.items()}
            results = asyncio.run(_ask(kind, hub, city, cookies))
            if browser:
                asyncio.run(_paint(hub, cookies[SUPERVISOR]))
        return results


async def _prepare(url: str, city: City) -> dict[int, str]:
    """Fill the database, index it, and sign two in; gives the keys of their sessions."""
    database = Database(url)
    await database.open()
    try:
        async with database.read() as session:
            is_there = await session.get(Operator, SUPERVISOR) is not None
        if not is_there:
            await load(url, city)
        await catch_up(database, now=utc_now())
        keys = {}
        for who in (SUPERVISOR, OPERATOR):
            async with database.write() as session:
                operator = await session.get_one(Operator, who)
                keys[who] = await open_session(
                    session, operator, Stage.IN, secret=SecretStr(SECRET), now=utc_now()
                )
        return keys
    finally:
        await database.close()


async def _ask(kind: str, hub: Running, city: City, cookies: dict[int, str]) -> list[Result]:
    chance = Random(SEED)

    def thread() -> str:
        return f"/appeals/{city.number(chance.randrange(city.appeals))}/thread"

    def fixed(address: str) -> Callable[[], str]:
        return lambda: address

    asked = [
        ("queue", "queue, all by deadline", SUPERVISOR, fixed("/inbox?queue=all&sort=due")),
        ("queue", "queue, all by waiting", SUPERVISOR, fixed("/inbox?queue=all&sort=waiting")),
        ("queue", "queue, overdue", SUPERVISOR, fixed("/inbox?queue=overdue&sort=due")),
        ("queue", "all appeals, latest", SUPERVISOR, fixed("/inbox?sort=last_message")),
        ("queue", "queue, a team's", OPERATOR, fixed("/inbox?queue=all&sort=due")),
        ("queue", "queue, mine", OPERATOR, fixed("/inbox?queue=mine&sort=due")),
        ("thread", "thread", SUPERVISOR, thread),
    ]
    for said, word in (("common", COMMON), ("middling", MIDDLING), ("rare", RARE)):
        found = fixed(f"/api/v1/search?q={quote(word)}")
        asked.append(("search", f"search, {said} word", SUPERVISOR, found))
        asked.append(("search", "the same, in a team", OPERATOR, found))
    results = []
    async with aiohttp.ClientSession() as client:
        for what, said, who, address in asked:
            client.headers["Cookie"] = cookies[who]
            ours, size = await _timed(client, f"http://127.0.0.1:{hub.port}", address)
            with page_server(size) as bare:
                bare_times, _ = await _timed(
                    client, f"http://127.0.0.1:{bare.port}", fixed("/page")
                )
            p50, ceiling = statistics.median(ours), statistics.median(bare_times)
            one = Result(
                database=kind,
                appeals=city.appeals,
                asked=said,
                p50_ms=p50,
                p99_ms=_p99(ours),
                ceiling_p50_ms=ceiling,
                ceiling_p99_ms=_p99(bare_times),
                ratio=ceiling / p50,
                aim_p99_ms=AIMS[what],
                bytes=size,
            )
            _tell(one)
            results.append(one)
    return results


def _tell(one: Result) -> None:
    print(
        f"{one.database:11} {one.asked:22} p50 {one.p50_ms:7.1f}  p99 {one.p99_ms:7.1f} "
        f"(aim {one.aim_p99_ms:.0f})  ceiling {one.ceiling_p50_ms:5.2f}/{one.ceiling_p99_ms:5.2f}  "
        f"ratio {one.ratio:.3f}  {one.bytes / 1024:.0f} KiB",
        flush=True,
    )


async def _timed(
    client: aiohttp.ClientSession, base: str, address: Callable[[], str]
) -> tuple[list[float], int]:
    """Milliseconds of each request, and the bytes of the last answer."""
    times, size = [], 0
    for round_ in range(WARM + ROUNDS):
        path = address()
        begun = time.perf_counter()
        async with client.get(base + path) as response:
            body = await response.read()
        took = (time.perf_counter() - begun) * 1000
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {body[:300]!r}")
        if round_ >= WARM:
            times.append(took)
        size = len(body)
    return times, size


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[-1]


async def _paint(hub: Running, cookie: str) -> None:
    """Print when Chromium had painted the inbox for the first time, and what it fetched for it."""
    from playwright.async_api import async_playwright

    name, _, value = cookie.partition("=")
    base = f"http://127.0.0.1:{hub.port}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        painted, sizes = [], []
        for _ in range(10):
            context = await browser.new_context()
            await context.add_cookies([{"name": name, "value": value, "url": base}])
            page = await context.new_page()
            await page.goto(f"{base}/inbox?queue=all&sort=due")
            await page.wait_for_selector("html[data-ready]")
            told = await page.evaluate(_PAINTED)
            painted.append(told["paint"])
            sizes.append(told["bytes"])
            await context.close()
        await browser.close()
    print(
        f"first contentful paint p50 {statistics.median(painted):.0f} ms (aim 500), "
        f"weight {statistics.median(sizes) / 1024:.0f} KiB (aim 150)"
    )


_PAINTED = """() => ({
  paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
  bytes: performance.getEntriesByType('resource').reduce((sum, one) => sum + one.transferSize, 0)
    + performance.getEntriesByType('navigation')[0].transferSize,
})"""

_SETTINGS = """
secret_key = "{secret}"
[http]
port = 0
[database]
url = "{url}"
[log]
level = "warning"
"""

if __name__ == "__main__":
    main()
