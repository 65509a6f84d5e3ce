"""The board of calls as numbers of GET /metrics: what supervisors see is what is alarmed upon."""

from collections.abc import Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.metric_families import Family, gauge
from registry.calls.board import Board

_QUEUE = ("language", "team")

WAITING = Family(
    "hub_calls_waiting",
    "gauge",
    _QUEUE,
    "Callers who wait for a person, by the language and the team that they chose.",
)
LONGEST = Family(
    "hub_calls_longest_wait_seconds", "gauge", _QUEUE, "How long the first of them has waited."
)
OPERATORS = Family(
    "hub_phone_operators",
    "gauge",
    ("state",),
    "Operators by how they are at the phone: available, ringing, busy, wrap_up, away.",
)
CALL_BACKS = Family(
    "hub_call_backs",
    "gauge",
    ("state",),
    "Who is to be called: all of them (open), and who should have been half an hour ago (overdue).",
)
TODAY = Family(
    "hub_calls_today",
    "gauge",
    ("became",),
    "Calls since midnight: all, answered, in_time (within the target), abandoned, too_late "
    "(abandoned after the target), otherwise (left a message, a call-back, an SMS instead).",
)
LEVEL = Family(
    "hub_calls_service_level_ratio",
    "gauge",
    (),
    "Answered within the target today, of all answered and all abandoned after the target.",
)
SPEED = Family(
    "hub_calls_answer_seconds", "gauge", (), "How long today's answered calls waited on average."
)
HANDLING = Family(
    "hub_calls_handling_seconds",
    "gauge",
    (),
    "How long today's calls took on average, with writing down.",
)

CALL_FAMILIES = (WAITING, LONGEST, OPERATORS, CALL_BACKS, TODAY, LEVEL, SPEED, HANDLING)

_STATES = ("available", "ringing", "busy", "wrap_up", "away")


class CallNumbers(Collector):
    """What the last scrape saw on the board; nothing while the database is away."""

    def __init__(self) -> None:
        self.board: Board | None = None

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        gauges = {family: gauge(family) for family in CALL_FAMILIES}
        if self.board is not None:
            _tell_now(self.board, gauges)
            _tell_today(self.board, gauges)
        return iter(gauges.values())


def _tell_now(board: Board, gauges: Mapping[Family, GaugeMetricFamily]) -> None:
    for queue in board.queues:
        labels = [queue.language or "", queue.team or ""]
        waited = max(0.0, (board.now - queue.since).total_seconds())
        gauges[WAITING].add_metric(labels, queue.count)
        gauges[LONGEST].add_metric(labels, waited)
    for state in _STATES:
        count = sum(one.state == state for one in board.operators)
        gauges[OPERATORS].add_metric([state], count)
    gauges[CALL_BACKS].add_metric(["open"], board.open_call_backs)
    gauges[CALL_BACKS].add_metric(["overdue"], board.overdue_call_backs)


def _tell_today(board: Board, gauges: Mapping[Family, GaugeMetricFamily]) -> None:
    today = board.today
    gauges[TODAY].add_metric(["all"], today.calls)
    for name in ("answered", "in_time", "abandoned", "too_late", "otherwise"):
        gauges[TODAY].add_metric([name], getattr(today, name))
    for family, value in (
        (LEVEL, today.service_level),
        (SPEED, today.speed_of_answer),
        (HANDLING, today.handling_time),
    ):
        if value is not None:
            gauges[family].add_metric([], value)
