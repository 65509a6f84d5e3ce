"""What every account brings, counted in slots of five minutes: what is usual is learnt from it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from registry.columns import from_stored
from registry.statements import ID, TEXT, TIME, Script, Statement
from registry.types import AccountKey

SLOT = timedelta(minutes=5)
KEPT = timedelta(weeks=6)
"""How long the counts are worth keeping."""


class Slot(Struct, frozen=True):
    """What one account brought within five minutes."""

    account: AccountKey
    start: datetime
    received: int
    forged: int


def slot_of(moment: datetime) -> datetime:
    """When the slot began in which a moment lies."""
    return moment - timedelta(
        minutes=moment.minute % 5, seconds=moment.second, microseconds=moment.microsecond
    )


def add_traffic(slots: Sequence[Slot]) -> Script[None]:
    """Add to the counts of slots, whoever else adds to them."""
    rows = [(s.account.channel, s.account.account, s.start, s.received, s.forged) for s in slots]
    yield _ADD, sorted(rows)


def read_traffic(account: AccountKey, *, since: datetime) -> Script[list[Slot]]:
    """The account's slots that brought anything since a moment, oldest first."""
    rows = yield _READ, [(account.channel, account.account, since)]
    return [Slot(account, from_stored(start), received, forged) for start, received, forged in rows]


def forget_traffic(*, before: datetime) -> Script[None]:
    """Remove what is too old to learn from."""
    yield _FORGET, [(before,)]


_ADD = Statement(
    """
    INSERT INTO traffic (channel, account, slot, received, forged)
    SELECT channel, account, slot, received, forged FROM {rows} WHERE true
    ON CONFLICT (channel, account, slot) DO UPDATE
      SET received = traffic.received + excluded.received,
          forged = traffic.forged + excluded.forged
    """,
    channel=TEXT,
    account=TEXT,
    slot=TIME,
    received=ID,
    forged=ID,
)

_READ = Statement(
    """
    SELECT t.slot, t.received, t.forged FROM {rows} JOIN traffic t
      ON t.channel = r.channel AND t.account = r.account AND t.slot >= r.since
    ORDER BY t.slot
    """,
    channel=TEXT,
    account=TEXT,
    since=TIME,
)

_FORGET = Statement(
    "DELETE FROM traffic WHERE slot < (SELECT r.before FROM {rows})",
    before=TIME,
)
