"""Whose conversation it is when a provider tells of a person now by one name, now by another.

The names here are as WhatsApp gives them: a phone's digits, a user id, or both.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text

from registry.appeals import Change, change_appeal
from registry.db import Database
from registry.errors import Unavailable
from registry.intake import Accepted, accept
from registry.operators import Principal, Role
from registry.outbox import claim_due
from registry.replies import Reach, Reply, queue_reply
from registry.types import (
    AccountKey,
    Capabilities,
    ContactEvent,
    ContactPoint,
    Inbound,
    InboundMessage,
    Sender,
)
from tests.registry.samples import RULES, START

DANA = Principal(role=Role.OPERATOR, name="Dana", operator_id=None, actor="token:dana")
PHONE, USER = "77011112233", "KZ.4821207553"
ACCOUNT = AccountKey("whatsapp", "main")


def whoever(*keys: str, name: str | None = "Айгүл") -> Sender:
    """Somebody by these keys, the best first; a phone is a phone's point as well."""
    points = [ContactPoint("whatsapp", key) for key in keys]
    points += [ContactPoint("tel", f"+{key}") for key in keys if key.isdigit()]
    return Sender(point=points[0], name=name, also=tuple(points[1:]))


def says(id_: str, *keys: str, name: str | None = "Айгүл", **changes: Any) -> InboundMessage:
    fields: dict[str, Any] = {
        "channel": "whatsapp",
        "account": "main",
        "external_id": id_,
        "conversation": keys[0],
        "sender": whoever(*keys, name=name),
        "sent_at": START,
        "text": "Абай даңғылы 10, шам жанбайды",
    }
    return InboundMessage(**(fields | changes))


async def take(database: Database, *items: Inbound, now: datetime = START) -> Accepted:
    return await database.run(accept(items, rules=RULES, now=now))


async def rows(database: Database, sql: str) -> Sequence[Any]:
    async with database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


async def counts(database: Database) -> tuple[int, ...]:
    """Contacts, conversations, appeals, messages."""
    [found] = await rows(
        database,
        "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM conversations),"
        " (SELECT count(*) FROM appeals), (SELECT count(*) FROM messages)",
    )
    return tuple(found)


SHAPES = [(PHONE,), (USER, PHONE), (USER,)]


@pytest.mark.parametrize(
    "shapes", [s for s in permutations(SHAPES) if s[0] == (USER, PHONE) or s[1] == (USER, PHONE)]
)
async def test_a_person_stays_one_whatever_the_provider_tells_first(
    database: Database, shapes: Sequence[tuple[str, ...]]
) -> None:
    for number, keys in enumerate(shapes):
        accepted = await take(database, says(str(number), *keys))
        assert accepted.numbers == ["ALM-2026-0000001"]
    assert await counts(database) == (1, 1, 1, 3)
    assert await rows(database, "SELECT key FROM conversations") == [(shapes[-1][0],)]
    points = await rows(database, "SELECT scheme, value FROM contact_points ORDER BY 1, 2")
    assert points == [("tel", f"+{PHONE}"), ("whatsapp", PHONE), ("whatsapp", USER)]


@pytest.mark.parametrize("shapes", [((PHONE,), (USER, PHONE)), ((USER, PHONE), (PHONE,))])
async def test_a_person_stays_one_within_a_batch(
    database: Database, shapes: Sequence[tuple[str, ...]]
) -> None:
    new = [says(str(number), *keys) for number, keys in enumerate(shapes)]
    accepted = await take(database, *new)
    assert accepted.numbers == ["ALM-2026-0000001"] * 2
    assert await counts(database) == (1, 1, 1, 2)
    # The same of somebody known, whose appeal was closed.
    async with database.write() as session:
        await (await session.connection()).execute(text("UPDATE appeals SET status = 'closed'"))
    again = [says(f"a{number}", *keys) for number, keys in enumerate((*shapes, (USER,)))]
    accepted = await take(database, *again)
    assert accepted.numbers == ["ALM-2026-0000002"] * 3
    assert await counts(database) == (1, 1, 2, 5)


async def test_a_reply_goes_under_the_name_that_was_told_last(database: Database) -> None:
    await take(database, says("1", PHONE))
    async with database.write() as session:
        await queue_reply(
            session, "ALM-2026-0000001", Reply(text="Қабылдадық"), by=DANA, key="k",
            accounts={ACCOUNT: Reach(capabilities=Capabilities(max_text=100))}, now=START,
        )  # fmt: skip
    await take(database, says("2", USER, PHONE, sent_at=START + timedelta(minutes=1)))
    claim = claim_due(ACCOUNT, limit=5, owner="o", now=START, lease=timedelta(minutes=1))
    [part] = await database.run(claim)
    assert (part.conversation, part.last_inbound) == (USER, "2")


async def test_two_people_are_never_taken_for_one(database: Database) -> None:
    await take(database, says("1", PHONE), says("2", "77019998877", name="Ерлан"))
    await take(database, says("3", USER, PHONE), says("4", "KZ.999", name="Ерлан"))
    assert await counts(database) == (3, 3, 3, 4)
    found = await rows(
        database,
        "SELECT m.id, c.key FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " ORDER BY m.id",
    )
    assert [key for _, key in found] == [USER, "77019998877", USER, "KZ.999"]


async def test_a_number_that_another_person_has_now_takes_no_conversation_away(
    database: Database,
) -> None:
    await take(database, says("1", USER, PHONE))
    await take(database, says("2", "KZ.999", "77019998877", name="Ерлан"))
    # The second user id tells the first one's phone: whoever is known by the id stays who they are.
    await take(database, says("3", "KZ.999", PHONE, name="Ерлан"))
    assert await counts(database) == (2, 2, 2, 3)
    holder = await rows(
        database,
        "SELECT c.name FROM contacts c JOIN contact_points p ON p.contact_id = c.id"
        f" WHERE p.value = '{PHONE}'",
    )
    assert holder == [("Айгүл",)]


async def test_a_phone_that_two_chat_accounts_share_moves_no_chat(database: Database) -> None:
    # Telegram's chats are not named by phones: who tells a known number has a chat of their own.
    def card(id_: str, user: str) -> InboundMessage:
        points = ContactPoint("telegram", user), ContactPoint("tel", f"+{PHONE}")
        return says(id_, user, channel="telegram", sender=Sender(point=points[0], also=points[1:]))

    await take(database, card("1", "700"))
    await take(database, card("2", "800"))
    assert await rows(database, "SELECT key FROM conversations ORDER BY key") == [
        ("700",), ("800",),
    ]  # fmt: skip
    assert [n for (n,) in await rows(database, "SELECT message_count FROM appeals")] == [1, 1]


async def test_of_a_persons_several_chats_the_one_goes_on_that_was_meant(
    database: Database,
) -> None:
    other = "77019998877"
    await take(database, says("1", PHONE), says("2", other))
    async with database.write() as session:  # as a merge of two contacts would
        connection = await session.connection()
        first = text("SELECT contact_id FROM conversations WHERE key = :key")
        kept = (await connection.execute(first, {"key": PHONE})).scalar_one()
        for table in ("contact_points", "conversations"):
            await connection.execute(text(f"UPDATE {table} SET contact_id = {kept}"))
    for keys in [(USER, PHONE), (PHONE,), (other,), (USER,)]:
        await take(database, says(f"a-{keys}", *keys))
    found = await rows(
        database,
        "SELECT m.conversation_id, count(*), max(c.key) FROM messages m"
        " JOIN conversations c ON c.id = m.conversation_id GROUP BY 1 ORDER BY 2 DESC",
    )
    assert [(count, key) for _, count, key in found] == [(4, USER), (2, other)]


async def test_batches_at_once_that_tell_other_names_of_a_person_find_one_conversation(
    database: Database,
) -> None:
    await take(database, says("0", PHONE))
    shapes = [(USER, PHONE), (PHONE,), (USER, PHONE), (USER, PHONE), (PHONE,), (USER, PHONE)]

    async def deliver(number: int, keys: tuple[str, ...]) -> None:
        while True:
            try:
                await take(database, says(f"r{number}", *keys))
                return
            except Unavailable:
                continue  # as a provider does that is asked to come again

    await asyncio.gather(*(deliver(number, keys) for number, keys in enumerate(shapes)))
    assert await counts(database) == (1, 1, 1, 7)
    assert await rows(database, "SELECT message_count FROM appeals") == [(7,)]


# --- Names ----------------------------------------------------------------------------------------


async def names(database: Database) -> list[str | None]:
    return [row[0] for row in await rows(database, "SELECT name FROM contacts ORDER BY id")]


async def test_somebody_without_a_name_gets_the_one_that_is_told_later(database: Database) -> None:
    await take(database, says("1", PHONE, name=None))
    assert await names(database) == [None]
    await take(database, says("2", PHONE, name="Айгүл"))
    assert await names(database) == ["Айгүл"]


async def test_a_name_that_is_there_is_kept(database: Database) -> None:
    await take(database, says("1", PHONE, name="Айгүл"))
    await take(database, says("2", PHONE, name="A. S."), says("3", PHONE, name=None))
    assert await names(database) == ["Айгүл"]


async def test_a_name_may_come_with_a_later_message_of_the_batch_or_in_another_thread(
    database: Database,
) -> None:
    await take(database, says("1", PHONE, name=None), says("2", PHONE, name="Айгүл"))
    await take(database, says("3", "77", name=None))
    thread = says("4", "77", name="Ерлан", conversation="post:77", public=True)
    await take(database, thread, says("5", "77", name="Somebody else"))
    assert await names(database) == ["Айгүл", "Ерлан"]


async def test_what_a_moderator_does_names_nobody(database: Database) -> None:
    await take(database, says("1", PHONE, name=None))
    event = ContactEvent(
        channel="whatsapp", account="main", conversation=PHONE, kind="hidden", external_id="h",
        sender=whoever(PHONE, name="The page"), at=START, by_us=True,
    )  # fmt: skip
    await take(database, event)
    assert await names(database) == [None]
    assert await rows(
        database, "SELECT event, actor FROM journal WHERE event LIKE 'contact.%'"
    ) == [("contact.hidden", "system")]


async def test_an_event_of_a_public_thread_opens_a_public_conversation(database: Database) -> None:
    def event(id_: str, conversation: str, *, public: bool) -> ContactEvent:
        return ContactEvent(
            channel="whatsapp", account="main", conversation=conversation, kind="liked",
            external_id=id_, sender=whoever(PHONE), at=START, public=public,
        )  # fmt: skip

    await take(database, event("1", "post:1", public=True), event("2", PHONE, public=False))
    found = await rows(database, "SELECT key, public FROM conversations ORDER BY key DESC")
    assert [(key, bool(public)) for key, public in found] == [("post:1", True), (PHONE, False)]
    actors = await rows(database, "SELECT DISTINCT actor FROM journal")
    assert actors == [("citizen",)]


# --- Languages ------------------------------------------------------------------------------------

KAZAKH, RUSSIAN = "Абай даңғылында шам жанбайды", "Во дворе третий день не вывозят мусор"


async def languages(database: Database) -> tuple[list[str | None], ...]:
    """Of contacts, appeals and messages."""
    found = [
        await rows(database, f"SELECT language FROM {table} ORDER BY id")
        for table in ("contacts", "appeals", "messages")
    ]
    return tuple([row[0] for row in of_table] for of_table in found)


async def test_a_contacts_language_follows_what_they_write(database: Database) -> None:
    await take(database, says("1", PHONE, text=KAZAKH))
    assert await languages(database) == (["kk"], ["kk"], ["kk"])
    await take(database, says("2", PHONE, text=RUSSIAN))
    assert await languages(database) == (["ru"], ["kk"], ["kk", "ru"])


async def test_a_short_word_tells_what_it_is_in_and_flips_nothing(database: Database) -> None:
    await take(database, says("1", PHONE, text=RUSSIAN))
    await take(database, says("2", PHONE, text="рахмет"))
    assert await languages(database) == (["ru"], ["ru"], ["ru", "kk"])
    # Nor in a new thread of somebody known, where nothing has been written yet.
    await take(database, says("3", PHONE, conversation="post:1", public=True, text="рахмет"))
    assert (await languages(database))[0] == ["ru"]


async def test_of_somebody_new_even_a_short_word_is_heard(database: Database) -> None:
    await take(database, says("1", PHONE, text="рахмет"))
    assert await languages(database) == (["kk"], ["kk"], ["kk"])


async def set_language(database: Database, language: str | None) -> None:
    async with database.write() as session:
        await change_appeal(
            session, "ALM-2026-0000001", Change(language=language), by=DANA, now=START
        )


async def test_an_operators_word_stays_until_it_is_taken_back(database: Database) -> None:
    await take(database, says("1", PHONE, text=RUSSIAN))
    await set_language(database, "kk")
    assert await languages(database) == (["kk"], ["kk"], ["ru"])
    await take(database, says("2", PHONE, text=RUSSIAN))
    # A thread of its own, and a new appeal there, are in the language that was set.
    await take(database, says("3", PHONE, conversation="post:1", public=True, text=RUSSIAN))
    assert await languages(database) == (["kk"], ["kk", "kk"], ["ru"] * 3)

    await set_language(database, None)
    await take(database, says("4", PHONE, text=RUSSIAN))
    assert (await languages(database))[0] == ["ru"]


async def test_what_cannot_be_shown_speaks_no_language(database: Database) -> None:
    await take(database, says("1", PHONE, text=RUSSIAN, unreadable=True))
    assert await languages(database) == ([None], [None], [None])
