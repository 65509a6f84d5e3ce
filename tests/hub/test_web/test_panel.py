"""The panel beside a thread offers what its reader may do."""

import pytest
from sqlmodel import select

from hub.app import Hub
from registry.models import Appeal
from tests.hub.test_web.signing import Browser, add
from tests.registry.desk import write_in


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_concerns_other_teams_is_offered_to_whoever_sees_all(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    await browser.sign_in()
    shown = await write_in(open_house.database)
    hidden = await write_in(open_house.database, external_id="2", account="second")
    panel = f"/appeals/{shown}/panel"
    offers = ("data-block", "data-merge-contact")
    whole = (await browser.get(panel)).text
    assert all(one in whole for one in offers)
    async with open_house.database.write() as session:
        found = await session.exec(select(Appeal).where(Appeal.number == hidden))
        found.one().team = "water"
    part = (await browser.get(panel)).text
    assert not any(one in part for one in offers)
