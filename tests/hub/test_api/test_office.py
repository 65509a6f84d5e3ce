"""Categories, the calendar, the office's settings and deadlines, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from hub.keys import OFFICE
from registry.current_office import CurrentOffice
from registry.operators import Role
from tests.hub.test_api.desk import Desk
from tests.registry.offices import almaty, furnished

NAMES = {"ru": "Велодорожка", "kk": "Веложол", "en": "Cycle path"}


class Office:
    """A furnished desk as its administrator sees it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        assert desk.client.app is not None
        self.known: CurrentOffice = desk.client.app[OFFICE]

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Call the API as the administrator."""
        return await self.desk.call(method, path, token=self.desk.tokens["Admin"], **arguments)

    async def journal(self, number: str) -> list[dict[str, Any]]:
        """An appeal's journal."""
        entries: list[dict[str, Any]] = (await self.call("GET", f"/appeals/{number}")).json[
            "journal"
        ]
        return entries


@pytest.fixture
async def office(desk: Desk) -> Office:
    await desk.join("Admin", Role.ADMIN)
    made = Office(desk)
    await furnished(desk.database, now=desk.clock())
    await made.known.refresh(desk.database)
    return made


# --- Categories -----------------------------------------------------------------------------------


async def test_operators_read_the_categories_in_their_order_with_departments(
    office: Office,
) -> None:
    answer = await office.desk.call("GET", "/categories")
    assert answer.status == 200
    codes = [one["code"] for one in answer.json["items"]]
    assert codes[:3] == ["transport", "transport.interval", "transport.driver"]
    gas = next(one for one in answer.json["items"] if one["code"] == "utilities.gas")
    assert gas == {
        "code": "utilities.gas", "group": "utilities", "term": 0, "unit": "hours",
        "names": {"ru": "Запах газа", "kk": "Газ иісі", "en": "Smell of gas"},
        "department": "energy", "team": None, "urgent": True, "position": gas["position"],
        "retired_at": None,
    }  # fmt: skip
    assert {"code": "roads", "names": {
        "ru": "Управление дорог", "kk": "Жолдар басқармасы", "en": "Roads department",
    }} in answer.json["departments"]  # fmt: skip


async def test_an_administrator_makes_changes_and_retires_a_category(office: Office) -> None:
    body = {"code": "roads.cycle", "names": NAMES, "term": 3, "department": "roads"}
    made = await office.call("POST", "/categories", json=body)
    assert made.status == 201
    assert made.headers["Location"] == "/api/v1/categories/roads.cycle"
    assert made.json["unit"] == "working_days"
    (await office.call("POST", "/categories", json=body)).problem(409, "taken")
    changed = await office.call(
        "PATCH", "/categories/roads.cycle", json={"term": 36, "unit": "hours"}
    )
    assert (changed.json["term"], changed.json["unit"]) == (36, "hours")
    assert changed.json["names"] == NAMES
    whole = await office.call("PUT", "/categories/roads.cycle", json={"names": NAMES})
    assert (whole.json["term"], whole.json["department"]) == (None, "")
    retired = await office.call("PATCH", "/categories/roads.cycle", json={"retired": True})
    assert retired.json["retired_at"] is not None
    listed = (await office.call("GET", "/categories")).json["items"]
    assert "roads.cycle" not in {one["code"] for one in listed}
    listed = (await office.call("GET", "/categories?retired=true")).json["items"]
    assert "roads.cycle" in {one["code"] for one in listed}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", "/categories", {"code": "Roads.x", "names": NAMES}, "/code"),
        ("POST", "/categories", {"code": "bikes.x", "names": NAMES}, "/code"),
        ("POST", "/categories", {"code": "roads.x"}, ""),
        ("POST", "/categories", {"code": "roads.x", "names": {"ru": "x", "kk": "x"}}, "/names"),
        ("PUT", "/categories/roads.x.y", {"names": NAMES}, "/code"),
        ("PUT", "/categories/roads.x", {"names": NAMES, "term": -1}, "/term"),
        ("PATCH", "/categories/roads.pothole", {"unit": "weeks"}, "/unit"),
        ("PATCH", "/categories/roads.pothole", {"code": "roads.hole"}, "/code"),
        ("PATCH", "/categories/roads.pothole", {"department": "ministry"}, "/department"),
        ("PATCH", "/categories/roads", {"retired": True}, "/retired"),
        ("PUT", "/calendar/2026-05-08", {"kind": "free"}, "/kind"),
        ("PUT", "/calendar/2026-05-08", {"kind": "holiday", "opens": "9:00"}, "/opens"),
        ("PUT", "/calendar/2026-05-08", {"kind": "holiday", "opens": "09:00"}, ""),
        ("PUT", "/office/first_response", {}, ""),
        ("PUT", "/office/first_response", {"minutes": 0}, "/minutes"),
        ("PUT", "/office/triage", {"term": 1, "unit": "hours", "soon": 1}, "/soon"),
        ("PUT", "/office/districts", {"items": [{"code": "x", "names": {}}]}, "/items/0/names"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_says_which_field_is_at_fault(
    office: Office, method: str, path: str, body: dict[str, Any], pointer: str
) -> None:
    problem = (await office.call(method, path, json=body)).problem(400, "invalid")
    assert problem.get("pointer", "") == pointer


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/categories/roads.cycle"),
        ("DELETE", "/calendar/2026-05-08"),
        ("DELETE", "/calendar/2026-02-30"),
        ("PUT", "/calendar/20260508"),
        ("GET", "/office/weather"),
        ("PUT", "/office/zone"),
        ("GET", "/office/revision"),
    ],
)
async def test_what_is_not_there_is_not_found(office: Office, method: str, path: str) -> None:
    (await office.call(method, path, json={})).problem(404, "not_found")


# --- The calendar ---------------------------------------------------------------------------------


async def test_a_year_is_shown_and_its_days_are_set_and_removed(office: Office) -> None:
    shown = (await office.desk.call("GET", "/calendar")).json
    assert shown["year"] == 2026
    assert shown["items"][0] == {
        "day": "2026-01-01", "kind": "holiday", "name": "Жаңа жыл · Новый год",
        "opens": None, "closes": None, "confirmed": True,
    }  # fmt: skip
    assert [one["day"] for one in shown["items"] if not one["confirmed"]] == ["2026-05-27"]
    body = {"kind": "working", "name": "За 8 мая", "opens": "09:00", "closes": "24:00"}
    put = await office.call("PUT", "/calendar/2026-05-16", json=body)
    assert put.json == body | {"day": "2026-05-16", "confirmed": True}
    year = (await office.call("GET", "/calendar?year=2026")).json
    assert put.json in year["items"]
    left = await office.call("DELETE", "/calendar/2026-05-16")
    assert left.json["items"] == shown["items"]
    assert (await office.call("GET", "/calendar?year=2031")).json == {"year": 2031, "items": []}
    (await office.call("GET", "/calendar?year=last")).problem(400, "invalid")


# --- The settings ---------------------------------------------------------------------------------


async def test_every_setting_is_read_and_written_under_its_name(office: Office) -> None:
    whole = (await office.call("GET", "/office")).json
    assert whole["timezone"] == "Asia/Almaty"
    assert whole["business_hours"]["sun"] == {"opens": "08:00", "closes": "24:00"}
    assert whole["recomputing"] is True  # the first start
    for name, value in whole.items():
        if name in {"timezone", "recomputing"}:
            continue
        assert (await office.call("GET", f"/office/{name}")).json == value
        written = await office.call("PUT", f"/office/{name}", json=value)
        assert (written.status, written.json) == (200, value)
    assert len(whole["districts"]["items"]) == 8
    assert (await office.desk.call("GET", "/districts")).json == whole["districts"]


async def test_a_change_is_in_force_in_this_process_with_its_answer(office: Office) -> None:
    at = almaty("2026-03-02T23:30")
    assert office.known.deadlines("message", None, at).first_response_due == almaty(
        "2026-03-03T08:30"
    )
    await office.call("PUT", "/office/first_response", json={"minutes": 15})
    assert office.known.deadlines("message", None, at).first_response_due == almaty(
        "2026-03-02T23:45"
    )
    await office.call("PUT", "/calendar/2026-03-04", json={"kind": "holiday"})
    await office.call("PATCH", "/categories/roads.pothole", json={"term": 1})
    assert office.known.deadlines("message", "roads.pothole", at).due_at == almaty(
        "2026-03-05T18:00"
    )
    await office.call("DELETE", "/calendar/2026-03-04")
    assert office.known.deadlines("message", "roads.pothole", at).due_at == almaty(
        "2026-03-04T18:00"
    )


# --- Deadlines of an appeal -----------------------------------------------------------------------


async def test_a_visit_has_deadlines_and_a_supervisor_extends_them_with_a_reason(
    office: Office,
) -> None:
    body = {
        "channel": "visit", "contact": {"name": "Гүлнар"}, "text": "Шұңқыр", "kind": "complaint",
        "category": "build.land",
    }  # fmt: skip
    opened = (await office.desk.call("POST", "/appeals", json=body)).json
    assert opened["due_at"] == "2026-03-27T13:00:00Z"
    assert opened["first_response_at"] == opened["opened_at"]
    place, extended = f"/appeals/{opened['number']}", "2026-04-10T13:00:00Z"
    (await office.desk.call("PATCH", place, json={"due_at": extended})).problem(403, "forbidden")
    refused = await office.call("PATCH", place, json={"due_at": extended})
    assert refused.problem(400, "invalid")["pointer"] == "/reason"
    change = {"due_at": "2026-04-10T18:00:00+05:00", "reason": "Запрос в архив"}
    changed = await office.call("PATCH", place, json=change)
    assert changed.json["due_at"] == extended
    told = (await office.journal(opened["number"]))[-1]["data"]
    assert told["reason"] == "Запрос в архив"
    too_far = {"due_at": "2026-07-01T00:00:00Z", "reason": "Ещё запрос"}
    refused = await office.call("PATCH", place, json=too_far)
    assert refused.problem(400, "invalid")["pointer"] == "/due_at"
    (await office.call("PATCH", place, json={"due_at": "2026-04-10T18:00:00"})).problem(
        400, "invalid"
    )
    back = await office.call("PATCH", place, json={"due_at": None})
    assert back.json["due_at"] == "2026-03-27T13:00:00Z"


async def test_a_reply_ends_the_wait_and_is_the_first_answer(office: Office) -> None:
    desk = office.desk
    number = await desk.write_in()
    waiting = (await desk.call("GET", f"/appeals/{number}")).json
    assert waiting["waiting_since"] is not None
    desk.clock.advance(timedelta(minutes=7))
    await desk.reply(number)
    answered = (await desk.call("GET", f"/appeals/{number}")).json
    assert (answered["waiting_since"], answered["first_response_at"]) == (
        None, "2026-03-02T04:07:00Z",
    )  # fmt: skip
    desk.clock.advance(timedelta(minutes=7))
    await desk.reply(number, "Ещё раз", key="k2")
    again = (await desk.call("GET", f"/appeals/{number}")).json
    assert again["first_response_at"] == answered["first_response_at"]
