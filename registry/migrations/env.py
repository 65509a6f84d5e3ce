"""What Alembic runs for every command: over the connection that `registry.migrate` hands it."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import BigInteger, Connection
from sqlalchemy.sql.elements import False_
from sqlalchemy.types import JSON
from sqlmodel.sql.sqltypes import AutoString

from registry.columns import UtcTime
from registry.migrate import REVISIONS
from registry.schema import metadata


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write what must mean the same on both databases by our names; False leaves it to Alembic."""
    if kind == "server_default" and isinstance(getattr(item, "arg", None), False_):
        return "sa.false()"
    if kind != "type":
        return False
    if isinstance(item, UtcTime):
        return "UtcTime()"
    if isinstance(item, AutoString):
        return "sa.String()"
    if isinstance(item, BigInteger):
        return "Id"
    if isinstance(item, JSON):
        return "Json"
    return False


_connection: Connection = context.config.attributes["connection"]

context.configure(
    connection=_connection,
    target_metadata=metadata,
    render_item=_render,
    # SQLite changes a column only by copying its table; the first revision changes none.
    render_as_batch=bool(REVISIONS),
    # SQLite gives a default back in other words than it was given.
    compare_server_default=_connection.dialect.name == "postgresql",
)
with context.begin_transaction():
    context.run_migrations()
