"""What people do without writing: they react, press Start, or block us and let us through again."""

from operator import itemgetter

from registry.intake import statements as sql
from registry.intake.batch import Batch, Steps, conversation_of, external, language_of
from registry.intake.rows import automatic_rows
from registry.journal import CITIZEN, SYSTEM, journal_row
from registry.statements import Row
from registry.types import ContactEvent, Reaction


def apply_events(batch: Batch) -> Steps:
    """Reactions and events go to the journal, each once; Start greets, a block is noted."""
    journal = [_reaction_row(batch, reaction) for reaction in batch.reactions]
    journal += [_event_row(batch, event) for event in batch.events]
    if not journal:
        return
    # In the same order by every process, so that two never wait for each other.
    journal.sort(key=itemgetter(-1))
    written = {row[0] for row in (yield sql.ADD_EVENTS, journal)}
    by_key = {_event_key(event): event for event in batch.events}
    fresh = [event for key, event in by_key.items() if key in written]
    reach = _reach(batch, fresh)
    if reach:
        yield sql.SET_BLOCKED, reach
    greetings = [row for e in fresh if e.kind == "started" and (row := _greeting(batch, e))]
    if greetings:
        yield sql.ADD_AUTOMATIC, [message for message, _ in greetings]
        yield sql.ADD_DISPATCHES, [dispatch for _, dispatch in greetings]
        batch.result.automatic = True


def _reach(batch: Batch, events: list[ContactEvent]) -> list[Row]:
    """Since when each conversation is blocked, or that it is not: its last event decides."""
    last = {
        conversation_of(batch, e).id: e.at if e.kind == "blocked" else None
        for e in sorted(events, key=lambda e: e.at)
        if e.kind in {"blocked", "unblocked"}
    }
    return [(id_, last[id_]) for id_ in sorted(last)]


def _reaction_row(batch: Batch, item: Reaction) -> Row:
    found = batch.known.get(external(item))
    message_id, appeal_id, _ = found or (None, None, None)
    if appeal_id is not None:
        batch.result.appeals.add(appeal_id)
    emoji = "".join(item.emoji)
    place = f"{item.channel}/{item.account}/{item.external_id}"
    entry = journal_row(
        "message.reaction",
        actor=CITIZEN,
        now=batch.now,
        appeal_id=appeal_id,
        message_id=message_id,
        contact_id=conversation_of(batch, item).contact_id,
        data={"emoji": list(item.emoji), "external_id": item.external_id},
    )
    key = f"reaction:{place}:{item.sender.point.value}:{item.at.isoformat()}:{emoji}"
    return (*entry, key)


def _event_row(batch: Batch, item: ContactEvent) -> Row:
    conversation = conversation_of(batch, item)
    entry = journal_row(
        f"contact.{item.kind}",
        actor=SYSTEM if item.by_us else CITIZEN,
        now=batch.now,
        appeal_id=None if conversation.appeal is None else conversation.appeal.id,
        contact_id=conversation.contact_id,
        data={
            "channel": item.channel,
            "account": item.account,
            "payload": item.payload,
            "at": item.at,
        },
    )
    return (*entry, _event_key(item))


def _event_key(item: ContactEvent) -> str:
    return f"{item.kind}:{item.channel}/{item.account}/{item.external_id}"


def _greeting(batch: Batch, item: ContactEvent) -> tuple[Row, Row] | None:
    """The greeting's message and its dispatch, in the citizen's language or the first we have."""
    greetings = batch.rules.greetings
    text = greetings.get(language_of(item.sender) or "") or next(iter(greetings.values()), None)
    if text is None:
        return None
    return automatic_rows(
        batch,
        conversation_of(batch, item).id,
        text,
        account=(item.channel, item.account),
        key=f"greeting:{item.external_id}",
    )
