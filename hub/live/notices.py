"""What an operator is called to: something of theirs that others did, with a sound if it is urgent.

Notices are read from the journal, so that nobody is told of what they did themselves. They are
best effort: whoever was away finds it in their queues.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.views.labels import wordless
from hub.web.i18n import deferred, ngettext
from hub.web.i18n import gettext as _
from registry.access import may_see
from registry.appeals import Priority
from registry.ids import new_id, parse_id
from registry.inbox import Known
from registry.models import JournalEntry, Mention
from registry.operators import Principal, Role

RECENT = timedelta(minutes=2)
"""How old an entry may be: a slow transaction's is older than what was told before it."""

_TOLD = 10_000
"""Entries that are remembered as told."""

SAYINGS = {
    "assigned": deferred("Assigned to you"),
    "mentioned": deferred("You were mentioned"),
    "message": deferred("New message"),
    "urgent": deferred("Urgent appeal"),
    "failed": deferred("A reply was not delivered"),
    "overdue": deferred("Overdue"),
    "escalated": deferred("Overdue"),
    "woke": deferred("Back from snoozing"),
}
"""By the kind of a notice, what it is about."""

_ESCALATED = "escalated"
"""What a supervisor is told of an appeal that somebody else holds, or nobody."""

_HIGH = frozenset({"urgent", "failed", "overdue", _ESCALATED})
_TO_HOLDER = {
    "message.received": "message",
    "message.failed": "failed",
    "message.uncertain": "failed",
    "appeal.escalated": "overdue",
    "appeal.woke": "woke",
}
"""By the event, what its appeal's holder is told."""
_OURS = frozenset({"message.failed", "message.uncertain"})
"""Of these, what became of an answer: that concerns its writer, whoever it was for."""


class Notice(Struct, frozen=True, kw_only=True):
    """One thing, and whom it is for."""

    kind: str
    operator_id: int | None
    """Whom it is for; None for everybody who may see the appeal, or of them the supervisors."""
    appeal: Known
    actor: str = ""
    """Whose doing it is, where it is for everybody but them."""

    @property
    def is_urgent(self) -> bool:
        """Whether it should be heard as well as seen."""
        return self.kind in _HIGH or self.appeal.appeal.priority is Priority.URGENT

    def is_for(self, principal: Principal) -> bool:
        """Whether somebody is to be told."""
        standing = self.appeal.standing
        if self.operator_id is not None:
            return self.operator_id == principal.operator_id
        if self.actor == principal.actor:
            return False
        if self.kind == _ESCALATED and (
            not principal.is_at_least(Role.SUPERVISOR)
            or standing.assignee_id == principal.operator_id is not None
        ):
            return False  # whoever holds it is told so themselves
        return may_see(principal, team=standing.team, assignee_id=standing.assignee_id)


class Told(Struct, frozen=True, kw_only=True):
    """A notice as a browser gets it."""

    kind: str
    number: str
    """Of its appeal; empty where it tells of several."""
    urgency: str
    title: str
    text: str


def told(notices: Sequence[Notice]) -> list[Told]:
    """The notices in the language in use. What escalated at once is one of them: a calendar that
    changes, or a morning, can make hundreds late."""
    late = [notice for notice in notices if notice.kind == _ESCALATED]
    others = [notice for notice in notices if notice.kind != _ESCALATED]
    return [*map(_told, others), *([_told_together(late)] if len(late) > 1 else map(_told, late))]


def _told(notice: Notice) -> Told:
    appeal = notice.appeal.appeal
    who = appeal.contact.name or ""
    about = [_(SAYINGS[notice.kind]), appeal.number]
    if notice.kind == _ESCALATED:
        about.append(appeal.assignee_name or _("Nobody"))
    return Told(
        kind=notice.kind,
        number=appeal.number,
        urgency="high" if notice.is_urgent else "normal",
        title=" · ".join(about),
        text=": ".join(filter(None, (who, appeal.subject or wordless(appeal)))),
    )


def _told_together(late: Sequence[Notice]) -> Told:
    title = ngettext("%(n)s appeal is overdue", "%(n)s appeals are overdue", len(late))
    return Told(
        kind=_ESCALATED,
        number="",
        urgency="high",
        title=title % {"n": len(late)},
        text="",
    )


class Notices:
    """Reads the journal of what changed, and tells each entry once."""

    def __init__(self) -> None:
        self._told: dict[int, None] = {}
        self._since = 0

    def begin(self) -> None:
        """Tell of what happens from now on: there was nobody to be told."""
        self._since = new_id()

    async def read(
        self, session: AsyncSession, known: Mapping[int, Known], now: datetime
    ) -> list[Notice]:
        """What is new of these appeals, for whoever it is for."""
        entry = JournalEntry
        connection = await session.connection()
        rows = await connection.execute(
            select(
                col(entry.id), col(entry.event), col(entry.actor), col(entry.appeal_id),
                col(entry.message_id), col(entry.data),
            )
            .where(
                col(entry.appeal_id).in_(list(known)),
                col(entry.id) > self._since,
                col(entry.at) >= now - RECENT,
            )
            .order_by(col(entry.id))
        )  # fmt: skip
        fresh = [row for row in rows.all() if row.id not in self._told]
        self._remember(row.id for row in fresh)
        notes = [row.message_id for row in fresh if row.event == "note.added"]
        mentioned = await _mentioned(session, notes)
        meant = {
            (kind, operator_id, row.appeal_id, row.actor if operator_id is None else "")
            for row in fresh
            for kind, operator_id in _meant(row, known[row.appeal_id], mentioned)
            if operator_id is None or row.actor != f"operator:{operator_id}"
        }
        return [
            Notice(kind=kind, operator_id=operator_id, appeal=known[appeal_id], actor=actor)
            for kind, operator_id, appeal_id, actor in sorted(meant, key=str)
        ]

    def _remember(self, ids: Iterable[int]) -> None:
        self._told |= dict.fromkeys(ids)
        for id_ in list(self._told)[: max(0, len(self._told) - _TOLD)]:
            del self._told[id_]


def _meant(
    row: Row[Any], known: Known, mentioned: Mapping[int, Sequence[int]]
) -> Iterable[tuple[str, int | None]]:
    """What an entry says to whom."""
    holder = known.standing.assignee_id
    if row.event == "note.added":
        yield from (("mentioned", operator_id) for operator_id in mentioned[row.message_id])
    elif row.event == "appeal.changed":
        turned = row.data.get("assignee")
        given = parse_id(str(turned.get("to"))) if isinstance(turned, dict) else None
        if given is not None:
            yield "assigned", given
    if known.standing.blocked and row.event not in _OURS:
        return  # what they write is kept, and raises nothing
    if row.event == "appeal.escalated":
        yield _ESCALATED, None
    if holder is None and _became_urgent(row, known):
        yield "urgent", None
    elif holder is not None and row.event in _TO_HOLDER:
        yield _TO_HOLDER[row.event], holder


def _became_urgent(row: Row[Any], known: Known) -> bool:
    """Whether everybody who could take the appeal should hear of it at once."""
    if known.appeal.priority is not Priority.URGENT:
        return False
    return row.event == "appeal.opened" or "priority" in row.data


async def _mentioned(
    session: AsyncSession, message_ids: Sequence[int]
) -> Mapping[int, Sequence[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    if message_ids:
        connection = await session.connection()
        rows = await connection.execute(
            select(col(Mention.message_id), col(Mention.operator_id)).where(
                col(Mention.message_id).in_(message_ids)
            )
        )
        for message_id, operator_id in rows:
            found[message_id].append(operator_id)
    return found
