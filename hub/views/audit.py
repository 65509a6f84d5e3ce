"""The audit page: who saw and did what."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import UNSET, UnsetType

from hub import audit_words
from hub.api.audit import AuditQuery, asked_of
from hub.keys import DATABASE, SETTINGS
from hub.problems import Problem
from hub.views import shell
from hub.views.journal_lines import changes
from hub.views.names import Names
from hub.web import i18n
from hub.web.i18n import deferred
from hub.web.pages import Page, render
from registry.events import Asked, Happened, NoSuchPlace, list_events
from registry.operators import Role

KINDS = {
    "appeal.seen": deferred("Appeals looked at"),
    "appeal.": deferred("Appeals"),
    "message.": deferred("Messages"),
    "note.": deferred("Notes"),
    "contact.": deferred("Contacts"),
    "file.": deferred("Files taken"),
    "session.": deferred("Signing in"),
    "password.": deferred("Passwords"),
    "second_factor.": deferred("Second factors"),
    "token.": deferred("Tokens"),
    "operator.": deferred("Operators"),
    "team.": deferred("Teams"),
    "saved_": deferred("Saved replies and views"),
    "categor": deferred("Categories"),
    "calendar.": deferred("Calendar"),
    "call": deferred("Calls"),
    "recording.": deferred("Recordings listened to"),
    "prompt.": deferred("What the telephone says"),
    "account.": deferred("Accounts"),
    "office.": deferred("Office"),
    "audit.": deferred("The audit itself"),
}
"""What can be chosen: the beginnings of the events' names."""


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /audit`; `from` and `to` are days of the office's calendar, both included."""
    zone = ZoneInfo(request.config_dict[SETTINGS].timezone)
    query = {
        name: request.query.get(name, "").replace("\x00", "")[:60]
        for name in ("operator", "appeal", "event", "from", "to")
    }
    try:
        asked = _asked(query, zone, cursor=request.query.get("cursor", ""))
        async with request.config_dict[DATABASE].read() as session:
            around = await shell.load_shell(request, session)
            found = await list_events(session, asked)
    except (Problem, NoSuchPlace):
        return render(request, "error.html", status=400, what="not_found")
    return render(
        request,
        "audit.html",
        kinds=KINDS,
        query=query,
        found=found,
        who=audit_words.actor,
        what=audit_words.event,
        changed=_changed(around.names, zone),
        next_address=None
        if found.next is None
        else "/audit?" + urlencode({**query, "cursor": found.next}),
        export="/api/v1/audit.csv?" + urlencode(_exported(query, asked)),
        **shell.shown(around),
    )


def _changed(names: Names, zone: ZoneInfo) -> Callable[[Happened], str]:
    """What tells, in words, what was changed of an appeal; empty where that is no matter."""

    def told(entry: Happened) -> str:
        if entry.event not in {"appeal.changed", "appeal.change_undone"}:
            return ""
        return "; ".join(changes(entry.data, names, partial(i18n.moment, zone=zone)))

    return told


def _asked(query: dict[str, str], zone: ZoneInfo, *, cursor: str) -> Asked:
    """What the registry is asked for. Raises: Problem."""
    return asked_of(
        AuditQuery(
            operator=query["operator"],
            appeal=query["appeal"].strip().upper(),
            event=query["event"],
            since=_midnight(query["from"], zone),
            until=_midnight(query["to"], zone, later=timedelta(days=1)),
            cursor=cursor,
        )
    )


def _exported(query: dict[str, str], asked: Asked) -> dict[str, str]:
    wanted = {name: query[name] for name in ("operator", "event") if query[name]}
    if asked.appeal:
        wanted["appeal"] = asked.appeal
    if asked.since is not None:
        wanted["since"] = asked.since.isoformat()
    if asked.until is not None:
        wanted["until"] = asked.until.isoformat()
    return wanted


def _midnight(day: str, zone: ZoneInfo, *, later: timedelta = timedelta()) -> datetime | UnsetType:
    """When a day of the form begins; unset for what is no day."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return UNSET
    if not FIRST_YEAR < found.year < LAST_YEAR:
        return UNSET
    return datetime.combine(found + later, time(), zone)


FIRST_YEAR, LAST_YEAR = 2000, 9000
"""Beyond them are slips of the keyboard."""

PAGES = (Page(path="/audit", handler=page, role=Role.SUPERVISOR),)
