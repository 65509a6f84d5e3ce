"""Finds the whole sentences that the code gives to people outside of the pages, for the catalogues.

A connector writes its sentences in English where they arise, f-strings mostly; they travel as
plain text, through the database too. Here the code is read for them: a sentence becomes a message
whose holes are named after what fills them, so `f"@{me.username} is polled."` is the message
"@{username} is polled.". `hub.views.told` finds the message again by the finished text.

What somebody entered is refused in English as well, by the API; those sentences are found where
they are given to the refusal.

A piece that the code chooses within the function (`a if x else b`, a variable, a constant) gives a
message for every choice: a translator sees whole sentences only.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from connectors.base import Diagnosis, SendError

CONTEXT = "told"
"""The context of these messages in the catalogues."""
REFUSED = "refused"
"""That of what is said of a value which cannot be taken."""
ROOTS = ("connectors", "workers")
"""Where modules speak to the desk that know a diagnosis or an error of a send."""
BESIDES = ("hub/api/channels.py", "registry/accounts.py", "registry/outbox.py")
"""Modules that speak to it in sentences of their own."""
_REFUSALS: Mapping[str, int] = {"BadValue": 1, "Unacceptable": 0, "invalid": 1}
"""What refuses a value, and where among its arguments the sentence stands."""
_REFUSING = ("hub/api", "hub/web", "registry")
_UNSEEN = frozenset({"Malformed", "Forged", "Unreadable", "ValueError", "TypeError", "Statement"})
"""What is given to these is for logs and the keeper, not for the desk."""
_NOT_OURS = re.compile(r"(^|_)(test|tests|testing|sandbox|conftest|demo|citizens)(_|\.|$)")
_SHOWN = frozenset({"reason", "summary", "cure"})
_MOST_CHOICES = 16
HOLE = re.compile(r"\{(\w+)\}")
"""A hole of a message, and its name."""
_BESIDE = re.compile(r"^\{\w+\} (?=[A-Z])|(?<=\.) ?\{\w+\}$")
"""A hole before or behind a whole sentence holds a sentence of its own."""

Scope = Mapping[str, ast.expr]


def givers() -> frozenset[str]:
    """The names of what carries sentences to the desk: a diagnosis, the errors of a send."""
    found, left = {Diagnosis.__name__, "token_from"}, [SendError]
    while left:
        one = left.pop()
        found.add(one.__name__)
        left += one.__subclasses__()
    return frozenset(found)


def is_sentence(text: str) -> bool:
    """Whether a text stands for itself: it begins like one, ends like one, and says something."""
    return (
        re.search(r"[.:]$|: \{\w+\}$", text) is not None
        and (text[0].isupper() or text[0] in "@{")
        and re.search(r"[a-z]{4}", HOLE.sub("", text)) is not None
    )


def alone(text: str) -> str:
    """A text without the sentences of others that stand before and behind it."""
    return _BESIDE.sub("", text.strip())


def sentences(base: Path) -> Iterator[tuple[str, str]]:
    """Every sentence that may be shown, with the path that it is written in, below `base`."""
    for path in modules(base):
        for sentence in of_module(ast.parse(path.read_text("utf-8"))):
            yield sentence, path.relative_to(base).as_posix()


def modules(base: Path) -> Iterator[Path]:
    """The modules that speak to the desk."""
    speaking = re.compile(rf"\b({'|'.join(sorted(givers()))})\b")
    for root in ROOTS:
        for path in sorted((base / root).rglob("*.py")):
            parts = path.relative_to(base).parts
            if not any(_NOT_OURS.search(part) for part in parts) and speaking.search(
                path.read_text("utf-8")
            ):
                yield path
    yield from (base / path for path in BESIDES if (base / path).is_file())


def refusals(base: Path) -> Iterator[tuple[str, str]]:
    """Every sentence with which a value is refused, with the path that it is written in."""
    refusing = re.compile(rf"\b({'|'.join(_REFUSALS)})\(")
    for root in _REFUSING:
        for path in sorted((base / root).rglob("*.py")):
            text = path.read_text("utf-8")
            if refusing.search(text):
                for sentence in refusals_of_module(ast.parse(text)):
                    yield sentence, path.relative_to(base).as_posix()


def refusals_of_module(tree: ast.Module) -> Iterator[str]:
    """The same of one module, in the order of their writing."""
    for call, scope in _calls(tree, _assigned(tree.body), frozenset(_REFUSALS)):
        at = _REFUSALS[_called(call)]
        for value in call.args[at : at + 1]:
            yield from written(value, scope)


def of_module(tree: ast.Module) -> Iterator[str]:
    """The sentences of one module, in the order of their writing."""
    for node, scope in _strings(tree):
        yield from filter(is_sentence, map(alone, written(node, scope)))


def strings_given(tree: ast.Module) -> Iterator[str]:
    """What a module gives to a diagnosis and to errors of a send, where it is written there."""
    for call, scope in _calls(tree, _assigned(tree.body), givers()):
        for value in (*call.args[:1], *(one.value for one in call.keywords if one.arg in _SHOWN)):
            yield from written(value, scope)


def written(node: ast.expr, scope: Scope) -> list[str]:
    """What an expression may say, holes in braces; nothing if it only passes on what it got."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            names: dict[str, str] = {}
            pieces = [_piece(value, scope, names) for value in values]
            choices = ["".join(chosen) for chosen in product(*pieces)]
            return choices if len(choices) <= _MOST_CHOICES else []
        case ast.IfExp(body=body, orelse=other):
            return written(body, scope) + written(other, scope)
        case ast.BoolOp(values=values):
            return [text for value in values for text in written(value, scope)]
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return [a + b for a, b in product(written(left, scope), written(right, scope))]
        case ast.Name(id=name) if name in scope:
            inner = {known: value for known, value in scope.items() if known != name}
            return written(scope[name], inner)
        case ast.Call(func=ast.Attribute(attr="format", value=value)):
            return written(value, scope)
        case _:
            return []


def _piece(value: ast.expr, scope: Scope, names: dict[str, str]) -> list[str]:
    """The choices for one piece of an f-string: its words, or a hole."""
    if isinstance(value, ast.Constant):
        return [str(value.value)]
    assert isinstance(value, ast.FormattedValue)
    said = written(value.value, scope)
    if said and not _is_open(value.value, scope):
        return said
    return [*said, "{" + _numbered(value.value, names) + "}"]


def _is_open(node: ast.expr, scope: Scope) -> bool:
    """Whether one of the choices is something that is not written here."""
    match node:
        case ast.Name(id=name) if name in scope:
            return _is_open(scope[name], {**scope, name: ast.Constant(None)})
        case ast.IfExp(body=body, orelse=other):
            return _is_open(body, scope) or _is_open(other, scope)
        case ast.BoolOp(values=values):
            return any(_is_open(value, scope) for value in values)
        case _:
            return not written(node, scope)


def _numbered(node: ast.expr, names: dict[str, str]) -> str:
    """The name of a hole, the same for the same expression and another for another."""
    source, name = ast.unparse(node), _named(node).strip("_").lower() or "value"
    if source not in names:
        alike = sum(re.fullmatch(rf"{name}\d*", taken) is not None for taken in names.values())
        names[source] = f"{name}{alike + 1}" if alike else name
    return names[source]


def _named(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Subscript(value=inner) | ast.BinOp(left=inner) | ast.IfExp(body=inner):
            return _named(inner)
        case ast.BoolOp(values=[inner, *_]) | ast.Call(args=[inner, *_]):
            return _named(inner)
        case ast.Call(func=ast.Attribute(value=inner)) | ast.Call(func=inner):
            return _named(inner)
        case _:
            return "value"


def _strings(tree: ast.Module) -> Iterator[tuple[ast.expr, Scope]]:
    """Every string of a module that may be shown, with the variables that it can use."""
    yield from _within(tree, _assigned(tree.body))


def _within(node: ast.AST, scope: Scope) -> Iterator[tuple[ast.expr, Scope]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _within(child, {**scope, **_assigned(list(ast.walk(child)))})
            case ast.Expr(value=ast.Constant()):
                pass  # a docstring
            case ast.Call() if _called(child) in _UNSEEN or _called(child).startswith("log."):
                pass
            case ast.Constant(value=str()) | ast.JoinedStr() | ast.IfExp() | ast.BoolOp():
                yield child, scope
                if not isinstance(child, ast.JoinedStr):
                    yield from _within(child, scope)
            case ast.BinOp(op=ast.Add()):
                yield child, scope
            case _:
                yield from _within(child, scope)


def _calls(node: ast.AST, scope: Scope, named: frozenset[str]) -> Iterator[tuple[ast.Call, Scope]]:
    """The calls by these names below a node, with the variables that they can use."""
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = {**scope, **_assigned(list(ast.walk(child)))}
        if isinstance(child, ast.Call) and _called(child) in named:
            yield child, inner
        yield from _calls(child, inner, named)


def _assigned(body: Sequence[ast.AST]) -> dict[str, ast.expr]:
    """The names that are given a value exactly once."""
    found: dict[str, list[ast.expr]] = {}
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case _:
                pass
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)
