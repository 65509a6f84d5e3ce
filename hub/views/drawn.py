"""Rows as they were drawn: the same appeal looks the same to all who read its language.

Hundreds of operators look at the same few pages of a queue. A row is drawn anew when anything in it
is another: the appeal, a name, or a length of time that it tells.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment
from markupsafe import Markup

from hub.views.labels import due_state, span
from hub.views.names import Names
from hub.web import i18n
from hub.web.pages import times
from registry.inbox import Appeal

MOST = 4096
"""Rows that are kept: about ten megabytes."""


@dataclass(frozen=True, slots=True)
class _Row:
    appeal: Appeal
    told: tuple[object, ...]
    html: Markup


class DrawnRows:
    """Draws rows by the clock of a zone, and keeps them."""

    def __init__(self, templates: Environment, zone: ZoneInfo) -> None:
        self._templates = templates
        self._times = times(zone)
        self._kept: OrderedDict[tuple[str, str], _Row] = OrderedDict()

    def __call__(self, appeal: Appeal, *, names: Names, now: datetime) -> Markup:
        """The row of an appeal, in the language in use."""
        key = (i18n.current(), appeal.id)
        told = _told(appeal, names, now)
        row = self._kept.get(key)
        if row is None or row.told != told or row.appeal != appeal:
            html = self._templates.get_template("inbox/row.html").render(
                appeal=appeal, names=names, now=now, **self._times
            )
            row = self._kept[key] = _Row(appeal, told, Markup(html))  # noqa: S704  a template's
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return row.html


DRAWN = web.AppKey("drawn", DrawnRows)


def _told(appeal: Appeal, names: Names, now: datetime) -> tuple[object, ...]:
    """What a row tells that the appeal itself does not: by the clock, and by codes."""
    due, waiting, snoozed = appeal.due_at, appeal.waiting_since, appeal.snoozed_until
    return (
        due_state(due, now),
        due and span(due - now),
        waiting and span(now - waiting),
        snoozed is not None and snoozed > now,
        names.category(appeal.category),
        names.district(appeal.district),
    )
