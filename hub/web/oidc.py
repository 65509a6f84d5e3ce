"""Signing in at an OpenID provider: the authorization code flow with PKCE, and a verified ID token.

Source: https://openid.net/specs/openid-connect-core-1_0.html, RFC 7636 (PKCE), RFC 9207 (`iss`).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from aiohttp import web
from msgspec import Struct

from config.settings import Oidc
from connectors.kit.signatures import same
from registry.federation import Identity
from registry.operators import Role
from registry.types import Clock

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

BACK = "/signin/oidc/back"
"""Where the provider sends the browser back to."""

TIMEOUT = 10.0
"""Seconds that the provider has for each answer."""
LEEWAY = 60
"""Seconds by which its clock may differ from ours."""
LIFE = timedelta(minutes=10)
"""How long somebody may take at the provider."""
_REMEMBERED = timedelta(minutes=10)
"""How long the provider's own description is believed."""
_MAX_BYTES = 1024 * 1024
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that only the provider can make; one made with a shared secret proves nothing."""


class ProviderFailed(Exception):
    """The provider could not be reached, or answered what cannot be right; the log says what."""


class Declined(Exception):
    """Whoever asked gave up or was refused at the provider, or took too long."""


class Journey(Struct, frozen=True, kw_only=True):
    """What has to be remembered while somebody is at the provider: sealed, in their cookie."""

    state: str
    nonce: str
    verifier: str
    place: str
    """Where they wanted to go."""
    until: int
    """Seconds since 1970."""


class Provider:
    """The OpenID provider of the settings."""

    def __init__(self, settings: Oidc, *, public_url: str, clock: Clock) -> None:
        self.settings = settings
        self._back = f"{public_url}{BACK}"
        self._clock = clock
        self._description: Mapping[str, Any] = {}
        self._described_at: datetime | None = None

    def begin(self, place: str) -> Journey:
        """A journey to the provider that is to end at a place of ours."""
        return Journey(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            place=place,
            until=int((self._clock() + LIFE).timestamp()),
        )

    async def address_for(self, journey: Journey) -> str:
        """Where the browser is sent. Raises: ProviderFailed."""
        endpoint = await self._endpoint("authorization_endpoint")
        challenge = hashlib.sha256(journey.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self._back,
            "scope": "openid email profile",
            "state": journey.state,
            "nonce": journey.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def arrive(
        self, journey: Journey, answer: Mapping[str, str]
    ) -> tuple[Identity, Mapping[str, Any]]:
        """Who came back with that query, and all that the provider claims of them.

        Raises: Declined, ProviderFailed.
        """
        if not same(answer.get("state"), journey.state):
            raise Declined("the answer belongs to no journey of this browser")
        if self._clock().timestamp() > journey.until:
            raise Declined("it took too long")
        if answer.get("iss", self.settings.issuer) != self.settings.issuer:
            raise Declined("the answer is another provider's")
        if "error" in answer or not answer.get("code"):
            raise Declined(answer.get("error", "there is no code")[:100])
        tokens = await self._exchange(answer["code"], journey)
        claims = await self._verified(tokens.get("id_token"), nonce=journey.nonce)
        if "email" not in claims:
            claims = {**await self._about(tokens, claims["sub"]), **claims}
        return _identity(claims), claims

    def roles_in(self, claims: Mapping[str, Any]) -> Collection[Role] | None:
        """What the claims make of somebody; None where roles are not the provider's to give."""
        if not self.settings.role_claim:
            return None
        told: Any = claims
        for part in self.settings.role_claim.split("."):
            told = told.get(part) if isinstance(told, Mapping) else None
        values = told if isinstance(told, list) else [told]
        known = self.settings.roles
        return {Role(known[value]) for value in values if isinstance(value, str) and value in known}

    # --- The provider's answers -----------------------------------------------------------------

    async def _exchange(self, code: str, journey: Journey) -> Mapping[str, Any]:
        """The code for tokens; as who we are, the way the provider takes it."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "code_verifier": journey.verifier,
        }
        name = self.settings.client_id
        secret = self.settings.client_secret.get_secret_value()
        headers = {}
        endpoint = await self._endpoint("token_endpoint")
        ways = self._description.get("token_endpoint_auth_methods_supported")
        if isinstance(ways, list) and "client_secret_basic" not in ways:
            form |= {"client_id": name, "client_secret": secret}
        else:
            pair = f"{quote(name, safe='')}:{quote(secret, safe='')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return await _asked("POST", endpoint, data=form, headers=headers)

    async def _verified(self, token: object, *, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that is the provider's, for us, for now, for this journey."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        if not isinstance(token, str):
            raise ProviderFailed("there is no ID token")
        keys = await self._keys()
        try:
            claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock().timestamp()),
                leeway=LEEWAY,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError) as error:
            raise ProviderFailed(f"the ID token is refused: {type(error).__name__}") from error
        # Issued to somebody else as well, it may have been got by them.
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise ProviderFailed("the ID token is another client's")
        return claims

    async def _keys(self) -> "KeySet":
        """The provider's keys, asked for each time: they change, and people seldom sign in."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        found = await _asked("GET", await self._endpoint("jwks_uri"))
        try:
            return KeySet.import_key_set({"keys": found["keys"]})
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise ProviderFailed("its keys cannot be read") from error

    async def _about(self, tokens: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        """What the provider tells of somebody beside the ID token, if it tells anything."""
        await self._described()
        if "userinfo_endpoint" not in self._description or "access_token" not in tokens:
            return {}
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        found = await _asked("GET", await self._endpoint("userinfo_endpoint"), headers=headers)
        if found.get("sub") != subject:
            raise ProviderFailed("it tells of somebody else")
        return found

    async def _endpoint(self, name: str) -> str:
        await self._described()
        address = self._description.get(name)
        # What the issuer's own address is good enough for, its others are too; never less.
        wanted = {"https", urlsplit(self.settings.issuer).scheme}
        if not isinstance(address, str) or urlsplit(address).scheme not in wanted:
            raise ProviderFailed(f"its description has no usable {name}")
        return address

    async def _described(self) -> None:
        now = self._clock()
        if self._described_at is not None and now - self._described_at < _REMEMBERED:
            return
        issuer = self.settings.issuer
        found = await _asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise ProviderFailed("its description names another issuer")
        self._description, self._described_at = found, now


PROVIDER = web.AppKey("provider", Provider)


def _identity(claims: Mapping[str, Any]) -> Identity:
    email, name = claims.get("email"), claims.get("name")
    return Identity(
        subject=claims["sub"],
        email=email if isinstance(email, str) else None,
        verified=claims.get("email_verified") is True,
        name=name if isinstance(name, str) else None,
    )


async def _asked(
    method: str,
    address: str,
    *,
    data: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Mapping[str, Any]:
    """One answer of the provider, a JSON object. Raises: ProviderFailed."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    accepted = {"Accept": "application/json", **(headers or {})}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                method, address, data=data, headers=accepted, allow_redirects=False
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise ProviderFailed("its answer is too long")
            status = response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ProviderFailed(f"it cannot be reached: {type(error).__name__}") from error
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProviderFailed(f"it answered {status} with what is no JSON") from error
    if status != 200 or not isinstance(found, dict):
        said = found.get("error") if isinstance(found, dict) else None
        raise ProviderFailed(f"it answered {status}: {str(said)[:100]}")
    return found
