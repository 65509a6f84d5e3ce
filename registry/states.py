"""The legal moves, as two tables: an appeal's status and an outgoing message's delivery state."""

from enum import StrEnum

from registry.types import DeliveryState


class Status(StrEnum):
    """An appeal's status."""

    NEW = "new"
    """Nobody has taken it."""
    OPEN = "open"
    """In work."""
    PENDING = "pending"
    """Waiting for the citizen or for somebody outside."""
    RESOLVED = "resolved"
    """Answered; a new message within the join window opens it again."""
    CLOSED = "closed"
    """Over; a new message opens a new appeal."""


class Outcome(StrEnum):
    """How an appeal was resolved."""

    FIXED = "fixed"
    """What was asked for was done."""
    PLANNED = "planned"
    """It will be done, at a time that the citizen was told."""
    REFUSED = "refused"
    """It will not be done, for a reason that the citizen was told."""
    NOT_COMPETENT = "not_competent"
    """It is another body's, to which it was forwarded."""
    DUPLICATE = "duplicate"
    """It repeats another appeal."""
    ANSWERED = "answered"
    """A question, and its answer."""


MOVES: dict[Status, frozenset[Status]] = {
    Status.NEW: frozenset({Status.OPEN, Status.PENDING, Status.RESOLVED, Status.CLOSED}),
    Status.OPEN: frozenset({Status.PENDING, Status.RESOLVED, Status.CLOSED}),
    Status.PENDING: frozenset({Status.OPEN, Status.RESOLVED, Status.CLOSED}),
    Status.RESOLVED: frozenset({Status.OPEN, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.OPEN}),
}
"""From each status, where an appeal may go."""

LIVE = frozenset({Status.NEW, Status.OPEN, Status.PENDING})
"""Statuses in which an appeal takes new messages without any move."""


def may_move(source: Status, target: Status) -> bool:
    """Whether the table has this move; staying where one is is no move."""
    return target in MOVES[source]


RANK = {
    DeliveryState.QUEUED: 0,
    DeliveryState.SENDING: 1,
    DeliveryState.UNCERTAIN: 2,
    DeliveryState.FAILED: 2,
    DeliveryState.SENT: 3,
    DeliveryState.DELIVERED: 4,
    DeliveryState.READ: 5,
}
"""How far along each delivery state is."""


def advance(current: DeliveryState, reported: DeliveryState) -> DeliveryState:
    """The state after a report: forward or unchanged, whatever order reports come in.

    `failed` is left only by an explicit retry. A provider's word that the message arrived
    settles an `uncertain` one, and a failure reported after `sent` is a failure; one that
    comes after `delivered` or `read` contradicts what is known and is ignored.
    """
    if current is DeliveryState.FAILED:
        return current
    if reported is DeliveryState.FAILED:
        return reported if RANK[current] <= RANK[DeliveryState.SENT] else current
    return reported if RANK[reported] > RANK[current] else current
