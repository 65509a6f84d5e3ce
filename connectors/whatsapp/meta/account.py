"""One number at Meta's Cloud API: deliveries in, messages and files out."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs
from pydantic import SecretStr

from connectors.base import (
    Answer,
    Context,
    Diagnosis,
    Health,
    Misconfigured,
    Rejected,
    SendError,
    Template,
    Uncertain,
)
from connectors.kit.download import download
from connectors.kit.graph import GRAPH, Graph, Product, handshake, multipart, unusable_hook, verify
from connectors.whatsapp.meta import sending
from connectors.whatsapp.meta.health import (
    NUMBER_FIELDS,
    Number,
    Subscriptions,
    diagnose,
    troubled,
)
from connectors.whatsapp.meta.limits import CAPABILITIES, MAX_DOWNLOAD
from connectors.whatsapp.meta.reading import inbound
from connectors.whatsapp.meta.templates import approved
from registry.types import (
    Attachment,
    AttachmentKind,
    Envelope,
    Inbound,
    OutboundFile,
    OutboundMessage,
    Sent,
)

MEDIA_HOSTS = ("lookaside.fbsbx.com",)
"""Where Meta keeps the files of citizens."""


_SYSTEM_USERS = (
    "In business.facebook.com/settings/system-users press Generate token, without an expiry."
)


class Keys(Struct, frozen=True, kw_only=True):
    """What the settings of such an account must tell."""

    phone_number_id: str
    access_token: SecretStr
    app_secret: SecretStr
    verify_token: SecretStr
    waba_id: str | None
    api_base: str = GRAPH


class _Id(Struct):
    id: str


class _Accepted(Struct):
    messages: list[_Id]


class _File(Struct):
    url: str
    sha256: str | None = None
    file_size: int | None = None


class MetaAccount:
    """A number at the Cloud API."""

    def __init__(self, account: str, keys: Keys, context: Context, *, timeout: float) -> None:
        self._keys = keys
        self._context = context
        self._table = f"channels.whatsapp.{account}"
        self._hook = context.hook("whatsapp", account)
        self._app_secret = keys.app_secret.get_secret_value()
        self.graph = Graph(
            keys.access_token.get_secret_value(),
            Product(
                name="WhatsApp",
                table=self._table,
                token_from=_SYSTEM_USERS,
                permissions="whatsapp_business_messaging, whatsapp_business_management",
            ),
            api_base=keys.api_base,
            timeout=timeout,
        )
        # Without its account's id nobody can say which templates the number has.
        self.capabilities = structs.replace(CAPABILITIES, templates=keys.waba_id is not None)

    # --- Receiving -------------------------------------------------------------------------------

    def verify(self, envelope: Envelope) -> None:
        verify(envelope, self._app_secret)

    def handshake(self, query: Mapping[str, str]) -> Answer:
        return handshake(query, self._keys.verify_token.get_secret_value())

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        return inbound(envelope, phone_number_id=self._keys.phone_number_id)

    def answer(self, envelope: Envelope) -> Answer:
        return Answer()

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """A file in two steps: its id gives an address that lives for minutes."""
        media_id, _, told = (attachment.ref or "").partition(" ")
        if not media_id.isascii() or not media_id.isalnum():
            raise Rejected("The attachment has no file.")
        query = {"phone_number_id": self._keys.phone_number_id}
        file = await self.graph.get(media_id, query, into=_File)
        async for chunk in download(
            file.url,
            provider="WhatsApp",
            hosts=MEDIA_HOSTS,
            api_base=self._keys.api_base,
            max_bytes=min(MAX_DOWNLOAD, self._context.max_media_bytes),
            headers={"Authorization": f"Bearer {self.graph.token}"},
            sha256=told or file.sha256,
            unauthorized=Misconfigured(
                "WhatsApp does not accept the token for files.",
                cure=f"Make a new token and put it into {self._table}.access_token. "
                f"{self.graph.product.token_from}",
                code="401",
            ),
            timeout=self.graph.timeout,
        ):
            yield chunk

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        if len(message.attachments) > 1:
            raise Rejected("WhatsApp carries one file in a message.")
        if message.template is not None:
            ids = [await self._post(sending.template(message))]
        elif not message.attachments:
            ids = [await self._post(sending.text(message))]
        else:
            ids = await self._send_file(message, message.attachments[0])
        return Sent(external_ids=tuple(ids), at=self._context.clock())

    async def _send_file(self, message: OutboundMessage, file: OutboundFile) -> list[str]:
        if message.text and file.kind not in CAPABILITIES.captions:
            raise Rejected(f"WhatsApp carries no text beside a file of this kind, {file.kind}.")
        if file.kind is AttachmentKind.LOCATION:
            made = sending.place(message, file)
        elif file.kind in sending.KINDS:
            made = sending.media(message, file, await self._upload(file))
        else:
            raise Rejected(f"WhatsApp carries no {file.kind} of ours.")
        return [await self._post(made)]

    async def _upload(self, file: OutboundFile) -> str:
        """Give Meta a file for thirty days; nobody sees it before it is sent by its id."""
        mime = file.mime.partition(";")[0].strip()
        form = multipart({"messaging_product": "whatsapp", "type": mime}, file)
        path = f"{self._keys.phone_number_id}/media"
        return (await self.graph.post(path, form, into=_Id, sends=False)).id

    async def _post(self, made: dict[str, object]) -> str:
        path = f"{self._keys.phone_number_id}/messages"
        accepted = await self.graph.post(path, made, into=_Accepted, sends=True)
        if not accepted.messages or not accepted.messages[0].id:
            raise Uncertain("WhatsApp took the message and did not tell its id.")
        return accepted.messages[0].id

    async def templates(self) -> Sequence[Template]:
        if self._keys.waba_id is None:
            return ()
        return await approved(self.graph, self._keys.waba_id)

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Have the WhatsApp Business Account's deliveries brought to this hub; Meta asks at once
        whether the address is ours."""
        keys = self._keys
        if keys.waba_id is None:
            return
        unusable = unusable_hook(self._hook, keys.api_base)
        if unusable is not None:
            raise unusable
        told = {
            "override_callback_uri": self._hook,
            "verify_token": keys.verify_token.get_secret_value(),
        }
        path = f"{keys.waba_id}/subscribed_apps"
        try:
            await self.graph.post(path, told, into=dict[str, Any], sends=False)
        except Rejected as error:
            raise Misconfigured(
                f"Meta does not take {self._hook} as a webhook. {error.reason}",
                cure="See that public_url is the hub's public https address and reaches it from "
                f"the internet, and that {self._table}.waba_id is right.",
                code=error.code,
            ) from error

    async def check(self) -> Diagnosis:
        keys = self._keys
        key = "phone_number_id"
        try:
            number = await self.graph.get(
                keys.phone_number_id, {"fields": NUMBER_FIELDS}, into=Number
            )
            subscriptions = None
            if keys.waba_id is not None:
                key = "waba_id"
                subscriptions = await self.graph.get(
                    f"{keys.waba_id}/subscribed_apps", into=Subscriptions
                )
        except SendError as error:
            return troubled(error, table=self._table, key=key)
        unusable = unusable_hook(self._hook, keys.api_base)
        if unusable is not None:
            return Diagnosis(
                health=Health.DOWN, summary=unusable.reason, cure=unusable.cure, can_send=True
            )
        return diagnose(number, subscriptions, hook=self._hook, table=self._table)

    async def close(self) -> None:
        await self.graph.close()
