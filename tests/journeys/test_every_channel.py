"""All channels at once: each citizen is answered where they wrote, by whom they wrote to."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from config.settings import ACKNOWLEDGEMENT
from connectors.telegram.samples import photo
from connectors.testing.sandbox import Failure
from registry.types import utc_now
from tests.journeys.channels import EVERY, WITH_WEBHOOKS, town
from tests.journeys.channels.accounts import Account, Heard, Writer
from tests.journeys.channels.facebook import Facebook, PageComments
from tests.journeys.channels.instagram import Instagram
from tests.journeys.channels.sms import Sms
from tests.journeys.channels.telegram import Chat, Telegram
from tests.journeys.channels.whatsapp import (
    WhatsApp,
    WhatsAppByTwilio,
    WhatsAppByTwilioChat,
    WhatsAppChat,
)
from tests.journeys.process import Hub, Nursery

PICTURE = photo(7)
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Of what no database makes a difference to."""


class StartTown(Protocol):
    """Starts a hub on accounts that run; all of them end with the test."""

    async def __call__(
        self, *accounts: Account, tables: Mapping[str, Mapping[str, object]] | None = None
    ) -> Hub: ...


@pytest.fixture
async def start_town(
    nursery: Nursery, database_url: str, tmp_path: Path
) -> AsyncIterator[StartTown]:
    """Hubs that serve accounts of our choice."""
    async with AsyncExitStack() as stack:

        async def start(
            *accounts: Account, tables: Mapping[str, Mapping[str, object]] | None = None
        ) -> Hub:
            return await stack.enter_async_context(
                town(
                    *accounts,
                    nursery=nursery,
                    database_url=database_url,
                    folder=tmp_path / "hub",
                    tables=tables,
                )
            )

        yield start


async def appeals_with(hub: Hub, said: Mapping[Writer, str]) -> dict[Writer, dict[str, Any]]:
    """For each writer the one appeal in which they said this, as the list shows it; waits."""

    async def find() -> dict[Writer, dict[str, Any]] | None:
        listed = await hub.appeals()
        found: dict[Writer, dict[str, Any]] = {}
        for writer, text in said.items():
            where = (writer.account.channel, writer.account.name)
            mine = [
                each
                for each in listed
                if text in each["subject"] and (each["channel"], each["account"]) == where
            ]
            assert len(mine) <= 1, mine
            if mine:
                found[writer] = mine[0]
        return found if len(found) == len(said) else None

    return await hub.eventually(find)


async def appeal_with(hub: Hub, writer: Writer, text: str) -> dict[str, Any]:
    """The one appeal in which a writer said this; waits for it."""
    return (await appeals_with(hub, {writer: text}))[writer]


async def answered(hub: Hub, number: str, text: str, **more: Any) -> str:
    """The id of a reply that the hub took."""
    reply = await hub.send(number, text, **more)
    assert reply.status == 202, reply
    id_: str = reply.json["id"]
    return id_


# --- Everybody is answered ------------------------------------------------------------------------


class Talk:
    """What one citizen and the operator write to each other."""

    def __init__(self, hub: Hub, writer: Writer) -> None:
        self.hub = hub
        self.writer = writer
        self.number = ""
        self.asked = f"Сәлеметсіз бе! Жарық жоқ. {writer.place}"
        self.first = f"Бірінші жауап. {writer.place}"
        while len(self.first) <= writer.longest:
            self.first += " Бригада жолға шықты, жарық сағат алтыда болады."
        self.second = f"Екінші жауап. {writer.place}"
        self._replies: list[str] = []

    async def is_answered(self) -> None:
        """The operator answers twice, with a picture where the channel takes one; both go out."""
        files = []
        if self.writer.takes_pictures:
            files = [await self.hub.upload(PICTURE, name="jol.jpg", mime="image/jpeg")]
        self._replies = [
            await answered(self.hub, self.number, self.first),
            await answered(self.hub, self.number, self.second, attachments=files),
        ]
        for id_ in self._replies:
            await self.hub.went(id_)

    async def is_in(self, state: str) -> bool:
        """Whether both replies are in this state."""
        messages = (await self.hub.get(f"appeals/{self.number}"))["messages"]
        found = {each["id"]: each["delivery"] for each in messages}
        return [found[id_]["state"] for id_ in self._replies] == [state, state]

    async def is_as_told(self) -> int:
        """The citizen has the answers, whole and in order, and nothing else; how many messages."""
        heard = await self.writer.heard()
        texts = [one.text for one in heard]
        assert " ".join(texts).split() == [*self.first.split(), *self.second.split()]
        before = texts.index(self.second)
        assert (before > 1) == bool(self.writer.longest), texts
        pictures = [one.picture for one in heard[before:] if one.picture is not None]
        assert [one.picture for one in heard[:before]] == [None] * before
        assert pictures == [PICTURE] * self.writer.takes_pictures
        if self.writer.public:
            self._stands_in_the_thread(heard)
        return len(heard)

    def _stands_in_the_thread(self, heard: Sequence[Heard]) -> None:
        """Under what the citizen wrote, or under an answer that stands there."""
        there = set(self.writer.wrote)
        for one in heard:
            assert one.answers in there, (self.writer.place, one)
            there.add(one.id)


async def all_became(hub: Hub, wanted: Mapping[Talk, str]) -> None:
    """Wait until the replies of each talk are in its state."""

    async def all_are() -> bool:
        for talk in list(left):
            if await talk.is_in(wanted[talk]):
                left.remove(talk)
        return not left

    left = list(wanted)
    await hub.eventually(all_are)


async def test_on_every_channel_a_citizen_is_answered_where_they_wrote(
    start_town: StartTown,
) -> None:
    accounts = [kind(kind.__name__.lower()) for kind in EVERY]
    hub = await start_town(*accounts)
    writers = [place(account, 1) for account in accounts for place in account.writers]
    talks = [Talk(hub, writer) for writer in writers]

    await asyncio.gather(*(talk.writer.say(talk.asked) for talk in talks))
    assert {status for writer in writers for status in writer.statuses} == {200, None}
    appeals = await appeals_with(hub, {talk.writer: talk.asked for talk in talks})
    for talk in talks:
        appeal = appeals[talk.writer]
        talk.number = appeal["number"]
        assert (appeal["status"], appeal["message_count"]) == ("new", 1)
    assert len(await hub.appeals()) == len(talks)

    await asyncio.gather(*(talk.is_answered() for talk in talks))
    await asyncio.gather(*(talk.writer.look() for talk in talks))
    await all_became(hub, {talk: talk.writer.ends_as for talk in talks})

    arrived = dict.fromkeys(accounts, 0)
    for talk in talks:
        arrived[talk.writer.account] += await talk.is_as_told()
    assert {account: account.sent() for account in accounts} == arrived
    # Providers tell the account of its own messages too: none of them stands there twice.
    for appeal in await hub.appeals():
        messages = (await hub.get(f"appeals/{appeal['number']}"))["messages"]
        assert [each["direction"] for each in messages] == ["in", "out", "out"], messages
    assert len(await hub.appeals()) == len(talks)
    assert {account["health"] for account in await hub.accounts()} == {"ok"}


# --- Two accounts of a channel --------------------------------------------------------------------


@ON_SQLITE
async def test_two_accounts_of_a_channel_never_mix(start_town: StartTown) -> None:
    pairs = [
        (kind(f"{kind.__name__}-first"), kind(f"{kind.__name__}-second", other=True))
        for kind in WITH_WEBHOOKS
    ]
    accounts = [account for pair in pairs for account in pair]
    hub = await start_town(*accounts)
    writers = [place(account, 1) for account in accounts for place in account.writers]
    asked = {writer: f"Көшеде жарық жоқ. {writer.place}" for writer in writers}

    await asyncio.gather(*(writer.say(text) for writer, text in asked.items()))
    appeals = await appeals_with(hub, asked)
    assert len({appeal["number"] for appeal in appeals.values()}) == len(writers)
    for writer in writers:
        id_ = await answered(hub, appeals[writer]["number"], f"Жауап. {writer.place}")
        await hub.went(id_)

    for writer in writers:
        assert [one.text for one in await writer.heard()] == [f"Жауап. {writer.place}"]
    assert [account.sent() for account in accounts] == [len(one.writers) for one in accounts]

    before = len(await hub.appeals())
    assert before == len(writers)
    for one, other in [*pairs, *((second, first) for first, second in pairs)]:
        path, content = next(each for each in one.deliveries() if each[0] == one.hook)
        body = one.body(content)
        for proved_for in (one.hook, other.hook):
            proof = {"Authorization": "", **one.proof(hub.url + proved_for, body)}
            refused = await hub.ask("POST", other.hook, headers=proof, body=body)
            assert refused.status in {401, 403}, (one, other)
        assert len(await hub.appeals()) == before
        proof = {"Authorization": "", **one.proof(hub.url + path, body)}
        assert (await hub.ask("POST", path, headers=proof, body=body)).status == 200
        before = len(await hub.appeals())


# --- Beyond the window ----------------------------------------------------------------------------


@pytest.fixture
def late() -> Callable[[], datetime]:
    """A provider's clock at which the window of what is written now has just closed."""
    return lambda: utc_now() - timedelta(hours=24, minutes=5)


@ON_SQLITE
async def test_beyond_the_window_a_template_reaches_the_citizen(
    start_town: StartTown, late: Callable[[], datetime]
) -> None:
    meta, twilio = WhatsApp("meta"), WhatsAppByTwilio("twilio")
    words = "Құрметті {{1}}, {{2}} өтінішіңіз орындалды."
    meta.sandbox.template("appeal_solved", "kk", words)
    meta.sandbox.template("appeal_solved", "ru", "{{1}}, ваше обращение {{2}} исполнено.")
    meta.sandbox.template("not_yet_approved", "kk", words, status="PENDING")
    content = twilio.sandbox.content("appeal_solved", "kk", words)
    hub = await start_town(meta, twilio)
    aigul, erbol = WhatsAppChat(meta, 1), WhatsAppByTwilioChat(twilio, 2)

    # Meta tells when a message was written, and the hub knows.
    meta.sandbox.clock = late
    await aigul.say("Кеше жарық өшті.")
    meta.sandbox.clock = utc_now
    number = (await appeal_with(hub, aigul, "Кеше жарық өшті."))["number"]
    refused = await hub.send(number, "Жарық қосылды ма?")
    assert (refused.status, refused.json["code"]) == (409, "window_closed")
    assert "template" in refused.json["instead"]
    assert "channels/whatsapp/meta/templates" in refused.json["instead"]
    # Twilio does not, and says it of the reply.
    await erbol.say("Су жоқ.")
    erbol.person.wrote_at = late()
    other = (await appeal_with(hub, erbol, "Су жоқ."))["number"]
    failed = await hub.became(other, await answered(hub, other, "Су бар ма?"), "failed")
    assert "24 hours" in failed["delivery"]["error"]["reason"]

    listed = (await hub.get("channels/whatsapp/meta/templates"))["items"]
    assert {(one["name"], one["language"]) for one in listed} == {
        ("appeal solved", "kk"), ("appeal solved", "ru"),
    }  # fmt: skip
    (chosen,) = [one for one in listed if one["language"] == "kk"]
    assert chosen["text"] == words
    told = {"1": "Айгүл", "2": number}
    incomplete = {"id": chosen["id"], "language": "kk", "variables": {"1": "Айгүл"}}
    assert (await hub.send(number, "", template=incomplete)).status == 400
    template = {"id": chosen["id"], "language": "kk", "variables": told}
    id_ = await answered(hub, number, "", template=template)
    assert (await hub.became(number, id_, "read"))["text"] == filled(words, told)
    (heard,) = aigul.citizen.received
    assert (heard.kind, heard.text) == ("template", filled(words, told))

    (chosen,) = (await hub.get("channels/whatsapp/twilio/templates"))["items"]
    told = {"1": "Ербол", "2": other}
    template = {"id": chosen["id"], "language": "kk", "variables": told}
    id_ = await answered(hub, other, "", template=template)
    assert (await hub.became(other, id_, "read"))["text"] == filled(words, told)
    sent = twilio.sandbox.sent[-1]
    assert (sent.to, sent.content_sid) == (erbol.person.address, content.sid)
    assert sent.content_variables == told


def filled(words: str, variables: Mapping[str, str]) -> str:
    """A template as its reader sees it."""
    for name, value in variables.items():
        words = words.replace(f"{{{{{name}}}}}", value)
    return words


# --- The acknowledgement --------------------------------------------------------------------------

PRIVATELY: Mapping[str, Mapping[str, object]] = {"acknowledgement": {"private": True}}
ASKED = {
    "kk": "Сәлеметсіз бе! Ауламызда үш күннен бері қоқыс шығарылмай жатыр.",
    "ru": "Здравствуйте! Во дворе третий день не вывозят мусор.",
    "en": "Hello! The garbage in our yard has not been collected for three days.",
    "mixed": "Сәлеметсіз бе, ауламызда қоқыс шығарылмай жатыр. Когда вывезут мусор? Ждём.",
}


def acknowledged(language: str, number: str) -> re.Pattern[str]:
    """The acknowledgement of an appeal; its group is the address that is in it."""
    languages = ["kk", "ru"] if language == "mixed" else [language]
    texts = [ACKNOWLEDGEMENT[one].replace("{number}", number) for one in languages]
    return re.compile(r"\s+".join(re.escape(one).replace(r"\{link\}", r"(\S+)") for one in texts))


async def test_a_new_appeal_is_acknowledged_once_in_the_language_of_the_citizen(
    start_town: StartTown,
) -> None:
    bot, page = Telegram("main"), Facebook("main")
    hub = await start_town(bot, page, tables=PRIVATELY)
    for number, (language, text) in enumerate(ASKED.items(), 1):
        citizen = Chat(bot, number)
        await citizen.say(text)
        told = (await citizen.citizen.next()).text
        appeal = await appeal_with(hub, citizen, text)
        found = acknowledged(language, appeal["number"]).fullmatch(told)
        assert found is not None, told
        assert len(set(found.groups())) == 1

        shown = await hub.ask("GET", found[1].removeprefix(hub.url), headers={"Authorization": ""})
        assert shown.status == 200
        assert appeal["number"] in shown.body.decode()
        assert text not in shown.body.decode()

        await citizen.say("Тағы бір сурет жіберейін бе?")
        await hub.went(await answered(hub, appeal["number"], "Жауап"))
        # Whatever else there were would have come before it.
        assert [one.text for one in await citizen.heard()] == [told, "Жауап"]

    commenter = PageComments(page, 1)
    await commenter.say(ASKED["ru"])
    number_ = (await appeal_with(hub, commenter, ASKED["ru"]))["number"]
    await hub.went(await answered(hub, number_, "Завтра утром."))
    assert [one.text for one in await commenter.heard()] == ["Завтра утром."]


@ON_SQLITE
async def test_a_machine_that_answers_everything_is_not_answered_without_end(
    start_town: StartTown,
) -> None:
    bot = Telegram("main")
    hub = await start_town(bot, tables=PRIVATELY)
    machine = Chat(bot, 1)

    # It answers our acknowledgement, which is no new appeal, and nothing answers that.
    await machine.say("Автожауап: демалыстамын 0")
    await machine.citizen.next()
    await machine.say("Автожауап: демалыстамын 0")
    # Where its appeals are closed at once each of its answers opens another.
    rounds = 6
    for turn in range(1, rounds):
        (open_,) = (await hub.get("appeals?status=new,open"))["items"]
        for status in ("resolved", "closed"):
            changed = await hub.ask(
                "PATCH", f"/api/v1/appeals/{open_['number']}", content={"status": status}
            )
            assert changed.status == 200, changed
        await machine.say(f"Автожауап: демалыстамын {turn}")

    appeals = await hub.appeals()
    assert len(appeals) == rounds
    await hub.went(await answered(hub, appeals[0]["number"], "Соңғы"))
    texts = [one.text for one in await machine.heard()]
    numbers = [appeal["number"] for appeal in reversed(appeals)]
    assert texts[-1] == "Соңғы"
    for number, text in zip(numbers[:3], texts[:-1], strict=True):
        assert acknowledged("kk", number).fullmatch(text)


# --- Comments -------------------------------------------------------------------------------------


async def test_a_comment_is_answered_privately_once_and_hidden_from_others(
    start_town: StartTown,
) -> None:
    accounts: Sequence[Facebook | Instagram] = (Facebook("main"), Instagram("main"))
    hub = await start_town(*accounts)
    for account in accounts:
        await is_answered_privately_once(hub, account)


async def is_answered_privately_once(hub: Hub, account: Facebook | Instagram) -> None:
    """Somebody gives their address under a post, and two operators see it at once."""
    citizen = account.writer(1, public=True)
    await citizen.say("Мекенжайым Абай 52, телефоным 8 701 555 01 42, қоңырау шалыңыздар!")
    appeal = await appeal_with(hub, citizen, "Мекенжайым Абай 52")
    number, comment = appeal["number"], citizen.wrote[0]

    both = await asyncio.gather(
        *(hub.send(number, f"Жекеше жауап {n}", private=True) for n in (1, 2))
    )
    assert sorted(reply.status for reply in both) == [202, 409]
    (refused,) = [reply for reply in both if reply.status == 409]
    (taken,) = [reply.json for reply in both if reply.status == 202]
    assert refused.json["code"] == "private_reply_used"
    assert refused.json["instead"]
    await hub.went(taken["id"])
    again = await hub.send(number, "Тағы бір жекеше жауап", private=True)
    assert (again.status, again.json["code"]) == (409, "private_reply_used")
    await hub.went(await answered(hub, number, "Жекеше жаздық."))
    heard = await citizen.heard()
    assert [one.text for one in heard] == [taken["text"], "Жекеше жаздық."]
    assert [one.answers for one in heard] == [comment, comment]
    assert [is_private(account, one) for one in heard] == [True, False]

    (said,) = [
        each for each in (await hub.get(f"appeals/{number}"))["messages"]
        if each["direction"] == "in"
    ]  # fmt: skip
    for hidden in (True, False):
        path = f"/api/v1/messages/{said['id']}/hidden"
        done = await hub.ask("POST", path, content={"hidden": hidden})
        assert done.status == 200, done
        assert account.sandbox.comments[comment].hidden is hidden


def is_private(account: Facebook | Instagram, heard: Heard) -> bool:
    """Whether something the account wrote stands under no post."""
    return heard.id not in account.sandbox.comments


# --- Death and cure of an account -----------------------------------------------------------------


def refusal(account: Account) -> Failure:
    """How an account's provider answers every call once its token is dead."""
    said: dict[str, Any]
    match account:
        case Telegram():
            said = {"ok": False, "error_code": 401, "description": "Unauthorized"}
        case WhatsApp() | Facebook() | Instagram():
            error = {"message": "Error validating access token.", "type": "OAuthException"}
            said = {"error": {**error, "code": 190, "fbtrace_id": "A"}}
        case WhatsAppByTwilio() | Sms():
            said = {"code": 20003, "message": "Authenticate", "status": 401, "more_info": ""}
        case _:
            said = {"title": "Unauthorized", "type": "about:blank", "status": 401}
    return Failure(status=401, body=said)


MINUTE = 90.0
"""Seconds within which a hub looks at its accounts, and tries again what met a dead one."""


@ON_SQLITE
async def test_a_dead_account_is_red_until_its_cure_and_then_its_replies_go_out(
    start_town: StartTown,
) -> None:
    dying = [kind(kind.__name__.lower()) for kind in WITH_WEBHOOKS]
    knocked = Telegram("knocked", other=True)
    hub = await start_town(*dying, knocked)
    writers = {account: account.writer(1) for account in [*dying, knocked]}
    asked = {writer: f"Жарық жоқ. {writer.place}" for writer in writers.values()}
    await asyncio.gather(*(writer.say(text) for writer, text in asked.items()))
    appeals = await appeals_with(hub, asked)
    numbers = {account: appeals[writer]["number"] for account, writer in writers.items()}

    for account in dying:
        account.sandbox.fail_next(refusal(account), times=None)
    stranger = {"Authorization": "", **Telegram("stranger").proof("", b"{}")}
    for _ in range(6):
        assert (await hub.ask("POST", knocked.hook, headers=stranger, body=b"{}")).status == 401
    waiting = {account: await answered(hub, numbers[account], "Жауап") for account in dying}
    for account, id_ in waiting.items():
        await waits_for_the_cure(hub, account, numbers[account], id_)

    for account in dying:
        account.sandbox.heal()
    await asyncio.gather(*(hub.went(id_, within=MINUTE) for id_ in waiting.values()))
    for account in dying:
        assert [one.text for one in await writers[account].heard()] == ["Жауап"]
        assert (await hub.account(str(account)))["health"] != "down"

    # Forged deliveries hinder no reply, but somebody should look.
    shown = await red(hub, knocked)
    assert shown["can_send"] is True
    assert "6 deliveries" in shown["summary"]
    assert "secret" in shown["cure"]
    await hub.went(await answered(hub, numbers[knocked], "Жауап"))
    assert [one.text for one in await writers[knocked].heard()] == ["Жауап"]


async def waits_for_the_cure(hub: Hub, account: Account, number: str, message_id: str) -> None:
    """The account is red with its cure; the reply says why it waits, and no other is taken."""
    shown = await red(hub, account)
    assert shown["cure"], account
    assert (shown["can_send"], shown["queued"]) == (False, 1)

    async def explained() -> dict[str, Any] | None:
        delivery: dict[str, Any] = (await hub.message(number, message_id))["delivery"]
        return delivery if delivery["error"] else None

    delivery = await hub.eventually(explained)
    assert delivery["state"] == "sending"  # it was tried, and states only go forward
    assert delivery["error"]["reason"]
    refused = await hub.send(number, "Тағы бір жауап")
    assert (refused.status, refused.json["code"]) == (409, "account_down")
    assert refused.json["instead"] == shown["cure"]


async def red(hub: Hub, account: Account) -> dict[str, Any]:
    """How an account is shown, once it is red."""

    async def find() -> dict[str, Any] | None:
        shown = await hub.account(str(account))
        return shown if shown["health"] == "down" else None

    return await hub.eventually(find)
