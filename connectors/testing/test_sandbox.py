"""The sandbox's own promises: what it records, how it fails, what a citizen can do."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.testing.reader import Reader
from connectors.testing.sandbox import Call, Failure, Refused, Route, Sandbox, Upload, answer


class Letterbox(Sandbox):
    """A provider that takes letters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.letters: list[Any] = []

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/letters/{box}", self.post)

    async def post(self, call: Call) -> web.Response:
        if call.data is None:
            raise Refused(400, {"error": "no letter"})
        self.letters.append(call.data)
        self.changed()
        return answer({"id": len(self.letters), "box": call.params["box"]})


@pytest.fixture
async def box() -> AsyncIterator[Letterbox]:
    async with Letterbox() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_call_is_recorded_with_its_decoded_body(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    async with client.post(
        f"{box.url}/letters/7?lang=kk", json={"text": "Сәлем"}, headers={"X-Key": "k"}
    ) as response:
        assert await response.json() == {"id": 1, "box": "7"}
    (call,) = box.calls
    assert (call.method, call.path, call.params["box"]) == ("POST", "/letters/7", "7")
    assert call.query["lang"] == "kk"
    assert call.headers["x-key"] == "k"
    assert call.data == {"text": "Сәлем"}
    assert call.at.utcoffset() == timedelta(0)
    assert (call.took_effect, call.status) == (True, 200)


async def test_a_form_keeps_repeated_fields(box: Letterbox, client: aiohttp.ClientSession) -> None:
    await client.post(f"{box.url}/letters/1", data=[("to", "a"), ("to", "b"), ("empty", "")])
    assert box.letters[0].getall("to") == ["a", "b"]
    assert box.letters[0]["empty"] == ""


async def test_a_multipart_body_gives_fields_and_files(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    content = b"\x00\r\n--\r\n\xff\r\n\r\n"
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("caption", "Яма на Абая")
    form.add_field("photo", content, filename="яма.jpg", content_type="image/jpeg")
    await client.post(f"{box.url}/letters/1", data=form)
    assert box.letters[0]["caption"] == "Яма на Абая"
    assert box.letters[0]["photo"] == Upload(filename="яма.jpg", mime="image/jpeg", content=content)


async def test_what_the_provider_refuses_takes_no_effect(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    async with client.post(f"{box.url}/letters/1", data=b"{") as response:
        assert response.status == 400
        assert await response.json() == {"error": "no letter"}
    assert not box.calls[0].took_effect


async def test_an_unknown_address_gets_the_providers_own_answer(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{box.url}/nowhere") as response:
        assert response.status == 404
        assert "no such address" in (await response.json())["error"]
    async with client.get(f"{box.url}/letters/1") as response:
        assert response.status == 404
    assert [call.status for call in box.calls] == [404, 404]


async def test_failures_are_spent_in_order_and_only_where_they_apply(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    box.fail_next(Failure(status=500, body={"error": "down"}), times=2)
    box.fail_next(Failure.html(), where=lambda call: call.data == {"n": 3})
    statuses = []
    for n in range(5):
        async with client.post(f"{box.url}/letters/1", json={"n": n}) as response:
            statuses.append((response.status, response.content_type))
    assert statuses == [
        (500, "application/json"),
        (500, "application/json"),
        (200, "application/json"),
        (502, "text/html"),
        (200, "application/json"),
    ]
    assert box.letters == [{"n": 2}, {"n": 4}]


async def test_a_failure_without_end_lasts_until_it_is_healed(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    box.fail_next(Failure(status=503), times=None)
    for _ in range(3):
        async with client.post(f"{box.url}/letters/1", json={}) as response:
            assert response.status == 503
    box.heal()
    async with client.post(f"{box.url}/letters/1", json={}) as response:
        assert response.status == 200


async def test_a_reset_before_the_body_takes_no_effect(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    box.fail_next(Failure.reset_before())
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(f"{box.url}/letters/1", json={"n": 1})
    assert box.letters == []
    assert (box.calls[0].body, box.calls[0].status) == (b"", None)


async def test_a_reset_after_the_effect_leaves_the_letter_there(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    box.fail_next(Failure.reset_after())
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(f"{box.url}/letters/1", json={"n": 1})
    assert box.letters == [{"n": 1}]
    assert box.calls[0].took_effect


async def test_a_broken_answer_may_have_taken_effect(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    box.fail_next(Failure.broken_json(takes_effect=True))
    async with client.post(f"{box.url}/letters/1", json={"n": 1}) as response:
        assert response.status == 200
        with pytest.raises(ValueError, match="Expecting value"):
            await response.json()
    assert box.letters == [{"n": 1}]


async def test_a_held_call_goes_on_when_it_is_released(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    released = asyncio.Event()
    box.fail_next(Failure.hang(released))
    posting = asyncio.create_task(client.post(f"{box.url}/letters/1", json={"n": 1}))
    await box.call()
    assert box.letters == []
    released.set()
    assert (await posting).status == 200
    assert box.letters == [{"n": 1}]


async def test_closing_lets_go_of_what_is_held(client: aiohttp.ClientSession) -> None:
    async with Letterbox() as box:
        box.fail_next(Failure.hang())
        posting = asyncio.create_task(client.post(f"{box.url}/letters/1", json={}))
        await box.call()
    await asyncio.gather(posting, return_exceptions=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(f"{box.url}/letters/1", json={})


async def test_waiting_sees_what_came_before_and_what_comes_later(
    box: Letterbox, client: aiohttp.ClientSession
) -> None:
    await client.post(f"{box.url}/letters/1", json={"n": 1})
    assert (await box.call()).data == {"n": 1}
    waiting = asyncio.create_task(box.call(where=lambda call: call.data == {"n": 3}))
    full = asyncio.create_task(box.until(lambda: len(box.letters) == 3))
    for n in (2, 3):
        await client.post(f"{box.url}/letters/1", json={"n": n})
    assert (await waiting).data == {"n": 3}
    await full
    assert (await box.call(nth=2)).data == {"n": 2}


async def test_a_wait_for_what_never_comes_gives_up(box: Letterbox) -> None:
    with pytest.raises(TimeoutError):
        await box.call(timeout=0)


async def test_calls_over_the_budget_are_answered_429_until_time_has_passed(
    client: aiohttp.ClientSession,
) -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    async with Letterbox(per_second=2, clock=lambda: now) as box:
        statuses = []
        for _ in range(3):
            async with client.post(f"{box.url}/letters/1", json={}) as response:
                statuses.append(response.status)
        assert statuses == [200, 200, 429]
        assert response.headers["Retry-After"] == "1"
        now += timedelta(seconds=0.5)
        async with client.post(f"{box.url}/letters/1", json={}) as response:
            assert response.status == 200
        assert len(box.letters) == 3


async def test_a_stopped_provider_is_unreachable_and_comes_back_at_the_same_place(
    client: aiohttp.ClientSession,
) -> None:
    box = Letterbox()
    await box.start()
    url = box.url
    await box.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(f"{url}/letters/1", json={})
    await box.start()
    async with client.post(f"{url}/letters/1", json={}) as response:
        assert response.status == 200
    await box.stop()


async def test_a_citizen_delivers_to_the_hub_and_learns_its_status(box: Letterbox) -> None:
    box.hub = box.url  # the letterbox stands in for the hub
    assert await box.deliver("/letters/9", {"n": 1}, {"X-Secret": "s"}) == 200
    assert await box.deliver(f"{box.url}/letters/9", b"\xff") == 400
    assert box.calls[0].headers["X-Secret"] == "s"
    assert box.calls[1].body == b"\xff"
    answered = await box.exchange("GET", "/hooks?challenge=1")
    assert answered.status == 404
    assert b"no such address" in answered.body


async def test_delivering_to_a_path_needs_the_hubs_address(box: Letterbox) -> None:
    with pytest.raises(ValueError, match="give hub="):
        await box.deliver("/letters/9", {})


# --- What goes on beside a call -----------------------------------------------------------------


async def test_what_is_done_later_can_be_waited_for_and_may_cause_more(box: Letterbox) -> None:
    async def report(left: int) -> None:
        await asyncio.sleep(0)
        box.letters.append(left)
        if left:
            box.later(report(left - 1))

    box.later(report(2))
    assert box.letters == []
    await box.settled()
    assert box.letters == [2, 1, 0]


async def test_what_fails_later_is_told_to_who_waits_for_it(box: Letterbox) -> None:
    async def report() -> None:
        raise ValueError("no such citizen")

    box.later(report())
    with pytest.raises(ValueError, match="no such citizen"):
        await box.settled()
    await box.settled()


async def test_closing_the_sandbox_leaves_undone_what_was_to_be_done_later() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def report() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Letterbox() as box:
        box.later(report())
        await begun.wait()
    assert ended.is_set()
    await box.settled()


async def test_a_citizen_reads_what_reached_them_one_by_one(box: Letterbox) -> None:
    citizen: Reader[str] = Reader(box)
    citizen.received += ["a", "b"]
    assert [await citizen.next(), await citizen.next()] == ["a", "b"]

    waiting = asyncio.create_task(citizen.next())
    await asyncio.sleep(0)
    citizen.received.append("c")
    box.changed()
    assert await waiting == "c"
    with pytest.raises(TimeoutError):
        await citizen.next(timeout=0)
