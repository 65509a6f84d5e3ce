"""Tells a citizen that their appeal was registered: once an appeal, and never in a loop."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from registry.intake import statements as sql
from registry.intake.batch import Batch, Steps, language_of
from registry.intake.rows import Opening, automatic_rows
from registry.types import InboundMessage

MOST_AN_HOUR = 3
"""Of one contact: whoever opens more is a machine that answers ours, and is not answered."""

LATEST = timedelta(hours=1)
"""Older messages are a backlog: who wrote them days ago would wonder, and windows are closed."""


def acknowledge(batch: Batch, opened: Sequence[Opening]) -> Steps:
    """Queue an acknowledgement for each appeal that a citizen's message opened."""
    if batch.rules.acknowledge is None:
        return
    worded = [(opening, text) for opening in opened if (text := _text(batch, opening))]
    if not worded:
        return
    contacts = sorted({opening.conversation.contact_id for opening, _ in worded})
    since = batch.now - timedelta(hours=1)
    counted = yield sql.RECENT_APPEALS, [(id_, since) for id_ in contacts]
    recent: Counter[int] = Counter({row[0]: row[1] for row in counted})
    recent.subtract(opening.conversation.contact_id for opening in opened)
    few = []
    for opening, text in worded:
        recent[opening.conversation.contact_id] += 1
        if recent[opening.conversation.contact_id] <= MOST_AN_HOUR:
            few.append((opening, text))
    rows = [
        automatic_rows(
            batch,
            opening.conversation.id,
            text,
            account=(opening.item.channel, opening.item.account),
            key=f"acknowledgement:{opening.appeal.id}",
            appeal_id=opening.appeal.id,
        )
        for opening, text in few
    ]
    if rows:
        yield sql.ADD_AUTOMATIC, [message for message, _ in rows]
        yield sql.ADD_DISPATCHES, [dispatch for _, dispatch in rows]
        batch.result.automatic = True


def _text(batch: Batch, opening: Opening) -> str | None:
    """What the citizen reads; None where they are not answered. What we wrote opens silently, and
    who calls is spoken to."""
    item = opening.item
    if batch.rules.acknowledge is None or not isinstance(item, InboundMessage):
        return None
    if item.call or batch.now - item.sent_at > LATEST:
        return None
    return batch.rules.acknowledge(
        channel=item.channel,
        public=item.public,
        language=opening.language or opening.conversation.language or language_of(item.sender),
        number=opening.appeal.number,
        appeal_id=opening.appeal.id,
    )
