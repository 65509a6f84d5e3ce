"""What belongs to one team, made anew for each route: the appeal, and all that hangs on it."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.app import Hub
from registry.appeals import Change, Priority, change_appeal
from registry.calls.tables import Call, CallBack, CallLeg
from registry.contacts.changing import add_contact_note
from registry.contacts.merging import merge_contacts
from registry.intake import accept
from registry.models import (
    Appeal,
    Attachment,
    Dispatch,
    Message,
    Operator,
    SavedView,
)
from registry.operators import Principal, Role, add_operator, principal_of
from registry.schema import metadata
from registry.sessions import Stage, digest_of, open_session
from registry.teams import set_teams_of
from tests.registry.samples import RULES, message, sender

SECRET_WORDS = "Тұрғынның құпиясы"
"""What the citizen of another team wrote: it stands in no answer to anybody else."""

_serials = count(1)


@dataclass(frozen=True)
class Colleague:
    """Somebody who has signed in."""

    principal: Principal
    key: str
    digest: str
    csrf: str


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    place: str


@dataclass(frozen=True)
class Things:
    """Ids as addresses have them, all of one team's; and of one member of it."""

    number: str
    contact: str
    merge: str
    """Of two contacts that were found to be one."""
    note: str
    """About the contact."""
    message: str
    """Not the only one that the citizen wrote."""
    failed: str
    """A reply that did not go out."""
    waiting: str
    """A reply that may still be taken back."""
    comment: str
    file: str
    upload: str
    view: str
    session: str
    other: str
    """The number of another appeal, of another person."""
    other_contact: str
    call: str
    """About the appeal, in which the colleague talked."""
    call_back: str
    """Of whoever called about it."""
    undo: str
    """The key by which a change to the appeal can be undone."""


Body = Callable[[Things], Mapping[str, Any]]


class Office:
    """A hub with people in it, and a browser for each of them."""

    def __init__(self, hub: Hub, client: TestClient[web.Request, web.Application]) -> None:
        self.hub = hub
        self.client = client

    async def employ(self, name: str, role: Role, *teams: str) -> Colleague:
        """Somebody who has signed in."""
        now, secret = self.hub.clock(), self.hub.settings.secret_key
        async with self.hub.database.write() as session:
            operator = await add_operator(
                session, email=f"{name.lower()}@example.kz", name=name, role=role,
                password_hash=None, actor="system", now=now,
            )  # fmt: skip
            boss = Principal(role=Role.ADMIN, name="x", operator_id=None, actor="system")
            await set_teams_of(session, operator.id, teams, by=boss, now=now)
            key = await open_session(session, operator, Stage.IN, secret=secret, now=now)
            principal = await principal_of(session, operator, role)
        found = Colleague(principal, key, digest_of(key, secret), "")
        shown = await self.ask(found, "GET", "/account")
        csrf = shown.text.split('data-csrf="')[1].split('"')[0]
        return Colleague(principal, key, found.digest, csrf)

    async def ask(
        self,
        who: Colleague | None,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One request of a page of ours; a redirect is not followed."""
        headers = {
            "Sec-Fetch-Site": "same-origin",
            "Idempotency-Key": f"key-{next(_serials)}",
            "Cookie": "language=en",
        }
        if who is not None:
            headers["Cookie"] += f"; __Host-session={who.key}"
            headers["X-CSRF-Token"] = who.csrf
        async with self.client.request(
            method, path, headers=headers, json=body, allow_redirects=False
        ) as response:
            raw = await response.read()
            place = response.headers.get("Location", "")
            return Answer(response.status, raw.decode(errors="replace"), place)

    async def things_of(self, team: str, colleague: Colleague) -> Things:
        """An appeal of the team's with everything, in which the colleague has worked."""
        made, other, gone = [await self._appeal(team) for _ in range(3)]
        comment = await self._appeal(team, public=True)
        who, now = colleague.principal, self.hub.clock()
        async with self.hub.database.write() as session:
            note = await add_contact_note(session, made.contact_id, SECRET_WORDS, by=who, now=now)
            merge, _ = await merge_contacts(
                session, gone.contact_id, other.contact_id, by=who, now=now
            )
            replies = [_reply(made, state, now=now) for state in ("failed", "queued")]
            session.add_all(replies)
            await session.flush()
            session.add_all([_dispatch(made, reply, now=now) for reply in replies])
            arrived = await self._first_message(session, made)
            file = await self._file(message_id=arrived)
            upload = await self._file(uploaded_by=who.actor)
            undo = await change_appeal(
                session, made.number, Change(priority=Priority.URGENT), by=who, now=now
            )
            view = SavedView(
                operator_id=who.operator_id, name=SECRET_WORDS, query={"sort": "due"},
                created_at=now,
            )  # fmt: skip
            call = Call(
                account="main", appeal_id=made.id, direction="out", number="+77017654321",
                started_at=now,
            )  # fmt: skip
            back = CallBack(
                account="main", number=f"+7702{made.id % 10**7:07}", appeal_id=made.id,
                why="missed", asked_at=now, due_at=now,
            )  # fmt: skip
            session.add_all([file, upload, view, call, back])
            await session.flush()
            secret = self.hub.settings.secret_key
            operator = await session.get_one(Operator, who.operator_id)
            leg = CallLeg(
                call_id=call.id, account="main", operator_id=operator.id, kind="own",
                state="left", device="", made_at=now, deadline=now,
            )  # fmt: skip
            session.add(leg)
            key = await open_session(session, operator, Stage.IN, secret=secret, now=now)
            return Things(
                number=made.number,
                contact=str(made.contact_id),
                merge=str(merge.id),
                note=str(note.id),
                message=str(arrived),
                failed=str(replies[0].id),
                waiting=str(replies[1].id),
                comment=str(await self._first_message(session, comment)),
                file=str(file.id),
                upload=str(upload.id),
                view=str(view.id),
                session=digest_of(key, secret),
                other=other.number,
                other_contact=str(other.contact_id),
                call=str(call.id),
                call_back=str(back.id),
                undo=str(undo),
            )

    async def kept(self) -> dict[str, list[str]]:
        """Everything in the database but what a mere look at a page changes."""
        found: dict[str, list[str]] = {}
        async with self.hub.database.reader.connect() as connection:
            for name, table in metadata.tables.items():
                if name not in {"sessions", "attempts", "leases"}:
                    rows = (await connection.execute(table.select())).all()
                    found[name] = sorted(map(repr, rows))
        return found

    async def _appeal(self, team: str, *, public: bool = False) -> Appeal:
        """One that a citizen brought, each time another."""
        citizen = f"citizen-{next(_serials)}"
        said = message(
            citizen, channel="blackhole", account="main", conversation=citizen, public=public,
            sender=sender(citizen, name=SECRET_WORDS), text=SECRET_WORDS,
        )  # fmt: skip
        again = msgspec.structs.replace(said, external_id=f"{citizen}-again")
        accepted = await self.hub.database.run(
            accept([said, again], rules=RULES, now=self.hub.clock())
        )
        async with self.hub.database.write() as session:
            chosen = select(Appeal).where(Appeal.number == accepted.numbers[0])
            appeal = (await session.exec(chosen)).one()
            appeal.team = team
            return appeal

    async def _first_message(self, session: AsyncSession, appeal: Appeal) -> int:
        chosen = select(Message.id).where(Message.appeal_id == appeal.id, Message.direction == "in")
        return (await session.exec(chosen.order_by(col(Message.id)))).first() or 0

    async def _file(self, **whose: Any) -> Attachment:
        stored = await self.hub.media.put(_letter(), max_bytes=100)
        return Attachment(
            kind="document", name=f"{SECRET_WORDS}.txt", state="ready", path=stored.path,
            mime=stored.mime, size=stored.size, created_at=self.hub.clock(), **whose,
        )  # fmt: skip


async def _letter() -> AsyncIterator[bytes]:
    yield SECRET_WORDS.encode()


def _reply(appeal: Appeal, state: str, *, now: datetime) -> Message:
    return Message(
        appeal_id=appeal.id, conversation_id=appeal.conversation_id, direction="out",
        text=SECRET_WORDS, author="Aset", sent_at=now, created_at=now, state=state, state_at=now,
    )  # fmt: skip


def _dispatch(appeal: Appeal, reply: Message, *, now: datetime) -> Dispatch:
    assert appeal.conversation_id is not None
    return Dispatch(
        message_id=reply.id, conversation_id=appeal.conversation_id, channel=appeal.channel,
        account=appeal.account, parts=[{"text": SECRET_WORDS, "attachments": []}], part_count=1,
        state=reply.state or "", due_at=now + timedelta(minutes=1), created_at=now,
    )  # fmt: skip
