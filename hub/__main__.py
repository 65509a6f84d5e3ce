"""The commands: what a person types, what it does, and how it ends.

0 is done, 1 is a fault that one sentence on standard error names, 2 is a command that was mistyped.
Every library is imported by the command that needs it, so that the others answer at once.
"""

import argparse
import asyncio
import getpass
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import DEFAULT_FILE, PREFIX, Settings, SettingsError, load
from registry.errors import RegistryError, Unavailable

if TYPE_CHECKING:
    from registry.db import Database

ROLES = ("web", "intake", "outbox", "polling", "schedule")
"""What `hub run --only` can choose from."""
LET_GO_SECONDS = 0.1
OPERATOR_ROLES = ("operator", "supervisor", "admin")


class Fault(Exception):
    """What stops a command, as a sentence that says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command, and return its exit code."""
    asked = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = asked.command
    try:
        return command(asked)
    except (Fault, SettingsError, RegistryError) as fault:
        sys.stderr.write(f"hub: {fault}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("hub: stopped.\n")
        return 1
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` does.
        sys.stderr.close()
        return 1
    finally:
        if "obstore" in sys.modules:
            # Its threads let go of Python a moment after their last work, and an interpreter that
            # ends before they have aborts the process.
            time.sleep(LET_GO_SECONDS)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="hub",
        description="One window for every channel: a city's contact centre takes every appeal "
        "into one registry and one inbox.",
        epilog="`hub COMMAND --help` tells more about each.",
    )
    top.add_argument("--version", action="version", version=f"tereze {version('tereze')}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    run = _command(
        commands,
        "run",
        _run,
        "run the hub",
        "Run the hub until Ctrl+C or SIGTERM stops it; what is under way is finished first.",
    )
    run.add_argument(
        "--only",
        type=_roles,
        metavar="ROLES",
        default=frozenset(ROLES),
        help=f"do only these, separated by commas: {', '.join(ROLES)} (all by default)",
    )
    run.add_argument("--host", help="listen on this address instead of the settings' one")
    run.add_argument("--port", type=_port, help="listen on this port; 0 takes any free one")

    demo = _command(
        commands,
        "demo",
        _demo,
        "see it work without any account",
        "Run the hub with the providers' stand-ins and simulated citizens, on this machine only: "
        "no account, no token, no network.",
        settings=False,
    )
    demo.add_argument(
        "--port", type=_port, default=8080, help="where the hub listens (8080); 0 takes any"
    )
    demo.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep everything in this folder (by default a new one, removed at the end)",
    )
    demo.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="how many times faster than life the citizens are (1)",
    )

    _command(
        commands,
        "migrate",
        _migrate,
        "bring the database to the current schema",
        "Bring the database to the schema of this version. It happens whole or not at all, and "
        "does nothing when there is nothing to do.",
    )
    _command(
        commands,
        "doctor",
        _doctor,
        "check the installation and tell the cures",
        "Check settings, database, media store, disk and every account, and register the "
        "accounts' webhooks. Ends with 1 if anything is red.",
    )
    _command(
        commands,
        "connectors",
        _connectors,
        "list the channels and the accounts",
        "List every channel, what it can carry, and which accounts the settings have.",
    )
    replay = _command(
        commands,
        "replay",
        _replay,
        "read again what could not be read",
        "Read the buried deliveries again, oldest first: after an update, or a correction of the "
        "settings. Ends with 1 if some still cannot be read.",
    )
    replay.add_argument(
        "--buried",
        action="store_true",
        help="only the buried; with the local bus that is all there is to replay",
    )

    operator = commands.add_parser("operator", help="the people who answer")
    people = operator.add_subparsers(metavar="ACTION", required=True)
    add = _command(
        people,
        "add",
        _operator_add,
        "register an operator",
        "Register an operator. On a terminal the password is asked for; without one they can act "
        "only by a token in their name.",
    )
    add.add_argument("email", metavar="EMAIL", help="what they sign in with")
    add.add_argument("--name", required=True, help="as citizens and colleagues read it")
    add.add_argument("--role", required=True, choices=OPERATOR_ROLES)
    add.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )

    disable = _command(
        people,
        "disable",
        _operator_disable,
        "let an operator in no more",
        "Let an operator, and every token in their name, in no more, from the next request on.",
    )
    disable.add_argument("email", metavar="EMAIL", help="whom")

    token = commands.add_parser("token", help="keys to the API")
    keys = token.add_subparsers(metavar="ACTION", required=True)
    add = _command(
        keys,
        "add",
        _token_add,
        "make a key to the API",
        "Make a token and print it on standard output. It is shown only this once.",
    )
    add.add_argument("name", metavar="NAME", help="what it is for, as the journal will show it")
    add.add_argument(
        "--role",
        choices=OPERATOR_ROLES,
        help="what it may do (by default what its operator may, else operator)",
    )
    add.add_argument(
        "--operator", metavar="EMAIL", help="the operator in whose name it acts and holds appeals"
    )
    revoke = _command(
        keys,
        "revoke",
        _token_revoke,
        "refuse a key from now on",
        "Refuse a token from the next request on. Its name stays taken, as the journal shows it.",
    )
    revoke.add_argument("name", metavar="NAME", help="the token's name")

    phone = commands.add_parser("phone", help="the telephone")
    tools = phone.add_subparsers(metavar="ACTION", required=True)
    fallback = _command(
        tools,
        "fallback",
        _phone_fallback,
        "write what callers hear while the hub is away",
        "Print the document that the provider is given for when the hub does not answer: it takes "
        "a voicemail, which becomes an appeal afterwards. It never changes, and must not lie at "
        "the hub.",
    )
    fallback.add_argument(
        "account",
        metavar="ACCOUNT",
        nargs="?",
        help="whose, such as phone.main (needed where there are several)",
    )
    fallback.add_argument(
        "--sound",
        type=_sound,
        action="append",
        default=[],
        metavar="LANGUAGE=URL",
        help="a file that says it in a language the provider has no voice for, such as "
        "kk=https://example.kz/kk.mp3",
    )
    return top


# --- Commands -------------------------------------------------------------------------------------


def _run(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    wanted = {"host": asked.host, "port": asked.port}
    given = {name: value for name, value in wanted.items() if value is not None}
    settings = settings.model_copy(update={"http": settings.http.model_copy(update=given)})

    from hub import app

    async def serve() -> None:
        await app.serve(settings, only=asked.only, ready=_listening)

    with _in_words(app.CannotStart):
        app.run(serve)
    return 0


def _demo(asked: argparse.Namespace) -> int:
    from hub import app, demo

    with _in_words(app.CannotStart):
        demo.run(port=asked.port, folder=asked.data, speed=asked.speed)
    return 0


def _migrate(asked: argparse.Namespace) -> int:
    settings = _settings(asked)

    async def migrate() -> str:
        from registry import migrate

        async with _database(settings) as database:
            before = await migrate.current_revision(database)
            await migrate.migrate(database)
        if before == migrate.HEAD:
            return f"The schema is current already, at revision {before}."
        return f"The schema is current now: from {before or 'nothing'} to {migrate.HEAD}."

    with _in_words():
        _say(asyncio.run(migrate()))
    return 0


def _doctor(asked: argparse.Namespace) -> int:
    from hub import logs
    from hub.doctor import Level, examine, worded

    logs.set_up(level="error")
    findings = asyncio.run(examine(asked.config))
    _say("\n".join(worded(findings, colours=sys.stdout.isatty())))
    return int(any(finding.level is Level.RED for finding in findings))


def _connectors(asked: argparse.Namespace) -> int:
    from hub.catalogue import describe_channels

    # With no settings at all there is still something to show: what could be set.
    there = asked.config or Path(DEFAULT_FILE).is_file()
    there = there or any(name.upper().startswith(PREFIX) for name in os.environ)
    settings = _settings(asked) if there else None
    _say("\n\n".join(describe_channels({} if settings is None else settings.channels)))
    return 0


def _replay(asked: argparse.Namespace) -> int:
    settings = _settings(asked)

    from hub import app

    async def replay() -> tuple[int, int]:
        registered = 0
        async with app.open_hub(settings) as hub:
            waiting = await _buried(hub.database)
            for buried_id in waiting:
                registered += await hub.intake.replay(buried_id)
        return registered, len(waiting)

    with _in_words(app.CannotStart):
        registered, found = asyncio.run(replay())
    _say(f"Registered {registered} of {found} buried deliveries.")
    if registered < found:
        raise Fault(f"{found - registered} still cannot be read; GET /api/v1/buried tells why.")
    return 0


def _operator_add(asked: argparse.Namespace) -> int:
    settings = _settings(asked)
    password = _password(from_stdin=asked.password_stdin)

    async def add() -> None:
        from registry.journal import SYSTEM
        from registry.operators import Role, add_operator
        from registry.passwords import hash_password
        from registry.types import utc_now

        hashed = await hash_password(password) if password else None
        async with _database(settings, current=True) as database, database.write() as session:
            await add_operator(
                session,
                email=asked.email,
                name=asked.name,
                role=Role(asked.role),
                password_hash=hashed,
                actor=SYSTEM,
                now=utc_now(),
            )

    with _in_words():
        asyncio.run(add())
    way = "" if password else " Without a password they act only by a token: see `hub token add`."
    _say(f"Registered {asked.email} as {asked.role}.{way}")
    return 0


def _operator_disable(asked: argparse.Namespace) -> int:
    settings = _settings(asked)

    async def disable() -> None:
        from registry.journal import SYSTEM
        from registry.operators import disable_operator, find_operator
        from registry.types import utc_now

        async with _database(settings, current=True) as database, database.write() as session:
            operator = await find_operator(session, asked.email)
            await disable_operator(session, operator.id, actor=SYSTEM, now=utc_now())

    with _in_words():
        asyncio.run(disable())
    _say(f"{asked.email} is let in no more.")
    return 0


def _token_revoke(asked: argparse.Namespace) -> int:
    settings = _settings(asked)

    async def revoke() -> None:
        from registry.journal import SYSTEM
        from registry.operators import revoke_token
        from registry.types import utc_now

        async with _database(settings, current=True) as database, database.write() as session:
            await revoke_token(session, asked.name, actor=SYSTEM, now=utc_now())

    with _in_words():
        asyncio.run(revoke())
    _say(f"The token {asked.name} opens nothing from now on.")
    return 0


def _token_add(asked: argparse.Namespace) -> int:
    settings = _settings(asked)

    async def add() -> tuple[str, str]:
        from registry.journal import SYSTEM
        from registry.operators import Role, add_token, find_operator
        from registry.types import utc_now

        async with _database(settings, current=True) as database, database.write() as session:
            operator = await find_operator(session, asked.operator) if asked.operator else None
            role = Role(asked.role or (operator.role if operator else "operator"))
            token = await add_token(
                session,
                name=asked.name,
                role=role,
                secret_key=settings.secret_key.get_secret_value(),
                actor=SYSTEM,
                now=utc_now(),
                operator_id=operator.id if operator else None,
            )
        return token, role

    with _in_words():
        token, role = asyncio.run(add())
    sys.stderr.write(f"The token {asked.name}, as {role}; it is not shown again:\n")
    _say(token)
    return 0


def _phone_fallback(asked: argparse.Namespace) -> int:
    settings = _settings(asked)

    from connectors.base import FallsBack
    from connectors.discovery import open_accounts
    from hub.context import context_of

    async def document() -> str:
        connectors = open_accounts(settings.channels, context_of(settings, None))
        found = {
            f"{key.channel}.{key.account}": made
            for key, made in connectors.items()
            if isinstance(made, FallsBack)
        }
        try:
            return found[_chosen(asked.account, found)].fallback(dict(asked.sound)).body.decode()
        finally:
            for made in connectors.values():
                await made.close()

    with _in_words():
        _say(asyncio.run(document()))
    return 0


# --- What they share ------------------------------------------------------------------------------


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    command: Callable[[argparse.Namespace], int],
    summary: str,
    description: str,
    *,
    settings: bool = True,
) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=summary, description=description)
    added.set_defaults(command=command)
    if settings:
        added.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help=f"the settings' file (by default {DEFAULT_FILE} in this folder, if it is there)",
        )
    return added


def _settings(asked: argparse.Namespace) -> Settings:
    """Load the settings, and let the logs follow them. Raises: SettingsError."""
    from hub import logs

    settings = load(asked.config)
    logs.set_up(settings)
    return settings


@asynccontextmanager
async def _database(settings: Settings, *, current: bool = False) -> "AsyncIterator[Database]":
    """The settings' database, open; with `current` only if its schema is. Raises: Fault."""
    from registry.db import Database
    from registry.migrate import is_current

    database = Database(settings.database.url.get_secret_value(), folder=settings.folder)
    await database.open()
    try:
        if current and not await is_current(database):
            raise Fault("The database's schema is not current; run `hub migrate` first.")
        yield database
    finally:
        await database.close()


async def _buried(database: "Database") -> list[int]:
    """Everything that is buried, oldest first. A few at a time, as each has its whole body."""
    from registry.burial import list_buried

    found: list[int] = []
    async with database.read() as session:
        while page := await list_buried(session, limit=20, before=found[-1] if found else None):
            found += [buried.id for buried in page]
            session.expunge_all()
    return found[::-1]


@contextmanager
def _in_words(*also: type[Exception]) -> Iterator[None]:
    """Turn what a person can cure into a `Fault`; `also` are errors that speak for themselves."""
    known: tuple[type[Exception], ...] = (SettingsError, RegistryError, *also)
    try:
        yield
    except* known as group:
        first = _first(group)
        where = "database.url: " if isinstance(first, Unavailable) else ""
        raise Fault(f"{where}{first}") from None
    except* ModuleNotFoundError as group:
        missing = _first(group)
        if not isinstance(missing, ModuleNotFoundError) or missing.name != "asyncpg":
            raise
        raise Fault(
            "database.url: the package asyncpg is not installed; install tereze[postgresql]."
        ) from None


def _first(error: BaseException) -> BaseException:
    """The first of the errors that a group holds: it speaks for all."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _password(*, from_stdin: bool) -> str:
    """The password, empty for none. Raises: Fault."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise Fault("--password-stdin: nothing came on standard input.")
        return password
    if not sys.stdin.isatty():
        return ""
    password = getpass.getpass("Password (empty for none): ")
    if password and getpass.getpass("Once more: ") != password:
        raise Fault("The two passwords differ; nothing was changed.")
    return password


def _chosen(name: str | None, accounts: Collection[str]) -> str:
    """The account that is meant; the only one where none is named. Raises: Fault."""
    if not accounts:
        raise Fault("There is no telephone; an account is set up as [channels.phone.main].")
    if name is None and len(accounts) == 1:
        return next(iter(accounts))
    if name is None or name not in accounts:
        raise Fault(f"ACCOUNT: choose one of {', '.join(sorted(accounts))}.")
    return name


def _listening(address: str) -> None:
    _say(f"The hub listens on {address}." if address else "The hub works, and listens nowhere.")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _roles(text: str) -> frozenset[str]:
    roles = frozenset(part.strip() for part in text.split(","))
    unknown = sorted(roles - set(ROLES))
    if unknown:
        raise argparse.ArgumentTypeError(
            f"there is no {unknown[0]!r}; there are {', '.join(ROLES)}"
        )
    return roles


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a number from 0 to 65535 is needed")
    return int(text)


def _sound(text: str) -> tuple[str, str]:
    language, _, address = text.partition("=")
    if not language or not address.startswith("https://"):
        raise argparse.ArgumentTypeError("a language and an address are needed: kk=https://…")
    return language, address


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1000:
        raise argparse.ArgumentTypeError("a number above 0, and at most 1000, is needed")
    return speed


if __name__ == "__main__":
    sys.exit(main())
