"""What the journeys share: Telegram's stand-in, and hubs that are connected to it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pytest

from connectors.telegram.sandbox import TelegramSandbox
from tests.journeys.process import Hub, Nursery
from tests.journeys.telephone import City, Opens, telephone


class StartHub(Protocol):
    """Starts a hub that ends with the test; `environ` holds settings as variables."""

    async def __call__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        mode: str = "webhook",
        cold: bool = False,
        telegram: TelegramSandbox | None = None,
    ) -> Hub: ...


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where the hubs of the session come from."""
    with Nursery() as started:
        yield started


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSandbox]:
    """Telegram, with a bot and no citizens yet."""
    async with TelegramSandbox() as running:
        yield running


@pytest.fixture
async def start_hub(
    nursery: Nursery, database_url: str, telegram: TelegramSandbox, tmp_path: Path
) -> AsyncIterator[StartHub]:
    """Hubs on one database; none of them may have logged a fault of its own in the end."""
    default = telegram
    hubs: list[Hub] = []
    async with AsyncExitStack() as stack:

        async def start(
            *,
            environ: Mapping[str, str] | None = None,
            mode: str = "webhook",
            cold: bool = False,
            telegram: TelegramSandbox | None = None,
        ) -> Hub:
            hub = Hub(
                nursery=nursery,
                folder=tmp_path / f"hub{len(hubs)}",
                database_url=database_url,
                telegram=telegram or default,
                environ=environ,
                mode=mode,
                cold=cold,
            )
            hubs.append(hub)
            return await stack.enter_async_context(hub)

        yield start
    assert [line for hub in hubs for line in hub.tracebacks] == []


@pytest.fixture
async def hub(start_hub: StartHub) -> Hub:
    """A hub that serves, and is registered with Telegram."""
    return await start_hub()


@pytest.fixture
async def opens(nursery: Nursery, database_url: str, tmp_path: Path) -> AsyncIterator[Opens]:
    """A city's telephone, which ends with the test."""
    async with AsyncExitStack() as stack:

        async def start(at: datetime) -> City:
            return await stack.enter_async_context(
                telephone(
                    nursery=nursery, database_url=database_url, folder=tmp_path / "hub", start=at
                )
            )

        yield start
