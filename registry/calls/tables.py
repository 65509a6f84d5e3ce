"""The tables of the telephone. Unique keys carry the promises (see docs/adr/0016-calls.md)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Text, UniqueConstraint, false
from sqlmodel import Field

from registry.columns import Id, Json
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

ON_THE_LINE = "ended_at IS NULL"
"""Calls that are not over, in the words of their indexes."""


class Call(Table, table=True):
    """One call, of a citizen or to one."""

    __tablename__ = "calls"
    __table_args__ = (
        UniqueConstraint("account", "external_id"),
        partial_index("ix_calls_on_the_line", "state", "waiting_since", where=ON_THE_LINE),
        Index("ix_calls_number_id", "number", "id"),
        Index("ix_calls_started_at_id", "started_at", "id"),
        partial_index("ix_calls_appeal_id", "appeal_id", where="appeal_id IS NOT NULL"),
    )

    id: int = own_id()
    account: str
    external_id: str | None = None
    """The provider's; None for one that we make, until the provider has taken it."""
    direction: str = "in"
    """"in" or "out"."""
    number: str = ""
    """The citizen's in E.164; empty where it is withheld."""
    ours: str = ""
    """Our number that was called, or that is shown."""
    appeal_id: int | None = loose_id()
    """The appeal from which it was made; of one that came in, its message's appeal tells, which an
    operator may have moved (see registry.calls.matters)."""
    call_back_id: int | None = loose_id()
    """The call-back that it carries out."""
    language: str | None = None
    """What the caller chose, or chose the last time: "kk", "ru" or "en"."""
    team: str | None = None
    """Whose call it is; None for anybody's."""
    urgent: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    state: str = "menu"
    """"menu", "waiting", "ringing", "talking", "message", "parted" or "ended"."""
    step: str = "start"
    """Where in the caller's path it is; see registry.calls.flow."""
    facts: dict[str, Any] = json_object()
    """What the path has to remember: how often it was asked, what was told, what was refused."""
    operator_id: int | None = reference("operators.id", nullable=True)
    """Who talks or talked with them, the last one."""
    started_at: datetime = moment()
    open_hours: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether the contact centre was open when it began."""
    waiting_since: datetime | None = moment(nullable=True)
    """Their place: since when they have waited for a person, transfers and call-backs included."""
    answered_at: datetime | None = moment(nullable=True)
    """When a person first was there."""
    waited: float | None = None
    """Seconds until then, or until they gave up."""
    ended_at: datetime | None = moment(nullable=True)
    ended_as: str | None = None
    """"answered", "abandoned", "call_back", "message", "texted", "informed", "closed", "refused",
    "no_answer", "busy" or "failed"."""
    talked: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})
    """Seconds with a person."""
    wrapped_up: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})
    """Seconds for which operators then wrote down what it was about."""
    outcome: str | None = None
    """What came of it, as the last who talked with them says; see registry.calls.wrap_up."""
    swept_at: datetime | None = moment(nullable=True)
    """When the provider was last asked whether it still goes on."""
    record: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """The caller heard the notice, and did not refuse."""
    recorded_at: datetime | None = moment(nullable=True)
    """When the provider had the first sound of it (see registry.calls.recording)."""


class CallLeg(Table, table=True):
    """An operator's side of a call: an offer while it rings."""

    __tablename__ = "call_legs"
    __table_args__ = (
        partial_index(
            "uq_call_legs_operator",
            "operator_id",
            unique=True,
            where="state IN ('ringing', 'joined')",
        ),
        partial_index(
            "uq_call_legs_offer",
            "call_id",
            unique=True,
            where="state = 'ringing' AND kind = 'offer'",
        ),
        Index("ix_call_legs_call_id", "call_id"),
        partial_index("ix_call_legs_deadline", "deadline", where="state = 'ringing'"),
        partial_index(
            "uq_call_legs_external_id",
            "account",
            "external_id",
            unique=True,
            where="external_id IS NOT NULL",
        ),
        Index("ix_call_legs_operator_id_made_at", "operator_id", "made_at"),
    )

    id: int = own_id()
    call_id: int = reference("calls.id")
    account: str
    operator_id: int = reference("operators.id")
    external_id: str | None = None
    kind: str
    """"offer" (of a waiting call), "transfer" (to this colleague), "consult" (announced transfer:
    joins while the citizen is held) or "own" (of a call that the operator makes)."""
    state: str
    """"ringing", "joined", "left", "missed", "declined", "taken" (somebody else has the call),
    "withdrawn" (the caller has gone) or "failed"."""
    device: str
    made_at: datetime = moment()
    deadline: datetime = moment()
    """Until when it rings."""
    joined_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)
    held: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """They have put the citizen on hold."""
    note: str = text_column()
    """What they have typed of it so far; see registry.calls.jotting."""


class CallBack(Table, table=True):
    """Somebody is to be called. One that is not done a number, however often it rang."""

    __tablename__ = "call_backs"
    __table_args__ = (
        partial_index("uq_call_backs_number", "number", unique=True, where="done_at IS NULL"),
        partial_index("ix_call_backs_due_at", "due_at", where="done_at IS NULL"),
    )

    id: int = own_id()
    account: str
    number: str
    appeal_id: int | None = loose_id()
    why: str
    """"asked" (they pressed for it), "missed", "message" or "closed"."""
    language: str | None = None
    team: str | None = None
    urgent: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    place: datetime | None = moment(nullable=True)
    """Since when they wait on the line in their stead; None for a task without a place."""
    rang: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    """How often they have called since."""
    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often we have."""
    asked_at: datetime = moment()
    due_at: datetime = moment()
    """From when on it is to be done; the next opening for what came after hours."""
    call_id: int | None = loose_id()
    """The call that carries it out just now."""
    done_at: datetime | None = moment(nullable=True)
    done_as: str | None = None
    """"spoken", "cancelled" or "given_up"."""
    done_by: int | None = reference("operators.id", nullable=True)


class PhoneAgent(Table, table=True):
    """How an operator is at the phone."""

    __tablename__ = "phone_agents"

    operator_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    state: str = "away"
    """"available", "busy", "wrap_up" or "away"."""
    reason: str = text_column()
    """Of being away: "break", "meal", "training", "other", "no_answer", "signed_out", "failed". Of
    whoever is busy or writes things down: why they are away after; empty if they are not."""
    since: datetime = moment()
    idle_since: datetime | None = moment(nullable=True)
    """Since when they could have taken a call; None while they cannot."""
    device: str = text_column()
    """Where it rings: "" for the browser, "sip:…" or a number in E.164."""
    seen_at: datetime | None = moment(nullable=True)
    """When their browser last said that its softphone is ready."""
    signed_in: str = text_column()
    """Digest of the session in which they turned the phone on, or whose softphone is ready; empty
    for a program's doing."""
    wrapping_up: int | None = loose_id()
    """The call after which they write things down."""


class CallOrder(Table, table=True):
    """What is to be done at the provider."""

    __tablename__ = "call_orders"
    __table_args__ = (
        partial_index("ix_call_orders_open", "call_id", "id", where="done_at IS NULL"),
    )

    id: int = own_id()
    call_id: int = Field(sa_column=Column(Id, nullable=False))
    account: str
    order: dict[str, Any] = Field(sa_column=Column("what", Json, nullable=False))
    """As `registry.calls.orders` has it."""
    made_at: datetime = moment()
    claimed_until: datetime | None = moment(nullable=True)
    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    done_at: datetime | None = moment(nullable=True)
    failure: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


class Transcript(Table, table=True):
    """The words of a recording or a voicemail, as a machine understood them."""

    __tablename__ = "transcripts"

    attachment_id: int = Field(sa_column=Column(Id, primary_key=True, autoincrement=False))
    """The sound."""
    language: str | None = None
    """That it was listened to in."""
    text: str = text_column()
    """Empty where nothing was understood."""
    made_by: str
    """The machine, such as "vosk"."""
    made_at: datetime = moment()
    failure: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Why there are none; it is not tried again."""


class Prompt(Table, table=True):
    """What a line says, where somebody has changed it: as words, and perhaps as a file of ours."""

    __tablename__ = "prompts"

    name: str = Field(primary_key=True)
    language: str = Field(primary_key=True)
    text: str = text_column()
    path: str | None = None
    """Of the file in the media store."""
    mime: str | None = None
    version: str = text_column()
    """Of the file: a part of its address, so that no cache plays an old one."""
    changed_at: datetime = moment()
    changed_by: str = text_column()
