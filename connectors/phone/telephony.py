"""Orders as calls of Twilio's API.

Twilio has no way to tell a repeated call from another one. Where an order may have been carried
before, it is asked whether the device rings or talks already: an operator has one side at a time,
and a citizen is called by one of us.

Sources: https://www.twilio.com/docs/voice/api/call-resource,
https://www.twilio.com/docs/voice/api/conference-resource,
https://www.twilio.com/docs/voice/api/conference-participant-resource,
https://www.twilio.com/docs/voice/api/recording
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from connectors.base import Misconfigured, Rejected, Uncertain, Unreachable
from connectors.kit.twilio import Client
from connectors.phone.addresses import Addresses
from connectors.phone.deliveries import recording_sid
from connectors.phone.people import caller_shown, device_at_twilio
from registry.calls.orders import (
    Dial,
    Forget,
    HangUpCall,
    Hold,
    Move,
    Order,
    Release,
    Ring,
)

NOT_FOUND = "20404"
_OVER = frozenset({"21220", NOT_FOUND})
"""Of a call that cannot be changed, as it has ended."""
_ALIVE = frozenset({"queued", "initiated", "ringing", "in-progress"})
_LATEST = 20
"""Calls to one number that are looked through for one that is alive."""

_T = TypeVar("_T")


async def carry(client: Client, order: Order, *, to: Addresses, ours: str) -> str | None:
    """Do it; Twilio's id of a call that was begun. `ours` is our number. Raises: SendError."""
    match order:
        case Ring():
            return await _begin(
                client,
                device_at_twilio(order.device),
                caller_shown(order.device, order.shown, ours=ours),
                url=to.leg(order.leg),
                status_callback=to.leg_status(order.leg),
                seconds=order.seconds,
                first=order.first,
            )
        case Dial():
            return await _begin(
                client,
                order.number,
                ours,
                url=to.step(order.step, call=order.call),
                status_callback=to.status(call=order.call),
                seconds=order.seconds,
                first=order.first,
            )
        case Move():
            await _set_call(client, order.call, url=to.step(order.step), method="POST")
        case HangUpCall():
            try:
                await _set_call(client, order.call, status="completed")
            except Rejected as error:
                if error.code not in _OVER:
                    raise
        case Hold():
            music = {"hold_url": to.music(), "hold_method": "POST"} if order.on else {}
            await _set_participant(client, order.room, order.call, hold=order.on, **music)
        case Release():
            await _set_participant(client, order.room, order.call, end_conference_on_exit=False)
        case Forget():
            await _forget(client, order.recording)
    return None


# --- Calls that we begin -------------------------------------------------------------------------


async def _begin(
    client: Client,
    device: str,
    caller: str,
    *,
    url: str,
    status_callback: str,
    seconds: int,
    first: bool,
) -> str:
    if not first:
        found = await _on_the_line(client, device, caller)
        if found is not None:
            return found
    try:
        return await client.create(
            lambda twilio: twilio.calls.create_async(
                to=device,
                from_=caller,
                url=url,
                method="POST",
                status_callback=status_callback,
                status_callback_method="POST",
                status_callback_event=["completed"],
                timeout=seconds,
            )
        )
    except Uncertain as error:
        code = error.code
    found = await _on_the_line(client, device, caller)
    if found is None:
        raise Uncertain("Twilio's answer was lost: it may ring.", code=code)
    return found


async def _on_the_line(client: Client, device: str, caller: str) -> str | None:
    """A call that rings at a device, or goes on there."""
    found = await client.ask(
        lambda twilio: twilio.calls.list_async(to=device, from_=caller, limit=_LATEST)
    )
    return next((str(one.sid) for one in found if str(one.status) in _ALIVE), None)


# --- Calls that are there ------------------------------------------------------------------------


async def _set_call(client: Client, call: str, **values: str) -> None:
    await repeatable(client, lambda twilio: twilio.calls(call).update_async(**values))


async def _set_participant(client: Client, room: str, call: str, **values: Any) -> None:
    found = await repeatable(
        client,
        lambda twilio: twilio.conferences.list_async(
            friendly_name=room, status="in-progress", limit=1
        ),
    )
    if not found:
        raise Rejected("The room is empty: they no longer talk.", code=NOT_FOUND)
    await repeatable(
        client,
        lambda twilio: twilio.conferences(found[0].sid).participants(call).update_async(**values),
    )


async def _forget(client: Client, recording: str) -> None:
    sid = recording_sid(recording)
    if sid is None:
        raise Rejected("What is to be deleted is no recording of Twilio's.")
    try:
        await repeatable(client, lambda twilio: twilio.recordings(sid).delete_async())
    except Rejected as error:
        if error.code != NOT_FOUND:
            raise


async def repeatable(client: Client, operation: Callable[[Any], Awaitable[_T]]) -> _T:
    """Ask for what does no harm when it is done twice. Raises: SendError, never Uncertain."""
    try:
        return await client.ask(operation)
    except Uncertain as error:
        failure: Unreachable | Rejected = Unreachable("Twilio's answer was lost.", code=error.code)
    except Misconfigured as error:
        if error.code != NOT_FOUND:
            raise
        failure = Rejected("Twilio no longer has what is to be changed.", code=NOT_FOUND)
    raise failure
