"""Instagram's private mode under the contract, and what is its own."""

import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.base import (
    Blocked,
    Connector,
    Context,
    Forged,
    Misconfigured,
    Rejected,
    Throttled,
    Uncertain,
)
from connectors.instagram.connector import InstagramConnector
from connectors.instagram.private import refusals as said
from connectors.instagram.private.refusals import refusal
from connectors.instagram.private.sandbox import VIEWER, PrivateSandbox, Thread
from connectors.instagram.private.session import SessionFile
from connectors.instagram.settings import InstagramSettings
from connectors.testing.contract import (
    ACCOUNT,
    NOW,
    PUBLIC_URL,
    ConnectorContract,
    ProviderFailure,
)
from connectors.testing.sandbox import Call, Failure

KEY = SecretStr("the-hub's-key-of-the-tests")
PASSWORD = "қала-кілті-2026"
OTHER_PASSWORD = "басқа-кілт-2026"
CITIZEN = 47_000_000_001
THREAD = f"340282366841710300949128{CITIZEN:015d}"


def keys(url: str, password: str = PASSWORD, **changes: Any) -> dict[str, Any]:
    return {
        "mode": "private",
        "username": "almaty.109",
        "password": password,
        "session_file": "var/instagram.session",
        "daily_cap": 4000,
        "api_base": url,
        **changes,
    }


def is_broadcast(call: Call) -> bool:
    return "/broadcast/" in call.path or call.path.endswith("/comment/")


def town(**options: Any) -> PrivateSandbox:
    """Instagram with somebody who has written to the account."""
    made = PrivateSandbox(password=PASSWORD, **options)
    citizen = made.citizen(name="Айгүл Сейтқали", pk=CITIZEN)
    thread = made.threads[THREAD] = Thread(THREAD, [citizen.user])
    thread.pending = False
    return made


class _Suite(ConnectorContract):
    connector_class = InstagramConnector
    libraries = ("instagrapi", "requests", "curl_cffi")
    has_webhook = False
    fixtures_folder = "fixtures/private"
    conversation = THREAD
    home = Path(tempfile.gettempdir())

    @cached_property
    def secrets(self) -> list[str]:
        """The session is worth as much as the password."""
        session = PrivateSandbox().session()["authorization_data"]["sessionid"]
        return [PASSWORD, OTHER_PASSWORD, session]

    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path) -> None:
        self.home = tmp_path

    def sandbox(self) -> PrivateSandbox:
        return town()

    def settings(self, url: str) -> dict[str, Any]:
        return keys(url)

    def other_settings(self, url: str) -> dict[str, Any]:
        return keys(url, OTHER_PASSWORD, session_file="var/other.session")

    def texts(self, sandbox: Any) -> Sequence[str]:
        return [heard.text for heard in sandbox.sent]

    def is_send(self, call: Call) -> bool:
        return is_broadcast(call)

    def open(
        self, keys: Mapping[str, Any], *, account: str = ACCOUNT, now: datetime = NOW
    ) -> Connector:
        """A connector whose account has logged in before."""
        folder = self.home / account
        context = Context(public_url=PUBLIC_URL, clock=lambda: now, folder=folder, secret_key=KEY)
        if self.home != type(self).home:
            logged_in(folder / keys["session_file"])
        return InstagramConnector(account, InstagramSettings.model_validate(dict(keys)), context)

    @pytest.fixture
    async def provider(self) -> AsyncIterator[PrivateSandbox]:
        async with self.sandbox() as running:
            running.session()
            yield running

    async def test_registering_twice_is_as_good_as_once(
        self, connector: Any, provider: Any
    ) -> None:
        """There is nothing to register: the account polls."""
        await connector.register()
        assert provider.calls == []

    def test_a_handshake_is_answered_and_a_forged_one_refused(self, reader: Any) -> None:
        """There is no webhook."""
        for query in ({}, {"hub.mode": "subscribe", "hub.challenge": "1"}):
            with pytest.raises(Forged):
                reader.handshake(query)


def logged_in(path: Path, key: SecretStr = KEY) -> None:
    """Put a session that the sandbox knows where the account looks for it."""
    SessionFile(path, key, account=ACCOUNT).write(json.dumps(PrivateSandbox().session()))


class TestPrivateInstagram(_Suite):
    failures = (
        ProviderFailure(
            name="a refused text",
            failure=Failure(status=400, body={"message": "Invalid text", "status": "fail"}),
            error=Rejected,
        ),
        ProviderFailure(
            name="a fail with 200",
            failure=Failure(status=200, body={"message": "no", "status": "fail"}),
            error=Rejected,
        ),
        ProviderFailure(
            name="no requests wanted", failure=refusal(said.NO_REQUESTS), error=Blocked
        ),
        ProviderFailure(
            name="please wait", failure=refusal(said.PLEASE_WAIT), error=Throttled, retry_after=300
        ),
        ProviderFailure(
            name="too many requests",
            failure=Failure(status=429, body={"message": "rate limited", "status": "fail"}),
            error=Throttled,
            retry_after=300,
        ),
        ProviderFailure(
            name="rate limit",
            failure=refusal(said.RATE_LIMIT),
            error=Throttled,
            code="rate_limit_error",
        ),
        ProviderFailure(
            name="feedback required",
            failure=refusal(said.FEEDBACK),
            error=Throttled,
            retry_after=3600,
        ),
        ProviderFailure(
            name="challenge required",
            failure=refusal(said.CHALLENGE),
            error=Misconfigured,
            code="challenge_required",
        ),
        ProviderFailure(
            name="checkpoint required",
            failure=refusal(said.CHECKPOINT),
            error=Misconfigured,
            code="checkpoint_challenge_required",
        ),
        ProviderFailure(
            name="masked challenge", failure=refusal(said.MASKED_CHALLENGE), error=Misconfigured
        ),
        ProviderFailure(name="suspended", failure=refusal(said.SUSPENDED), error=Misconfigured),
        ProviderFailure(
            name="address blocked",
            failure=refusal(said.SENTRY),
            error=Misconfigured,
            code="sentry_block",
        ),
        ProviderFailure(name="too old", failure=refusal(said.OUTDATED), error=Misconfigured),
        ProviderFailure(
            name="request timeout", failure=Failure(status=408, body={}), error=Uncertain
        ),
    )


class TestPrivateInstagramComments(_Suite):
    """The same account under a post."""

    public = True
    reads = False
    last_inbound = "18000000000000003"
    conversation = f"3400000000000000002_{VIEWER}:18000000000000003:{CITIZEN}"
    failures = (
        ProviderFailure(
            name="a comment that is gone",
            failure=Failure(
                status=400, body={"message": "Media not found or unavailable", "status": "fail"}
            ),
            error=Rejected,
        ),
        ProviderFailure(name="feedback", failure=refusal(said.FEEDBACK), error=Throttled),
        ProviderFailure(name="challenge", failure=refusal(said.CHALLENGE), error=Misconfigured),
    )

    def sandbox(self) -> PrivateSandbox:
        made = town()
        post = made.post("Жөндеу кестесі")
        comment = made.write_comment(
            made.citizens[CITIZEN].user, "Когда?", post=post.id, under=None
        )
        assert (post.id, comment["pk"]) == (self.conversation.split(":")[0], self.last_inbound)
        return made
