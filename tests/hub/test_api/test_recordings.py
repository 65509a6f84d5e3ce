"""The recording of a call over HTTP: each listening is asked for, allowed and noted."""

from sqlmodel import col, select

from registry.calls.tables import Call, CallLeg
from registry.models import Audit
from registry.operators import Role
from tests.hub.test_api.desk import Desk
from tests.hub.test_api.test_files import keep
from tests.registry.samples import START


async def a_recording(desk: Desk) -> tuple[int, str]:
    """A recorded call, and the address of its sound."""
    async with desk.database.write() as session:
        call = Call(account="main", external_id="CA1", state="ended", started_at=START)
        session.add(call)
    mp3 = b"ID3\x03 a conversation"
    id_ = await keep(
        desk, mp3, kind="voice", channel="phone", account="main", call_id=call.id, name=None
    )
    return call.id, f"/attachments/{id_}"


async def noted(desk: Desk) -> list[Audit]:
    events = ("recording.heard", "file.taken")
    async with desk.database.read() as session:
        found = await session.exec(select(Audit).where(col(Audit.event).in_(events)))
        return list(found)


async def test_each_listening_of_a_supervisor_is_noted_once(desk: Desk) -> None:
    call_id, address = await a_recording(desk)
    boss = await desk.join("Boss", Role.SUPERVISOR)
    for _ in range(2):
        answer = await desk.call("GET", address, token=boss)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "audio/mpeg"
    goes_on = await desk.call("GET", address, token=boss, headers={"Range": "bytes=4-6"})
    assert goes_on.status == 206
    entries = await noted(desk)
    assert [one.event for one in entries] == ["recording.heard"] * 2
    assert entries[0].data == {"attachment": address.rpartition("/")[2], "call": str(call_id)}


async def test_an_operator_hears_what_they_said_themselves_and_nothing_else(desk: Desk) -> None:
    call_id, address = await a_recording(desk)
    was_there, other = await desk.join("Dana"), await desk.join("Erlan")
    async with desk.database.write() as session:
        session.add(
            CallLeg(
                call_id=call_id, account="main", operator_id=int(desk.id_of("Dana")),
                kind="offer", state="left", device="", made_at=START, deadline=START,
                joined_at=START,
            )
        )  # fmt: skip
    assert (await desk.call("GET", address, token=was_there)).status == 200
    refused = await desk.call("GET", address, token=other)
    refused.problem(403, "not_to_be_heard")
    assert len(await noted(desk)) == 1
