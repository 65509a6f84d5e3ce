"""The names of things: the same object until one of them is another."""

from markupsafe import Markup

from hub.views.names import Names, load_names
from hub.web import i18n
from registry.db import Database
from registry.models import Operator
from registry.office import change_setting
from registry.office_shapes import Districts, Place, as_delivered
from registry.office_shapes import Names as Said
from registry.operators import Role
from registry.teams import add_team, rename_team
from tests.conftest import FakeClock
from tests.registry.desk import hire

DISTRICTS = Districts(
    items=(
        Place(
            code="medeu",
            names=Said(ru="Медеуский район", kk="Медеу ауданы", en="Medeu district"),
        ),
    )
)


async def load(database: Database) -> Names:
    async with database.read() as session:
        return await load_names(session)


async def test_names_are_those_that_were_given(database: Database, clock: FakeClock) -> None:
    by = await hire(database, "Сәуле", Role.ADMIN)
    async with database.write() as session:
        await add_team(session, "water", "Су", by=by, now=clock())
    gone = await hire(database, "Ерлан", Role.OPERATOR)
    async with database.write() as session:
        (await session.get_one(Operator, gone.operator_id)).disabled_at = clock()

    names = await load(database)
    assert names.teams == {"water": "Су"}
    assert names.operators == {str(gone.operator_id): "Ерлан", str(by.operator_id): "Сәуле"}
    assert names.colleagues == [(str(by.operator_id), "Сәуле")]
    assert names.districts == {}


async def test_names_are_read_anew_only_when_one_is_another(
    database: Database, clock: FakeClock
) -> None:
    by = await hire(database, "Сәуле", Role.ADMIN)
    first = await load(database)
    assert await load(database) is first

    async with database.write() as session:
        await add_team(session, "water", "Су", by=by, now=clock())
    second = await load(database)
    assert second.team("water") == "Су"
    async with database.write() as session:
        await rename_team(session, "water", "Су арнасы", by=by, now=clock())
        await change_setting(session, DISTRICTS, actor="system", now=clock())
    third = await load(database)
    assert third.team("water") == "Су арнасы"
    with i18n.use("kk"):
        assert third.district("medeu") == "Медеу ауданы"
    async with database.write() as session:
        await rename_team(session, "water", "Су", by=by, now=clock())
        await change_setting(session, as_delivered(Districts), actor="system", now=clock())
    last = await load(database)
    assert (last.team("water"), last.district("medeu")) == ("Су", "medeu")


def test_a_piece_is_drawn_once_for_each_language() -> None:
    names, drawn = Names(), []

    def draw() -> Markup:
        drawn.append(i18n.current())
        return Markup("<b>%s</b>") % i18n.current()

    for language in ("ru", "kk", "ru", "kk"):
        with i18n.use(language):
            assert names.kept("a", caller=draw) == f"<b>{language}</b>"
    with i18n.use("ru"):
        names.kept("b", caller=draw)
    assert drawn == ["ru", "kk", "ru"]
    with i18n.use("ru"):
        assert Names().kept("a", caller=lambda: Markup("anew")) == "anew"
