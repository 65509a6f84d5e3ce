"""Replies: looked at before they are sent, queued, and sent again when they failed.

The caller commits, then wakes the outbox.
"""

from registry.replies.previewing import Preview, preview_reply
from registry.replies.queueing import queue_reply
from registry.replies.retrying import RETRYABLE, retry_message

__all__ = ["RETRYABLE", "Preview", "preview_reply", "queue_reply", "retry_message"]
