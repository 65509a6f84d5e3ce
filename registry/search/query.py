"""What somebody typed, as an expression of tokens that a document must fit.

Every word must be there. The last one may be unfinished, as people search while they type. Words in
quotes stand next to each other. Digits may be a word, a phone, or an appeal's serial.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from registry.search import numbers
from registry.search.words import WORD, beginning, token

LONGEST = 200
"""Characters that are read."""
MOST_PARTS = 16
"""Words that are looked for; who types more has found it already."""
SHORTEST_BEGINNING = 3
"""Letters of an unfinished word: fewer begin a tenth of all words."""


class Leaf(Struct, frozen=True):
    """A token that must be there, or one that begins so."""

    token: str
    open: bool = False
    """It may go on."""


class All(Struct, frozen=True):
    """Every part must fit."""

    parts: tuple["Expression", ...]


class Either(Struct, frozen=True):
    """One of the parts must fit."""

    parts: tuple["Expression", ...]


Expression: TypeAlias = Leaf | All | Either


Phrases: TypeAlias = tuple[tuple[str, ...], ...]
"""Tokens that must stand next to each other."""


class Wanted(Struct, frozen=True):
    """What is looked for."""

    parts: tuple[Expression, ...]
    """Each must fit."""
    phrases: Phrases = ()

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.parts)

    @property
    def is_unfinished(self) -> bool:
        """Whether a word of it may go on."""
        return any(leaf.open for leaf in self.leaves())

    def leaves(self) -> Iterator[Leaf]:
        """Every token that may be met."""
        for part in self.parts:
            yield from _leaves(part)

    def fits(self, words: str) -> bool:
        """Whether the words of a document fit."""
        return all(part_fits(part, words) for part in self.parts) and all(
            f" {' '.join(phrase)} " in f" {words} " for phrase in self.phrases
        )


def part_fits(part: Expression, words: str) -> bool:
    """Whether the words of a document fit a part."""
    if isinstance(part, Leaf):
        return f" {part.token}{'' if part.open else ' '}" in f" {words} "
    inner = (part_fits(one, words) for one in part.parts)
    return all(inner) if isinstance(part, All) else any(inner)


@lru_cache(1024)
def parse(q: str) -> Wanted:
    """What is looked for; nothing when there is neither a letter nor a digit. Never raises."""
    q = q[:LONGEST]
    parts: dict[Expression, None] = {}
    phrases = []
    for found in _PART.finditer(q):
        quoted = found["quoted"]
        if quoted is not None:
            tokens = tuple(filter(None, (token(word[0]) for word in WORD.finditer(quoted))))
            parts |= dict.fromkeys(map(Leaf, tokens))
            if len(tokens) > 1:
                phrases.append(tokens)
        elif (part := _part(found, last=found.end() == len(q))) is not None:
            parts[part] = None
    return Wanted(tuple(parts)[:MOST_PARTS], tuple(phrases))


_PART = re.compile(
    rf"""
    ["«“„](?P<quoted>[^"«»“”„]*)["»”“]
    | (?<![^\W_]) (?P<prefix>[^\W\d_]{{2,5}})-(?P<year>\d{{0,4}})(?!\d) (?:-(?P<serial>\d*))?
      (?![^\W_])
    | (?<![^\W_]) (?P<of>20\d\d)[-/](?P<number>\d{{1,12}}) (?![^\W_]|[-/.]\d)
    | (?<!\d) (?P<digits>\+?\d(?>(?:[\s().–—-]*\d)*)) (?![^\W\d_])
    | (?P<word>{WORD.pattern})
    """,
    re.VERBOSE,
)


def _part(found: re.Match[str], *, last: bool) -> Expression | None:
    if found["prefix"] is not None:
        return _appeal(found, last=last)
    if found["of"] is not None:
        spelled = All((_number(found["of"]), _number(found["number"])))
        return Either((Leaf(numbers.serial_mark(found["number"], year=found["of"])), spelled))
    if found["digits"] is not None:
        return _digits(found["digits"], last=last)
    return _word(found["word"], last=last)


def _word(word: str, *, last: bool) -> Expression | None:
    stem = token(word)
    if word.isdigit():
        return _number(word, last=last)
    if not stem:
        return None
    begun = beginning(word)
    if last and len(begun) >= SHORTEST_BEGINNING and word.isalpha():
        unfinished = Leaf(begun, open=True)
        return unfinished if begun == stem else Either((Leaf(stem), unfinished))
    return Leaf(stem)


def _appeal(found: re.Match[str], *, last: bool) -> Expression:
    """ALM-2026-0000123 or its beginning; Самал-2 and кв-25 look the same, and are words."""
    prefix, year, serial = found["prefix"], found["year"], found["serial"] or ""
    if serial.strip("0"):
        unfinished = last and len(serial) >= numbers.FEWEST_SERIAL
        begun = Leaf(numbers.number_mark(prefix, year, serial), open=unfinished)
        series = Leaf(numbers.series_mark(prefix, year))
        return Either((begun, All((series, Leaf(numbers.serial_mark(serial, year=year))))))
    series = Leaf(numbers.series_mark(prefix, year if len(year) == 4 else ""))
    spelled = [Leaf(token(prefix)), *(_number(part) for part in (year, serial) if part)]
    return Either((series, All(tuple(spelled))))


def _digits(text: str, *, last: bool) -> Expression:
    """Digits with what phones are written with between them: a phone, or numbers on their own."""
    run = [numbers.digits(part) for part in re.findall(r"\d+", text)]
    apart = [_number(part, last=last and i == len(run)) for i, part in enumerate(run, 1)]
    whole = "".join(run)
    if len(run) == 1 or not numbers.FEWEST_DIGITS < len(whole) <= numbers.MOST_DIGITS:
        return apart[0] if len(apart) == 1 else All(tuple(apart))
    return Either((Leaf(numbers.phone_mark(whole), open=last), All(tuple(apart))))


def _number(text: str, *, last: bool = False) -> Expression:
    """A number in a text, a serial, or a phone."""
    figures = numbers.digits(text)
    options: list[Expression] = [Leaf(numbers.serial_mark(figures))]
    if not figures.startswith("00"):
        options.insert(0, Leaf(token(figures)))
    if numbers.FEWEST_DIGITS <= len(figures) <= numbers.MOST_DIGITS:
        unfinished = last and len(figures) > numbers.FEWEST_DIGITS
        options.append(Leaf(numbers.phone_mark(figures), open=unfinished))
    return Either(tuple(options))


def _leaves(part: Expression) -> Iterator[Leaf]:
    if isinstance(part, Leaf):
        yield part
    else:
        for inner in part.parts:
            yield from _leaves(inner)
