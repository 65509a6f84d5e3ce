"""The OpenAPI document: it holds every route, and every reference in it leads somewhere."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hub.api import mounting
from hub.api.exchange import PREFIX
from hub.api.routes import ROUTES
from tests.hub.test_api.desk import Desk

METHODS = {"get", "post", "patch", "put", "delete"}


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from walk(child)


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(mounting.document()))
    return found


def test_every_route_is_in_it_and_nothing_else(document: dict[str, Any]) -> None:
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert described == {(route.method, route.path) for route in ROUTES}
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": PREFIX}]


def test_every_reference_resolves_and_every_schema_is_used(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    used = {node["$ref"] for node in walk(document) if "$ref" in node}
    assert used == {f"#/components/schemas/{name}" for name in schemas}


def test_every_operation_is_whole(document: dict[str, Any]) -> None:
    ids = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert method in METHODS
            ids.append(operation["operationId"])
            assert operation["summary"].endswith(".")
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert {f"{{{name}}}" for name in named} == {
                part for part in path.split("/") if part.startswith("{")
            }
            names = [(p["in"], p["name"]) for p in operation["parameters"]]
            assert len(names) == len(set(names))
            assert all("schema" in p for p in operation["parameters"])
            good = [status for status in operation["responses"] if status < "300"]
            assert good
            for status, response in operation["responses"].items():
                assert response["description"]
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"]
            assert {"401", "403", "500", "503"} <= set(operation["responses"])
    assert len(ids) == len(set(ids))


def test_bodies_are_strict_and_the_contract_is_told(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("OpeningBody", "ChangeBody", "ReplyBody", "NoteBody", "RetryBody", "ContactBody"):
        assert schemas[name]["additionalProperties"] is False, name
    reply = document["paths"]["/appeals/{number}/replies"]["post"]
    [key] = [p for p in reply["parameters"] if p["in"] == "header"]
    assert (key["name"], key["required"]) == ("Idempotency-Key", True)
    assert set(reply["responses"]) >= {"202", "400", "404", "409", "422"}
    opening = document["paths"]["/appeals"]["post"]
    [key] = [p for p in opening["parameters"] if p["in"] == "header"]
    assert (key["name"], key["required"]) == ("Idempotency-Key", False)
    assert "422" in opening["responses"]
    uploads = document["paths"]["/uploads"]["post"]["requestBody"]["content"]
    assert list(uploads) == ["multipart/form-data"]
    assert schemas["Status"]["enum"] == ["closed", "new", "open", "pending", "resolved"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_it_is_served_as_it_is_made(desk: Desk, document: dict[str, Any]) -> None:
    answer = await desk.call("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == document


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_answers_have_exactly_the_fields_of_their_schemas(
    desk: Desk, document: dict[str, Any]
) -> None:
    number = await desk.write_in()
    schemas = document["components"]["schemas"]
    shown = (await desk.call("GET", f"/appeals/{number}")).json
    assert set(shown) == set(schemas["AppealDetail"]["properties"])
    assert set(shown["messages"][0]) == set(schemas["Message"]["properties"])
    replied = (await desk.reply(number)).json
    assert set(replied["delivery"]) == set(schemas["Delivery"]["properties"])
    [channel, _] = (await desk.call("GET", "/channels")).json["items"]
    assert set(channel) == set(schemas["Channel"]["properties"])
