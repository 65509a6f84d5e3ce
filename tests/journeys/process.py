"""A running hub as the tests hold it: started, spoken to over HTTP, its logs read, stopped, killed.

Nothing is left behind: a hub ends with the block that opened it, and all of them with the tests.
"""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

import aiohttp
from sqlalchemy import text

from connectors.telegram.citizens import Citizen
from connectors.telegram.sandbox import SECRET_HEADER, TelegramSandbox
from registry.db import Database
from registry.journal import SYSTEM
from registry.operators import Role, add_token
from registry.types import utc_now
from tests.journeys.nursery import MAX_ORDER

T = TypeVar("T")

Accounts: TypeAlias = Mapping[str, Mapping[str, object]]
"""The accounts of a channel, by their names, with the keys of their settings."""

PATIENCE = float(os.environ.get("JOURNEYS_PATIENCE", "30"))
"""Seconds after which something that should have happened has not; a busy machine needs more."""
LOOK_AGAIN = 0.03
"""Seconds between two questions to the hub about what only it can know."""
SECRET_KEY = "a-secret-key-that-only-the-journeys-know"
WEBHOOK_SECRET = "webhook-secret-of-the-journeys"
HOOK = "/hooks/telegram/main"
LONGEST_LINE = 4 * 1024 * 1024


class Nursery:
    """Where hub processes come from; see `tests.journeys.nursery`."""

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.journeys.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
            )
        self._control = ours
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait(PATIENCE)

    def start(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        cold: bool,
        time: Path | None = None,
    ) -> int:
        """Start `hub` with these arguments; returns where to read what it says.

        Its first line is an event "began" with its pid, the last an event "ended" with its status.
        """
        reader, writer = os.pipe()
        order = {
            "arguments": list(arguments),
            "environ": dict(environ),
            "cold": cold,
            "time": None if time is None else str(time),
        }
        packet = json.dumps(order).encode()
        assert len(packet) < MAX_ORDER
        try:
            socket.send_fds(self._control, [packet], [writer])
        finally:
            os.close(writer)
        return reader

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a hub, unless it has ended."""
        self._control.send(json.dumps({"pid": pid, "signal": number}).encode())


class ReservedPort:
    """A port of loopback that stays ours while nobody listens: hubs come and go at one address.

    A bound socket that does not listen lets another be bound and listen beside it, as both allow
    the reuse of the address, and keeps the port from everybody who just asks for any.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the hub answered over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Hub:
    """A hub on the stand-ins of its providers: `async with Hub(…)` starts it and ends it.

    With `telegram` it has a bot; `channels` are further accounts and `tables` further settings, as
    the settings' file has them. With `time` it lives in that of a test. `events` holds what it
    logged, over all its lives; a line that is no JSON stands under "text".
    """

    def __init__(
        self,
        *,
        nursery: Nursery,
        folder: Path,
        database_url: str,
        telegram: TelegramSandbox | None = None,
        channels: Mapping[str, Accounts] | None = None,
        tables: Mapping[str, Mapping[str, object]] | None = None,
        environ: Mapping[str, str] | None = None,
        mode: str = "webhook",
        cold: bool = False,
        time: Path | None = None,
    ) -> None:
        self.nursery = nursery
        self.folder = folder
        self.database_url = database_url
        self.telegram = telegram
        self.channels = {name: dict(accounts) for name, accounts in (channels or {}).items()}
        self.tables = dict(tables or {})
        self.cold = cold
        self.events: list[dict[str, Any]] = []
        self.token = ""
        self._environ = dict(environ or {})
        self._mode = mode
        self._time = time
        self._port = ReservedPort()
        self._life = 0
        """Where the events of the present life begin."""
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._http: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port.number}"

    # --- Life and death --------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_settings()
        async with opened(self.database_url) as database, database.write() as session:
            self.token = await add_token(
                session,
                name=f"journeys-{secrets.token_hex(4)}",
                role=Role.ADMIN,
                secret_key=SECRET_KEY,
                actor=SYSTEM,
                now=utc_now(),
            )
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        try:
            await self.start()
            await self.ready()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        if self._http is not None:
            await self._http.close()
        self._port.close()
        # pytest shows this for a test that failed, and for no other.
        print(f"--- what the hub at {self.url} logged")
        for event in self.events:
            print(event.get("text") or json.dumps(event, ensure_ascii=False))

    async def start(self) -> None:
        """Start the process, and return once there is one; `ready` waits until it serves."""
        assert self._reading is None
        self._life = len(self.events)
        output = self.nursery.start(
            ["run", "--config", str(self.folder / "hub.toml")],
            environ=self._environment(),
            cold=self.cold,
            time=self._time,
        )
        self._reading = asyncio.create_task(self._read(output), name="the hub's log")
        await self.logged("began")

    async def serves(self) -> None:
        """Wait until the hub serves, whatever its accounts are like."""
        await self.logged("ready")
        assert (await self.ask("GET", "/readyz")).status == 200

    async def ready(self) -> None:
        """Wait until the hub serves, and every provider knows where to deliver."""
        await self.serves()
        telegram = self.telegram
        if telegram is not None and self._mode == "webhook":
            await telegram.until(lambda: self._registered(telegram), timeout=PATIENCE)
        await self.eventually(self._healthy)

    async def kill(self) -> None:
        """End the process at once, in the middle of whatever it does."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """Ask the process to stop, and return its exit code once it has."""
        self.ask_to_stop()
        return await self.ended()

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        self.nursery.signal(self._began["pid"], signal.SIGTERM)

    async def ended(self) -> int:
        """Wait until the process has ended by itself, and return its exit code."""
        assert self._reading is not None
        async with asyncio.timeout(PATIENCE):
            await self._reading
        self._reading = None
        code: int = self.events[-1]["status"]
        return code

    async def _end(self, number: signal.Signals) -> None:
        if self._reading is not None:
            self.nursery.signal(self._began["pid"], number)
            await self.ended()

    @property
    def _began(self) -> dict[str, Any]:
        return next(event for event in self.present if event["event"] == "began")

    def _registered(self, telegram: TelegramSandbox) -> bool:
        return telegram.webhook is not None and telegram.webhook.url == self.url + HOOK

    async def _healthy(self) -> bool:
        return {account["health"] for account in await self.accounts()} <= {"ok"}

    # --- Its logs --------------------------------------------------------------------------------

    async def logged(self, event: str, **fields: object) -> dict[str, Any]:
        """The first such line of this life's log; waits for it. Raises: TimeoutError."""
        wanted = {"event": event, **fields}
        return await self._line(lambda line: wanted.items() <= line.items())

    async def went(self, message_id: str, *, within: float = PATIENCE) -> None:
        """Wait until the last part of a reply has gone out. Raises: TimeoutError."""

        def is_last(line: Mapping[str, Any]) -> bool:
            part, _, parts = str(line.get("part")).partition("/")
            return line["event"] == "sent" and line["message"] == message_id and part == parts

        await self._line(is_last, within=within)

    async def _line(
        self, wanted: Callable[[Mapping[str, Any]], bool], *, within: float = PATIENCE
    ) -> dict[str, Any]:
        async with asyncio.timeout(within):
            while True:
                for found in self.present:
                    if wanted(found):
                        return found
                await self._news.wait()

    @property
    def present(self) -> list[dict[str, Any]]:
        """What it logged in this life."""
        return self.events[self._life :]

    @property
    def tracebacks(self) -> list[dict[str, Any]]:
        """Lines of the log that tell of a fault of ours."""
        return [
            event
            for event in self.events
            if "exception" in event or str(event.get("text", "")).startswith("Traceback")
        ]

    async def _read(self, output: int) -> None:
        """Follow the output until the process and everything it started have ended."""
        lines = asyncio.StreamReader(limit=LONGEST_LINE)
        with os.fdopen(output, "rb", buffering=0) as pipe:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(lines), pipe
            )
            try:
                async for line in lines:
                    if line.strip():
                        self.events.append(_event(line))
                        news, self._news = self._news, asyncio.Event()
                        news.set()
            finally:
                transport.close()

    # --- Speaking to it --------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content: object = None,
    ) -> Reply:
        """One request with the token; `content` goes as JSON. Raises: aiohttp.ClientError."""
        assert self._http is not None
        given = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if content is not None:
            body = json.dumps(content).encode()
            given["Content-Type"] = "application/json"
        async with self._http.request(
            method, self.url + path, headers=given, data=None if body is None else BytesIO(body)
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str) -> Any:
        """What the API has at `path`, which must be there."""
        reply = await self.ask("GET", f"/api/v1/{path}")
        assert reply.status == 200, reply
        return reply.json

    async def deliver(self, update: object, *, secret: str | None = WEBHOOK_SECRET) -> int:
        """Post an update as Telegram does, and return the status; bytes go as they stand."""
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        headers = {"Content-Type": "application/json", "Authorization": ""}
        if secret is not None:
            headers[SECRET_HEADER] = secret
        return (await self.ask("POST", HOOK, headers=headers, body=body)).status

    async def send(
        self,
        number: str,
        text: str,
        *,
        attachments: Sequence[str] = (),
        key: str | None = None,
        **more: object,
    ) -> Reply:
        """Reply to an appeal, under an Idempotency-Key of its own unless one is given."""
        return await self.ask(
            "POST",
            f"/api/v1/appeals/{number}/replies",
            headers={"Idempotency-Key": key or secrets.token_hex(8)},
            content={"text": text, "attachments": list(attachments), **more},
        )

    async def upload(self, content: bytes, *, name: str, mime: str) -> str:
        """Give the hub a file of the operator's; its id."""
        boundary = f"boundary-{secrets.token_hex(16)}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: {mime}\r\n\r\n"
        )
        uploaded = await self.ask(
            "POST",
            "/api/v1/uploads",
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
            body=head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
        )
        assert uploaded.status == 201, uploaded
        id_: str = uploaded.json["id"]
        return id_

    async def retry(self, message_id: str, *, even_if_sent: bool = False) -> Reply:
        """Ask for a message to be sent again."""
        content = {"even_if_sent": True} if even_if_sent else {}
        return await self.ask("POST", f"/api/v1/messages/{message_id}/retry", content=content)

    async def appeals(self) -> list[dict[str, Any]]:
        """Every appeal as the list shows it, the newest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await self.get(f"appeals?sort=newest&limit=100&cursor={cursor}")
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = page["next"]

    async def appeal_of(self, citizen: Citizen) -> dict[str, Any]:
        """The citizen's one appeal, whole."""
        point = {"scheme": "telegram", "value": str(citizen.id)}
        mine = [each for each in await self.appeals() if point in each["contact"]["points"]]
        assert len(mine) == 1, mine
        found: dict[str, Any] = await self.get(f"appeals/{mine[0]['number']}")
        return found

    async def message(self, number: str, message_id: str) -> dict[str, Any]:
        """One message of an appeal."""
        messages = (await self.get(f"appeals/{number}"))["messages"]
        found: dict[str, Any] = next(each for each in messages if each["id"] == message_id)
        return found

    async def became(self, number: str, message_id: str, state: str) -> dict[str, Any]:
        """The message once its delivery is in `state`."""

        async def reached() -> dict[str, Any] | None:
            message = await self.message(number, message_id)
            return message if message["delivery"]["state"] == state else None

        return await self.eventually(reached)

    async def account(self, name: str = "telegram/main") -> dict[str, Any]:
        """How an account is: the Telegram bot, unless another is named."""
        (found,) = [
            each for each in await self.accounts() if f"{each['channel']}/{each['account']}" == name
        ]
        return found

    async def accounts(self) -> list[dict[str, Any]]:
        """How every account is."""
        found: list[dict[str, Any]] = (await self.get("channels"))["items"]
        return found

    async def eventually(
        self, find: Callable[[], Awaitable[T | None]], *, within: float = PATIENCE
    ) -> T:
        """What `find` gives once it gives anything; the hub tells of its state only when asked.

        Raises: TimeoutError.
        """
        async with asyncio.timeout(within):
            while True:
                found = await find()
                if found:
                    return found
                await asyncio.sleep(LOOK_AGAIN)

    # --- Its surroundings ------------------------------------------------------------------------

    def _write_settings(self) -> None:
        channels = dict(self.channels)
        if self.telegram is not None:
            channels["telegram"] = {"main": self._bot(self.telegram)}
        tables: dict[str, Mapping[str, object]] = {
            "": {"public_url": self.url, "secret_key": SECRET_KEY},
            "[http]": {"port": self._port.number},
            "[database]": {"url": self.database_url},
            "[log]": {"format": "json"},
            **{f"[{name}]": keys for name, keys in self.tables.items()},
        }
        for channel, accounts in channels.items():
            tables |= {f"[channels.{channel}.{name}]": keys for name, keys in accounts.items()}
        lines = []
        for table, keys in tables.items():
            lines += [table, *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
        (self.folder / "hub.toml").write_text("\n".join(lines), encoding="utf-8")

    def _bot(self, telegram: TelegramSandbox) -> Mapping[str, object]:
        return {
            "token": telegram.token,
            "webhook_secret": WEBHOOK_SECRET,
            "mode": self._mode,
            "api_base": telegram.url,
        }

    def _environment(self) -> dict[str, str]:
        """What the process sees: no setting of whoever runs the tests, and those that are given."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return {**kept, **self._environ}


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Database]:
    """The hub's database, open."""
    database = Database(database_url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def stored(database_url: str, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in the hub's database, past the hub."""
    async with opened(database_url) as database, database.reader.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


def _event(line: bytes) -> dict[str, Any]:
    text = line.decode("utf-8", "replace").rstrip()
    try:
        found = json.loads(text)
    except ValueError:
        return {"event": "", "text": text}
    return found if isinstance(found, dict) and "event" in found else {"event": "", "text": text}
