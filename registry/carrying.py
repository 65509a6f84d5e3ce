"""Whether a channel carries a reply now: the account, the window, the contact, the files.

Each refusal says what can be done instead.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.errors import CannotCarry
from registry.models import AccountState, Attachment, Conversation, Message
from registry.types import AttachmentKind, Capabilities, DeliveryState


class Manner(Struct, frozen=True, kw_only=True):
    """How a reply goes: as an approved template, or privately to the author of a comment."""

    template: bool = False
    private: bool = False


async def carrier(
    session: AsyncSession,
    conversation: Conversation,
    capabilities: Capabilities | None,
    manner: Manner,
    *,
    now: datetime,
) -> Capabilities:
    """The capabilities with which the channel carries the reply now. Raises: CannotCarry."""
    channel, account = conversation.channel, conversation.account
    place = f"{channel}/{account}"
    if capabilities is None:
        raise CannotCarry(
            f"The account {place} is not in the settings.",
            code="account_missing",
            instead="Add it to the settings again, or reach the citizen another way.",
        )
    if not capabilities.carries:
        raise CannotCarry(
            f"{channel} carries what is spoken, and nothing that is written.",
            code="only_spoken",
            instead="Call them, or write to another of their contact points.",
        )
    state = await session.get(AccountState, (channel, account))
    if state is not None and not state.can_send:
        raise CannotCarry(
            f"The account {place} does not work: {state.summary}",
            code="account_down",
            instead=state.cure or "Tell the administrator.",
        )
    if state is not None and state.stopped_at is not None:
        raise CannotCarry(
            f"The account {place} is paused by {state.stopped_by}.",
            code="account_paused",
            instead="Wait until it is resumed on the channels page, or write down a draft.",
        )
    if conversation.blocked_at is not None:
        raise CannotCarry(
            "The citizen has blocked this account.",
            code="contact_blocked",
            instead="Reach them by another contact point, or wait until they write again.",
        )
    carried = capabilities.of(public=conversation.public)
    if manner.template and not carried.templates:
        raise CannotCarry(
            f"{channel} knows no templates.",
            code="no_templates",
            instead="Write the reply yourself.",
        )
    if manner.private:
        await _check_private(session, conversation, carried, now=now)
        return capabilities
    if not manner.template:
        _check_window(conversation, carried, now=now)
    return carried


def _check_window(conversation: Conversation, carried: Capabilities, *, now: datetime) -> None:
    """Raises: CannotCarry, with what the channel allows instead."""
    channel = conversation.channel
    instead = "Reach them by another contact point, or wait until they write again."
    if carried.templates:
        instead = (
            "Send one of the account's approved templates "
            f"(GET channels/{channel}/{conversation.account}/templates), reach them by another "
            "contact point, or wait until they write again."
        )
    closes_at = window_closes_at(carried, conversation.last_inbound_at)
    if closes_at is not None and closes_at <= now:
        raise CannotCarry(
            f"The reply window of {channel}, {carried.reply_window_hours:g} hours after the "
            f"citizen's last message, closed at {closes_at.isoformat(timespec='seconds')}.",
            code="window_closed",
            instead=instead,
        )
    if not carried.can_initiate and conversation.last_inbound_at is None:
        raise CannotCarry(
            f"{channel} carries no message to somebody who has not written first.",
            code="window_closed",
            instead=instead,
        )


async def _check_private(
    session: AsyncSession, conversation: Conversation, carried: Capabilities, *, now: datetime
) -> None:
    """Whether the author of the last comment can be answered privately. Raises: CannotCarry.

    Whoever writes holds the conversation: replies to it through two appeals are checked one after
    the other.
    """
    hours = carried.private_reply_hours
    if not conversation.public or hours is None or conversation.last_inbound_at is None:
        raise CannotCarry(
            "Here nobody can be answered privately.",
            code="no_private_reply",
            instead="Answer in the thread, or reach them by another contact point.",
        )
    closes_at = conversation.last_inbound_at + timedelta(hours=hours)
    if closes_at <= now:
        raise CannotCarry(
            f"A comment can be answered privately for {hours:g} hours, and that ended at "
            f"{closes_at.isoformat(timespec='seconds')}.",
            code="window_closed",
            instead="Answer publicly and ask them to write to the account.",
        )
    if await answered_privately(session, conversation.id, conversation.last_inbound):
        raise CannotCarry(
            "This comment has been answered privately already, and that can be done once.",
            code="private_reply_used",
            instead="Answer publicly, or wait until they answer or comment again.",
        )


async def answered_privately(
    session: AsyncSession, conversation_id: int | None, comment: str | None, *, but: int = 0
) -> bool:
    """Whether a private reply to the comment, `but` that one, has gone out or may yet."""
    found = await session.exec(
        select(Message.id).where(
            Message.conversation_id == conversation_id,
            Message.id != but,
            Message.private_reply_to == comment,
            Message.state != DeliveryState.FAILED,
        )
    )
    return found.first() is not None


def window_closes_at(
    capabilities: Capabilities, last_inbound_at: datetime | None, *, private: bool = False
) -> datetime | None:
    """When a reply, or a private one, can no longer go; None when the channel has no such limit."""
    hours = capabilities.private_reply_hours if private else capabilities.reply_window_hours
    if hours is None or last_inbound_at is None:
        return None
    return last_inbound_at + timedelta(hours=hours)


def check_files(files: Sequence[Attachment], capabilities: Capabilities) -> None:
    def refuse(reason: str, instead: str) -> CannotCarry:
        return CannotCarry(reason, code="attachment", instead=instead)

    if len(files) > capabilities.max_attachments:
        raise refuse(
            f"The channel takes {capabilities.max_attachments} attachments a reply, "
            f"and these are {len(files)}.",
            "Send them in several replies.",
        )
    for file in files:
        limit = capabilities.media.get(AttachmentKind(file.kind))
        name = file.name or file.id
        if limit is None:
            raise refuse(f"The channel carries no {file.kind} ({name}).", "Send a link to it.")
        if file.size is not None and file.size > limit.max_bytes:
            raise refuse(
                f"{name} has {file.size} bytes, and the channel takes {limit.max_bytes}.",
                "Send a smaller file, or a link to it.",
            )
        if limit.mimes and not _accepts(limit.mimes, file.mime or ""):
            raise refuse(
                f"{name} is {file.mime}, and the channel takes {', '.join(limit.mimes)}.",
                "Convert the file, or send a link to it.",
            )


def _accepts(mimes: Sequence[str], mime: str) -> bool:
    family = mime.partition("/")[0] + "/*"
    return mime in mimes or family in mimes
