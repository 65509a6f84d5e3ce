"""Appeals and operators for the tests of the desk's side of the registry."""

from datetime import datetime
from typing import Any

from registry.db import Database
from registry.intake import accept
from registry.operators import Principal, Role, add_operator
from registry.types import Inbound
from tests.registry.samples import RULES, START, message, sender


async def hire(database: Database, name: str, role: Role = Role.OPERATOR) -> Principal:
    """An operator, as they act."""
    async with database.write() as session:
        email = f"{name.lower()}@example.kz"
        added = await add_operator(
            session, email=email, name=name, role=role, password_hash=None, actor="system",
            now=START,
        )  # fmt: skip
    return Principal(role=role, name=name, operator_id=added.id, actor=f"operator:{added.id}")


async def receive(database: Database, *items: Inbound, now: datetime = START) -> list[str]:
    """Register what citizens wrote; the numbers of the appeals."""
    accepted = await database.run(accept(items, rules=RULES, now=now))
    return [number or "" for number in accepted.numbers]


async def write_in(database: Database, citizen: str = "700", **changes: Any) -> str:
    """One citizen's first message; the number of the appeal."""
    fields: dict[str, Any] = {
        "external_id": f"{citizen}-1",
        "conversation": citizen,
        "sender": sender(citizen),
    }
    return (await receive(database, message(**(fields | changes))))[0]
