"""The read side: lists of appeals, one appeal with all that belongs to it, one message.

What comes out has the shapes of the public contract, so that nothing is copied on the way to JSON.
Lists read columns rather than entities, and one query a kind of thing, however long the list.
"""

from registry.inbox.coupons import Coupon, get_coupon
from registry.inbox.lists import count_waiting, list_appeals
from registry.inbox.matching import (
    Known,
    ids_of,
    is_searching,
    load_known,
    matches,
    matching_ids,
)
from registry.inbox.order import BadCursor, Sort, read_cursor
from registry.inbox.panels import Brief, Panel, Tie, get_panel
from registry.inbox.query import DEFAULT_LIMIT, MAX_LIMIT, Query
from registry.inbox.shapes import (
    Appeal,
    AppealDetail,
    AppealPage,
    Attachment,
    AttachmentUrl,
    Contact,
    Delivery,
    DeliveryError,
    Entry,
    Message,
    Point,
)
from registry.inbox.threads import Thread, get_thread
from registry.inbox.whole import get_appeal, get_message, get_summary

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "Appeal",
    "AppealDetail",
    "AppealPage",
    "Attachment",
    "AttachmentUrl",
    "BadCursor",
    "Brief",
    "Contact",
    "Coupon",
    "Delivery",
    "DeliveryError",
    "Entry",
    "Known",
    "Message",
    "Panel",
    "Point",
    "Query",
    "Sort",
    "Thread",
    "Tie",
    "count_waiting",
    "get_appeal",
    "get_coupon",
    "get_message",
    "get_panel",
    "get_summary",
    "get_thread",
    "ids_of",
    "is_searching",
    "list_appeals",
    "load_known",
    "matches",
    "matching_ids",
    "read_cursor",
]
