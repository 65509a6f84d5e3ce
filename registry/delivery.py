"""What became of outgoing messages: reports move their states forward, in whatever order they come.

A message has a state for each of its parts; its own is that of the part that got least far. A
report on a message that is not known yet waits for the send that will name it.
"""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from registry.ids import parse_id
from registry.journal import ADD_JOURNAL, SYSTEM, journal_row
from registry.statements import ID, TEXT, TIME, Row, Script, Statement
from registry.states import RANK, advance
from registry.types import DeliveryReport, DeliveryState

Address: TypeAlias = tuple[str, str, str]


def apply_reports(reports: Sequence[DeliveryReport], *, now: datetime) -> Script[set[int]]:
    """Move states forward; returns the ids of the appeals that changed."""
    found = yield from _find(reports, now=now)
    if not found:
        return set()
    return (yield from move_forward(found, now=now))


def move_forward(
    found: Sequence[tuple[int, str | None, DeliveryReport]], *, now: datetime
) -> Script[set[int]]:
    """Apply reports to messages that are known: (message id, external id of the part, report)."""
    message_ids = sorted({message_id for message_id, _, _ in found})
    wanted = [(id_,) for id_ in message_ids]
    messages = {row[0]: list(row) for row in (yield _MESSAGES, wanted)}
    parts: defaultdict[int, dict[Address, str]] = defaultdict(dict)
    places: dict[Address, int] = {}
    for message_id, channel, account, external_id, state, place in (yield _PARTS, wanted):
        parts[message_id][channel, account, external_id] = state
        places[channel, account, external_id] = place
    moved: dict[Address, str] = {}
    changed: dict[int, Row] = {}
    confirmed: list[Row] = []
    ended: list[Row] = []
    for message_id, external_id, report in found:
        if message_id not in messages:
            continue
        _, _, state, dispatch, next_part, more = messages[message_id]
        part = (report.channel, report.account, external_id or "")
        if part in parts[message_id]:
            new_part = advance(DeliveryState(parts[message_id][part]), report.state)
            if new_part != parts[message_id][part]:
                parts[message_id][part] = moved[part] = new_part
            elif report.state is DeliveryState.FAILED:
                continue  # told before: since then it may wait to be sent again
        target: DeliveryState = report.state
        if target in {DeliveryState.FAILED, DeliveryState.UNCERTAIN}:
            if dispatch == "queued" and target is DeliveryState.FAILED:
                # Half a reply is none: its other parts wait for whoever sends it again.
                ended.append((message_id,))
        elif (
            dispatch == "uncertain"
            and state != DeliveryState.FAILED
            and report.message_id is not None
            and places.get(part, report.part) == next_part
        ):
            # The provider knows our id: what was uncertain did go out, and the rest may follow.
            confirmed.append((message_id, now))
            messages[message_id][3] = "done"
            if more:
                messages[message_id][2] = state = DeliveryState.SENDING
                changed[message_id] = (message_id, state, report.at, None, None)
                continue
        elif dispatch not in {None, "done"}:
            continue
        else:
            target = _least(parts[message_id], places) or report.state
        new_state = advance(DeliveryState(state), target)
        if new_state != state:
            messages[message_id][2] = new_state
            changed[message_id] = (
                message_id, new_state, report.at, report.error_code, report.error_reason,
            )  # fmt: skip
    if moved:
        yield _SET_PARTS, [(*address, state) for address, state in sorted(moved.items())]
    if confirmed:
        yield _CONFIRM, confirmed
    if ended:
        yield _END_QUEUED, ended
    if not changed:
        return set()
    yield _SET_MESSAGES, [changed[id_] for id_ in sorted(changed)]
    yield ADD_JOURNAL, [_entry(row, messages[row[0]][1], now) for row in changed.values()]
    return {messages[id_][1] for id_ in changed if messages[id_][1] is not None}


def _find(
    reports: Sequence[DeliveryReport], *, now: datetime
) -> Generator[Any, list[Row], list[tuple[int, str | None, DeliveryReport]]]:
    """Which messages the reports speak of; those that nobody knows yet are kept for later."""
    yield from _link(reports)
    named = sorted({(r.channel, r.account, r.external_id) for r in reports if r.external_id})
    known: dict[Address, int] = {}
    if named:
        for channel, account, external_id, message_id in (yield _KNOWN, named):
            known[channel, account, external_id] = message_id
    found: list[tuple[int, str | None, DeliveryReport]] = []
    early: dict[tuple[str, ...], Row] = {}
    for report in reports:
        if report.external_id is not None:
            address = (report.channel, report.account, report.external_id)
            if address in known:
                found.append((known[address], report.external_id, report))
                continue
        ours = parse_id(report.message_id) if report.message_id else None
        if ours is not None:
            found.append((ours, None, report))
        elif report.external_id is not None:
            address = (report.channel, report.account, report.external_id)
            early[*address, report.state] = (
                *address, report.state, report.at, report.error_code, report.error_reason, now,
            )  # fmt: skip
        elif report.conversation is not None and report.watermark is not None:
            row = (report.channel, report.account, report.conversation, report.watermark)
            for external_id, message_id in (yield _UP_TO, [row]):
                found.append((message_id, external_id, report))
    if early:
        yield _ADD_EARLY, [early[key] for key in sorted(early)]
    return found


def _link(reports: Sequence[DeliveryReport]) -> Generator[Any, list[Row], None]:
    links = {
        (r.channel, r.account, r.external_id): (parse_id(r.message_id), r.part)
        for r in reports
        if r.names and r.external_id and r.message_id
    }
    rows = [(*address, *named) for address, named in sorted(links.items()) if named[0] is not None]
    if rows:
        yield _LINK, rows


def _least(parts: Mapping[Address, str], places: Mapping[Address, int]) -> DeliveryState | None:
    """How far the part is that got least far; None where nothing is known of any.

    An id that failed does not count where its part was sent again under another.
    """
    tries: defaultdict[int, list[DeliveryState]] = defaultdict(list)
    for address, state in parts.items():
        tries[places[address]].append(DeliveryState(state))
    reached = []
    for states in tries.values():
        living = [state for state in states if state is not DeliveryState.FAILED]
        if not living:
            return DeliveryState.FAILED
        reached.append(min(living, key=RANK.__getitem__))
    return min(reached, key=RANK.__getitem__, default=None)


def _entry(row: Row, appeal_id: int | None, now: datetime) -> Row:
    message_id, state, at, code, reason = row
    return journal_row(
        f"message.{state}",
        actor=SYSTEM,
        now=now,
        appeal_id=appeal_id,
        message_id=message_id,
        data={"at": at, "code": code, "reason": reason},
    )


_KNOWN = Statement(
    """
    SELECT e.channel, e.account, e.external_id, e.message_id
    FROM {rows} JOIN external_ids e
      ON e.channel = r.channel AND e.account = r.account AND e.external_id = r.external_id
    JOIN messages m ON m.id = e.message_id AND m.direction = 'out'
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
)

_UP_TO = Statement(
    """
    SELECT e.external_id, e.message_id
    FROM {rows} JOIN conversations c
      ON c.channel = r.channel AND c.account = r.account AND c.key = r.key
    JOIN messages m ON m.conversation_id = c.id AND m.direction = 'out'
      AND m.state IN ('sending', 'sent', 'delivered') AND m.sent_at <= r.watermark
    JOIN external_ids e ON e.message_id = m.id AND e.channel = c.channel AND e.account = c.account
    """,
    channel=TEXT,
    account=TEXT,
    key=TEXT,
    watermark=TIME,
)

_LINK = Statement(
    """
    INSERT INTO external_ids (channel, account, external_id, message_id, part, state)
    SELECT r.channel, r.account, r.external_id, m.id, r.part, 'sent'
    FROM {rows} JOIN messages m ON m.id = r.message_id WHERE true
    ON CONFLICT (channel, account, external_id) DO NOTHING
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
    message_id=ID,
    part=ID,
)

_MESSAGES = Statement(
    """
    SELECT m.id, m.appeal_id, m.state, d.state, d.next_part, d.next_part + 1 < d.part_count
    FROM {rows} JOIN messages m ON m.id = r.id AND m.direction = 'out'
    LEFT JOIN dispatches d ON d.message_id = m.id
    ORDER BY m.id {lock:m}
    """,
    id=ID,
)

_PARTS = Statement(
    """
    SELECT e.message_id, e.channel, e.account, e.external_id, e.state, e.part
    FROM {rows} JOIN external_ids e ON e.message_id = r.id
    """,
    id=ID,
)

_SET_PARTS = Statement(
    """
    UPDATE external_ids SET state = r.state FROM {rows}
    WHERE external_ids.channel = r.channel AND external_ids.account = r.account
      AND external_ids.external_id = r.external_id
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
    state=TEXT,
)

_SET_MESSAGES = Statement(
    """
    UPDATE messages SET state = r.state, state_at = r.at, error_code = r.code,
      error_reason = r.reason
    FROM {rows} WHERE messages.id = r.id
    """,
    id=ID,
    state=TEXT,
    at=TIME,
    code=TEXT,
    reason=TEXT,
)

_CONFIRM = Statement(
    """
    UPDATE dispatches SET
      next_part = next_part + 1,
      state = CASE WHEN next_part + 1 < part_count THEN 'queued' ELSE 'done' END,
      due_at = r.now
    FROM {rows} WHERE dispatches.message_id = r.message_id AND dispatches.state = 'uncertain'
    """,
    message_id=ID,
    now=TIME,
)

_END_QUEUED = Statement(
    """
    UPDATE dispatches SET state = 'failed'
    FROM {rows} WHERE dispatches.message_id = r.message_id AND dispatches.state = 'queued'
    """,
    message_id=ID,
)

_ADD_EARLY = Statement(
    """
    INSERT INTO early_reports
      (channel, account, external_id, state, at, error_code, error_reason, received_at)
    SELECT channel, account, external_id, state, at, code, reason, received_at
    FROM {rows} WHERE true
    ON CONFLICT (channel, account, external_id, state) DO NOTHING
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
    state=TEXT,
    at=TIME,
    code=TEXT,
    reason=TEXT,
    received_at=TIME,
)
