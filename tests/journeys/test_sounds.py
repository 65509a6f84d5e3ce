"""What is said on the telephone: each sound's whole life, from the line to its deletion."""

from datetime import UTC, datetime, timedelta
from typing import Any

from registry.operators import Role
from tests.journeys.process import Reply
from tests.journeys.telephone import City, Opens, Operator, lines

NOON = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DINA = "+77012223344"


async def heard_in_pieces(by: Operator, path: str, content: bytes) -> None:
    """The sound is asked for as a browser's player does: its beginning, and then the rest."""
    begins = await by.ask("GET", path, piece="0-99")
    rest = await by.ask("GET", path, piece="100-")
    assert [begins.status, rest.status] == [206, 206]
    assert begins.headers["Content-Range"] == f"bytes 0-99/{len(content)}"
    assert begins.headers["Content-Disposition"].startswith("inline;")
    assert begins.body + rest.body == content


async def noted(city: City, event: str) -> list[tuple[str, Any]]:
    """Who did it and to which appeal, as the audit says, the last one first."""
    entries = (await city.hub.get(f"audit?event={event}"))["items"]
    return [(entry["name"], entry["appeal"]) for entry in entries]


def kept(city: City) -> list[bytes]:
    """The files that the hub has."""
    media = city.hub.folder / "var" / "media"
    return [path.read_bytes() for path in media.rglob("*") if path.is_file()]


async def test_a_recording_is_fetched_heard_by_few_noted_and_deleted_when_its_time_is_over(
    opens: Opens,
) -> None:
    city = await opens(NOON)
    await city.set_telephone(record=True, record_days=1)
    aigul = await city.hires("Aigul")
    dina = await city.waits(DINA)
    assert "record_notice" in lines(dina)
    await city.talk(aigul, dina)
    bolat = await city.hires("Bolat", available=False)
    saule = await city.hires("Saule", available=False, role=Role.SUPERVISOR)
    await city.passes(30)
    await dina.hang_up()
    await city.ended(DINA)
    await city.passes(5)

    async def fetched() -> str | None:
        (call,) = (await aigul.ask("GET", "phone/calls")).json["items"]
        ready = [one for one in call["recordings"] if one["state"] == "ready"]
        return f"attachments/{ready[0]['attachment']}" if ready else None

    sound: str = await city.comes_true(fetched)
    await city.until(lambda: [one.deleted for one in city.twilio.recordings.values()] == [True])
    (content,) = kept(city)

    # Whoever was on the line hears it, and supervisors; each time it is noted.
    await heard_in_pieces(aigul, sound, content)
    await heard_in_pieces(saule, sound, content)
    refused = await bolat.ask("GET", sound)
    assert (refused.status, refused.json["code"]) == (403, "not_to_be_heard")
    assert (await bolat.ask("GET", "phone/calls")).json["items"][0]["recordings"] == []
    number = (await city.appeal(DINA))["number"]
    assert await noted(city, "recording.heard") == [("Saule", number), ("Aigul", number)]

    # The hub looks at its start, and every hour, for what is too old.
    assert await city.hub.terminate() == 0
    await city.passes(timedelta(days=1, minutes=5).total_seconds())
    await city.hub.start()
    await city.hub.serves()

    async def deleted() -> bool:
        journal = (await city.appeal(DINA))["journal"]
        return "call.recording_deleted" in [entry["event"] for entry in journal]

    await city.comes_true(deleted)
    assert kept(city) == []
    gone: Reply = await saule.ask("GET", sound)
    assert gone.status == 404


async def test_a_voicemail_is_an_appeal_whose_sound_is_heard_by_whoever_reads_it(
    opens: Opens,
) -> None:
    city = await opens(NOON)
    dina = await city.waits(DINA)
    await dina.press("2")
    assert "message_beep" in lines(dina)
    await city.passes_until(lambda: dina.place == "record")
    await dina.say(seconds=6)
    await city.passes(40)
    assert lines(dina)[-2:] == ["message_thanks", "goodbye"]
    assert (await city.ended(DINA)).ended_as == "message"

    async def fetched() -> dict[str, Any] | None:
        appeal = await city.appeal(DINA)
        sounds = [sound for said in appeal["messages"] for sound in said["attachments"]]
        assert len(appeal["messages"]) == 2
        return sounds[0] if sounds and sounds[0]["state"] == "ready" else None

    sound = await city.comes_true(fetched)
    assert (sound["kind"], sound["mime"]) == ("voice", "audio/mpeg")
    await city.until(lambda: [one.deleted for one in city.twilio.recordings.values()] == [True])
    (back,) = await city.call_backs()
    assert (back.number, back.why) == (DINA, "message")

    (content,) = kept(city)
    bolat = await city.hires("Bolat", available=False)
    await heard_in_pieces(bolat, f"attachments/{sound['id']}", content)
    number = (await city.appeal(DINA))["number"]
    assert await noted(city, "file.taken") == [("Bolat", number)]
