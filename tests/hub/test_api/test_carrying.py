"""What channels carry besides a text: templates, private replies to comments, hidden comments."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select, update

from connectors.base import (
    Misconfigured,
    Rejected,
    SendError,
    Template,
    Throttled,
    Uncertain,
    Unreachable,
)
from hub.keys import CONNECTORS
from registry.accounts import set_health
from registry.models import AccountState, Dispatch, JournalEntry, Message
from registry.types import AccountKey, Capabilities
from tests.hub.test_api.desk import Answer, Desk, StubConnector
from tests.hub.test_api.test_files import PNG, upload
from tests.registry.samples import START

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TEMPLATES = (
    Template(
        id="ready", language="kk", name="Дайын", text="{{1}}, өтінішіңіз {{number}} дайын.",
        variables=("1", "number"),
    ),
    Template(id="ready", language="ru", name="Готово", text="Готово.", variables=()),
)  # fmt: skip
FILLED = {"id": "ready", "language": "kk", "variables": {"1": "Айгүл", "number": "№7"}}

TROUBLES = [
    pytest.param(Misconfigured("The token is dead.", cure="Set a new one."), 409, "account_down"),
    pytest.param(Rejected("This is not allowed."), 409, "refused"),
    pytest.param(Unreachable("No answer."), 503, "unavailable"),
    pytest.param(Uncertain("The answer was lost."), 503, "unavailable"),
    pytest.param(Throttled("Slow down.", retry_after=41.2), 503, "unavailable"),
]


class Account(StubConnector):
    """An account with templates and comments to hide, that may be in trouble."""

    def __init__(self, **capabilities: Any) -> None:
        super().__init__(**capabilities)
        self.trouble: SendError | None = None
        self.hidden: list[tuple[str, bool]] = []

    async def templates(self) -> Sequence[Template]:
        if self.trouble is not None:
            raise self.trouble
        return TEMPLATES

    async def hide(self, external_id: str, *, hidden: bool) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.hidden.append((external_id, hidden))


def add(desk: Desk, channel: str, **capabilities: Any) -> Account:
    """Put an account into the settings, as it were."""
    account = Account(**capabilities)
    assert desk.client.app is not None
    connectors: Any = desk.client.app[CONNECTORS]
    connectors[AccountKey(channel, "main")] = account
    return account


@pytest.fixture
def whatsapp(desk: Desk) -> Account:
    """Templates, and a window of a day."""
    return add(desk, "whatsapp", reply_window_hours=24, templates=True)


@pytest.fixture
def page(desk: Desk) -> Account:
    """A page: messages of 4096 characters, comments of 8000, and a private reply to each."""
    comments = Capabilities(max_text=8000, private_reply_hours=168.0, hides=True)
    return add(desk, "facebook", reply_window_hours=24, public=comments)


async def comment(desk: Desk, external_id: str = "c1", **changes: Any) -> str:
    """Somebody comments under a post; the number of the appeal."""
    fields: dict[str, Any] = {"channel": "facebook", "account": "main", "public": True} | changes
    return await desk.write_in(external_id, **fields)


async def messages(desk: Desk, number: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await desk.call("GET", f"/appeals/{number}")).json["messages"]
    return found


def refused(answer: Answer, code: str) -> dict[str, Any]:
    """The refusal that this must be: it says why, and what can be done instead."""
    problem = answer.problem(409, code)
    assert problem["reason"]
    assert problem["instead"]
    assert problem["instead"].rstrip(".") in problem["detail"]
    return problem


# --- Templates ------------------------------------------------------------------------------------


@one_database
async def test_an_accounts_templates_are_listed(desk: Desk, whatsapp: Account) -> None:
    answer = await desk.call("GET", "/channels/whatsapp/main/templates")
    assert answer.json["items"][0] == {
        "id": "ready", "language": "kk", "name": "Дайын",
        "text": "{{1}}, өтінішіңіз {{number}} дайын.", "variables": ["1", "number"],
    }  # fmt: skip
    assert (await desk.call("GET", "/channels/telegram/main/templates")).json == {"items": []}
    (await desk.call("GET", "/channels/whatsapp/x/templates")).problem(404, "not_found")


@one_database
@pytest.mark.parametrize(("trouble", "status", "code"), TROUBLES)
async def test_a_provider_in_trouble_is_told_of_and_what_can_be_done(
    desk: Desk, whatsapp: Account, page: Account, trouble: SendError, status: int, code: str
) -> None:
    number = await desk.write_in(channel="whatsapp")
    await comment(desk)
    [shown] = await messages(desk, "ALM-2026-0000002")
    whatsapp.trouble = page.trouble = trouble
    answers = [
        await desk.call("GET", "/channels/whatsapp/main/templates"),
        await desk.reply(number, "", template=FILLED),
        await desk.call("POST", f"/messages/{shown['id']}/hidden", json={"hidden": True}),
    ]
    for answer in answers:
        if status == 409:
            assert trouble.reason in refused(answer, code)["detail"]
        else:
            assert "Try again" in answer.problem(status, code)["detail"]
            wait = 42 if isinstance(trouble, Throttled) else 5
            assert answer.headers["Retry-After"] == str(wait)
    assert desk.bus.woken_for == []
    assert (await messages(desk, "ALM-2026-0000002"))[0]["hidden_at"] is None


async def test_a_template_goes_when_the_window_is_closed(desk: Desk, whatsapp: Account) -> None:
    number = await desk.write_in(channel="whatsapp")
    desk.a_day_later()
    problem = refused(await desk.reply(number, key="text"), "window_closed")
    assert "channels/whatsapp/main/templates" in problem["instead"]
    answer = await desk.reply(number, "", key="template", template=FILLED)
    assert (answer.status, answer.json["text"]) == (202, "Айгүл, өтінішіңіз №7 дайын.")
    async with desk.database.read() as session:
        [dispatch] = (await session.exec(select(Dispatch))).all()
    assert dispatch.parts == [
        {"text": "Айгүл, өтінішіңіз №7 дайын.", "attachments": [], "template": FILLED}
    ]


@one_database
@pytest.mark.parametrize(
    ("change", "about"),
    [
        ({"id": "gone"}, "no template gone in kk"),
        ({"language": "en"}, "no template ready in en"),
        ({"variables": {"1": "Айгүл"}}, "look at number"),
        ({"variables": {"1": "Айгүл", "number": " \n"}}, "look at number"),
        ({"variables": {"1": "А", "number": "7", "2": "x"}}, "look at 2"),
        ({"variables": {}}, "look at 1, number"),
    ],
)
async def test_a_template_must_be_known_and_filled_in(
    desk: Desk, whatsapp: Account, change: dict[str, Any], about: str
) -> None:
    number = await desk.write_in(channel="whatsapp")
    answer = await desk.reply(number, "", template=FILLED | change)
    problem = answer.problem(400, "invalid")
    assert problem["pointer"] == "/template"
    assert about in problem["detail"]
    assert len(await messages(desk, number)) == 1


@one_database
async def test_a_template_goes_alone(desk: Desk, whatsapp: Account) -> None:
    number = await desk.write_in(channel="whatsapp")
    uploaded = (await upload(desk, PNG[:500])).json["id"]
    for beside in ({"text": "Сәлем"}, {"text": "", "attachments": [uploaded]}):
        answer = await desk.reply(number, **beside, template=FILLED)
        assert answer.problem(400, "invalid")["pointer"] == "/template"


@one_database
async def test_what_a_variable_says_is_taken_as_it_stands(desk: Desk, whatsapp: Account) -> None:
    number = await desk.write_in(channel="whatsapp")
    values = {"1": "{{number}} \\1 <b>", "number": "{{1}}"}
    answer = await desk.reply(number, "", template={**FILLED, "variables": values})
    assert answer.json["text"] == "{{number}} \\1 <b>, өтінішіңіз {{1}} дайын."


@one_database
async def test_where_no_template_goes_the_answer_says_what_does(
    desk: Desk, whatsapp: Account, page: Account
) -> None:
    telegram = await desk.write_in("1")
    refused(await desk.reply(telegram, "", template=FILLED), "no_templates")
    gone = await desk.write_in("2", citizen="701", channel="whatsapp", account="old")
    refused(await desk.reply(gone, "", template=FILLED), "account_missing")
    letter = await desk.call(
        "POST", "/appeals", json={"channel": "letter", "text": "x", "contact": {"name": "А"}}
    )
    refused(await desk.reply(letter.json["number"], "", template=FILLED), "no_channel")
    whatsapp.capabilities = Capabilities(
        max_text=100, templates=True, public=Capabilities(max_text=100)
    )
    public = await desk.write_in("3", citizen="702", channel="whatsapp", public=True)
    refused(await desk.reply(public, "", template=FILLED), "no_templates")


@one_database
async def test_a_template_does_not_reach_who_blocked_us_nor_leave_a_dead_account(
    desk: Desk, whatsapp: Account
) -> None:
    number = await desk.write_in(channel="whatsapp")
    async with desk.database.write() as session:
        connection = await session.connection()
        await connection.execute(text("UPDATE conversations SET blocked_at = created_at"))
    refused(await desk.reply(number, "", template=FILLED), "contact_blocked")
    async with desk.database.write() as session:
        await set_health(
            session, AccountKey("whatsapp", "main"), health="down", summary="The token is dead.",
            cure="Set a new one.", now=START,
        )  # fmt: skip
    refused(await desk.reply(number, "", template=FILLED), "account_down")


async def test_a_key_stands_for_the_template_and_the_manner_as_well(
    desk: Desk, whatsapp: Account, page: Account
) -> None:
    number = await desk.write_in(channel="whatsapp")
    first = await desk.reply(number, "", template=FILLED)
    again = await desk.reply(number, "", template=FILLED)
    assert (again.status, again.json) == (202, first.json)
    other = {**FILLED, "variables": {"1": "Ерлан", "number": "№7"}}
    (await desk.reply(number, "", template=other)).problem(422, "key_reused")
    (await desk.reply(number, first.json["text"])).problem(422, "key_reused")

    public = await comment(desk)
    kept = await desk.reply(public, "Сәлем", private=True, key="p")
    (await desk.reply(public, "Сәлем", key="p")).problem(422, "key_reused")
    assert (await desk.reply(public, "Сәлем", private=True, key="p")).json == kept.json


# --- Private replies ------------------------------------------------------------------------------


async def test_the_author_of_a_comment_is_answered_privately_once(
    desk: Desk, page: Account
) -> None:
    number = await comment(desk)
    answer = await desk.reply(number, "Мекенжайыңызды жазыңыз", private=True, key="1")
    assert (answer.status, answer.json["private"]) == (202, True)
    assert [m["private"] for m in await messages(desk, number)] == [False, True]
    refused(await desk.reply(number, private=True, key="2"), "private_reply_used")
    public = await desk.reply(number, key="3")
    assert (public.status, public.json["private"]) == (202, False)
    # Another comment can be answered again.
    await comment(desk, "c2", sent_at=START + timedelta(minutes=1))
    assert (await desk.reply(number, private=True, key="4")).status == 202


async def test_a_private_reply_that_failed_does_not_count(desk: Desk, page: Account) -> None:
    number = await comment(desk)
    first = await desk.reply(number, private=True, key="1")
    for state, status in [("sending", 409), ("uncertain", 409), ("failed", 202)]:
        async with desk.database.write() as session:
            await session.exec(
                update(Message).where(col(Message.id) == int(first.json["id"])).values(state=state)
            )
        assert (await desk.reply(number, private=True, key=state)).status == status, state


async def test_of_two_private_replies_at_once_one_goes(desk: Desk, page: Account) -> None:
    number = await comment(desk)
    async with desk.database.write() as session:  # a second appeal of the same thread
        await (await session.connection()).execute(text("UPDATE appeals SET status = 'closed'"))
    newer = await comment(desk, "c2", sent_at=START + timedelta(minutes=1))
    assert newer != number
    await desk.join("Dana")
    answers = await asyncio.gather(
        *(
            desk.reply(appeal, f"Жауап {n}", private=True, key=f"k{n}")
            for n, appeal in enumerate([number, newer] * 3)
        )
    )
    assert sorted(answer.status for answer in answers) == [202] + [409] * 5


@one_database
async def test_a_private_reply_has_a_time_a_length_and_a_place(desk: Desk, page: Account) -> None:
    number = await comment(desk)
    problem = refused(
        await desk.reply(number, "Ә" * 5000, private=True, key="long"), "private_reply_too_long"
    )
    assert "4096" in problem["instead"]
    assert (await desk.reply(number, "Ә" * 5000, key="public")).status == 202
    private = await comment(desk, "m1", citizen="701", public=False)
    refused(await desk.reply(private, private=True), "no_private_reply")
    telegram = await desk.write_in("t1")
    refused(await desk.reply(telegram, private=True), "no_private_reply")
    desk.clock.advance(timedelta(hours=168))
    refused(await desk.reply(number, private=True, key="late"), "window_closed")
    assert (await desk.reply(number, key="late")).status == 202, "publicly it can be answered"


# --- Previews -------------------------------------------------------------------------------------


async def preview(desk: Desk, number: str, said: str, **fields: Any) -> Any:
    answer = await desk.call(
        "POST", f"/appeals/{number}/replies/preview", json={"text": said, **fields}
    )
    assert answer.status == 200, answer.body
    return answer.json


@one_database
async def test_a_preview_counts_as_the_channel_does(desk: Desk) -> None:
    add(desk, "sms", segments=True)
    sms = await desk.write_in(channel="sms")
    found = await preview(desk, sms, "Құрметті тұрғын! " * 5)
    assert (found["unit"], found["limit"], found["refusal"]) == ("codepoints", 4096, None)
    assert [(p["length"], p["segments"], p["encoding"]) for p in found["parts"]] == [
        (85, 2, "ucs2")
    ]
    telegram = await desk.write_in("t1")
    found = await preview(desk, telegram, "a" * 5000)
    assert [(p["length"], p["segments"], p["encoding"]) for p in found["parts"]] == [
        (4096, None, None), (904, None, None),
    ]  # fmt: skip
    assert "".join(p["text"] for p in found["parts"]) == "a" * 5000
    twitter = add(desk, "twitter")
    twitter.capabilities = Capabilities(max_text=280, text_unit="weighted")
    found = await preview(
        desk, await desk.write_in("x1", channel="twitter"), "日本 https://egov.kz/" + "x" * 300
    )
    assert [(p["length"], found["unit"]) for p in found["parts"]] == [(28, "weighted")]
    assert (await preview(desk, telegram, " \n"))["parts"] == []


@one_database
async def test_a_preview_tells_what_speaks_against_the_reply_and_writes_nothing(
    desk: Desk, whatsapp: Account
) -> None:
    number = await desk.write_in(channel="whatsapp")
    found = await preview(desk, number, "Сәлем")
    assert (found["window_closes_at"], found["refusal"]) == ("2026-03-03T04:00:00Z", None)
    desk.a_day_later()
    found = await preview(desk, number, "Сәлем")
    assert found["refusal"]["code"] == "window_closed"
    assert found["refusal"]["instead"]
    assert len(found["parts"]) == 1, "it is shown all the same"
    letter = await desk.call(
        "POST", "/appeals", json={"channel": "letter", "text": "x", "contact": {"name": "А"}}
    )
    found = await preview(desk, letter.json["number"], "Сәлем")
    assert (found["parts"], found["unit"], found["refusal"]["code"]) == ([], None, "no_channel")
    answer = await desk.call(
        "POST", "/appeals/ALM-2026-0000099/replies/preview", json={"text": "x"}
    )
    answer.problem(404, "not_found")
    assert len(await messages(desk, number)) == 1
    assert desk.bus.woken_for == []


@one_database
async def test_a_preview_of_a_private_reply_has_its_own_measure(desk: Desk, page: Account) -> None:
    number = await comment(desk)
    public = await preview(desk, number, "Ә" * 5000)
    assert (len(public["parts"]), public["limit"], public["window_closes_at"]) == (1, 8000, None)
    private = await preview(desk, number, "Ә" * 5000, private=True)
    assert (len(private["parts"]), private["limit"]) == (2, 4096)
    assert private["window_closes_at"] == "2026-03-09T04:00:00Z"
    assert private["refusal"]["code"] == "private_reply_too_long"
    assert (await preview(desk, number, "Сәлем", private=True))["refusal"] is None
    await desk.reply(number, private=True)
    used = await preview(desk, number, "Сәлем", private=True)
    assert used["refusal"]["code"] == "private_reply_used"


# --- Hidden comments ------------------------------------------------------------------------------


async def hide(desk: Desk, message_id: str, *, hidden: bool) -> Answer:
    return await desk.call("POST", f"/messages/{message_id}/hidden", json={"hidden": hidden})


async def test_a_comment_is_hidden_at_the_provider_and_noted_once(
    desk: Desk, page: Account
) -> None:
    [shown] = await messages(desk, await comment(desk))
    for hidden in (True, True, False, False):
        answer = await hide(desk, shown["id"], hidden=hidden)
        assert answer.status == 200
        assert (answer.json["hidden_at"] is not None) == hidden
    assert page.hidden == [("c1", True), ("c1", True), ("c1", False), ("c1", False)]
    async with desk.database.read() as session:
        events = (
            await session.exec(
                select(JournalEntry.event, JournalEntry.actor)
                .where(col(JournalEntry.event).in_(("message.hidden", "message.shown")))
                .order_by(col(JournalEntry.id))
            )
        ).all()
    assert [event for event, _ in events] == ["message.hidden", "message.shown"]
    assert all(actor.startswith("operator:") for _, actor in events)


@one_database
async def test_only_a_citizens_public_comment_can_be_hidden(desk: Desk, page: Account) -> None:
    number = await comment(desk)
    ours = (await desk.reply(number)).json["id"]
    private = await messages(desk, await comment(desk, "m1", citizen="701", public=False))
    for id_ in (ours, private[0]["id"], "123"):
        (await hide(desk, id_, hidden=True)).problem(404, "not_found")
    assert page.hidden == []


@one_database
async def test_where_nothing_can_be_hidden_the_answer_says_what_can_be_done(
    desk: Desk, page: Account
) -> None:
    [shown] = await messages(desk, await comment(desk))
    page.capabilities = Capabilities(max_text=100, public=Capabilities(max_text=100))
    refused(await hide(desk, shown["id"], hidden=True), "cannot_hide")
    assert desk.client.app is not None
    connectors: Any = desk.client.app[CONNECTORS]
    del connectors[AccountKey("facebook", "main")]
    refused(await hide(desk, shown["id"], hidden=True), "cannot_hide")
    assert page.hidden == []


@one_database
async def test_a_reply_leaves_a_red_account_that_can_send(desk: Desk) -> None:
    number = await desk.write_in()
    async with desk.database.write() as session:
        await set_health(
            session, AccountKey("telegram", "main"), health="down", summary="No webhook is set.",
            cure="Set it.", can_send=True, details={"bot": "@almaty"}, now=START,
        )  # fmt: skip
    assert (await desk.reply(number)).status == 202
    [shown, _] = (await desk.call("GET", "/channels")).json["items"]
    assert (shown["health"], shown["can_send"]) == ("down", True)
    assert shown["details"] == {"bot": "@almaty"}
    async with desk.database.write() as session:
        await session.exec(update(AccountState).values(can_send=False))
    refused(await desk.reply(number, key="k2"), "account_down")
