"""Saved replies: texts that are written often, of everybody's or of one team, by language.

A body names what is filled in: {name} of the contact, {number} and {deadline} of the appeal,
{operator} who answers. What is not known stays as it is, and is told.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.appeals.choices import check_team
from registry.errors import BadValue, NotFound
from registry.journal import record
from registry.models import Appeal, Contact
from registry.operators import Principal, Taken

VARIABLES = ("name", "number", "deadline", "operator")
LANGUAGES = ("ru", "kk", "en")
"""In the order in which one stands for another."""
MAX_BODY = 5000
"""Characters."""

_NAME = re.compile(r"\w[\w-]{0,39}")
_VARIABLE = re.compile(r"\{(\w+)\}")

Language = Literal["ru", "kk", "en"]


class SavedReply(Struct, frozen=True, kw_only=True):
    """A saved reply as it was written."""

    id: str
    name: str
    """What is typed after "/"."""
    team: str | None
    """Whose it is; None for everybody's."""
    bodies: dict[str, str]
    """By language."""
    changed_at: datetime


class Filled(Struct, frozen=True, kw_only=True):
    """A saved reply as it reads in one appeal."""

    text: str
    language: Language
    fell_back: bool
    """The citizen's language is another: there is no body in it."""
    missing: list[str]
    """Variables of the text that are not known here: they stand in it still."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a saved reply is to be; what is unset stays."""

    name: str | UnsetType = UNSET
    team: str | UnsetType | None = UNSET
    bodies: Mapping[str, str] | UnsetType = UNSET


async def list_saved_replies(session: AsyncSession, *, by: Principal) -> list[SavedReply]:
    """Everybody's and those of the principal's teams, by their names."""
    reply = models.SavedReply
    wanted = select(reply).where(col(reply.deleted_at).is_(None))
    if by.teams is not None:
        wanted = wanted.where(or_(col(reply.team).is_(None), col(reply.team).in_(sorted(by.teams))))
    found = await session.exec(wanted.order_by(col(reply.name), col(reply.team), col(reply.id)))
    return [_shown(one) for one in found]


async def fill_in(
    session: AsyncSession,
    number: str,
    replies: Iterable[SavedReply],
    *,
    by: Principal,
    zone: ZoneInfo,
) -> list[Filled]:
    """The replies as they read in an appeal. Raises: NotFound, also if `by` cannot see it."""
    found = await session.exec(
        select(Appeal, Contact)
        .join(Contact, col(Contact.id) == col(Appeal.contact_id))
        .where(Appeal.number == number, visible_to(by))
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("appeal", number)
    appeal, contact = row
    values = {
        "name": contact.name or "",
        "number": appeal.number,
        "deadline": "" if appeal.due_at is None else _deadline(appeal.due_at, zone),
        "operator": by.name,
    }
    language = appeal.language or contact.language
    return [_filled(reply, values, language) for reply in replies]


async def get_saved_reply(session: AsyncSession, reply_id: int) -> SavedReply:
    """One of them. Raises: NotFound."""
    return _shown(await _find(session, reply_id))


async def add_saved_reply(
    session: AsyncSession, wanted: Wanted, *, by: Principal, now: datetime
) -> int:
    """Write a new one; its id. Raises: BadValue, Taken."""
    if isinstance(wanted.name, UnsetType):
        raise BadValue("name", "Give the name that is typed after the slash.")
    if isinstance(wanted.bodies, UnsetType):
        raise BadValue("bodies", "Write a text in at least one language.")
    team = None if isinstance(wanted.team, UnsetType) else wanted.team
    await check_team(session, team)
    reply = models.SavedReply(
        name=_clean_name(wanted.name),
        team=team,
        bodies=_clean_bodies(wanted.bodies),
        changed_at=now,
    )
    await _write(session, reply)
    data = {"reply": str(reply.id), **_told(reply)}
    record(session, "saved_reply.added", actor=by.actor, now=now, data=data)
    return reply.id


async def change_saved_reply(
    session: AsyncSession, reply_id: int, wanted: Wanted, *, by: Principal, now: datetime
) -> None:
    """Write it anew. Raises: NotFound, BadValue, Taken."""
    reply = await _find(session, reply_id)
    before = _told(reply)
    if not isinstance(wanted.name, UnsetType):
        reply.name = _clean_name(wanted.name)
    if not isinstance(wanted.team, UnsetType) and wanted.team != reply.team:
        await check_team(session, wanted.team)
        reply.team = wanted.team
    if not isinstance(wanted.bodies, UnsetType):
        reply.bodies = _clean_bodies(wanted.bodies)
    after = _told(reply)
    changed = {
        name: {"from": before[name], "to": after[name]}
        for name in before
        if before[name] != after[name]
    }
    if not changed:
        return
    reply.changed_at = now
    await _write(session, reply)
    data = {"reply": str(reply.id), **changed}
    record(session, "saved_reply.changed", actor=by.actor, now=now, data=data)


async def delete_saved_reply(
    session: AsyncSession, reply_id: int, *, by: Principal, now: datetime
) -> None:
    """Offer it no more. Raises: NotFound."""
    reply = await _find(session, reply_id)
    reply.deleted_at = now
    data = {"reply": str(reply.id), **_told(reply)}
    record(session, "saved_reply.deleted", actor=by.actor, now=now, data=data)
    await session.flush()


async def _find(session: AsyncSession, reply_id: int) -> models.SavedReply:
    found = await session.exec(
        select(models.SavedReply)
        .where(models.SavedReply.id == reply_id, col(models.SavedReply.deleted_at).is_(None))
        .with_for_update()
    )
    reply = found.one_or_none()
    if reply is None:
        raise NotFound("saved reply", reply_id)
    return reply


async def _write(session: AsyncSession, reply: models.SavedReply) -> None:
    name = reply.name
    try:
        async with session.begin_nested():
            session.add(reply)
    except IntegrityError as error:
        raise Taken("a saved reply", name) from error


def _clean_name(name: str) -> str:
    cleaned = name.strip().removeprefix("/").lower()
    if not _NAME.fullmatch(cleaned):
        raise BadValue(
            "name", "A name is one word of up to 40 letters, digits, hyphens and underscores."
        )
    return cleaned


def _clean_bodies(bodies: Mapping[str, str]) -> dict[str, str]:
    cleaned = {}
    for language, text in bodies.items():
        if language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise BadValue("bodies", f"There is no language {language}; there are {known}.")
        if len(text) > MAX_BODY:
            raise BadValue(
                "bodies",
                f"The text in {language} is longer than {MAX_BODY} characters; shorten it.",
            )
        for unknown in set(_VARIABLE.findall(text)) - set(VARIABLES):
            known = ", ".join(f"{{{name}}}" for name in VARIABLES)
            raise BadValue("bodies", f"Nothing fills in {{{unknown}}}; there are {known}.")
        if text.strip():
            cleaned[language] = text
    if not cleaned:
        raise BadValue("bodies", "Write a text in at least one language.")
    return cleaned


def _filled(reply: SavedReply, values: Mapping[str, str], wanted: str | None) -> Filled:
    order = [wanted, *LANGUAGES]
    language: Any = next(one for one in order if one in reply.bodies)
    body = reply.bodies[language]
    text = _VARIABLE.sub(lambda m: values.get(m[1]) or m[0], body)
    missing = [name for name in VARIABLES if not values[name] and f"{{{name}}}" in body]
    return Filled(
        text=text,
        language=language,
        fell_back=wanted in LANGUAGES and language != wanted,
        missing=missing,
    )


def _deadline(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    if local.time() == time():
        return f"{local - timedelta(days=1):%d.%m.%Y} 24:00"
    return f"{local:%d.%m.%Y %H:%M}"


def _shown(reply: models.SavedReply) -> SavedReply:
    return SavedReply(
        id=str(reply.id),
        name=reply.name,
        team=reply.team,
        bodies=reply.bodies,
        changed_at=reply.changed_at,
    )


def _told(reply: models.SavedReply) -> dict[str, Any]:
    return {"name": reply.name, "team": reply.team, "bodies": dict(reply.bodies)}
