"""The outbox: which dispatches may go now, and what became of those that went.

The database is the queue. `claim_due` leases the oldest part that is due in each conversation and
is committed before any network call; `settle` writes the outcomes of many sends at once. A lease
that ran out belongs to a process that died between the two: `expire_leases` marks what it held
uncertain, as nobody can know whether it went out.
"""

from collections.abc import Container, Generator, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from registry.columns import from_stored
from registry.delivery import move_forward
from registry.statements import ID, TEXT, TIME, Row, Script, Statement
from registry.types import AccountKey, ChosenTemplate, DeliveryReport, DeliveryState


class File(Struct, frozen=True, kw_only=True):
    """A stored file, or a place, that a part carries."""

    id: int
    kind: str
    name: str | None
    mime: str | None
    size: int | None
    path: str | None
    latitude: float | None
    longitude: float | None


class Claim(Struct, frozen=True, kw_only=True):
    """One part that its holder may send until the lease runs out."""

    id: int
    message_id: int
    appeal_id: int | None
    number: str | None
    conversation_id: int
    conversation: str
    public: bool
    part: int
    parts: int
    text: str
    files: tuple[File, ...]
    reply_to: str | None
    last_inbound: str | None
    last_inbound_at: datetime | None
    attempts: int
    created_at: datetime
    previous_part: str | None = None
    """External id of the part before."""
    template: ChosenTemplate | None = None
    private_reply_to: str | None = None
    """External id of the comment whose author is answered privately."""


class _Part(Struct):
    text: str
    attachments: list[str]
    template: ChosenTemplate | None = None


_parts = msgspec.json.Decoder(list[_Part])


def claim_due(
    account: AccountKey, *, limit: int, owner: str, now: datetime, lease: timedelta
) -> Script[list[Claim]]:
    """Lease up to `limit` parts of the account that are due, the oldest of each conversation.

    A dispatch that waits for its next try holds back the later ones of its conversation. Nothing is
    claimed while the account is down or paused.
    """
    due = yield _DUE, [(account.channel, account.account, now, limit)]
    if not due:
        return []
    yield _LEASE, [(dispatch_id, owner, now + lease) for dispatch_id, _ in due]
    yield _SENDING, [(message_id, now) for _, message_id in due]
    rows = yield _CLAIMED, [(dispatch_id,) for dispatch_id, _ in due]
    planned = [_parts.decode(row[5])[row[6]] for row in rows]
    wanted = [(int(id_),) for part in planned for id_ in part.attachments]
    files: dict[int, File] = {}
    if wanted:
        for id_, kind, name, mime, size, path, latitude, longitude in (yield _FILES, wanted):
            files[id_] = File(
                id=id_, kind=kind, name=name, mime=mime, size=size, path=path,
                latitude=latitude, longitude=longitude,
            )  # fmt: skip
    return [_claim(row, part, files) for row, part in zip(rows, planned, strict=True)]


def _claim(row: Row, part: _Part, files: dict[int, File]) -> Claim:
    (
        id_, message_id, appeal_id, number, conversation_id, _, next_part, part_count, attempts,
        created_at, conversation, public, last_inbound, last_inbound_at, reply_to,
        private_reply_to, previous_part,
    ) = row  # fmt: skip
    return Claim(
        id=id_,
        message_id=message_id,
        appeal_id=appeal_id,
        number=number,
        conversation_id=conversation_id,
        conversation=conversation,
        public=bool(public),
        part=next_part,
        parts=part_count,
        text=part.text,
        files=tuple(files[int(i)] for i in part.attachments if int(i) in files),
        reply_to=reply_to if next_part == 0 else None,
        last_inbound=last_inbound,
        last_inbound_at=None if last_inbound_at is None else from_stored(last_inbound_at),
        attempts=attempts,
        created_at=from_stored(created_at),
        previous_part=previous_part,
        template=part.template,
        private_reply_to=private_reply_to,
    )


class Went(Struct, frozen=True, kw_only=True):
    """The part went out; the next one, if any, may follow at `next_at`."""

    claim: Claim
    external_ids: tuple[str, ...]
    at: datetime
    next_at: datetime


class Later(Struct, frozen=True, kw_only=True):
    """The part did not go out and is due again at `due_at`."""

    claim: Claim
    due_at: datetime
    counts: bool
    """Whether this was a try, for the backoff; being told to wait is none."""
    code: str | None = None
    reason: str | None = None


class Over(Struct, frozen=True, kw_only=True):
    """The part will not be tried again by itself: it failed, or its outcome cannot be known."""

    claim: Claim
    state: DeliveryState
    at: datetime
    reason: str
    code: str | None = None
    blocked: bool = False
    """The citizen lets nothing of ours through."""


def settle(
    account: AccountKey, outcomes: Sequence[Went | Later | Over], *, now: datetime
) -> Script[set[int]]:
    """Write what became of sends; returns the ids of the appeals that changed.

    Reports that came before a send returned are applied to it here. A part whose id came meanwhile,
    by an echo or a report, went out, whatever became of the answer.
    """
    outcomes = yield from _without_doubts(outcomes, now=now)
    went = [o for o in outcomes if isinstance(o, Went)]
    later = [o for o in outcomes if isinstance(o, Later)]
    over = [o for o in outcomes if isinstance(o, Over)]
    changed: set[int] = set()
    # A report that an earlier part failed ends the rest, and may be being written just now.
    goes_on = [o.claim for o in outcomes if not isinstance(o, Over) and o.claim.parts > 1]
    if goes_on:
        yield _HOLD_MESSAGES, sorted((claim.message_id,) for claim in goes_on)
    if went:
        changed |= yield from _settle_went(account, went, now=now)
    if later:
        yield (
            _POSTPONE,
            [(o.claim.id, o.claim.part, o.due_at, int(o.counts)) for o in later],
        )
        yield _EXPLAIN, [(o.claim.message_id, o.code, o.reason) for o in later]
        changed |= {o.claim.appeal_id for o in later if o.claim.appeal_id is not None}
    if over:
        yield _END, [(o.claim.id, o.claim.part, o.state) for o in over]
        blocked = {
            o.claim.conversation_id: (o.at, o.claim.last_inbound_at) for o in over if o.blocked
        }
        if blocked:
            yield _BLOCK, [(id_, *blocked[id_]) for id_ in sorted(blocked)]
        changed |= yield from move_forward(
            [
                (
                    o.claim.message_id,
                    None,
                    DeliveryReport(
                        channel=account.channel,
                        account=account.account,
                        state=o.state,
                        at=o.at,
                        error_code=o.code,
                        error_reason=o.reason,
                    ),
                )
                for o in over
            ],
            now=now,
        )
    return changed


def _without_doubts(
    outcomes: Sequence[Went | Later | Over], *, now: datetime
) -> Generator[Any, list[Row], list[Went | Later | Over]]:
    """The outcomes, those that only seem not to have gone out put right."""
    doubtful = [
        (o.claim.message_id, o.claim.part)
        for o in outcomes
        if isinstance(o, Later) or (isinstance(o, Over) and o.state is DeliveryState.UNCERTAIN)
    ]
    named = {tuple(row) for row in (yield _NAMED, doubtful)} if doubtful else set()
    return [
        Went(claim=o.claim, external_ids=(), at=now, next_at=now)
        if (o.claim.message_id, o.claim.part) in named
        else o
        for o in outcomes
    ]


def _settle_went(account: AccountKey, went: Sequence[Went], *, now: datetime) -> Script[set[int]]:
    """Record the parts' external ids, move the dispatches on, and apply early reports."""
    yield _PROGRESS, [(o.claim.id, o.claim.part, o.next_at) for o in went]
    named = [
        (account.channel, account.account, external_id, o.claim.message_id, o.claim.part)
        for o in went
        for external_id in o.external_ids
    ]
    if named:
        yield _NAME, sorted(named)
    reports: list[tuple[int, str | None, DeliveryReport]] = [
        (o.claim.message_id, None, _sent(account, o))
        for o in went
        if o.claim.part + 1 == o.claim.parts
    ]
    owners = {row[2]: row[3] for row in named}
    if named:
        waiting = yield _EARLY, [row[:3] for row in named]
        for external_id, state, at, code, reason in waiting:
            report = DeliveryReport(
                channel=account.channel,
                account=account.account,
                state=DeliveryState(state),
                at=from_stored(at),
                error_code=code,
                error_reason=reason,
            )
            reports.append((owners[external_id], external_id, report))
    changed = (yield from move_forward(reports, now=now)) if reports else set()
    # Last, as intake does: whoever holds messages may wait for the account, never the other way.
    yield _TOUCH, [(account.channel, account.account, now)]
    return changed


def _sent(account: AccountKey, outcome: Went) -> DeliveryReport:
    return DeliveryReport(
        channel=account.channel,
        account=account.account,
        state=DeliveryState.SENT,
        at=outcome.at,
    )


def expire_leases(*, resend: Container[AccountKey], now: datetime) -> Script[int]:
    """Mark uncertain whatever a dead process held; returns how many there were.

    A part whose id has come went out. Accounts in `resend` drop a repeated send by our id: theirs
    go out again instead.
    """
    rows = yield _EXPIRED, [(now,)]
    held = [(row[1], row[4]) for row in rows]
    named = {tuple(row) for row in (yield _NAMED, held)} if held else set()
    went = [row for row in rows if (row[1], row[4]) in named]
    doubtful = [row for row in rows if (row[1], row[4]) not in named]
    again = [row for row in doubtful if AccountKey(row[2], row[3]) in resend]
    lost = [row for row in doubtful if AccountKey(row[2], row[3]) not in resend]
    if went:
        yield _PROGRESS, [(row[0], row[4], now) for row in went]
        last = [_reported(row, DeliveryState.SENT, now) for row in went if row[4] + 1 == row[5]]
        yield from move_forward(last, now=now)
    if again:
        yield _POSTPONE, [(row[0], row[4], now, 0) for row in again]
    if lost:
        yield _END, [(row[0], row[4], DeliveryState.UNCERTAIN) for row in lost]
        # Its call was made when the lease was, however long the hub has been down since.
        unknown = [
            _reported(row, DeliveryState.UNCERTAIN, from_stored(row[6]), _STOPPED) for row in lost
        ]
        yield from move_forward(unknown, now=now)
    return len(rows)


_STOPPED = "The hub stopped while sending this; it may have gone out."


def _reported(
    row: Row, state: DeliveryState, at: datetime, reason: str | None = None
) -> tuple[int, None, DeliveryReport]:
    _, message_id, channel, account, *_ = row
    report = DeliveryReport(
        channel=channel, account=account, state=state, at=at, error_reason=reason
    )
    return message_id, None, report


def next_due(account: AccountKey, *, after: datetime) -> Script[datetime | None]:
    """When the account's next dispatch becomes due by itself; None when nothing waits for a time.

    What is due already and was not claimed waits for something else: an earlier part of its
    conversation, or the account's recovery.
    """
    rows = yield _NEXT, [(account.channel, account.account, after)]
    return None if rows[0][0] is None else from_stored(rows[0][0])


def forget_early(*, before: datetime) -> Script[None]:
    """Remove reports on messages that never became ours: another program sends there too."""
    yield _FORGET_OLD, [(before,)]


def apply_early(*, now: datetime) -> Script[set[int]]:
    """Apply reports that missed their send by a hair: both were being written at once."""
    rows = yield _EARLY_KNOWN, [(now,)]
    if not rows:
        return set()
    yield _FORGET, [row[1:5] for row in rows]
    reports = [
        (
            message_id,
            external_id,
            DeliveryReport(
                channel=channel,
                account=account,
                state=DeliveryState(state),
                at=from_stored(at),
                error_code=code,
                error_reason=reason,
            ),
        )
        for message_id, channel, account, external_id, state, at, code, reason in rows
    ]
    return (yield from move_forward(reports, now=now))


# The index of what is not over covers queued and sending ones; SQLite uses it only where its very
# condition stands in the query.
_DUE = Statement(
    """
    SELECT d.id, d.message_id FROM dispatches d
    WHERE d.channel = {first:channel} AND d.account = {first:account}
      AND d.state IN ('queued', 'sending') AND d.state = 'queued'
      AND d.due_at <= {first:now}
      AND NOT EXISTS (
        SELECT 1 FROM dispatches earlier
        WHERE earlier.conversation_id = d.conversation_id AND earlier.id < d.id
          AND earlier.state IN ('queued', 'sending'))
      AND NOT EXISTS (
        SELECT 1 FROM accounts s
        WHERE s.channel = {first:channel} AND s.account = {first:account}
          AND (NOT s.can_send OR s.paused_until > {first:now}
               OR s.stopped_at IS NOT NULL))
    ORDER BY d.due_at, d.id
    LIMIT {first:n}
    {claim:d}
    """,
    channel=TEXT,
    account=TEXT,
    now=TIME,
    n=ID,
)

_CLAIMED = Statement(
    """
    SELECT d.id, d.message_id, m.appeal_id, a.number, d.conversation_id, CAST(d.parts AS text),
      d.next_part, d.part_count, d.attempts, d.created_at, c.key, c.public, c.last_inbound,
      c.last_inbound_at, m.reply_to, m.private_reply_to,
      (SELECT max(e.external_id) FROM external_ids e
       WHERE e.message_id = m.id AND d.next_part > 0 AND e.part = d.next_part - 1
         AND e.channel = d.channel AND e.account = d.account)
    FROM {rows} JOIN dispatches d ON d.id = r.id
    JOIN messages m ON m.id = d.message_id
    JOIN conversations c ON c.id = d.conversation_id
    LEFT JOIN appeals a ON a.id = m.appeal_id
    ORDER BY d.due_at, d.id
    """,
    id=ID,
)

_LEASE = Statement(
    """
    UPDATE dispatches SET state = 'sending', lease_owner = r.owner, lease_until = r.until
    FROM {rows} WHERE dispatches.id = r.id
    """,
    id=ID,
    owner=TEXT,
    until=TIME,
)

_SENDING = Statement(
    """
    UPDATE messages SET state = 'sending', state_at = r.at,
      error_code = CASE WHEN messages.state = 'sending' THEN messages.error_code END,
      error_reason = CASE WHEN messages.state = 'sending' THEN messages.error_reason END
    FROM {rows} WHERE messages.id = r.id AND messages.state IN ('queued', 'sending')
    """,
    id=ID,
    at=TIME,
)
"""Each call moves the time on: it is what tells our own echo from an employee's same words."""

_FILES = Statement(
    """
    SELECT f.id, f.kind, f.name, f.mime, f.size, f.path, f.latitude, f.longitude
    FROM {rows} JOIN attachments f ON f.id = r.id
    """,
    id=ID,
)

_HOLD_MESSAGES = Statement(
    "SELECT m.id FROM {rows} JOIN messages m ON m.id = r.id ORDER BY m.id {lock:m}",
    id=ID,
)

_PROGRESS = Statement(
    """
    UPDATE dispatches SET
      next_part = next_part + 1,
      state = CASE WHEN next_part + 1 >= part_count THEN 'done'
        WHEN EXISTS (
          SELECT 1 FROM messages m WHERE m.id = dispatches.message_id AND m.state = 'failed')
        THEN 'failed' ELSE 'queued' END,
      attempts = 0, due_at = r.next_at, lease_owner = NULL, lease_until = NULL
    FROM {rows} WHERE dispatches.id = r.id AND dispatches.next_part = r.part
      AND dispatches.state IN ('sending', 'uncertain')
    """,
    id=ID,
    part=ID,
    next_at=TIME,
)

_NAME = Statement(
    """
    INSERT INTO external_ids (channel, account, external_id, message_id, part, state)
    SELECT channel, account, external_id, message_id, part, 'sent' FROM {rows} WHERE true
    ON CONFLICT (channel, account, external_id) DO NOTHING
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
    message_id=ID,
    part=ID,
)

_NAMED = Statement(
    """
    SELECT DISTINCT e.message_id, e.part FROM {rows} JOIN external_ids e
      ON e.message_id = r.message_id AND e.part = r.part AND e.state <> 'failed'
    """,
    message_id=ID,
    part=ID,
)
"""Parts that the provider has given an id, and not failed since."""

_POSTPONE = Statement(
    """
    UPDATE dispatches SET
      state = CASE WHEN EXISTS (
          SELECT 1 FROM messages m WHERE m.id = dispatches.message_id AND m.state = 'failed')
        THEN 'failed' ELSE 'queued' END,
      due_at = r.due_at, attempts = attempts + r.counts,
      lease_owner = NULL, lease_until = NULL
    FROM {rows} WHERE dispatches.id = r.id AND dispatches.next_part = r.part
      AND dispatches.state IN ('sending', 'uncertain')
    """,
    id=ID,
    part=ID,
    due_at=TIME,
    counts=ID,
)

_EXPLAIN = Statement(
    """
    UPDATE messages SET
      error_code = coalesce(r.code, messages.error_code),
      error_reason = coalesce(r.reason, messages.error_reason)
    FROM {rows} WHERE messages.id = r.id AND messages.state <> 'failed'
    """,
    id=ID,
    code=TEXT,
    reason=TEXT,
)

_END = Statement(
    """
    UPDATE dispatches SET state = r.state, lease_owner = NULL, lease_until = NULL
    FROM {rows} WHERE dispatches.id = r.id AND dispatches.next_part = r.part
      AND dispatches.state IN ('sending', 'uncertain')
    """,
    id=ID,
    part=ID,
    state=TEXT,
)

_BLOCK = Statement(
    """
    UPDATE conversations SET blocked_at = coalesce(conversations.blocked_at, r.at)
    FROM {rows} WHERE conversations.id = r.id
      AND (conversations.last_inbound_at IS NULL OR conversations.last_inbound_at <= r.seen)
    """,
    id=ID,
    at=TIME,
    seen=TIME,
)
"""Whoever has written since our call began lets us through again."""

_TOUCH = Statement(
    """
    INSERT INTO accounts (channel, account, health, summary, last_out_at)
    SELECT channel, account, 'ok', '', at FROM {rows} WHERE true
    ON CONFLICT (channel, account) DO UPDATE
      SET last_out_at = excluded.last_out_at, refused_at = NULL
    """,
    channel=TEXT,
    account=TEXT,
    at=TIME,
)

_EARLY = Statement(
    """
    DELETE FROM early_reports WHERE EXISTS (
      SELECT 1 FROM {rows} WHERE early_reports.channel = r.channel
        AND early_reports.account = r.account AND early_reports.external_id = r.external_id)
    RETURNING external_id, state, at, error_code, error_reason
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
)

_EARLY_KNOWN = Statement(
    """
    SELECT e.message_id, w.channel, w.account, w.external_id, w.state, w.at, w.error_code,
      w.error_reason
    FROM {rows} JOIN early_reports w ON w.received_at <= r.now
    JOIN external_ids e
      ON e.channel = w.channel AND e.account = w.account AND e.external_id = w.external_id
    JOIN messages m ON m.id = e.message_id AND m.direction = 'out'
    ORDER BY w.received_at LIMIT 500
    """,
    now=TIME,
)

_FORGET = Statement(
    """
    DELETE FROM early_reports WHERE EXISTS (
      SELECT 1 FROM {rows} WHERE early_reports.channel = r.channel
        AND early_reports.account = r.account AND early_reports.external_id = r.external_id
        AND early_reports.state = r.state)
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
    state=TEXT,
)

_FORGET_OLD = Statement(
    "DELETE FROM early_reports WHERE received_at < (SELECT r.before FROM {rows})",
    before=TIME,
)

_EXPIRED = Statement(
    """
    SELECT d.id, d.message_id, d.channel, d.account, d.next_part, d.part_count, d.lease_until
    FROM {rows} JOIN dispatches d
      ON d.state IN ('queued', 'sending') AND d.state = 'sending' AND d.lease_until < r.now
    ORDER BY d.id {claim:d}
    """,
    now=TIME,
)

_NEXT = Statement(
    """
    SELECT min(d.due_at) FROM {rows} JOIN dispatches d
      ON d.channel = r.channel AND d.account = r.account
        AND d.state IN ('queued', 'sending') AND d.state = 'queued' AND d.due_at > r.now
    """,
    channel=TEXT,
    account=TEXT,
    now=TIME,
)
