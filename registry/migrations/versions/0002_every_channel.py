"""What the messaging channels need: account stores, traffic, private replies, hiding, languages."""

import sqlalchemy as sa
from alembic import op

from registry.columns import Id, Json, UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "account_values",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("number", Id, server_default="0", nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", "name", name=op.f("pk_account_values")),
    )
    op.create_table(
        "traffic",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("slot", UtcTime(), nullable=False),
        sa.Column("received", Id, server_default="0", nullable=False),
        sa.Column("forged", Id, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", "slot", name=op.f("pk_traffic")),
    )
    op.add_column(
        "accounts", sa.Column("can_send", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    op.execute("UPDATE accounts SET can_send = false WHERE health = 'down'")
    op.add_column("accounts", sa.Column("details", Json, server_default="{}", nullable=False))
    op.add_column("accounts", sa.Column("refused_at", UtcTime(), nullable=True))
    op.add_column("accounts", sa.Column("refusal", sa.String(), nullable=True))
    op.add_column("accounts", sa.Column("refusal_cure", sa.String(), nullable=True))
    op.add_column("accounts", sa.Column("unread_since", UtcTime(), nullable=True))
    op.add_column("accounts", sa.Column("unread_reason", sa.String(), nullable=True))
    op.add_column("accounts", sa.Column("unread_cure", sa.String(), nullable=True))
    op.add_column(
        "contacts",
        sa.Column("language_fixed", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("messages", sa.Column("language", sa.String(), nullable=True))
    op.add_column("messages", sa.Column("private_reply_to", sa.String(), nullable=True))
    op.add_column("messages", sa.Column("hidden_at", UtcTime(), nullable=True))
    op.create_index(
        "ix_conversations_contact_id_channel_account",
        "conversations",
        ["contact_id", "channel", "account"],
    )
    op.drop_index(op.f("ix_conversations_contact_id"), table_name="conversations")
