"""Live screens over real connections: everybody hears what is theirs to see, and misses nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError
from sqlmodel import select

from config.settings import Settings
from hub.app import Hub, open_hub
from hub.live import clients, feed
from hub.live.clients import Client, Goodbye, View, Writer
from registry.appeals import Change, Priority, add_note, change_appeal
from registry.calls.tables import Call
from registry.changes import forget_changes
from registry.contacts.changing import ContactChange, change_contact
from registry.errors import Unavailable
from registry.escalation import escalate
from registry.inbox import load_known
from registry.models import Appeal, Contact
from registry.operators import Principal, Role, disable_operator
from registry.sessions import digest_of, end_session
from registry.teams import add_team, set_members
from tests.conftest import FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.hub.screens import Office, Screen, office
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import START, message, sender

ALL = "queue=all&sort=due"
UNASSIGNED = "queue=unassigned&sort=due"
MINE = "queue=mine&sort=due"


@pytest.fixture
async def desk(open_house: Hub) -> AsyncIterator[Office]:
    async with office(open_house) as opened:
        yield opened


async def hire_all(desk: Office) -> tuple[Principal, Principal, Principal]:
    """Dana of no team, Erlan of the roads, and Gulnar who supervises both."""
    database = desk.hub.database
    dana, erlan = await hire(database, "Dana"), await hire(database, "Erlan")
    gulnar = await hire(database, "Gulnar", Role.SUPERVISOR)
    async with database.write() as session:
        await add_team(session, "roads", "Roads", by=gulnar, now=START)
        await set_members(session, "roads", [erlan.operator_id or 0], by=gulnar, now=START)
    return dana, erlan, gulnar


async def alter(desk: Office, number: str, by: Principal, **changes: Any) -> None:
    async with desk.hub.database.write() as session:
        await change_appeal(session, number, Change(**changes), by=by, now=desk.hub.clock())


async def set_columns(desk: Office, number: str, **columns: Any) -> None:
    async with desk.hub.database.write() as session:
        found = await session.exec(select(Appeal).where(Appeal.number == number))
        row = found.one()
        for name, value in columns.items():
            setattr(row, name, value)


def numbers(rows: list[dict[str, Any]]) -> list[str]:
    return [row["number"] for row in rows]


# --- What changes -------------------------------------------------------------------------------


async def test_a_citizens_message_is_a_row_for_everybody_in_their_language(desk: Office) -> None:
    dana, erlan, _ = await hire_all(desk)
    english, kazakh = await desk.screen(dana), await desk.screen(erlan)
    await english.show(UNASSIGNED)
    await kazakh.show(ALL, language="kk")
    number = await write_in(desk.hub.database)
    for screen, view, language in ((english, UNASSIGNED, "en"), (kazakh, ALL, "kk")):
        event = await screen.until(lambda event: event.get("rows"))
        assert (event["view"], event["language"], event["gone"]) == (view, language, [])
        [row] = event["rows"]
        assert row["number"] == number
        assert row["html"].startswith("<li")
        assert f'data-number="{number}"' in row["html"]


async def test_a_claimed_appeal_leaves_the_unassigned_and_stays_with_its_holder(
    desk: Office,
) -> None:
    dana, erlan, _ = await hire_all(desk)
    number = await write_in(desk.hub.database)
    one, other = await desk.screen(dana), await desk.screen(erlan)
    await one.show(MINE)
    await one.show(UNASSIGNED)
    await other.show(UNASSIGNED)
    await alter(desk, number, dana, assignee_id=dana.operator_id)
    mine = await one.until(lambda event: event.get("view") == MINE and event["rows"])
    assert numbers(mine["rows"]) == [number]
    for screen in (one, other):
        left = await screen.until(lambda event: event.get("gone"))
        assert (left["view"], left["gone"], left["rows"]) == (UNASSIGNED, [number], [])


async def test_a_list_that_never_showed_an_appeal_is_not_told_that_it_is_gone(
    desk: Office,
) -> None:
    dana, erlan, _ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(MINE)
    await screen.show(ALL)
    for citizen in ("700", "701"):
        number = await write_in(desk.hub.database, citizen)
        await screen.until(lambda event: event.get("rows"))
    await alter(desk, number, erlan, assignee_id=erlan.operator_id)
    await screen.until(lambda event: event.get("rows"))
    assert not [event for event in screen.heard if event.get("view") == MINE]


async def test_a_list_of_words_hears_of_what_is_found_by_them(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show("q=фонарь")
    await write_in(desk.hub.database, "700", text="Нет воды")
    number = await write_in(desk.hub.database, "701", text="Не горит фонарь", sender=sender("701"))
    event = await screen.until(lambda event: event.get("rows"))
    assert numbers(event["rows"]) == [number]


async def test_an_open_appeal_is_told_to_be_stale_once_however_much_of_it_changed(
    desk: Office,
) -> None:
    dana, *_ = await hire_all(desk)
    number, other = await write_in(desk.hub.database), await write_in(desk.hub.database, "701")
    screen = await desk.screen(dana)
    assert await screen.open(number) == {"number": number, "stale": False, "ready": ""}
    await receive(desk.hub.database, message("700-2", conversation="700"))
    assert await screen.next("thread") == {"number": number, "stale": True}
    await screen.say(number=number, off=True)
    await screen.open(other)
    await receive(
        desk.hub.database, message("700-3", conversation="700"),
        message("701-2", conversation="701", sender=sender("701")),
    )  # fmt: skip
    assert (await screen.next("thread"))["number"] == other


async def test_a_list_that_is_hidden_is_told_no_more(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(ALL)
    await screen.say(view=ALL, language="en", off=True)
    await screen.show(UNASSIGNED)
    await write_in(desk.hub.database)
    await screen.until(lambda event: event.get("rows"))
    assert not [event for event in screen.heard if event.get("view") == ALL]


async def test_what_time_alone_changes_is_told_too(
    desk: Office, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CLOCK_SECONDS", 0.05)
    dana, *_ = await hire_all(desk)
    number = await write_in(desk.hub.database)
    await set_columns(desk, number, due_at=START + timedelta(hours=1))
    screen = await desk.screen(dana)
    await screen.show("queue=overdue")
    assert (await screen.next("counts"))["overdue"] == 0
    clock.advance(timedelta(hours=1))
    event = await screen.until(lambda event: event.get("rows"))
    assert numbers(event["rows"]) == [number]
    assert (await screen.next("counts"))["overdue"] == 1


async def test_what_the_database_could_not_tell_is_told_when_it_can(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(ALL)
    failures = iter([True, True])

    async def load(*arguments: Any) -> Any:
        if next(failures, False):
            raise Unavailable
        return await load_known(*arguments)

    monkeypatch.setattr(feed, "CLOCK_SECONDS", 0.05)
    monkeypatch.setattr(feed, "load_known", load)
    number = await write_in(desk.hub.database)
    event = await screen.until(lambda event: event.get("rows"))
    assert numbers(event["rows"]) == [number]
    assert next(failures, None) is None


# --- Who may see it -----------------------------------------------------------------------------


async def test_a_teams_appeal_is_told_to_its_team_and_leaves_the_screens_of_others(
    desk: Office,
) -> None:
    dana, erlan, gulnar = await hire_all(desk)
    number = await write_in(desk.hub.database)
    screens = [await desk.screen(who) for who in (dana, erlan, gulnar)]
    for screen in screens:
        await screen.show(ALL)
        await screen.open(number)
    await alter(desk, number, gulnar, team="roads")
    outside, *inside = screens
    assert (await outside.until(lambda event: event.get("gone")))["gone"] == [number]
    assert await outside.next("thread") == {"number": number, "gone": True}
    for screen in inside:
        assert numbers((await screen.until(lambda event: event.get("rows")))["rows"]) == [number]
        assert await screen.next("thread") == {"number": number, "stale": True}
    await alter(desk, number, gulnar, category="roads")
    await inside[0].next("thread")
    assert not [event for event in outside.heard if "thread" in event or event.get("rows")]


async def test_whoever_holds_an_appeal_of_a_foreign_team_follows_it_and_their_colleagues_do_not(
    desk: Office,
) -> None:
    dana, erlan, _ = await hire_all(desk)
    saule = await hire(desk.hub.database, "Saule")
    number, shared = await write_in(desk.hub.database), await write_in(desk.hub.database, "701")
    holder, colleague = await desk.screen(dana), await desk.screen(saule)
    await holder.show(ALL)
    await colleague.show(ALL)
    reader = await desk.screen(erlan)
    await reader.open(number)
    await set_columns(desk, number, team="roads", assignee_id=dana.operator_id)
    event = await holder.until(lambda event: event.get("rows"))
    assert numbers(event["rows"]) == [number]
    assert await holder.next("presence")
    assert (await colleague.until(lambda event: event.get("gone")))["gone"] == [number]
    await set_columns(desk, number, subject="Жарық", assignee_id=None)
    await set_columns(desk, shared, subject="Су")
    await holder.until(lambda event: number in event.get("gone", ()))
    event = await colleague.until(lambda event: event.get("rows"))
    assert numbers(event["rows"]) == [shared]


async def test_an_appeal_that_one_may_not_see_cannot_be_followed(desk: Office) -> None:
    dana, _, gulnar = await hire_all(desk)
    number = await write_in(desk.hub.database)
    await alter(desk, number, gulnar, team="roads")
    screen = await desk.screen(dana)
    assert await screen.open(number) == {"number": number, "gone": True}
    assert await screen.open("ALM-2026-9999999") == {"number": "ALM-2026-9999999", "gone": True}


async def test_strangers_and_other_sites_do_not_get_in(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    key = await desk.sign_in(dana)
    for asked, headers, status in (
        ("wrong", {}, 401),
        (key, {"Sec-Fetch-Site": "cross-site"}, 403),
        (key, {"Sec-Fetch-Site": "same-site"}, 403),
    ):
        with pytest.raises(WSServerHandshakeError) as refused:
            await desk.connect(asked, **headers)
        assert refused.value.status == status


async def test_a_page_of_somebody_else_is_sent_away(desk: Office) -> None:
    dana, erlan, _ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.say(view=ALL, language="en", operator=str(erlan.operator_id))
    assert await screen.closed() == Goodbye.CHANGED


@pytest.mark.parametrize(
    "words",
    [{"view": ALL, "language": "xx"}, {"view": "queue=nowhere", "language": "en"}, {"hello": 1},
     {"number": "../.."}, {}],
)  # fmt: skip
async def test_who_says_what_is_not_said_is_sent_away(desk: Office, words: dict[str, Any]) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.say(**words)
    assert await screen.closed() == 1008


# --- Sessions -----------------------------------------------------------------------------------


async def test_a_connection_ends_with_its_session(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    key = await desk.sign_in(dana)
    screen, other = await desk.connect(key), await desk.screen(dana)
    await screen.show(ALL)
    async with desk.hub.database.write() as session:
        digest = digest_of(key, desk.hub.settings.secret_key)
        await end_session(session, digest, by=dana, now=desk.hub.clock())
    assert await screen.closed() == Goodbye.SIGNED_OUT
    await other.show(ALL)


async def test_a_disabled_operator_hears_nothing_more(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(ALL)
    async with desk.hub.database.write() as session:
        await disable_operator(session, dana.operator_id or 0, actor="system", now=START)
    assert await screen.closed() == Goodbye.SIGNED_OUT


async def test_who_changes_teams_is_to_look_anew(desk: Office) -> None:
    dana, _, gulnar = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(ALL)
    async with desk.hub.database.write() as session:
        await set_members(session, "roads", [dana.operator_id or 0], by=gulnar, now=START)
    assert await screen.closed() == Goodbye.CHANGED


# --- Gaps ---------------------------------------------------------------------------------------


async def test_who_comes_back_is_told_what_they_missed_and_nothing_else(desk: Office) -> None:
    dana, erlan, _ = await hire_all(desk)
    key = await desk.sign_in(dana)
    taken, kept = await write_in(desk.hub.database), await write_in(desk.hub.database, "701")
    screen = await desk.connect(key)
    await screen.show(UNASSIGNED)
    await screen.socket.close()
    await alter(desk, taken, erlan, assignee_id=erlan.operator_id)
    arrived = await write_in(desk.hub.database, "702")
    back = await desk.connect(key)
    event = await back.show(UNASSIGNED, cursor=screen.cursor)
    assert (numbers(event["rows"]), event["gone"]) == ([arrived], [taken])
    assert await back.open(kept, cursor=screen.cursor) == {
        "number": kept, "stale": False, "ready": screen.cursor,
    }  # fmt: skip
    assert (await back.open(taken, cursor=screen.cursor))["stale"]


async def test_what_changes_while_one_comes_back_is_not_missed(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    witness = await desk.screen(dana)
    await witness.show(ALL)
    shown: set[str] = set()
    written: list[str] = []
    for citizen in range(8):
        screen = await desk.screen(dana)
        await screen.say(view=ALL, language="en", cursor=witness.cursor)
        written.append(await write_in(desk.hub.database, str(800 + citizen)))
        while not set(written) <= shown:
            event = await screen.until(lambda event: "rows" in event)
            shown.update(numbers(event["rows"]))
        await screen.socket.close()


@pytest.mark.parametrize("cursor", ["nonsense", "999999999", "1:2:3"])
async def test_a_cursor_of_nobody_asks_for_everything_anew(desk: Office, cursor: str) -> None:
    dana, *_ = await hire_all(desk)
    number = await write_in(desk.hub.database)
    screen = await desk.screen(dana)
    assert (await screen.show(ALL, cursor=cursor))["reload"]
    assert (await screen.open(number, cursor=cursor))["stale"]


async def test_who_was_away_too_long_reads_everything_anew(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    key = await desk.sign_in(dana)
    screen = await desk.connect(key)
    await screen.show(ALL)
    await screen.socket.close()
    for citizen in range(3):
        await write_in(desk.hub.database, str(900 + citizen))
    await desk.hub.database.run(forget_changes(kept=1))
    assert (await (await desk.connect(key)).show(ALL, cursor=screen.cursor))["reload"]


async def test_of_too_much_at_once_everything_is_read_anew(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MOST", 2)
    monkeypatch.setattr("hub.live.board.MOST", 2)
    dana, *_ = await hire_all(desk)
    key = await desk.sign_in(dana)
    screen = await desk.connect(key)
    await screen.show(ALL)
    number = await write_in(desk.hub.database, "900")
    await screen.until(lambda event: event.get("rows"))
    await screen.open(number)
    many = [
        message(f"{citizen}-1", conversation=str(citizen), sender=sender(str(citizen)))
        for citizen in range(901, 904)
    ]
    cursor = screen.cursor
    await receive(desk.hub.database, *many)
    assert (await screen.until(lambda event: event.get("view") == ALL))["reload"]
    more = [
        message(f"{citizen}-1", conversation=str(citizen), sender=sender(str(citizen)))
        for citizen in range(910, 916)
    ]
    await receive(desk.hub.database, *more)
    assert (await screen.until(lambda event: event.get("view") == ALL))["reload"]
    assert (await screen.next("thread"))["stale"]
    assert (await (await desk.connect(key)).show(ALL, cursor=cursor))["reload"]


# --- Slow and stopping --------------------------------------------------------------------------


async def test_who_reads_too_slowly_is_let_go_with_a_code(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(ALL)
    monkeypatch.setattr(clients, "MAX_WAITING", -1)
    await write_in(desk.hub.database)
    assert await screen.closed() == Goodbye.TOO_SLOW
    monkeypatch.undo()
    back = await desk.screen(dana)
    assert len((await back.show(ALL, cursor=screen.cursor))["rows"]) == 1


class Clogged:
    """A transport whose other side does not read."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = asyncio.Event()

    def write(self, data: bytes, /) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.written))

    def abort(self) -> None:
        self.aborted.set()


async def test_who_does_not_even_say_goodbye_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "CLOSING_SECONDS", 0.01)
    monkeypatch.setattr(clients, "MAX_WAITING", 100)
    transport = Clogged()

    async def close(_why: Goodbye) -> None:
        await asyncio.Event().wait()

    dana = Principal(role=Role.OPERATOR, name="Dana", operator_id=1, actor="operator:1")
    client = Client(transport, close, "digest", dana, "en")
    client.views.add(View(ALL, "en"))
    writer = Writer(b'{"cursor":"1"}')
    for _ in range(3):
        client.tell(b'{"view":"' + b"x" * 200 + b'"}')
        writer.send(client)
    assert len(transport.written) == 1
    async with asyncio.timeout(10):
        await transport.aborted.wait()


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
async def test_frames_of_every_length_are_read_as_they_were_written(
    desk: Office, size: int
) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(ALL)
    [client] = desk.feed.clients
    client.transport.write(clients.text_frame(b"x" * size))
    assert (await screen.socket.receive()).data == "x" * size


async def test_a_hub_that_stops_says_goodbye(desk: Office) -> None:
    dana, *_ = await hire_all(desk)
    screen = await desk.screen(dana)
    await screen.show(ALL)
    closed = asyncio.create_task(screen.closed())
    await desk.stop()
    assert await closed == Goodbye.STOPPING


# --- People -------------------------------------------------------------------------------------


async def test_colleagues_see_who_reads_and_who_writes(desk: Office) -> None:
    dana, erlan, gulnar = await hire_all(desk)
    number = await write_in(desk.hub.database)
    one, other, listing = [await desk.screen(who) for who in (dana, erlan, gulnar)]
    await listing.show(ALL)
    await one.open(number)
    dana_reads = {"id": str(dana.operator_id), "name": "Dana", "typing": False}
    assert await listing.next("presence") == {number: [dana_reads]}
    assert await one.next("presence") == {number: [dana_reads]}
    await other.open(number)
    assert (await other.next("presence"))[number][0] == dana_reads
    await one.say(number=number, typing=True)
    writes = await listing.until(
        lambda event: any(v["typing"] for v in event.get("presence", {}).get(number, ()))
    )
    assert writes["presence"][number][0] == {**dana_reads, "typing": True}
    await one.socket.close()
    left = await listing.until(lambda event: len(event.get("presence", {}).get(number, "xx")) == 1)
    assert left["presence"][number][0]["name"] == "Erlan"


async def test_who_comes_later_sees_who_is_there_already(desk: Office) -> None:
    dana, erlan, gulnar = await hire_all(desk)
    number, hidden = await write_in(desk.hub.database), await write_in(desk.hub.database, "701")
    await alter(desk, hidden, gulnar, team="roads")
    reader = await desk.screen(gulnar)
    await reader.open(number)
    await reader.open(hidden)
    late, insider = await desk.screen(dana), await desk.screen(erlan)
    await late.show(ALL)
    assert set(await late.next("presence")) == {number}
    await insider.show(ALL)
    assert set(await insider.next("presence")) == {number, hidden}


# --- Counts and notices -------------------------------------------------------------------------


async def test_counts_are_told_at_first_and_whenever_they_change(desk: Office) -> None:
    dana, erlan, _ = await hire_all(desk)
    one, other = await desk.screen(dana), await desk.screen(erlan)
    assert (await one.next("counts"))["unassigned"] == 0
    assert (await other.next("counts"))["teams"] == {"roads": 0}
    number = await write_in(desk.hub.database)
    assert (await one.next("counts"))["unassigned"] == 1
    await alter(desk, number, dana, assignee_id=dana.operator_id)
    counts = await one.next("counts")
    assert (counts["unassigned"], counts["mine"], counts["all"]) == (0, 1, 1)
    while (counts := await other.next("counts"))["unassigned"]:
        pass
    assert (counts["mine"], counts["all"]) == (0, 1)


async def test_everybody_hears_that_something_about_calls_has_changed_and_not_that_time_passed(
    desk: Office, clock: FakeClock
) -> None:
    dana, erlan, _ = await hire_all(desk)
    one, other = await desk.screen(dana), await desk.screen(erlan)
    silence = await one.next("calls")
    assert await other.next("calls") == silence

    async with desk.hub.database.write() as session:
        session.add(Call(account="main", state="waiting", started_at=START, waiting_since=START))
    rings = await one.next("calls")
    assert await other.next("calls") == rings != silence

    clock.advance(timedelta(seconds=30))
    await write_in(desk.hub.database)
    async with desk.hub.database.write() as session:
        call = (await session.exec(select(Call))).one()
        call.state, call.ended_at = "ended", START
    assert await one.next("calls") == await other.next("calls") == silence
    assert not [event for event in (*one.heard, *other.heard) if "calls" in event]


async def test_one_is_called_to_what_others_did_and_not_to_ones_own(desk: Office) -> None:
    dana, erlan, gulnar = await hire_all(desk)
    number = await write_in(desk.hub.database)
    one, other = await desk.screen(dana), await desk.screen(erlan)
    await one.show(ALL)
    await other.show(ALL)
    await alter(desk, number, gulnar, assignee_id=dana.operator_id)
    [notice] = await one.next("notices")
    assert (notice["kind"], notice["number"]) == ("assigned", number)
    assert (notice["urgency"], notice["title"]) == ("normal", f"Assigned to you · {number}")
    await receive(desk.hub.database, message("700-2", conversation="700"))
    [notice] = await one.next("notices")
    assert notice["kind"] == "message"
    assert "Айгүл" in notice["text"]
    async with desk.hub.database.write() as session:
        await add_note(
            session, number, "Посмотрите", by=dana, now=START,
            mentions=[dana.operator_id or 0, erlan.operator_id or 0],
        )  # fmt: skip
    [notice] = await other.next("notices")
    assert notice["kind"] == "mentioned"
    await alter(desk, number, dana, assignee_id=None)
    await alter(desk, number, dana, assignee_id=dana.operator_id)
    await one.until(lambda event: event.get("rows"))
    assert not [event for event in one.heard if "notices" in event]


async def test_a_shift_of_appeals_in_tabs_of_their_own_is_followed(desk: Office) -> None:
    """One connection is for all tabs: to close it for one too many would silence all others."""
    dana, _, _ = await hire_all(desk)
    number = await write_in(desk.hub.database)
    one = await desk.screen(dana)
    await one.show(ALL)
    [client] = desk.feed.clients
    client.opened |= {f"ALM-2026-{serial:07}" for serial in range(9_000_000, 9_000_200)}
    assert await one.open(number) == {"number": number, "stale": False, "ready": ""}


async def test_what_a_blocked_person_does_calls_nobody(desk: Office) -> None:
    dana, _, gulnar = await hire_all(desk)
    number = await write_in(desk.hub.database)
    await alter(desk, number, gulnar, assignee_id=dana.operator_id, priority=Priority.URGENT)
    async with desk.hub.database.write() as session:
        who = (await session.exec(select(Contact.id))).one()
        await change_contact(session, who, ContactChange(blocked=True), by=gulnar, now=START)
    one = await desk.screen(dana)
    await one.show(ALL)
    await receive(desk.hub.database, message("700-2", conversation="700"))
    async with desk.hub.database.write() as session:
        await add_note(
            session, number, "Посмотрите", by=gulnar, now=START,
            mentions=[dana.operator_id or 0],
        )  # fmt: skip
    [notice] = await one.next("notices")
    assert notice["kind"] == "mentioned"


async def test_everybody_hears_of_an_urgent_appeal_that_nobody_holds(desk: Office) -> None:
    dana, erlan, gulnar = await hire_all(desk)
    number = await write_in(desk.hub.database, text="")
    await alter(desk, number, gulnar, team="roads")
    inside, outside = await desk.screen(erlan), await desk.screen(dana)
    await inside.show(ALL)
    await outside.show(ALL)
    doer = await desk.screen(gulnar)
    await doer.show(ALL)
    await alter(desk, number, gulnar, priority=Priority.URGENT)
    [notice] = await inside.next("notices")
    assert (notice["kind"], notice["urgency"]) == ("urgent", "high")
    assert notice["text"] == "Айгүл: No text"
    await doer.until(lambda event: event.get("rows"))
    assert not [event for event in doer.heard if "notices" in event]
    assert not [event for event in outside.heard if "notices" in event]


async def test_supervisors_are_called_to_what_is_late(desk: Office, clock: FakeClock) -> None:
    dana, erlan, gulnar = await hire_all(desk)
    number = await write_in(desk.hub.database)
    await alter(desk, number, gulnar, assignee_id=erlan.operator_id)
    await set_columns(desk, number, due_at=clock() - timedelta(minutes=1))
    holder, colleague, supervisor = [await desk.screen(who) for who in (erlan, dana, gulnar)]
    for screen in (holder, colleague, supervisor):
        await screen.show(ALL)
    async with desk.hub.database.write() as session:
        assert await escalate(session, now=clock()) == 1
    [theirs] = await holder.next("notices")
    assert (theirs["kind"], theirs["urgency"]) == ("overdue", "high")
    [notice] = await supervisor.next("notices")
    assert (notice["kind"], notice["number"], notice["urgency"]) == ("escalated", number, "high")
    assert notice["title"] == f"Overdue · {number} · Erlan"
    await colleague.until(lambda event: event.get("rows"))
    assert not [event for event in colleague.heard if "notices" in event]


async def test_of_many_that_are_late_at_once_a_supervisor_is_told_in_one_word(
    desk: Office, clock: FakeClock
) -> None:
    _, _, gulnar = await hire_all(desk)
    for citizen in ("700", "701", "702"):
        number = await write_in(desk.hub.database, citizen)
        await set_columns(desk, number, due_at=clock() - timedelta(minutes=1))
    supervisor = await desk.screen(gulnar)
    await supervisor.show(ALL)
    async with desk.hub.database.write() as session:
        assert await escalate(session, now=clock()) == 3
    [notice] = await supervisor.next("notices")
    assert (notice["kind"], notice["number"], notice["urgency"]) == ("escalated", "", "high")
    assert notice["title"] == "3 appeals are overdue"


# --- Several processes --------------------------------------------------------------------------


@pytest.fixture
async def second(
    open_house: Hub, database_url: str, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[Office]:
    """Another process on the same database, as far as the registry can tell."""
    settings = Settings.model_validate(
        {
            "secret_key": SECRET_KEY,
            "public_url": "https://hub.example.kz",
            "database": {"url": database_url},
            "folder": tmp_path,
        }
    )
    async with open_hub(settings, clock=clock) as hub, office(hub) as opened:
        yield opened


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_processes_hear_of_each_other_at_once(
    desk: Office, second: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CLOCK_SECONDS", 3600.0)
    dana, erlan, _ = await hire_all(desk)
    here, there = await desk.screen(dana), await second.screen(erlan)
    for screen, place in ((here, desk), (there, second)):
        await screen.show(ALL)
        async with asyncio.timeout(10):
            await place.feed.wire.connected.wait()
    number = await write_in(desk.hub.database)
    for screen in (here, there):
        assert numbers((await screen.until(lambda event: event.get("rows")))["rows"]) == [number]
    await there.open(number)
    viewers = (await here.next("presence"))[number]
    assert [viewer["name"] for viewer in viewers] == ["Erlan"]
    await there.socket.close()
    assert (await here.next("presence"))[number] == []


async def hears_of(screen: Screen, number: str) -> None:
    await screen.until(lambda event: number in numbers(event.get("rows", [])))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_beside_sqlite_another_process_is_heard_by_the_clock(
    desk: Office, second: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CLOCK_SECONDS", 0.05)
    dana, *_ = await hire_all(desk)
    screen = await second.screen(dana)
    await screen.show(ALL)
    await hears_of(screen, await write_in(desk.hub.database))
