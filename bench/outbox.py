"""Outbox: replies claimed, sent and settled, against a bare aiohttp client that only posts.

    python -m bench.outbox [--replies 20000] [--database sqlite|postgresql|both]

The hub is the real one with the real Telegram connector, rid of Telegram's rate limits; both it
and the bare client post to the same local stand-in that takes everything at once. Afterwards every
reply must have arrived exactly once and be `sent` in the registry, or the run counts for nothing.
"""

import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from bench.databases import temporary_database
from bench.options import databases, parser, write
from bench.servers import Running, hub_server, provider_server
from registry.db import Database
from registry.ids import new_id
from registry.intake import Rules, accept
from registry.intake.statements import ADD_AUTOMATIC, ADD_DISPATCHES, CONVERSATIONS
from registry.statements import Script
from registry.types import ContactPoint, InboundMessage, Sender

CONCURRENCY = 128
WARM = 300
AIM = 0.60
WAIT_SECONDS = 120.0
RULES = Rules(join_window=timedelta(hours=72), number_prefix="ALM", zone=ZoneInfo("Asia/Almaty"))
TEXT = "Сәлеметсіз бе! Өтінішіңіз тіркелді, бригада бүгін сағат 18:00-ге дейін барады. Рақмет. "


@dataclass(frozen=True, slots=True)
class Result:
    """One database's figures."""

    database: str
    ceiling_per_second: float
    replies_per_second: float
    ratio: float
    cpu_us_a_reply: float
    rss_mib: float
    replies: int


def main() -> None:
    """Run, print a table, and write bench/results/outbox.json."""
    asked = parser(__doc__)
    asked.add_argument("--replies", type=int, default=20_000)
    options = asked.parse_args()
    results = [_measure(kind, options.replies) for kind in databases(options)]
    for result in results:
        print(
            f"{result.database:11} ratio {result.ratio:.2f} (aim {AIM:.2f})  "
            f"{result.replies_per_second:,.0f} of {result.ceiling_per_second:,.0f} a second  "
            f"CPU {result.cpu_us_a_reply:.0f} us a reply  RSS {result.rss_mib:.0f} MiB  "
            f"{result.replies:,} sent exactly once"
        )
    write("outbox", results)


def _measure(kind: str, replies: int) -> Result:
    with provider_server() as provider, tempfile.TemporaryDirectory() as folder:
        ceiling = _ceiling(provider, replies)
        with temporary_database(kind, Path(folder)) as url:
            asyncio.run(_seed(url, "warm", WARM))
            settings = _SETTINGS.format(url=url, port=provider.port, concurrency=CONCURRENCY)
            with hub_server(settings, Path(folder), unlimited=True) as hub:
                _taken(provider, WARM)
                hub.settle()
                asyncio.run(_seed(url, "full", replies, due_in=4))
                used = hub.cpu_seconds()
                texts, moments = _taken(provider, replies)
                cpu = (hub.cpu_seconds() - used) / replies
                rss = hub.rss_mib()
            asyncio.run(_check(url, texts, replies))
    rate = (len(moments) - 1) / (max(moments) - min(moments))
    return Result(
        database=kind,
        ceiling_per_second=ceiling,
        replies_per_second=rate,
        ratio=rate / ceiling,
        cpu_us_a_reply=cpu * 1e6,
        rss_mib=rss,
        replies=replies,
    )


# --- The ceiling ----------------------------------------------------------------------------------


def _ceiling(provider: Running, replies: int) -> float:
    context = get_context("spawn")
    worker = context.Process(target=_post_all, args=(provider.port, replies))
    worker.start()
    _, moments = _taken(provider, replies)
    worker.join()
    return (len(moments) - 1) / (max(moments) - min(moments))


def _post_all(port: int, replies: int) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_post(port, replies))


async def _post(port: int, replies: int) -> None:
    import aiohttp

    url = f"http://127.0.0.1:{port}/bot1:bench/sendMessage"
    bodies = iter([{"chat_id": n, "text": f"{TEXT}bare {n}"} for n in range(replies)])
    connections = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connections) as session:

        async def client() -> None:
            for body in bodies:
                async with session.post(url, json=body) as response:
                    await response.read()

        await asyncio.gather(*(client() for _ in range(CONCURRENCY)))


# --- The replies ----------------------------------------------------------------------------------


async def _seed(url: str, run: str, count: int, *, due_in: float = 0) -> None:
    """Citizens who have written, each with a reply; all become due at the same moment."""
    database = Database(url)
    await database.open()
    now = datetime.now(UTC)
    due = now + timedelta(seconds=due_in + count / 2000)
    for start in range(0, count, 256):
        citizens = range(start, min(start + 256, count))
        written = [_first_message(run, n, now) for n in citizens]
        await database.run(accept(written, rules=RULES, now=now))
        await database.run(_queue(run, citizens, now=due if due_in else now))
    await database.close()
    if due_in and datetime.now(UTC) > due:
        sys.exit("The replies were not queued before the first of them was due.")


def _queue(run: str, citizens: range, *, now: datetime) -> Script[None]:
    """Replies as `registry.replies` writes them, many at once."""
    messages, dispatches = [], []
    known = yield CONVERSATIONS, [("telegram", "main", _citizen(run, n)) for n in citizens]
    found = {row[2]: (row[3], row[5]) for row in known}
    for n in citizens:
        message_id, words = new_id(), f"{TEXT}{run} {n}"
        conversation_id, appeal_id = found[_citizen(run, n)]
        parts = json.dumps([{"text": words, "attachments": []}])
        messages.append((message_id, appeal_id, conversation_id, words, now, f"bench:{n}"))
        dispatches.append((new_id(), message_id, conversation_id, "telegram", "main", parts, now))
    yield ADD_AUTOMATIC, messages
    yield ADD_DISPATCHES, dispatches


def _citizen(run: str, n: int) -> str:
    return str((1 if run == "warm" else 2) * 10**8 + n)


def _first_message(run: str, n: int, now: datetime) -> InboundMessage:
    citizen = _citizen(run, n)
    return InboundMessage(
        channel="telegram",
        account="main",
        external_id=f"{citizen}:1",
        conversation=citizen,
        sender=Sender(point=ContactPoint("telegram", citizen), name="Айгүл"),
        sent_at=now,
        text="Шам жанбайды",
    )


def _taken(provider: Running, count: int) -> tuple[Sequence[str], Sequence[float]]:
    """Wait until the provider has taken so many; returns their texts and moments."""
    texts: list[str] = []
    moments: list[float] = []
    patience = time.monotonic() + WAIT_SECONDS
    while len(texts) < count:
        if time.monotonic() > patience:
            sys.exit(f"Only {len(texts)} of {count} arrived within {WAIT_SECONDS:.0f} s.")
        time.sleep(0.5)
        with urllib.request.urlopen(f"http://127.0.0.1:{provider.port}/taken") as answer:
            found: dict[str, Any] = json.load(answer)
        texts += found["texts"]
        moments += found["moments"]
    return texts, moments


async def _check(url: str, texts: Sequence[str], replies: int) -> None:
    counted = Counter(texts)
    wanted = {f"{TEXT}full {n}" for n in range(replies)}
    if counted != Counter(wanted):
        sys.exit(f"{len(counted)} different replies arrived, {len(texts)} in all, of {replies}.")
    database = Database(url)
    await database.open()
    async with database.read() as session:
        connection = await session.connection()
        found = await connection.execute(
            text("SELECT state, count(*) FROM messages WHERE direction = 'out' GROUP BY state")
        )
        states = {row[0]: row[1] for row in found}
    await database.close()
    if states != {"sent": replies + WARM}:
        sys.exit(f"The registry has the replies as {states}.")


_SETTINGS = """
secret_key = "0123456789abcdef0123456789abcdef"
[http]
port = 0
[database]
url = "{url}"
[outbox]
concurrency = {concurrency}
[log]
format = "json"
level = "warning"
[channels.telegram.main]
token = "1:bench"
webhook_secret = "bench-webhook-secret"
api_base = "http://127.0.0.1:{port}"
"""


if __name__ == "__main__":
    main()
