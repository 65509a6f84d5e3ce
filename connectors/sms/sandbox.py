"""SMS on loopback: Twilio's stand-in with people who text our number.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request, and those of
`connectors.testing.twilio`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from connectors.sms.citizens import Citizen, Posted, Received
from connectors.testing.sandbox import Call, Route, answer
from connectors.testing.twilio import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    NUMBER,
    Message,
    OwnNumber,
    TwilioSandbox,
)

_FIRST_CITIZEN = 7_015_550_100
"""Numbers of no operator's real customers follow."""
_SEGMENT = 70


class SmsSandbox(TwilioSandbox):
    """One Twilio account's text messages: `citizen(…)` for each person with a phone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.citizens: dict[str, Citizen] = {}
        self.short_codes: dict[str, OwnNumber] = {}

    def citizen(
        self,
        *,
        name: str = "Айгүл Сейтқали",
        language: str = "kk",
        number: str | None = None,
    ) -> Citizen:
        """A new person."""
        phone = number or f"+7{_FIRST_CITIZEN + len(self.citizens)}"
        made = Citizen(self, phone, name=name, language=language)
        self.citizens[phone] = made
        return made

    def short_code(self, code: str, **settings: Any) -> OwnNumber:
        """Rent a short code: a sender among the numbers, with a list of its own."""
        made = self.own(code, **settings)
        self.short_codes[code] = made
        return made

    async def text(
        self,
        citizen: Citizen,
        body: str,
        *,
        to: str | None = None,
        files: Iterable[tuple[bytes, str]] = (),
    ) -> Posted:
        """Bring a citizen's message to the number, the account's first unless told."""
        kept = list(files)
        sid = self.new_sid("MM" if kept else "SM")
        fields = {
            "ToCountry": "KZ",
            "ToState": "",
            "SmsMessageSid": sid,
            "NumMedia": str(len(kept)),
            "ToCity": "",
            "FromZip": "",
            "SmsSid": sid,
            "FromState": "",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": body,
            "FromCountry": "KZ",
            "To": to or next(iter(self.numbers)),
            "ToZip": "",
            "NumSegments": str(1 + len(body) // _SEGMENT),
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "From": citizen.number,
            "ApiVersion": "2010-04-01",
        }
        for n, (content, mime) in enumerate(kept):
            stored = self.store(content, mime, message=sid)
            fields[f"MediaUrl{n}"], fields[f"MediaContentType{n}"] = stored["url"], stored["type"]
        return await self.bring(fields)

    async def bring(self, fields: Mapping[str, str]) -> Posted:
        """Deliver a message, whether it is new or not."""
        answered = await self.receive(fields)
        if answered is None:
            return Posted(fields=fields, status=None)
        return Posted(fields=fields, status=answered.status, answer=answered.body)

    def arrived(self, message: Message) -> None:
        citizen = self.citizens.get(message.to)
        if citizen is not None:
            citizen.received.append(
                Received(
                    sid=message.sid,
                    text=message.body,
                    sender=message.sender,
                    media=message.media,
                )
            )

    # --- The server ------------------------------------------------------------------------------

    def routes(self) -> Iterable[Route]:
        yield from super().routes()
        account = "/2010-04-01/Accounts/{account}"
        yield Route("GET", f"{account}/SMS/ShortCodes.json", self._list_short_codes)
        yield Route("POST", f"{account}/SMS/ShortCodes/{{sid}}.json", self._update_short_code)

    async def _list_short_codes(self, call: Call) -> web.Response:
        self.admit(call)
        wanted = call.query.get("ShortCode", "")
        found = [_code(one) for one in self.short_codes.values() if wanted in {"", one.number}]
        return answer({"short_codes": found, "page": 0, "next_page_uri": None, "uri": call.path})

    async def _update_short_code(self, call: Call) -> web.Response:
        self.admit(call)
        for one in self.short_codes.values():
            if one.sid == call.params["sid"]:
                one.sms_url = call.data.get("SmsUrl", one.sms_url)
                return answer(_code(one))
        return self.unknown(call)


def _code(one: OwnNumber) -> dict[str, Any]:
    return {
        "sid": one.sid,
        "short_code": one.number,
        "friendly_name": one.number,
        "sms_url": one.sms_url or None,
        "sms_method": one.sms_method,
    }


__all__ = [
    "ACCOUNT_SID",
    "AUTH_TOKEN",
    "NUMBER",
    "Citizen",
    "Posted",
    "Received",
    "SmsSandbox",
]
