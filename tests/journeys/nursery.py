"""A nursery of hub processes: everything is imported once, and each hub is forked from there.

A forked hub carries out `hub run` as typed, from the reading of its settings on: a process of its
own with its own memory, files and connections, which can be killed at any instant. Only the seconds
of importing are saved, and a cold hub, started as a command is, does not save even those. A hub
whose order names a file of time lives in the time of a test (see tests.journeys.shared_time).

Run as `python -m tests.journeys.nursery FD`: FD is a socket that brings orders, one JSON object a
packet. When its other end is closed every hub is killed, so that none outlives the tests.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

PRELOADED = (
    "asyncpg", "connectors.telegram.client", "hub.__main__", "hub.app", "twilio.rest", "uvloop",
)  # fmt: skip
MAX_ORDER = 65_536
"""Bytes of an order."""


def main() -> None:
    """Carry out orders until there is nobody to give them."""
    control = socket.socket(fileno=int(sys.argv[1]))
    for module in PRELOADED:
        import_module(module)
    gc.freeze()  # what a hub collects is its own: the collector's marks would copy all of this
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.set_wakeup_fd(writer)
    hubs: dict[int, int] = {}
    try:
        while True:
            ready, _, _ = select.select([control.fileno(), reader], [], [])
            if reader in ready:
                os.read(reader, 512)
                _reap(hubs)
            if control.fileno() in ready:
                packet, files, _, _ = socket.recv_fds(control, MAX_ORDER, 1)
                if not packet:
                    return
                _carry_out(json.loads(packet), files, hubs=hubs, closed=(control.fileno(), reader))
    finally:
        for pid in hubs:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _nothing(_signal: int, _frame: object) -> None:
    """A signal without a handler wakes nobody."""


def _carry_out(
    order: Mapping[str, Any], files: Sequence[int], *, hubs: dict[int, int], closed: Sequence[int]
) -> None:
    """Start a hub, or send a signal to one that is not known to have ended."""
    if "signal" in order:
        if order["pid"] in hubs:
            os.kill(order["pid"], order["signal"])
        return
    (output,) = files
    pid = os.fork()
    if pid == 0:
        for other in (*closed, *hubs.values()):
            os.close(other)
        _be_a_hub(order, output)
    hubs[pid] = output
    _tell(output, {"event": "began", "pid": pid})


def _reap(hubs: dict[int, int]) -> None:
    """Tell how each hub that has ended did; after that its output ends too."""
    while hubs:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        output = hubs.pop(pid)
        _tell(output, {"event": "ended", "pid": pid, "status": os.waitstatus_to_exitcode(status)})
        os.close(output)


def _tell(output: int, event: Mapping[str, Any]) -> None:
    with suppress(BrokenPipeError):  # nobody listens any more
        os.write(output, b"\n" + json.dumps(event).encode() + b"\n")


def _be_a_hub(order: Mapping[str, Any], output: int) -> NoReturn:
    """In the forked process: be what was ordered, and never return."""
    status = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        os.environ.clear()
        os.environ.update(order["environ"])
        if order["cold"]:
            command = [sys.executable, "-m", "hub", *order["arguments"]]
            os.execve(sys.executable, command, order["environ"])
        if order["time"] is not None:
            _live_in(Path(order["time"]))
        status = import_module("hub.__main__").main(order["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  a fork must not become a second nursery, whatever happens
        traceback.print_exc()
    finally:
        os._exit(status)


def _live_in(time: Path) -> None:
    """Let the hub take its time from a test."""
    app = import_module("hub.app")
    shared_time = import_module("tests.journeys.shared_time")
    vars(app)["serve"] = partial(app.serve, clock=shared_time.ReadTime(time))


if __name__ == "__main__":
    main()
