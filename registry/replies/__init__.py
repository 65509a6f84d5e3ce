"""Replies: looked at before they are sent, queued, taken back, and sent again when they failed.

The caller commits, then wakes the outbox.
"""

from registry.replies.asked import MAX_HOLD, Reply, Via
from registry.replies.collisions import ColleagueReplied
from registry.replies.overview import WayNow, list_ways
from registry.replies.planning import Plan, make_plan
from registry.replies.previewing import Preview, preview_reply
from registry.replies.queueing import TakenBackAlready, prepare_reply, queue_reply
from registry.replies.retrying import RETRYABLE, retry_message
from registry.replies.taking_back import TakenBack, TooLate, take_back
from registry.replies.ways import Accounts, Reach, Way

__all__ = [
    "MAX_HOLD",
    "RETRYABLE",
    "Accounts",
    "ColleagueReplied",
    "Plan",
    "Preview",
    "Reach",
    "Reply",
    "TakenBack",
    "TakenBackAlready",
    "TooLate",
    "Via",
    "Way",
    "WayNow",
    "list_ways",
    "make_plan",
    "prepare_reply",
    "preview_reply",
    "queue_reply",
    "retry_message",
    "take_back",
]
