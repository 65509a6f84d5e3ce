"""The language in which a message is written, told from its words.

A word speaks for a language by being one of its words, by how it begins or ends, or by letters
that the others do not have or do not join; `explain` names the reason of each. Kazakh is also
understood without its own letters ("кошеде жарык жок"), and Kazakh and Russian in Latin ones
("su joq", "net vody").

A message is **mixed** when a second language has at least a fifth of the weight. Some words may
stand in a message of another language without mixing it: greetings, thanks and other politeness
("Сәлеметсіз бе! Нет воды" is Russian), nouns that both borrowed ("мусор жатыр" is Kazakh), words
that both have, names of places. They are heard only where no other word speaks: "рахмет" alone is
Kazakh; where they disagree, most of them decide, and Kazakh before Russian before English.

None means that nothing speaks: an address alone, a number, a link, an emoji, "ок".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from registry import language_words as listed

Language = Literal["kk", "ru", "mixed", "en"]
"""A language as it is stored with a contact or an appeal."""

READ = 600
"""Characters that are looked at: more would tell no more."""

MIXED_SHARE = 0.2
"""The least share of the weight that makes a second language one of the message's."""

_SURE, _LIKELY, _FAINT, _ASIDE = 4, 3, 2, 0
_LONGEST = 32
"""Letters. What is longer is no word."""
_STEM = 7
"""Letters of the longest beginning that is listed."""
_REMEMBERED = 8192
"""Words whose voice is kept: the usual ones come again and again."""

_Voice = tuple[Language | None, int, str]
"""The language for which a word speaks, with what weight, and why."""

_SILENT: _Voice = (None, 0, "")


class Word(Struct, frozen=True):
    """What one word says."""

    text: str
    language: Language
    weight: int
    """4 is sure, 2 is faint; 0 is heard only where no other word speaks."""
    why: str


class Explanation(Struct, frozen=True):
    """Why a message is in a language."""

    language: Language | None
    weights: dict[Language, int]
    words: tuple[Word, ...]
    """Those that speak for a language."""


def detect(text: str) -> Language | None:
    """The language of a message; None when nothing in it speaks. Never raises."""
    kk = ru = en = 0
    asides: list[Language] = []
    for word in _words(text):
        language, weight, _ = _voice(word)
        if not weight:
            if language:
                asides.append(language)
        elif language == "ru":
            ru += weight
        elif language == "kk":
            kk += weight
        else:
            en += weight
    if not (kk or ru or en):
        return _most(asides.count("kk"), asides.count("ru"), asides.count("en"))
    if sorted((kk, ru, en))[1] >= max(MIXED_SHARE * (kk + ru + en), _LIKELY):
        return "mixed"
    return _most(kk, ru, en)


def explain(text: str) -> Explanation:
    """The evidence for what `detect` answers."""
    weights: dict[Language, int] = {"kk": 0, "ru": 0, "en": 0}
    heard = []
    for word in _words(text):
        language, weight, why = _voice(word)
        if language:
            weights[language] += weight
            heard.append(Word(word, language, weight, why))
    return Explanation(detect(text), weights, tuple(heard))


def _most(kk: int, ru: int, en: int) -> Language | None:
    if not (kk or ru or en):
        return None
    return "kk" if kk >= max(ru, en) else "ru" if ru >= en else "en"


# --- From a text to words -------------------------------------------------------------------------

_MARKS = "'’ʼ`"
"""What stands for a mark above a letter, or around a word."""
_WORD = re.compile(rf"[a-z\u00e0-\u024fəɵ\u0400-\u052f{_MARKS}]+")
_LINK = re.compile(
    r"https?:\S+|(?<!\S)(?:www\.\S+|\S*@\S+|/[a-z]\w*)"
    r"|(?<![\w.-])(?:[a-z0-9-]+\.)+(?:kz|ru|com|org|net)(?!\w)(?:/\S*)?"
)


def _words(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text[:READ]).lower()
    text = text.replace("ё", "е").replace("i\u0307", "i")  # the latter is İ in lower case
    if "." in text or "/" in text or "@" in text:
        text = _LINK.sub(" ", text)
    return _WORD.findall(text)


@lru_cache(_REMEMBERED)
def _voice(word: str) -> _Voice:
    """What a word says."""
    if len(word) > _LONGEST:
        return _SILENT
    bare = word.strip(_MARKS)
    if known := _KNOWN.get(word) or _KNOWN.get(bare):
        return known
    if len(bare) < 2:
        return _SILENT
    return _cyrillic(bare) if max(bare) >= "\u0400" else _latin(word)


# --- Cyrillic -------------------------------------------------------------------------------------

_KAZAKH_LETTERS = frozenset("әіңғүұқөһəɵi")
"""The last three are of Latin, and typed for those they look like."""
_PLAIN = str.maketrans("әіңғүұқөһəɵi", "аингуукохаои")
_NEVER_RUSSIAN = re.compile("[кгхжшч]ы|йы|уы|ыу|иу")
_NEVER_KAZAKH = re.compile("[вфцщъьэ]|^(?:[бвгджзкпстфхчш][бвгджзклмнпрстфхчш]|м[лнр]|нр)|^ч")


def _cyrillic(word: str) -> _Voice:
    if not _KAZAKH_LETTERS.isdisjoint(word):
        known = _KNOWN.get(word.translate(_PLAIN))  # some of its letters were typed plainly
        return known if known and not known[1] else ("kk", _SURE, "letter")
    if len(word) < 3:
        return _SILENT
    stem, ending = _stem(word, _STEMS), _ending(word, _ENDINGS)
    if stem[1]:
        return stem
    if _NEVER_RUSSIAN.search(word):
        return "kk", _SURE, "letters that Russian does not join"
    foreign = not stem[0] and _NEVER_KAZAKH.search(word)
    if foreign and not (ending[0] == "kk" and ending[1] == _LIKELY):
        sure = ending[0] == "ru"
        return "ru", _SURE if sure else _FAINT, "letters that Kazakh does not have or join"
    return ending if ending[0] else stem


def _stem(word: str, stems: dict[str, _Voice]) -> _Voice:
    for length in range(_STEM, 2, -1):
        if found := stems.get(word[:length]):
            return found
    return _SILENT


def _ending(word: str, endings: dict[str, _Voice]) -> _Voice:
    for length in range(min(len(word) - 2, 7), 1, -1):
        if found := endings.get(word[-length:]):
            return found
    return _SILENT


# --- Latin ----------------------------------------------------------------------------------------

_KAZAKH_LATIN = re.compile(
    rf"q(?!u)|[äöüūñğşǵńúóá]|(?:[aougnci]|[^e]s)[{_MARKS}](?!(?:[stmd]|re|ve|ll)$)"
)
"""Letters of the alphabets of 2017, 2018 and 2021, unless an apostrophe is English."""
_ENGLISH_LATIN = re.compile("w|th|ck|ee(?!$)|oo|ou|ea|ph|gh|c(?!h)|^e?x")


def _latin(word: str) -> _Voice:
    typed = _as_typed(word)
    if known := _TYPED.get(typed):
        return known
    if _KAZAKH_LATIN.search(word):
        return "kk", _SURE, "letter"
    if len(typed) < 3:
        return _SILENT
    stem = _stem(typed, _TYPED_STEMS)
    if stem[1]:
        return stem
    ending, english = _ending(typed, _TYPED_ENDINGS), _ending(word, _ENGLISH_ENDINGS)
    if ending[1] <= english[1]:
        if _ENGLISH_LATIN.search(word):
            return "en", _FAINT, "letters of English"
        if english[0] and not stem[0]:
            return english
    return ending if ending[0] else stem


_TO_TYPED = str.maketrans(
    dict(zip("абвгдежзийклмнопрстуфхыэ", "abvgdejziiklmnoprstufhie", strict=True))
    | {"ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "iu", "я": "ia"}
)
_MARKED = (("s'", "sh"), ("c'", "ch"), ("y'", "u"), ("'", ""))
"""The letters of 2017 that are not simply marked ones of those they look like."""
_MADE_ONE = str.maketrans(
    dict(zip("ğǵñńıyqx", "ggnniikh", strict=True))
    | {"ş": "sh", "ç": "ch"}
    | dict.fromkeys("äá", "a")
    | dict.fromkeys("öó", "o")
    | dict.fromkeys("üúūýw", "u")
)


def _as_typed(word: str) -> str:
    """The ways to type a word in Latin letters, made one."""
    if not word.isalpha():
        for mark in _MARKS[1:]:
            word = word.replace(mark, _MARKS[0])
        for marked, letters in _MARKED:
            word = word.replace(marked, letters)
    word = word.translate(_MADE_ONE)
    return word.replace("zh", "j").replace("kh", "h").replace("ii", "i")


def _typed(word: str) -> str:
    """A word in Cyrillic as `_as_typed` would have it."""
    return word.translate(_TO_TYPED).replace("ii", "i")


# --- What is listed -------------------------------------------------------------------------------


def _spellings(words: str) -> Iterator[str]:
    """The words of a list, as they are and without the letters that only Kazakh has."""
    for word in words.split():
        yield word
        yield word.translate(_PLAIN)


def _voices(
    language: Language | None, weight: int, why: str, words: Iterable[str]
) -> dict[str, _Voice]:
    voice: _Voice = (language, weight, why)
    return dict.fromkeys(words, voice)


def _endings(language: Language, endings: Iterable[str]) -> dict[str, _Voice]:
    return {
        ending: (language, _LIKELY if len(ending) > 2 else _FAINT, "ending") for ending in endings
    }


def _either(first: dict[str, _Voice], second: dict[str, _Voice]) -> dict[str, _Voice]:
    """The words of both; those that both have are the first's, aside."""
    shared: dict[str, _Voice] = {
        word: (first[word][0], _ASIDE, "shared") for word in first.keys() & second.keys()
    }
    return first | second | shared


def _in_latin(voices: dict[str, _Voice]) -> dict[str, _Voice]:
    return {
        _typed(word): voice for word, voice in voices.items() if _KAZAKH_LETTERS.isdisjoint(word)
    }


_KAZAKH = _voices("kk", _SURE, "word", _spellings(listed.KAZAKH_WORDS))
_RUSSIAN = _voices("ru", _SURE, "word", listed.RUSSIAN_WORDS.split())
_ASIDES = (
    _voices("kk", _ASIDE, "shared", (word.translate(_PLAIN) for word in listed.SHARED.split()))
    | _voices("ru", _ASIDE, "politeness", listed.RUSSIAN_GREETINGS.split())
    | _voices("kk", _ASIDE, "politeness", _spellings(listed.KAZAKH_GREETINGS))
    | _voices(None, _ASIDE, "name", _spellings(listed.NAMES))
)
_STEMS = (
    _voices("ru", _SURE, "beginning", listed.RUSSIAN_STEMS.split())
    | _voices("kk", _SURE, "beginning", _spellings(listed.KAZAKH_STEMS))
    | _voices("ru", _ASIDE, "borrowed", listed.BORROWED.split())
)
_ENDINGS = (
    _endings("kk", _spellings(listed.KAZAKH_ENDINGS))
    | _endings("ru", listed.RUSSIAN_ENDINGS.split())
    | dict.fromkeys(listed.SHARED_ENDINGS.split(), _SILENT)
)

_TYPED = _either(_in_latin(_RUSSIAN), _in_latin(_KAZAKH)) | _in_latin(_ASIDES)
_TYPED_STEMS = {stem[:_STEM]: voice for stem, voice in _in_latin(_STEMS).items() if len(stem) > 3}
_TYPED_ENDINGS = {
    ending: voice for ending, voice in _in_latin(_ENDINGS).items() if len(ending) > 2
} | dict.fromkeys(listed.ENGLISH_LIKE_ENDINGS.split(), _SILENT)


def _may_be_typed(word: str) -> bool:
    """Whether an English word may as well be one of the others, typed: "lift", "internet"."""
    typed = _as_typed(word)
    borrowed = _stem(typed, _TYPED_STEMS)
    return typed in _TYPED or typed in _TYPED_STEMS or (borrowed[0] == "ru" and not borrowed[1])


_ENGLISH_WORDS = listed.ENGLISH_WORDS.split()
_ENGLISH_ENDINGS = _voices("en", _FAINT, "ending", listed.ENGLISH_ENDINGS.split())
_KNOWN = (
    _either(_RUSSIAN, _KAZAKH)
    | _ASIDES
    | _voices("en", _SURE, "word", _ENGLISH_WORDS)
    | _voices("en", _ASIDE, "shared", filter(_may_be_typed, _ENGLISH_WORDS))
    | _voices("en", _ASIDE, "politeness", listed.ENGLISH_GREETINGS.split())
    | _voices("kk", _ASIDE, "politeness", listed.KAZAKH_TYPED.split())
    | _voices("ru", _ASIDE, "politeness", listed.RUSSIAN_TYPED.split())
    | _voices(None, _ASIDE, "name", listed.NAMES.split())
)
"""What words say as they stand; in Latin letters English comes before what may be typed."""
