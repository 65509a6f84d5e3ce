"""What stands around every page of the desk: the queues, the teams, the saved views."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.views.labels import QUEUES
from hub.views.names import Names, load_names
from hub.web import i18n
from hub.web.i18n import deferred
from hub.web.pages import language_of
from hub.web.signed import SESSION
from registry.models import SavedView
from registry.operators import Principal

EVERYTHING = deferred("All appeals")
"""What a list is called that is of no queue."""

QUEUE_ICONS = {
    "mine": "user",
    "unassigned": "inbox",
    "all": "stack-2",
    "overdue": "alarm",
    "failed": "alert-triangle",
    "mentions": "at",
    "snoozed": "zzz",
}
# icon("user") icon("inbox") icon("stack-2") icon("alarm") icon("alert-triangle") icon("at")
# icon("zzz") icon("users") icon("filter"): for the sprite.


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the navigation."""

    address: str
    name: str
    icon: str
    count: str
    """What its counter is called among the live counts; empty for none."""
    alarming: bool = False
    """A number there is bad news."""
    view: str = ""
    """The id of the saved view that it is."""
    shared: bool = False
    """Everybody sees the view."""


@dataclass(frozen=True, slots=True)
class Shell:
    """The navigation, and the names that pages need."""

    queues: list[Place]
    teams: list[Place]
    views: list[Place]
    names: Names


async def load_shell(request: web.Request, session: AsyncSession) -> Shell:
    """What the signed-in operator sees around a page."""
    principal = request[SESSION].principal
    names = await load_names(session)
    return Shell(
        queues=[
            Place(f"/inbox?queue={key}", name, QUEUE_ICONS[key], key, key in _ALARMING)
            for key, name in QUEUES.items()
        ],
        teams=[
            Place(
                f"/inbox?{urlencode({'queue': 'team', 'team': key})}", name, "users", f"team:{key}"
            )
            for key, name in names.teams.items()
            if principal.teams is None or key in principal.teams
        ],
        views=await _views(session, principal),
        names=names,
    )


_ALARMING = frozenset({"overdue", "failed"})


def _team(key: str) -> str:
    return "/inbox?" + urlencode({"queue": "team", "team": key})


async def _views(session: AsyncSession, principal: Principal) -> list[Place]:
    mine = col(SavedView.operator_id)
    found = await session.exec(
        select(SavedView)
        .where(or_(mine.is_(None), mine == principal.operator_id))
        .order_by(col(SavedView.position), col(SavedView.name))
    )
    return [
        Place(
            address=f"/inbox?{urlencode(view.query)}",
            name=view.name,
            icon="filter",
            count="",
            view=str(view.id),
            shared=view.operator_id is None,
        )
        for view in found
    ]


def title(request: web.Request, shell: Shell) -> str:
    """What the list that is asked for is called."""
    asked = {name: value for name, value in request.query.items() if value}
    for view in shell.views:
        if dict(parse_qsl(view.address.partition("?")[2])) == asked:
            return view.name
    if asked.get("queue") == "team":
        return shell.names.team(asked.get("team"))
    with i18n.use(language_of(request)):
        return i18n.gettext(QUEUES.get(asked.get("queue", ""), EVERYTHING))


def shown(shell: Shell) -> dict[str, Any]:
    """The shell as templates take it."""
    return {"shell": shell, "names": shell.names}
