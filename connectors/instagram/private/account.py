"""One account of the Instagram app, spoken to as the app speaks: through instagrapi.

Opt-in, and against Instagram's terms of use: the account can be restricted or banned at any time.
The official mode is `graph`.
"""

from collections.abc import AsyncIterator, Sequence

from connectors.base import Context, Diagnosis, Page
from connectors.instagram.private.limits import CAPABILITIES
from connectors.instagram.settings import InstagramSettings
from registry.types import Attachment, Capabilities, Envelope, Inbound, OutboundMessage, Sent


class PrivateInstagram:
    """One account; every call of instagrapi is made in a thread of its own."""

    capabilities: Capabilities = CAPABILITIES
    polls = True

    def __init__(self, account: str, settings: InstagramSettings, context: Context) -> None:
        self.account = account
        self.timeout = 20.0
        """Seconds to wait for each of Instagram's answers."""

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read what `poll` made an envelope of. Raises: Malformed."""
        raise NotImplementedError

    async def poll(self, cursor: str | None) -> Page:
        """Fetch what is new. Raises: SendError."""
        raise NotImplementedError

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part. Raises: SendError."""
        raise NotImplementedError

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment."""
        raise NotImplementedError
        yield b""

    async def check(self) -> Diagnosis:
        """How the account is."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of the thread and the connections; idempotent."""
