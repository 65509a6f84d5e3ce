"""The telephone over HTTP: how one is at it, the call one has, and what is done with it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from connectors.base import Misconfigured
from hub.keys import CONNECTORS
from registry.calls.agents import SILENCE
from registry.models import Appeal, Message
from registry.operators import Role
from registry.types import AccountKey
from tests.hub.test_api.desk import Desk, StubConnector
from tests.registry.calls.exchange import Exchange, Side
from tests.registry.calls.lines import ringing
from tests.registry.desk import receive

CALLER = "+77011234567"


class StubPhone(StubConnector):
    """An account by which people talk; the tests' exchange is its provider."""

    def __init__(self) -> None:
        super().__init__()
        self.key = True

    def pass_for(self, identity: str, *, seconds: int) -> str:
        if not self.key:
            raise Misconfigured("The account has no API key.", cure="Make one.")
        return f"pass of {identity} for {seconds}"

    hear = speak = carry = look_up = past_calls = lambda self: None


class Office:
    """The API with a telephone, and the telephone."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.phone = StubPhone()
        app = desk.client.app
        assert app is not None
        connectors: Any = app[CONNECTORS]
        connectors[AccountKey("phone", "main")] = self.phone
        self.exchange = Exchange(desk.database)
        self.call = desk.call

    async def at_the_phone(self, name: str = "Dana", **body: Any) -> str:
        """Somebody takes calls; their token."""
        token = self.desk.tokens.get(name) or await self.desk.join(name)
        device = {"device": f"sip:{name.lower()}@pbx.example.kz"}
        changed = await self.call("PATCH", "/phone", json=device | body, token=token)
        assert changed.status == 200, changed.body
        taken = await self.call("PATCH", "/phone", json={"state": "available"}, token=token)
        assert taken.json["state"] in {"available", "ringing"}
        await self.exchange.carry()
        return token

    async def rings(self, number: str = CALLER) -> Side:
        """A citizen waits on the line, whose call is an appeal."""
        side = await self.exchange.rings(number)
        await receive(self.desk.database, ringing(number, external_id=side.sid))
        while not side.in_queue:
            await self.exchange.presses(side, "2" if side.step == "language" else "")
        await self.exchange.carry()
        return side

    async def talks(self) -> tuple[Side, str]:
        """Dana talks with a citizen; the call's id."""
        await self.at_the_phone()
        side = await self.rings()
        await self.exchange.answers(self.desk.people["Dana"].operator_id or 0)
        return side, await self.mine()

    async def mine(self) -> str:
        """The id of Dana's call."""
        id_: str = (await self.state())["call"]["id"]
        return id_

    async def state(self, token: str | None = None) -> Any:
        """How somebody is at the phone."""
        return (await self.call("GET", "/phone", token=token)).json

    async def does(self, action: str, call: str, **body: Any) -> Any:
        """Dana does something with a call."""
        done = await self.call("POST", f"/phone/calls/{call}/{action}", json=body)
        assert done.status == 200, done.body
        await self.exchange.carry()
        return done.json


@pytest.fixture
def office(desk: Desk) -> Office:
    return Office(desk)


# --- How one is -----------------------------------------------------------------------------------


async def test_who_was_never_at_the_phone_is_away(office: Office) -> None:
    found = await office.state()
    assert (found["state"], found["reason"], found["call"]) == ("away", "signed_out", None)
    assert found["waiting"] == {"count": 0, "urgent": 0, "since": None}


async def test_one_takes_calls_goes_away_and_says_why(office: Office) -> None:
    await office.at_the_phone()
    refused = await office.call("PATCH", "/phone", json={"state": "away"})
    refused.problem(400, "invalid")
    gone = await office.call("PATCH", "/phone", json={"state": "away", "reason": "meal"})
    assert (gone.json["state"], gone.json["reason"]) == ("away", "meal")


async def test_a_hub_without_a_telephone_says_so(desk: Desk) -> None:
    refused = await desk.call("PATCH", "/phone", json={"state": "available"})
    refused.problem(409, "no_phone")


async def test_a_device_that_is_none_is_refused(office: Office) -> None:
    refused = await office.call("PATCH", "/phone", json={"device": "my mobile"})
    assert refused.problem(400, "invalid")["pointer"] == "/device"


async def test_a_token_in_nobodys_name_has_no_phone(office: Office) -> None:
    token = await office.desk.token("program", Role.OPERATOR)
    (await office.call("GET", "/phone", token=token)).problem(409, "no_operator")


async def test_a_browser_gets_a_pass_unless_the_calls_ring_elsewhere(office: Office) -> None:
    token = await office.desk.join("Dana")
    given = await office.call("POST", "/phone/pass")
    name = f"operator-{office.desk.id_of('Dana')}"
    assert given.json == {"token": f"pass of {name} for 3600", "seconds": 3600}
    await office.at_the_phone()
    (await office.call("POST", "/phone/pass", token=token)).problem(409, "other_device")


async def test_a_pass_that_cannot_be_made_says_what_to_do(office: Office) -> None:
    office.phone.key = False
    refused = await office.call("POST", "/phone/pass")
    assert refused.problem(409, "account_down")["instead"] == "Make one."


async def test_a_browser_rings_while_it_says_that_it_is_there(office: Office) -> None:
    await office.desk.join("Dana")
    await office.call("PATCH", "/phone", json={"state": "available"})
    await office.rings()
    assert (await office.state())["call"] is None
    assert (await office.call("POST", "/phone/seen")).status == 204
    found = await office.state()
    assert (found["state"], found["reachable"]) == ("ringing", True)
    office.desk.clock.advance(SILENCE + timedelta(seconds=1))
    assert (await office.state())["reachable"] is False


# --- A call that comes ----------------------------------------------------------------------------


async def test_an_offer_tells_who_calls_in_what_language_and_since_when(office: Office) -> None:
    await office.at_the_phone()
    await office.rings()
    found = (await office.state())["call"]
    assert (found["state"], found["kind"], found["direction"]) == ("ringing", "offer", "in")
    assert (found["number"], found["language"], found["talking"]) == (CALLER, "ru", False)
    assert found["until"] > found["since"]
    assert found["waiting_since"] is not None
    assert found["appeal"].startswith("ALM-")


async def test_an_offer_that_is_declined_goes_to_somebody_else(office: Office) -> None:
    await office.at_the_phone()
    await office.rings()
    call = await office.mine()
    await office.at_the_phone("Aset")
    left = await office.does("decline", call)
    assert (left["state"], left["reason"], left["call"]) == ("away", "no_answer", None)
    aset = await office.state(office.desk.tokens["Aset"])
    assert aset["call"]["id"] == call


async def test_a_caller_is_held_and_taken_back(office: Office) -> None:
    side, call = await office.talks()
    assert (await office.state())["call"]["talking"] is True
    assert (await office.does("hold", call))["call"]["held"] is True
    assert side.held
    assert (await office.does("resume", call))["call"]["held"] is False


async def test_nothing_is_done_with_a_call_that_one_does_not_have(office: Office) -> None:
    _, call = await office.talks()
    other = await office.desk.join("Aset")
    for action in ("hold", "resume", "hang-up", "complete", "cancel", "decline"):
        refused = await office.call("POST", f"/phone/calls/{call}/{action}", token=other)
        refused.problem(409, "not_talking")
    (await office.call("POST", "/phone/calls/1/hold")).problem(404, "not_found")


async def test_a_caller_is_given_to_a_colleague_who_was_asked_first(office: Office) -> None:
    side, call = await office.talks()
    await office.at_the_phone("Aset")
    aset = office.desk.people["Aset"].operator_id or 0
    asked = await office.does("transfer", call, operator=str(aset), announced=True)
    assert asked["call"]["colleague"] == {"id": str(aset), "name": "Aset", "joined": False}
    (await office.call("POST", f"/phone/calls/{call}/complete")).problem(409, "nobody_asked")
    theirs = await office.exchange.answers(aset)
    assert (await office.state())["call"]["colleague"]["joined"] is True
    assert (await office.does("complete", call))["state"] == "wrap_up"
    assert office.exchange.in_room(side) == [theirs]


async def test_a_caller_is_given_to_a_team(office: Office) -> None:
    side, call = await office.talks()
    wrong = {"team": "water", "operator": "1"}
    refused = await office.call("POST", f"/phone/calls/{call}/transfer", json=wrong)
    refused.problem(400, "invalid")
    assert (await office.does("transfer", call, team=None))["state"] == "wrap_up"
    assert (await office.exchange.call(side)).state == "waiting"


# --- What it was about ----------------------------------------------------------------------------


async def test_what_is_typed_becomes_the_note_of_the_call(office: Office) -> None:
    _, call = await office.talks()
    kept = await office.call("PUT", f"/phone/calls/{call}/note", json={"text": "Нет воды"})
    assert kept.status == 204
    assert (await office.call("GET", f"/phone/calls/{call}")).json["note"] == "Нет воды"
    await office.does("hang-up", call)
    done = await office.call("POST", "/phone/wrap-up", json={"outcome": "registered"})
    assert done.json["state"] == "available"
    async with office.desk.database.read() as session:
        notes = await session.exec(select(Message.text).where(Message.direction == "note"))
        assert notes.all() == ["Нет воды"]
    assert (await office.call("GET", f"/phone/calls/{call}")).json["note"] == ""


async def test_a_call_of_which_nothing_was_written_does_not_end_in_silence(office: Office) -> None:
    _, call = await office.talks()
    await office.does("hang-up", call)
    refused = await office.call("POST", "/phone/wrap-up", json={"outcome": "answered"})
    refused.problem(409, "about_what")
    assert (await office.state())["state"] == "wrap_up"
    said = {"outcome": "answered", "note": "Спросили часы работы"}
    assert (await office.call("POST", "/phone/wrap-up", json=said)).json["state"] == "available"
    (await office.call("POST", "/phone/wrap-up", json=said)).problem(409, "nothing_to_wrap_up")


async def test_a_card_tells_who_is_on_the_line(office: Office) -> None:
    _, call = await office.talks()
    found = (await office.call("GET", f"/phone/calls/{call}")).json
    assert (found["call"]["number"], found["call"]["state"]) == (CALLER, "talking")
    assert found["caller"]["contact"]["points"][0]["value"] == CALLER
    assert found["caller"]["appeals"][0]["this_call"] is True
    (await office.call("GET", "/phone/calls/99")).problem(404, "not_found")


async def test_a_call_joins_an_appeal_or_becomes_one(office: Office) -> None:
    _, call = await office.talks()
    other = await office.desk.write_in("5")
    await same_person(office, other)
    place = f"/phone/calls/{call}/matter"
    joined = await office.call("POST", place, json={"appeal": other})
    assert joined.json["appeal"] == other, joined.body
    own = await office.call("POST", place, json={"subject": "Нет воды"})
    assert own.json["appeal"] != other
    for wrong in ({}, {"appeal": other, "subject": "x"}):
        (await office.call("POST", place, json=wrong)).problem(400, "invalid")


async def same_person(office: Office, number: str) -> None:
    """Whoever has called has written that as well."""
    async with office.desk.database.write() as session:
        appeals = (await session.exec(select(Appeal))).all()
        theirs = next(one for one in appeals if one.channel == "phone")
        next(one for one in appeals if one.number == number).contact_id = theirs.contact_id


# --- Calling somebody -----------------------------------------------------------------------------


async def test_one_calls_the_citizen_of_an_appeal(office: Office) -> None:
    side, call = await office.talks()
    await office.exchange.hangs_up(side)
    said = {"outcome": "call_again", "note": "Перезвонить"}
    await office.call("POST", "/phone/wrap-up", json=said)
    number = (await office.call("GET", f"/phone/calls/{call}")).json["call"]["appeal"]
    made = await office.call("POST", "/phone/calls", json={"appeal": number})
    assert made.status == 201
    own = made.json["call"]
    assert (own["kind"], own["direction"], own["number"]) == ("own", "out", CALLER)
    assert (made.json["state"], own["appeal"]) == ("busy", number)
    found = (await office.call("GET", f"/phone/calls?appeal={number}")).json["items"]
    assert [one["id"] for one in found] == [own["id"], call]
    again = await office.call("POST", "/phone/calls", json={"number": CALLER})
    again.problem(409, "on_the_line")


async def test_one_calls_a_contact_whatever_it_is_about(office: Office) -> None:
    side = await office.rings()
    await office.exchange.hangs_up(side)
    await office.at_the_phone()
    (appeal,) = (await office.call("GET", "/appeals?channel=phone")).json["items"]
    made = await office.call("POST", "/phone/calls", json={"contact": appeal["contact"]["id"]})
    assert made.status == 201, made.body
    assert made.json["call"]["number"] == CALLER
    nobody = await office.call("POST", "/phone/calls", json={"contact": "17"})
    nobody.problem(404, "not_found")


async def test_whoever_cannot_be_called_is_not(office: Office) -> None:
    await office.desk.join("Dana")
    off = await office.call("POST", "/phone/calls", json={"number": CALLER})
    off.problem(409, "phone_off")
    await office.at_the_phone()
    (await office.call("POST", "/phone/calls", json={})).problem(400, "invalid")
    (await office.call("POST", "/phone/calls", json={"number": "12"})).problem(400, "invalid")
    number = await office.desk.write_in()
    nobody = await office.call("POST", "/phone/calls", json={"appeal": number})
    nobody.problem(409, "no_number")


async def test_calls_are_listed_a_page_at_a_time_and_by_number(office: Office) -> None:
    await office.at_the_phone()
    for number in (CALLER, "+77019999999", CALLER):
        await office.exchange.hangs_up(await office.rings(number))
    boss = await office.desk.join("Boss", Role.SUPERVISOR)
    asked = "/phone/calls?number=8 701 123-45-67&state=ended"
    found = (await office.call("GET", asked, token=boss)).json["items"]
    assert [one["number"] for one in found] == [CALLER, CALLER]
    first = (await office.call("GET", "/phone/calls?limit=2", token=boss)).json
    rest = await office.call("GET", f"/phone/calls?limit=2&cursor={first['next']}", token=boss)
    assert [one["number"] for one in rest.json["items"]] == [CALLER]
    assert rest.json["next"] is None
    (await office.call("GET", "/phone/calls?cursor=x", token=boss)).problem(400, "invalid")


# --- Call-backs -----------------------------------------------------------------------------------


async def _hung_up(office: Office) -> None:
    await office.exchange.hangs_up(await office.rings())


async def test_who_gave_up_waiting_is_called_from_the_list_and_then_no_more(
    office: Office,
) -> None:
    await _hung_up(office)
    token = await office.at_the_phone()
    assert (await office.state())["call_backs"] == {"count": 1, "overdue": 0}
    [back] = (await office.call("GET", "/phone/call-backs")).json["items"]
    assert (back["number"], back["why"], back["stage"]) == (CALLER, "missed", "due")
    assert back["appeal"] is not None
    path = f"/phone/call-backs/{back['id']}/call"
    called = await office.call("POST", path)
    assert (called.status, called.json["call"]["number"]) == (201, CALLER)
    other = await office.at_the_phone("Erlan")
    (await office.call("POST", path, token=other)).problem(409, "being_called")
    await office.exchange.carry()
    await office.exchange.answers(int(office.desk.id_of("Dana")))
    citizen = [side for side in office.exchange.sides.values() if side.known][-1]
    await office.exchange.picks_up(citizen)
    assert (await office.call("GET", "/phone/call-backs", token=token)).json == {
        "items": [], "due": {"count": 0, "overdue": 0},
    }  # fmt: skip
    (await office.call("POST", path, token=other)).problem(404, "not_found")


async def test_who_need_not_be_called_goes_from_the_list_once(office: Office) -> None:
    await _hung_up(office)
    [back] = (await office.call("GET", "/phone/call-backs")).json["items"]
    gone = await office.call("DELETE", f"/phone/call-backs/{back['id']}")
    assert gone.status == 204
    assert (await office.call("GET", "/phone/call-backs")).json["items"] == []
    again = await office.call("DELETE", f"/phone/call-backs/{back['id']}")
    again.problem(404, "not_found")


async def test_colleagues_who_are_free_come_first_where_a_call_is_given_on(
    office: Office,
) -> None:
    await office.at_the_phone("Aigul")
    await office.call(
        "PATCH",
        "/phone",
        json={"state": "away", "reason": "meal"},
        token=office.desk.tokens["Aigul"],
    )
    await office.at_the_phone("Zarina")
    await office.at_the_phone()
    found = (await office.call("GET", "/phone/colleagues")).json["items"]
    assert [(one["name"], one["state"], one["free"]) for one in found] == [
        ("Zarina", "available", True), ("Aigul", "away", False),
    ]  # fmt: skip
