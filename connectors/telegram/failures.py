"""Telegram's failures in the core's words: what surely did not go out, and what nobody can know.

Nothing here quotes an exception of the HTTP client: such texts may hold the address of a call,
and with it the token.
"""

from http import HTTPStatus

from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)

from connectors.base import (
    Blocked,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Unreachable,
)
from connectors.kit.lost_answers import somebody_else, unclear

_DEFAULT_PAUSE = 5.0
"""Seconds to wait after a 429 that tells none."""

_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "input_user_deactivated",
    "user_is_blocked",
    "have no rights to send",
    "bot was kicked",
    "bot can't initiate conversation",
)
"""Words of a 400 that mean the person cannot be reached, rather than that the message is wrong.

Source: the server's own texts, https://github.com/tdlib/telegram-bot-api
"""

_PASSING = ("temporarily unavailable",)
"""Words of a 400 that will not be said again in a while."""


class Migrated(Rejected):
    """The group has become a supergroup, which has another id: `chat`."""

    def __init__(self, chat: int) -> None:
        super().__init__("The group has moved to another chat.", code="400")
        self.chat = chat


def refused(error: AiogramError, status: int, *, account: str, sends: bool) -> SendError:
    """What an answer that is no success means; `sends` where a repetition would be seen."""
    code = str(status)
    match error:
        case TelegramRetryAfter():
            return _throttled(float(error.retry_after))
        case TelegramMigrateToChat():
            return Migrated(error.migrate_to_chat_id)
        case TelegramUnauthorizedError() | TelegramNotFound():
            return Misconfigured(
                "Telegram does not accept the bot's token.",
                cure=f"Put the token that @BotFather gives into channels.telegram.{account}.token.",
                code=code,
            )
        case TelegramConflictError():
            return _conflict(error.message, account)
        case TelegramForbiddenError():
            return Blocked(_unreachable_person(error.message), code=code)
        case TelegramEntityTooLarge():
            return Rejected("The file is larger than Telegram takes.", code=code)
        case TelegramBadRequest():
            return _bad_request(error.message)
        case TelegramServerError():
            return Unreachable(f"Telegram is in trouble: {_said(error.message)}.", code=code)
        case TelegramAPIError() if status == HTTPStatus.TOO_MANY_REQUESTS:
            return _throttled(_DEFAULT_PAUSE)
        case TelegramAPIError() if HTTPStatus.BAD_REQUEST <= status < 500:
            return Rejected(f"Telegram refused: {_said(error.message)}.", code=code)
        case ClientDecodeError():
            return not_telegram(status, account=account, sends=sends)
        case _:
            return unclear(
                f"Telegram's answer {status} says nothing clear.", code=code, sends=sends
            )


def not_telegram(status: int, *, account: str, sends: bool) -> SendError:
    """An answer that is not Telegram's JSON comes from something in between.

    A 4xx or a 503 is a refusal: nothing was passed on. Behind a 502 or a 504 the message may
    have been passed on and the answer lost, and a success that cannot be read may be one.
    """
    code = str(status)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Rejected("The file is larger than Telegram takes.", code=code)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _throttled(_DEFAULT_PAUSE)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Unreachable("Telegram is in trouble: service unavailable.", code=code)
    if HTTPStatus.MULTIPLE_CHOICES <= status < 500:
        return somebody_else(status, "Telegram", table=f"channels.telegram.{account}")
    return unclear(f"Telegram's front answered {status} without a reason.", code=code, sends=sends)


def _throttled(seconds: float) -> Throttled:
    """Telegram does not tell whether one chat or the whole bot is too fast: the bot waits."""
    return Throttled(
        f"Telegram asks the bot to wait {seconds:.0f} seconds.", retry_after=seconds, code="429"
    )


def _conflict(description: str, account: str) -> Misconfigured:
    if "webhook" in description.lower():
        return Misconfigured(
            "A webhook is set for the bot, so Telegram lets nobody poll it.",
            cure=f'Run `hub doctor`, which removes it, or set mode = "webhook" in '
            f"channels.telegram.{account}.",
            code="409",
        )
    return Misconfigured(
        "Another program polls Telegram with the same token.",
        cure="Stop the other program, or take a new token from @BotFather for this account.",
        code="409",
    )


def _bad_request(description: str) -> SendError:
    lowered = description.lower()
    if any(words in lowered for words in _GONE):
        return Blocked(_unreachable_person(description), code="400")
    if any(words in lowered for words in _PASSING):
        return Unreachable(f"Telegram cannot do it now: {_said(description)}.", code="400")
    return Rejected(f"Telegram refused: {_said(description)}.", code="400")


def _unreachable_person(description: str) -> str:
    lowered = description.lower()
    if "blocked" in lowered:
        return "The citizen has blocked the bot."
    if "deactivated" in lowered:
        return "The citizen's Telegram account was deleted."
    if "not found" in lowered or "initiate" in lowered:
        return "Telegram knows no such chat: the citizen never started the bot, or has left."
    return f"Telegram does not let the bot write to this chat: {_said(description)}."


def _said(description: str) -> str:
    """Telegram's own words, without the name of the status before them."""
    head, colon, tail = description.partition(": ")
    words = tail if colon and head in _STATUS_NAMES else description
    return words.strip().rstrip(".")


_STATUS_NAMES = {"Bad Request", "Forbidden", "Internal Server Error", "Conflict"}
