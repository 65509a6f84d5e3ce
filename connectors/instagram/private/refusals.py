"""How Instagram refuses a call: the status and the body, as people who met them have published.

Sources: the branches of instagrapi's `_send_private_request` and the docstrings of its exceptions.
"""

from connectors.testing.sandbox import Failure

LOGIN_REQUIRED = (
    403,
    {
        "message": "login_required",
        "error_title": "You've Been Logged Out",
        "error_body": "Please log back in.",
        "logout_reason": 8,
        "status": "fail",
    },
)
CHALLENGE = (
    400,
    {
        "message": "challenge_required",
        "challenge": {
            "url": "https://i.instagram.com/challenge/58000000109/AbCdEf/",
            "api_path": "/challenge/58000000109/AbCdEf/",
            "hide_webview_header": True,
            "lock": True,
            "logout": False,
            "native_flow": True,
        },
        "status": "fail",
    },
)
CHECKPOINT = (
    400,
    {
        "message": "checkpoint_required",
        "checkpoint_url": "https://i.instagram.com/challenge/?next=/",
        "lock": True,
        "error_type": "checkpoint_challenge_required",
        "status": "fail",
    },
)
SUSPENDED = (
    400,
    {
        "message": "challenge_required",
        "challenge": {"url": "https://www.instagram.com/accounts/suspended/?next=/"},
        "status": "fail",
    },
)
FEEDBACK = (
    400,
    {
        "message": "feedback_required",
        "spam": True,
        "feedback_title": "Try Again Later",
        "feedback_message": "We limit how often you can do certain things on Instagram.",
        "status": "fail",
    },
)
PLEASE_WAIT = (
    401,
    {"message": "Please wait a few minutes before you try again.", "status": "fail"},
)
RATE_LIMIT = (
    400,
    {"message": "Sorry, too many requests.", "error_type": "rate_limit_error", "status": "fail"},
)
SENTRY = (400, {"message": "Sorry, there was a problem.", "error_type": "sentry_block"})
BAD_PASSWORD = (
    400,
    {
        "message": "The password you entered is incorrect. Please try again.",
        "invalid_credentials": True,
        "error_title": "Incorrect password",
        "error_type": "bad_password",
        "status": "fail",
    },
)
NO_REQUESTS = (
    400,
    {
        "message": "This account can't receive your message because they don't allow new message "
        "requests from everyone.",
        "status": "fail",
    },
)
OUTDATED = (
    400,
    {"message": "Update Instagram", "error_type": "needs_upgrade", "status": "fail"},
)
MASKED_CHALLENGE = (404, b"Not Found")


def refusal(said: tuple[int, object]) -> Failure:
    """One of the refusals as a failure to plan."""
    return Failure(status=said[0], body=said[1])
