"""The telephone: calls and their operators, call-backs, what is said, what is ordered."""

import sqlalchemy as sa
from alembic import op

from registry.columns import Id, Json, UtcTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the change."""
    op.create_index(
        "ix_contacts_merged_into_id",
        "contacts",
        ["merged_into_id"],
        unique=False,
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        sqlite_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_table(
        "call_orders",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("call_id", Id, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("what", Json, nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", UtcTime(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_orders")),
    )
    op.create_index(
        "ix_call_orders_open",
        "call_orders",
        ["call_id", "id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )

    op.create_table(
        "phone_agents",
        sa.Column("operator_id", Id, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("idle_since", UtcTime(), nullable=True),
        sa.Column("device", sa.Text(), server_default="", nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=True),
        sa.Column("signed_in", sa.Text(), server_default="", nullable=False),
        sa.Column("wrapping_up", Id, nullable=True),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_phone_agents")),
    )
    op.create_table(
        "prompts",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("path", sa.String(), nullable=True),
        sa.Column("mime", sa.String(), nullable=True),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", "language", name=op.f("pk_prompts")),
    )
    op.create_table(
        "call_backs",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("appeal_id", Id, nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("place", UtcTime(), nullable=True),
        sa.Column("rang", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("call_id", Id, nullable=True),
        sa.Column("done_at", UtcTime(), nullable=True),
        sa.Column("done_as", sa.String(), nullable=True),
        sa.Column("done_by", Id, nullable=True),
        sa.ForeignKeyConstraint(["done_by"], ["operators.id"], name=op.f("fk_call_backs_done_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_backs")),
    )
    op.create_index(
        "ix_call_backs_due_at",
        "call_backs",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )
    op.create_index(
        "uq_call_backs_number",
        "call_backs",
        ["number"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL"),
        sqlite_where=sa.text("done_at IS NULL"),
    )

    op.create_table(
        "calls",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("ours", sa.String(), nullable=False),
        sa.Column("appeal_id", Id, nullable=True),
        sa.Column("call_back_id", Id, nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("facts", Json, server_default="{}", nullable=False),
        sa.Column("operator_id", Id, nullable=True),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("open_hours", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("waiting_since", UtcTime(), nullable=True),
        sa.Column("answered_at", UtcTime(), nullable=True),
        sa.Column("waited", sa.Float(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_as", sa.String(), nullable=True),
        sa.Column("talked", sa.Float(), server_default="0", nullable=False),
        sa.Column("wrapped_up", sa.Float(), server_default="0", nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("swept_at", UtcTime(), nullable=True),
        sa.Column("record", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_calls_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint("account", "external_id", name=op.f("uq_calls_account_external_id")),
    )
    op.create_index(
        "ix_calls_appeal_id",
        "calls",
        ["appeal_id"],
        unique=False,
        postgresql_where=sa.text("appeal_id IS NOT NULL"),
        sqlite_where=sa.text("appeal_id IS NOT NULL"),
    )
    op.create_index("ix_calls_number_id", "calls", ["number", "id"], unique=False)
    op.create_index(
        "ix_calls_on_the_line",
        "calls",
        ["state", "waiting_since"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_calls_started_at_id", "calls", ["started_at", "id"], unique=False)

    op.add_column("attachments", sa.Column("call_id", Id, nullable=True))
    for name, column, where in (
        ("ix_attachments_call_id", "call_id", "call_id IS NOT NULL"),
        ("ix_attachments_phone_created_at", "created_at", "channel = 'phone'"),
    ):
        op.create_index(
            name,
            "attachments",
            [column],
            unique=False,
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )
    op.create_table(
        "transcripts",
        sa.Column("attachment_id", Id, autoincrement=False, nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_transcripts")),
    )

    op.create_table(
        "call_legs",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("call_id", Id, nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("operator_id", Id, nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("deadline", UtcTime(), nullable=False),
        sa.Column("joined_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_legs_call_id")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_call_legs_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_legs")),
    )
    op.create_index("ix_call_legs_call_id", "call_legs", ["call_id"], unique=False)
    op.create_index(
        "ix_call_legs_deadline",
        "call_legs",
        ["deadline"],
        unique=False,
        postgresql_where=sa.text("state = 'ringing'"),
        sqlite_where=sa.text("state = 'ringing'"),
    )
    op.create_index(
        "ix_call_legs_operator_id_made_at", "call_legs", ["operator_id", "made_at"], unique=False
    )
    op.create_index(
        "uq_call_legs_external_id",
        "call_legs",
        ["account", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
        sqlite_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        "uq_call_legs_offer",
        "call_legs",
        ["call_id"],
        unique=True,
        postgresql_where=sa.text("state = 'ringing' AND kind = 'offer'"),
        sqlite_where=sa.text("state = 'ringing' AND kind = 'offer'"),
    )
    op.create_index(
        "uq_call_legs_operator",
        "call_legs",
        ["operator_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('ringing', 'joined')"),
        sqlite_where=sa.text("state IN ('ringing', 'joined')"),
    )
