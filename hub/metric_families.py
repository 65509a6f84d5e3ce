"""What a number of GET /metrics is called, what kind it is, and what it means."""

from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily


class Family(NamedTuple):
    """One number, with its labels."""

    name: str
    kind: str
    """ "counter", "histogram" or "gauge"."""
    labels: tuple[str, ...]
    meaning: str


def gauge(family: Family) -> GaugeMetricFamily:
    """An empty gauge, for a collector to fill."""
    return GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
