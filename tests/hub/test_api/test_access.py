"""Who may come in: every route, every role, and a token that is never told."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aiohttp import hdrs, web

from hub.api import mounting
from hub.api.exchange import PREFIX
from hub.api.route import Route
from hub.api.routes import ROUTES
from registry.operators import Role, disable_operator, revoke_token
from tests.hub.test_api.desk import Desk, place
from tests.registry.samples import START


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nobody_comes_in_without_a_token_that_opens(
    desk: Desk, subtests: pytest.Subtests
) -> None:
    token = await desk.join("Dana")
    for route in ROUTES:
        with subtests.test(route=name(route)):
            for headers, wrong in [
                ({}, ""),
                ({"Authorization": "Bearer"}, ""),
                ({"Authorization": f"Basic {token}"}, ""),
                ({"Authorization": token}, ""),
                ({}, token[:-1]),
                ({}, token + "x"),
                ({"Cookie": f"token={token}"}, ""),
            ]:
                answer = await desk.call(route.method, place(route), token=wrong, headers=headers)
                answer.problem(401, "unauthorized")
                assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="hub"')
            answer = await desk.call(route.method, f"{place(route)}?token={token}", token="")
            answer.problem(401, "unauthorized")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_each_route_is_for_its_role_and_those_above(
    desk: Desk, subtests: pytest.Subtests
) -> None:
    tokens = {role: await desk.join(role.title(), role) for role in Role}
    for route in ROUTES:
        with subtests.test(route=name(route)):
            for role, token in tokens.items():
                answer = await desk.call(route.method, place(route), token=token)
                if list(Role).index(role) < list(Role).index(route.role):
                    problem = answer.problem(403, "forbidden")
                    assert f"needs the role {route.role}" in problem["detail"]
                else:
                    assert answer.status not in {401, 403}


def test_every_route_that_is_served_stands_in_the_table() -> None:
    app = web.Application()
    mounting.mount(app)
    [mounted] = [r for r in app.router.resources() if isinstance(r, web.PrefixedSubAppResource)]
    served = [
        (route.method, route.resource.canonical.removeprefix(PREFIX))
        for route in mounted
        if route.resource is not None and route.method != hdrs.METH_HEAD
    ]
    assert sorted(served) == sorted((route.method, route.path) for route in ROUTES)


async def test_a_revoked_token_is_refused_by_the_next_request(desk: Desk) -> None:
    token = await desk.token("program", Role.OPERATOR)
    assert (await desk.call("GET", "/channels", token=token)).status == 200
    async with desk.database.write() as session:
        await revoke_token(session, "program", actor="system", now=START)
    (await desk.call("GET", "/channels", token=token)).problem(401, "unauthorized")


async def test_a_disabled_operator_is_refused_by_the_next_request(desk: Desk) -> None:
    token = await desk.join("Dana")
    assert (await desk.call("GET", "/channels")).status == 200
    operator_id = desk.people["Dana"].operator_id
    assert operator_id is not None
    async with desk.database.write() as session:
        await disable_operator(session, operator_id, actor="system", now=START)
    (await desk.call("GET", "/channels", token=token)).problem(401, "unauthorized")


@pytest.fixture
def told() -> Iterator[list[str]]:
    """All that is logged, with every level on."""
    lines: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    def keep(_logger: Any, _method: str, event: structlog.typing.EventDict) -> str:
        lines.append(structlog.processors.JSONRenderer()(None, "", event))  # type: ignore[arg-type]
        raise structlog.DropEvent

    root, handler, level = logging.getLogger(), Listening(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, keep], cache_logger_on_first_use=False
    )
    yield lines
    structlog.configure(**before)
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_token_is_in_no_log_and_no_answer(desk: Desk, told: list[str]) -> None:
    token = await desk.join("Dana", Role.ADMIN)
    number = await desk.write_in()
    answers = [await desk.call(route.method, place(route)) for route in ROUTES]
    answers.append(await desk.call("GET", "/nothing"))
    answers.append(await desk.call("GET", "/appeals", token=token + "x"))
    answers.append(await desk.reply(number))
    desk.bus.broken = True
    answers.append(await desk.reply(number, key="k2"))
    assert answers[-1].status == 500
    seen = "\n".join(told) + "".join(
        answer.body.decode(errors="replace") + str(answer.headers) for answer in answers
    )
    assert "reply queued" in seen  # the logs are really heard
    assert "the API failed" in seen
    assert token not in seen
    assert token.removeprefix("hub_") not in seen
