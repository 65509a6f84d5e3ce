"""What people do to appeals: claim, hand over, move along, describe, note, and open at the counter.

Every change is written to the journal in the transaction of the change, old beside new; what
changes nothing writes nothing. The caller commits.
"""

from registry.appeals.changes import Change, NotAllowed, Priority, change_appeal
from registry.appeals.notes import add_note
from registry.appeals.opening import DESK, DeskChannel, Opening, open_appeal

__all__ = [
    "DESK",
    "Change",
    "DeskChannel",
    "NotAllowed",
    "Opening",
    "Priority",
    "add_note",
    "change_appeal",
    "open_appeal",
]
