"""One Instagram account: on Meta's Graph API, or on the private API of the phone's app."""

from collections.abc import AsyncIterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Protocol

from connectors.base import (
    AccountSettings,
    Answer,
    Context,
    Diagnosis,
    Forged,
    Page,
)
from connectors.instagram.graph.limits import CAPABILITIES
from connectors.instagram.settings import InstagramSettings
from registry.types import (
    Attachment,
    Capabilities,
    ContactPoint,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
)

if TYPE_CHECKING:
    from connectors.instagram.graph.account import GraphInstagram


class _Private(Protocol):
    """What an account with mode = "private" does, as far as it is asked here."""

    capabilities: Capabilities
    timeout: float

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]: ...
    async def poll(self, cursor: str | None) -> Page: ...
    async def send(self, message: OutboundMessage) -> Sent: ...
    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]: ...
    async def check(self) -> Diagnosis: ...
    async def hide(self, external_id: str, *, hidden: bool) -> None: ...
    async def close(self) -> None: ...


class InstagramConnector:
    """One account, in the mode that its settings choose."""

    name: ClassVar[str] = "instagram"
    capabilities: Capabilities = CAPABILITIES
    Settings: ClassVar[type[AccountSettings]] = InstagramSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, InstagramSettings)
        self.account = account
        self._graph: GraphInstagram | None = None
        self._private: _Private | None = None
        # A command that only asks what channels there are loads neither mode's library.
        module = import_module(f"connectors.instagram.{settings.mode}.account")
        if settings.mode == "graph":
            self._graph = module.GraphInstagram(account, settings, context)
        else:
            self._private = module.PrivateInstagram(account, settings, context)
        self.capabilities = self._mode.capabilities

    @property
    def timeout(self) -> float:
        """Seconds to wait for Instagram's answer."""
        return self._mode.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._mode.timeout = seconds

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        """Check the signature; an account without a webhook takes no delivery."""
        self._hooked().verify(envelope)

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """Answer Meta's challenge."""
        return self._hooked().handshake(query)

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read one delivery."""
        return self._mode.normalize(envelope)

    @property
    def polls(self) -> bool:
        return self._private is not None

    async def poll(self, cursor: str | None) -> Page:
        """Ask for what came since; an account with a webhook has nothing to ask for."""
        if self._private is None:
            return Page(bodies=(), cursor=cursor, pause=60.0)
        return await self._private.poll(cursor)

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment."""
        async for chunk in self._mode.fetch(attachment):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part to the citizen."""
        return await self._mode.send(message)

    async def hide(self, external_id: str, *, hidden: bool) -> None:
        """Hide a comment from others, or show it again."""
        await self._mode.hide(external_id, hidden=hidden)

    async def introduce(self, point: ContactPoint) -> str | None:
        """Ask for a person's name; in private mode every delivery tells it."""
        return None if self._graph is None else await self._graph.introduce(point)

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Have Meta deliver the account's events; nothing to do without a webhook."""
        if self._graph is not None:
            await self._graph.register()

    async def refresh(self) -> None:
        """Renew a token that ends soon; a private login keeps itself."""
        if self._graph is not None:
            await self._graph.refresh()

    async def check(self) -> Diagnosis:
        """Tell how the account is."""
        return await self._mode.check()

    async def close(self) -> None:
        """Let go of connections; idempotent."""
        await self._mode.close()

    @property
    def _mode(self) -> "GraphInstagram | _Private":
        mode = self._graph or self._private
        assert mode is not None
        return mode

    def _hooked(self) -> "GraphInstagram":
        if self._graph is None:
            raise Forged("This account polls, and takes no delivery by webhook.")
        return self._graph


CONNECTOR = InstagramConnector
