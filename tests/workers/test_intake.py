"""Intake: poisoned items stand alone, the buried are kept whole, and a replay registers them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from sqlalchemy import text

from connectors.base import AccountSettings, Malformed
from registry.burial import list_buried
from registry.db import Database
from registry.errors import NotFound, Unavailable
from registry.types import (
    AccountKey,
    Capabilities,
    ContactPoint,
    Envelope,
    Inbound,
    InboundMessage,
    MessageDeleted,
    Sender,
    Unreadable,
)
from tests.conftest import FakeClock
from tests.registry.samples import RULES, START
from workers.intake import UNSHOWABLE, Intake

MAIN = AccountKey("plain", "main")


class Plain:
    """A channel whose body is a list of items in our own words."""

    name: ClassVar[str] = "plain"
    capabilities: ClassVar[Capabilities] = Capabilities(max_text=100)
    Settings: ClassVar[type[AccountSettings]] = AccountSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()
    account = "main"
    learnt = False
    """Whether this version of the connector reads what the one before could not."""

    def verify(self, envelope: Envelope) -> None:
        """Everybody is believed."""

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        try:
            items = json.loads(envelope.body)
        except ValueError as error:
            raise Malformed("The body is no JSON.") from error
        return [self._read(item) for item in items]

    def _read(self, item: dict[str, Any]) -> Inbound:
        if item.get("bug"):
            raise ZeroDivisionError
        if item.get("broken") and not self.learnt:
            return Unreadable(reason="No sender.", item="[0]")
        if "deleted" in item:
            at = datetime(2026, 1, 1) if item.get("naive") else START  # noqa: DTZ001
            return MessageDeleted(
                channel="plain", account="main", external_id=item["deleted"], at=at
            )
        strange = bool(item.get("strange")) and not self.learnt
        return InboundMessage(
            channel="plain",
            account="main",
            external_id=item["id"],
            conversation=item.get("from", "7"),
            sender=Sender(point=ContactPoint("plain", item.get("from", "7")), name="Ерлан"),
            sent_at=datetime(2026, 1, 1) if item.get("naive") else START,  # noqa: DTZ001
            text="?" if strange else item.get("text", "Сәлем"),
            unreadable=strange,
            sequence=item.get("sequence", 0),
        )

    async def send(self, message: Any) -> Any:
        raise AssertionError("nothing is sent here")

    async def close(self) -> None:
        """There is nothing to let go of."""


@pytest.fixture
def connector() -> Plain:
    return Plain()


@pytest.fixture
def intake(database: Database, connector: Plain, clock: FakeClock) -> Intake:
    return Intake(database, {MAIN: connector}, rules=RULES, clock=clock)


def delivery(*items: dict[str, Any], id_: str = "e1", body: bytes | None = None) -> Envelope:
    return Envelope(
        id=id_,
        channel="plain",
        account="main",
        headers={"x-kept": "yes"},
        body=json.dumps(items).encode() if body is None else body,
        received_at=datetime(2026, 3, 2, 4, 0, tzinfo=UTC),
    )


async def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        found = await (await session.connection()).execute(text(sql))
        return [tuple(row) for row in found]


async def test_a_delivery_that_cannot_be_read_is_buried_whole_and_once(
    intake: Intake, database: Database
) -> None:
    for _ in range(3):
        await intake.process([delivery(body=b"\xff\x00 not JSON")])
    async with database.read() as session:
        [buried] = await list_buried(session, limit=10)
    assert buried.body == b"\xff\x00 not JSON"
    assert buried.headers == {"x-kept": "yes"}
    assert buried.reason == "The body is no JSON."


async def test_a_bad_item_loses_none_of_its_neighbours(intake: Intake, database: Database) -> None:
    await intake.process(
        [
            delivery({"id": "1"}, {"broken": True}, {"id": "2"}, id_="a"),
            delivery({"bug": True}, id_="b"),
            delivery({"id": "3"}, id_="c"),
        ]
    )
    assert await rows(database, "SELECT count(*) FROM messages") == [(3,)]
    found = await rows(database, "SELECT envelope_id, reason FROM buried ORDER BY envelope_id")
    assert found == [
        ("a", "No sender."),
        ("b", "The connector failed to read it: ZeroDivisionError."),
    ]


async def test_an_item_that_the_registry_refuses_is_shown_and_buried_alone(
    intake: Intake, database: Database
) -> None:
    """A sequence beyond 63 bits passes the connector, and no database takes it."""
    poisoned = {"id": "9", "sequence": 2**70, "from": "8"}
    await intake.process([delivery({"id": str(n)}, id_=str(n)) for n in range(8)])
    await intake.process(
        [delivery({"id": f"x{n}"}, id_=f"x{n}") for n in range(5)]
        + [delivery(poisoned, id_="poisoned")]
        + [delivery({"id": f"y{n}"}, id_=f"y{n}") for n in range(5)]
    )
    assert await rows(database, "SELECT count(*) FROM messages") == [(19,)]
    shown = await rows(
        database,
        "SELECT m.text, m.unreadable, b.envelope_id FROM messages m"
        " JOIN buried b ON b.message_id = m.id",
    )
    assert [(row[0], bool(row[1]), row[2]) for row in shown] == [(UNSHOWABLE, True, "poisoned")]


async def test_a_refused_item_without_a_contact_is_buried(
    intake: Intake, database: Database
) -> None:
    await intake.process([delivery({"id": "1"})])
    await intake.process([delivery({"deleted": "1", "naive": True}, {"id": "2"}, id_="e2")])
    assert await rows(database, "SELECT count(*) FROM messages") == [(2,)]
    assert await rows(database, "SELECT item FROM buried") == [("MessageDeleted",)]


async def test_a_nul_is_made_visible_rather_than_refused(
    intake: Intake, database: Database
) -> None:
    await intake.process([delivery({"id": "1", "text": "а\x00б", "from": "7\x00"})])
    assert await rows(database, "SELECT text FROM messages") == [("а\ufffdб",)]
    assert await rows(database, "SELECT count(*) FROM buried") == [(0,)]


async def test_a_replay_by_a_version_that_has_learnt_registers_what_was_buried(
    intake: Intake, connector: Plain, database: Database
) -> None:
    await intake.process([delivery({"broken": True, "id": "5", "text": "Енді оқылды"})])
    async with database.read() as session:
        [buried] = await list_buried(session, limit=10)
    assert await intake.replay(buried.id) is False
    connector.learnt = True
    assert await intake.replay(buried.id) is True
    assert await intake.replay(buried.id) is True
    assert await rows(database, "SELECT text FROM messages") == [("Енді оқылды",)]
    async with database.read() as session:
        assert await list_buried(session, limit=10) == []


async def test_a_replayed_placeholder_gives_way_to_the_message_itself(
    intake: Intake, connector: Plain, database: Database
) -> None:
    await intake.process([delivery({"id": "1"}, {"id": "5", "strange": True, "text": "Бейне"})])
    found = await rows(database, "SELECT text, unreadable FROM messages ORDER BY text")
    assert [(row[0], bool(row[1])) for row in found] == [("?", True), ("Сәлем", False)]
    async with database.read() as session:
        [buried] = await list_buried(session, limit=10)
    assert buried.message_id is not None
    connector.learnt = True
    assert await intake.replay(buried.id)
    found = await rows(database, "SELECT text, unreadable FROM messages ORDER BY text")
    assert [(row[0], bool(row[1])) for row in found] == [("Бейне", False), ("Сәлем", False)]
    assert await rows(database, "SELECT unread, message_count FROM appeals") == [(2, 2)]


async def test_a_replay_of_nothing_says_so(intake: Intake) -> None:
    with pytest.raises(NotFound):
        await intake.replay(1)


async def test_an_account_that_left_the_settings_loses_nothing(
    database: Database, clock: FakeClock
) -> None:
    intake = Intake(database, {}, rules=RULES, clock=clock)
    await intake.process([delivery({"id": "1"})])
    assert await rows(database, "SELECT count(*) FROM buried") == [(1,)]


async def test_a_database_that_is_away_acknowledges_nothing(
    intake: Intake, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_script: object) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(database, "run", away)
    with pytest.raises(Unavailable):
        await intake.process([delivery({"id": "1"})])
