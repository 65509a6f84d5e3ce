"""Names that a provider told when it was asked: they become the contacts' and their messages'."""

from registry.statements import TEXT, Script, Statement
from registry.types import ContactPoint


def is_unnamed(point: ContactPoint) -> Script[bool]:
    """Whether whoever writes from a point has no name yet."""
    rows = yield _UNNAMED, [(point.scheme, point.value)]
    return bool(rows)


def name_contact(point: ContactPoint, name: str) -> Script[None]:
    """Give a contact their name, and their messages an author; a name that is there stays."""
    row = (point.scheme, point.value, name)
    named = yield _NAME, [row]
    if named:
        yield _SIGN, [(point.scheme, point.value, name)]


_UNNAMED = Statement(
    """
    SELECT c.id FROM {rows}
    JOIN contact_points p ON p.scheme = r.scheme AND p.value = r.value
    JOIN contacts c ON c.id = p.contact_id AND c.name IS NULL
    """,
    scheme=TEXT,
    value=TEXT,
)

_NAME = Statement(
    """
    UPDATE contacts SET name = r.name
    FROM {rows} JOIN contact_points p ON p.scheme = r.scheme AND p.value = r.value
    WHERE contacts.id = p.contact_id AND contacts.name IS NULL
    RETURNING contacts.id
    """,
    scheme=TEXT,
    value=TEXT,
    name=TEXT,
)

_SIGN = Statement(
    """
    UPDATE messages SET author = r.name
    FROM {rows} JOIN contact_points p ON p.scheme = r.scheme AND p.value = r.value
    JOIN appeals a ON a.contact_id = p.contact_id
    WHERE messages.appeal_id = a.id AND messages.direction = 'in' AND messages.author = r.value
    """,
    scheme=TEXT,
    value=TEXT,
    name=TEXT,
)
"""Until then a message was signed with the point that it came from."""
