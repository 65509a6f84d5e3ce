"""A call that the hub has not heard of brings what its own deliveries would have brought."""

from datetime import UTC, datetime

import msgspec
import pytest

from connectors.base import PAST, Malformed
from connectors.phone.reading import inbound
from connectors.testing.twilio import ACCOUNT_SID, NUMBER
from registry.calls.hearing import HowEnded, Past
from registry.types import Envelope, InboundMessage

CALL, SOUND = f"CA{'1' * 32}", f"RE{'2' * 32}"
ADDRESS = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{SOUND}.mp3"
BEGAN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FORM = (
    f"AccountSid={ACCOUNT_SID}&CallSid={CALL}&From=%2B77012223344&To=%2B77272000109"
    "&Direction=inbound&CallStatus={}&RecordingSid={}&RecordingDuration=4"
)


def past(number: str = "+77012223344", *recordings: str) -> Past:
    return Past(
        call=CALL, number=number, ours=NUMBER, began_at=BEGAN, how=HowEnded.COMPLETED,
        recordings=recordings,
    )  # fmt: skip


def read(body: bytes, action: str = PAST, at: datetime = LATER) -> list[InboundMessage]:
    envelope = Envelope(
        id="e1", channel="phone", account="main", action=action, headers={}, body=body,
        received_at=at,
    )  # fmt: skip
    found = inbound(envelope, account="main")
    assert all(isinstance(one, InboundMessage) for one in found)
    return list(found)  # type: ignore[arg-type]


def test_it_brings_the_same_messages_as_its_own_deliveries() -> None:
    call = read(FORM.format("ringing", "").encode(), "", BEGAN)
    voice = read(FORM.format("completed", SOUND).encode(), "fallback-message", BEGAN)
    assert read(msgspec.json.encode(past("+77012223344", ADDRESS))) == call + voice


def test_one_without_a_number_is_a_conversation_of_its_own() -> None:
    (call,) = read(msgspec.json.encode(past("")))
    assert call.conversation == f"anonymous:{CALL}"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"call":1}', b"From=%2B7701"])
def test_what_is_no_past_call_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)
