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
_ENDINGS = tuple(tuple(endings.split()) for endings in (_CASES, _WHOSE, _PLURALS, _WHOSE))
"""In the order in which they are taken off; longer ones first. The last are what looks like an
ending of тұрғын, so that тұрғындар loses it as well."""

_SOFTENED = {"б": "п", "г": "к"}
"""A last consonant before the vowel of a third person's: мектебі is of мектеп."""


def without_endings(word: str) -> str:
    """A Kazakh word, folded, without the endings of a noun and its last vowel."""
    for endings in _ENDINGS:
        word = _without(word, endings)
    if word[-1:] in ("а", "е") and len(word) > _SHORTEST:
        return word[:-1]
    if word[-1:] in ("ы", "и") and len(word) > _SHORTEST:
        return word[:-2] + _SOFTENED.get(word[-2], word[-2])
    return word


_SHORTEST = 3
_SHORT = frozenset(("су", "уй", "ит", "ел", "ай", "бу", "ас"))
"""Nouns of two letters."""
_VOWEL = re.compile("[аеиоуыюя]")

_BEFORE = (
    # By how an ending begins: what the word before it may end with. Sounds that meet are alike.
    (re.compile("нд|н[ае]$"), re.compile("[ыи]$")),
    (re.compile("н[ае]н"), re.compile("[ыинм]$")),
    (re.compile("[ткп]"), re.compile("[пткшсчхцщфбвгд]$")),
    (re.compile("[дглмб]"), re.compile("[^пткшсчхцщф]$")),
    (re.compile("с"), re.compile("[аея]$")),
)


def _without(word: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        left = word.removesuffix(ending)
        if left != word and _is_whole(left) and _may_follow(ending, left):
            return left
    return word


def _is_whole(word: str) -> bool:
    return word in _SHORT or (len(word) >= _SHORTEST and _VOWEL.search(word) is not None)


def _may_follow(ending: str, word: str) -> bool:
    for begins, before in _BEFORE:
        if begins.match(ending):
            return before.search(word) is not None
    return True
