"""A city's telephone as a journey has it: Twilio's stand-in, a hub that lives in its time, and the
operators at their desk phones.

    async with telephone(…) as city:
        aigul = await city.hires("Aigul", "kk")
        caller = await city.waits("+77012223344", key="1")
        await city.until(lambda: aigul.phone.ringing)
        await aigul.phone.answer()

Time passes by `city.passes` alone. What the hub does of itself is waited for, and takes no time.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from connectors.phone.sandbox import (
    ACCOUNT_SID,
    API_KEY_SECRET,
    API_KEY_SID,
    AUTH_TOKEN,
    NUMBER,
    Phone,
    PhoneSandbox,
)
from registry.calls.prompt_words import prompt_words
from registry.calls.tables import Call, CallBack, CallLeg, PhoneAgent
from registry.db import Database
from registry.office import change_setting, get_setting
from registry.office_shapes import Setting, Telephone
from registry.operators import Role, add_operator, add_token
from tests.journeys.process import PATIENCE, SECRET_KEY, Hub, Nursery, Reply, opened
from tests.journeys.shared_time import SharedTime

T = TypeVar("T", bound=SQLModel)

_LINES = {
    text: (name, language)
    for name, line in prompt_words().items()
    for language, text in line.said().items()
}
"""What is spoken, by its words."""


class Asked(Protocol):
    """A hub that answers over HTTP."""

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str], content: object
    ) -> Reply: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody who takes calls, at a telephone on their desk."""

    id: int
    name: str
    phone: Phone
    hub: Asked
    token: str

    async def ask(
        self, method: str, path: str, content: object = None, *, piece: str = ""
    ) -> Reply:
        """Ask the hub's API in their name; `piece` is the part of a file, such as "0-99"."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if piece:
            headers["Range"] = f"bytes={piece}"
        return await self.hub.ask(method, f"/api/v1/{path}", headers=headers, content=content)

    async def is_now(self, state: str, **more: str) -> None:
        """Say that they take calls, or none."""
        reply = await self.ask("PATCH", "phone", {"state": state, **more})
        assert reply.status == 200, reply

    async def does(self, what: str, content: object = None) -> None:
        """Do something with the call that they have."""
        call = (await self.ask("GET", "phone")).json["call"]
        reply = await self.ask("POST", f"phone/calls/{call['id']}/{what}", content)
        assert reply.status == 200, reply

    async def writes_down(self, note: str, outcome: str = "answered") -> None:
        """Say what the last call was about, and be ready for the next."""
        reply = await self.ask("POST", "phone/wrap-up", {"outcome": outcome, "note": note})
        assert reply.status == 200, reply


class City:
    """A hub, its number at Twilio, and whoever calls."""

    def __init__(self, twilio: PhoneSandbox, hub: Hub, database: Database) -> None:
        self.twilio = twilio
        self.hub = hub
        self.database = database

    # --- Time ------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.twilio.time()

    async def passes(self, seconds: float) -> None:
        """Time goes by."""
        await self.twilio.pass_time(seconds)

    async def passes_until(self, holds: Callable[[], object]) -> None:
        """Time goes by until what is said has been said, a minute at most."""
        for _ in range(60):
            if holds():
                return
            await self.passes(1)
        raise TimeoutError

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for what the hub does, which anybody on a telephone would notice."""
        await self.twilio.until(lambda: bool(holds()), timeout=PATIENCE)

    async def comes_true(self, holds: Callable[[], Any]) -> Any:
        """Wait for what only the registry knows: a coroutine that gives something then."""
        return await self.hub.eventually(holds)

    # --- Citizens --------------------------------------------------------------------------------

    async def rings(self, number: str) -> Phone:
        """Somebody calls, and hears the first words."""
        caller = self.twilio.caller(number)
        await caller.call()
        return caller

    async def waits(self, number: str, *, key: str = "2") -> Phone:
        """Somebody calls, chooses a language, and waits for a person."""
        caller = await self.rings(number)
        if "welcome" in lines(caller):
            await caller.press(key)
        await self.passes_until(lambda: caller.place.startswith("queue:"))
        return caller

    # --- Operators -------------------------------------------------------------------------------

    async def hires(
        self,
        name: str,
        *languages: str,
        available: bool = True,
        role: Role = Role.OPERATOR,
    ) -> Operator:
        """An operator with a telephone on their desk."""
        async with self.database.write() as session:
            id_, token = await employ(session, name, *languages, role=role, now=self.now)
        device = device_of(name)
        operator = Operator(
            id=id_, name=name, phone=self.twilio.device(device), hub=self.hub, token=token
        )
        state = {"state": "available"} if available else {}
        reply = await operator.ask("PATCH", "phone", {"device": device, **state})
        assert reply.status == 200, reply
        return operator

    async def talk(self, operator: Operator, caller: Phone) -> None:
        """The operator picks up what rings, and the two hear each other."""
        await self.until(lambda: operator.phone.ringing)
        await operator.phone.answer()
        await self.until(lambda: operator.phone.address in caller.talks_to)
        assert caller.address in operator.phone.talks_to

    # --- The office ------------------------------------------------------------------------------

    async def set(self, setting: Setting) -> None:
        """An administrator changes a setting."""
        async with self.database.write() as session:
            await change_setting(session, setting, actor="system", now=self.now)

    async def set_telephone(self, **changes: Any) -> None:
        """An administrator changes how calls are taken."""
        async with self.database.read() as session:
            before = await get_setting(session, Telephone)
        await self.set(msgspec.structs.replace(before, **changes))

    # --- What is true ----------------------------------------------------------------------------

    async def rows(self, table: type[T]) -> Sequence[T]:
        """Everything in a table, the first first."""
        async with self.database.read() as session:
            return (await session.exec(select(table).order_by(col(table.id)))).all()  # type: ignore[attr-defined]

    async def calls(self, number: str) -> Sequence[Call]:
        """The calls of a number."""
        return [call for call in await self.rows(Call) if call.number == number]

    async def ended(self, number: str) -> Call:
        """The last call of a number, once the hub knows that it is over."""

        async def find() -> Call | None:
            found = await self.calls(number)
            return found[-1] if found and found[-1].ended_at is not None else None

        call = await self.hub.eventually(find)
        assert isinstance(call, Call)
        return call

    async def call_backs(self) -> Sequence[CallBack]:
        """Whom somebody is to call."""
        return [one for one in await self.rows(CallBack) if one.done_at is None]

    async def legs(self) -> Sequence[tuple[str, str]]:
        """What became of every side of an operator's: its kind and its state."""
        return [(leg.kind, leg.state) for leg in await self.rows(CallLeg)]

    async def agent(self, operator: Operator) -> tuple[str, str]:
        """How an operator is, and why."""
        async with self.database.read() as session:
            agent = await session.get_one(PhoneAgent, operator.id)
        return agent.state, agent.reason

    async def appeal(self, number: str) -> dict[str, Any]:
        """The one appeal of a number, whole; waits for it."""
        point = {"scheme": "tel", "value": number}

        async def find() -> dict[str, Any] | None:
            mine = [one for one in await self.hub.appeals() if point in one["contact"]["points"]]
            assert len(mine) <= 1, mine
            return mine[0] if mine else None

        found = await self.hub.eventually(find)
        whole: dict[str, Any] = await self.hub.get(f"appeals/{found['number']}")
        return whole


class Opens(Protocol):
    """Opens a city's telephone, which ends with the test."""

    async def __call__(self, at: datetime) -> City: ...


async def employ(
    session: AsyncSession, name: str, *languages: str, role: Role = Role.OPERATOR, now: datetime
) -> tuple[int, str]:
    """Somebody who takes calls in these languages; their id, and a token in their name."""
    made = await add_operator(
        session,
        email=f"{name.lower()}@example.kz",
        name=name,
        role=role,
        password_hash=None,
        actor="system",
        now=now,
    )
    made.languages = list(languages)
    token = await add_token(
        session,
        name=f"of {name}",
        role=role,
        secret_key=SECRET_KEY,
        actor="system",
        now=now,
        operator_id=made.id,
    )
    return made.id, token


def device_of(name: str) -> str:
    """The telephone on an operator's desk."""
    return f"sip:{name.lower()}@pbx.example.kz"


def lines(phone: Phone) -> Sequence[str]:
    """The names of the lines that were heard, in order; words of no line stand as they are."""
    return [name for name, _ in spoken_lines(phone)]


def spoken_lines(phone: Phone) -> Sequence[tuple[str, str]]:
    """The same, each with its language."""
    found = []
    for heard in phone.heard:
        if heard.what == "say":
            language = heard.language.partition("-")[0]
            found.append(_LINES.get(heard.text, (heard.text, language)))
        elif heard.what == "play":
            name, language, *_ = urlsplit(heard.text).path.rpartition("/")[2].split(".")
            found.append((name, language))
    return found


@asynccontextmanager
async def telephone(
    *, nursery: Nursery, database_url: str, folder: Path, start: datetime
) -> AsyncIterator[City]:
    """A city's telephone from a moment on; in the end nothing has failed on either side."""
    twilio = PhoneSandbox(start=start)
    time = folder.with_suffix(".time")
    twilio.time = twilio.clock = SharedTime(start, time)
    twilio.numbers[NUMBER].voice_fallback_url = twilio.static("<Response><Reject/></Response>")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(twilio)
        keys: Mapping[str, object] = {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "number": NUMBER,
            "api_key_sid": API_KEY_SID,
            "api_key_secret": API_KEY_SECRET,
            "api_base": twilio.url,
        }
        hub = Hub(
            nursery=nursery,
            folder=folder,
            database_url=database_url,
            channels={"phone": {"main": keys}},
            time=time,
        )
        await stack.enter_async_context(hub)
        database = await stack.enter_async_context(opened(database_url))
        yield City(twilio, hub, database)
    assert hub.tracebacks == []
