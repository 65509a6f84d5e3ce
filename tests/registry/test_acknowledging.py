"""Acknowledgements: one an appeal, in the citizen's words, and never a conversation of machines."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Settings
from hub.app import rules_of
from registry.appeals import Change, change_appeal
from registry.db import Database
from registry.intake import Accepted, Rules, accept
from registry.operators import Principal, Role
from registry.types import Inbound, InboundMessage, MessageEdited
from tests.registry.samples import START, echo, message, sender

DANA = Principal(role=Role.OPERATOR, name="Dana", operator_id=None, actor="token:dana")
KAZAKH, RUSSIAN = "Абай даңғылында шам жанбайды", "Во дворе третий день не вывозят мусор"
ENGLISH = "The street lights do not work here at night"


def rules(**acknowledgement: Any) -> Rules:
    """As a hub has them whose settings say this."""
    return rules_of(
        Settings.model_validate(
            {
                "secret_key": "0123456789abcdef0123456789abcdef",
                "public_url": "https://hub.example.kz",
                "acknowledgement": {
                    "private": True,
                    "text": {"kk": "kk {number}", "ru": "ru {number}", "en": "en {number}"},
                    **acknowledgement,
                },
            }
        )
    )


async def take(
    database: Database, *items: Inbound, now: datetime = START, given: Rules | None = None
) -> Accepted:
    return await database.run(accept(items, rules=given or rules(), now=now))


async def rows(database: Database, sql: str) -> Sequence[Any]:
    async with database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


async def acknowledged(database: Database) -> list[str]:
    found = await rows(
        database,
        "SELECT m.text FROM messages m JOIN dispatches d ON d.message_id = m.id"
        " WHERE m.direction = 'out' ORDER BY m.text",
    )
    return [row[0] for row in found]


async def close(database: Database, status: str = "closed") -> None:
    async with database.write() as session:
        await (await session.connection()).execute(
            text(f"UPDATE appeals SET status = '{status}', resolved_at = opened_at")
        )


async def test_an_appeal_is_acknowledged_once_with_its_number(database: Database) -> None:
    accepted = await take(database, message("1", text=KAZAKH))
    assert accepted.automatic, "the outbox is woken"
    assert await acknowledged(database) == ["kk ALM-2026-0000001"]
    again = await take(database, message("1", text=KAZAKH), message("2", text=KAZAKH))
    assert not again.automatic
    assert await acknowledged(database) == ["kk ALM-2026-0000001"]
    # It is the hub's, not an answer: the appeal is as new as before.
    assert await rows(database, "SELECT status, unread FROM appeals") == [("new", 2)]
    assert await rows(
        database, "SELECT author, operator_id, state FROM messages WHERE direction = 'out'"
    ) == [("", None, "queued")]


async def test_a_delivery_that_comes_to_many_processes_at_once_is_acknowledged_once(
    database: Database,
) -> None:
    await asyncio.gather(*(take(database, message("1", text=KAZAKH)) for _ in range(8)))
    assert len(await acknowledged(database)) == 1


async def test_a_reopened_appeal_is_not_acknowledged_again_and_a_following_one_is(
    database: Database,
) -> None:
    await take(database, message("1", text=KAZAKH))
    await close(database, "resolved")
    reopened = await take(database, message("2", text=KAZAKH, sent_at=START + timedelta(hours=1)))
    assert reopened.numbers == ["ALM-2026-0000001"]
    assert len(await acknowledged(database)) == 1
    await close(database)
    await take(database, message("3", text=KAZAKH))
    assert await acknowledged(database) == ["kk ALM-2026-0000001", "kk ALM-2026-0000002"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("said", "language", "read"),
    [
        (KAZAKH, "ru", "kk N"),
        (RUSSIAN, "kk", "ru N"),
        (ENGLISH, None, "en N"),
        (f"{KAZAKH}. {RUSSIAN}", "en", "kk N\n\nru N"),
        ("ок 12", None, "kk N\n\nru N"),
        ("ок 12", "ru", "ru N"),
        ("ок 12", "en-US", "en N"),
        ("ок 12", "de", "kk N\n\nru N"),
        ("", "kk", "kk N"),
    ],
)
async def test_it_is_in_the_language_they_write_and_else_in_that_of_their_app(
    database: Database, said: str, language: str | None, read: str
) -> None:
    await take(database, message("1", text=said, sender=sender(language=language)))
    assert await acknowledged(database) == [read.replace("N", "ALM-2026-0000001")]


async def test_what_an_operator_set_is_the_language_of_later_ones(database: Database) -> None:
    await take(database, message("1", text=RUSSIAN))
    async with database.write() as session:
        await change_appeal(session, "ALM-2026-0000001", Change(language="kk"), by=DANA, now=START)
    await close(database)
    await take(database, message("2", text=RUSSIAN))
    assert await acknowledged(database) == ["kk ALM-2026-0000002", "ru ALM-2026-0000001"]


async def test_public_threads_are_acknowledged_only_where_that_is_asked_for(
    database: Database,
) -> None:
    def comment(id_: str, said: str) -> InboundMessage:
        return message(id_, conversation=f"post{id_}:700", public=True, text=said)

    await take(database, comment("1", KAZAKH))
    assert await acknowledged(database) == []
    loud = rules(private=False, public=True)
    await take(database, comment("2", f"{KAZAKH}. {RUSSIAN}"), given=loud)
    assert await acknowledged(database) == ["kk ALM-2026-0000002"], "one language is enough there"
    await take(database, message("3", text=KAZAKH), given=loud)
    assert len(await acknowledged(database)) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nothing_is_acknowledged_unless_it_is_asked_for(database: Database) -> None:
    await take(database, message("1"), given=rules(private=False))
    other = rules(channels={"telegram": {"kk": "", "ru": "", "en": ""}})
    await take(database, message("2", conversation="9", sender=sender("9")), given=other)
    assert await acknowledged(database) == []
    assert rules(private=False).acknowledge is None


async def test_what_we_wrote_first_opens_silently(database: Database) -> None:
    await take(database, echo("e1", text=KAZAKH))
    await take(database, message("1", text=KAZAKH))
    assert await acknowledged(database) == []


async def test_an_edit_of_what_never_came_is_a_first_message(database: Database) -> None:
    edited = MessageEdited(message=message("1", text=RUSSIAN), edited_at=START)
    await take(database, edited)
    assert await acknowledged(database) == ["ru ALM-2026-0000001"]


async def test_a_backlog_is_not_acknowledged(database: Database) -> None:
    now = START + timedelta(hours=2)
    await take(database, message("1", text=KAZAKH), now=now)
    assert await acknowledged(database) == []


def threads(*numbers: int, at: datetime = START) -> list[InboundMessage]:
    """First messages of one citizen under as many posts."""
    return [
        message(f"t{n}", conversation=f"post{n}:700", public=True, text=KAZAKH, sent_at=at)
        for n in numbers
    ]


async def test_whoever_opens_appeal_after_appeal_is_answered_three_times_an_hour(
    database: Database,
) -> None:
    given = rules(public=True)
    for n in range(5):
        await take(database, *threads(n), given=given)
    assert len(await acknowledged(database)) == 3
    # Others are not held up by it, nor they themselves an hour later.
    await take(database, message("9", conversation="9", sender=sender("9")), given=given)
    assert len(await acknowledged(database)) == 4
    later = START + timedelta(hours=1, seconds=1)
    await take(database, *threads(7, at=later), now=later, given=given)
    assert len(await acknowledged(database)) == 5


async def test_the_first_three_of_a_batch_are_acknowledged_as_well(database: Database) -> None:
    given = rules(public=True)
    await take(database, *threads(0), given=given)
    await take(database, *threads(1, 2, 3, 4), given=given)
    assert await acknowledged(database) == [f"kk ALM-2026-000000{n}" for n in (1, 2, 3)]
