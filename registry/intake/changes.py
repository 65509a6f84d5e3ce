"""What happens to messages that are stored: their writer edits them, or takes them back."""

from registry.columns import from_stored
from registry.intake import statements as sql
from registry.intake.batch import Address, Batch, Steps, external
from registry.intake.naming import rename
from registry.journal import ADD_JOURNAL, CITIZEN, journal_row
from registry.types import AttachmentKind, MessageEdited


def apply_edits(batch: Batch) -> Steps:
    """Change the text and keep the old one in the journal; older edits change nothing."""
    edits = _last_edits(batch)
    if not edits:
        return
    stored = {(r[0], r[1], r[2]): r for r in (yield sql.EDITABLE, sorted(edits))}
    changes, journal, places, renaming = [], [], [], []
    for address, (index, item) in edits.items():
        found = stored.get(address)
        if found is None:
            continue
        _, _, _, message_id, appeal_id, number, text, edited_at, sent_at = found
        batch.result.numbers[index] = number
        last = from_stored(edited_at if edited_at is not None else sent_at)
        if item.edited_at < last:
            batch.result.fates[index] = "duplicate"
            continue
        places += [
            (message_id, a.latitude, a.longitude)
            for a in item.message.attachments
            if a.kind is AttachmentKind.LOCATION
        ]
        if batch.result.fates[index] == "stored":
            # It was registered as it reads now: only when it was edited is news.
            changes.append((message_id, text, item.edited_at))
            continue
        if item.message.text == text:
            continue
        changes.append((message_id, item.message.text, item.edited_at))
        renaming.append((message_id, appeal_id, text))
        data = {"was": text, "edited_at": item.edited_at}
        journal.append(
            journal_row(
                "message.edited", actor=CITIZEN, now=batch.now,
                appeal_id=appeal_id, message_id=message_id, data=data,
            )
        )  # fmt: skip
        if appeal_id is not None:
            batch.result.appeals.add(appeal_id)
    if changes:
        yield sql.EDIT, changes
        yield ADD_JOURNAL, journal
        yield from rename(batch, renaming)
    if places:
        yield sql.MOVE, places


def apply_deletions(batch: Batch) -> Steps:
    """Mark what its writer took back; the journal keeps the text."""
    deletions = {(item.channel, item.account, item.external_id): item for item in batch.deletions}
    if not deletions:
        return
    changes, journal, renaming = [], [], []
    for *address, message_id, appeal_id, _, text, _, _ in (yield sql.EDITABLE, sorted(deletions)):
        item = deletions[address[0], address[1], address[2]]
        changes.append((message_id, item.at))
        renaming.append((message_id, appeal_id, text))
        entry = journal_row(
            "message.deleted", actor=CITIZEN, now=batch.now,
            appeal_id=appeal_id, message_id=message_id, data={"was": text},
        )  # fmt: skip
        journal.append((*entry, f"deleted:{message_id}"))
        if appeal_id is not None:
            batch.result.appeals.add(appeal_id)
    if changes:
        yield sql.DELETE, changes
        yield sql.ADD_EVENTS, journal
        yield from rename(batch, renaming)


def _last_edits(batch: Batch) -> dict[Address, tuple[int, MessageEdited]]:
    """Of several edits of one message the last alone counts, and the later of two at once."""
    edits: dict[Address, tuple[int, MessageEdited]] = {}
    for index, item in batch.edits:
        address = external(item.message)
        earlier = edits.get(address)
        if earlier is None or item.edited_at >= earlier[1].edited_at:
            edits[address] = (index, item)
    return edits
