"""What appeals are called after: a message that is edited, or taken back, takes its words along.

A subject that a person wrote stays.
"""

from collections.abc import Generator, Iterable
from typing import Any

from registry.intake import statements as sql
from registry.intake.batch import Batch, Steps, external
from registry.statements import Row
from registry.subjects import first_line


def find_named(batch: Batch) -> Generator[Any, list[Row], set[int]]:
    """The appeals that messages of the batch may give another name; `batch.named` learns them.

    Their own, and those of the same person that had them once: a merge and a split leave names.
    """
    addresses = {external(edit.message) for _, edit in batch.edits}
    addresses |= {(one.channel, one.account, one.external_id) for one in batch.deletions}
    if not addresses:
        return set()
    for message_id, appeal_id in (yield sql.NAMED_AFTER, sorted(addresses)):
        batch.named.setdefault(message_id, set()).add(appeal_id)
    return set().union(*batch.named.values())


def rename(batch: Batch, changed: Iterable[tuple[int, int | None, str]]) -> Steps:
    """Call the appeals that were called after these messages (id, appeal, text as it was) after the
    first that is left."""
    called = {
        (appeal_id, first_line(was))
        for message_id, own, was in changed
        for appeal_id in {own, *batch.named.get(message_id, ())}
        if appeal_id is not None and first_line(was)
    }
    if not called:
        return
    renamed = [(id_, first_line(text)) for id_, text in (yield sql.FIRST_TEXTS, sorted(called))]
    if renamed:
        yield sql.SET_SUBJECTS, sorted(renamed)
        batch.result.appeals |= {id_ for id_, _ in renamed}
