"""Our own messages that come back: recognised without our id, whenever they come, and once."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.base import Uncertain
from registry.db import Database
from registry.intake import Accepted, accept
from registry.models import Attachment
from registry.outbox import claim_due
from registry.types import Attachment as Came
from registry.types import (
    AttachmentKind,
    Capabilities,
    ContactEvent,
    ContactPoint,
    DeliveryReport,
    DeliveryState,
    Inbound,
    MediaLimit,
    Sender,
)
from tests.conftest import FakeClock
from tests.registry.samples import RULES, echo, message, sender
from tests.workers.stand_ins import MAIN, Outbox, Scripted
from workers.outbox import tidy_outbox

PHOTO = MediaLimit(max_bytes=1000)
PAGE = Capabilities(
    max_text=2000,
    media={AttachmentKind.PHOTO: PHOTO},
    public=Capabilities(max_text=8000, private_reply_hours=168.0),
)
"""A page: private messages, comments, and one private reply to a comment."""


@pytest.fixture
async def outbox(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    async with Outbox(database, clock, tmp_path) as made:
        yield made


@pytest.fixture
async def page(database: Database, clock: FakeClock, tmp_path: Path) -> Any:
    connector = Scripted(clock, capabilities=PAGE)
    async with Outbox(database, clock, tmp_path, connector=connector) as made:
        yield made


async def rows(outbox: Outbox, sql: str) -> Sequence[Any]:
    async with outbox.database.read() as session:
        return [tuple(row) for row in await (await session.connection()).execute(text(sql))]


async def take(outbox: Outbox, *items: Inbound) -> Accepted:
    return await outbox.database.run(accept(items, rules=RULES, now=outbox.clock()))


async def outgoing(outbox: Outbox) -> Sequence[tuple[str, str]]:
    """The texts that are shown as ours, and how far they got."""
    return await rows(
        outbox,
        "SELECT text, state FROM messages WHERE direction = 'out' ORDER BY created_at, id",
    )


async def names(outbox: Outbox) -> Sequence[tuple[str, int, str]]:
    """What the provider calls our messages: its id, the part, our text."""
    return await rows(
        outbox,
        "SELECT e.external_id, e.part, m.text FROM external_ids e"
        " JOIN messages m ON m.id = e.message_id WHERE m.direction = 'out' ORDER BY 1",
    )


def comes_back(outbox: Outbox, *items: Inbound) -> Callable[[], Awaitable[None]]:
    """A send during which the provider delivers these, before it answers."""

    async def step() -> None:
        await take(outbox, *items)

    return step


def lost(outbox: Outbox, *items: Inbound) -> Callable[[], Awaitable[None]]:
    """A send during which the provider delivers these, and of which the answer is lost."""

    async def step() -> None:
        await take(outbox, *items)
        raise Uncertain("The answer was lost.")

    return step


async def test_an_echo_that_overtakes_the_answer_is_our_message_and_nothing_new(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    outbox.connector.script.append(comes_back(outbox, echo("out-1", text=" Қабылдадық\n")))
    await outbox.send_due()
    assert await outgoing(outbox) == [("Қабылдадық", "sent")]
    assert await names(outbox) == [("out-1", 0, "Қабылдадық")]
    assert (await take(outbox, echo("out-1", text="Қабылдадық"))).fates == ["duplicate"]
    assert await rows(outbox, "SELECT message_count FROM appeals") == [(2,)]


async def test_an_echo_after_a_lost_answer_tells_that_the_message_went_out(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    outbox.connector.script.append(Uncertain("The answer was lost."))
    await outbox.send_due()
    assert await outgoing(outbox) == [("Қабылдадық", "uncertain")]
    await take(outbox, echo("e7", text="Қабылдадық"))
    assert await outgoing(outbox) == [("Қабылдадық", "sent")]
    assert await names(outbox) == [("e7", 0, "Қабылдадық")]
    assert await rows(outbox, "SELECT state FROM dispatches") == [("done",)]


async def test_an_echo_that_came_before_the_answer_was_lost_leaves_no_doubt(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    outbox.connector.script.append(lost(outbox, echo("e7", text="Қабылдадық")))
    await outbox.send_due()
    assert await outgoing(outbox) == [("Қабылдадық", "sent")]
    assert await rows(outbox, "SELECT state FROM dispatches") == [("done",)]


async def test_an_echo_that_came_before_the_sender_died_leaves_no_doubt(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Б" * 50)  # two parts
    claim = claim_due(MAIN, limit=1, owner="dead", now=clock(), lease=timedelta(seconds=90))
    [held] = await outbox.database.run(claim)
    await take(outbox, echo("e7", text=held.text))
    clock.advance(timedelta(minutes=2))
    await tidy_outbox({MAIN: outbox.connector}, database=outbox.database, clock=clock)
    await outbox.send_due()
    assert outbox.connector.texts == ["Б" * 10], "the part that went out goes out once"
    assert await outgoing(outbox) == [("Б" * 50, "sent")]
    assert await names(outbox) == [("e7", 0, "Б" * 50), ("out-1", 1, "Б" * 50)]


async def test_a_later_part_that_comes_back_is_named_as_that_part(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Б" * 40 + "В" * 40 + "Г")
    outbox.connector.script.append(comes_back(outbox))
    outbox.connector.script.append(lost(outbox, echo("e2", text="В" * 40)))
    await outbox.send_due()
    await outbox.send_due()
    assert [(external_id, part) for external_id, part, _ in await names(outbox)] == [
        ("e2", 1), ("out-1", 0), ("out-2", 2),
    ]  # fmt: skip
    assert outbox.connector.sent[-1].previous_part == "e2"
    assert [state for _, state in await outgoing(outbox)] == ["sent"]


async def test_the_same_echo_twice_in_a_delivery_is_one(outbox: Outbox) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    twice = echo("e7", text="Қабылдадық")
    outbox.connector.script.append(lost(outbox, twice, twice))
    await outbox.send_due()
    assert await outgoing(outbox) == [("Қабылдадық", "sent")]
    assert await names(outbox) == [("e7", 0, "Қабылдадық")]


async def test_two_messages_of_the_same_words_are_told_apart_by_their_echoes(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Рақмет", key="1")
    await outbox.reply(number, "Рақмет", key="2")
    outbox.connector.script += [Uncertain("The answer was lost.")] * 2
    await outbox.send_due()
    assert await outgoing(outbox) == [("Рақмет", "uncertain")] * 2
    await take(outbox, echo("e1", text="Рақмет"))
    assert await outgoing(outbox) == [("Рақмет", "sent"), ("Рақмет", "uncertain")]
    await take(outbox, echo("e1", text="Рақмет"), echo("e2", text="Рақмет"))
    assert await outgoing(outbox) == [("Рақмет", "sent")] * 2
    # A third one is an employee's: nothing of ours is under way any more.
    await take(outbox, echo("e3", text="Рақмет"))
    assert await outgoing(outbox) == [("Рақмет", "sent")] * 3


async def test_what_an_employee_writes_meanwhile_is_theirs_and_stored_once(
    outbox: Outbox,
) -> None:
    number = await outbox.receive()
    await outbox.reply(number, "Қабылдадық")
    theirs = echo("e9", text="Ертең келеміз")
    outbox.connector.script.append(comes_back(outbox, theirs))
    await outbox.send_due()
    assert (await take(outbox, theirs)).fates == ["duplicate"]
    assert sorted(await outgoing(outbox)) == [("Ертең келеміз", "sent"), ("Қабылдадық", "sent")]


async def test_files_alone_are_recognised_by_their_number(outbox: Outbox, clock: FakeClock) -> None:
    number = await outbox.receive()
    async with outbox.database.write() as session:
        uploads = [
            Attachment(kind="photo", state="ready", path="a", mime="image/png", created_at=clock())
            for _ in range(2)
        ]
        session.add_all(uploads)
    for key, upload in enumerate(uploads):
        await outbox.reply(number, "", key=str(key), attachment_ids=(upload.id,))
    photo = Came(kind=AttachmentKind.PHOTO, ref="p")
    first = echo("e1", text="", attachments=(photo,))
    other = echo("e2", text="", attachments=(photo, photo))
    outbox.connector.script.append(lost(outbox, first, other))
    await outbox.send_due()
    assert await rows(outbox, "SELECT state, count(*) FROM dispatches GROUP BY state") == [
        ("done", 2)
    ]
    assert [external_id for external_id, _, _ in await names(outbox)] == ["e1", "e2", "out-1"]
    shown = "SELECT count(*) FROM messages WHERE direction = 'out'"
    assert await rows(outbox, shown) == [(3,)], "two of ours, and one of an employee"


async def test_a_private_reply_that_comes_back_in_the_private_chat_is_ours(
    page: Outbox, clock: FakeClock
) -> None:
    number = await page.receive("c1", conversation="post1:700", public=True)
    await page.reply(number, "Мекенжайыңызды жазыңыз", private=True)
    page.connector.script.append(
        lost(page, echo("m1", conversation="700", text="Мекенжайыңызды жазыңыз"))
    )
    await page.send_due()
    assert await outgoing(page) == [("Мекенжайыңызды жазыңыз", "sent")]
    # What they answer there is an appeal of its own; the comment's thread stays public.
    answered = await page.receive("m2", conversation="700", text="Абай 10")
    assert answered != number
    assert await rows(page, "SELECT key, public FROM conversations ORDER BY key") == [
        ("700", False), ("post1:700", True),
    ]  # fmt: skip


async def test_a_greeting_that_comes_back_opens_no_appeal(outbox: Outbox, clock: FakeClock) -> None:
    began = ContactEvent(
        channel="telegram", account="main", conversation="700", kind="started",
        external_id="s1", sender=sender(), at=clock(),
    )  # fmt: skip
    await take(outbox, began)
    outbox.connector.script.append(lost(outbox, echo("g1", text=RULES.greetings["kk"])))
    await outbox.send_due()
    assert await outgoing(outbox) == [(RULES.greetings["kk"], "sent")]
    assert await rows(outbox, "SELECT count(*) FROM appeals") == [(0,)]


async def test_a_reply_to_an_older_appeal_is_recognised_as_well(outbox: Outbox) -> None:
    older = await outbox.receive()
    async with outbox.database.write() as session:
        await (await session.connection()).execute(text("UPDATE appeals SET status = 'closed'"))
    await outbox.receive("2", text="Тағы бір мәселе")
    await outbox.reply(older, "Бұл шешілді")
    outbox.connector.script.append(lost(outbox, echo("e1", text="Бұл шешілді")))
    await outbox.send_due()
    assert await outgoing(outbox) == [("Бұл шешілді", "sent")]


async def test_the_echo_of_another_person_is_not_taken_for_ours(outbox: Outbox) -> None:
    first = await outbox.receive("1")
    await outbox.receive("2", conversation="701", sender=sender("701"))
    await outbox.reply(first, "Қабылдадық")
    theirs = echo("e1", conversation="701", recipient=sender("701"), text="Қабылдадық")
    outbox.connector.script.append(comes_back(outbox, theirs))
    await outbox.send_due()
    assert await outgoing(outbox) == [("Қабылдадық", "sent")] * 2
    assert [name for name, _, _ in await names(outbox)] == ["e1", "out-1"]


# --- Providers that carry our id back -------------------------------------------------------------


def told(outbox: Outbox, message_id: str, state: DeliveryState, **more: Any) -> DeliveryReport:
    return DeliveryReport(
        channel="telegram", account="main", state=state, at=outbox.clock(), message_id=message_id,
        names=True, **more,
    )  # fmt: skip


async def test_a_report_that_names_a_part_settles_that_part_alone(
    outbox: Outbox, clock: FakeClock
) -> None:
    number = await outbox.receive()
    ours = str((await outbox.reply(number, "Б" * 40 + "В" * 40 + "Г")).id)
    outbox.connector.script.append(comes_back(outbox))
    outbox.connector.script.append(Uncertain("The answer was lost."))
    await outbox.send_due()
    progress = "SELECT state, next_part FROM dispatches"
    assert await rows(outbox, progress) == [("uncertain", 1)]

    # That the first part was delivered says nothing of the second.
    delivered = DeliveryState.DELIVERED
    await take(outbox, told(outbox, ours, delivered, external_id="out-1", part=0))
    assert await rows(outbox, progress) == [("uncertain", 1)]
    assert [state for _, state in await outgoing(outbox)] == ["uncertain"]

    await take(outbox, told(outbox, ours, DeliveryState.SENT, external_id="w2", part=1))
    assert await rows(outbox, progress) == [("queued", 2)]
    await outbox.send_due()
    assert outbox.connector.texts == ["Б" * 40, "Г"]
    assert outbox.connector.sent[-1].previous_part == "w2"
    assert [(name, part) for name, part, _ in await names(outbox)] == [
        ("out-1", 0), ("out-2", 2), ("w2", 1),
    ]  # fmt: skip
    assert [state for _, state in await outgoing(outbox)] == ["sent"]
    assert await rows(outbox, progress) == [("done", 3)]


@pytest.mark.parametrize("state", [DeliveryState.SENT, DeliveryState.DELIVERED])
async def test_a_report_before_the_answer_is_lost_leaves_no_doubt(
    outbox: Outbox, state: DeliveryState
) -> None:
    number = await outbox.receive()
    ours = str((await outbox.reply(number, "Қабылдадық")).id)
    outbox.connector.script.append(lost(outbox, told(outbox, ours, state, external_id="w1")))
    await outbox.send_due()
    assert await outgoing(outbox) == [("Қабылдадық", state)]
    assert await rows(outbox, "SELECT state FROM dispatches") == [("done",)]


async def test_an_employees_comment_and_a_private_chat_of_others_stay_apart(
    page: Outbox,
) -> None:
    # The recipient of an echo is known by the point, whoever else speaks in the thread.
    other = Sender(point=ContactPoint("telegram", "900"), name="Ерлан")
    await page.receive("c1", conversation="post1:700", public=True)
    await take(page, message("c2", conversation="post1:900", sender=other, public=True))
    accepted = await take(page, echo("m1", conversation="900", recipient=other, text="Сәлем"))
    assert accepted.fates == ["stored"]
    found = await rows(
        page,
        "SELECT p.name FROM messages m JOIN appeals a ON a.id = m.appeal_id"
        " JOIN contacts p ON p.id = a.contact_id WHERE m.direction = 'out'",
    )
    assert found == [("Ерлан",)]
