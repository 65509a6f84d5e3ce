"""Time that a test holds in its hand, and that a hub in another process reads."""

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.phone.sandbox_time import SimulatedTime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = struct.Struct("q")
"""Microseconds since then, which are written and read at once."""


class SharedTime(SimulatedTime):
    """A simulation's time whose every moment is written where `ReadTime` finds it."""

    def __init__(self, start: datetime, path: Path) -> None:
        path.write_bytes(bytes(_MOMENT.size))
        with path.open("r+b") as file:
            self._shown = mmap.mmap(file.fileno(), _MOMENT.size)
        super().__init__(start)

    @property
    def _now(self) -> datetime:
        return _read(self._shown)

    @_now.setter
    def _now(self, now: datetime) -> None:
        _MOMENT.pack_into(self._shown, 0, (now - _EPOCH) // timedelta(microseconds=1))


class ReadTime:
    """The clock of whoever only looks."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._shown = mmap.mmap(file.fileno(), _MOMENT.size, access=mmap.ACCESS_READ)

    def __call__(self) -> datetime:
        return _read(self._shown)


def _read(shown: mmap.mmap) -> datetime:
    return _EPOCH + timedelta(microseconds=_MOMENT.unpack_from(shown)[0])
