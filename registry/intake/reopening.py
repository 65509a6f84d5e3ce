"""The term of appeals that a citizen's message opens again: it begins anew."""

from datetime import datetime
from typing import Any

from registry.columns import from_stored, to_text
from registry.deadlines import restarted
from registry.intake import statements as sql
from registry.intake.batch import Batch, Steps
from registry.intake.rows import Rows
from registry.journal import SYSTEM, journal_row


def restart_terms(batch: Batch, rows: Rows) -> Steps:
    """Give each a new term from now on; the journal tells the old one beside the new."""
    if not rows.reopened:
        return
    changes = []
    for id_, kind, category, due_fixed, *times in (
        yield sql.TERMS, [(id_,) for id_ in rows.reopened]
    ):  # fmt: skip
        due_at, first_response_due, first_response_at = map(_time, times)
        new = restarted(
            batch.rules.deadlines,
            kind=kind,
            category=category,
            due_at=due_at,
            due_fixed=bool(due_fixed),
            first_response_due=first_response_due,
            first_response_at=first_response_at,
            now=batch.now,
        )
        changes.append((id_, *new, batch.now))
        turned = {
            name: {"from": _written(before), "to": _written(after)}
            for name, before, after in (
                ("due_at", due_at, new.due_at),
                ("first_response_due", first_response_due, new.first_response_due),
            )
            if before != after
        }
        if turned:
            rows.journal.append(
                journal_row(
                    "appeal.term_restarted", actor=SYSTEM, now=batch.now, appeal_id=id_, data=turned
                )
            )
    yield sql.SET_TERMS, changes


def _time(value: Any) -> datetime | None:
    return None if value is None else from_stored(value)


def _written(value: datetime | None) -> str | None:
    return None if value is None else to_text(value)
