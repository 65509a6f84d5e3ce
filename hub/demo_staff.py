"""Who works at the demo's desk: people of each role with a password, teams, saved replies."""

import secrets
import tomllib
from pathlib import Path

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

import config
from config.settings import Settings
from registry.db import Database
from registry.journal import SYSTEM
from registry.migrate import migrate
from registry.models import Operator
from registry.operators import (
    Principal,
    Role,
    add_operator,
    add_token,
    find_operator,
    principal_of,
)
from registry.passwords import hash_password
from registry.saved_replies import Wanted, add_saved_reply
from registry.teams import add_team, set_members
from registry.types import utc_now

EMAIL = "demo@example.kz"
"""Who the demo's token acts for, and who is told how to sign in."""


async def staff(settings: Settings, *, run: int) -> str:
    """Make the database and whoever works at its desk; gives a token in the first one's name."""
    database = Database(settings.database.url.get_secret_value())
    await database.open()
    try:
        await migrate(database)
        hashed = await hash_password(password_of(settings.folder))
        async with database.write() as session:
            if (await session.exec(select(Operator.id).limit(1))).first() is None:
                await _hire(session, hashed)
            operator = await find_operator(session, EMAIL)
            return await add_token(
                session,
                name=f"demo {run}",
                role=Role.ADMIN,
                secret_key=settings.secret_key.get_secret_value(),
                actor=SYSTEM,
                now=utc_now(),
                operator_id=operator.id,
            )
    finally:
        await database.close()


def password_of(folder: Path) -> str:
    """The password of everybody at the demo's desk; it stays with the folder."""
    kept = folder / "password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(12))
    return kept.read_text()


async def _hire(session: AsyncSession, hashed: str) -> None:
    town = tomllib.loads((Path(config.__file__).parent / "demo.toml").read_text("utf-8"))
    now, boss = utc_now(), None
    members: dict[str, list[int]] = {}
    for person in town["staff"]:
        role = Role(person["role"])
        hired = await add_operator(
            session, email=person["email"], name=person["name"], role=role,
            password_hash=hashed, actor=SYSTEM, now=now,
        )  # fmt: skip
        hired.languages = person.get("languages", [])
        boss = boss or await principal_of(session, hired, role)
        for team in person.get("teams", ()):
            members.setdefault(team, []).append(hired.id)
    assert boss is not None
    for key, name in town["teams"].items():
        await add_team(session, key, name, by=boss, now=now)
        await set_members(session, key, members.get(key, []), by=boss, now=now)
    await _write_replies(session, town["replies"], boss)


async def _write_replies(
    session: AsyncSession, replies: list[dict[str, str]], boss: Principal
) -> None:
    for reply in replies:
        bodies = {language: text for language, text in reply.items() if language != "name"}
        wanted = Wanted(name=reply["name"], bodies=bodies, team=None)
        await add_saved_reply(session, wanted, by=boss, now=utc_now())
