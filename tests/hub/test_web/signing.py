"""A hub's pages as a browser sees them: it keeps cookies, and says where its requests come from."""

import re
from collections.abc import Mapping
from datetime import timedelta
from html import unescape
from typing import Any

import pyotp
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient
from multidict import CIMultiDictProxy
from sqlmodel import col, select

from hub.app import Hub
from registry.models import Audit, Operator
from registry.operators import Role, add_operator
from registry.passwords import hash_password
from registry.sealing import seal
from tests.conftest import FakeClock
from tests.registry.samples import START

PASSWORD = "Алатау баурайында 7"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
COOKIE = "__Host-session"


_NOTICE = r'class="notice bad" role="alert">.*?<span>\s*(.*?)\s*</span></p>'


class Shown:
    """What came back."""

    def __init__(self, response: ClientResponse, text: str) -> None:
        self.status = response.status
        self.headers: CIMultiDictProxy[str] = response.headers
        self.cookies = response.cookies
        self.text = text

    @property
    def place(self) -> str:
        """Where the browser is sent."""
        return self.headers.get("Location", "")

    @property
    def notice(self) -> str:
        """What the page says was wrong."""
        found = re.search(_NOTICE, self.text, re.DOTALL)
        return unescape(found[1]) if found else ""


class Browser:
    """A browser that speaks English. It holds cookies itself: the tests' server has no https."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client
        self.cookies: dict[str, str] = {"language": "en"}

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        data: bytes | None = None,
        json: Any = None,
    ) -> Shown:
        """One request; a redirect is not followed."""
        given = {"User-Agent": "Firefox/140", **(headers or {})}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with self.client.request(
            method, path, headers=given, data=form or data, json=json, allow_redirects=False
        ) as response:
            for name, morsel in response.cookies.items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.coded_value
            return Shown(response, await response.text())

    async def get(self, path: str, **more: Any) -> Shown:
        """Open a page."""
        return await self.ask("GET", path, **more)

    async def post(self, path: str, **fields: str) -> Shown:
        """Send a form of ours."""
        return await self.ask("POST", path, form=fields, headers=SAME_ORIGIN)

    async def submit(self, page: str, path: str, **fields: str) -> Shown:
        """Open a page, and send a form of it with the token that stands in it."""
        shown = await self.get(page)
        token = re.search(r'name="csrf" value="([^"]+)"', shown.text)
        assert token is not None, shown.text
        return await self.post(path, csrf=token[1], **fields)

    async def sign_in(
        self, email: str = "dana@example.kz", password: str = PASSWORD, **more: str
    ) -> Shown:
        """Fill the form in."""
        return await self.post("/signin", email=email, password=password, **more)

    @property
    def key(self) -> str | None:
        """The key of the session, if there is one."""
        return self.cookies.get(COOKIE)


async def add(hub: Hub, name: str = "Dana", role: Role = Role.OPERATOR, **columns: Any) -> Operator:
    """An operator who has a password."""
    hashed = await hash_password(PASSWORD)
    async with hub.database.write() as session:
        operator = await add_operator(
            session, email=f"{name.lower()}@example.kz", name=name, role=role,
            password_hash=hashed, actor="system", now=START,
        )  # fmt: skip
        for column, value in columns.items():
            setattr(operator, column, value)
        return operator


async def give_second_factor(hub: Hub, operator: Operator) -> str:
    """The secret of a second factor that the operator has set."""
    secret = pyotp.random_base32()
    async with hub.database.write() as session:
        kept = await session.get(Operator, operator.id)
        assert kept is not None
        kept.totp_secret = seal(hub.settings.secret_key, "second factor", secret)
        kept.totp_since = START
    return secret


def code(secret: str, clock: FakeClock, *, steps: int = 0) -> str:
    """What the app on a phone shows."""
    return pyotp.TOTP(secret).at(clock() + timedelta(seconds=30 * steps))


async def audited(hub: Hub, prefix: str = "session.") -> list[tuple[str, dict[str, Any]]]:
    """What the audit says, oldest first."""
    async with hub.database.read() as session:
        found = await session.exec(
            select(Audit).where(col(Audit.event).startswith(prefix)).order_by(col(Audit.id))
        )
        return [(entry.event, entry.data) for entry in found]
