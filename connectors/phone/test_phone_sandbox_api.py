"""Twilio's stand-in answers its REST API as Twilio does, and tells of calls in any order."""

from typing import Any

import aiohttp
import pytest

from connectors.phone.sandbox import ACCOUNT_SID, APPLICATION_SID, NUMBER, Callback, PhoneSandbox
from connectors.phone.sandbox_legs import Go
from connectors.testing.sandbox import answer
from connectors.testing.scripted_hub import ScriptedHub

CITIZEN, OPERATOR = "+77012223344", "client:operator_17"
ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
HUB = "https://hub.example.kz"
ALL = ["initiated", "ringing", "answered", "completed"]
RING = {"To": OPERATOR, "From": NUMBER, "Url": f"{HUB}/leg"}


async def ask(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, path: str, form: Any = None
) -> tuple[int, Any]:
    method = "GET" if form is None else "POST"
    address = path if path.startswith("/") else f"{ACCOUNT}/{path}"
    async with http.request(method, twilio.url + address, data=form) as response:
        await twilio.idle()
        return response.status, await response.json()


async def test_nobody_is_let_in_without_the_token(twilio: PhoneSandbox) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ("Calls", "Conferences", "Recordings", "Queues", "Recordings/RE1"):
            status, body = await ask(http, twilio, f"{path}.json")
            assert (status, body["code"]) == (401, 20003), path


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": None}, 21201),
        ({"From": None}, 21213),
        ({"Url": None}, 21205),
        ({"Url": "/leg"}, 21205),
        ({"Url": None, "Twiml": "<Response><Speak/></Response>"}, 12200),
        ({"Url": None, "Twiml": f"<Response>{' ' * 4000}</Response>"}, 21205),
        ({"ApplicationSid": "AP1"}, 21218),
        ({"To": "87012223344"}, 21211),
        ({"To": "operator_17"}, 21211),
        ({"To": "client:operator-17"}, 21211),
        ({"To": "client:"}, 21211),
        ({"To": "sip:pbx"}, 21211),
        ({"To": "+77770000000"}, 21217),
        ({"To": "+996555000111"}, 21215),
        ({"From": "+1"}, 21212),
        ({"From": CITIZEN}, 21210),
        ({"To": CITIZEN, "From": "client:a"}, 21212),
        ({"StatusCallback": "hub.example.kz"}, 21205),
        ({"StatusCallbackEvent": "done"}, 21626),
        ({"Method": "PUT"}, 21209),
        ({"Timeout": "601"}, 21208),
        ({"Timeout": "soon"}, 21208),
    ],
)
async def test_a_call_that_is_not_as_it_must_be_is_refused(
    changes: dict[str, str | None], code: int, http: aiohttp.ClientSession, twilio: PhoneSandbox
) -> None:
    twilio.device(OPERATOR)
    twilio.nonexistent.add("+77770000000")
    twilio.closed_countries.add("+996")
    form = {name: value for name, value in {**RING, **changes}.items() if value is not None}
    status, body = await ask(http, twilio, "Calls.json", form)
    assert (status, body["code"], body["status"]) == (400, code, 400)
    assert not twilio.legs


async def test_json_is_not_what_twilio_takes(
    http: aiohttp.ClientSession, twilio: PhoneSandbox
) -> None:
    async with http.post(f"{twilio.url}{ACCOUNT}/Calls.json", json=RING) as response:
        assert response.status == 415


async def test_a_suspended_account_calls_nobody(
    http: aiohttp.ClientSession, twilio: PhoneSandbox
) -> None:
    twilio.status = "suspended"
    _, body = await ask(http, twilio, "Calls.json", RING)
    assert body["code"] == 20005


async def test_too_fast_is_429(http: aiohttp.ClientSession) -> None:
    async with PhoneSandbox(per_second=1.0) as twilio:
        assert (await ask(http, twilio, "Calls.json"))[0] == 200
        status, body = await ask(http, twilio, "Calls.json")
        assert (status, body["code"]) == (429, 20429)
        await twilio.pass_time(1)
        assert (await ask(http, twilio, "Calls.json"))[0] == 200


@pytest.mark.parametrize(
    ("to", "sender"),
    [
        (OPERATOR, NUMBER),
        (OPERATOR, "client:77012223344"),
        ("client:operator_17?appeal=7", NUMBER),
        ("sip:17@pbx.example.kz", "77012223344"),
        ("sip:17@pbx.example.kz:5061;transport=tls", NUMBER),
        (CITIZEN, NUMBER),
        (CITIZEN, "+77272999999"),
    ],
)
async def test_who_may_be_called_and_shown(
    to: str, sender: str, http: aiohttp.ClientSession, twilio: PhoneSandbox
) -> None:
    twilio.verified.add("+77272999999")
    status, body = await ask(http, twilio, "Calls.json", {**RING, "To": to, "From": sender})
    assert (status, body["status"], body["from"]) == (201, "queued", sender)
    assert body["direction"] == "outbound-api"


# --- What becomes of a call -----------------------------------------------------------------------


async def test_an_answered_call_is_told_of_step_by_step(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/leg"] = "<Say>Hello</Say><Pause length='60'/>"
    device = twilio.device(OPERATOR)
    form = [*RING.items(), ("StatusCallback", f"{HUB}/status?leg=1")]
    form += [("StatusCallbackEvent", event) for event in ALL]
    _, made = await ask(http, twilio, "Calls.json", form)
    await twilio.pass_time(4)
    await device.answer()
    await twilio.pass_time(30)
    await device.hang_up()
    told = list(scripted.told("/status"))
    assert [one["CallStatus"] for one in told] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert [one["SequenceNumber"] for one in told] == ["0", "1", "2", "3"]
    assert (told[-1]["CallDuration"], told[-1]["CallSid"]) == ("30", made["sid"])
    assert "CallDuration" not in told[1]
    _, fetched = await ask(http, twilio, f"Calls/{made['sid']}.json")
    assert (fetched["status"], fetched["duration"]) == ("completed", "30")


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("declined", "busy"),
        ("ignored", "no-answer"),
        ("closed", "no-answer"),
        ("nobody", "no-answer"),
        ("engaged", "busy"),
        ("canceled", "canceled"),
        ("completed", "canceled"),
    ],
)
async def test_a_call_that_nobody_answers_ends_by_its_reason(
    what: str,
    status: str,
    http: aiohttp.ClientSession,
    twilio: PhoneSandbox,
    scripted: ScriptedHub,
) -> None:
    scripted.replies["/call"] = "<Pause length='60'/>"
    to = {"nobody": "client:nobody", "engaged": CITIZEN}.get(what, OPERATOR)
    device, citizen = twilio.device(OPERATOR), twilio.caller(CITIZEN)
    device.online = what != "closed"
    if what == "engaged":
        await citizen.call()
    form = {**RING, "To": to, "Timeout": "20", "StatusCallback": f"{HUB}/status"}
    _, made = await ask(http, twilio, "Calls.json", form)
    if what == "declined":
        await device.decline()
    elif what in {"canceled", "completed"}:
        await ask(http, twilio, f"Calls/{made['sid']}.json", {"Status": what})
    elif what == "ignored":
        await twilio.pass_time(19)
        assert device.ringing
        await twilio.pass_time(1)
    (told,) = scripted.told("/status")
    assert (told["CallStatus"], told["CallDuration"]) == (status, "0")
    assert not device.ringing
    assert not list(scripted.told("/leg"))


async def test_whoever_is_there_may_pick_up_by_themselves(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/leg"] = "<Say>Hello</Say>"
    device = twilio.device(OPERATOR)
    device.answers_after = 3
    await ask(http, twilio, "Calls.json", RING)
    await twilio.pass_time(2.9)
    assert device.ringing
    await twilio.pass_time(0.1)
    assert device.transcript == ["Hello"]


async def test_a_document_can_come_with_the_call(
    http: aiohttp.ClientSession, twilio: PhoneSandbox
) -> None:
    device = twilio.device(OPERATOR)
    form = {**RING, "Url": "", "Twiml": "<Response><Say>Hello</Say></Response>"}
    await ask(http, twilio, "Calls.json", form)
    await device.answer()
    assert device.transcript == ["Hello"]


async def test_only_a_call_that_goes_on_can_be_moved(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Say>One</Say><Pause length='60'/>"
    scripted.replies["/next"] = "<Say>Two</Say>"
    caller, device = twilio.caller(CITIZEN), twilio.device(OPERATOR)
    leg = await caller.call()
    _, ringing = await ask(http, twilio, "Calls.json", RING)
    move = {"Url": f"{HUB}/next"}
    status, body = await ask(http, twilio, f"Calls/{ringing['sid']}.json", move)
    assert (status, body["code"]) == (400, 21220)
    assert device.ringing
    status, _ = await ask(http, twilio, f"Calls/{leg.sid}.json", {"Status": "canceled"})
    assert (status, caller.status) == (200, "in-progress"), "an answered call is not canceled"
    assert (await ask(http, twilio, f"Calls/{leg.sid}.json", move))[0] == 200
    assert caller.transcript == ["One", "Two"]
    await ask(http, twilio, f"Calls/{leg.sid}.json", {"Status": "completed"})
    assert caller.status == "completed"
    for form in (move, {"Status": "completed"}, {"Status": "canceled"}):
        status, body = await ask(http, twilio, f"Calls/{leg.sid}.json", form)
        assert (status, body["code"]) == (400, 21220)
    assert (await ask(http, twilio, "Calls/CA0.json", move))[0] == 404


async def test_a_call_can_be_moved_as_soon_as_it_is_told_to_be_answered(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/leg"] = "<Say>One</Say>"
    scripted.replies["/next"] = "<Say>Two</Say>"
    device = twilio.device(OPERATOR)

    def move(_: object) -> str:
        device.legs[0].move(Go(address=f"{HUB}/next"))
        return ""

    scripted.replies["/status"] = move
    form = [*RING.items(), ("StatusCallback", f"{HUB}/status"), ("StatusCallbackEvent", "answered")]
    await ask(http, twilio, "Calls.json", form)
    await device.answer()
    assert device.transcript == ["Two"]


async def test_the_called_side_of_a_dial_can_be_moved_away(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Dial><Client>operator_17</Client></Dial><Say>Alone</Say>"
    scripted.replies["/next"] = "<Say>Two</Say>"
    caller, device = twilio.caller(CITIZEN), twilio.device(OPERATOR)
    await caller.call()
    await device.answer()
    sid = device.legs[0].sid
    status, _ = await ask(http, twilio, f"Calls/{sid}.json", {"Url": f"{HUB}/next"})
    assert status == 200
    assert (caller.transcript, device.transcript) == (["Alone"], ["Two"])


@pytest.mark.parametrize("answered", ["<Say>One</Say>", "<Hangup/>", ""])
async def test_an_answer_that_comes_after_the_call_was_moved_is_not_followed(
    answered: str, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    caller = twilio.caller(CITIZEN)
    scripted.replies["/call"] = '<Gather action="/step"/>'
    scripted.replies["/next"] = "<Say>Two</Say>"
    leg = await caller.call()

    def move_meanwhile(_: object) -> str:
        leg.move(Go(address=f"{HUB}/next"))
        return answered

    scripted.replies["/step"] = move_meanwhile
    await caller.press("1#")
    assert caller.transcript == ["Two"]


@pytest.mark.parametrize(
    ("policy", "statuses"),
    [
        (lambda _: (), []),
        (lambda _: (0, 0), ["initiated"] * 2 + ["ringing"] * 2 + ["in-progress"] * 2),
        (
            lambda told: (5,) if told.event == "ringing" else (0,),
            ["initiated", "in-progress", "ringing"],
        ),
        (lambda told: (0, 9) if told.event == "answered" else (), ["in-progress", "in-progress"]),
    ],
    ids=range(4),
)
async def test_callbacks_come_again_late_or_never_as_a_test_says(
    policy: Any,
    statuses: list[str],
    http: aiohttp.ClientSession,
    twilio: PhoneSandbox,
    scripted: ScriptedHub,
) -> None:
    scripted.replies["/leg"] = "<Pause length='60'/>"
    twilio.callbacks = policy
    device = twilio.device(OPERATOR)
    form = [*RING.items(), ("StatusCallback", f"{HUB}/status")]
    form += [("StatusCallbackEvent", event) for event in ALL]
    await ask(http, twilio, "Calls.json", form)
    await device.answer()
    await twilio.pass_time(10)
    assert [told["CallStatus"] for told in scripted.told("/status")] == statuses
    assert all(isinstance(told, Callback) for told in twilio.told)


async def test_a_callback_that_is_answered_badly_is_written_into_the_debugger(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/status"] = answer(status=500)
    form = {**RING, "To": "client:nobody", "StatusCallback": f"{HUB}/status"}
    await ask(http, twilio, "Calls.json", form)
    assert [(error.code, error.address) for error in twilio.errors] == [(15003, f"{HUB}/status")]


# --- Lists and settings ---------------------------------------------------------------------------


async def test_calls_are_listed_by_what_is_asked_page_by_page(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Pause length='5'/><Say>Hello</Say>"
    sids = []
    for n in range(5):
        sids.append((await twilio.caller(f"+7701222334{n}").call()).sid)
        await twilio.pass_time(60)
    path, found, most = f"{ACCOUNT}/Calls.json?PageSize=2&To=%2B77272000109", [], 0
    while path:
        _, body = await ask(http, twilio, path)
        found += [one["sid"] for one in body["calls"]]
        most = max(most, len(body["calls"]))
        path = body["next_page_uri"]
    assert (found, most) == (sids[::-1], 2), "the newest first"
    since = "2026-03-02T04:02:00Z"
    for query, expected in {
        f"StartTime%3E={since}": sids[:1:-1],
        f"StartTime%3C={since}": sids[2::-1],
        "StartTime=2026-03-02": sids[::-1],
        "StartTime=2026-03-01": [],
        "From=%2B77012223342": [sids[2]],
        "Status=completed": sids[::-1],
        "Status=busy": [],
    }.items():
        _, body = await ask(http, twilio, f"Calls.json?{query}")
        assert [one["sid"] for one in body["calls"]] == expected, query


async def test_conferences_and_queues_are_listed(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = "<Dial><Conference>call-1</Conference></Dial>"
    leg = await twilio.caller(CITIZEN).call()
    _, body = await ask(http, twilio, "Conferences.json?FriendlyName=call-1&Status=init")
    (room,) = body["conferences"]
    assert (await ask(http, twilio, "Conferences.json?FriendlyName=call-2"))[1]["conferences"] == []
    _, body = await ask(http, twilio, f"Conferences/{room['sid']}/Participants.json")
    assert [one["call_sid"] for one in body["participants"]] == [leg.sid]
    _, body = await ask(http, twilio, f"Conferences/{room['sid']}.json", {"Status": "completed"})
    assert (body["status"], body["reason_conference_ended"]) == (
        "completed",
        "conference-ended-via-api",
    )
    assert leg.status == "completed"
    scripted.replies["/call"] = "<Enqueue>support</Enqueue>"
    await twilio.caller(CITIZEN).call()
    _, body = await ask(http, twilio, "Queues.json")
    assert [(one["friendly_name"], one["current_size"]) for one in body["queues"]] == [
        ("support", 1)
    ]


async def test_recordings_are_listed_by_call(
    http: aiohttp.ClientSession, twilio: PhoneSandbox, scripted: ScriptedHub
) -> None:
    scripted.replies["/call"] = '<Record action="/message"/>'
    twilio.next_sound = b"\xff\xf3what was said"
    leg = await twilio.caller(CITIZEN).call()
    await twilio.pass_time(7)
    _, body = await ask(http, twilio, f"Recordings.json?CallSid={leg.sid}")
    (recording,) = body["recordings"]
    assert recording["status"] == "completed"
    for query, found in {
        "CallSid=CA0": [],
        "DateCreated%3E=2026-03-02": [recording],
        "DateCreated%3E=2026-03-03": [],
        "DateCreated%3C=2026-03-02T04:00:01Z": [recording],
    }.items():
        _, body = await ask(http, twilio, f"Recordings.json?{query}")
        assert body["recordings"] == found, query
    _, body = await ask(http, twilio, f"Calls/{leg.sid}/Recordings.json")
    assert body["recordings"] == [recording]
    path = f"{twilio.url}{ACCOUNT}/Recordings/{recording['sid']}.mp3"
    async with http.get(path) as response:
        assert await response.read() == b"\xff\xf3what was said"
    async with aiohttp.ClientSession() as stranger, stranger.get(path) as response:
        assert response.status == 401


async def test_where_a_number_leads_can_be_set(
    http: aiohttp.ClientSession, twilio: PhoneSandbox
) -> None:
    _, body = await ask(http, twilio, "IncomingPhoneNumbers.json?PhoneNumber=%2B77272000109")
    (number,) = body["incoming_phone_numbers"]
    assert number["voice_url"] == f"{HUB}/call"
    form = {"VoiceUrl": f"{HUB}/new", "VoiceFallbackUrl": f"{HUB}/else", "StatusCallback": ""}
    path = f"IncomingPhoneNumbers/{number['sid']}.json"
    _, body = await ask(http, twilio, path, form)
    assert (body["voice_url"], body["voice_fallback_url"]) == (f"{HUB}/new", f"{HUB}/else")
    assert twilio.numbers[NUMBER].voice_url == f"{HUB}/new"
    assert twilio.numbers[NUMBER].status_callback == ""
    assert APPLICATION_SID in twilio.applications
