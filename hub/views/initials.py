"""How papers name an official: the surname and initials, "Сериков А. Б."."""

import re

_PATRONYMIC = re.compile(
    r"(ович|евич|[её]вич|ьич|кич|мич|нич|овна|евна|[её]вна|ична|ұлы|улы|қызы|кызы|гызы"
    r"|ovich|evich|ovna|evna|ichna|uly|kyzy|qyzy)$",
    re.IGNORECASE,
)
_SURNAME = re.compile(
    r"\w{2}(ов|ев|ёв|ова|ева|ёва|ский|цкий|ская|цкая|енко|ov|ev|ova|eva|sky|skiy|skaya|enko)$",
    re.IGNORECASE,
)
"""Endings that hardly any given name has."""
_GIVEN = frozenset({"яков", "iakov", "yakov"})


def on_paper(name: str) -> str:
    """The surname and initials, where it is plain which word is the surname; else the whole name.

    "Сериков Асан Болатович" and "Асан Болатович Сериков" give "Сериков А. Б.", "Асан Сериков"
    "Сериков А."; of "Мария Ким" nobody can tell without knowing her, and a whole name has its
    surname in it.
    """
    words = name.split()
    place = _surname_in(words)
    if place is None:
        return name
    surname = words.pop(place)
    return " ".join([surname, *(f"{word[0].upper()}." for word in words)])


def _surname_in(words: list[str]) -> int | None:
    if not all(word[0].isalpha() for word in words):
        return None
    match words:
        case [_, _, last] if _PATRONYMIC.search(last):
            return 0
        case [_, middle, _] if _PATRONYMIC.search(middle):
            return 2
        case [_, _]:
            found = [place for place, word in enumerate(words) if _is_surname(word)]
            return found[0] if len(found) == 1 else None
    return None


def _is_surname(word: str) -> bool:
    return word.lower() not in _GIVEN and _SURNAME.search(word) is not None
