"""The contract between the core and a channel: what a connector is, and how its sends can fail.

A channel is a folder with `connector.py`, whose `CONNECTOR` names a class that satisfies
`Connector`. What only some channels have is a protocol of its own, recognised by structure.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretStr

from registry.calls.hearing import Past, PastTalk, Told
from registry.calls.orders import Order
from registry.calls.script import Script
from registry.types import (
    AccountKey,
    Attachment,
    Capabilities,
    Clock,
    ContactPoint,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
    utc_now,
)

__all__ = [
    "PAST",
    "AccountSettings",
    "AccountStore",
    "Answer",
    "Answers",
    "Blocked",
    "Connector",
    "ConnectorError",
    "Context",
    "Diagnoses",
    "Diagnosis",
    "FallsBack",
    "FetchesMedia",
    "Forged",
    "Handshakes",
    "Health",
    "Hides",
    "Initiates",
    "Introduces",
    "Malformed",
    "MemoryStore",
    "Misconfigured",
    "Page",
    "Phones",
    "Polls",
    "Refreshes",
    "Registers",
    "Rejected",
    "Retryable",
    "RingsBrowsers",
    "SendError",
    "Template",
    "Templates",
    "Throttled",
    "Uncertain",
    "Unreachable",
    "WindowClosed",
]


class AccountSettings(BaseModel):
    """The keys of one `[channels.<channel>.<account>]` table; each channel adds its own.

    Secrets are `pydantic.SecretStr`: they never show in a repr, a log or an error.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountStore(Protocol):
    """What one account must not forget: sealed with the hub's key, and shared by its processes.

    Raises: registry.errors.Unavailable.
    """

    async def read(self, name: str) -> str | None:
        """What was written under a name; None when nothing was, or under another key."""
        ...

    async def write(self, name: str, value: str) -> None:
        """Keep a value, a secret perhaps, in place of the one before."""
        ...

    async def add(self, name: str, amount: int) -> int:
        """Add to a number that starts at 0, whoever else adds to it now; gives the new one."""
        ...


class MemoryStore:
    """An account's store that ends with the process: for tests and one-off commands."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    async def read(self, name: str) -> str | None:
        return self._values.get(name)

    async def write(self, name: str, value: str) -> None:
        self._values[name] = value

    async def add(self, name: str, amount: int) -> int:
        self._numbers[name] = self._numbers.get(name, 0) + amount
        return self._numbers[name]


def _memory() -> Callable[[AccountKey], AccountStore]:
    """A store of its own for every account, the same at each call."""

    @cache
    def store(_: AccountKey) -> AccountStore:
        return MemoryStore()

    return store


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the hub gives a connector to live with."""

    public_url: str
    """What providers call, without a trailing slash."""
    clock: Clock = utc_now
    max_media_bytes: int = 50 * 1024 * 1024
    store: Callable[[AccountKey], AccountStore] = field(default_factory=_memory)
    """Opens the store of an account."""
    folder: Path = Path()
    """The folder of the settings' file: relative paths of an account start here."""
    secret_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    """The hub's own, for what an account seals itself; see `registry.sealing`."""

    def hook(self, channel: str, account: str) -> str:
        """The public address of an account's webhook."""
        return f"{self.public_url}/hooks/{channel}/{account}"


# --- Errors -------------------------------------------------------------------------------------


class ConnectorError(Exception):
    """The family of everything that goes wrong in a connector."""


class Forged(ConnectorError):
    """The delivery's signature or secret is wrong or missing: nothing of it is stored."""


class Malformed(ConnectorError):
    """The delivery cannot be read at all. One bad item among good ones is an `Unreadable`."""


class SendError(ConnectorError):
    """A part of a reply did not go out.

    `code` is the provider's, `reason` is for the operator's eyes: one sentence, no secret in it.
    """

    def __init__(self, reason: str, *, code: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Rejected(SendError):
    """Final: the provider refuses this message, and would refuse it again."""


class WindowClosed(SendError):
    """Final: the citizen wrote too long ago for the provider to carry a reply."""


class Blocked(SendError):
    """Final: the citizen blocked us, or their account is gone."""


class Misconfigured(SendError):
    """The account itself is at fault (dead token, lost permission).

    The account turns red and its sends wait: they go out after the cure.
    """

    def __init__(self, reason: str, *, cure: str, code: str | None = None) -> None:
        super().__init__(reason, code=code)
        self.cure = cure


class Retryable(SendError):
    """The message surely did not go out, and may be tried again."""

    def __init__(
        self, reason: str, *, code: str | None = None, most_tries: int | None = None
    ) -> None:
        super().__init__(reason, code=code)
        self.most_tries = most_tries
        """How often it is worth trying; None for as long as the settings say."""


class Unreachable(Retryable):
    """The provider could not be reached, or said that it is in trouble."""


class Throttled(Retryable):
    """Too fast: wait `retry_after` seconds before the next send."""

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float,
        whole_account: bool = True,
        code: str | None = None,
    ) -> None:
        super().__init__(reason, code=code)
        self.retry_after = retry_after
        self.whole_account = whole_account
        """Whether every send of the account must wait, or only this conversation's."""


class Uncertain(SendError):
    """The message may have gone out: the answer was lost. Never re-sent silently."""


# --- The connector ------------------------------------------------------------------------------


class Connector(Protocol):
    """One account of one channel.

    Built as `CONNECTOR(account, settings, context)`; building touches no network.
    """

    name: ClassVar[str]
    """The channel, as in addresses and settings: the folder's name."""
    Settings: ClassVar[type[AccountSettings]]
    kept_headers: ClassVar[frozenset[str]]
    """Lower-case names of the headers that `normalize` reads; never one that carries a secret."""

    account: str

    @property
    def capabilities(self) -> Capabilities:
        """What this account can carry; on the class, what one with the usual settings can."""
        ...

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None: ...

    def verify(self, envelope: Envelope) -> None:
        """Check the delivery's signature in constant time. Raises: Forged."""
        ...

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read a delivery: pure, no I/O. An unknown event gives nothing. Raises: Malformed."""
        ...

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part to the citizen. Raises: SendError."""
        ...

    async def close(self) -> None:
        """Let go of connections. The last call."""
        ...


class Health(StrEnum):
    """How an account is: `ok` works, `degraded` works with a warning, `down` does not."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """How an account is, and what a person must do about it."""

    health: Health
    summary: str
    cure: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    can_send: bool | None = None
    """Whether replies go out all the same; None for as `health` says: what is down sends nothing.
    A webhook that is not set, say, turns an account red and stops no reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a webhook answers once the delivery is stored."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One step of polling: the deliveries, and the cursor to save once they are stored."""

    bodies: Sequence[bytes]
    cursor: str | None
    more: bool = False
    """Ask again at once, without pausing."""
    pause: float = 0.0
    """Seconds until the next poll, where there is no `more`; the lease is held meanwhile."""


@runtime_checkable
class Polls(Protocol):
    """A connector that fetches its deliveries, under a lease that the polling loop holds."""

    @property
    def polls(self) -> bool:
        """Whether this account is set to polling."""
        ...

    async def poll(self, cursor: str | None) -> Page:
        """Wait for what came since `cursor` and return it. Raises: SendError."""
        ...


@runtime_checkable
class Handshakes(Protocol):
    """A channel whose provider first asks, by GET, whether the address is ours."""

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """Answer the provider's challenge. Raises: Forged."""
        ...


@runtime_checkable
class Answers(Protocol):
    """A channel whose webhook answers more than an empty 200, once the delivery is stored."""

    def answer(self, envelope: Envelope) -> Answer: ...


@runtime_checkable
class FetchesMedia(Protocol):
    """A channel whose attachments are fetched after the message is stored."""

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file that `attachment.ref` names, in chunks.

        Raises: Rejected when it can never be had (gone, too big), Retryable when it may be later,
        Misconfigured when the account is at fault.
        """
        ...


@runtime_checkable
class Registers(Protocol):
    """A connector that tells its provider at the start where deliveries go."""

    async def register(self) -> None:
        """Set the webhook, or remove it for polling. Idempotent. Raises: SendError."""
        ...


@runtime_checkable
class Diagnoses(Protocol):
    """A connector that can tell how its account is."""

    async def check(self) -> Diagnosis:
        """Ask the provider. Never raises: what fails becomes the diagnosis."""
        ...


@runtime_checkable
class Refreshes(Protocol):
    """A connector whose account needs tending: a token that ends unless it is renewed in time."""

    async def refresh(self) -> None:
        """Renew what would end soon; called every minute by one process, before `check`.

        Raises: SendError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A text that the provider has approved, in one language."""

    id: str
    """What `ChosenTemplate.id` names: the provider's own name or id."""
    language: str
    name: str
    """For people's eyes."""
    text: str
    """As it reads, with its variables in double braces: {{1}} or {{number}}."""
    variables: Sequence[str] = ()
    """The names within the braces, in the order of their first appearance."""


@runtime_checkable
class Templates(Protocol):
    """A channel that carries approved templates where nothing else goes."""

    async def templates(self) -> Sequence[Template]:
        """Those the account may send now. Raises: SendError."""
        ...


@runtime_checkable
class Hides(Protocol):
    """A channel where a citizen's public comment can be hidden from others."""

    async def hide(self, external_id: str, *, hidden: bool) -> None:
        """Hide a comment, or show it again. Idempotent. Raises: SendError."""
        ...


@runtime_checkable
class Introduces(Protocol):
    """A channel whose deliveries name nobody, and whose provider tells a name when asked."""

    async def introduce(self, point: ContactPoint) -> str | None:
        """The name of whoever writes from a point; None where none is told. Raises: SendError."""
        ...


@runtime_checkable
class Initiates(Protocol):
    """A channel that can write to somebody first: freely, or by an approved template."""

    def name_of(self, point: ContactPoint) -> ContactPoint | None:
        """Whoever is at a point, as this channel names them: the value is the conversation's id.

        None where the channel cannot tell, or cannot write to such a point.
        """
        ...


PAST = "past"
"""The action of a delivery that the hub makes itself: its body is a `Past` as JSON."""


@runtime_checkable
class Phones(Protocol):
    """A channel by which people talk (see docs/adr/0016-calls.md).

    Its deliveries go the usual way as well: `normalize` gives the message that a call becomes, and
    the recordings. Of the action `PAST` it gives what the call's own deliveries would have brought.
    """

    def hear(self, envelope: Envelope) -> Told | None:
        """What a verified delivery tells; None for what changes nothing. Raises: Malformed."""
        ...

    def speak(self, script: Script) -> Answer:
        """The script in the provider's words; it has no `Line` any more."""
        ...

    async def carry(self, order: Order) -> str | None:
        """Do it; the provider's id of a call that was begun. Raises: SendError."""
        ...

    async def look_up(self, call: str) -> Past | None:
        """What has become of a call; None when the provider knows none. Raises: SendError."""
        ...

    async def past_calls(self, since: datetime) -> Sequence[Past]:
        """The citizens' calls that began since then, with their recordings. Raises: SendError."""
        ...

    def pass_for(self, identity: str, *, seconds: int) -> str:
        """What a browser needs to be the device "client:<identity>". Raises: Misconfigured."""
        ...


@runtime_checkable
class KeepsTalks(Protocol):
    """A channel whose provider can be asked what it recorded of conversations."""

    async def past_talks(self, since: datetime, *, known: Collection[str]) -> Sequence[PastTalk]:
        """What was recorded since then and can be fetched, but for the recordings that are `known`.

        Raises: SendError.
        """
        ...


@runtime_checkable
class RingsBrowsers(Protocol):
    """A channel whose calls ring in browsers, by the provider's own code, which the hub serves."""

    browser_sources: Mapping[str, Sequence[str]]
    """By the directive of a Content-Security-Policy, what that code needs to reach."""


@runtime_checkable
class FallsBack(Protocol):
    """A channel whose provider can be given a document for when the hub does not answer."""

    def fallback(self, sounds: Mapping[str, str]) -> Answer:
        """The document, which never changes. `sounds` are addresses of files by language, of words
        that the provider has no voice for; they may not lie at the hub."""
        ...
