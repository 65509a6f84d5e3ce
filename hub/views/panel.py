"""The panel beside a thread: whose appeal it is, what it is, and all that happened to it."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from hub.api.exchange import number_of
from hub.api.keys import PRINCIPAL
from hub.keys import DATABASE, SETTINGS
from hub.views import labels
from hub.views.journal_lines import sentence
from hub.views.names import Names, load_names
from hub.views.panel_words import panel_words
from hub.views.text import linked, plain
from hub.web import i18n
from hub.web.i18n import deferred
from hub.web.pages import Page, language_of, render
from registry.contacts.card import get_card
from registry.errors import NotFound
from registry.inbox import Panel, get_panel
from registry.operators import Role

POINTS = {"tel": deferred("Phone"), "email": deferred("E-mail"), "iin": deferred("IIN")}
"""What kinds of points are called that are no channel's."""

POINT_ICONS = {"tel": "phone", "email": "mail", "iin": "id"}
# icon("phone") icon("mail") icon("id"): for the sprite, which holds what is named so.

BONDS = {
    "repeats": deferred("Repeats"),
    "repeated": deferred("Is repeated by"),
    "merged_into": deferred("Merged into"),
    "took": deferred("Took the messages of"),
    "split_from": deferred("Split from"),
    "split_into": deferred("Was split into"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Something happened."""

    at: datetime
    said: str


def point_label(scheme: str) -> str:
    """What a kind of point is called in the language in use."""
    return labels.label(POINTS, scheme) if scheme in POINTS else labels.channel(scheme)


def point_icon(scheme: str) -> str:
    """The sprite's name for a kind of point."""
    return POINT_ICONS.get(scheme) or labels.channel_icon(scheme)


async def fragment(request: web.Request) -> web.StreamResponse:
    """`GET /appeals/{number}/panel`: to stand beside the thread in an open page."""
    number, principal = number_of(request), request[PRINCIPAL]
    async with request.config_dict[DATABASE].read() as session:
        try:
            found = await get_panel(session, number, viewer=principal)
            card = await get_card(session, int(found.appeal.contact.id), by=principal)
        except NotFound:
            return render(request, "error_fragment.html", status=404)
        names = await load_names(session)
    zone = ZoneInfo(request.config_dict[SETTINGS].timezone)
    with i18n.use(language_of(request)):
        lines = _journal(found, names, zone)
        said = panel_words()
        kinds = [(code, labels.label(labels.KINDS, code)) for code in labels.KINDS]
    return render(
        request,
        "panel/panel.html",
        panel=found,
        card=card,
        earlier=[one for one in card.appeals if one.number != number],
        may_drop=lambda note: (
            principal.is_at_least(Role.SUPERVISOR) or note.operator == str(principal.operator_id)
        ),
        lines=lines,
        kinds=kinds,
        said=said,
        names=names,
        bonds=BONDS,
        point_label=point_label,
        point_icon=point_icon,
        linked=linked,
        plain=plain,
    )


def _journal(panel: Panel, names: Names, zone: ZoneInfo) -> list[Line]:
    def moment(at: datetime) -> str:
        return i18n.moment(at, zone)

    return [
        Line(entry.at, said)
        for entry in panel.journal
        if (said := sentence(entry, names, moment, whole=True)) is not None
    ]


PAGES = (Page(path="/appeals/{number}/panel", handler=fragment, role=Role.OPERATOR),)
