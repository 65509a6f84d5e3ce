"""What an account spends: counted before each paid call in the store that its processes share.

X charges for every post and message read or sent, and takes the money in advance.

Source: https://docs.x.com/x-api/getting-started/pricing
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from connectors.base import (
    AccountStore,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
)
from connectors.twitter.settings import MICRO
from registry.errors import Unavailable
from registry.types import Clock

_log = logging.getLogger(__name__)

WARN_AT = 0.8
"""Part of the cap from which on a person is warned."""
_LOOK_AGAIN = 900.0
"""Seconds: at the cap it may be a send under way that holds the money, and gives it back."""


def micro(dollars: float) -> int:
    """Millionths of a dollar."""
    return round(dollars * MICRO)


def dollars(amount: int) -> str:
    """An amount as a person reads it."""
    return f"${amount / MICRO:.2f}"


def month_of(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def next_month(moment: datetime) -> datetime:
    """When the next month begins, in UTC."""
    year, month = divmod(moment.year * 12 + moment.month, 12)
    return moment.replace(
        year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )


class Purse:
    """The money of one account, a calendar month at a time."""

    def __init__(
        self, store: AccountStore, *, cap: int | None, cheapest: int, account: str, clock: Clock
    ) -> None:
        """`cap` and the price of the `cheapest` send are in millionths of a dollar."""
        self.cap = cap
        self.cheapest = cheapest
        self._store = store
        self._account = account
        self._clock = clock

    async def spent(self) -> int:
        """This month's spend so far, what is under way included. Raises: Unreachable."""
        return await self._add(month_of(self._clock()), 0)

    @asynccontextmanager
    async def paying(self, price: int, *, cheaper: str = "") -> AsyncIterator[None]:
        """Book the price of a send; it is given back unless the send went out, or may have.

        `cheaper` tells how this send would cost less. Raises: Misconfigured when the cap pays for
        no send at all, Rejected when it does for others, Unreachable without the store.
        """
        month = month_of(self._clock())
        if not await self._book(month, price):
            left = (self.cap or 0) - await self._add(month, 0)
            raise self._too_dear(price, left, cheaper) if left >= self.cheapest else self._spent()
        try:
            yield
        except SendError as error:
            if not isinstance(error, Uncertain):
                await self._give_back(month, price)
            raise

    async def booked(self, price: int, *, least: int, most: int, besides: int = 0) -> "Booking":
        """Book the reading of up to `most` things; fewer, but not under `least`, near the cap.

        `besides` is what the page may cost whatever is on it. Raises: Throttled at the cap,
        Unreachable without the store.
        """
        now = self._clock()
        month, count = month_of(now), most
        if self.cap is not None and price:
            left = self.cap - await self._add(month, 0)
            count = min(most, (left - besides) // price)
        amount = count * price + besides
        if count < least or not await self._book(month, amount):
            until = max((next_month(now) - now).total_seconds(), 1.0)
            raise Throttled(
                "What is left of the account's monthly_cap does not pay for reading X.",
                retry_after=min(until, _LOOK_AGAIN),
                code="monthly_cap",
            )
        return Booking(self, month, amount, count)

    async def _book(self, month: str, amount: int) -> bool:
        total = await self._add(month, amount)
        if self.cap is None or total <= self.cap:
            return True
        await self._give_back(month, amount)
        return False

    async def _give_back(self, month: str, amount: int) -> None:
        try:
            await self._store.add(f"spend:{month}", -amount)
        except Unavailable:
            _log.warning("%s were booked and not spent", dollars(amount))

    async def _add(self, month: str, amount: int) -> int:
        try:
            return await self._store.add(f"spend:{month}", amount)
        except Unavailable as error:
            raise Unreachable("The account's spend cannot be counted now.") from error

    def _too_dear(self, price: int, left: int, cheaper: str) -> Rejected:
        return Rejected(
            f"This reply costs {dollars(price)}, and {dollars(left)} is left of the account's "
            f"monthly_cap: raise channels.twitter.{self._account}.monthly_cap and restart the hub, "
            f"and send it again. {cheaper}".rstrip(),
            code="monthly_cap",
        )

    def _spent(self) -> Misconfigured:
        now = self._clock()
        return Misconfigured(
            f"What is left of the account's monthly_cap of {dollars(self.cap or 0)} does not pay "
            "for a reply.",
            cure=f"Raise channels.twitter.{self._account}.monthly_cap and restart the hub, or wait "
            f"until {next_month(now):%Y-%m-%d} (UTC).",
            code="monthly_cap",
        )


class Booking:
    """The price of a page that is being read."""

    def __init__(self, purse: Purse, month: str, amount: int, count: int) -> None:
        self._purse = purse
        self._month = month
        self._amount = amount
        self.count = count
        """Things that may be asked for."""

    async def settle(self, spent: int) -> None:
        """Give back what the page did not cost."""
        unspent = self._amount - spent
        if unspent:
            await self._purse._give_back(self._month, unspent)
