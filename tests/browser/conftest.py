"""Chromium, its pages, and a hub for them to visit.

The tests of this folder share one event loop with the browser, as the browser lives in it.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.browser.desk import Desk, employ, sign_in
from tests.browser.looking import Faults
from tests.browser.served import Served, serving
from tests.conftest import Databases

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A microphone that hears nobody.
    "--use-fake-device-for-media-stream",
    # Nothing leaves the machine, whatever a page names.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
PATIENCE = 15_000.0
"""Milliseconds after which what a page should show has not come."""

Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Served]]
"""What `serving` takes, but for the database and the folder."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of this folder run in the loop of the browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


# --- The browser ----------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The machine's Chromium, started once."""
    found = shutil.which("chromium") or shutil.which("/usr/bin/chromium")
    if found is None:
        pytest.fail(
            "There is no Chromium for the tests of the pages: `apt-get install chromium`.",
            pytrace=False,
        )
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        await opened.close()


@pytest.fixture
def faults() -> Iterator[Faults]:
    """What goes wrong in the test's pages: the test fails for it, unless `faults.allow(…)`."""
    found = Faults()
    yield found
    assert not found.unexpected


class OpenContext(Protocol):
    """Opens what a browser is to one person: their cookies, their language."""

    async def __call__(self, **options: Any) -> BrowserContext: ...


@pytest_asyncio.fixture(loop_scope="session")
async def open_context(browser: Browser, faults: Faults) -> AsyncIterator[OpenContext]:
    """Opens a context for each person of a test; options as `Browser.new_context` takes them."""
    opened: list[BrowserContext] = []

    async def open_(**options: Any) -> BrowserContext:
        usual = {
            "locale": "ru-RU",
            "timezone_id": "Asia/Almaty",
            "viewport": {"width": 1366, "height": 768},
            "reduced_motion": "reduce",
        }
        context = await browser.new_context(**(usual | options))
        opened.append(context)
        context.set_default_timeout(PATIENCE)
        await faults.watch(context)
        return context

    yield open_
    for context in opened:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(open_context: OpenContext) -> BrowserContext:
    """The context of the test's first person."""
    return await open_context()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    """An empty page of that person."""
    return await context.new_page()


# --- The hub --------------------------------------------------------------------------------------


@pytest.fixture
def serve(databases: Databases, tmp_path: Path) -> Serve:
    """Serves a hub with an empty database on SQLite while a block runs; options as `serving`."""
    path = tmp_path / "hub.db"
    shutil.copyfile(databases.sqlite, path)
    return partial(serving, database=f"sqlite:///{path}", folder=tmp_path)


@pytest_asyncio.fixture(loop_scope="session")
async def served(serve: Serve) -> AsyncIterator[Served]:
    """A hub with the blackhole alone."""
    async with serve() as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="session")
async def signed_in(served: Served, context: BrowserContext) -> Desk:
    """The desk of a supervisor, who sees all and reads English."""
    principal = await employ(served, "Дана Серікқызы", language="en")
    await sign_in(served, context, principal)
    return Desk(served, await context.new_page(), principal)
