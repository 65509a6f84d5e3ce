"""Problems: every error is one kind of answer, and none of them is a surprise."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from structlog.testing import capture_logs

from hub.api.exchange import PREFIX
from hub.api.routes import ROUTES
from registry.operators import Role
from tests.hub.test_api.desk import PROBLEM, Answer, Desk, place

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BODIES = [route for route in ROUTES if route.takes is not None]
NUMBER = "ALM-2026-0000001"


async def answers(
    desk: Desk, body: bytes, *, kind: str = "application/json"
) -> AsyncIterator[tuple[str, Answer]]:
    """Each route that takes a body, and what it answers to this one of somebody who may call it."""
    token = await desk.join("Admin", Role.ADMIN)
    headers = {"Idempotency-Key": "k", "Content-Type": kind}
    for route in BODIES:
        answer = await desk.call(
            route.method, place(route), token=token, headers=headers, data=BytesIO(body)
        )
        yield f"{route.method} {route.path}", answer


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/appeals/", "/appeals/1", "/appeals/alm-2026-0000001", "/appeals/%00",
        "/appeals/ALM-2026-0000001%0d%0aX", "/attachments/-1", "/attachments/1e3",
        "/attachments/99999999999999999999", "/attachments/٣", "/appeals/ALM-2026-٠٠٠٠٠٠١",
        "/appeals/ALM-2026-9999999",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_404(desk: Desk, path: str) -> None:
    (await desk.call("GET", path)).problem(404, "not_found")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v2/appeals", PREFIX])
async def test_addresses_beside_the_api_are_problems_too(desk: Desk, path: str) -> None:
    async with desk.client.get(path) as response:
        assert response.status in {401, 404}
        assert response.headers["Content-Type"] == PROBLEM


async def test_an_address_outside_is_none_of_ours(desk: Desk) -> None:
    async with desk.client.get("/apiary") as response:
        assert response.status == 404
        assert response.headers["Content-Type"] != PROBLEM


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/appeals", "GET, HEAD, POST"),
        ("PUT", f"/appeals/{NUMBER}", "GET, HEAD, PATCH"),
        ("GET", f"/appeals/{NUMBER}/replies", "POST"),
        ("POST", "/channels", "GET, HEAD"),
    ],
)
async def test_another_method_is_405_and_says_which_are_taken(
    desk: Desk, method: str, path: str, allowed: str
) -> None:
    answer = await desk.call(method, path)
    problem = answer.problem(405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed
    assert allowed in problem["detail"]


async def test_a_body_of_another_type_is_415(desk: Desk, subtests: pytest.Subtests) -> None:
    form = "application/x-www-form-urlencoded"
    async for route, answer in answers(desk, b"text=hello", kind=form):
        with subtests.test(route=route):
            answer.problem(415, "unsupported_media_type")
            assert answer.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b'"text"', b"\xff\xfe", b'{"text": "\xed\xa0\x80"}', b"[" * 100_000,
            b'{"text": NaN}', b"null", b'{"text": "\\ud800"}']
)  # fmt: skip
async def test_a_body_that_cannot_be_read_is_400(
    desk: Desk, subtests: pytest.Subtests, raw: bytes
) -> None:
    async for route, answer in answers(desk, raw):
        with subtests.test(route=route):
            assert answer.json["code"] in {"malformed", "invalid"}
            answer.problem(400, answer.json["code"])


async def test_a_body_too_large_is_413(desk: Desk, subtests: pytest.Subtests) -> None:
    async for route, answer in answers(desk, b" " * 1_100_000):
        with subtests.test(route=route):
            assert answer.problem(413, "too_large")["limit"] == 1024 * 1024


async def test_an_unknown_field_is_named(desk: Desk, subtests: pytest.Subtests) -> None:
    async for route, answer in answers(desk, b'{"texte": "?"}'):
        with subtests.test(route=route):
            problem = answer.problem(400, "invalid")
            assert problem["pointer"] == "/texte"
            assert problem["detail"] == "texte: there is no such field."


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"status": "done"}, "/status"),
        ({"status": None}, "/status"),
        ({"priority": 1}, "/priority"),
        ({"language": "kaz"}, "/language"),
        ({"language": "k\n"}, "/language"),
        ({"latitude": 91}, "/latitude"),
        ({"longitude": "76"}, "/longitude"),
        ({"unread": 5}, "/unread"),
        ({"category": ""}, "/category"),
        ({"reassign": "yes"}, "/reassign"),
        ({"assignee": 7}, "/assignee"),
        ({"assignee": "nobody@example.kz"}, "/assignee"),
        ({"assignee": "12345"}, "/assignee"),
    ],
)
async def test_a_field_that_cannot_be_meant_is_named(
    desk: Desk, body: dict[str, Any], pointer: str
) -> None:
    number = await desk.write_in()
    answer = await desk.call("PATCH", f"/appeals/{number}", json=body)
    problem = answer.problem(400, "invalid")
    assert problem["pointer"] == pointer
    assert problem["detail"].startswith(pointer[1:] + ": ")


async def test_a_fault_deep_in_a_body_is_pointed_at(desk: Desk) -> None:
    body = {"channel": "visit", "text": "?", "contact": {"points": [{"scheme": "tel"}]}}
    answer = await desk.call("POST", "/appeals", json=body)
    assert answer.problem(400, "invalid")["pointer"].startswith("/contact/points/")
    assert "value" in answer.json["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "status=done", "status=new,done", "sort=best", "limit=0", "limit=101", "limit=ten",
        "due_before=tomorrow", "due_before=2026-03-02T04:00:00", "page=2", "q=%00",
        "due_before=0001-01-01T00:00:00%2B14:00",
        "q=" + "a" * 201,
    ],
)  # fmt: skip
async def test_a_query_that_cannot_be_meant_is_400(desk: Desk, query: str) -> None:
    (await desk.call("GET", f"/appeals?{query}")).problem(400, "invalid")


@pytest.mark.parametrize("query", ["q=%ff", "q=%ED%A0%80", "category=%ff", "channel=%F0%9F"])
async def test_bytes_that_are_no_text_find_nothing(desk: Desk, query: str) -> None:
    await desk.write_in()
    answer = await desk.call("GET", f"/appeals?{query}")
    assert (answer.status, answer.json["items"]) == (200, [])


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WyJuZXdlc3QiLDEsMV0", "🙂", "%ff"])
async def test_a_bad_cursor_is_400(desk: Desk, cursor: str) -> None:
    (await desk.call("GET", f"/appeals?cursor={cursor}")).problem(400, "bad_cursor")


async def test_no_text_may_hold_u0000_but_one_may_speak_of_it(desk: Desk) -> None:
    number = await desk.write_in()
    for text in ("a\x00b", "\x00"):
        answer = await desk.call("POST", f"/appeals/{number}/notes", json={"text": text})
        assert "U+0000" in answer.problem(400, "invalid")["detail"]
    answer = await desk.call("POST", f"/appeals/{number}/notes", json={"text": r"a\u0000b"})
    assert answer.json["text"] == r"a\u0000b"


async def test_a_bug_of_ours_is_a_problem_without_its_insides(desk: Desk) -> None:
    number = await desk.write_in()
    desk.bus.broken = True
    with capture_logs() as logs:
        answer = await desk.reply(number)
    assert [line["event"] for line in logs] == ["the API failed"]
    answer.problem(500, "internal")
    assert b"bug" not in answer.body
    assert b"KeyError" not in answer.body


async def test_an_outage_says_when_to_come_again(desk: Desk) -> None:
    await desk.join("Dana")
    async with desk.database.writer.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE tokens RENAME TO hidden")
    answer = await desk.call("GET", "/appeals")
    answer.problem(503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


async def test_what_speaks_of_people_is_kept_by_no_cache(desk: Desk) -> None:
    for path in ("/appeals", "/channels", "/appeals/ALM-2026-0000001"):
        answer = await desk.call("GET", path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
