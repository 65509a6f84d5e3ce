"""Search: the same words find the same appeals on both databases, newest first."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, text
from sqlmodel import col, select

from registry import models
from registry.appeals import add_note
from registry.db import Database
from registry.operators import Principal, Role
from registry.search import finding, storing
from registry.search.dialects import fts5, tsquery
from registry.search.documents import document
from registry.search.finding import search_ids
from registry.search.following import catch_up
from registry.search.query import All, parse
from registry.search.sources import read_sources
from registry.types import (
    Attachment,
    AttachmentKind,
    ContactPoint,
    MessageDeleted,
    MessageEdited,
)
from tests.registry.desk import hire, receive, write_in
from tests.registry.samples import START, message, sender


async def row_of(database: Database, number: str) -> models.Appeal:
    async with database.read() as session:
        found = await session.exec(select(models.Appeal).where(models.Appeal.number == number))
        return found.one()


async def set_columns(database: Database, number: str, **columns: object) -> None:
    async with database.write() as session:
        found = await session.exec(select(models.Appeal).where(models.Appeal.number == number))
        row = found.one()
        for name, value in columns.items():
            setattr(row, name, value)


async def find(
    database: Database, q: str, *, viewer: Principal | None = None, limit: int = 50
) -> list[str]:
    """The numbers that a search gives, in its order."""
    appeal = models.Appeal
    async with database.read() as session:
        ids = await search_ids(session, parse(q), viewer=viewer, limit=limit)
        rows = await session.exec(
            select(col(appeal.id), col(appeal.number)).where(col(appeal.id).in_(ids))
        )
        numbers = dict(rows.all())
    return [numbers[id_] for id_ in ids]


async def indexed(database: Database) -> None:
    await catch_up(database, now=START)


# --- What is found --------------------------------------------------------------------------------

PHONE = ContactPoint("tel", "+77011234567")
FOREIGN = ContactPoint("tel", "+4915112345678")


async def corpus(database: Database) -> list[str]:
    """Appeals of every kind of words; their numbers, the first being 1 in the tables below."""
    report = Attachment(kind=AttachmentKind.DOCUMENT, ref="f1", name="Акт осмотра крыши.pdf")
    numbers = [
        await write_in(database, "700", text="Не горит Фонарь во дворе", sender=sender(name=None)),
        await write_in(database, "701", text="Тоғыз қабатты үй, лифт жұмыс істемейді"),
        await write_in(
            database, "702", text="Воды нет на 100% с утра",
            sender=sender("702", name="Ержан Серік", also=(PHONE,)),
        ),
        await write_in(database, "703", text="Көшемізде жарық жоқ, Абай даңғылы 10а"),
        await write_in(database, "704", text="koshede su joq, kimge aitamyz"),
        await write_in(
            database, "705", text="Звоните мне: 8 (705) 765-43-21 или 34-56-78",
            sender=sender("705", name="Алёна Ким"),
        ),
        await write_in(
            database, "706", text="Протекает крыша", attachments=(report,),
            sender=sender("706", name="Jürgen Müller", also=(FOREIGN,)),
        ),
        await write_in(database, "707", text="В подъезде нет света. Вода в подвале"),
        await write_in(database, "708", text="日本語のメッセージ, street lamp is broken"),
    ]  # fmt: skip
    await set_columns(database, numbers[0], address="пр. Абая, 10")
    async with database.write() as session:
        tagged = (await row_of(database, numbers[6])).id
        session.add(models.AppealTag(appeal_id=tagged, tag="капремонт"))
        by = Principal(role=Role.ADMIN, name="Dana", operator_id=None, actor="token:dana")
        await add_note(session, numbers[7], "Звонили в КСК", by=by, now=START)
    await indexed(database)
    return numbers


FOUND: Sequence[tuple[str, list[int]]] = (
    # Numbers.
    ("ALM-2026-0000002", [2]),
    ("alm-2026-0000002", [2]),
    ("алм-2026-0000002", [2]),
    ("ALM-2026-2", [2]),
    ("ALM-2026-00000", [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("ALM-2026-", [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("alm-2026", [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("alm-", [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("alm-2025", []),
    ("0000003", [3]),
    ("2026-3", [3]),
    ("2026/0000003", [3]),
    # Phones.
    ("+7 701 123-45-67", [3]),
    ("87011234567", [3]),
    ("7011234567", [3]),
    ("123-45-67", [3]),
    ("8 (701) 123 45 67", [3]),
    ("8(701)1234567", [3]),
    ("+7 701 12", [3]),
    ("8701", [3]),
    ("4567", [3]),
    ("+7 701 123-45-68", []),
    ("+4915112345678", [7]),
    ("15112345678", []),
    ("5112345678", [7]),
    ("87057654321", [6]),
    ("7654321", [6]),
    ("345678", [7, 6]),
    ("Ержан 87011234567", [3]),
    # Names, addresses, tags, files, notes.
    ("ержан", [3]),
    ("Серік", [3]),
    ("serik", [3]),
    ("алена", [6]),
    ("Алёна", [6]),
    ("müller", [7]),
    ("MÜLLER", [7]),
    ("абая", [4, 1]),
    ("Абай 10", [1]),
    ("абая 10а", [4]),
    ("капремонт", [7]),
    ("акт осмотра", [7]),
    ("кск", [8]),
    # Words.
    ("ФОНАРЬ", [1]),
    ("фонари", [1]),
    ("fonar", [1]),
    ("фона", [1]),
    ("фо", []),
    ("тоғыз", [2]),
    ("ТОҒЫЗ", [2]),
    ("тогыз", [2]),
    ("көше", [5, 4]),
    ("КӨШЕ", [5, 4]),
    ("коше", [5, 4]),
    ("koshe", [5, 4]),
    ("су", [5]),
    ("вода", [8, 3]),
    ("воды нет", [8, 3]),
    ("voda", [8, 3]),
    ("вода подъезд", [8]),
    ("вода фонарь", []),
    ('"нет света"', [8]),
    ('"света нет"', []),
    ("«вода в подвале»", [8]),
    ('"света вода"', [8]),
    ('"подвале КСК"', []),
    ("日本語のメッセージ", [9]),
    ("lamp", [9]),
    ("100%", [3]),
    ("100", [3]),
    # Nothing to look for.
    ("", []),
    ("   ", []),
    ("%", []),
    ("_", []),
    ("ь", []),
    ("...", []),
    ('""', []),
    ("нет такого", []),
)


async def test_the_same_words_find_the_same_appeals_on_both_databases(database: Database) -> None:
    numbers = await corpus(database)
    found = {q: await find(database, q) for q, _ in FOUND}
    wanted = {q: [numbers[place - 1] for place in places] for q, places in FOUND}
    assert found == wanted


@pytest.mark.parametrize(
    "q",
    ["AND", "a OR b", "NOT вода", "вода*", "NEAR(вода, 2)", 'вода"', "'вода'", "вода & нет | !x",
     "words:вода", "^вода", "(вода", "вода)", "вода <-> нет", "\\", "вода:*", "#", "-вода", "+",
     "\ud800", "a" * 5000, "1" * 500, "вода " * 100, "\u200f\u200e", "8" + " " * 150 + "7"]
)  # fmt: skip
async def test_no_sign_of_a_databases_own_language_means_anything(
    database: Database, q: str
) -> None:
    await write_in(database, text="вода")
    await indexed(database)
    assert set(await find(database, q)) <= {"ALM-2026-0000001"}


@given(st.text(max_size=250) | st.text("абв \"«»+-()78910./алмALM–_*'", max_size=40))
def test_whatever_is_typed_is_an_expression_of_plain_tokens(q: str) -> None:
    wanted = parse(q)
    for leaf in wanted.leaves():
        assert leaf.token
        assert set(leaf.token) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    assert bool(wanted) == bool(list(wanted.leaves()))
    assert fts5(All(wanted.parts)).count("(") == fts5(All(wanted.parts)).count(")")
    assert tsquery(All(wanted.parts)).count("(") == tsquery(All(wanted.parts)).count(")")


WORDS = """
вода нет свет улица көше үй жарық лифт фонарь яма дом 10 12 10а koshe voda 87011234567
ALM-2026-0000003 қоқыс мусор подъезд двор
"""


async def test_both_databases_find_what_plain_reading_finds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "READ", 12)
    chance, said = random.Random(7), WORDS.split()
    for i in range(40):
        text = " ".join(chance.choices(said, k=chance.randint(1, 9)))
        await write_in(database, str(800 + i), text=text)
    await indexed(database)
    async with database.read() as session:
        ids = (await session.exec(select(models.Appeal.id))).all()
        documents = {one.appeal_id: document(one) for one in await read_sources(session, ids)}
        for _ in range(150):
            words = [word[: chance.randint(2, 9)] for word in chance.choices(said, k=2)]
            q = " ".join(words[: chance.randint(1, 2)])
            q = f'"{q}"' if chance.random() < 0.2 else q
            wanted = parse(q)
            read = sorted((id_ for id_, words_ in documents.items() if wanted.fits(words_)))
            read = read[::-1] if wanted else []
            limit = chance.choice((1, 3, 50))
            found = await search_ids(session, wanted, viewer=None, limit=limit)
            assert found == read[:limit], (q, limit)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_common_beginning_does_not_wait_for_all_that_begins_so(
    database: Database,
) -> None:
    """FTS5 would put the lists of all words together before it gave the first document."""
    numbers = [await write_in(database, str(700 + i), text="вода") for i in range(3)]
    await indexed(database)
    async with database.write() as session:  # the index is empty, and only the documents are there
        empty = text("INSERT INTO search_words (search_words) VALUES ('delete-all')")
        await (await session.connection()).execute(empty)
    assert await find(database, "вод", limit=2) == numbers[:0:-1]


# --- What changes ---------------------------------------------------------------------------------


async def test_a_withdrawn_text_is_not_found_though_the_subject_was_its_first_line(
    database: Database,
) -> None:
    number = await write_in(database, "700", external_id="a", text="мой секретный адрес")
    await receive(database, message("b", conversation="700", text="прошу прощения"))
    await indexed(database)
    assert await find(database, "секретный") == [number]
    gone = MessageDeleted(channel="telegram", account="main", external_id="a", at=START)
    await receive(database, gone)
    await indexed(database)
    assert await find(database, "секретный") == []
    assert await find(database, "прощения") == [number]


async def test_an_edited_text_is_found_by_its_new_words(database: Database) -> None:
    await write_in(database, "700", external_id="a", text="привет")
    [number] = await receive(database, message("b", conversation="700", text="яма на Сатпаева"))
    await indexed(database)
    edited = message("b", conversation="700", text="яма на Розыбакиева")
    await receive(database, MessageEdited(message=edited, edited_at=START))
    await indexed(database)
    assert await find(database, "розыбакиева") == [number]
    assert await find(database, "сатпаева") == []


async def test_a_person_is_found_by_each_name_they_came_under(database: Database) -> None:
    numbers = [
        await write_in(database, "700", sender=sender("700", name="Гүлнар Әбенова")),
        await write_in(database, "701", sender=sender("701", name="Гуля")),
    ]
    await indexed(database)
    assert await find(database, "гуля") == [numbers[1]]
    kept, merged = [(await row_of(database, number)).contact_id for number in numbers]
    async with database.write() as session:
        for row in (await session.exec(select(models.Appeal))).all():
            row.contact_id = kept
        for point in (await session.exec(select(models.ContactPoint))).all():
            point.contact_id = kept
        person = await session.get(models.Contact, merged)
        assert person is not None
        person.merged_into_id = kept
    await indexed(database)
    assert await find(database, "гуля") == await find(database, "әбенова") == numbers[::-1]


async def test_a_new_name_counts_for_every_appeal_of_the_person(database: Database) -> None:
    number = await write_in(database, "700", sender=sender("700", name="Айгүл"))
    await indexed(database)
    async with database.write() as session:
        person = (await session.exec(select(models.Contact))).one()
        person.name = "Жанна"
    await indexed(database)
    assert await find(database, "жанна") == [number]
    assert await find(database, "айгүл") == []


# --- Who may see it -------------------------------------------------------------------------------


async def member_of(database: Database, name: str, *teams: str) -> Principal:
    return msgspec.structs.replace(await hire(database, name), teams=frozenset(teams))


async def test_nobody_finds_what_they_may_not_see(database: Database) -> None:
    free, roads, water = [
        await write_in(database, citizen, text="вода на дороге")
        for citizen in ("700", "701", "702")
    ]
    await set_columns(database, roads, team="roads")
    await set_columns(database, water, team="water")
    await indexed(database)
    dana = await member_of(database, "Dana", "roads")
    aset = await member_of(database, "Aset")
    saule = await hire(database, "Saule", Role.SUPERVISOR)
    assert await find(database, "вода", viewer=dana) == [roads, free]
    assert await find(database, "вода", viewer=aset) == [free]
    assert await find(database, "вода", viewer=saule) == [water, roads, free]
    await set_columns(database, water, assignee_id=aset.operator_id)
    await indexed(database)
    assert await find(database, "вода", viewer=aset) == [water, free]


async def test_an_appeal_that_went_to_another_team_is_hidden_before_it_is_indexed(
    database: Database,
) -> None:
    number = await write_in(database, text="вода")
    await indexed(database)
    dana = await member_of(database, "Dana", "roads")
    assert await find(database, "вода", viewer=dana) == [number]
    await set_columns(database, number, team="water")
    assert await find(database, "вода", viewer=dana) == []
    assert await find(database, '"абай даңғылы" вода', viewer=dana) == []


async def test_no_word_that_is_typed_is_taken_for_a_mark(database: Database) -> None:
    await write_in(database, text="вода")
    await indexed(database)
    for q in ("_t", "_n1", "_aalm2026", "_h7"):
        assert await find(database, q) == [], q


# --- Pages and shelves ----------------------------------------------------------------------------


async def test_pages_join_to_all_there_is_whatever_comes_between(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SHELF_SIZE", 4)
    numbers = []
    for i in range(25):
        text = "вода" if i % 3 else "вода и свет"
        numbers.append(await write_in(database, str(700 + i), text=text))
        if i in {6, 7, 19}:
            await indexed(database)
    await indexed(database)
    dana = await member_of(database, "Dana")
    for q, expected in (("вода", numbers[::-1]), ("свет", numbers[::3][::-1])):
        for limit in (1, 4, 7, 25):
            seen: list[int] = []
            before = None
            async with database.read() as session:
                while page := await search_ids(
                    session, parse(q), viewer=dana, limit=limit, before=before
                ):
                    seen += page
                    before = page[-1]
                    await write_in(database, f"9{limit}{len(seen)}", text="свет и вода")
                    await indexed(database)
            rows = [(await row_of(database, number)).id for number in expected]
            assert [id_ for id_ in seen if id_ in rows] == rows, (q, limit)
            assert len(seen) == len(set(seen))


async def test_shelves_hold_about_as_many_documents_as_they_should_in_the_order_of_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SHELF_SIZE", 4)
    for i in range(10):
        await write_in(database, str(700 + i))
    await indexed(database)  # made for what was there
    for i in range(10, 22):
        await write_in(database, str(700 + i))
        await indexed(database)
    document, shelf = models.SearchDocument, models.SearchShelf
    async with database.read() as session:
        held = await session.exec(
            select(col(document.shelf), func.min(col(document.appeal_id)), func.count())
            .group_by(col(document.shelf))
            .order_by(func.min(col(document.appeal_id)))
        )
        found = held.all()
        shelves = await session.exec(
            select(col(shelf.code), col(shelf.first_id)).order_by(col(shelf.first_id))
        )
        first = dict(shelves.all())
    assert [count for *_, count in found] == [4, 4, 4, 4, 4, 2]
    assert [code for code, *_ in found] == list(first)
    assert all(first[code] <= least for code, least, _ in found)


async def test_what_is_registered_late_stands_among_its_own_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "SHELF_SIZE", 3)
    numbers = [await write_in(database, str(700 + i), text="вода") for i in range(9)]
    await indexed(database)
    middle = await row_of(database, numbers[4])
    async with database.write() as session:
        values = {name: getattr(middle, name) for name in models.Appeal.model_fields}
        late = values | {"id": middle.id + 1, "number": "ALM-2026-0000777", "subject": "вода"}
        session.add(models.Appeal(**late))
    await indexed(database)
    found = await find(database, "вода")
    assert found == [*numbers[:4:-1], "ALM-2026-0000777", *numbers[4::-1]]


async def test_a_conversation_without_an_end_is_found_by_its_newest_words(
    database: Database,
) -> None:
    await write_in(database, "700", external_id="0", text="самое старое")
    for i in range(1, 9):
        text = f"сообщение {i}: " + " ".join(map(str, range(i * 100_000, i * 100_000 + 9000)))
        await receive(database, message(f"m{i}", conversation="700", text=text, sequence=i))
    await indexed(database)
    assert await find(database, "сообщение 800001 808999") == ["ALM-2026-0000001"]
    assert await find(database, "старое") == []
