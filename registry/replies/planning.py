"""The parts of a reply: what goes out in each call."""

from collections.abc import Sequence
from typing import Any

import msgspec

from registry.carrying import Manner, check_files
from registry.errors import CannotCarry
from registry.models import Attachment
from registry.splitting import PlannedPart, plan_parts
from registry.types import Capabilities, ChosenTemplate


def planned(
    text: str, files: Sequence[Attachment], carried: Capabilities, manner: Manner
) -> list[PlannedPart]:
    """The parts of a reply. Raises: CannotCarry."""
    if manner.template:
        if files:
            raise CannotCarry(
                "A template takes no attachments.",
                code="attachment",
                instead="Send the template alone, and the files once the citizen has answered.",
            )
        return [PlannedPart(text)]
    check_files(files, carried)
    parts = plan_parts(text, files, carried)
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
    if not manner.private or len(parts) < 2:
        return None
    return CannotCarry(
        f"A private reply to a comment is one message: this one takes {len(parts)}.",
        code="private_replytoo_long",
        instead=f"Shorten it to {carried.max_text} characters, without a file beside the text.",
    )


def stored(
    part: PlannedPart, files: Sequence[Attachment], template: ChosenTemplate | None
) -> dict[str, Any]:
    planned: dict[str, Any] = {
        "text": part.text,
        "attachments": [str(files[i].id) for i in part.attachments],
    }
    if template is not None:
        planned["template"] = msgspec.to_builtins(template)
    return planned
