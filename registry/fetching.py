"""Files that wait to be fetched: claimed under a lease, then ready, due again, or failed."""

from datetime import datetime, timedelta

from msgspec import Struct

from registry.columns import from_stored
from registry.media import UNKNOWN, Stored
from registry.statements import ID, TEXT, TIME, Script, Statement


class Waiting(Struct, frozen=True, kw_only=True):
    """A file that its holder may fetch until the lease runs out."""

    id: int
    channel: str
    account: str
    kind: str
    ref: str
    name: str | None
    mime: str | None
    size: int | None
    attempts: int
    created_at: datetime
    number: str | None
    """Of the appeal it belongs to."""


def claim_files(*, limit: int, now: datetime, lease: timedelta) -> Script[list[Waiting]]:
    """Lease up to `limit` files that are due, the oldest first."""
    rows = yield _DUE, [(now, limit)]
    if rows:
        yield _LEASE, [(row[0], now + lease) for row in rows]
    return [
        Waiting(
            id=id_, channel=channel, account=account, kind=kind, ref=ref, name=name, mime=mime,
            size=size, attempts=attempts, created_at=from_stored(created_at), number=number,
        )
        for id_, channel, account, kind, ref, name, mime, size, attempts, created_at, number in rows
    ]  # fmt: skip


def file_ready(file_id: int, stored: Stored) -> Script[None]:
    """The file lies in the store; what its bytes say it is outweighs the provider's word."""
    mime = None if stored.mime == UNKNOWN else stored.mime
    yield _READY, [(file_id, stored.path, stored.size, stored.sha256, mime)]


def file_later(file_id: int, reason: str, *, due_at: datetime) -> Script[None]:
    """The file may be had later."""
    yield _LATER, [(file_id, reason, due_at)]


def file_failed(file_id: int, reason: str) -> Script[None]:
    """The file will not be had."""
    yield _FAILED, [(file_id, reason)]


_DUE = Statement(
    """
    SELECT f.id, f.channel, f.account, f.kind, f.ref, f.name, f.mime, f.size, f.attempts,
      f.created_at, a.number
    FROM {rows} JOIN attachments f ON f.state = 'pending' AND f.retry_at <= r.now
    LEFT JOIN messages m ON m.id = f.message_id
    LEFT JOIN appeals a ON a.id = m.appeal_id
    ORDER BY f.retry_at, f.id
    LIMIT {first:n}
    {claim:f}
    """,
    now=TIME,
    n=ID,
)

_LEASE = Statement(
    """
    UPDATE attachments SET retry_at = r.until, attempts = attempts + 1
    FROM {rows} WHERE attachments.id = r.id
    """,
    id=ID,
    until=TIME,
)

_READY = Statement(
    """
    UPDATE attachments SET state = 'ready', path = r.path, size = r.size, sha256 = r.sha256,
      mime = coalesce(r.mime, attachments.mime), error = NULL, retry_at = NULL
    FROM {rows} WHERE attachments.id = r.id
    """,
    id=ID,
    path=TEXT,
    size=ID,
    sha256=TEXT,
    mime=TEXT,
)

_LATER = Statement(
    """
    UPDATE attachments SET error = r.reason, retry_at = r.due_at
    FROM {rows} WHERE attachments.id = r.id
    """,
    id=ID,
    reason=TEXT,
    due_at=TIME,
)

_FAILED = Statement(
    """
    UPDATE attachments SET state = 'failed', error = r.reason, retry_at = NULL
    FROM {rows} WHERE attachments.id = r.id
    """,
    id=ID,
    reason=TEXT,
)
