"""Messages and times in the language of whoever is served."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment

from hub.web import i18n

ALMATY = ZoneInfo("Asia/Almaty")


def test_a_language_is_used_within_its_block_and_the_one_before_comes_back() -> None:
    assert i18n.current() == "ru"
    with i18n.use("kk"):
        with i18n.use("en"):
            assert i18n.current() == "en"
        assert i18n.current() == "kk"
    assert i18n.current() == "ru"


def test_a_language_that_the_pages_do_not_speak_is_refused() -> None:
    with pytest.raises(ValueError, match="'de' is no language of the pages"), i18n.use("de"):
        pass


def test_every_language_calls_itself_by_a_name() -> None:
    assert set(i18n.NAMES) == set(i18n.LANGUAGES)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_a_message_that_no_catalogue_has_stays_english(language: str) -> None:
    with i18n.use(language):
        assert i18n.gettext("zyx") == "zyx"
        assert i18n.pgettext("verb", "zyx") == "zyx"
        assert [i18n.ngettext("one zyx", "many zyx", n) for n in (1, 2)] == ["one zyx", "many zyx"]
        assert i18n.npgettext("verb", "one zyx", "many zyx", 5) == "many zyx"
        assert i18n.deferred("zyx") == "zyx"


def test_a_template_says_messages_and_escapes_what_it_puts_into_them() -> None:
    env = Environment(autoescape=True)
    i18n.install(env)
    page = env.from_string(
        '{{ _("zyx of %(name)s", name=name) }}|{{ pgettext("verb", "zyx") }}|'
        '{{ ngettext("%(num)s zyx", "%(num)s zyxes", 3) }}|{{ _("100%% zyx") }}|'
        "{% trans %}\n  zyx\n  here\n{% endtrans %}"
    )

    assert page.render(name="<b>") == "zyx of &lt;b&gt;|zyx|3 zyxes|100% zyx|zyx here"


def test_a_decimal_is_written_as_the_language_writes_it() -> None:
    for language, written in (("ru", "1,5"), ("kk", "1,5"), ("en", "1.5")):
        with i18n.use(language):
            assert i18n.tenths(1.52) == written


def test_times_are_those_of_the_zone() -> None:
    at = datetime(2026, 3, 2, 20, 5, tzinfo=UTC)

    assert i18n.date(at, ALMATY) == "03.03.2026"
    assert i18n.time(at, ALMATY) == "01:05"
    assert i18n.moment(at, ALMATY) == "03.03.2026 01:05"
