"""Accounts and the buried over HTTP."""

import base64
from datetime import timedelta
from typing import Any

from registry.accounts import pause, set_health
from registry.models import Buried
from registry.operators import Role
from registry.types import AccountKey
from tests.hub.test_api.desk import Desk
from tests.registry.samples import START
from workers.bus import Topic

TELEGRAM = AccountKey("telegram", "main")


async def test_every_account_of_the_settings_is_shown_before_it_was_ever_checked(
    desk: Desk,
) -> None:
    answer = await desk.call("GET", "/channels")
    assert answer.status == 200
    assert [(c["channel"], c["account"]) for c in answer.json["items"]] == [
        ("telegram", "main"),
        ("whatsapp", "main"),
    ]
    shown = answer.json["items"][0]
    can = shown.pop("capabilities")
    assert (can["max_text"], can["text_unit"], can["public"]) == (4096, "codepoints", None)
    assert can["media"] == {"photo": {"max_bytes": 1000, "mimes": ["image/*"]}}
    assert shown == {
        "channel": "telegram",
        "account": "main",
        "configured": True,
        "health": "unknown",
        "summary": "Nothing has been checked or carried yet.",
        "cure": None,
        "checked_at": None,
        "last_in_at": None,
        "last_out_at": None,
        "paused_until": None,
        "stopped_at": None,
        "stopped_by": "",
        "queued": 0,
        "accepted_today": 0,
        "failed_today": 0,
        "can_send": True,
        "details": {},
    }


async def test_health_pauses_and_what_waits_are_shown(desk: Desk) -> None:
    number = await desk.write_in()
    await desk.reply(number)
    async with desk.database.write() as session:
        await set_health(
            session, TELEGRAM, health="down", summary="The token is dead.", cure="Renew it.",
            now=START,
        )  # fmt: skip
        await pause(session, TELEGRAM, until=START + timedelta(minutes=1))
    shown = (await desk.call("GET", "/channels")).json["items"][0]
    assert (shown["health"], shown["summary"], shown["cure"]) == (
        "down", "The token is dead.", "Renew it.",
    )  # fmt: skip
    assert shown["checked_at"] == "2026-03-02T04:00:00Z"
    assert shown["paused_until"] == "2026-03-02T04:01:00Z"
    assert shown["last_in_at"] is not None
    assert shown["queued"] == 1
    assert (shown["accepted_today"], shown["failed_today"]) == (1, 0)


async def test_a_supervisor_pauses_an_account_and_lets_it_work_again(desk: Desk) -> None:
    number = await desk.write_in()
    boss = await desk.join("Saule", Role.SUPERVISOR)
    path = "/channels/telegram/main"
    (await desk.call("PATCH", path, json={"paused": True})).problem(403, "forbidden")

    paused = (await desk.call("PATCH", path, json={"paused": True}, token=boss)).json
    assert (paused["stopped_at"], paused["stopped_by"]) == ("2026-03-02T04:00:00Z", "Saule")
    problem = (await desk.reply(number)).problem(409, "account_paused")
    assert "Saule" in problem["reason"]
    again = (await desk.call("PATCH", path, json={"paused": True}, token=boss)).json
    assert again["stopped_at"] == paused["stopped_at"]

    resumed = (await desk.call("PATCH", path, json={"paused": False}, token=boss)).json
    assert (resumed["stopped_at"], resumed["stopped_by"]) == (None, "")
    assert (await desk.reply(number)).status == 202
    assert desk.bus.woken_for.count(Topic.OUTBOX) == 4

    nobodys = await desk.call(
        "PATCH", "/channels/telegram/other", json={"paused": True}, token=boss
    )
    nobodys.problem(404, "not_found")


async def test_an_account_that_left_the_settings_is_still_seen(desk: Desk) -> None:
    await desk.write_in(account="old")
    shown = (await desk.call("GET", "/channels")).json["items"]
    [old] = [item for item in shown if item["account"] == "old"]
    assert (old["configured"], old["health"]) == (False, "down")
    assert "not in the settings" in old["summary"]


# --- The buried ---------------------------------------------------------------------------------


async def bury(desk: Desk, count: int = 1, **columns: Any) -> list[str]:
    fields: dict[str, Any] = {
        "channel": "telegram", "account": "main", "query": "", "headers": {}, "item": "",
        "reason": "The body is no JSON.", "received_at": START, "buried_at": START,
    }  # fmt: skip
    ids = []
    async with desk.database.write() as session:
        for i in range(count):
            row = Buried(
                **({"envelope_id": f"e{i}", "digest": f"d{i}", "body": b"{"} | fields | columns)
            )
            session.add(row)
            ids.append(str(row.id))
    desk.replay.known |= {int(id_) for id_ in ids}
    return ids


async def test_the_buried_come_newest_first_in_pages(desk: Desk) -> None:
    token = await desk.join("Saule", Role.SUPERVISOR)
    ids = await bury(desk, 5)
    seen: list[str] = []
    query = "limit=2"
    while True:
        page = (await desk.call("GET", f"/buried?{query}", token=token)).json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query = f"limit=2&cursor={page['next']}"
    assert seen == ids[::-1]
    assert page["items"][0] == {
        "id": ids[0], "channel": "telegram", "account": "main", "action": "", "item": "",
        "reason": "The body is no JSON.", "message_id": None,
        "received_at": "2026-03-02T04:00:00Z", "buried_at": "2026-03-02T04:00:00Z",
        "replayed_at": None,
    }  # fmt: skip
    bad = await desk.call("GET", "/buried?cursor=x", token=token)
    assert bad.problem(400, "invalid")["pointer"] == "/cursor"


async def test_one_of_the_buried_shows_what_came_untouched(desk: Desk) -> None:
    token = await desk.join("Saule", Role.SUPERVISOR)
    text = '{"update_id": 1, "message": "Сәлем'
    [readable] = await bury(desk, body=text.encode(), headers={"content-type": "text/plain"})
    [binary] = await bury(desk, body=b"\xff\x00\xfe", digest="b")
    shown = (await desk.call("GET", f"/buried/{readable}", token=token)).json
    assert (shown["body"], shown["encoding"]) == (text, "utf-8")
    assert shown["headers"] == {"content-type": "text/plain"}
    shown = (await desk.call("GET", f"/buried/{binary}", token=token)).json
    assert (base64.b64decode(shown["body"]), shown["encoding"]) == (b"\xff\x00\xfe", "base64")
    (await desk.call("GET", "/buried/5", token=token)).problem(404, "not_found")


async def test_raw_deliveries_are_not_for_every_operator(desk: Desk) -> None:
    [id_] = await bury(desk)
    (await desk.call("GET", "/buried")).problem(403, "forbidden")
    (await desk.call("GET", f"/buried/{id_}")).problem(403, "forbidden")
    (await desk.call("POST", f"/buried/{id_}/replay")).problem(403, "forbidden")


async def test_a_replay_says_whether_it_could_be_registered(desk: Desk) -> None:
    token = await desk.join("Saule", Role.SUPERVISOR)
    [id_] = await bury(desk)
    still = await desk.call("POST", f"/buried/{id_}/replay", token=token)
    still.problem(409, "still_unreadable")
    desk.replay.readable.add(int(id_))
    done = await desk.call("POST", f"/buried/{id_}/replay", token=token)
    assert (done.status, done.json) == (200, {"id": id_, "replayed": True})
    (await desk.call("POST", "/buried/5/replay", token=token)).problem(404, "not_found")
