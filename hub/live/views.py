"""Who shows which list: views that are answered alike stand together in a group."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace

from hub.api.exchange import parse_query
from hub.api.listing import AppealQuery, query_of
from hub.live.clients import Client, View
from registry.inbox import DEFAULT_LIMIT, Query, Sort
from registry.operators import Principal
from registry.queues import Queue

_PERSONAL = frozenset({Queue.MINE, Queue.MENTIONS})

_Key = tuple[Any, ...]


@dataclass(eq=False, slots=True)
class Group:
    """Views to which the same appeals belong."""

    query: Query
    viewer: Principal
    """One of them: the others see the same of this list."""
    views: dict[View, set[Client]] = field(default_factory=dict)


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
        key = _key(query, client.principal)
        group = self._groups.setdefault(key, Group(query, client.principal))
        group.views.setdefault(view, set()).add(client)
        self._keys[client, view] = key
        client.views.add(view)

    def of(self, client: Client, view: View) -> Group:
        """The group in which a client's view takes part."""
        return self._groups[self._keys[client, view]]

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


def _key(query: Query, viewer: Principal) -> _Key:
    # Whoever sees every team sees the same as the others who do, unless the queue is their own.
    is_own = viewer.teams is not None or query.queue in _PERSONAL
    return (query, viewer.teams, viewer.operator_id if is_own else None)
