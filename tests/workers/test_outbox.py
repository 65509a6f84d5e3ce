"""The outbox: order, retries, pauses and truth about what went out, on both databases."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.base import (
    Blocked,
    Diagnosis,
    Health,
    Misconfigured,
    Rejected,
    Throttled,
    Uncertain,
    Unreachable,
)
from registry.accounts import resume, stop
from registry.db import Database
from registry.errors import CannotCarry, KeyReused, NotRetryable
from registry.intake import accept
from registry.operators import Role
from registry.outbox import claim_due
from registry.replies import retry_message
from registry.types import Capabilities, DeliveryReport, DeliveryState, RateLimit
from tests.conftest import FakeClock
from tests.registry.desk import hire
from tests.registry.samples import RULES, echo, sender
from tests.workers.stand_ins import MAIN, Outbox, Scripted, released
from workers.outbox import Pace, tidy_outbox
from workers.schedule import check_accounts


@pytest.fixture
async def outbox(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    async with Outbox(database, clock, tmp_path) as made:
        yield made


async def rows(database: Database, sql: str) -> Sequence[Any]:
    async with database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


async def states(database: Database) -> list[str]:
    found = await rows(
        database, "SELECT state FROM messages WHERE direction = 'out' ORDER BY created_at, id"
    )
    return [row[0] for row in found]


async def report(outbox: Outbox, external_id: str, state: DeliveryState, **more: Any) -> None:
    item = DeliveryReport(
        channel="telegram", account="main", state=state, at=outbox.clock(),
        external_id=external_id, **more,
    )  # fmt: skip
    await outbox.database.run(accept([item], rules=RULES, now=outbox.clock()))


async def test_a_reply_goes_out_once_and_is_sent(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    assert await states(outbox.database) == ["queued"]
    await outbox.send_due()
    await outbox.send_due()
    assert outbox.connector.texts == ["Қабылдадық"]
    assert await states(outbox.database) == ["sent"]
    found = await rows(
        outbox.database,
        "SELECT external_id, part FROM external_ids e JOIN messages m ON m.id = e.message_id"
        " WHERE m.direction = 'out'",
    )
    assert found == [("out-1", 0)]
    assert await rows(outbox.database, "SELECT status, unread FROM appeals") == [("open", 0)]


async def test_the_same_key_is_one_reply_and_another_request_under_it_is_refused(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    first = await outbox.reply(number, "Бір", key="k")
    again = await outbox.reply(number, "Бір", key="k")
    assert first.id == again.id
    with pytest.raises(KeyReused):
        await outbox.reply(number, "Екі", key="k")
    await outbox.send_due()
    assert outbox.connector.texts == ["Бір"]


async def test_replies_of_a_conversation_keep_their_order_across_retries(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    for words in ("бірінші", "екінші", "үшінші"):
        await outbox.reply(number, words)
    outbox.connector.script.append(Unreachable("The network is down."))
    await outbox.send_due()
    assert outbox.connector.texts == []
    clock.advance(timedelta(seconds=2))
    await outbox.send_due()
    assert outbox.connector.texts == ["бірінші", "екінші", "үшінші"]


async def test_one_conversations_trouble_does_not_hold_up_another(outbox: Outbox) -> None:
    first = await outbox.receive("1")
    second = await outbox.receive("2", conversation="701", sender=sender("701"))
    await outbox.reply(first, "А")
    await outbox.reply(second, "Б")
    outbox.connector.script.append(Unreachable("The network is down."))
    await outbox.send_due()
    assert len(outbox.connector.sent) == 1


async def test_a_long_text_goes_in_parts_and_a_retry_resumes_at_the_first_unsent(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    words = " ".join(f"сөз{n}" for n in range(20))
    await outbox.reply(number, words)
    began, go, step = released()
    go.set()
    outbox.connector.script.extend([step, Unreachable("The network is down.")])
    await outbox.send_due()
    assert began.is_set()
    assert len(outbox.connector.sent) == 1
    assert await states(outbox.database) == ["sending"]
    clock.advance(timedelta(seconds=2))
    await outbox.send_due()
    assert "".join(outbox.connector.texts) == words
    assert [message.part for message in outbox.connector.sent] == [0, 1, 2]
    assert await states(outbox.database) == ["sent"]
    found = await rows(outbox.database, "SELECT count(*) FROM external_ids WHERE state = 'sent'")
    assert found == [(3,)]


async def test_backoff_grows_and_gives_up_after_a_day(outbox: Outbox, clock: FakeClock) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Тырысып көреміз")
    waits = []
    for _ in range(5):
        outbox.connector.script.append(Unreachable("The network is down."))
        await outbox.send_due()
        due = (await rows(outbox.database, "SELECT due_at, attempts FROM dispatches"))[0]
        waits.append(due[1])
        clock.advance(timedelta(minutes=11))
    assert waits == [1, 2, 3, 4, 5]
    clock.advance(timedelta(days=1))
    outbox.connector.script.append(Unreachable("The network is down."))
    await outbox.send_due()
    found = await rows(
        outbox.database, "SELECT state, error_reason FROM messages WHERE direction = 'out'"
    )
    assert found[0][0] == "failed"
    assert "The network is down." in found[0][1]


async def test_a_retry_by_hand_is_tried_for_as_long_as_a_new_reply(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    reply = await outbox.reply(number, "Жауап")
    outbox.connector.script.append(Rejected("No."))
    await outbox.send_due()
    clock.advance(timedelta(days=3))
    async with outbox.database.write() as session:
        await retry_message(
            session, message_id=reply.id, even_if_sent=False, actor="t", now=clock()
        )
    outbox.connector.script.append(Unreachable("The network is down."))
    await outbox.send_due()
    assert await states(outbox.database) == ["sending"]
    clock.advance(timedelta(seconds=2))
    await outbox.send_due()
    assert outbox.connector.texts == ["Жауап"]


async def test_a_throttle_pauses_the_whole_account_for_as_long_as_asked(
    outbox: Outbox, clock: FakeClock
) -> None:
    first = await outbox.receive("1")
    second = await outbox.receive("2", conversation="701", sender=sender("701"))
    await outbox.reply(first, "А")
    outbox.connector.script.append(Throttled("Too many requests.", retry_after=30))
    await outbox.send_due()
    await outbox.reply(second, "Б")
    await outbox.send_due()
    clock.advance(timedelta(seconds=29))
    await outbox.send_due()
    assert outbox.connector.texts == []
    clock.advance(timedelta(seconds=2))
    await outbox.send_due()
    assert sorted(outbox.connector.texts) == ["А", "Б"]
    assert await rows(outbox.database, "SELECT max(attempts) FROM dispatches") == [(0,)]


async def test_a_paused_account_sends_nothing_says_so_and_goes_on_when_resumed(
    outbox: Outbox, clock: FakeClock
) -> None:
    boss = await hire(outbox.database, "Saule", Role.SUPERVISOR)
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    async with outbox.database.write() as session:
        await stop(session, MAIN, by=boss, now=clock())
    clock.advance(timedelta(hours=2))
    await outbox.send_due()
    assert outbox.connector.texts == []
    assert await rows(
        outbox.database, "SELECT state, error_code FROM messages WHERE direction = 'out'"
    ) == [("queued", "account_paused")]
    async with outbox.database.write() as session:
        await resume(session, MAIN, by=boss, now=clock())
    await outbox.send_due()
    assert outbox.connector.texts == ["Қабылдадық"]
    assert await states(outbox.database) == ["sent"]


async def test_a_final_error_fails_with_its_reason_and_can_be_retried(outbox: Outbox) -> None:
    number = await outbox.receive()
    reply = await outbox.reply(number, "Жауап")
    outbox.connector.script.append(Rejected("The text is not accepted.", code="400"))
    await outbox.send_due()
    found = await rows(
        outbox.database,
        "SELECT state, error_code, error_reason FROM messages WHERE direction = 'out'",
    )
    assert found == [("failed", "400", "The text is not accepted.")]
    async with outbox.database.write() as session:
        await retry_message(
            session, message_id=reply.id, even_if_sent=False, actor="token:test", now=outbox.clock()
        )
    await outbox.send_due()
    assert await states(outbox.database) == ["sent"]
    assert outbox.connector.texts == ["Жауап"]


async def test_a_failed_reply_does_not_hold_up_the_next(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "бірінші")
    await outbox.reply(number, "екінші")
    outbox.connector.script.append(Rejected("No."))
    await outbox.send_due()
    assert outbox.connector.texts == ["екінші"]


async def test_a_block_is_marked_and_the_next_reply_is_refused(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Жауап")
    outbox.connector.script.append(Blocked("The citizen blocked the bot.", code="403"))
    await outbox.send_due()
    with pytest.raises(CannotCarry) as refused:
        await outbox.reply(number, "Тағы")
    assert refused.value.code == "contact_blocked"


async def test_an_unknown_outcome_is_uncertain_and_never_sent_again_by_itself(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    reply = await outbox.reply(number, "Жауап")
    outbox.connector.script.append(Uncertain("The answer was lost."))
    await outbox.send_due()
    clock.advance(timedelta(days=2))
    await outbox.send_due()
    assert await states(outbox.database) == ["uncertain"]
    assert outbox.connector.texts == []
    async with outbox.database.write() as session:
        with pytest.raises(NotRetryable, match="may have reached"):
            await retry_message(
                session, message_id=reply.id, even_if_sent=False, actor="t", now=clock()
            )
    async with outbox.database.write() as session:
        await retry_message(session, message_id=reply.id, even_if_sent=True, actor="t", now=clock())
    await outbox.send_due()
    assert outbox.connector.texts == ["Жауап"]


async def test_a_connectors_bug_leaves_an_uncertain_message_not_a_lost_one(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Жауап")
    outbox.connector.script.append(ZeroDivisionError())
    await outbox.send_due()
    assert await states(outbox.database) == ["uncertain"]


async def test_a_send_that_never_ends_is_uncertain(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    _, _, never = released()
    async with Outbox(database, clock, tmp_path, pace=Pace(send_timeout=0.01)) as outbox:
        number = await outbox.receive()
        await outbox.reply(number, "Жауап")
        outbox.connector.script.append(never)
        await outbox.send_due()
        assert await states(database) == ["uncertain"]


async def test_what_a_dead_process_held_becomes_uncertain_when_its_lease_runs_out(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Жауап")
    claims = await outbox.database.run(
        claim_due(MAIN, limit=5, owner="dead", now=clock(), lease=timedelta(seconds=90))
    )
    assert [claim.text for claim in claims] == ["Жауап"]
    await tidy_outbox({MAIN: outbox.connector}, database=outbox.database, clock=clock)
    assert await states(outbox.database) == ["sending"]
    clock.advance(timedelta(seconds=91))
    await tidy_outbox({MAIN: outbox.connector}, database=outbox.database, clock=clock)
    assert await states(outbox.database) == ["uncertain"]
    await outbox.send_due()
    assert outbox.connector.texts == []


async def test_where_the_provider_drops_repeats_a_dead_process_is_simply_continued(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    careful = Capabilities(
        max_text=100, idempotent_send=True, can_initiate=True, rate=RateLimit(per_second=100)
    )
    connector = Scripted(clock, capabilities=careful)
    async with Outbox(database, clock, tmp_path, connector=connector) as outbox:
        number = await outbox.receive()
        await outbox.reply(number, "Жауап")
        await database.run(
            claim_due(MAIN, limit=5, owner="dead", now=clock(), lease=timedelta(seconds=90))
        )
        clock.advance(timedelta(seconds=91))
        await tidy_outbox({MAIN: connector}, database=database, clock=clock)
        await outbox.send_due()
        assert connector.texts == ["Жауап"]
        assert await states(database) == ["sent"]


async def test_a_dead_account_waits_says_so_and_goes_on_after_the_cure(
    outbox: Outbox, clock: FakeClock
) -> None:
    first = await outbox.receive("1")
    second = await outbox.receive("2", conversation="701", sender=sender("701"))
    await outbox.reply(first, "А")
    await outbox.reply(second, "Б")
    outbox.connector.script.append(Misconfigured("The token is dead.", cure="Set a new token."))
    outbox.connector.health = Diagnosis(health=Health.DOWN, summary="The token is dead.")
    await outbox.send_due()
    sent_before = len(outbox.connector.sent)
    with pytest.raises(CannotCarry) as refused:
        await outbox.reply(first, "В")
    assert refused.value.code == "account_down"
    assert refused.value.instead == "Set a new token."
    clock.advance(timedelta(minutes=5))
    check = {MAIN: outbox.connector}
    await check_accounts(check, database=outbox.database, bus=outbox.bus, clock=clock)
    await outbox.send_due()
    assert len(outbox.connector.sent) == sent_before
    outbox.connector.health = Diagnosis(health=Health.OK, summary="Works.")
    await check_accounts(check, database=outbox.database, bus=outbox.bus, clock=clock)
    await outbox.send_due()
    assert sorted(outbox.connector.texts) == ["А", "Б"]
    assert await states(outbox.database) == ["sent", "sent"]


async def test_two_senders_never_take_the_same_part(outbox: Outbox) -> None:
    for n in range(20):
        number = await outbox.receive(str(n), conversation=str(n), sender=sender(str(n)))
        await outbox.reply(number, f"жауап {n}")
    await asyncio.gather(*(outbox.sender().send_all_due() for _ in range(4)))
    assert sorted(outbox.connector.texts) == sorted(f"жауап {n}" for n in range(20))


async def test_receipts_move_a_state_forward_in_whatever_order_they_come(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Жауап")
    await outbox.send_due()
    for state in (DeliveryState.READ, DeliveryState.SENT, DeliveryState.DELIVERED):
        await report(outbox, "out-1", state)
        assert await states(outbox.database) == ["read"]


async def test_a_receipt_that_comes_before_our_own_send_returned_waits_for_it(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Жауап")
    await report(outbox, "out-1", DeliveryState.DELIVERED)
    assert await states(outbox.database) == ["queued"]
    await outbox.send_due()
    assert await states(outbox.database) == ["delivered"]
    assert await rows(outbox.database, "SELECT count(*) FROM early_reports") == [(0,)]


async def test_a_message_of_several_parts_is_as_far_as_its_last_part(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, " ".join(f"сөз{n}" for n in range(12)))
    await outbox.send_due()
    assert len(outbox.connector.sent) == 2
    await report(outbox, "out-1", DeliveryState.DELIVERED)
    assert await states(outbox.database) == ["sent"]
    await report(outbox, "out-2", DeliveryState.DELIVERED)
    assert await states(outbox.database) == ["delivered"]


async def test_a_failure_reported_after_the_send_is_shown_and_a_retry_recovers(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    reply = await outbox.reply(number, "Жауап")
    await outbox.send_due()
    await report(
        outbox, "out-1", DeliveryState.FAILED, error_code="131026", error_reason="Not delivered."
    )
    assert await states(outbox.database) == ["failed"]
    await report(outbox, "out-1", DeliveryState.DELIVERED)
    assert await states(outbox.database) == ["failed"]
    async with outbox.database.write() as session:
        await retry_message(
            session, message_id=reply.id, even_if_sent=False, actor="t", now=outbox.clock()
        )
    await outbox.send_due()
    assert await states(outbox.database) == ["sent"]
    await report(outbox, "out-2", DeliveryState.DELIVERED)
    assert await states(outbox.database) == ["delivered"]


async def test_an_echo_of_our_own_message_settles_what_was_uncertain(outbox: Outbox) -> None:
    number = await outbox.receive()
    reply = await outbox.reply(number, "Жауап")
    outbox.connector.script.append(Uncertain("The answer was lost."))
    await outbox.send_due()
    ours = echo("out-9", message_id=str(reply.id))
    await outbox.database.run(accept([ours], rules=RULES, now=outbox.clock()))
    assert await states(outbox.database) == ["sent"]
    await report(outbox, "out-9", DeliveryState.READ)
    assert await states(outbox.database) == ["read"]
    assert await rows(outbox.database, "SELECT count(*) FROM messages") == [(2,)]


async def test_a_watermark_means_all_that_was_sent_before_it(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "бірінші")
    await outbox.send_due()
    mark = clock()
    clock.advance(timedelta(minutes=1))
    await outbox.reply(number, "екінші")
    await outbox.send_due()
    item = DeliveryReport(
        channel="telegram", account="main", state=DeliveryState.READ, at=clock(),
        conversation="700", watermark=mark,
    )  # fmt: skip
    await outbox.database.run(accept([item], rules=RULES, now=clock()))
    assert await states(outbox.database) == ["read", "sent"]


async def test_a_greeting_goes_out_without_an_appeal(outbox: Outbox) -> None:
    from tests.registry.test_intake import started

    await outbox.database.run(accept([started()], rules=RULES, now=outbox.clock()))
    await outbox.send_due()
    assert outbox.connector.texts == ["Сәлеметсіз бе! Жазыңыз."]
    assert await states(outbox.database) == ["sent"]


async def test_a_closed_window_is_refused_with_what_can_be_done(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    short = Capabilities(max_text=100, reply_window_hours=24)
    connector = Scripted(clock, capabilities=short)
    async with Outbox(database, clock, tmp_path, connector=connector) as outbox:
        number = await outbox.receive()
        clock.advance(timedelta(hours=24))
        with pytest.raises(CannotCarry) as refused:
            await outbox.reply(number, "Кеш қалдық")
        assert refused.value.code == "window_closed"
        assert await states(database) == []


async def test_a_stopped_sender_settles_what_is_under_way(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Жауап")
    began, go, step = released()
    outbox.connector.script.append(step)
    sending = outbox.sender()
    task = asyncio.create_task(sending.run())
    await began.wait()
    sending.stop()
    go.set()
    await task
    assert await states(outbox.database) == ["sent"]
