"""Puts the JSON API into an application."""

from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from hub.api import openapi
from hub.api.access import let_in, needing
from hub.api.exchange import PREFIX
from hub.api.keys import DOCUMENT
from hub.api.routes import ROUTES
from hub.api.saying import say_what_is_wrong
from hub.problems import Problem, answer_with_problems


def mount(app: web.Application) -> None:
    """Add the API to an application, on which it finds the keys of `hub.keys`, and `REPLAY`.

    It is an application of its own, so that its middlewares cost nobody else's requests anything.
    """
    app.add_subapp(PREFIX, _application())
    app.router.add_route("*", "/api{rest:(/.*)?}", _nowhere)


def document() -> dict[str, Any]:
    """The OpenAPI document, as JSON has it."""
    return openapi.document(ROUTES)


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(document())


def _application() -> web.Application:
    app = web.Application(middlewares=[answer_with_problems, let_in, say_what_is_wrong])
    app[DOCUMENT] = _encoded
    for route in ROUTES:
        handler = needing(route.role, route.handler)
        if route.method == "GET":
            app.router.add_get(route.path, handler)  # and HEAD
        else:
            app.router.add_route(route.method, route.path, handler)
    return app


async def _nowhere(request: web.Request) -> web.Response:
    detail = f"There is nothing at {request.path}; the API is at {PREFIX}."
    return Problem(404, "not_found", detail).response()
