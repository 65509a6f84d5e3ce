"""A running API with its registry, and people who call it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient
from multidict import CIMultiDictProxy

from hub.api.exchange import PREFIX
from hub.api.route import Route
from registry.db import Database
from registry.errors import NotFound
from registry.media import MediaStore
from registry.operators import Principal, Role, add_token
from registry.types import (
    AttachmentKind,
    Capabilities,
    Envelope,
    MediaLimit,
    Sender,
)
from tests.conftest import FakeClock
from tests.registry.desk import hire, receive
from tests.registry.samples import START, message, sender
from workers.bus import Alarm, Topic

SECRET_KEY = "the key of an installation that is only a test"
PROBLEM = "application/problem+json"

PLACES = {
    "number": "ALM-2026-0000099", "id": "99", "channel": "telegram", "account": "main",
    "note": "99", "code": "roads.pothole", "day": "2026-05-08", "key": "day", "session": "abc",
    "prompt": "goodbye", "language": "kk",
}  # fmt: skip
"""What may stand in the addresses of routes."""


def place(route: Route) -> str:
    """An address that leads to the route, though there may be nothing at it."""
    return route.path.format_map(PLACES)


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    def problem(self, status: int, code: str) -> dict[str, Any]:
        """The problem that this answer must be."""
        assert self.status == status, self.body
        assert self.headers["Content-Type"] == PROBLEM
        document: dict[str, Any] = self.json
        assert (document["status"], document["code"]) == (status, code), document
        assert document["type"] == "about:blank"
        assert document["title"]
        assert document["detail"].endswith((".", "?"))
        return document


class StubConnector:
    """An account as far as the API looks at it: what it can carry."""

    def __init__(self, **capabilities: Any) -> None:
        photo = MediaLimit(max_bytes=1000, mimes=("image/*",))
        self.capabilities = Capabilities(
            max_text=4096, max_caption=1024, media={AttachmentKind.PHOTO: photo}, **capabilities
        )


class StubBus:
    """Counts wake-ups; `broken` stands for a bug of ours."""

    def __init__(self) -> None:
        self.woken_for: list[Topic] = []
        self.broken = False

    async def put(self, envelope: Envelope) -> None:
        raise AssertionError("the API puts nothing on the bus")

    def wake(self, topic: Topic) -> None:
        if self.broken:
            raise KeyError("a bug")
        self.woken_for.append(topic)

    def listen(self, topic: Topic) -> Alarm:
        raise AssertionError("the API waits for nothing")

    def waiting(self) -> int:
        return 0

    async def close(self) -> None:
        return


class StubReplay:
    """Remembers what was asked for; `readable` are those that can be registered now."""

    def __init__(self) -> None:
        self.readable: set[int] = set()
        self.known: set[int] = set()

    async def __call__(self, buried_id: int, /) -> bool:
        if buried_id not in self.known:
            raise NotFound("buried delivery", buried_id)
        return buried_id in self.readable


class Desk:
    """The API as its callers see it, and the registry behind it."""

    def __init__(
        self,
        client: TestClient[web.Request, web.Application],
        *,
        database: Database,
        media: MediaStore,
        clock: FakeClock,
        bus: StubBus,
        replay: StubReplay,
    ) -> None:
        self.client = client
        self.database = database
        self.media = media
        self.clock = clock
        self.bus = bus
        self.replay = replay
        self.tokens: dict[str, str] = {}
        self.people: dict[str, Principal] = {}

    async def join(self, name: str, role: Role = Role.OPERATOR) -> str:
        """Hire somebody, and give them a token."""
        self.people[name] = person = await hire(self.database, name, role)
        self.tokens[name] = await self.token(name, role, operator_id=person.operator_id)
        return self.tokens[name]

    async def token(self, name: str, role: Role, *, operator_id: int | None = None) -> str:
        """A token by a name."""
        async with self.database.write() as session:
            return await add_token(
                session, name=name, role=role, secret_key=SECRET_KEY, actor="system",
                now=START, operator_id=operator_id,
            )  # fmt: skip

    def id_of(self, name: str) -> str:
        """The operator's id, as JSON has it."""
        return str(self.people[name].operator_id)

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> Answer:
        """Call the API below its prefix as Dana, or as the bearer of a token."""
        given = dict(headers or {})
        if token is None:
            token = self.tokens.get("Dana") or await self.join("Dana")
        if token:
            given["Authorization"] = f"Bearer {token}"
        async with self.client.request(
            method, PREFIX + path, headers=given, **arguments
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def reply(
        self, number: str, text: str = "Бригада выехала", *, key: str = "k1", **fields: Any
    ) -> Answer:
        """Answer an appeal."""
        return await self.call(
            "POST",
            f"/appeals/{number}/replies",
            json={"text": text, **fields},
            headers={"Idempotency-Key": key},
        )

    async def write_in(
        self, external_id: str = "1", *, citizen: str = "700", channel: str = "telegram",
        **changes: Any,
    ) -> str:  # fmt: skip
        """A citizen writes; the number of their appeal."""
        who: Sender = sender(citizen)
        said = message(external_id, channel=channel, conversation=citizen, sender=who, **changes)
        return (await receive(self.database, said))[0]

    def a_day_later(self) -> None:
        """Let a reply window close."""
        self.clock.advance(timedelta(hours=25))
