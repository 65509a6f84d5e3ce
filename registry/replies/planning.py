"""The parts of a reply: what goes out in each call.

Cutting a long text takes a while: it is done before the transaction, in a thread.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.carrying import Manner, check_files
from registry.errors import CannotCarry
from registry.models import Attachment
from registry.replies.asked import Reply
from registry.replies.ways import Way
from registry.splitting import HasKind, PlannedPart, plan_parts
from registry.types import Capabilities, ChosenTemplate

LONG_TEXT = 1000
"""Characters from which on cutting is worth a thread."""


class HasId(Protocol):
    """A file as far as a stored part is concerned."""

    @property
    def id(self) -> int: ...


class File(Struct, frozen=True):
    """An upload as far as planning is concerned."""

    kind: str


class Plan(Struct, frozen=True, kw_only=True):
    """A reply's parts, and what they were made from."""

    text: str
    kinds: tuple[str, ...]
    carried: Capabilities
    parts: tuple[PlannedPart, ...]

    def fits(self, text: str, files: Sequence[HasKind], carried: Capabilities) -> bool:
        """Whether these would be the parts."""
        kinds = tuple(file.kind for file in files)
        return (text, kinds, carried) == (self.text, self.kinds, self.carried)


async def kinds_of(session: AsyncSession, reply: Reply) -> tuple[str, ...]:
    """Of the reply's uploads; of those that are not there nothing."""
    if not reply.attachment_ids:
        return ()
    found = await session.exec(
        select(Attachment.id, Attachment.kind).where(col(Attachment.id).in_(reply.attachment_ids))
    )
    kinds = dict(iter(found))
    return tuple(kinds[id_] for id_ in reply.attachment_ids if id_ in kinds)


async def make_plan(reply: Reply, kinds: tuple[str, ...], way: Way) -> Plan | None:
    """The parts, as far as they can be told ahead; `queue_reply` tells what speaks against them."""
    if reply.template is not None or way.reach is None:
        return None
    capabilities = way.reach.capabilities
    carried = capabilities if reply.private else capabilities.of(public=way.conversation.public)
    parts = await cut(reply.text, tuple(map(File, kinds)), carried)
    return Plan(text=reply.text, kinds=kinds, carried=carried, parts=tuple(parts))


async def cut(text: str, files: Sequence[HasKind], carried: Capabilities) -> list[PlannedPart]:
    """The parts, cut where nobody waits for it."""
    if len(text) < LONG_TEXT:
        return plan_parts(text, files, carried)
    return await asyncio.to_thread(plan_parts, text, files, carried)


async def planned(
    text: str,
    files: Sequence[Attachment],
    carried: Capabilities,
    manner: Manner,
    plan: Plan | None,
) -> Sequence[PlannedPart]:
    """The parts of a reply; those of the plan, where it fits. Raises: CannotCarry."""
    if manner.template:
        if files:
            raise CannotCarry(
                "A template takes no attachments.",
                code="attachment",
                instead="Send the template alone, and the files once the citizen has answered.",
            )
        return [PlannedPart(text)]
    check_files(files, carried)
    if plan is not None and plan.fits(text, files, carried):
        parts: Sequence[PlannedPart] = plan.parts
    else:
        parts = await cut(text, files, carried)
    if not parts:
        raise CannotCarry(
            "The reply is blank.", code="blank", instead="Write something, or attach a file."
        )
    refused = too_long(parts, carried, manner)
    if refused is not None:
        raise refused
    return parts


def too_long(
    parts: Sequence[PlannedPart], carried: Capabilities, manner: Manner
) -> CannotCarry | None:
    """Why parts cannot go for being several; None where they can."""
    if not manner.private or len(parts) < 2:
        return None
    return CannotCarry(
        f"A private reply to a comment is one message: this one takes {len(parts)}.",
        code="private_reply_too_long",
        instead=f"Shorten it to {carried.max_text} characters, without a file beside the text.",
    )


def stored(
    part: PlannedPart, files: Sequence[HasId], template: ChosenTemplate | None
) -> dict[str, Any]:
    """A part as its dispatch keeps it."""
    kept: dict[str, Any] = {
        "text": part.text,
        "attachments": [str(files[i].id) for i in part.attachments],
    }
    if template is not None:
        kept["template"] = msgspec.to_builtins(template)
    return kept
