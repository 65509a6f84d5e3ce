"""Who may see a contact: whoever may see one of their appeals; one without any, everybody.

Whoever sees them may name them and note something of them. To block somebody, or to say that two
are one, concerns all who work for them: that is for whoever sees all of their appeals.
"""

from sqlalchemy import ColumnElement, and_, exists, func, or_, true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.errors import NotAllowed, NotFound
from registry.models import Appeal, Contact
from registry.operators import Principal


class ConcernsOthers(NotAllowed):
    """The contact has appeals that whoever asks may not see: it is not for them to decide."""

    def __init__(self, contact: Contact) -> None:
        super().__init__(
            f"{contact.name or 'This person'} has appeals in other teams as well; a supervisor or "
            "an administrator can do this."
        )


def contact_visible_to(principal: Principal) -> ColumnElement[bool]:
    """The condition on `contacts` under which the principal may see a row."""
    if principal.teams is None:
        return true()
    theirs = col(Appeal.contact_id) == col(Contact.id)
    return or_(exists().where(and_(theirs, visible_to(principal))), ~exists().where(theirs))


async def find_contact(
    session: AsyncSession, contact_id: int, *, by: Principal, hold: bool = False
) -> Contact:
    """The contact of that id, or the one that it was merged into; `hold` for who changes it.

    Raises: NotFound, also if `by` cannot see it.
    """
    asked: int | None = contact_id
    contact = None
    while asked is not None:
        contact = await session.get(
            Contact,
            asked,
            with_for_update={"key_share": True} if hold else None,
            populate_existing=True,
        )
        asked = None if contact is None else contact.merged_into_id
    if contact is not None:
        seen = select(Contact.id).where(col(Contact.id) == contact.id, contact_visible_to(by))
        if (await session.exec(seen)).first() is not None:
            return contact
    raise NotFound("contact", contact_id)


async def is_known_whole(session: AsyncSession, contact_id: int, *, by: Principal) -> bool:
    """Whether `by` may see all of the contact's appeals."""
    if by.teams is None:
        return True
    theirs = select(func.count()).where(col(Appeal.contact_id) == contact_id)
    there, seen = await session.exec(theirs), await session.exec(theirs.where(visible_to(by)))
    return there.one() == seen.one()


async def check_whole(session: AsyncSession, contact: Contact, *, by: Principal) -> None:
    """Raises: ConcernsOthers, unless `by` may see all of the contact's appeals."""
    if not await is_known_whole(session, contact.id, by=by):
        raise ConcernsOthers(contact)
