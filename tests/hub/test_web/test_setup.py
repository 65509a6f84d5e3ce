"""The first start: whoever reads the log becomes the administrator, once."""

import asyncio
import re
from typing import Any

import pytest
import structlog
from sqlmodel import select

from hub.app import Hub
from hub.web.first_start import tell_setup_code
from registry.attempts import LIMITS, Kind
from registry.models import Operator
from registry.operators import Role
from tests.conftest import FakeClock
from tests.hub.test_web.signing import PASSWORD, Browser, Shown, add

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def told(hub: Hub, capsys: pytest.CaptureFixture[str]) -> str | None:
    """The code that a hub tells when it starts."""
    capsys.readouterr()
    await tell_setup_code(hub.database, hub.settings, clock=hub.clock)
    written = capsys.readouterr()
    line = re.fullmatch(
        r"Nobody can sign in yet: open (\S+) and use the code ([A-Z0-9-]+)\.\n", written.out
    )
    if line is None:
        assert written.out == ""
        return None
    assert line[1] == "https://hub.example.kz/setup"
    return line[2]


async def set_up(browser: Browser, code: str, **fields: str) -> Shown:
    given = {"name": "Сауле", "email": "Saule@example.kz", "password": PASSWORD, "again": PASSWORD}
    return await browser.post("/setup", code=code, **(given | fields))


async def operators(hub: Hub) -> list[Operator]:
    async with hub.database.read() as session:
        return list(await session.exec(select(Operator)))


async def test_the_code_in_the_log_makes_the_administrator_and_dies(
    open_house: Hub, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await told(open_house, capsys)
    assert code is not None
    assert len(code.replace("-", "")) >= 20
    assert await told(open_house, capsys) == code  # so says every process, and every start
    assert (await browser.get("/signin")).place == "/setup"
    assert (await browser.get("/setup")).status == 200
    entered = await set_up(browser, f" {code.lower()} ")
    assert (entered.status, entered.place) == (303, "/")
    assert (await browser.get("/account")).status == 200
    [admin] = await operators(open_house)
    assert (admin.email, admin.name, admin.role) == ("saule@example.kz", "Сауле", Role.ADMIN)
    assert not admin.must_change_password
    assert (await browser.get("/setup")).status == 404
    assert (await set_up(Browser(browser.client), code)).status == 404
    assert await told(open_house, capsys) is None


async def test_of_two_who_have_the_code_one_becomes_the_administrator(
    open_house: Hub, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await told(open_house, capsys)
    assert code is not None
    shown = await asyncio.gather(
        *(set_up(Browser(browser.client), code, email=f"a{n}@example.kz") for n in range(3))
    )
    assert sorted(one.status for one in shown) == [303, 404, 404]
    assert len(await operators(open_house)) == 1


@only_sqlite
async def test_wrong_codes_are_refused_and_cannot_be_tried_for_long(
    open_house: Hub, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await told(open_house, capsys)
    assert code is not None
    for wrong in ("", code[:-1], code + "A", "\ud800".encode(errors="replace").decode(), "x" * 500):
        shown = await set_up(browser, wrong)
        assert (shown.status, shown.notice) == (
            401,
            "This is not the code that the hub's log tells.",
        )
        assert 'value="Saule@example.kz"' in shown.text
    assert LIMITS[Kind.SETUP] == 5
    shown = await set_up(browser, code)
    assert (shown.status, shown.headers["Retry-After"]) == (429, "60")
    assert await operators(open_house) == []


@only_sqlite
@pytest.mark.parametrize(
    ("fields", "notice"),
    [
        ({"again": "other"}, "The two passwords differ."),
        (
            {"password": "short", "again": "short"},
            "The password is too short: it needs at least 12 characters.",
        ),
        ({"email": "saule"}, "This is no e-mail address. Write it as name@example.kz."),
        ({"name": " "}, "Write your name, in at most 100 characters."),
    ],
)
async def test_what_will_not_do_is_told_and_the_code_lives_on(
    open_house: Hub,
    browser: Browser,
    capsys: pytest.CaptureFixture[str],
    fields: dict[str, str],
    notice: str,
) -> None:
    code = await told(open_house, capsys)
    assert code is not None
    shown = await set_up(browser, code, **fields)
    assert (shown.status, shown.notice) == (422, notice)
    assert await operators(open_house) == []
    assert (await set_up(browser, code)).status == 303


@only_sqlite
async def test_an_operator_who_was_added_by_command_shuts_the_door(
    open_house: Hub, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await told(open_house, capsys)
    assert code is not None
    await add(open_house)
    assert (await browser.get("/setup")).status == 404
    assert (await set_up(browser, code)).status == 404
    assert (await browser.get("/signin")).status == 200
    assert len(await operators(open_house)) == 1


@only_sqlite
async def test_a_code_that_was_sealed_under_another_key_is_made_anew(
    open_house: Hub, browser: Browser, capsys: pytest.CaptureFixture[str], clock: FakeClock
) -> None:
    before = await told(open_house, capsys)
    other = open_house.settings.model_copy(
        update={"secret_key": type(open_house.settings.secret_key)("another key " * 3)}
    )
    await tell_setup_code(open_house.database, other, clock=clock)
    capsys.readouterr()
    after = await told(open_house, capsys)
    assert after is not None
    assert after != before
    assert (await set_up(browser, after)).status == 303


@only_sqlite
async def test_no_other_site_sets_the_hub_up(
    open_house: Hub, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await told(open_house, capsys)
    assert code is not None
    form = dict.fromkeys(("password", "again"), PASSWORD)
    form |= {"code": code, "name": "Э", "email": "e@example.kz"}
    shown = await browser.ask(
        "POST", "/setup", form=form, headers={"Origin": "https://evil.example"}
    )
    assert shown.status == 403
    assert await operators(open_house) == []


@only_sqlite
async def test_the_log_tells_the_code_as_well(
    open_house: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, object]] = []
    recorded = structlog.wrap_logger(None, processors=[_record(lines)])
    monkeypatch.setattr("hub.web.first_start.log", recorded)
    code = await told(open_house, capsys)
    assert [line["code"] for line in lines] == [code]


def _record(lines: list[dict[str, object]]) -> structlog.typing.Processor:
    def keep(_logger: Any, method: str, event: structlog.typing.EventDict) -> str:
        lines.append(dict(event))
        assert method == "warning"
        raise structlog.DropEvent

    return keep
