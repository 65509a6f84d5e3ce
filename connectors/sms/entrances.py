"""Where Twilio delivers what citizens write: read for the diagnosis, set where nobody has.

Sources: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource,
https://www.twilio.com/docs/messaging/api/service-resource,
https://www.twilio.com/docs/messaging/api/short-code-resource
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from connectors.base import Misconfigured, Rejected
from connectors.kit.twilio import Client, number_of
from connectors.kit.twilio_failures import refused
from connectors.sms.numbers import SenderKind, kind_of

_UNSET = "https://demo.twilio.com/"
"""Where Twilio points a number that was bought just now."""
_MOST_NUMBERS = 50


class Entrance(Struct, frozen=True, kw_only=True):
    """One place of the Console that says where messages go."""

    kind: SenderKind
    name: str
    """The number, or the service's sid."""
    sid: str
    url: str
    method: str = "POST"
    application: str = ""
    """Sid of a TwiML application that takes the messages instead."""

    @property
    def unset(self) -> bool:
        """Nobody has said where messages go."""
        return not self.application and (not self.url or self.url.startswith(_UNSET))


async def entrances(client: Client, sender: str) -> Sequence[Entrance]:
    """Those of a sender of ours; none for a name, which cannot be answered.

    Raises: SendError, Misconfigured when the account has no such sender.
    """
    match kind_of(sender):
        case SenderKind.NUMBER:
            return (await _of_number(client, sender),)
        case SenderKind.SHORT_CODE:
            return (await _of_short_code(client, sender),)
        case SenderKind.SERVICE:
            return await _of_service(client, sender)
        case _:
            return ()


async def point(client: Client, entrance: Entrance, hook: str) -> None:
    """Have messages delivered to the hub. Raises: SendError."""

    async def update(twilio: Any) -> None:
        match entrance.kind:
            case SenderKind.SERVICE:
                await twilio.messaging.v1.services(entrance.sid).update_async(
                    inbound_request_url=hook, inbound_method="POST"
                )
            case SenderKind.SHORT_CODE:
                await twilio.short_codes(entrance.sid).update_async(sms_url=hook, sms_method="POST")
            case _:
                await twilio.incoming_phone_numbers(entrance.sid).update_async(
                    sms_url=hook, sms_method="POST"
                )

    await client.ask(update)


async def _of_number(client: Client, number: str) -> Entrance:
    found = await number_of(client, number)
    if found is None:
        raise _wrong(client, 21660)
    if not found.sms:
        raise _wrong(client, 21661)
    return Entrance(
        kind=SenderKind.NUMBER,
        name=number,
        sid=found.sid,
        url=found.sms_url,
        method=found.sms_method,
        application=found.application,
    )


async def _of_short_code(client: Client, code: str) -> Entrance:
    found = await client.ask(lambda twilio: twilio.short_codes.list_async(short_code=code, limit=1))
    if not found:
        raise _wrong(client, 21660)
    return Entrance(
        kind=SenderKind.SHORT_CODE,
        name=code,
        sid=str(found[0].sid),
        url=found[0].sms_url or "",
        method=found[0].sms_method or "POST",
    )


async def _of_service(client: Client, sid: str) -> Sequence[Entrance]:
    try:
        service = await client.ask(lambda twilio: twilio.messaging.v1.services(sid).fetch_async())
    except Rejected as error:
        raise _wrong(client, 21701) from error
    numbers = await client.ask(
        lambda twilio: twilio.messaging.v1.services(sid).phone_numbers.list_async(
            limit=_MOST_NUMBERS
        )
    )
    if not numbers:
        raise _wrong(client, 21704)
    if service.use_inbound_webhook_on_number:
        return [await _of_number(client, str(one.phone_number)) for one in numbers]
    return (
        Entrance(
            kind=SenderKind.SERVICE,
            name=sid,
            sid=sid,
            url=service.inbound_request_url or "",
            method=service.inbound_method or "POST",
        ),
    )


def _wrong(client: Client, code: int) -> Misconfigured:
    error = refused(400, code, account=client.account, sends=True)
    assert isinstance(error, Misconfigured)
    return error
