"""What people do to appeals: take the next, claim, hand over, move along, describe, note, divide,
merge, and open at the counter.

Every change is written to the journal in the transaction of the change, old beside new; what
changes nothing writes nothing. The entry is the key by which a change is undone (see
registry.undoing). The caller commits.
"""

from registry.appeals.changes import Change, Priority, change_appeal
from registry.appeals.dividing import Division, split_appeal
from registry.appeals.merging import DifferentContacts, merge_appeal
from registry.appeals.notes import add_note
from registry.appeals.once import FormChanged, OpenedAlready
from registry.appeals.opening import DESK, DeskChannel, Opening, open_appeal
from registry.appeals.reverting import ChangedSince, NotUndoable
from registry.appeals.taking import take_next
from registry.errors import NotAllowed

__all__ = [
    "DESK",
    "Change",
    "ChangedSince",
    "DeskChannel",
    "DifferentContacts",
    "Division",
    "FormChanged",
    "NotAllowed",
    "NotUndoable",
    "OpenedAlready",
    "Opening",
    "Priority",
    "add_note",
    "change_appeal",
    "merge_appeal",
    "open_appeal",
    "split_appeal",
    "take_next",
]
