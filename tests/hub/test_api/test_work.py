"""Work over HTTP: the next appeal, changes of one and of many, dividing, merging, notes, undo."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from registry.models import Category, Team, TeamMember
from registry.operators import Role
from tests.hub.test_api.desk import Answer, Desk
from tests.registry.samples import START


async def found(desk: Desk, number: str) -> dict[str, Any]:
    shown: dict[str, Any] = (await desk.call("GET", f"/appeals/{number}")).json
    return shown


async def team(desk: Desk, key: str, *names: str) -> None:
    """A team with its members; whoever has been hired before is an operator of no other."""
    async with desk.database.write() as session:
        session.add(Team(key=key, name=key, created_at=START))
        await session.flush()
        session.add_all(
            TeamMember(team=key, operator_id=desk.people[name].operator_id or 0) for name in names
        )


# --- The next appeal ----------------------------------------------------------------------------


async def test_fifty_operators_at_once_are_given_fifty_appeals(desk: Desk) -> None:
    tokens = [await desk.join(f"Operator{i}") for i in range(50)]
    numbers = {await desk.write_in(str(i), citizen=str(700 + i)) for i in range(50)}

    async def ask(token: str) -> Answer:
        answer = await desk.call("POST", "/appeals/next", token=token)
        if answer.status == 503:  # the crowd was too much: whoever is told so asks again
            assert answer.headers["Retry-After"]
            answer = await desk.call("POST", "/appeals/next", token=token)
        return answer

    answers = await asyncio.gather(*map(ask, tokens))
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["number"] for answer in answers} == numbers
    assert (await desk.call("POST", "/appeals/next", token=tokens[0])).status == 204


async def test_the_next_appeal_is_held_and_can_be_given_back(desk: Desk) -> None:
    assert (await desk.call("POST", "/appeals/next")).status == 204
    number = await desk.write_in()
    answer = await desk.call("POST", "/appeals/next")
    assert (answer.json["number"], answer.json["assignee"]) == (number, desk.id_of("Dana"))
    key = answer.headers["Undo"]
    undone = await desk.call("POST", "/undo", json={"keys": [key]})
    [item] = undone.json["items"]
    assert (item["number"], item["ok"], item["problem"]) == (number, True, None)
    shown = await found(desk, number)
    assert (shown["assignee"], shown["status"]) == (None, "new")
    assert shown["journal"][-1]["data"]["undoes"] == key


async def test_a_program_in_nobodys_name_is_given_nothing(desk: Desk) -> None:
    program = await desk.token("program", Role.ADMIN)
    await desk.write_in()
    (await desk.call("POST", "/appeals/next", token=program)).problem(403, "forbidden")


# --- One appeal ---------------------------------------------------------------------------------


async def test_all_that_can_be_changed_is_shown_and_undone(desk: Desk) -> None:
    number = await desk.write_in()
    other = await desk.write_in("2", citizen="701")
    before = await found(desk, number)
    until = (desk.clock() + timedelta(days=2)).isoformat()
    answer = await desk.call("PATCH", f"/appeals/{number}", json={
        "assignee": "me", "priority": "high", "district": "almaly", "snoozed_until": until,
        "add_tags": ["Яма", "люк"], "duplicate_of": other, "note": "Похоже на соседний",
    })  # fmt: skip
    shown = answer.json
    assert (shown["status"], shown["priority"], shown["district"]) == ("open", "high", "almaly")
    assert shown["tags"] == ["люк", "яма"]
    assert shown["message_count"] == before["message_count"] + 1
    resolved = await desk.call(
        "PATCH", f"/appeals/{number}", json={"status": "resolved", "outcome": "duplicate"}
    )
    assert (resolved.json["outcome"], resolved.json["snoozed_until"]) == ("duplicate", None)
    keys = [answer.headers["Undo"], resolved.headers["Undo"]]
    undone = await desk.call("POST", "/undo", json={"keys": keys})
    assert [item["ok"] for item in undone.json["items"]] == [True, True]
    after = await found(desk, number)
    changing = {"messages", "journal", "message_count"}
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }


async def test_what_changes_nothing_has_no_key(desk: Desk) -> None:
    number = await desk.write_in()
    answer = await desk.call("PATCH", f"/appeals/{number}", json={"priority": "normal"})
    assert answer.status == 200
    assert "Undo" not in answer.headers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"outcome": "fixed"}, "/outcome"),
        ({"outcome": "burnt"}, "/outcome"),
        ({"snoozed_until": "2026-03-01T00:00:00Z"}, "/snoozed_until"),
        ({"snoozed_until": "2026-03-09T00:00:00"}, "/snoozed_until"),
        ({"snoozed_until": "9999-12-31T23:59:59-23:59"}, "/snoozed_until"),
        ({"add_tags": ["a" * 41]}, "/tags"),
        ({"add_tags": [str(i) for i in range(11)]}, "/tags"),
        ({"category": "roads.unknown"}, "/category"),
        ({"team": "unknown"}, "/team"),
        ({"duplicate_of": "ALM-2026-0000001"}, "/duplicate_of"),
        ({"duplicate_of": "1"}, "/duplicate_of"),
    ],
)
async def test_what_cannot_be_says_which_field_is_at_fault(
    desk: Desk, change: dict[str, Any], pointer: str
) -> None:
    number = await desk.write_in()
    assert number == "ALM-2026-0000001"
    await team(desk, "roads")
    async with desk.database.write() as session:
        session.add(Category(code="roads.pothole"))
    answer = await desk.call("PATCH", f"/appeals/{number}", json=change)
    assert answer.problem(400, "invalid")["pointer"] == pointer


# --- Many appeals -------------------------------------------------------------------------------


async def test_a_change_of_many_is_made_where_it_can_be_and_undone_by_its_keys(
    desk: Desk,
) -> None:
    dana, marat = await desk.join("Dana"), await desk.join("Marat")
    numbers = [await desk.write_in(str(i), citizen=str(700 + i)) for i in range(3)]
    await desk.call("PATCH", f"/appeals/{numbers[1]}", json={"assignee": "me"}, token=marat)
    asked = [*numbers, "ALM-2026-9999999", numbers[0]]
    answer = await desk.call(
        "POST", "/appeals/bulk",
        json={"numbers": asked, "change": {"assignee": "me", "add_tags": ["двор"]}}, token=dana,
    )  # fmt: skip
    items = answer.json["items"]
    assert [item["number"] for item in items] == asked[:4]
    assert [item["ok"] for item in items] == [True, False, True, False]
    assert [item["problem"] and item["problem"]["code"] for item in items] == [
        None, "already_held", None, "not_found",
    ]  # fmt: skip
    assert "Marat" in items[1]["problem"]["detail"]
    assert (await found(desk, numbers[1]))["tags"] == []
    keys = [item["undo"] for item in items if item["ok"]]
    assert (await desk.call("POST", "/undo", json={"keys": keys})).status == 200
    for number in (numbers[0], numbers[2]):
        shown = await found(desk, number)
        assert (shown["assignee"], shown["tags"]) == (None, [])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_change_of_many_is_of_at_most_two_hundred(desk: Desk) -> None:
    many = [f"ALM-2026-{i:07d}" for i in range(201)]
    answer = await desk.call("POST", "/appeals/bulk", json={"numbers": many, "change": {}})
    assert answer.problem(400, "invalid")["pointer"] == "/numbers"
    answer = await desk.call("POST", "/appeals/bulk", json={"numbers": many[:200], "change": {}})
    assert {item["problem"]["code"] for item in answer.json["items"]} == {"not_found"}
    wrong = {"numbers": many[:1], "change": {"assignee": "nobody@example.kz"}}
    answer = await desk.call("POST", "/appeals/bulk", json=wrong)
    assert answer.problem(400, "invalid")["pointer"] == "/assignee"


# --- Undo ---------------------------------------------------------------------------------------


async def test_what_was_changed_since_is_not_undone_and_tells_by_whom(desk: Desk) -> None:
    dana, marat = await desk.join("Dana"), await desk.join("Marat")
    first, second = [await desk.write_in(str(i), citizen=str(700 + i)) for i in range(2)]
    keys = []
    for number in (first, second):
        answer = await desk.call(
            "PATCH", f"/appeals/{number}", json={"subject": "Первая"}, token=dana
        )
        keys.append(answer.headers["Undo"])
    await desk.call("PATCH", f"/appeals/{first}", json={"subject": "Вторая"}, token=marat)
    alone = await desk.call("POST", "/undo", json={"keys": keys[:1]}, token=dana)
    problem = alone.problem(409, "changed_since")
    [change] = problem["changes"]
    assert (change["field"], change["by"]) == ("subject", "Marat")
    assert "Marat" in problem["detail"]
    both = await desk.call("POST", "/undo", json={"keys": keys}, token=dana)
    assert [item["ok"] for item in both.json["items"]] == [False, True]
    assert both.json["items"][0]["problem"]["code"] == "changed_since"
    assert (await found(desk, first))["subject"] == "Вторая"
    again = await desk.call("POST", "/undo", json={"keys": keys}, token=dana)
    assert len(again.problem(409, "nothing_undone")["items"]) == 2


async def test_only_ones_own_changes_of_the_last_minutes_are_undone_by_an_operator(
    desk: Desk,
) -> None:
    dana, marat = await desk.join("Dana"), await desk.join("Marat")
    saule = await desk.join("Saule", Role.SUPERVISOR)
    number = await desk.write_in()
    answer = await desk.call("PATCH", f"/appeals/{number}", json={"priority": "low"}, token=dana)
    keys = {"keys": [answer.headers["Undo"]]}
    (await desk.call("POST", "/undo", json=keys, token=marat)).problem(403, "forbidden")
    desk.clock.advance(timedelta(minutes=11))
    (await desk.call("POST", "/undo", json=keys, token=dana)).problem(403, "forbidden")
    assert (await desk.call("POST", "/undo", json=keys, token=saule)).status == 200
    for wrong, status, code in ((["1"], 404, "not_found"), ([], 400, "invalid")):
        (await desk.call("POST", "/undo", json={"keys": wrong})).problem(status, code)


# --- Dividing and merging -----------------------------------------------------------------------


async def test_an_appeal_is_divided_and_put_together_again(desk: Desk) -> None:
    number = await desk.write_in("1", text="Фонарь")
    await desk.write_in("2", text="Мусор", sent_at=START + timedelta(minutes=1))
    before = await found(desk, number)
    garbage = before["messages"][1]["id"]
    answer = await desk.call("POST", f"/appeals/{number}/split", json={"messages": [garbage]})
    assert answer.status == 201
    new = answer.json["number"]
    assert answer.headers["Location"] == f"/api/v1/appeals/{new}"
    assert [one["id"] for one in (await found(desk, new))["messages"]] == [garbage]
    assert len((await found(desk, number))["messages"]) == 1
    merged = await desk.call("POST", f"/appeals/{new}/merge", json={"into": number})
    assert (merged.json["number"], merged.json["message_count"]) == (number, 2)
    refused = await desk.call("PATCH", f"/appeals/{new}", json={"status": "open"})
    assert refused.problem(409, "merged")["into"] == number
    keys = [answer.headers["Undo"], merged.headers["Undo"]]
    assert (await desk.call("POST", "/undo", json={"keys": keys})).status == 200
    after = await found(desk, number)
    assert after["messages"] == before["messages"]
    assert (await found(desk, new))["status"] == "closed"


async def test_appeals_of_two_people_are_merged_when_that_is_confirmed(desk: Desk) -> None:
    first = await desk.write_in("1", citizen="700")
    second = await desk.write_in("2", citizen="701")
    refused = await desk.call("POST", f"/appeals/{second}/merge", json={"into": first})
    assert refused.problem(409, "different_contacts")["into"] == first
    body = {"into": first, "across_contacts": True}
    assert (await desk.call("POST", f"/appeals/{second}/merge", json=body)).status == 200
    for wrong, status, pointer in (
        ({"into": second}, 400, "/into"), ({"into": "1"}, 400, "/into"),
    ):  # fmt: skip
        answer = await desk.call("POST", f"/appeals/{second}/merge", json=wrong)
        assert answer.problem(status, "invalid")["pointer"] == pointer
    answer = await desk.call("POST", f"/appeals/{first}/split", json={"messages": ["1"]})
    assert answer.problem(400, "invalid")["pointer"] == "/messages"


# --- What one may not see -----------------------------------------------------------------------


async def test_what_one_may_not_see_can_be_neither_changed_nor_moved(desk: Desk) -> None:
    dana, marat = await desk.join("Dana"), await desk.join("Marat", Role.SUPERVISOR)
    await team(desk, "roads")
    hidden = await desk.write_in("1", citizen="700")
    open_ = await desk.write_in("2", citizen="700", account="second")
    await desk.call("PATCH", f"/appeals/{hidden}", json={"team": "roads"}, token=marat)
    messages = [one["id"] for one in (
        await desk.call("GET", f"/appeals/{hidden}", token=marat)
    ).json["messages"]]  # fmt: skip
    for method, path, body in (
        ("PATCH", f"/appeals/{hidden}", {"assignee": "me"}),
        ("POST", f"/appeals/{hidden}/notes", {"text": "?"}),
        ("POST", f"/appeals/{hidden}/split", {"messages": messages}),
        ("POST", f"/appeals/{hidden}/merge", {"into": open_}),
        ("POST", f"/appeals/{open_}/merge", {"into": hidden}),
        ("POST", "/mentions/seen", {"appeal": hidden}),
    ):
        answer = await desk.call(method, path, json=body, token=dana)
        answer.problem(404, "not_found")
    linked = await desk.call("PATCH", f"/appeals/{open_}", json={"duplicate_of": hidden})
    assert linked.problem(400, "invalid")["pointer"] == "/duplicate_of"
    assert (await desk.call("POST", "/appeals/next", token=dana)).json["number"] == open_
    assert (await desk.call("POST", "/appeals/next", token=dana)).status == 204


async def test_an_operator_gives_an_appeal_to_a_team_that_is_not_theirs(desk: Desk) -> None:
    dana = await desk.join("Dana")
    await team(desk, "roads")
    number = await desk.write_in()
    given = await desk.call("PATCH", f"/appeals/{number}", json={"team": "roads"}, token=dana)
    assert (given.status, given.json["team"]) == (200, "roads")
    undone = await desk.call("POST", "/undo", json={"keys": [given.headers["Undo"]]}, token=dana)
    assert undone.status == 200
    assert (await found(desk, number))["team"] is None


# --- Notes that ask colleagues ------------------------------------------------------------------


async def test_who_is_asked_to_look_finds_it_until_they_have(desk: Desk) -> None:
    dana, marat = await desk.join("Dana"), await desk.join("Marat")
    first, second = [await desk.write_in(str(i), citizen=str(700 + i)) for i in range(2)]
    for number in (first, second):
        said = {"text": f"Марат, посмотри {number}", "mentions": [desk.id_of("Marat")]}
        desk.clock.advance(timedelta(minutes=1))
        assert (await desk.call("POST", f"/appeals/{number}/notes", json=said)).status == 201
    listed = (await desk.call("GET", "/mentions", token=marat)).json
    assert listed["unseen"] == 2
    assert [item["number"] for item in listed["items"]] == [second, first]
    assert listed["items"][0]["author"] == "Dana"
    assert listed["items"][0]["text"] == f"Марат, посмотри {second}"
    for seen in (1, 0):
        answer = await desk.call("POST", "/mentions/seen", json={"appeal": second}, token=marat)
        assert answer.json == {"seen": seen}
    listed = (await desk.call("GET", "/mentions?limit=1", token=marat)).json
    assert (listed["unseen"], [item["number"] for item in listed["items"]]) == (1, [first])
    assert (await desk.call("GET", "/mentions", token=dana)).json == {"items": [], "unseen": 0}


async def test_nobody_is_asked_who_could_not_look(desk: Desk) -> None:
    await desk.join("Marat")
    await team(desk, "roads")
    chief = await desk.join("Saule", Role.SUPERVISOR)
    number = await desk.write_in()
    await desk.call("PATCH", f"/appeals/{number}", json={"team": "roads"}, token=chief)
    for asked in (desk.id_of("Marat"), "7"):
        said = {"text": "?", "mentions": [asked]}
        answer = await desk.call("POST", f"/appeals/{number}/notes", json=said, token=chief)
        assert answer.problem(400, "invalid")["pointer"] == "/mentions"


async def test_a_mention_is_gone_for_whom_the_appeal_is_gone(desk: Desk) -> None:
    await desk.join("Dana")
    marat, chief = await desk.join("Marat"), await desk.join("Saule", Role.SUPERVISOR)
    await team(desk, "roads")
    number = await desk.write_in()
    said = {"text": "?", "mentions": [desk.id_of("Marat")]}
    await desk.call("POST", f"/appeals/{number}/notes", json=said)
    await desk.call("PATCH", f"/appeals/{number}", json={"team": "roads"}, token=chief)
    listed = (await desk.call("GET", "/mentions", token=marat)).json
    assert listed == {"items": [], "unseen": 0}


# --- The front office ---------------------------------------------------------------------------


async def test_the_coupon_tells_who_took_the_appeal_in_and_what_looks_wrong(desk: Desk) -> None:
    token = await desk.join("Saule", Role.SUPERVISOR)
    body = {
        "channel": "visit", "text": "Нет света", "district": "almaly", "tags": ["Свет"],
        "contact": {"name": "Ербол", "points": [{"scheme": "iin", "value": "850722 100018"}]},
    }  # fmt: skip
    opened = await desk.call("POST", "/appeals", json=body, token=token)
    assert opened.status == 201
    shown = opened.json
    assert shown["accepted_by"] == {"name": "Saule", "role": "supervisor"}
    assert len(shown["warnings"]) == 1
    assert (shown["district"], shown["tags"]) == ("almaly", ["свет"])
    assert shown["contact"]["points"] == [{"scheme": "iin", "value": "850722100018"}]
    assert shown["journal"][0]["data"] == {
        "number": shown["number"], "accepted_by": shown["accepted_by"],
    }  # fmt: skip
    body["contact"] = {"points": [{"scheme": "iin", "value": "850722100018"}]}
    again = (await desk.call("POST", "/appeals", json=body, token=token)).json
    assert again["contact"]["id"] == shown["contact"]["id"]
