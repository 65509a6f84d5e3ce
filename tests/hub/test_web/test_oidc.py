"""Signing in at an OpenID provider: who gets in, and every token that is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from joserfc.jwk import ECKey, RSAKey
from sqlmodel import col, select

from config.settings import Settings
from hub.app import CannotStart, Hub, application, open_hub
from registry.models import JournalEntry, Operator
from registry.operators import Role
from tests.conftest import FakeClock
from tests.hub.conftest import SECRET_KEY
from tests.hub.test_web.oidc_provider import CLIENT, SECRET, Forge, OidcProvider
from tests.hub.test_web.signing import Browser, Shown, add, audited, give_second_factor

JOURNEY = "__Host-journey"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def provider(clock: FakeClock) -> AsyncIterator[OidcProvider]:
    """A provider that knows Dana."""
    async with OidcProvider(clock) as started:
        yield started


@pytest.fixture
def table(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the settings say of the provider beside the usual."""
    given: dict[str, Any] = getattr(request, "param", {})
    return given


@pytest.fixture
async def hub(
    provider: OidcProvider,
    table: dict[str, Any],
    database_url: str,
    tmp_path: Path,
    clock: FakeClock,
) -> AsyncIterator[Hub]:
    """A hub with that provider, and an administrator."""
    usual = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
    settings = Settings.model_validate(
        {
            "secret_key": SECRET_KEY,
            "public_url": "https://hub.example.kz",
            "database": {"url": database_url},
            "folder": tmp_path,
            "oidc": {**usual, "name": "City ID", **table},
        }
    )
    async with open_hub(settings, clock=clock) as opened:
        await add(opened, "Saule", Role.ADMIN)
        yield opened


@pytest.fixture
async def visitor(hub: Hub) -> AsyncIterator[Browser]:
    """A browser that nobody has signed in with."""
    async with TestClient(TestServer(application(hub))) as client:
        yield Browser(client)


async def sign_in(visitor: Browser, provider: OidcProvider, *, place: str = "/account") -> Shown:
    """There and back."""
    sent = await visitor.get(f"/signin/oidc?next={place}")
    assert sent.status == 303, sent.text
    return await visitor.get(provider.visit(sent.place))


async def is_in(visitor: Browser) -> bool:
    return (await visitor.get("/account")).status == 200


async def dana_of(hub: Hub) -> Operator | None:
    async with hub.database.read() as session:
        return (await session.exec(select(Operator).where(Operator.name != "Saule"))).first()


# --- Who gets in ----------------------------------------------------------------------------------


async def test_whoever_was_added_gets_in_by_their_verified_address_and_later_by_name(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    dana = await add(hub)
    page = await visitor.get("/signin?next=/account")
    assert "Sign in with City ID" in page.text
    assert 'href="/signin/oidc?next=%2Faccount"' in page.text
    entered = await sign_in(visitor, provider)
    assert (entered.status, entered.place) == (303, "/account")
    assert JOURNEY not in visitor.cookies
    assert await is_in(visitor)
    kept = await dana_of(hub)
    assert kept is not None
    assert (kept.id, kept.subject, kept.name) == (dana.id, "248289761001", "Dana")
    assert await audited(hub) == [("session.opened", {"way": "oidc"})]
    provider.claims |= {"email": "somebody.else@example.kz", "email_verified": False}
    second = Browser(visitor.client)
    assert (await sign_in(second, provider)).status == 303
    assert await is_in(second)


async def test_the_second_step_is_the_providers_and_so_is_the_password(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    dana = await add(hub, must_change_password=True)
    await give_second_factor(hub, dana)
    assert (await sign_in(visitor, provider)).place == "/account"
    assert await is_in(visitor)


@pytest.mark.parametrize(
    ("claims", "notice"),
    [
        ({"email_verified": False}, "There is no account for you here."),
        ({"email_verified": "true"}, "There is no account for you here."),
        ({"email_verified": None}, "There is no account for you here."),
        ({"email": None}, "There is no account for you here."),
        ({"email": "else@example.kz"}, "There is no account for you here."),
    ],
)
async def test_nobody_gets_in_by_an_address_that_may_not_be_theirs(
    hub: Hub, visitor: Browser, provider: OidcProvider, claims: dict[str, Any], notice: str
) -> None:
    await add(hub)
    provider.claims |= claims
    shown = await sign_in(visitor, provider)
    assert shown.status == 403
    assert shown.notice.startswith(notice)
    assert not await is_in(visitor)
    kept = await dana_of(hub)
    assert kept is not None
    assert kept.subject is None
    refused = [("session.refused", {"reason": "unknown", "subject": "248289761001"})]
    assert await audited(hub) == refused


async def test_an_account_that_belongs_to_another_name_is_not_taken_over_by_its_address(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    await add(hub, subject="another person of that provider")
    assert (await sign_in(visitor, provider)).status == 403
    kept = await dana_of(hub)
    assert kept is not None
    assert kept.subject == "another person of that provider"


async def test_who_is_disabled_stays_out(
    hub: Hub, visitor: Browser, provider: OidcProvider, clock: FakeClock
) -> None:
    await add(hub, disabled_at=clock(), subject="248289761001")
    shown = await sign_in(visitor, provider)
    assert (shown.status, shown.notice) == (
        403,
        "Your account here is disabled. Ask an administrator.",
    )


@pytest.mark.parametrize("table", [{"create": True}], indirect=True)
async def test_whoever_is_new_becomes_an_operator_where_the_settings_say_so(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    provider.claims["email_verified"] = False
    shown = await sign_in(visitor, provider)
    assert shown.notice == "The other system tells no verified e-mail address of yours."
    provider.claims["email_verified"] = True
    assert (await sign_in(visitor, provider)).status == 303
    kept = await dana_of(hub)
    assert kept is not None
    assert (kept.email, kept.name, kept.role) == ("dana@example.kz", "Дана Әлиева", "operator")
    assert kept.password_hash is None
    assert (await Browser(visitor.client).sign_in(password="")).status == 401


@pytest.mark.parametrize("table", [{"create": True}], indirect=True)
async def test_nobody_new_comes_before_the_first_administrator(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    async with hub.database.write() as session:
        await session.delete((await session.exec(select(Operator))).one())
    assert (await sign_in(visitor, provider)).status == 403
    assert (await visitor.get("/setup")).status == 200


ROLES = {
    "create": True,
    "role_claim": "realm_access.roles",
    "roles": {"city-operators": "operator", "city-heads": "supervisor"},
}


@pytest.mark.parametrize("table", [ROLES], indirect=True)
async def test_the_highest_role_that_the_provider_gives_counts_at_every_sign_in(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    for roles, expected in [
        (["city-operators", "gardeners"], "operator"),
        (["city-heads", "city-operators"], "supervisor"),
        (["city-operators"], "operator"),
    ]:
        provider.claims["realm_access"] = {"roles": roles}
        assert (await sign_in(Browser(visitor.client), provider)).status == 303
        kept = await dana_of(hub)
        assert kept is not None
        assert kept.role == expected
    for none in ({"roles": ["gardeners"]}, {"roles": [["city-heads"]]}, {}, "city-heads", None):
        provider.claims["realm_access"] = none
        shown = await sign_in(Browser(visitor.client), provider)
        assert shown.notice.startswith("Your account has no role here.")
    async with hub.database.read() as session:
        changed = col(JournalEntry.event) == "operator.changed"
        entries = (await session.exec(select(JournalEntry).where(changed))).all()
    assert [entry.data["role"]["to"] for entry in entries] == ["supervisor", "operator"]


async def test_the_address_may_come_from_the_userinfo(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    await add(hub)
    told = {name: provider.claims.pop(name) for name in ("email", "email_verified")}
    provider.userinfo = {"sub": "somebody else", **told}
    assert (await sign_in(visitor, provider)).status == 502
    provider.userinfo = {"sub": "248289761001", **told}
    assert (await sign_in(visitor, provider)).status == 303


async def test_the_secret_goes_the_way_the_provider_takes_it(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    await add(hub)
    provider.description = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await sign_in(visitor, provider)).status == 303


# --- Tokens that are refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"aud": None},
        {"aud": [CLIENT, "another client"], "azp": "another client"},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
        {"iat": 99999999999},
        {"nbf": 99999999999},
        {"nonce": "of another journey"},
        {"nonce": None},
        {"sub": None},
        {"sub": 7},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_us_for_now_and_for_this_journey_is_refused(
    hub: Hub, visitor: Browser, provider: OidcProvider, changes: dict[str, Any]
) -> None:
    await add(hub)
    provider.changes = changes
    shown = await sign_in(visitor, provider)
    assert shown.status == 502
    assert shown.notice.startswith("The other system cannot be reached or does not work.")
    assert not await is_in(visitor)


@pytest.mark.parametrize("kid", ["rsa", "unknown"])
async def test_a_signature_that_is_not_the_providers_is_refused(
    hub: Hub, visitor: Browser, provider: OidcProvider, kid: str
) -> None:
    await add(hub)
    provider.signs_with = RSAKey.generate_key(2048, {"kid": kid})
    assert (await sign_in(visitor, provider)).status == 502
    assert not await is_in(visitor)


def signed_with_what_is_public(claims: dict[str, Any], public: bytes) -> str:
    """The oldest of the tricks: the public key as if it were a shared secret."""
    said = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(claims)}"
    made = hmac.new(public, said.encode(), hashlib.sha256).digest()
    return f"{said}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def not_signed(claims: dict[str, Any], _public: bytes) -> str:
    """The next one."""
    return f"{part({'alg': 'none'})}.{part(claims)}."


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("forge", [signed_with_what_is_public, not_signed])
async def test_a_token_that_anybody_could_have_made_is_refused(
    hub: Hub, visitor: Browser, provider: OidcProvider, forge: Forge
) -> None:
    await add(hub)
    provider.forge = forge
    assert (await sign_in(visitor, provider)).status == 502
    assert not await is_in(visitor)


async def test_a_new_key_of_the_provider_is_taken_at_once(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    await add(hub)
    assert (await sign_in(visitor, provider)).status == 303
    fresh = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
    provider.keys, provider.signs_with, provider.algorithm = [fresh], fresh, "ES256"
    assert (await sign_in(Browser(visitor.client), provider)).status == 303


# --- Ways back that are none ----------------------------------------------------------------------


async def test_the_answer_to_another_browsers_journey_is_refused(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    await add(hub)
    other = Browser(visitor.client)
    sent = await other.get("/signin/oidc")
    back = provider.visit(sent.place)
    assert (await visitor.get(back)).notice == "Signing in was not finished. Try again."
    await visitor.get("/signin/oidc")
    assert (await visitor.get(back)).status == 401
    assert not await is_in(visitor)
    assert (await other.get(back)).status == 303


async def test_an_answer_serves_once_in_time_and_only_from_the_provider(
    hub: Hub, visitor: Browser, provider: OidcProvider, clock: FakeClock
) -> None:
    await add(hub)
    sent = await visitor.get("/signin/oidc")
    kept = visitor.cookies[JOURNEY]
    back = provider.visit(sent.place)
    assert (await visitor.get(back.replace("iss=http", "iss=https"))).status == 401
    visitor.cookies[JOURNEY] = kept
    assert (await visitor.get(back)).status == 303
    visitor.cookies[JOURNEY] = kept  # the code is used up
    assert (await visitor.get(back)).status == 502
    sent = await visitor.get("/signin/oidc")
    clock.advance(timedelta(minutes=10, seconds=1))
    assert (await visitor.get(provider.visit(sent.place))).status == 401


@pytest.mark.parametrize("query", ["", "?error=access_denied&state={state}", "?state={state}"])
async def test_who_gave_up_at_the_provider_may_try_again(
    hub: Hub, visitor: Browser, provider: OidcProvider, query: str
) -> None:
    await add(hub)
    sent = await visitor.get("/signin/oidc?next=/account")
    state = sent.place.split("state=")[1].split("&")[0]
    shown = await visitor.get("/signin/oidc/back" + query.format(state=state))
    assert (shown.status, shown.notice) == (401, "Signing in was not finished. Try again.")
    assert 'name="next" value="/account"' in shown.text
    assert not await is_in(visitor)


async def test_a_journey_that_was_tampered_with_is_none(
    hub: Hub, visitor: Browser, provider: OidcProvider
) -> None:
    await add(hub)
    sent = await visitor.get("/signin/oidc")
    back = provider.visit(sent.place)
    for cookie in ("", "x", visitor.cookies[JOURNEY][:-4]):
        visitor.cookies[JOURNEY] = cookie
        assert (await visitor.get(back)).status == 401


# --- A provider in trouble ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/.well-known/openid-configuration", 500, "{}"),
        ("/.well-known/openid-configuration", 200, "<html>"),
        ("/.well-known/openid-configuration", 200, "[]"),
        ("/.well-known/openid-configuration", 302, ""),
        ("/jwks", 200, "{}"),
        ("/jwks", 200, '{"keys": []}'),
        ("/jwks", 200, '{"keys": [{"kty": "RSA"}]}'),
        ("/jwks", 200, '{"keys": 7}'),
        ("/token", 400, '{"error": "invalid_grant"}'),
        ("/token", 200, "{}"),
        ("/token", 200, '{"id_token": "a.b.c"}'),
        ("/token", 200, '{"id_token": 7}'),
        ("/token", 200, "x" * 1_100_000),
    ],
)
async def test_an_answer_that_cannot_be_right_is_told_and_nobody_gets_in(
    hub: Hub, visitor: Browser, provider: OidcProvider, path: str, status: int, body: str
) -> None:
    await add(hub)
    answer = web.Response(status=status, text=body, headers={"Location": "http://127.0.0.1:1/"})
    if path.startswith("/.well-known"):
        provider.broken[path] = answer
        shown = await visitor.get("/signin/oidc")
    else:
        sent = await visitor.get("/signin/oidc")
        provider.broken[path] = answer
        shown = await visitor.get(provider.visit(sent.place))
    assert shown.status == 502
    assert not await is_in(visitor)
    assert (await visitor.sign_in()).status == 303  # a password serves all the same


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
    ],
    ids=str,
)
async def test_a_description_of_another_provider_is_not_believed(
    hub: Hub, visitor: Browser, provider: OidcProvider, description: dict[str, Any]
) -> None:
    await add(hub)
    provider.description = description
    assert (await visitor.get("/signin/oidc")).status == 502


async def test_the_description_is_asked_for_once_in_a_while(
    hub: Hub, visitor: Browser, provider: OidcProvider, clock: FakeClock
) -> None:
    for _ in range(5):
        await visitor.get("/signin/oidc")
    assert provider.asked == ["/.well-known/openid-configuration"]
    clock.advance(timedelta(minutes=10))
    await visitor.get("/signin/oidc")
    assert len(provider.asked) == 2


@pytest.mark.parametrize("table", [{"issuer": ""}], indirect=True)
async def test_without_a_provider_there_is_no_such_way(hub: Hub, visitor: Browser) -> None:
    assert "/signin/oidc" not in (await visitor.get("/signin")).text
    assert (await visitor.get("/signin/oidc")).status == 404
    assert (await visitor.get("/signin/oidc/back")).status == 404


async def test_a_hub_without_the_library_says_so_before_anybody_needs_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.app.find_spec", lambda _name: None)
    with pytest.raises(CannotStart, match=r"install tereze\[oidc\]"):
        application(hub)
