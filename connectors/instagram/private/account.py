"""One account of the Instagram app, spoken to as the app speaks: through instagrapi.

Opt-in, and against Instagram's terms of use: the account can be restricted or banned at any time.
The official mode is `graph`. Nothing of the library is imported before the first call.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.base import (
    Context,
    Diagnosis,
    Health,
    Misconfigured,
    Page,
    Rejected,
    SendError,
    Throttled,
)
from connectors.instagram.private.cursor import (
    Comments,
    Cursor,
    Job,
    Older,
    Replies,
    finished,
    opened,
    saved,
)
from connectors.instagram.private.door import APP, Door
from connectors.instagram.private.limits import CAPABILITIES
from connectors.instagram.private.look import Body, pending, plan, question, taken
from connectors.instagram.private.pace import Pace
from connectors.instagram.private.reading import inbound
from connectors.instagram.private.sending import Sending
from connectors.instagram.settings import InstagramSettings
from connectors.kit.download import download
from registry.errors import Unavailable
from registry.types import (
    AccountKey,
    Attachment,
    Capabilities,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
)

if find_spec("instagrapi") is None:
    # Said at once, and not by the first poll: importing it waits until then.
    raise ModuleNotFoundError("No module named 'instagrapi'", name="instagrapi")

CHANNEL = "instagram"
CALLS_A_POLL = 8
"""Calls of one poll: more than the loop has patience for must wait for the next."""
FIRST_REST, LONGEST_REST = timedelta(minutes=15), timedelta(hours=6)
"""How long nothing is asked of an account that a person must look after; doubles each time."""
FRESH = timedelta(minutes=15)
"""How long what a call showed of the account stands for how it is."""
MEDIA_HOSTS = (".cdninstagram.com", ".fbcdn.net", ".giphy.com")


@dataclass(slots=True)
class _Red:
    error: Misconfigured
    until: datetime


@dataclass(frozen=True, slots=True)
class _Told:
    """How the account was found to be; until when that stands, nobody asks Instagram again."""

    at: datetime
    until: datetime
    found: Diagnosis


class PrivateInstagram:
    """One account; every call of instagrapi is made in a thread of its own."""

    capabilities: Capabilities = CAPABILITIES
    polls = True

    def __init__(
        self,
        account: str,
        settings: InstagramSettings,
        context: Context,
        *,
        chance: random.Random | None = None,
    ) -> None:
        """`chance` makes the pauses of a test the same each time."""
        self.account = account
        self.timeout = 20.0
        """Seconds to wait for each of Instagram's answers."""
        self.breath = 1.5
        """Seconds between two calls of one look, give or take."""
        self._api_base = settings.api_base or APP
        self._context = context
        self._store = context.store(AccountKey(CHANNEL, account))
        self._pace = Pace(
            self._store,
            poll_seconds=settings.poll_seconds,
            cap=settings.daily_cap,
            chance=chance or random.Random(),  # noqa: S311 - nobody gains by guessing a pause
        )
        self._door = Door(
            account,
            settings,
            context,
            store=self._store,
            pace=self._pace,
            timeout=lambda: self.timeout,
        )
        self._sending = Sending(self._door, self._store, context.clock)
        self._red: _Red | None = None
        self._reds = 0
        self._later: SendError | None = None
        self._told: _Told | None = None

    # --- Receiving -------------------------------------------------------------------------------

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read what `poll` made an envelope of. Raises: Malformed."""
        return inbound(envelope.body, channel=CHANNEL, account=self.account)

    async def poll(self, cursor: str | None) -> Page:
        """Make the next calls of a look, or begin one; what is left of it stands in the cursor.

        Raises: SendError.
        """
        now = self._context.clock()
        if self._red is not None and now < self._red.until:
            raise self._red.error
        if self._later is not None:
            later, self._later = self._later, None
            raise later
        if await self._pace.used_up(now):
            return Page(bodies=(), cursor=cursor, pause=self._pace.rest_of_day(now))
        state = opened(cursor, now=_microseconds(now))
        try:
            bodies = await self._looked(state)
        except Misconfigured as error:
            await self._rest(error, now)
            raise
        except Throttled as error:
            await self._pause(error, now)
            raise
        except SendError as error:
            await self._tell(now, Diagnosis(health=Health.DOWN, summary=error.reason))
            raise
        self._reds, self._red = 0, None
        await self._door.save(now)
        await self._tell(now, Diagnosis(health=Health.OK, summary="The account is polled."))
        more = bool(state.jobs) or self._later is not None
        return Page(
            bodies=[msgspec.json.encode(body) for body in bodies],
            cursor=saved(state),
            more=more,
            pause=0.0 if more else self._pace.pause(now),
        )

    async def _looked(self, state: Cursor) -> list[Body]:
        """What the next calls bring. An error after the first waits until that is stored."""
        client = await self._door.opened()
        viewer = str(client.user_id)
        if not state.jobs:
            plan(state)
        bodies: list[Body] = []
        for number in range(CALLS_A_POLL):
            if not state.jobs:
                break
            if number and self.breath:
                await asyncio.sleep(self._pace.breath(self.breath))
            job = state.jobs[0]
            try:
                answer = await self._asked(job, viewer)
            except SendError as error:
                if isinstance(job, Older | Comments | Replies) and error.code in _GONE:
                    state.jobs.remove(job)
                    continue
                if number == 0:
                    raise
                self._later = error
                break
            del state.jobs[0]
            bodies += taken(
                state, job, answer, viewer=viewer, now=_microseconds(self._context.clock())
            )
            requests = pending(job, answer)
            if requests:
                await self._sending.waiting(requests)
        if not state.jobs:
            finished(state)
        for body in bodies:
            await self._sending.recognise(body, viewer)
        return bodies

    async def _asked(self, job: Job, viewer: str) -> Mapping[str, Any]:
        endpoint, params = question(job, viewer)
        return await self._door.call(lambda client: client.get(endpoint, params))

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment: its address opens it, without the session."""
        if attachment.ref is None:
            raise Rejected("The attachment has no file.")
        address = attachment.ref
        if self._api_base != APP:  # what stands in for Instagram stands in for its files as well
            parts = urlsplit(address)
            query = f"?{parts.query}" if parts.query else ""
            address = f"{self._api_base}{parts.path}{query}"
        async for chunk in download(
            address,
            provider="Instagram",
            hosts=MEDIA_HOSTS,
            api_base=self._api_base,
            max_bytes=self._context.max_media_bytes,
            timeout=self.timeout,
        ):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part. Raises: SendError."""
        return await self._sending.send(message)

    async def hide(self, external_id: str, *, hidden: bool) -> None:
        """Never: the app's API deletes comments, and hides none. Raises: Rejected."""
        raise Rejected('A comment can be hidden only with mode = "graph", or by hand in the app.')

    # --- The account -----------------------------------------------------------------------------

    async def check(self) -> Diagnosis:
        """How the account is: as its last call showed, and asked only where none did lately.

        While it rests or pauses it is as it was then, and Instagram is left in peace.
        """
        now = self._context.clock()
        try:
            found = await self._known(now) or await self._examined(now)
            used = await self._pace.add(0, now)
        except Unavailable:
            return Diagnosis(health=Health.DOWN, summary="The hub's database is not available.")
        details = {**found.details, "calls today": f"{used} of {self._pace.cap}"}
        if found.health is Health.OK and used >= self._pace.cap:
            return Diagnosis(
                health=Health.DEGRADED,
                summary=f"All {self._pace.cap} calls of today were made: nothing is fetched until "
                "midnight in Almaty. Replies go out.",
                cure="Set a longer poll_seconds, or a higher daily_cap and with it the risk that "
                "Instagram restricts the account.",
                details=details,
            )
        return replace(found, details=details)

    async def _known(self, now: datetime) -> Diagnosis | None:
        """What the last call showed, in this process or in the one that polls."""
        if self._red is not None and now < self._red.until:
            return _down(self._red.error)
        told = [one for one in (self._told, await self._kept()) if one is not None]
        if not told:
            return None
        last = max(told, key=lambda one: one.at)
        return last.found if now < last.until else None

    async def _kept(self) -> _Told | None:
        """What a process told the others."""
        try:
            kept = json.loads(await self._store.read("state") or "null")
            if kept is None:
                return None
            return _Told(
                at=datetime.fromisoformat(kept["at"]),
                until=datetime.fromisoformat(kept["until"]),
                found=Diagnosis(
                    health=Health(kept["health"]), summary=kept["summary"], cure=kept["cure"]
                ),
            )
        except (ValueError, KeyError, TypeError):
            return None

    async def _examined(self, now: datetime) -> Diagnosis:
        """Ask Instagram who we are."""
        try:
            answer = await self._door.call(
                lambda client: client.get("accounts/current_user/", {"edit": "true"})
            )
        except Misconfigured as error:
            return await self._rest(error, now)
        except Throttled as error:
            return await self._pause(error, now)
        except SendError as error:
            return Diagnosis(health=Health.DOWN, summary=error.reason)
        else:
            self._red = None
            user = answer.get("user")
            name = user.get("username") if isinstance(user, dict) else None
            found = Diagnosis(
                health=Health.OK,
                summary=f"@{name} is logged in as the app."
                if name
                else "The account is logged in.",
            )
        await self._tell(now, found)
        return found

    async def _rest(self, error: Misconfigured, now: datetime) -> Diagnosis:
        """Leave the account to the person who must act, each time for longer."""
        self._reds += 1
        rest = min(FIRST_REST * 2 ** min(self._reds - 1, 10), LONGEST_REST)
        self._red = _Red(error, now + rest)
        found = _down(error)
        await self._tell(now, found, until=now + rest)
        return found

    async def _pause(self, error: Throttled, now: datetime) -> Diagnosis:
        """Leave Instagram alone for as long as it asks."""
        until = now + timedelta(seconds=error.retry_after)
        found = Diagnosis(
            health=Health.DEGRADED,
            summary=f"{error.reason} The account pauses until {until:%H:%M} UTC.",
        )
        await self._tell(now, found, until=until)
        return found

    async def _tell(
        self, now: datetime, found: Diagnosis, *, until: datetime | None = None
    ) -> None:
        """Keep how the account is, for the processes that do not poll it."""
        until = max(now + FRESH, until or now)
        before, self._told = self._told, _Told(now, until, found)
        if (
            before is not None
            and before.found.health is found.health is Health.OK
            and now - before.at <= FRESH / 3
        ):
            self._told = _Told(before.at, before.until, found)
            return
        kept = {
            "at": now.isoformat(),
            "until": until.isoformat(),
            "health": found.health,
            "summary": found.summary,
            "cure": found.cure,
        }
        await self._store.write("state", json.dumps(kept))

    async def close(self) -> None:
        """Let go of the thread and the connections; idempotent."""
        await self._door.close()


_GONE = frozenset({"ClientNotFoundError", "MediaUnavailable", "InvalidMediaId", "MediaNotFound"})
"""Codes of what was deleted while it was being read."""


def _down(error: Misconfigured) -> Diagnosis:
    return Diagnosis(health=Health.DOWN, summary=error.reason, cure=error.cure)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
