"""Which appeal a message belongs to: it joins its conversation's, reopens it, or opens another."""

from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Any

from registry.deadlines import DueTimes
from registry.ids import new_id
from registry.intake import statements as sql
from registry.intake.batch import Appeal, Batch, Conversation, Written, language_of
from registry.intake.rows import Growth, Opening, Rows
from registry.journal import SYSTEM, journal_row
from registry.numbers import counter_name, format_number
from registry.statements import Row
from registry.states import LIVE, Status
from registry.subjects import first_line
from registry.types import Echo, InboundMessage

KIND = "message"
"""What an appeal is that came by a channel, until somebody says otherwise."""


def appeal_for(
    batch: Batch,
    conversation: Conversation,
    item: Written,
    rows: Rows,
    *,
    language: str | None,
) -> Appeal:
    """Join the conversation's appeal, reopen it, or open another; `rows` learns what that adds.

    What we wrote ourselves joins whatever appeal there is, and moves none.
    """
    appeal = conversation.appeal
    if appeal is None:
        return _new_appeal(conversation, item, rows, language)
    if isinstance(item, Echo):
        return appeal
    if item.call and not _is_of_that_day(batch, item, appeal):
        return _new_appeal(conversation, item, rows, language)
    if appeal.status in LIVE:
        if appeal.status is Status.PENDING:
            _move(batch, appeal, Status.OPEN, "appeal.answered_by_citizen", rows)
        return appeal
    if (
        appeal.status is Status.RESOLVED
        and appeal.resolved_at is not None
        and item.sent_at - appeal.resolved_at < batch.rules.join_window
    ):
        _move(batch, appeal, Status.OPEN, "appeal.reopened", rows)
        rows.reopened.append(appeal.id)
        return appeal
    return _new_appeal(conversation, item, rows, language)


VOICEMAIL_WITHIN = timedelta(hours=1)
"""Of the call in which it was left: midnight may have come between them."""


def _is_of_that_day(batch: Batch, call: InboundMessage, appeal: Appeal) -> bool:
    """Whether a call goes with the appeal: one that is open, and was opened on that day."""
    if appeal.status not in LIVE:
        return False
    if call.attachments and call.sent_at - appeal.opened_at < VOICEMAIL_WITHIN:
        return True
    zone = batch.rules.zone
    return call.sent_at.astimezone(zone).date() == appeal.opened_at.astimezone(zone).date()


def open_appeals(batch: Batch, rows: Rows) -> Generator[Any, list[Row], Sequence[Opening]]:
    """Number the new appeals in the order in which their messages were written, and insert them."""
    if not rows.appeals:
        return ()
    year = batch.now.astimezone(batch.rules.zone).year
    found = yield sql.COUNT, [(counter_name(year), len(rows.appeals))]
    first = found[0][0] - len(rows.appeals) + 1
    for serial, opening in enumerate(rows.appeals, first):
        opening.appeal.number = format_number(batch.rules.number_prefix, year, serial)
    numbers = {opening.appeal.id: opening.appeal.number for opening in rows.appeals}
    for index, appeal_id in rows.placed:
        if appeal_id in numbers:
            batch.result.numbers[index] = numbers[appeal_id]
    # One minute, one kind and no category yet: what is due when is the same for all of them.
    deadlines = batch.rules.deadlines
    due = None if deadlines is None else deadlines(KIND, None, batch.now)
    yield (
        sql.ADD_APPEALS,
        [_appeal_row(batch, one, rows.growth.pop(one.appeal.id), due) for one in rows.appeals],
    )
    batch.result.appeals |= numbers.keys()
    return rows.appeals


def _move(batch: Batch, appeal: Appeal, status: Status, event: str, rows: Rows) -> None:
    data = {"from": appeal.status, "to": status}
    rows.journal.append(
        journal_row(event, actor=SYSTEM, now=batch.now, appeal_id=appeal.id, data=data)
    )
    rows.grow(appeal.id).status = status
    appeal.status = status
    appeal.resolved_at = None


def _new_appeal(
    conversation: Conversation, item: Written, rows: Rows, language: str | None
) -> Appeal:
    appeal = Appeal(new_id(), "", Status.NEW, None, opened_at=item.sent_at, is_new=True)
    conversation.appeal = appeal
    rows.appeals.append(Opening(appeal, conversation, item, language))
    rows.current[conversation.id] = appeal.id
    return appeal


def _appeal_row(batch: Batch, opening: Opening, growth: Growth, due: DueTimes | None) -> Row:
    appeal, conversation, item = opening.appeal, opening.conversation, opening.item
    sender = item.sender if isinstance(item, InboundMessage) else item.recipient
    return (
        appeal.id,
        appeal.number,
        item.channel,
        item.account,
        conversation.id,
        conversation.contact_id,
        opening.language or conversation.language or language_of(sender),
        first_line(item.text),
        batch.now,
        growth.last_at,
        growth.messages,
        growth.unread,
        growth.latitude,
        growth.longitude,
        growth.waiting_since,
        growth.answered_at,
        *(due or (None, None)),
    )
