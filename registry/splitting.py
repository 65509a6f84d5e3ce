"""Cuts a reply into the parts that a channel can carry, losing nothing.

Source: https://unicode.org/reports/tr29/ for what a reader sees as one character; the rules that
only concern scripts nobody writes here in are left out.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from msgspec import Struct

from registry.measuring import URL_WEIGHT, addresses, measure
from registry.types import Capabilities, TextUnit

MIN_LIMIT = 4
"""The least limit: every character fits, whatever the unit."""

_ANYWHERE, _WORD, _SENTENCE, _LINE, _PARAGRAPH = range(5)
_SHORT_WORD = 3
"""A full stop after so few letters is an abbreviation's: "пр. Абая", "д. 5"."""
_ZWJ = "\u200d"


class HasKind(Protocol):
    """An attachment as far as planning is concerned."""

    @property
    def kind(self) -> str: ...


class PlannedPart(Struct, frozen=True):
    """What goes out in one call: a text, and which of the reply's attachments."""

    text: str
    attachments: tuple[int, ...] = ()


def split_text(text: str, *, limit: int, unit: TextUnit) -> list[str]:
    """The parts of a text, each at most `limit` long in `unit`; joined they are the text again.

    Cuts after a paragraph, a line, a sentence or a word, in that order of preference, and within
    a word only when it is longer than a part. What a reader sees as one character stays whole
    unless it alone is longer than a part. No part is blank, as providers refuse those, unless
    the whole text is or blanks are as many as make it unavoidable. An empty text has no parts.

    Raises: ValueError for a limit below `MIN_LIMIT`.
    """
    if limit < MIN_LIMIT:
        raise ValueError(f"a part of {limit} cannot hold every character; {MIN_LIMIT} can")
    if measure(text, unit) <= limit:
        return [text] if text else []
    atoms = list(_atoms(text, limit, unit))
    ends = list(accumulate((measure(atom, unit) for atom in atoms), initial=0))
    reach = [bisect_right(ends, start + limit) - 1 for start in ends]
    content = _next_content(atoms)
    good = _good_starts(reach, content)
    ranks = _ranks(atoms)

    parts: list[str] = []
    start = 0
    while True:
        last = reach[start]
        if last == len(atoms) and measure("".join(atoms[start:]), unit) <= limit:
            parts.append("".join(atoms[start:]))
            break
        first = content[start] + 1 if good[start] else start + 1
        cuts = [
            end
            for end in range(first, min(last, len(atoms) - 1) + 1)
            if good[end] or not good[start]
        ] or [start + 1]
        while True:
            end = _best_cut(cuts, ranks, least=ends[start] + limit // 2, ends=ends)
            part = "".join(atoms[start:end])
            # What is cut off an e-mail address may be an address by itself, and weigh more.
            if len(cuts) == 1 or measure(part, unit) <= limit:
                break
            cuts.remove(end)
        parts.append(part)
        start = end
    return parts


def plan_parts(
    text: str, attachments: Sequence[HasKind], capabilities: Capabilities
) -> list[PlannedPart]:
    """The calls that a reply takes, in the order in which the citizen shall read it.

    Neighbouring attachments that may travel together do. The text is the first attachments'
    caption when it fits there, else it goes ahead in parts of its own. Blank parts are left out,
    as no provider takes them.
    """
    albums = [PlannedPart("", indexes) for indexes in _albums(attachments, capabilities)]
    unit = capabilities.text_unit
    if not text or text.isspace():
        return albums
    if (
        albums
        and measure(text, unit) <= capabilities.max_caption
        and all(attachments[index].kind in capabilities.captions for index in albums[0].attachments)
    ):
        return [PlannedPart(text, albums[0].attachments), *albums[1:]]
    parts = split_text(text, limit=capabilities.max_text, unit=unit)
    return [*(PlannedPart(part) for part in parts if not part.isspace()), *albums]


def _albums(
    attachments: Sequence[HasKind], capabilities: Capabilities
) -> Iterator[tuple[int, ...]]:
    album: list[int] = []
    for index, attachment in enumerate(attachments):
        kinds = {attachments[i].kind for i in album} | {attachment.kind}
        together = len(album) < capabilities.max_album and any(
            kinds <= allowed for allowed in capabilities.album
        )
        if album and not together:
            yield tuple(album)
            album = []
        album.append(index)
    if album:
        yield tuple(album)


def _best_cut(cuts: list[int], ranks: list[int], *, least: int, ends: list[int]) -> int:
    """The last cut of the best rank; one better than a word's must leave half a part filled."""
    full = [cut for cut in cuts if ends[cut] >= least]
    for rank in (_PARAGRAPH, _LINE, _SENTENCE):
        found = [cut for cut in full if ranks[cut] >= rank]
        if found:
            return found[-1]
    words = [cut for cut in cuts if ranks[cut] >= _WORD]
    return words[-1] if words else cuts[-1]


def _good_starts(reach: list[int], content: list[int]) -> list[bool]:
    """Whether what begins at each atom can be cut into parts none of which is blank."""
    count = len(reach)
    good = [False] * count
    good[-1] = True  # nothing is left
    later = [0] * (count + 1)  # how many good starts there are from here on
    later[count - 1] = 1
    for start in range(count - 2, -1, -1):
        first, last = content[start] + 1, reach[start]
        good[start] = first <= last and later[first] - later[last + 1] > 0
        later[start] = later[start + 1] + good[start]
    return good


def _next_content(atoms: list[str]) -> list[int]:
    """For each atom the first one from there on that is not blank; past the end when none is."""
    found = [len(atoms)] * (len(atoms) + 1)
    for index in range(len(atoms) - 1, -1, -1):
        found[index] = found[index + 1] if _blank(atoms[index]) else index
    return found


def _ranks(atoms: list[str]) -> list[int]:
    """How good a place each start of an atom is to cut before it."""
    ranks = [_ANYWHERE] * (len(atoms) + 1)
    letters = newlines = 0
    sentence = False
    for index, atom in enumerate(atoms):
        if atom.isspace():
            newlines += atom in {"\n", "\r\n", "\r", "\u2029"}
            ranks[index + 1] = (
                min(_LINE + newlines - 1, _PARAGRAPH) if newlines else _WORD + sentence
            )
            letters = 0
            continue
        newlines = 0
        if atom in {"!", "?", "…", "。"} or (atom == "." and letters > _SHORT_WORD):
            sentence = True
        elif atom not in {"»", "”", '"', ")", "]"}:
            sentence = False
        letters = letters + 1 if atom.isalnum() else 0
    return ranks


def _atoms(text: str, limit: int, unit: TextUnit) -> Iterator[str]:
    """What a reader sees as one character each; code points where that is longer than a part.

    Where an address has a weight of its own it is one atom: cut in two it would weigh otherwise.
    """
    if unit != "weighted" or limit < URL_WEIGHT:
        yield from _clusters(text, limit, unit)
        return
    start = 0
    for begin, end in addresses(text):
        yield from _clusters(text[start:begin], limit, unit)
        yield text[begin:end]
        start = end
    yield from _clusters(text[start:], limit, unit)


def _clusters(text: str, limit: int, unit: TextUnit) -> Iterator[str]:
    start = 0
    for index in range(1, len(text) + 1):
        if index < len(text) and _joined(text, start, index):
            continue
        atom = text[start:index]
        if measure(atom, unit) <= limit:
            yield atom
        else:
            yield from atom
        start = index


def _joined(text: str, start: int, index: int) -> bool:
    """Whether the code point at `index` belongs to the cluster that began at `start`."""
    before, char = text[index - 1], text[index]
    if char < "\u0300" or "\u0400" <= char <= "\u0482" or "\u048a" <= char <= "\u052f":
        return before == "\r" and char == "\n"  # Latin and Cyrillic letters stand alone
    if before in "\r\n":
        return False
    if before == _ZWJ and start < index - 1:
        return True
    if _flag(char) and _flag(before):
        return (index - start) % 2 == 1
    return (
        char in "\u200c\u200d"
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags: the flags of regions
        or "\u1160" <= char <= "\u11ff"  # the later letters of a Hangul syllable
        or unicodedata.category(char) in {"Mn", "Mc", "Me"}
    )


def _flag(char: str) -> bool:
    """Two of these letters make a country's flag."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _blank(atom: str) -> bool:
    """Nothing of it can be seen."""
    return all(char.isspace() or unicodedata.category(char) in {"Cc", "Cf"} for char in atom)
