"""The outbox loop: one sender an account, so that a slow or throttled account holds up no other.

A sender claims no more parts than it may send at once, so that a lease held is a call under way.
What became of the sends is written together, by group commit.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from connectors.base import (
    Blocked,
    Connector,
    Diagnoses,
    Health,
    Misconfigured,
    Retryable,
    SendError,
    Throttled,
    Uncertain,
)
from registry.accounts import forget_refusal, note_refusal, pause, set_health
from registry.db import Database
from registry.errors import Unavailable
from registry.media import MediaStore
from registry.outbox import (
    Claim,
    File,
    Later,
    Over,
    Went,
    apply_early,
    claim_due,
    expire_leases,
    next_due,
    settle,
)
from registry.types import (
    AccountKey,
    AttachmentKind,
    Clock,
    DeliveryState,
    OutboundFile,
    OutboundMessage,
    RateLimit,
    utc_now,
)
from workers.bus import Alarm, Bus, Topic
from workers.gather import Gatherer
from workers.meters import Meters, NoMeters

log = structlog.get_logger(__name__)

Outcome = Went | Later | Over

Links = Callable[[int, str], str]
"""Makes the public address of a file, by its attachment's id and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the outbox tries, in seconds unless said otherwise."""

    concurrency: int = 64
    """Calls of one account under way at once."""
    send_timeout: float = 60.0
    """A send that takes longer has an outcome that nobody knows."""
    check_timeout: float = 15.0
    """How long an account whose reply was refused may take to say how it is."""
    lease: float = 90.0
    """Must outlast a send, the check after a refusal, and the settling."""
    first_retry: float = 1.0
    longest_retry: float = 600.0
    give_up_after: float = 24 * 3600.0
    idle: float = 2.0
    """How often to look when nothing wakes us."""
    down: float = 60.0
    """How long a send waits when its account turns out to be dead."""
    longest_pause: float = 3600.0
    """As long as a provider may make an account wait at a time: it tells again."""


class Sender:
    """Sends one account's dispatches until it is stopped."""

    def __init__(
        self,
        account: AccountKey,
        connector: Connector,
        *,
        database: Database,
        media: MediaStore,
        owner: str,
        pace: Pace,
        clock: Clock,
        meters: Meters,
        alarm: Alarm,
        links: Links,
    ) -> None:
        self._account = account
        self._connector = connector
        self._database = database
        self._media = media
        self._owner = owner
        self._pace = pace
        self._clock = clock
        self._meters = meters
        self._alarm = alarm
        self._links = links
        self._budget = Budget(connector.capabilities.rate)
        self._spacing = timedelta(seconds=connector.capabilities.rate.per_conversation_seconds)
        self._next_at: dict[int, datetime] = {}
        self._refused: set[int] = set()
        """Conversations whose reply was refused for the account's fault since one got through."""
        self._noted = True
        """Whether such a refusal may stand in the account's state."""
        self._sending: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._settled: Gatherer[Outcome] | None = None

    async def run(self) -> None:
        """Send what becomes due; returns after `stop`, once the sends under way have settled."""
        self._settled = Gatherer(self._settle, batch=256, name=f"settle {self._account}")
        try:
            while not self._stopping.is_set():
                try:
                    begun = await self._send_due()
                    wait = 0.0 if begun else await self._idle()
                except Unavailable as error:
                    log.warning("the outbox waits for the database", reason=str(error))
                    wait = self._pace.idle
                if wait:
                    await self._alarm.wait(within=wait)
        finally:
            if self._sending:
                await asyncio.wait(self._sending)
            await self._settled.close()

    async def send_all_due(self) -> None:
        """Send what is due at this moment, and return once all of it has settled."""
        self._settled = Gatherer(self._settle, batch=256, name=f"settle {self._account}")
        try:
            while await self._send_due():
                await asyncio.wait(self._sending)
        finally:
            await self._settled.close()

    def stop(self) -> None:
        """Begin no further send."""
        self._stopping.set()
        self._alarm.ring()

    async def _send_due(self) -> int:
        free = self._pace.concurrency - len(self._sending)
        limit = min(free, self._budget.available())
        # A claim is worth its transaction when it takes many: wait until half of the room is free.
        if limit < 1 or free < self._pace.concurrency / 2:
            return 0
        now = self._clock()
        claims = await self._database.run(
            claim_due(
                self._account,
                limit=limit,
                owner=self._owner,
                now=now,
                lease=timedelta(seconds=self._pace.lease),
            )
        )
        for claim in claims:
            self._budget.take()
            task = asyncio.create_task(self._carry(claim), name=f"send {claim.message_id}")
            self._sending.add(task)
            task.add_done_callback(self._finished)
        return len(claims)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._sending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a send could not be settled", account=str(self._account), exc_info=error)
        # There is room for another, and the conversation's next part may go.
        self._alarm.ring()

    async def _idle(self) -> float:
        """Seconds until something may become due by itself."""
        if len(self._sending) < self._pace.concurrency and self._budget.available() < 1:
            return self._budget.seconds_to_next()
        now = self._clock()
        due = await self._database.run(next_due(self._account, after=now))
        if due is None:
            return self._pace.idle
        return min((due - now).total_seconds(), self._pace.idle)

    async def _carry(self, claim: Claim) -> None:
        """Send one part and settle what became of it, whatever that is."""
        started = time.monotonic()
        outcome = await self._send(claim)
        self._meters.sent(self._account, outcome=_word(outcome), seconds=time.monotonic() - started)
        log.info(
            _word(outcome),
            appeal=claim.number,
            message=str(claim.message_id),
            account=str(self._account),
            part=f"{claim.part + 1}/{claim.parts}",
            reason=None if isinstance(outcome, Went) else outcome.reason,
        )
        await self._record(outcome)

    async def _send(self, claim: Claim) -> Outcome:
        now = self._clock()
        ready_at = self._next_at.get(claim.conversation_id)
        if ready_at is not None and ready_at > now:
            return Later(claim=claim, due_at=ready_at, counts=False)
        try:
            async with asyncio.timeout(self._pace.send_timeout):
                sent = await self._connector.send(self._message(claim))
        except SendError as error:
            return await self._explain(claim, error)
        except TimeoutError:
            return self._uncertain(claim, Uncertain("The provider did not answer in time."))
        except Exception as error:
            log.exception("a connector failed while sending", account=str(self._account))
            reason = f"The connector failed while sending: {type(error).__name__}."
            return self._uncertain(claim, Uncertain(reason))
        self._refused.clear()
        next_at = self._clock() + self._spacing
        self._space(claim.conversation_id, next_at)
        return Went(claim=claim, external_ids=sent.external_ids, at=sent.at, next_at=next_at)

    def _space(self, conversation_id: int, next_at: datetime) -> None:
        if not self._spacing:
            return
        if len(self._next_at) > 10_000:
            now = self._clock()
            self._next_at = {id_: at for id_, at in self._next_at.items() if at > now}
        self._next_at[conversation_id] = next_at

    async def _explain(self, claim: Claim, error: SendError) -> Outcome:
        now = self._clock()
        if isinstance(error, Uncertain):
            return self._uncertain(claim, error)
        if isinstance(error, Misconfigured):
            if await self._is_down(claim, error, now=now):
                wait = self._pace.down
                return self._later(claim, error, now + timedelta(seconds=wait), counts=False)
            if not self._worth_trying(claim, error, now=now):
                return self._failed(claim, f"{error.reason} {error.cure}", error.code, now=now)
            wait = self._pace.down * 2.0 ** min(claim.attempts, 6)
            return self._later(claim, error, now + timedelta(seconds=wait), counts=True)
        if isinstance(error, Retryable):
            if not self._worth_trying(claim, error, now=now):
                reason = f"Given up after many tries: {error.reason}"
                return self._failed(claim, reason, error.code, now=now)
            if not isinstance(error, Throttled):
                wait = self._backoff(claim.attempts)
                return self._later(claim, error, now + timedelta(seconds=wait), counts=True)
            wait = min(error.retry_after, self._pace.longest_pause)
            until = now + timedelta(seconds=wait)
            if error.whole_account:
                await self._pause(until)
            else:
                self._space(claim.conversation_id, until)
            return self._later(claim, error, until, counts=False)
        await self._got_through()
        return Over(
            claim=claim,
            state=DeliveryState.FAILED,
            at=now,
            reason=error.reason,
            code=error.code,
            blocked=isinstance(error, Blocked),
        )

    async def _got_through(self) -> None:
        """The provider heard us, whatever it thinks of this reply: the account is not at fault."""
        self._refused.clear()
        if self._noted:
            self._noted = not await self._note(
                lambda session: forget_refusal(session, self._account)
            )

    def _worth_trying(self, claim: Claim, error: SendError, *, now: datetime) -> bool:
        most = error.most_tries if isinstance(error, Retryable) else None
        if most is not None and claim.attempts + 1 >= most:
            return False
        return (now - claim.created_at).total_seconds() < self._pace.give_up_after

    def _failed(self, claim: Claim, reason: str, code: str | None, *, now: datetime) -> Over:
        return Over(claim=claim, state=DeliveryState.FAILED, at=now, reason=reason, code=code)

    async def _is_down(self, claim: Claim, error: Misconfigured, *, now: datetime) -> bool:
        """Whether the account is at fault, and not something that only this reply meets.

        It is when it says so itself, or when replies to different citizens are refused and none
        gets through in between. It is then red, and else yellow until a reply gets through.
        """
        self._refused.add(claim.conversation_id)
        self._noted = True
        await self._note(
            lambda session: note_refusal(
                session, self._account, reason=error.reason, cure=error.cure, now=now
            )
        )
        down = len(self._refused) > 1 or not isinstance(self._connector, Diagnoses)
        if not down:
            assert isinstance(self._connector, Diagnoses)
            try:
                async with asyncio.timeout(self._pace.check_timeout):
                    found = await self._connector.check()
                # Red for what it does not bring it may be all the while, and carry replies.
                down = found.health is Health.DOWN and not found.can_send
            except TimeoutError:
                down = True
            except Exception:  # what became of the reply is known, whatever the check does
                log.exception("a connector failed while checking", account=str(self._account))
        if down:
            await self._turn_red(error, now=now)
        return down

    def _uncertain(self, claim: Claim, error: Uncertain) -> Outcome:
        now = self._clock()
        if self._connector.capabilities.idempotent_send:
            wait = timedelta(seconds=self._backoff(claim.attempts))
            return self._later(claim, error, now + wait, counts=True)
        return Over(
            claim=claim,
            state=DeliveryState.UNCERTAIN,
            at=now,
            reason=error.reason,
            code=error.code,
        )

    def _later(self, claim: Claim, error: SendError, due_at: datetime, *, counts: bool) -> Later:
        return Later(
            claim=claim, due_at=due_at, counts=counts, code=error.code, reason=error.reason
        )

    def _backoff(self, attempts: int) -> float:
        """Seconds to wait: exponential, with jitter so that retries do not come in waves."""
        longest = min(self._pace.first_retry * 2.0 ** min(attempts, 30), self._pace.longest_retry)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  no secret hangs on it

    async def _turn_red(self, error: Misconfigured, *, now: datetime) -> None:
        log.error("the account is down", account=str(self._account), reason=error.reason)
        await self._note(
            lambda session: set_health(
                session,
                self._account,
                health="down",
                summary=error.reason,
                cure=error.cure,
                now=now,
            )
        )

    async def _pause(self, until: datetime) -> None:
        log.warning("the account pauses", account=str(self._account), until=until.isoformat())
        await self._note(lambda session: pause(session, self._account, until=until))

    async def _note(self, write: Callable[[AsyncSession], Awaitable[object]]) -> bool:
        """Note what a send showed of the account; whether that could be written.

        If not, the next send shows it again: what became of this one must be settled all the same.
        """
        try:
            async with self._database.write() as session:
                await write(session)
        except Unavailable as error:
            log.warning(
                "what a send showed is not noted", account=str(self._account), reason=str(error)
            )
            return False
        return True

    async def _record(self, outcome: Outcome) -> None:
        """Settle, as long as it takes: what is not written here would end as uncertain.

        Once the hub stops, only as long as the lease lasts: it ends so then in any case.
        """
        assert self._settled is not None
        wait, began = self._pace.first_retry, time.monotonic()
        while True:
            try:
                return await self._settled.add(outcome)
            except Unavailable:
                log.warning("a send waits to be settled", account=str(self._account))
            if not self._stopping.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._stopping.wait()
            else:
                left = began + self._pace.lease - time.monotonic()
                if left <= 0:
                    return None
                await asyncio.sleep(min(wait, left))
            wait = min(wait * 2, self._pace.lease)

    async def _settle(self, outcomes: Sequence[Outcome]) -> None:
        await self._database.run(settle(self._account, outcomes, now=self._clock()))

    def _message(self, claim: Claim) -> OutboundMessage:
        return OutboundMessage(
            message_id=str(claim.message_id),
            part=claim.part,
            channel=self._account.channel,
            account=self._account.account,
            conversation=claim.conversation,
            public=claim.public,
            text=claim.text,
            attachments=tuple(self._file(file) for file in claim.files),
            reply_to=claim.reply_to,
            last_inbound=claim.private_reply_to or claim.last_inbound,
            last_inbound_at=claim.last_inbound_at,
            previous_part=claim.previous_part,
            template=claim.template,
            private_reply=claim.private_reply_to is not None,
        )

    def _file(self, file: File) -> OutboundFile:
        path = file.path or ""
        name = file.name or f"{file.kind}-{file.id}"
        return OutboundFile(
            id=str(file.id),
            kind=AttachmentKind(file.kind),
            name=name,
            mime=file.mime or "application/octet-stream",
            size=file.size or 0,
            stream=lambda: self._media.stream(path),
            link=lambda: self._links(file.id, name),
            latitude=file.latitude,
            longitude=file.longitude,
        )


class Budget:
    """A token bucket: how many sends an account's rate allows now."""

    def __init__(self, rate: RateLimit) -> None:
        self._per_second = rate.per_second
        self._burst = max(rate.per_second, 1.0)
        self._tokens = self._burst
        self._filled_at = time.monotonic()

    def available(self) -> int:
        """Sends that may begin now."""
        now = time.monotonic()
        grown = self._tokens + (now - self._filled_at) * self._per_second
        self._tokens, self._filled_at = min(grown, self._burst), now
        return int(self._tokens)

    def take(self) -> None:
        """One send begins."""
        self._tokens -= 1

    def seconds_to_next(self) -> float:
        """How long until one more may begin."""
        return max((1 - self._tokens) / self._per_second, 0.001)


def _word(outcome: Outcome) -> str:
    if isinstance(outcome, Went):
        return "sent"
    return "later" if isinstance(outcome, Later) else str(outcome.state)


async def run_outbox(
    connectors: Mapping[AccountKey, Connector],
    *,
    database: Database,
    media: MediaStore,
    bus: Bus,
    owner: str,
    stopping: asyncio.Event,
    links: Links,
    pace: Pace | None = None,
    clock: Clock = utc_now,
    meters: Meters | None = None,
) -> None:
    """Send for every account until `stopping`; returns once the sends under way are settled."""
    senders = [
        Sender(
            account,
            connector,
            database=database,
            media=media,
            owner=owner,
            pace=pace or Pace(),
            clock=clock,
            meters=meters or NoMeters(),
            alarm=bus.listen(Topic.OUTBOX),
            links=links,
        )
        for account, connector in connectors.items()
    ]
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender.run())
        await stopping.wait()
        for sender in senders:
            sender.stop()


async def tidy_outbox(
    connectors: Mapping[AccountKey, Connector], *, database: Database, clock: Clock = utc_now
) -> None:
    """Settle what a dead process held, and apply the reports that missed their send."""
    resend = {key for key, made in connectors.items() if made.capabilities.idempotent_send}
    expired = await database.run(expire_leases(resend=resend, now=clock()))
    if expired:
        log.warning("a stopped process left sends behind", count=expired)
    await database.run(apply_early(now=clock()))
