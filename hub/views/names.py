"""Names that people gave to things: categories, districts, teams, colleagues."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
from markupsafe import Markup
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.web import i18n
from registry.naming import read_names
from registry.office_shapes import Districts, as_delivered


@dataclass(frozen=True, slots=True)
class Names:
    """By code, in every language they have; as they were when they were read."""

    categories: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    districts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    """By id, those who are disabled too: the journal speaks of them."""
    active: frozenset[str] = frozenset()
    """Ids of operators who may act."""
    _drawn: dict[tuple[str, str], Markup] = field(default_factory=dict, repr=False, compare=False)

    @property
    def colleagues(self) -> list[tuple[str, str]]:
        """Id and name of everybody who may act."""
        return [(id_, name) for id_, name in self.operators.items() if id_ in self.active]

    def category(self, code: str | None) -> str:
        """A category in the language in use; what is not in the list stands for itself."""
        return _in_language(self.categories, code)

    def district(self, code: str | None) -> str:
        """A district in the language in use."""
        return _in_language(self.districts, code)

    def team(self, key: str | None) -> str:
        """A team."""
        return "" if key is None else self.teams.get(key, key)

    def operator(self, id_: str | None) -> str:
        """A colleague."""
        return "" if id_ is None else self.operators.get(id_, "?")

    def kept(self, piece: str, *, caller: Callable[[], Markup]) -> Markup:
        """A piece of a page that tells nothing but names and words: drawn once for each language.

        Templates say `{% call names.kept("…") %}…{% endcall %}`.
        """
        key = (i18n.current(), piece)
        if key not in self._drawn:
            self._drawn[key] = Markup(caller())  # noqa: S704  a template's
        return self._drawn[key]

    def actor(self, actor: str) -> str:
        """Whoever the journal names; empty for the citizen and for the system."""
        kind, _, who = actor.partition(":")
        return self.operator(who) if kind == "operator" else who


async def load_names(session: AsyncSession) -> Names:
    """Every name there is. They are the same object for as long as no name is another."""
    return _names(*await read_names(session))


@lru_cache(maxsize=8)
def _names(categories: str, teams: str, operators: str, districts: str) -> Names:
    """The names that were read as JSON (see `NamesAsJson`)."""
    set_ = msgspec.json.decode(districts)
    places = (msgspec.convert(set_, Districts) if set_ else as_delivered(Districts)).items
    people = msgspec.json.decode(operators, type=list[tuple[str, str, bool]])
    return Names(
        categories=dict(msgspec.json.decode(categories, type=list[tuple[str, dict[str, str]]])),
        districts={place.code: msgspec.to_builtins(place.names) for place in places},
        teams=dict(msgspec.json.decode(teams, type=list[tuple[str, str]])),
        operators={id_: name for id_, name, _ in people},
        active=frozenset(id_ for id_, _, is_active in people if is_active),
    )


def _in_language(names: Mapping[str, Mapping[str, str]], code: str | None) -> str:
    if code is None:
        return ""
    known = names.get(code, {})
    return known.get(i18n.current()) or known.get("ru") or code
