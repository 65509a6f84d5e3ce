"""One Facebook page: Messenger and comments in by webhook, replies out through the Graph API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

from msgspec import Struct
from pydantic import ConfigDict

from connectors.base import (
    AccountSettings,
    Answer,
    Context,
    Diagnosis,
    Misconfigured,
    Rejected,
    SendError,
    Uncertain,
)
from connectors.facebook import health
from connectors.facebook.content import MEDIA_HOSTS
from connectors.facebook.failures import app_errors, page_errors, product
from connectors.facebook.limits import CAPABILITIES, WITH_HUMAN_AGENT
from connectors.facebook.messenger import Account
from connectors.facebook.reading import inbound
from connectors.facebook.sending import call_for, is_object_id
from connectors.kit import graph
from connectors.kit.download import download
from connectors.kit.graph import GRAPH, Graph
from connectors.kit.health import unreachable
from connectors.kit.human_agent import tag_errors
from connectors.kit.keys import ApiBase, MetaId, Secret
from registry.types import (
    Attachment,
    Capabilities,
    ContactPoint,
    Envelope,
    Inbound,
    OutboundMessage,
    Sent,
)


class FacebookSettings(AccountSettings):
    """`[channels.facebook.<account>]`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    page_id: MetaId
    access_token: Secret
    """The page's own token."""
    app_secret: Secret
    """What the app's deliveries are signed with."""
    verify_token: Secret
    """Chosen by us: what Meta shows when it first calls the webhook."""
    app_id: MetaId | None = None
    """With it the hub sets the app's webhook itself, and tells its own echoes from others'."""
    human_agent: bool = False
    """Whether Meta has granted the app the Human Agent feature: replies go for seven days."""
    api_base: ApiBase = GRAPH


class FacebookConnector:
    """One page."""

    name: ClassVar[str] = "facebook"
    Settings: ClassVar[type[AccountSettings]] = FacebookSettings
    kept_headers: ClassVar[frozenset[str]] = frozenset()
    capabilities: Capabilities = CAPABILITIES

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, FacebookSettings)
        self.account = account
        if settings.human_agent:
            self.capabilities = WITH_HUMAN_AGENT
        self._settings = settings
        self._context = context
        self._hook = context.hook(self.name, account)
        self._app_secret = settings.app_secret.get_secret_value()
        self._where = Account(self.name, account, settings.page_id, settings.app_id)
        self._graph = Graph(
            settings.access_token.get_secret_value(),
            product(account),
            api_base=settings.api_base,
        )

    @property
    def timeout(self) -> float:
        """Seconds to wait for Meta's answer; a file has several times as long."""
        return self._graph.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._graph.timeout = seconds

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        """Check the signature over the body."""
        graph.verify(envelope, self._app_secret)

    def handshake(self, query: Mapping[str, str]) -> Answer:
        """Answer the challenge with which Meta tries a webhook."""
        return graph.handshake(query, self._settings.verify_token.get_secret_value())

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """Read a delivery: events of Messenger and of the page's posts, mixed."""
        return inbound(envelope.body, self._where, received_at=envelope.received_at)

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream a file from where Meta keeps it: its signed address needs no token."""
        if attachment.ref is None:
            raise Rejected("The attachment has no file.")
        async for chunk in download(
            attachment.ref,
            provider="Facebook",
            hosts=MEDIA_HOSTS,
            api_base=self._settings.api_base,
            max_bytes=self._context.max_media_bytes,
            timeout=self.timeout,
        ):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part: to a person, under a comment, or to a comment's author."""
        now = self._context.clock()
        post = call_for(
            message,
            page=self._settings.page_id,
            human_agent=self._settings.human_agent,
            now=now,
        )
        data = (
            post.fields
            if post.file is None
            else graph.multipart(post.form(), post.file, field=post.field)
        )
        with page_errors(), tag_errors(tagged="tag" in post.fields):
            taken = await self._graph.post(post.path, data, into=_Taken, sends=True)
        external_id = taken.message_id or taken.id
        if not external_id:
            raise Uncertain("Facebook took the message and did not say under which id.")
        return Sent(external_ids=(external_id,), at=now)

    async def hide(self, external_id: str, *, hidden: bool) -> None:
        """Hide a comment from everybody but its author and their friends, or show it again.

        Source: https://developers.facebook.com/docs/graph-api/reference/comment#updating
        """
        if not is_object_id(external_id):
            raise Rejected("Only a comment can be hidden.")
        with page_errors():
            done = await self._graph.post(
                external_id, {"is_hidden": hidden}, into=health.Success, sends=False
            )
        if not done.success:
            raise Rejected("Facebook does not let the page hide this comment.")

    async def introduce(self, point: ContactPoint) -> str | None:
        """Ask Messenger for a person's name, which its deliveries do not tell.

        Source: https://developers.facebook.com/docs/messenger-platform/identity/user-profile
        """
        if point.scheme != self.name or not is_object_id(point.value):
            return None
        told = await self._graph.get(point.value, {"fields": "first_name,last_name"}, into=_Profile)
        return " ".join(filter(None, (told.first_name, told.last_name))) or None

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Subscribe the page, and with an app_id set the app's webhook as well."""
        unusable = graph.unusable_hook(self._hook, self._settings.api_base)
        if unusable is not None:
            raise unusable
        fields = ",".join(health.FIELDS)
        app = self._settings.app_id
        if app is not None:
            webhook = {
                "object": "page",
                "callback_url": self._hook,
                "verify_token": self._settings.verify_token.get_secret_value(),
                "fields": fields,
            }
            async with self._as_app(app) as speaker:
                await speaker.post(
                    f"{app}/subscriptions", webhook, into=health.Success, sends=False
                )
        await self._graph.post(
            f"{self._settings.page_id}/subscribed_apps",
            {"subscribed_fields": fields},
            into=health.Success,
            sends=False,
        )

    async def check(self) -> Diagnosis:
        """Ask Meta whose token it is, what it may do, and what is delivered where."""
        page, app = self._settings.page_id, self._settings.app_id
        try:
            me = await self._graph.get("me", {"fields": "id,name"}, into=health.Me)
            wrong = health.wrong_page(me, page, self.account)
            if wrong is not None:
                return wrong
            missing = await self._missing(page)
            if missing is not None:
                return missing
            apps = await self._graph.get(f"{page}/subscribed_apps", into=health.Apps)
            subscriptions = None if app is None else await self._subscriptions(app)
        except SendError as error:
            return unreachable(error)
        return health.subscribed(
            me, apps, subscriptions, app_id=app, hook=self._hook, account=self.account
        )

    async def _missing(self, page: str) -> Diagnosis | None:
        """The first permission that the token lacks."""
        for need in health.NEEDS:
            try:
                await self._graph.get(f"{page}/{need.path}", need.query, into=health.Listed)
            except Misconfigured as error:
                return health.not_allowed(need, error)
        return None

    async def _subscriptions(self, app: str) -> health.Subscriptions:
        async with self._as_app(app) as speaker:
            return await speaker.get(f"{app}/subscriptions", into=health.Subscriptions)

    @asynccontextmanager
    async def _as_app(self, app: str) -> AsyncIterator[Graph]:
        """The Graph API under the app's own token, which its webhook is set with.

        Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens#apptokens
        """
        speaker = Graph(
            f"{app}|{self._app_secret}",
            product(self.account),
            api_base=self._settings.api_base,
            timeout=self.timeout,
        )
        try:
            with app_errors(self._hook, self.account):
                yield speaker
        finally:
            await speaker.close()

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        await self._graph.close()


CONNECTOR = FacebookConnector


class _Profile(Struct):
    """What Messenger tells of a person."""

    first_name: str | None = None
    last_name: str | None = None


class _Taken(Struct):
    """A message that Messenger took, or a comment."""

    message_id: str | None = None
    id: str | None = None
