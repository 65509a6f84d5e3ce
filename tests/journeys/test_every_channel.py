"""All channels at once: each citizen is answered where they wrote, by whom they wrote to."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from connectors.telegram.samples import photo
from tests.journeys.channels import EVERY, Account, Heard, Writer, all_running
from tests.journeys.process import Hub, Nursery

PICTURE = photo(7)


class StartTown(Protocol):
    """Starts a hub on accounts that run; both end with the test."""

    async def __call__(
        self, *accounts: Account, tables: Mapping[str, Mapping[str, object]] | None = None
    ) -> Hub: ...


@pytest.fixture
async def start_town(
    nursery: Nursery, database_url: str, tmp_path: Path
) -> AsyncIterator[StartTown]:
    """A hub that serves, whose accounts are well and deliver; it logs no fault of its own."""
    hubs: list[Hub] = []
    async with AsyncExitStack() as stack:

        async def start(
            *accounts: Account, tables: Mapping[str, Mapping[str, object]] | None = None
        ) -> Hub:
            hub = Hub(
                nursery=nursery,
                folder=tmp_path / "hub",
                database_url=database_url,
                channels=await stack.enter_async_context(all_running(accounts)),
                tables=tables,
            )
            hubs.append(hub)
            for account in accounts:
                account.expect(hub.url)
            await stack.enter_async_context(hub)
            for account in accounts:
                await account.listen(hub.url)
            return hub

        yield start
    assert [line for hub in hubs for line in hub.tracebacks] == []


async def appeals_with(hub: Hub, said: Mapping[Writer, str]) -> dict[Writer, dict[str, Any]]:
    """For each writer the one appeal in which they said this, as the list shows it; waits."""

    async def find() -> dict[Writer, dict[str, Any]] | None:
        listed = await hub.appeals()
        found = {}
        for writer, text in said.items():
            where = (writer.account.channel, writer.account.name)
            mine = [
                each
                for each in listed
                if text in each["subject"] and (each["channel"], each["account"]) == where
            ]
            assert len(mine) <= 1, mine
            found |= {writer: each for each in mine}
        return found if len(found) == len(said) else None

    return await hub.eventually(find)


async def appeal_with(hub: Hub, writer: Writer, text: str) -> dict[str, Any]:
    """The one appeal in which a writer said this; waits for it."""
    return (await appeals_with(hub, {writer: text}))[writer]


async def answered(hub: Hub, number: str, text: str, **more: Any) -> str:
    """The id of a reply that the hub took."""
    reply = await hub.send(number, text, **more)
    assert reply.status == 202, reply
    id_: str = reply.json["id"]
    return id_


# --- Everybody is answered ------------------------------------------------------------------------

class Talk:
    """What one citizen and the operator write to each other."""

    def __init__(self, hub: Hub, writer: Writer) -> None:
        self.hub = hub
        self.writer = writer
        self.number = ""
        self.asked = f"Сәлеметсіз бе! Жарық жоқ. {writer.place}"
        self.first = f"Бірінші жауап. {writer.place}"
        while len(self.first) <= writer.longest:
            self.first += " Бригада жолға шықты, жарық сағат алтыда болады."
        self.second = f"Екінші жауап. {writer.place}"
        self._replies: list[str] = []

    async def is_answered(self) -> None:
        """The operator answers twice, with a picture where the channel takes one; both go out."""
        files = []
        if self.writer.takes_pictures:
            files = [await self.hub.upload(PICTURE, name="jol.jpg", mime="image/jpeg")]
        self._replies = [
            await answered(self.hub, self.number, self.first),
            await answered(self.hub, self.number, self.second, attachments=files),
        ]
        for id_ in self._replies:
            await self.hub.went(id_)

    async def is_in(self, state: str) -> bool:
        """Whether both replies are in this state."""
        messages = (await self.hub.get(f"appeals/{self.number}"))["messages"]
        found = {each["id"]: each["delivery"] for each in messages}
        return [found[id_]["state"] for id_ in self._replies] == [state, state]

    async def is_as_told(self) -> int:
        """The citizen has the answers, whole and in order, and nothing else; how many messages."""
        heard = await self.writer.heard()
        texts = [one.text for one in heard]
        assert " ".join(texts).split() == [*self.first.split(), *self.second.split()]
        before = texts.index(self.second)
        assert (before > 1) == bool(self.writer.longest), texts
        pictures = [one.picture for one in heard[before:] if one.picture is not None]
        assert [one.picture for one in heard[:before]] == [None] * before
        assert pictures == [PICTURE] * self.writer.takes_pictures
        if self.writer.public:
            self._stands_in_the_thread(heard)
        return len(heard)

    def _stands_in_the_thread(self, heard: Sequence[Heard]) -> None:
        """Under what the citizen wrote, or under an answer that stands there."""
        there = set(self.writer.wrote)
        for one in heard:
            assert one.answers in there, (self.writer.place, one)
            there.add(one.id)


async def all_became(hub: Hub, wanted: Mapping[Talk, str]) -> None:
    """Wait until the replies of each talk are in its state."""

    async def all_are() -> bool:
        for talk in list(left):
            if await talk.is_in(wanted[talk]):
                left.remove(talk)
        return not left

    left = list(wanted)
    await hub.eventually(all_are)


async def test_on_every_channel_a_citizen_is_answered_where_they_wrote(
    start_town: StartTown,
) -> None:
    accounts = [kind(kind.__name__.lower()) for kind in EVERY]
    hub = await start_town(*accounts)
    writers = [place(account, 1) for account in accounts for place in account.writers]
    talks = [Talk(hub, writer) for writer in writers]

    await asyncio.gather(*(talk.writer.say(talk.asked) for talk in talks))
    assert {status for writer in writers for status in writer.statuses} == {200, None}
    appeals = await appeals_with(hub, {talk.writer: talk.asked for talk in talks})
    for talk in talks:
        appeal = appeals[talk.writer]
        talk.number = appeal["number"]
        assert (appeal["status"], appeal["message_count"]) == ("new", 1)
    assert len(await hub.appeals()) == len(talks)

    await asyncio.gather(*(talk.is_answered() for talk in talks))
    await asyncio.gather(*(talk.writer.look() for talk in talks))
    await all_became(hub, {talk: talk.writer.ends_as for talk in talks})

    arrived = dict.fromkeys(accounts, 0)
    for talk in talks:
        arrived[talk.writer.account] += await talk.is_as_told()
    assert {account: account.sent() for account in accounts} == arrived
    assert len(await hub.appeals()) == len(talks)
    assert {account["health"] for account in await hub.accounts()} == {"ok"}
