"""Keeps a test at home: no traffic beyond localhost, no input or output where none may be."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "", None})


@contextmanager
def localhost_only() -> Iterator[None]:
    """Refuse every connection and every look-up of a name beyond this machine.

    The code under test sees an OSError, as on a machine without a network.

    Raises: AssertionError at the end, naming what was tried, also when the code hid the OSError.
    """
    tried: list[str] = []

    def check(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOCAL_NAMES and not str(name).startswith("127."):
            tried.append(str(name))
            raise OSError(f"no traffic beyond localhost: {name}")

    connect, connect_ex, look_up = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            check(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family != socket.AF_UNIX:
            check(address[0])
        return connect_ex(self, address)

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        check(host)
        return look_up(host, *args, **options)

    with (
        mock.patch.object(socket.socket, "connect", guarded_connect),
        mock.patch.object(socket.socket, "connect_ex", guarded_connect_ex),
        mock.patch.object(socket, "getaddrinfo", guarded_look_up),
    ):
        yield
    assert not tried, f"traffic beyond localhost was tried: {', '.join(tried)}"


_IO_EVENTS = (
    "open",
    "os.listdir",
    "os.scandir",
    "os.system",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "sqlite3.connect",
    "subprocess.Popen",
)
_watching: list[list[str]] = []
_hooked: list[bool] = []


@contextmanager
def no_io() -> Iterator[None]:
    """Watch that nothing opens a file or a connection, or starts a process.

    Raises: AssertionError at the end, naming what was done.
    """
    if not _hooked:
        sys.addaudithook(_audit)  # an audit hook can never be taken away again
        _hooked.append(True)
    seen: list[str] = []
    _watching.append(seen)
    try:
        yield
    finally:
        _watching.remove(seen)
    assert not seen, f"input or output was done: {', '.join(seen)}"


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _watching and event in _IO_EVENTS:
        for seen in _watching:
            seen.append(f"{event} {args[0] if args else ''}".strip())
