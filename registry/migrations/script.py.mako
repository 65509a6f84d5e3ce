"""${message}."""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
from registry.columns import Id, Json, UtcTime

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Make the change."""
    ${upgrades if upgrades else "pass"}
