"""A value that is refused is refused in the language of whoever entered it."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from connectors.base import Rejected, Unreachable
from hub.api.saying import said_of
from hub.app import Hub
from hub.problems import Problem, of_provider, of_registry
from hub.views.problem_words import problems
from hub.views.refusals import refused
from hub.web import catalogues
from hub.web.i18n import LANGUAGES, messages, use
from hub.web.sentences import HOLE, REFUSED, refusals
from registry.errors import AlreadyHeld
from registry.operators import Role, add_token
from tests.hub.conftest import SECRET_KEY
from tests.hub.test_web.signing import Browser, add
from tests.hub.test_web.test_api_by_cookie import call
from tests.hub.test_web.test_told import finished

UNMET = {
    "unauthorized": "the page itself says that one was signed out",
    "no_session": "who came by a token has no page",
    "still_unreadable": "no page shows what is buried",
    "no_thumbnail": "a picture that is not shown small is offered as a file",
    "broken_image": "the same",
    "range_not_satisfiable": "a player of the browser asks for ranges",
    "unsupported_media_type": "pages send what is taken",
    "method_not_allowed": "the same",
}
"""Codes that nobody meets at the desk, and why."""

OTHERS = [language for language in LANGUAGES if language != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_of_ours_is_said_in_the_language_in_use(language: str) -> None:
    said = messages(REFUSED, language)
    sentences = {sentence for sentence, _ in refusals(catalogues.SOURCES.parent)}
    assert len(sentences) > 70
    assert sentences <= said.keys()
    with use(language):
        for sentence in sentences:
            assert set(HOLE.findall(said[sentence])) <= set(HOLE.findall(sentence))
            assert refused(f"field[3].name: {finished(sentence)}") == finished(said[sentence])


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    """What a request may hold."""

    key: Annotated[str, Meta(pattern="^[a-z]+$", max_length=5)]
    words: Annotated[list[str], Meta(max_length=1)]
    seconds: Annotated[int, Meta(ge=5)]


@pytest.mark.parametrize(
    ("wrong", "english"),
    [
        ({"key": None}, "This is needed."),
        ({"key": "abcdef"}, "At most 5 characters fit here."),
        ({"key": "A"}, "This cannot be written so."),
        ({"words": ["a", "b"]}, "At most 1 fit here."),
        ({"seconds": 4}, "The least is 5."),
        ({"seconds": "many"}, "A number is needed."),
    ],
)
def test_what_a_shape_does_not_take_is_said_without_its_types(
    wrong: dict[str, Any], english: str
) -> None:
    right = {"key": "a", "words": [], "seconds": 5}
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert(right | wrong, Shape)
    with use("en"):
        assert refused(str(error.value).partition(" - at ")[0] + ".") == english


def test_an_example_of_how_it_is_written_is_kept_and_the_unknown_stays() -> None:
    with use("ru"):
        assert refused("'12' is no tel: write it as +7 701 123 45 67.") == (
            "Пишите так: +7 701 123 45 67."
        )
        assert refused("name: nobody has heard of this.") == "Nobody has heard of this."


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_desk_is_told_in_its_language_and_a_program_gets_the_document_as_it_is(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    await browser.sign_in()
    browser.cookies["language"] = "kk"
    view = {"name": " ", "query": {"queue": "all"}}

    desk = await call(browser, "POST", "/saved-views", json=view)

    assert desk.status == 400
    found = json.loads(desk.text)
    assert found["said"] == "1-ден 60-қа дейін басылатын таңбадан тұратын атау керек."
    assert found["detail"] == "A name of 1 to 60 printable characters is needed."

    browser.cookies.clear()
    async with open_house.database.write() as session:
        token = await add_token(
            session, name="a program", role=Role.ADMIN, secret_key=SECRET_KEY, actor="system",
            now=open_house.clock(),
        )  # fmt: skip
    bearer = {"Authorization": f"Bearer {token}"}
    program = await browser.ask("POST", "/api/v1/categories", headers=bearer, json={"code": 7})
    assert program.status == 400
    assert json.loads(program.text).keys() == {
        "type", "title", "status", "detail", "code", "pointer",
    }  # fmt: skip


def codes() -> Iterator[str]:
    """The codes of problems that the hub and the registry write out."""
    base = catalogues.SOURCES.parent
    for path in [*(base / "hub").rglob("*.py"), *(base / "registry").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield from codes_of(node, path)


def codes_of(call: ast.Call, path: Path) -> Iterator[str]:
    called = ast.unparse(call.func)
    given = [*call.args[1:2], *(one.value for one in call.keywords if one.arg == "code")]
    if called == "Problem" or (called == "CannotCarry" and path.parts[-2] != "hub"):
        for value in given:
            match value:
                case ast.Constant(value=str(code)) if code.replace("_", "").isalpha():
                    yield code


def test_every_code_that_the_desk_can_meet_has_words() -> None:
    with use("en"):
        known = problems().keys()
    found = set(codes())
    assert len(found) > 40
    assert found - known - {"invalid"} == UNMET.keys()


def test_whoever_sits_at_the_desk_never_reads_the_english_of_the_api() -> None:
    with use("ru"):
        assert said_of(of_registry(AlreadyHeld("ALM-2026-0000001", "7", "Дана"))) == (
            "Это обращение уже кто-то взял: Дана."
        )
        gone = of_provider(Unreachable("It does not answer in time."))
        assert said_of(gone) == "Провайдер не отвечает вовремя. Попробуйте ещё раз чуть позже."
        quoted = of_provider(Rejected("Bad Request: chat not found."))
        assert said_of(quoted) == (
            "Провайдер отказал: Bad Request: chat not found. Сделайте это на его странице или "
            "сообщите администратору."
        )
        assert said_of(Problem(418, "teapot", "I am a teapot.")) == "Не получилось (teapot)."


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_one_of_many_is_refused_for_is_said_as_well(
    open_house: Hub, browser: Browser
) -> None:
    await add(open_house)
    await browser.sign_in()
    browser.cookies["language"] = "kk"
    many = {"numbers": ["ALM-2026-9999999"], "change": {"assignee": "me"}}

    shown = await call(browser, "POST", "/appeals/bulk", json=many)

    problem = json.loads(shown.text)["items"][0]["problem"]
    with use("kk"):
        assert problem["said"] == problems()["not_found"]
    assert problem["detail"] == "There is no appeal ALM-2026-9999999."
