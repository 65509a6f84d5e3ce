"""The one door in: what messages become, and that nothing is lost or doubled."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from registry.db import Database
from registry.intake import Accepted, accept
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactEvent,
    ContactPoint,
    Inbound,
    MessageDeleted,
    MessageEdited,
    Reaction,
)
from tests.registry.samples import RULES, START, echo, message, sender


async def take(database: Database, *items: Inbound, now: datetime = START) -> Accepted:
    return await database.run(accept(items, rules=RULES, now=now))


async def rows(database: Database, sql: str, **values: Any) -> Sequence[Any]:
    async with database.read() as session:
        connection = await session.connection()
        return (await connection.execute(text(sql), values)).all()


async def one(database: Database, sql: str, **values: Any) -> Any:
    return (await rows(database, sql, **values))[0]


async def set_status(database: Database, status: str, *, resolved_at: str | None = None) -> None:
    async with database.write() as session:
        connection = await session.connection()
        await connection.execute(text("UPDATE appeals SET status = :s"), {"s": status})
        if resolved_at is not None:
            await connection.execute(text(f"UPDATE appeals SET resolved_at = '{resolved_at}'"))


async def test_a_first_message_opens_a_numbered_appeal_of_a_new_contact(database: Database) -> None:
    accepted = await take(database, message())
    assert accepted.fates == ["stored"]
    assert accepted.numbers == ["ALM-2026-0000001"]
    appeal = await one(
        database,
        "SELECT number, status, unread, message_count, language, subject, channel, account"
        " FROM appeals",
    )
    assert tuple(appeal) == (
        "ALM-2026-0000001", "new", 1, 1, "kk", "Абай даңғылы 10, шам жанбайды", "telegram", "main",
    )  # fmt: skip
    assert tuple(await one(database, "SELECT name, language FROM contacts")) == ("Айгүл", "kk")
    assert await rows(database, "SELECT event, actor FROM journal") == [
        ("appeal.opened", "citizen")
    ]


async def test_the_same_message_again_moves_nothing(database: Database) -> None:
    await take(database, message())
    accepted = await take(database, message(), message())
    assert accepted.fates == ["duplicate", "duplicate"]
    assert accepted.numbers[0] == "ALM-2026-0000001"
    assert await one(database, "SELECT unread, message_count FROM appeals") == (1, 1)
    assert await one(database, "SELECT count(*) FROM messages") == (1,)
    assert await one(database, "SELECT count(*) FROM journal") == (1,)


async def test_a_repeated_message_within_a_batch_is_stored_once(database: Database) -> None:
    accepted = await take(database, message(), message(), message("2"))
    assert sorted(accepted.fates) == ["duplicate", "stored", "stored"]
    assert await one(database, "SELECT unread, message_count FROM appeals") == (2, 2)


async def test_twenty_concurrent_batches_of_one_message_store_it_once(database: Database) -> None:
    found = await asyncio.gather(*(take(database, message()) for _ in range(20)))
    assert sorted(accepted.fates[0] for accepted in found) == ["duplicate"] * 19 + ["stored"]
    assert await one(database, "SELECT count(*) FROM messages") == (1,)
    assert await one(database, "SELECT unread, message_count FROM appeals") == (1, 1)


async def test_ten_first_messages_at_once_are_one_contact_one_appeal_and_in_order(
    database: Database,
) -> None:
    written = [message(str(n), sequence=n, text=f"{n}-хабар") for n in range(10)]
    await asyncio.gather(*(take(database, item) for item in reversed(written)))
    for table in ("contacts", "contact_points", "conversations", "appeals"):
        assert await one(database, f"SELECT count(*) FROM {table}") == (1,), table
    found = await rows(database, "SELECT text FROM messages ORDER BY sent_at, sequence, id")
    assert [row[0] for row in found] == [f"{n}-хабар" for n in range(10)]
    assert await one(database, "SELECT unread, message_count FROM appeals") == (10, 10)


async def test_many_new_people_at_once_never_share_or_miss_a_number(database: Database) -> None:
    batches = [
        [message(f"{b}-{n}", conversation=f"{b}-{n}", sender=sender(f"{b}-{n}")) for n in range(20)]
        for b in range(8)
    ]
    found = await asyncio.gather(*(take(database, *batch) for batch in batches))
    numbers = sorted(number for accepted in found for number in accepted.numbers if number)
    assert numbers == [f"ALM-2026-{n:07d}" for n in range(1, 161)]


async def test_a_message_joins_an_open_appeal(database: Database) -> None:
    await take(database, message())
    await set_status(database, "open")
    accepted = await take(database, message("2", sent_at=START + timedelta(days=30)))
    assert accepted.numbers == ["ALM-2026-0000001"]
    assert await one(database, "SELECT status, message_count FROM appeals") == ("open", 2)


async def test_a_citizens_answer_ends_the_waiting_for_it(database: Database) -> None:
    await take(database, message())
    await set_status(database, "pending")
    await take(database, message("2"))
    assert await one(database, "SELECT status FROM appeals") == ("open",)


async def test_a_message_within_the_window_reopens_a_resolved_appeal(database: Database) -> None:
    await take(database, message())
    await set_status(database, "resolved", resolved_at="2026-03-02T05:00:00.000000Z")
    later = START + timedelta(hours=72, minutes=59)
    accepted = await take(database, message("2", sent_at=later), now=later)
    assert accepted.numbers == ["ALM-2026-0000001"]
    assert await one(database, "SELECT status, resolved_at FROM appeals") == ("open", None)
    events = await rows(database, "SELECT event FROM journal ORDER BY id")
    assert ("appeal.reopened",) in [tuple(row) for row in events]


async def test_the_joining_window_ends_to_the_second(database: Database) -> None:
    await take(database, message())
    await set_status(database, "resolved", resolved_at="2026-03-02T05:00:00.000000Z")
    later = START + timedelta(hours=73)
    accepted = await take(database, message("2", sent_at=later), now=later)
    assert accepted.numbers == ["ALM-2026-0000002"]


async def test_a_message_after_the_end_opens_another_appeal(database: Database) -> None:
    await take(database, message())
    await set_status(database, "closed", resolved_at="2026-03-02T05:00:00.000000Z")
    accepted = await take(database, message("2"), message("3"))
    assert accepted.numbers == ["ALM-2026-0000002"] * 2
    assert await one(database, "SELECT count(*) FROM conversations") == (1,)
    assert await one(database, "SELECT count(*) FROM contacts") == (1,)


async def test_two_accounts_never_share_an_appeal_but_share_the_contact(database: Database) -> None:
    await take(database, message(), message(account="second"))
    assert await one(database, "SELECT count(*) FROM appeals") == (2,)
    assert await one(database, "SELECT count(*) FROM contacts") == (1,)
    assert await one(database, "SELECT count(*) FROM messages") == (2,)


async def test_a_number_belongs_to_the_year_in_almaty(database: Database) -> None:
    before = datetime.fromisoformat("2026-12-31T18:59:59+00:00")
    after = datetime.fromisoformat("2026-12-31T19:00:00+00:00")
    first = await take(database, message("1"), now=before)
    second = await take(database, message("2", conversation="8", sender=sender("8")), now=after)
    assert (first.numbers, second.numbers) == (["ALM-2026-0000001"], ["ALM-2027-0000001"])


async def test_an_album_is_one_message_however_its_parts_arrive(database: Database) -> None:
    def photo(n: int, caption: str = "") -> Inbound:
        file = Attachment(kind=AttachmentKind.PHOTO, ref=f"file{n}")
        return message(str(n), sequence=n, group="a1", text=caption, attachments=(file,))

    await take(database, photo(2), photo(3))
    accepted = await take(database, photo(1, "Шұңқыр, Төле би 55"), photo(2))
    assert accepted.fates == ["stored", "duplicate"]
    assert await rows(database, "SELECT text FROM messages") == [("Шұңқыр, Төле би 55",)]
    found = await rows(database, "SELECT ref FROM attachments ORDER BY position")
    assert [row[0] for row in found] == ["file1", "file2", "file3"]
    assert await one(database, "SELECT unread, message_count FROM appeals") == (1, 1)
    assert accepted.files


async def test_a_late_caption_and_the_parts_after_it_join_one_album(database: Database) -> None:
    def photo(n: int, caption: str = "") -> Inbound:
        file = Attachment(kind=AttachmentKind.PHOTO, ref=f"file{n}")
        return message(str(n), sequence=n, group="a1", text=caption, attachments=(file,))

    first = await take(database, photo(1))
    accepted = await take(database, photo(2, "Шұңқыр, Төле би 55"), photo(3))
    assert accepted.fates == ["stored", "stored"]
    assert accepted.numbers == [first.numbers[0]] * 2
    assert await rows(database, "SELECT text FROM messages") == [("Шұңқыр, Төле би 55",)]


async def test_album_parts_that_race_are_one_message(database: Database) -> None:
    def photo(n: int) -> Inbound:
        file = Attachment(kind=AttachmentKind.PHOTO, ref=f"file{n}")
        return message(str(n), sequence=n, group="a1", text="", attachments=(file,))

    await asyncio.gather(*(take(database, photo(n)) for n in range(1, 6)))
    assert await one(database, "SELECT count(*) FROM messages") == (1,)
    assert await one(database, "SELECT count(*) FROM attachments") == (5,)


async def test_an_edit_changes_the_text_and_the_journal_keeps_the_old_one(
    database: Database,
) -> None:
    await take(database, message())
    edited = MessageEdited(
        message=message(text="Абай 12, шам жанбайды"), edited_at=START + timedelta(minutes=1)
    )
    await take(database, edited, now=START + timedelta(minutes=2))
    await take(database, edited, now=START + timedelta(minutes=3))
    assert await rows(database, "SELECT text FROM messages") == [("Абай 12, шам жанбайды",)]
    kept = await rows(database, "SELECT data FROM journal WHERE event = 'message.edited'")
    assert len(kept) == 1
    assert "Абай даңғылы 10" in str(kept[0][0])
    assert await one(database, "SELECT unread, message_count FROM appeals") == (1, 1)


async def test_an_older_edit_that_comes_late_changes_nothing(database: Database) -> None:
    await take(database, message())
    for minute, words in ((5, "соңғысы"), (3, "ескісі")):
        edited_at = START + timedelta(minutes=minute)
        await take(database, MessageEdited(message=message(text=words), edited_at=edited_at))
    assert await rows(database, "SELECT text FROM messages") == [("соңғысы",)]


async def test_an_edit_of_a_message_in_the_same_batch_is_applied_to_it(database: Database) -> None:
    edited = MessageEdited(message=message(text="екінші"), edited_at=START + timedelta(minutes=1))
    await take(database, message(text="бірінші"), edited)
    assert await rows(database, "SELECT text FROM messages") == [("екінші",)]


async def test_an_edit_of_a_message_never_seen_is_registered(database: Database) -> None:
    edited = MessageEdited(message=message(text="түзетілген"), edited_at=START)
    accepted = await take(database, edited)
    assert accepted.fates == ["stored"]
    assert await rows(database, "SELECT text FROM messages") == [("түзетілген",)]


async def test_an_older_edit_does_not_undo_the_edit_by_which_a_message_came(
    database: Database,
) -> None:
    for minute, words in ((5, "соңғысы"), (3, "ескісі")):
        edited_at = START + timedelta(minutes=minute)
        await take(database, MessageEdited(message=message(text=words), edited_at=edited_at))
    found = await rows(database, "SELECT text, edited_at IS NULL FROM messages")
    assert [(row[0], bool(row[1])) for row in found] == [("соңғысы", False)]
    assert await one(database, "SELECT count(*) FROM journal") == (1,)


async def test_a_live_location_moves_without_a_word_in_the_journal(database: Database) -> None:
    def place(latitude: float) -> tuple[Attachment, ...]:
        return (Attachment(kind=AttachmentKind.LOCATION, latitude=latitude, longitude=76.9),)

    await take(database, message(text="", attachments=place(43.2)))
    moved = MessageEdited(
        message=message(text="", attachments=place(43.3)), edited_at=START + timedelta(minutes=1)
    )
    await take(database, moved)
    assert await one(database, "SELECT latitude FROM attachments") == (43.3,)
    assert await one(database, "SELECT count(*) FROM journal") == (1,)
    assert await one(database, "SELECT latitude, longitude FROM appeals") == (43.2, 76.9)


async def test_a_message_taken_back_is_marked_and_kept_in_the_journal(database: Database) -> None:
    await take(database, message())
    gone = MessageDeleted(channel="telegram", account="main", external_id="1", at=START)
    await take(database, gone)
    await take(database, gone)
    assert (await one(database, "SELECT deleted_at FROM messages"))[0] is not None
    kept = await rows(database, "SELECT data FROM journal WHERE event = 'message.deleted'")
    assert len(kept) == 1
    assert "Абай" in str(kept[0][0])


async def test_a_reaction_goes_to_the_journal_once(database: Database) -> None:
    await take(database, message())
    reaction = Reaction(
        channel="telegram", account="main", conversation="700", external_id="1",
        sender=sender(), emoji=("👍",), at=START,
    )  # fmt: skip
    await take(database, reaction, reaction)
    await take(database, reaction)
    found = await rows(
        database, "SELECT message_id IS NOT NULL FROM journal WHERE event = 'message.reaction'"
    )
    assert [bool(row[0]) for row in found] == [True]


def started(**changes: Any) -> ContactEvent:
    fields: dict[str, Any] = {
        "channel": "telegram",
        "account": "main",
        "conversation": "700",
        "kind": "started",
        "external_id": "5",
        "sender": sender(),
        "at": START,
        "payload": "yard-7",
    }
    return ContactEvent(**(fields | changes))


async def test_start_greets_once_in_the_citizens_language_and_opens_nothing(
    database: Database,
) -> None:
    first = await take(database, started())
    second = await take(database, started())
    assert (first.automatic, second.automatic) == (True, False)
    assert await rows(database, "SELECT text, direction, state FROM messages") == [
        ("Сәлеметсіз бе! Жазыңыз.", "out", "queued")
    ]
    assert await one(database, "SELECT count(*) FROM appeals") == (0,)
    assert await one(database, "SELECT count(*) FROM dispatches") == (1,)
    assert "yard-7" in str((await one(database, "SELECT data FROM journal"))[0])


async def test_start_delivered_twice_in_one_batch_greets_once(database: Database) -> None:
    await take(database, started(), started())
    assert await one(database, "SELECT count(*) FROM messages") == (1,)
    assert await one(database, "SELECT count(*) FROM dispatches") == (1,)


async def test_a_block_is_marked_and_lifted_by_the_next_message(database: Database) -> None:
    await take(database, message())
    await take(database, started(kind="blocked", external_id="6"))
    assert (await one(database, "SELECT blocked_at FROM conversations"))[0] is not None
    await take(database, started(kind="unblocked", external_id="7"))
    assert await one(database, "SELECT blocked_at FROM conversations") == (None,)
    await take(database, started(kind="blocked", external_id="8"))
    await take(database, message("9"))
    assert await one(database, "SELECT blocked_at FROM conversations") == (None,)


async def test_a_reply_from_the_providers_app_appears_once_outgoing(database: Database) -> None:
    await take(database, message())
    await take(database, echo())
    await take(database, echo())
    found = await rows(database, "SELECT direction, state, text FROM messages ORDER BY direction")
    assert [tuple(row) for row in found] == [
        ("in", None, "Абай даңғылы 10, шам жанбайды"),
        ("out", "sent", "Қабылданды, рахмет"),
    ]
    assert await one(database, "SELECT unread, message_count FROM appeals") == (1, 2)


async def test_a_point_that_comes_later_is_the_same_contacts(database: Database) -> None:
    phone = ContactPoint("tel", "+77010000000")
    await take(database, message())
    await take(database, message("2", sender=sender(also=(phone,))))
    found = await rows(database, "SELECT scheme, value FROM contact_points ORDER BY scheme")
    assert [tuple(row) for row in found] == [("tel", "+77010000000"), ("telegram", "700")]
    assert await one(database, "SELECT count(*) FROM contacts") == (1,)


async def test_a_mixed_batch_keeps_every_item(database: Database) -> None:
    accepted = await take(
        database,
        started(external_id="0"),
        message("1"),
        MessageEdited(message=message("1", text="түзетілді"), edited_at=START),
        message("2", conversation="701", sender=sender("701")),
        started(kind="blocked", external_id="6", conversation="701", sender=sender("701")),
    )
    assert accepted.fates == ["applied", "stored", "applied", "stored", "applied"]
    assert await one(database, "SELECT count(*) FROM appeals") == (2,)


async def test_a_naive_time_is_refused_before_it_is_stored(database: Database) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await take(database, message(sent_at=datetime(2026, 3, 2)))  # noqa: DTZ001
    assert await one(database, "SELECT count(*) FROM messages") == (0,)


async def test_a_file_of_a_message_with_a_very_large_sequence_is_stored(
    database: Database,
) -> None:
    photo = Attachment(kind=AttachmentKind.PHOTO, ref="f1")
    accepted = await take(database, message("1", sequence=2**62, attachments=(photo,)))
    assert accepted.fates == ["stored"]
    assert await one(database, "SELECT position FROM attachments") == (0,)
