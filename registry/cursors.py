"""Poll cursors: up to where a polled account's deliveries are stored."""

from datetime import datetime

from registry.statements import TEXT, TIME, Script, Statement
from registry.types import AccountKey


def read_cursor(account: AccountKey) -> Script[str | None]:
    """The saved cursor; None before the first poll."""
    rows = yield _READ, [(account.channel, account.account)]
    return rows[0][0] if rows else None


def save_cursor(account: AccountKey, cursor: str, *, now: datetime) -> Script[None]:
    """Remember that everything before `cursor` is stored."""
    yield _SAVE, [(account.channel, account.account, cursor, now)]


_READ = Statement(
    """
    SELECT p.cursor FROM {rows} JOIN poll_cursors p
      ON p.channel = r.channel AND p.account = r.account
    """,
    channel=TEXT,
    account=TEXT,
)

_SAVE = Statement(
    """
    INSERT INTO poll_cursors (channel, account, cursor, saved_at)
    SELECT channel, account, cursor, now FROM {rows} WHERE true
    ON CONFLICT (channel, account) DO UPDATE
      SET cursor = excluded.cursor, saved_at = excluded.saved_at
    """,
    channel=TEXT,
    account=TEXT,
    cursor=TEXT,
    now=TIME,
)
