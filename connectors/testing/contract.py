"""The suite that every channel inherits: what the hub relies on, whatever the provider.

A channel's test file subclasses `ConnectorContract`, says how its provider is spoken to, and gets
every test here; what a channel declares (`capabilities`, and the optional protocols it satisfies)
decides which of them apply. Nothing here knows a channel.
"""

import asyncio
import copy
import inspect
import json
import re
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import SecretStr, ValidationError

from connectors.base import (
    AccountSettings,
    Answers,
    Connector,
    Context,
    Diagnoses,
    FetchesMedia,
    Forged,
    Handshakes,
    Health,
    Initiates,
    Malformed,
    Misconfigured,
    Phones,
    Polls,
    Registers,
    Rejected,
    Retryable,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.testing.fixtures import Case, cases, differing, outcome, unpaired
from connectors.testing.guard import localhost_only, no_io
from connectors.testing.mutations import mutated
from connectors.testing.sandbox import Call, Failure, Sandbox
from registry.calls.hearing import Anything, Told
from registry.calls.orders import Order
from registry.calls.script import (
    Ask,
    GoOn,
    HangUp,
    LeaveQueue,
    Music,
    Pause,
    Play,
    Queue,
    Refuse,
    Say,
    TakeMessage,
    Talk,
    Verb,
)
from registry.measuring import measure
from registry.splitting import plan_parts
from registry.types import (
    Attachment,
    AttachmentKind,
    Capabilities,
    ContactPoint,
    DeliveryReport,
    Envelope,
    Inbound,
    InboundMessage,
    MediaLimit,
    MessageEdited,
    OutboundFile,
    OutboundMessage,
)

PUBLIC_URL = "https://hub.example.kz"
"""The hub's address in every test: signatures over the address are made for it."""
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
"""The moment at which every test's delivery is received."""
ACCOUNT, OTHER_ACCOUNT = "main", "other"
NOWHERE = "http://127.0.0.1:9"
"""Given as the provider's address to connectors that must not speak to it."""
PATIENCE = 0.2
"""Seconds that an impatient connector waits for its provider."""
LONGEST_TIMEOUT = 60.0
"""Seconds that a connector may at most wait for its provider."""
MUTATIONS = 500

PLAIN = "Здравствуйте! Ямочный ремонт на пр. Абая, 52 внесён в план на четверг."
TRICKY = "1 < 2 & <b>*қараңыз*</b> _[акт](https://example.kz/?a=1&b=2)_ `код` {{имя}} 👩‍👧 \\n %s"
LONG_WORDS = (
    "Құрметті тұрғын! Проспект Абая, 52 үйі бойынша: ремонт начнётся в четверг. 🚧👩🏽‍🔧\n\n"
)

_SECRET_NAME = re.compile(r"(token|secret|password|passphrase)|_key$")
_MIMES = {
    AttachmentKind.PHOTO: ("image/jpeg", "яма.jpg"),
    AttachmentKind.VIDEO: ("video/mp4", "двор.mp4"),
    AttachmentKind.AUDIO: ("audio/mpeg", "шум.mp3"),
    AttachmentKind.VOICE: ("audio/ogg", "voice.ogg"),
    AttachmentKind.DOCUMENT: ("application/pdf", "Жауап.pdf"),
    AttachmentKind.STICKER: ("image/webp", "sticker.webp"),
    AttachmentKind.LOCATION: ("", ""),
    AttachmentKind.CONTACT: ("text/vcard", "contact.vcf"),
}
_GARBAGE = (
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'"text"',
    b"[]",
    b"{}",
    b"[null]",
    b"[" * 200_000,
    b'{"a":' * 50_000,
    b"\xff\xfe\x00",
    b"\x00" * 64,
    b"a=b&c=%FF&d",
    b"<html><body>502</body></html>",
    b'{"update_id": 1, "update_id": ',
)


_VERBS: tuple[Verb, ...] = (
    Say(PLAIN, "ru"),
    Play("https://hub.example.kz/sounds/1.mp3?a=1&b=2"),
    Pause(2),
    Ask(step="menu", sounds=(Say(PLAIN, "ru"), Pause(1))),
    Queue(name="callers"),
    LeaveQueue(),
    Talk(room="call-1", step="talked", ends_room=True, recorded=True),
    TakeMessage(seconds=120),
    GoOn("menu"),
    Music((Play("https://hub.example.kz/sounds/music.mp3"),)),
    HangUp(),
    Refuse(),
)


_DETERMINED = effort(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
"""The same examples in every run: a red suite is red for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFailure:
    """A row of a channel's table: how its provider fails a send, and what the hub must be told."""

    name: str
    failure: Failure
    error: type[SendError]
    code: str | None = None
    """The `code` that the error must carry; None when it does not matter."""
    retry_after: float | None = None
    """Seconds that a `Throttled` must carry; None when it does not matter."""


_LOST_ANSWERS = (
    ProviderFailure(name="reset after the request", failure=Failure.reset_after(), error=Uncertain),
    ProviderFailure(
        name="reset before the body was read", failure=Failure.reset_before(), error=Uncertain
    ),
    ProviderFailure(
        name="an answer that breaks off",
        failure=Failure.broken_json(takes_effect=True),
        error=Uncertain,
    ),
)
_TROUBLES = (
    ProviderFailure(name="HTML with 502", failure=Failure.html(502), error=SendError),
    ProviderFailure(name="HTML with 504", failure=Failure.html(504), error=SendError),
    ProviderFailure(name="nothing with 500", failure=Failure(status=500), error=SendError),
    ProviderFailure(name="broken JSON with 503", failure=Failure.broken_json(503), error=SendError),
)


_Test = TypeVar("_Test", bound=Callable[..., Any])
_applies: dict[str, Callable[[type["ConnectorContract"]], bool]] = {}


def applies(when: Callable[[type["ConnectorContract"]], bool]) -> Callable[[_Test], _Test]:
    """A test that only those suites have for which `when` holds; the others do not even skip it."""

    def mark(test: _Test) -> _Test:
        _applies[test.__name__] = when
        return test

    return mark


def _with_provider(suite: type["ConnectorContract"]) -> bool:
    return suite.has_provider and _carries(suite)


def _with_webhook(suite: type["ConnectorContract"]) -> bool:
    return suite.has_webhook


def _reads(suite: type["ConnectorContract"]) -> bool:
    return suite.reads


def _verifies(suite: type["ConnectorContract"]) -> bool:
    return suite.has_webhook and suite.reads


def _capabilities(suite: type["ConnectorContract"]) -> Capabilities:
    """What the suite's account can carry in the suite's kind of thread."""
    made = suite()
    return made.open(made.settings(NOWHERE)).capabilities.of(public=suite.public)


def _carries(suite: type["ConnectorContract"]) -> bool:
    return _capabilities(suite).carries


def _with(method: str) -> Callable[[type["ConnectorContract"]], bool]:
    return lambda suite: suite.reads and hasattr(suite.connector_class, method)


class ConnectorContract:
    """Subclass as `Test<Channel>` and give what stands first here; the rest is the contract."""

    # --- What the channel gives ------------------------------------------------------------------

    connector_class: ClassVar[type[Connector]]
    failures: ClassVar[Sequence[ProviderFailure]] = ()
    """How the provider fails a send in its own words, each with the error that it means."""
    libraries: ClassVar[Sequence[str]] = ()
    """Modules of the provider's library, imported only by `connector.py`."""
    has_provider: ClassVar[bool] = True
    """A send makes a call; False for a channel that carries a message nowhere."""
    has_webhook: ClassVar[bool] = True
    """False for a channel that only polls."""
    signs_body: ClassVar[bool] = True
    """The signature covers the body; False where the provider only shows a shared secret."""
    conversation: ClassVar[str] = "100200300"
    """A conversation in which the sandbox lets us write."""
    public: ClassVar[bool] = False
    """Whether `conversation` is a public thread."""
    reads: ClassVar[bool] = True
    """False for a second suite of a channel that sends otherwise and reads the same fixtures."""
    fixtures_folder: ClassVar[str] = "fixtures"
    """Where the recorded deliveries lie; a variant of a channel has a folder within it."""
    last_inbound: ClassVar[str] = "1"
    """External id of a message that the sandbox knows as the citizen's last."""

    unknown_call: ClassVar[str] = ""
    """Of a channel that `Phones`: an id of a call that the provider never gave."""

    def sandbox(self) -> Sandbox:
        """The provider's stand-in, not yet started."""
        raise NotImplementedError("Give the channel's sandbox.")

    def settings(self, url: str) -> dict[str, Any]:
        """The account's table of the settings, with the provider at `url`."""
        raise NotImplementedError("Give the keys of an account.")

    def other_settings(self, url: str) -> dict[str, Any]:
        """The same for a second account of the channel, with other secrets."""
        raise NotImplementedError("Give the keys of a second account.")

    def sign(self, envelope: Envelope, keys: Mapping[str, Any]) -> Mapping[str, str]:
        """The headers by which the provider proves the delivery to the account with these keys."""
        raise NotImplementedError("Sign an envelope as the provider does.")

    def texts(self, sandbox: Any) -> Sequence[str]:
        """The texts that reached citizens, in order, as the sandbox took them."""
        raise NotImplementedError("Tell which texts the sandbox took.")

    def body(self, content: Any) -> bytes:
        """A fixture's content as the provider puts it on the wire; JSON unless overridden."""
        return json.dumps(content).encode()

    def headers(self, case: Case) -> Mapping[str, str]:
        """Headers besides the signature that came with a recorded delivery."""
        return {}

    def query(self, case: Case) -> str:
        """The query string with which a recorded delivery came."""
        return ""

    def is_send(self, call: Call) -> bool:
        """Whether a call is the one that carries the message, where a send makes several.

        Told by its method and path: a call whose body was not read has none.
        """
        return True

    def handshakes(self) -> Sequence[tuple[Mapping[str, str], bytes]]:
        """The provider's challenges, each with the body that answers it."""
        return ()

    def forged_handshakes(self) -> Sequence[Mapping[str, str]]:
        """Challenges that must be refused; one without any parameter always is."""
        return ()

    def orders(self) -> Sequence[Order]:
        """Of a channel that `Phones`: an order of every kind, with ids as the provider's are."""
        return ()

    def make_impatient(self, connector: Any) -> None:
        """Make the connector wait at most `PATIENCE` seconds for its provider.

        A connector keeps the seconds it waits in `timeout`, unless the channel overrides this.
        """
        assert 0 < connector.timeout <= LONGEST_TIMEOUT, (
            f"a connector waits at most {LONGEST_TIMEOUT:g} s for its provider, not "
            f"{connector.timeout:g} s"
        )
        connector.timeout = PATIENCE

    # --- What the tests stand on -----------------------------------------------------------------

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "connector_class"):
            for name, when in _applies.items():
                if not when(cls):
                    setattr(cls, name, None)
                elif getattr(cls, name) is None:  # left out by a suite that this one extends
                    setattr(cls, name, getattr(ConnectorContract, name))

    @classmethod
    def folder(cls) -> Path:
        """The channel's folder."""
        return Path(inspect.getfile(cls.connector_class)).parent

    @classmethod
    def fixtures(cls) -> Path:
        """The folder of the recorded deliveries."""
        return cls.folder() / cls.fixtures_folder

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each row of the tables of failures."""
        wanted = metafunc.fixturenames
        tables = {"row": self.failures, "lost": _LOST_ANSWERS, "trouble": _TROUBLES}
        for name, table in tables.items():
            if name in wanted:
                metafunc.parametrize(name, table, ids=lambda row: row.name.replace(" ", "-"))

    @property
    def capabilities(self) -> Capabilities:
        return _capabilities(type(self))

    def open(
        self, keys: Mapping[str, Any], *, account: str = ACCOUNT, now: datetime = NOW
    ) -> Connector:
        """A connector as the hub builds it."""
        made = self.connector_class
        context = Context(public_url=PUBLIC_URL, clock=lambda: now)
        return made(account, made.Settings.model_validate(dict(keys)), context)

    def envelope(self, body: bytes, *, case: Case | None = None, **changes: Any) -> Envelope:
        """A delivery to the account, unsigned."""
        values: dict[str, Any] = {
            "id": "d1",
            "channel": self.connector_class.name,
            "account": ACCOUNT,
            "action": case.action if case else "",
            "query": self.query(case) if case else "",
            "headers": CIMultiDict(self.headers(case) if case else {}),
            "body": body,
            "received_at": NOW,
        }
        return Envelope(**{**values, **changes})

    def recorded(self, case: Case) -> Envelope:
        """A recorded delivery as `normalize` gets it: of the headers only those that are kept."""
        kept = self.connector_class.kept_headers
        headers = {name.lower(): value for name, value in self.headers(case).items()}
        return self.envelope(
            self.body(case.content()),
            case=case,
            headers={name: value for name, value in headers.items() if name in kept},
        )

    def signed(self, case: Case, keys: Mapping[str, Any], **changes: Any) -> Envelope:
        """A recorded delivery as the provider posts it."""
        unsigned = self.envelope(self.body(case.content()), case=case, **changes)
        headers = CIMultiDict(unsigned.headers)
        headers.update(self.sign(unsigned, keys))
        return msgspec.structs.replace(unsigned, headers=headers)

    def message(self, text: str = PLAIN, **changes: Any) -> OutboundMessage:
        """A part of a reply that the provider can carry."""
        values: dict[str, Any] = {
            "message_id": "m1",
            "part": 0,
            "channel": self.connector_class.name,
            "account": ACCOUNT,
            "conversation": self.conversation,
            "public": self.public,
            "text": text,
            "last_inbound": self.last_inbound,
            "last_inbound_at": NOW - timedelta(minutes=5),
        }
        return OutboundMessage(**{**values, **changes})

    @cached_property
    def secrets(self) -> list[str]:
        """What may never be seen: the secret values of both accounts."""
        tables = (self.settings(NOWHERE), self.other_settings(NOWHERE))
        made = [self.connector_class.Settings.model_validate(table) for table in tables]
        return [secret for opened in made for secret in _secret_values(opened)]

    def assert_no_secret(self, text: str, where: str) -> None:
        """Fail when a secret stands in `text`, without showing it."""
        for secret in self.secrets:
            assert secret not in text, f"a secret stands in {where}"

    @pytest.fixture(autouse=True)
    def _at_home(self) -> Iterator[None]:
        with localhost_only():
            yield

    @pytest.fixture(autouse=True)
    def _discreet(
        self, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> Iterator[None]:
        """Whatever a test does, no secret comes into the log or onto the terminal."""
        with caplog.at_level("DEBUG"):
            yield
            records = caplog.get_records("setup") + caplog.get_records("call")
        logged = "\n".join(
            [record.getMessage() for record in records]
            + ["".join(traceback.format_exception(*r.exc_info)) for r in records if r.exc_info]
        )
        printed = capsys.readouterr()
        self.assert_no_secret(logged, "the log")
        self.assert_no_secret(printed.out + printed.err, "what was printed")

    @pytest.fixture
    async def provider(self) -> AsyncIterator[Sandbox]:
        """The provider's stand-in, running."""
        async with self.sandbox() as running:
            yield running

    @pytest.fixture
    async def connector(self, provider: Sandbox) -> AsyncIterator[Connector]:
        """The account's connector, speaking to the stand-in."""
        opened = self.open(self.settings(provider.url))
        yield opened
        await opened.close()

    @pytest.fixture
    async def reader(self) -> AsyncIterator[Connector]:
        """The account's connector with no provider to speak to."""
        opened = self.open(self.settings(NOWHERE))
        yield opened
        await opened.close()

    @pytest.fixture
    async def other_reader(self) -> AsyncIterator[Connector]:
        """The second account's connector."""
        opened = self.open(self.other_settings(NOWHERE), account=OTHER_ACCOUNT)
        yield opened
        await opened.close()

    # --- The folder ------------------------------------------------------------------------------

    def test_the_folder_names_the_channel(self) -> None:
        name = self.connector_class.name
        assert self.folder().name == name, "the connector's name is its folder's"
        found = import_module(f"connectors.{name}.connector")
        assert found.CONNECTOR is self.connector_class, "CONNECTOR names the connector's class"

    def test_a_readme_tells_set_up_limits_and_sources(self) -> None:
        text = (self.folder() / "README.md").read_text(encoding="utf-8")
        headings = {line.lstrip("# ").lower() for line in text.splitlines() if line[:1] == "#"}
        missing = {"set-up", "limits", "sources"} - headings
        assert not missing, f"README.md lacks the headings {', '.join(sorted(missing))}"

    @applies(_reads)
    def test_there_are_fixtures_and_a_citizens_message_among_them(self, reader: Connector) -> None:
        found = cases(self.fixtures())
        assert found, f"record a delivery in {self.fixtures().name}/ first"
        values = [value for case in found for value in self.values_of(case, reader)]
        assert any(isinstance(value, InboundMessage) for value in values), "no message in them"

    @applies(_reads)
    def test_every_file_of_the_fixtures_has_its_pair(self) -> None:
        assert unpaired(self.fixtures()) == [], (
            "each <case>.json needs its <case>.expected.json: "
            f"python -m connectors.testing.expected {self.connector_class.name}"
        )

    def test_importing_the_package_alone_leaves_the_providers_library_alone(self) -> None:
        name = self.connector_class.name
        absent = [library for library in self.libraries if find_spec(library) is None]
        assert not absent, f"there is no {', '.join(absent)} to look for"
        code = (
            f"import sys, connectors.{name}, connectors.discovery as discovery\n"
            f"assert {name!r} in discovery.channel_names()\n"
            f"print(*[name for name in {list(self.libraries)!r} if name in sys.modules])"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip() == "", f"importing connectors.{name} imports {run.stdout}"

    # --- What is declared ------------------------------------------------------------------------

    def test_the_capabilities_agree_with_each_other(self) -> None:
        can = self.capabilities
        assert (can.max_text > 0) == can.carries
        assert can.carries or not (can.media or can.can_initiate or can.templates or can.receipts)
        assert 0 <= can.max_caption <= can.max_text
        assert can.rate.per_second > 0
        assert can.rate.per_conversation_seconds >= 0
        assert 1 <= can.max_album <= max(1, can.max_attachments)
        assert (can.max_album > 1) == bool(can.album), "albums need kinds and more than one place"
        assert all(kinds <= can.media.keys() for kinds in can.album), "an album of unknown kinds"
        assert all(limit.max_bytes > 0 for limit in can.media.values())

    @applies(_reads)
    def test_every_receipt_that_is_declared_has_a_fixture(self, reader: Connector) -> None:
        found = cases(self.fixtures())
        values = [value for case in found for value in self.values_of(case, reader)]
        reported = {value.state for value in values if isinstance(value, DeliveryReport)}
        missing = self.capabilities.receipts - reported
        assert not missing, f"no fixture reports {', '.join(sorted(missing))}"

    def test_an_unknown_key_of_the_settings_is_refused(self) -> None:
        keys = {**self.settings(NOWHERE), "no_such_key": "1"}
        with pytest.raises(ValidationError, match="no_such_key"):
            self.connector_class.Settings.model_validate(keys)

    # --- Secrets ---------------------------------------------------------------------------------

    def test_what_is_called_a_secret_is_kept_as_one(self) -> None:
        for table in (self.settings(NOWHERE), self.other_settings(NOWHERE)):
            opened = self.connector_class.Settings.model_validate(table)
            for name, value in opened:
                if _SECRET_NAME.search(name):
                    assert not isinstance(value, str), f"{name} must be a SecretStr"
            for secret in _secret_values(opened):
                assert len(secret) >= 8, "a secret too short to be looked for"

    def test_no_secret_shows_in_a_repr(self, reader: Connector) -> None:
        opened = self.connector_class.Settings.model_validate(self.settings(NOWHERE))
        shown = f"{reader!r} {reader} {opened!r} {opened} {opened.model_dump_json()}"
        self.assert_no_secret(shown, "a repr")

    def test_the_headers_that_are_kept_carry_no_secret(self) -> None:
        kept = self.connector_class.kept_headers
        assert all(name == name.lower() for name in kept), "kept headers are in lower case"
        signature = (
            self.sign(self.envelope(b"{}"), self.settings(NOWHERE)) if self.has_webhook else {}
        )
        for name, value in signature.items():
            if name.lower() in kept:
                self.assert_no_secret(value, f"the kept header {name}")

    # --- Signatures ------------------------------------------------------------------------------

    @applies(_verifies)
    def test_a_delivery_that_the_provider_signed_is_let_in(
        self, subtests: pytest.Subtests, reader: Connector
    ) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                reader.verify(self.signed(case, self.settings(NOWHERE)))

    @applies(_verifies)
    def test_a_delivery_without_its_signature_is_forged(
        self, subtests: pytest.Subtests, reader: Connector
    ) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                self._assert_forged(reader, self.envelope(self.body(case.content()), case=case))

    @applies(_verifies)
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda value: value[:-1] + ("0" if value[-1:] != "0" else "1"),
            lambda value: value[:-1],
            lambda value: value + "0",
            lambda value: value.swapcase() + ".",
            lambda value: "",
            lambda value: "қол қойылды",
            lambda value: "\udcff",
            lambda value: "sha256=" + "0" * 64,
        ],
        ids=["altered", "shortened", "longer", "swapped", "empty", "cyrillic", "raw", "zeros"],
    )
    def test_a_delivery_with_a_wrong_signature_is_forged(
        self, spoil: Any, reader: Connector
    ) -> None:
        envelope = self.envelope(b"{}")
        signature = self.sign(envelope, self.settings(NOWHERE))
        headers = CIMultiDict({name: spoil(value) for name, value in signature.items()})
        self._assert_forged(reader, msgspec.structs.replace(envelope, headers=headers))

    @applies(_verifies)
    def test_a_delivery_signed_for_another_account_is_forged(
        self, subtests: pytest.Subtests, other_reader: Connector
    ) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                ours = self.signed(case, self.settings(NOWHERE))
                replayed = msgspec.structs.replace(ours, account=OTHER_ACCOUNT)
                self._assert_forged(other_reader, replayed)

    @applies(lambda suite: suite.has_webhook and suite.signs_body and suite.reads)
    def test_a_signed_delivery_that_was_altered_is_forged(
        self, subtests: pytest.Subtests, reader: Connector
    ) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                whole = self.signed(case, self.settings(NOWHERE))
                for body in (whole.body + b" ", b""):
                    self._assert_forged(reader, msgspec.structs.replace(whole, body=body))

    @applies(_verifies)
    @pytest.mark.parametrize("body", _GARBAGE, ids=range(len(_GARBAGE)))
    def test_garbage_without_a_signature_is_forged(self, body: bytes, reader: Connector) -> None:
        self._assert_forged(reader, self.envelope(body))

    # --- Handshakes ------------------------------------------------------------------------------

    @applies(_with("handshake"))
    def test_a_handshake_is_answered_and_a_forged_one_refused(self, reader: Connector) -> None:
        assert isinstance(reader, Handshakes)
        challenges = self.handshakes()
        assert challenges, "give a challenge in handshakes()"
        for query, answer in challenges:
            given_answer = reader.handshake(query)
            assert (given_answer.status, given_answer.body) == (200, answer)
        for query in [{}, *self.forged_handshakes()]:
            with pytest.raises(Forged) as caught:
                reader.handshake(query)
            self.assert_no_secret(_told(caught.value), "an error")

    @applies(_with("answer"))
    def test_a_stored_delivery_is_always_answered(self, reader: Connector) -> None:
        assert isinstance(reader, Answers)
        recorded = [self.recorded(case) for case in cases(self.fixtures())]
        for envelope in [*recorded, *map(self.envelope, _GARBAGE)]:
            answered = reader.answer(envelope)
            assert 200 <= answered.status < 300, "what is stored is not refused any more"
            self.assert_no_secret(answered.body.decode(errors="replace"), "an answer")

    # --- Reading ---------------------------------------------------------------------------------

    def values_of(self, case: Case, reader: Connector) -> Sequence[Inbound]:
        """What a recorded delivery gives; nothing for one that cannot be read."""
        try:
            return reader.normalize(self.recorded(case))
        except Malformed:
            return []

    def told(self, envelope: Envelope, reader: Connector) -> Sequence[Inbound | Told]:
        """All that a delivery tells: what is registered, then what is heard of a call."""
        values = reader.normalize(envelope)
        heard = reader.hear(envelope) if isinstance(reader, Phones) else None
        return values if heard is None else [*values, heard]

    @applies(_reads)
    def test_a_fixture_gives_what_is_expected_in_full(
        self, subtests: pytest.Subtests, reader: Connector
    ) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                found = outcome(partial(self.told, self.recorded(case), reader))
                difference = differing(case.expected(), found)
                assert not difference, (
                    f"{case.name} reads differently; when that is right, write the expectation "
                    f"anew with python -m connectors.testing.expected {self.connector_class.name} "
                    f"and look at it:\n{difference}"
                )

    @applies(_reads)
    def test_normalize_is_pure(self, subtests: pytest.Subtests, reader: Connector) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                envelope = self.recorded(case)
                before = copy.deepcopy(envelope)
                first = outcome(partial(self.told, envelope, reader))
                with no_io():
                    again = outcome(partial(self.told, envelope, reader))
                assert again == first, "the same delivery gives something else the second time"
                assert envelope == before, "normalize changed its envelope"

    @applies(_reads)
    async def test_normalize_does_not_ask_the_time(
        self, subtests: pytest.Subtests, reader: Connector
    ) -> None:
        later = self.open(self.settings(NOWHERE), now=NOW + timedelta(days=30))
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                now, then = (
                    outcome(partial(self.told, self.recorded(case), opened))
                    for opened in (reader, later)
                )
                assert now == then, "what a delivery gives depends on when it is read"
        await later.close()

    @applies(_reads)
    def test_values_of_a_fixture_are_sound(
        self, subtests: pytest.Subtests, reader: Connector
    ) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                self._assert_survives(reader, self.recorded(case))

    @applies(_reads)
    def test_a_channel_that_writes_first_tells_how_it_names_people(self, reader: Connector) -> None:
        can = reader.capabilities
        assert isinstance(reader, Initiates) == (can.can_initiate or can.templates)

    @applies(_with("name_of"))
    def test_whoever_is_written_to_first_is_the_one_who_answers(self, reader: Connector) -> None:
        assert isinstance(reader, Initiates)
        values = [v for case in cases(self.fixtures()) for v in self.values_of(case, reader)]
        private = [v for v in values if isinstance(v, InboundMessage) and not v.public]
        named = {value.conversation: reader.name_of(value.sender.point) for value in private}
        assert any(named.values()), "nobody who writes could be written to first"
        for value in private:
            found = named[value.conversation]
            assert found in {None, value.sender.point}
            assert found is None or found.value == value.conversation
        assert reader.name_of(ContactPoint("nowhere", "1")) is None

    @applies(_reads)
    @pytest.mark.parametrize("body", _GARBAGE, ids=range(len(_GARBAGE)))
    def test_garbage_is_malformed_or_nothing(self, body: bytes, reader: Connector) -> None:
        self._assert_survives(reader, self.envelope(body))

    @applies(_reads)
    def test_a_fixture_that_breaks_off_is_survived(
        self, subtests: pytest.Subtests, reader: Connector
    ) -> None:
        for case in cases(self.fixtures()):
            with subtests.test(case=case.name):
                whole = self.recorded(case)
                for end in range(0, len(whole.body), max(1, len(whole.body) // 50)):
                    body = whole.body[:end]
                    self._assert_survives(reader, msgspec.structs.replace(whole, body=body))

    @applies(_reads)
    @effort(_DETERMINED, max_examples=MUTATIONS)
    @given(data=st.data())
    def test_mutated_fixtures_are_survived(self, reader: Connector, data: st.DataObject) -> None:
        found = cases(self.fixtures())
        assert found, "there is no fixture to mutate"
        case = data.draw(st.sampled_from(found))
        content = data.draw(mutated([case.content()]))
        envelope = msgspec.structs.replace(self.recorded(case), body=self.body(content))
        self._assert_survives(reader, envelope)

    @applies(_reads)
    @effort(_DETERMINED, max_examples=100)
    @given(body=st.binary(max_size=300))
    @example(body=b"\xef\xbb\xbf{}")
    def test_random_bytes_are_survived(self, reader: Connector, body: bytes) -> None:
        self._assert_survives(reader, self.envelope(body))

    # --- Calls -----------------------------------------------------------------------------------

    @applies(_with("hear"))
    def test_everything_that_happens_to_a_call_has_a_fixture(self, reader: Connector) -> None:
        heard = set()
        for case in cases(self.fixtures()):
            with suppress(Malformed):
                heard |= {type(value) for value in self.told(self.recorded(case), reader)}
        missing = set(get_args(Anything)) - heard
        assert not missing, f"no fixture tells {', '.join(sorted(m.__name__ for m in missing))}"

    @applies(_with("speak"))
    @pytest.mark.parametrize("verb", _VERBS, ids=lambda verb: type(verb).__name__)
    def test_every_verb_of_a_script_is_answered(self, verb: Verb, reader: Connector) -> None:
        assert isinstance(reader, Phones)
        with no_io():
            answered = reader.speak((verb,))
            again = reader.speak((verb, HangUp()))
        assert (answered.status, again.status) == (200, 200)
        assert answered.body.strip()
        self.assert_no_secret(answered.body.decode(), "an answer")

    @applies(_with("speak"))
    def test_what_a_script_says_is_said_whatever_its_signs(self, reader: Connector) -> None:
        assert isinstance(reader, Phones)
        plain = reader.speak((Say(PLAIN, "ru"),)).body.decode()
        tricky = reader.speak((Say(TRICKY + "\x00\x0b", "ru"),)).body.decode()
        assert PLAIN in plain
        assert "<b>" not in tricky
        assert "\x00" not in tricky

    @applies(_with("carry"))
    async def test_an_order_fails_in_words_when_the_provider_does(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        assert isinstance(connector, Phones)
        orders = self.orders()
        assert {type(order) for order in orders} == set(get_args(Order)), "give each in orders()"
        for failure in (Failure.html(502), Failure.broken_json(503), Failure.reset_before()):
            provider.heal()
            provider.fail_next(failure, times=None)
            for order in orders:
                with pytest.raises((Retryable, Uncertain)) as caught:
                    await connector.carry(order)
                self._assert_well_told(caught.value)
        await provider.stop()
        for order in orders:
            with pytest.raises(Unreachable) as unreachable:
                await connector.carry(order)
            self._assert_well_told(unreachable.value)

    @applies(_with("look_up"))
    async def test_a_call_that_the_provider_never_had_is_not_found(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        assert isinstance(connector, Phones)
        assert await connector.look_up(self.unknown_call) is None
        provider.fail_next(Failure.html(502), times=None)
        for asked in (connector.look_up(self.unknown_call), connector.past_calls(NOW)):
            with pytest.raises(Retryable) as caught:
                await asked
            self._assert_well_told(caught.value)

    @applies(_with("pass_for"))
    def test_a_pass_shows_no_secret(self, reader: Connector) -> None:
        assert isinstance(reader, Phones)
        made = reader.pass_for("operator-17", seconds=600)
        assert made != reader.pass_for("operator-18", seconds=600)
        self.assert_no_secret(made, "a pass")

    # --- Sending ---------------------------------------------------------------------------------

    @applies(_carries)
    @pytest.mark.parametrize("text", [PLAIN, TRICKY], ids=["plain", "tricky"])
    async def test_what_is_typed_is_what_arrives(
        self, text: str, connector: Connector, provider: Sandbox
    ) -> None:
        sent = await connector.send(self.message(text))
        self._assert_arrived(provider, [text])
        assert sent.external_ids, "the provider's id of the message is needed for its receipts"
        assert all(sent.external_ids)
        assert sent.at.utcoffset() == timedelta(0), "times are aware and in UTC"

    @applies(_carries)
    async def test_each_message_has_an_id_of_its_own(self, connector: Connector) -> None:
        ids = [
            external_id
            for n in range(3)
            for external_id in (await connector.send(self.message(message_id=f"m{n}"))).external_ids
        ]
        assert len(set(ids)) == len(ids) >= 3

    @applies(_carries)
    async def test_a_text_that_is_too_long_goes_out_in_parts_without_a_loss(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        can = self.capabilities
        text = LONG_WORDS * (1 + 3 * can.max_text // measure(LONG_WORDS, can.text_unit))
        parts = plan_parts(text, (), can)
        assert len(parts) >= 3
        assert "".join(part.text for part in parts) == text
        for number, part in enumerate(parts):
            assert measure(part.text, can.text_unit) <= can.max_text
            await connector.send(self.message(part.text, part=number))
        self._assert_arrived(provider, [part.text for part in parts])

    @applies(lambda suite: not _carries(suite))
    async def test_what_carries_nothing_refuses_it_and_asks_nobody(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        limit = MediaLimit(max_bytes=1024)
        photo = _file(AttachmentKind.PHOTO, limit)
        for message in (self.message(), self.message("", attachments=(photo,))):
            with pytest.raises(Rejected) as caught:
                await connector.send(message)
            self._assert_well_told(caught.value)
        assert not provider.calls

    async def test_every_kind_of_file_that_is_declared_goes_out(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        for number, (kind, limit) in enumerate(self.capabilities.media.items()):
            before = sum(call.took_effect for call in provider.calls)
            sent = await connector.send(
                self.message("", message_id=f"f{number}", attachments=(_file(kind, limit),))
            )
            assert sent.external_ids, kind
            if self.has_provider:
                assert sum(call.took_effect for call in provider.calls) > before, kind

    async def test_every_album_that_is_declared_goes_out_in_one_part(
        self, connector: Connector
    ) -> None:
        can = self.capabilities
        for number, kinds in enumerate(can.album):
            turns = islice(cycle(sorted(kinds)), can.max_album)
            album = [_file(kind, can.media[kind], number=n) for n, kind in enumerate(turns)]
            caption = PLAIN if measure(PLAIN, can.text_unit) <= can.max_caption else ""
            sent = await connector.send(
                self.message(caption, message_id=f"a{number}", attachments=tuple(album))
            )
            assert sent.external_ids, sorted(kinds)

    @applies(lambda suite: _capabilities(suite).threads)
    async def test_a_reply_can_point_at_the_message_it_answers(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        await connector.send(self.message(reply_to=self.last_inbound))
        self._assert_arrived(provider, [PLAIN])

    @applies(lambda suite: _capabilities(suite).idempotent_send)
    async def test_a_repeated_send_arrives_once_where_that_is_promised(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        first = await connector.send(self.message())
        again = await connector.send(self.message())
        assert first.external_ids == again.external_ids
        self._assert_arrived(provider, [PLAIN])

    # --- How a send fails ------------------------------------------------------------------------

    @applies(_with_provider)
    def test_the_table_of_failures_has_what_every_provider_knows(self) -> None:
        wanted = {Rejected, Misconfigured, Throttled}
        if self.capabilities.reply_window_hours is not None:
            wanted.add(WindowClosed)
        missing = wanted - {row.error for row in self.failures}
        assert not missing, f"no failure means {', '.join(sorted(e.__name__ for e in missing))}"

    @applies(_with_provider)
    async def test_each_failure_of_the_provider_means_its_error(
        self, row: ProviderFailure, connector: Connector, provider: Sandbox
    ) -> None:
        error = await self._failed(connector, provider, row.failure)
        assert type(error) is row.error, f"{row.name} means {row.error.__name__}, not {error!r}"
        assert row.code in (None, error.code)
        if isinstance(error, Throttled):
            assert error.retry_after > 0
            assert row.retry_after in (None, error.retry_after)
        await self._assert_works_again(connector, provider)

    @applies(_with_provider)
    async def test_a_send_whose_answer_was_lost_is_uncertain(
        self, lost: ProviderFailure, connector: Connector, provider: Sandbox
    ) -> None:
        error = await self._failed(connector, provider, lost.failure)
        assert isinstance(error, self._unknown_outcome), f"{lost.name} gave {error!r}"
        await self._assert_works_again(connector, provider)

    @applies(_with_provider)
    async def test_trouble_at_the_provider_may_be_tried_again(
        self, trouble: ProviderFailure, connector: Connector, provider: Sandbox
    ) -> None:
        error = await self._failed(connector, provider, trouble.failure)
        assert isinstance(error, Retryable | Uncertain), f"{trouble.name} gave {error!r}"
        await self._assert_works_again(connector, provider)

    @applies(_with_provider)
    async def test_a_provider_that_is_not_there_is_unreachable(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        await provider.stop()
        with pytest.raises(Unreachable) as caught:
            await connector.send(self.message())
        self._assert_well_told(caught.value)

    @applies(_with_provider)
    async def test_a_provider_that_hangs_is_not_waited_for_without_end(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        self.make_impatient(connector)
        error = await self._failed(connector, provider, Failure.hang())
        assert isinstance(error, self._unknown_outcome), f"a hang gave {error!r}"

    # --- The optional protocols ------------------------------------------------------------------

    @applies(_with("check"))
    async def test_the_account_of_a_healthy_provider_is_well(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        assert isinstance(connector, Diagnoses)
        if isinstance(connector, Registers):
            await connector.register()
        found = await connector.check()
        assert found.health is Health.OK, found
        self.assert_no_secret(repr(found), "a diagnosis")

    @applies(_with("check"))
    async def test_a_diagnosis_of_a_broken_provider_is_told_and_never_raised(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        assert isinstance(connector, Diagnoses)
        for failure in (Failure.html(), Failure.broken_json(), Failure.reset_before()):
            provider.heal()
            provider.fail_next(failure, times=None)
            found = await connector.check()
            assert found.health is not Health.OK, found
            self.assert_no_secret(repr(found), "a diagnosis")
        await provider.stop()
        assert (await connector.check()).health is Health.DOWN

    @applies(_with("register"))
    async def test_registering_twice_is_as_good_as_once(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        assert isinstance(connector, Registers)
        await connector.register()
        await connector.register()
        provider.fail_next(Failure.html(), times=None)
        with pytest.raises(SendError) as caught:
            await connector.register()
        self._assert_well_told(caught.value)

    @applies(_with("poll"))
    async def test_polling_a_broken_provider_raises_a_send_error(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        assert isinstance(connector, Polls)
        if not connector.polls:
            pytest.skip("the account does not poll")
        for failure in (Failure.html(), Failure.broken_json(), Failure.reset_before()):
            provider.heal()
            provider.fail_next(failure, times=None)
            with pytest.raises(SendError) as caught:
                await connector.poll(None)
            self._assert_well_told(caught.value)
        await provider.stop()
        with pytest.raises(Retryable):
            await connector.poll(None)

    @applies(_with("fetch"))
    async def test_a_file_is_asked_for_again_later_when_the_provider_is_not_there(
        self, connector: Connector, provider: Sandbox
    ) -> None:
        assert isinstance(connector, FetchesMedia)
        attachments = self._attachments(connector)
        assert attachments, "no fixture has a file to fetch"
        await provider.stop()
        for attachment in attachments:
            with pytest.raises(Retryable) as caught:
                await _read(connector.fetch(attachment))
            self._assert_well_told(caught.value)

    # --- How it is judged ------------------------------------------------------------------------

    def _assert_arrived(self, provider: Sandbox, texts: list[str]) -> None:
        if self.has_provider:
            assert list(self.texts(provider)) == texts

    @property
    def _unknown_outcome(self) -> type[SendError]:
        """A lost answer is harmless where the provider drops a repeated send."""
        return Retryable if self.capabilities.idempotent_send else Uncertain

    def _assert_forged(self, reader: Connector, envelope: Envelope) -> None:
        with pytest.raises(Forged) as caught:
            reader.verify(envelope)
        self.assert_no_secret(_told(caught.value), "an error")

    def _assert_survives(self, reader: Connector, envelope: Envelope) -> None:
        try:
            values = self.told(envelope, reader)
        except Malformed as error:
            self.assert_no_secret(_told(error), "an error")
            return
        for value in values:
            self._assert_sound(value)

    def _assert_sound(self, value: Inbound | Told) -> None:
        """Right types all through, aware times, text that can be stored, the right account."""
        plain = msgspec.to_builtins(value)
        msgspec.convert(plain, type(value))
        msgspec.json.encode(value)  # refuses what UTF-8 cannot carry
        self.assert_no_secret(json.dumps(plain), "what was read")
        for time in _times(value):
            assert time.utcoffset() == timedelta(0), f"a time that is not UTC: {time!r}"
        inner = value.message if isinstance(value, MessageEdited) else value
        for name in ("channel", "account"):
            found = getattr(inner, name, None)
            assert found in (None, getattr(self.envelope(b""), name)), f"a wrong {name}: {found}"
        if isinstance(inner, InboundMessage):
            assert inner.external_id, "a message without an id is lost to deduplication"
            assert inner.conversation, "a message without a conversation"
            assert inner.sender.point.value, "a message from nobody"

    async def _failed(self, connector: Connector, provider: Sandbox, failure: Failure) -> SendError:
        """The error of a send that fails so."""
        if failure.held is not None:  # an event belongs to one test's loop, a table to all tests
            failure = replace(failure, held=asyncio.Event())
        provider.fail_next(failure, where=self.is_send)
        with pytest.raises(SendError) as caught:
            async with asyncio.timeout(LONGEST_TIMEOUT):
                await connector.send(self.message())
        self._assert_well_told(caught.value)
        return caught.value

    def _assert_well_told(self, error: SendError) -> None:
        assert error.reason.strip(), "an error needs its reason in words"
        assert "\n" not in error.reason, "a reason is one sentence"
        if isinstance(error, Misconfigured):
            assert error.cure.strip(), "who is told that an account is down is told the cure"
        self.assert_no_secret(f"{error!r} {error.code}", "an error")
        self.assert_no_secret(_told(error), "an error's traceback")

    async def _assert_works_again(self, connector: Connector, provider: Sandbox) -> None:
        provider.heal()
        before = len(self.texts(provider))
        await connector.send(self.message(message_id="m2"))
        assert len(self.texts(provider)) == before + 1

    def _attachments(self, connector: Connector) -> list[Attachment]:
        values = [v for case in cases(self.fixtures()) for v in self.values_of(case, connector)]
        messages = [value for value in values if isinstance(value, InboundMessage)]
        return [a for message in messages for a in message.attachments if a.ref is not None]


async def _read(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


def _secret_values(opened: AccountSettings) -> list[str]:
    return [value.get_secret_value() for _, value in opened if isinstance(value, SecretStr)]


def _told(error: BaseException) -> str:
    """All that a log would show of an error, with what it came from."""
    return "".join(traceback.format_exception(error))


def _times(value: Any) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _times(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _times(item)


def _file(kind: AttachmentKind, limit: MediaLimit, *, number: int = 0) -> OutboundFile:
    """A small file of a kind, of a type that the channel takes."""
    content = b"tereze" * 100

    async def stream() -> AsyncIterator[bytes]:
        yield content[:100]
        yield content[100:]

    mime, name = _MIMES[kind]
    if limit.mimes and not any(re.fullmatch(m.replace("*", ".*"), mime) for m in limit.mimes):
        mime = limit.mimes[0]
    place = kind is AttachmentKind.LOCATION
    return OutboundFile(
        id=f"file-{number}",
        kind=kind,
        name=name,
        mime=mime,
        size=0 if place else len(content),
        stream=stream,
        link=lambda: f"{PUBLIC_URL}/files/{number}/1/signature/{quote(name)}",
        latitude=43.238949 if place else None,
        longitude=76.889709 if place else None,
    )
