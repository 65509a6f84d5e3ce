"""Showing what was found: where in a text it stands, and the part of it that is worth seeing."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from msgspec import Struct

from registry.search.numbers import number_marks, phone_marks, phones
from registry.search.query import Leaf, Wanted
from registry.search.sources import Place
from registry.search.words import words

WIDTH = 160
"""Characters of a snippet."""


class Segment(Struct, frozen=True):
    """A part of a text."""

    text: str
    hit: bool
    """It is what was looked for."""


def snippet(text: str, wanted: Wanted, *, place: Place, width: int = WIDTH) -> list[Segment]:
    """The part of the text with the most finds, on one line; "…" stands for what is left out."""
    line = re.sub(r"\s+", " ", text.strip())
    found = hits(line, wanted, place=place)
    start, end = _window(line, found, width)
    shown = [
        (first - start, min(last, end) - start) for first, last in found if start <= first < end
    ]
    segments = _segments(line[start:end], shown)
    if start > 0:
        segments.insert(0, Segment("…", hit=False))
    if end < len(line):
        segments.append(Segment("…", hit=False))
    return segments


def hits(text: str, wanted: Wanted, *, place: Place = Place.MESSAGE) -> list[tuple[int, int]]:
    """Where what is looked for stands, from left to right."""
    leaves = list(wanted.leaves())
    if place is Place.NUMBER:
        return [(0, len(text))] if _met(number_marks(text), leaves) else []
    if place is Place.PHONE:
        return [(0, len(text))] if _met(phone_marks(text), leaves) else []
    found = [(word.start, word.end) for word in words(text) if _met([word.token], leaves)]
    found += [span for span in phones(text) if _met(phone_marks(text[slice(*span)]), leaves)]
    return _joined(found)


def _met(tokens: Iterable[str], leaves: Sequence[Leaf]) -> bool:
    return any(
        token == leaf.token or (leaf.open and token.startswith(leaf.token))
        for token in tokens
        if token
        for leaf in leaves
    )


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _segments(text: str, spans: Sequence[tuple[int, int]]) -> list[Segment]:
    segments, place = [], 0
    for start, end in spans:
        if start > place:
            segments.append(Segment(text[place:start], hit=False))
        segments.append(Segment(text[start:end], hit=True))
        place = end
    if place < len(text):
        segments.append(Segment(text[place:], hit=False))
    return segments


def _window(text: str, spans: Sequence[tuple[int, int]], width: int) -> tuple[int, int]:
    """From where to where to show: most finds, with a quarter of the width before the first."""
    if len(text) <= width:
        return 0, len(text)
    start = 0
    if spans:
        starts = [first for first, _ in spans]
        # They are in order: thousands of finds in one message are counted in a moment.
        counts = [bisect_left(starts, first + width) - at for at, first in enumerate(starts)]
        start = max(0, starts[counts.index(max(counts))] - width // 4)
    start = min(start, len(text) - width)
    end = start + width
    # At a space, unless a word without an end fills it all.
    if start > 0:
        space = text.find(" ", start, start + width // 4)
        start = space + 1 if space >= 0 else start
    if end < len(text):
        space = text.rfind(" ", start + width // 2, end)
        end = space if space >= 0 else end
    return start, end
