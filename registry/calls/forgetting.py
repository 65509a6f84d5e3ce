"""A recording that lies with us is deleted at the provider: it holds what a citizen said."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from registry.calls.orders import Forget
from registry.ids import new_id
from registry.statements import ID, JSON, TEXT, TIME, Script, Statement


def forget_recording(*, account: str, recording: str, now: datetime) -> Script[None]:
    """Have the provider's copy deleted, in the transaction in which ours is noted.

    It is no matter of the call's any more: it waits for none of its orders, and none for it.
    """
    id_ = new_id()
    order = msgspec.json.encode(Forget(recording=recording)).decode()
    rows: Sequence[Sequence[object]] = [(id_, id_, account, order, now)]
    yield _FORGET, rows


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
