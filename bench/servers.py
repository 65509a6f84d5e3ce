"""The processes of a bench: the hub, the bare handler below it, and a provider that takes all."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web
from msgspec import structs

from config.settings import load
from connectors.discovery import channel_class
from hub import app as hub_app
from hub import logs
from hub.live.clients import text_frame
from registry.types import RateLimit

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

    def settle(self, *, seconds: float = 30.0) -> None:
        """Wait until start-up has ended, with what goes on behind the first requests."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
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
def page_server(size: int) -> Iterator[Running]:
    """The ceiling of a page: a handler that answers with so many bytes of HTML."""
    command = [sys.executable, "-m", "bench.servers", "page", str(size)]
    with _started(command, folder=None) as running:
        yield running


@contextmanager
def broadcast_server(size: int) -> Iterator[Running]:
    """The ceiling of live screens: what is posted goes, as a frame of so many bytes, to all."""
    command = [sys.executable, "-m", "bench.servers", "broadcast", str(size)]
    with _started(command, folder=None) as running:
        yield running


@contextmanager
def provider_server() -> Iterator[Running]:
    """A Bot API that takes every message at once; GET /taken tells which, and when."""
    with _started([sys.executable, "-m", "bench.servers", "provider"], folder=None) as running:
        yield running


@contextmanager
def hub_server(settings: str, folder: Path, *, unlimited: bool = False) -> Iterator[Running]:
    """The hub with these settings; unlimited, it forgets Telegram's own rate limits."""
    path = folder / "hub.toml"
    path.write_text(settings, "utf-8")
    kind = "unlimited-hub" if unlimited else "hub"
    command = [sys.executable, "-m", "bench.servers", kind, str(path)]
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


async def _serve(app: web.Application) -> None:
    """Listen on a free port until the process is ended."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        await web.SockSite(runner, listening).start()
        # Started as the hub is: the same loop, and the same restraint of the collector.
        hub_app.settle_memory()
        print(f"{READY}127.0.0.1:{listening.getsockname()[1]}", flush=True)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def _bare() -> None:
    async def receive(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hooks/{channel}/{account}", receive)
    await _serve(app)


async def _page(size: int) -> None:
    html = "x" * size

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/page", answer)
    await _serve(app)


async def _broadcast(size: int) -> None:
    transports: set[asyncio.Transport] = set()

    async def receive(request: web.Request) -> web.Response:
        payload = json.loads(await request.read())["text"].encode()
        framed = text_frame(payload.ljust(size))
        for transport in transports:
            if not transport.is_closing():
                transport.write(framed)
        return web.Response()

    async def live(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        assert request.transport is not None
        transports.add(request.transport)
        async for _ in socket:
            pass
        transports.discard(request.transport)
        return socket

    app = web.Application()
    app.router.add_post("/hooks/{channel}/{account}", receive)
    app.router.add_get("/live", live)
    await _serve(app)


async def _provider() -> None:
    texts: list[str] = []
    moments: list[float] = []

    async def take(request: web.Request) -> web.Response:
        message = json.loads(await request.read())
        texts.append(message["text"])
        moments.append(time.time())
        chat = {"id": int(message["chat_id"]), "type": "private"}
        result = {"message_id": len(texts), "date": int(moments[-1]), "chat": chat}
        return web.json_response({"ok": True, "result": {**result, "text": message["text"]}})

    async def taken(_request: web.Request) -> web.Response:
        answer = {"texts": list(texts), "moments": list(moments)}
        texts.clear()
        moments.clear()
        return web.json_response(answer)

    async def describe(request: web.Request) -> web.Response:
        results: dict[str, Any] = {
            "getMe": {"id": 1, "is_bot": True, "first_name": "Bench", "username": "bench_bot"},
            "getWebhookInfo": {"url": hook, "pending_update_count": 0},
        }
        return web.json_response({"ok": True, "result": results.get(request.match_info["method"])})

    hook = "http://127.0.0.1:8080/hooks/telegram/main"
    app = web.Application()
    app.router.add_post("/bot{token}/sendMessage", take)
    app.router.add_get("/taken", taken)
    app.router.add_route("*", "/bot{token}/{method}", describe)
    await _serve(app)


async def _hub(path: Path, *, unlimited: bool) -> None:
    settings = load(path)
    logs.set_up(settings)
    if unlimited:
        connector: Any = channel_class("telegram")
        connector.capabilities = structs.replace(
            connector.capabilities, rate=RateLimit(per_second=1e6)
        )
    await hub_app.serve(settings, ready=lambda address: print(READY + address, flush=True))


def _main() -> None:
    match sys.argv[1]:
        case "bare":
            hub_app.run(_bare)
        case "provider":
            hub_app.run(_provider)
        case "broadcast":
            hub_app.run(lambda: _broadcast(int(sys.argv[2])))
        case "page":
            hub_app.run(lambda: _page(int(sys.argv[2])))
        case kind:
            path, unlimited = Path(sys.argv[2]), kind == "unlimited-hub"
            hub_app.run(lambda: _hub(path, unlimited=unlimited))


if __name__ == "__main__":
    _main()
