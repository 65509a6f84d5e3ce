"""Names that people gave to things: categories, districts, teams, colleagues."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.web import i18n
from registry.models import Category, Operator, Team
from registry.office import get_setting
from registry.office_shapes import Districts


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

    def actor(self, actor: str) -> str:
        """Whoever the journal names; empty for the citizen and for the system."""
        kind, _, who = actor.partition(":")
        return self.operator(who) if kind == "operator" else who


async def load_names(session: AsyncSession) -> Names:
    """Every name there is: some hundreds of rows."""
    categories = await session.exec(
        select(Category.code, Category.names).order_by(col(Category.position), col(Category.code))
    )
    teams = await session.exec(select(Team.key, Team.name).order_by(Team.name))
    operators = (
        await session.exec(
            select(Operator.id, Operator.name, Operator.disabled_at).order_by(Operator.name)
        )
    ).all()
    districts = (await get_setting(session, Districts)).items
    return Names(
        categories=dict(categories.all()),
        districts={place.code: msgspec.to_builtins(place.names) for place in districts},
        teams=dict(teams.all()),
        operators={str(id_): name for id_, name, _ in operators},
        active=frozenset(str(id_) for id_, _, disabled_at in operators if disabled_at is None),
    )


def _in_language(names: Mapping[str, Mapping[str, str]], code: str | None) -> str:
    if code is None:
        return ""
    known = names.get(code, {})
    return known.get(i18n.current()) or known.get("ru") or code
