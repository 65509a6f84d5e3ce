"""Operators, teams, tokens and one's own choices: who may change them, and what is told of them."""

from typing import Any

import pytest
from sqlmodel import col, select

from registry.models import JournalEntry, Operator
from registry.operators import Role
from registry.passwords import is_password
from tests.hub.test_api.desk import Desk


@pytest.fixture
async def admin(desk: Desk) -> str:
    """The token of Saule, an administrator."""
    return await desk.join("Saule", Role.ADMIN)


async def events(desk: Desk, *, but: tuple[str, ...] = ("system",)) -> list[str]:
    async with desk.database.read() as session:
        found = await session.exec(
            select(JournalEntry.event)
            .where(col(JournalEntry.actor).not_in(but))
            .order_by(col(JournalEntry.id))
        )
        return list(found)


async def added(desk: Desk, admin: str, **fields: Any) -> dict[str, Any]:
    given = {"email": "Aset@example.kz", "name": "Асет"} | fields
    answer = await desk.call("POST", "/operators", token=admin, json=given)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


# --- Operators ------------------------------------------------------------------------------------


async def test_whoever_is_added_gets_a_password_that_is_told_once(desk: Desk, admin: str) -> None:
    made = await desk.call("POST", "/teams", token=admin, json={"key": "roads", "name": "Дороги"})
    assert made.status == 201
    told = await added(
        desk, admin, role="supervisor", position="инспектор", teams=["roads"],
        languages=["ru", "kk"],
    )  # fmt: skip
    shown = told["operator"]
    assert shown == {
        **shown,
        "name": "Асет",
        "role": "supervisor",
        "position": "инспектор",
        "teams": ["roads"],
        "languages": ["kk", "ru"],
        "disabled_at": None,
    }
    assert shown["access"]["email"] == "aset@example.kz"
    assert shown["access"]["must_change_password"] is True
    async with desk.database.read() as session:
        kept = await session.get_one(Operator, int(shown["id"]))
    assert await is_password(kept.password_hash, told["password"])
    again = await desk.call("GET", f"/operators/{shown['id']}", token=admin)
    assert again.json == shown
    assert told["password"] not in again.body.decode()
    assert await events(desk) == [
        "team.added",
        "operator.added",
        "operator.changed",
        "team.joined",
    ]


async def test_an_address_that_is_taken_or_none_adds_nobody(desk: Desk, admin: str) -> None:
    await added(desk, admin)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"email": "ASET@example.kz"}, 409, "taken"),
        ({"email": "aset"}, 400, "invalid"),
        ({"email": "new@example.kz", "name": " "}, 400, "invalid"),
        ({"email": "new@example.kz", "role": "king"}, 400, "invalid"),
        ({"email": "new@example.kz", "teams": ["heat"]}, 404, "not_found"),
        ({"email": "new@example.kz", "languages": ["de"]}, 400, "invalid"),
    ]
    for fields, status, code in cases:
        given = {"email": "aset@example.kz", "name": "Асет"} | fields
        answer = await desk.call("POST", "/operators", token=admin, json=given)
        answer.problem(status, code)
    async with desk.database.read() as session:
        assert len((await session.exec(select(Operator))).all()) == 2


async def test_an_operator_is_changed_whole_or_not_at_all(desk: Desk, admin: str) -> None:
    who = (await added(desk, admin))["operator"]["id"]
    path = f"/operators/{who}"
    answer = await desk.call(
        "PATCH", path, token=admin, json={"name": "Асет К.", "teams": ["heat"]}
    )
    answer.problem(404, "not_found")
    assert (await desk.call("GET", path, token=admin)).json["name"] == "Асет"
    answer = await desk.call(
        "PATCH", path, token=admin, json={"name": "Асет К.", "role": "admin", "disabled": True}
    )
    assert answer.status == 200
    assert (answer.json["name"], answer.json["role"]) == ("Асет К.", "admin")
    assert answer.json["disabled_at"] is not None
    answer = await desk.call("PATCH", path, token=admin, json={"disabled": False})
    assert answer.json["disabled_at"] is None
    (await desk.call("PATCH", "/operators/7", token=admin, json={"name": "X"})).problem(
        404, "not_found"
    )


async def test_the_last_administrator_stays_one(desk: Desk, admin: str) -> None:
    path = f"/operators/{desk.id_of('Saule')}"
    for change in ({"role": "operator"}, {"disabled": True}):
        answer = await desk.call("PATCH", path, token=admin, json=change)
        problem = answer.problem(409, "last_admin")
        assert "Saule is the last administrator" in problem["detail"]


async def test_a_password_is_reset_and_a_lost_phone_forgotten(desk: Desk, admin: str) -> None:
    told = await added(desk, admin)
    path = f"/operators/{told['operator']['id']}"
    async with desk.database.write() as session:
        kept = await session.get_one(Operator, int(told["operator"]["id"]))
        kept.must_change_password, kept.totp_since = False, desk.clock()
    reset = (await desk.call("POST", f"{path}/password", token=admin)).json
    assert reset["password"] != told["password"]
    assert reset["operator"]["access"]["must_change_password"] is True
    assert reset["operator"]["access"]["second_factor"] is True
    assert (await desk.call("DELETE", f"{path}/second-factor", token=admin)).status == 204
    answer = await desk.call("DELETE", f"{path}/second-factor", token=admin)
    answer.problem(404, "not_found")
    shown = (await desk.call("GET", path, token=admin)).json
    assert shown["access"]["second_factor"] is False
    assert (await events(desk))[-2:] == ["password.reset", "second_factor.removed"]


async def test_colleagues_are_told_names_and_no_more(desk: Desk, admin: str) -> None:
    told = await added(desk, admin)
    await desk.call(
        "PATCH", f"/operators/{told['operator']['id']}", token=admin, json={"disabled": True}
    )
    await desk.join("Dana")
    shown = (await desk.call("GET", "/operators")).json["items"]
    assert [(one["name"], one["access"]) for one in shown] == [("Dana", None), ("Saule", None)]
    full = (await desk.call("GET", "/operators", token=admin)).json["items"]
    assert {one["name"] for one in full} == {"Dana", "Saule", "Асет"}
    assert all(one["access"]["email"] for one in full)


# --- Teams ----------------------------------------------------------------------------------------


async def test_a_team_is_made_filled_renamed_and_archived(desk: Desk, admin: str) -> None:
    await desk.join("Dana")
    dana = desk.id_of("Dana")
    made = await desk.call(
        "POST", "/teams", token=admin, json={"key": "roads", "name": "Дороги", "members": [dana]}
    )
    assert made.json == {"key": "roads", "name": "Дороги", "members": [dana], "archived_at": None}
    assert (await desk.call("GET", "/me")).json["teams"] == ["roads"]
    changed = await desk.call(
        "PATCH", "/teams/roads", token=admin,
        json={"name": "Дороги и мосты", "members": [], "archived": True},
    )  # fmt: skip
    assert (changed.json["name"], changed.json["members"]) == ("Дороги и мосты", [])
    assert changed.json["archived_at"] is not None
    assert (await desk.call("GET", "/teams")).json["items"] == [changed.json]
    assert (await desk.call("GET", "/me")).json["teams"] == []


async def test_a_team_that_cannot_be_is_refused(desk: Desk, admin: str) -> None:
    await desk.call("POST", "/teams", token=admin, json={"key": "roads", "name": "Дороги"})
    for body, status, code in [
        ({"key": "roads", "name": "Другие"}, 409, "taken"),
        ({"key": "Дороги", "name": "Дороги"}, 400, "invalid"),
        ({"key": "heat", "name": "Тепло", "members": ["x"]}, 400, "invalid"),
        ({"key": "heat", "name": "Тепло", "members": ["7"]}, 404, "not_found"),
    ]:
        (await desk.call("POST", "/teams", token=admin, json=body)).problem(status, code)
    answer = await desk.call("PATCH", "/teams/heat", token=admin, json={"name": "Тепло"})
    answer.problem(404, "not_found")
    assert len((await desk.call("GET", "/teams", token=admin)).json["items"]) == 1


# --- Tokens ---------------------------------------------------------------------------------------


async def test_a_token_is_made_used_and_revoked(desk: Desk, admin: str) -> None:
    await desk.join("Dana")
    made = await desk.call(
        "POST", "/tokens", token=admin,
        json={"name": "bridge", "role": "admin", "operator": "dana@example.kz"},
    )  # fmt: skip
    assert made.status == 201
    token = made.json["token"]
    me = (await desk.call("GET", "/me", token=token)).json
    assert (me["id"], me["role"]) == (desk.id_of("Dana"), "operator")  # never above hers
    [listed] = [
        one
        for one in (await desk.call("GET", "/tokens", token=admin)).json["items"]
        if one["name"] == "bridge"
    ]
    assert listed["operator"] == desk.id_of("Dana")
    assert token not in str(listed)
    path = f"/tokens/{listed['id']}"
    assert (await desk.call("DELETE", path, token=admin)).status == 204
    (await desk.call("GET", "/me", token=token)).problem(401, "unauthorized")
    (await desk.call("DELETE", path, token=admin)).problem(404, "not_found")


async def test_a_token_that_cannot_be_is_refused(desk: Desk, admin: str) -> None:
    for body, status, code in [
        ({"name": "Saule"}, 409, "taken"),
        ({"name": "bridge", "operator": "nobody@example.kz"}, 400, "invalid"),
        ({"name": "\x07"}, 400, "invalid"),
        ({}, 400, "invalid"),
    ]:
        (await desk.call("POST", "/tokens", token=admin, json=body)).problem(status, code)
    (await desk.call("DELETE", "/tokens/7", token=admin)).problem(404, "not_found")


# --- Me -------------------------------------------------------------------------------------------


async def test_choices_stand_beside_each_other_and_may_be_taken_back(desk: Desk) -> None:
    await desk.join("Dana")
    keys = {"next": ["Alt+KeyJ"], "reply": ["KeyR KeyR"]}
    for chosen, expected in [
        ({"theme": "dark", "sounds": True}, {"theme": "dark", "sounds": True}),
        ({"language": "kk", "theme": None}, {"language": "kk", "sounds": True}),
        ({"keys": keys, "sounds": None}, {"language": "kk", "keys": keys}),
        ({}, {"language": "kk", "keys": keys}),
    ]:
        answer = await desk.call("PATCH", "/me", json={"preferences": chosen})
        assert answer.json["preferences"] == expected
    answer = await desk.call("PATCH", "/me", json={"languages": ["ru", "kk"]})
    assert answer.json["languages"] == ["kk", "ru"]
    assert (await desk.call("GET", "/me")).json == answer.json
    assert await events(desk) == ["operator.changed"]


@pytest.mark.parametrize(
    "body",
    [
        {"preferences": {"theme": "pink"}},
        {"preferences": {"language": "de"}},
        {"preferences": {"sounds": "loud"}},
        {"preferences": {"unknown": 1}},
        {"preferences": {"keys": {"Next": ["KeyJ"]}}},
        {"preferences": {"keys": {"next": ["<script>"]}}},
        {"preferences": {"keys": {"next": ["KeyJ"] * 6}}},
        {"languages": ["de"]},
        {"role": "admin"},
        {"name": "Царь"},
    ],
    ids=str,
)
async def test_what_is_no_choice_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    await desk.join("Dana")
    before = (await desk.call("GET", "/me")).json
    (await desk.call("PATCH", "/me", json=body)).problem(400, "invalid")
    assert (await desk.call("GET", "/me")).json == before


async def test_a_token_in_nobodys_name_is_told_so(desk: Desk) -> None:
    token = await desk.token("bridge", Role.SUPERVISOR)
    me = (await desk.call("GET", "/me", token=token)).json
    assert (me["id"], me["name"], me["role"], me["csrf"]) == (None, "bridge", "supervisor", None)
    for method, path in [
        ("PATCH", "/me"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions"),
        ("DELETE", "/sessions/abc"),
    ]:
        (await desk.call(method, path, token=token)).problem(409, "no_operator")
    (await desk.call("DELETE", "/session", token=token)).problem(409, "no_session")
