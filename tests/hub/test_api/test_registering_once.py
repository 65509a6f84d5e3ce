"""What is taken in at the counter is registered once, however often its answer was lost."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func
from sqlmodel import select

from registry.models import Appeal, Contact
from tests.hub.test_api.desk import Answer, Desk

VISIT: dict[str, Any] = {
    "channel": "visit", "contact": {"name": "Гүлнар Әбенова"}, "text": "Әткеншек сынған",
}  # fmt: skip


async def register(
    desk: Desk, *, key: str = "form-1", token: str | None = None, **changes: Any
) -> Answer:
    return await desk.call(
        "POST", "/appeals", json=VISIT | changes, token=token, headers={"Idempotency-Key": key}
    )


async def count(desk: Desk, table: Any) -> int:
    async with desk.database.read() as session:
        return (await session.exec(select(func.count()).select_from(table))).one()


async def test_the_same_form_pressed_twice_is_one_appeal_with_the_same_answer(desk: Desk) -> None:
    first = await register(desk)
    again = await register(desk)

    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert await count(desk, Appeal) == await count(desk, Contact) == 1


async def test_the_same_key_with_another_form_is_refused_and_names_what_is_registered(
    desk: Desk,
) -> None:
    first = await register(desk)
    other = await register(desk, text="Жарық жоқ")

    problem = other.problem(422, "form_changed")
    assert problem["number"] == first.json["number"]
    assert first.json["number"] in problem["detail"]
    assert await count(desk, Appeal) == 1


async def test_pressed_at_once_they_are_one_appeal(desk: Desk) -> None:
    await desk.join("Dana")
    answers = await asyncio.gather(*(register(desk) for _ in range(4)))

    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.json["number"] for answer in answers}) == 1
    assert await count(desk, Appeal) == await count(desk, Contact) == 1
    assert (await register(desk, key="form-2")).json["number"].endswith("2")


async def test_a_key_is_its_writers_own(desk: Desk) -> None:
    first = await register(desk)
    other = await register(desk, token=await desk.join("Erlan"))

    assert (first.status, other.status) == (201, 201)
    assert first.json["number"] != other.json["number"]


async def test_what_was_refused_uses_up_no_key(desk: Desk) -> None:
    (await register(desk, attachments=["7"])).problem(400, "invalid")

    assert (await register(desk)).status == 201


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_without_a_key_each_request_is_an_appeal_and_a_bad_key_is_refused(
    desk: Desk,
) -> None:
    for _ in range(2):
        assert (await desk.call("POST", "/appeals", json=VISIT)).status == 201
    assert await count(desk, Appeal) == 2

    (await register(desk, key="k k")).problem(400, "invalid_idempotency_key")
    assert await count(desk, Appeal) == 2
