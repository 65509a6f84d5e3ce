"""Blackhole under the contract, and the little that is its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from connectors.base import Connector
from connectors.blackhole.connector import HEADER, BlackholeConnector, BlackholeSettings
from connectors.blackhole.sandbox import BlackholeSandbox
from connectors.testing.contract import ConnectorContract
from connectors.testing.sandbox import Call, Route, Sandbox, answer
from registry.types import Envelope, Inbound, InboundMessage


class TestBlackhole(ConnectorContract):
    connector_class = BlackholeConnector
    has_provider = False
    signs_body = False

    def sandbox(self) -> Sandbox:
        return BlackholeSandbox(webhook_secret="swallow-it-all")

    def settings(self, url: str) -> dict[str, Any]:
        return {"webhook_secret": "swallow-it-all"}

    def other_settings(self, url: str) -> dict[str, Any]:
        return {"webhook_secret": "another-secret"}

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        return {HEADER: keys["webhook_secret"]}

    def texts(self, sandbox: Sandbox) -> Sequence[str]:
        return []

    async def test_a_citizen_of_the_sandbox_is_let_in_and_read(self, reader: Connector) -> None:
        class Hub(Sandbox):
            def routes(self) -> list[Route]:
                return [Route("POST", "/hooks/blackhole/main", self.receive)]

            async def receive(self, call: Call) -> web.Response:
                envelope = this.envelope(call.body, headers=call.headers)
                reader.verify(envelope)
                received.extend(reader.normalize(envelope))
                return answer()

        this = self
        received: list[Inbound] = []
        async with (
            Hub() as hub,
            BlackholeSandbox(webhook_secret="swallow-it-all", hub=hub.url) as sandbox,
        ):
            assert await sandbox.write("aigerim", "Сәлем", id="1", name="Айгерім") == 200
        (message,) = received
        assert isinstance(message, InboundMessage)
        assert (message.conversation, message.text) == ("aigerim", "Сәлем")


@pytest.mark.parametrize(
    "keys", [{}, {"webhook_secret": "short"}, {"webhook_secret": "x" * 8, "delay": -1}]
)
def test_settings_that_make_no_sense_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BlackholeSettings.model_validate(keys)
