"""Approved templates: those that words alone can fill in, and how they are filled in.

A template's header is a part of its own, so that its variable is told from the body's by
"header." before its name.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/overview
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from connectors.base import Template
from connectors.kit.graph import Graph
from connectors.whatsapp.words import fitting

FIELDS = "name,language,status,category,components,parameter_format"
_PAGE, _MOST_PAGES = "100", 50
HEADER = "header."
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


class Button(Struct):
    type: str = ""
    url: str | None = None


class Component(Struct):
    type: str = ""
    format: str | None = None
    text: str | None = None
    buttons: list[Button] | None = None


class Approved(Struct):
    """A template as Meta lists it."""

    name: str
    language: str
    status: str = ""
    category: str = ""
    components: list[Component] = []


class _Cursors(Struct):
    after: str | None = None


class _Paging(Struct):
    cursors: _Cursors | None = None
    next: str | None = None
    """Says that there is more; it holds the token, and is never followed."""


class _Page(Struct):
    data: list[Approved] = []
    paging: _Paging | None = None


async def approved(graph: Graph, waba_id: str) -> list[Template]:
    """Those of an account that can be sent now. Raises: SendError."""
    found: list[Template] = []
    query = {"status": "APPROVED", "fields": FIELDS, "limit": _PAGE}
    for _ in range(_MOST_PAGES):
        page = await graph.get(f"{waba_id}/message_templates", query, into=_Page)
        found.extend(made for one in page.data if (made := readable(one)) is not None)
        paging = page.paging
        after = None if paging is None or paging.cursors is None else paging.cursors.after
        if paging is None or paging.next is None or not after:
            break
        query["after"] = after
    return sorted(found, key=lambda made: (made.name, made.language))


def readable(template: Approved) -> Template | None:
    """What an operator sees of it; None for one that words alone cannot fill in."""
    if template.status != "APPROVED" or template.category == "AUTHENTICATION":
        return None
    parts: list[str] = []
    for component in template.components:
        match component.type.upper():
            case "HEADER" if (component.format or "TEXT").upper() == "TEXT":
                parts.append(_VARIABLE.sub(rf"{{{{{HEADER}\1}}}}", component.text or ""))
            case "BODY":
                parts.append(_VARIABLE.sub(r"{{\1}}", component.text or ""))
            case "FOOTER":
                parts.append(component.text or "")
            case "BUTTONS":
                if any(map(_needs_more, component.buttons or ())):
                    return None
            case _:
                return None
    text = "\n\n".join(part for part in parts if part)
    names = re.findall(r"\{\{([A-Za-z0-9_.]+)\}\}", text)
    return Template(
        id=template.name,
        language=template.language,
        name=template.name.replace("_", " "),
        text=text,
        variables=tuple(dict.fromkeys(names)),
    )


_PLAIN_BUTTONS = frozenset({"QUICK_REPLY", "PHONE_NUMBER", "URL"})


def _needs_more(button: Button) -> bool:
    return button.type.upper() not in _PLAIN_BUTTONS or "{{" in (button.url or "")


def components(variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """The variables as the API takes them: numbered ones in order, named ones by their names.

    Raises: Rejected for an empty one, which Meta refuses.
    """
    variables = fitting(variables)
    header = {n.removeprefix(HEADER): v for n, v in variables.items() if n.startswith(HEADER)}
    body = {n: v for n, v in variables.items() if not n.startswith(HEADER)}
    return [
        {"type": kind, "parameters": list(_parameters(values))}
        for kind, values in (("header", header), ("body", body))
        if values
    ]


def _parameters(values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for name in _ordered(list(values)):
        made = {"type": "text", "text": values[name]}
        yield made if name.isdecimal() else {**made, "parameter_name": name}


def _ordered(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: int(name) if name.isdecimal() else 0)
