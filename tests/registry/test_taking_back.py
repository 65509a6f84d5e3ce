"""A reply that is taken back: it goes out or it does not, and its trace is all that is left."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from registry.appeals import Change, NotAllowed, change_appeal
from registry.db import Database
from registry.drafts import DraftContent, get_draft, save_draft
from registry.errors import NotFound
from registry.models import Appeal, Attachment, Conversation, Dispatch, JournalEntry, Message
from registry.operators import Principal, Role
from registry.outbox import claim_due
from registry.replies import (
    Reach,
    Reply,
    TakenBack,
    TakenBackAlready,
    TooLate,
    Via,
    queue_reply,
    retry_message,
    take_back,
)
from registry.states import Outcome, Status
from registry.types import (
    AccountKey,
    AttachmentKind,
    Capabilities,
    ContactPoint,
    MediaLimit,
    Sender,
)
from tests.conftest import FakeClock
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import START, echo, message

TELEGRAM, SMS = AccountKey("telegram", "main"), AccountKey("sms", "main")
ACCOUNTS = {
    TELEGRAM: Reach(
        capabilities=Capabilities(
            max_text=1000, threads=True, media={AttachmentKind.PHOTO: MediaLimit(max_bytes=100)}
        )
    ),
    SMS: Reach(
        capabilities=Capabilities(max_text=1000, can_initiate=True),
        name_of=lambda point: point if point.scheme == "tel" else None,
    ),
}
LEASE = timedelta(minutes=1)
STATE = (
    "status", "unread", "message_count", "last_message_at", "waiting_since", "first_response_at",
    "outcome", "snoozed_until", "resolved_at", "closed_at",
)  # fmt: skip


async def reply(
    database: Database, number: str, by: Principal, words: str = "Қабылдадық", **more: Any
) -> Message:
    """Answer, and hold the answer for a while."""
    at = more.pop("now", START)
    key = more.pop("key", words)
    fields: dict[str, Any] = {"text": words, "hold": timedelta(seconds=5)}
    asked = Reply(**(fields | more))
    async with database.write() as session:
        return await queue_reply(session, number, asked, by=by, key=key, accounts=ACCOUNTS, now=at)


async def take(database: Database, taken: Message, by: Principal, **more: Any) -> TakenBack:
    async with database.write() as session:
        return await take_back(session, taken.id, by=by, now=more.get("now", START))


async def state(database: Database, number: str) -> Mapping[str, Any]:
    """What a reply may change in an appeal."""
    async with database.read() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        return {name: getattr(appeal, name) for name in STATE}


async def rows(database: Database, sql: str) -> Sequence[Any]:
    async with database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


async def set_appeal(database: Database, number: str, **columns: Any) -> None:
    async with database.write() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        for name, value in columns.items():
            setattr(appeal, name, value)


async def upload(database: Database, by: Principal) -> Attachment:
    async with database.write() as session:
        file = Attachment(
            kind="photo", name="двор.jpg", mime="image/jpeg", size=9, state="ready", path="aa/bb",
            uploaded_by=by.actor, created_at=START,
        )  # fmt: skip
        session.add(file)
    return file


@pytest.fixture
async def dana(database: Database) -> Principal:
    return await hire(database, "Dana")


@pytest.fixture
def later() -> FakeClock:
    """The clock of those who write after the appeal came."""
    return FakeClock(START + timedelta(minutes=10))


async def test_all_is_as_it_was_and_the_journal_tells_what_happened(
    database: Database, dana: Principal, later: FakeClock
) -> None:
    number = await write_in(database)
    await set_appeal(database, number, waiting_since=START)
    before = await state(database, number)
    queued = await reply(database, number, dana, now=later())
    changed = await state(database, number)
    assert (changed["status"], changed["unread"], changed["message_count"]) == ("open", 0, 2)
    assert changed["waiting_since"] is None
    assert changed["first_response_at"] == changed["last_message_at"] == later()

    taken = await take(database, queued, dana, now=later())
    assert taken.number == number
    assert taken.content == DraftContent(text="Қабылдадық")
    assert await state(database, number) == before
    assert await rows(database, "SELECT id FROM dispatches") == []
    assert await rows(database, "SELECT direction FROM messages") == [("in",)]
    async with database.read() as session:
        entry = (
            await session.exec(
                select(JournalEntry).where(JournalEntry.event == "message.taken_back")
            )
        ).one()
    assert (entry.actor, entry.message_id) == (dana.actor, queued.id)
    assert entry.data["text"] == "Қабылдадық"
    assert entry.data["undone"]["status"] == ["open", "new"]


async def test_what_was_resolved_with_the_reply_is_open_again(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    async with database.write() as session:
        change = Change(status=Status.PENDING, snoozed_until=START + timedelta(days=2))
        await change_appeal(session, number, change, by=dana, now=START)
    before = await state(database, number)
    then = Change(status=Status.RESOLVED, outcome=Outcome.FIXED)
    queued = await reply(database, number, dana, then=then)
    resolved = await state(database, number)
    assert (resolved["status"], resolved["outcome"]) == ("resolved", "fixed")
    assert resolved["resolved_at"] == START
    assert resolved["snoozed_until"] is None
    await take(database, queued, dana)
    assert await state(database, number) == before


async def test_a_citizens_message_that_came_meanwhile_counts_beside_those_before(
    database: Database, dana: Principal, later: FakeClock
) -> None:
    number = await write_in(database)
    await set_appeal(database, number, waiting_since=START)
    queued = await reply(database, number, dana, now=later())
    await set_appeal(database, number, waiting_since=None)
    moment = later.advance(timedelta(seconds=3))
    await receive(database, message("2", sent_at=moment), now=moment)
    await take(database, queued, dana, now=moment)
    found = await state(database, number)
    assert (found["status"], found["unread"], found["message_count"]) == ("new", 2, 2)
    assert found["last_message_at"] == moment
    assert found["waiting_since"] == START


async def test_a_reply_after_it_stays_what_the_appeal_is_by(
    database: Database, dana: Principal, later: FakeClock
) -> None:
    number = await write_in(database)
    await set_appeal(database, number, waiting_since=START)
    before = await state(database, number)
    first = await reply(database, number, dana, "Бір", now=later())
    second = await reply(database, number, dana, "Екі", now=later.advance(timedelta(seconds=2)))
    await take(database, first, dana, now=later())
    found = await state(database, number)
    assert (found["status"], found["unread"], found["message_count"]) == ("open", 0, 2)
    assert found["waiting_since"] is None
    assert found["first_response_at"] == later()
    # Taken back as well, it gives back what the first had taken.
    await take(database, second, dana, now=later())
    assert await state(database, number) == before
    # And once more, so that nothing is given back twice.
    third = await reply(database, number, dana, "Үш", now=later())
    await take(database, third, dana, now=later())
    assert await state(database, number) == before


async def test_replies_taken_back_from_the_last_to_the_first_leave_nothing(
    database: Database, dana: Principal, later: FakeClock
) -> None:
    number = await write_in(database)
    await set_appeal(database, number, waiting_since=START)
    before = await state(database, number)
    queued = [await reply(database, number, dana, words, now=later()) for words in ("Бір", "Екі")]
    for one in reversed(queued):
        await take(database, one, dana, now=later())
    assert await state(database, number) == before


async def test_an_employees_own_answer_is_one_that_stands(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana)
    await receive(database, echo("e1", sent_at=START))
    await take(database, queued, dana)
    found = await state(database, number)
    assert (found["status"], found["unread"]) == ("open", 0)


async def test_what_somebody_changed_since_then_stays(database: Database, dana: Principal) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana)
    async with database.write() as session:
        await change_appeal(session, number, Change(status=Status.PENDING), by=dana, now=START)
    await take(database, queued, dana)
    assert (await state(database, number))["status"] == "pending"


async def test_an_appeal_that_somebody_took_meanwhile_is_not_new_again(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana)
    async with database.write() as session:
        mine = Change(assignee_id=dana.operator_id)
        await change_appeal(session, number, mine, by=dana, now=START)
    await take(database, queued, dana)
    assert (await state(database, number))["status"] == "open"


async def test_its_files_are_free_and_its_writer_has_it_as_a_draft(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    file = await upload(database, dana)
    queued = await reply(database, number, dana, "Фото", attachment_ids=(file.id,))
    taken = await take(database, queued, dana)
    [shown] = taken.uploads
    assert (shown.id, shown.name) == (str(file.id), "двор.jpg")
    async with database.read() as session:
        kept = await get_draft(session, number, by=dana)
        freed = await session.get_one(Attachment, file.id)
    assert (freed.message_id, freed.state) == (None, "ready")
    assert kept is not None
    assert kept.content == DraftContent(text="Фото", uploads=[str(file.id)])
    assert kept.version == taken.draft_version


async def test_a_draft_that_is_being_written_already_is_left_alone(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana)
    async with database.write() as session:
        other = DraftContent(text="Басқа")
        await save_draft(session, number, other, version=None, by=dana, now=START)
    taken = await take(database, queued, dana)
    assert taken.draft_version is None
    async with database.read() as session:
        kept = await get_draft(session, number, by=dana)
    assert kept is not None
    assert kept.content.text == "Басқа"


async def test_a_supervisor_may_take_back_and_its_writer_gets_the_draft(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana)
    with pytest.raises(NotAllowed, match="written by Dana"):
        await take(database, queued, await hire(database, "Erlan"))
    boss = await hire(database, "Aigul", Role.SUPERVISOR)
    assert (await take(database, queued, boss)).draft_version is None
    async with database.read() as session:
        assert await get_draft(session, number, by=boss) is None
        theirs = await get_draft(session, number, by=dana)
    assert theirs is not None
    assert theirs.content.text == "Қабылдадық"


async def test_a_reply_that_nobody_may_see_is_not_there(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana)
    await set_appeal(database, number, team="roads")
    stranger = Principal(
        role=Role.OPERATOR, name="Dana", operator_id=dana.operator_id, actor=dana.actor,
        teams=frozenset({"water"}),
    )  # fmt: skip
    with pytest.raises(NotFound):
        await take(database, queued, stranger)


async def test_the_same_request_that_comes_again_sends_nothing(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana, key="k")
    await take(database, queued, dana)
    with pytest.raises(TakenBackAlready):
        await reply(database, number, dana, key="k")
    assert (await reply(database, number, dana, key="k2")).id != queued.id


async def test_what_has_begun_to_leave_or_left_once_is_not_taken_back(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    queued = await reply(database, number, dana)
    due = START + timedelta(seconds=5)
    claim = claim_due(TELEGRAM, limit=5, owner="o", now=due, lease=LEASE)
    assert len(await database.run(claim)) == 1
    with pytest.raises(TooLate, match="it is sending"):
        await take(database, queued, dana)
    # It failed, and waits to be sent again: the citizen may have read a part of it.
    async with database.write() as session:
        sent = await session.get_one(Message, queued.id)
        sent.state = "failed"
        dispatch = (await session.exec(select(Dispatch))).one()
        dispatch.state = "failed"
    async with database.write() as session:
        await retry_message(session, message_id=queued.id, even_if_sent=False, actor="t", now=START)
    with pytest.raises(TooLate):
        await take(database, queued, dana)
    assert len(await rows(database, "SELECT id FROM messages WHERE direction = 'out'")) == 1


async def test_what_nobody_wrote_here_is_not_taken_back(
    database: Database, dana: Principal
) -> None:
    await write_in(database)
    await receive(database, echo("e1"))
    async with database.read() as session:
        echoed = (await session.exec(select(Message).where(Message.direction == "out"))).one()
        citizens = (await session.exec(select(Message).where(Message.direction == "in"))).one()
    with pytest.raises(TooLate):
        await take(database, echoed, dana)
    with pytest.raises(NotFound):
        await take(database, citizens, dana)


async def test_another_conversation_has_its_appeal_again(
    database: Database, dana: Principal
) -> None:
    number = await write_in(database)
    phone = ContactPoint("tel", "+77011234567")
    await receive(
        database,
        message(
            "s1", channel="sms", conversation=phone.value, sender=Sender(point=phone, name="Айгүл")
        ),
    )
    other = (await rows(database, "SELECT appeal_id FROM conversations WHERE channel = 'sms'"))[0]
    async with database.write() as session:
        connection = await session.connection()
        await connection.execute(
            text("UPDATE appeals SET status = 'closed' WHERE id = :id"), {"id": other[0]}
        )
        await connection.execute(
            text("UPDATE conversations SET contact_id = (SELECT min(id) FROM contacts)")
        )
    via = Via(channel="sms", account="main")
    queued = [await reply(database, number, dana, words, via=via) for words in ("Бір", "Екі")]
    async with database.read() as session:
        sms = (await session.exec(select(Conversation).where(Conversation.channel == "sms"))).one()
        ours = (await session.exec(select(Appeal.id).where(Appeal.number == number))).one()
    assert sms.appeal_id == ours
    first = await take(database, queued[0], dana)
    assert first.content.via is not None
    assert first.content.via.channel == "sms"
    mine = "SELECT appeal_id FROM conversations WHERE channel = 'sms'"
    assert await rows(database, mine) == [(ours,)]
    await take(database, queued[1], dana)
    assert await rows(database, mine) == [other]


async def test_each_of_many_goes_out_or_is_taken_back_and_none_does_both(
    database: Database, dana: Principal
) -> None:
    """Claims and hands that reach for the same replies at the same moment."""
    queued = []
    for citizen in range(40):
        number = await write_in(database, str(700 + citizen))
        queued.append(await reply(database, number, dana, hold=timedelta()))
    claimed: list[int] = []
    taken: list[int] = []
    late: list[int] = []

    async def claim(owner: int) -> None:
        for _ in range(3):
            script = claim_due(TELEGRAM, limit=1, owner=str(owner), now=START, lease=LEASE)
            claimed.extend(one.message_id for one in await database.run(script))

    async def undo(one: Message) -> None:
        try:
            await take(database, one, dana)
        except TooLate:
            late.append(one.id)
        else:
            taken.append(one.id)

    # The oldest first, as the outbox claims them; so they meet.
    work = [undo(one) for one in queued]
    for place in range(0, 48, 6):
        work.insert(place, claim(place))
    await asyncio.gather(*(rows(database, "SELECT 1") for _ in range(10)))  # all are connected
    await asyncio.gather(*work)
    assert claimed
    assert taken
    # What a hand held just then is claimed by nobody, and taken back.
    ids = {one.id for one in queued}
    assert sorted(claimed + taken) == sorted(ids)
    assert sorted(claimed) == sorted(late)
    left = await rows(database, "SELECT id, state FROM messages WHERE direction = 'out'")
    assert {(id_, "sending") for id_ in claimed} == set(left)
    assert len(await rows(database, "SELECT id FROM dispatches")) == len(claimed)
    async with database.read() as session:
        told = await session.exec(
            select(JournalEntry.message_id).where(col(JournalEntry.event) == "message.taken_back")
        )
        assert set(told) == set(taken)


async def test_two_who_take_back_at_once_do_it_once(database: Database, dana: Principal) -> None:
    number = await write_in(database)
    before = await state(database, number)
    queued = await reply(database, number, dana)
    found = await asyncio.gather(
        *(take(database, queued, dana) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(one, TakenBack) for one in found) == 1
    assert sum(isinstance(one, NotFound) for one in found) == 3
    assert await state(database, number) == before
