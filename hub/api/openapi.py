"""The OpenAPI 3.1 document, made from the table of routes and the shapes it names."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from hub.api.exchange import PREFIX
from hub.api.idempotency import IDEMPOTENCY_KEY
from hub.api.keys import DOCUMENT
from hub.problems import CONTENT_TYPE
from registry.categories import CODE

if TYPE_CHECKING:
    from hub.api.route import Route

_ANYWHERE = (401, 403, 500, 503)
"""Problems that any route may answer."""

_REF = "#/components/schemas/{name}"


async def get(request: web.Request) -> web.Response:
    """`GET openapi.json`."""
    return web.Response(
        body=request.config_dict[DOCUMENT](),
        content_type="application/json",
        headers={"X-Content-Type-Options": "nosniff"},
    )


def document(routes: Iterable["Route"]) -> dict[str, Any]:
    """The document, as JSON has it."""
    routes = list(routes)
    shapes = [s for route in routes for s in (route.returns, route.takes, route.query) if s]
    _, schemas = msgspec.json.schema_components(dict.fromkeys(shapes), ref_template=_REF)
    names = {route.query.__name__ for route in routes if route.query}
    queries = {name: schemas.pop(name) for name in names}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        query = queries[route.query.__name__] if route.query else {}
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, query)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tereze",
            "version": "1",
            "description": "One registry and one inbox for every channel of a contact centre.",
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: "Route", query: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^a-z]+', '_', route.path)}".strip("_"),
        "summary": route.summary,
        "description": f"Needs the role {route.role.value}.",
        "parameters": [*_parameters(route), *_query_parameters(query)],
        "responses": _responses(route),
    }
    if route.takes is not None:
        shape = {"$ref": _REF.format(name=route.takes.__name__)}
        operation["requestBody"] = {"content": {"application/json": {"schema": shape}}}
    if route.upload:
        form = {
            "type": "object",
            "properties": {"file": {"type": "string", "contentMediaType": _BYTES}},
            "required": ["file"],
        }
        operation["requestBody"] = {
            "required": True,
            "content": {"multipart/form-data": {"schema": form}},
        }
    return operation


_BYTES = "application/octet-stream"

_IN_PATH = {
    "number": {"type": "string", "pattern": r"^[A-Z]{2,5}-\d{4}-\d{7,12}$"},
    "id": {"type": "string", "pattern": r"^\d{1,19}$"},
    "note": {"type": "string", "pattern": r"^\d{1,19}$"},
    "channel": {"type": "string"},
    "account": {"type": "string"},
    "key": {"type": "string", "pattern": r"^[a-z][a-z0-9_-]{0,31}$"},
    "session": {"type": "string"},
    "code": {"type": "string", "pattern": CODE.removesuffix(r"\Z") + "$"},
    "day": {"type": "string", "format": "date"},
    "prompt": {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,31}$"},
    "language": {"type": "string", "enum": ["kk", "ru", "en", "any"]},
}


def _parameters(route: "Route") -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _IN_PATH[name]}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    if route.keyed != "never":
        parameters.append(
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "required": route.keyed == "always",
                "description": "New for each request, the same when one is tried again: then it is "
                "done once.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            }
        )
    return parameters


def _query_parameters(query: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in query.get("properties", {}).items()
    ]


def _responses(route: "Route") -> dict[str, Any]:
    if route.returns is not None:
        schema: dict[str, Any] = {"$ref": _REF.format(name=route.returns.__name__)}
    else:
        schema = {} if route.media == _BYTES else {"type": "object"}
    good: dict[str, Any] = {"content": {route.media: {"schema": schema}}}
    if route.status == HTTPStatus.NO_CONTENT:
        good = {}
    if route.undoable:
        good["headers"] = {"Undo": _UNDO}
    responses = {str(route.status): {"description": HTTPStatus(route.status).phrase, **good}}
    if route.empty:
        responses["204"] = {"description": HTTPStatus.NO_CONTENT.phrase}
    if route.media == _BYTES:
        for status in (206, 304):
            responses[str(status)] = {"description": HTTPStatus(status).phrase}
        responses["206"].update(good)
    for status in sorted({*_ANYWHERE, *route.problems}):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
        }
    return responses


_UNDO = {
    "description": "The key by which POST undo takes the change back; absent if nothing changed.",
    "schema": {"type": "string"},
}

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "Why a request was not served (RFC 9457).",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what can be done."},
        "said": {
            "type": "string",
            "description": "The same in the language of who has signed in by a browser.",
        },
        "code": {"type": "string", "description": "The same for the same kind of problem."},
        "pointer": {"type": "string", "description": "The field at fault."},
        "holder": {
            "type": "object",
            "description": "Who holds the appeal.",
            "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
        },
        "reason": {"type": "string", "description": "Why the channel cannot carry a reply."},
        "instead": {"type": "string", "description": "What can be done instead."},
        "allowed": {"type": "array", "items": {"type": "string"}},
        "state": {"type": "string"},
        "limit": {"type": "integer"},
        "into": {"type": "string", "description": "The other appeal."},
        "number": {"type": "string", "description": "The appeal that is registered already."},
        "changes": {
            "type": "array",
            "description": "What was changed since, so that it cannot be undone.",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "by": {"type": "string", "description": "A name."},
                    "at": {"type": ["string", "null"], "format": "date-time"},
                },
            },
        },
        "items": {
            "type": "array",
            "description": "What became of each of many.",
            "items": {"$ref": "#/components/schemas/Done"},
        },
        "colleague": {
            "type": "object",
            "description": "Who has answered meanwhile: message, name, at, beginning.",
        },
        "draft": {
            "type": ["object", "null"],
            "description": "What was saved on another screen; null where it was discarded or sent.",
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}
