"""What the composer does: hold and take back, set a status, meet colleagues, mind languages."""

from datetime import timedelta
from threading import current_thread
from typing import Any

import pytest
from sqlmodel import select

from registry.models import Appeal, Attachment, Message
from registry.operators import Role
from registry.outbox import claim_due
from registry.replies import planning
from registry.splitting import plan_parts
from registry.types import AccountKey
from tests.hub.test_api.desk import Answer, Desk
from tests.hub.test_api.test_files import PNG, upload
from tests.registry.desk import receive
from tests.registry.samples import START, echo, message
from workers.bus import Topic

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TELEGRAM = AccountKey("telegram", "main")


async def messages(desk: Desk, number: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await desk.call("GET", f"/appeals/{number}")).json["messages"]
    return found


async def take_back(desk: Desk, answered: Answer, **more: Any) -> Answer:
    return await desk.call("DELETE", f"/messages/{answered.json['id']}", **more)


async def as_erlan(desk: Desk, number: str, **fields: Any) -> Answer:
    """A colleague answers."""
    token = desk.tokens.get("Erlan") or await desk.join("Erlan")
    return await desk.call(
        "POST", f"/appeals/{number}/replies", token=token,
        json={"text": "Мен жауап бердім", **fields}, headers={"Idempotency-Key": "erlan"},
    )  # fmt: skip


# --- Held, and taken back -------------------------------------------------------------------------


async def test_a_held_reply_tells_until_when_it_can_be_taken_back(desk: Desk) -> None:
    number = await desk.write_in()
    answered = await desk.reply(number, hold_seconds=5)
    assert answered.status == 202
    assert answered.json["delivery"] == {
        "state": "queued", "error": None, "at": "2026-03-02T04:00:00Z",
        "held_until": "2026-03-02T04:00:05Z",
    }  # fmt: skip
    assert (await messages(desk, number))[-1] == answered.json
    claim = claim_due(
        TELEGRAM, limit=5, owner="o", now=START + timedelta(seconds=5), lease=timedelta(minutes=1)
    )
    assert len(await desk.database.run(claim)) == 1
    [_, shown] = await messages(desk, number)
    assert (shown["delivery"]["state"], shown["delivery"]["held_until"]) == ("sending", None)


@one_database
@pytest.mark.parametrize("seconds", [-1, 31, 2.5, "5"])
async def test_nothing_is_held_for_longer_than_half_a_minute(desk: Desk, seconds: Any) -> None:
    answered = await desk.reply(await desk.write_in(), hold_seconds=seconds)
    assert answered.problem(400, "invalid")["pointer"] == "/hold_seconds"


async def test_a_reply_that_is_taken_back_is_the_writers_again(desk: Desk) -> None:
    number = await desk.write_in()
    file = (await upload(desk, PNG[:900])).json
    answered = await desk.reply(number, "Фото", attachments=[file["id"]], hold_seconds=5)
    desk.bus.woken_for.clear()
    taken = await take_back(desk, answered)
    assert taken.status == 200
    assert taken.json["content"]["text"] == "Фото"
    assert (taken.json["number"], taken.json["uploads"]) == (number, [file])
    assert desk.bus.woken_for == [Topic.OUTBOX]
    assert [one["direction"] for one in await messages(desk, number)] == ["in"]
    kept = (await desk.call("GET", f"/appeals/{number}/draft")).json["draft"]
    assert (kept["version"], kept["content"]) == (
        taken.json["draft_version"], taken.json["content"],
    )  # fmt: skip
    (await take_back(desk, answered)).problem(404, "not_found")
    # The same request once more is no new reply; the same words under a new key are.
    again = await desk.reply(number, "Фото", attachments=[file["id"]], hold_seconds=5)
    again.problem(409, "taken_back")
    assert (await desk.reply(number, "Фото", key="k2", attachments=[file["id"]])).status == 202


async def test_what_is_on_its_way_is_too_late_to_take_back(desk: Desk) -> None:
    answered = await desk.reply(await desk.write_in())
    lease = timedelta(minutes=1)
    await desk.database.run(claim_due(TELEGRAM, limit=5, owner="o", now=START, lease=lease))
    assert (await take_back(desk, answered)).problem(409, "too_late")["state"] == "sending"


async def test_a_colleagues_reply_is_taken_back_by_a_supervisor_alone(desk: Desk) -> None:
    answered = await desk.reply(await desk.write_in(), hold_seconds=30)
    colleague = await take_back(desk, answered, token=await desk.join("Erlan"))
    assert "Dana" in colleague.problem(403, "forbidden")["detail"]
    boss = await take_back(desk, answered, token=await desk.join("Aigul", Role.SUPERVISOR))
    assert (boss.status, boss.json["draft_version"]) == (200, None)


# --- Send, and set the status ---------------------------------------------------------------------


async def test_a_reply_and_what_becomes_of_the_appeal_go_together(desk: Desk) -> None:
    number = await desk.write_in()
    then = {"status": "resolved", "outcome": "fixed"}
    answered = await desk.reply(number, then=then)
    assert answered.status == 202
    shown = (await desk.call("GET", f"/appeals/{number}")).json
    assert (shown["status"], shown["outcome"]) == ("resolved", "fixed")
    assert [entry["event"] for entry in shown["journal"]][-2:] == [
        "message.queued", "appeal.changed",
    ]  # fmt: skip
    # The same request again changes nothing once more.
    await desk.call("PATCH", f"/appeals/{number}", json={"status": "open"})
    assert (await desk.reply(number, then=then)).status == 202
    assert (await desk.call("GET", f"/appeals/{number}")).json["status"] == "open"


async def test_an_appeal_is_put_off_with_the_reply_and_back_without_it(desk: Desk) -> None:
    number = await desk.write_in()
    then = {"status": "pending", "snoozed_until": "2026-03-04T09:00:00+05:00"}
    answered = await desk.reply(number, then=then, hold_seconds=5)
    shown = (await desk.call("GET", f"/appeals/{number}")).json
    assert (shown["status"], shown["snoozed_until"]) == ("pending", "2026-03-04T04:00:00Z")
    assert (await take_back(desk, answered)).status == 200
    shown = (await desk.call("GET", f"/appeals/{number}")).json
    assert (shown["status"], shown["snoozed_until"]) == ("new", None)


async def test_a_status_that_cannot_be_leaves_the_reply_unsent(desk: Desk) -> None:
    number = await desk.write_in()
    refused = await desk.reply(number, then={"status": "new"})
    refused.problem(409, "illegal_move")
    refused = await desk.reply(number, then={"status": "pending", "outcome": "fixed"})
    assert refused.problem(400, "invalid")["pointer"] == "/then/outcome"
    assert len(await messages(desk, number)) == 1
    assert desk.bus.woken_for == []


# --- Colleagues -----------------------------------------------------------------------------------


async def test_a_reply_that_a_colleague_was_faster_than_waits_for_a_second_look(
    desk: Desk,
) -> None:
    number = await desk.write_in()
    [seen] = await messages(desk, number)
    theirs = await as_erlan(desk, number, text="Бригада " * 60)
    problem = (await desk.reply(number, seen_through=seen["id"])).problem(409, "colleague_replied")
    assert problem["detail"].startswith("Erlan has answered this appeal meanwhile")
    told = problem["colleague"]
    assert (told["message"], told["name"]) == (theirs.json["id"], "Erlan")
    assert told["at"] == "2026-03-02T04:00:00Z"
    assert told["beginning"].endswith("…")
    assert len(told["beginning"]) == 200
    assert len(await messages(desk, number)) == 2
    # Whoever has seen it, or does not mind, answers.
    seen_it = await desk.reply(number, seen_through=theirs.json["id"], key="k2")
    assert seen_it.status == 202
    assert (await desk.reply(number, seen_through=seen["id"], even_so=True)).status == 202


async def test_ones_own_answers_and_those_that_go_by_themselves_hinder_nobody(
    desk: Desk,
) -> None:
    number = await desk.write_in()
    [seen] = await messages(desk, number)
    await desk.reply(number, "Бір", key="1")
    async with desk.database.write() as session:
        appeal = (await session.exec(select(Appeal))).one()
        session.add(
            Message(
                appeal_id=appeal.id, conversation_id=appeal.conversation_id, direction="out",
                text="Тіркелді", author="", sent_at=START, created_at=START, state="sent",
                idempotency_key="acknowledgement:1",
            )
        )  # fmt: skip
    assert (await desk.reply(number, "Екі", key="2", seen_through=seen["id"])).status == 202


async def test_an_answer_in_the_providers_own_app_is_a_colleagues(desk: Desk) -> None:
    number = await desk.write_in()
    [seen] = await messages(desk, number)
    await receive(desk.database, echo("e1"))
    problem = (await desk.reply(number, seen_through=seen["id"])).problem(409, "colleague_replied")
    assert problem["colleague"]["name"] == ""
    assert problem["detail"].startswith("Somebody in the provider's own app")


async def test_an_answer_that_was_taken_back_hinders_nobody(desk: Desk) -> None:
    number = await desk.write_in()
    [seen] = await messages(desk, number)
    theirs = await as_erlan(desk, number, hold_seconds=30)
    await take_back(desk, theirs, token=desk.tokens["Erlan"])
    assert (await desk.reply(number, seen_through=seen["id"])).status == 202


# --- Languages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "language", "differs"),
    [
        ("Қоқыс ертең шығарылады, рахмет", "kk", False),
        ("Мусор вывезут завтра утром, спасибо", "ru", True),
        ("The rubbish will be taken away tomorrow", "en", True),
        ("Мусор вывезут завтра утром. Ауламызда қоқыс жатыр", "mixed", False),
        ("Да, завтра", "ru", False),
        ("ALM-2026-0000001", None, False),
        ("", None, False),
    ],
)
@one_database
async def test_a_reply_in_another_language_than_the_citizens_is_told(
    desk: Desk, words: str, language: str | None, differs: bool
) -> None:
    number = await desk.write_in(text="Ауламызда қоқыс жатыр, шығарыңыздаршы")
    shown = (
        await desk.call("POST", f"/appeals/{number}/replies/preview", json={"text": words})
    ).json
    assert (shown["language"], shown["differs"]) == (language, differs)


async def test_the_contacts_language_counts_where_the_appeals_is_not_known(desk: Desk) -> None:
    number = await desk.write_in(text="Ауламызда қоқыс жатыр, шығарыңыздаршы")
    async with desk.database.write() as session:
        appeal = (await session.exec(select(Appeal))).one()
        appeal.language = None
    body = {"text": "Мусор вывезут завтра утром"}
    shown = (await desk.call("POST", f"/appeals/{number}/replies/preview", json=body)).json
    assert shown["differs"]
    await desk.call("PATCH", f"/appeals/{number}", json={"language": "ru"})
    shown = (await desk.call("POST", f"/appeals/{number}/replies/preview", json=body)).json
    assert not shown["differs"]


# --- Planned ahead --------------------------------------------------------------------------------


async def test_a_long_reply_goes_in_the_parts_that_its_preview_shows(desk: Desk) -> None:
    number = await desk.write_in()
    words = "Құрметті тұрғын! Жөндеу бейсенбіде басталады. " * 300
    body = {"text": words}
    shown = (await desk.call("POST", f"/appeals/{number}/replies/preview", json=body)).json
    assert len(shown["parts"]) > 3
    assert (await desk.reply(number, words)).status == 202
    sent = []
    for _ in shown["parts"]:
        lease = timedelta(minutes=1)
        script = claim_due(TELEGRAM, limit=1, owner="o", now=START, lease=lease)
        [claim] = await desk.database.run(script)
        sent.append(claim.text)
        async with desk.database.write() as session:
            connection = await session.connection()
            await connection.exec_driver_sql(
                "UPDATE dispatches SET state = 'queued', next_part = next_part + 1"
            )
    assert sent == [part["text"] for part in shown["parts"]]


@one_database
async def test_a_reply_is_cut_once_and_before_the_transaction(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await desk.write_in()
    threads = []

    def cut(*asked: Any) -> Any:
        threads.append(current_thread())
        return plan_parts(*asked)

    monkeypatch.setattr(planning, "plan_parts", cut)
    assert (await desk.reply(number, "Құрметті тұрғын! " * 300)).status == 202
    [thread] = threads
    assert thread is not current_thread()


async def test_a_colleagues_upload_is_nobody_elses_to_send(desk: Desk) -> None:
    number = await desk.write_in()
    file = (await upload(desk, PNG[:900])).json
    theirs = await as_erlan(desk, number, attachments=[file["id"]])
    assert theirs.problem(400, "invalid")["pointer"] == "/attachments"
    async with desk.database.read() as session:
        assert (await session.exec(select(Attachment))).one().message_id is None


async def test_a_citizens_word_after_a_reply_is_no_colleagues(desk: Desk) -> None:
    number = await desk.write_in()
    [seen] = await messages(desk, number)
    await receive(desk.database, message("2"))
    assert (await desk.reply(number, seen_through=seen["id"])).status == 202
