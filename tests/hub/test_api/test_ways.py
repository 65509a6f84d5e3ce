"""The ways to a citizen: which there are, which work now, and where an answer goes."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from connectors.base import Template
from hub.keys import CONNECTORS
from registry.models import (
    AccountState,
    Appeal,
    Contact,
    Conversation,
    Dispatch,
    JournalEntry,
    Message,
)
from registry.replies.ways import points_of
from registry.types import AccountKey, Capabilities, ContactPoint, Sender
from tests.hub.test_api.desk import Desk, StubConnector
from tests.registry.desk import receive
from tests.registry.samples import message

PHONE, SPACED = "+77011234567", "+7 701 123 4567"
TEL = ContactPoint("tel", PHONE)
VISIT = {"channel": "visit", "text": "Қоқыс", "contact": {"name": "Айгүл"}}
READY = Template(id="ready", language="kk", name="Дайын", text="Өтінішіңіз дайын.")

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Texts(StubConnector):
    """Short messages: to whoever has a phone, at any time."""

    def __init__(self) -> None:
        super().__init__(can_initiate=True, segments=True)

    def name_of(self, point: ContactPoint) -> ContactPoint | None:
        return point if point.scheme == "tel" else None


class Chat(StubConnector):
    """A channel of chats that begin with a template."""

    def __init__(self) -> None:
        super().__init__(reply_window_hours=24, templates=True)

    def name_of(self, point: ContactPoint) -> ContactPoint | None:
        if point.scheme == "tel":
            return ContactPoint("whatsapp", point.value.removeprefix("+"))
        return point if point.scheme == "whatsapp" else None

    async def templates(self) -> Sequence[Template]:
        return [READY]


@pytest.fixture
def wide(desk: Desk) -> Desk:
    """A desk with short messages, chats with templates, and a page with comments as well."""
    assert desk.client.app is not None
    accounts: Any = desk.client.app[CONNECTORS]
    accounts[AccountKey("whatsapp", "main")] = Chat()
    accounts[AccountKey("sms", "main")] = Texts()
    accounts[AccountKey("facebook", "main")] = StubConnector(
        reply_window_hours=24, public=Capabilities(max_text=8000, private_reply_hours=168.0)
    )
    return desk


async def ways(desk: Desk, number: str) -> list[dict[str, Any]]:
    answer = await desk.call("GET", f"/appeals/{number}/ways")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def places(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(way["kind"], way["channel"], way["possible"]) for way in found]


async def visit(desk: Desk, *points: str) -> str:
    """Somebody comes to the counter; the number of their appeal."""
    contact = {"name": "Айгүл", "points": [{"scheme": "tel", "value": one} for one in points]}
    opened = await desk.call("POST", "/appeals", json={**VISIT, "contact": contact})
    assert opened.status == 201, opened.body
    number: str = opened.json["number"]
    return number


def via(channel: str, point: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"channel": channel, "account": "main"}
    if point is not None:
        told["point"] = {"scheme": "tel", "value": point}
    return told


def with_phone(citizen: str = "700") -> Sender:
    return Sender(point=ContactPoint("telegram", citizen), name="Айгүл", also=(TEL,))


async def known(desk: Desk, **changes: Any) -> str:
    """A citizen whose phone is known writes by Telegram; the number of their appeal."""
    said = message("1", conversation="700", sender=with_phone(), **changes)
    return (await receive(desk.database, said))[0]


async def texted(desk: Desk, external_id: str = "s1", **changes: Any) -> str:
    """Somebody sends a short message from the phone; the number of the appeal."""
    fields: dict[str, Any] = {
        "channel": "sms", "conversation": PHONE, "sender": Sender(point=TEL), "text": "Су жоқ",
    }  # fmt: skip
    return (await receive(desk.database, message(external_id, **(fields | changes))))[0]


# --- What there is --------------------------------------------------------------------------------


async def test_the_thread_comes_first_and_then_what_else_the_contact_can_be_reached_by(
    wide: Desk,
) -> None:
    found = await ways(wide, await known(wide))
    assert places(found) == [
        ("thread", "telegram", True),
        ("elsewhere", "sms", True),
        ("elsewhere", "whatsapp", False),
    ]
    thread, texts, chat = found
    assert thread["point"] == {"scheme": "telegram", "value": "700"}
    assert (thread["label"], texts["label"], chat["label"]) == (None, SPACED, SPACED)
    assert [way["default"] for way in found] == [True, False, False]
    assert [way["templates"] for way in found] == [False, False, True]
    assert chat["refusal"]["code"] == "window_closed"
    assert chat["point"] == {"scheme": "whatsapp", "value": "77011234567"}
    assert texts["limits"] == {
        "max_text": 4096, "unit": "codepoints", "segments": True, "max_caption": 1024,
        "max_attachments": 10,
        "media": [{"kind": "photo", "max_bytes": 1000, "types": ["image/*"]}],
    }  # fmt: skip


async def test_where_the_contact_was_heard_last_comes_before_where_we_would_write_first(
    wide: Desk,
) -> None:
    number = await known(wide)
    chat = Sender(point=ContactPoint("whatsapp", "77011234567"), also=(TEL,))
    said = message("w1", channel="whatsapp", conversation="77011234567", sender=chat)
    [other] = await receive(wide.database, said)
    found = await ways(wide, number)
    assert places(found)[1:] == [("elsewhere", "whatsapp", False), ("elsewhere", "sms", True)]
    assert found[1]["refusal"]["code"] == "other_appeal"
    assert other in found[1]["refusal"]["reason"]
    assert found[1]["window_closes_at"] == "2026-03-03T04:00:00Z"


async def test_a_comment_can_be_answered_privately_as_well(wide: Desk) -> None:
    number = await wide.write_in("c1", channel="facebook", public=True)
    found = await ways(wide, number)
    assert places(found) == [("thread", "facebook", True), ("private", "facebook", True)]
    assert [way["public"] for way in found] == [True, False]
    assert [way["limits"]["max_text"] for way in found] == [8000, 4096]
    assert found[1]["window_closes_at"] == "2026-03-09T04:00:00Z"
    assert not found[1]["default"]


async def test_the_author_of_a_comment_who_wrote_privately_too_can_be_answered_there(
    wide: Desk,
) -> None:
    number = await wide.write_in("c1", channel="facebook", public=True)
    chat = message("m1", channel="facebook", conversation="t-700")
    await receive(wide.database, chat)
    await close(wide, 2)
    found = await ways(wide, number)
    assert places(found)[-1] == ("elsewhere", "facebook", True)
    answered = await wide.reply(number, via=via("facebook"))
    assert answered.status == 202
    async with wide.database.read() as session:
        sent = (await session.exec(select(Dispatch))).one()
        conversation = await session.get_one(Conversation, sent.conversation_id)
    assert (conversation.key, conversation.public) == ("t-700", False)


async def test_an_account_in_trouble_says_so(wide: Desk) -> None:
    number = await known(wide)
    async with wide.database.write() as session:
        session.add(
            AccountState(
                channel="sms", account="main", can_send=False, summary="No money.", cure="Pay."
            )
        )
    [_, texts, _] = await ways(wide, number)
    assert (texts["possible"], texts["refusal"]["code"]) == (False, "account_down")
    assert texts["refusal"]["instead"] == "Pay."


@one_database
async def test_an_account_that_was_removed_is_shown_without_limits(wide: Desk) -> None:
    number = await known(wide)
    assert wide.client.app is not None
    accounts: Any = wide.client.app[CONNECTORS]
    del accounts[AccountKey("telegram", "main")]
    thread = (await ways(wide, number))[0]
    assert (thread["limits"], thread["refusal"]["code"]) == (None, "account_missing")


@one_database
async def test_ways_of_what_one_may_not_see_are_not_there(wide: Desk) -> None:
    number = await known(wide)
    async with wide.database.write() as session:
        await session.exec(update(Appeal).values(team="roads"))
    for method, path, body in [
        ("GET", f"/appeals/{number}/ways", None),
        ("POST", f"/appeals/{number}/replies/preview", {"text": "Сәлем"}),
    ]:
        (await wide.call(method, path, json=body)).problem(404, "not_found")
    (await wide.reply(number)).problem(404, "not_found")


# --- Over the counter -----------------------------------------------------------------------------


async def test_who_came_over_the_counter_is_answered_by_the_first_way_that_works(
    wide: Desk,
) -> None:
    number = await visit(wide, PHONE)
    found = await ways(wide, number)
    assert places(found) == [("elsewhere", "sms", True), ("elsewhere", "whatsapp", False)]
    assert [way["default"] for way in found] == [True, False]
    shown = (
        await wide.call("POST", f"/appeals/{number}/replies/preview", json={"text": "Дайын"})
    ).json
    assert shown["to"] == {"channel": "sms", "account": "main", "label": SPACED, "public": False}
    assert shown["refusal"] is None
    answered = await wide.reply(number, "Дайын")
    assert answered.status == 202
    assert (answered.json["channel"], answered.json["account"]) == ("sms", "main")
    # What they answer by then is about the same.
    assert await texted(wide) == number
    assert await wide.write_in("w1", channel="whatsapp") != number


async def test_a_template_reaches_who_came_over_the_counter_by_chat(wide: Desk) -> None:
    number = await visit(wide, PHONE)
    template = {"id": "ready", "language": "kk"}
    answered = await wide.reply(number, "", template=template)
    assert answered.status == 202, answered.body
    assert (answered.json["channel"], answered.json["text"]) == ("whatsapp", READY.text)
    async with wide.database.read() as session:
        conversation = (await session.exec(select(Conversation))).one()
    assert (conversation.key, conversation.public) == ("77011234567", False)


async def test_without_a_phone_nothing_reaches_them_and_that_is_said(wide: Desk) -> None:
    number = await visit(wide)
    assert await ways(wide, number) == []
    problem = (await wide.reply(number)).problem(409, "no_channel")
    assert problem["instead"].startswith("Answer by letter")


async def test_of_two_phones_the_one_that_is_named_is_written_to(wide: Desk) -> None:
    other = "+77770000000"
    number = await visit(wide, PHONE, other)
    assert [way["label"] for way in await ways(wide, number)][:2] == [SPACED, "+7 777 000 0000"]
    answered = await wide.reply(number, via=via("sms", "8 777 000 00 00"))
    assert answered.status == 202, answered.body
    async with wide.database.read() as session:
        conversation = (await session.exec(select(Conversation))).one()
    assert conversation.key == other
    # It is spoken about there now: the next reply goes there by itself.
    assert (await ways(wide, number))[0]["label"] == "+7 777 000 0000"
    assert (await wide.reply(number, key="k2")).status == 202
    async with wide.database.read() as session:
        assert len((await session.exec(select(Conversation))).all()) == 1


# --- Another way ----------------------------------------------------------------------------------


async def test_a_reply_by_another_account_is_this_appeals_and_told_so(wide: Desk) -> None:
    number = await known(wide)
    answered = await wide.reply(number, via=via("sms"))
    assert (answered.status, answered.json["channel"]) == (202, "sms")
    assert answered.json["reply_to"] is None
    shown = (await wide.call("GET", f"/appeals/{number}")).json
    assert [one["channel"] for one in shown["messages"]] == ["telegram", "sms"]
    assert (shown["channel"], shown["unread"], shown["status"]) == ("telegram", 0, "open")
    async with wide.database.read() as session:
        entry = (
            await session.exec(select(JournalEntry).where(JournalEntry.event == "message.queued"))
        ).one()
    told = entry.data["via"]
    assert (told["channel"], told["value"], told["appeal_before"]) == ("sms", PHONE, None)


async def test_the_same_request_is_one_reply_and_by_another_way_another(wide: Desk) -> None:
    number = await known(wide)
    first = await wide.reply(number, via=via("sms"))
    assert (await wide.reply(number, via=via("sms"))).json["id"] == first.json["id"]
    (await wide.reply(number)).problem(422, "key_reused")


async def test_a_conversation_about_something_unfinished_is_not_taken_over(wide: Desk) -> None:
    number = await known(wide)
    other = await texted(wide)
    assert other != number
    problem = (await wide.reply(number, via=via("sms"))).problem(409, "other_appeal")
    assert other in problem["reason"]
    assert other in problem["instead"]
    await close(wide, 2)
    assert (await wide.reply(number, via=via("sms"))).status == 202
    assert await texted(wide, "s2") == number


async def test_nobody_else_is_written_to_in_the_contacts_name(wide: Desk) -> None:
    """The chat of the phone is another contact's: two who nobody has found to be one."""
    chat = Sender(point=ContactPoint("whatsapp", "77011234567"), name="Ерлан")
    said = message("w1", channel="whatsapp", conversation="77011234567", sender=chat)
    await receive(wide.database, said)
    number = await visit(wide, PHONE)
    async with wide.database.read() as session:
        assert len((await session.exec(select(Contact))).all()) == 2
    [_, chats] = await ways(wide, number)
    assert (chats["channel"], chats["refusal"]["code"]) == ("whatsapp", "another_contact")
    assert not chats["templates"]
    refused = await wide.reply(number, via=via("whatsapp"))
    assert SPACED in refused.problem(409, "another_contact")["reason"]


async def test_a_way_that_there_is_not_is_refused(wide: Desk) -> None:
    number = await known(wide)
    for where in [via("facebook"), via("pigeon"), via("sms", "+77770000000")]:
        problem = (await wide.reply(number, via=where)).problem(409, "no_way")
        assert f"/appeals/{number}/ways" in problem["instead"].replace("appeals", "/appeals")
    async with wide.database.read() as session:
        assert len((await session.exec(select(Message))).all()) == 1


@one_database
async def test_a_way_that_makes_no_sense_is_refused(wide: Desk) -> None:
    number = await known(wide)
    both = await wide.reply(number, via=via("sms"), private=True)
    assert both.problem(400, "invalid")["pointer"] == "/via"
    nowhere = await wide.reply(number, via=via("sms", "call me"))
    assert nowhere.problem(400, "invalid")["pointer"] == "/via/point"


async def test_a_window_that_is_closed_elsewhere_is_closed_for_this_appeal_too(
    wide: Desk,
) -> None:
    number = await known(wide)
    chat = Sender(point=ContactPoint("whatsapp", "77011234567"), also=(TEL,))
    said = message("w1", channel="whatsapp", conversation="77011234567", sender=chat)
    await receive(wide.database, said)
    await close(wide, 2)
    assert (await wide.reply(number, via=via("whatsapp"), key="k1")).status == 202
    wide.a_day_later()
    (await wide.reply(number, via=via("whatsapp"), key="k2")).problem(409, "window_closed")
    template = {"id": "ready", "language": "kk"}
    answered = await wide.reply(number, "", via=via("whatsapp"), template=template, key="k3")
    assert answered.status == 202, answered.body


async def test_a_citizen_who_writes_there_first_is_answered_in_their_conversation(
    wide: Desk,
) -> None:
    """They write by SMS just when we do: there is one conversation, and nobody fails."""
    number = await known(wide)
    await wide.join("Dana")
    await asyncio.gather(*(ways(wide, number) for _ in range(3)))  # connections are open
    answered, theirs = await asyncio.gather(wide.reply(number, via=via("sms")), texted(wide))
    async with wide.database.read() as session:
        texts = (
            await session.exec(select(Conversation).where(Conversation.channel == "sms"))
        ).one()
        ours = (await session.exec(select(Appeal.id).where(Appeal.number == number))).one()
    if answered.status == 202:
        assert (texts.appeal_id, theirs) == (ours, number)
    else:
        assert theirs in answered.problem(409, "other_appeal")["reason"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_conversation_that_opens_while_ways_are_looked_for_is_no_strangers(
    wide: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement there sees what was committed before it: this one, their short message."""
    number = await known(wide)
    looked: list[str] = []

    async def after_they_wrote(session: AsyncSession, contact_id: int) -> list[ContactPoint]:
        # First the reply is prepared, then it is queued.
        looked.append("" if not looked else await texted(wide))
        return await points_of(session, contact_id)

    monkeypatch.setattr("registry.replies.ways.points_of", after_they_wrote)
    answered = await wide.reply(number, via=via("sms"))
    assert looked[1] in answered.problem(409, "other_appeal")["reason"]


async def close(desk: Desk, serial: int) -> None:
    """End an appeal, so that its conversation is free."""
    async with desk.database.write() as session:
        await session.exec(
            update(Appeal)
            .where(col(Appeal.number) == f"ALM-2026-{serial:07}")
            .values(status="closed")
        )
