"""Calls without an answer of the provider's."""

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from connectors.base import Uncertain, Unreachable
from connectors.kit.lost_answers import somebody_else, unanswered, unclear, unreadable

_KEY = ConnectionKey("api.example.com", 443, True, True, None, None, None)
NO_CONNECTION = aiohttp.ClientConnectorError(_KEY, OSError("https://api.example.com/bot-token"))


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize("error", [NO_CONNECTION, aiohttp.ConnectionTimeoutError()])
def test_without_a_connection_nothing_went_out(error: Exception, sends: bool) -> None:
    found = unanswered(error, "Twilio", sends=sends)

    assert type(found) is Unreachable
    assert found.reason == "No connection to Twilio could be made."


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError("token"), "Twilio did not answer in time."),
        (aiohttp.ServerTimeoutError("token"), "Twilio did not answer in time."),
        (
            aiohttp.ServerDisconnectedError("token"),
            "The connection to Twilio broke before its answer.",
        ),
        (ConnectionResetError("token"), "The connection to Twilio broke before its answer."),
    ],
)
def test_what_was_sent_and_not_answered_may_have_gone_out(error: Exception, reason: str) -> None:
    found = unanswered(error, "Twilio", sends=True)
    assert isinstance(found, Uncertain)
    assert found.reason == f"{reason} The message may have gone out."

    asked = unanswered(error, "Twilio", sends=False)
    assert type(asked) is Unreachable
    assert asked.reason == reason


def test_half_a_request_did_nothing() -> None:
    found = unanswered(TimeoutError(), "Telegram", sends=True, whole=False)

    assert type(found) is Unreachable


def test_an_answer_that_cannot_be_read_leaves_open_what_happened() -> None:
    assert isinstance(unreadable("X", sends=True), Uncertain)
    assert type(unreadable("X", sends=False)) is Unreachable
    assert unclear("X is in trouble.", sends=True, code="500").code == "500"


def test_whoever_else_answers_is_found_by_the_key_of_the_settings() -> None:
    found = somebody_else(404, "X", table="channels.twitter.main")

    assert "is not X (status 404)" in found.reason
    assert "channels.twitter.main.api_base" in found.cure
    assert found.code == "404"
