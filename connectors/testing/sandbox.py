"""The base of a provider's local stand-in: a real server on loopback, for the tests and the demo.

A provider's sandbox subclasses `Sandbox`, gives its `routes`, raises `Refused` for what the
provider would refuse, and adds verbs of its own that play citizens (they end in `deliver`).
Nothing here or in a sandbox imports pytest.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.parser import HeaderParser
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from multidict import MultiDict

from registry.types import Clock, utc_now

WAIT = 10.0
"""Seconds after which a wait for something that never comes gives up."""
MAX_BODY = 64 * 1024 * 1024
"""Bytes of a call that a sandbox reads."""
REMEMBERED = 10_000
"""Calls that a sandbox keeps, so that a long demo does not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of a multipart body."""

    filename: str
    mime: str
    content: bytes


@dataclass(slots=True, kw_only=True, eq=False)
class Call:
    """One request that a connector made."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes
    data: Any
    """The body decoded by its content type: JSON's values, or a MultiDict of a form's fields and
    `Upload`s. None when there is none, or it cannot be decoded."""
    at: datetime
    params: Mapping[str, str] = field(default_factory=dict)
    """The variable parts of the path."""
    took_effect: bool = False
    """The provider did what was asked, whatever it answered then."""
    status: int | None = None
    """What was answered; None until then, and for a connection that was reset."""


Handler: TypeAlias = Callable[[Call], Awaitable[web.Response]]
Where: TypeAlias = Callable[[Call], bool]


@dataclass(frozen=True, slots=True)
class Route:
    """One address of the provider: the path as aiohttp writes it, `*` for any method."""

    method: str
    path: str
    handler: Handler


class Refused(Exception):
    """What a handler raises to answer as the provider does when it refuses."""

    def __init__(
        self, status: int, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.response = answer(body, status=status, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """How the provider fails a call.

    With neither `status` nor `reset` the provider's own answer goes out, which makes sense only
    together with `held`.
    """

    status: int | None = None
    body: object = None
    """bytes and str go out as they stand, everything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    takes_effect: bool = False
    """The provider does what was asked, and fails only then."""
    reset: bool = False
    """The connection is reset instead of an answer; before the body is read, unless it takes
    effect."""
    held: asyncio.Event | None = None
    """The call waits for this before anything else happens; closing the sandbox sets it."""

    @classmethod
    def html(cls, status: int = 502) -> Self:
        """A page of the proxy before the provider, where JSON was expected."""
        page = f"<html><head><title>{status} Bad Gateway</title></head><body>nginx</body></html>"
        return cls(status=status, body=page, headers={"Content-Type": "text/html"})

    @classmethod
    def broken_json(cls, status: int = 200, *, takes_effect: bool = False) -> Self:
        """An answer that breaks off in the middle."""
        return cls(
            status=status,
            body=b'{"ok": tru',
            headers={"Content-Type": "application/json"},
            takes_effect=takes_effect,
        )

    @classmethod
    def reset_before(cls) -> Self:
        """The connection breaks before the body was read: the provider did nothing."""
        return cls(reset=True)

    @classmethod
    def reset_after(cls) -> Self:
        """The connection breaks after the provider did what was asked: nobody can know."""
        return cls(reset=True, takes_effect=True)

    @classmethod
    def hang(cls, released: asyncio.Event | None = None) -> Self:
        """No answer until `released` is set, the provider's own one then."""
        return cls(held=released or asyncio.Event())


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the hub said to a delivery."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def answer(
    body: object = None, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A response: bytes and str as they stand, None as an empty body, everything else as JSON."""
    payload, content_type = _encoded(body)
    typed = {"Content-Type": content_type} if content_type else {}
    return web.Response(status=status, body=payload, headers={**typed, **(headers or {})})


class Sandbox:
    """A provider on loopback: `async with` starts it, `url` is its `api_base`.

    `calls` holds the requests in the order they came, the last `REMEMBERED` of them. A subclass
    that keeps state of its own calls `changed()` after each change, so that `until` sees it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hub: str | None = None,
        per_second: float | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`hub` is the address that `deliver` puts before a path; `per_second` the calls the
        provider takes, unlimited when None."""
        self.host = host
        self.port = port
        self.hub = hub
        self.per_second = per_second
        self.clock = clock
        self.calls: list[Call] = []
        self._planned: list[_Planned] = []
        self._buckets: dict[Hashable, _Bucket] = {}
        self._holding: set[asyncio.Event] = set()
        self._news = asyncio.Event()
        self._later: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    # --- What a provider's sandbox gives ---------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        """The provider's addresses."""
        return ()

    def unknown(self, call: Call) -> web.Response:
        """The provider's answer to an address or a method it does not have."""
        return answer({"error": f"no such address: {call.method} {call.path}"}, status=404)

    def too_many(self, call: Call, retry_after: float) -> web.Response:
        """The provider's answer to a call that comes `retry_after` seconds too early."""
        return answer(
            {"error": "too many requests"},
            status=429,
            headers={"Retry-After": str(max(1, round(retry_after)))},
        )

    def budgets(self, call: Call) -> Iterable[tuple[Hashable, float]]:
        """What limits this call: keys, each with the calls a second it takes.

        A burst of one second's worth is taken at once, at least one call.
        """
        return () if self.per_second is None else (("all", self.per_second),)

    # --- Its life --------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the provider is found, without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen. After `stop` the same port is taken again."""
        app = web.Application(middlewares=[self._receive], client_max_size=MAX_BODY)
        for route in self.routes():
            app.router.add_route(route.method, route.path, _bound(route.handler))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection; from then on the provider cannot be reached.

        What was to be done `later` is left undone.
        """
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        for event in self._holding:
            event.set()
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- What a test asks of it ------------------------------------------------------------------

    def fail_next(
        self, failure: Failure, *, times: int | None = 1, where: Where | None = None
    ) -> None:
        """Fail the next `times` calls, those alone for which `where` holds; None is until `heal`.

        `where` sees a call without its body when the failure is a reset before the body was read.
        """
        self._planned.append(_Planned(failure=failure, left=times, where=where or _any_call))

    def heal(self) -> None:
        """Forget the failures still to come."""
        self._planned.clear()

    async def call(
        self, *, nth: int = 1, where: Where | None = None, timeout: float = WAIT
    ) -> Call:
        """The nth remembered call for which `where` holds; waits until it came.

        Raises: TimeoutError.
        """
        wanted = where or _any_call
        await self.until(lambda: sum(map(wanted, self.calls)) >= nth, timeout=timeout)
        return [call for call in self.calls if wanted(call)][nth - 1]

    async def until(self, holds: Callable[[], bool], *, timeout: float = WAIT) -> None:
        """Wait until `holds()`, asked again after each call, each answer and each `changed`.

        Raises: TimeoutError.
        """
        async with asyncio.timeout(timeout):
            while not holds():
                await self._news.wait()

    def changed(self) -> None:
        """Tell those who wait in `until` to look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    # --- Being a citizen -------------------------------------------------------------------------

    async def deliver(
        self, address: str, body: object, headers: Mapping[str, str] | None = None
    ) -> int:
        """Post a webhook to the hub, and return its status.

        `address` is a whole address or a path under `hub`; bytes and str go out as they stand,
        everything else as JSON.

        Raises: aiohttp.ClientError, TimeoutError when the hub does not answer.
        """
        return (await self.exchange("POST", address, body, headers=headers)).status

    async def exchange(
        self,
        method: str,
        address: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Like `deliver`, for a handshake by GET or where the hub's answer matters."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        if address.startswith("/"):
            if self.hub is None:
                raise ValueError(f"{type(self).__name__}: give hub=… to deliver to a path.")
            address = self.hub.rstrip("/") + address
        payload, content_type = _encoded(body)
        typed = {"Content-Type": content_type} if content_type else {}
        async with self._session.request(
            method, address, data=payload or None, headers={**typed, **(headers or {})}
        ) as response:
            return Answered(
                status=response.status, headers=response.headers, body=await response.read()
            )

    def later(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something beside the call under way: a report that follows the answer, say."""
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def settled(self) -> None:
        """Wait until everything was done that was to be done `later`."""
        while self._later:
            await asyncio.gather(*self._later)

    # --- The server ------------------------------------------------------------------------------

    @web.middleware
    async def _receive(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        call = Call(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=b"",
            data=None,
            at=self.clock(),
            params=dict(request.match_info),
        )
        failure = self._failure(call, unread=True)
        if failure is None:
            call.body = await request.read()
            call.data = _decoded(request.headers.get("Content-Type", ""), call.body)
            failure = self._failure(call, unread=False)
        self.calls.append(call)
        del self.calls[:-REMEMBERED]
        self.changed()
        request[_CALL] = call
        try:
            return await self._respond(request, call, handler, failure)
        finally:
            self.changed()

    async def _respond(
        self,
        request: web.Request,
        call: Call,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        failure: Failure | None,
    ) -> web.StreamResponse:
        if failure is not None and failure.held is not None:
            self._holding.add(failure.held)
            await failure.held.wait()
        fails = failure is not None and (failure.reset or failure.status is not None)
        if failure is None or not fails or failure.takes_effect:
            response = await self._own_answer(request, call, handler)
        if failure is not None and fails:
            if failure.reset:
                _reset(request)
                return web.Response()
            response = answer(failure.body, status=failure.status or 500, headers=failure.headers)
        call.status = response.status
        return response

    async def _own_answer(
        self,
        request: web.Request,
        call: Call,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        early = self._too_early(call)
        if early is not None:
            return self.too_many(call, early)
        try:
            response = await handler(request)
        except Refused as refused:
            return refused.response
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return self.unknown(call)
        call.took_effect = response.status < 400
        return response

    def _failure(self, call: Call, *, unread: bool) -> Failure | None:
        for planned in self._planned:
            before = planned.failure.reset and not planned.failure.takes_effect
            if before == unread and planned.where(call):
                if planned.left is not None:
                    planned.left -= 1
                    if planned.left == 0:
                        self._planned.remove(planned)
                return planned.failure
        return None

    def _too_early(self, call: Call) -> float | None:
        waits = [
            self._buckets.setdefault(key, _Bucket(per_second, call.at)).wait(call.at)
            for key, per_second in self.budgets(call)
        ]
        longest = max(waits, default=0.0)
        if longest > 0:
            return longest
        for key, _ in self.budgets(call):
            self._buckets[key].tokens -= 1
        return None


@dataclass(slots=True, kw_only=True, eq=False)
class _Planned:
    failure: Failure
    left: int | None
    where: Where


class _Bucket:
    """Calls that may still be made now; fills up as time goes by."""

    def __init__(self, per_second: float, now: datetime) -> None:
        self.per_second = per_second
        self.size = max(1.0, per_second)
        self.tokens = self.size
        self.filled_at = now

    def wait(self, now: datetime) -> float:
        """Seconds until one call may be made; 0 when it may be now."""
        gained = max(0.0, (now - self.filled_at).total_seconds()) * self.per_second
        self.tokens = min(self.size, self.tokens + gained)
        self.filled_at = now
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) / self.per_second


_CALL = web.RequestKey("call", Call)


def _any_call(_: Call) -> bool:
    return True


def _bound(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await handler(request[_CALL])

    return handle


def _reset(request: web.Request) -> None:
    """Send RST rather than an orderly end: lingering for zero seconds does that."""
    transport = request.transport
    if transport is None:
        return
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _encoded(body: object) -> tuple[bytes, str | None]:
    match body:
        case None:
            return b"", None
        case bytes():
            return body, None
        case str():
            return body.encode(), None
        case _:
            return json.dumps(body, ensure_ascii=False).encode(), "application/json"


def _decoded(content_type: str, body: bytes) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/json" or kind.endswith("+json"):
            return json.loads(body)
        if kind == "application/x-www-form-urlencoded":
            return MultiDict(parse_qsl(body.decode(), keep_blank_values=True))
        if kind == "multipart/form-data":
            return _multipart(content_type, body)
    except ValueError:
        return None
    return None


def _multipart(content_type: str, body: bytes) -> MultiDict[str | Upload]:
    """The fields of a form: each part stands between two lines of `--boundary`."""
    boundary = HeaderParser().parsestr(f"Content-Type: {content_type}").get_boundary()
    fields: MultiDict[str | Upload] = MultiDict()
    if boundary is None:
        return fields
    parts: Sequence[bytes] = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    for part in parts[1:]:
        if part.startswith(b"--"):
            break
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = HeaderParser().parsestr(head.decode())
        name = str(headers.get_param("name", "", header="content-disposition"))
        filename = headers.get_filename()
        if filename is None:
            fields.add(name, content.decode())
        else:
            mime = headers.get_content_type() if "content-type" in headers else ""
            fields.add(name, Upload(filename=filename, mime=mime, content=content))
    return fields
