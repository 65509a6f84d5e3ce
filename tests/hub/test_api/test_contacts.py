"""Contacts over HTTP: their card, changes, notes, blocking, merging, and what one may not see."""

from typing import Any

import pytest

from registry.operators import Role
from tests.hub.test_api.desk import Desk
from tests.hub.test_api.test_work import found, team


async def contact_of(desk: Desk, number: str) -> str:
    id_: str = (await found(desk, number))["contact"]["id"]
    return id_


async def test_a_card_is_shown_changed_and_put_back(desk: Desk) -> None:
    number = await desk.write_in()
    who = await contact_of(desk, number)
    before = (await desk.call("GET", f"/contacts/{who}")).json
    assert (before["id"], before["name"], before["blocked_at"]) == (who, "Айгүл", None)
    assert before["points"] == [{"scheme": "telegram", "value": "700", "doubt": None}]
    assert [one["number"] for one in before["appeals"]] == [number]
    body = {"name": "Айгүл Омарова", "language": "ru", "blocked": True}
    answer = await desk.call("PATCH", f"/contacts/{who}", json=body)
    shown = answer.json
    assert (shown["name"], shown["language"], shown["language_fixed"]) == (
        "Айгүл Омарова", "ru", True,
    )  # fmt: skip
    assert shown["blocked_at"] is not None
    assert (await desk.call("POST", "/appeals/next")).status == 204
    undone = await desk.call("POST", "/undo", json={"keys": [answer.headers["Undo"]]})
    assert [(item["number"], item["ok"]) for item in undone.json["items"]] == [(None, True)]
    assert (await desk.call("GET", f"/contacts/{who}")).json == before
    assert (await desk.call("POST", "/appeals/next")).json["number"] == number


async def test_notes_are_written_and_taken_away(desk: Desk) -> None:
    dana, marat = await desk.join("Dana"), await desk.join("Marat")
    who = await contact_of(desk, await desk.write_in())
    added = await desk.call("POST", f"/contacts/{who}/notes", json={"text": "Звонить днём"})
    assert added.status == 201
    [note] = added.json["notes"]
    assert (note["text"], note["author"], note["operator"]) == (
        "Звонить днём", "Dana", desk.id_of("Dana"),
    )  # fmt: skip
    place = f"/contacts/{who}/notes/{note['id']}"
    (await desk.call("DELETE", place, token=marat)).problem(403, "forbidden")
    assert (await desk.call("DELETE", place, token=dana)).status == 204
    (await desk.call("DELETE", place, token=dana)).problem(404, "not_found")
    (await desk.call("DELETE", f"/contacts/{who}/notes/x")).problem(404, "not_found")
    assert (await desk.call("GET", f"/contacts/{who}")).json["notes"] == []


async def test_two_contacts_become_one_and_two_again(desk: Desk) -> None:
    first = await desk.write_in("1", citizen="700")
    second = await desk.write_in("2", citizen="701")
    stays, gone = await contact_of(desk, first), await contact_of(desk, second)
    answer = await desk.call("POST", f"/contacts/{gone}/merge", json={"into": stays})
    assert answer.json["id"] == stays
    assert [one["number"] for one in answer.json["appeals"]] == [second, first]
    assert "Undo" in answer.headers
    assert await contact_of(desk, second) == stays
    assert (await desk.call("GET", f"/contacts/{gone}")).json["id"] == stays
    # They are one now: their appeals can be merged without more ado.
    merged = await desk.call("POST", f"/appeals/{second}/merge", json={"into": first})
    assert merged.status == 200
    [merge] = answer.json["merges"]
    back = await desk.call("POST", f"/contact-merges/{merge['id']}/undo")
    assert (back.json["id"], back.status) == (gone, 200)
    again = await desk.call("POST", f"/contact-merges/{merge['id']}/undo")
    again.problem(409, "not_undoable")
    assert await contact_of(desk, second) == gone


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("PATCH", "", {"name": ""}, "/name"),
        ("PATCH", "", {"name": "   "}, "/name"),
        ("PATCH", "", {"name": None}, "/name"),
        ("PATCH", "", {"language": "русский"}, "/language"),
        ("PATCH", "", {"blocked": "yes"}, "/blocked"),
        ("POST", "/notes", {"text": " "}, "/text"),
        ("POST", "/merge", {"into": "7"}, "/into"),
        ("POST", "/merge", {"into": "x"}, "/into"),
    ],
)
async def test_what_cannot_be_says_which_field_is_at_fault(
    desk: Desk, method: str, path: str, body: dict[str, Any], pointer: str
) -> None:
    who = await contact_of(desk, await desk.write_in())
    answer = await desk.call(method, f"/contacts/{who}{path}", json=body)
    assert answer.problem(400, "invalid")["pointer"] == pointer
    itself = await desk.call("POST", f"/contacts/{who}/merge", json={"into": who})
    assert itself.problem(400, "invalid")["pointer"] == "/into"


async def test_a_person_whose_appeals_one_may_not_see_is_not_there(desk: Desk) -> None:
    dana = await desk.join("Dana")
    chief = await desk.join("Saule", Role.SUPERVISOR)
    await team(desk, "roads")
    hidden = await desk.write_in("1", citizen="700")
    shown = await desk.write_in("2", citizen="701")
    who, other = await contact_of(desk, hidden), await contact_of(desk, shown)
    await desk.call("PATCH", f"/appeals/{hidden}", json={"team": "roads"}, token=chief)
    for method, path, body in (
        ("GET", f"/contacts/{who}", None),
        ("PATCH", f"/contacts/{who}", {"name": "Ия"}),
        ("POST", f"/contacts/{who}/notes", {"text": "?"}),
        ("DELETE", f"/contacts/{who}/notes/1", None),
        ("POST", f"/contacts/{who}/merge", {"into": other}),
        ("GET", "/contacts/7", None),
        ("POST", "/contact-merges/7/undo", None),
    ):
        answer = await desk.call(method, path, json=body, token=dana)
        answer.problem(404, "not_found")
    answer = await desk.call("POST", f"/contacts/{other}/merge", json={"into": who}, token=dana)
    assert answer.problem(400, "invalid")["pointer"] == "/into"
    assert (await desk.call("GET", f"/contacts/{who}", token=chief)).status == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_concerns_other_teams_says_whose_it_is_to_do(desk: Desk) -> None:
    dana = await desk.join("Dana")
    chief = await desk.join("Saule", Role.SUPERVISOR)
    await team(desk, "roads")
    shown, hidden = await desk.write_in("1"), await desk.write_in("2", account="second")
    await desk.call("PATCH", f"/appeals/{hidden}", json={"team": "roads"}, token=chief)
    who = f"/contacts/{await contact_of(desk, shown)}"
    assert (await desk.call("GET", who, token=dana)).json["whole"] is False
    refused = await desk.call("PATCH", who, json={"blocked": True}, token=dana)
    refused.problem(403, "concerns_others")
    assert (await desk.call("PATCH", who, json={"blocked": True}, token=chief)).status == 200
