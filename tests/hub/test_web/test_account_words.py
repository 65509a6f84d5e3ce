"""What a provider tells of an account is shown in the operator's language."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import connectors
from hub.views.account_words import NAMES, details_told
from hub.web.i18n import use

ROOT = Path(connectors.__file__).parent
_HOLDERS = {"details", "shown", "told"}
"""How connectors call what they collect of it."""
_OTHER = {"meta/account.py", "twilio/account.py"}
"""Where requests are called so as well."""


def given() -> Iterator[str]:
    """The names that connectors write down for a diagnosis."""
    for path in ROOT.rglob("*.py"):
        text = path.read_text("utf-8")
        if "Diagnosis(" not in text or path.name.startswith(("test_", "sandbox")):
            continue
        if f"{path.parent.name}/{path.name}" not in _OTHER:
            for node in ast.walk(ast.parse(text)):
                match node:
                    case (
                        ast.Assign(targets=[target], value=value)
                        | ast.AnnAssign(target=target, value=value)
                        | ast.AugAssign(target=target, value=value)
                    ):
                        yield from _names(target, value)
                    case ast.keyword(arg="details", value=value):
                        yield from _names(ast.Name("details"), value)


def _names(target: ast.expr, value: ast.expr | None) -> Iterator[str]:
    match target, value:
        case ast.Name(id=held), ast.Dict(keys=keys) if held in _HOLDERS:
            yield from (str(key.value) for key in keys if isinstance(key, ast.Constant))
        case ast.Name(id=held), ast.Tuple(elts=elements) if held in _HOLDERS:
            for one in elements:
                yield from _names(target, one)
        case ast.Subscript(value=ast.Name(id=held), slice=ast.Constant(value=str(name))), _ if (
            held in _HOLDERS
        ):
            yield name


def test_every_name_that_a_connector_gives_has_its_words() -> None:
    found = set(given())
    assert len(found) > 10
    assert found <= NAMES.keys()


@pytest.mark.parametrize(
    ("name", "value", "russian"),
    [
        ("pending", "3", ("Ждёт у провайдера", "3")),
        ("softphone", "no api_key_sid", ("Звонки в браузере", "нет: не задан api_key_sid")),
        ("token", "12 days left, until 2026-04-01", ("Токен", "осталось дней: 12, до 2026-04-01")),
        ("spent", "$3.10 of $10.00 in 2026-03", ("Потрачено", "$3.10 из $10.00 за 2026-03")),
        ("left: users/me", "7 of 75", ("Осталось от лимита: users/me", "7 из 75")),
        ("quality", "GREEN", ("Качество", "GREEN")),
        ("unheard of", "a word in a sentence", ("unheard of", "a word in a sentence")),
    ],
)
def test_ours_is_said_in_the_language_in_use_and_the_providers_own_words_stay(
    name: str, value: str, russian: tuple[str, str]
) -> None:
    with use("ru"):
        assert list(details_told({name: value})) == [russian]
