"""Group commit: whatever waits while one batch is being written becomes the next batch."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The gatherer takes nothing more."""


class Gatherer(Generic[T]):
    """Hands what is added to `write` in batches; `add` returns when its batch is written.

    No timer: a lone item goes at once, and batches grow with the load. What `write` raises reaches
    everyone whose item was in the batch.
    """

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[None]], *, batch: int, name: str
    ) -> None:
        self._write = write
        self._batch = batch
        self._waiting: deque[tuple[T, asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name=name)

    def __len__(self) -> int:
        return len(self._waiting)

    async def add(self, item: T) -> None:
        """Return once the item is written. Raises: Closed, and whatever `write` raises."""
        if self._closing:
            raise Closed
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        await future

    async def close(self) -> None:
        """Take nothing more, and return once everything is written."""
        self._closing = True
        self._arrived.set()
        await self._task

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            while self._waiting:
                size = min(self._batch, len(self._waiting))
                batch = list(islice(self._waiting, size))
                for _ in range(size):
                    self._waiting.popleft()
                await self._settle(batch)
            if self._closing:
                return
            self._arrived.clear()

    async def _settle(self, batch: Sequence[tuple[T, "asyncio.Future[None]"]]) -> None:
        error: BaseException | None = None
        try:
            await self._write([item for item, _ in batch])
        except Exception as raised:  # noqa: BLE001  whoever waits is told; the next batch goes on
            error = raised
        for _, future in batch:
            if future.done():  # whoever waited has gone
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
