"""The thread: an appeal's messages with what happened between them, and the composer below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlmodel.ext.asyncio.session import AsyncSession

from connectors.base import Hides
from hub.api.exchange import attachment_url, number_of
from hub.api.keys import PRINCIPAL
from hub.keys import CONNECTORS, DATABASE, SETTINGS
from hub.views.journal_lines import sentence
from hub.views.names import Names, load_names
from hub.views.phone import called
from hub.web import i18n
from hub.web.noting import is_news, note_seen
from hub.web.pages import Page, language_of, render
from registry import changes
from registry.calls.seeing import CallShown, calls_of_appeal, transcripts_of
from registry.comments import comments_among
from registry.errors import NotFound
from registry.ids import parse_id
from registry.inbox import Entry, Message, Thread, get_thread
from registry.mentions import is_asked
from registry.operators import Role
from registry.types import AccountKey, AttachmentKind


@dataclass(frozen=True, slots=True)
class Day:
    """A new day begins."""

    day: date


@dataclass(frozen=True, slots=True)
class Unread:
    """What follows has not been read."""

    count: int


@dataclass(frozen=True, slots=True)
class Line:
    """Something happened."""

    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message, with what is known around it."""

    message: Message
    quoted: Message | None
    edits: tuple[tuple[datetime, str], ...]
    """What it said before, and when that was changed."""
    follows: bool
    """The same person spoke just before."""
    call: CallShown | None
    """What the message is, where somebody called."""


@dataclass(frozen=True, slots=True)
class Called:
    """We called them."""

    call: CallShown


async def load(
    request: web.Request,
    session: AsyncSession,
    number: str,
    names: Names,
    *,
    before: int | None = None,
) -> dict[str, Any]:
    """The thread as templates take it. Raises: NotFound."""
    since = await changes.now(session)  # first: what changes meanwhile is told again
    thread = await get_thread(
        session, number, attachment_url=attachment_url, viewer=request[PRINCIPAL], before=before
    )
    calls = await calls_of_appeal(session, thread.id, by=request[PRINCIPAL])
    voices = [
        int(file.id) for each in thread.messages for file in each.attachments
        if file.kind is AttachmentKind.VOICE
    ]  # fmt: skip
    transcripts = await transcripts_of(session, voices)
    asked = await is_asked(session, thread.id, by=request[PRINCIPAL])
    hideable = await _hideable(request, session, thread)
    zone = ZoneInfo(request.config_dict[SETTINGS].timezone)
    with i18n.use(language_of(request)):
        items = list(_timeline(thread, calls, names, zone, newest=before is None))
    return {
        "opened": thread, "items": items, "thread_since": since, "is_asked": asked,
        "hideable": hideable,
        "transcripts": transcripts, **called(),
    }  # fmt: skip


async def _hideable(request: web.Request, session: AsyncSession, thread: Thread) -> frozenset[str]:
    """The comments that can be hidden from others, where they stand."""
    connectors = request.config_dict[CONNECTORS]
    hiding = {key for key, one in connectors.items() if isinstance(one, Hides)}
    ids = [
        int(each.id) for each in thread.messages
        if each.direction == "in"
        and AccountKey(each.channel or "", each.account or "") in hiding
        and each.deleted_at is None
    ]  # fmt: skip
    return frozenset(map(str, await comments_among(session, ids) if ids else ()))


async def fragment(request: web.Request) -> web.StreamResponse:
    """`GET /appeals/{number}/thread`: header, messages and composer, to stand in an open page."""
    return await _rendered(request, "thread/thread.html")


async def messages(request: web.Request) -> web.StreamResponse:
    """`GET /appeals/{number}/messages?before=`: messages alone, the newest or those before one."""
    return await _rendered(request, "thread/messages.html")


async def header(request: web.Request) -> web.StreamResponse:
    """`GET /appeals/{number}/header`: what the appeal is and who holds it."""
    return await _rendered(request, "thread/header.html")


async def _rendered(request: web.Request, template: str) -> web.StreamResponse:
    number, before = number_of(request), request.query.get("before")
    async with request.config_dict[DATABASE].read() as session:
        names = await load_names(session)
        try:
            shown = await load(
                request,
                session,
                number,
                names,
                before=None if before is None else parse_id(before) or 0,
            )
        except NotFound:
            return render(request, "error_fragment.html", status=404)
        appeal_id = shown["opened"].id
        news = await is_news(request, session, appeal_id)
    if news:
        await note_seen(request, appeal_id)
    return render(request, template, names=names, **shown)


def _timeline(
    thread: Thread, calls: Sequence[CallShown], names: Names, zone: ZoneInfo, *, newest: bool
) -> Iterator[Day | Unread | Line | Said | Called]:
    """Everything of the page in the order in which it happened; `newest` for the last page."""

    def moment(at: datetime) -> str:
        return i18n.moment(at, zone)

    lines = [
        Line(entry.at, said)
        for entry in thread.entries
        if (said := sentence(entry, names, moment)) is not None
    ]
    first_unread = _first_unread(thread) if newest else None
    by_sid = {call.external_id: call for call in calls if call.external_id}
    told = {each.external_id for each in thread.messages if each.external_id in by_sid}
    own = [
        Called(call) for call in calls
        if call.external_id not in told and _is_of_page(call.started_at, thread, newest=newest)
    ]  # fmt: skip
    by_external = {each.external_id: each for each in thread.messages if each.external_id}
    day: date | None = None
    previous: Message | None = None
    for at, item in _merged(thread.messages, [*lines, *own]):
        if (today := at.astimezone(zone).date()) != day:
            day, previous = today, None
            yield Day(today)
        if isinstance(item, Line | Called):
            previous = None
            yield item
            continue
        if item is first_unread:
            previous = None
            yield Unread(thread.appeal.unread)
        yield Said(
            message=item,
            quoted=by_external.get(item.reply_to) if item.reply_to else None,
            edits=_edits(item, thread.entries),
            follows=_follows(item, previous),
            call=by_sid.get(item.external_id or ""),
        )
        previous = item


def _is_of_page(at: datetime, thread: Thread, *, newest: bool) -> bool:
    """Whether a moment lies between the first message of this page and that of the next."""
    if thread.earlier is not None and at < thread.messages[0].sent_at:
        return False
    return newest or at <= thread.messages[-1].sent_at


def _merged(
    messages: Sequence[Message], others: Sequence[Line | Called]
) -> list[tuple[datetime, Message | Line | Called]]:
    """Messages keep their order; what else happened stands behind what was said before it."""
    merged: list[tuple[datetime, Message | Line | Called]] = []
    waiting = sorted(((_at(one), one) for one in others), key=lambda pair: pair[0])
    for message in messages:
        while waiting and waiting[0][0] < message.sent_at:
            merged.append(waiting.pop(0))
        merged.append((message.sent_at, message))
    return merged + waiting


def _at(one: Line | Called) -> datetime:
    return one.at if isinstance(one, Line) else one.call.started_at


def _first_unread(thread: Thread) -> Message | None:
    incoming = [each for each in thread.messages if each.direction == "in"]
    count = min(thread.appeal.unread, len(incoming))
    # With nothing read there is nothing to tell apart.
    return incoming[-count] if 0 < count < len(thread.messages) else None


def _edits(message: Message, entries: Sequence[Entry]) -> tuple[tuple[datetime, str], ...]:
    if message.edited_at is None:
        return ()
    return tuple(
        (entry.at, str(entry.data.get("was", "")))
        for entry in entries
        if entry.event == "message.edited" and entry.message_id == message.id
    )


_TOGETHER = 5 * 60
"""Seconds within which messages of one person stand together."""


def _follows(message: Message, previous: Message | None) -> bool:
    return (
        previous is not None
        and previous.direction == message.direction
        and previous.author == message.author
        and (message.sent_at - previous.sent_at).total_seconds() < _TOGETHER
    )


PAGES = (
    Page(path="/appeals/{number}/thread", handler=fragment, role=Role.OPERATOR),
    Page(path="/appeals/{number}/messages", handler=messages, role=Role.OPERATOR),
    Page(path="/appeals/{number}/header", handler=header, role=Role.OPERATOR),
)
