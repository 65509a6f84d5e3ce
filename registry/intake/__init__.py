"""The one door in: `accept` registers a batch of what came from the channels, in one transaction.

It is a script of set statements (see `registry.statements`): the cost of a transaction is shared by
all that waited, and no row is written alone. What is known already changes nothing. The order is
always the same (conversations, then appeals, then messages), so that two processes cannot hold what
the other wants.

Raises nothing of its own: a database error refuses the whole batch, and the caller narrows it down.
"""

from collections.abc import Sequence
from datetime import datetime

from registry.intake import statements as sql
from registry.intake.batch import Accepted, Acknowledge, Batch, Rules, Steps, batch_of, spoken
from registry.intake.changes import apply_deletions, apply_edits
from registry.intake.conversations import hold_conversations
from registry.intake.events import apply_events
from registry.intake.messages import store_messages
from registry.intake.reports import apply_delivery_reports
from registry.statements import Script
from registry.types import Inbound

__all__ = ["Accepted", "Acknowledge", "Rules", "accept"]


def accept(items: Sequence[Inbound], *, rules: Rules, now: datetime) -> Script[Accepted]:
    """Register what came, in the order it is given; `Unreadable` items are the caller's to bury."""
    batch = batch_of(items, rules=rules, now=now)
    yield from hold_conversations(batch)
    yield from store_messages(batch)
    yield from apply_edits(batch)
    yield from apply_deletions(batch)
    yield from apply_events(batch)
    yield from apply_delivery_reports(batch)
    yield from _touch_accounts(batch)
    return batch.result


def _touch_accounts(batch: Batch) -> Steps:
    """Note when each account last brought anything, so that one gone silent is seen."""
    accounts = {(item.channel, item.account) for item in spoken(batch)}
    accounts |= {(item.channel, item.account) for item in batch.deletions}
    accounts |= {(item.channel, item.account) for item in batch.reports}
    yield sql.TOUCH_ACCOUNTS, [(*account, batch.now) for account in sorted(accounts)]
