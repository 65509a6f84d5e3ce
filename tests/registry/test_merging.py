"""Appeals divided and merged: no message is lost, none is counted twice, and all comes back."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from registry.appeals import (
    Change,
    ChangedSince,
    DifferentContacts,
    Division,
    Priority,
    add_note,
    change_appeal,
    merge_appeal,
    split_appeal,
    take_next,
)
from registry.db import Database
from registry.errors import BadValue, Merged, NotFound, RegistryError
from registry.models import (
    Appeal,
    AppealTag,
    Contact,
    Conversation,
    Dispatch,
    Mention,
    Message,
)
from registry.operators import Principal
from registry.outbox import Claim, Went, claim_due, settle
from registry.states import Outcome, Status
from registry.types import AccountKey
from tests.registry.desk import hire, receive
from tests.registry.samples import START, message, sender
from tests.registry.test_taking_back import reply
from tests.registry.test_work import appeal, change, is_now, journal, of, take_back, teams

ALMATY = ZoneInfo("Asia/Almaty")
NOW = START + timedelta(hours=1)
MAIN = AccountKey("telegram", "main")


async def write(
    database: Database, external_id: str, *, citizen: str = "700", after: int = 0, **changes: Any
) -> str:
    """A citizen writes, minutes after the start; the number of the appeal."""
    at = START + timedelta(minutes=after)
    fields: dict[str, Any] = {
        "conversation": citizen, "sender": sender(citizen), "sent_at": at, "text": external_id,
    }  # fmt: skip
    return (await receive(database, message(external_id, **(fields | changes)), now=at))[0]


async def merge(
    database: Database, number: str, into: str, by: Principal, *, across: bool = False
) -> int:
    async with database.write() as session:
        return await merge_appeal(session, number, into, across_contacts=across, by=by, now=NOW)


async def split(
    database: Database, number: str, texts: set[str], by: Principal, **fields: Any
) -> tuple[str, int]:
    """Divide an appeal by the texts of its messages."""
    ids = tuple(m.id for m in await messages(database, number) if m.text in texts)
    async with database.write() as session:
        own, entry = await split_appeal(
            session, number, Division(message_ids=ids, **fields), by=by, prefix="ALM", zone=ALMATY,
            now=NOW,
        )  # fmt: skip
        return own.number, entry


async def messages(database: Database, number: str) -> list[Message]:
    async with database.read() as session:
        found = await session.exec(
            select(Message)
            .join(Appeal, col(Appeal.id) == col(Message.appeal_id))
            .where(Appeal.number == number)
            .order_by(col(Message.sent_at), col(Message.id))
        )
        return list(found)


async def texts(database: Database, number: str) -> list[str]:
    return [one.text for one in await messages(database, number)]


async def counted(database: Database, number: str) -> None:
    """Hold the counters of an appeal against its messages."""
    found, said = await appeal(database, number), await messages(database, number)
    assert found.message_count == len(said)
    if said:
        assert found.last_message_at == max(m.sent_at for m in said if m.direction != "note")
    assert found.unread <= sum(one.direction == "in" for one in said)


async def answer(database: Database, number: str, text: str) -> Message:
    """A reply that waits to be sent."""
    found = await appeal(database, number)
    async with database.write() as session:
        reply = Message(
            appeal_id=found.id, conversation_id=found.conversation_id, direction="out", text=text,
            author="Dana", sent_at=NOW, created_at=NOW, state="queued", idempotency_key=text,
        )  # fmt: skip
        session.add(reply)
        await session.flush()
        session.add(
            Dispatch(
                message_id=reply.id,
                conversation_id=reply.conversation_id or 0,
                channel="telegram",
                account="main",
                parts=[{"text": text, "attachments": []}],
                part_count=1,
                due_at=NOW,
                created_at=NOW,
            )
        )
        row = await session.get_one(Appeal, found.id)
        row.message_count += 1
        row.last_message_at, row.waiting_since = NOW, None
    return reply


async def two_of_one(database: Database) -> tuple[str, str]:
    """Two appeals of one person, on two accounts."""
    first = await write(database, "фонарь", after=1)
    second = await write(database, "яма", after=2, account="second")
    assert first != second
    return first, second


# --- Merging ------------------------------------------------------------------------------------


async def test_a_merged_appeal_gives_all_its_messages_and_is_closed(database: Database) -> None:
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    await write(database, "ещё яма", after=3, account="second")
    await merge(database, second, first, dana)
    assert await texts(database, first) == ["фонарь", "яма", "ещё яма"]
    assert await texts(database, second) == []
    gone, stays = await appeal(database, second), await appeal(database, first)
    assert (gone.status, gone.outcome, gone.merged_into_id) == ("closed", "duplicate", stays.id)
    assert (gone.closed_at, gone.unread, gone.message_count) == (NOW, 0, 0)
    assert (stays.unread, stays.message_count, stays.status) == (3, 3, "new")
    assert stays.waiting_since == START + timedelta(minutes=1)
    await counted(database, first)
    [*_, told] = await journal(database, second)
    assert (told.event, told.data["merged_into"]) == ("appeal.merged", {"from": None, "to": first})
    [*_, took] = await journal(database, first)
    assert (took.event, took.data) == ("appeal.took_messages", {"from": second, "messages": 2})


async def test_what_the_citizen_writes_next_joins_the_appeal_that_took_the_messages(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    await merge(database, second, first, dana)
    assert await write(database, "снова яма", after=90, account="second") == first
    await change(database, first, dana, status=Status.RESOLVED)
    assert await write(database, "и снова", after=95, account="second") == first
    assert (await appeal(database, first)).status == "open"
    await counted(database, first)


async def test_a_merge_undone_brings_back_exactly_what_went(database: Database) -> None:
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    await change(database, second, dana, snoozed_until=NOW + timedelta(days=1))
    before = await appeal(database, first), await appeal(database, second)
    key = await merge(database, second, first, dana)
    await take_back(database, key, dana)
    assert (await appeal(database, first), await appeal(database, second)) == before
    assert await texts(database, second) == ["яма"]
    assert await write(database, "снова", after=90, account="second") == second


async def test_what_came_after_a_merge_stays_when_it_is_undone(database: Database) -> None:
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    key = await merge(database, second, first, dana)
    await write(database, "позже", after=90, account="second")
    async with database.write() as session:
        await add_note(session, first, "заметка", by=dana, now=NOW)
    await take_back(database, key, dana)
    assert sorted(await texts(database, first)) == ["заметка", "позже", "фонарь"]
    assert await texts(database, second) == ["яма"]
    for number, unread in ((first, 2), (second, 1)):
        await counted(database, number)
        assert (await appeal(database, number)).unread == unread
    assert (await appeal(database, second)).waiting_since == START + timedelta(minutes=2)
    assert await write(database, "дальше", after=91, account="second") == second


async def test_what_was_read_and_answered_after_a_merge_stays_so(database: Database) -> None:
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    key = await merge(database, second, first, dana)
    await change(database, first, dana, read=True)
    await answer(database, first, "Едем")
    await take_back(database, key, dana)
    for number in (first, second):
        found = await appeal(database, number)
        assert (found.unread, found.waiting_since) == (0, None)
        await counted(database, number)


async def test_appeals_of_two_people_are_merged_only_when_that_is_confirmed(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first = await write(database, "фонарь", citizen="700")
    second = await write(database, "тот же фонарь", citizen="701")
    with pytest.raises(DifferentContacts, match="different people"):
        await merge(database, second, first, dana)
    await merge(database, second, first, dana, across=True)
    assert len(await texts(database, first)) == 2
    assert await write(database, "дополню", citizen="701", after=90) == first


async def test_what_is_over_hidden_or_the_same_takes_no_messages(database: Database) -> None:
    dana = await hire(database, "Dana")
    await teams(database, roads=[])
    first, second = await two_of_one(database)
    with pytest.raises(BadValue, match="into itself"):
        await merge(database, first, first, dana)
    with pytest.raises(NotFound):
        await merge(database, first, "ALM-2026-9999999", dana)
    await change(database, first, dana, status=Status.RESOLVED)
    with pytest.raises(BadValue, match="is resolved"):
        await merge(database, second, first, dana)
    await is_now(database, first, status="open", team="roads")
    for pair in ((first, second), (second, first)):
        with pytest.raises(NotFound):
            await merge(database, *pair, of(dana, "water"))
    assert await texts(database, second) == ["яма"]


async def test_what_was_merged_changes_no_more(database: Database) -> None:
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    key = await change(database, second, dana, subject="Яма")
    await merge(database, second, first, dana)
    refused: list[Any] = []
    for changes in ({"status": Status.OPEN}, {"assignee_id": dana.operator_id}, {"note": "?"}):
        with pytest.raises(Merged, match=f"{second} was merged into {first}") as error:
            await change(database, second, dana, **changes)
        refused.append(error.value.into)
    assert set(refused) == {first}
    async with database.write() as session:
        with pytest.raises(Merged):
            await add_note(session, second, "?", by=dana, now=NOW)
    for pair in ((second, first), (first, second)):
        with pytest.raises(Merged):
            await merge(database, *pair, dana)
    with pytest.raises(Merged):
        await split(database, second, {"яма"}, dana)
    with pytest.raises(Merged):
        await take_back(database, key, dana)
    await change(database, second, dana, read=True)
    assert (await appeal(database, second)).assignee_id is None


async def test_notes_and_whom_they_ask_go_along(database: Database) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    first, second = await two_of_one(database)
    async with database.write() as session:
        await add_note(
            session, second, "Марат?", by=dana, now=NOW, mentions=[marat.operator_id or 0]
        )
    key = await merge(database, second, first, dana)

    async def asked_in() -> int:
        async with database.read() as session:
            return (await session.exec(select(Mention.appeal_id))).one()

    assert await asked_in() == (await appeal(database, first)).id
    await take_back(database, key, dana)
    assert await asked_in() == (await appeal(database, second)).id


async def test_a_merge_into_what_was_merged_on_is_undone_after_the_later_one(
    database: Database,
) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    first, second = await two_of_one(database)
    third = await write(database, "мусор", after=3, account="third")
    key = await merge(database, third, second, dana)
    later = await merge(database, second, first, marat)
    assert await write(database, "и мусор", after=90, account="third") == first
    with pytest.raises(ChangedSince, match="messages was changed by Marat"):
        await take_back(database, key, dana)
    assert (await appeal(database, third)).status == "closed"
    await take_back(database, later, marat)
    await take_back(database, key, dana)
    assert await texts(database, third) == ["мусор"]
    assert await texts(database, second) == ["яма"]
    with pytest.raises(ChangedSince, match="merged_into was changed by Dana"):
        await take_back(database, key, dana)


async def test_a_reply_under_way_is_settled_where_its_message_went(database: Database) -> None:
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    sent = await answer(database, second, "Едем")
    waiting = await answer(database, first, "Ждите")
    claimed: list[Claim] = await database.run(
        claim_due(MAIN, limit=9, owner="test", now=NOW, lease=timedelta(minutes=1))
    )
    assert {one.message_id for one in claimed} == {sent.id, waiting.id}
    key = await merge(database, second, first, dana)
    went = [Went(claim=one, external_ids=(f"x{one.id}",), at=NOW, next_at=NOW) for one in claimed]
    changed = await database.run(settle(MAIN, went, now=NOW))
    into = await appeal(database, first)
    assert changed == {into.id}
    assert {m.text: m.state for m in await messages(database, first) if m.direction == "out"} == {
        "Едем": "sent", "Ждите": "sent",
    }  # fmt: skip
    await take_back(database, key, dana)
    assert [m.state for m in await messages(database, second) if m.direction == "out"] == ["sent"]


# --- At once ------------------------------------------------------------------------------------


async def test_a_reply_that_is_asked_for_again_is_the_same_one_wherever_it_went(
    database: Database,
) -> None:
    """The answer to the request was lost, and a colleague merged or split meanwhile."""
    dana = await hire(database, "Dana")
    first, second = await two_of_one(database)
    sent = await reply(database, first, dana)
    key = await merge(database, first, second, dana)
    assert (await reply(database, first, dana)).id == sent.id
    await take_back(database, key, dana)
    await write(database, "лужа", after=3)
    await split(database, first, {"лужа", sent.text}, dana)
    assert (await reply(database, first, dana)).id == sent.id
    assert len([one for one in await texts(database, first) if one == sent.text]) == 0


async def test_a_message_that_comes_during_a_merge_is_in_one_of_the_two_and_counted(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    for i in range(8):
        first = await write(database, f"a{i}", citizen=str(700 + i), after=1)
        second = await write(database, f"b{i}", citizen=str(700 + i), after=2, account="second")
        done = await asyncio.gather(
            merge(database, second, first, dana),
            *(
                write(database, f"c{i}{j}", citizen=str(700 + i), after=3 + j, account="second")
                for j in range(3)
            ),
        )
        assert set(done[1:]) <= {first, second}
        assert len(await texts(database, first)) == 5
        assert await texts(database, second) == []
        found = await appeal(database, first)
        assert (found.message_count, found.unread) == (5, 5)
        await counted(database, first)


async def test_of_a_claim_and_a_merge_at_once_none_is_half_done(database: Database) -> None:
    dana, marat = await hire(database, "Dana"), await hire(database, "Marat")
    for i in range(8):
        first = await write(database, f"a{i}", citizen=str(700 + i))
        second = await write(database, f"b{i}", citizen=str(700 + i), account="second")
        merged, claimed, other = await asyncio.gather(
            merge(database, second, first, dana),
            change(database, second, marat, assignee_id=marat.operator_id),
            change(database, first, marat, assignee_id=marat.operator_id),
            return_exceptions=True,
        )
        assert isinstance(merged, int)
        assert isinstance(other, int)
        gone = await appeal(database, second)
        assert gone.status == "closed"
        if isinstance(claimed, int):
            assert gone.assignee_id == marat.operator_id
        else:
            assert isinstance(claimed, Merged)
            assert gone.assignee_id is None
        assert len(await texts(database, first)) == 2


async def test_of_two_merges_in_opposite_directions_one_is_made(database: Database) -> None:
    dana = await hire(database, "Dana")
    for i in range(8):
        first = await write(database, f"a{i}", citizen=str(700 + i))
        second = await write(database, f"b{i}", citizen=str(700 + i), account="second")
        done = await asyncio.gather(
            merge(database, second, first, dana),
            merge(database, first, second, dana),
            return_exceptions=True,
        )
        assert [type(one) for one in done if isinstance(one, Exception)] == [Merged]
        left = [len(await texts(database, one)) for one in (first, second)]
        assert sorted(left) == [0, 2]


# --- Dividing -----------------------------------------------------------------------------------


async def test_chosen_messages_become_an_appeal_of_their_own(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write(database, "фонарь", after=1)
    await write(database, "Мусор не вывозят\nтретий день", after=2)
    await write(database, "спасибо", after=3)
    await is_now(database, number, team="light", kind="complaint", due_at=NOW)
    old = await appeal(database, number)
    new, entry = await split(
        database, number, {"Мусор не вывозят\nтретий день"}, dana, category="clean.garbage"
    )
    own, left = await appeal(database, new), await appeal(database, number)
    assert new > number
    assert (own.subject, own.category, own.status, own.assignee_id) == (
        "Мусор не вывозят", "clean.garbage", "new", None,
    )  # fmt: skip
    assert (own.team, own.kind, own.contact_id, own.conversation_id) == (
        "light", "complaint", old.contact_id, old.conversation_id,
    )  # fmt: skip
    assert own.opened_at == START + timedelta(minutes=2)
    assert own.waiting_since == own.last_message_at == START + timedelta(minutes=2)
    assert left.waiting_since == START + timedelta(minutes=1)
    assert (own.unread, left.unread) == (1, 2)
    assert await texts(database, number) == ["фонарь", "спасибо"]
    for one in (number, new):
        await counted(database, one)
    assert [e.event for e in await journal(database, new)] == ["appeal.opened"]
    assert (await journal(database, number))[-1].id == entry
    assert await write(database, "дальше", after=4) == number


async def test_the_citizen_goes_on_with_the_matter_they_wrote_of_last(database: Database) -> None:
    dana = await hire(database, "Dana")
    number = await write(database, "фонарь", after=1)
    await write(database, "мусор", after=2)
    new, entry = await split(database, number, {"мусор"}, dana)
    assert await write(database, "и запах", after=3) == new
    await write(database, "яма", citizen="701", after=1)
    await take_back(database, entry, dana)
    assert await write(database, "когда?", after=4) == number


async def test_an_appeal_is_divided_so_that_each_has_something_of_the_citizen(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    number = await write(database, "фонарь")
    async with database.write() as session:
        await add_note(session, number, "заметка", by=dana, now=NOW)
    for chosen, told in (
        ({"фонарь"}, "Leave at least one"), ({"заметка"}, "Choose at least one"),
        (set(), "Choose at least one"),
    ):  # fmt: skip
        with pytest.raises(BadValue, match=told) as refused:
            await split(database, number, chosen, dana)
        assert refused.value.field == "messages"
    other = await write(database, "яма", citizen="701")
    [foreign] = await messages(database, other)
    async with database.write() as session:
        with pytest.raises(BadValue, match="There is no message"):
            await split_appeal(
                session, number, Division(message_ids=(foreign.id,)), by=dana, prefix="ALM",
                zone=ALMATY, now=NOW,
            )  # fmt: skip
    assert await texts(database, number) == ["фонарь", "заметка"]


async def test_a_division_undone_leaves_the_new_appeal_closed_or_with_what_came_since(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    for later in (False, True):
        number = await write(database, f"фонарь{later}", citizen=str(700 + later), after=1)
        await write(database, f"мусор{later}", citizen=str(700 + later), after=2)
        before = await appeal(database, number)
        new, key = await split(database, number, {f"мусор{later}"}, dana)
        if later:
            async with database.write() as session:
                await add_note(session, new, "заметка", by=dana, now=NOW)
        await take_back(database, key, dana)
        assert await appeal(database, number) == before
        own = await appeal(database, new)
        if later:
            assert (own.status, own.merged_into_id, own.message_count) == ("new", None, 1)
            assert await texts(database, new) == ["заметка"]
        else:
            assert (own.status, own.merged_into_id, own.message_count) == ("closed", before.id, 0)
        assert own.waiting_since is None
        with pytest.raises(ChangedSince):
            await take_back(database, key, dana)


async def test_what_is_divided_off_a_merged_appeal_goes_back_to_whom_it_came_from(
    database: Database,
) -> None:
    dana = await hire(database, "Dana")
    first = await write(database, "фонарь", citizen="700")
    second = await write(database, "яма", citizen="701", account="second")
    theirs = await appeal(database, second)
    await merge(database, second, first, dana, across=True)
    new, _ = await split(database, first, {"яма"}, dana)
    own = await appeal(database, new)
    assert (own.contact_id, own.conversation_id, own.account) == (
        theirs.contact_id, theirs.conversation_id, "second",
    )  # fmt: skip


# --- Undo of anything ---------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(
        st.just("change"),
        st.integers(0, 2),
        st.fixed_dictionaries(
            {},
            optional={
                "status": st.sampled_from(Status),
                "outcome": st.sampled_from(Outcome) | st.none(),
                "priority": st.sampled_from(Priority),
                "category": st.sampled_from(["roads.pothole", None]),
                "team": st.sampled_from(["roads", "water", None]),
                "language": st.sampled_from(["kk", "ru", None]),
                "subject": st.sampled_from(["Яма", "Шұңқыр"]),
                "address": st.sampled_from(["Абая, 10", None]),
                "latitude": st.sampled_from([43.238949, None]),
                "district": st.sampled_from(["almaly", None]),
                "assignee_id": st.sampled_from(["me", None]),
                "snoozed_until": st.sampled_from([NOW + timedelta(days=1), None]),
                "add_tags": st.sampled_from([("люк",), ("яма", "двор")]),
                "remove_tags": st.sampled_from([("люк",), ("яма",)]),
                "duplicate_of": st.sampled_from([0, 1, 2, None]),
            },
        ),
    ),
    st.tuples(st.just("merge"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("split"), st.integers(0, 2), st.integers(0, 8)),
    st.tuples(st.just("next"), st.just(0), st.none()),
)


@pytest.fixture
async def scene(database: Database) -> tuple[Database, Principal, list[str]]:
    """Three appeals of one person, three messages each, and who works on them."""
    dana = await hire(database, "Dana")
    numbers = []
    for i, account in enumerate(("main", "second", "third")):
        for j in range(3):
            number = await write(database, f"{account}{j}", after=10 * j + i, account=account)
        numbers.append(number)
    return database, dana, numbers


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=1, max_size=7))
async def test_what_is_done_and_undone_in_turn_leaves_everything_as_it_was(
    scene: tuple[Database, Principal, list[str]], steps: list[tuple[str, int, Any]]
) -> None:
    database, dana, numbers = scene
    before = await everything(database, numbers)
    keys = []
    for step in steps:
        with suppress(RegistryError):  # what was refused has left nothing to undo
            keys.append(await do(database, numbers, dana, step))
    for key in reversed([key for key in keys if key is not None]):
        await take_back(database, key, dana)
    assert await everything(database, numbers) == before


async def do(
    database: Database, numbers: list[str], by: Principal, step: tuple[str, int, Any]
) -> int | None:
    """Do one thing; the key to undo it."""
    what, which, how = step
    number = numbers[which]
    if what == "merge":
        return await merge(database, number, numbers[how], by)
    if what == "split":
        ids = [one.id for one in await messages(database, number)]
        chosen = tuple(id_ for place, id_ in enumerate(ids) if how >> place & 1)
        async with database.write() as session:
            _, key = await split_appeal(
                session, number, Division(message_ids=chosen), by=by, prefix="ALM", zone=ALMATY,
                now=NOW,
            )  # fmt: skip
        return key
    async with database.write() as session:
        if what == "next":
            taken = await take_next(session, by=by, now=NOW)
            return None if taken is None else taken[1]
        fields = dict(how)
        if fields.get("assignee_id") == "me":
            fields["assignee_id"] = by.operator_id
        if fields.get("duplicate_of") is not None:
            fields["duplicate_of"] = numbers[fields["duplicate_of"]]
        return await change_appeal(session, number, Change(**fields), by=by, now=NOW)


async def everything(database: Database, numbers: list[str]) -> list[Any]:
    """All that is known of the appeals, their messages, their person and their conversations."""
    async with database.read() as session:
        appeals = (
            await session.exec(
                select(Appeal).where(col(Appeal.number).in_(numbers)).order_by(col(Appeal.id))
            )
        ).all()
        ids = [one.id for one in appeals]
        said = await session.exec(select(Message).order_by(col(Message.id)))
        tags = await session.exec(
            select(AppealTag)
            .where(col(AppealTag.appeal_id).in_(ids))
            .order_by(col(AppealTag.appeal_id), col(AppealTag.tag))
        )
        contacts = await session.exec(select(Contact).order_by(col(Contact.id)))
        threads = await session.exec(select(Conversation).order_by(col(Conversation.id)))
        return [list(appeals), list(said), list(tags), list(contacts), list(threads)]
