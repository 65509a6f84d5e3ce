"""The journal in sentences: what people did, and nothing left in the words of programs."""

from datetime import datetime
from typing import Any

import pytest

from hub.views.journal_lines import sentence
from hub.views.names import Names
from hub.web import i18n
from registry.inbox import Entry
from tests.registry.samples import START

NAMES = Names(
    categories={"roads.pothole": {"en": "Pothole", "ru": "Яма"}},
    districts={"medeu": {"en": "Medeu"}},
    teams={"roads": "Roads department"},
    operators={"7": "Dana"},
)


def moment(at: datetime) -> str:
    return f"{at:%d.%m %H:%M}"


def said(
    event: str, data: dict[str, Any] | None = None, *, actor: str = "operator:7", **options: bool
) -> str | None:
    entry = Entry(id="1", at=START, event=event, actor=actor, message_id=None, data=data or {})
    with i18n.use("en"):
        return sentence(entry, NAMES, moment, **options)


def turn(after: Any, before: Any = None) -> dict[str, Any]:
    return {"from": before, "to": after}


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("appeal.changed", {"category": turn("roads.pothole")}, "Dana: category: Pothole"),
        ("appeal.changed", {"district": turn("medeu")}, "Dana: district: Medeu"),
        ("appeal.changed", {"team": turn("roads")}, "Dana: team: Roads department"),
        ("appeal.changed", {"assignee": turn("7")}, "Dana: assigned to Dana"),
        ("appeal.changed", {"assignee": turn(None, "7")}, "Dana: released by Dana"),
        (
            "appeal.changed",
            {"due_at": turn("2026-03-02T04:00:00+00:00"), "reason": "Экспертиза керек"},
            "Dana: deadline: 02.03 04:00 (Экспертиза керек)",
        ),
        ("appeal.changed", {"address": turn(None, "Абай 10")}, "Dana: address removed"),
        ("appeal.changed", {"kind": turn("complaint")}, "Dana: kind: Complaint"),
        ("appeal.changed", {"duplicate_of": turn("ALM-1")}, "Dana: duplicate of: ALM-1"),
        (
            "appeal.changed",
            {"contact_language": turn({"language": "kk", "fixed": True})},
            "Dana: language of the citizen: Қаз",
        ),
        (
            "appeal.changed",
            {"contact_language": turn({"language": None, "fixed": False})},
            "Dana: language of the citizen: as they write",
        ),
        (
            "appeal.change_undone",
            {"priority": turn("low"), "undoes": "5"},
            "Dana: undone: priority: Low",
        ),
        ("appeal.merged", {"merged_into": turn("ALM-2"), "moved": {}}, "Dana: merged into ALM-2"),
        ("appeal.took_messages", {"from": "ALM-3"}, "Dana: took the messages of ALM-3"),
        ("appeal.gave_messages_back", {"to": "ALM-3"}, "Dana: gave ALM-3 its messages back"),
        ("appeal.split", {"into": "ALM-4", "moved": {}}, "Dana: split: ALM-4"),
        ("appeal.changed", {"closed_at": turn("2026-03-02T04:00:00+00:00")}, None),
    ],
)
def test_a_change_is_told_in_names(event: str, data: dict[str, Any], expected: str | None) -> None:
    assert said(event, data) == expected


def test_what_nobody_did_names_nobody() -> None:
    at = {"to": "2026-03-02T04:00:00+00:00"}
    assert said("appeal.due_moved", at, actor="system") == (
        "the deadline moved to 02.03 04:00: the calendar changed"
    )
    assert said("message.reaction", {"emoji": ["👍", "🙏"]}, actor="citizen") == (
        "the citizen reacted: 👍 🙏"
    )
    assert said("contact.blocked", actor="citizen") == (
        "the citizen blocked us: no reply reaches them"
    )
    assert said("contact.thread_taken", actor="citizen") == "the channel told: thread_taken"
    assert said("message.reaction", {"emoji": []}, actor="citizen") == "the citizen reacted: –"


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("appeal.opened", {"number": "ALM-1"}, "Dana: registered"),
        ("appeal.opened", {"split_from": "ALM-1"}, "Dana: registered as a part of ALM-1"),
        ("message.queued", {}, "Dana: a reply was written"),
        ("note.added", {}, "Dana: a note was written"),
        ("message.sent", {"code": None, "reason": None}, "Dana: a reply: Sent"),
        ("message.read", {}, "Dana: a reply: Read"),
        (
            "message.failed",
            {"reason": "blocked by the user"},
            "Dana: a reply: Not delivered (blocked by the user)",
        ),
    ],
)
def test_what_the_thread_shows_by_itself_is_told_only_in_the_whole_journal(
    event: str, data: dict[str, Any], expected: str
) -> None:
    assert said(event, data) is None
    assert said(event, data, whole=True) == expected
