"""The sound of a recording, which Twilio has a moment after it tells of it."""

from collections.abc import AsyncIterator

from connectors.base import Rejected, SendError, Unreachable
from connectors.kit.twilio import Client
from connectors.phone.deliveries import recording_sid
from registry.types import Attachment

_GONE = "404"
_COMING = frozenset({"in-progress", "paused", "stopped", "processing"})
"""States of a recording whose file will be there.

Source: https://www.twilio.com/docs/voice/api/recording#recording-properties
"""


async def sound_of(
    client: Client, attachment: Attachment, *, max_bytes: int
) -> AsyncIterator[bytes]:
    """Stream it. Raises: SendError; Unreachable while Twilio still prepares it."""
    missing: Rejected | None = None
    try:
        async for chunk in client.media(attachment, max_bytes=max_bytes):
            yield chunk
    except Rejected as error:
        missing = error
    if missing is not None:
        raise await _why(client, attachment, missing)


async def _why(client: Client, attachment: Attachment, missing: Rejected) -> SendError:
    sid = recording_sid(attachment.ref or "")
    if missing.code != _GONE or sid is None:
        return missing
    try:
        found = await client.ask(lambda twilio: twilio.recordings(sid).fetch_async())
    except Rejected:
        return missing
    except SendError as error:
        return error
    if str(found.status) in _COMING:
        return Unreachable("Twilio is still preparing the recording.", code=_GONE)
    return missing
