"""What need not be kept: the provider's copies of recordings, and orders of long ago."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from registry.calls.orders import Forget
from registry.ids import first_id, new_id
from registry.statements import ID, JSON, TEXT, TIME, Script, Statement


def forget_recording(*, account: str, recording: str, now: datetime) -> Script[None]:
    """Have the provider's copy deleted, in the transaction in which ours is noted: it holds what a
    citizen said.

    It is no matter of the call's any more: it waits for none of its orders, and none for it.
    """
    id_ = new_id()
    order = msgspec.json.encode(Forget(recording=recording)).decode()
    rows: Sequence[Sequence[object]] = [(id_, id_, account, order, now)]
    yield _FORGET, rows


def forget_orders(*, before: datetime) -> Script[None]:
    """Remove orders that were done with, and made before."""
    yield _FORGET_ORDERS, [(first_id(before),)]


_FORGET = Statement(
    """
    INSERT INTO call_orders (id, call_id, account, what, made_at, tries)
    SELECT r.id, r.call_id, r.account, r.what, r.now, 0 FROM {rows} WHERE true
    """,
    id=ID,
    call_id=ID,
    account=TEXT,
    what=JSON,
    now=TIME,
)

_FORGET_ORDERS = Statement(
    """
    DELETE FROM call_orders
    WHERE done_at IS NOT NULL AND id < (SELECT r.before FROM {rows})
    """,
    before=ID,
)
