"""Ids made here rather than by the database, so that whole batches can be written as sets.

42 bits of milliseconds since 2024, then 21 bits of a counter that starts at random: ordered by
time, unique within a process. Two processes that ever meet are told apart by the primary key, and
the batch is tried again with new ids.
"""

import secrets
import time
from datetime import datetime
from itertools import count

_EPOCH_MS = 1_704_067_200_000
_COUNTER_BITS = 21
_COUNTER_MASK = (1 << _COUNTER_BITS) - 1

_counter = count(secrets.randbits(_COUNTER_BITS))


def new_id() -> int:
    """A fresh 63-bit id."""
    milliseconds = time.time_ns() // 1_000_000 - _EPOCH_MS
    return milliseconds << _COUNTER_BITS | next(_counter) & _COUNTER_MASK


def first_id(moment: datetime) -> int:
    """What no id made since the moment is less than."""
    return max(int(moment.timestamp() * 1000) - _EPOCH_MS, 0) << _COUNTER_BITS


def parse_id(text: str) -> int | None:
    """The id that an outsider names, or None when it can be none of ours."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    number = int(text)
    return number if number < 1 << 63 else None
