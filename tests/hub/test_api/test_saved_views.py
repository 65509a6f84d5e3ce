"""Saved views of the list: one's own, and everybody's."""

from typing import Any

import pytest
from sqlmodel import select

from registry.models import JournalEntry
from registry.operators import Role
from registry.saved_views import MAX_VIEWS
from tests.hub.test_api.desk import Answer, Desk

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

QUERY = {"status": "open,pending", "language": "kk", "assignee": "me", "sort": "due"}


async def save(desk: Desk, name: str = "Қазақша", **fields: Any) -> Answer:
    token = fields.pop("token", None)
    body = {"name": name, "query": QUERY, **fields}
    return await desk.call("POST", "/saved-views", json=body, token=token)


async def views(desk: Desk, **more: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await desk.call("GET", "/saved-views", **more)).json["items"]
    return items


async def test_a_view_is_ones_own_and_the_list_takes_it(desk: Desk) -> None:
    await desk.write_in()
    saved = await save(desk)
    assert saved.status == 201
    assert saved.json == {
        "id": saved.json["id"], "name": "Қазақша", "shared": False, "query": QUERY, "position": 1,
    }  # fmt: skip
    assert await views(desk) == [saved.json]
    assert (await desk.call("GET", "/appeals", params=saved.json["query"])).status == 200
    colleague = await desk.join("Erlan")
    assert await views(desk, token=colleague) == []
    place = f"/saved-views/{saved.json['id']}"
    for method, body in [("PATCH", {"name": "Менікі"}), ("DELETE", None)]:
        refused = await desk.call(method, place, json=body, token=colleague)
        refused.problem(404, "not_found")


async def test_a_supervisor_saves_one_for_everybody(desk: Desk) -> None:
    (await save(desk, shared=True)).problem(403, "forbidden")
    boss = await desk.join("Aigul", Role.SUPERVISOR)
    shared = await save(desk, "Ортақ", shared=True, token=boss)
    assert (shared.status, shared.json["shared"]) == (201, True)
    assert await views(desk) == [shared.json]
    place = f"/saved-views/{shared.json['id']}"
    (await desk.call("PATCH", place, json={"name": "Менікі"})).problem(403, "forbidden")
    (await desk.call("DELETE", place)).problem(403, "forbidden")
    assert (await desk.call("DELETE", place, token=boss)).status == 204
    assert await views(desk) == []


async def test_views_keep_their_order_and_can_be_changed(desk: Desk) -> None:
    first = (await save(desk, "Бір")).json
    second = (await save(desk, "Екі")).json
    assert [view["name"] for view in await views(desk)] == ["Бір", "Екі"]
    body = {"position": 0, "query": {"queue": "overdue"}, "name": "  Екінші  болды "}
    changed = await desk.call("PATCH", f"/saved-views/{second['id']}", json=body)
    assert changed.json == {
        **second, "position": 0, "query": {"queue": "overdue"}, "name": "Екінші болды",
    }  # fmt: skip
    assert [view["id"] for view in await views(desk)] == [second["id"], first["id"]]
    assert (await desk.call("PATCH", f"/saved-views/{second['id']}", json={})).status == 200
    async with desk.database.read() as session:
        events = [entry.event for entry in await session.exec(select(JournalEntry))]
    assert events.count("saved_view.changed") == 1


async def test_a_view_keeps_its_period(desk: Desk) -> None:
    await desk.write_in()
    period = {
        "opened_from": "2026-03-01T19:00:00.000Z",
        "opened_before": "2026-03-31T19:00:00.000Z",
    }
    saved = await save(desk, query=period)
    assert (saved.status, saved.json["query"]) == (201, period)
    assert len((await desk.call("GET", "/appeals", params=period)).json["items"]) == 1
    earlier = {"opened_before": "2026-03-01T19:00:00Z", "due_before": "2026-04-01T00:00:00Z"}
    changed = await desk.call("PATCH", f"/saved-views/{saved.json['id']}", json={"query": earlier})
    assert (changed.status, changed.json["query"]) == (200, earlier)
    assert (await desk.call("GET", "/appeals", params=earlier)).json["items"] == []


@one_database
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": "а" * 61}, "/name"),
        ({"query": {}}, "/query"),
        ({"query": {"colour": "red"}}, "/query/colour"),
        ({"query": {"cursor": "abc"}}, "/query/cursor"),
        ({"query": {"status": "asleep"}}, "/query/status"),
        ({"query": {"sort": "best"}}, "/query/sort"),
        ({"query": {"queue": "nobody"}}, "/query/queue"),
        ({"query": {"queue": "team"}}, "/query/team"),
        ({"query": {"opened_from": "yesterday"}}, "/query/opened_from"),
        ({"query": {"opened_from": "2026-03-01T00:00:00"}}, "/query/opened_from"),
        ({"query": {"status": ""}}, "/query/..."),
        ({"query": {"tag": ["a"]}}, "/query/..."),
    ],
)
async def test_a_view_that_the_list_would_not_take_is_refused(
    desk: Desk, fields: dict[str, Any], pointer: str
) -> None:
    refused = await save(desk, **({"name": "Қазақша"} | fields))
    assert refused.problem(400, "invalid")["pointer"] == pointer
    assert await views(desk) == []


@one_database
async def test_there_is_an_end_to_views(desk: Desk) -> None:
    for number in range(MAX_VIEWS):
        assert (await save(desk, str(number))).status == 201
    assert "remove one" in (await save(desk, "Тағы")).problem(400, "invalid")["detail"]


@one_database
async def test_a_program_in_nobodys_name_saves_none_of_its_own(desk: Desk) -> None:
    token = await desk.token("program", Role.ADMIN)
    query = {"status": "open"}
    (await save(desk, query=query, token=token)).problem(403, "forbidden")
    assert (await save(desk, query=query, shared=True, token=token)).status == 201
