"""What a call came to that is over: its one word, its entry in the journal, and its call-back."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from registry.calls.ending import finish, left_voice, what_became_of
from registry.calls.hearing import HowEnded
from registry.calls.steps import ANNOUNCEMENT, LANGUAGE, MENU, WAIT
from registry.calls.tables import Call
from registry.calls.turns import LeftVoice
from registry.db import Database
from registry.models import Appeal, JournalEntry
from tests.registry.calls.lines import NUMBER, call_backs, call_of, rings
from tests.registry.desk import hire
from tests.registry.offices import furnished
from tests.registry.samples import START

END = START + timedelta(seconds=90)
VOICE = LeftVoice(recording="RE1", seconds=7.4)


@pytest.mark.parametrize(
    ("fields", "how", "word"),
    [
        ({"answered_at": END, "step": "parted"}, HowEnded.COMPLETED, "answered"),
        ({"answered_at": END, "step": "room"}, HowEnded.FAILED, "answered"),
        ({"step": LANGUAGE}, HowEnded.COMPLETED, "abandoned"),
        ({"step": MENU}, HowEnded.CANCELLED, "abandoned"),
        ({"step": WAIT, "waiting_since": START}, HowEnded.COMPLETED, "abandoned"),
        ({"step": WAIT}, HowEnded.FAILED, "failed"),
        ({"step": "closed", "open_hours": False}, HowEnded.COMPLETED, "closed"),
        ({"step": ANNOUNCEMENT}, HowEnded.COMPLETED, "informed"),
        ({"step": ANNOUNCEMENT, "open_hours": False}, HowEnded.COMPLETED, "informed"),
        ({"step": "parted", "facts": {"left": "call_back"}}, HowEnded.COMPLETED, "call_back"),
        ({"step": "parted", "facts": {"left": "message"}}, HowEnded.COMPLETED, "message"),
        ({"step": "parted", "facts": {"left": "refused"}}, HowEnded.COMPLETED, "refused"),
        ({"step": WAIT, "facts": {"texted": True}}, HowEnded.COMPLETED, "texted"),
        ({"direction": "out"}, HowEnded.BUSY, "busy"),
        ({"direction": "out"}, HowEnded.NO_ANSWER, "no_answer"),
        ({"direction": "out"}, HowEnded.FAILED, "failed"),
        ({"direction": "out"}, HowEnded.COMPLETED, "abandoned"),
        ({"direction": "out", "answered_at": END}, HowEnded.COMPLETED, "answered"),
    ],
)
def test_a_call_comes_to_one_thing(fields: dict[str, Any], how: HowEnded, word: str) -> None:
    usual: dict[str, Any] = {"account": "main", "started_at": START, "open_hours": True}
    assert what_became_of(Call(**(usual | fields)), how) == word


async def _end(database: Database, how: HowEnded = HowEnded.COMPLETED, **fields: Any) -> Call:
    async with call_of(database, **fields) as (session, call):
        await finish(session, call, how=how, now=END)
    return call


async def _told(database: Database, event: str) -> list[JournalEntry]:
    async with database.read() as session:
        return list(await session.exec(select(JournalEntry).where(JournalEntry.event == event)))


async def test_who_hangs_up_in_the_queue_is_called_back(database: Database) -> None:
    await furnished(database)
    number = await rings(database)
    call = await _end(database, state="waiting", step=WAIT, waiting_since=START)
    assert (call.state, call.ended_at, call.waited) == ("ended", END, 90.0)
    [back] = await call_backs(database)
    assert (back.why, back.number, back.rang) == ("missed", NUMBER, 1)
    [entry] = await _told(database, "call.ended")
    async with database.read() as session:
        appeal = (await session.exec(select(Appeal))).one()
    assert (appeal.number, entry.appeal_id, back.appeal_id) == (number, appeal.id, appeal.id)
    assert entry.data == {
        "call": str(call.id), "as": "abandoned", "direction": "in", "waited": 90, "talked": 0,
    }  # fmt: skip
    assert appeal.waiting_since == START


async def test_who_hangs_up_in_the_greeting_is_kept_and_called_back_too(
    database: Database,
) -> None:
    await furnished(database)
    call = await _end(database, step=LANGUAGE)
    assert (call.ended_as, call.waited) == ("abandoned", None)
    assert [back.why for back in await call_backs(database)] == ["missed"]
    assert len(await _told(database, "call.ended")) == 1


async def test_who_rang_after_hours_and_chose_nothing_is_called_back(database: Database) -> None:
    await furnished(database)
    await _end(database, step="closed", open_hours=False)
    assert [back.why for back in await call_backs(database)] == ["closed"]


@pytest.mark.parametrize(
    "fields",
    [
        {"step": ANNOUNCEMENT},
        {"facts": {"left": "refused"}, "step": "parted"},
        {"facts": {"texted": True}, "step": WAIT},
    ],
)
async def test_who_got_what_they_called_for_is_not_called_back(
    database: Database, fields: dict[str, Any]
) -> None:
    await _end(database, **fields)
    assert await call_backs(database) == []


async def test_a_talk_answers_the_appeal_and_closes_the_call_back(database: Database) -> None:
    await furnished(database)
    dana = await hire(database, "Dana")
    await rings(database, sid="CA0")
    await _end(database, external_id="CA0", step=WAIT, waiting_since=START)
    await rings(database, at=END, sid="CA1")
    answered = END + timedelta(seconds=20)
    call = await _end(
        database, step="parted", operator_id=dana.operator_id, waiting_since=END, talked=31.7,
        answered_at=answered, started_at=END,
    )  # fmt: skip
    assert (call.ended_as, call.waited) == ("answered", 20.0)
    [back] = await call_backs(database)
    assert (back.done_as, back.done_by) == ("spoken", dana.operator_id)
    async with database.read() as session:
        appeal = (await session.exec(select(Appeal))).one()
    assert (appeal.status, appeal.waiting_since, appeal.unread) == ("open", None, 0)
    assert appeal.first_response_at == answered
    entry = (await _told(database, "call.ended"))[-1]
    assert entry.actor == f"operator:{dana.operator_id}"
    assert (entry.data["talked"], entry.data["from"], entry.data["to"]) == (32, "new", "open")


async def test_the_appeal_is_in_the_language_that_the_caller_chose(database: Database) -> None:
    await furnished(database)
    await rings(database)
    await _end(database, step=WAIT, language="kk")
    await rings(database, sid="CA2")
    await _end(database, external_id="CA2", step=WAIT, language="ru")
    async with database.read() as session:
        assert (await session.exec(select(Appeal.language))).one() == "kk"


async def test_who_waits_on_an_old_place_has_waited_only_since_they_called(
    database: Database,
) -> None:
    await furnished(database)
    call = await _end(database, step=WAIT, waiting_since=START - timedelta(hours=9))
    assert call.waited == 90.0


async def test_a_voicemail_is_a_task_and_no_missed_call_besides(database: Database) -> None:
    await furnished(database)
    async with call_of(database, step="message", facts={"left": "message"}) as (session, call):
        await left_voice(session, call, VOICE, now=END)
    assert (await _end(database)).ended_as == "message"
    [back] = await call_backs(database)
    assert (back.why, back.rang) == ("message", 1)
    assert [entry.data["seconds"] for entry in await _told(database, "call.message_left")] == [7]


async def test_a_voicemail_that_is_told_after_the_end_counts_as_one(database: Database) -> None:
    await furnished(database)
    await _end(database, step="message", state="message")
    async with call_of(database) as (session, call):
        await left_voice(session, call, VOICE, now=END)
    assert call.ended_as == "message"
    [back] = await call_backs(database)
    assert (back.why, back.rang) == ("message", 1)


@pytest.mark.parametrize("how", [HowEnded.BUSY, HowEnded.NO_ANSWER, HowEnded.FAILED])
async def test_a_call_back_that_nobody_answers_is_a_try(database: Database, how: HowEnded) -> None:
    await furnished(database)
    await _end(database, step=WAIT)
    [back] = await call_backs(database)
    await _end(database, how, external_id="CA2", direction="out", call_back_id=back.id)
    [back] = await call_backs(database)
    assert (back.tries, back.rang, back.done_at) == (1, 1, None)


async def test_a_call_back_that_we_gave_up_ourselves_is_no_try(database: Database) -> None:
    await furnished(database)
    await _end(database, step=WAIT)
    [back] = await call_backs(database)
    await _end(
        database, HowEnded.CANCELLED, external_id="CA2", direction="out", call_back_id=back.id
    )
    [back] = await call_backs(database)
    assert (back.tries, back.call_id) == (0, None)


async def test_who_hangs_up_in_the_first_words_is_not_called_back(database: Database) -> None:
    await furnished(database)
    for sid, seconds, fields in (
        ("CA1", 9, {"step": LANGUAGE}),
        ("CA2", 10, {"step": LANGUAGE}),
        ("CA3", 9, {"step": WAIT, "waiting_since": START}),
    ):
        number = f"+7701000000{sid[-1]}"
        async with call_of(database, external_id=sid, number=number, **fields) as (session, call):
            now = START + timedelta(seconds=seconds)
            await finish(session, call, how=HowEnded.COMPLETED, now=now)
        assert call.ended_as == "abandoned"
    assert [back.number[-1] for back in await call_backs(database)] == ["2", "3"]


async def test_a_voicemail_after_a_conversation_is_a_task_still_when_the_call_is_over(
    database: Database,
) -> None:
    await furnished(database)
    async with call_of(database, answered_at=START, facts={"left": "message"}) as (session, call):
        await left_voice(session, call, VOICE, now=END)
        await finish(session, call, how=HowEnded.COMPLETED, now=END)
    assert call.ended_as == "answered"
    assert [back.done_at for back in await call_backs(database)] == [None]
