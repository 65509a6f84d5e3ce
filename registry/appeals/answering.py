"""What a person's answer makes of an appeal, by whatever way it went: a message or a call."""

from datetime import datetime
from typing import Any

from registry.models import Appeal
from registry.states import Status


def answer_appeal(appeal: Appeal, *, now: datetime) -> dict[str, Any]:
    """Somebody has answered the citizen; gives what the journal tells of the appeal's status.

    The transaction holds the appeal.
    """
    data: dict[str, Any] = {}
    if appeal.status == Status.NEW:
        data = {"from": appeal.status, "to": Status.OPEN}
        appeal.status = Status.OPEN
    appeal.unread = 0
    appeal.waiting_since = None
    appeal.first_response_at = appeal.first_response_at or now
    if appeal.due_at is None or appeal.due_at > now:
        appeal.escalated_at = None  # a first answer was all that it was late with
    return data
