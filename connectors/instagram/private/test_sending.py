"""What goes out: into threads, under comments, and as files."""

from collections.abc import AsyncIterator

import pytest

from connectors.base import Blocked, Misconfigured, Rejected, SendError, Throttled, Unreachable
from connectors.instagram.private import refusals as said
from connectors.instagram.private.citizens import Citizen
from connectors.instagram.private.conftest import City
from connectors.instagram.private.refusals import refusal
from connectors.instagram.private.sandbox import VIEWER
from connectors.instagram.private.tokens import sent_by_hub, token_for
from connectors.testing.sandbox import Call, Failure
from registry.types import AttachmentKind, OutboundFile

CONTENT = b"not even a picture"
FILES = [
    (AttachmentKind.PHOTO, "image/jpeg", "media"),
    (AttachmentKind.VIDEO, "video/mp4", "raven_media"),
    (AttachmentKind.VOICE, "audio/mp4", "voice_media"),
]


def file(kind: AttachmentKind, mime: str = "") -> OutboundFile:
    async def stream() -> AsyncIterator[bytes]:
        yield CONTENT[:5]
        yield CONTENT[5:]

    return OutboundFile(
        id="1", kind=kind, name="акт", mime=mime, size=len(CONTENT), stream=stream, link=lambda: ""
    )


async def writer(city: City) -> Citizen:
    """Somebody who wrote and was let in."""
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    city.sandbox.threads[citizen.thread].pending = False
    return citizen


def is_upload(call: Call) -> bool:
    return call.path.startswith("/messenger_") and call.method == "POST"


@pytest.mark.parametrize(("kind", "mime", "item"), FILES)
async def test_a_file_goes_out_as_it_is(
    city: City, kind: AttachmentKind, mime: str, item: str
) -> None:
    citizen = await writer(city)
    sent = await city.account.send(
        city.message(citizen.thread, "", attachments=(file(kind, mime),))
    )
    assert [heard.kind for heard in citizen.received] == [item]
    assert list(city.sandbox.uploads.values()) == [CONTENT]
    assert sent.external_ids == (citizen.received[0].item["item_id"],)
    assert citizen.received[0].item["client_context"] == "142589614023512064"


@pytest.mark.parametrize(("kind", "mime", "item"), FILES)
@pytest.mark.parametrize(
    "failure",
    [Failure.html(), Failure.reset_after(), Failure(status=404, body="gone"), Failure(status=200)],
    ids=["502", "reset", "404", "empty"],
)
async def test_an_upload_that_fails_has_sent_nothing(
    city: City, kind: AttachmentKind, mime: str, item: str, failure: Failure
) -> None:
    citizen = await writer(city)
    city.sandbox.fail_next(failure, where=is_upload)
    message = city.message(citizen.thread, "", attachments=(file(kind, mime),))
    with pytest.raises(Rejected if failure.status == 404 else Unreachable):
        await city.account.send(message)
    assert citizen.received == []
    await city.account.send(message)
    assert [heard.kind for heard in citizen.received] == [item]


async def test_a_file_with_a_text_or_another_file_goes_by_itself(city: City) -> None:
    photo = file(AttachmentKind.PHOTO)
    for message in (
        city.message("1", "сурет", attachments=(photo,)),
        city.message("1", "", attachments=(photo, photo)),
        city.message("1", "", attachments=(file(AttachmentKind.DOCUMENT),)),
        city.message("1", ""),
    ):
        with pytest.raises(Rejected):
            await city.account.send(message)
    assert city.sandbox.calls == []


@pytest.mark.parametrize("conversation", ["", "айгүл", "١٢٣", "12/34", "1:2:3", "a_b:1:2"])
async def test_what_is_no_conversation_is_rejected_before_any_call(
    city: City, conversation: str
) -> None:
    for public in (False, True):
        with pytest.raises(Rejected):
            await city.account.send(city.message(conversation, public=public))
    assert city.sandbox.calls == []


async def test_a_comment_answers_the_last_one_of_the_citizen(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    post = city.sandbox.post()
    root = await citizen.comment("Қашан?")
    later = await citizen.comment("Ау?", under=root["pk"])
    conversation = f"{post.id}:{root['pk']}:{citizen.pk}"
    await city.account.send(city.message(conversation, last_inbound=later["pk"]))
    await city.account.send(city.message(conversation, last_inbound="strange"))
    answers = [child for child in post.comments[0]["children"] if child["user_id"] == VIEWER]
    assert [one["replied_to_comment_id"] for one in answers] == [later["pk"], root["pk"]]


async def test_a_comment_carries_no_file(city: City) -> None:
    message = city.message(
        f"1_{VIEWER}:2:3", "", attachments=(file(AttachmentKind.PHOTO, "image/jpeg"),)
    )
    with pytest.raises(Rejected):
        await city.account.send(message)


async def test_who_takes_no_messages_is_blocked(city: City) -> None:
    citizen = await writer(city)
    citizen.blocks = True
    with pytest.raises(Blocked):
        await city.account.send(city.message(citizen.thread))


async def test_a_new_shape_of_the_answer_is_no_failure(city: City) -> None:
    """What the library would make of it fails; the message has gone out."""
    citizen = await writer(city)
    strange = {"payload": {"item_id": "32", "timestamp": None}, "status": "ok"}
    city.sandbox.fail_next(
        Failure(status=200, body=strange), where=lambda call: "broadcast" in call.path
    )
    sent = await city.account.send(city.message(citizen.thread))
    assert sent.external_ids == ("32",)
    assert sent.at == city.clock.now


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (said.CHALLENGE, Misconfigured),
        (said.FEEDBACK, Throttled),
        (said.PLEASE_WAIT, Throttled),
        (said.SUSPENDED, Misconfigured),
    ],
)
async def test_a_refusal_while_somebody_is_let_in_is_told_alike(
    city: City, refused: tuple[int, object], error: type[SendError]
) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    await city.looks()
    city.sandbox.fail_next(refusal(refused), where=lambda call: call.path.endswith("/approve/"))
    with pytest.raises(error):
        await city.account.send(city.message(citizen.thread))
    assert citizen.received == []
    await city.account.send(city.message(citizen.thread))
    assert len(citizen.received) == 1


# --- Tokens -------------------------------------------------------------------------------------


@pytest.mark.parametrize("message_id", ["1", "142589614023512064", str((1 << 62) - 1)])
def test_the_first_part_carries_its_messages_id(message_id: str) -> None:
    assert token_for(message_id, 0) == message_id
    assert sent_by_hub(token_for(message_id, 0)) == message_id


@pytest.mark.parametrize("message_id", ["1", "142589614023512064", str((1 << 63) - 1), "m1", ""])
def test_every_other_part_is_known_as_ours_and_has_a_token_of_its_own(message_id: str) -> None:
    tokens = [token_for(message_id, part) for part in range(1, 50)]
    assert len(set(tokens)) == 49
    assert all(sent_by_hub(token) == "" for token in tokens)
    assert all(int(token) < 1 << 63 for token in tokens)


@pytest.mark.parametrize(
    "token",
    [
        "7234567890123456789",
        "6800037671157433293",
        "9223372036854775807",
        "8aa373c6-f316-44d7-b49e-d74563f4a8f3",
        "",
        "-5",
        "١٢٣",
        "1" * 40,
        None,
        12,
        [],
    ],
)
def test_a_token_of_the_app_is_somebody_elses(token: object) -> None:
    assert sent_by_hub(token) is None
