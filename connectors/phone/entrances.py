"""Where Twilio asks what to do with a call to our number: read for the diagnosis, set where nobody
has said it.

Source: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from msgspec import Struct

from connectors.base import Misconfigured
from connectors.kit.twilio import Client
from connectors.phone.addresses import Addresses
from connectors.phone.telephony import repeatable

_UNSET = "https://demo.twilio.com/"
"""Where Twilio points a number that was bought just now."""


class Entrance(Struct, frozen=True, kw_only=True):
    """Our number, as the Console shows its voice configuration."""

    sid: str
    voice: bool
    """It can carry calls."""
    url: str
    method: str
    application: str
    """Sid of a TwiML application that takes the calls instead."""
    trunk: str
    """Sid of a SIP trunk that takes them instead."""
    fallback: str
    status: str
    status_method: str

    @property
    def is_unset(self) -> bool:
        """Nobody has said where calls go."""
        return not self.application and not self.trunk and is_unset(self.url)


def is_unset(url: str) -> bool:
    """An address that nobody has entered."""
    return not url or url.startswith(_UNSET)


async def entrance_of(client: Client, number: str) -> Entrance:
    """Raises: SendError, Misconfigured when the account has no such number."""
    found = await client.ask(
        lambda twilio: twilio.incoming_phone_numbers.list_async(phone_number=number, limit=1)
    )
    for one in found:
        can = one.capabilities if isinstance(one.capabilities, dict) else {}
        return Entrance(
            sid=str(one.sid),
            voice=bool(can.get("voice", True)),
            url=one.voice_url or "",
            method=one.voice_method or "POST",
            application=one.voice_application_sid or "",
            trunk=one.trunk_sid or "",
            fallback=one.voice_fallback_url or "",
            status=one.status_callback or "",
            status_method=one.status_callback_method or "POST",
        )
    raise Misconfigured(
        f"The Twilio account has no number {number}.",
        cure=f"Put one of the account's own numbers (Console, Phone Numbers, Active numbers) into "
        f"channels.{client.account}.number.",
    )


async def point(client: Client, entrance: Entrance, to: Addresses) -> None:
    """Have calls brought to the hub where nobody has said where they go. Raises: SendError."""
    values: dict[str, str] = {}
    if entrance.is_unset:
        values |= {"voice_url": to.hook, "voice_method": "POST"}
    if is_unset(entrance.status):
        values |= {"status_callback": to.status(), "status_callback_method": "POST"}
    if values:
        await repeatable(
            client,
            lambda twilio: twilio.incoming_phone_numbers(entrance.sid).update_async(**values),
        )
