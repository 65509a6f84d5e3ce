"""What connectors and stores have said in English, in the operator's language.

Their sentences come as finished text, from the database or from another process. The catalogue
holds them with named holes (see `hub.web.sentences`); the text is found among them, said in the
operator's language, and what filled the holes is put in again. What a provider was quoted with
stays as it came, and so does a sentence that nobody knows.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache, partial
from typing import NamedTuple

from hub.web.i18n import current, messages, pgettext
from hub.web.sentences import CONTEXT, HOLE

_REMEMBERED = 4096
"""So many finished texts are not looked up twice."""
_LONGEST = 2000
"""Characters of the longest text that is looked up: ours are far shorter."""


def told(text: str) -> str:
    """The text in the language in use, as far as it is known."""
    if len(text) > _LONGEST:
        return text
    return _told(" ".join(text.split()), current())


def _kinds() -> Mapping[str, str]:
    """The kinds of file, as they stand in a hole."""
    return {
        "photo": pgettext("told", "photo"),
        "video": pgettext("told", "video"),
        "audio": pgettext("told", "audio"),
        "voice": pgettext("told", "voice"),
        "document": pgettext("told", "document"),
        "sticker": pgettext("told", "sticker"),
        "location": pgettext("told", "location"),
        "contact": pgettext("told", "contact"),
    }


class _Form(NamedTuple):
    """A sentence with holes, and how it reads in another language."""

    shape: re.Pattern[str]
    translation: str


@lru_cache(_REMEMBERED)
def _told(text: str, language: str) -> str:
    whole = found_whole(text, language)
    if whole is not None:
        return whole
    for end in reversed([found.start() for found in re.finditer(r"(?<=[.]) ", text)]):
        head, tail = text[:end], text[end + 1 :]
        known, rest = found_whole(head, language), found_whole(tail, language)
        if known is not None:
            return f"{known} {rest or _told(tail, language)}"
        if rest is not None:
            return f"{_told(head, language)} {rest}"
    return text


def found_whole(text: str, language: str, context: str = CONTEXT) -> str | None:
    """The text as one sentence of a context of the catalogue, None where it is none."""
    if text in messages(context, language):
        return messages(context, language)[text]
    for form in _forms(language, context):
        found = form.shape.fullmatch(text)
        if found is not None:
            filled = {name: _filling(said, language) for name, said in found.groupdict().items()}
            return HOLE.sub(partial(_filled, filled), form.translation)
    return None


def _filled(values: Mapping[str, str], hole: re.Match[str]) -> str:
    return values[hole[1]]


def _filling(value: str, language: str) -> str:
    """What stands in a hole: a kind of file, a sentence of ours, or whatever it is."""
    if value in _kinds():
        return _kinds()[value]
    return _told(value, language) if value.endswith((".", ":")) else value


@cache
def _forms(language: str, context: str) -> list[_Form]:
    """The sentences with holes, those with the most words of their own first."""
    holed = [
        (said, other) for said, other in messages(context, language).items() if HOLE.search(said)
    ]
    holed.sort(key=lambda pair: (-len(HOLE.sub("", pair[0])), pair[0]))
    return [_Form(_shape(said), other) for said, other in holed]


def _shape(said: str) -> re.Pattern[str]:
    """What finished texts of a sentence look like."""
    seen: set[str] = set()
    made = ""
    for number, piece in enumerate(HOLE.split(said)):
        if number % 2 == 0:
            made += re.escape(piece)
        elif piece in seen:
            made += f"(?P={piece})"
        else:
            # What stands before a sentence of ours is not part of it.
            made += f"(?P<{piece}>{'.*?' if made else '(?:(?![.] ).)*?'})"
            seen.add(piece)
    return re.compile(made)
