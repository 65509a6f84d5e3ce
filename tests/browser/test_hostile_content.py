"""What strangers write is text wherever it stands: nothing of it runs, or breaks the page."""

from pathlib import Path
from urllib.parse import urlencode

from playwright.async_api import Page, expect
from sqlmodel import select

from registry.ids import new_id
from registry.journal import record
from registry.models import Appeal, AppealTag, ContactNote, ContactPoint, Message
from registry.search.following import catch_up
from tests.browser.desk import Desk, lay_out
from tests.browser.looking import Faults, shot, visit
from tests.browser.test_media import attach

WORD = "Қауіп"
"""Stands in everything, so that it can be looked for."""
RUNS = "window.harmed++"
PIECES = (
    f"<script>{RUNS}</script>",
    f"<img src=x onerror={RUNS}>",
    f'"><svg onload="{RUNS}"><a href="javascript:{RUNS}">',
    f"' onmouseover='{RUNS}' autofocus onfocus='{RUNS}",
    "</textarea></title></template><iframe srcdoc='<script>parent.harmed++</script>'>",
    f"javascript:{RUNS} data:text/html,<script>{RUNS}</script> vbscript:x",
    f'https://example.kz/"onclick="{RUNS} http://a\u202eb.kz/<b>',
    "{{7*7}} ${7*7} {% raw %} %(number)s %s <%= 7*7 %>",
    "\u202egnp.exe\u2066 \u200b\u0001\u0085\ufffe\u2028",
    "Z" + "\u0301\u0316\u0334\u035c" * 40,
)
HOSTILE = f"{WORD} " + " ".join(PIECES)
ENDLESS = "ұ" * 10_000
ALLOWED = ("http:", "https:", "tel:", "mailto:", "geo:")

HARM = """() => {
  const all = [...document.querySelectorAll("*")];
  const links = [...document.querySelectorAll("a[href]")].map((link) => link.protocol);
  return {
    harmed: window.harmed,
    injected: all.filter((each) =>
      each.matches('img[src="x"], iframe, object, embed, svg[onload], script:not([src])')
      || [...each.attributes].some(({ name }) => name.startsWith("on"))
    ).map((each) => each.outerHTML.slice(0, 120)),
    protocols: [...new Set(links)],
  };
}"""
WIDE = """() => ["html", "main", "#list", "#list .rows", "#thread", ".thread-head .thread-title",
  ".log", "#panel", ".panel-body", ".known", ".front-form", ".coupon", ".findings"]
  .map((selector) => [selector, document.querySelector(selector)])
  .filter(([, box]) => box?.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
  .map(([selector, box]) => `${selector}: ${box.scrollWidth} in ${box.clientWidth}`)"""


async def bring_harm(desk: Desk) -> str:
    """An appeal of which every word that a stranger chose is hostile; its number."""
    number, _ = await lay_out(
        desk.served,
        [
            {"name": HOSTILE, "subject": HOSTILE, "address": HOSTILE, "text": HOSTILE,
             "phone": "+77011234567", "latitude": 43.2, "longitude": 76.9},
            {"name": ENDLESS, "subject": ENDLESS, "address": ENDLESS, "text": ENDLESS},
        ],
    )  # fmt: skip
    served, now = desk.served, desk.served.hub.clock()
    async with served.hub.database.write() as session:
        appeal = (await session.exec(select(Appeal).where(Appeal.number == number))).one()
        for tag in (f"<img src=x onerror={RUNS}>", "{{7*7}}", "\u202egat"):
            session.add(AppealTag(appeal_id=appeal.id, tag=tag))
        for scheme, value in (("telegram", HOSTILE), ("email", f"a@b.kz?x={PIECES[0]}")):
            session.add(
                ContactPoint(
                    contact_id=appeal.contact_id, scheme=scheme, value=value, created_at=now
                )
            )
        for text in (HOSTILE, ENDLESS):
            session.add(
                ContactNote(contact_id=appeal.contact_id, text=text, author=HOSTILE, created_at=now)
            )
            session.add(
                Message(
                    id=new_id(), appeal_id=appeal.id, direction="in", text=text, author=HOSTILE,
                    sent_at=now, created_at=now,
                )
            )  # fmt: skip
        record(
            session, "appeal.opened", actor="citizen", now=now, appeal_id=appeal.id,
            data={"accepted_by": {"name": HOSTILE, "role": "operator"}},
        )  # fmt: skip
        record(
            session, "appeal.changed", actor="token:" + HOSTILE, now=now, appeal_id=appeal.id,
            data={"address": {"from": None, "to": HOSTILE}},
        )  # fmt: skip
    await attach(served, number, "contact", name=HOSTILE)
    await attach(served, number, "document", b"%PDF-1.7", name=f"<img src=x onerror={RUNS}>.pdf")
    await attach(served, number, "document", b"%PDF-1.7", name=f"{ENDLESS}.pdf")
    await catch_up(served.hub.database, now=now)
    return number


async def prepare(desk: Desk) -> Page:
    """A page that counts what ran, and closes no dialog unseen."""
    page = desk.page
    await page.context.add_init_script("window.harmed = 0;")
    page.on("dialog", _refuse)
    return page


async def _refuse(dialog: object) -> None:
    raise AssertionError(f"a dialog came up: {dialog}")


async def check(page: Page, name: str) -> None:
    """Nothing ran, nothing was made of the words, and nothing is wider than the screen."""
    found = await page.evaluate(HARM)
    assert found["harmed"] == 0, name
    assert found["injected"] == [], name
    assert set(found["protocols"]) <= set(ALLOWED), name
    for width in (390, 1366):
        await page.set_viewport_size({"width": width, "height": 844})
        assert await page.evaluate(WIDE) == [], f"{name} at {width}"
        await shot(page, f"hostile-{name}-{width}")


async def test_nothing_runs_in_the_list_the_thread_and_the_panel(signed_in: Desk) -> None:
    page = await prepare(signed_in)
    number = await bring_harm(signed_in)

    await signed_in.visit("/inbox?queue=all&sort=oldest")
    await expect(page.locator("#list li.row")).to_have_count(2)
    await check(page, "list")

    await signed_in.visit(f"/inbox/{number}?queue=all&sort=oldest")
    await expect(page.locator(".panel-body")).to_be_attached()
    await expect(page.locator(".message")).to_have_count(3)
    await expect(page.locator(".message .text").first).to_contain_text("{{7*7}}")
    assert "\u202e" not in await page.locator(".panel-body h2").inner_text()
    await page.locator("#panel-journal summary").click()
    await expect(page.locator("#panel-journal li").first).to_contain_text("<script>")
    await check(page, "thread")
    await page.locator('.thread-head [data-toggle="panel"]').click()
    await check(page, "panel")


async def test_nothing_runs_where_something_is_found(signed_in: Desk) -> None:
    page = await prepare(signed_in)
    number = await bring_harm(signed_in)

    await signed_in.visit("/search?" + urlencode({"q": WORD}))
    await expect(page.locator(".findings li")).to_have_count(1)
    await check(page, "search")
    await signed_in.visit("/search?" + urlencode({"q": PIECES[2]}))
    await check(page, "search-typed")

    await signed_in.visit(f"/inbox/{number}?queue=all&sort=oldest")
    await page.keyboard.press("Control+k")
    await page.locator("#palette input").fill(WORD)
    await expect(page.locator("#palette-found")).to_contain_text(number)
    await check(page, "palette")


async def test_nothing_runs_at_the_counter_and_on_its_coupon(signed_in: Desk) -> None:
    page = await prepare(signed_in)
    number = await bring_harm(signed_in)

    await signed_in.visit("/desk/new")
    await page.locator("#name").fill(WORD)
    await expect(page.locator(".known-person")).to_have_count(1)
    await expect(page.locator(".known-name")).to_contain_text("<script>")
    await check(page, "front-office")
    await page.locator(".known-person").get_by_role("button").click()
    await check(page, "front-office-used")

    await visit(page, f"{signed_in.served.url}/desk/coupon/{number}")
    await expect(page.locator(".coupon")).to_contain_text("{{7*7}}")
    await check(page, "coupon")


async def test_nothing_runs_in_a_file_that_is_opened_at_its_own_address(
    signed_in: Desk, faults: Faults
) -> None:
    # In the sandbox of a file not even the browser's own page around a picture may run anything.
    faults.allow(r"(inline style|allow-scripts).*/api/v1/attachments/")
    page = await prepare(signed_in)
    [number] = await lay_out(signed_in.served, [{}])
    script = f"<script>{RUNS};document.title='harmed'</script>"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUNS}">{script}</svg>'
    files = {
        "page.html": f"<!doctype html>{script}".encode(),
        "drawing.svg": svg.encode(),
        "drawing.xml": f'<?xml version="1.0"?>{svg}'.encode(),
        "photo.jpg": f"<html>{script}".encode(),
    }
    for name, content in files.items():
        id_ = await attach(signed_in.served, number, "document", content, name=name)
        address = f"{signed_in.served.url}/api/v1/attachments/{id_}"
        answer = await page.request.get(address)
        assert answer.headers["content-security-policy"].startswith("sandbox"), name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        await signed_in.visit()
        async with page.expect_download() as begun:
            await page.evaluate("(address) => { location.href = address; }", address)
        taken = Path(await (await begun.value).path())
        assert taken.read_bytes() == content, name  # noqa: ASYNC240
        assert await page.evaluate("window.harmed") == 0, name
        assert await page.title() != "harmed", name

    both = b"GIF89a/*" + b"\x00" * 20 + f"*/=1;{RUNS}//{script}".encode()
    id_ = await attach(signed_in.served, number, "document", both, name="both.gif")
    await page.goto(f"{signed_in.served.url}/api/v1/attachments/{id_}")
    assert await page.title() != "harmed"
