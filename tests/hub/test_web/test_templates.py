"""The templates: each compiles, though a hub compiles them one by one as they are asked for."""

from hub.app import Hub, application
from hub.web.pages import FOLDER, TEMPLATES


async def test_every_template_compiles(open_house: Hub) -> None:
    templates = application(open_house)[TEMPLATES]
    pages = sorted(FOLDER.rglob("*.html"))

    assert len(pages) > 30
    for page in pages:
        templates.get_template(page.relative_to(FOLDER).as_posix())
