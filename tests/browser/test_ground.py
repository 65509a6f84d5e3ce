"""What the tests of the pages rely on: a fault is noticed, and the ground carries a page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page

from hub.web import static
from hub.web.pages import HEADERS
from tests.browser.conftest import OpenContext, Serve
from tests.browser.looking import Faults, axe, shot, visit
from tests.browser.served import Served

Publish = Callable[[str], Awaitable[str]]

SCRIPTS = {
    "app.js": """
        import { greeting } from "./words.js";
        document.querySelector("main p").textContent = greeting;
        const script = new URL("./worker.js", import.meta.url);
        const worker = new SharedWorker(script, { type: "module" });
        worker.port.onmessage = (event) => {
          document.querySelector("output").textContent = event.data;
          document.documentElement.dataset.ready = "";
        };
        worker.port.postMessage("hello");
    """,
    "words.js": 'export const greeting = "Сәлем";',
    "worker.js": """
        import { greeting } from "./words.js";
        addEventListener("connect", ({ ports: [port] }) => {
          port.onmessage = () => port.postMessage(`${greeting} from the worker`);
        });
    """,
}
HEAD = (
    '<!doctype html><html lang="kk"><head><meta charset="utf-8"><title>Tereze</title>'
    '<link rel="icon" href="data:,">'
)


@pytest.fixture
def files(tmp_path: Path) -> static.StaticFiles:
    """The scripts."""
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text, "utf-8")
    return static.StaticFiles(tmp_path)


@pytest_asyncio.fixture(loop_scope="session")
async def publish(files: static.StaticFiles) -> AsyncIterator[Publish]:
    """Serves a page under the policy of our pages; `{js}` in it is where the scripts are."""
    page = ""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers=HEADERS)

    app = web.Application()
    static.add_routes(app, files)
    app.router.add_get("/", answer)
    async with TestServer(app) as server:

        async def publish(html: str) -> str:
            nonlocal page
            page = html.replace("{js}", files.url("app.js").removesuffix("/app.js"))
            return str(server.make_url("/"))

        yield publish


async def test_modules_and_workers_run_under_the_policy(
    page: Page, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEREZE_SHOTS", str(tmp_path / "shots"))
    url = await publish(
        f'{HEAD}<script type="module" src="{{js}}/app.js"></script></head>'
        "<body><main><h1>Tereze</h1><p></p><output></output></main></body></html>"
    )

    await visit(page, url)

    assert await page.locator("main p").text_content() == "Сәлем"
    assert await page.locator("output").text_content() == "Сәлем from the worker"
    assert await axe(page) == []
    await shot(page, "ground")
    assert (tmp_path / "shots" / "ground.png").read_bytes().startswith(b"\x89PNG")


async def test_a_script_that_the_policy_forbids_is_a_fault(
    page: Page, publish: Publish, faults: Faults
) -> None:
    faults.allow("script-src")
    await page.goto(await publish(f"{HEAD}</head><body><script>alert(1)</script></body></html>"))

    await page.wait_for_load_state("networkidle")

    assert any(text.startswith("policy: script-src-elem forbids inline") for text in faults.seen)
    assert any(text.startswith("console: ") for text in faults.seen)


async def test_a_script_that_fails_and_a_file_that_is_missing_are_faults(
    open_context: OpenContext, publish: Publish, faults: Faults, tmp_path: Path
) -> None:
    url = await publish(
        f'{HEAD}<script type="module" src="{{js}}/gone.js"></script></head><body></body></html>'
    )
    context = await open_context()
    page = await context.new_page()
    async with context.expect_event("weberror"):
        await page.goto(url)
        await page.evaluate("setTimeout(() => { throw new Error('boom') })")

    assert [text for text in faults.unexpected if "boom" in text]
    assert [text for text in faults.unexpected if "404" in text and "gone.js" in text]
    faults.allow("boom")
    faults.allow(r"404.*gone\.js")
    assert not faults.unexpected


async def test_what_people_cannot_use_is_found(page: Page, publish: Publish) -> None:
    url = await publish(f'{HEAD}</head><body><main><h1>x</h1><img src="data:,"></main></body>')
    await page.goto(url)

    found = await axe(page)

    assert [(one.rule, one.where) for one in found] == [("image-alt", ("img",))]
    assert await axe(page, without=["image-alt"]) == []


async def test_nothing_but_loopback_can_be_reached(page: Page, faults: Faults) -> None:
    faults.allow("ERR_NAME_NOT_RESOLVED")
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://example.com/")


async def test_a_citizen_who_writes_is_in_the_registry_of_the_hub_that_is_visited(
    page: Page, served: Served, faults: Faults
) -> None:
    faults.allow("favicon")
    number = await served.write_in("Жарық жоқ")
    assert number.startswith("ALM-")
    assert await served.write_in("Әлі жоқ") == number
    assert await served.write_in(sender="dana", name="Дана") != number

    answer = await page.goto(served.url + static.static_url("vendor/htmx.js"))

    assert answer is not None
    assert answer.status == 200
    assert answer.headers["content-encoding"] == "gzip"


async def test_a_bot_delivers_to_the_hub_that_is_visited(serve: Serve) -> None:
    async with serve(with_telegram=True, tables={"acknowledgement": {"private": True}}) as hub:
        assert hub.telegram is not None
        citizen = hub.telegram.citizen()
        await citizen.start()
        await citizen.say("Сәлеметсіз бе, су жоқ")
        telegram = hub.telegram

        await telegram.until(lambda: any("/t/" in one.text for one in telegram.sent))
