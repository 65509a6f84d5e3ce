"""Many appeals of every kind, for tests of lists, queues and counts."""

import random
from datetime import timedelta
from typing import Any

from sqlmodel import select

from registry.db import Database
from registry.models import Appeal, AppealTag, Contact, Mention, Message, Team, TeamMember
from registry.operators import Principal, Role
from registry.queues import Standing
from tests.registry.desk import hire
from tests.registry.samples import START

TEAMS = ("roads", "water")
STATUSES = ("new", "open", "open", "pending", "resolved", "closed")
NOW = START + timedelta(days=10)
HOURS = (None, -200, -30, -1, 0, 1, 30)
"""From now; None for no time at all."""


async def staff(database: Database) -> list[Principal]:
    """Operators of no team, of one and of both, a supervisor, and a program in nobody's name."""
    async with database.write() as session:
        session.add_all(Team(key=key, name=key, created_at=START) for key in TEAMS)
    found = []
    for name, teams in (("Dana", ()), ("Erlan", ("roads",)), ("Farida", TEAMS)):
        hired = await hire(database, name)
        async with database.write() as session:
            session.add_all(
                TeamMember(team=team, operator_id=hired.operator_id or 0) for team in teams
            )
        found.append(
            Principal(
                role=Role.OPERATOR, name=name, operator_id=hired.operator_id, actor=hired.actor,
                teams=frozenset(teams),
            )
        )  # fmt: skip
    found.append(await hire(database, "Gulnar", Role.SUPERVISOR))
    found.append(Principal(role=Role.ADMIN, name="sync", operator_id=None, actor="token:sync"))
    return found


async def crowd(database: Database, people: list[Principal], size: int = 300) -> None:
    """Fill the database with appeals, the same at every run."""
    dice = random.Random(7)
    holders = [None, None, *[p.operator_id for p in people if p.operator_id is not None]]

    def moment() -> Any:
        hours = dice.choice(HOURS)
        return None if hours is None else NOW + timedelta(hours=hours)

    async with database.write() as session:
        contacts = [Contact(name=f"C{i}", created_at=START) for i in range(20)]
        contacts[0].blocked_at = contacts[1].blocked_at = START
        session.add_all(contacts)
        await session.flush()
        for i in range(size):
            appeal = Appeal(
                number=f"ALM-2026-{i:07}",
                channel=dice.choice(("telegram", "whatsapp", "sms")),
                account="main",
                contact_id=dice.choice(contacts).id,
                status=dice.choice(STATUSES),
                priority=dice.choice(("low", "normal", "high", "urgent")),
                category=dice.choice((None, "roads", "roads.pothole", "roadside", "water.leak")),
                language=dice.choice((None, "ru", "kk")),
                assignee_id=dice.choice(holders),
                team=dice.choice((None, *TEAMS, "parks")),
                district=dice.choice((None, "medeu", "alatau")),
                opened_at=NOW - timedelta(hours=dice.choice((0, 1, 30, 200))),
                due_at=moment(),
                first_response_due=moment(),
                first_response_at=dice.choice((None, NOW - timedelta(hours=40))),
                snoozed_until=dice.choice((None, None, moment())),
                waiting_since=dice.choice((None, NOW - timedelta(hours=dice.choice((1, 2))))),
                last_message_at=NOW - timedelta(hours=dice.choice((0, 1, 2))),
            )
            session.add(appeal)
            await session.flush()
            for tag in dice.sample(("yard", "again", "press"), dice.choice((0, 0, 1, 2))):
                session.add(AppealTag(appeal_id=appeal.id, tag=tag))
            message = Message(
                appeal_id=appeal.id, direction="out", author="Dana", sent_at=NOW, created_at=NOW,
                state=dice.choice(("sent", "sent", "read", "failed", "uncertain")),
            )  # fmt: skip
            session.add(message)
            for operator_id in dice.sample(holders[2:], dice.choice((0, 0, 1, 2))):
                session.add(
                    Mention(
                        message_id=message.id, operator_id=operator_id or 0, appeal_id=appeal.id,
                        created_at=NOW, seen_at=dice.choice((None, NOW)),
                    )
                )  # fmt: skip


async def standings(database: Database) -> dict[str, Standing]:
    """What stands in the tables of every appeal, by its number."""
    async with database.read() as session:
        blocked = {c.id for c in await session.exec(select(Contact)) if c.blocked_at is not None}
        failed = {
            message.appeal_id
            for message in await session.exec(select(Message))
            if message.state in {"failed", "uncertain"}
        }
        mentions = list(await session.exec(select(Mention)))
        return {
            appeal.number: Standing(
                status=appeal.status,
                assignee_id=appeal.assignee_id,
                team=appeal.team,
                due_at=appeal.due_at,
                first_response_due=appeal.first_response_due,
                first_response_at=appeal.first_response_at,
                snoozed_until=appeal.snoozed_until,
                blocked=appeal.contact_id in blocked,
                failed=appeal.id in failed,
                mentioned={
                    mention.operator_id
                    for mention in mentions
                    if mention.appeal_id == appeal.id and mention.seen_at is None
                },
            )
            for appeal in await session.exec(select(Appeal))
        }
