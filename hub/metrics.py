"""What Prometheus reads at GET /metrics: counts from the hot paths, depths from the database.

Counters are bound to their account once, so that counting is one addition. Depths and ages are read
from the database when somebody asks, which keeps them true whatever process is asked.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from typing import Any, Generic, TypeVar

from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector
from sqlalchemy import CompoundSelect, Select, func, literal, null, select, union_all
from sqlmodel import col

from hub import call_board
from hub.call_metrics import CALL_FAMILIES, CallNumbers
from hub.keys import BUS, CLOCK, DATABASE, OFFICE
from hub.metric_families import Family, gauge
from registry.calls.board import Board
from registry.errors import Unavailable
from registry.models import AccountState, Attachment, Buried, Dispatch
from registry.types import AccountKey
from workers.traffic import Traffic

READ_SECONDS = 3.0
"""How long the database may take; a scrape that gets no depths still gets the counts."""


_ACCOUNT = ("channel", "account")
_OUTCOME = (*_ACCOUNT, "outcome")
_QUEUE = ("queue", *_ACCOUNT)

RECEIVED = Family(
    "hub_received_total", "counter", _ACCOUNT, "Items that deliveries brought, repeated ones too."
)
STORED = Family("hub_stored_total", "counter", _ACCOUNT, "Messages registered.")
DUPLICATES = Family(
    "hub_duplicates_total", "counter", _ACCOUNT, "Items that were registered already."
)
APPLIED = Family(
    "hub_applied_total",
    "counter",
    _ACCOUNT,
    "Items that changed what was there: edits, deletions, receipts, reactions, events.",
)
BURIED = Family(
    "hub_buried_total",
    "counter",
    _ACCOUNT,
    "Deliveries, or items of them, that could not be registered.",
)
REJECTED = Family(
    "hub_rejected_total", "counter", _ACCOUNT, "Deliveries whose signature was wrong or missing."
)
WEBHOOK = Family(
    "hub_webhook_seconds",
    "histogram",
    _ACCOUNT,
    "From a delivery's arrival until it is stored and acknowledged.",
)
SENDS = Family(
    "hub_sends_total",
    "counter",
    _OUTCOME,
    "Sends by how they ended: sent, later (tried again), failed, uncertain.",
)
SEND = Family("hub_send_seconds", "histogram", _ACCOUNT, "How long the provider took for a send.")
FETCHES = Family(
    "hub_fetches_total",
    "counter",
    _OUTCOME,
    "Fetches of citizens' files by how they ended: ready, later (tried again), failed.",
)
ORDERS = Family(
    "hub_call_orders_total",
    "counter",
    _OUTCOME,
    "Orders to the telephone's provider by how they ended: done, later (tried again), failed.",
)
ORDER = Family(
    "hub_call_order_seconds",
    "histogram",
    _ACCOUNT,
    "From a decision about a call until the provider has carried it out.",
)
DEPTH = Family(
    "hub_queue_depth",
    "gauge",
    _QUEUE,
    "What waits: outbox (replies to send), media (files to fetch), buried (deliveries to replay).",
)
OLDEST = Family(
    "hub_queue_oldest_seconds", "gauge", _QUEUE, "How long the oldest of them has waited."
)
WAITING = Family(
    "hub_bus_waiting", "gauge", (), "Deliveries that wait in this process to be registered."
)
HEALTH = Family(
    "hub_account_health",
    "gauge",
    (*_ACCOUNT, "health"),
    "1 for the health that an account has (ok, degraded, down), 0 for the others.",
)
DATABASE_UP = Family("hub_database_up", "gauge", (), "Whether the database answered this scrape.")
INFO = Family("hub_info", "gauge", ("version",), "Always 1; the label tells the version.")

FAMILIES = (
    RECEIVED, STORED, DUPLICATES, APPLIED, BURIED, REJECTED, WEBHOOK, SENDS, SEND, FETCHES,
    ORDERS, ORDER, DEPTH, OLDEST, WAITING, HEALTH, DATABASE_UP, INFO,
    *CALL_FAMILIES,
)  # fmt: skip
"""Every number of ours. Those of the process and of Python are prometheus_client's own."""

_BUCKETS = {
    WEBHOOK: (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    SEND: (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    ORDER: (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
}
_HEALTHS = ("ok", "degraded", "down")

T = TypeVar("T")

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for each number, of no use


class Metrics:
    """The numbers of one process; it is the loops' `workers.meters.Meters`."""

    def __init__(self, traffic: Traffic | None = None) -> None:
        """`traffic` learns of what comes as well: it is kept in the database, hour by hour."""
        self.registry = CollectorRegistry(auto_describe=True)
        self._traffic = traffic or Traffic()
        self._received = self._counter(RECEIVED)
        self._stored = self._counter(STORED)
        self._duplicates = self._counter(DUPLICATES)
        self._applied = self._counter(APPLIED)
        self._buried = self._counter(BURIED)
        self._rejected = self._counter(REJECTED)
        self._webhook = self._histogram(WEBHOOK)
        self._sends = self._counter(SENDS)
        self._send = self._histogram(SEND)
        self._fetches = self._counter(FETCHES)
        self._orders = self._counter(ORDERS)
        self._order = self._histogram(ORDER)
        self._seen = _Seen()
        self.registry.register(self._seen)
        self._calls = CallNumbers()
        self.registry.register(self._calls)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def acknowledged(self, account: AccountKey, *, seconds: float) -> None:
        """A delivery was stored and answered 200 after so many seconds."""
        self._webhook[account].observe(seconds)

    def forged(self, account: AccountKey) -> None:
        """A delivery's signature was wrong or missing."""
        self._rejected[account].inc()
        self._traffic.forged(account)

    def took_in(self, account: AccountKey, *, stored: int, duplicates: int, applied: int) -> None:
        """A batch brought these from one account."""
        self._received[account].inc(stored + duplicates + applied)
        if stored:
            self._stored[account].inc(stored)
            self._traffic.received(account, stored)
        if duplicates:
            self._duplicates[account].inc(duplicates)
        if applied:
            self._applied[account].inc(applied)

    def buried(self, account: AccountKey) -> None:
        """A delivery could not be registered."""
        self._buried[account].inc()

    def sent(self, account: AccountKey, *, outcome: str, seconds: float) -> None:
        """A send ended as "sent", "later", "failed" or "uncertain" after so many seconds."""
        self._sends[account, outcome].inc()
        self._send[account].observe(seconds)

    def fetched(self, account: AccountKey, *, outcome: str) -> None:
        """A file was "ready", is tried "later", or "failed"."""
        self._fetches[account, outcome].inc()

    def carried(self, account: AccountKey, *, outcome: str, seconds: float) -> None:
        """An order about a call ended as "done", "later" or "failed", so many seconds after it was
        decided."""
        self._orders[account, outcome].inc()
        if outcome == "done":
            self._order[account].observe(seconds)

    async def expose(self, request: web.Request) -> web.Response:
        """GET /metrics. Without the database the counts are told all the same."""
        app = request.app
        rows: list[tuple[Any, ...]] | None = None
        board: Board | None = None
        try:
            async with asyncio.timeout(READ_SECONDS), app[DATABASE].read() as session:
                found = await (await session.connection()).execute(_QUEUES)
                rows = [tuple(row) for row in found]
                if OFFICE in app:
                    board = await call_board.read(request, session)
        except (Unavailable, TimeoutError):
            pass
        self._seen.now = app[CLOCK]()
        self._seen.rows = rows
        self._calls.board = board
        self._seen.waiting = app[BUS].waiting()
        # In a thread, as the process's own numbers are read from files.
        body = await asyncio.to_thread(generate_latest, self.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _counter(self, family: Family) -> "_Bound[Counter]":
        metric = Counter(family.name, family.meaning, family.labels, registry=self.registry)
        return _Bound(metric.labels)

    def _histogram(self, family: Family) -> "_Bound[Histogram]":
        metric = Histogram(
            family.name,
            family.meaning,
            family.labels,
            registry=self.registry,
            buckets=_BUCKETS[family],
        )
        return _Bound(metric.labels)


class _Bound(dict[AccountKey | tuple[AccountKey, str], T], Generic[T]):
    """A number of each account, or of each account and outcome, bound at its first use."""

    def __init__(self, labels: Callable[..., T]) -> None:
        super().__init__()
        self._labels = labels

    def __missing__(self, key: AccountKey | tuple[AccountKey, str]) -> T:
        account, *rest = key if isinstance(key, tuple) else (key,)
        child = self[key] = self._labels(account.channel, account.account, *rest)
        return child


class _Seen(Collector):
    """What the last scrape saw in the database and on the bus."""

    def __init__(self) -> None:
        self.now: datetime | None = None
        self.rows: list[tuple[Any, ...]] | None = None
        self.waiting = 0

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        info, up, waiting = gauge(INFO), gauge(DATABASE_UP), gauge(WAITING)
        info.add_metric([version("tereze")], 1)
        up.add_metric([], self.rows is not None)
        waiting.add_metric([], self.waiting)
        depth, oldest, health = gauge(DEPTH), gauge(OLDEST), gauge(HEALTH)
        for queue, channel, account, count, since, current in self.rows or ():
            if current is not None:
                for possible in _HEALTHS:
                    health.add_metric([channel, account, possible], possible == current)
                continue
            depth.add_metric([queue, channel, account], count)
            if since is not None and self.now is not None:
                age = max(0.0, (self.now - since).total_seconds())
                oldest.add_metric([queue, channel, account], age)
        return iter((info, up, waiting, depth, oldest, health))


def _queue(name: str, table: Any, since: Any) -> Select[Any]:
    counted = select(
        literal(name), table.channel, table.account, func.count(), func.min(since), null()
    )
    return counted.group_by(table.channel, table.account)


_QUEUES: CompoundSelect[Any] = union_all(
    _queue("outbox", Dispatch, Dispatch.created_at).where(
        col(Dispatch.state).in_(("queued", "sending"))
    ),
    _queue("media", Attachment, Attachment.created_at).where(col(Attachment.state) == "pending"),
    _queue("buried", Buried, Buried.buried_at).where(col(Buried.replayed_at).is_(None)),
    select(
        literal("health"),
        col(AccountState.channel),
        col(AccountState.account),
        literal(0),
        col(AccountState.checked_at),
        col(AccountState.health),
    ),
)
"""One statement for all that waits, and for how the accounts are."""
