"""One number of a Twilio account: calls in and out. The hub says what a caller hears next.

Twilio's library is imported when the account first calls Twilio, never to answer a caller.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import AfterValidator, SecretStr, model_validator

from connectors.base import AccountSettings, Answer, Context, Diagnosis, Misconfigured, Rejected
from connectors.kit.keys import ApiBase, matching
from connectors.kit.twilio import TWILIO, unusable_hook
from connectors.kit.twilio_account import TwilioConnector, TwilioSettings
from connectors.phone.addresses import WITH_DOCUMENT, Addresses
from connectors.phone.entrances import entrance_of, point
from connectors.phone.fallback import voicemail
from connectors.phone.health import diagnose
from connectors.phone.hearing import heard
from connectors.phone.history import look_up, past_calls, past_talks
from connectors.phone.limits import SPOKEN
from connectors.phone.passes import BROWSER_SOURCES, Key, make_pass
from connectors.phone.people import own_number
from connectors.phone.reading import inbound
from connectors.phone.recordings import sound_of
from connectors.phone.telephony import carry
from connectors.phone.twiml import MIME, document
from registry.calls.hearing import Past, PastTalk, Told
from registry.calls.orders import Order
from registry.calls.script import Script
from registry.types import Attachment, Capabilities, Envelope, Inbound, OutboundMessage, Sent

if find_spec("twilio") is None:
    # Said at once, and not by the first call that cannot be put through.
    raise ModuleNotFoundError("No module named 'twilio'", name="twilio")

TIMEOUT = 6.0
"""Seconds to wait for Twilio's API. A caller waits as well, and an order asks it three times at
most within its lease."""

_KeySid: TypeAlias = Annotated[
    str, matching(r"(SK[0-9a-f]{32})?", "SK and 32 digits are needed: the SID of an API key")
]
_KeySecret: TypeAlias = Annotated[
    SecretStr,
    matching(r"[!-~]{8,128}", "the secret is needed that the Console showed with the API key"),
]
_ApplicationSid: TypeAlias = Annotated[
    str, matching(r"(AP[0-9a-f]{32})?", "AP and 32 digits are needed: the SID of a TwiML App")
]


class PhoneSettings(TwilioSettings):
    """`[channels.phone.<account>]`."""

    number: Annotated[str, AfterValidator(own_number)]
    """Ours, that citizens call and see."""
    api_key_sid: _KeySid = ""
    """The API key that makes browsers the operators' telephones."""
    api_key_secret: _KeySecret | None = None
    twiml_app_sid: _ApplicationSid = ""
    """Where calls go that a browser begins by itself, which the hub needs none to."""
    api_base: ApiBase = TWILIO

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        if bool(self.api_key_sid) != (self.api_key_secret is not None):
            raise ValueError("api_key_sid and api_key_secret belong together: give both or neither")
        return self


class PhoneConnector(TwilioConnector):
    """One number of ours."""

    name: ClassVar[str] = "phone"
    capabilities: Capabilities = SPOKEN
    Settings: ClassVar[type[AccountSettings]] = PhoneSettings
    browser_sources: Mapping[str, Sequence[str]] = BROWSER_SOURCES

    def __init__(self, account: str, settings: AccountSettings, context: Context) -> None:
        assert isinstance(settings, PhoneSettings)
        super().__init__(account, settings, context, api_base=settings.api_base, timeout=TIMEOUT)
        self._settings = settings
        self._addresses = Addresses(self._hook)

    # --- Receiving -------------------------------------------------------------------------------

    def normalize(self, envelope: Envelope) -> Sequence[Inbound]:
        """A call that begins, or a voicemail."""
        return inbound(envelope, account=self.account)

    def answer(self, envelope: Envelope) -> Answer:
        """What Twilio is told where no script is: a document that does nothing more."""
        return _NO_MORE if envelope.action in WITH_DOCUMENT else Answer()

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Stream the sound of a recording."""
        limit = self._context.max_media_bytes
        async for chunk in sound_of(self._client, attachment, max_bytes=limit):
            yield chunk

    # --- Calls -----------------------------------------------------------------------------------

    def hear(self, envelope: Envelope) -> Told | None:
        """What happened to a call."""
        return heard(envelope, account=self.account, ours=self._settings.number)

    def speak(self, script: Script) -> Answer:
        """The script as TwiML."""
        return Answer(body=document(script, self._addresses), content_type=MIME)

    async def carry(self, order: Order) -> str | None:
        """Do what is ordered."""
        return await carry(self._client, order, to=self._addresses, ours=self._settings.number)

    async def look_up(self, call: str) -> Past | None:
        """What has become of a call."""
        return await look_up(self._client, call)

    async def past_calls(self, since: datetime) -> Sequence[Past]:
        """The calls to our number."""
        return await past_calls(self._client, since, ours=self._settings.number)

    async def past_talks(self, since: datetime, *, known: Collection[str]) -> Sequence[PastTalk]:
        """What was recorded of conversations."""
        return await past_talks(self._client, since, known=known)

    def pass_for(self, identity: str, *, seconds: int) -> str:
        """An access token for the voice SDK."""
        settings = self._settings
        if settings.api_key_secret is None:
            table = f"channels.{self.name}.{self.account}"
            raise Misconfigured(
                "Browsers cannot be telephones: the account has no API key.",
                cure=f"Make a standard API key (Twilio Console, Account, API keys & tokens), and "
                f"put its SID and secret into {table}.api_key_sid and api_key_secret.",
            )
        return make_pass(
            Key(
                account_sid=settings.account_sid,
                sid=settings.api_key_sid,
                secret=settings.api_key_secret.get_secret_value(),
            ),
            identity,
            seconds=seconds,
            now=self._context.clock(),
            application=settings.twiml_app_sid or None,
        )

    def fallback(self, sounds: Mapping[str, str]) -> Answer:
        """The voicemail for when the hub does not answer."""
        return Answer(body=voicemail(self._addresses, sounds), content_type=MIME)

    # --- Sending ---------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Sent:
        """Nothing that is written can be carried."""
        raise Rejected("A telephone carries no text and no files: call, or answer another way.")

    # --- The account -----------------------------------------------------------------------------

    async def register(self) -> None:
        """Have calls brought to the hub where nobody has said where they go.

        An address that somebody entered stays: `check` tells what to change.
        """
        unusable = unusable_hook(self._hook, self._settings.api_base)
        if unusable is not None:
            raise unusable
        found = await entrance_of(self._client, self._settings.number)
        await point(self._client, found, self._addresses)

    async def check(self) -> Diagnosis:
        """Ask Twilio how the account is, and where its calls go."""
        return await diagnose(
            self._client,
            number=self._settings.number,
            to=self._addresses,
            api_base=self._settings.api_base,
            softphone=bool(self._settings.api_key_sid),
        )


CONNECTOR = PhoneConnector

_NO_MORE = Answer(body=b"<Response/>", content_type=MIME)
