"""Forms that go to the API: what they send, and how they say what is wrong."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.browser.desk import Desk
from tests.browser.looking import Faults, axe, ready, shot

expect.set_options(timeout=15_000)

FORM = """
<api-form method="POST" path="things/{key}"><form class="form">
<input type="hidden" name="key" value="roads & lights">
<div class="field"><label for="name">Name</label><input id="name" name="name" value="Жол"></div>
<div class="field"><label for="term">Term</label><input id="term" name="term" data-type="number" value="3"></div>
<div class="field"><label for="tags">Tags</label><input id="tags" name="tags" data-type="list" value="снег, двор,"></div>
<label><input type="checkbox" name="urgent"> Urgent</label>
<label><input type="checkbox" name="languages" data-type="list" value="kk" checked> kk</label>
<label><input type="checkbox" name="languages" data-type="list" value="ru"> ru</label>
<label><input type="radio" name="unit" value="hours"> hours</label>
<label><input type="radio" name="unit" value="days" checked> days</label>
<label for="kk">kk</label><textarea id="kk" name="bodies.kk">Сәлем</textarea>
<div class="field"><label for="ru">In Russian</label><textarea id="ru" name="bodies.ru" data-empty="omit"></textarea></div>
<label for="team">Team</label><input id="team" name="team" data-empty="null">
<label for="from">From</label><input id="from" name="from" type="date" data-type="moment" value="2026-03-02">
<div class="field"><label for="extra">Extra</label><input id="extra" name="extra" data-type="json" value='{"a": [1]}'></div>
<button class="button primary">Save</button></form></api-form>
"""  # noqa: E501


@pytest.fixture
def sent() -> list[Request]:
    """What the form has sent."""
    return []


async def show(desk: Desk, sent: list[Request], answer: Any, *, status: int = 200) -> Page:
    """A page with the form, to whose requests that is the answer."""
    page = await desk.visit()

    async def fulfil(route: Route) -> None:
        sent.append(route.request)
        kind = "application/json" if status < 400 else "application/problem+json"
        await route.fulfill(status=status, content_type=kind, body=json.dumps(answer))

    await page.route("**/api/v1/things/*", fulfil)
    put = "(html) => { document.querySelector('#thread').innerHTML = html }"
    await page.evaluate(put, FORM)
    return page


async def test_fields_go_as_what_they_are(signed_in: Desk, sent: list[Request]) -> None:
    page = await show(signed_in, sent, {})

    await page.get_by_role("button", name="Save").click()

    await expect(page.locator(".toast")).to_contain_text("Done")
    (request,) = sent
    assert request.method == "POST"
    assert request.url.endswith("/api/v1/things/roads%20%26%20lights")
    assert request.headers["x-csrf-token"]
    assert request.post_data_json == {
        "name": "Жол",
        "term": 3,
        "tags": ["снег", "двор"],
        "urgent": False,
        "languages": ["kk"],
        "unit": "days",
        "bodies": {"kk": "Сәлем"},
        "team": None,
        "from": "2026-03-01T19:00:00.000Z",
        "extra": {"a": [1]},
    }


@pytest.mark.parametrize(
    ("pointer", "field", "more", "told"),
    [
        ("/term", "Term", {}, "it is too long."),
        ("/bodies/ru", "In Russian", {"said": "Это слишком длинно."}, "Это слишком длинно."),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field(
    signed_in: Desk, sent: list[Request], faults: Faults,
    pointer: str, field: str, more: dict[str, str], told: str,
) -> None:  # fmt: skip
    faults.allow("400")
    problem = {"code": "invalid", "detail": "term: it is too long.", "pointer": pointer, **more}
    page = await show(signed_in, sent, problem, status=400)

    await page.get_by_role("button", name="Save").click()

    wrong = page.get_by_label(field, exact=True)
    await expect(wrong).to_be_focused()
    await expect(wrong).to_have_attribute("aria-invalid", "true")
    await expect(wrong).to_have_accessible_description(told)
    await shot(page, f"wrong{pointer.replace('/', '-')}")
    assert await axe(page) == []
    await wrong.fill("5")
    await expect(wrong).not_to_have_attribute("aria-invalid", "true")
    await expect(page.locator(".wrong")).to_have_count(0)


async def test_what_is_wrong_with_no_field_is_said_above_them(
    signed_in: Desk, sent: list[Request], faults: Faults
) -> None:
    faults.allow("409")
    page = await show(signed_in, sent, {"code": "taken", "detail": "No."}, status=409)
    save = page.get_by_role("button", name="Save")
    await save.click()
    await expect(page.get_by_role("alert").filter(has_text="There is one")).to_have_count(1)
    await save.click()
    await expect(save).to_be_enabled()
    await expect(page.get_by_role("alert").filter(has_text="There is one")).to_have_count(1)


async def test_what_cannot_be_read_is_not_sent(signed_in: Desk, sent: list[Request]) -> None:
    page = await show(signed_in, sent, {})
    await page.get_by_label("Extra").fill("{")

    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_label("Extra")).to_have_accessible_description(
        "This cannot be read; correct it."
    )
    assert sent == []


async def test_a_form_asks_before_and_reloads_after(signed_in: Desk, sent: list[Request]) -> None:
    page = await show(signed_in, sent, {})
    form = page.locator("api-form")
    await form.evaluate(
        "(form) => { form.dataset.confirm = 'Really?'; form.dataset.then = 'reload' }"
    )
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert sent == []

    await page.get_by_role("button", name="Save").click()
    async with page.expect_navigation(wait_until="commit"):
        await page.get_by_role("button", name="OK").click()
    await ready(page)
    await expect(form).to_have_count(0)
    assert len(sent) == 1
