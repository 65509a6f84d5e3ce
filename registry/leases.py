"""Leases: the right of one process to do something alone, kept alive by renewing it."""

from datetime import datetime, timedelta

from registry.statements import TEXT, TIME, Script, Statement


def hold(name: str, *, owner: str, now: datetime, duration: timedelta) -> Script[bool]:
    """Take the lease, or renew our own; whether it is ours until `now + duration`."""
    rows = yield _HOLD, [(name, owner, now, now + duration)]
    return bool(rows)


def release(name: str, *, owner: str) -> Script[None]:
    """Give the lease back, if it is ours."""
    yield _RELEASE, [(name, owner)]


_HOLD = Statement(
    """
    INSERT INTO leases (name, owner, until) SELECT name, owner, until FROM {rows} WHERE true
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
      WHERE leases.owner = excluded.owner OR leases.until <= {first:now}
    RETURNING name
    """,
    name=TEXT,
    owner=TEXT,
    now=TIME,
    until=TIME,
)

_RELEASE = Statement(
    """
    DELETE FROM leases WHERE EXISTS (
      SELECT 1 FROM {rows} WHERE leases.name = r.name AND leases.owner = r.owner)
    """,
    name=TEXT,
    owner=TEXT,
)
