"""Instagram's refusals in the core's words, and what a person must do about each.

Told by the names of instagrapi's exceptions, so that nothing is imported for it. Nothing here
quotes an exception: its text may hold an address, a cookie or an answer.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from connectors.base import (
    Blocked,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Uncertain,
    Unreachable,
)


class Meaning(Enum):
    """What an exception of instagrapi says of the account, or of the one call."""

    CHALLENGE = "a person must confirm who they are"
    LOGGED_OUT = "the session has ended"
    PASSWORD = "the password is refused"  # noqa: S105
    TWO_FACTOR = "a code is asked for"
    SUSPENDED = "the account is suspended"
    ADDRESS = "the address the calls come from is blocked"
    OUTDATED = "the app is too old"
    SLOWER = "too many calls"
    RESTRICTED = "an action is restricted for a while"
    TROUBLE = "no answer that can be read"
    NOT_SENT = "no connection"
    GONE = "the recipient cannot be written to"
    REFUSED = "the call is refused"


_NAMES: dict[Meaning, str] = {
    Meaning.CHALLENGE: """
        ChallengeError ChallengeRedirection ChallengeRequired ChallengeSelfieCaptcha
        ChallengeUnknownStep SelectContactPointRecoveryForm RecaptchaChallengeForm
        SubmitPhoneNumberForm CaptchaChallengeRequired AccountContactPointRequired
        AgeEligibilityError
    """,
    Meaning.LOGGED_OUT: """
        LoginRequired ClientLoginRequired ClientUnauthorizedError ReloginAttemptExceeded
    """,
    Meaning.PASSWORD: """
        BadPassword BadCredentials LegacyForceSetNewPasswordForm ResetPasswordError
    """,
    Meaning.TWO_FACTOR: "TwoFactorRequired",
    Meaning.SUSPENDED: "AccountSuspended",
    Meaning.ADDRESS: "ProxyAddressIsBlocked SentryBlock",
    Meaning.OUTDATED: "ClientNeedsUpgradeError",
    Meaning.SLOWER: "PleaseWaitFewMinutes RateLimitError ClientThrottledError",
    Meaning.RESTRICTED: "FeedbackRequired SignupSpamError",
    Meaning.TROUBLE: """
        ClientJSONDecodeError ClientRequestTimeout ClientIncompleteReadError Lost
        GenericRequestError
    """,
    Meaning.NOT_SENT: "ClientConnectionError Unsent",
    Meaning.GONE: """
        DirectMessageRequestsDisabled InvalidTargetUser PrivateAccount UserNotFound UserError
        DirectThreadNotFound
    """,
    Meaning.REFUSED: """
        ClientError ClientUnknownError WrongCursorError ClientStatusFail ClientErrorWithTitle
        ClientGraphqlError ClientBadRequestError ClientForbiddenError ClientNotFoundError
        PrivateError NotFoundError UnknownError AccountEditError TrackNotFound MediaError
        MediaNotFound StoryNotFound CollectionError CollectionNotFound DirectError
        DirectMessageNotFound VideoTooLongException VideoNotDownload VideoNotUpload
        VideoConfigureError VideoConfigureStoryError PhotoNotUpload PhotoConfigureError
        PhotoConfigureStoryError IGTVNotUpload IGTVConfigureError ClipNotUpload ClipConfigureError
        AlbumNotDownload AlbumUnknownFormat AlbumConfigureError HashtagError HashtagNotFound
        LocationError LocationNotFound HighlightNotFound NoteNotFound InvalidMediaId
        MediaUnavailable CommentUnavailable CommentNotFound CommentsDisabled ValidationError
        EmailInvalidError EmailNotAvailableError EmailVerificationSendError RelatedProfileRequired
    """,
}

MEANINGS: dict[str, Meaning] = {
    name: meaning for meaning, names in _NAMES.items() for name in names.split()
}
"""What each class of `instagrapi.exceptions` means, and `Unsent` and `Lost` of the wire."""

FIRST_PAUSE: Mapping[Meaning, float] = {Meaning.SLOWER: 300.0, Meaning.RESTRICTED: 3600.0}
"""Seconds to wait the first time; twice as long each time that follows at once."""
LONGEST_PAUSE = 24 * 3600.0

_ON_THE_PHONE = (
    "Open the Instagram app on a phone as this account, from the hub's own network or proxy if "
    "you can, "
)
_BY_ITSELF = " The hub then goes on by itself; restart it to go on at once."


_WORDS: Mapping[str, Meaning] = {
    "challenge_required": Meaning.CHALLENGE,
    "checkpoint_required": Meaning.CHALLENGE,
    "checkpoint_challenge_required": Meaning.CHALLENGE,
    "consent_required": Meaning.CHALLENGE,
    "login_required": Meaning.LOGGED_OUT,
    "user_has_logged_out": Meaning.LOGGED_OUT,
    "inactive_user": Meaning.SUSPENDED,
    "inactive user": Meaning.SUSPENDED,
    "feedback_required": Meaning.RESTRICTED,
    "rate_limit_error": Meaning.SLOWER,
    "sentry_block": Meaning.ADDRESS,
    "bad_password": Meaning.PASSWORD,
    "invalid_user": Meaning.PASSWORD,
    "two_factor_required": Meaning.TWO_FACTOR,
}
"""Instagram's own words, for answers that instagrapi has no class for."""


def meaning_of(error: BaseException) -> Meaning:
    """What an exception means, by its class or the nearest one above that is known."""
    names = (kind.__name__ for kind in type(error).__mro__)
    meaning = next((MEANINGS[name] for name in names if name in MEANINGS), Meaning.TROUBLE)
    if meaning is Meaning.REFUSED:
        for said in (getattr(error, "error_type", None), getattr(error, "message", None)):
            if isinstance(said, str) and said in _WORDS:
                return _WORDS[said]
    return meaning


def code_of(error: BaseException) -> str:
    """Instagram's own short name of the failure where it gave one, else the exception's."""
    for name in ("error_type", "raw_message"):
        value = getattr(error, name, None)
        if isinstance(value, str) and 0 < len(value) <= 60 and value.replace("_", "").isalnum():
            return value
    return type(error).__name__


def translated(
    error: BaseException,
    *,
    account: str,
    sends: bool = False,
    logs_in: bool = False,
    before: int = 0,
) -> SendError:
    """What to raise for an exception of a call.

    `sends` where somebody may have seen what the call did, `logs_in` where it was the login,
    `before` how often in a row Instagram has already asked for patience.
    """
    meaning, code = meaning_of(error), code_of(error)
    if logs_in and meaning in (Meaning.REFUSED, Meaning.GONE) and _status(error) < 500:
        meaning = Meaning.PASSWORD
    if meaning in FIRST_PAUSE:
        pause = min(FIRST_PAUSE[meaning] * 2.0 ** min(before, 12), LONGEST_PAUSE)
        return Throttled(_REASONS[meaning] + _quoted(error), retry_after=pause, code=code)
    if meaning in _CURES:
        return cured(meaning, account=account, code=code)
    if meaning is Meaning.NOT_SENT:
        return Unreachable("Instagram cannot be reached.", code=code)
    if meaning is Meaning.TROUBLE or _status(error) >= 500:
        if sends:
            return Uncertain("Instagram's answer was lost: the message may have gone out.")
        return Unreachable("Instagram did not give an answer that can be read.", code=code)
    if not sends:
        return Unreachable("Instagram refuses to tell what is new.", code=code)
    if meaning is Meaning.GONE:
        return Blocked("This person cannot be written to on Instagram any more.", code=code)
    return Rejected("Instagram refuses this message.", code=code)


def cured(meaning: Meaning, *, account: str, code: str) -> Misconfigured:
    """What the account is at fault with, and what a person must do about it."""
    cure = _CURES[meaning].format(account=account)
    return Misconfigured(_REASONS[meaning], cure=cure, code=code)


def _status(error: BaseException) -> int:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return status if isinstance(status, int) else 0


def _quoted(error: BaseException) -> str:
    """Instagram's words to the account's owner, which come with a restriction."""
    said: Any = getattr(error, "feedback_message", None)
    if not isinstance(said, str) or not said.strip():
        return ""
    line = " ".join(said.split())
    return f" Instagram says: {line[:200]}"


_REASONS: dict[Meaning, str] = {
    Meaning.CHALLENGE: "Instagram wants a person to confirm that the account is theirs.",
    Meaning.LOGGED_OUT: "Instagram has logged the account out.",
    Meaning.PASSWORD: "Instagram does not accept the account's name and password.",
    Meaning.TWO_FACTOR: "Instagram asks for a two-factor code, which the hub cannot give.",
    Meaning.SUSPENDED: "Instagram has suspended the account.",
    Meaning.ADDRESS: "Instagram has blocked the address that the hub's calls come from.",
    Meaning.OUTDATED: "Instagram no longer speaks with the version of the app that the hub is.",
    Meaning.SLOWER: "Instagram asks for patience: too many calls.",
    Meaning.RESTRICTED: "Instagram has restricted what the account may do for a while.",
}

_CURES: dict[Meaning, str] = {
    Meaning.CHALLENGE: (
        _ON_THE_PHONE + 'confirm "This was me" or finish the check that it shows.' + _BY_ITSELF
    ),
    Meaning.LOGGED_OUT: (
        _ON_THE_PHONE + "see whether it asks for something, and confirm it. The hub logs in again "
        "at most once an hour."
    ),
    Meaning.PASSWORD: (
        "Log in to the Instagram app with exactly this name and password. If that works, confirm "
        "what the app asks for; if not, put the right ones into "
        "channels.instagram.{account}.username and .password, and restart the hub."
    ),
    Meaning.TWO_FACTOR: (
        "Turn two-factor authentication off for this account (in the app: Accounts Centre, "
        'Password and security), or give the hub the official way in: mode = "graph".'
    ),
    Meaning.SUSPENDED: (
        _ON_THE_PHONE + "and appeal against the suspension where it offers that. Do not log in "
        'with another account from the same place. Move this channel to mode = "graph".'
    ),
    Meaning.ADDRESS: (
        "Give the account a proxy with a good address of its own in "
        "channels.instagram.{account}.proxy, and restart the hub."
    ),
    Meaning.OUTDATED: "Update the hub, which brings a newer instagrapi, and restart it.",
}
