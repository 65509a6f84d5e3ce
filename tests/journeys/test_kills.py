"""Kills: the process dies at random instants under load, and nothing is lost and nothing doubled.

Citizens write and operators answer all the while, and try again as Telegram and a client with an
Idempotency-Key do. Each life of the hub ends by SIGKILL, some of them before it serves. The seed
of the instants is printed; `KILLS_SEED` in the environment repeats it.
"""

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from connectors.telegram import sandbox
from connectors.telegram.citizens import Citizen, Received
from connectors.telegram.samples import photo
from connectors.telegram.sandbox import TelegramSandbox
from connectors.testing.sandbox import Call, Handler, Route
from tests.journeys.conftest import StartHub
from tests.journeys.process import LOOK_AGAIN, Hub, stored

CITIZENS = 60
"""Who write and are answered."""
WRITERS = 4
"""Who only write, as fast as they are heard."""
AHEAD = 2
"""Parts that may be under way to one citizen before the next reply is written."""
LEASE = {"HUB_OUTBOX__SEND_TIMEOUT_SECONDS": "2", "HUB_OUTBOX__LEASE_SECONDS": "3"}
"""Short, so that what a killed process held is soon known to be uncertain."""
PICTURE = photo()
SETTLED = 60.0
"""Seconds in which everything comes to its end after the last kill."""


class FarAway(TelegramSandbox):
    """Telegram as far away as it is: a call takes a while, before it takes effect and after."""

    latency = 0.02

    def routes(self) -> Iterator[Route]:
        for route in super().routes():
            yield Route(route.method, route.path, self._slowed(route.handler))

    def _slowed(self, handler: Handler) -> Handler:
        async def handle(call: Call) -> web.Response:
            await asyncio.sleep(self.latency)
            try:
                return await handler(call)
            finally:
                await asyncio.sleep(self.latency)

        return handle


@pytest.fixture
async def telegram(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FarAway]:
    # Telegram would wait longer and longer, and no load would be left.
    monkeypatch.setattr(sandbox, "_LONGEST_PAUSE", 0.2)
    async with FarAway(retries=True, first_pause=0.05) as running:
        yield running


@dataclass
class Reply:
    """A reply that the hub answered 202."""

    id: str
    parts: Sequence[str]
    """Each part's first line, by which it is known when it arrives."""


@dataclass
class Load:
    """What citizens and operators did, as they know it."""

    hub: Hub
    telegram: TelegramSandbox
    delivered: dict[str, str] = field(default_factory=dict)
    """The texts of updates that the webhook answered 200, by their external ids."""
    replies: defaultdict[int, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    """By citizen, in the order in which they were accepted."""
    pictures: int = 0
    numbers: dict[int, str] = field(default_factory=dict)
    """Of the citizens' appeals."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, citizens: Iterable[Citizen]) -> None:
        """Let everybody write once, while the hub lives in peace."""
        for citizen in citizens:
            await self._say(citizen, "Сәлеметсіз бе!")
            self.numbers[citizen.id] = (await self.hub.appeals())[0]["number"]

    async def talk(self, citizen: Citizen) -> None:
        """Write and be answered, again and again, until it is enough."""
        number = self.numbers[citizen.id]
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            await self._say(citizen, f"{turn}-хабар")
            await self._say(citizen, f"{turn}-сурет", picture=True)
            parts = [f"{citizen.id}-ге жауап {turn}"]
            text = parts[0]
            if turn % 4 == 0:
                parts = [f"{text}, {part}-бөлік" for part in (1, 2)]
                text = "\n\n".join(part + "\n" + "сөз " * 900 for part in parts)
            id_ = await self._reply(number, text, key=f"{citizen.id}-{turn}")
            self.replies[citizen.id].append(Reply(id_, parts))
            await self._not_too_far_ahead(citizen)

    async def write(self, citizen: Citizen) -> None:
        """Write without a pause, until it is enough."""
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            await self._say(citizen, f"{turn}-хабар")

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self.stopping.set()
        self.telegram.changed()

    async def _say(self, citizen: Citizen, said: str, *, picture: bool = False) -> None:
        """Write; Telegram delivers it again and again until it is answered 200."""
        said = f"{citizen.id}: {said}"
        posted = await (citizen.photo(said, content=PICTURE) if picture else citizen.say(said))
        assert posted.status == 200
        self.delivered[posted.external_id] = said
        self.pictures += picture

    async def _reply(self, number: str, text: str, *, key: str) -> str:
        """Post a reply until it is accepted: the key makes that safe."""
        while True:
            try:
                reply = await self.hub.send(number, text, key=key)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(LOOK_AGAIN)
                continue
            if reply.status != 503:
                assert reply.status == 202, reply
                id_: str = reply.json["id"]
                return id_

    async def _not_too_far_ahead(self, citizen: Citizen) -> None:
        """Let the outbox keep up, so that every kill finds sends under way."""
        wanted = sum(len(reply.parts) for reply in self.replies[citizen.id]) - AHEAD
        await self.telegram.until(
            lambda: len(citizen.received) >= wanted or self.stopping.is_set(), timeout=SETTLED
        )


async def kill_again_and_again(hub: Hub, *, times: int, rng: random.Random) -> int:
    """Kill the hub at random instants, and start it after each; how often it had not served yet."""
    unborn = 0
    for n in range(times):
        if n % 4 == 3:
            await asyncio.sleep(rng.uniform(0, 0.4))
        else:
            await hub.logged("ready")
            await asyncio.sleep(rng.uniform(0, 1.6))
        unborn += not any(event["event"] == "ready" for event in hub.present)
        await hub.kill()
        await hub.start()
    return unborn


async def nothing_is_lost_and_nothing_doubled(
    start_hub: StartHub, telegram: FarAway, *, kills: int
) -> None:
    seed = int(os.environ.get("KILLS_SEED", random.randrange(10**6)))
    print(f"KILLS_SEED={seed}")
    hub = await start_hub(environ=LEASE)
    load = Load(hub, telegram)
    citizens = [telegram.citizen(name=f"Азамат {n}") for n in range(CITIZENS + WRITERS)]
    await load.open(citizens)
    async with asyncio.TaskGroup() as group:
        for citizen in citizens[:CITIZENS]:
            group.create_task(load.talk(citizen))
        for citizen in citizens[CITIZENS:]:
            group.create_task(load.write(citizen))
        unborn = await kill_again_and_again(hub, times=kills, rng=random.Random(seed))
        load.stop()
    await settled(hub)

    uncertain = await ever_uncertain(hub)
    replies = [reply for each in load.replies.values() for reply in each]
    print(
        f"{kills} kills, {unborn} before it served; {len(load.delivered)} deliveries, "
        f"{len(replies)} replies, {len(uncertain)} uncertain"
    )
    await everything_delivered_is_registered_once(hub, load, citizens)
    await every_reply_is_there_once(hub, replies)
    first = Counter(arrivals(telegram.sent))
    for reply in replies:
        for part in reply.parts:
            if reply.id in uncertain:
                assert first[part] <= 1, f"{part} arrived again without being asked to"
            else:
                assert first[part] == 1, f"{part} arrived {first[part]} times"
    for citizen in citizens:
        assert in_order(arrivals(citizen.received), load.replies[citizen.id])

    await retry_what_is_uncertain(hub)
    second = Counter(arrivals(telegram.sent))
    for reply in replies:
        assert all(second[part] for part in reply.parts), f"{reply.parts[0]} never arrived"
        repeated = sum(second[part] - 1 for part in reply.parts)
        assert repeated <= (reply.id in uncertain)
    assert await states(hub) == {"sent"}


async def everything_delivered_is_registered_once(
    hub: Hub, load: Load, citizens: Sequence[Citizen]
) -> None:
    registered = await stored(
        hub.database_url,
        "SELECT e.external_id, m.text FROM messages m JOIN external_ids e ON e.message_id = m.id "
        "WHERE m.direction = 'in'",
    )
    assert len(registered) == len(load.delivered)
    assert dict(registered) == load.delivered
    ((messages,),) = await stored(
        hub.database_url, "SELECT count(*) FROM messages WHERE direction = 'in'"
    )
    assert messages == len(load.delivered)
    appeals = await stored(
        hub.database_url,
        "SELECT a.message_count, count(m.id) FROM appeals a JOIN messages m ON m.appeal_id = a.id "
        "GROUP BY a.id, a.message_count",
    )
    assert len(appeals) == len(citizens)
    assert all(counted == there for counted, there in appeals)
    assert await stored(hub.database_url, "SELECT count(*) FROM contacts") == [(len(citizens),)]
    assert await stored(hub.database_url, "SELECT count(*) FROM buried") == [(0,)]
    for citizen in citizens:
        messages = (await hub.appeal_of(citizen))["messages"]
        said = [message["text"] for message in messages if message["direction"] == "in"]
        assert said == [t for t in load.delivered.values() if t.startswith(f"{citizen.id}:")]
    files = await stored(hub.database_url, "SELECT state FROM attachments")
    assert len(files) == load.pictures
    assert {state for (state,) in files} <= {"pending", "ready"}


async def every_reply_is_there_once(hub: Hub, replies: Sequence[Reply]) -> None:
    there = await stored(hub.database_url, "SELECT id FROM messages WHERE direction = 'out'")
    assert sorted(int(reply.id) for reply in replies) == sorted(id_ for (id_,) in there)


def arrivals(received: Iterable[Received]) -> list[str]:
    """The parts that arrived, each by its first line."""
    return [each.text.partition("\n")[0] for each in received]


def in_order(received: Iterable[str], replies: Sequence[Reply]) -> bool:
    """Whether what arrived is what was replied, in that order; some of it may be missing."""
    expected = iter(part for reply in replies for part in reply.parts)
    return all(text in expected for text in received)


async def settled(hub: Hub) -> None:
    """Wait until no reply waits or is under way."""
    await hub.ready()

    async def quiet() -> bool:
        return not await states(hub) & {"queued", "sending"}

    await hub.eventually(quiet, within=SETTLED)


async def states(hub: Hub) -> set[str]:
    """The delivery states that there are."""
    found = await stored(
        hub.database_url, "SELECT DISTINCT state FROM messages WHERE direction = 'out'"
    )
    return {state for (state,) in found}


async def ever_uncertain(hub: Hub) -> set[str]:
    """The ids of messages whose outcome nobody knew at some time."""
    found = await stored(
        hub.database_url,
        "SELECT DISTINCT message_id FROM journal WHERE event = 'message.uncertain'",
    )
    return {str(id_) for (id_,) in found}


async def retry_what_is_uncertain(hub: Hub) -> None:
    """Send again, on purpose, what may not have arrived."""
    found = await stored(hub.database_url, "SELECT id FROM messages WHERE state = 'uncertain'")
    for (id_,) in found:
        assert (await hub.retry(str(id_))).status == 409
        assert (await hub.retry(str(id_), even_if_sent=True)).status == 202
    await settled(hub)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_sqlite_kills_lose_nothing_and_double_nothing(
    start_hub: StartHub, telegram: FarAway
) -> None:
    await nothing_is_lost_and_nothing_doubled(start_hub, telegram, kills=22)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_on_postgresql_kills_lose_nothing_and_double_nothing(
    start_hub: StartHub, telegram: FarAway
) -> None:
    await nothing_is_lost_and_nothing_doubled(start_hub, telegram, kills=6)
