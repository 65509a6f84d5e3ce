"""Drafts: what an operator was writing in an appeal, kept so that it outlives the browser.

Each is one operator's of one appeal. Two screens of theirs never overwrite each other: whoever
saves tells which version they go on from.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import models
from registry.access import visible_to
from registry.appeals import NotAllowed
from registry.errors import BadValue, NotFound, RegistryError
from registry.ids import parse_id
from registry.models import Appeal
from registry.operators import Principal
from registry.types import ChosenTemplate, ContactPoint
from registry.uploads import Upload, hold_uploads, show_uploads

MAX_TEXT = 50_000
"""Characters."""
MAX_LISTED = 500
BEGINNING = 120
"""Characters of a draft that a list shows."""

_Name = Annotated[str, Meta(min_length=1, max_length=100)]


class DraftPoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a contact is written to."""

    scheme: _Name
    value: Annotated[str, Meta(min_length=1, max_length=254)]


class DraftVia(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The way that was chosen."""

    channel: _Name
    account: _Name
    point: DraftPoint | None = None


class DraftTemplate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The template that was chosen, as far as it is filled in."""

    id: _Name
    language: _Name
    variables: Annotated[dict[str, Annotated[str, Meta(max_length=1024)]], Meta(max_length=50)] = {}


class DraftContent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the composer held."""

    text: Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    mode: Literal["reply", "note"] = "reply"
    private: bool = False
    via: DraftVia | None = None
    template: DraftTemplate | None = None
    uploads: Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=50)] = []
    mentions: Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=50)] = []
    """Of a note: the colleagues who are asked to look, by their ids."""


class Draft(Struct, frozen=True, kw_only=True):
    """An operator's draft in an appeal."""

    number: str
    content: DraftContent
    uploads: list[Upload]
    """Those of the content that are still there."""
    version: int
    saved_at: datetime


class DraftLine(Struct, frozen=True, kw_only=True):
    """A draft as a list shows it."""

    number: str
    mode: Literal["reply", "note"]
    beginning: str
    saved_at: datetime


class DraftChanged(RegistryError):
    """The draft was saved, sent or discarded on another screen."""

    def __init__(self, current: Draft | None) -> None:
        what = "discarded or sent" if current is None else "saved"
        super().__init__(
            f"This draft was {what} on another screen meanwhile; take what is there now, "
            "or save yours with its version."
        )
        self.current = current


async def get_draft(session: AsyncSession, number: str, *, by: Principal) -> Draft | None:
    """The principal's draft in an appeal. Raises: NotFound (the appeal), NotAllowed."""
    operator_id = _operator(by)
    return await _read(session, await _appeal(session, number, by=by), number, operator_id)


async def save_draft(
    session: AsyncSession,
    number: str,
    content: DraftContent,
    *,
    version: int | None,
    by: Principal,
    now: datetime,
) -> Draft:
    """Save the draft over the `version` that the writer saw; None where they saw none.

    What is there already, word for word, is no other version.

    Raises: NotFound (the appeal), NotAllowed, DraftChanged, BadValue (an upload that is not there).
    """
    operator_id = _operator(by)
    appeal_id = await _appeal(session, number, by=by)
    if version is None:
        done = await _begin(session, operator_id, appeal_id, content, now=now)
    else:
        saved = await session.exec(
            update(models.Draft)
            .where(
                col(models.Draft.operator_id) == operator_id,
                col(models.Draft.appeal_id) == appeal_id,
                col(models.Draft.version) == version,
            )
            .values(content=msgspec.to_builtins(content), version=version + 1, saved_at=now)
            .returning(col(models.Draft.version))
        )
        done = saved.scalar_one_or_none()
    if done is None:
        current = await _read(session, appeal_id, number, operator_id)
        if current is not None and current.content == content:
            return current  # the same request again, or what taking a reply back has restored
        raise DraftChanged(current)
    await _check_uploads(session, content, by=by)
    kept = await _read(session, appeal_id, number, operator_id)
    assert kept is not None  # it was just written
    return kept


async def drop_draft(session: AsyncSession, number: str, *, by: Principal) -> None:
    """Discard the draft, if there is one. Raises: NotFound (the appeal), NotAllowed."""
    operator_id = _operator(by)
    await forget_draft(session, await _appeal(session, number, by=by), operator_id)


async def forget_draft(session: AsyncSession, appeal_id: int, operator_id: int | None) -> None:
    """Discard what somebody was writing in an appeal: it was sent."""
    await session.exec(
        delete(models.Draft).where(
            col(models.Draft.operator_id) == operator_id, col(models.Draft.appeal_id) == appeal_id
        )
    )


async def restore_draft(
    session: AsyncSession,
    appeal_id: int,
    operator_id: int,
    content: DraftContent,
    *,
    now: datetime,
) -> int | None:
    """Give back what was taken back; its version, None where they write something else already."""
    return await _begin(session, operator_id, appeal_id, content, now=now)


async def list_drafts(session: AsyncSession, *, by: Principal) -> list[DraftLine]:
    """The principal's drafts, the latest first; of appeals that they see no more, none.

    Raises: NotAllowed.
    """
    found = await session.exec(
        select(Appeal.number, models.Draft.content, models.Draft.saved_at)
        .join(Appeal, col(Appeal.id) == col(models.Draft.appeal_id))
        .where(models.Draft.operator_id == _operator(by), visible_to(by))
        .order_by(col(models.Draft.saved_at).desc(), col(models.Draft.appeal_id))
        .limit(MAX_LISTED)
    )
    return [
        DraftLine(
            number=number,
            mode=content.get("mode", "reply"),
            beginning=content.get("text", "")[:BEGINNING],
            saved_at=saved_at,
        )
        for number, content, saved_at in found
    ]


def content_of(
    text: str,
    uploads: list[str],
    *,
    private: bool,
    account: tuple[str, str, ContactPoint] | None,
    template: ChosenTemplate | None,
) -> DraftContent:
    """A reply as the composer would hold it."""
    via = None
    if account is not None:
        channel, name, point = account
        via = DraftVia(
            channel=channel,
            account=name,
            point=DraftPoint(scheme=point.scheme, value=point.value),
        )
    return DraftContent(
        text="" if template is not None else text,
        uploads=uploads,
        private=private,
        via=via,
        template=None
        if template is None
        else DraftTemplate(
            id=template.id, language=template.language, variables=dict(template.variables)
        ),
    )


async def _begin(
    session: AsyncSession,
    operator_id: int,
    appeal_id: int,
    content: DraftContent,
    *,
    now: datetime,
) -> int | None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    begun = await session.exec(
        insert(models.Draft)
        .values(
            operator_id=operator_id,
            appeal_id=appeal_id,
            content=msgspec.to_builtins(content),
            version=int(now.timestamp() * 1000),
            saved_at=now,
        )
        .on_conflict_do_nothing(index_elements=["operator_id", "appeal_id"])
        .returning(col(models.Draft.version))
    )
    version: int | None = begun.scalar_one_or_none()
    return version


async def _read(
    session: AsyncSession, appeal_id: int, number: str, operator_id: int
) -> Draft | None:
    found = await session.exec(
        select(models.Draft.content, models.Draft.version, models.Draft.saved_at).where(
            models.Draft.operator_id == operator_id, models.Draft.appeal_id == appeal_id
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    content = msgspec.convert(row[0], DraftContent)
    ids = [id_ for id_ in map(parse_id, content.uploads) if id_ is not None]
    return Draft(
        number=number,
        content=content,
        uploads=await show_uploads(session, ids),
        version=row[1],
        saved_at=row[2],
    )


async def _appeal(session: AsyncSession, number: str, *, by: Principal) -> int:
    found = await session.exec(select(Appeal.id).where(Appeal.number == number, visible_to(by)))
    id_ = found.one_or_none()
    if id_ is None:
        raise NotFound("appeal", number)
    return id_


async def _check_uploads(session: AsyncSession, content: DraftContent, *, by: Principal) -> None:
    """Hold the uploads, so that none is forgotten meanwhile. Raises: BadValue."""
    ids = []
    for named in content.uploads:
        id_ = parse_id(named)
        if id_ is None:
            raise BadValue("content/uploads", f"There is no upload {named}.")
        ids.append(id_)
    try:
        await hold_uploads(session, ids, by=by)
    except NotFound as error:
        raise BadValue("content/uploads", str(error)) from error


def _operator(by: Principal) -> int:
    if by.operator_id is None:
        raise NotAllowed(
            f"{by.name} acts in no operator's name, and has no drafts; sign in as an operator."
        )
    return by.operator_id
