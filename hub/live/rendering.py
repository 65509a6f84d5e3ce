"""Rows as the browsers get them: each rendered once for each language, whoever shows it."""

from datetime import datetime

import msgspec
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.views.drawn import DrawnRows
from hub.views.names import Names, load_names
from hub.web import i18n
from registry.inbox import Known

NAMES_SECONDS = 30.0
"""How old the names of categories, teams and colleagues in a row may be."""


class _Row(Struct, frozen=True):
    number: str
    html: str


class Renderer:
    """Renders rows, with names that it keeps for a while."""

    def __init__(self, drawn: DrawnRows) -> None:
        self._drawn = drawn
        self._names = Names()
        self._names_until = 0.0

    async def prepare(self, session: AsyncSession, *, at: float) -> None:
        """Read the names anew when they are old; `at` is of a clock that only goes forward."""
        if at >= self._names_until:
            self._names = await load_names(session)
            self._names_until = at + NAMES_SECONDS

    def rows(self, now: datetime) -> "Rows":
        """What renders the rows of one moment."""
        return Rows(self._drawn, self._names, now)


class Rows:
    """The rows of one moment."""

    def __init__(self, drawn: DrawnRows, names: Names, now: datetime) -> None:
        self._drawn = drawn
        self._names = names
        self._now = now
        self._made: dict[tuple[int, str], bytes] = {}

    def __call__(self, known: Known, language: str) -> bytes:
        """One row as JSON: `{"number", "html"}`."""
        made = self._made.get((known.id, language))
        if made is None:
            with i18n.use(language):
                html = str(self._drawn(known.appeal, names=self._names, now=self._now))
            made = msgspec.json.encode(_Row(known.appeal.number, html.strip()))
            self._made[known.id, language] = made
        return made
