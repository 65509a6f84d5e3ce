"""The demo: the hub on this machine with the providers' stand-ins, and a town that writes to it.

A channel takes part by having a module `demo` beside its connector, with a `demo_account`; nothing
here names one. Everything the citizens say is in `config/demo.toml`.
"""

import asyncio
import random
import secrets
import shlex
import socket
import sys
import tempfile
import tomllib
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import SecretStr

import config
from config.settings import (
    Acknowledgement,
    DatabaseTable,
    Http,
    Log,
    MediaTable,
    Settings,
    SettingsError,
)
from connectors.discovery import channel_class, channel_names
from hub import app, logs
from hub.demo_staff import EMAIL, password_of, staff
from registry.types import utc_now

SEED = 20_260_302
"""The town is the same at every run."""

ACCOUNT = "demo"
"""What the account of each channel is called."""

ARRIVAL, THINKING, READING = 14.0, (2.0, 6.0), (4.0, 12.0)
"""Seconds of life: between two citizens on the average, before a message, before an answer."""

GREETING_WITHIN = 60.0
PATIENCE = 24 * 3600.0
"""How long a citizen waits for the greeting, and for an operator."""

_TRACKING = "/t/"
"""What the address in an acknowledgement holds."""

ANSWERS = 2
"""So many of an operator's messages a citizen answers."""


class Heard(Protocol):
    """What reached a citizen."""

    @property
    def text(self) -> str: ...


class Person(Protocol):
    """A simulated citizen of any channel.

    Only these two are needed; `start`, `photo`, `album`, `voice`, `location` and `edit` are used
    where the channel has them, as `connectors.telegram.citizens` does.
    """

    async def say(self, text: str) -> object:
        """Write a text; what comes back is for `edit`."""
        ...

    async def next(self, *, timeout: float) -> Heard:
        """What the hub sends next. Raises: TimeoutError."""
        ...


class DemoAccount(Protocol):
    """An account on a provider's stand-in."""

    settings: dict[str, Any]
    """The keys of `[channels.<channel>.<account>]` that reach the stand-in."""

    def citizen(self, *, name: str, language: str) -> Person: ...


@runtime_checkable
class Listens(Protocol):
    """An account whose provider is told by hand, on a page of its own, where to deliver to."""

    def listen(self, hook: str) -> None: ...


class HasDemo(Protocol):
    """A channel's module `demo`."""

    def demo_account(self, *, run: int) -> AbstractAsyncContextManager[DemoAccount]:
        """An account for as long as the block runs; no id of another `run` comes again."""
        ...


@dataclass(frozen=True, slots=True)
class Story:
    """What one citizen does, from `config/demo.toml`."""

    name: str
    language: str
    steps: Sequence[Mapping[str, Any]]
    details: str
    thanks: Sequence[str]


def run(*, port: int, folder: Path | None, speed: float) -> None:
    """Run the demo until Ctrl+C or SIGTERM; `port` 0 takes a free one.

    Without a folder everything is forgotten at the end. Raises: SettingsError, app.CannotStart.
    """

    with ExitStack() as stack:
        if folder is None:
            fresh = tempfile.TemporaryDirectory(prefix="hub-demo-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(fresh))
        # Held from here on: what was found free might be another's by the time the hub starts.
        bound = stack.enter_context(_bound(port))
        app.run(partial(_live, folder.resolve(), bound=bound, speed=speed))


def stories(seed: int = SEED) -> Iterator[Story]:
    """The citizens of the town, one after another, without end and always the same."""
    town = tomllib.loads((Path(config.__file__).parent / "demo.toml").read_text("utf-8"))
    chance = random.Random(seed)  # noqa: S311 - nothing is to be kept secret
    names = {language: _shuffled(held, chance) for language, held in town["names"].items()}
    places = {language: _shuffled(held, chance) for language, held in town["addresses"].items()}
    for story in _shuffled(town["stories"], chance):
        language = story["language"]
        address = next(places[language])
        yield Story(
            name=next(names[language]),
            language=language,
            steps=[_at(address, step) for step in story["steps"]],
            details=story["details"].format(address=address),
            thanks=town["thanks"][language],
        )


def _shuffled(items: Sequence[Any], chance: random.Random) -> Iterator[Any]:
    """All of them in any order, and again in another one, without end."""
    while True:
        yield from chance.sample(items, len(items))


def _at(address: str, step: Mapping[str, Any]) -> dict[str, Any]:
    """A step with its address filled in."""
    return {
        verb: said.format(address=address) if isinstance(said, str) else said
        for verb, said in step.items()
    }


def _shown(what: object) -> str:
    match what:
        case bool():
            return ""
        case list():
            return ", ".join(map(str, what))
        case _:
            return str(what)


# --- The hub --------------------------------------------------------------------------------------


async def _live(folder: Path, *, bound: socket.socket, speed: float) -> None:
    port: int = bound.getsockname()[1]
    number = _run_number(folder)
    async with AsyncExitStack() as stack:
        accounts = {
            channel: await stack.enter_async_context(module.demo_account(run=number))
            for channel, module in _channels()
        }
        settings = _settings(folder, port, accounts)
        logs.set_up(settings)
        token = await staff(settings, run=number)
        stopping = asyncio.Event()

        def ready(address: str) -> None:
            for channel, account in accounts.items():
                if isinstance(account, Listens):
                    account.listen(f"{address}/hooks/{channel}/{ACCOUNT}")
            _say(_welcome(address, token, settings))
            town.start(accounts.values())

        town = _Town(stories(SEED + number), speed=speed, say=_say)
        try:
            await app.serve(settings, ready=ready, stopping=stopping, bound=bound)
        finally:
            await town.stop()


def _channels() -> list[tuple[str, HasDemo]]:
    """The channels that take part. Raises: SettingsError when there is none."""
    found: list[tuple[str, HasDemo]] = []
    for channel in channel_names():
        if find_spec(f"connectors.{channel}.demo") is not None:
            with suppress(SettingsError):  # its library is not installed
                channel_class(channel)
                module: Any = import_module(f"connectors.{channel}.demo")
                found.append((channel, module))
    if not found:
        raise SettingsError("No channel can take part in the demo; install tereze[telegram].")
    return found


def _settings(folder: Path, port: int, accounts: Mapping[str, DemoAccount]) -> Settings:
    """The defaults, the stand-ins, and a secret that stays with the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "secret_key"
    if not secret.exists():
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_hex(32))
    return Settings(
        public_url=f"http://127.0.0.1:{port}",
        secret_key=SecretStr(secret.read_text()),
        http=Http(port=port),
        database=DatabaseTable(url=SecretStr(f"sqlite:///{folder / 'var' / 'hub.db'}")),
        media=MediaTable(url=(folder / "var" / "media").as_uri()),
        log=Log(level="warning"),
        channels={channel: {ACCOUNT: one.settings} for channel, one in accounts.items()},
        acknowledgement=Acknowledgement(private=True),
        folder=folder,
    )


def _welcome(address: str, token: str, settings: Settings) -> str:
    year = utc_now().astimezone(ZoneInfo(settings.timezone)).year
    first = f"{settings.numbers.prefix}-{year}-0000001"
    say = shlex.quote('{"text": "Рақмет, бригада жолға шықты."}')
    return f"""
The demo is at {address}, on this machine only. Citizens write from now on, and answer you.

  the desk      {address}/  signs in {EMAIL} with the password {password_of(settings.folder)}
                (smena@example.kz and operator@example.kz, with the same password, may do less)

  the inbox     curl -s -H "Authorization: Bearer $TOKEN" {address}/api/v1/appeals
  one appeal    curl -s -H "Authorization: Bearer $TOKEN" {address}/api/v1/appeals/{first}
  a reply       curl -s -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $RANDOM$RANDOM" \\
                  -H "Content-Type: application/json" -d {say} \\
                  {address}/api/v1/appeals/{first}/replies
  the API       {address}/api/v1/openapi.json
  the accounts  curl -s -H "Authorization: Bearer $TOKEN" {address}/api/v1/channels
  its health    {address}/readyz and {address}/metrics

First:          export TOKEN={token}
Ctrl+C stops it.
"""


def _run_number(folder: Path) -> int:
    """0 in a fresh folder; in another the ids of earlier citizens must not come again."""
    return int(utc_now().timestamp()) if (folder / "var" / "hub.db").exists() else 0


def _bound(port: int) -> socket.socket:
    """A socket on the port, or on any free one for 0. Raises: app.CannotStart."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise app.CannotStart(
            f"--port: cannot listen on 127.0.0.1:{port}: {error.strerror}."
        ) from error


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


# --- The town -------------------------------------------------------------------------------------


class _Town:
    """Lets one citizen after another arrive, until it is stopped."""

    def __init__(self, told: Iterator[Story], *, speed: float, say: Callable[[str], None]) -> None:
        self._told = told
        self._speed = speed
        self._say = say
        self._chance = random.Random(SEED)  # noqa: S311 - nothing is to be kept secret
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, accounts: Iterable[DemoAccount]) -> None:
        """Open the town's gates."""
        self._spawn(self._arrive(cycle(accounts)))

    async def stop(self) -> None:
        """Send everybody home."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(life)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _arrive(self, accounts: Iterator[DemoAccount]) -> None:
        for story in self._told:
            person = next(accounts).citizen(name=story.name, language=story.language)
            self._spawn(self._live(person, story))
            await self._wait(self._chance.expovariate(1 / ARRIVAL))

    async def _live(self, person: Person, story: Story) -> None:
        said: object = None
        for step in story.steps:
            ((verb, what),) = step.items()
            if verb == "wait":
                await self._wait(what)
                continue
            act = getattr(person, verb, None)
            if act is None:
                continue  # the channel has no such thing
            await self._wait(self._chance.uniform(*THINKING))
            self._say(f"{story.name:<22} {verb:<9} {_shown(what)}")
            match verb:
                case "say":
                    said = await act(what)
                case "edit":
                    await act(said, what)
                case "start":
                    await act()
                    with suppress(TimeoutError):
                        await person.next(timeout=GREETING_WITHIN)
                case "album" | "location":
                    await act(*what)
                case "voice":
                    await act(seconds=what)
                case _:
                    await act(what)
        await self._talk(person, story)

    async def _talk(self, person: Person, story: Story) -> None:
        """Answer an operator: a question with details, anything else with thanks."""
        answers = 0
        while answers < ANSWERS:
            heard = await person.next(timeout=PATIENCE)
            self._say(f"{story.name:<22} reads     {heard.text}")
            if _TRACKING in heard.text:
                continue  # the acknowledgement: nobody answers a machine
            answers += 1
            await self._wait(self._chance.uniform(*READING))
            answer = story.details if "?" in heard.text else self._chance.choice(story.thanks)
            self._say(f"{story.name:<22} answers   {answer}")
            await person.say(answer)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)
