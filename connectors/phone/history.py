"""What Twilio remembers of calls: for those that we never heard of, and those that never ended.

Sources: https://www.twilio.com/docs/voice/api/call-resource#read-multiple-call-resources,
https://www.twilio.com/docs/voice/api/recording#read-multiple-recording-resources
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import Rejected
from connectors.kit.twilio import Client
from connectors.phone.deliveries import HOW, recording_address
from connectors.phone.people import number_of
from connectors.phone.telephony import NOT_FOUND
from registry.calls.hearing import Past, PastTalk

_PAGE = 1000
"""What Twilio gives at once at most."""
_VOICEMAIL = "RecordVerb"
_CONVERSATION = "Conference"
"""Where the recording of a voicemail comes from, and where that of a conversation does."""
_READY = "completed"
_LOST = frozenset({"absent", "deleted"})


async def look_up(client: Client, call: str) -> Past | None:
    """One call; None when Twilio has none. Raises: SendError."""
    try:
        found = await client.ask(lambda twilio: twilio.calls(call).fetch_async())
        voicemails = await client.ask(lambda twilio: twilio.recordings.list_async(call_sid=call))
    except Rejected as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return _past(found, voicemails, client.account_sid)


async def past_calls(client: Client, since: datetime, *, ours: str) -> Sequence[Past]:
    """The calls to our number that began since then, oldest first. Raises: SendError.

    `recordings` are the voicemails: of what was said in a room, `Recorded` tells.
    """
    calls = await client.ask(
        lambda twilio: twilio.calls.list_async(to=ours, start_time_after=since, page_size=_PAGE)
    )
    recordings = await client.ask(
        lambda twilio: twilio.recordings.list_async(date_created_after=since, page_size=_PAGE)
    )
    past = [_past(one, recordings, client.account_sid) for one in calls if _is_citizens(one)]
    # Twilio looks for days where it is asked for moments.
    return sorted((one for one in past if one.began_at >= since), key=lambda one: one.began_at)


async def past_talks(
    client: Client, since: datetime, *, known: Collection[str]
) -> Sequence[PastTalk]:
    """What was recorded in rooms since then, oldest first. Raises: SendError."""
    recordings = await client.ask(
        lambda twilio: twilio.recordings.list_async(date_created_after=since, page_size=_PAGE)
    )
    found = []
    for one in reversed(recordings):
        address = recording_address(client.account_sid, str(one.sid))
        if str(one.source) != _CONVERSATION or str(one.status) != _READY or address in known:
            continue
        room = await _room(client, str(one.conference_sid))
        seconds = str(one.duration or "")
        told = float(seconds) if seconds.isdecimal() else 0.0
        found.append(PastTalk(room=room, recording=address, seconds=told))
    return found


async def _room(client: Client, conference: str) -> str:
    found = await client.ask(lambda twilio: twilio.conferences(conference).fetch_async())
    return str(found.friendly_name)


def _is_citizens(call: Any) -> bool:
    return str(call.direction) == "inbound" and not str(call._from or "").startswith("client:")


def _past(call: Any, recordings: Iterable[Any], account_sid: str) -> Past:
    we_called = str(call.direction or "").startswith("outbound")
    theirs, our = (call.to, call._from) if we_called else (call._from, call.to)
    seconds = str(call.duration or "")
    return Past(
        call=str(call.sid),
        number=number_of(str(theirs or "")),
        ours=number_of(str(our or "")),
        began_at=_moment(call.start_time or call.date_created),
        how=HOW.get(str(call.status)),
        seconds=float(seconds) if seconds.isdecimal() else None,
        recordings=tuple(
            recording_address(account_sid, str(one.sid))
            for one in recordings
            if one.call_sid == call.sid
            and str(one.source) == _VOICEMAIL
            and str(one.status) not in _LOST
        ),
    )


def _moment(told: datetime) -> datetime:
    """Twilio's times are in UTC, whether or not they say so."""
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
