"""Spelling in Latin letters: Cyrillic and the ways to type it in Latin meet in one skeleton.

Whoever types "koshe", "köşe" or "коше" means the same. A word in Latin letters is first read as the
Cyrillic it stands for, so that stems can be found; then either is written in the skeleton, in which
letters that people confuse are one: и, ы, й and y are "i", х and kh are "h", ж and zh and дж are
"j", double letters are single.
"""

import re

_SKELETON = str.maketrans(
    dict(zip("абвгдежзийклмнопрстуфхыэ", "abvgdejziiklmnoprstufhie", strict=True))
    | {"ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "iu", "я": "ia"}
)
_DOUBLE = re.compile(r"([a-z])\1+")
_FOREIGN = re.compile(r"[^a-z0-9]")


def skeleton(word: str) -> str:
    """A folded word in a-z and 0-9; letters of other scripts become their numbers."""
    written = word.translate(_SKELETON).replace("dj", "j")
    written = _DOUBLE.sub(r"\1", written)
    return _FOREIGN.sub(lambda letter: f"u{ord(letter[0]):x}", written)


_LOOK_ALIKES = str.maketrans("aceopxyikmhtb", "асеорхуикмхтв")


def is_cyrillic(word: str) -> bool:
    """Whether a folded word has a letter of Cyrillic."""
    return any("\u0400" <= letter <= "\u052f" for letter in word)


def all_cyrillic(word: str) -> str:
    """A word of Cyrillic with the Latin letters in it that were typed for what they look like."""
    return word.translate(_LOOK_ALIKES)


def read_latin(word: str) -> str:
    """The Cyrillic that a folded word in Latin letters stands for, as near as can be told."""
    return _SOUNDS.sub(_sound, word)


_VOWELS = "aeiouy"

_SOUNDS = re.compile(
    r"shch|sch|sh|ch|zh|kh|gh|ts|tz|ck"
    r"|iia|iya|iiu|iyu|iye|ya|yu|yo|ye|ia|iu|iy|yy|yi$"
    r"|[a-z]"
)
_READ = {
    "shch": "щ", "sch": "щ", "sh": "ш", "ch": "ч", "zh": "ж", "kh": "х", "gh": "г", "ts": "ц",
    "tz": "ц", "ck": "к", "iia": "ия", "iya": "ия", "iiu": "ию", "iyu": "ию", "iye": "ие",
    "ya": "я", "yu": "ю", "ye": "е", "iy": "ий", "yy": "ый", "yi": "ый", "x": "кс", "w": "у",
    "q": "к", "c": "к",
} | dict(zip("abdefghijklmnoprstuvz", "абдефгхижклмнопрстувз", strict=True))  # fmt: skip


def _sound(found: re.Match[str]) -> str:
    letters = found[0]
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    after_vowel = before != "" and before in _VOWELS
    match letters:
        case "y":
            return "й" if after_vowel else "ы"
        case "i" if after_vowel and before != "i":
            return "й"  # moi, raion
        case "yo":
            return "йо" if after_vowel else "е"  # район, елка
        case "ia" | "iu":
            last = "я" if letters == "ia" else "ю"
            return last if after_vowel or not before else f"и{last}"
        case "j" if after_vowel and not after:
            return "й"  # moj
        case "c" if after in ("e", "i", "y") or (before == "i" and after in ("a", "o", "u", "")):
            return "ц"  # centr, ulica
        case "x" if not before:
            return "х"
    return _READ[letters]
