"""The catalogues: each language says everything, and says it about the same things."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from hub.web import catalogues
from hub.web.i18n import LANGUAGES, load

_PLACEHOLDER = re.compile(r"%\((\w+)\)[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]")


def test_no_language_lacks_a_message_or_keeps_one_that_is_gone() -> None:
    found = catalogues.extracted()

    left = [line for language in LANGUAGES for line in catalogues.shortcomings(language, found)]

    assert not left


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_message(language: str) -> None:
    unlike = [
        (said, translated)
        for said, translated in _pairs(catalogues.read(language))
        if _placeholders(said) != _placeholders(translated)
    ]
    assert not unlike


def _pairs(catalogue: Catalog) -> Iterator[tuple[str, str]]:
    """Every translation, beside the message that it translates."""
    for message in catalogue:
        if not message.id:
            continue
        said = message.id if isinstance(message.id, str) else message.id[1]
        forms = [message.string] if isinstance(message.string, str) else message.string or ()
        yield from ((said, form) for form in forms if form)


def _placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


# --- How they are kept ----------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A small hub with messages of every kind."""
    folder = tmp_path / "hub"
    (folder / "templates" / "desk").mkdir(parents=True)
    (folder / "views.py").write_text(
        'deferred("Answered")\n'
        "# Translators: on the button of the list\n"
        'pgettext("verb", "Open")\n'
        'gettext("Hello, %(name)s")\n',
        "utf-8",
    )
    (folder / "templates" / "desk" / "list.html").write_text(
        '{{ ngettext("%(num)s appeal", "%(num)s appeals", n) }}\n{{ _("Answered") }}\n'
        "{% trans %}\n  Nothing\n  here\n{% endtrans %}\n",
        "utf-8",
    )
    return folder


def _fill(folder: Path, language: str, **said: str) -> None:
    path = catalogues.path_of(language, folder)
    text = path.read_text("utf-8")
    for message, translated in said.items():
        before = f'msgid "{message}"\nmsgstr ""'
        assert before in text
        text = text.replace(before, f'msgid "{message}"\nmsgstr "{translated}"')
    path.write_text(text, "utf-8")


def _messages(catalogue: Catalog) -> set[str | tuple[str, ...]]:
    ids = (message.id for message in catalogue if message.id)
    return {found if isinstance(found, str) else tuple(found) for found in ids}


def test_messages_are_found_in_code_and_templates(sources: Path) -> None:
    found = catalogues.extracted(sources)

    assert _messages(found) == {
        "Answered",
        "Open",
        "Hello, %(name)s",
        "Nothing here",
        ("%(num)s appeal", "%(num)s appeals"),
    }
    verb = found.get("Open", "verb")
    assert verb is not None
    assert verb.auto_comments == ["Translators: on the button of the list"]


def test_an_update_keeps_translations_takes_up_the_new_and_drops_what_is_gone(
    sources: Path, tmp_path: Path
) -> None:
    locale = tmp_path / "locale"
    catalogues.update("ru", catalogues.extracted(sources), locale)
    _fill(locale, "ru", Answered="Отвечено", Open="Открыть")
    (sources / "views.py").write_text('gettext("Closed")\n', "utf-8")

    catalogues.update("ru", catalogues.extracted(sources), locale)

    known = catalogues.read("ru", locale)
    answered = known.get("Answered")
    assert answered is not None
    assert answered.string == "Отвечено"
    assert "Closed" in _messages(known)
    written = catalogues.path_of("ru", locale).read_text("utf-8")
    assert "Open" not in written
    assert "fuzzy" not in written
    assert "POT-Creation-Date" not in written
    assert not re.search(r"^#: .*:\d", written, re.MULTILINE)


def test_a_second_update_changes_nothing(sources: Path, tmp_path: Path) -> None:
    locale, found = tmp_path / "locale", catalogues.extracted(sources)
    catalogues.update("kk", found, locale)
    _fill(locale, "kk", Answered="Жауап берілді")
    before = catalogues.path_of("kk", locale).read_bytes()

    catalogues.update("kk", found, locale)

    assert catalogues.path_of("kk", locale).read_bytes() == before


def test_what_is_missing_or_stale_is_told(sources: Path, tmp_path: Path) -> None:
    locale, found = tmp_path / "locale", catalogues.extracted(sources)
    assert catalogues.shortcomings("en", found, locale) == [
        "en: stale; run `python -m hub.web.catalogues`."
    ]

    for language in LANGUAGES:
        catalogues.update(language, found, locale)

    assert catalogues.shortcomings("en", found, locale) == []
    assert catalogues.shortcomings("ru", found, locale) == [
        "ru: no translation of '%(num)s appeal'.",
        "ru: no translation of 'Answered'.",
        "ru: no translation of 'Hello, %(name)s'.",
        "ru: no translation of 'Nothing here'.",
        "ru: no translation of 'Open' as 'verb'.",
    ]


@pytest.mark.parametrize(
    ("language", "forms", "wanted"),
    [
        (
            "ru",
            ["%d обращение", "%d обращения", "%d обращений"],
            ["1 обращение", "2 обращения", "5 обращений", "21 обращение", "112 обращений"],
        ),
        (
            "kk",
            ["%d (бір)", "%d (көп)"],
            ["1 (бір)", *(f"{n} (көп)" for n in (2, 5, 21, 112))],
        ),
        ("en", ["", ""], ["1 appeal", "2 appeals", "5 appeals", "21 appeals", "112 appeals"]),
    ],
)
def test_a_number_takes_the_form_that_its_language_gives_it(
    language: str, forms: list[str], wanted: list[str], tmp_path: Path
) -> None:
    found = Catalog()
    found.add(("%d appeal", "%d appeals"))
    catalogues.update(language, found, tmp_path)
    path = catalogues.path_of(language, tmp_path)
    text = path.read_text("utf-8")
    for number, form in enumerate(forms):
        assert f'msgstr[{number}] ""' in text
        text = text.replace(f'msgstr[{number}] ""', f'msgstr[{number}] "{form}"')
    path.write_text(text, "utf-8")
    path.with_suffix(".mo").write_bytes(catalogues.compiled(language, tmp_path))

    said = load(language, tmp_path)

    shown = [said.ngettext("%d appeal", "%d appeals", n) % n for n in (1, 2, 5, 21, 112)]
    assert shown == wanted


def test_the_check_ends_with_one_when_there_is_work_and_changes_nothing(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "locale"

    assert catalogues.main(["--check"], sources=sources, folder=folder) == 1
    assert "kk: stale" in capsys.readouterr().out
    assert not folder.exists()
    assert catalogues.main([], sources=sources, folder=folder) == 0
    assert "kk: no translation of 'Answered'." in capsys.readouterr().out
    assert catalogues.main(["--check"], sources=sources, folder=folder) == 1
