"""One account at Twilio, whatever it carries: its keys, its signatures, its calls to Twilio."""

from typing import Annotated, ClassVar, TypeAlias

from pydantic import ConfigDict, SecretStr

from connectors.base import AccountSettings, Context
from connectors.kit.keys import matching
from connectors.kit.twilio import Client
from connectors.kit.twilio_webhooks import Signatures
from registry.types import Envelope

AccountSid: TypeAlias = Annotated[
    str,
    matching(
        r"AC[0-9a-f]{32}", "AC and 32 digits are needed, as the Console's first page shows them"
    ),
]
AuthToken: TypeAlias = Annotated[
    SecretStr,
    matching(
        r"[!-~]{8,128}", "the Auth Token of the Console's first page is needed, without blanks"
    ),
]


class TwilioSettings(AccountSettings):
    """The keys that every such account has."""

    model_config = ConfigDict(hide_input_in_errors=True)

    account_sid: AccountSid
    auth_token: AuthToken
    """Opens the account, and signs what Twilio delivers."""


class TwilioConnector:
    """What the connectors of such accounts begin with; each reads and carries what is its own."""

    name: ClassVar[str]
    kept_headers: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, account: str, settings: TwilioSettings, context: Context, *, api_base: str,
        timeout: float,
    ) -> None:  # fmt: skip
        self.account = account
        self._context = context
        self._hook = context.hook(self.name, account)
        token = settings.auth_token.get_secret_value()
        self._signatures = Signatures(token, self._hook)
        self._client = Client(
            settings.account_sid,
            token,
            account=f"{self.name}.{account}",
            api_base=api_base,
            timeout=timeout,
        )

    @property
    def timeout(self) -> float:
        """Seconds to wait for Twilio's answer."""
        return self._client.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._client.timeout = seconds

    def verify(self, envelope: Envelope) -> None:
        """Compare the signature over our public address and the whole form."""
        self._signatures.verify(envelope)

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        await self._client.close()
