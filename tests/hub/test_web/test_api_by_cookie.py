"""The API by a session's cookie: a change has to be asked for by our own page."""

import csv
import io
import re
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from hub.app import Hub
from registry.models import Operator
from registry.operators import Role, add_token
from tests.conftest import FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.hub.test_web.signing import COOKIE, SAME_ORIGIN, Browser, Shown, add, audited

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

THEME = {"preferences": {"theme": "dark"}}


@pytest.fixture
async def dana(open_house: Hub, browser: Browser) -> Operator:
    """Dana, who has signed in with the browser."""
    operator = await add(open_house)
    await browser.sign_in()
    return operator


async def token_of(browser: Browser) -> str:
    """The token that pages of the session have."""
    found = re.search(r'data-csrf="([^"]+)"', (await browser.get("/account")).text)
    assert found is not None
    return found[1]


async def call(
    browser: Browser, method: str, path: str, *, json: Any = None, **headers: str
) -> Shown:
    """As the page's own script asks."""
    given = {**SAME_ORIGIN, "X-CSRF-Token": await token_of(browser)}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await browser.ask(method, f"/api/v1{path}", headers=given, json=json)


async def theme(hub: Hub) -> dict[str, Any]:
    async with hub.database.read() as session:
        return dict((await session.exec(select(Operator.preferences))).one())


async def test_every_page_has_a_token_of_its_own_and_each_is_good(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    first, second = await token_of(browser), await token_of(browser)
    assert first != second  # compressed beside what a stranger chose, it tells nothing
    for token, status in ((first, 200), (second, 200), (f"x{first}", 403), ("", 403)):
        headers = {**SAME_ORIGIN, "X-CSRF-Token": token}
        shown = await browser.ask("PATCH", "/api/v1/me", headers=headers, json=THEME)
        assert shown.status == status


async def test_a_page_is_packed_for_who_can_unpack_it(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    packed = await browser.get("/inbox?queue=all", headers={"Accept-Encoding": "gzip"})
    plain = await browser.get("/inbox?queue=all", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.text.count("<li") == plain.text.count("<li") > 0


async def test_whoever_has_signed_in_may_use_the_api(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    me = await browser.get("/api/v1/me")
    assert me.status == 200
    assert '"csrf":"' in me.text
    assert f'"id":"{dana.id}"' in me.text
    assert (await call(browser, "PATCH", "/me", json=THEME)).status == 200
    assert await theme(open_house) == {"theme": "dark"}
    browser.cookies.pop(COOKIE)
    refused = await browser.get("/api/v1/me")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="hub"'


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"X_CSRF_Token": ""},
        {"X_CSRF_Token": "x" * 43},
    ],
    ids=str,
)
async def test_a_change_that_our_page_did_not_ask_for_is_refused(
    open_house: Hub, browser: Browser, dana: Operator, headers: dict[str, str]
) -> None:
    shown = await call(browser, "PATCH", "/me", json=THEME, **headers)
    assert shown.status == 403
    assert '"code":"csrf"' in shown.text
    assert await theme(open_house) == {}


async def test_a_form_field_does_not_stand_for_the_header(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    # A multipart body is not read for it: an upload may be long.
    boundary = "--b\r\nContent-Disposition: form-data; name=csrf\r\n\r\n{}\r\n--b--\r\n"
    body = boundary.format(await token_of(browser)).encode()
    headers = {**SAME_ORIGIN, "Content-Type": "multipart/form-data; boundary=b"}
    shown = await browser.ask("POST", "/api/v1/uploads", headers=headers, data=body)
    assert shown.status == 403


async def test_a_bearer_token_needs_no_proof_and_comes_before_the_cookie(
    open_house: Hub, browser: Browser, dana: Operator, clock: FakeClock
) -> None:
    async with open_house.database.write() as session:
        token = await add_token(
            session, name="bridge", role=Role.OPERATOR, secret_key=SECRET_KEY, actor="system",
            now=clock(), operator_id=dana.id,
        )  # fmt: skip
    headers = {"Authorization": f"Bearer {token}", "Sec-Fetch-Site": "cross-site"}
    shown = await browser.ask("PATCH", "/api/v1/me", headers=headers, json=THEME)
    assert shown.status == 200
    assert '"csrf":null' in shown.text
    headers["Authorization"] = "Bearer wrong"
    assert (await browser.ask("GET", "/api/v1/me", headers=headers)).status == 401


async def test_the_page_signs_out_by_the_api(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    shown = await call(browser, "DELETE", "/session")
    assert (shown.status, browser.key) == (204, None)
    assert shown.headers["Clear-Site-Data"] == '"cache"'
    assert (await browser.get("/account")).status == 303


async def test_sessions_are_ones_own_and_for_administrators_anybodys(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    await add(open_house, "Saule", Role.ADMIN)
    other, admin = Browser(browser.client), Browser(browser.client)
    await other.sign_in()
    await admin.sign_in("saule@example.kz")

    async def listed(who: Browser, query: str = "") -> list[dict[str, Any]]:
        found = await call(who, "GET", f"/sessions{query}")
        assert found.status == 200, found.text
        items: list[dict[str, Any]] = decoded(found.text)["items"]
        return items

    mine = await listed(browser)
    assert sorted(one["current"] for one in mine) == [False, True]
    assert {one["browser"] for one in mine} == {"Firefox/140"}
    hers = f"?operator={dana.id}"
    assert {one["id"] for one in await listed(admin, hers)} == {one["id"] for one in mine}
    [saules] = await listed(admin)
    assert (await call(browser, "GET", f"/sessions?operator={saules['id']}")).status == 400
    stranger = (await the_admin(open_house)).id
    assert (await call(browser, "GET", f"/sessions?operator={stranger}")).status == 403
    assert (await call(browser, "DELETE", f"/sessions?operator={stranger}")).status == 403
    assert (await call(browser, "DELETE", f"/sessions/{saules['id']}")).status == 404
    assert (await call(browser, "DELETE", "/sessions")).status == 204
    assert (await other.get("/account")).status == 303
    assert (await browser.get("/account")).status == 200
    [left] = await listed(browser)
    assert (await call(admin, "DELETE", f"/sessions/{left['id']}")).status == 204
    assert (await browser.get("/account")).status == 303
    assert (await call(admin, "DELETE", f"/sessions{hers}")).status == 204
    ended = [data for event, data in await audited(open_house) if event == "session.ended"]
    assert ended == [
        {"operator": str(dana.id), "ended": 1},
        {"operator": str(dana.id)},
        {"operator": str(dana.id), "ended": 0},
    ]


async def test_the_audit_is_read_page_by_page_and_taken_out_whole(
    open_house: Hub, browser: Browser, dana: Operator
) -> None:
    await add(open_house, "=Saule()", Role.SUPERVISOR)
    boss = Browser(browser.client)
    await boss.sign_in("=saule()@example.kz")
    await Browser(browser.client).sign_in(password="wrong")
    assert (await browser.get("/api/v1/audit")).status == 403
    assert (await browser.get("/api/v1/audit.csv")).status == 403
    found: list[str] = []
    query = "?event=session.&limit=1"
    while True:
        page = decoded((await boss.get(f"/api/v1/audit{query}")).text)
        found += [entry["event"] for entry in page["items"]]
        if page["next"] is None:
            break
        query = f"?event=session.&limit=1&cursor={page['next']}"
    assert found == ["session.refused", "session.opened", "session.opened"]
    own = decoded((await boss.get(f"/api/v1/audit?operator={dana.id}")).text)["items"]
    assert [entry["event"] for entry in own] == ["session.opened"]
    taken = await boss.get("/api/v1/audit.csv?event=session.")
    assert taken.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert taken.headers["Content-Disposition"].startswith('attachment; filename="audit-2026-03-02')
    rows = list(csv.DictReader(io.StringIO(taken.text.removeprefix("\ufeff"))))
    assert [row["event"] for row in rows] == found
    assert {row["what"] for row in rows} == {"Was not let in", "An operator signed in"}
    assert rows[1]["name"] == "'=Saule()"
    assert await audited(open_house, "audit.") == [("audit.taken", {"event": "session."})]
    for wrong in ("cursor=x", "operator=x", "since=yesterday", "since=0001-01-01T00:00:00%2B14:00"):
        assert (await boss.get(f"/api/v1/audit?{wrong}")).status == 400


def decoded(text: str) -> Any:
    return msgspec.json.decode(text)


async def the_admin(hub: Hub) -> Operator:
    async with hub.database.read() as session:
        return (await session.exec(select(Operator).where(Operator.role == "admin"))).one()
