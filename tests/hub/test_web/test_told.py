"""What connectors say in English reaches the desk in the operator's language, whoever wrote it."""

import ast
import re
from collections.abc import Iterator
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest

from hub.app import Hub
from hub.views.told import told
from hub.web import catalogues
from hub.web.i18n import LANGUAGES, messages, use
from hub.web.sentences import (
    CONTEXT,
    HOLE,
    alone,
    is_sentence,
    modules,
    of_module,
    sentences,
    strings_given,
)
from registry.accounts import set_health
from registry.types import AccountKey
from tests.conftest import FakeClock
from tests.hub.test_web.signing import Browser, add

ROOT = catalogues.SOURCES.parent
OTHERS = [language for language in LANGUAGES if language != "en"]


def finished(sentence: str) -> str:
    """The sentence as it would arrive, with something in every hole."""
    return HOLE.sub(lambda hole: f"«{hole[1]}»", sentence)


def given() -> Iterator[tuple[str, str]]:
    """What is given to a diagnosis or an error of a send, and where."""
    for path in modules(ROOT):
        for text in strings_given(ast.parse(path.read_text("utf-8"))):
            yield path.relative_to(ROOT).as_posix(), text


def test_whatever_a_connector_gives_is_a_whole_sentence() -> None:
    broken = [
        (where, text)
        for where, text in given()
        if HOLE.sub("", alone(text)).strip() and not is_sentence(alone(text))
    ]
    assert not broken


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_in_the_catalogues(language: str) -> None:
    known = catalogues.read(language)
    missing = []
    for sentence, where in sentences(ROOT):
        message = known.get(sentence, CONTEXT)
        if message is None or not message.string:
            missing.append((where, sentence))
    assert not missing


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_holes_of_its_sentence(language: str) -> None:
    unlike = [
        (said, other)
        for said, other in messages(CONTEXT, language).items()
        if sorted(HOLE.findall(said)) != sorted(HOLE.findall(other))
    ]
    assert not unlike


@pytest.mark.parametrize("language", OTHERS)
def test_a_finished_sentence_is_found_again_and_filled_in(language: str) -> None:
    with use(language):
        wrong = [
            (said, told(finished(said)))
            for said, other in messages(CONTEXT, language).items()
            if is_sentence(said) and told(finished(said)) != finished(other)
        ]
    assert not wrong


def test_the_catalogue_takes_a_sentence_from_wherever_it_is_chosen() -> None:
    module = '''
"""Not this one, it is a docstring."""
_AGAIN = "Run it again."
_TOO_OLD = "More than {hours} hours are over."
def check(me, error, seen):
    where = "nowhere" if seen is None else address(seen)
    if error:
        raise Rejected(f"{error.reason} The page of @{me.user.name} is {where}. {_AGAIN}")
    raise Malformed("The keeper alone reads this.")
'''
    assert list(of_module(ast.parse(module))) == [
        "Run it again.",
        "More than {hours} hours are over.",
        "The page of @{name} is nowhere. Run it again.",
        "The page of @{name} is {where}. Run it again.",
    ]


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("Telegram refused: Bad Request: x is y.", "Telegram отказал: Bad Request: x is y."),
        ("Nobody has heard of this before.", "Nobody has heard of this before."),
        ("Unheard of. The message may have gone out.", "Unheard of. Сообщение могло уйти."),
        (
            "Meta does not take https://a.kz/h as a webhook. WhatsApp is in trouble: Oops.",
            "Meta не принимает https://a.kz/h как вебхук. У WhatsApp неполадки: Oops.",
        ),
        (
            "The last reply was refused: Telegram does not accept the bot's token.",
            "Последний ответ был отклонён: Telegram не принимает токен бота.",
        ),
        (
            "WhatsApp carries no sticker of ours.",
            "WhatsApp не передаёт наши файлы такого вида: стикер.",
        ),
        ("", ""),
    ],
)
def test_words_of_others_stay_and_sentences_of_ours_within_are_said_too(
    english: str, russian: str
) -> None:
    with use("ru"):
        assert told(english) == russian
    with use("en"):
        assert told(english) == english


def test_an_endless_text_is_left_alone() -> None:
    endless = "The message may have gone out. " * 1000
    with use("ru"):
        assert told(endless) == endless


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("language", OTHERS)
async def test_the_channels_page_says_every_trouble_in_the_language_of_whoever_looks(
    language: str, open_house: Hub, browser: Browser, clock: FakeClock
) -> None:
    await add(open_house)
    browser.cookies["language"] = language
    await browser.sign_in()
    said = sorted(filter(is_sentence, messages(CONTEXT, language)))
    accounts: Any = open_house.connectors
    async with open_house.database.write() as session:
        for number, sentence in enumerate(said):
            key = AccountKey("telegram", f"a{number}")
            accounts[key] = SimpleNamespace(capabilities=None)
            await set_health(
                session, key, health="down", summary=finished(sentence),
                cure=finished(said[-number]), now=clock(),
            )  # fmt: skip

    page = await browser.get("/channels")

    accounts.clear()
    shown = {unescape(text) for text in re.findall(r"<bdi>(.*?)</bdi>", page.text)}
    assert page.status == 200
    assert shown >= {finished(messages(CONTEXT, language)[sentence]) for sentence in said}
    assert not shown & {finished(sentence) for sentence in said}
