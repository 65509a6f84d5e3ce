"""The templates: each compiles, though a hub compiles them one by one as they are asked for; and an
address that nothing answers at has a page as well."""

import pytest

from hub.app import Hub, application
from hub.web.pages import FOLDER, TEMPLATES
from tests.hub.test_web.signing import Browser


async def test_every_template_compiles(open_house: Hub) -> None:
    templates = application(open_house)[TEMPLATES]
    pages = sorted(FOLDER.rglob("*.html"))

    assert len(pages) > 30
    for page in pages:
        templates.get_template(page.relative_to(FOLDER).as_posix())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_address_that_nothing_answers_at_is_a_page_in_the_readers_language(
    open_house: Hub, browser: Browser
) -> None:
    browser.cookies["language"] = "kk"

    shown = await browser.get("/admin/operatorz")

    assert shown.status == 404
    assert "<h1>Мұнда ештеңе жоқ</h1>" in shown.text
    for path in ("/hooks/x", "/static/x", "/api/v1/x"):
        program = await browser.get(path)
        assert program.status in (401, 404)
        assert "<html" not in program.text
