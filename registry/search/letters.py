"""Letters: the many ways to write one, made one.

Case, accents, and the letters by which Kazakh and Russian alphabets differ ("КӨШЕ" is "коше", "ё"
is "е") go; so do marks that are not seen. What is left is plain Cyrillic, plain Latin, digits, and
the base letters of other scripts.
"""

import unicodedata

_SAME = {
    # Kazakh, and its neighbours'.
    "ә": "а", "ғ": "г", "қ": "к", "ң": "н", "ө": "о", "ұ": "у", "ү": "у", "һ": "х", "і": "и",
    "җ": "ж", "ҳ": "х", "ҷ": "ч", "ҡ": "к", "ҙ": "з", "ҫ": "с",
    # Russian, Ukrainian, Belarusian.
    "ё": "е", "э": "е", "є": "е", "ї": "и", "ў": "у", "ґ": "г", "ѳ": "ф", "ѣ": "е", "й": "й",
    # The Latin alphabets of Kazakh, of 2017 to 2021, and of transliteration.
    "ş": "sh", "š": "sh", "ç": "ch", "č": "ch", "ž": "zh", "ý": "u", "ŋ": "n", "ı": "i",
    "ə": "a", "ɵ": "o", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th",
}  # fmt: skip

_UNSEEN = frozenset({"Mn", "Me", "Cf", "Cc"})
"""Categories of what stands on letters or between them: accents, joiners, marks of direction."""


def fold(text: str) -> str:
    """The text with one way to write each letter; never raises, and changes nothing twice."""
    return unicodedata.normalize("NFC", text).translate(_FOLDED)


class _Folded(dict[int, str]):
    """What becomes of a character, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = "".join(map(_plain, chr(code).casefold()))
        if len(self) < _REMEMBERED:
            self[code] = folded
        return folded


_REMEMBERED = 4096
"""Characters: more than all that our citizens' alphabets have."""

_FOLDED = _Folded()


def _plain(letter: str) -> str:
    if letter in _SAME:
        return _SAME[letter]
    # A mark on a letter goes, and what is left is looked at as if it had been written.
    parts = unicodedata.normalize("NFKD", letter).casefold()
    seen = [part for part in parts if unicodedata.category(part) not in _UNSEEN]
    return "".join(map(_digit, map(_known, seen)))


def _known(letter: str) -> str:
    return _SAME.get(letter, letter)


def _digit(letter: str) -> str:
    """Digits of any script are the ten."""
    value = unicodedata.decimal(letter, None) if len(letter) == 1 else None
    return letter if value is None else str(value)
