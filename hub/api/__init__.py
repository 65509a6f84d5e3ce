"""The JSON API, `/api/v1`: for programs, and for the screens that are made of it."""

from typing import Any

import msgspec
from aiohttp import web

from hub.api import openapi
from hub.api.access import let_in, needing
from hub.api.exchange import PREFIX
from hub.api.keys import DOCUMENT, REPLAY
from hub.api.routes import ROUTES
from hub.problems import answer_with_problems

__all__ = ["PREFIX", "REPLAY", "application", "document"]


def application() -> web.Application:
    """The API, to be mounted with `add_subapp(PREFIX, …)`.

    What it needs it finds on the application that it is mounted on: the keys of `hub.keys`, and
    `REPLAY`.
    """
    app = web.Application(middlewares=[answer_with_problems, let_in])
    app[DOCUMENT] = msgspec.json.encode(document())
    for route in ROUTES:
        handler = needing(route.role, route.handler)
        if route.method == "GET":
            app.router.add_get(route.path, handler)  # and HEAD
        else:
            app.router.add_route(route.method, route.path, handler)
    return app


def document() -> dict[str, Any]:
    """The OpenAPI document, as JSON has it."""
    return openapi.document(ROUTES)
