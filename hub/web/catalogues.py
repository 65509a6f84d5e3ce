"""Keeps the catalogues in step with the messages of code and templates.

`python -m hub.web.catalogues` takes up new messages and drops those that are no more; what it finds
untranslated it names. `--check` changes nothing, and ends with 1 if anything is left to do.

English needs no translation, as its messages are the English; its catalogue is there for the
message that shall read differently from its name.
"""

import argparse
import io
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

from hub.web.i18n import DOMAIN, FOLDER, LANGUAGES
from hub.web.sentences import CONTEXT, REFUSED, refusals, sentences

SOURCES = Path(__file__).parent.parent
"""The folder whose messages are looked for; what its neighbours tell the desk is found beside."""
PLURALS = {
    "ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : "
    "n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
    "kk": "nplurals=2; plural=(n != 1);",
    "en": "nplurals=2; plural=(n != 1);",
}
"""Source: https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html"""
_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
_KEYWORDS = {**DEFAULT_KEYWORDS, "deferred": None}
_COMMENTS = ("Translators:",)
"""What a comment begins with that is meant for translators."""


def main(
    arguments: Sequence[str] | None = None, *, sources: Path = SOURCES, folder: Path = FOLDER
) -> int:
    """Update the catalogues, or look at them; 1 if something is left to do."""
    parser = argparse.ArgumentParser(
        prog="python -m hub.web.catalogues", description="Keeps the catalogues in step."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if there is work")
    check: bool = parser.parse_args(arguments).check
    found = extracted(sources)
    left = []
    for language in LANGUAGES:
        if not check:
            update(language, found, folder)
        left += shortcomings(language, found, folder)
    sys.stdout.writelines(f"{line}\n" for line in left)
    return 1 if check and left else 0


def path_of(language: str, folder: Path = FOLDER) -> Path:
    """Where a language's catalogue is."""
    return folder / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def extracted(sources: Path = SOURCES) -> Catalog:
    """Every message of the code and the templates."""
    found = Catalog()
    for file, _, message, comments, context in extract_from_dir(
        sources, _METHODS, _OPTIONS, _KEYWORDS, _COMMENTS
    ):
        place = f"{sources.name}/{Path(file).as_posix()}"
        found.add(message, None, [(place, 0)], auto_comments=comments, context=context)
    for sentence, place in sentences(sources.parent):
        found.add(sentence, None, [(place, 0)], context=CONTEXT)
    for sentence, place in refusals(sources.parent):
        found.add(sentence, None, [(place, 0)], context=REFUSED)
    return found


def read(language: str, folder: Path = FOLDER) -> Catalog:
    """A language's catalogue as it is; an empty one where there is none."""
    path = path_of(language, folder)
    text = path.read_text("utf-8") if path.is_file() else _header(language)
    return pofile.read_po(io.StringIO(text), locale=language)


def update(language: str, found: Catalog, folder: Path = FOLDER) -> None:
    """Write a language's catalogue: what was found, with the translations there are."""
    path = path_of(language, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_written(language, found, read(language, folder)), "utf-8")


def shortcomings(language: str, found: Catalog, folder: Path = FOLDER) -> list[str]:
    """What a language's catalogue lacks, a sentence each."""
    path, known = path_of(language, folder), read(language, folder)
    said = []
    if not path.is_file() or path.read_text("utf-8") != _written(language, found, known):
        said.append(f"{language}: stale; run `python -m hub.web.catalogues`.")
    if language != "en":
        said += [f"{language}: no translation of {_name(one)}." for one in _untranslated(known)]
    return said


def compiled(language: str, folder: Path = FOLDER) -> bytes:
    """A language's catalogue as `hub.web.i18n` loads it; what is not translated is left out."""
    written, catalogue = io.BytesIO(), read(language, folder)
    catalogue.creation_date = _NO_DATE  # the same messages make the same file
    mofile.write_mo(written, catalogue)
    return written.getvalue()


def _untranslated(catalogue: Catalog) -> Iterable[Message]:
    for message in catalogue:
        forms = message.string if isinstance(message.string, (tuple, list)) else [message.string]
        if message.id and not all(forms):
            yield message


def _name(message: Message) -> str:
    text = message.id if isinstance(message.id, str) else message.id[0]
    return f"{text!r}" + (f" as {message.context!r}" if message.context else "")


def _written(language: str, found: Catalog, known: Catalog) -> str:
    """The text of a catalogue: no dates and no line numbers, so that a change shows alone."""
    made = pofile.read_po(io.StringIO(_header(language)), locale=language)
    for message in found:
        if message.id:
            made.add(
                message.id,
                _translation(message, known) or ("",) * made.num_plurals * message.pluralizable,
                message.locations,
                auto_comments=message.auto_comments,
                context=message.context,
            )
    written = io.BytesIO()
    pofile.write_po(
        written, made, width=100, omit_header=True, sort_output=True, include_lineno=False
    )
    return _header(language) + "\n" + written.getvalue().decode()


def _translation(message: Message, known: Catalog) -> str | tuple[str, ...] | None:
    """What the message was translated to before, unless it was of another kind."""
    before = known.get(message.id, message.context)
    if before is None or before.pluralizable != message.pluralizable:
        return None
    if message.pluralizable and before.id != message.id:
        return None
    return before.string if isinstance(before.string, str) else tuple(before.string or ())


def _header(language: str) -> str:
    return (
        'msgid ""\n'
        'msgstr ""\n'
        f'"Language: {language}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {PLURALS[language]}\\n"\n'
    )


if __name__ == "__main__":
    sys.exit(main())
