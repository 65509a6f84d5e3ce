"""Who have, or had, a phone number in common are different people, and read their own mail."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from registry.db import Database
from registry.intake import accept
from registry.types import ContactPoint, InboundMessage, Sender
from tests.registry.samples import RULES, START, message

PHONE = "77015550101"


def written(
    id_: str, name: str | None, *, scheme: str = "whatsapp", **changes: Any
) -> InboundMessage:
    """A message of somebody with a user id, with the phone, or with both."""
    points = [ContactPoint(scheme, name)] if name else [ContactPoint(scheme, PHONE)]
    if name and scheme == "whatsapp":
        points.append(ContactPoint(scheme, PHONE))
    points.append(ContactPoint("tel", f"+{PHONE}"))
    who = Sender(point=points[0], name=None, also=tuple(points[1:]))
    fields: dict[str, Any] = {"channel": scheme, "sender": who, "conversation": points[0].value}
    return message(id_, **{**fields, **changes})


async def conversations(database: Database) -> list[tuple[Any, ...]]:
    """The key of each conversation, its contact and its appeal."""
    async with database.read() as session:
        connection = await session.connection()
        sql = "SELECT key, contact_id, appeal_id FROM conversations ORDER BY id"
        return [tuple(row) for row in await connection.execute(text(sql))]


async def take(database: Database, *items: InboundMessage) -> None:
    await database.run(accept(items, rules=RULES, now=START))


async def test_a_number_that_changes_hands_takes_no_conversation_with_it(
    database: Database,
) -> None:
    await take(database, written("1", "KZ.AAA"))
    await take(database, written("2", "KZ.BBB", sent_at=START + timedelta(days=200)))
    first, second = await conversations(database)
    assert (first[0], second[0]) == ("KZ.AAA", "KZ.BBB")
    assert first[1] != second[1]
    assert first[2] != second[2]


async def test_two_people_with_one_number_in_one_batch_are_two(database: Database) -> None:
    await take(database, written("1", "KZ.AAA"), written("2", "KZ.BBB"))
    assert {key for key, _, _ in await conversations(database)} == {"KZ.AAA", "KZ.BBB"}
    assert len({contact for _, contact, _ in await conversations(database)}) == 2


async def test_a_card_with_somebody_elses_number_renames_nobodys_chat(database: Database) -> None:
    await take(database, written("1", "55", scheme="telegram"))
    await take(database, written("2", "66", scheme="telegram"))
    first, second = await conversations(database)
    assert (first[0], second[0]) == ("55", "66")
    assert first[1] != second[1]


async def test_a_phone_that_becomes_a_user_id_is_the_same_contact_and_conversation(
    database: Database,
) -> None:
    await take(database, written("1", None))
    await take(database, written("2", "KZ.AAA"))
    alone = Sender(point=ContactPoint("whatsapp", "KZ.AAA"), name=None)
    await take(database, written("3", "KZ.AAA", sender=alone))
    [(key, _, appeal)] = await conversations(database)
    assert key == "KZ.AAA"
    async with database.read() as session:
        connection = await session.connection()
        found = await connection.execute(text("SELECT message_count FROM appeals"))
        assert found.all() == [(3,)], appeal
