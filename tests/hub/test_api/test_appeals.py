"""Appeals over HTTP: lists, one of them, changes, claims at once, and the front office."""

import asyncio
from datetime import timedelta

import pytest

from registry.operators import Role
from registry.search.following import catch_up
from tests.hub.test_api.desk import Desk

LISTED = {
    "id",
    "number", "channel", "account", "kind", "status", "priority", "category", "language", "subject",
    "first_file",
    "contact", "assignee", "assignee_name", "team", "opened_at", "due_at", "last_message_at",
    "unread", "message_count", "latitude", "longitude", "address", "district", "tags", "outcome",
    "snoozed_until", "waiting_since", "first_response_due", "first_response_at", "failed",
}  # fmt: skip


async def test_a_list_is_items_and_a_cursor(desk: Desk) -> None:
    assert (await desk.call("GET", "/appeals")).json == {"items": [], "next": None}
    first = await desk.write_in("1", citizen="700")
    second = await desk.write_in("2", citizen="701")
    answer = await desk.call("GET", "/appeals?limit=1&sort=newest")
    assert answer.status == 200
    assert [set(item) for item in answer.json["items"]] == [LISTED]
    assert answer.json["items"][0]["number"] == second
    rest = await desk.call("GET", f"/appeals?limit=1&sort=newest&cursor={answer.json['next']}")
    assert [item["number"] for item in rest.json["items"]] == [first]
    assert rest.json["next"] is None
    (await desk.call("GET", f"/appeals?sort=oldest&cursor={answer.json['next']}")).problem(
        400, "bad_cursor"
    )


async def test_filters_of_the_contract_narrow_the_list(desk: Desk) -> None:
    await desk.join("Dana")
    await desk.join("Marat")
    mine = await desk.write_in("1", citizen="700")
    his = await desk.write_in("2", citizen="701", channel="whatsapp", text="Яма на Сатпаева")
    free = await desk.write_in("3", citizen="702")
    await desk.call("PATCH", f"/appeals/{mine}", json={"assignee": "me", "category": "дороги"})
    await desk.call("PATCH", f"/appeals/{his}", json={"assignee": desk.id_of("Marat")})

    await catch_up(desk.database, now=desk.clock())

    async def found(query: str) -> set[str]:
        answer = await desk.call("GET", f"/appeals?{query}")
        assert answer.status == 200, answer.body
        return {item["number"] for item in answer.json["items"]}

    assert await found("assignee=me") == {mine}
    assert await found("assignee=none") == {free}
    assert await found(f"assignee={desk.id_of('Marat')}") == {his}
    assert await found("assignee=marat@example.kz") == {his}
    assert await found("status=new") == {free}
    assert await found("status=open,new") == {mine, his, free}
    assert await found("status=open&status=new") == {mine, his, free}
    assert await found("channel=whatsapp") == {his}
    assert await found("category=дороги") == {mine}
    assert await found("q=сатпаева") == {his}
    assert await found(f"q={free}") == {free}
    assert await found("due_before=2030-01-01T00:00:00Z") == set()
    assert await found("due_before=2030-01-01T00:00:00%2B05:00") == set()


async def test_an_appeal_comes_with_messages_and_journal(desk: Desk) -> None:
    number = await desk.write_in()
    answer = await desk.call("GET", f"/appeals/{number}")
    assert answer.status == 200
    assert set(answer.json) == LISTED | {"messages", "journal"}
    assert answer.json["messages"][0]["text"] == "Абай даңғылы 10, шам жанбайды"
    assert answer.json["journal"][0]["event"] == "appeal.opened"
    head = await desk.call("HEAD", f"/appeals/{number}")
    assert (head.status, head.body) == (200, b"")


async def test_a_change_is_made_whole_and_answered_with_the_appeal(desk: Desk) -> None:
    await desk.join("Dana")
    number = await desk.write_in()
    body = {
        "assignee": "me",
        "status": "pending",
        "priority": "high",
        "category": "освещение",
        "team": "Бостандык",
        "language": "kk",
        "subject": "Шам жанбайды",
        "kind": "complaint",
        "address": "Абай даңғылы, 10",
        "latitude": 43.238,
        "longitude": 76.945,
        "unread": 0,
    }
    answer = await desk.call("PATCH", f"/appeals/{number}", json=body)
    assert answer.status == 200
    assert set(answer.json) == LISTED
    assert answer.json == answer.json | body | {
        "assignee": desk.id_of("Dana"), "assignee_name": "Dana",
    }  # fmt: skip
    unchanged = await desk.call("PATCH", f"/appeals/{number}", json=body)
    assert unchanged.json == answer.json
    journal = (await desk.call("GET", f"/appeals/{number}")).json["journal"]
    assert [entry["event"] for entry in journal] == ["appeal.opened", "appeal.changed"]
    assert journal[1]["actor"] == f"operator:{desk.id_of('Dana')}"
    assert journal[1]["data"]["status"] == {"from": "new", "to": "pending"}


async def test_an_illegal_move_says_what_is_legal(desk: Desk) -> None:
    number = await desk.write_in()
    await desk.call("PATCH", f"/appeals/{number}", json={"status": "closed"})
    answer = await desk.call("PATCH", f"/appeals/{number}", json={"status": "pending"})
    problem = answer.problem(409, "illegal_move")
    assert problem["allowed"] == ["open"]
    reopened = await desk.call("PATCH", f"/appeals/{number}", json={"status": "open"})
    assert reopened.json["status"] == "open"


async def test_of_fifty_claims_at_once_one_wins_and_the_others_learn_who(desk: Desk) -> None:
    names = [f"Operator{i}" for i in range(50)]
    tokens = [await desk.join(name) for name in names]
    number = await desk.write_in()
    answers = await asyncio.gather(
        *(
            desk.call("PATCH", f"/appeals/{number}", json={"assignee": "me"}, token=token)
            for token in tokens
        )
    )
    assert sorted(answer.status for answer in answers) == [200] + [409] * 49
    [won] = [name for name, answer in zip(names, answers, strict=True) if answer.status == 200]
    for answer in answers:
        if answer.status == 409:
            problem = answer.problem(409, "already_held")
            assert problem["holder"] == {"id": desk.id_of(won), "name": won}
    shown = (await desk.call("GET", f"/appeals/{number}")).json
    assert (shown["assignee"], shown["assignee_name"]) == (desk.id_of(won), won)
    assert [e["event"] for e in shown["journal"]] == ["appeal.opened", "appeal.changed"]


async def test_only_a_supervisor_takes_what_somebody_holds(desk: Desk) -> None:
    dana, marat = await desk.join("Dana"), await desk.join("Marat")
    saule = await desk.join("Saule", Role.SUPERVISOR)
    number = await desk.write_in()
    await desk.call("PATCH", f"/appeals/{number}", json={"assignee": "me"}, token=dana)
    taking = {"assignee": "me", "reassign": True}
    held = await desk.call("PATCH", f"/appeals/{number}", json={"assignee": None}, token=marat)
    assert held.problem(409, "already_held")["holder"]["name"] == "Dana"
    (await desk.call("PATCH", f"/appeals/{number}", json=taking, token=marat)).problem(
        403, "forbidden"
    )
    taken = await desk.call("PATCH", f"/appeals/{number}", json=taking, token=saule)
    assert taken.json["assignee"] == desk.id_of("Saule")
    released = await desk.call("PATCH", f"/appeals/{number}", json={"assignee": None}, token=saule)
    assert (released.json["assignee"], released.json["assignee_name"]) == (None, None)


async def test_a_token_in_nobodys_name_can_hold_nothing(desk: Desk) -> None:
    program = await desk.token("program", Role.ADMIN)
    number = await desk.write_in()
    answer = await desk.call("PATCH", f"/appeals/{number}", json={"assignee": "me"}, token=program)
    assert answer.problem(400, "invalid")["pointer"] == "/assignee"
    listed = await desk.call("GET", "/appeals?assignee=me", token=program)
    assert listed.problem(400, "invalid")["pointer"] == "/assignee"
    await desk.join("Marat")
    given = await desk.call(
        "PATCH", f"/appeals/{number}", json={"assignee": "marat@example.kz"}, token=program
    )
    assert given.json["assignee_name"] == "Marat"


# --- The front office ---------------------------------------------------------------------------

VISIT = {
    "channel": "visit",
    "contact": {
        "name": "Гүлнар Әбенова",
        "points": [{"scheme": "tel", "value": "8 701 555 11 22"}],
    },
    "text": "Балалар алаңындағы әткеншек сынған",
    "address": "Розыбакиева, 247",
    "language": "kk",
    "priority": "high",
}


async def test_a_visit_is_opened_shown_and_found(desk: Desk) -> None:
    answer = await desk.call("POST", "/appeals", json=VISIT)
    assert answer.status == 201
    shown = answer.json
    assert answer.headers["Location"] == f"/api/v1/appeals/{shown['number']}"
    assert shown["number"] == "ALM-2026-0000001"
    assert (shown["channel"], shown["account"], shown["status"]) == ("visit", "desk", "new")
    assert shown["contact"]["points"] == [{"scheme": "tel", "value": "+77015551122"}]
    assert shown["subject"] == VISIT["text"]
    [said] = shown["messages"]
    assert (said["direction"], said["author"], said["text"]) == (
        "in", "Гүлнар Әбенова", VISIT["text"],
    )  # fmt: skip
    assert shown["journal"][0]["actor"] == f"operator:{desk.id_of('Dana')}"
    await catch_up(desk.database, now=desk.clock())
    found = await desk.call("GET", "/appeals?q=87015551122")
    assert [item["number"] for item in found.json["items"]] == [shown["number"]]
    desk.clock.advance(timedelta(hours=1))
    again = (await desk.call("POST", "/appeals", json=VISIT | {"channel": "phone"})).json
    assert again["contact"]["id"] == shown["contact"]["id"]
    assert again["number"] > shown["number"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channel": "telegram"}, "/channel"),
        ({"contact": {}}, "/contact"),
        ({"contact": {"points": [{"scheme": "tel", "value": "нет"}]}}, "/contact"),
        ({"contact": {"name": "Ия", "iin": "1"}}, "/contact/iin"),
        ({"text": "  "}, "/text"),
        ({"attachments": ["7"]}, "/attachments"),
        ({"attachments": ["../etc"]}, "/attachments"),
    ],
)
async def test_what_cannot_be_opened_says_which_field_is_at_fault(
    desk: Desk, change: dict[str, object], pointer: str
) -> None:
    answer = await desk.call("POST", "/appeals", json=VISIT | change)
    assert answer.problem(400, "invalid")["pointer"] == pointer
    assert (await desk.call("GET", "/appeals")).json["items"] == []
