"""What every browser shows, and so what it is told of a change.

An appeal that changed goes as a row to every list it belongs to. A list that may have shown it, and
to which it belongs no more, is told that it is gone. What was so before is remembered for that: of
an appeal that is not remembered it is assumed.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from hub.live.clients import Client, View, Writer
from hub.live.notices import Notice, told
from hub.live.presence import Presence, Viewer
from hub.live.rendering import Rows
from hub.live.views import Group, Groups
from hub.web import i18n
from registry.access import may_see
from registry.ids import new_id
from registry.inbox import Known, is_searching, matches
from registry.tally import Tally

MOST = 200
"""Rows that a browser is told of at once; of more, it reads its list anew."""

_REMEMBERED = 5000
"""Appeals whose state is remembered."""


class Found(Struct, frozen=True, kw_only=True):
    """Appeals at one moment, as far as somebody needs them."""

    now: datetime
    known: Mapping[int, Known]
    by_words: Mapping[Group, Set[int]] = {}
    """Of the lists of words, which of the appeals belong to them."""


class Board:
    """The clients, their lists and their open appeals."""

    def __init__(self, presence: Presence) -> None:
        self.clients: set[Client] = set()
        self.groups = Groups()
        self.opened: defaultdict[str, set[Client]] = defaultdict(set)
        """By number, who has the appeal open and may see it."""
        self.presence = presence
        self._past = _Past()
        self._tally: Tally | None = None

    # --- Coming and going -----------------------------------------------------------------------

    def add(self, client: Client) -> None:
        """Take in a client that shows nothing yet."""
        if not self.clients:
            self._past = _Past()  # nobody was told meanwhile, and nothing was remembered
        self.clients.add(client)

    def remove(self, client: Client) -> None:
        """Let a client go."""
        self.clients.discard(client)
        for view in list(client.views):
            self.groups.remove(client, view)
        for number in list(client.opened):
            self.close(client, number)

    def close(self, client: Client, number: str) -> None:
        """The client shows the appeal no more."""
        client.opened.discard(number)
        self.presence.leave(client, number)
        self.opened[number].discard(client)
        if not self.opened[number]:
            del self.opened[number]

    # --- What changed ---------------------------------------------------------------------------

    def tell_changes(self, found: Found, changed: Collection[int], rows: Rows) -> None:
        """Tell everybody of the appeals that changed."""
        known = [found.known[id_] for id_ in changed if id_ in found.known]
        events: dict[tuple[Any, ...], bytes] = {}
        for group in self.groups:
            self._tell_list(group, known, found, rows, events)
            for one in known:
                for own in group.own(one, self._past.of(one)):
                    self._tell_list(own, [one], found, rows, events)
        for one in known:
            self._tell_thread(one)
            self._past.remember(one, found.now)

    def _tell_list(
        self,
        group: Group,
        changed: Collection[Known],
        found: Found,
        rows: Rows,
        events: dict[tuple[Any, ...], bytes],
    ) -> None:
        """Tell a group of what belongs to its list, and of what may have and does not."""
        there, gone = [], []
        for known in changed:
            if belongs(group, known, found):
                there.append(known)
            elif self._past.may_have_shown(group, known, found.now):
                gone.append(known.appeal.number)
        if not there and not gone:
            return
        for view, clients in group.views.items():
            key = (view, *(known.id for known in there), None, *gone)
            event = events.get(key)
            if event is None:
                shown = [rows(known, view.language) for known in there]
                event = events[key] = list_event(view, shown, gone)
            for client in clients:
                client.tell(event)

    def tell_lost(self) -> None:
        """Too much changed, or nobody knows what: everybody is to look anew."""
        self._past = _Past()
        for group in self.groups:
            for view, clients in group.views.items():
                event = reload_event(view)
                for client in clients:
                    client.tell(event)
        for number, clients in self.opened.items():
            for client in clients:
                client.tell(thread_event(number))

    def _tell_thread(self, known: Known) -> None:
        number, standing = known.appeal.number, known.standing
        event = thread_event(number)
        for client in list(self.opened.get(number, ())):
            if may_see(client.principal, team=standing.team, assignee_id=standing.assignee_id):
                client.tell(event)
            else:
                client.tell(thread_event(number, gone=True))
                self.close(client, number)

    # --- Who has just come ----------------------------------------------------------------------

    def meet_view(
        self,
        client: Client,
        view: View,
        found: Found,
        missed: Iterable[int] | None,
        rows: Rows,
        *,
        asked: str,
    ) -> None:
        """Tell a client what its list missed since the cursor `asked`; None for too much."""
        group = self.groups.of(client, view)
        if missed is None:
            client.tell(reload_event(view, ready=asked))
            return
        here = [found.known[id_] for id_ in missed if id_ in found.known]
        shown, gone = [], []
        for known in here:
            if belongs(group, known, found):
                shown.append(rows(known, view.language))
            else:
                gone.append(known.appeal.number)
        client.tell(list_event(view, shown, gone, ready=asked))
        self._tell_present(client, group, found)

    def meet_open(
        self, client: Client, number: str, known: Known | None, *, stale: bool, asked: str
    ) -> None:
        """Let a client follow an appeal that it read at the cursor `asked`, if it may see it."""
        standing = None if known is None else known.standing
        if standing is None or not may_see(
            client.principal, team=standing.team, assignee_id=standing.assignee_id
        ):
            client.tell(thread_event(number, gone=True))
            return
        client.opened.add(number)
        self.opened[number].add(client)
        self.presence.enter(client, number)
        client.tell(thread_event(number, stale=stale, ready=asked))
        if number in self.presence.shown:
            client.tell(presence_event({number: self.presence.shown[number]}))

    def _tell_present(self, client: Client, group: Group, found: Found) -> None:
        by_number = {known.appeal.number: known for known in found.known.values()}
        present = {
            number: viewers
            for number, viewers in self.presence.shown.items()
            if number in by_number and belongs(group, by_number[number], found)
        }
        if present:
            client.tell(presence_event(present))

    # --- People ---------------------------------------------------------------------------------

    def tell_presence(self, found: Found, changes: Mapping[str, list[Viewer]]) -> None:
        """Tell who is where to those who show it."""
        by_number = {known.appeal.number: known for known in found.known.values()}
        for number, viewers in changes.items():
            event, known = presence_event({number: viewers}), by_number.get(number)
            told = set(self.opened.get(number, ()))
            for group in self.groups if known is not None else ():
                assert known is not None
                for each in (group, *group.own(known, None)):
                    if belongs(each, known, found):
                        told.update(*each.views.values())
            for client in told:
                client.tell(event)

    def tell_counts(self, tally: Tally) -> None:
        """Tell everybody whose counts have changed."""
        self._tally = tally
        for client in self.clients:
            self.tell_counts_to(client)

    def tell_counts_to(self, client: Client) -> None:
        """Tell one client the counts, if it has others."""
        if self._tally is None:
            return
        counts = msgspec.json.encode({"counts": self._tally.counts_for(client.principal)})
        if counts != client.counts:
            client.counts = counts
            client.tell(counts)

    def tell_calls(self, pulse: str) -> None:
        """Tell everybody who has not heard this pulse of the telephone."""
        event = msgspec.json.encode({"calls": pulse})
        for client in self.clients:
            if client.calls != event:
                client.calls = event
                client.tell(event)

    def tell_notices(self, notices: Iterable[Notice]) -> None:
        """Tell each of those whom a notice is for."""
        calls: defaultdict[Client, list[Notice]] = defaultdict(list)
        for notice in notices:
            for client in self.clients:
                if notice.is_for(client.principal):
                    calls[client].append(notice)
        for client, found in calls.items():
            with i18n.use(client.language):
                client.tell(msgspec.json.encode({"notices": told(found)}))

    def flush(self, writer: Writer, *, everybody: bool) -> None:
        """Send what is to be told; to everybody, the cursor at least."""
        for client in list(self.clients):
            if client.events or everybody:
                writer.send(client)


class _Past:
    """How appeals were when their lists were told of them last."""

    def __init__(self) -> None:
        self._states: OrderedDict[int, tuple[Known, datetime]] = OrderedDict()
        self._since = new_id()
        """Ids follow time: what is not remembered and is younger than this was not there."""

    def remember(self, known: Known, at: datetime) -> None:
        self._states[known.id] = known, at
        self._states.move_to_end(known.id)
        if len(self._states) > _REMEMBERED:
            forgotten, _ = self._states.popitem(last=False)
            self._since = max(self._since, forgotten)

    def of(self, known: Known) -> Known | None:
        """How the appeal was, if that is remembered."""
        state = self._states.get(known.id)
        return None if state is None else state[0]

    def may_have_shown(self, group: Group, known: Known, now: datetime) -> bool:
        """Whether a list may still show the appeal, as it was."""
        state = self._states.get(known.id)
        if state is None:
            return known.id <= self._since
        if is_searching(group.query):
            return True
        before, at = state
        query, viewer = group.query, group.viewer
        return matches(query, before, viewer=viewer, now=at) or matches(
            query, before, viewer=viewer, now=now
        )


def belongs(group: Group, known: Known, found: Found) -> bool:
    """Whether an appeal belongs to a list."""
    if is_searching(group.query):
        return known.id in found.by_words.get(group, ())
    return matches(group.query, known, viewer=group.viewer, now=found.now)


# --- Events, as JSON ----------------------------------------------------------------------------


def list_event(
    view: View, rows: Collection[bytes], gone: Collection[str], *, ready: str | None = None
) -> bytes:
    """Rows of a list that are new or have changed, and numbers that left it.

    `ready` is the cursor at which a client said it knew the list: from here on it is told.
    """
    if len(rows) > MOST:
        return reload_event(view, ready=ready)
    return (
        _list_head(view, ready)
        + b',"rows":[' + b",".join(rows) + b'],"gone":' + msgspec.json.encode(gone) + b"}"
    )  # fmt: skip


def reload_event(view: View, *, ready: str | None = None) -> bytes:
    """The list is to be read anew."""
    return _list_head(view, ready) + b',"reload":true}'


def _list_head(view: View, ready: str | None) -> bytes:
    head = {"view": view.asked, "language": view.language}
    return msgspec.json.encode(head | ({} if ready is None else {"ready": ready}))[:-1]


def thread_event(
    number: str, *, stale: bool = True, gone: bool = False, ready: str | None = None
) -> bytes:
    """An open appeal has changed, or may be seen no more."""
    said: dict[str, Any] = {"number": number}
    said |= {"gone": True} if gone else {"stale": stale}
    return msgspec.json.encode({"thread": said | ({} if ready is None else {"ready": ready})})


def presence_event(viewers: Mapping[str, list[Viewer]]) -> bytes:
    """Who has which appeals open."""
    return msgspec.json.encode({"presence": viewers})
