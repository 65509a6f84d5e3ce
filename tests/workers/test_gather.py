"""Group commit: what waits becomes the next batch, and everyone learns what became of theirs."""

import asyncio
from collections.abc import Sequence

import pytest

from registry.errors import Unavailable
from registry.types import Envelope
from tests.registry.samples import START
from workers.bus import Full, Topic
from workers.bus_local import LocalBus
from workers.gather import Closed, Gatherer


class Writer:
    """Writes when told to, and remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.may_end = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def write(self, batch: Sequence[int]) -> None:
        self.batches.append(list(batch))
        self.begun.release()
        await self.may_end.acquire()
        if self.error is not None:
            raise self.error


async def test_what_waits_while_one_batch_is_written_is_the_next_batch() -> None:
    writer = Writer()
    gatherer = Gatherer(writer.write, batch=3, name="test")
    first = asyncio.create_task(gatherer.add(0))
    await writer.begun.acquire()
    rest = [asyncio.create_task(gatherer.add(n)) for n in range(1, 6)]
    await asyncio.sleep(0)
    assert not first.done()
    for _ in range(3):
        writer.may_end.release()
    await asyncio.gather(first, *rest)
    assert writer.batches == [[0], [1, 2, 3], [4, 5]]
    await gatherer.close()


async def test_an_error_reaches_those_of_its_batch_and_nobody_else() -> None:
    writer = Writer()
    gatherer = Gatherer(writer.write, batch=10, name="test")
    writer.error = Unavailable("full")
    writer.may_end.release()
    with pytest.raises(Unavailable):
        await gatherer.add(1)
    writer.error = None
    writer.may_end.release()
    await gatherer.add(2)
    await gatherer.close()


async def test_one_who_goes_away_takes_nobody_along() -> None:
    writer = Writer()
    gatherer = Gatherer(writer.write, batch=10, name="test")
    first = asyncio.create_task(gatherer.add(0))
    await writer.begun.acquire()
    leaving, staying = (asyncio.create_task(gatherer.add(n)) for n in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    for _ in range(2):
        writer.may_end.release()
    await asyncio.gather(first, staying)
    assert writer.batches == [[0], [1, 2]]
    await gatherer.close()


async def test_closing_writes_what_waits_and_takes_nothing_more() -> None:
    writer = Writer()
    gatherer = Gatherer(writer.write, batch=10, name="test")
    first = asyncio.create_task(gatherer.add(0))
    await writer.begun.acquire()
    waiting = asyncio.create_task(gatherer.add(1))
    await asyncio.sleep(0)
    closing = asyncio.create_task(gatherer.close())
    for _ in range(2):
        writer.may_end.release()
    await asyncio.gather(first, waiting, closing)
    assert writer.batches == [[0], [1]]
    with pytest.raises(Closed):
        await gatherer.add(2)


def envelope(n: int) -> Envelope:
    return Envelope(
        id=str(n), channel="telegram", account="main", headers={}, body=b"{}", received_at=START
    )


async def test_the_bus_takes_no_more_than_it_may_hold() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def process(_batch: Sequence[Envelope]) -> None:
        begun.set()
        await go.wait()

    bus = LocalBus(process, capacity=2)
    under_way = asyncio.create_task(bus.put(envelope(0)))
    await begun.wait()
    waiting = [asyncio.create_task(bus.put(envelope(n))) for n in (1, 2)]
    await asyncio.sleep(0)
    assert bus.waiting() == 2
    with pytest.raises(Full):
        await bus.put(envelope(3))
    go.set()
    await asyncio.gather(under_way, *waiting)
    await bus.close()
    with pytest.raises(Unavailable):
        await bus.put(envelope(4))


async def test_every_listener_hears_its_topic_even_when_it_was_busy() -> None:
    async def process(_batch: Sequence[Envelope]) -> None:
        return None

    bus = LocalBus(process, capacity=2)
    first, second = bus.listen(Topic.OUTBOX), bus.listen(Topic.OUTBOX)
    other = bus.listen(Topic.MEDIA)
    bus.wake(Topic.OUTBOX)
    assert await first.wait(within=1)
    assert await second.wait(within=1)
    assert not await second.wait(within=0.001)
    assert not await other.wait(within=0.001)
    await bus.close()
