"""Who shows which list: views that are answered alike stand together in a group."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace

from hub.api.exchange import parse_query
from hub.api.listing import AppealQuery, query_of
from hub.live.clients import Client, View
from registry.inbox import DEFAULT_LIMIT, Known, Query, Sort, is_searching
from registry.operators import Principal
from registry.queues import Queue

_PERSONAL = frozenset({Queue.MINE, Queue.MENTIONS})

_Key = tuple[Any, ...]


@dataclass(eq=False, slots=True)
class Group:
    """Views to which the same appeals belong, but for what each of their viewers holds."""

    query: Query
    viewer: Principal
    """Whoever asks; nobody in particular where all of a team see the same."""
    views: dict[View, set[Client]] = field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        """Whether its viewers are several people, of the same teams."""
        return self.viewer.operator_id is None

    def own(self, known: Known, before: Known | None) -> Iterator["Group"]:
        """Groups of one, for those who may see an appeal of a foreign team as they hold it.

        Or held it before: then their lists may show it still.
        """
        team, teams = known.standing.team, self.viewer.teams
        if not self.is_shared or teams is None or team is None or team in teams:
            return
        holders = {each.standing.assignee_id for each in (known, before) if each is not None}
        for view, clients in self.views.items():
            for client in clients:
                if client.principal.operator_id in holders:
                    yield Group(self.query, client.principal, {view: {client}})


class Groups:
    """The groups of all clients."""

    def __init__(self) -> None:
        self._groups: dict[_Key, Group] = {}
        self._keys: dict[tuple[Client, View], _Key] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def add(self, client: Client, view: View) -> None:
        """Let a client's view take part. Raises: Problem, if there can be no such list."""
        query = read_view(view, client.principal)
        viewer = _viewer(query, client.principal)
        key = (query, viewer.teams, viewer.operator_id)
        group = self._groups.setdefault(key, Group(query, viewer))
        group.views.setdefault(view, set()).add(client)
        self._keys[client, view] = key
        client.views.add(view)

    def of(self, client: Client, view: View) -> Group:
        """The group in which a client's view takes part, as one of that client alone."""
        group = self._groups[self._keys[client, view]]
        return Group(group.query, client.principal, {view: {client}}) if group.is_shared else group

    def remove(self, client: Client, view: View) -> None:
        """Tell the client no more of that view."""
        client.views.discard(view)
        key = self._keys.pop((client, view), None)
        if key is None:
            return
        group = self._groups[key]
        group.views[view].discard(client)
        if not group.views[view]:
            del group.views[view]
        if not group.views:
            del self._groups[key]


def read_view(view: View, principal: Principal) -> Query:
    """What a view asks for, without its order and its pages. Raises: Problem."""
    pairs = parse_qsl(view.asked, keep_blank_values=True)
    query = query_of(parse_query(pairs, AppealQuery), principal)
    return replace(query, sort=Sort.LAST_MESSAGE, limit=DEFAULT_LIMIT, cursor=None)


def _viewer(query: Query, principal: Principal) -> Principal:
    """Whose list it is: a queue of their own, or words, which the database finds for each."""
    if query.queue in _PERSONAL or is_searching(query):
        return principal
    return replace(principal, operator_id=None, name="", actor="")
