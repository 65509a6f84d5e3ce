"""The servers under test, each in a process of its own: the hub, and the bare handler below it."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

READY = "ready at "

QUIET_PERCENT = 5.0
"""Of one core: a server that uses less has nothing left to do."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens on loopback."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Processor time that the process has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def settle(self) -> None:
        """Wait until start-up has ended, with the imports that go on behind the first requests."""
        for _ in range(60):
            if self.process.cpu_percent(interval=0.5) < QUIET_PERCENT:
                return
        raise SystemExit("The server does not come to rest after its start.")

    def rss_mib(self) -> float:
        """Memory that the process holds."""
        return float(self.process.memory_info().rss) / 2**20


@contextmanager
def bare_server() -> Iterator[Running]:
    """The ceiling: an aiohttp handler that reads the body and answers 200."""
    with _started([sys.executable, "-m", "bench.servers", "bare"], folder=None) as running:
        yield running


@contextmanager
def hub_server(settings: str, folder: Path) -> Iterator[Running]:
    """The hub with these settings, which must not name a port."""
    path = folder / "hub.toml"
    path.write_text(settings, "utf-8")
    command = [sys.executable, "-m", "bench.servers", "hub", str(path)]
    with _started(command, folder=folder) as running:
        yield running


@contextmanager
def _started(command: list[str], *, folder: Path | None) -> Iterator[Running]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    log = None if folder is None else (folder / "hub.log").open("wb")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(READY):
                yield Running(int(line.rsplit(":", 1)[1]), psutil.Process(process.pid))
                return
        raise SystemExit(f"{' '.join(command)} did not start; see its log.")
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        if log is not None:
            log.close()


async def _bare() -> None:
    from aiohttp import web

    async def receive(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hooks/{channel}/{account}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        await web.SockSite(runner, listening).start()
        print(f"{READY}127.0.0.1:{listening.getsockname()[1]}", flush=True)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def _main() -> None:
    from hub import app

    if sys.argv[1] == "bare":

        async def main() -> None:
            # Started as the hub is: the same loop, and the same restraint of the collector.
            app.settle_memory()
            await _bare()

    else:
        from config.settings import load
        from hub import logs

        settings = load(Path(sys.argv[2]))
        logs.set_up(settings)

        async def main() -> None:
            await app.serve(settings, ready=lambda address: print(READY + address, flush=True))

    app.run(main)


if __name__ == "__main__":
    _main()
