"""How a test looks at a page: whether it is ready, what is wrong with it, what it looks like."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Page, WebError

ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = "TEREZE_SHOTS"
"""The environment variable that names the folder for screenshots."""

_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  tellViolation(`${event.effectiveDirective} forbids ${event.blockedURI || event.sample}`);
});
"""


class Faults:
    """What went wrong in the pages of a test, which fails for it, unless it allowed that."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Take a fault that this regular expression finds something in for no fault."""
        self._allowed.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        """What the test did not allow."""
        return [text for text in self.seen if not any(one.search(text) for one in self._allowed)]

    async def watch(self, context: BrowserContext) -> None:
        """Listen to every page of a context, from its first script on."""
        context.on("console", self._said)
        context.on("weberror", self._thrown)
        await context.expose_binding("tellViolation", self._violated)
        await context.add_init_script(_TELL_VIOLATIONS)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            where = message.location
            self.seen.append(f"console: {message.text} ({where['url']}:{where['lineNumber']})")

    def _thrown(self, error: WebError) -> None:
        self.seen.append(f"error: {error.error}")

    def _violated(self, _: object, text: str) -> None:
        self.seen.append(f"policy: {text}")


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of accessibility that a page breaks."""

    rule: str
    impact: str
    says: str
    where: tuple[str, ...]
    """Selectors."""


async def visit(page: Page, url: str) -> None:
    """Go to an address, and wait until its scripts have put everything in its place."""
    await page.goto(url)
    await ready(page)


async def ready(page: Page) -> None:
    """Wait for `<html data-ready>`, which a page sets when its scripts are done."""
    await page.locator("html[data-ready]").wait_for(state="attached")


async def axe(page: Page, *, without: Sequence[str] = ()) -> list[Violation]:
    """What axe-core finds wrong with a page as it stands; `without` are rules left out."""
    assert AXE.is_file(), f"{AXE} is missing: run `make setup`."
    rules = ", ".join(f'"{rule}": {{enabled: false}}' for rule in without)
    run = f"axe.run(document, {{resultTypes: ['violations'], rules: {{{rules}}}}})"
    devtools = await page.context.new_cdp_session(page)
    try:
        # Past the page's policy, which forbids foreign scripts: that is what it is for.
        await _evaluate(devtools, AXE.read_text("utf-8"))
        found = await _evaluate(devtools, f"{run}.then((found) => found.violations)")
    finally:
        await devtools.detach()
    return [
        Violation(
            rule=one["id"],
            impact=one["impact"],
            says=one["help"],
            where=tuple(str(node["target"][0]) for node in one["nodes"]),
        )
        for one in found
    ]


async def _evaluate(devtools: Any, expression: str) -> Any:
    answer = await devtools.send(
        "Runtime.evaluate",
        {"expression": expression, "awaitPromise": True, "returnByValue": True},
    )
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")


async def shot(page: Page, name: str) -> None:
    """Keep a picture of the whole page, where a folder for pictures is named."""
    folder = os.environ.get(SHOTS)
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
