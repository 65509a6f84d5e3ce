"""The audit page speaks in words: of every event that the code can write, and of who acted."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.app import Hub
from hub.audit_words import EVENTS, actor, event
from hub.views.audit import KINDS
from hub.web import i18n
from registry.journal import record
from registry.operators import Role
from registry.types import DeliveryState
from tests.hub.test_web.signing import Browser, add
from tests.registry.desk import receive
from tests.registry.samples import message

ROOT = Path(__file__).parents[3]
CODE = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")
NO_EVENTS = {"aiohttp.access", "aiohttp.server", "changes.forgotten", "hub.db"}
"""What is written as an event is, and is another thing."""
ENDINGS = {"id", "html", "toml", "py", "js", "json", "css", "svg", "org"}
"""Of columns and files."""
WRITERS = {"record", "audit", "_note", "journal_row", "note_call"}
BY_PARTS = {"contact.", "message."}
"""What begins the codes that end in a word of a provider, or in how far a reply got."""


def written() -> Iterator[str]:
    """Every code of an event that stands in a module that writes to the journal or the audit."""
    for room in ("registry", "workers", "hub"):
        for path in (ROOT / room).rglob("*.py"):
            source = path.read_text("utf-8")
            if not re.search(rf"\b({'|'.join(WRITERS)}|JournalEntry|Audit)\b", source):
                continue
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    code = node.value
                    if CODE.fullmatch(code) and code.rpartition(".")[2] not in ENDINGS:
                        yield code
                elif isinstance(node, ast.Call):
                    for part in node.args:
                        if isinstance(part, ast.JoinedStr) and ast.unparse(node.func) in WRITERS:
                            yield str(ast.literal_eval(part.values[0]))


def test_there_are_words_for_every_event_that_the_code_can_write() -> None:
    codes = set(written()) - NO_EVENTS
    assert {"appeal.seen", "session.refused", "team.joined", "message."} <= codes
    assert {code for code in codes if code.endswith(".")} <= BY_PARTS
    unsaid = {code for code in codes if not code.endswith(".")} - EVENTS.keys()
    unsaid |= {f"message.{state}" for state in DeliveryState} - EVENTS.keys()
    assert unsaid == set(), "hub/audit_words.py has no words for these"


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_no_event_is_told_by_its_code_in_any_language(language: str) -> None:
    codes = [*EVENTS, "contact.thread_taken"]
    with i18n.use(language):
        told = {code: event(code) for code in codes}
    assert not [code for code, said in told.items() if code in said or not said]
    if language != "en":
        latin = {code: said for code, said in told.items() if re.search("[A-Za-z]{3}", said)}
        assert latin.keys() <= {"contact.thread_taken"}


def test_every_event_is_found_by_a_kind_of_the_form() -> None:
    assert [code for code in EVENTS if not code.startswith(tuple(KINDS))] == []


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        ("operator:7", "Дана", "Дана"),
        ("citizen", None, "Гражданин"),
        ("system", None, "Сама система"),
        ("stranger", None, "Не вошедший"),
        ("token:sync", None, "программа sync"),
        ("operator:7", None, "operator:7"),
    ],
)
def test_who_acted_is_told_in_words(code: str, name: str | None, said: str) -> None:
    with i18n.use("ru"):
        assert actor(code, name) == said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_page_says_what_happened_and_what_was_changed(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house, "Saule", Role.SUPERVISOR)
    await browser.sign_in("saule@example.kz")
    await receive(open_house.database, message())
    turn = {"status": {"from": "new", "to": "open"}, "due_at": {"from": None, "to": "2026-03-04"}}
    async with open_house.database.write() as session:
        record(session, "appeal.changed", actor="token:<b>", now=open_house.clock(), data=turn)

    page = (await browser.get("/audit")).text

    for words in (
        "An operator signed in",
        "An appeal was registered",
        "Citizen",
        "program &lt;b&gt;",
        "In work",
    ):
        assert words in page
    cells = "".join(re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL))
    visible = re.sub(r"<dl>.*?</dl>", "", cells, flags=re.DOTALL)
    assert not CODE.search(re.sub(r"<[^>]+>", " ", visible))
