"""What an account must not forget, kept in the database: tokens that were renewed, money spent.

It is the `AccountStore` of `connectors.base`. Values are sealed with the hub's key, so that a copy
of the database gives no token away.
"""

from pydantic import SecretStr

from registry.db import Database
from registry.sealing import seal, unseal
from registry.statements import ID, TEXT, TIME, Script, Statement
from registry.types import AccountKey, Clock


class DatabaseStore:
    """The store of one account."""

    def __init__(
        self, database: Database, account: AccountKey, *, secret_key: SecretStr, clock: Clock
    ) -> None:
        self._database = database
        self._account = account
        self._secret_key = secret_key
        self._clock = clock

    async def read(self, name: str) -> str | None:
        """The value under a name; None when there is none that our key opens."""
        sealed = await self._database.run(_read(self._account, name))
        return None if sealed is None else unseal(self._secret_key, self._purpose(name), sealed)

    async def write(self, name: str, value: str) -> None:
        """Keep a value in place of the one before."""
        sealed = seal(self._secret_key, self._purpose(name), value)
        account = (self._account.channel, self._account.account)
        await self._database.run(_write((*account, name, sealed, self._clock())))

    async def add(self, name: str, amount: int) -> int:
        """Add to a number that starts at 0; gives the new one."""
        account = (self._account.channel, self._account.account)
        return await self._database.run(_add((*account, name, amount, self._clock())))

    def _purpose(self, name: str) -> str:
        return f"account:{self._account}:{name}"


def _read(account: AccountKey, name: str) -> Script[str | None]:
    rows = yield _READ, [(account.channel, account.account, name)]
    return rows[0][0] if rows else None


def _write(row: tuple[object, ...]) -> Script[None]:
    yield _WRITE, [row]


def _add(row: tuple[object, ...]) -> Script[int]:
    rows = yield _ADD, [row]
    number: int = rows[0][0]
    return number


_READ = Statement(
    """
    SELECT v.sealed FROM {rows} JOIN account_values v
      ON v.channel = r.channel AND v.account = r.account AND v.name = r.name
    """,
    channel=TEXT,
    account=TEXT,
    name=TEXT,
)

_WRITE = Statement(
    """
    INSERT INTO account_values (channel, account, name, sealed, changed_at)
    SELECT channel, account, name, sealed, now FROM {rows} WHERE true
    ON CONFLICT (channel, account, name) DO UPDATE
      SET sealed = excluded.sealed, changed_at = excluded.changed_at
    """,
    channel=TEXT,
    account=TEXT,
    name=TEXT,
    sealed=TEXT,
    now=TIME,
)

_ADD = Statement(
    """
    INSERT INTO account_values (channel, account, name, number, changed_at)
    SELECT channel, account, name, amount, now FROM {rows} WHERE true
    ON CONFLICT (channel, account, name) DO UPDATE
      SET number = account_values.number + excluded.number, changed_at = excluded.changed_at
    RETURNING number
    """,
    channel=TEXT,
    account=TEXT,
    name=TEXT,
    amount=ID,
    now=TIME,
)
