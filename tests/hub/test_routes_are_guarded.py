"""Every route of the running hub is guarded, so that a new one cannot be forgotten.

Strangers come nowhere but to what is open on purpose; each role comes no further than its routes;
and what belongs to another team is not there, whichever address names it.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import TestClient, TestServer

from config.settings import Settings
from hub.api.exchange import PREFIX
from hub.api.routes import ROUTES
from hub.app import application, open_hub
from hub.views.pages import PAGES
from registry.operators import Principal, Role
from registry.teams import add_team
from tests.conftest import FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.hub.guarded import SECRET_WORDS, Body, Office, Things

API = PREFIX
RANKS = list(Role)

OPEN = {
    "GET /healthz", "GET /readyz", "GET /metrics",
    "POST /hooks/{channel}/{account}", "GET /hooks/{channel}/{account}",
    "POST /hooks/{channel}/{account}/{action}", "GET /hooks/{channel}/{account}/{action}",
    "GET /files/{id}/{until}/{signature}/{name}",
    "GET /t/{number}/{code}",
    "GET /prompts/{file}",  # what every caller hears anyway; the provider fetches it unsigned
    "GET /static/{version}/{path}",
    "GET /signin", "POST /signin",
    "GET /signin/code", "POST /signin/code",
    "GET /signin/password", "POST /signin/password",
    "GET /signin/oidc", "GET /signin/oidc/back",
    "POST /signout",
    "GET /setup", "POST /setup",
    "* /api{rest}",
    "GET /{address}",  # nothing is there
}  # fmt: skip
"""What strangers may ask for: each proves itself otherwise, or tells nothing. Think twice before
you add one."""

OTHERWISE = {"GET /live": Role.OPERATOR}
"""Routes that stand in no table of roles."""

THINGS = {
    "/api/v1/messages/{id}/hidden": {"id": "comment"},
    "/api/v1/messages/{id}/retry": {"id": "failed"},
    "/api/v1/messages/{id}": {"id": "waiting"},
    "/api/v1/contact-merges/{id}": {"id": "merge"},
    "/api/v1/contacts/{id}": {"id": "contact", "note": "note"},
    "/api/v1/attachments/{id}": {"id": "file"},
    "/api/v1/uploads/{id}": {"id": "upload"},
    "/api/v1/saved-views/{id}": {"id": "view"},
    "/api/v1/sessions/{session}": {"session": "session"},
    "/api/v1/phone/calls/{id}": {"id": "call"},
    "/api/v1/phone/call-backs/{id}": {"id": "call_back"},
    "/phone/calls/{id}": {"id": "call"},
    "/api/v1/appeals/{number}": {"number": "number"},
    "/appeals/{number}": {"number": "number"},
    "/desk/coupon/{number}": {"number": "number"},
    "/inbox/{number}": {"number": "number"},
}
"""What the parameters of an address name, by its beginning: a field of `Things`, each something of
another team or of another operator. The first that fits counts."""

NOBODYS = (
    "/api/v1/channels/{channel}/{account}",
    "/api/v1/buried/{id}",
    "/api/v1/operators/{id}",
    "/api/v1/teams/{key}",
    "/api/v1/tokens/{id}",
    "/api/v1/categories/{code}",
    "/api/v1/calendar/{day}",
    "/api/v1/saved-replies/{id}",
    "/api/v1/telephone/prompts/{prompt}/{language}",
)
"""Beginnings of addresses that name what belongs to no team: roles alone guard it."""

BODIES: Mapping[str, Body] = {
    "PATCH /api/v1/appeals/{number}": lambda _: {"priority": "high"},
    "POST /api/v1/appeals/{number}/replies": lambda _: {"text": "Бригада выехала"},
    "POST /api/v1/appeals/{number}/replies/preview": lambda _: {"text": "Бригада"},
    "POST /api/v1/appeals/{number}/notes": lambda _: {"text": "Белгі"},
    "POST /api/v1/appeals/{number}/split": lambda their: {"messages": [their.message]},
    "POST /api/v1/appeals/{number}/merge": lambda their: {
        "into": their.other,
        "across_contacts": True,
    },
    "PUT /api/v1/appeals/{number}/draft": lambda _: {"content": {"text": "Бригада"}},
    "POST /api/v1/messages/{id}/hidden": lambda _: {"hidden": True},
    "PATCH /api/v1/contacts/{id}": lambda _: {"name": "Басқа"},
    "POST /api/v1/contacts/{id}/notes": lambda _: {"text": "Белгі"},
    "POST /api/v1/contacts/{id}/merge": lambda their: {"into": their.other_contact},
    "PATCH /api/v1/saved-views/{id}": lambda _: {"name": "Басқа"},
    "POST /api/v1/phone/calls/{id}/transfer": lambda _: {"team": None},
    "POST /api/v1/phone/calls/{id}/matter": lambda _: {"subject": "Жарық жоқ"},
    "PUT /api/v1/phone/calls/{id}/note": lambda _: {"text": "Белгі"},
}
"""What a route is sent so that only who asks can be at fault; {} where nothing stands here."""

QUERIES = {"GET /inbox/{number}": "?queue=all"}
"""Without these a page is sent on to its usual ones."""

NAMED_IN_BODIES: Mapping[str, Body] = {
    "POST /api/v1/appeals": lambda their: {
        "channel": "visit", "contact": {"name": "Е"}, "attachments": [their.upload],
    },
    "POST /api/v1/appeals/bulk": lambda their: {
        "numbers": [their.number], "change": {"priority": "high"},
    },
    "PATCH /api/v1/appeals/{number}": lambda their: {"duplicate_of": their.other},
    "POST /api/v1/appeals/{number}/split": lambda their: {"messages": [their.message]},
    "POST /api/v1/appeals/{number}/merge": lambda their: {
        "into": their.other, "across_contacts": True,
    },
    "POST /api/v1/appeals/{number}/replies": lambda their: {"attachments": [their.upload]},
    "POST /api/v1/contacts/{id}/merge": lambda their: {"into": their.other_contact},
    "POST /api/v1/mentions/seen": lambda their: {"appeal": their.number},
    "POST /api/v1/undo": lambda their: {"keys": [their.undo]},
    "POST /api/v1/phone/calls/{id}/matter": lambda their: {
        "appeal": their.other, "across_contacts": True,
    },
}  # fmt: skip
"""Routes whose body names things as well: another team's may neither be changed nor told of, though
the address names one's own."""

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Place(NamedTuple):
    """A method of an address."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


@pytest.fixture
async def office(database_url: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Office]:
    """A whole hub with an account, and two teams."""
    settings = Settings.model_validate(
        {
            "secret_key": SECRET_KEY,
            "public_url": "https://hub.example.kz",
            "database": {"url": database_url},
            "folder": tmp_path,
            "channels": {"blackhole": {"main": {"webhook_secret": "s" * 40}}},
        }
    )
    boss = Principal(role=Role.ADMIN, name="x", operator_id=None, actor="system")
    async with open_hub(settings, clock=clock) as hub:
        async with hub.database.write() as session:
            for key in ("roads", "water"):
                await add_team(session, key, key.title(), by=boss, now=clock())
        async with TestClient(TestServer(application(hub))) as client:
            yield Office(hub, client)


def places(office: Office) -> Iterator[Place]:
    """Every route that is served, those of applications within the application too."""
    for route in office.client.app.router.routes():
        assert route.resource is not None
        if route.method != hdrs.METH_HEAD:  # which goes with GET
            yield Place(route.method, route.resource.canonical)


def roles() -> dict[str, Role]:
    """The least role of each route that is not open."""
    found = {f"{route.method} {API}{route.path}": route.role for route in ROUTES}
    found |= {f"{page.method} {page.path}": page.role for page in PAGES if page.role is not None}
    return found | OTHERWISE


def filled(place: Place, values: Mapping[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda found: values.get(found[1], "1"), place.path)


def named_by(place: Place) -> Mapping[str, str] | None:
    """What the parameters of an address name; None for what is nobody's."""
    if not place.parameters:
        return None
    for beginning, fields in THINGS.items():
        if re.match(re.escape(beginning) + r"(/|$)", place.path):
            assert set(place.parameters) == set(fields) & set(place.parameters), (
                f"{place}: THINGS[{beginning!r}] does not tell what {place.parameters} name; "
                "add them, with a field of Things that belongs to another team."
            )
            return fields
    assert place.path.startswith(NOBODYS), (
        f"{place} names something, and it is not said what. If that belongs to an appeal, a person "
        "or an operator, add its beginning to THINGS, and a field to Things that office.things_of "
        "makes; if it is nobody's, add it to NOBODYS."
    )
    return None


async def test_strangers_come_nowhere_but_to_what_is_open_on_purpose(office: Office) -> None:
    wrong = []
    served = list(places(office))
    for place in served:
        if str(place) in OPEN:
            continue
        answer = await office.ask(None, place.method, filled(place, {}))
        sent_to_sign_in = answer.status == 303 and answer.place.startswith("/signin?next=")
        if answer.status != 401 and not (sent_to_sign_in and not place.path.startswith("/api/")):
            wrong.append(f"{place}: {answer.status}")
        assert SECRET_WORDS not in answer.text
    assert not wrong, "Strangers get in here:\n" + "\n".join(wrong)
    assert {str(place) for place in served} >= OPEN, "OPEN names what is not served any more"


async def test_each_role_comes_no_further_than_its_routes(office: Office) -> None:
    people = {role: await office.employ(role.title(), role) for role in Role}
    least, wrong = roles(), []
    for place in places(office):
        if str(place) in OPEN:
            continue
        assert str(place) in least, (
            f"{place} stands in no table of roles: give it one in hub/api/routes.py or in its "
            "module's PAGES, or name it in OPEN or OTHERWISE here."
        )
        for role, who in people.items():
            if RANKS.index(role) < RANKS.index(least[str(place)]):
                answer = await office.ask(who, place.method, filled(place, {}))
                if answer.status != 403:
                    wrong.append(f"{place} answers {answer.status} to {role}")
    assert not wrong, "\n".join(wrong)


async def test_what_is_another_teams_is_not_there_and_stays_as_it_is(office: Office) -> None:
    stranger = await office.employ("Dana", Role.OPERATOR, "roads")
    colleague = await office.employ("Aset", Role.OPERATOR, "water")
    least, wrong, tried = roles(), [], 0
    for place in places(office):
        if str(place) in OPEN or not place.parameters:
            continue
        fields = named_by(place)
        if fields is None or least[str(place)] is not Role.OPERATOR:
            continue
        their = await office.things_of("water", colleague)
        values = {name: getattr(their, field) for name, field in fields.items()}
        path, body = filled(place, values) + QUERIES.get(str(place), ""), BODIES.get(str(place))
        sent = None if place.method == "GET" else {} if body is None else body(their)
        before = await office.kept()
        answer = await office.ask(stranger, place.method, path, body=sent)
        if answer.status != 404 or SECRET_WORDS in answer.text:
            wrong.append(f"{place} answers {answer.status} to another team: {answer.text[:200]}")
        if await office.kept() != before:
            wrong.append(f"{place} changes something for another team")
        allowed = await office.ask(colleague, place.method, path, body=sent)
        if allowed.status in {400, 401, 403, 404, 415, 422, 500}:
            wrong.append(
                f"{place} answers {allowed.status} to the team itself, which proves nothing; add "
                f"to BODIES what it takes: {allowed.text[:200]}"
            )
        tried += 1
    assert not wrong, "\n".join(wrong)
    assert tried > 20


async def test_nothing_of_another_teams_is_changed_by_naming_it_in_a_body(office: Office) -> None:
    stranger = await office.employ("Dana", Role.OPERATOR, "roads")
    colleague = await office.employ("Aset", Role.OPERATOR, "water")
    for named, body in NAMED_IN_BODIES.items():
        own = await office.things_of("roads", stranger)
        their = await office.things_of("water", colleague)
        place = Place(*named.split(" ", 1))
        before = await office.kept()
        answer = await office.ask(
            stranger, place.method, filled(place, mine(place, own)), body=body(their)
        )
        assert SECRET_WORDS not in answer.text, named
        assert await office.kept() == before, (named, answer.text)
        allowed = await office.ask(
            colleague, place.method, filled(place, mine(place, their)), body=body(their)
        )
        assert allowed.status < 300 or allowed.status == 409, (named, allowed.text)


def mine(place: Place, own: Things) -> dict[str, str]:
    return {name: getattr(own, field) for name, field in (named_by(place) or {}).items()}


async def test_lists_and_searches_show_nothing_of_another_team(office: Office) -> None:
    stranger = await office.employ("Dana", Role.OPERATOR, "roads")
    colleague = await office.employ("Aset", Role.OPERATOR, "water")
    their = await office.things_of("water", colleague)
    least, shown = roles(), 0
    for place in places(office):
        if place.method != "GET" or place.parameters or str(place) in {*OPEN, *OTHERWISE}:
            continue
        if least[str(place)] is not Role.OPERATOR:
            continue
        for query in ("", f"?q={SECRET_WORDS.split()[0]}", f"?appeal={their.number}"):
            hidden = (await office.ask(stranger, "GET", place.path + query)).text
            assert SECRET_WORDS not in hidden, place
            assert f'"{their.number}"' not in hidden, place
            seen = (await office.ask(colleague, "GET", place.path + query)).text
            shown += SECRET_WORDS in seen
    assert shown > 2


def test_what_the_tables_here_name_is_there(office: Office) -> None:
    served = {str(place) for place in places(office)}
    paths = {place.path for place in places(office)}
    gone: list[Any] = [
        named for named in (*BODIES, *QUERIES, *NAMED_IN_BODIES, *OTHERWISE) if named not in served
    ]
    beginnings = (*THINGS, *NOBODYS)
    gone += [one for one in beginnings if not any(path.startswith(one) for path in paths)]
    fields = {field for fields in THINGS.values() for field in fields.values()}
    gone += fields - set(Things.__dataclass_fields__)
    assert not gone, "These tables name what is not there any more."
