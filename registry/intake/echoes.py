"""Recognises our own messages among the echoes of providers that do not carry our ids back.

An echo may come before our own send has returned, or instead of an answer that was lost: it is
ours when a message of the same words is on its way in its conversation.
"""

import msgspec

from registry.intake import statements as sql
from registry.intake.batch import Address, Batch, Steps, external
from registry.types import Echo


class _Part(msgspec.Struct):
    text: str
    attachments: list[str]


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
    under_way: dict[Address, list[tuple[int, int, _Part]]] = {}
    for channel, account, key, message_id, parts, part in (yield sql.UNDER_WAY, wanted):
        planned = _parts.decode(parts)
        if part < len(planned):
            place = (channel, account, key)
            under_way.setdefault(place, []).append((message_id, part, planned[part]))
    ours: set[Address] = set()
    for _, item in echoes:
        candidates = under_way.get(_address(item), [])
        found = next((one for one in candidates if _same(item, one[2])), None)
        if found is None or external(item) in ours:
            continue  # an employee's, or the same again
        candidates.remove(found)
        ours.add(external(item))
        message_id, part, _ = found
        batch.reports.append(msgspec.structs.replace(item, message_id=str(message_id), part=part))
    if ours:
        batch.messages = [entry for entry in batch.messages if external(entry[1]) not in ours]


def _address(item: Echo) -> Address:
    return item.channel, item.account, item.conversation


def _same(echo: Echo, part: _Part) -> bool:
    """Whether an echo reads as the part does: providers trim what surrounds a text."""
    if part.text.strip():
        return echo.text.strip() == part.text.strip()
    return not echo.text.strip() and len(echo.attachments) == len(part.attachments)
