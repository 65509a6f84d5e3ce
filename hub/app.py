"""Where the parts meet: the database, the connectors, the bus, the loops and the web server.

Opened in the order in which each needs the one before, and closed in the opposite order, so that a
stop loses nothing: no request is taken any more, sends under way settle, what waits is registered.
"""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib.util import find_spec
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from config.settings import Settings
from connectors.base import Connector, Phones, Registers, SendError
from connectors.discovery import open_accounts
from hub import files, live, sounds, tracking, webhooks
from hub.api import mounting
from hub.api.keys import REPLAY
from hub.context import context_of
from hub.health import healthz, readyz
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE, MEDIA, METERS, OFFICE, PROMPTS, SETTINGS
from hub.metrics import Metrics
from hub.tracking import tracking_links
from hub.views import pages
from hub.web import static
from hub.web.first_start import tell_setup_code
from hub.web.oidc import PROVIDER, Provider
from registry.calls.prompts import CurrentPrompts, open_prompts
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.deadlines import Deadlines
from registry.errors import RegistryError, Unavailable
from registry.furnishing import open_office
from registry.intake import Acknowledge, Rules
from registry.media import MediaStore
from registry.migrate import is_current, migrate
from registry.types import AccountKey, Clock, utc_now
from workers.bus import Bus
from workers.bus_local import LocalBus
from workers.call_orders import run_call_orders
from workers.indexing import run_indexing
from workers.intake import Intake
from workers.introductions import Introductions
from workers.media import run_media
from workers.office import keep_current, office_ticks
from workers.outbox import Pace, run_outbox
from workers.polling import run_polling
from workers.recordings import recording_tick
from workers.schedule import check_accounts, run_schedule
from workers.supervisor import keep_running
from workers.switchboard import run_switchboard
from workers.traffic import Traffic, run_traffic
from workers.transcribing import Transcriber, run_transcribing
from workers.uploads import upload_tick
from workers.vosk_transcriber import NoTranscripts, Vosk

log = structlog.get_logger(__name__)

ALL_ROLES = frozenset({"web", "intake", "outbox", "polling", "schedule"})
"""What a process can do; the embedded hub does all of it."""

REGISTER_AGAIN = 60.0
"""Seconds until a provider that could not be told where deliveries go is told again."""

BACKLOG = 1024
"""Connections that may wait to be taken."""

SHUTDOWN_TIMEOUT = 30.0
"""Seconds that requests under way get to finish."""


class CannotStart(Exception):
    """The hub cannot start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Hub:
    """The open parts of a running hub."""

    settings: Settings
    database: Database
    media: MediaStore
    connectors: Mapping[AccountKey, Connector]
    intake: Intake
    bus: Bus
    metrics: Metrics
    traffic: Traffic
    introductions: Introductions
    office: CurrentOffice
    prompts: CurrentPrompts
    transcriber: Transcriber | None
    """What writes down what was said on the telephone; None for nothing."""
    clock: Clock
    owner: str
    """This process's name in leases."""


async def serve(
    settings: Settings,
    *,
    only: frozenset[str] = ALL_ROLES,
    ready: Callable[[str], None] | None = None,
    stopping: asyncio.Event | None = None,
    bound: socket.socket | None = None,
    clock: Clock = utc_now,
) -> None:
    """Run the hub until SIGTERM, SIGINT or `stopping`; `ready` is called with its address.

    `bound` is a socket to listen on in place of the settings' port. Raises: SettingsError,
    CannotStart.
    """
    stopping = stopping or asyncio.Event()
    _stop_on_signals(stopping)
    async with open_hub(settings, clock=clock) as hub:
        quiet = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            async with _listening(hub, only=only, bound=bound) as address:
                for name, loop in _loops(hub, only=only, stopping=quiet):
                    group.create_task(keep_running(name, loop, stopping=quiet), name=name)
                registering = group.create_task(
                    keep_running("register", lambda: _register(hub), stopping=quiet),
                    name="register",
                )
                settle_memory()
                log.info("ready", address=address, accounts=[str(key) for key in hub.connectors])
                if ready is not None:
                    ready(address)
                if "web" in only:
                    await tell_setup_code(hub.database, settings, clock=hub.clock)
                await stopping.wait()
                log.info("stopping")
                registering.cancel()
            quiet.set()
    log.info("stopped")


@asynccontextmanager
async def open_hub(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[Hub]:
    """Open everything but the loops and the web server. Raises: SettingsError, CannotStart."""
    if not settings.bus.url.startswith("local:"):
        raise CannotStart(f"bus.url: this version carries only local:, not {settings.bus.url}.")
    transcriber = _transcriber(settings)
    traffic = Traffic(clock=clock)
    metrics = Metrics(traffic)
    async with contextlib.AsyncExitStack() as stack:
        database = await _open_database(settings)
        stack.push_async_callback(database.close)
        office = await _furnished(database, settings, now=clock())
        prompts = await open_prompts(database, public_url=settings.public_url)
        context = context_of(settings, database, clock=clock)
        media = MediaStore(settings.media.url, folder=settings.folder / "var" / "media")
        connectors = open_accounts(settings.channels, context)
        for connector in connectors.values():
            stack.push_async_callback(connector.close)
        rules = rules_of(settings, deadlines=office.deadlines)
        intake = Intake(database, connectors, rules=rules, clock=clock, meters=metrics)
        bus = LocalBus(intake.process, capacity=settings.bus.queue)
        stack.push_async_callback(bus.close)
        intake.bus = bus
        introductions = Introductions(connectors, database=database, clock=clock)
        intake.meet = introductions.meet
        yield Hub(
            settings=settings,
            database=database,
            media=media,
            connectors=connectors,
            intake=intake,
            bus=bus,
            metrics=metrics,
            traffic=traffic,
            introductions=introductions,
            office=office,
            prompts=prompts,
            transcriber=transcriber,
            clock=clock,
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        )


def rules_of(settings: Settings, *, deadlines: Deadlines | None = None) -> Rules:
    """What the settings say about registering; without `deadlines` none are kept."""
    return Rules(
        join_window=timedelta(hours=settings.threads.join_window_hours),
        number_prefix=settings.numbers.prefix,
        zone=ZoneInfo(settings.timezone),
        greetings=settings.greeting,
        acknowledge=_acknowledge(settings),
        deadlines=deadlines,
    )


def _acknowledge(settings: Settings) -> Acknowledge | None:
    """Words the acknowledgement of a new appeal; None where none is acknowledged."""
    wanted = settings.acknowledgement
    if not (wanted.private or wanted.public):
        return None
    link = tracking_links(settings.public_url, settings.secret_key)

    def acknowledge(
        *, channel: str, public: bool, language: str | None, number: str, appeal_id: int
    ) -> str | None:
        text = wanted.worded(channel, language, public=public)
        return text.format(number=number, link=link(number, appeal_id)) or None

    return acknowledge


def pace_of(settings: Settings) -> Pace:
    """What the settings say about sending."""
    outbox = settings.outbox
    return Pace(
        concurrency=outbox.concurrency,
        send_timeout=outbox.send_timeout_seconds,
        lease=outbox.lease_seconds,
        give_up_after=outbox.give_up_hours * 3600,
    )


def application(hub: Hub) -> web.Application:
    """The web server's routes, with the parts they need. Raises: CannotStart."""
    if hub.settings.oidc.is_on and find_spec("joserfc") is None:
        raise CannotStart("oidc: the package joserfc is not installed; install tereze[oidc].")
    app = web.Application(client_max_size=hub.settings.http.max_body)
    app[SETTINGS] = hub.settings
    app[DATABASE] = hub.database
    app[MEDIA] = hub.media
    app[BUS] = hub.bus
    app[CONNECTORS] = hub.connectors
    app[CLOCK] = hub.clock
    app[METERS] = hub.metrics
    app[OFFICE] = hub.office
    app[PROMPTS] = hub.prompts
    app[REPLAY] = hub.intake.replay
    app[PROVIDER] = Provider(hub.settings.oidc, public_url=hub.settings.public_url, clock=hub.clock)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", hub.metrics.expose)
    webhooks.add_routes(app)
    files.add_routes(app)
    sounds.add_routes(app)
    tracking.add_routes(app)
    static.add_routes(app)
    pages.add_routes(app)
    live.add_routes(app, _feed(hub))
    mounting.mount(app)
    return app


def _feed(hub: Hub) -> live.Feed:
    """What the operators' screens are told by."""
    return live.Feed(
        hub.database,
        clock=hub.clock,
        window=hub.settings.live.window_ms / 1000,
    )


async def _open_database(settings: Settings) -> Database:
    """The database with a current schema: an embedded one is migrated, a server's is not."""
    database = Database(settings.database.url.get_secret_value(), folder=settings.folder)
    try:
        await database.open()
        if database.dialect == "sqlite":
            await migrate(database)
        elif not await is_current(database):
            raise CannotStart("The database's schema is not current; run `hub migrate` first.")
    except RegistryError as error:
        await database.close()
        raise CannotStart(f"database.url: {error}") from error
    return database


def _transcriber(settings: Settings) -> Transcriber | None:
    """The machine that the settings name, if they name one. Raises: CannotStart."""
    folders = settings.transcripts.folders(settings.folder)
    if not folders:
        return None
    try:
        return Vosk(folders)
    except NoTranscripts as error:
        raise CannotStart(str(error)) from error


async def _furnished(database: Database, settings: Settings, *, now: datetime) -> CurrentOffice:
    try:
        return await open_office(database, zone=ZoneInfo(settings.timezone), now=now)
    except Unavailable as error:
        raise CannotStart(f"database.url: {error}") from error


def _loops(
    hub: Hub, *, only: frozenset[str], stopping: asyncio.Event
) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
    """The loops of the roles that this process has."""

    async def outbox() -> None:
        await run_outbox(
            hub.connectors, database=hub.database, media=hub.media, bus=hub.bus, owner=hub.owner,
            stopping=stopping, pace=pace_of(hub.settings), clock=hub.clock, meters=hub.metrics,
            links=files.links(hub.settings.public_url, hub.settings.secret_key, hub.clock),
        )  # fmt: skip

    async def media() -> None:
        await run_media(
            hub.connectors, database=hub.database, media=hub.media, bus=hub.bus,
            max_bytes=hub.settings.media.max_bytes, stopping=stopping, clock=hub.clock,
            meters=hub.metrics,
        )  # fmt: skip

    async def polling() -> None:
        await run_polling(
            hub.connectors, database=hub.database, bus=hub.bus, owner=hub.owner,
            stopping=stopping, clock=hub.clock,
        )  # fmt: skip

    async def schedule() -> None:
        ticks = [
            *office_ticks(hub.office, database=hub.database, clock=hub.clock),
            upload_tick(database=hub.database, media=hub.media, clock=hub.clock),
            recording_tick(database=hub.database, media=hub.media, clock=hub.clock),
        ]
        await run_schedule(
            hub.connectors, database=hub.database, bus=hub.bus, owner=hub.owner,
            stopping=stopping, clock=hub.clock, ticks=ticks,
        )  # fmt: skip

    async def transcribing(machine: Transcriber) -> None:
        await run_transcribing(
            machine, database=hub.database, media=hub.media, owner=hub.owner,
            stopping=stopping, clock=hub.clock,
        )  # fmt: skip

    async def indexing() -> None:
        await run_indexing(
            database=hub.database, owner=hub.owner, stopping=stopping, clock=hub.clock
        )

    async def call_orders() -> None:
        await run_call_orders(
            hub.connectors, database=hub.database, office=hub.office, stopping=stopping,
            clock=hub.clock, meters=hub.metrics,
        )  # fmt: skip

    async def switchboard() -> None:
        await run_switchboard(
            hub.connectors, database=hub.database, office=hub.office, bus=hub.bus,
            owner=hub.owner, stopping=stopping, clock=hub.clock,
        )  # fmt: skip

    async def office() -> None:
        await keep_current(hub.office, database=hub.database, stopping=stopping)

    async def traffic() -> None:
        await run_traffic(hub.traffic, database=hub.database, stopping=stopping)

    async def introductions() -> None:
        await hub.introductions.run(stopping)

    roles: dict[str, list[tuple[str, Callable[[], Awaitable[None]]]]] = {
        "outbox": [("outbox", outbox), ("media", media)],
        "polling": [("polling", polling)],
        "schedule": [("schedule", schedule), ("indexing", indexing)],
    }
    if any(isinstance(made, Phones) for made in hub.connectors.values()):
        roles["schedule"] += [("call orders", call_orders), ("switchboard", switchboard)]
    if hub.transcriber is not None:
        roles["schedule"].append(("transcribing", partial(transcribing, hub.transcriber)))
    loops = [loop for role, found in roles.items() if role in only for loop in found]
    if only & {"web", "polling", "schedule"}:
        # Deliveries come in here, or calls of which none came are looked for: what they bring is
        # counted and gets its deadlines, and who wrote is asked after.
        loops += [("traffic", traffic), ("introductions", introductions), ("office", office)]
    return loops


@asynccontextmanager
async def _listening(
    hub: Hub, *, only: frozenset[str], bound: socket.socket | None
) -> AsyncIterator[str]:
    """Serve HTTP while the block runs; gives the address. Raises: CannotStart."""
    if "web" not in only:
        yield ""
        return
    runner = web.AppRunner(
        application(hub), access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT, keepalive_timeout=75
    )
    logging.getLogger("aiohttp.server").addFilter(_is_no_broken_body)
    await runner.setup()
    host, port = hub.settings.http.host, hub.settings.http.port
    try:
        site: web.BaseSite = (
            web.TCPSite(runner, host, port, backlog=BACKLOG)
            if bound is None
            else web.SockSite(runner, bound, backlog=BACKLOG)
        )
        try:
            await site.start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotStart(f"http.port: cannot listen on {host}:{port}: {reason}.") from error
        listening = runner.addresses[0]
        yield f"http://{listening[0]}:{listening[1]}"
    finally:
        await runner.cleanup()


def _is_no_broken_body(record: logging.LogRecord) -> bool:
    """aiohttp, which reads to its end what was answered early, takes a stranger's slip for ours."""
    return record.exc_info is None or not isinstance(record.exc_info[1], web.RequestPayloadError)


async def _register(hub: Hub) -> None:
    """Tell the providers where deliveries go, now that somebody listens there, and look.

    A provider that cannot be told is told again and again, until it can.
    """
    waiting = {key: made for key, made in hub.connectors.items() if isinstance(made, Registers)}
    while True:
        found = await asyncio.gather(*(_registered(*account) for account in waiting.items()))
        waiting = {key: waiting[key] for key, done in zip(waiting, found, strict=True) if not done}
        # Not sooner: asked about a webhook that is still being set, a provider says there is none.
        try:
            await check_accounts(
                hub.connectors, database=hub.database, bus=hub.bus, clock=hub.clock
            )
        except Unavailable as error:
            log.warning("the accounts could not be checked", reason=str(error))
        if not waiting:
            return
        await asyncio.sleep(REGISTER_AGAIN)


async def _registered(key: AccountKey, connector: Registers) -> bool:
    try:
        await connector.register()
    except SendError as error:
        cure = getattr(error, "cure", f"It is tried again every {REGISTER_AGAIN:.0f} seconds.")
        log.error("not registered", account=str(key), reason=error.reason, cure=cure)
        return False
    return True


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(name, stopping.set)


def settle_memory() -> None:
    """What start-up made stays for good: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    # A page leaves some three hundred objects in circles, and each takes the collector two
    # microseconds: fifty thousand of them at once kept everybody waiting for a tenth of a second.
    gc.set_threshold(3_000, 20, 50)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine to its end on the fastest event loop that is installed."""
    # The registry's thread asks for the interpreter a dozen times a batch; at Python's 5 ms a turn
    # it would spend its life waiting for the requests.
    sys.setswitchinterval(0.0001)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:

        async def started() -> None:
            await main()

        runner.run(started())
