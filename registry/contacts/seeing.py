"""Who may see a contact: whoever may see one of their appeals; one without any, everybody."""

from sqlalchemy import ColumnElement, and_, exists, or_, true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.access import visible_to
from registry.errors import NotFound
from registry.models import Appeal, Contact
from registry.operators import Principal


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
