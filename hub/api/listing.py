"""What a list of appeals may be asked: the API and the address of a page use the same words."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.exchange import invalid
from registry.inbox import DEFAULT_LIMIT, MAX_LIMIT, Query, Sort
from registry.operators import Principal
from registry.queues import Queue
from registry.states import Status

ME = "me"

_Some = Annotated[str, Meta(description="One or several, with commas.")]
_When = Annotated[Annotated[datetime, Meta(tz=True)] | UnsetType, Meta(description="RFC 3339.")]


class AppealQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """What `GET appeals` may be asked; what is empty filters nothing."""

    queue: Annotated[Queue | UnsetType, Meta(description="One of the caller's queues.")] = UNSET
    channel: _Some = ""
    status: _Some = ""
    assignee: Annotated[
        str, Meta(description='"me", "none", an operator\'s id or e-mail address.')
    ] = ""
    team: Annotated[str, Meta(description='One or several; the queue "team" needs one.')] = ""
    category: Annotated[str, Meta(description="A code, or a group of them.")] = ""
    district: _Some = ""
    language: _Some = ""
    tag: str = ""
    q: Annotated[
        str,
        Meta(
            max_length=200,
            description="Words of a text, name or address, a number, a phone in any form.",
        ),
    ] = ""
    opened_from: _When = UNSET
    opened_before: _When = UNSET
    due_before: _When = UNSET
    sort: Sort = Sort.LAST_MESSAGE
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Meta(description="`next` of the page before.")] = ""


def query_of(asked: AppealQuery, principal: Principal) -> Query:
    """The registry's query. Raises: Problem (400)."""
    queue = None if isinstance(asked.queue, UnsetType) else asked.queue
    teams = _listed(asked.team)
    if queue is Queue.TEAM and len(teams) != 1:
        raise invalid("team", "the queue of a team needs one team's key.")
    return Query(
        queue=queue,
        channels=_listed(asked.channel),
        statuses=tuple(_status(name) for name in _listed(asked.status)),
        assignee=_assignee(asked.assignee, principal),
        teams=teams,
        category=asked.category or None,
        districts=_listed(asked.district),
        languages=_listed(asked.language),
        tag=asked.tag or None,
        q=asked.q or None,
        opened_from=_moment("opened_from", asked.opened_from),
        opened_before=_moment("opened_before", asked.opened_before),
        due_before=_moment("due_before", asked.due_before),
        sort=asked.sort,
        limit=asked.limit,
        cursor=asked.cursor or None,
    )


def own_id(principal: Principal) -> str:
    """The id of the operator who asks. Raises: Problem (400) where nobody's token asks."""
    if principal.operator_id is None:
        raise invalid("assignee", f"the token {principal.name} acts in no operator's name.")
    return str(principal.operator_id)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _status(name: str) -> Status:
    try:
        return Status(name)
    except ValueError:
        known = ", ".join(Status)
        raise invalid("status", f"there is no {name!r}; there are {known}.") from None


def _moment(field: str, asked: datetime | UnsetType) -> datetime | None:
    if isinstance(asked, UnsetType):
        return None
    try:
        return asked.astimezone(UTC)
    except OverflowError:
        raise invalid(field, "there is no such time in UTC.") from None


def _assignee(named: str, principal: Principal) -> str | None:
    return own_id(principal) if named == ME else named or None
