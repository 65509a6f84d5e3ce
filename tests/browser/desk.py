"""Who works at the desk of a hub that is served, and what lies there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from playwright.async_api import BrowserContext, Page
from sqlmodel import select

from hub.web.sessions import cookie_name
from registry.ids import new_id
from registry.models import Appeal, Contact, ContactPoint, Message, Operator
from registry.operators import Principal, Role, add_operator, principal_of
from registry.sessions import Stage, open_session
from tests.browser.looking import visit
from tests.browser.served import Served

ALL = "/inbox?queue=all&sort=oldest"
_serials = count(1)
_FIRST = 5_000_000
"""Numbers that the hub does not come to by itself."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A hub, and the page of somebody who has signed in there."""

    served: Served
    page: Page
    principal: Principal

    @property
    def operator_id(self) -> int:
        """Who they are."""
        assert self.principal.operator_id is not None
        return self.principal.operator_id

    async def visit(self, address: str = ALL) -> Page:
        """Their page, at an address of the hub."""
        await visit(self.page, self.served.url + address)
        return self.page

    async def appeal(self, number: str) -> Appeal:
        """An appeal as the registry has it now."""
        async with self.served.hub.database.read() as session:
            return (await session.exec(select(Appeal).where(Appeal.number == number))).one()

    async def preferences(self) -> Mapping[str, Any]:
        """What they chose for their screen."""
        async with self.served.hub.database.read() as session:
            return (await session.get_one(Operator, self.operator_id)).preferences


async def employ(
    served: Served, name: str, *, role: Role = Role.SUPERVISOR, **preferences: Any
) -> Principal:
    """Register an operator, with what they chose for their screen."""
    async with served.hub.database.write() as session:
        operator = await add_operator(
            session,
            email=f"operator{next(_serials)}@example.kz",
            name=name,
            role=role,
            password_hash=None,
            actor="system",
            now=served.hub.clock(),
        )
        operator.preferences = preferences
        await session.flush()
        return await principal_of(session, operator, role)


async def sign_in(served: Served, context: BrowserContext, principal: Principal) -> None:
    """Give a browser the cookie of somebody who is in."""
    settings = served.hub.settings
    async with served.hub.database.write() as session:
        operator = await session.get_one(Operator, principal.operator_id)
        key = await open_session(
            session, operator, Stage.IN, secret=settings.secret_key, now=served.hub.clock()
        )
    await context.add_cookies(
        [{"name": cookie_name(settings), "value": key, "url": served.url, "httpOnly": True}]
    )


async def lay_out(served: Served, matters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Appeals, the first one the oldest, each with a message; their numbers.

    A matter is what is not usual of an appeal, and `name`, `text` and `phone` of whoever wrote it.
    """
    now, numbers = served.hub.clock(), []
    async with served.hub.database.write() as session:
        for position, matter in enumerate(matters):
            fields = dict(matter)
            at = now - timedelta(minutes=7 * (len(matters) - position) + 3)
            person = Contact(name=fields.pop("name", f"Citizen {position}"), created_at=at)
            phone, text = fields.pop("phone", None), fields.pop("text", "Жарық жоқ")
            appeal = Appeal(
                **{
                    "number": f"ALM-2026-{_FIRST + next(_serials):07}",
                    "channel": "telegram",
                    "account": "main",
                    "contact_id": person.id,
                    "subject": text,
                    "opened_at": at,
                    "last_message_at": at,
                    "waiting_since": at,
                    "due_at": now + timedelta(days=position + 1),
                    "message_count": 1,
                    "language": "kk",
                    **fields,
                }
            )
            session.add(person)
            await session.flush()
            if phone:
                session.add(
                    ContactPoint(contact_id=person.id, scheme="tel", value=phone, created_at=at)
                )
            session.add(appeal)
            session.add(
                Message(
                    id=new_id(),
                    appeal_id=appeal.id,
                    direction="in",
                    text=text,
                    author=person.name or "",
                    sent_at=at,
                    created_at=at,
                )
            )
            numbers.append(appeal.number)
    return numbers
