"""Whatever stands in an address, a query or a field: it is the caller's fault, and never ours."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import TestClient, TestServer

from config.settings import Settings
from hub.app import application, open_hub
from registry.models import Message
from registry.operators import Role
from tests.conftest import FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.hub.guarded import Office

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""It is the stricter one: it takes no NUL, and no number of more than 64 bits either."""

NUMBER = "ALM-2026-0000001"
NAMES = ("%00", "9999999999999999999", "..%2F..")
QUERIES = ("cursor=bm90aGluZw", "limit=99999999999999999999", "q=%00", "queue=team")

FIELDS: Mapping[str, Mapping[str, Any]] = {
    "POST /api/v1/contacts/1/merge": {"into": "9" * 19},
    "POST /api/v1/undo": {"keys": ["9" * 19]},
    f"POST /api/v1/appeals/{NUMBER}/notes": {"text": "?", "mentions": ["9" * 19]},
    f"POST /api/v1/appeals/{NUMBER}/replies": {"text": "?", "seen_through": "9" * 19},
    f"PUT /api/v1/appeals/{NUMBER}/draft": {"content": {"text": "?"}, "version": 2**63},
    "POST /api/v1/saved-views": {"name": "?", "query": {"\0": "?"}},
}


HEADERS = (
    ("Origin", "http://["),
    ("Cookie", "__Host-session=\udcff; language=\udcff; __Host-journey=\udcff"),
    ("X-CSRF-Token", "\udcff"),
    ("Authorization", "Bearer \udcff"),
    ("User-Agent", "\udcff" * 1000),
    ("Accept-Language", "\udcff;q=" + "9" * 400),
    ("Content-Type", "application/x-www-form-urlencoded; charset=\udcff"),
    ("Sec-Fetch-Site", "\udcff"),
)


@pytest.fixture
async def office(database_url: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Office]:
    settings = Settings.model_validate(
        {
            "secret_key": SECRET_KEY,
            "public_url": "https://hub.example.kz",
            "database": {"url": database_url},
            "folder": tmp_path,
        }
    )
    async with (
        open_hub(settings, clock=clock) as hub,
        TestClient(TestServer(application(hub))) as client,
    ):
        yield Office(hub, client)


def hostile(office: Office) -> Iterator[tuple[str, str]]:
    """Every route, with what none of its parameters can be and no query can ask."""
    for route in office.client.app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if route.method in {hdrs.METH_HEAD, hdrs.METH_ANY} or path == "/readyz":
            continue
        if "{" in path:
            yield from ((route.method, re.sub(r"{\w+}", name, path)) for name in NAMES)
        if route.method == hdrs.METH_GET:
            there = re.sub(r"{\w+}", NUMBER, path)
            yield from ((route.method, f"{there}?{query}") for query in QUERIES)


async def test_no_address_and_no_query_is_a_bug_of_ours(office: Office) -> None:
    boss, wrong = await office.employ("Saule", Role.ADMIN), []
    for method, address in hostile(office):
        answer = await office.ask(boss, method, address, body=None if method == "GET" else {})
        if answer.status >= 500:
            wrong.append(f"{method} {address}: {answer.status}")
    assert not wrong, "\n".join(wrong)


async def test_a_number_that_no_database_holds_is_a_field_at_fault(office: Office) -> None:
    boss = await office.employ("Saule", Role.ADMIN)
    for route, body in FIELDS.items():
        method, address = route.split()
        answer = await office.ask(boss, method, address, body=body)
        assert answer.status == 400, (route, answer.text)


async def test_no_header_is_a_bug_of_ours(office: Office) -> None:
    boss = await office.employ("Saule", Role.ADMIN)
    key = f"__Host-session={boss.key}"
    wrong = []
    for name, value in HEADERS:
        headers = {"Cookie": key, "X-CSRF-Token": boss.csrf, name: value}
        for method, path in (("POST", "/signin"), ("GET", "/account"), ("PATCH", "/api/v1/me")):
            async with office.client.request(method, path, headers=headers) as answer:
                if answer.status >= 500:
                    wrong.append(f"{method} {path} with {name}: {value!r}: {answer.status}")
    assert not wrong, "\n".join(wrong)


async def test_a_failure_of_which_only_a_code_is_told_shuts_no_thread(office: Office) -> None:
    boss = await office.employ("Saule", Role.ADMIN)
    their = await office.things_of("water", boss)
    async with office.hub.database.write() as session:
        failed = await session.get_one(Message, int(their.failed))
        failed.error_code, failed.error_reason = "131000", None
    shown = await office.ask(boss, "GET", f"/appeals/{their.number}/thread")
    assert shown.status == 200
    assert "131000" in shown.text
