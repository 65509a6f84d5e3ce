"""What is shown of a find, and lists that are narrowed by words."""

import re
import threading
import time
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from registry import models
from registry.calls.tables import Call, CallLeg, Transcript
from registry.db import Database
from registry.inbox import Query, Sort, ids_of, list_appeals
from registry.operators import Principal, Role
from registry.search import lists
from registry.search.documents import document
from registry.search.following import catch_up
from registry.search.lists import fitting_ids
from registry.search.query import parse
from registry.search.results import Found, search
from registry.search.showing import Segment, snippet
from registry.search.sources import Place, Source
from registry.states import Status
from registry.types import Attachment, AttachmentKind, ContactPoint
from tests.registry.calls.lines import NUMBER, rings
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import START, message, sender

# --- Highlighting ---------------------------------------------------------------------------------


def marked(segments: list[Segment]) -> str:
    return "".join(f"[{one.text}]" if one.hit else one.text for one in segments)


@pytest.mark.parametrize(
    ("text", "q", "shown"),
    [
        ("Не горит Фонарь", "фонари", "Не горит [Фонарь]"),
        ("Көшесінде су жоқ", "koshe", "[Көшесінде] су жоқ"),
        ("вода, водитель, воды", "вода ", "[вода], водитель, [воды]"),
        ("вода, водитель, воды", "вод", "[вода], [водитель], [воды]"),
        ("мой 8 (701) 123-45-67, звоните", "+77011234567", "мой [8 (701) 123-45-67], звоните"),
        ("мой 8 (701) 123-45-67, звоните", "123-45-67", "мой [8 (701) 123-45-67], звоните"),
        ("дом 10, кв 100", "10", "дом [10], кв 100"),
        ("ре\u0301ка и реки", "река", "[ре\u0301ка] и [реки]"),
        ("<b>вода</b>", "вода", "<b>[вода]</b>"),
        ("вода", "", "вода"),
        ("", "вода", ""),
        ("ёлка ЁЛКА елка", "елка", "[ёлка] [ЁЛКА] [елка]"),
        ("нет света", '"нет света"', "[нет] [света]"),
    ],
)
def test_what_was_looked_for_is_marked_as_it_was_written(text: str, q: str, shown: str) -> None:
    assert marked(snippet(text, parse(q), place=Place.MESSAGE)) == shown


@given(st.text(max_size=200), st.text(max_size=20))
def test_segments_join_to_the_line(text: str, q: str) -> None:
    segments = snippet(text, parse(q), place=Place.MESSAGE, width=200)
    assert "".join(segment.text for segment in segments) == re.sub(r"\s+", " ", text.strip())


@given(
    st.text(max_size=400) | st.lists(st.sampled_from(["вода", "нет", "света", "\n"])).map(" ".join),
    st.integers(min_value=10, max_value=200),
)
def test_a_snippet_is_a_line_of_the_text_no_longer_than_asked(text: str, width: int) -> None:
    shown = snippet(text, parse("света"), place=Place.MESSAGE, width=width)
    line = "".join(one.text for one in shown)
    assert len(line) <= width + 2  # and "…" at its ends
    assert "\n" not in line
    assert line.strip("… ") in " ".join(text.split()) or "…" in text


def test_a_word_said_thousands_of_times_is_shown_in_a_moment() -> None:
    """All screens wait for it: whoever writes nothing but "да" must not stop them."""
    wanted, began = parse("да"), time.process_time()
    shown = snippet("да " * 16_000, wanted, place=Place.MESSAGE)
    assert time.process_time() - began < 5  # half a minute, where each find is held against each
    assert marked(shown).startswith("[да] [да] ")


def test_a_snippet_shows_where_most_of_it_stands() -> None:
    text = (
        "вода. " + "Слова, слова, слова. " * 30 + "Вода в подвале, свет в подъезде. " + "Да. " * 90
    )
    shown = snippet(text, parse("вода свет "), place=Place.MESSAGE, width=80)
    line = marked(shown)
    assert "[Вода] в подвале, [свет]" in line
    assert line.startswith("…")
    assert line.endswith("…")
    whole = snippet("Нет воды", parse("вода"), place=Place.MESSAGE)
    assert marked(whole) == "Нет [воды]"


def test_a_word_without_an_end_is_cut() -> None:
    [shown, end] = snippet("а" * 500, parse("вода"), place=Place.MESSAGE, width=50)
    assert (len(shown.text), end.text) == (50, "…")


# --- Results --------------------------------------------------------------------------------------

PHONE = ContactPoint("tel", "+77011234567")


async def pages(
    database: Database, q: str, *, viewer: Principal | None = None, limit: int = 20
) -> list[Found]:
    found: list[Found] = []
    before: str | None = ""
    async with database.read() as session:
        while before is not None:
            place = int(before) if before else None
            page = await search(session, q, viewer=viewer, limit=limit, before=place)
            found += page.items
            before = page.next
    return found


async def test_a_find_says_where_it_was_found_and_shows_it(database: Database) -> None:
    plan = Attachment(kind=AttachmentKind.DOCUMENT, ref="f", name="План двора.pdf")
    number = await write_in(
        database, "700", text="Добрый день\nВо дворе нет воды", attachments=(plan,),
        sender=sender("700", name="Ержан", also=(PHONE, ContactPoint("email", "er@example.kz"))),
    )  # fmt: skip
    async with database.write() as session:
        row = (await session.exec(select(models.Appeal))).one()
        row.address = "Абая, 10"
        row.status = "open"
        session.add(models.AppealTag(appeal_id=row.id, tag="ксқ"))
        note = models.Message(
            appeal_id=row.id, direction="note", author="Dana", text="Проверить насос",
            sent_at=START + timedelta(hours=1), created_at=START,
        )  # fmt: skip
        session.add(note)
    await catch_up(database, now=START)
    seen = {}
    for q in (number, "7011234567", "ержан", "er@example.kz", "абая 10", "ксқ", "вода", "насос",
              "план двор", "ержан вода"):  # fmt: skip
        [found] = await pages(database, q)
        seen[q] = (found.place, marked(found.snippet))
    assert seen == {
        number: (Place.NUMBER, f"[{number}]"),
        "7011234567": (Place.PHONE, "[+77011234567]"),
        "ержан": (Place.NAME, "[Ержан]"),
        "er@example.kz": (Place.CONTACT, "[er]@[example].[kz]"),
        "абая 10": (Place.ADDRESS, "[Абая], [10]"),
        "ксқ": (Place.TAG, "[ксқ]"),
        "вода": (Place.MESSAGE, "Добрый день Во дворе нет [воды]"),
        "насос": (Place.NOTE, "Проверить [насос]"),
        "план двор": (Place.FILE, "[План] [двора].pdf"),
        "ержан вода": (Place.NAME, "[Ержан]"),
    }
    [found] = await pages(database, "насос")
    assert (found.number, found.status, found.contact.name) == (number, Status.OPEN, "Ержан")
    assert found.contact.point == "+77011234567"
    assert (found.message_id, found.opened_at) == (str(note.id), START)


async def test_pages_of_results_join_to_all_of_them_for_whoever_may_see_them(
    database: Database,
) -> None:
    numbers = [await write_in(database, str(700 + i), text="вода") for i in range(7)]
    async with database.write() as session:
        for row in (await session.exec(select(models.Appeal))).all():
            row.team = "water" if row.number in numbers[::2] else None
    await catch_up(database, now=START)
    dana = msgspec.structs.replace(await hire(database, "Dana"), teams=frozenset({"roads"}))
    for limit in (1, 2, 3, 7):
        assert [one.number for one in await pages(database, "вода", limit=limit)] == numbers[::-1]
        hers = [one.number for one in await pages(database, "вода", viewer=dana, limit=limit)]
        assert hers == numbers[1::2][::-1]


# --- Lists ----------------------------------------------------------------------------------------


@pytest.fixture(params=["few", "close together", "far apart"])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the ways in which a list is narrowed, however small it is."""
    if request.param != "few":
        monkeypatch.setattr(lists, "FEW", 1)
        monkeypatch.setattr(lists, "CLOSE", 1000 if request.param == "close together" else 1)
    found: str = request.param
    return found


async def test_a_list_with_words_keeps_its_order_its_filters_and_its_pages(
    database: Database, case: str
) -> None:
    dana = msgspec.structs.replace(await hire(database, "Dana"), teams=frozenset({"roads"}))
    numbers = []
    for i in range(12):
        text = ("нет воды", "нет света", "нет воды и света")[i % 3]
        sent = START + timedelta(minutes=(i * 5) % 12)
        numbers.append(await write_in(database, str(700 + i), text=text, sent_at=sent))
    async with database.write() as session:
        for row in (await session.exec(select(models.Appeal))).all():
            place = numbers.index(row.number)
            row.team = "water" if place == 11 else None
            row.status = "open" if place % 2 else "new"
    await catch_up(database, now=START)

    async def listed(**asked: object) -> list[str]:
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query = Query(limit=2, cursor=cursor, **asked)  # type: ignore[arg-type]
            async with database.read() as session:
                page = await list_appeals(session, query, viewer=dana)
            seen += [appeal.number for appeal in page.items]
            if (cursor := page.next) is None:
                return seen

    def places(*found: int) -> list[str]:
        return [numbers[place] for place in found]

    assert await listed(q="вода", sort=Sort.NEWEST) == places(9, 8, 6, 5, 3, 2, 0)
    assert await listed(q="вода", sort=Sort.OLDEST) == places(0, 2, 3, 5, 6, 8, 9)
    assert await listed(q="вода", sort=Sort.LAST_MESSAGE) == places(2, 9, 6, 8, 3, 5, 0)
    assert await listed(q="вода свет", sort=Sort.NEWEST) == places(8, 5, 2)
    assert await listed(q='"воды и света"', sort=Sort.NEWEST) == places(8, 5, 2)
    assert await listed(q="вода", statuses=(Status.OPEN,), sort=Sort.NEWEST) == places(9, 5, 3)
    assert await listed(q="alm-2026-0000006 вода") == places(5)
    assert await listed(q="фонарь") == []
    assert await listed(q="%") == []


async def test_what_is_at_hand_is_looked_into_before_it_is_indexed(database: Database) -> None:
    first = await write_in(database, "700", text="нет воды")
    second = await write_in(database, "701", text="нет света")
    await receive(database, message("x", conversation="701", sender=sender("701"), text="и воды"))
    async with database.read() as session:
        rows = (await session.exec(select(models.Appeal))).all()
        ids = {row.number: row.id for row in rows}
        assert await fitting_ids(session, "вода", ids.values()) == set(ids.values())
        assert await fitting_ids(session, "свет", ids.values()) == {ids[second]}
        assert await fitting_ids(session, "свет", [ids[first]]) == set()
        assert await fitting_ids(session, "%", ids.values()) == set()


async def test_long_conversations_are_looked_through_while_others_are_served(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, threads = threading.current_thread(), []

    def watched(source: Source) -> str:
        threads.append(threading.current_thread())
        return document(source)

    def shown(*arguments: Any, **named: Any) -> list[Segment]:
        threads.append(threading.current_thread())
        return snippet(*arguments, **named)

    monkeypatch.setattr(lists, "document", watched)
    monkeypatch.setattr("registry.search.results.snippet", shown)
    number = await write_in(database)
    await catch_up(database, now=START)
    async with database.read() as session:
        assert (await search(session, number, viewer=None, limit=1)).items
        assert await fitting_ids(session, number, (await ids_of(session, [number])).values())
    assert len(threads) == 2
    assert served not in threads


async def test_what_was_said_in_a_recording_is_found_by_whoever_may_hear_it(
    database: Database,
) -> None:
    number = await rings(database)
    there, other = await hire(database, "There"), await hire(database, "Other")
    boss = await hire(database, "Boss", Role.SUPERVISOR)
    call = Call(
        account="main", external_id="CA1", number=NUMBER, state="ended", started_at=START
    )  # fmt: skip
    sound = models.Attachment(
        call_id=call.id, channel="phone", account="main", kind="voice", state="ready",
        created_at=START,
    )  # fmt: skip
    leg = CallLeg(
        call_id=call.id, account="main", operator_id=there.operator_id or 0, kind="offer",
        state="left", device="", made_at=START, deadline=START, joined_at=START,
    )  # fmt: skip
    said = Transcript(
        attachment_id=sound.id, language="ru", text="Мой диагноз", made_by="x", made_at=START
    )
    async with database.write() as session:
        session.add(call)
        await session.flush()
        session.add_all((sound, leg))
        await session.flush()
        session.add(said)
    await catch_up(database, now=START)
    async with database.read() as session:
        for viewer, seen in ((there, [number]), (boss, [number]), (other, [])):
            page = await search(session, "диагноз", viewer=viewer, limit=10)
            assert [one.number for one in page.items] == seen, viewer.name
        [found] = (await search(session, "диагноз", viewer=there, limit=10)).items
        assert marked(found.snippet) == "Мой [диагноз]"
        assert [one.number for one in (await search(session, NUMBER, viewer=other, limit=1)).items]
