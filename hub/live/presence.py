"""Who has an appeal open, and who writes in it: kept in memory, here and in the other processes.

What the others tell holds for a while and is told again, so that a process that died leaves no
ghosts behind.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import msgspec
from msgspec import Struct

from hub.live.clients import Client
from registry.wire import MAX_WORDS

CHANNEL = "presence"

TYPING_SECONDS = 15.0
"""How long somebody counts as writing after the last key that we heard of."""
HEARD_SECONDS = 15.0
"""How long another process's word holds."""
REPEAT_SECONDS = 5.0
"""How often ours is told again."""


class Viewer(Struct, frozen=True):
    """A colleague who has an appeal open."""

    id: str
    name: str
    typing: bool


class _Words(Struct, frozen=True):
    """What one process tells: of each appeal, everybody who has it open there."""

    process: str
    seen: dict[str, list[Viewer]]


class _Heard(Struct, frozen=True):
    viewers: list[Viewer]
    until: float


class Presence:
    """Who is where. Times are those of a clock that only goes forward, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._process = secrets.token_hex(8)
        self._here: defaultdict[str, dict[Client, float]] = defaultdict(dict)
        """By number: until when each client counts as writing."""
        self._heard: defaultdict[str, dict[str, _Heard]] = defaultdict(dict)
        """By number, what each other process told."""
        self._untold: set[str] = set()
        self._shown: dict[str, list[Viewer]] = {}
        self._touched: set[str] = set()
        self._looked_at: set[str] = set()

    # --- What happens here ----------------------------------------------------------------------

    def enter(self, client: Client, number: str) -> None:
        """The client has opened an appeal."""
        self._here[number].setdefault(client, 0.0)
        self._touch(number)

    def leave(self, client: Client, number: str) -> None:
        """The client has closed it."""
        if self._here[number].pop(client, None) is not None:
            self._touch(number)
        if not self._here[number]:
            del self._here[number]

    def write(self, client: Client, number: str, *, typing: bool) -> None:
        """The client writes in an appeal that it has open, or has stopped."""
        if client in self._here.get(number, ()):
            self._here[number][client] = self._clock() + TYPING_SECONDS if typing else 0.0
            self._touch(number)

    def _touch(self, number: str) -> None:
        self._touched.add(number)
        self._untold.add(number)

    # --- What others tell -----------------------------------------------------------------------

    def hear(self, words: str) -> None:
        """Take in what another process tells; what cannot be read is of another version."""
        try:
            told = msgspec.json.decode(words, type=_Words)
        except msgspec.DecodeError:
            return
        for number, viewers in told.seen.items():
            if viewers:
                self._heard[number][told.process] = _Heard(viewers, self._clock() + HEARD_SECONDS)
            elif number in self._heard:
                self._heard[number].pop(told.process, None)
            self._touched.add(number)

    def words(self, *, everything: bool) -> Iterator[str]:
        """What the others have to be told: what changed, or all that is so here."""
        numbers = set(self._here) | self._untold if everything else set(self._untold)
        self._untold.clear()
        seen: dict[str, list[Viewer]] = {}
        for number in sorted(numbers):
            seen[number] = self._viewers_here(number)
            written = self._written(seen)
            if len(written.encode()) > MAX_WORDS:
                last = {number: seen.pop(number)}
                if seen:
                    yield self._written(seen)
                seen = last
        if seen:
            yield self._written(seen)

    def _written(self, seen: dict[str, list[Viewer]]) -> str:
        return msgspec.json.encode(_Words(self._process, seen)).decode()

    # --- What is shown --------------------------------------------------------------------------

    def changes(self) -> dict[str, list[Viewer]]:
        """The appeals whose viewers are others than those that were shown last."""
        now = self._clock()
        for number, told in list(self._heard.items()):
            for process in [name for name, heard in told.items() if heard.until <= now]:
                del told[process]
                self._touched.add(number)
            if not told:
                del self._heard[number]
        for number, clients in self._here.items():
            if any(0 < until <= now for until in clients.values()):
                self._touch(number)
        # What is touched while this is being told is looked at the next time.
        self._looked_at |= self._touched
        self._touched.clear()
        found = {number: self._viewers(number) for number in self._looked_at}
        return {
            number: viewers
            for number, viewers in found.items()
            if viewers != self._shown.get(number, [])
        }

    def settle(self, changes: Mapping[str, list[Viewer]]) -> None:
        """Those are shown from now on."""
        self._looked_at.clear()
        for number, viewers in changes.items():
            if viewers:
                self._shown[number] = viewers
            else:
                self._shown.pop(number, None)

    @property
    def shown(self) -> dict[str, list[Viewer]]:
        """Every appeal that somebody has open, and who they are."""
        return self._shown

    def _viewers(self, number: str) -> list[Viewer]:
        viewers = self._viewers_here(number)
        for heard in self._heard.get(number, {}).values():
            viewers += heard.viewers
        return _merged(viewers)

    def _viewers_here(self, number: str) -> list[Viewer]:
        now = self._clock()
        clients = self._here.get(number, {})
        for client, until in clients.items():
            if 0 < until <= now:
                clients[client] = 0.0
        return _merged(
            [
                Viewer(str(client.principal.operator_id), client.principal.name, until > now)
                for client, until in clients.items()
            ]
        )


def _merged(viewers: list[Viewer]) -> list[Viewer]:
    """Each person once, however many browsers they have; in the order of their names."""
    found: dict[str, Viewer] = {}
    for viewer in viewers:
        if viewer.id not in found or viewer.typing:
            found[viewer.id] = viewer
    return sorted(found.values(), key=lambda viewer: (viewer.name, viewer.id))
