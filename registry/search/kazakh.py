"""Endings of Kazakh nouns, taken off: көшесінде, көшелердің and көше are one word.

They stand one after another in a fixed order: plural, whose, case. Verbs are left as they are.
"""

import re

_CASES = """
ндагы ндеги дагы деги тагы теги нын нин дын дин тын тин нда нде да де та те нан нен дан ден тан тен
мен бен пен га ге ка ке на не ны ни ды ди ты ти
"""
_WHOSE = "ымыз имиз мыз миз ыныз иниз ныз низ сын син сы си ым им ын ин"
_PLURALS = "лар лер дар дер тар тер"
_ENDINGS = tuple(tuple(endings.split()) for endings in (_CASES, _WHOSE, _PLURALS))
"""In the order in which they are taken off; longer ones first."""

_SOFTENED = {"б": "п", "г": "к"}
"""A last consonant before the vowel of a third person's: мектебі is of мектеп."""


def without_endings(word: str) -> str:
    """A Kazakh word, folded, without the endings of a noun and its last vowel."""
    for endings in _ENDINGS:
        word = _without(word, endings)
    if word[-1:] in ("а", "е") and len(word) > 3:
        return word[:-1]
    if word[-1:] in ("ы", "и") and len(word) > 3:
        return word[:-2] + _SOFTENED.get(word[-2], word[-2])
    return word


_SHORTEST = 3
_SHORT = frozenset(("су", "уй", "ит", "ел", "ай", "бу", "ас"))
"""Nouns of two letters."""
_VOWEL = re.compile("[аеиоуыюя]")


def _without(word: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        left = word.removesuffix(ending)
        if left in _SHORT or (left != word and len(left) >= _SHORTEST and _VOWEL.search(left)):
            return left
    return word
