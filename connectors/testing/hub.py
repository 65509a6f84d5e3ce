"""What stands behind an account's webhook in the tests of its channel: a hub of one account."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from multidict import CIMultiDict

from connectors.base import Answer, Answers, Connector, Forged, Handshakes
from connectors.testing.contract import ACCOUNT, NOW
from connectors.testing.sandbox import Call, Route, Sandbox, answer
from registry.types import Envelope, Inbound

C = TypeVar("C", bound=Connector)


class Clock:
    """Time that a test moves."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **length: float) -> None:
        """Let time pass: `pass_(hours=25)`."""
        self.now += timedelta(**length)


def delivery_to(
    channel: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    action: str = "",
    query: str = "",
) -> Envelope:
    """A delivery to the account that every test has."""
    return Envelope(
        id="d1",
        channel=channel,
        account=ACCOUNT,
        action=action,
        query=query,
        headers=CIMultiDict(headers or {}),
        body=body,
        received_at=NOW,
    )


class SmallHub(Sandbox, Generic[C]):
    """It shakes hands, verifies, reads and answers as the hub does; `connector` is given to it."""

    channel: ClassVar[str]
    connector: C

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.read: list[Inbound] = []
        """What was made of the deliveries."""
        self.answers: list[Answer] = []
        """What was said to them."""

    def routes(self) -> Iterable[Route]:
        hook = f"/hooks/{self.channel}/{{account}}"
        yield Route("GET", hook, self.greet)
        yield Route("POST", hook, self.receive)
        yield Route("POST", f"{hook}/{{action}}", self.receive)

    async def greet(self, call: Call) -> web.Response:
        """Answer a challenge."""
        try:
            assert isinstance(self.connector, Handshakes)
            return _response(self.connector.handshake(call.query))
        except Forged:
            return answer(status=403)

    async def receive(self, call: Call) -> web.Response:
        """Take a delivery."""
        envelope = delivery_to(
            self.channel,
            call.body,
            call.headers,
            action=call.params.get("action", ""),
            query=urlencode(list(call.query.items())),
        )
        try:
            self.connector.verify(envelope)
        except Forged:
            return answer(status=401)
        self.read.extend(self.connector.normalize(envelope))
        said = Answer()
        if isinstance(self.connector, Answers):
            said = self.connector.answer(envelope)
        self.answers.append(said)
        self.changed()
        return _response(said)


def _response(said: Answer) -> web.Response:
    return web.Response(status=said.status, body=said.body, content_type=said.content_type)
