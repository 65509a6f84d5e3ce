"""Looking at an account again and again: nothing is missed, nothing is new twice."""

import json
from datetime import timedelta
from random import Random

import pytest

from connectors.base import Health, Misconfigured, Rejected, SendError, Throttled, Unreachable
from connectors.instagram.private import refusals as said
from connectors.instagram.private.account import CALLS_A_POLL
from connectors.instagram.private.conftest import City
from connectors.instagram.private.cursor import (
    MOST_THREADS,
    REQUESTS_EVERY,
    Cursor,
    Mark,
    finished,
    opened,
    saved,
)
from connectors.instagram.private.pace import NIGHTLY, SPREAD, Pace
from connectors.instagram.private.refusals import refusal
from connectors.instagram.private.sandbox import VIEWER, Thread
from connectors.testing.contract import NOW
from connectors.testing.sandbox import Failure
from registry.types import (
    DeliveryReport,
    DeliveryState,
    Echo,
    Inbound,
    InboundMessage,
    Reaction,
)


def texts(values: list[Inbound]) -> list[str]:
    return [value.text for value in values if isinstance(value, InboundMessage)]


# --- Threads ------------------------------------------------------------------------------------


async def test_a_message_is_new_once(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл Сейтқали")
    await citizen.say("Абай даңғылы, 52 үйде шұңқыр бар")
    assert texts(await city.look()) == ["Абай даңғылы, 52 үйде шұңқыр бар"]
    assert texts(await city.looks()) == []
    await citizen.say("Бүгін жөндей ме?")
    assert texts(await city.looks()) == ["Бүгін жөндей ме?"]


async def test_a_request_of_somebody_new_is_read_without_being_accepted(city: City) -> None:
    citizen = city.sandbox.citizen(name="Марат Жұмабаев")
    await citizen.say("Здравствуйте!")
    assert texts(await city.looks()) == ["Здравствуйте!"]
    assert city.sandbox.threads[citizen.thread].pending
    assert not any(path.endswith("/seen/") for path in city.paths())


async def test_the_first_answer_accepts_the_request_and_it_is_read_on(city: City) -> None:
    citizen = city.sandbox.citizen(name="Марат Жұмабаев")
    await citizen.say("Здравствуйте!")
    await city.looks()
    await city.account.send(city.message(citizen.thread))
    assert not city.sandbox.threads[citizen.thread].pending
    await city.account.send(city.message(citizen.thread, part=1))
    assert sum(path.endswith("/approve/") for path in city.paths()) == 1
    await citizen.say("Спасибо")
    assert texts(await city.looks()) == ["Спасибо"]


async def test_a_long_absence_is_made_up_for_page_by_page(city: City) -> None:
    await city.look()
    citizens = [city.sandbox.citizen(name=f"Тұрғын {n}") for n in range(55)]
    wanted = []
    for number in range(70):
        for citizen in citizens if number < 3 else citizens[:2]:
            wanted.append(f"{citizen.pk} {number}")
            await citizen.say(wanted[-1])
        city.clock.pass_(minutes=3)
    found = texts(await city.looks())
    assert sorted(found) == sorted(wanted)
    assert texts(await city.looks(3)) == []


async def test_messages_of_one_page_come_in_their_order(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    for number in range(5):
        await citizen.say(str(number))
    assert texts(await city.look()) == ["0", "1", "2", "3", "4"]


async def test_what_was_written_long_before_the_first_start_is_left_alone(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("былтырғы")
    city.clock.pass_(hours=25)
    await citizen.say("бүгінгі")
    assert texts(await city.looks()) == ["бүгінгі"]


async def test_a_poll_that_was_not_stored_is_repeated_in_full(city: City) -> None:
    await city.look()
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    before = city.cursor
    lost = [await city.page() for _ in range(3)]
    city.cursor = before
    city.open()
    for found in (city.read([body for page in lost for body in page.bodies]), await city.looks()):
        assert texts(found) == ["Сәлем"]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_people_do_between_looks_arrives_once(city: City, seed: int) -> None:
    chance = Random(seed)
    citizens = [city.sandbox.citizen(name=f"Тұрғын {n}") for n in range(30)]
    post = city.sandbox.post()
    wanted: list[str] = []
    found: list[str] = []
    await city.look()
    for step in range(40):
        for _ in range(chance.choice((0, 1, 2, 25))):
            citizen = chance.choice(citizens)
            wanted.append(f"{step} {len(wanted)}")
            if chance.random() < 0.2:
                under = chance.choice([None, *(one["pk"] for one in post.comments)])
                await citizen.comment(wanted[-1], under=under)
            else:
                await citizen.say(wanted[-1])
            city.clock.pass_(seconds=chance.choice((0, 1, 90, 4000)))
        if chance.random() < 0.2:
            thread = city.sandbox.threads.get(chance.choice(citizens).thread)
            if thread is not None:
                thread.pending = False
        if chance.random() < 0.1:
            city.open()
        before = city.cursor
        page = await city.page()
        if chance.random() < 0.15:
            city.cursor = before  # the hub died before it stored the page
        else:
            found += texts(city.read(page.bodies))
    found += texts(await city.looks(20))
    assert set(wanted) - set(found) == set(), "missed"
    assert sorted(found) == sorted(wanted), "told twice"


async def test_a_group_is_not_read(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    group = Thread("340282366841710300949128999999999999999", [citizen.user, citizen.user])
    group.group = True
    city.sandbox.threads[group.id] = group
    city.sandbox.put(group.id, citizen.pk, "text", {"text": "Көршілер!"})
    assert await city.looks() == []
    assert not any(group.id in path for path in city.paths())


async def test_a_reaction_to_an_old_message_is_told(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    item = await citizen.say("Рақмет")
    await city.look()
    city.clock.pass_(hours=2)
    await citizen.react(item, "🙏")
    found = await city.looks()
    assert [value.emoji for value in found if isinstance(value, Reaction)] == [("🙏",)]
    assert await city.looks() == []


async def test_reading_is_told_once(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    await city.look()
    await city.account.send(city.message(citizen.thread))
    await citizen.read()
    reports = [value for value in await city.looks() if isinstance(value, DeliveryReport)]
    read = [report for report in reports if report.state is DeliveryState.READ]
    assert [report.conversation for report in read] == [citizen.thread]
    assert read[0].watermark is not None


async def test_what_is_taken_back_before_it_was_read_is_never_seen(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    item = await citizen.say("Қате жаздым")
    await citizen.unsend(item)
    await citizen.say("Сәлем")
    assert texts(await city.look()) == ["Сәлем"]


# --- Our own ------------------------------------------------------------------------------------


async def test_what_an_employee_writes_in_the_app_is_an_echo(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    await city.look()
    city.sandbox.put(citizen.thread, VIEWER, "text", {"text": "Қайырлы күн!"})
    found = await city.looks()
    assert [(type(v), getattr(v, "text", "")) for v in found] == [(Echo, "Қайырлы күн!")]


async def test_a_reply_of_the_hub_is_no_news(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    await city.look()
    sent = await city.account.send(city.message(citizen.thread))
    second = await city.account.send(city.message(citizen.thread, part=1))
    found = []
    for report in await city.looks():
        assert isinstance(report, DeliveryReport)
        found.append((report.message_id, report.part, report.external_id, report.names))
    assert found == [
        ("142589614023512064", 0, *sent.external_ids, True),
        ("142589614023512064", 1, *second.external_ids, True),
    ]


async def test_a_reply_whose_answer_was_lost_is_found_again(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    comment = None
    city.sandbox.post()
    await citizen.say("Сәлем")
    comment = await citizen.comment("Қашан?")
    values = await city.looks()
    public = next(v for v in values if isinstance(v, InboundMessage) and v.public)
    for conversation in (citizen.thread, public.conversation):
        city.sandbox.fail_next(
            Failure.reset_after(),
            where=lambda call: "/broadcast/" in call.path or call.path.endswith("/comment/"),
        )
        with pytest.raises(SendError):
            await city.account.send(city.message(conversation, last_inbound=comment["pk"]))
        (report,) = await city.looks()
        assert isinstance(report, DeliveryReport)
        assert (report.message_id, report.names) == ("142589614023512064", True)


# --- Comments -----------------------------------------------------------------------------------


async def test_comments_and_the_answers_under_them_are_read_once(city: City) -> None:
    first, second = city.sandbox.citizen(name="Айгүл"), city.sandbox.citizen(name="Марат")
    city.sandbox.post("Жөндеу кестесі")
    root = await first.comment("Қашан?")
    assert texts(await city.looks()) == ["Қашан?"]
    await second.comment("И у нас", under=root["pk"])
    await first.comment("Ия", under=root["pk"])
    values = [value for value in await city.looks() if isinstance(value, InboundMessage)]
    assert [(value.text, value.reply_to) for value in values] == [
        ("И у нас", root["pk"]),
        ("Ия", root["pk"]),
    ]
    assert len({value.conversation for value in values}) == 2
    assert all(value.public for value in values)
    assert texts(await city.looks()) == []


async def test_an_answer_to_a_comment_far_down_is_found(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    city.sandbox.post()
    oldest = await citizen.comment("ең алғашқы")
    for number in range(70):
        await citizen.comment(str(number))
        city.clock.pass_(minutes=2)
    assert len(texts(await city.looks())) == 71
    city.clock.pass_(hours=3)
    await citizen.comment("кеш жауап", under=oldest["pk"])
    assert texts(await city.looks()) == ["кеш жауап"]


async def test_a_comment_in_place_of_a_deleted_one_is_found(city: City) -> None:
    """The number of comments is then the same as before."""
    citizen = city.sandbox.citizen(name="Айгүл")
    post = city.sandbox.post()
    await citizen.comment("бірінші")
    await city.looks()
    post.comments.clear()
    await citizen.comment("екінші")
    city.clock.pass_(hours=7)
    assert texts(await city.looks()) == ["екінші"]


async def test_a_post_that_is_deleted_meanwhile_stops_nothing(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    city.sandbox.post()
    await citizen.comment("жоғалады")
    await citizen.say("Сәлем")
    gone = (400, {"message": "Media not found or unavailable", "status": "fail"})
    city.sandbox.fail_next(refusal(gone), where=lambda call: call.path.endswith("/comments/"))
    assert texts(await city.looks()) == ["Сәлем"]


async def test_the_accounts_own_comments_are_no_citizens(city: City) -> None:
    city.sandbox.post()
    user = {"pk": VIEWER, "username": "almaty.109", "full_name": "109"}
    city.sandbox.write_comment(user, "Сұрақтарыңызды жазыңыз", post=None, under=None)
    assert await city.looks() == []


# --- Failures in the middle ---------------------------------------------------------------------


async def test_what_came_before_a_failure_is_kept_and_the_failure_told_then(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    city.sandbox.threads[citizen.thread].pending = False
    city.sandbox.fail_next(Failure.html(), where=lambda call: "pending" in call.path)
    page = await city.page()
    assert texts(city.read(page.bodies)) == ["Сәлем"]
    assert page.more
    with pytest.raises(Unreachable):
        await city.page()
    assert texts(await city.looks()) == []


async def test_a_poll_makes_only_so_many_calls(city: City) -> None:
    await city.look()
    for number in range(30):
        citizen = city.sandbox.citizen(name=str(number))
        for _ in range(25):
            await citizen.say("Сәлем")
        city.sandbox.threads[citizen.thread].pending = False
    calls = len(city.sandbox.calls)
    page = await city.page()
    assert page.more
    assert page.pause == 0
    assert len(city.sandbox.calls) - calls <= CALLS_A_POLL


async def test_pauses_grow_while_instagram_asks_for_patience(city: City) -> None:
    await city.look()
    city.sandbox.fail_next(refusal(said.PLEASE_WAIT), times=3)
    waits = []
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            await city.page()
        waits.append(caught.value.retry_after)
    assert waits == [300, 600, 1200]
    assert (await city.account.check()).health is Health.DEGRADED
    await city.look()
    assert (await city.account.check()).health is Health.OK
    city.sandbox.fail_next(refusal(said.FEEDBACK))
    with pytest.raises(Throttled, match="We limit how often") as caught:
        await city.page()
    assert caught.value.retry_after == 3600


async def test_a_cursor_of_another_version_begins_anew(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    for strange in ("", "12", "[]", '{"v": 9}', "ескі"):
        city.cursor = strange
        assert texts(await city.look()) == ["Сәлем"]
        assert city.cursor is not None
        assert city.cursor.startswith('{"start"')


# --- The cursor ---------------------------------------------------------------------------------


def test_the_cursor_stays_small_and_forgets_only_what_is_old() -> None:
    now = 1_772_443_800_000_000
    cursor = opened(None, now=now)
    for number in range(3 * MOST_THREADS):
        at = now + number * 60_000_000
        cursor.threads[str(number)] = mark = Mark(at)
        mark.add(f"i{number}@{at}")
        cursor.newest = at
    finished(cursor)
    assert len(cursor.threads) == 3 * MOST_THREADS, "the floor is one look behind"
    for _ in range(REQUESTS_EVERY):
        assert len(cursor.threads) == 3 * MOST_THREADS, "not every look is at everything"
        finished(cursor)
    assert len(cursor.threads) == MOST_THREADS
    assert all(mark.at > cursor.start for mark in cursor.threads.values())
    assert str(3 * MOST_THREADS - 1) in cursor.threads
    assert len(saved(cursor)) < 40_000
    assert opened(saved(cursor), now=0) == cursor


def test_a_mark_forgets_what_lies_below_its_overlap() -> None:
    mark = Mark(400)
    for at in (100, 150, 400):
        mark.add(f"x@{at}")
    mark.forget(overlap=100)
    assert mark.keys == ["x@400"]
    assert mark.knows("y@300", 300, overlap=100)
    assert not mark.knows("y@350", 350, overlap=100)


# --- The pace -----------------------------------------------------------------------------------


async def test_pauses_are_never_the_same_and_longer_at_night(city: City) -> None:
    pace = Pace(city.store, poll_seconds=60, cap=1, chance=Random(1))
    day, night = NOW, NOW.replace(hour=20)  # 14:30 and 01:30 in Almaty
    by_day = [pace.pause(day) for _ in range(50)]
    assert len(set(by_day)) == 50
    assert all(60 * (1 - SPREAD) <= pause <= 60 * (1 + SPREAD) for pause in by_day)
    by_night = [pace.pause(night) for _ in range(50)]
    assert all(
        60 * NIGHTLY * (1 - SPREAD) <= pause <= 60 * NIGHTLY * (1 + SPREAD) for pause in by_night
    )
    again = Pace(city.store, poll_seconds=60, cap=1, chance=Random(1))
    assert [again.pause(day) for _ in range(50)] == by_day


async def test_at_the_cap_nothing_is_fetched_until_the_next_day(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    city.open(daily_cap=4)
    await city.look()
    await city.page()
    calls = len(city.sandbox.calls)
    await citizen.say("Сәлем")
    page = await city.page()
    assert page.bodies == ()
    assert not page.more
    midnight = timedelta(hours=9, minutes=30).total_seconds()  # 14:30 in Almaty
    assert midnight < page.pause < midnight + 900
    assert len(city.sandbox.calls) == calls
    found = await city.account.check()
    assert found.health is Health.DEGRADED
    assert "midnight" in found.summary
    assert "daily_cap" in (found.cure or "")
    city.open(daily_cap=4)
    assert (await city.page()).bodies == ()
    city.clock.pass_(seconds=page.pause)
    assert texts(await city.looks(3)) == ["Сәлем"]


async def test_replies_go_out_beyond_the_cap(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    city.open(daily_cap=1)
    await city.account.send(city.message(citizen.thread))
    await city.account.send(city.message(citizen.thread, message_id="142589614023512065"))
    assert len(citizen.received) == 2


async def test_how_the_account_is_costs_a_call_only_where_none_was_made(city: City) -> None:
    assert (await city.account.check()).health is Health.OK
    calls = len(city.sandbox.calls)
    for _ in range(10):
        city.clock.pass_(minutes=1)
        await city.account.check()
    assert len(city.sandbox.calls) == calls
    await city.look()
    calls = len(city.sandbox.calls)
    city.open()
    assert (await city.account.check()).health is Health.OK
    assert len(city.sandbox.calls) == calls, "another process knows it from the database"


# --- Files --------------------------------------------------------------------------------------


async def test_a_file_is_fetched_without_the_session(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.photo(b"\xff\xd8 picture")
    (message,) = await city.look()
    assert isinstance(message, InboundMessage)
    (photo,) = message.attachments
    content = b"".join([chunk async for chunk in city.account.fetch(photo)])
    assert content == b"\xff\xd8 picture"
    assert "Authorization" not in city.sandbox.calls[-1].headers
    city.sandbox.files.clear()
    with pytest.raises(Rejected):
        [chunk async for chunk in city.account.fetch(photo)]


async def test_a_comment_cannot_be_hidden(city: City) -> None:
    with pytest.raises(Rejected, match="graph"):
        await city.account.hide("18000000000000003", hidden=True)


def test_the_cursor_is_json() -> None:
    assert isinstance(json.loads(saved(Cursor(start=1, floor=1))), dict)


async def test_a_person_must_act_before_anything_is_fetched(city: City) -> None:
    city.sandbox.fail_next(refusal(said.SUSPENDED), where=lambda call: "inbox" in call.path)
    with pytest.raises(Misconfigured, match="suspended"):
        await city.page()
    found = await city.account.check()
    assert (found.health, found.cure is not None) == (Health.DOWN, True)


async def test_while_a_red_account_rests_it_stays_red_and_instagram_is_asked_nothing(
    city: City,
) -> None:
    city.sandbox.fail_next(refusal(said.CHALLENGE), times=2)
    for _ in range(2):
        with pytest.raises(Misconfigured):
            await city.page()
        city.clock.pass_(minutes=16)
    calls = len(city.sandbox.calls)
    first = city.account
    for _ in range(13):  # the second rest lasts from minute 16 to 46
        for account in (first, city.open()):
            found = await account.check()
            assert (found.health, found.cure is not None) == (Health.DOWN, True)
        with pytest.raises(Misconfigured):
            await first.poll(city.cursor)
        city.clock.pass_(minutes=1)
    assert len(city.sandbox.calls) == calls
    city.clock.pass_(minutes=2)
    assert (await first.check()).health is Health.OK
    await first.poll(city.cursor)


async def test_an_examination_that_finds_the_account_red_is_a_rest_as_well(city: City) -> None:
    city.sandbox.fail_next(refusal(said.CHALLENGE), times=2)
    with pytest.raises(Misconfigured):
        await city.page()
    city.clock.pass_(minutes=16)
    assert (await city.account.check()).health is Health.DOWN
    calls = len(city.sandbox.calls)
    city.clock.pass_(minutes=29)
    with pytest.raises(Misconfigured):
        await city.page()
    assert len(city.sandbox.calls) == calls
    city.clock.pass_(minutes=2)
    await city.page()


async def test_while_instagram_asks_for_patience_nothing_is_asked_to_see_how_it_is(
    city: City,
) -> None:
    city.sandbox.fail_next(refusal(said.FEEDBACK))
    with pytest.raises(Throttled):
        await city.page()
    calls = len(city.sandbox.calls)
    until = f"{city.clock.now + timedelta(hours=1):%H:%M} UTC"
    for _ in range(59):
        city.clock.pass_(minutes=1)
        found = await city.account.check()
        assert found.health is Health.DEGRADED
        assert f"pauses until {until}" in found.summary
    assert (await city.open().check()).health is Health.DEGRADED
    assert len(city.sandbox.calls) == calls
    city.clock.pass_(minutes=2)
    assert (await city.account.check()).health is Health.OK
