"""Words: what a text is cut into, and the token that stands for each of a word's forms.

A token is of a-z, 0-9 alone. Words that a person takes for the same (another case, another form,
another alphabet) have one token.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import Stemmer
from msgspec import Struct

from registry.language import detect
from registry.search.kazakh import without_endings
from registry.search.letters import fold
from registry.search.spelling import all_cyrillic, is_cyrillic, read_latin, skeleton

LONGEST = 48
"""Characters of a token; what is longer is cut."""

_REMEMBERED = 65_536
"""Words whose tokens are kept: the usual ones come again and again."""

_UNSEEN = (
    "\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u061c\u064b-\u065f\u0670\u180e\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\ufeff"
)
"""Accents, joiners and marks of direction: they part no word."""
_APOSTROPHES = "'’ʼ`"

WORD = re.compile(
    rf"[^\W\d_](?:[^\W\d_]|[{_UNSEEN}]|[{_APOSTROPHES}](?=[^\W\d_]))*"
    rf"|\d[\d{_UNSEEN}]*(?:[^\W\d_]{{1,2}}(?![^\W\d_]))?"
)
"""Letters, or a number with a letter or two: кв25 is two words, 10а is one."""


class Word(Struct, frozen=True):
    """A word of a text, and where it stands in it."""

    text: str
    start: int
    end: int

    @property
    def token(self) -> str:
        """What stands for it; empty for what says nothing."""
        return token(self.text)


def words(text: str) -> Iterator[Word]:
    """The words of a text, from left to right."""
    for found in WORD.finditer(text):
        yield Word(found[0], found.start(), found.end())


@lru_cache(_REMEMBERED)
def token(word: str) -> str:
    """The token of a word and of its other forms. Never raises."""
    plain = _plain(word)
    if plain.isalpha():
        bare = without_endings(plain)
        # Also when a word says nothing, and what is left of it is Kazakh: жолдан is of жол.
        if "kk" in (detect(word), detect(plain) or detect(bare)):
            plain = bare
        plain = _stem(plain)
    return skeleton(plain)[:LONGEST]


@lru_cache(_REMEMBERED)
def beginning(word: str) -> str:
    """A word that may not be finished yet: the tokens of many that begin so begin with this."""
    return skeleton(_plain(word))[:LONGEST]


_stemmer = Stemmer.Stemmer("russian", 0)
"""Without a cache of its own, which two threads must not share."""

_IRREGULAR = {"абая": "аба"}
"""Forms in which the stemmer sees another part of speech: Abai's avenue is in every address."""
_SHORT_FORM = re.compile("..[аеиоуыюяйхм]{1,2}")
"""A noun whose stem has two letters, such as яма and Юлия, in one of its forms."""


def _stem(word: str) -> str:
    """The stem, never so short that it would stand for anything.

    What the stemmer leaves of some forms and takes of others goes too: Сатпаева is of Сатпаев, and
    работает of работа.
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    stem: str = _stemmer.stemWord(word)
    if len(stem) < 3 and not (len(stem) == 2 and _SHORT_FORM.fullmatch(word)):
        return word
    for endings in (("ов", "ев"), ("а", "е")):
        if stem.endswith(endings) and len(stem) - len(endings[0]) >= 4:
            stem = stem[: -len(endings[0])]
    return stem


_MARKED = ((re.compile(r"s'(?=[aeiouy])"), "sh"), (re.compile(r"c'(?=[aeiouy])"), "ch"))
"""Letters of 2017: s'am is шам. Elsewhere the apostrophe is a soft sign, or part of nothing."""


def _plain(word: str) -> str:
    """A word folded, and in Cyrillic if it is one of Cyrillic or Latin."""
    folded = fold(word)
    if not folded.isalpha():
        for mark in _APOSTROPHES[1:]:
            folded = folded.replace(mark, _APOSTROPHES[0])
        for marked, letters in _MARKED:
            folded = marked.sub(letters, folded)
        folded = folded.replace("y'", "u").replace(_APOSTROPHES[0], "")
    if is_cyrillic(folded):
        return all_cyrillic(folded)
    if folded.isascii() and folded.isalpha():
        return read_latin(folded)
    if folded.isdigit():
        return folded.lstrip("0") or "0"
    return folded
