"""The life of one message, from the citizen's thumb to the operator's answer and back."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.telegram import limits
from connectors.telegram.citizens import Citizen
from connectors.telegram.samples import photo
from connectors.telegram.sandbox import StoredFile, TelegramSandbox
from connectors.testing import fixtures
from connectors.testing.fixtures import Case
from connectors.testing.sandbox import Call, Failure
from tests.journeys.conftest import StartHub
from tests.journeys.process import PATIENCE, WEBHOOK_SECRET, Hub

RECORDED = Path(limits.__file__).parent / "fixtures"
AIGUL, SERGEI = 5512345601, 5512345602
"""Who wrote what was recorded."""


def recorded(name: str) -> Any:
    """A recorded update."""
    return Case(path=RECORDED / f"{name}.json").content()


def method(name: str) -> Callable[[Call], bool]:
    """Whether a call is to this method of Telegram's."""
    return lambda call: call.params.get("method", "").lower() == name.lower()


def refusal(code: int, description: str, **parameters: int) -> Failure:
    """Telegram refuses, in its own words."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Failure(status=code, body=body)


async def written_by(hub: Hub, citizen: Citizen) -> str:
    """The number of the appeal that a citizen opens by writing."""
    posted = await citizen.say("Сәлеметсіз бе! Жарық өшіп қалды, Сейфуллин 458.")
    assert posted.status == 200
    number: str = (await hub.appeal_of(citizen))["number"]
    return number


async def answered(hub: Hub, number: str, text: str) -> str:
    """The id of a reply that the hub took."""
    reply = await hub.send(number, text)
    assert reply.status == 202, reply
    id_: str = reply.json["id"]
    return id_


# --- In ------------------------------------------------------------------------------------------


async def test_a_recorded_update_becomes_an_appeal_and_its_answer_reaches_the_citizen(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    hub = await start_hub(cold=True)
    aigul = telegram.citizen(user_id=AIGUL, started=True)

    assert await hub.deliver(recorded("text")) == 200

    (listed,) = await hub.appeals()
    assert listed["channel"] == "telegram"
    assert listed["account"] == "main"
    assert listed["status"] == "new"
    assert listed["unread"] == 1
    assert listed["contact"]["name"] == "Айгүл Сейтқали"
    assert listed["contact"]["points"] == [{"scheme": "telegram", "value": str(AIGUL)}]
    appeal = await hub.appeal_of(aigul)
    (message,) = appeal["messages"]
    assert message["text"] == recorded("text")["message"]["text"]
    assert message["direction"] == "in"
    assert message["external_id"] == f"{AIGUL}:411"
    assert message["sent_at"] == "2026-03-02T08:30:00Z"
    assert [entry["event"] for entry in appeal["journal"]] == ["appeal.opened"]

    text = "Рақмет! *Жөндеу* тобы ертең келеді. <b>Ждите</b> завтра до 18:00."
    reply = await hub.send(appeal["number"], text)
    assert reply.status == 202
    assert reply.json["delivery"]["state"] in {"queued", "sending", "sent"}

    received = await aigul.next(timeout=PATIENCE)
    assert received.text == text
    sent = await hub.became(appeal["number"], reply.json["id"], "sent")
    assert sent["external_id"] == f"{AIGUL}:{received.message['message_id']}"
    assert (await hub.appeal_of(aigul))["status"] == "open"


async def test_every_recorded_update_is_taken_and_reads_as_its_fixture_says(hub: Hub) -> None:
    cases = fixtures.cases(RECORDED)
    for case in cases:
        assert await hub.deliver(case.path.read_bytes()) == 200, case.name

    found: dict[str, list[dict[str, Any]]] = {}
    for appeal in await hub.appeals():
        for message in (await hub.get(f"appeals/{appeal['number']}"))["messages"]:
            found.setdefault(str(message["external_id"]), []).append(message)
    assert all(len(messages) == 1 for messages in found.values())
    edited = {
        item["message"]["external_id"]
        for case in cases
        for item in _items(case)
        if item["type"] == "MessageEdited"
    }
    for case in cases:
        for item in _items(case):
            if item["type"] != "InboundMessage" or item["group"] is not None:
                continue
            (message,) = found.pop(item["external_id"])
            if item["external_id"] not in edited:
                assert message["text"] == item["text"], case.name
                kinds = [each["kind"] for each in message["attachments"]]
                assert kinds == [each["kind"] for each in item["attachments"]], case.name


def _items(case: Case) -> list[dict[str, Any]]:
    expected = case.expected()
    return expected if isinstance(expected, list) else []


async def test_a_photo_is_fetched_after_its_message_and_served(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    aigul = telegram.citizen(user_id=AIGUL)
    picture = photo(3)
    largest = max(recorded("photo")["message"]["photo"], key=lambda size: int(size["width"]))
    telegram.files[largest["file_id"]] = StoredFile(
        path="photos/file_4.jpg", content=picture, size=len(picture)
    )
    released = asyncio.Event()
    telegram.fail_next(Failure.hang(released), where=method("getFile"))

    assert await hub.deliver(recorded("photo")) == 200
    await telegram.call(where=method("getFile"))
    (message,) = (await hub.appeal_of(aigul))["messages"]
    assert message["text"] == "Тротуар на Сатпаева 90 разбит"
    (pending,) = message["attachments"]
    assert pending["state"] == "pending"
    early = await hub.ask("GET", f"/api/v1/attachments/{pending['id']}")
    assert early.status == 404
    assert early.json["code"] == "attachment_pending"

    released.set()

    async def fetched() -> dict[str, Any] | None:
        (message,) = (await hub.appeal_of(aigul))["messages"]
        attachment: dict[str, Any] = message["attachments"][0]
        return attachment if attachment["state"] == "ready" else None

    ready = await hub.eventually(fetched)
    assert ready["size"] == len(picture)
    served = await hub.ask("GET", ready["url"])
    assert served.status == 200
    assert served.body == picture
    assert served.headers["Content-Type"] == "image/jpeg"
    assert telegram.token not in json.dumps(ready)


async def test_an_album_is_one_message_with_its_pictures_in_order(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    posted = await citizen.album("Қоқыс шығарылмай жатыр, Төле би 187", "", "")
    assert [each.status for each in posted] == [200, 200, 200]

    async def fetched() -> list[dict[str, Any]] | None:
        (message,) = (await hub.appeal_of(citizen))["messages"]
        assert message["text"] == "Қоқыс шығарылмай жатыр, Төле би 187"
        ready = [each for each in message["attachments"] if each["state"] == "ready"]
        return ready if len(ready) == 3 else None

    served = [(await hub.ask("GET", each["url"])).body for each in await hub.eventually(fetched)]
    sent = [telegram.files[each.message["photo"][-1]["file_id"]].content for each in posted]
    assert served == sent


async def test_an_edit_changes_the_text_and_the_journal_keeps_the_old_one(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    posted = await citizen.say("Абай даңғылы, 52 үй")
    await citizen.edit(posted, "Абай даңғылы, 54 үй (52 емес)")

    appeal = await hub.appeal_of(citizen)
    (message,) = appeal["messages"]
    assert message["text"] == "Абай даңғылы, 54 үй (52 емес)"
    assert message["edited_at"] is not None
    (entry,) = [entry for entry in appeal["journal"] if entry["event"] == "message.edited"]
    assert entry["data"]["was"] == "Абай даңғылы, 52 үй"
    assert appeal["message_count"] == 1


async def test_start_greets_in_the_citizens_language_and_opens_no_appeal(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    kazakh, russian = telegram.citizen(language="kk"), telegram.citizen(language="ru")
    await kazakh.start("qr-abay-52")
    await russian.start()

    assert (await kazakh.next()).text.startswith("Сәлеметсіз бе!")
    assert (await russian.next()).text.startswith("Здравствуйте!")
    assert await hub.appeals() == []


# --- Out -----------------------------------------------------------------------------------------


async def test_a_repeated_idempotency_key_brings_the_citizen_one_message(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)

    replies = await asyncio.gather(*(hub.send(number, "Жауап", key="once") for _ in range(5)))
    again = await hub.send(number, "Жауап", key="once")
    other = await hub.send(number, "Басқа жауап", key="once")

    assert {reply.status for reply in [*replies, again]} == {202}
    assert len({reply.json["id"] for reply in [*replies, again]}) == 1
    assert other.status == 422
    await hub.became(number, again.json["id"], "sent")
    # Whatever else there were would come before this one.
    await hub.became(number, await answered(hub, number, "Соңғы жауап"), "sent")
    assert [each.text for each in citizen.received] == ["Жауап", "Соңғы жауап"]


async def test_a_long_text_arrives_whole_in_parts_and_in_order(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    paragraphs = [f"{n}. " + "Көшедегі жарық жөнделеді. 💡 " * 60 for n in range(1, 7)]
    text = "\n\n".join(paragraphs)

    sent = await hub.became(number, await answered(hub, number, text), "sent")

    parts = [each.text for each in citizen.received]
    assert len(parts) > 1
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert sent["external_id"] == f"{citizen.id}:{citizen.received[0].message['message_id']}"
    assert [each.reply_to is not None for each in citizen.received] == (
        [True] + [False] * (len(parts) - 1)
    )


async def test_a_long_text_that_breaks_off_goes_on_where_it_broke_off(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    first, second = "1. " + "а" * 4000, "2. " + "б" * 4000
    later = "ә" * 10
    telegram.fail_next(
        refusal(500, "Internal Server Error"),
        where=lambda call: method("sendMessage")(call) and str(call.data["text"]).startswith("2."),
    )

    id_ = await answered(hub, number, f"{first}\n\n{second}")
    await answered(hub, number, later)
    await hub.became(number, id_, "sent")
    await telegram.until(lambda: len(citizen.received) == 3)

    assert [each.text.strip() for each in citizen.received] == [first, second, later]


async def test_a_file_of_the_operator_arrives_with_its_text(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    picture = photo(5)
    boundary = "a-boundary-that-no-picture-holds"
    form = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="jol.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        + picture
        + f"\r\n--{boundary}--\r\n".encode()
    )
    uploaded = await hub.ask(
        "POST",
        "/api/v1/uploads",
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        body=form,
    )
    assert uploaded.status == 201

    reply = await hub.send(number, "Шұңқыр жабылды.", attachments=[uploaded.json["id"]])
    assert reply.status == 202

    received = await citizen.next()
    assert received.kind == "photo"
    assert received.text == "Шұңқыр жабылды."
    assert received.files[0].content == picture
    await hub.became(number, reply.json["id"], "sent")


# --- When Telegram, or the citizen, does not want it ---------------------------------------------


async def test_what_a_blocked_citizen_was_sent_fails_with_the_reason_and_the_next_is_refused(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    citizen.blocked = True  # and Telegram has not told yet

    failed = await hub.became(number, await answered(hub, number, "Жауап"), "failed")
    refused = await hub.send(number, "Тағы бір жауап")

    assert failed["delivery"]["error"]["reason"] == "The citizen has blocked the bot."
    assert refused.status == 409
    assert refused.json["code"] == "contact_blocked"
    assert refused.json["instead"]
    assert citizen.received == []

    await citizen.unblock()
    assert (await hub.retry(failed["id"])).status == 202
    assert (await citizen.next()).text == "Жауап"
    await hub.became(number, failed["id"], "sent")


async def test_a_citizen_who_blocks_the_bot_cannot_be_answered_until_they_return(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    await citizen.block()

    refused = await hub.send(number, "Жауап")
    await citizen.unblock()
    taken = await hub.send(number, "Жауап")

    assert refused.status == 409
    assert refused.json["code"] == "contact_blocked"
    assert taken.status == 202
    assert (await citizen.next()).text == "Жауап"


async def test_a_throttled_reply_pauses_the_account_and_is_sent_later(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen, neighbour = telegram.citizen(), telegram.citizen(name="Сергей", language="ru")
    number, other = await written_by(hub, citizen), await written_by(hub, neighbour)
    telegram.fail_next(
        refusal(429, "Too Many Requests: retry after 2", retry_after=2), where=method("sendMessage")
    )

    throttled = await answered(hub, number, "Жауап")
    refused = await telegram.call(where=lambda call: call.status == 429)

    async def paused() -> bool:
        return (await hub.account())["paused_until"] is not None

    await hub.eventually(paused)
    waits = await answered(hub, other, "Ответ")

    await hub.became(number, throttled, "sent")
    await hub.became(other, waits, "sent")
    sends = [call for call in telegram.calls if method("sendMessage")(call)]
    assert [call.status for call in sends] == [429, 200, 200]
    assert all((call.at - refused.at).total_seconds() >= 1.9 for call in sends[1:])
    assert [each.text for each in citizen.received + neighbour.received] == ["Жауап", "Ответ"]


async def test_a_reply_that_met_a_server_error_is_tried_again(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    telegram.fail_next(refusal(500, "Internal Server Error"), times=2, where=method("sendMessage"))

    id_ = await answered(hub, number, "Жауап")

    await hub.became(number, id_, "sent")
    assert [each.text for each in citizen.received] == ["Жауап"]


@pytest.mark.parametrize(
    ("failure", "arrived"),
    [
        (Failure.reset_after(), 1),
        (Failure.broken_json(takes_effect=True), 1),
        (Failure.html(502), 0),
    ],
    ids=["reset after it was sent", "an answer that breaks off", "a proxy's page"],
)
async def test_a_lost_answer_is_uncertain_and_is_sent_again_only_on_purpose(
    hub: Hub, telegram: TelegramSandbox, failure: Failure, arrived: int
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    telegram.fail_next(failure, where=method("sendMessage"))

    id_ = await answered(hub, number, "Жауап")
    uncertain = await hub.became(number, id_, "uncertain")

    assert "may have gone out" in uncertain["delivery"]["error"]["reason"]
    assert len(citizen.received) == arrived
    refused = await hub.retry(id_)
    assert refused.status == 409
    assert "even_if_sent" in refused.json["detail"]
    assert (await hub.message(number, id_))["delivery"]["state"] == "uncertain"

    assert (await hub.retry(id_, even_if_sent=True)).status == 202
    await hub.became(number, id_, "sent")
    assert [each.text for each in citizen.received] == ["Жауап"] * (arrived + 1)


async def test_an_uncertain_reply_does_not_hold_back_the_next(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    telegram.fail_next(Failure.reset_after(), where=method("sendMessage"))

    await hub.became(number, await answered(hub, number, "Бірінші"), "uncertain")
    await hub.became(number, await answered(hub, number, "Екінші"), "sent")

    assert [each.text for each in citizen.received] == ["Бірінші", "Екінші"]


async def test_a_message_can_be_followed_through_the_logs_by_its_number(
    hub: Hub, telegram: TelegramSandbox
) -> None:
    citizen = telegram.citizen()
    number = await written_by(hub, citizen)
    id_ = await answered(hub, number, "Жауап")
    await hub.became(number, id_, "sent")

    stored = await hub.logged("stored")
    (envelope,) = (place for place in stored["messages"] if place.endswith(f"={number}"))
    assert len(envelope.partition("=")[0]) == 16
    queued = await hub.logged("reply queued", appeal=number, message=id_)
    sent = await hub.logged("sent", appeal=number, message=id_, part="1/1")
    assert stored["timestamp"] <= queued["timestamp"] <= sent["timestamp"]
    said = json.dumps(hub.events)
    assert telegram.token not in said
    assert WEBHOOK_SECRET not in said
    assert hub.token not in said
    assert "Жауап" not in json.dumps(hub.events, ensure_ascii=False)


# --- The account ---------------------------------------------------------------------------------


async def test_a_webhook_that_took_its_time_to_be_set_leaves_the_account_healthy(
    start_hub: StartHub, telegram: TelegramSandbox
) -> None:
    released = asyncio.Event()
    telegram.fail_next(Failure.hang(released), where=method("setWebhook"))

    async def set_it_after_a_while() -> None:
        await telegram.call(where=method("setWebhook"), timeout=PATIENCE)
        with suppress(TimeoutError):  # nobody should look before there is anything to see
            await telegram.call(where=method("getWebhookInfo"), timeout=1)
        released.set()

    hub, _ = await asyncio.gather(start_hub(), set_it_after_a_while())

    assert (await hub.account())["health"] == "ok"
    assert [event for event in hub.events if event.get("health") == "down"] == []
    citizen = telegram.citizen()
    await answered(hub, await written_by(hub, citizen), "Жауап")
    assert (await citizen.next()).text == "Жауап"
