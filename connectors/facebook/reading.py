"""A page's delivery as the core's values: each item by itself, whatever becomes of the others."""

from collections.abc import Sequence
from datetime import datetime

from connectors.facebook import comments, messenger
from connectors.facebook.deliveries import (
    BareFeed,
    BareMessaging,
    Broken,
    Entry,
    Feed,
    Messaging,
    read_delivery,
)
from connectors.facebook.messenger import Account
from connectors.kit.moments import moment
from registry.types import Inbound, Unreadable

_SAMPLE = "0"
"""The page's id in the samples that Meta's dashboard posts on demand."""


def inbound(body: bytes, account: Account, *, received_at: datetime) -> Sequence[Inbound]:
    """What a delivery brings; what another page's does is unreadable here. Raises: Malformed."""
    found: list[Inbound] = []
    for number, entry in enumerate(read_delivery(body).entries):
        if entry.page == account.page_id:
            arrived = moment(entry.time) if entry.time else received_at
            found += _entry(entry, account, arrived)
        elif not entry.page:
            found += [
                Unreadable(reason=item.reason, item=path)
                for path, item in entry.items
                if isinstance(item, Broken)
            ]
        elif entry.page != _SAMPLE and entry.items:
            found.append(Unreadable(reason=_foreign(entry.page), item=f"entry[{number}]"))
    return found


def _foreign(page: str) -> str:
    """All pages of an app share one webhook, and one account of the hub is one page."""
    return (
        f"It is for the page {page[:40]}, and not for this account's page_id: give it an account "
        "of its own, with an app of its own."
    )


def _entry(entry: Entry, account: Account, arrived: datetime) -> Sequence[Inbound]:
    found: list[Inbound] = []
    for path, item in entry.items:
        match item:
            case Messaging():
                found += messenger.messaging(item, account, path=path, arrived=arrived)
            case Feed():
                found += comments.feed(item, account, path=path, arrived=arrived)
            case BareMessaging():
                found += messenger.bare(item, account, path=path, arrived=arrived)
            case BareFeed():
                found += comments.bare(item, account, arrived=arrived)
            case Broken():
                found.append(Unreadable(reason=item.reason, item=path))
    for path, item in entry.standby:
        # Another app answers these threads; only who does is of interest.
        if isinstance(item, Messaging) and messenger.hands_over(item):
            found += messenger.messaging(item, account, path=path, arrived=arrived)
    return found
