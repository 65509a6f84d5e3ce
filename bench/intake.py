"""Intake: deliveries acknowledged and registered, against a bare handler that answers 200.

    python -m bench.intake [--seconds 5] [--database sqlite|postgresql|both]

The hub is the real one, driven over HTTP with correctly signed, distinct Telegram updates; each
citizen writes five. After each run every acknowledged message is looked up in the registry: exactly
once, or the run counts for nothing.

    python -m bench.intake --channels

measures instead what one message costs on each channel: see bench/channels.py.
"""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bench import channels
from bench.databases import temporary_database
from bench.load import Outcome, post, request
from bench.options import databases, parser, write
from bench.servers import Running, bare_server, hub_server
from registry.db import Database

CONNECTIONS = 512
MESSAGES_A_CITIZEN = 5
SECRET = "bench-webhook-secret"
AIMS = {"sqlite": 0.60, "postgresql": 0.70}
AIM_P99_MS = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """One database's figures."""

    database: str
    ceiling_per_second: float
    acknowledged_per_second: float
    ratio: float
    p50_ms_at_half_load: float
    p99_ms_at_half_load: float
    cpu_us_a_message: float
    cpu_us_of_the_ceiling: float
    rss_mib: float
    messages: int


def main() -> None:
    """Run, print a table, and write bench/results/intake.json."""
    asked = parser(__doc__)
    asked.add_argument("--seconds", type=float, default=5.0)
    asked.add_argument("--channels", action="store_true", help="measure each channel instead")
    asked.add_argument("--messages", type=int, default=1280, help="a round and channel")
    asked.add_argument("--rounds", type=int, default=7, help="of the channels")
    options = asked.parse_args()
    if options.channels:
        channels.main(databases(options), messages=options.messages, rounds=options.rounds)
        return
    results = [_measure(kind, options.seconds) for kind in databases(options)]
    for result in results:
        print(
            f"{result.database:11} ratio {result.ratio:.2f} (aim {AIMS[result.database]:.2f})  "
            f"{result.acknowledged_per_second:,.0f} of {result.ceiling_per_second:,.0f} acks/s  "
            f"half load p50 {result.p50_ms_at_half_load:.1f} ms, "
            f"p99 {result.p99_ms_at_half_load:.1f} ms (aim {AIM_P99_MS:.0f})  "
            f"CPU {result.cpu_us_a_message:.0f} us a message "
            f"(bare {result.cpu_us_of_the_ceiling:.0f})  RSS {result.rss_mib:.0f} MiB  "
            f"{result.messages:,} registered exactly once"
        )
    write("intake", results)


def _measure(kind: str, seconds: float) -> Result:
    with bare_server() as bare:
        warm = list(_requests("warm", 3000))
        post(bare.port, warm, connections=CONNECTIONS, seconds=2)
        requests = list(_requests("bare", int(30_000 * seconds)))
        used = bare.cpu_seconds()
        ceiling = post(bare.port, requests, connections=CONNECTIONS, seconds=seconds)
        bare_cpu = (bare.cpu_seconds() - used) / len(ceiling.acknowledged)
    with tempfile.TemporaryDirectory() as folder, temporary_database(kind, Path(folder)) as url:
        settings = _SETTINGS.format(url=url, secret=SECRET)
        with hub_server(settings, Path(folder)) as hub:
            post(hub.port, list(_requests("warm", 3000)), connections=CONNECTIONS, seconds=5)
            hub.settle()
            used = hub.cpu_seconds()
            full = _posted(hub, "full", requests=int(25_000 * seconds), seconds=seconds)
            cpu = (hub.cpu_seconds() - used) / len(full.acknowledged)
            rate = full.rate / 2
            half = _posted(
                hub, "half", requests=int(rate * seconds), seconds=seconds + 5, rate=rate
            )
            rss = hub.rss_mib()
        registered = asyncio.run(_check(url, {"full": full, "half": half}))
    return Result(
        database=kind,
        ceiling_per_second=ceiling.rate,
        acknowledged_per_second=full.rate,
        ratio=full.rate / ceiling.rate,
        p50_ms_at_half_load=half.percentile(0.50),
        p99_ms_at_half_load=half.percentile(0.99),
        cpu_us_a_message=cpu * 1e6,
        cpu_us_of_the_ceiling=bare_cpu * 1e6,
        rss_mib=rss,
        messages=registered,
    )


def _posted(
    hub: Running, run: str, *, requests: int, seconds: float, rate: float | None = None
) -> Outcome:
    ready = list(_requests(run, requests))
    return post(hub.port, ready, connections=CONNECTIONS, seconds=seconds, rate=rate)


_RUNS = {"warm": 1, "bare": 2, "full": 3, "half": 4}


def _requests(run: str, count: int) -> Iterator[bytes]:
    headers = {
        "Content-Type": "application/json",
        "X-Telegram-Bot-Api-Secret-Token": SECRET,
    }
    for n in range(count):
        yield request("/hooks/telegram/main", _update(run, n), headers)


def _update(run: str, n: int) -> bytes:
    """A text message in a private chat, as Telegram delivers it."""
    citizen = _RUNS[run] * 10**8 + n // MESSAGES_A_CITIZEN
    person = {"id": citizen, "is_bot": False, "first_name": "Айгүл", "language_code": "kk"}
    message = {
        "message_id": n + 1,
        "from": {**person, "last_name": "Серікқызы", "username": f"citizen{citizen}"},
        "chat": {"id": citizen, "first_name": "Айгүл", "type": "private"},
        "date": 1_774_000_000 + n // 100,
        "text": "Сәлеметсіз бе! Абай даңғылы 10 мекенжайында екі күннен бері көше шамы жанбайды, "
        "балалар мектептен қараңғыда қайтады. Прошу принять меры, спасибо.",
    }
    update = {"update_id": _RUNS[run] * 10**8 + n, "message": message}
    return json.dumps(update, ensure_ascii=False).encode()


async def _check(url: str, runs: dict[str, Outcome]) -> int:
    """Every acknowledged message is registered exactly once; returns how many there were."""
    wanted = {
        f"{_RUNS[run] * 10**8 + n // MESSAGES_A_CITIZEN}:{n + 1}"
        for run, outcome in runs.items()
        for n in outcome.acknowledged
    }
    database = Database(url)
    await database.open()
    async with database.read() as session:
        connection = await session.connection()
        found = await connection.execute(
            text("SELECT e.external_id FROM external_ids e JOIN messages m ON m.id = e.message_id")
        )
        registered = Counter(row[0] for row in found)
        counted = await connection.execute(
            text("SELECT (SELECT count(*) FROM messages), (SELECT sum(message_count) FROM appeals)")
        )
        messages, counters = counted.one()
    await database.close()
    missing = [name for name in wanted if registered[name] != 1]
    refused = sum(outcome.refused for outcome in runs.values())
    if missing or messages != counters:
        sys.exit(
            f"{len(missing)} of {len(wanted)} acknowledged messages are not registered exactly "
            f"once; {messages} messages, {counters} by the appeals' counters."
        )
    if refused:
        print(f"note: {refused} deliveries were refused or cut off")
    return len(wanted)


_SETTINGS = """
secret_key = "0123456789abcdef0123456789abcdef"
[http]
port = 0
[database]
url = "{url}"
[log]
format = "json"
level = "warning"
[channels.telegram.main]
token = "1:bench"
webhook_secret = "{secret}"
api_base = "http://127.0.0.1:9"
"""


if __name__ == "__main__":
    main()
