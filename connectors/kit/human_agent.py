"""How long Meta carries a reply to a person on Messenger and on Instagram: a day, or a week.

Within a day of the person's last message any reply goes. Within a week goes what a human wrote,
under a tag that Meta grants an app which asks for its Human Agent feature.

Sources: https://developers.facebook.com/docs/messenger-platform/send-messages/message-tags,
https://developers.facebook.com/docs/messenger-platform/instagram/features/send-message
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from connectors.base import Misconfigured, WindowClosed

WINDOW_HOURS = 24.0
"""Since the person's last message, for any reply."""
HUMAN_AGENT_HOURS = 7 * 24.0
"""The same for a reply that a person wrote, where Meta has granted the tag."""

_NOT_GRANTED = (
    "The person wrote more than 24 hours ago, and Meta has not granted the app the Human Agent "
    "feature that human_agent = true counts on."
)


def tag_for(
    last_inbound_at: datetime | None, now: datetime, *, human_agent: bool, too_late: str
) -> dict[str, str]:
    """The tag that a reply needs by now, none within a day; `human_agent` is whether it may.

    Someone who pressed a button has written nothing and can be answered: Meta decides.

    Raises: WindowClosed with `too_late`, in which {hours} is how long the window was.
    """
    if last_inbound_at is None or now - last_inbound_at <= timedelta(hours=WINDOW_HOURS):
        return {}
    hours = HUMAN_AGENT_HOURS if human_agent else WINDOW_HOURS
    if now - last_inbound_at > timedelta(hours=hours):
        raise WindowClosed(too_late.format(hours=f"{hours:g}"))
    return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}


@contextmanager
def tag_errors(*, tagged: bool) -> Iterator[None]:
    """Tell a tag that is not allowed, while ordinary replies go, from a lost permission."""
    try:
        yield
    except Misconfigured as error:
        if not tagged or error.code != "10":
            raise
        raise WindowClosed(_NOT_GRANTED, code=error.code) from error
