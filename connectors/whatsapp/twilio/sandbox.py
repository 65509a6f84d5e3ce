"""WhatsApp by Twilio on loopback: Twilio's stand-in with people who write to our sender.

Sources: https://www.twilio.com/docs/whatsapp/key-concepts,
https://www.twilio.com/docs/whatsapp/api/senders,
https://www.twilio.com/docs/messaging/guides/webhook-request, and those of
`connectors.testing.twilio`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from multidict import MultiDict

from connectors.testing.sandbox import Answered, Call, Route, answer
from connectors.testing.twilio import NUMBER, Message, Service, TwilioSandbox, refusal

PREFIX = "whatsapp:"
WINDOW = timedelta(hours=24)
_USER_ID = re.compile(r"whatsapp:[A-Z]{2}\.[A-Za-z0-9.]{1,128}")
_GEO = re.compile(r"geo:-?\d+(\.\d+)?,-?\d+(\.\d+)?(\|.+)?")


@dataclass(slots=True, kw_only=True, eq=False)
class Person:
    """Somebody on WhatsApp."""

    address: str
    """ "whatsapp:+7…" """
    name: str
    wrote_at: datetime | None = None


class TwilioWhatsAppSandbox(TwilioSandbox):
    """One Twilio account with a WhatsApp sender: `person(…)` for each citizen.

    `webhook` is where the sender's messages go, as the Console would set it.
    """

    prefix = PREFIX

    def __init__(self, *, webhook: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.webhook = webhook
        self.sender_status = "ONLINE"
        self.quality = "HIGH"
        self.people: dict[str, Person] = {}

    def person(self, address: str, *, name: str = "Айгүл Сейтқали", wrote: bool = False) -> Person:
        """A new person; `wrote` opens the window without a word."""
        made = Person(address=address, name=name, wrote_at=self.clock() if wrote else None)
        self.people[address] = made
        return made

    async def write(
        self,
        person: Person,
        body: str = "",
        *,
        files: Iterable[tuple[bytes, str]] = (),
        **more: str,
    ) -> Answered | None:
        """Have somebody write to the sender; `more` are further fields of the webhook."""
        person.wrote_at = self.clock()
        sid = self.new_sid("SM")
        stored = [self.store(content, mime, message=sid) for content, mime in files]
        number = person.address.removeprefix(PREFIX)
        fields = {
            "SmsMessageSid": sid,
            "NumMedia": str(len(stored)),
            "ProfileName": person.name,
            "MessageType": "text",
            "SmsSid": sid,
            **({"WaId": number.removeprefix("+")} if number.startswith("+") else {}),
            "SmsStatus": "received",
            "Body": body,
            "To": PREFIX + NUMBER,
            "NumSegments": "1",
            "ReferralNumMedia": "0",
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "From": person.address,
            "ApiVersion": "2010-04-01",
        }
        for n, file in enumerate(stored):
            fields[f"MediaUrl{n}"] = file["url"]
            fields[f"MediaContentType{n}"] = file["type"]
        return await self.receive({**fields, **more})

    # --- What differs from text messages ---------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        yield from super().routes()
        yield Route("GET", "/v2/Channels/Senders", self._list_senders)

    def _webhook(self, number: str, service: Service | None) -> str:
        return self.webhook

    def _check_recipient(self, to: str) -> None:
        if not _USER_ID.fullmatch(to):
            super()._check_recipient(to)

    def _check_sender(self, sender: str) -> None:
        if sender.removeprefix(PREFIX) not in self.numbers or not sender.startswith(PREFIX):
            raise refusal(
                400,
                63007,
                "Twilio could not find a Channel with the specified From address",
            )

    def check_more(self, form: MultiDict[str]) -> None:
        if len(form.getall("MediaUrl", ())) > 1:
            raise refusal(400, 21623, "Number of media files exceeds allowed limit")
        for action in form.getall("PersistentAction", ()):
            if not _GEO.fullmatch(action):
                raise refusal(400, 21626, f"Invalid Persistent Action: {action}")

    async def _live(self, message: Message) -> None:
        """WhatsApp refuses only once Twilio has taken the message."""
        known = self.people.get(message.to)
        code = None
        if known is None:
            code = 63003
        elif not message.content_sid and not self._open(known):
            code = 63016
        if code is None:
            await super()._live(message)
            return
        try:
            await self.report(message, "failed", error_code=code)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return  # the hub is gone

    def _open(self, person: Person) -> bool:
        return person.wrote_at is not None and self.clock() - person.wrote_at < WINDOW

    async def _list_senders(self, call: Call) -> web.Response:
        self.admit(call)
        if call.query.get("Channel") != "whatsapp":
            raise refusal(400, 20001, "Channel is required")
        senders: list[Mapping[str, Any]] = [
            {
                "sid": f"XE{n:032x}",
                "sender_id": PREFIX + number,
                "status": self.sender_status,
                "webhook": {"callback_url": self.webhook, "callback_method": "POST"},
                "properties": {"quality_rating": self.quality, "messaging_limit": "1K"},
            }
            for n, number in enumerate(self.numbers)
        ]
        meta = {
            "key": "senders",
            "page": 0,
            "page_size": 50,
            "next_page_url": None,
            "previous_page_url": None,
            "url": call.path,
            "first_page_url": call.path,
        }
        return answer({"senders": senders, "meta": meta})
