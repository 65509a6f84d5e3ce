"""The journal in sentences: between the messages of a thread, and by itself beside it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hub.views import call_lines, labels
from hub.views.names import Names
from hub.views.text import plain
from hub.views.told import told
from hub.web.i18n import deferred
from hub.web.i18n import gettext as _
from registry.inbox import Entry


def sentence(
    entry: Entry, names: Names, moment: Callable[[datetime], str], *, whole: bool = False
) -> str | None:
    """What happened, without its time; None for what changed nothing that people name.

    What a thread shows by itself is told only if the `whole` journal is.
    """
    shown = _SHOWN.get(entry.event)
    if shown is not None and not whole:
        return None
    who = names.actor(entry.actor)
    told = shown or _TOLD.get(entry.event)
    if told is not None:
        said = told(entry.data, names, moment)
    elif entry.event in {"appeal.changed", "appeal.term_restarted"}:
        said = "; ".join(changes(entry.data, names, moment))
        if said and (reason := entry.data.get("reason")):
            said = f"{said} ({plain(reason)})"
    elif entry.event == "appeal.change_undone":
        said = _("undone") + ": " + "; ".join(changes(entry.data, names, moment))
    elif entry.event.startswith("contact."):
        said = _("the channel told: %(event)s") % {"event": entry.event.removeprefix("contact.")}
    else:
        said = entry.event
    if not said:
        return None
    return _("%(who)s: %(what)s") % {"who": who, "what": said} if who else said


def changes(data: Mapping[str, Any], names: Names, moment: Callable[[datetime], str]) -> list[str]:
    """What was changed of an appeal, by what an entry of the journal holds."""
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


def _with_number(text: str, key: str) -> Callable[..., str]:
    def told(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
        number = data.get(key)
        if isinstance(number, Mapping):
            number = number.get("to")
        return _(text) % {"number": number or ""}

    return told


def _moved(text: str) -> Callable[..., str]:
    def told(data: Mapping[str, Any], _names: Names, moment: Callable[[datetime], str]) -> str:
        return _(text) % {"time": _moment(data.get("to"), moment)}

    return told


def _reaction(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
    return _("the citizen reacted: %(emoji)s") % {"emoji": " ".join(data.get("emoji", ())) or "–"}


def _delivery(state: str) -> Callable[..., str]:
    def line(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
        said = _("%(what)s: %(value)s") % {
            "what": _("a reply"),
            "value": labels.label(labels.STATES, state),
        }
        reason = data.get("reason")
        return f"{said} ({plain(told(str(reason)))})" if reason else said

    return line


def _opened(data: Mapping[str, Any], _names: Names, _moment: Callable[[datetime], str]) -> str:
    if origin := data.get("split_from"):
        return _("registered as a part of %(number)s") % {"number": origin}
    return _("registered")


def _spoken(value: Any, _names: Names) -> str:
    code = value.get("language") if isinstance(value, Mapping) else value
    return labels.label(labels.LANGUAGES, code) or _("as they write")


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
    "first_response_due": _time(deferred("first answer due")),
    "snoozed_until": _time(deferred("snoozed until")),
    "contact_language": _turn(deferred("language of the citizen"), _spoken),
    "duplicate_of": _turn(deferred("duplicate of"), _said),
    "merged_into": _turn(deferred("merged into"), _said),
}
"""By the changed field, what is said of it."""

_TOLD: dict[str, Callable[..., str]] = {
    "appeal.reopened": _fixed(deferred("reopened by a new message of the citizen")),
    "appeal.answered_by_citizen": _fixed(deferred("in work again: the citizen answered")),
    "appeal.escalated": _fixed(deferred("overdue: the supervisors were told")),
    "appeal.woke": _fixed(deferred("back in the queue: the time it was snoozed for is over")),
    "appeal.due_moved": _moved(deferred("the deadline moved to %(time)s: the calendar changed")),
    "appeal.first_response_moved": _moved(
        deferred("the first answer is due %(time)s: the calendar changed")
    ),
    "appeal.merged": _with_number(deferred("merged into %(number)s"), "merged_into"),
    "appeal.merge_undone": _fixed(deferred("the merge was undone")),
    "appeal.took_messages": _with_number(deferred("took the messages of %(number)s"), "from"),
    "appeal.gave_messages_back": _with_number(deferred("gave %(number)s its messages back"), "to"),
    "appeal.split": _with_number(deferred("split: %(number)s"), "into"),
    "appeal.split_undone": _fixed(deferred("the split was undone")),
    "message.retried": _fixed(deferred("sent again")),
    "message.taken_back": _fixed(deferred("a reply was taken back before it went out")),
    "message.hidden": _fixed(deferred("the comment was hidden from others")),
    "message.shown": _fixed(deferred("the comment is shown to others again")),
    "message.reaction": _reaction,
    "contact.started": _fixed(deferred("the citizen began the conversation")),
    "contact.blocked": _fixed(deferred("the citizen blocked us: no reply reaches them")),
    "contact.unblocked": _fixed(deferred("the citizen lets our replies in again")),
    "contact.comment_hidden": _fixed(deferred("the comment was hidden from others")),
    "contact.comment_shown": _fixed(deferred("the comment is shown to others again")),
    **call_lines.TOLD,
}
"""By the event, what is said of it."""

_SHOWN: dict[str, Callable[..., str]] = {
    **call_lines.SHOWN,
    "appeal.opened": _opened,
    "message.received": _fixed(deferred("the citizen wrote")),
    "message.edited": _fixed(deferred("the citizen changed a message")),
    "message.deleted": _fixed(deferred("the citizen deleted a message")),
    "message.queued": _fixed(deferred("a reply was written")),
    "message.echoed": _fixed(deferred("a reply was written in the app of the channel")),
    "note.added": _fixed(deferred("a note was written")),
    **{f"message.{state}": _delivery(state) for state in labels.STATES if state != "queued"},
}
"""What the thread shows by itself."""
