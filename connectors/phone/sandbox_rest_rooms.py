"""The REST API's conferences with their participants, recordings with their files, and queues.

Sources: https://www.twilio.com/docs/voice/api/conference-resource,
https://www.twilio.com/docs/voice/api/conference-participant-resource,
https://www.twilio.com/docs/voice/api/recording, https://www.twilio.com/docs/voice/api/queue-resource
"""

from collections.abc import Iterable
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from connectors.phone import sandbox_rooms as rooms
from connectors.phone import sandbox_sounds as sounds
from connectors.phone.sandbox_legs import VERSION, Go
from connectors.phone.sandbox_queues import Queue
from connectors.phone.sandbox_recordings import Recording, url_of
from connectors.phone.sandbox_rest import not_found, paged, within
from connectors.phone.sandbox_rooms import Participant, Room
from connectors.testing.sandbox import Call, Route, answer
from connectors.testing.twilio import form_of

if TYPE_CHECKING:
    from connectors.phone.sandbox import PhoneSandbox


class RoomDesk:
    """What is asked of conferences, recordings and queues."""

    def __init__(self, on: "PhoneSandbox") -> None:
        self.on = on

    def routes(self) -> Iterable[Route]:
        account = f"/{VERSION}/Accounts/{{account}}"
        room = f"{account}/Conferences/{{room}}"
        yield Route("GET", f"{account}/Conferences.json", self.list_rooms)
        yield Route("GET", f"{room}.json", self.fetch_room)
        yield Route("POST", f"{room}.json", self.update_room)
        yield Route("GET", f"{room}/Participants.json", self.list_participants)
        yield Route("GET", f"{room}/Participants/{{sid}}.json", self.fetch_participant)
        yield Route("POST", f"{room}/Participants/{{sid}}.json", self.update_participant)
        yield Route("DELETE", f"{room}/Participants/{{sid}}.json", self.remove_participant)
        yield Route("GET", f"{room}/Recordings.json", self.list_recordings)
        yield Route("GET", f"{account}/Calls/{{call}}/Recordings.json", self.list_recordings)
        yield Route("GET", f"{account}/Recordings.json", self.list_recordings)
        yield Route("GET", f"{account}/Recordings/{{sid}}.json", self.fetch_recording)
        yield Route("DELETE", f"{account}/Recordings/{{sid}}.json", self.delete_recording)
        yield Route("GET", f"{account}/Recordings/{{sid}}", self.fetch_sound)
        yield Route("GET", f"{account}/Queues.json", self.list_queues)
        yield Route("GET", f"{account}/Queues/{{sid}}.json", self.fetch_queue)

    # --- Conferences -----------------------------------------------------------------------------

    async def list_rooms(self, call: Call) -> web.Response:
        self.on.admit(call)
        asked = call.query
        found = [
            room
            for room in reversed(self.on.rooms)
            if asked.get("FriendlyName", room.name) == room.name
            and asked.get("Status", room.status) == room.status
            and within(asked, "DateCreated", room.created_at)
        ]
        return paged(call, "conferences", found, self._room)

    async def fetch_room(self, call: Call) -> web.Response:
        self.on.admit(call)
        return answer(self._room(self._known(call)))

    async def update_room(self, call: Call) -> web.Response:
        """End it."""
        self.on.admit(call)
        room, form = self._known(call), form_of(call)
        if form.get("Status") == "completed":
            self.on.time.begin(rooms.close(self.on, room, reason="conference-ended-via-api"))
            await self.on.until(lambda: room.status == "completed")
        return answer(self._room(room))

    def _room(self, room: Room) -> dict[str, Any]:
        path = f"/{VERSION}/Accounts/{self.on.account_sid}/Conferences/{room.sid}"
        return {
            "sid": room.sid,
            "account_sid": self.on.account_sid,
            "friendly_name": room.name,
            "status": room.status,
            "region": "ie1",
            "reason_conference_ended": room.reason,
            "call_sid_ending_conference": room.ended_by,
            "api_version": VERSION,
            "date_created": format_datetime(room.created_at),
            "date_updated": format_datetime(room.ended_at or room.started_at or room.created_at),
            "uri": f"{path}.json",
            "subresource_uris": {
                "participants": f"{path}/Participants.json",
                "recordings": f"{path}/Recordings.json",
            },
        }

    def _known(self, call: Call) -> Room:
        for room in self.on.rooms:
            if room.sid == call.params["room"]:
                return room
        raise not_found(call)

    # --- Participants ----------------------------------------------------------------------------

    async def list_participants(self, call: Call) -> web.Response:
        self.on.admit(call)
        room = self._known(call)
        found = [
            one
            for one in room.participants.values()
            if call.query.get("Hold", str(one.hold)).lower() == str(one.hold).lower()
            and call.query.get("Muted", str(one.muted)).lower() == str(one.muted).lower()
        ]
        return paged(call, "participants", found, lambda one: self._participant(room, one))

    async def fetch_participant(self, call: Call) -> web.Response:
        self.on.admit(call)
        room, participant = self._inside(call)
        return answer(self._participant(room, participant))

    async def update_participant(self, call: Call) -> web.Response:
        self.on.admit(call)
        room, participant = self._inside(call)
        form, work = form_of(call), self.on.time.begin
        if (muted := form.get("Muted")) is not None:
            work(rooms.mute(self.on, room, participant, muted=muted.lower() == "true"))
        if (held := form.get("Hold")) is not None:
            music = Go(address=form.get("HoldUrl", ""), method=form.get("HoldMethod", "GET"))
            work(
                rooms.hold(
                    self.on,
                    room,
                    participant,
                    music=music if music.address else None,
                    held=held.lower() == "true",
                )
            )
        if (ends := form.get("EndConferenceOnExit")) is not None:
            participant.ends = ends.lower() == "true"
            work(rooms.modified(self.on, room, participant))
        told = self._participant(room, participant)
        told |= {} if muted is None else {"muted": muted.lower() == "true"}
        told |= {} if held is None else {"hold": held.lower() == "true"}
        return answer(told)

    async def remove_participant(self, call: Call) -> web.Response:
        """Their call goes on with what follows the conference."""
        self.on.admit(call)
        room, participant = self._inside(call)
        participant.kicked = True
        reason = "participant_updated_via_api"
        self.on.time.begin(rooms.depart(self.on, room, participant, reason=reason))
        return answer(status=204)

    def _inside(self, call: Call) -> tuple[Room, Participant]:
        room = self._known(call)
        participant = room.find(call.params["sid"])
        if participant is None:
            raise not_found(call)
        return room, participant

    def _participant(self, room: Room, one: Participant) -> dict[str, Any]:
        path = f"/{VERSION}/Accounts/{self.on.account_sid}/Conferences/{room.sid}/Participants"
        return {
            "account_sid": self.on.account_sid,
            "call_sid": one.leg.sid,
            "conference_sid": room.sid,
            "label": one.label or None,
            "muted": one.muted,
            "hold": one.hold,
            "coaching": False,
            "call_sid_to_coach": None,
            "start_conference_on_enter": one.starts,
            "end_conference_on_exit": one.ends,
            "status": "connected",
            "queue_time": None,
            "date_created": format_datetime(one.joined_at),
            "date_updated": format_datetime(one.joined_at),
            "uri": f"{path}/{one.leg.sid}.json",
        }

    # --- Recordings ------------------------------------------------------------------------------

    async def list_recordings(self, call: Call) -> web.Response:
        self.on.admit(call)
        of_call = call.params.get("call") or call.query.get("CallSid")
        of_room = call.params.get("room") or call.query.get("ConferenceSid")
        found = [
            one
            for one in reversed(self.on.recordings.values())
            if not one.deleted
            and within(call.query, "DateCreated", one.began_at)
            and of_call in {None, one.call}
            and of_room in {None, one.conference}
        ]
        return paged(call, "recordings", found, self._recording)

    async def fetch_recording(self, call: Call) -> web.Response:
        self.on.admit(call)
        return answer(self._recording(self._kept(call)))

    async def delete_recording(self, call: Call) -> web.Response:
        self.on.admit(call)
        recording = self._kept(call)
        recording.deleted, recording.sound = True, None
        self.on.changed()
        return answer(status=204)

    async def fetch_sound(self, call: Call) -> web.Response:
        """The file: WAV unless its address ends in .mp3."""
        if self.on.protects_sounds:
            self.on.admit(call)
        sid, _, kind = call.params["sid"].partition(".")
        recording = self._kept(call, sid)
        if not recording.ready or kind not in {"", "wav", "mp3"}:
            raise not_found(call)
        make = sounds.silent_mp3 if kind == "mp3" else sounds.silent_wav
        content = recording.sound or make(recording.seconds)
        mime = "audio/mpeg" if kind == "mp3" else "audio/x-wav"
        return answer(content, headers={"Content-Type": mime})

    def _kept(self, call: Call, sid: str | None = None) -> Recording:
        recording = self.on.recordings.get(sid or call.params["sid"])
        if recording is None or recording.deleted:
            raise not_found(call)
        return recording

    def _recording(self, one: Recording) -> dict[str, Any]:
        path = f"/{VERSION}/Accounts/{self.on.account_sid}/Recordings/{one.sid}"
        return {
            "sid": one.sid,
            "account_sid": self.on.account_sid,
            "api_version": VERSION,
            "call_sid": one.call or None,
            "conference_sid": one.conference or None,
            "status": "completed" if one.ready else "processing",
            "source": one.source,
            "channels": 1,
            "duration": str(one.seconds),
            "start_time": format_datetime(one.began_at),
            "date_created": format_datetime(one.began_at),
            "date_updated": format_datetime(one.began_at),
            "error_code": None,
            "price": None,
            "price_unit": "USD",
            "encryption_details": None,
            "media_url": url_of(self.on, one.sid),
            "uri": f"{path}.json",
            "subresource_uris": {},
        }

    # --- Queues ----------------------------------------------------------------------------------

    async def list_queues(self, call: Call) -> web.Response:
        self.on.admit(call)
        return paged(call, "queues", list(self.on.queues.values()), self._queue)

    async def fetch_queue(self, call: Call) -> web.Response:
        self.on.admit(call)
        for queue in self.on.queues.values():
            if queue.sid == call.params["sid"]:
                return answer(self._queue(queue))
        raise not_found(call)

    def _queue(self, queue: Queue) -> dict[str, Any]:
        now = self.on.time()
        waited = [(now - one.since).total_seconds() for one in queue.members]
        return {
            "sid": queue.sid,
            "account_sid": self.on.account_sid,
            "friendly_name": queue.name,
            "current_size": len(queue.members),
            "max_size": queue.most,
            "average_wait_time": round(sum(waited) / len(waited)) if waited else 0,
            "date_created": format_datetime(queue.created_at),
            "date_updated": format_datetime(queue.created_at),
            "uri": f"/{VERSION}/Accounts/{self.on.account_sid}/Queues/{queue.sid}.json",
        }
