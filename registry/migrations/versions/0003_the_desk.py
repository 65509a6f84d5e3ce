"""What the operators' desk needs: teams, sessions, drafts, deadlines, search, and live screens.

Triggers write down which appeal changed, whoever changes it, so that no screen can be forgotten. A
later revision that copies one of their tables on SQLite has to make them again.
"""

import sqlalchemy as sa
from alembic import op

from registry.columns import Id, Json, UtcTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "appeal_changes",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("appeal_id", Id, nullable=False),
        sa.Column("xid", Id, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal_changes")),
    )
    op.create_index("ix_appeal_changes_xid", "appeal_changes", ["xid"], unique=False)

    op.create_table(
        "attempts",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("locked_until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempts")),
    )
    op.create_table(
        "audit",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("operator_id", Id, nullable=True),
        sa.Column("appeal_id", Id, nullable=True),
        sa.Column("contact_id", Id, nullable=True),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("data", Json, server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(
        "ix_audit_appeal_id_id",
        "audit",
        ["appeal_id", "id"],
        unique=False,
        postgresql_where=sa.text("appeal_id IS NOT NULL"),
        sqlite_where=sa.text("appeal_id IS NOT NULL"),
    )
    op.create_index("ix_audit_at_id", "audit", ["at", "id"], unique=False)
    op.create_index(
        "ix_audit_operator_id_at_id", "audit", ["operator_id", "at", "id"], unique=False
    )

    op.create_table(
        "calendar_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("opens", sa.Integer(), nullable=True),
        sa.Column("closes", sa.Integer(), nullable=True),
        sa.Column("confirmed", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_days")),
    )
    op.create_table(
        "categories",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("names", Json, server_default="{}", nullable=False),
        sa.Column("term", sa.Integer(), nullable=True),
        sa.Column("unit", sa.String(), server_default="working_days", nullable=False),
        sa.Column("department", sa.Text(), server_default="", nullable=False),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("position", Id, server_default="0", nullable=False),
        sa.Column("retired_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_categories")),
    )
    op.create_table(
        "office_settings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", Json, server_default="{}", nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_office_settings")),
    )
    op.create_table(
        "saved_replies",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("bodies", Json, server_default="{}", nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_replies")),
    )
    op.create_index(
        "uq_saved_replies_name",
        "saved_replies",
        ["name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND team IS NULL"),
        sqlite_where=sa.text("deleted_at IS NULL AND team IS NULL"),
    )
    op.create_index(
        "uq_saved_replies_team_name",
        "saved_replies",
        ["team", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND team IS NOT NULL"),
        sqlite_where=sa.text("deleted_at IS NULL AND team IS NOT NULL"),
    )

    op.create_table(
        "search_documents",
        sa.Column("appeal_id", Id, autoincrement=False, nullable=False),
        sa.Column("shelf", sa.Text(), server_default="", nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("appeal_id", name=op.f("pk_search_documents")),
    )
    op.create_table(
        "search_progress",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("below", Id, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_progress")),
    )
    op.create_table(
        "search_shelves",
        sa.Column("first_id", Id, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("first_id", name=op.f("pk_search_shelves")),
    )
    op.create_table(
        "teams",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("archived_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_teams")),
    )
    op.create_table(
        "contact_merges",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("from_id", Id, nullable=False),
        sa.Column("into_id", Id, nullable=False),
        sa.Column("moved", Json, server_default="{}", nullable=False),
        sa.Column("merged_at", UtcTime(), nullable=False),
        sa.Column("undone_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["from_id"], ["contacts.id"], name=op.f("fk_contact_merges_from_id")
        ),
        sa.ForeignKeyConstraint(
            ["into_id"], ["contacts.id"], name=op.f("fk_contact_merges_into_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_merges")),
    )
    op.create_index("ix_contact_merges_from_id", "contact_merges", ["from_id"], unique=False)
    op.create_index("ix_contact_merges_into_id", "contact_merges", ["into_id"], unique=False)

    op.create_table(
        "contact_notes",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("contact_id", Id, nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("operator_id", Id, nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_notes_contact_id")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_contact_notes_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_notes")),
    )
    op.create_index("ix_contact_notes_contact_id", "contact_notes", ["contact_id"], unique=False)

    op.create_table(
        "saved_views",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("operator_id", Id, nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", Json, server_default="{}", nullable=False),
        sa.Column("position", Id, server_default="0", nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_saved_views_operator_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
    )
    op.create_index("ix_saved_views_operator_id", "saved_views", ["operator_id"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("operator_id", Id, nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("browser", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_sessions_operator_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_operator_id", "sessions", ["operator_id"], unique=False)

    op.create_table(
        "team_members",
        sa.Column("team", sa.String(), nullable=False),
        sa.Column("operator_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_team_members_operator_id")
        ),
        sa.PrimaryKeyConstraint("team", "operator_id", name=op.f("pk_team_members")),
    )
    op.create_index("ix_team_members_operator_id", "team_members", ["operator_id"], unique=False)

    op.create_table(
        "appeal_tags",
        sa.Column("appeal_id", Id, nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["appeal_id"], ["appeals.id"], name=op.f("fk_appeal_tags_appeal_id")
        ),
        sa.PrimaryKeyConstraint("appeal_id", "tag", name=op.f("pk_appeal_tags")),
    )
    op.create_index(
        "ix_appeal_tags_tag_appeal_id", "appeal_tags", ["tag", "appeal_id"], unique=False
    )

    op.create_table(
        "drafts",
        sa.Column("operator_id", Id, nullable=False),
        sa.Column("appeal_id", Id, nullable=False),
        sa.Column("content", Json, server_default="{}", nullable=False),
        sa.Column("version", Id, nullable=False),
        sa.Column("saved_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeals.id"], name=op.f("fk_drafts_appeal_id")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_drafts_operator_id")
        ),
        sa.PrimaryKeyConstraint("operator_id", "appeal_id", name=op.f("pk_drafts")),
    )
    op.create_table(
        "mentions",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("operator_id", Id, nullable=False),
        sa.Column("appeal_id", Id, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeals.id"], name=op.f("fk_mentions_appeal_id")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_mentions_operator_id")
        ),
        sa.PrimaryKeyConstraint("message_id", "operator_id", name=op.f("pk_mentions")),
    )
    op.create_index(
        "ix_mentions_unseen",
        "mentions",
        ["operator_id", "appeal_id"],
        unique=False,
        postgresql_where=sa.text("seen_at IS NULL"),
        sqlite_where=sa.text("seen_at IS NULL"),
    )

    op.add_column("accounts", sa.Column("stopped_at", UtcTime(), nullable=True))
    op.add_column("accounts", sa.Column("stopped_by", sa.Text(), server_default="", nullable=False))
    op.add_column("appeals", sa.Column("district", sa.String(), nullable=True))
    op.add_column("appeals", sa.Column("outcome", sa.String(), nullable=True))
    op.add_column("appeals", sa.Column("reopened_at", UtcTime(), nullable=True))
    op.add_column("appeals", sa.Column("snoozed_until", UtcTime(), nullable=True))
    op.add_column("appeals", sa.Column("waiting_since", UtcTime(), nullable=True))
    op.add_column("appeals", sa.Column("first_response_due", UtcTime(), nullable=True))
    op.add_column("appeals", sa.Column("first_response_at", UtcTime(), nullable=True))
    op.add_column(
        "appeals", sa.Column("due_fixed", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("appeals", sa.Column("escalated_at", UtcTime(), nullable=True))
    op.add_column("appeals", sa.Column("duplicate_of_id", Id, nullable=True))
    op.add_column("appeals", sa.Column("merged_into_id", Id, nullable=True))
    op.create_index(
        "ix_appeals_district",
        "appeals",
        ["district", "id"],
        unique=False,
        postgresql_where=sa.text("district IS NOT NULL"),
        sqlite_where=sa.text("district IS NOT NULL"),
    )
    op.create_index(
        "ix_appeals_duplicate_of_id",
        "appeals",
        ["duplicate_of_id"],
        unique=False,
        postgresql_where=sa.text("duplicate_of_id IS NOT NULL"),
        sqlite_where=sa.text("duplicate_of_id IS NOT NULL"),
    )
    op.create_index(
        "ix_appeals_live_due_at_id",
        "appeals",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('new', 'open', 'pending')"),
        sqlite_where=sa.text("status IN ('new', 'open', 'pending')"),
    )
    op.create_index(
        "ix_appeals_live_priority_id",
        "appeals",
        ["priority", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('new', 'open', 'pending')"),
        sqlite_where=sa.text("status IN ('new', 'open', 'pending')"),
    )
    op.create_index(
        "ix_appeals_live_last_message_at_id",
        "appeals",
        ["last_message_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('new', 'open', 'pending')"),
        sqlite_where=sa.text("status IN ('new', 'open', 'pending')"),
    )
    op.create_index(
        "ix_appeals_live_team",
        "appeals",
        ["team", "last_message_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('new', 'open', 'pending')"),
        sqlite_where=sa.text("status IN ('new', 'open', 'pending')"),
    )
    op.create_index(
        "ix_appeals_live_waiting_since_id",
        "appeals",
        ["waiting_since", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('new', 'open', 'pending')"),
        sqlite_where=sa.text("status IN ('new', 'open', 'pending')"),
    )
    op.create_index(
        "ix_appeals_merged_into_id",
        "appeals",
        ["merged_into_id"],
        unique=False,
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        sqlite_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.create_index(
        "ix_appeals_snoozed_until",
        "appeals",
        ["snoozed_until"],
        unique=False,
        postgresql_where=sa.text("snoozed_until IS NOT NULL"),
        sqlite_where=sa.text("snoozed_until IS NOT NULL"),
    )

    op.add_column("contacts", sa.Column("blocked_at", UtcTime(), nullable=True))

    op.create_index("ix_journal_at_id", "journal", ["at", "id"], unique=False)
    op.create_index(
        "ix_journal_actor_at_id",
        "journal",
        ["actor", "at", "id"],
        unique=False,
        postgresql_where=sa.text("actor NOT IN ('citizen', 'system')"),
        sqlite_where=sa.text("actor NOT IN ('citizen', 'system')"),
    )

    op.create_index(
        "ix_messages_failed",
        "messages",
        ["appeal_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('failed', 'uncertain')"),
        sqlite_where=sa.text("state IN ('failed', 'uncertain')"),
    )

    op.add_column(
        "operators",
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("operators", sa.Column("totp_secret", sa.Text(), nullable=True))
    op.add_column("operators", sa.Column("totp_since", UtcTime(), nullable=True))
    op.add_column("operators", sa.Column("totp_step", Id, server_default="0", nullable=False))
    op.add_column("operators", sa.Column("subject", sa.String(), nullable=True))
    op.add_column("operators", sa.Column("languages", Json, server_default="[]", nullable=False))
    op.add_column("operators", sa.Column("position", sa.Text(), server_default="", nullable=False))
    op.add_column("operators", sa.Column("preferences", Json, server_default="{}", nullable=False))
    _fill()
    bind = op.get_bind()
    statements = _SQLITE if bind.dialect.name == "sqlite" else _POSTGRESQL
    for statement in statements:
        bind.exec_driver_sql(statement)


def _fill() -> None:
    """What is known of the appeals that are there already."""
    op.execute(
        "UPDATE appeals SET waiting_since = last_message_at "
        "WHERE unread > 0 AND status IN ('new', 'open', 'pending')"
    )
    op.execute(
        "UPDATE appeals SET first_response_at = (SELECT min(m.sent_at) FROM messages m "
        "WHERE m.appeal_id = appeals.id AND m.direction = 'out' "
        "AND (m.idempotency_key IS NULL OR m.idempotency_key LIKE 'reply%'))"
    )
    # Who was spoken with at the counter had their answer there.
    op.execute(
        "UPDATE appeals SET first_response_at = opened_at "
        "WHERE account = 'desk' AND channel IN ('visit', 'phone')"
    )


_OWN = "SELECT {new}.appeal_id FROM {fresh} WHERE {new}.appeal_id IS NOT NULL"
_OF_CONTACT = "SELECT a.id FROM {fresh} JOIN appeals a ON a.contact_id = {new}.{key}"
_OF_MESSAGE = (
    "SELECT m.appeal_id FROM {fresh} JOIN messages m ON m.id = {new}.message_id "
    "WHERE m.appeal_id IS NOT NULL"
)

_CHANGES = (
    # Table, event, what must differ in an update, and whose appeal it is.
    ("appeals", "INSERT", (), "SELECT {new}.id FROM {fresh}"),
    ("appeals", "UPDATE", (), "SELECT {new}.id FROM {fresh}"),
    ("messages", "INSERT", (), _OWN),
    ("messages", "UPDATE", (), _OWN),
    ("attachments", "UPDATE", (), _OF_MESSAGE),
    ("journal", "INSERT", (), _OWN),
    ("contacts", "UPDATE", ("name", "language", "blocked_at"), _OF_CONTACT.replace("{key}", "id")),
    ("contact_points", "INSERT", (), _OF_CONTACT.replace("{key}", "contact_id")),
    ("contact_points", "UPDATE", ("contact_id",), _OF_CONTACT.replace("{key}", "contact_id")),
    ("contact_notes", "INSERT", (), _OF_CONTACT.replace("{key}", "contact_id")),
    ("contact_notes", "UPDATE", (), _OF_CONTACT.replace("{key}", "contact_id")),
    (
        "conversations",
        "UPDATE",
        ("blocked_at",),
        _OWN,
    ),
    ("appeal_tags", "INSERT", (), "SELECT {new}.appeal_id FROM {fresh}"),
    ("appeal_tags", "DELETE", (), "SELECT {new}.appeal_id FROM {fresh}"),
    ("mentions", "INSERT", (), "SELECT {new}.appeal_id FROM {fresh}"),
    ("mentions", "UPDATE", ("seen_at",), "SELECT {new}.appeal_id FROM {fresh}"),
)  # fmt: skip


def _sqlite(table: str, event: str, differing: tuple[str, ...], select: str) -> str:
    row = "old" if event == "DELETE" else "new"
    when = " OR ".join(f"new.{column} IS NOT old.{column}" for column in differing)
    chosen = select.format(new=row, fresh="(SELECT 1)")
    return (
        f"CREATE TRIGGER {table}_{event.lower()}_changes_appeals AFTER {event} ON {table}"
        + (f" WHEN {when}" if when else "")
        + f" BEGIN INSERT INTO appeal_changes (appeal_id) {chosen}; END"
    )


def _postgresql(table: str, event: str, differing: tuple[str, ...], select: str) -> tuple[str, str]:
    name = f"{table}_{event.lower()}_changes_appeals"
    fresh, tables = "fresh", "NEW TABLE AS fresh"
    if event == "DELETE":
        tables = "OLD TABLE AS fresh"
    elif differing:
        tables += " OLD TABLE AS stale"
        keys = "fresh.id = stale.id"
        if table == "mentions":
            keys = "fresh.message_id = stale.message_id AND fresh.operator_id = stale.operator_id"
        changed = " OR ".join(f"fresh.{c} IS DISTINCT FROM stale.{c}" for c in differing)
        fresh = f"fresh JOIN stale ON {keys} AND ({changed})"
    chosen = select.format(new="fresh", fresh=fresh)
    function = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO appeal_changes (appeal_id, xid) SELECT DISTINCT found.id, "
        f"pg_current_xact_id()::text::bigint FROM ({chosen}) AS found (id); "
        "IF FOUND THEN PERFORM pg_notify('appeal_changes', ''); END IF; RETURN NULL; END $$"
    )
    trigger = (
        f"CREATE TRIGGER {name} AFTER {event} ON {table} "
        f"REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )
    return function, trigger


# What a document's words are found by. On SQLite a change takes the old words out of the index and
# puts the new ones in; without positions (detail) the index is half as large.
_PUT_IN = "INSERT INTO search_words (rowid, words) VALUES (new.appeal_id, new.words);"
_TAKE_OUT = (
    "INSERT INTO search_words (search_words, rowid, words) "
    "VALUES ('delete', old.appeal_id, old.words);"
)
_SQLITE_WORDS = (
    """
    CREATE VIRTUAL TABLE search_words USING fts5(
      words, content='search_documents', content_rowid='appeal_id', columnsize=0, detail=none,
      tokenize="ascii tokenchars '_'")
    """,
    f"""
    CREATE TRIGGER search_documents_insert_indexes AFTER INSERT ON search_documents
    BEGIN {_PUT_IN} END
    """,
    f"""
    CREATE TRIGGER search_documents_update_indexes AFTER UPDATE OF words ON search_documents
    BEGIN {_TAKE_OUT} {_PUT_IN} END
    """,
    f"""
    CREATE TRIGGER search_documents_delete_indexes AFTER DELETE ON search_documents
    BEGIN {_TAKE_OUT} END
    """,
)

# A list of what came last would have to be read through for each shelf: entries go in at once.
_POSTGRESQL_WORDS = (
    """
    CREATE INDEX ix_search_documents_words ON search_documents USING gin (
      array_to_tsvector(string_to_array(shelf || replace(words, ' ', ' ' || shelf), ' ')))
      WITH (fastupdate = off)
    """,
)

_SQLITE = (*(_sqlite(*change) for change in _CHANGES), *_SQLITE_WORDS)
_POSTGRESQL = (*(text for change in _CHANGES for text in _postgresql(*change)), *_POSTGRESQL_WORDS)
