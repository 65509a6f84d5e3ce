"""One account on X: direct messages and public mentions, by polling or by webhook.

tweepy is imported when the account first calls X, never to receive a delivery.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl, urlsplit

from connectors.base import (
    AccountSettings,
    Answer,
    Context,
    Diagnosis,
    Misconfigured,
    Page,
    Rejected,
    SendError,
)
from connectors.kit.download import download
from connectors.kit.health import unreachable
from connectors.twitter import health, webhook
from connectors.twitter.limits import CAPABILITIES, POLLED
from connectors.twitter.media import Uploads
from connectors.twitter.oauth import Keys
from connectors.twitter.polling import Poller
from connectors.twitter.reading import Where, inbound
from connectors.twitter.sending import send
from connectors.twitter.settings import OWN_HOSTS, TwitterSettings
from connectors.twitter.snowflake import time_of
from connectors.twitter.spending import Purse, micro, month_of, next_month
from registry.types import (
    AccountKey,
    Attachment,
    Capabilities,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
)

if TYPE_CHECKING:
    from connectors.twitter.client import Client

if find_spec("tweepy") is None:
    # Said at once, and not hours later by the first reply: importing it waits until then.
    raise ModuleNotFoundError("No module named 'tweepy'", name="tweepy")

FILES = frozenset({"pbs.twimg.com", "video.twimg.com", "ton.twitter.com", "ton.x.com"})
"""Where X keeps files."""
_SIGNED_FILES = frozenset({"ton.twitter.com", "ton.x.com"})
"""Where files of direct messages are, for those alone who sign in as one of the two."""
_TEND_EVERY = timedelta(minutes=10)
"""How often the webhook is looked after."""


class TwitterConnector:
    """One account."""

    name: ClassVar[str] = "twitter"
    capabilities: Capabilities = CAPABILITIES
    Settings: ClassVar[type[AccountSettings]] = TwitterSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, TwitterSettings)
        self.account = account
        self.timeout = 30.0
        """Seconds to wait for one answer of X's."""
        self._settings = settings
        self._context = context
        if settings.mode == "polling":
            self.capabilities = POLLED
        self._hook = context.hook(self.name, account)
        self._own_host = urlsplit(settings.api_base).hostname in OWN_HOSTS
        cap = settings.monthly_cap
        self._purse = Purse(
            context.store(AccountKey(self.name, account)),
            cap=None if cap is None else micro(cap),
            cheapest=micro(min(settings.prices.post, settings.prices.dm)),
            account=account,
            clock=context.clock,
        )
        self._poller = Poller(
            purse=self._purse,
            prices=settings.prices,
            user_id=settings.user_id,
            seconds=settings.poll_seconds,
            clock=context.clock,
        )
        self._uploads = Uploads()
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._tended_at = None if self.polls else context.clock()

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        """Check the signature that X puts in one of two headers."""
        secret = self._settings.client_secret
        webhook.verify(
            envelope.body,
            envelope.headers,
            consumer_secret=self._settings.consumer_secret.get_secret_value(),
            client_secret=None if secret is None else secret.get_secret_value(),
        )

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read an event, a delivery of the older kind, or a page that was polled."""
        return inbound(
            envelope.body,
            Where(
                channel=self.name,
                account=self.account,
                user_id=self._settings.user_id,
                received_at=envelope.received_at,
                max_media=self._context.max_media_bytes,
            ),
        )

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """Answer X's challenge (CRC)."""
        secret = self._settings.consumer_secret
        if self._settings.crc == "client" and self._settings.client_secret is not None:
            secret = self._settings.client_secret
        return webhook.answer_challenge(query, secret.get_secret_value())

    @property
    def polls(self) -> bool:
        return self._settings.mode == "polling"

    async def poll(self, cursor: str | None) -> Page:
        """Ask for mentions and direct messages since the last time."""
        return await self._poller.poll(await self._open(), cursor)

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the file of an attachment; one of a direct message in the account's name.

        A sandbox or a proxy at `api_base` has X's file hosts under their names:
        `<api_base>/pbs.twimg.com/media/…`.
        """
        ref = attachment.ref
        parts = urlsplit(ref or "")
        if ref is None or parts.scheme != "https" or parts.netloc not in FILES:
            raise Rejected("X told no address of the file, or an odd one.")
        headers: dict[str, str] = {}
        if parts.hostname in _SIGNED_FILES:
            client = await self._open()
            headers["Authorization"] = client.signature(
                "GET", ref.partition("?")[0], parse_qsl(parts.query, keep_blank_values=True)
            )
        address = ref
        if not self._own_host:
            address = self._settings.api_base + ref.removeprefix("https:/")
        async for chunk in download(
            address,
            provider="X",
            hosts=FILES,
            api_base=self._settings.api_base,
            max_bytes=self._context.max_media_bytes,
            headers=headers,
            unauthorized=self._keys_refused(),
            timeout=self.timeout,
        ):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part: a direct message, or a post under the citizen's."""
        client = await self._open()
        number = await send(
            message,
            client,
            uploads=self._uploads,
            purse=self._purse,
            prices=self._settings.prices,
            user_id=self._settings.user_id,
        )
        now = self._context.clock()
        at = time_of(number)
        if at is None or abs(at - now) > timedelta(days=1):
            at = now
        return Sent(external_ids=(number,), at=at)

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Set up the webhook and the subscriptions; for polling, see whose tokens these are."""
        client = await self._open()
        if self.polls:
            await client.me()
            return
        self._check_hook()
        await webhook.register(client, self._hook, self._settings.user_id, account=self.account)

    async def refresh(self) -> None:
        """Have X look again at a webhook that it switched off."""
        now = self._context.clock()
        if self._tended_at is None or now - self._tended_at < _TEND_EVERY:
            return
        self._tended_at = now
        await self.register()

    async def check(self) -> Diagnosis:
        """Ask X whose tokens these are and how the webhook stands; count the money."""
        settings, now = self._settings, self._context.clock()
        details: dict[str, str] = {}
        cap = self._purse.cap
        try:
            spent = await self._purse.spent()
            details |= health.spend_details(spent=spent, cap=cap, month=month_of(now))
            client = await self._open()
            me = await client.me()
            handle = str(me.get("username", ""))
            details |= {"account": f"@{handle}"}
            if me.get("id") != settings.user_id:
                return health.another(str(me.get("id")), handle, settings.user_id, details)
            if self.polls:
                found = health.polled(handle, settings.poll_seconds, details)
            else:
                self._check_hook()
                standing = await webhook.look(client, self._hook, settings.user_id)
                found = health.delivered(handle, standing, self._hook, details)
        except SendError as error:
            return unreachable(error, details=details)
        details |= health.window_details(client.windows)
        return health.within_means(
            found,
            spent=spent,
            cap=cap,
            page=self._poller.least if self.polls else 0,
            cheapest=self._purse.cheapest,
            until=f"{next_month(now):%Y-%m-%d}",
            account=self.account,
        )

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _check_hook(self) -> None:
        unusable = webhook.unusable(self._hook) if self._own_host else None
        if unusable is not None:
            raise unusable

    def _keys_refused(self) -> Misconfigured:
        return Misconfigured(
            "X does not accept the account's keys for a file.",
            cure=f"Compare the keys of channels.twitter.{self.account} with the Developer Console.",
            code="401",
        )

    async def _open(self) -> "Client":
        """The client, made at the first call: importing tweepy takes a while, in a thread."""
        async with self._opening:
            if self._client is None:
                module = await asyncio.to_thread(import_module, "connectors.twitter.client")
                settings = self._settings
                bearer = settings.bearer_token
                self._client = module.Client(
                    Keys(
                        consumer_key=settings.consumer_key.get_secret_value(),
                        consumer_secret=settings.consumer_secret.get_secret_value(),
                        access_token=settings.access_token.get_secret_value(),
                        access_token_secret=settings.access_token_secret.get_secret_value(),
                    ),
                    None if bearer is None else bearer.get_secret_value(),
                    account=self.account,
                    api_base=settings.api_base,
                    timeout=self.timeout,
                    clock=self._context.clock,
                )
            client: Client = self._client
            client.timeout = self.timeout
            return client


CONNECTOR = TwitterConnector
