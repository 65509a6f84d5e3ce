"""What the loops count. The hub gives the counters; without one, nothing is counted."""

from typing import Protocol

from registry.types import AccountKey


class Meters(Protocol):
    """Counters and timers; every call is cheap enough for a hot path."""

    def acknowledged(self, account: AccountKey, *, seconds: float) -> None:
        """A delivery was stored and answered 200 after so many seconds."""
        ...

    def forged(self, account: AccountKey) -> None:
        """A delivery's signature was wrong or missing."""
        ...

    def took_in(self, account: AccountKey, *, stored: int, duplicates: int, applied: int) -> None:
        """A batch brought these from one account."""
        ...

    def buried(self, account: AccountKey) -> None:
        """A delivery could not be registered."""
        ...

    def sent(self, account: AccountKey, *, outcome: str, seconds: float) -> None:
        """A send ended as "sent", "later", "failed" or "uncertain" after so many seconds."""
        ...

    def fetched(self, account: AccountKey, *, outcome: str) -> None:
        """A file was "ready", is tried "later", or "failed"."""
        ...

    def carried(self, account: AccountKey, *, outcome: str, seconds: float) -> None:
        """An order about a call ended as "done", "later" or "failed", so many seconds after it was
        decided."""
        ...


class NoMeters:
    """Counts nothing."""

    def acknowledged(self, account: AccountKey, *, seconds: float) -> None:
        pass

    def forged(self, account: AccountKey) -> None:
        pass

    def took_in(self, account: AccountKey, *, stored: int, duplicates: int, applied: int) -> None:
        pass

    def buried(self, account: AccountKey) -> None:
        pass

    def sent(self, account: AccountKey, *, outcome: str, seconds: float) -> None:
        pass

    def fetched(self, account: AccountKey, *, outcome: str) -> None:
        pass

    def carried(self, account: AccountKey, *, outcome: str, seconds: float) -> None:
        pass
