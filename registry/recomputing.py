"""Moves the deadlines of open appeals after what they follow from has changed.

It goes through the appeals by their ids, a portion a transaction, and notes beside each portion how
far it has come: whoever is interrupted goes on there, and what is right already is not touched.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import structs

from registry.columns import from_stored, to_text
from registry.current_office import Office
from registry.journal import ADD_JOURNAL, SYSTEM, journal_row
from registry.office import RECOMPUTE, REVISION, Recompute
from registry.queues import Standing, is_overdue
from registry.statements import ID, JSON, TEXT, TIME, Row, Script, Statement

PORTION = 500
"""Appeals that one transaction looks at."""

SETTLING = timedelta(seconds=60)
"""By then every process knows the new office: what was opened meanwhile is looked at again."""


_EVENTS = ("appeal.due_moved", "appeal.first_response_moved")


class Step(StrEnum):
    """What came of one portion."""

    NOTHING = "nothing"
    """Nobody has asked for anything."""
    WAITING = "waiting"
    """All were looked at; the second time is still to come."""
    STALE = "stale"
    """The office that was given is an old one: refresh it, and try again."""
    MORE = "more"
    """There are more."""
    DONE = "done"


def recompute_portion(office: Office, *, now: datetime) -> Script[Step]:
    """Compute the deadlines of the next portion; those that somebody has fixed stay."""
    # The revision first, as whoever changes the office holds it first.
    seen = yield _READ, [(REVISION,)]
    asked = yield _READ, [(RECOMPUTE,)]
    progress = _progress(asked)
    if progress is None:
        return Step.NOTHING
    if progress.again and now < progress.asked_at + SETTLING:
        return Step.WAITING
    if not seen or msgspec.json.decode(seen[0][0]).get("id") != office.revision:
        return Step.STALE
    rows = yield _OPEN, [(progress.after,)]
    moved = list(filter(None, (_moved(row, office, now=now) for row in rows)))
    yield _MOVE, [change for change, _ in moved]
    cause = ", ".join(progress.causes)
    yield (
        ADD_JOURNAL,
        [
            journal_row(
                event, actor=SYSTEM, now=now, appeal_id=change[0], data={**turn, "cause": cause}
            )
            for change, turned in moved
            for event, turn in turned.items()
        ],
    )
    progress = structs.replace(progress, moved=progress.moved + len(moved))
    if len(rows) == PORTION:
        yield from _keep(structs.replace(progress, after=rows[-1][0]), now=now)
        return Step.MORE
    if not progress.again and now < progress.asked_at + SETTLING:
        yield from _keep(structs.replace(progress, after=0, again=True), now=now)
        return Step.WAITING
    yield from _keep(None, now=now)
    data = {"causes": progress.causes, "moved": progress.moved}
    yield ADD_JOURNAL, [journal_row("office.recomputed", actor=SYSTEM, now=now, data=data)]
    return Step.DONE


def _moved(row: Row, office: Office, *, now: datetime) -> tuple[Row, dict[str, Any]] | None:
    """The row's new deadlines, and by event what turned; None where all is as it should be."""
    id_, kind, category, status, *times = row
    began_at, *before, first_response_at, escalated_at = map(_time, times)
    assert began_at is not None  # the column has no NULL
    first, due = office.deadlines(kind, category, began_at)
    after = [due, before[1] if first_response_at is not None else first]
    if before == after:
        return None
    standing = Standing(
        status=status,
        due_at=after[0],
        first_response_due=after[1],
        first_response_at=first_response_at,
    )
    if not is_overdue(standing, now):
        escalated_at = None
    turned = {
        event: {"from": _written(old), "to": _written(new)}
        for event, old, new in zip(_EVENTS, before, after, strict=True)
        if old != new
    }
    return (id_, *after, escalated_at), turned


def _time(value: Any) -> datetime | None:
    return None if value is None else from_stored(value)


def _written(value: datetime | None) -> str | None:
    return None if value is None else to_text(value)


def _progress(rows: Sequence[Row]) -> Recompute | None:
    value = msgspec.json.decode(rows[0][0]) if rows else {}
    return msgspec.convert(value, Recompute) if value else None


def _keep(progress: Recompute | None, *, now: datetime) -> Script[None]:
    value = "{}" if progress is None else msgspec.json.encode(progress).decode()
    yield _KEEP, [(RECOMPUTE, value, now)]


_READ = Statement(
    """
    SELECT CAST(s.value AS text) FROM {rows} JOIN office_settings s ON s.name = r.name {lock:s}
    """,
    name=TEXT,
)

_KEEP = Statement(
    """
    UPDATE office_settings SET value = r.value, changed_at = r.now
    FROM {rows} WHERE office_settings.name = r.name
    """,
    name=TEXT,
    value=JSON,
    now=TIME,
)

_OPEN = Statement(
    f"""
    SELECT a.id, a.kind, a.category, a.status, coalesce(a.reopened_at, a.opened_at), a.due_at,
      a.first_response_due, a.first_response_at, a.escalated_at
    FROM {{rows}} JOIN appeals a ON a.id > r.after
    WHERE a.status IN ('new', 'open', 'pending') AND NOT a.due_fixed
    ORDER BY a.id LIMIT {PORTION} {{lock:a}}
    """,  # noqa: S608  our number
    after=ID,
)

_MOVE = Statement(
    """
    UPDATE appeals SET due_at = r.due_at, first_response_due = r.first_response_due,
      escalated_at = r.escalated_at
    FROM {rows} WHERE appeals.id = r.id
    """,
    id=ID,
    due_at=TIME,
    first_response_due=TIME,
    escalated_at=TIME,
)
