"""Recognises our own messages among the echoes of providers that do not carry our ids back.

An echo may come before our own send has returned, or instead of an answer that was lost: it is
ours when a message of the same words is on its way in its conversation.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from registry.columns import from_stored
from registry.intake import statements as sql
from registry.intake.batch import Address, Batch, Steps, external
from registry.types import Echo


class _Part(msgspec.Struct):
    text: str
    attachments: list[str]


class _UnderWay(NamedTuple):
    """A part of ours whose call may have gone out."""

    message_id: int
    part: int
    planned: _Part
    since: datetime
    """When its call began, or was given up."""


NEAR = timedelta(minutes=10)
"""How far an echo's time may lie from our call's: clocks differ, and calls take a while."""

_parts = msgspec.json.Decoder(list[_Part])


def recognise_echoes(batch: Batch) -> Steps:
    """Turn the echoes that are of our own messages into reports on them."""
    echoes = [
        (index, item)
        for index, item in batch.messages
        if isinstance(item, Echo) and external(item) not in batch.known
    ]
    if not echoes:
        return
    wanted = sorted({_address(item) for _, item in echoes})
    under_way: dict[Address, list[_UnderWay]] = {}
    for channel, account, key, message_id, parts, part, since in (yield sql.UNDER_WAY, wanted):
        planned = _parts.decode(parts)
        if part < len(planned):
            one = _UnderWay(message_id, part, planned[part], from_stored(since))
            under_way.setdefault((channel, account, key), []).append(one)
    ours: set[Address] = set()
    for _, item in echoes:
        candidates = under_way.get(_address(item), [])
        found = next((one for one in candidates if _same(item, one)), None)
        if found is None or external(item) in ours:
            continue  # an employee's, or the same again
        candidates.remove(found)
        ours.add(external(item))
        ours_is = str(found.message_id)
        batch.reports.append(msgspec.structs.replace(item, message_id=ours_is, part=found.part))
    if ours:
        batch.messages = [entry for entry in batch.messages if external(entry[1]) not in ours]


def _address(item: Echo) -> Address:
    return item.channel, item.account, item.conversation


def _same(echo: Echo, ours: _UnderWay) -> bool:
    """Whether an echo reads as a part does, and left when that did.

    Providers trim what surrounds a text. What nobody knows the outcome of for days is no reason to
    take an employee's word for it.
    """
    if abs(echo.sent_at - ours.since) > NEAR:
        return False
    text = ours.planned.text.strip()
    if text:
        return echo.text.strip() == text
    return not echo.text.strip() and len(echo.attachments) == len(ours.planned.attachments)
