"""The ways a reply can go: the appeal's own thread, or elsewhere to the same contact."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec
import phonenumbers
from msgspec import Struct
from sqlalchemy import tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry import types
from registry.carrying import Manner, carrier
from registry.contacts import EMAIL, PHONE
from registry.errors import CannotCarry
from registry.ids import new_id
from registry.models import Appeal, ContactPoint, Conversation
from registry.replies.asked import Via
from registry.states import LIVE
from registry.types import AccountKey, Capabilities


class Reach(Struct, frozen=True, kw_only=True):
    """An account of ours as replies see it: what it carries, and to whom it can write first."""

    capabilities: Capabilities
    name_of: Callable[[types.ContactPoint], types.ContactPoint | None] = lambda _: None
    """See `connectors.base.Initiates`."""


SPOKEN_CHANNEL = "phone"
"""Where nothing can be written, though its account be gone from the settings."""

Accounts: TypeAlias = Mapping[AccountKey, Reach]
"""Those of the settings."""


class Kind(StrEnum):
    """Which way it is."""

    THREAD = "thread"
    """The conversation that the appeal came from."""
    ELSEWHERE = "elsewhere"
    """A private conversation with the same contact, perhaps on another channel."""


class Way(Struct, frozen=True, kw_only=True):
    """Where a reply can go, whether or not it can go now."""

    kind: Kind
    conversation: Conversation
    """In no session yet where it is not open."""
    point: types.ContactPoint
    is_open: bool
    reach: Reach | None
    """None for an account that is not in the settings any more."""
    label: str | None = None
    """Of one elsewhere: its end as people read it, where they can."""
    strangers: bool = False
    """Whoever answers under this name is another contact."""

    @property
    def account(self) -> AccountKey:
        """By which account of ours."""
        return AccountKey(self.conversation.channel, self.conversation.account)

    @property
    def carries(self) -> Capabilities | None:
        """What can go this way."""
        if self.reach is None:
            return None
        return self.reach.capabilities.of(public=self.conversation.public)

    @property
    def is_spoken(self) -> bool:
        """People talk there, and nothing can be written."""
        spoken = self.carries is not None and not self.carries.carries
        return spoken or self.account.channel == SPOKEN_CHANNEL

    def leads_to(self, point: types.ContactPoint) -> bool:
        """Whether it ends at the point, by whatever name the channel has for it."""
        named = None if self.reach is None else self.reach.name_of(point)
        key = None if named is None else named.value
        return point == self.point or key == self.conversation.key


async def find_way(
    session: AsyncSession,
    appeal: Appeal,
    via: Via | None,
    accounts: Accounts,
    *,
    manner: Manner,
    now: datetime,
) -> Way:
    """The way that is meant; where there is no thread to write in the first that works.

    Locks nothing.

    Raises: CannotCarry, when there is none.
    """
    thread = await thread_of(session, appeal, accounts)
    if via is None:
        if thread is not None and not thread.is_spoken:
            return thread
        return await _first_that_works(session, appeal, accounts, manner, now=now)
    wanted = AccountKey(via.channel, via.account)
    ways = [thread] if thread is not None and not thread.conversation.public else []
    ways += await ways_elsewhere(session, appeal, accounts)
    for way in ways:
        if way.account == wanted and (via.point is None or way.leads_to(via.point)):
            return way
    raise CannotCarry(
        f"The contact cannot be reached by {wanted}"
        + ("." if via.point is None else f" at {readable(via.point, []) or via.point.value}."),
        code="no_way",
        instead=f"See where they can be reached (GET appeals/{appeal.number}/ways).",
    )


async def _first_that_works(
    session: AsyncSession, appeal: Appeal, accounts: Accounts, manner: Manner, *, now: datetime
) -> Way:
    for way in await ways_elsewhere(session, appeal, accounts):
        if await refusal(session, way, appeal, manner, now=now) is None:
            return way
    raise CannotCarry(
        f"An appeal that came by {appeal.channel} has no thread to reply in, "
        "and no account of ours reaches its contact.",
        code="no_channel",
        instead="Answer by letter or by phone, and write down the answer as a note.",
    )


async def thread_of(session: AsyncSession, appeal: Appeal, accounts: Accounts) -> Way | None:
    """The conversation that the appeal came from; None for what came over the counter."""
    if appeal.conversation_id is None:
        return None
    found = await session.exec(
        select(Conversation, ContactPoint)
        .join(ContactPoint, col(ContactPoint.id) == col(Conversation.point_id))
        .where(col(Conversation.id) == appeal.conversation_id)
    )
    conversation, point = found.one()
    return _open_way(Kind.THREAD, conversation, point, accounts)


async def ways_elsewhere(session: AsyncSession, appeal: Appeal, accounts: Accounts) -> list[Way]:
    """Private conversations with the contact, and those that could be opened; the best first.

    Those that this appeal is spoken about in come first, then those in which the contact was heard
    last, then those where we would write first: freely before by a template.
    """
    found = await session.exec(
        select(Conversation, ContactPoint)
        .join(ContactPoint, col(ContactPoint.id) == col(Conversation.point_id))
        .where(
            col(Conversation.contact_id) == appeal.contact_id,
            col(Conversation.public).is_(False),
        )
        .order_by(col(Conversation.id).desc())
    )
    known = [_open_way(Kind.ELSEWHERE, *row, accounts) for row in found]
    known = [way for way in known if not way.is_spoken]
    known.sort(key=lambda way: _last_heard(way.conversation), reverse=True)
    known.sort(key=lambda way: way.conversation.appeal_id != appeal.id)
    taken = {(way.account, way.conversation.key) for way in known}
    points = await points_of(session, appeal.contact_id)
    new = [
        way
        for way in _unopened(appeal, points, accounts)
        if (way.account, way.conversation.key) not in taken
    ]
    new.sort(key=lambda way: way.carries is None or not way.carries.can_initiate)
    thread = appeal.conversation_id
    ways = [
        *(way for way in known if way.conversation.id != thread),
        *await _with_strangers(session, appeal.contact_id, new),
    ]
    return [msgspec.structs.replace(way, label=readable(way.point, points)) for way in ways]


async def points_of(session: AsyncSession, contact_id: int) -> list[types.ContactPoint]:
    """Where the contact can be reached, in the order in which that was learnt."""
    found = await session.exec(
        select(ContactPoint.scheme, ContactPoint.value)
        .where(ContactPoint.contact_id == contact_id)
        .order_by(col(ContactPoint.id))
    )
    return [types.ContactPoint(scheme, value) for scheme, value in found]


async def refusal(
    session: AsyncSession, way: Way, appeal: Appeal, manner: Manner, *, now: datetime
) -> CannotCarry | None:
    """Why a reply cannot go this way now; None where it can."""
    try:
        await carried_by(session, way, appeal, manner, now=now)
    except CannotCarry as error:
        return error
    return None


async def carried_by(
    session: AsyncSession, way: Way, appeal: Appeal, manner: Manner, *, now: datetime
) -> Capabilities:
    """The capabilities with which the reply goes this way now. Raises: CannotCarry."""
    if way.kind is Kind.ELSEWHERE:
        if way.strangers:
            raise another_contact(way)
        await _check_free(session, way, appeal)
    capabilities = None if way.reach is None else way.reach.capabilities
    return await carrier(session, way.conversation, capabilities, manner, now=now)


async def hold_way(session: AsyncSession, way: Way, *, now: datetime) -> Way:
    """The way with its conversation open, and held until the transaction ends.

    Raises: CannotCarry, where somebody else is at its end.
    """
    if not way.is_open:
        way = await _opened(session, way, now=now)
    await session.refresh(way.conversation, with_for_update={"key_share": True})
    return way


async def _opened(session: AsyncSession, way: Way, *, now: datetime) -> Way:
    """Open the conversation in which the contact will answer; intake may be faster."""
    if way.strangers:
        raise another_contact(way)
    ours = way.conversation
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    await session.exec(
        insert(ContactPoint)
        .values(
            id=new_id(), contact_id=ours.contact_id, scheme=way.point.scheme,
            value=way.point.value, created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["scheme", "value"])
    )  # fmt: skip
    found = await session.exec(
        select(ContactPoint).where(
            ContactPoint.scheme == way.point.scheme, ContactPoint.value == way.point.value
        )
    )
    point = found.one()
    await session.exec(
        insert(Conversation)
        .values(
            id=ours.id, channel=ours.channel, account=ours.account, key=ours.key, public=False,
            contact_id=ours.contact_id, point_id=point.id, created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["channel", "account", "key"])
    )  # fmt: skip
    opened = await session.exec(
        select(Conversation).where(
            Conversation.channel == ours.channel,
            Conversation.account == ours.account,
            Conversation.key == ours.key,
        )
    )
    conversation = opened.one()
    if {point.contact_id, conversation.contact_id} != {ours.contact_id}:
        raise another_contact(way)
    return msgspec.structs.replace(way, conversation=conversation, is_open=True)


def another_contact(way: Way) -> CannotCarry:
    """The refusal of a conversation that somebody else has."""
    return CannotCarry(
        f"Who answers by {way.account} at {way.label or way.point.value} is another contact.",
        code="another_contact",
        instead="Merge the two contacts if they are one person, or reach this one another way.",
    )


async def _check_free(session: AsyncSession, way: Way, appeal: Appeal) -> None:
    """What the citizen answers joins this appeal: no other one may be waiting for it there."""
    other = way.conversation.appeal_id
    if other is None or other == appeal.id:
        return
    found = await session.exec(select(Appeal.number, Appeal.status).where(Appeal.id == other))
    number, status = found.one()
    if status in LIVE:
        raise CannotCarry(
            f"The conversation by {way.account} is about {number}, which is not finished.",
            code="other_appeal",
            instead=f"Answer in {number}, merge the two appeals, or take another way.",
        )


def readable(point: types.ContactPoint, among: Iterable[types.ContactPoint]) -> str | None:
    """The point as people read it; None for a provider's own id, which tells them nothing.

    Digits that are one of the contact's phones, `among` their points, are a phone.
    """
    phones = {other.value for other in among if other.scheme == PHONE}
    if point.scheme != PHONE and f"+{point.value}" in phones:
        point = types.ContactPoint(PHONE, f"+{point.value}")
    if point.scheme == PHONE:
        return _spaced(point.value)
    return point.value if point.scheme == EMAIL else None


def _spaced(phone: str) -> str:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _open_way(
    kind: Kind, conversation: Conversation, point: ContactPoint, accounts: Accounts
) -> Way:
    return Way(
        kind=kind,
        conversation=conversation,
        point=types.ContactPoint(point.scheme, point.value),
        is_open=True,
        reach=accounts.get(AccountKey(conversation.channel, conversation.account)),
    )


def _last_heard(conversation: Conversation) -> datetime:
    return conversation.last_inbound_at or datetime.min.replace(tzinfo=UTC)


def _unopened(
    appeal: Appeal, points: Sequence[types.ContactPoint], accounts: Accounts
) -> Iterator[Way]:
    """Where we could write first, each once."""
    for account, reach in accounts.items():
        can = reach.capabilities
        if not (can.can_initiate or can.templates):
            continue
        seen: set[str] = set()
        for point in points:
            named = reach.name_of(point)
            if named is None or named.value in seen:
                continue
            seen.add(named.value)
            conversation = Conversation(
                channel=account.channel,
                account=account.account,
                key=named.value,
                contact_id=appeal.contact_id,
            )
            yield Way(
                kind=Kind.ELSEWHERE,
                conversation=conversation,
                point=named,
                is_open=False,
                reach=reach,
            )


async def _with_strangers(session: AsyncSession, contact_id: int, ways: Sequence[Way]) -> list[Way]:
    """The ways, those marked at whose end somebody else is known."""
    if not ways:
        return []
    keys = tuple_(col(Conversation.channel), col(Conversation.account), col(Conversation.key))
    wanted = [(*_pair(way.account), way.conversation.key) for way in ways]
    # One of theirs that has been opened since we looked is theirs still.
    spoken = await session.exec(
        select(Conversation.channel, Conversation.account, Conversation.key).where(
            keys.in_(wanted), Conversation.contact_id != contact_id
        )
    )
    theirs = {tuple(row) for row in spoken}
    names = tuple_(col(ContactPoint.scheme), col(ContactPoint.value))
    held = await session.exec(
        select(ContactPoint.scheme, ContactPoint.value).where(
            names.in_([_pair(way.point) for way in ways]), ContactPoint.contact_id != contact_id
        )
    )
    theirs |= {tuple(row) for row in held}
    return [
        msgspec.structs.replace(way, strangers=not theirs.isdisjoint({key, _pair(way.point)}))
        for way, key in zip(ways, wanted, strict=True)
    ]


def _pair(named: AccountKey | types.ContactPoint) -> tuple[str, str]:
    if isinstance(named, AccountKey):
        return named.channel, named.account
    return named.scheme, named.value
