"""The tables. Unique keys carry the promises; the hot paths write them without the ORM.

Ids come from `registry.ids`. `channel` and `account` together name an account of ours.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    false,
    true,
)
from sqlalchemy import text as sql
from sqlmodel import Field

from registry.columns import Id, Json, UtcTime
from registry.tables import (
    Table,
    json_object,
    loose_id,
    moment,
    own_id,
    partial_index,
    reference,
    text_column,
)


class Contact(Table, table=True):
    """A person, however many points they write from."""

    __tablename__ = "contacts"
    __table_args__ = (
        partial_index(
            "ix_contacts_merged_into_id", "merged_into_id", where="merged_into_id IS NOT NULL"
        ),
    )

    id: int = own_id()
    name: str | None = None
    language: str | None = None
    """"kk", "ru", "en" or "mixed": what they write in, or what an operator set."""
    language_fixed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """An operator set the language: what they write changes it no more."""
    created_at: datetime = moment()
    merged_into_id: int | None = reference("contacts.id", nullable=True)
    blocked_at: datetime | None = moment(nullable=True)
    """Since when we take no more appeals from them to the queues: their messages are kept, and
    raise nothing."""


class ContactPoint(Table, table=True):
    """Where a person can be reached. The unique key holds one contact to a point."""

    __tablename__ = "contact_points"
    __table_args__ = (UniqueConstraint("scheme", "value"),)

    id: int = own_id()
    contact_id: int = reference("contacts.id", index=True)
    scheme: str
    value: str
    created_at: datetime = moment()


class Conversation(Table, table=True):
    """A thread at the provider: one private chat with an account, or one author under one post.

    It holds what belongs to the thread rather than to one appeal in it: whether the person
    blocked this account, and when they last wrote, which opens the reply window.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("channel", "account", "key"),
        Index("ix_conversations_contact_id_channel_account", "contact_id", "channel", "account"),
    )

    id: int = own_id()
    channel: str
    account: str
    key: str
    """The provider's id of the thread."""
    public: bool = False
    contact_id: int = reference("contacts.id")
    point_id: int = reference("contact_points.id")
    appeal_id: int | None = loose_id()
    """The appeal that a new message joins, or reopens, or follows. No foreign key: an appeal
    points back here, and SQLite cannot add a constraint to a table that exists."""
    last_inbound: str | None = None
    """External id of the person's last message."""
    last_inbound_at: datetime | None = moment(nullable=True)
    blocked_at: datetime | None = moment(nullable=True)
    """Since when the person lets nothing of ours through on this account."""
    created_at: datetime = moment()


LIVE = "status IN ('new', 'open', 'pending')"
"""What a queue shows, in the very words of its indexes: said otherwise, they do not serve."""


class Appeal(Table, table=True):
    """One matter a person brought, from its registration to its end."""

    __tablename__ = "appeals"
    __table_args__ = (
        UniqueConstraint("number"),
        Index("ix_appeals_status_last_message_at_id", "status", "last_message_at", "id"),
        partial_index(
            "ix_appeals_assignee_id_status_last_message_at_id",
            "assignee_id",
            "status",
            "last_message_at",
            "id",
            where="assignee_id IS NOT NULL",
        ),
        Index("ix_appeals_last_message_at_id", "last_message_at", "id"),
        partial_index("ix_appeals_due_at_id", "due_at", "id", where="due_at IS NOT NULL"),
        partial_index("ix_appeals_live_last_message_at_id", "last_message_at", "id", where=LIVE),
        partial_index("ix_appeals_live_waiting_since_id", "waiting_since", "id", where=LIVE),
        partial_index("ix_appeals_live_due_at_id", "due_at", "id", where=LIVE),
        partial_index("ix_appeals_live_priority_id", "priority", "id", where=LIVE),
        partial_index("ix_appeals_live_team", "team", "last_message_at", "id", where=LIVE),
        partial_index(
            "ix_appeals_snoozed_until", "snoozed_until", where="snoozed_until IS NOT NULL"
        ),
        partial_index("ix_appeals_district", "district", "id", where="district IS NOT NULL"),
        partial_index(
            "ix_appeals_duplicate_of_id", "duplicate_of_id", where="duplicate_of_id IS NOT NULL"
        ),
        partial_index(
            "ix_appeals_merged_into_id", "merged_into_id", where="merged_into_id IS NOT NULL"
        ),
    )

    id: int = own_id()
    number: str
    channel: str
    account: str
    conversation_id: int | None = reference("conversations.id", nullable=True)
    """None for what came over a counter: a visit or a letter has no thread at a provider."""
    contact_id: int = reference("contacts.id", index=True)
    kind: str = Field(default="message", sa_column_kwargs={"server_default": "message"})
    status: str = Field(default="new", sa_column_kwargs={"server_default": "new"})
    priority: str = Field(default="normal", sa_column_kwargs={"server_default": "normal"})
    category: str | None = None
    language: str | None = None
    subject: str = text_column()
    assignee_id: int | None = reference("operators.id", nullable=True)
    team: str | None = None
    opened_at: datetime = moment()
    reopened_at: datetime | None = moment(nullable=True)
    """When it was opened again: since then its present term runs."""
    due_at: datetime | None = moment(nullable=True)
    resolved_at: datetime | None = moment(nullable=True)
    closed_at: datetime | None = moment(nullable=True)
    last_message_at: datetime = moment()
    unread: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    message_count: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None
    district: str | None = None
    """Its code in the settings' list of districts."""
    outcome: str | None = None
    """How it was resolved: "fixed", "planned", "refused", "not_competent", "duplicate" or
    "answered"."""
    snoozed_until: datetime | None = moment(nullable=True)
    """Until when it is out of the queues; a message of the citizen brings it back."""
    waiting_since: datetime | None = moment(nullable=True)
    """When the citizen wrote the first message that nobody has answered."""
    first_response_due: datetime | None = moment(nullable=True)
    first_response_at: datetime | None = moment(nullable=True)
    """When a person's first reply was accepted."""
    due_fixed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """A person set the deadline: neither category nor calendar moves it."""
    escalated_at: datetime | None = moment(nullable=True)
    """When the supervisors were told that it is late."""
    duplicate_of_id: int | None = loose_id()
    """The appeal that it repeats."""
    merged_into_id: int | None = loose_id()
    """The appeal that took its messages."""


class Message(Table, table=True):
    """What a citizen wrote, what we answered, or a note that stays inside.

    No foreign keys to appeal and conversation: whoever writes a message holds both in the same
    transaction, neither is ever deleted, and on PostgreSQL the checks cost a third of intake.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index(
            "ix_messages_appeal_id_sent_at_sequence_id", "appeal_id", "sent_at", "sequence", "id"
        ),
        partial_index(
            "uq_messages_conversation_id_album",
            "conversation_id",
            "album",
            unique=True,
            where="album IS NOT NULL",
        ),
        partial_index("ix_messages_failed", "appeal_id", where="state IN ('failed', 'uncertain')"),
        partial_index(
            "uq_messages_conversation_id_idempotency_key",
            "conversation_id",
            "idempotency_key",
            unique=True,
            where="idempotency_key IS NOT NULL",
        ),
    )

    id: int = own_id()
    appeal_id: int | None = loose_id()
    """None for what belongs to no appeal: the greeting of somebody who pressed Start."""
    conversation_id: int | None = loose_id()
    direction: str
    """"in", "out" or "note"."""
    text: str = text_column()
    author: str
    """The citizen's, operator's or token's name, as it was then."""
    operator_id: int | None = reference("operators.id", nullable=True)
    sent_at: datetime = moment()
    """The provider's time for what came in, ours for what goes out."""
    sequence: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    created_at: datetime = moment()
    reply_to: str | None = None
    """External id of the message this one answers."""
    origin: str | None = None
    album: str | None = None
    """The provider's mark of messages that are one."""
    unreadable: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    state: str | None = None
    """The delivery state of an outgoing message."""
    state_at: datetime | None = moment(nullable=True)
    error_code: str | None = None
    error_reason: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None
    """Tells a repeated request from another one under the same key."""
    edited_at: datetime | None = moment(nullable=True)
    deleted_at: datetime | None = moment(nullable=True)
    language: str | None = None
    """What a citizen's text is in, where it can be told."""
    private_reply_to: str | None = None
    """External id of the public comment whose author this answers privately."""
    hidden_at: datetime | None = moment(nullable=True)
    """Since when a public comment is hidden from others, by us."""


class ExternalId(Table, table=True):
    """A provider's id of a message or of a part of it. Its key is what deduplication is."""

    __tablename__ = "external_ids"
    __table_args__ = (Index("ix_external_ids_message_id", "message_id"),)

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    message_id: int = Field(sa_column=Column(Id, nullable=False))
    part: int = 0
    state: str | None = None
    """How far this part of an outgoing message got."""


class Attachment(Table, table=True):
    """A file, place or card of a message, or an upload that waits for its reply."""

    __tablename__ = "attachments"
    __table_args__ = (
        Index("ix_attachments_message_id", "message_id"),
        partial_index("ix_attachments_retry_at", "retry_at", where="state = 'pending'"),
        partial_index("ix_attachments_call_id", "call_id", where="call_id IS NOT NULL"),
        partial_index("ix_attachments_phone_created_at", "created_at", where="channel = 'phone'"),
    )

    id: int = own_id()
    message_id: int | None = reference("messages.id", nullable=True)
    position: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    channel: str | None = None
    account: str | None = None
    kind: str
    ref: str | None = None
    """What the connector needs to fetch it."""
    name: str | None = None
    mime: str | None = None
    size: int | None = Field(default=None, sa_column=Column(Id, nullable=True))
    state: str
    """"pending", "ready" or "failed"; a place or a card is ready from the start."""
    path: str | None = None
    """Where it lies in the media store."""
    sha256: str | None = None
    error: str | None = None
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    retry_at: datetime | None = moment(nullable=True)
    """When a pending one may next be fetched; moved ahead as a lease while it is."""
    latitude: float | None = None
    longitude: float | None = None
    uploaded_by: str | None = None
    call_id: int | None = loose_id()
    """The call that it is the recording of: then it belongs to no message."""
    created_at: datetime = moment()


class Dispatch(Table, table=True):
    """The sending of one outgoing message: its parts as planned, and how far it got.

    One claim is one part is one network call. `state` is "queued", "sending" (a lease is held, and
    the call of `next_part` may have begun), "uncertain", "failed" or "done".
    """

    __tablename__ = "dispatches"
    __table_args__ = (
        UniqueConstraint("message_id"),
        Index(
            "ix_dispatches_conversation_id_id",
            "conversation_id",
            "id",
            postgresql_where=sql("state IN ('queued', 'sending')"),
            sqlite_where=sql("state IN ('queued', 'sending')"),
        ),
        Index(
            "ix_dispatches_channel_account_due_at",
            "channel",
            "account",
            "due_at",
            postgresql_where=sql("state IN ('queued', 'sending')"),
            sqlite_where=sql("state IN ('queued', 'sending')"),
        ),
    )

    id: int = own_id()
    message_id: int = reference("messages.id")
    conversation_id: int = reference("conversations.id")
    channel: str
    account: str
    parts: list[dict[str, Any]] = Field(sa_column=Column(Json, nullable=False))
    """Each part's text and attachment ids, fixed when the reply was queued."""
    part_count: int
    next_part: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    state: str = Field(default="queued", sa_column_kwargs={"server_default": "queued"})
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    due_at: datetime = moment()
    lease_until: datetime | None = moment(nullable=True)
    """After it a "sending" dispatch belongs to a process that died: its outcome is unknown."""
    lease_owner: str | None = None
    created_at: datetime = moment()


class EarlyReport(Table, table=True):
    """A delivery report that came before our own send returned: it waits here for its message."""

    __tablename__ = "early_reports"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    at: datetime = moment()
    error_code: str | None = None
    error_reason: str | None = None
    received_at: datetime = moment()


PEOPLE = "actor NOT IN ('citizen', 'system')"
"""What colleagues did, in the words of its index: intake, which writes the rest, pays nothing."""


class JournalEntry(Table, table=True):
    """What happened, to what, by whom. Only ever added to, in the transaction of the change.

    It holds ids without foreign keys: it outlives what it speaks of.
    """

    __tablename__ = "journal"
    __table_args__ = (
        Index("ix_journal_appeal_id_id", "appeal_id", "id"),
        Index("ix_journal_at_id", "at", "id"),
        partial_index("ix_journal_actor_at_id", "actor", "at", "id", where=PEOPLE),
        partial_index("uq_journal_key", "key", unique=True, where="key IS NOT NULL"),
    )

    id: int = own_id()
    at: datetime = moment()
    event: str
    """A name such as "appeal.opened" or "message.edited"."""
    actor: str
    """"citizen", "system", "operator:ID" or "token:NAME"."""
    appeal_id: int | None = loose_id()
    message_id: int | None = loose_id()
    contact_id: int | None = loose_id()
    data: dict[str, Any] = json_object()
    key: str | None = None
    """Of an event that a provider may deliver again: a second entry is not written."""


class Operator(Table, table=True):
    """A person who answers."""

    __tablename__ = "operators"
    __table_args__ = (UniqueConstraint("email"),)

    id: int = own_id()
    email: str
    """Kept in lower case."""
    name: str
    role: str
    password_hash: str | None = None
    must_change_password: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Somebody else knows the password: it serves to set another one."""
    totp_secret: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Sealed. A second factor counts from `totp_since` on."""
    totp_since: datetime | None = moment(nullable=True)
    totp_step: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    """The last half-minute whose code was used: none is taken twice."""
    subject: str | None = None
    """Who they are to the OpenID provider."""
    languages: list[str] = Field(
        default_factory=list, sa_column=Column(Json, nullable=False, server_default="[]")
    )
    """What they can answer in: "kk", "ru", "en"; empty for all."""
    position: str = text_column()
    """What they are in the office, as papers name it; empty for what their role is called."""
    preferences: dict[str, Any] = json_object()
    """Of the screen: language, theme, sounds, keys."""
    created_at: datetime = moment()
    disabled_at: datetime | None = moment(nullable=True)


class Team(Table, table=True):
    """People who share a queue. `Appeal.team` holds its key."""

    __tablename__ = "teams"

    key: str = Field(primary_key=True)
    name: str
    created_at: datetime = moment()
    archived_at: datetime | None = moment(nullable=True)


class TeamMember(Table, table=True):
    """Whose queue it is."""

    __tablename__ = "team_members"
    __table_args__ = (Index("ix_team_members_operator_id", "operator_id"),)

    team: str = Field(primary_key=True)
    operator_id: int = Field(sa_column=Column(Id, ForeignKey("operators.id"), primary_key=True))


class Session(Table, table=True):
    """A browser that somebody signed in with. Only the digest of its key is kept."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_operator_id", "operator_id"),)

    digest: str = Field(primary_key=True)
    operator_id: int = reference("operators.id")
    stage: str
    """"second_factor", "new_password" or "in"."""
    created_at: datetime = moment()
    seen_at: datetime = moment()
    expires_at: datetime = moment()
    ended_at: datetime | None = moment(nullable=True)
    address: str = text_column()
    browser: str = text_column()


class Attempt(Table, table=True):
    """Failed sign-ins of one address or from one place, within a span of time."""

    __tablename__ = "attempts"

    key: str = Field(primary_key=True)
    """A digest: what was typed may have been a password."""
    count: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    since: datetime = moment()
    locked_until: datetime | None = moment(nullable=True)
    """Until when whatever is tried is refused."""


class Draft(Table, table=True):
    """What an operator was writing in an appeal: it outlives the browser."""

    __tablename__ = "drafts"

    operator_id: int = Field(sa_column=Column(Id, ForeignKey("operators.id"), primary_key=True))
    appeal_id: int = Field(sa_column=Column(Id, ForeignKey("appeals.id"), primary_key=True))
    content: dict[str, Any] = json_object()
    """Text, mode, place and uploads, as the composer has them."""
    version: int = Field(sa_column=Column(Id, nullable=False))
    """Milliseconds of the moment when it was begun, and one more with each time it was saved: a
    draft that was begun anew is never taken for the one before."""
    saved_at: datetime = moment()


class SavedReply(Table, table=True):
    """A text that is written often, in the languages it exists in."""

    __tablename__ = "saved_replies"
    __table_args__ = (
        partial_index(
            "uq_saved_replies_team_name",
            "team",
            "name",
            unique=True,
            where="deleted_at IS NULL AND team IS NOT NULL",
        ),
        partial_index(
            "uq_saved_replies_name",
            "name",
            unique=True,
            where="deleted_at IS NULL AND team IS NULL",
        ),
    )

    id: int = own_id()
    name: str
    """What is typed after "/"."""
    team: str | None = None
    """Whose it is; None for everybody's."""
    bodies: dict[str, str] = json_object()
    """By language; {name}, {number}, {deadline} and {operator} are filled in."""
    changed_at: datetime = moment()
    deleted_at: datetime | None = moment(nullable=True)


class SavedView(Table, table=True):
    """Filters and an order by a name."""

    __tablename__ = "saved_views"
    __table_args__ = (Index("ix_saved_views_operator_id", "operator_id"),)

    id: int = own_id()
    operator_id: int | None = reference("operators.id", nullable=True)
    """Whose it is; None for everybody's."""
    name: str
    query: dict[str, str] = json_object()
    position: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    created_at: datetime = moment()


class Category(Table, table=True):
    """What an appeal is about, and how long it may take."""

    __tablename__ = "categories"

    code: str = Field(primary_key=True)
    """Such as "roads.pothole"; a group has no dot."""
    names: dict[str, str] = json_object()
    """By language."""
    term: int | None = None
    """How many of `unit`; None for the legal term alone."""
    unit: str = Field(default="working_days", sa_column_kwargs={"server_default": "working_days"})
    """"working_days", "hours" (of the clock) or "working_hours"."""
    department: str = text_column()
    team: str | None = None
    """Whose queue it goes to."""
    urgent: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Danger to life: it is shown with the emergency number, and at the top."""
    position: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    retired_at: datetime | None = moment(nullable=True)


class CalendarDay(Table, table=True):
    """A day that is not what its weekday says."""

    __tablename__ = "calendar_days"

    day: date = Field(primary_key=True)
    kind: str
    """"holiday" or "working"."""
    name: str = text_column()
    opens: int | None = None
    """Minutes after midnight; None for the usual hour. 1440 is 24:00."""
    closes: int | None = None
    confirmed: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """False for a day that is announced anew each year, until somebody has looked."""


class OfficeSetting(Table, table=True):
    """A setting that may change while the hub runs."""

    __tablename__ = "office_settings"

    name: str = Field(primary_key=True)
    value: dict[str, Any] = json_object()
    changed_at: datetime = moment()
    changed_by: str = text_column()


class AppealTag(Table, table=True):
    """A word put on an appeal."""

    __tablename__ = "appeal_tags"
    __table_args__ = (Index("ix_appeal_tags_tag_appeal_id", "tag", "appeal_id"),)

    appeal_id: int = Field(sa_column=Column(Id, ForeignKey("appeals.id"), primary_key=True))
    tag: str = Field(primary_key=True)


class Mention(Table, table=True):
    """A colleague who was asked to look, in a note."""

    __tablename__ = "mentions"
    __table_args__ = (
        partial_index("ix_mentions_unseen", "operator_id", "appeal_id", where="seen_at IS NULL"),
    )

    message_id: int = Field(sa_column=Column(Id, primary_key=True))
    operator_id: int = Field(sa_column=Column(Id, ForeignKey("operators.id"), primary_key=True))
    appeal_id: int = reference("appeals.id")
    created_at: datetime = moment()
    seen_at: datetime | None = moment(nullable=True)


class ContactNote(Table, table=True):
    """What colleagues should know of a person."""

    __tablename__ = "contact_notes"
    __table_args__ = (Index("ix_contact_notes_contact_id", "contact_id"),)

    id: int = own_id()
    contact_id: int = reference("contacts.id")
    text: str = text_column()
    author: str
    operator_id: int | None = reference("operators.id", nullable=True)
    created_at: datetime = moment()
    deleted_at: datetime | None = moment(nullable=True)


class ContactMerge(Table, table=True):
    """Two contacts that were found to be one person, and what moved."""

    __tablename__ = "contact_merges"

    id: int = own_id()
    from_id: int = reference("contacts.id", index=True)
    into_id: int = reference("contacts.id", index=True)
    moved: dict[str, list[str]] = json_object()
    """Ids of points, conversations, appeals and notes."""
    merged_at: datetime = moment()
    undone_at: datetime | None = moment(nullable=True)


class Audit(Table, table=True):
    """Who saw what, signed in, took a file out or was refused. What was changed is in the journal.

    It holds ids without foreign keys: it outlives what it speaks of.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_at_id", "at", "id"),
        Index("ix_audit_operator_id_at_id", "operator_id", "at", "id"),
        partial_index("ix_audit_appeal_id_id", "appeal_id", "id", where="appeal_id IS NOT NULL"),
    )

    id: int = own_id()
    at: datetime = moment()
    event: str
    """A name such as "appeal.seen" or "session.opened"."""
    actor: str
    operator_id: int | None = loose_id()
    appeal_id: int | None = loose_id()
    contact_id: int | None = loose_id()
    address: str = text_column()
    data: dict[str, Any] = json_object()


class AppealChange(Table, table=True):
    """That an appeal, or something of it, changed: what live screens read. Triggers write it.

    In the order of commits on SQLite, which has one writer; on PostgreSQL `xid` tells which
    transactions were under way when somebody looked (see registry.changes).
    """

    __tablename__ = "appeal_changes"

    id: int | None = Field(
        default=None, sa_column=Column(Id, primary_key=True, autoincrement=True, nullable=False)
    )
    appeal_id: int = Field(sa_column=Column(Id, nullable=False))
    xid: int = Field(
        default=0, sa_column=Column(Id, nullable=False, server_default="0", index=True)
    )


class SearchDocument(Table, table=True):
    """The words of an appeal as search knows them (see registry.search).

    They are indexed beside the tables: by FTS5 on SQLite, where triggers keep `search_words`, and
    by an index of lexemes on PostgreSQL.
    """

    __tablename__ = "search_documents"

    appeal_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    shelf: str = text_column()
    """Begins each of its lexemes on PostgreSQL (see SearchShelf)."""
    words: str = text_column()
    """Folded and stemmed, with single spaces between."""


class SearchShelf(Table, table=True):
    """Some thousand documents that stand next to each other in time, for PostgreSQL.

    Its index knows no order. So the newest shelf is looked through first, then the one before, and
    the search ends with the shelf that fills the page.
    """

    __tablename__ = "search_shelves"

    first_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    """Its documents are of the appeals from this one on, to the first of the next shelf."""
    code: str


class SearchProgress(Table, table=True):
    """How far the documents follow what changes. One row."""

    __tablename__ = "search_progress"

    id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    version: int
    """Of the folding: when it changes, every document is written anew."""
    cursor: str
    """Of registry.changes."""
    below: int | None = loose_id()
    """The documents of appeals from this one on are of that version; None when all are."""


class Token(Table, table=True):
    """A key to the API. Only its digest is kept."""

    __tablename__ = "tokens"
    __table_args__ = (UniqueConstraint("name"), UniqueConstraint("digest"))

    id: int = own_id()
    name: str
    digest: str
    role: str
    operator_id: int | None = reference("operators.id", nullable=True)
    """The operator in whose name the token acts, if any."""
    created_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)


class Lease(Table, table=True):
    """The right of one process to do something alone, until it runs out."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    owner: str
    until: datetime = moment()


class PollCursor(Table, table=True):
    """Up to where a polled account's deliveries are stored."""

    __tablename__ = "poll_cursors"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    cursor: str
    saved_at: datetime = moment()


class Buried(Table, table=True):
    """A delivery, or one item of it, that could not be registered: kept whole until replayed."""

    __tablename__ = "buried"
    __table_args__ = (UniqueConstraint("channel", "account", "digest"),)

    id: int = own_id()
    envelope_id: str
    channel: str
    account: str
    action: str = ""
    query: str = text_column()
    headers: dict[str, str] = json_object()
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    item: str = text_column()
    digest: str
    """Of body and item: a provider that delivers it again buries it once."""
    reason: str = text_column()
    message_id: int | None = reference("messages.id", nullable=True)
    """The visible placeholder, where a contact could be told."""
    received_at: datetime = moment()
    buried_at: datetime = moment()
    replayed_at: datetime | None = moment(nullable=True)


class AccountState(Table, table=True):
    """How an account is, as every process sees it."""

    __tablename__ = "accounts"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    health: str = "ok"
    """"ok", "degraded" or "down"."""
    summary: str = text_column()
    cure: str | None = None
    checked_at: datetime | None = moment(nullable=True)
    paused_until: datetime | None = moment(nullable=True)
    """The provider asked for a pause: no send begins before."""
    last_in_at: datetime | None = moment(nullable=True)
    last_out_at: datetime | None = moment(nullable=True)
    can_send: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether sends may begin: an account can be red and send all the same."""
    details: dict[str, str] = json_object()
    """What the provider told of the account, for people's eyes."""
    refused_at: datetime | None = moment(nullable=True)
    """When a reply was last refused for the account's own fault; None once one got through."""
    refusal: str | None = None
    refusal_cure: str | None = None
    unread_since: datetime | None = moment(nullable=True)
    """Since when polling fails; None once a poll succeeded."""
    unread_reason: str | None = None
    unread_cure: str | None = None
    stopped_at: datetime | None = moment(nullable=True)
    """Since when a person keeps the account from sending and from being polled."""
    stopped_by: str = text_column()


class AccountValue(Table, table=True):
    """What one account must not forget: a sealed text, or a number that is added to."""

    __tablename__ = "account_values"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    sealed: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    number: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    changed_at: datetime = moment()


class Traffic(Table, table=True):
    """What an account brought within five minutes: what is usual is learnt from it."""

    __tablename__ = "traffic"

    channel: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    slot: datetime = Field(sa_column=Column(UtcTime, primary_key=True))
    """When the five minutes began."""
    received: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    """Messages registered."""
    forged: int = Field(default=0, sa_column=Column(Id, nullable=False, server_default="0"))
    """Deliveries refused for their signature."""


class Counter(Table, table=True):
    """A number that only grows: the serials of a year's appeals."""

    __tablename__ = "counters"

    name: str = Field(primary_key=True)
    value: int = Field(sa_column=Column(Id, nullable=False))
