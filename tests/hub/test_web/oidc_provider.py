"""An OpenID provider on loopback, as the specification has it: it checks what a client must send.

Source: https://openid.net/specs/openid-connect-core-1_0.html,
https://openid.net/specs/openid-connect-discovery-1_0.html, RFC 6749, RFC 7636
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from registry.types import Clock

Forge: TypeAlias = Callable[[dict[str, Any], bytes], str]

_KEY = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})

CLIENT, SECRET = "the hub", "s3cret & long/enough"
REDIRECT = "https://hub.example.kz/signin/oidc/back"


class OidcProvider:
    """A provider with one person, `claims`; what a test changes in it becomes what it answers."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.claims: dict[str, Any] = {
            "sub": "248289761001",
            "email": "Dana@example.kz",
            "email_verified": True,
            "name": "Дана Әлиева",
        }
        self.changes: dict[str, Any] = {}
        """Claims of the ID token in place of the right ones; None takes one away."""
        self.keys: list[RSAKey | ECKey] = [_KEY]
        self.signs_with = self.keys[0]
        self.algorithm = "RS256"
        self.forge: Forge | None = None
        """Makes an ID token that is not ours, of the claims and of our public key."""
        self.userinfo: dict[str, Any] | None = None
        self.description: dict[str, Any] = {}
        """What its description says in place of the truth; None takes a line away."""
        self.broken: dict[str, web.Response] = {}
        """Answers in place of the right ones, by path."""
        self.asked: list[str] = []
        self._codes: dict[str, Mapping[str, str]] = {}
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._describe)
        app.router.add_get("/jwks", self._jwks)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo)
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.close()

    @property
    def issuer(self) -> str:
        """Its address, which names it."""
        return str(self._server.make_url("")).rstrip("/")

    def visit(self, address: str) -> str:
        """What a browser is answered that is sent there and says who it is: where it goes back.

        It asserts what a client has to send.
        """
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize"
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["redirect_uri"] == REDIRECT
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert len(asked["state"]) >= 32
        assert len(asked["nonce"]) >= 32
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{urlsplit(REDIRECT).path}?{urlencode(back)}"

    async def _describe(self, request: web.Request) -> web.Response:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            **self.description,
        }
        return self._answer(request, {n: v for n, v in told.items() if v is not None})

    async def _jwks(self, request: web.Request) -> web.Response:
        keys = KeySet([*self.keys]).as_dict(private=False)
        return self._answer(request, keys)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._codes.pop(str(form["code"]), None)  # a code serves once
        if not self._is_the_client(request, form) or asked is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if challenge != asked["code_challenge"] or form["redirect_uri"] != REDIRECT:
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert form["grant_type"] == "authorization_code"
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
            **self.changes,
        }
        told = {name: value for name, value in claims.items() if value is not None}
        token = self._signed(told)
        answer = {"token_type": "Bearer", "access_token": "an access token", "id_token": token}
        return self._answer(request, answer)

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.forge is not None:
            return self.forge(claims, self.keys[0].as_pem(private=False))
        header = {"alg": self.algorithm, "kid": self.signs_with.kid}
        return jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])

    async def _userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer an access token"
        return self._answer(request, self.userinfo or {"sub": self.claims["sub"]})

    def _is_the_client(self, request: web.Request, form: Mapping[str, Any]) -> bool:
        if "token_endpoint_auth_methods_supported" in self.description:
            return (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
        scheme, _, pair = request.headers["Authorization"].partition(" ")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        return (scheme, unquote(name), unquote(secret)) == ("Basic", CLIENT, SECRET)

    def _answer(self, request: web.Request, right: Mapping[str, Any]) -> web.Response:
        self.asked.append(request.path)
        return self.broken.get(request.path) or web.json_response(right)
