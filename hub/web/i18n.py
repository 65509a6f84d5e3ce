"""The language of whoever is being served: their messages, their dates.

Messages are written in English in the code and the templates; a catalogue says them in another
language, and one that is not there leaves the English standing. `python -m hub.web.build` compiles
the catalogues.
"""

import gettext as catalogues
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

LANGUAGES = ("ru", "kk", "en")
"""The languages that the pages speak; the first is everybody's who has not chosen."""
NAMES = {"ru": "Русский", "kk": "Қазақша", "en": "English"}
"""What each language calls itself."""
DOMAIN = "hub"
FOLDER = Path(__file__).parent.parent / "locale"


def load(language: str, folder: Path = FOLDER) -> catalogues.NullTranslations:
    """The compiled catalogue of a language, or one that says everything in English."""
    return catalogues.translation(DOMAIN, folder, [language], fallback=True)


_CATALOGUES = {language: load(language) for language in LANGUAGES}
"""Read once: a request reads no file."""
_current: ContextVar[str] = ContextVar("language", default=LANGUAGES[0])


def current() -> str:
    """The language in use."""
    return _current.get()


@contextmanager
def use(language: str) -> Iterator[None]:
    """Speak a language while the block runs. Raises: ValueError, if it is none of ours."""
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is no language of the pages; they speak {LANGUAGES}.")
    before = _current.set(language)
    try:
        yield
    finally:
        _current.reset(before)


# --- Messages -------------------------------------------------------------------------------------


def gettext(message: str) -> str:
    """The message in the language in use."""
    return _CATALOGUES[current()].gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The message in the form that goes with a number."""
    return _CATALOGUES[current()].ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """The message where one English word has several meanings, which the context tells apart."""
    return _CATALOGUES[current()].pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, number: int) -> str:
    """The message of a context in the form that goes with a number."""
    return _CATALOGUES[current()].npgettext(context, singular, plural, number)


@cache
def messages(context: str, language: str) -> Mapping[str, str]:
    """Everything that a context has in a language, by the message: to look for a finished text."""
    catalogue: Mapping[object, str] = getattr(_CATALOGUES[language], "_catalog", {})
    begins = f"{context}\x04"
    return {
        key.removeprefix(begins): said
        for key, said in catalogue.items()
        if isinstance(key, str) and key.startswith(begins)
    }


def deferred(message: str) -> str:
    """The message as it is, put into the catalogues; `gettext` says it once somebody asks."""
    return message


def install(env: Environment) -> None:
    """Let templates say `_("…")`, `ngettext`, `pgettext` and `{% trans %}`.

    Every message is a format there, even without a variable: a percent sign is written twice.
    """
    env.add_extension("jinja2.ext.i18n")
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    # A page says hundreds: Jinja's own would translate and format each of them anew.
    env.globals.update({"_": _said, "gettext": _said})


def _said(message: str, /, **variables: object) -> Markup:
    """The message in the language in use, with its variables escaped."""
    language = current()
    if not variables:
        return _said_as_it_is(language, message)
    return Markup(_CATALOGUES[language].gettext(message)) % variables  # noqa: S704  our own text


@lru_cache(maxsize=8192)
def _said_as_it_is(language: str, message: str) -> Markup:
    return Markup(_CATALOGUES[language].gettext(message)) % ()  # noqa: S704  our own text


# --- Numbers --------------------------------------------------------------------------------------


def tenths(number: float) -> str:
    """The number with one decimal, as the language in use writes it: 1,5, and 1.5 in English."""
    said = f"{number:.1f}"
    return said if current() == "en" else said.replace(".", ",")


# --- Times ----------------------------------------------------------------------------------------


def date(at: datetime, zone: ZoneInfo) -> str:
    """The day on a clock of the zone, as 02.03.2026: written so in all our languages."""
    return f"{at.astimezone(zone):%d.%m.%Y}"


def time(at: datetime, zone: ZoneInfo) -> str:
    """The time of day on a clock of the zone, as 09:05."""
    return f"{at.astimezone(zone):%H:%M}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Day and time on a clock of the zone, as 02.03.2026 09:05."""
    return f"{date(at, zone)} {time(at, zone)}"
