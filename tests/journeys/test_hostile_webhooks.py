"""Hostile territory: whatever is posted, nothing false is stored, and nothing breaks."""

import asyncio
import copy
import gzip
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.telegram import limits
from connectors.telegram.sandbox import SECRET_HEADER
from connectors.testing import fixtures
from connectors.testing.mutations import mutated
from tests.journeys.channels import WITH_WEBHOOKS, town
from tests.journeys.channels.accounts import Account, Writer
from tests.journeys.channels.blackhole import Blackhole
from tests.journeys.channels.phone import Telephone
from tests.journeys.process import HOOK, WEBHOOK_SECRET, Hub, Nursery, stored

RECORDED = Path(limits.__file__).parent / "fixtures"
TABLES = ("messages", "contacts", "appeals", "buried", "journal", "external_ids")
"""Where a delivery may leave anything."""
MUTATIONS = 300
MAX_BODY = 1024 * 1024
"""Bytes of a body that the hub reads by default."""
JSON = {"Content-Type": "application/json", "Authorization": ""}
SIGNED = {**JSON, SECRET_HEADER: WEBHOOK_SECRET}


def honest(number: int = 1, said: str = "Сәлем") -> dict[str, Any]:
    """An update as Telegram makes them."""
    person = {"id": 5512340000 + number, "first_name": "Ербол"}
    return {
        "update_id": 990_000_000 + number,
        "message": {
            "message_id": number,
            "from": {**person, "is_bot": False, "language_code": "kk"},
            "chat": {**person, "type": "private"},
            "date": 1_772_440_200,
            "text": said,
        },
    }


class Unharmed:
    """A hub that takes an honest update after whatever else it was given."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._honest = 0

    async def takes(self, case: str) -> None:
        """Deliver an honest update and find it in the list, after `case`."""
        self._honest += 1
        said = f"Әлі де істейсіз бе? {self._honest}"
        assert await self.hub.deliver(honest(500 + self._honest, said)) == 200, case
        newest = (await self.hub.get("appeals?sort=newest&limit=1"))["items"][0]
        assert newest["subject"] == said, case

    async def rows(self) -> dict[str, int]:
        """How much there is of everything that a delivery may leave, but for the honest ones."""
        counts = {}
        for table in TABLES:
            query = f"SELECT count(*) FROM {table}"
            if table == "journal":
                query += " WHERE contact_id IS NOT NULL"  # the rest tells of operators and tokens
            ((found,),) = await stored(self.hub.database_url, query)
            counts[table] = found - (0 if table == "buried" else self._honest)
        return counts


NOTHING = dict.fromkeys(TABLES, 0)


@pytest.fixture
async def unharmed(hub: Hub) -> AsyncIterator[Unharmed]:
    """A hub that at the end of the test still serves, in its first life."""
    unharmed = Unharmed(hub)
    yield unharmed
    await unharmed.takes("everything")
    assert [event["event"] for event in hub.events].count("began") == 1
    assert (await hub.ask("GET", "/readyz")).status == 200


async def raw(hub: Hub, request: bytes) -> bytes:
    """What the hub answers to bytes on a socket, after which our side says no more.

    A hub that hangs up in the middle of a hostile request is within its rights.
    """
    host, _, port = hub.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    with suppress(ConnectionError):
        try:
            writer.write(request)
            await writer.drain()
            writer.write_eof()
            async with asyncio.timeout(10):
                while chunk := await reader.read(65_536):
                    answer += chunk
        finally:
            writer.close()
            await writer.wait_closed()
    return answer


def head(*lines: str, secret: str = WEBHOOK_SECRET) -> bytes:
    """The head of a signed POST to the webhook."""
    fixed = [
        f"POST {HOOK} HTTP/1.1",
        "Host: hub",
        "Connection: close",
        f"{SECRET_HEADER}: {secret}",
        "Content-Type: application/json",
    ]
    return "\r\n".join([*fixed, *lines, "", ""]).encode("latin-1")


# --- Who may deliver -----------------------------------------------------------------------------


async def test_a_wrong_secret_is_refused_and_leaves_nothing(hub: Hub, unharmed: Unharmed) -> None:
    for secret in (
        None, "", "wrong", WEBHOOK_SECRET[:-1], WEBHOOK_SECRET + "x", WEBHOOK_SECRET.upper(), "ÿþ",
    ):  # fmt: skip
        assert await hub.deliver(honest(), secret=secret) == 401, secret
        assert await unharmed.rows() == NOTHING, secret
        await unharmed.takes(f"the secret {secret}")


async def test_a_secret_in_the_address_is_no_secret(hub: Hub, unharmed: Unharmed) -> None:
    body = json.dumps(honest()).encode()
    address = f"{HOOK}?{SECRET_HEADER}={WEBHOOK_SECRET}"
    assert (await hub.ask("POST", address, headers=JSON, body=body)).status == 401
    assert await unharmed.rows() == NOTHING


async def test_an_unknown_account_is_not_there(hub: Hub, unharmed: Unharmed) -> None:
    body = json.dumps(honest()).encode()
    for path in (
        "telegram/other", "whatsapp/main", "telegram/MAIN", "telegram/main%2F..%2Fmain",
        "telegram/%00", "telegram/%ff%fe", "telegram", "",
    ):  # fmt: skip
        reply = await hub.ask("POST", f"/hooks/{path}", headers=SIGNED, body=body)
        assert reply.status == 404, path
    assert await unharmed.rows() == NOTHING


async def test_only_post_delivers(hub: Hub, unharmed: Unharmed) -> None:
    body = json.dumps(honest()).encode()
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        reply = await hub.ask(method, HOOK, headers=SIGNED, body=body)
        assert reply.status == 405, method
    assert await unharmed.rows() == NOTHING


# --- Bodies that cannot be read ------------------------------------------------------------------


async def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_taken(
    hub: Hub, unharmed: Unharmed
) -> None:
    body = json.dumps(honest(1)).encode()
    chunked = b"%x\r\n" % (MAX_BODY + 1) + b" " * (MAX_BODY + 1) + b"\r\n0\r\n\r\n"

    assert await hub.deliver(body + b" " * (MAX_BODY + 1 - len(body))) == 413
    answer = await raw(hub, head("Transfer-Encoding: chunked") + chunked)
    assert answer.startswith(b"HTTP/1.1 413")
    assert await unharmed.rows() == NOTHING

    assert await hub.deliver(body + b" " * (MAX_BODY - len(body))) == 200
    assert (await unharmed.rows())["messages"] == 1


GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "a space": b" ",
    "null": b"null",
    "a number": b"42",
    "a text": b'"update_id"',
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a list of updates": json.dumps([honest()]).encode(),
    "only a number of an update": b'{"update_id": 1}',
    "no number": json.dumps({"message": honest()["message"]}).encode(),
    "cut short": json.dumps(honest()).encode()[:-20],
    "two at once": json.dumps(honest()).encode() * 2,
    "zeros": b"\x00" * 1000,
    "random bytes": bytes(range(256)) * 40,
    "a form": b"update_id=1&message=hello",
    "markup": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "UTF-16": json.dumps(honest()).encode("utf-16"),
    "UTF-8 with its mark": b"\xef\xbb\xbf" + json.dumps(honest()).encode(),
    "cp1251": json.dumps(honest(), ensure_ascii=False).replace("Сәлем", "Привет").replace(
        "Ербол", "Иван"
    ).encode("cp1251"),
    "a byte of no UTF-8 in the text": json.dumps(honest(said="@")).encode().replace(b"@", b"\xff"),
    "a bare NUL in the text": json.dumps(honest(said="@")).encode().replace(b"@", b"\x00"),
    "deep lists": b"[" * 200_000,
    "deep lists, closed": b"[" * 200_000 + b"]" * 200_000,
    "deep objects": b'{"message":' * 50_000,
    "a deep field that nobody reads": json.dumps(honest())[:-1].encode()
    + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a deep message": b'{"update_id": 1, "message": ' + b'{"reply_to_message": ' * 20_000
    + b"{}" + b"}" * 20_000 + b"}",
    "a number of many digits": b'{"update_id": ' + b"9" * 100_000 + b"}",
    "an exponent": b'{"update_id": 1e999999999}',
    "NaN": b'{"update_id": NaN}',
    "a key many times": b"{" + b'"update_id": 1, ' * 10_000 + b'"update_id": 2}',
    "many keys": b"{" + b", ".join(b'"k%d": %d' % (n, n) for n in range(50_000)) + b"}",
}  # fmt: skip


async def test_garbage_is_taken_and_buried_and_never_a_fault(hub: Hub, unharmed: Unharmed) -> None:
    for case, body in GARBAGE.items():
        before = await unharmed.rows()
        assert await hub.deliver(body) == 200, case
        await unharmed.takes(case)
        after = await unharmed.rows()
        left = sum(after[table] - before[table] for table in ("messages", "buried"))
        assert left <= 1, case
        if after["buried"] > before["buried"]:
            (buried,) = (await hub.get("buried?limit=1"))["items"]
            whole = await hub.get(f"buried/{buried['id']}")
            assert whole["reason"], case


ODD_FIELDS: dict[str, Any] = {
    "a NUL": "Абай\x00даңғылы",
    "only a NUL": "\x00",
    "half of a pair": "Сәлем \ud83d",
    "the other half": "\ude00 Сәлем",
    "halves in the wrong order": "\ude00\ud83d",
    "a text without an end": "қ" * 30_000,
    "marks of direction": "\u202e\u2066Сәлем\u202c\ufeff",
    "no character": "\ufffe\uffff\U0010ffff",
    "something like SQL": "'; DROP TABLE messages; --",
    "something like markup": "<script>alert(1)</script> {{7*7}} ${7*7} %s %n {0}",
    "only spaces": " \n\t\u00a0 ",
}


async def test_an_odd_text_is_shown_as_well_as_it_can_be(hub: Hub, unharmed: Unharmed) -> None:
    for n, (case, text) in enumerate(ODD_FIELDS.items(), 1):
        update = honest(n, text)
        update["message"]["from"]["first_name"] = text
        update["message"]["chat"]["first_name"] = text

        assert await hub.deliver(update) == 200, case

        (appeal,) = (await hub.get("appeals?sort=newest&limit=1"))["items"]
        detail = await hub.get(f"appeals/{appeal['number']}")
        assert detail["contact"]["points"][0]["value"] == str(update["message"]["from"]["id"])
        (message,) = detail["messages"]
        if text.isprintable() and text.strip():
            assert message["text"] == text, case
            assert detail["contact"]["name"] == text, case
        await unharmed.takes(case)


NUMBERS = [0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 1e308, 0.5]


async def test_numbers_beyond_all_bounds_are_no_fault(hub: Hub, unharmed: Unharmed) -> None:
    cases = [
        (field, number)
        for field in ("update_id", "message_id", "date", "from", "chat")
        for number in NUMBERS
    ]
    for n, (field, number) in enumerate(cases, 1):
        update = honest(n)
        match field:
            case "update_id":
                update[field] = number
            case "from" | "chat":
                update["message"][field]["id"] = number
            case _:
                update["message"][field] = number
        assert await hub.deliver(update) == 200, (field, number)
        await unharmed.takes(f"{field} {number}")


async def test_a_poisoned_update_does_not_take_its_neighbours_with_it(
    hub: Hub, unharmed: Unharmed
) -> None:
    poisoned = []
    odds: list[Any] = ["\ud800", "\x00", 2**63, 10**30, None, [], {"a": 1}]
    for n, odd in enumerate(odds, 100):
        update = honest(n)
        update["message"]["text" if isinstance(odd, str) else "message_id"] = odd
        poisoned.append(update)
    neighbours = [honest(n, f"Хабар {n}") for n in range(1, 31)]
    mixed = [each for pair in zip(neighbours, poisoned * 5, strict=False) for each in pair]

    statuses = await asyncio.gather(*(hub.deliver(update) for update in mixed))

    assert set(statuses) == {200}
    subjects = [appeal["subject"] for appeal in await hub.appeals()]
    assert {f"Хабар {n}" for n in range(1, 31)} <= set(subjects)


# --- Requests that are no requests ---------------------------------------------------------------


async def test_a_compressed_body_is_read_within_the_same_bounds(
    hub: Hub, unharmed: Unharmed
) -> None:
    packed = {**SIGNED, "Content-Encoding": "gzip"}
    body = json.dumps(honest(1)).encode()
    fine = await hub.ask("POST", HOOK, headers=packed, body=gzip.compress(body))
    before = await unharmed.rows()
    garbage = await hub.ask("POST", HOOK, headers=packed, body=b"\x1f\x8b" + os.urandom(500))
    unpacked = await hub.ask("POST", HOOK, headers=packed, body=body)
    cut = await hub.ask("POST", HOOK, headers=packed, body=gzip.compress(body)[:-60])
    unknown = await hub.ask("POST", HOOK, headers={**SIGNED, "Content-Encoding": "lzma"}, body=body)
    elsewhere = await hub.ask("POST", "/hooks/sms/main", headers=packed, body=body)

    assert fine.status == 200
    assert before["messages"] == 1
    assert [garbage.status, unpacked.status] == [400, 400]
    assert cut.status < 500
    assert unknown.status < 500
    assert elsewhere.status == 404
    assert (await unharmed.rows())["messages"] == 1


async def test_a_small_body_that_unpacks_to_a_huge_one_is_refused_without_being_held(
    hub: Hub, unharmed: Unharmed
) -> None:
    (began,) = (event for event in hub.events if event["event"] == "began")
    process = psutil.Process(began["pid"])
    before = process.memory_info().rss
    bomb = gzip.compress(b"[" * 400 * 1024 * 1024, compresslevel=9)
    assert len(bomb) < MAX_BODY

    reply = await hub.ask("POST", HOOK, headers={**SIGNED, "Content-Encoding": "gzip"}, body=bomb)

    assert reply.status == 413
    assert process.memory_info().rss - before < 100 * 1024 * 1024


BROKEN: dict[str, tuple[Sequence[str], bytes]] = {
    "a body that breaks off": (["Content-Length: 5000"], b'{"update_id": 1'),
    "no body at all": (["Content-Length: 5000"], b""),
    "a length below zero": (["Content-Length: -5"], b"{}"),
    "a length in words": (["Content-Length: five"], b"{}"),
    "a length beyond all bounds": (["Content-Length: 99999999999999999999"], b"{}"),
    "two lengths": (["Content-Length: 2", "Content-Length: 40"], b"{}"),
    "length and chunks": (
        ["Content-Length: 2", "Transfer-Encoding: chunked"],
        b"0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
    ),
    "a chunk that breaks off": (["Transfer-Encoding: chunked"], b"ff\r\n{"),
    "a chunk of no size": (["Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n"),
    "a huge chunk": (["Transfer-Encoding: chunked"], b"ffffffffffffffff\r\n{}"),
    "an unknown coding": (["Transfer-Encoding: smoke"], b"{}"),
    "a NUL in a header": (["X-Odd: a\x00b", "Content-Length: 2"], b"{}"),
    "a huge header": ([f"X-Odd: {'a' * 100_000}", "Content-Length: 2"], b"{}"),
    "many headers": ([*(f"X-Odd-{n}: 1" for n in range(5000)), "Content-Length: 2"], b"{}"),
}


async def test_a_broken_request_is_refused_and_leaves_nothing(hub: Hub, unharmed: Unharmed) -> None:
    for case, (lines, body) in BROKEN.items():
        answer = await raw(hub, head(*lines) + body)
        assert not answer or answer.split(b" ", 2)[1].startswith(b"4"), (case, answer[:200])
        assert await unharmed.rows() == NOTHING, case
        await unharmed.takes(case)


async def test_what_follows_a_length_that_is_too_small_is_no_part_of_the_delivery(
    hub: Hub, unharmed: Unharmed
) -> None:
    body = json.dumps(honest(1)).encode()
    request = head(f"Content-Length: {len(body)}") + body + b"and more, much more"

    answer = await raw(hub, request)

    taken = answer.startswith(b"HTTP/1.1 200")
    assert taken or not answer or answer.split(b" ", 2)[1] == b"400"
    assert taken <= (await unharmed.rows())["messages"] <= 1


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(
    hub: Hub, unharmed: Unharmed
) -> None:
    before = await unharmed.rows()
    host, _, port = hub.url.removeprefix("http://").partition(":")
    for _ in range(20):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head("Content-Length: 5000") + b'{"update_id": 1')
        await writer.drain()
        assert writer.transport is not None
        writer.transport.abort()
    assert await hub.deliver(honest(1)) == 200
    assert (await unharmed.rows())["messages"] == before["messages"] + 1


# --- Variants of what was recorded ---------------------------------------------------------------


def variants(number: int, deliveries: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """So many broken variants of what came to each path, the same in every run."""
    found: list[tuple[str, Any]] = []

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(deliveries).flatmap(_broken))
    def collect(delivery: tuple[str, Any]) -> None:
        found.append(copy.deepcopy(delivery))

    collect()
    return found


def _broken(delivery: tuple[str, Any]) -> st.SearchStrategy[tuple[str, Any]]:
    path, content = delivery
    return st.tuples(st.just(path), mutated([content]))


async def test_no_variant_of_a_recorded_update_is_a_fault(hub: Hub, unharmed: Unharmed) -> None:
    recorded = [(HOOK, case.content()) for case in fixtures.cases(RECORDED)]
    found = variants(MUTATIONS, recorded)
    assert len(found) >= MUTATIONS * 0.9
    for _, content in found:
        body = json.dumps(content).encode()
        status = await hub.deliver(body)
        assert status == (413 if len(body) > MAX_BODY else 200), body[:2000]
    for appeal in await hub.appeals():
        assert (await hub.get(f"appeals/{appeal['number']}"))["messages"]
    assert (await hub.get("buried?limit=100"))["items"]


# --- The webhooks of every channel ---------------------------------------------------------------

EVERYWHERE = 5000
"""Broken deliveries over all webhooks, each of them signed as the provider would."""
AT_ONCE = 16
GROWTH = 32 * 1024 * 1024
"""Bytes by which the second half of them may let the process grow."""


def broken_deliveries(account: Account, number: int) -> list[tuple[str, bytes]]:
    """So many to an account, the same in every run: half of them broken within what they tell,
    and the other half as bytes."""
    chance = Random(account.name)
    whole = [
        (path, account.body(content))
        for path, content in variants(number // 2, list(account.deliveries()))
    ]
    found = []
    for path, body in whole:
        at = chance.randrange(len(body) + 1)
        _, other = chance.choice(whole)
        match chance.choice(["cut", "splice", "flip"]):
            case "cut":
                torn = body[:at]
            case "splice":
                torn = body[:at] + other[chance.randrange(len(other) + 1) :]
            case _:
                torn = body[:at] + chance.randbytes(3) + body[at + 3 :]
        found += [(path, body), (path, account.mended(torn))]
    return found


async def poured(hub: Hub, account: Account, found: Iterable[tuple[str, bytes]]) -> Counter[int]:
    """Deliver everything, several at once, and count what was answered."""
    answered: Counter[int] = Counter()
    left = iter(found)

    async def pour() -> None:
        for path, body in left:
            proof = {"Authorization": "", **account.proof(hub.url + path, body)}
            reply = await hub.ask("POST", path, headers=proof, body=body)
            assert (reply.status == 413) == (len(body) > MAX_BODY), (path, body[:2000])
            answered[reply.status] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(pour())
    return answered


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_hub_outlives_broken_deliveries_to_every_webhook(
    nursery: Nursery, database_url: str, tmp_path: Path
) -> None:
    kinds: Sequence[type[Account]] = (*WITH_WEBHOOKS, Telephone, Blackhole)
    accounts = [kind(kind.__name__.lower()) for kind in kinds]
    share = EVERYWHERE // len(accounts)
    broken = {one: broken_deliveries(one, share) for one in accounts}
    assert sum(map(len, broken.values())) >= EVERYWHERE * 0.95
    async with town(
        *accounts, nursery=nursery, database_url=database_url, folder=tmp_path / "hub"
    ) as hub:
        (began,) = (event for event in hub.events if event["event"] == "began")
        process = psutil.Process(began["pid"])
        answered: Counter[int] = Counter()
        grown = []
        for part in (slice(0, share // 2), slice(share // 2, None)):
            for account, found in broken.items():
                answered += await poured(hub, account, found[part])
            grown.append(process.memory_info().rss)

        assert set(answered) <= {200, 413, 503}, answered
        assert answered[200] > EVERYWHERE * 0.9, answered
        assert grown[1] - grown[0] < GROWTH, grown
        assert (await hub.ask("GET", "/readyz")).status == 200
        # Not all was beyond reading: what still was a message is there, on each account.
        brought = {f"{each['channel']}/{each['account']}" for each in await hub.appeals()}
        assert brought == {str(account) for account in accounts}
        assert (await hub.get("buried?limit=1"))["items"]
        for account in accounts:
            for place in account.writers:
                await takes_an_honest_message(hub, place(account, 99))
        assert [event["event"] for event in hub.events].count("began") == 1


async def takes_an_honest_message(hub: Hub, writer: Writer) -> None:
    """A citizen writes, and is found by their words."""
    said = f"Әлі де істейсіз бе? {writer.place}"
    await writer.say(said)
    assert writer.statuses == [200], writer.place
    query = f"appeals?channel={writer.account.channel}&q={quote(said)}"

    async def found() -> list[str]:
        return [each["account"] for each in (await hub.get(query))["items"]]

    assert await hub.eventually(found) == [writer.account.name], writer.place
