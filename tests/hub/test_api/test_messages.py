"""Replies, notes and retries over HTTP."""

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from registry.models import AccountState, Conversation, Dispatch, Message
from registry.operators import Role
from registry.types import DeliveryState
from tests.hub.test_api.desk import Desk
from workers.bus import Topic

MESSAGE = {
    "id", "direction", "text", "sent_at", "author", "external_id", "reply_to", "attachments",
    "delivery", "edited_at", "deleted_at", "hidden_at", "private", "language", "channel", "account",
}  # fmt: skip


async def test_a_reply_is_accepted_kept_and_the_outbox_woken(desk: Desk) -> None:
    number = await desk.write_in("41")
    answer = await desk.reply(number, "Бригада выехала, ждите до 18:00")
    assert answer.status == 202
    assert set(answer.json) == MESSAGE
    assert answer.json["direction"] == "out"
    assert answer.json["author"] == "Dana"
    assert answer.json["reply_to"] == "41"
    assert answer.json["delivery"] == {
        "state": "queued", "error": None, "at": "2026-03-02T04:00:00Z", "held_until": None,
    }  # fmt: skip
    assert desk.bus.woken_for == [Topic.OUTBOX]
    shown = (await desk.call("GET", f"/appeals/{number}")).json
    assert shown["messages"][-1] == answer.json
    assert (shown["unread"], shown["message_count"], shown["status"]) == (0, 2, "open")
    async with desk.database.read() as session:
        dispatch = (await session.exec(select(Dispatch))).one()
    assert str(dispatch.message_id) == answer.json["id"]


async def test_the_same_key_answers_the_same_message_and_sends_one(desk: Desk) -> None:
    number = await desk.write_in()
    first = await desk.reply(number, key="one")
    again = await desk.reply(number, key="one")
    assert (again.status, again.json) == (202, first.json)
    other = await desk.reply(number, "Другой ответ", key="one")
    assert "new one" in other.problem(422, "key_reused")["detail"]
    await desk.reply(number, key="two")
    async with desk.database.read() as session:
        assert len((await session.exec(select(Dispatch))).all()) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("key", [None, "", " ", "k k", "k" * 256, "ключ"])
async def test_a_reply_needs_a_key(desk: Desk, key: str | None) -> None:
    number = await desk.write_in()
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await desk.call(
        "POST", f"/appeals/{number}/replies", json={"text": "Сәлем"}, headers=headers
    )
    assert "Idempotency-Key" in answer.problem(400, "idempotency_key_required")["detail"]
    assert desk.bus.woken_for == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_empty_reply_or_an_unknown_upload_is_refused(desk: Desk) -> None:
    number = await desk.write_in()
    assert (await desk.reply(number, " \n")).problem(400, "invalid")["pointer"] == "/text"
    for upload in ("1", "x"):
        answer = await desk.reply(number, attachments=[upload])
        assert answer.problem(400, "invalid")["pointer"] == "/attachments"
    (await desk.reply("ALM-2026-0009999")).problem(404, "not_found")


async def test_a_closed_window_is_409_with_the_reason_and_what_can_be_done(desk: Desk) -> None:
    number = await desk.write_in(channel="whatsapp")
    assert (await desk.reply(number, key="in-time")).status == 202
    desk.a_day_later()
    problem = (await desk.reply(number, key="too-late")).problem(409, "window_closed")
    assert problem["reason"].startswith("The reply window of whatsapp, 24 hours")
    assert problem["instead"]
    assert (await desk.reply(number, key="in-time")).status == 202


async def test_a_citizen_who_blocked_us_is_409(desk: Desk) -> None:
    number = await desk.write_in()
    async with desk.database.write() as session:
        await session.exec(update(Conversation).values(blocked_at=desk.clock()))
    problem = (await desk.reply(number)).problem(409, "contact_blocked")
    assert problem["reason"] == "The citizen has blocked this account."
    assert desk.bus.woken_for == []


async def test_an_account_that_is_down_or_gone_is_409(desk: Desk) -> None:
    number = await desk.write_in()
    async with desk.database.write() as session:
        state = await session.get(AccountState, ("telegram", "main"))
        if state is None:
            state = AccountState(channel="telegram", account="main")
            session.add(state)
        state.health, state.summary, state.cure = "down", "The token is dead.", "Renew it."
        state.can_send = False
    problem = (await desk.reply(number)).problem(409, "account_down")
    assert "The token is dead." in problem["reason"]
    assert problem["instead"] == "Renew it."
    elsewhere = await desk.write_in(citizen="701", account="old")
    (await desk.reply(elsewhere)).problem(409, "account_missing")


async def test_what_came_over_the_counter_cannot_be_answered_there(desk: Desk) -> None:
    body = {"channel": "letter", "contact": {"name": "Ерлан"}, "text": "Жарық жоқ"}
    number = (await desk.call("POST", "/appeals", json=body)).json["number"]
    problem = (await desk.reply(number)).problem(409, "no_channel")
    assert "note" in problem["instead"]


async def test_a_note_stays_inside(desk: Desk) -> None:
    number = await desk.write_in()
    answer = await desk.call(
        "POST", f"/appeals/{number}/notes", json={"text": "Звонил, не ответили"}
    )
    assert answer.status == 201
    assert set(answer.json) == MESSAGE
    assert (answer.json["direction"], answer.json["delivery"]) == ("note", None)
    assert answer.json["author"] == "Dana"
    assert (await desk.call("GET", f"/appeals/{number}")).json["messages"][-1] == answer.json
    assert desk.bus.woken_for == []
    async with desk.database.read() as session:
        assert (await session.exec(select(Dispatch))).all() == []
    blank = await desk.call("POST", f"/appeals/{number}/notes", json={"text": " "})
    assert blank.problem(400, "invalid")["pointer"] == "/text"
    program = await desk.token("program", Role.OPERATOR)
    noted = await desk.call(
        "POST", f"/appeals/{number}/notes", json={"text": "Проверено"}, token=program
    )
    assert noted.json["author"] == "program"


# --- Retry --------------------------------------------------------------------------------------


async def left_as(desk: Desk, state: DeliveryState) -> str:
    """A reply whose sending ended so; its id."""
    number = await desk.write_in()
    message_id = str((await desk.reply(number)).json["id"])
    async with desk.database.write() as session:
        await session.exec(
            update(Message).where(col(Message.id) == int(message_id)).values(state=state)
        )
        await session.exec(update(Dispatch).values(state=state))
    desk.bus.woken_for.clear()
    return message_id


async def test_a_failed_message_is_sent_again(desk: Desk) -> None:
    message_id = await left_as(desk, DeliveryState.FAILED)
    answer = await desk.call("POST", f"/messages/{message_id}/retry")
    assert answer.status == 202
    assert answer.json["id"] == message_id
    assert answer.json["delivery"]["state"] == "queued"
    assert desk.bus.woken_for == [Topic.OUTBOX]


async def test_an_uncertain_message_needs_an_explicit_word(desk: Desk) -> None:
    message_id = await left_as(desk, DeliveryState.UNCERTAIN)
    for body in ({}, {"even_if_sent": False}):
        refused = await desk.call("POST", f"/messages/{message_id}/retry", json=body)
        assert "even_if_sent" in refused.problem(409, "not_retryable")["detail"]
    assert desk.bus.woken_for == []
    answer = await desk.call("POST", f"/messages/{message_id}/retry", json={"even_if_sent": True})
    assert (answer.status, answer.json["delivery"]["state"]) == (202, "queued")


async def test_what_waits_is_sent_or_came_in_is_not_retried(desk: Desk) -> None:
    message_id = await left_as(desk, DeliveryState.SENT)
    refused = await desk.call("POST", f"/messages/{message_id}/retry")
    assert refused.problem(409, "not_retryable")["state"] == "sent"
    (await desk.call("POST", "/messages/12/retry")).problem(404, "not_found")
    (await desk.call("POST", "/messages/x/retry")).problem(404, "not_found")
    async with desk.database.read() as session:
        received = await session.exec(select(Message).where(Message.direction == "in"))
        id_ = received.one().id
    (await desk.call("POST", f"/messages/{id_}/retry")).problem(404, "not_found")
