"""Twilio's refusals in the core's words: what surely did not go out, and what nobody can know.

Sources: https://www.twilio.com/docs/api/errors, and for what is to be tried again
https://support.twilio.com/hc/en-us/articles/48916449686299
"""

from http import HTTPStatus

from connectors.base import (
    Blocked,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
    WindowClosed,
)
from connectors.kit.lost_answers import somebody_else

_PAUSE = 5.0
"""Seconds to wait where Twilio asks for patience and tells no time."""
_LONGEST_PAUSE = 3600.0

SIGN_IN_CURE = (
    "Compare channels.{account}.account_sid and auth_token with the Account Info on the Twilio "
    "Console's first page; after a rotation the new primary token belongs there."
)
ACTIVE_CURE = (
    "Open the Twilio Console's Billing page: settle what is due or add funds. If it is not that, "
    "answer Twilio's e-mail about the suspension."
)
_SENDER_CURE = (
    "Put one of the account's own numbers that can send messages (Console, Phone Numbers, Active "
    "numbers), or a messaging service's sid, into channels.{account}.from."
)
_SERVICE_CURE = (
    "Compare channels.{account}.from with the sid in the Console under Messaging, Services, and "
    "add a number to the service's Sender Pool."
)
_CHANNEL_CURE = (
    "Look at the sender in the Twilio Console under Messaging, Senders, WhatsApp senders: it must "
    "be Online, and channels.{account}.from must be its number."
)
_CALLER_CURE = (
    "Put one of the account's own numbers that can make calls (Console, Phone Numbers, Active "
    "numbers) into channels.{account}.number."
)
_CALLBACK_CURE = (
    "Correct public_url: it must be the hub's public https address, without underscores."
)

_Row = tuple[type[SendError], str, str]

MEANINGS: dict[int, _Row] = {
    # The account
    20003: (Misconfigured, "Twilio does not accept the account's sid and token.", SIGN_IN_CURE),
    20005: (Misconfigured, "The Twilio account is not active.", ACTIVE_CURE),
    20006: (Misconfigured, "The Twilio account may not do this.", SIGN_IN_CURE),
    20008: (Misconfigured, "The token is Twilio's test token, which sends nothing.", SIGN_IN_CURE),
    20404: (Misconfigured, "Twilio has no account with this sid.", SIGN_IN_CURE),
    30002: (Misconfigured, "The Twilio account is suspended.", ACTIVE_CURE),
    # Our own number
    21212: (Misconfigured, "Twilio takes messages from no such sender.", _SENDER_CURE),
    21603: (Misconfigured, "Twilio was told no sender.", _SENDER_CURE),
    21659: (Misconfigured, "The sender is no number of Twilio's.", _SENDER_CURE),
    21660: (Misconfigured, "The sender is a number of another Twilio account.", _SENDER_CURE),
    21661: (Misconfigured, "The sender's number cannot send messages.", _SENDER_CURE),
    21701: (Misconfigured, "Twilio has no such messaging service.", _SERVICE_CURE),
    21704: (Misconfigured, "The messaging service has no number.", _SERVICE_CURE),
    21705: (Misconfigured, "The messaging service is not valid.", _SERVICE_CURE),
    21609: (Misconfigured, "Twilio cannot report to the hub's address.", _CALLBACK_CURE),
    63001: (Misconfigured, "WhatsApp does not accept the sender's credentials.", _CHANNEL_CURE),
    63007: (Misconfigured, "Twilio has no WhatsApp sender with this number.", _CHANNEL_CURE),
    63020: (Misconfigured, "The WhatsApp sender's invitation was not accepted.", _CHANNEL_CURE),
    63051: (Misconfigured, "Meta has disabled the WhatsApp business account.", _CHANNEL_CURE),
    63112: (Misconfigured, "Meta has disabled the WhatsApp business account.", _CHANNEL_CURE),
    # Calls
    21205: (Misconfigured, "Twilio cannot ask the hub what to do with a call.", _CALLBACK_CURE),
    21210: (Misconfigured, "Our number is not one that Twilio calls from.", _CALLER_CURE),
    21214: (Rejected, "The number cannot be called.", ""),
    21215: (
        Rejected,
        (
            "The account may not call this country: allow it in Twilio's console, Voice, "
            "Settings, Geo permissions, and call again."
        ),
        "",
    ),
    21216: (Rejected, "Twilio does not let the account call this number.", ""),
    21219: (Rejected, "A trial account of Twilio's calls verified numbers only.", ""),
    21220: (Rejected, "The call is over already.", ""),
    10004: (Throttled, "As many calls go on as the Twilio account may have.", ""),
    # The recipient
    # One citizen abroad does not make the account unfit for all the others.
    21606: (
        Rejected,
        (
            "Our number cannot write to this recipient: give the account a number that can write "
            "to their country (Twilio's console, Phone Numbers, Active numbers), and send again."
        ),
        "",
    ),
    21703: (
        Rejected,
        (
            "No number of the messaging service can write to this recipient: add one to its "
            "Sender Pool (Twilio's console, Messaging, Services), and send again."
        ),
        "",
    ),
    21408: (
        Rejected,
        (
            "The account may not write to the recipient's country: allow it in Twilio's console, "
            "Messaging, Settings, Geo permissions, and send again."
        ),
        "",
    ),
    21610: (Blocked, "The citizen has opted out: they wrote STOP, and START lets us write.", ""),
    21614: (Blocked, "The number cannot receive text messages.", ""),
    21635: (Blocked, "The number is a landline, which receives no text messages.", ""),
    30004: (Blocked, "The citizen's phone or operator blocks messages from us.", ""),
    30005: (Blocked, "The number is unknown, or no longer in service.", ""),
    30006: (Blocked, "The number is a landline, or its operator cannot be reached.", ""),
    63003: (Blocked, "The number is not on WhatsApp.", ""),
    63015: (Blocked, "The citizen has not joined the WhatsApp sandbox.", ""),
    63024: (Blocked, "WhatsApp cannot deliver to this number.", ""),
    21211: (Rejected, "The recipient's number is not a phone number.", ""),
    21217: (Rejected, "The recipient's number is not a valid phone number.", ""),
    21265: (Rejected, "A short code cannot be written to.", ""),
    21266: (Rejected, "The recipient is the sender itself.", ""),
    21608: (Rejected, "A trial account of Twilio's writes to verified numbers only.", ""),
    21612: (Rejected, "Twilio has no way from our number to the recipient's.", ""),
    30003: (Rejected, "The phone is switched off or out of reach.", ""),
    63032: (Rejected, "WhatsApp does not let this message through to this citizen.", ""),
    # The message
    21602: (Rejected, "The message has no text.", ""),
    21604: (Rejected, "The message has no recipient.", ""),
    21605: (Rejected, "The text is longer than Twilio takes.", ""),
    21617: (Rejected, "The text is longer than 1600 characters.", ""),
    21619: (Rejected, "The message has neither text nor files.", ""),
    21620: (Rejected, "Twilio does not take a file's address.", ""),
    21623: (Rejected, "The message has too many files.", ""),
    21655: (Rejected, "Twilio has no such template.", ""),
    21656: (Rejected, "The template's variables do not fit it.", ""),
    30007: (Rejected, "An operator's filter took the message for spam.", ""),
    30008: (Rejected, "The operator did not deliver the message and gives no reason.", ""),
    30011: (Rejected, "Pictures cannot be sent to this number.", ""),
    30017: (Rejected, "The operator's network was congested.", ""),
    30019: (Rejected, "The files are larger than the operator takes.", ""),
    30034: (Rejected, "The sender is not registered with the operators of the USA.", ""),
    30036: (Rejected, "The message waited too long at Twilio and was dropped.", ""),
    63005: (Rejected, "WhatsApp does not take this kind of content.", ""),
    63013: (Rejected, "WhatsApp holds the message to be against its policies.", ""),
    63016: (WindowClosed, "The 24 hours in which WhatsApp carries a reply are over.", ""),
    63019: (Rejected, "A file could not be fetched or is not of a kind WhatsApp takes.", ""),
    63021: (Rejected, "WhatsApp does not take the message's content.", ""),
    63027: (Rejected, "The template does not exist in this language.", ""),
    63028: (Rejected, "The template needs another number of variables.", ""),
    63049: (Rejected, "Meta chose not to deliver the message.", ""),
    # Patience
    20429: (Throttled, "Twilio asks for patience: too many calls.", ""),
    21611: (Throttled, "Ten hours' worth of messages wait for our number at Twilio.", ""),
    30022: (Throttled, "The operator takes no more messages from us now.", ""),
    63018: (Throttled, "WhatsApp asks for patience: too many messages.", ""),
    20500: (Unreachable, "Twilio is in trouble.", ""),
    20503: (Unreachable, "Twilio is out of service.", ""),
    21730: (Unreachable, "Twilio is under maintenance.", ""),
    30001: (Unreachable, "The queue at Twilio was full, or the account was suspended.", ""),
    63010: (Unreachable, "WhatsApp is in trouble.", ""),
}
"""What Twilio's codes mean, each documented at https://www.twilio.com/docs/api/errors/<code>."""


def reason_of(code: str | None) -> str:
    """Why a message that Twilio had taken did not arrive, for an operator's eyes."""
    row = MEANINGS.get(int(code)) if code and code.isascii() and code.isdecimal() else None
    if row is not None:
        return row[1]
    return (
        f"Twilio could not deliver the message (error {code})."
        if code
        else ("Twilio could not deliver the message and gives no reason.")
    )


def refused(
    status: int,
    code: int | None,
    said: str = "",
    *,
    account: str,
    sends: bool,
    retry_after: float | None = None,
) -> SendError:
    """What an answer that is no success means.

    `code` and `said` are Twilio's own, None where the answer is not Twilio's JSON. `account` is
    the settings' table, "sms.main"; `sends` marks a call that must not happen twice.
    """
    known = MEANINGS.get(code) if code is not None else None
    shown = str(code if code is not None else status)
    if status == HTTPStatus.TOO_MANY_REQUESTS and (known is None or known[0] is not Throttled):
        known = MEANINGS[20429]
    if status in {401, 403} and "suspend" in said.lower():
        known = MEANINGS[30002]
    if known is not None and not (known[0] is Misconfigured and code == 20404 and not sends):
        kind, reason, cure = known
        if kind is Misconfigured:
            return Misconfigured(reason, cure=cure.format(account=account), code=shown)
        if kind is Throttled:
            pause = min(max(retry_after or _PAUSE, 1.0), _LONGEST_PAUSE)
            return Throttled(reason, retry_after=pause, code=shown)
        return kind(reason, code=shown)
    if status in {401, 403}:
        return Misconfigured(
            "Twilio does not accept the account's sid and token, or forbids the call.",
            cure=SIGN_IN_CURE.format(account=account),
            code=shown,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Twilio's own refusals did nothing, and are to be tried again; behind a proxy's page the
        # message may have been taken. Source: https://support.twilio.com/hc/articles/48916449686299
        if code is not None or status == HTTPStatus.SERVICE_UNAVAILABLE or not sends:
            return Unreachable("Twilio is in trouble.", code=shown)
        return Uncertain(f"Twilio's front answered {status}: it may have gone out.", code=shown)
    if code is None and status not in {HTTPStatus.BAD_REQUEST, 413}:
        return somebody_else(status, "Twilio", table=f"channels.{account}")
    words = " ".join(said.split())[:200].rstrip(".")
    return Rejected(f"Twilio refuses it: {words or f'status {status}'}.", code=shown)
