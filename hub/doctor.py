"""Looks an installation over: what is well, what is not, and the cure for it.

It changes nothing but what a start would change as well: the accounts' webhooks are registered.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from config.settings import DEFAULT_FILE, Settings, SettingsError, load
from connectors.base import (
    Connector,
    Diagnoses,
    Diagnosis,
    Health,
    Misconfigured,
    Phones,
    Registers,
    SendError,
)
from connectors.discovery import open_accounts
from hub.context import context_of
from registry.accounts import account_states
from registry.calls.prompt_words import NO_LANGUAGE
from registry.calls.prompts import VOICED, load_prompts
from registry.calls.texting import SMS
from registry.db import Database
from registry.errors import RegistryError
from registry.media import MediaStore
from registry.migrate import HEAD, REVISIONS, current_revision, is_current
from registry.office import get_setting
from registry.office_shapes import Telephone
from registry.types import AccountKey, utc_now
from workers.vosk_transcriber import NoTranscripts, Vosk
from workers.watch import watched

LEAST_SQLITE = (3, 38, 0)
"""The first version that reads JSON as we use it without being asked to."""

SCARCE, FULL = 2 * 1024**3, 200 * 1024**2
"""Bytes left on a disk under which it is time to make room, and under which it is too late."""

ACCOUNT_SECONDS = 30.0
"""How long an account's provider may take to answer."""


class Level(StrEnum):
    """How a thing is."""

    GREEN = "green"
    YELLOW = "yellow"
    """It works, with a warning."""
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    said: str
    cure: str | None = None


_MARKS = {Level.GREEN: "ok  ", Level.YELLOW: "warn", Level.RED: "FAIL"}
_COLOURS = {Level.GREEN: "32", Level.YELLOW: "33", Level.RED: "31"}


def worded(findings: Sequence[Finding], *, colours: bool = False) -> Iterator[str]:
    """A line for each finding, and one below it for its cure."""
    width = max(len(finding.what) for finding in findings) + 2
    for finding in findings:
        mark = _MARKS[finding.level]
        if colours:
            mark = f"\x1b[{_COLOURS[finding.level]}m{mark}\x1b[0m"
        yield f"{mark}  {finding.what:<{width}}{finding.said}"
        if finding.cure:
            yield f"{'':<{6 + width}}{finding.cure}"


async def examine(path: Path | None) -> list[Finding]:
    """Look at everything, as far as the settings can be read. Never raises."""
    try:
        settings = load(path)
    except SettingsError as error:
        return [Finding(level=Level.RED, what="settings", said=str(error))]
    source = path or Path(DEFAULT_FILE)
    said = str(source.resolve()) if source.is_file() else "from the environment alone"
    return [
        Finding(level=Level.GREEN, what="settings", said=said),
        *await _database(settings),
        await _media(settings),
        *_disks(settings),
        *await _accounts(settings),
        *_transcripts(settings),
    ]


# --- The database ---------------------------------------------------------------------------------


async def _database(settings: Settings) -> list[Finding]:
    try:
        database = Database(settings.database.url.get_secret_value(), folder=settings.folder)
        if database.dialect == "sqlite":
            if sqlite3.sqlite_version_info < LEAST_SQLITE:
                return [_old_sqlite()]
            if not database.path.exists():
                said = f"{database.path} is not there yet; the first start makes it."
                return [Finding(level=Level.YELLOW, what="database", said=said)]
        await database.open()
        try:
            return [await _server(database), await _schema(database)]
        finally:
            await database.close()
    except ModuleNotFoundError as error:
        said = f"The package {error.name} is not installed."
        cure = "Install tereze[postgresql]."
    except DBAPIError as error:
        said, cure = f"The server refuses: {error.orig}.", "Correct database.url."
    except RegistryError as error:
        said, cure = str(error), "Start the database, or correct database.url."
    return [Finding(level=Level.RED, what="database", said=said, cure=cure)]


def _old_sqlite() -> Finding:
    least = ".".join(map(str, LEAST_SQLITE))
    return Finding(
        level=Level.RED,
        what="database",
        said=f"SQLite {sqlite3.sqlite_version} is too old; {least} is needed.",
        cure="Use a Python that comes with a newer SQLite, or PostgreSQL.",
    )


async def _server(database: Database) -> Finding:
    if database.dialect == "sqlite":
        said = f"SQLite {sqlite3.sqlite_version}, {database.path}"
    else:
        async with database.read() as session:
            found = await (await session.connection()).execute(text("SHOW server_version"))
            said = f"PostgreSQL {found.scalar_one()}"
    return Finding(level=Level.GREEN, what="database", said=said)


async def _schema(database: Database) -> Finding:
    revision = await current_revision(database)
    if revision == HEAD:
        return Finding(level=Level.GREEN, what="schema", said=f"revision {revision}")
    said = f"It is at {revision or 'nothing'}, and {HEAD} is needed."
    cure = "Run `hub migrate`."
    if revision is not None and revision not in REVISIONS:
        cure = "Install the version of the hub that wrote it, or a newer one."
    return Finding(level=Level.RED, what="schema", said=said, cure=cure)


# --- Files ----------------------------------------------------------------------------------------


async def _media(settings: Settings) -> Finding:
    said = settings.media.url or "in the folder"
    try:
        store = MediaStore(settings.media.url, folder=settings.folder / "var" / "media")
        stored = await store.put(_probe(), max_bytes=100)
        await store.delete(stored.path)
    except RegistryError as error:
        return Finding(
            level=Level.RED, what="media", said=str(error), cure="Correct media.url, or the rights."
        )
    return Finding(level=Level.GREEN, what="media", said=f"{said} takes files")


async def _probe() -> AsyncIterator[bytes]:
    yield b"hub doctor was here"


def _disks(settings: Settings) -> Iterator[Finding]:
    """The room on each disk that we write to."""
    seen: set[int] = set()
    for folder in _folders(settings):
        there = next(f for f in (folder, *folder.parents) if f.is_dir())
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        level = Level.RED if free < FULL else Level.YELLOW if free < SCARCE else Level.GREEN
        cure = None if level is Level.GREEN else "Make room, or move var/ to a larger disk."
        said = f"{free / 1024**3:.1f} GB free at {there}"
        yield Finding(level=level, what="disk", said=said, cure=cure)


def _folders(settings: Settings) -> Iterator[Path]:
    for url in (settings.database.url.get_secret_value(), settings.media.url or ""):
        if url.startswith("sqlite:///"):
            yield (settings.folder / url.removeprefix("sqlite:///")).parent.resolve()
        elif url.startswith("file://"):
            yield Path(unquote(urlsplit(url).path))


# --- Accounts -------------------------------------------------------------------------------------


async def _accounts(settings: Settings) -> Sequence[Finding]:
    async with _usable(settings) as database:
        try:
            connectors = open_accounts(settings.channels, context_of(settings, database))
        except SettingsError as error:
            return [Finding(level=Level.RED, what="accounts", said=str(error))]
        if not connectors:
            return [
                Finding(
                    level=Level.YELLOW,
                    what="accounts",
                    said="There are none.",
                    cure="Add one to the settings; `hub connectors` lists the channels there are.",
                )
            ]
        findings = await asyncio.gather(
            *(_account(key, found, database) for key, found in connectors.items())
        )
        if database is not None and any(isinstance(one, Phones) for one in connectors.values()):
            findings.append(await _telephone(settings, database))
        return findings


@asynccontextmanager
async def _usable(settings: Settings) -> AsyncIterator[Database | None]:
    """The database, if it can be used: what is wrong with it has been said already."""
    async with AsyncExitStack() as stack:
        found: Database | None = None
        with suppress(DBAPIError, RegistryError, ModuleNotFoundError):
            database = Database(settings.database.url.get_secret_value(), folder=settings.folder)
            if database.dialect != "sqlite" or database.path.exists():
                await database.open()
                stack.push_async_callback(database.close)
                found = database if await is_current(database) else None
        yield found


_LEVELS = {Health.OK: Level.GREEN, Health.DEGRADED: Level.YELLOW, Health.DOWN: Level.RED}


async def _account(key: AccountKey, connector: Connector, database: Database | None) -> Finding:
    what = str(key)
    try:
        async with asyncio.timeout(ACCOUNT_SECONDS):
            if isinstance(connector, Registers):
                await connector.register()
            if not isinstance(connector, Diagnoses):
                return Finding(level=Level.GREEN, what=what, said="There is nothing to check.")
            found = await connector.check()
            if database is not None:
                found = await _watched(key, found, database)
            level = _LEVELS[found.health]
            return Finding(level=level, what=what, said=found.summary, cure=found.cure)
    except SendError as error:
        cure = error.cure if isinstance(error, Misconfigured) else "Try again in a moment."
        return Finding(level=Level.RED, what=what, said=error.reason, cure=cure)
    except TimeoutError:
        said = f"The provider did not answer in {ACCOUNT_SECONDS:g} seconds."
        return Finding(level=Level.RED, what=what, said=said, cure="Check the network.")
    finally:
        await connector.close()


async def _watched(key: AccountKey, told: Diagnosis, database: Database) -> Diagnosis:
    """What the running hub has seen of the account may be worse than what the provider tells."""
    async with database.read() as session:
        state = (await account_states(session)).get(key)
    return await watched(key, told, state, database, now=utc_now())


# --- The telephone --------------------------------------------------------------------------------


async def _telephone(settings: Settings, database: Database) -> Finding:
    """What callers hear, and who can write to them."""
    async with database.read() as session:
        prompts = await load_prompts(session, public_url=settings.public_url)
        text_from = (await get_setting(session, Telephone)).text_from
    if text_from and text_from not in settings.channels.get(SMS, {}):
        return Finding(
            level=Level.RED,
            what="telephone",
            said=f"Callers are sent SMS from {SMS}/{text_from}, which the settings do not have.",
            cure="Choose another account under Administration, Phone, or add this one.",
        )
    silent = sorted(
        name
        for (name, language), text in prompts.texts.items()
        if text
        and language not in {*VOICED, NO_LANGUAGE}
        and (name, language) not in prompts.recordings
    )
    if silent:
        named = ", ".join(silent)
        return Finding(
            level=Level.YELLOW,
            what="telephone",
            said=f"Kazakh callers hear Russian, for want of a recording: {named}.",
            cure="Upload recordings of these lines under Administration, Phone.",
        )
    return Finding(level=Level.GREEN, what="telephone", said="Every line has its sound.")


def _transcripts(settings: Settings) -> Iterator[Finding]:
    """The machine that writes down what was said, where one is wanted; it is not loaded."""
    folders = settings.transcripts.folders(settings.folder)
    if not folders:
        return
    try:
        Vosk(folders)
    except NoTranscripts as error:
        yield Finding(level=Level.RED, what="transcripts", said=error.said, cure=error.cure)
    else:
        said = f"Vosk has a model for each of: {', '.join(folders)}."
        yield Finding(level=Level.GREEN, what="transcripts", said=said)
