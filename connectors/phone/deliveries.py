"""One delivery of Twilio's about a call: its form, and what the address carried back.

Sources: https://www.twilio.com/docs/voice/twiml#request-parameters,
https://www.twilio.com/docs/voice/api/call-resource#call-status-values
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from msgspec import Struct

from connectors.base import Malformed
from connectors.kit.twilio import TWILIO
from connectors.kit.twilio_webhooks import read_form
from connectors.phone.people import is_device, number_of
from registry.calls.hearing import HowEnded
from registry.types import Envelope

_CALL = re.compile(r"CA[0-9a-f]{32}")
_RECORDING = re.compile(r"RE[0-9a-f]{32}")
_OURS = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
"""What our own ids, steps and rooms look like in an address."""
_MOST_ASKED = 20
_LONGEST_NUMBER = 9

HOW = {
    "completed": HowEnded.COMPLETED,
    "busy": HowEnded.BUSY,
    "no-answer": HowEnded.NO_ANSWER,
    "failed": HowEnded.FAILED,
    "canceled": HowEnded.CANCELLED,
}
"""The statuses of a call that is over."""


class Delivery(Struct, frozen=True, kw_only=True):
    """What came, decoded and not yet understood."""

    action: str
    fields: Mapping[str, str]
    query: Mapping[str, str]

    def field(self, name: str) -> str:
        """A field of the form; empty when it is not there."""
        return self.fields.get(name, "").strip()

    @property
    def call(self) -> str:
        """Twilio's id of the call. Raises: Malformed."""
        sid = self.field("CallSid")
        if not _CALL.fullmatch(sid):
            raise Malformed("The form is of no call: its CallSid is missing or wrong.")
        return sid

    @property
    def how(self) -> HowEnded | None:
        """What became of the call; None while it goes on."""
        return HOW.get(self.field("CallStatus").lower())

    @property
    def is_of_a_device(self) -> bool:
        """An operator's browser calls, and no citizen."""
        return is_device(self.field("From"))

    @property
    def citizen(self) -> str:
        """The citizen's number; empty where it is withheld."""
        we_call = self.field("Direction").startswith("outbound")
        return number_of(self.field("To" if we_call else "From"))

    @property
    def ours(self) -> str:
        """The number of ours that was called."""
        return number_of(self.field("To") or self.field("Called"))

    @property
    def recording(self) -> str:
        """Address of the sound that was recorded; empty where there is none."""
        found = _RECORDING.search(self.field("RecordingSid") or self.field("RecordingUrl"))
        account = self.field("AccountSid")
        if found is None or not re.fullmatch(r"AC[0-9a-f]{32}", account):
            return ""
        return recording_address(account, found[0])

    def seconds(self, name: str) -> float | None:
        """A field that counts seconds; None when it is missing or no number."""
        told = self.field(name)
        good = told.isascii() and told.isdecimal() and len(told) <= _LONGEST_NUMBER
        return float(told) if good else None

    def carried(self, name: str) -> str:
        """What our own address carried back. Raises: Malformed."""
        told = self.query.get(name, "")
        if not _OURS.fullmatch(told):
            raise Malformed(f"The address does not say which {name} it is of.")
        return told

    @property
    def known(self) -> str | None:
        """Our own id of a call that we began."""
        return self.carried("call") if "call" in self.query else None


def read(envelope: Envelope) -> Delivery:
    """Raises: Malformed."""
    try:
        query = dict(parse_qsl(envelope.query, max_num_fields=_MOST_ASKED))
    except ValueError:
        raise Malformed("The address is none that Twilio was given.") from None
    return Delivery(action=envelope.action, fields=read_form(envelope.body), query=query)


def recording_address(account_sid: str, recording_sid: str) -> str:
    """Where a recording lies, as MP3.

    Source: https://www.twilio.com/docs/voice/api/recording#fetch-a-recordings-media-file
    """
    return f"{TWILIO}/2010-04-01/Accounts/{account_sid}/Recordings/{recording_sid}.mp3"


def recording_sid(address: str) -> str | None:
    """The recording that an address is of; None for what is no recording's."""
    found = re.search(r"/Recordings/(RE[0-9a-f]{32})(?:\.mp3)?\Z", address)
    return None if found is None else found[1]
