"""One professional account of Instagram's on Meta's Graph API."""

from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct

from connectors.base import Answer, Context, Diagnosis, Rejected, Uncertain
from connectors.instagram.graph.contents import CDN
from connectors.instagram.graph.failures import product
from connectors.instagram.graph.health import Done, diagnose, subscribe
from connectors.instagram.graph.limits import capabilities
from connectors.instagram.graph.reading import Where, inbound
from connectors.instagram.graph.sending import Taken, comment_id, request_for
from connectors.instagram.graph.shapes import read_delivery
from connectors.instagram.graph.tokens import Held, Tokens
from connectors.instagram.settings import InstagramSettings
from connectors.kit.download import download
from connectors.kit.graph import Graph, handshake, verify
from connectors.kit.human_agent import tag_errors
from registry.types import (
    AccountKey,
    Attachment,
    ContactPoint,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
)


class _Profile(Struct):
    """What Instagram tells of a person."""

    name: str | None = None
    username: str | None = None


class GraphInstagram:
    """What an account with mode = "graph" does."""

    polls = False

    def __init__(self, account: str, settings: InstagramSettings, context: Context) -> None:
        assert settings.ig_user_id is not None
        assert settings.access_token is not None
        assert settings.app_secret is not None
        assert settings.verify_token is not None
        self.capabilities = capabilities(human_agent=settings.human_agent)
        self._account = account
        self._context = context
        self._ours = settings.ig_user_id
        self._login = settings.variant
        self._human_agent = settings.human_agent
        self._api_base = settings.graph_base
        self._app_secret = settings.app_secret
        self._verify_token = settings.verify_token
        token = settings.access_token.get_secret_value()
        self._product = product(account, self._login)
        self._graph = Graph(token, self._product, api_base=self._api_base)
        self._tokens = Tokens(
            token, store=context.store(AccountKey("instagram", account)), clock=context.clock
        )

    @property
    def timeout(self) -> float:
        """Seconds to wait for Meta's answer."""
        return self._graph.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._graph.timeout = seconds

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        """Check Meta's signature over the body. Raises: Forged."""
        verify(envelope, self._app_secret.get_secret_value())

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """Answer Meta's challenge. Raises: Forged."""
        return handshake(query, self._verify_token.get_secret_value())

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read one delivery. Raises: Malformed."""
        where = Where(
            channel="instagram",
            account=self._account,
            ours=self._ours,
            home=self._api_base,
            received_at=envelope.received_at,
        )
        return inbound(read_delivery(envelope.body), where)

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment; its address opens it without the token."""
        if attachment.ref is None:
            raise Rejected("The attachment has no file.")
        async for chunk in download(
            attachment.ref,
            provider="Instagram",
            hosts=CDN,
            api_base=self._api_base,
            max_bytes=self._context.max_media_bytes,
            timeout=self.timeout,
        ):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part: a message, a comment, or a private reply. Raises: SendError."""
        now = self._context.clock()
        request = request_for(message, ours=self._ours, human_agent=self._human_agent, now=now)
        await self._freshen()
        with tag_errors(tagged="tag" in request.data):
            taken = await self._graph.post(request.path, request.data, into=Taken, sends=True)
        external_id = taken.message_id or taken.id
        if not external_id:
            raise Uncertain("Instagram took the message and did not say under which id.")
        return Sent(external_ids=(external_id,), at=now)

    async def hide(self, external_id: str, *, hidden: bool) -> None:
        """Hide a comment from others, or show it again. Raises: SendError."""
        path = comment_id(external_id)
        await self._freshen()
        await self._graph.post(path, {"hide": hidden}, into=Done, sends=False)

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Have Meta deliver the account's events; the address is entered in the App Dashboard."""
        await self._freshen()
        await subscribe(self._graph, login=self._login, ours=self._ours)

    async def refresh(self) -> None:
        """Renew a token that ends soon; that of a page does not end. Raises: SendError."""
        if self._login == "instagram":
            await self._tokens.renew(self._graph)

    async def introduce(self, point: ContactPoint) -> str | None:
        """Ask for the name that a person goes by, which deliveries of messages do not tell.

        Source: https://developers.facebook.com/docs/messenger-platform/instagram/features/user-profile
        """
        if point.scheme != "instagram" or not point.value.isdecimal():
            return None
        await self._freshen()
        told = await self._graph.get(point.value, {"fields": "name,username"}, into=_Profile)
        return told.name or told.username

    async def check(self) -> Diagnosis:
        """Ask Meta how the account is."""
        held = await self._freshen()
        return await diagnose(
            self._graph,
            held,
            login=self._login,
            ours=self._ours,
            product=self._product,
            now=self._context.clock(),
        )

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        await self._graph.close()

    async def _freshen(self) -> Held:
        """Speak with the newest token, whichever process renewed it."""
        held = await self._tokens.current()
        self._graph.token = held.token
        return held
