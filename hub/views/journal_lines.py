"""The journal in sentences: what stands between the messages of a thread."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hub.views import labels
from hub.views.names import Names
from hub.web.i18n import deferred
from hub.web.i18n import gettext as _
from registry.inbox import Entry

_UNTOLD = frozenset({
    "message.received", "message.queued", "message.echoed", "note.added", "message.edited",
    "message.deleted", "appeal.opened",
})  # fmt: skip
"""What the thread shows by itself."""


def sentence(entry: Entry, names: Names, moment: Callable[[datetime], str]) -> str | None:
    """What happened, without its time; None for what the thread shows anyway."""
    if entry.event in _UNTOLD:
        return None
    who = names.actor(entry.actor)
    told = _TOLD.get(entry.event)
    if told is not None:
        said = told(entry.data, names, moment)
    elif entry.event == "appeal.changed":
        said = "; ".join(_changes(entry.data, names, moment))
    else:
        said = entry.event
    if not said:
        return None
    return _("%(who)s: %(what)s") % {"who": who, "what": said} if who else said


def _changes(data: Mapping[str, Any], names: Names, moment: Callable[[datetime], str]) -> list[str]:
    said = []
    for field, turn in data.items():
        if not isinstance(turn, Mapping) or "to" not in turn:
            continue
        told = _FIELDS.get(field)
        if told is not None:
            said.append(told(turn.get("from"), turn["to"], names, moment))
    return said


def _turn(what: str, name: Callable[[Any, Names], str]) -> Callable[..., str]:
    def told(_before: Any, after: Any, names: Names, _moment: Callable[[datetime], str]) -> str:
        if after is None or after == []:
            return _("%(what)s removed") % {"what": _(what)}
        return _("%(what)s: %(value)s") % {"what": _(what), "value": name(after, names)}

    return told


def _assignee(before: Any, after: Any, names: Names, _moment: Callable[[datetime], str]) -> str:
    if after is None:
        return _("released by %(name)s") % {"name": names.operator(before)}
    return _("assigned to %(name)s") % {"name": names.operator(after)}


def _time(what: str) -> Callable[..., str]:
    def told(_before: Any, after: Any, _names: Names, moment: Callable[[datetime], str]) -> str:
        if after is None:
            return _("%(what)s removed") % {"what": _(what)}
        return _("%(what)s: %(value)s") % {"what": _(what), "value": _moment(after, moment)}

    return told


def _moment(value: Any, moment: Callable[[datetime], str]) -> str:
    try:
        return moment(datetime.fromisoformat(str(value)))
    except ValueError:
        return str(value)


def _said(value: Any, _names: Names) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _coded(table: Mapping[str, str]) -> Callable[[Any, Names], str]:
    def named(code: Any, _names: Names) -> str:
        return labels.label(table, str(code))

    return named


def _fixed(text: str) -> Callable[..., str]:
    def told(_data: Any, _names: Names, _moment: Callable[[datetime], str]) -> str:
        return _(text)

    return told


def _with_number(text: str) -> Callable[..., str]:
    def told(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
        return _(text) % {"number": data.get("number", "")}

    return told


def _moved(text: str) -> Callable[..., str]:
    def told(data: Mapping[str, Any], _names: Names, moment: Callable[[datetime], str]) -> str:
        return _(text) % {"time": _moment(data.get("to"), moment)}

    return told


def _reaction(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
    return _("the citizen reacted: %(emoji)s") % {"emoji": data.get("emoji") or "–"}


_FIELDS: dict[str, Callable[..., str]] = {
    "status": _turn(deferred("status"), _coded(labels.STATUSES)),
    "priority": _turn(deferred("priority"), _coded(labels.PRIORITIES)),
    "outcome": _turn(deferred("outcome"), _coded(labels.OUTCOMES)),
    "kind": _turn(deferred("kind"), _coded(labels.KINDS)),
    "category": _turn(deferred("category"), lambda code, names: names.category(code)),
    "district": _turn(deferred("district"), lambda code, names: names.district(code)),
    "team": _turn(deferred("team"), lambda key, names: names.team(key)),
    "language": _turn(deferred("language"), _coded(labels.LANGUAGES)),
    "subject": _turn(deferred("subject"), _said),
    "address": _turn(deferred("address"), _said),
    "tags": _turn(deferred("tags"), _said),
    "assignee": _assignee,
    "due_at": _time(deferred("deadline")),
    "snoozed_until": _time(deferred("snoozed until")),
}
"""By the changed field, what is said of it."""

_TOLD: dict[str, Callable[..., str]] = {
    "appeal.reopened": _fixed(deferred("reopened by a new message of the citizen")),
    "appeal.answered_by_citizen": _fixed(deferred("in work again: the citizen answered")),
    "appeal.escalated": _fixed(deferred("overdue: the supervisors were told")),
    "appeal.woke": _fixed(deferred("back in the queue: the time it was snoozed for is over")),
    "appeal.due_moved": _moved(deferred("the deadline moved to %(time)s: the calendar changed")),
    "appeal.merged": _with_number(deferred("merged with %(number)s")),
    "appeal.split": _with_number(deferred("split: %(number)s")),
    "message.retried": _fixed(deferred("sent again")),
    "message.taken_back": _fixed(deferred("a reply was taken back before it went out")),
    "message.hidden": _fixed(deferred("the comment was hidden from others")),
    "message.shown": _fixed(deferred("the comment is shown to others again")),
    "message.reaction": _reaction,
}
"""By the event, what is said of it."""
