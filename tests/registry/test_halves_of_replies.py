"""Replies of several parts of which one fails, and private replies: one to a comment."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.base import Rejected, Uncertain, Unreachable
from registry.db import Database
from registry.errors import CannotCarry, NotRetryable
from registry.intake import accept
from registry.models import Message
from registry.replies import Reach, Reply, queue_reply, retry_message
from registry.types import Capabilities, DeliveryReport, DeliveryState
from tests.conftest import FakeClock
from tests.registry.samples import RULES
from tests.workers.stand_ins import DANA, MAIN, Outbox, Scripted, released

FIRST, SECOND, THIRD = "Б" * 40, "В" * 40, "Г"
"""A reply's three parts: the channel takes forty characters."""

PROGRESS = "SELECT state, next_part FROM dispatches"
FAILED = "SELECT state, error_reason FROM messages WHERE direction = 'out'"
OURS = "SELECT state FROM messages WHERE direction = 'out'"


@pytest.fixture
async def outbox(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    async with Outbox(database, clock, tmp_path) as made:
        yield made


async def rows(outbox: Outbox, sql: str) -> Sequence[Any]:
    async with outbox.database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


async def report(outbox: Outbox, external_id: str, state: DeliveryState, **more: Any) -> None:
    told = DeliveryReport(
        channel="telegram", account="main", state=state, at=outbox.clock(),
        external_id=external_id, error_reason="It was not delivered.", **more,
    )  # fmt: skip
    await outbox.database.run(accept([told], rules=RULES, now=outbox.clock()))


async def retry(outbox: Outbox, reply: Message, *, even_if_sent: bool = False) -> None:
    async with outbox.database.write() as session:
        await retry_message(
            session, message_id=reply.id, even_if_sent=even_if_sent, actor="t", now=outbox.clock()
        )


async def goes_out() -> None:
    """A send that nothing hinders."""


async def half_sent(outbox: Outbox, *, parts: int) -> Message:
    """A reply of three parts, some of which went out; the next waits for its second try."""
    reply = await outbox.reply(await outbox.receive(), FIRST + SECOND + THIRD)
    outbox.connector.script += [goes_out] * parts
    outbox.connector.script.append(Unreachable("The network is down."))
    await outbox.send_due()
    assert await rows(outbox, PROGRESS) == [("queued", parts)]
    return reply


async def much_later(outbox: Outbox, clock: FakeClock) -> None:
    """Let all that waits for its time go out."""
    clock.now = clock.now.replace(hour=clock.now.hour + 1)
    await outbox.send_due()


async def test_a_part_reported_failed_while_the_next_waits_ends_the_reply(
    outbox: Outbox, clock: FakeClock
) -> None:
    await half_sent(outbox, parts=1)
    await report(outbox, "out-1", DeliveryState.FAILED)
    assert await rows(outbox, FAILED) == [("failed", "It was not delivered.")]
    await much_later(outbox, clock)
    assert outbox.connector.texts == [FIRST]
    assert await rows(outbox, FAILED) == [("failed", "It was not delivered.")]


async def test_a_part_reported_failed_while_the_next_is_under_way_ends_the_reply_after_it(
    outbox: Outbox, clock: FakeClock
) -> None:
    reply = await outbox.reply(await outbox.receive(), FIRST + SECOND + THIRD)
    began, go, step = released()
    outbox.connector.script += [goes_out, step]
    sending = asyncio.create_task(outbox.send_due())
    async with asyncio.timeout(10):
        await began.wait()
    await report(outbox, "out-1", DeliveryState.FAILED)
    with pytest.raises(NotRetryable, match="being sent"):
        await retry(outbox, reply)
    go.set()
    await sending
    await much_later(outbox, clock)
    assert outbox.connector.texts == [FIRST, SECOND]
    assert await rows(outbox, OURS) == [("failed",)]

    await retry(outbox, reply)
    await outbox.send_due()
    assert outbox.connector.texts == [FIRST, SECOND, FIRST, SECOND, THIRD]
    assert await rows(outbox, OURS) == [("sent",)]


async def test_a_part_reported_failed_while_the_next_is_refused_for_now_ends_the_reply(
    outbox: Outbox, clock: FakeClock
) -> None:
    await outbox.reply(await outbox.receive(), FIRST + SECOND + THIRD)

    async def told_meanwhile() -> None:
        await report(outbox, "out-1", DeliveryState.FAILED)
        raise Unreachable("The network is down.")

    outbox.connector.script += [goes_out, told_meanwhile]
    await outbox.send_due()
    await much_later(outbox, clock)
    assert outbox.connector.texts == [FIRST]
    assert await rows(outbox, FAILED) == [("failed", "It was not delivered.")]


async def test_a_doubtful_part_that_turns_out_sent_does_not_revive_a_reply_that_failed(
    outbox: Outbox, clock: FakeClock
) -> None:
    reply = await outbox.reply(await outbox.receive(), FIRST + SECOND + THIRD)
    outbox.connector.script += [goes_out, Uncertain("The answer was lost.")]
    await outbox.send_due()
    await report(outbox, "out-1", DeliveryState.FAILED)
    await report(outbox, "w2", DeliveryState.SENT, message_id=str(reply.id), part=1, names=True)
    await much_later(outbox, clock)
    assert outbox.connector.texts == [FIRST]
    assert await rows(outbox, OURS) == [("failed",)]


async def test_a_retry_starts_with_the_part_that_failed_and_all_must_arrive(
    outbox: Outbox, clock: FakeClock
) -> None:
    reply = await half_sent(outbox, parts=2)
    await report(outbox, "out-1", DeliveryState.DELIVERED)
    await report(outbox, "out-2", DeliveryState.FAILED)
    await retry(outbox, reply)
    await outbox.send_due()
    assert outbox.connector.texts == [FIRST, SECOND, SECOND, THIRD]
    assert await rows(outbox, OURS) == [("sent",)]
    for external_id, shown in [("out-4", "sent"), ("out-3", "delivered")]:
        await report(outbox, external_id, DeliveryState.DELIVERED)
        assert await rows(outbox, OURS) == [(shown,)]


async def test_what_the_first_try_is_told_of_late_does_not_make_the_second_delivered(
    outbox: Outbox, clock: FakeClock
) -> None:
    reply = await half_sent(outbox, parts=1)
    await report(outbox, "out-1", DeliveryState.FAILED)
    await retry(outbox, reply)
    await outbox.send_due()
    assert outbox.connector.texts == [FIRST, FIRST, SECOND, THIRD]
    for external_id in ("out-3", "out-4", "out-1"):
        await report(outbox, external_id, DeliveryState.DELIVERED)
        assert await rows(outbox, OURS) == [("sent",)]
    await report(outbox, "out-2", DeliveryState.DELIVERED)
    assert await rows(outbox, OURS) == [("delivered",)]


async def test_a_failure_that_is_told_twice_does_not_cancel_the_retry(
    outbox: Outbox, clock: FakeClock
) -> None:
    reply = await half_sent(outbox, parts=1)
    await report(outbox, "out-1", DeliveryState.FAILED)
    await retry(outbox, reply)
    await report(outbox, "out-1", DeliveryState.FAILED)
    assert await rows(outbox, OURS) == [("queued",)]
    await outbox.send_due()
    await report(outbox, "out-1", DeliveryState.FAILED)
    assert outbox.connector.texts == [FIRST, FIRST, SECOND, THIRD]
    assert await rows(outbox, OURS) == [("sent",)]


async def test_a_failure_of_a_part_that_a_retry_sends_again_does_not_cancel_it(
    outbox: Outbox, clock: FakeClock
) -> None:
    # The second part went out as well, and is told of only once all from the first go again.
    reply = await half_sent(outbox, parts=2)
    await report(outbox, "out-1", DeliveryState.FAILED)
    await retry(outbox, reply)
    await report(outbox, "out-2", DeliveryState.FAILED)
    await outbox.send_due()
    assert outbox.connector.texts == [FIRST, SECOND, FIRST, SECOND, THIRD]
    assert await rows(outbox, OURS) == [("sent",)]


# --- Private replies ------------------------------------------------------------------------------


@pytest.fixture
async def page(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    comments = Capabilities(max_text=8000, private_reply_hours=168.0)
    connector = Scripted(clock, capabilities=Capabilities(max_text=2000, public=comments))
    async with Outbox(database, clock, tmp_path, connector=connector) as made:
        yield made


async def comment(page: Outbox, external_id: str) -> str:
    return await page.receive(external_id, conversation="post1:700", public=True)


async def close(page: Outbox) -> None:
    async with page.database.write() as session:
        await (await session.connection()).execute(text("UPDATE appeals SET status = 'closed'"))


async def privately(page: Outbox, number: str, key: str) -> str:
    """What became of a private reply: "queued", or the code with which it was refused."""
    try:
        reply = await page.reply(number, "Мекенжайыңызды жазыңыз", key=key, private=True)
    except CannotCarry as refused:
        return refused.code
    return str(reply.state)


async def test_a_comment_is_answered_privately_once_through_whichever_appeal(
    page: Outbox,
) -> None:
    older = await comment(page, "c1")
    assert await privately(page, older, "1") == "queued"
    assert await privately(page, older, "2") == "private_reply_used"
    await close(page)
    newer = await comment(page, "c2")
    assert newer != older
    # Through the older one as well it is the last comment that is answered.
    assert await privately(page, older, "3") == "queued"
    assert await privately(page, newer, "4") == "private_reply_used"
    await page.send_due()
    assert [sent.last_inbound for sent in page.connector.sent] == ["c1", "c2"]


async def test_of_private_replies_at_once_through_two_appeals_one_goes(page: Outbox) -> None:
    older = await comment(page, "c1")
    await close(page)
    newer = await comment(page, "c2")
    await asyncio.gather(*(rows(page, OURS) for _ in range(2)))  # both have a connection
    async with page.database.write() as session:
        await queue_reply(
            session, older, Reply(text="Жазыңыз", private=True), by=DANA, key="1",
            accounts={MAIN: Reach(capabilities=page.connector.capabilities)}, now=page.clock(),
        )  # fmt: skip
        # The first is not committed yet: the second has to wait for it.
        second = asyncio.create_task(privately(page, newer, "2"))
        assert not (await asyncio.wait({second}, timeout=0.3))[0]
    assert await second == "private_reply_used"


async def test_a_private_reply_that_failed_leaves_room_for_another(page: Outbox) -> None:
    number = await comment(page, "c1")
    page.connector.script.append(Rejected("The text is not accepted."))
    assert await privately(page, number, "1") == "queued"
    await page.send_due()
    assert await privately(page, number, "2") == "queued"


async def test_a_private_reply_that_failed_is_not_retried_once_another_went(page: Outbox) -> None:
    number = await comment(page, "c1")
    page.connector.script.append(Rejected("The text is not accepted."))
    first = await page.reply(number, "Бір", private=True)
    await page.send_due()
    assert await privately(page, number, "2") == "queued"
    with pytest.raises(NotRetryable, match="answered privately already"):
        await retry(page, first)


async def test_a_private_reply_that_is_in_doubt_may_be_sent_again_by_who_wants_it(
    page: Outbox,
) -> None:
    number = await comment(page, "c1")
    page.connector.script.append(Uncertain("The answer was lost."))
    reply = await page.reply(number, "Бір", private=True)
    await page.send_due()
    assert await privately(page, number, "2") == "private_reply_used"
    await retry(page, reply, even_if_sent=True)
    await page.send_due()
    assert page.connector.texts == ["Бір"]
