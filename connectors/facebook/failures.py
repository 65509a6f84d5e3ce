"""What a page's own errors mean, beyond those that every product of Meta's has.

Sources: https://developers.facebook.com/docs/graph-api/reference/page/messages#error-codes,
https://developers.facebook.com/docs/messenger-platform/error-codes
"""

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.base import Misconfigured, Rejected, SendError, WindowClosed
from connectors.kit.graph import Product

_BUSINESS_SETTINGS = (
    "In business.facebook.com, Settings, Users, System users, choose the hub's user, then "
    "Generate token, and GET /me/accounts with it for the page's own."
)


def product(account: str) -> Product:
    """The account in the words of its errors."""
    return Product(
        name="Facebook",
        table=f"channels.facebook.{account}",
        token_from=_BUSINESS_SETTINGS,
        permissions=PERMISSIONS,
    )


PERMISSIONS = (
    "pages_messaging, pages_manage_metadata, pages_read_engagement, pages_read_user_content, "
    "pages_manage_engagement"
)

TOO_OLD = "Facebook lets a page answer within {hours} hours of the person's last message."
PRIVATELY_TOO_OLD = "Facebook lets a page write to a comment's author within 7 days of it."


@contextmanager
def page_errors() -> Iterator[None]:
    """Give the errors of a page's own calls their names."""
    try:
        yield
    except SendError as error:
        named = _named(error)
        if named is None:
            raise
        raise named from error


@contextmanager
def app_errors(hook: str, account: str) -> Iterator[None]:
    """Give the errors of calls that set the app's webhook their names."""
    try:
        yield
    except Misconfigured as error:
        raise Misconfigured(
            f"Meta does not let the app speak for itself. {error.reason}",
            cure=f"Correct app_id and app_secret of channels.facebook.{account}: they stand in "
            "the App Dashboard, App settings, Basic.",
            code=error.code,
        ) from error
    except Rejected as error:
        raise Misconfigured(
            f"Meta does not take {hook} as a webhook. {error.reason}",
            cure="Make public_url reachable from the internet over https with a valid "
            "certificate; the hub tries again by itself.",
            code=error.code,
        ) from error


def _named(error: SendError) -> SendError | None:
    code = error.code or ""
    match code.split("/"):
        case ["10900", *_]:
            return Rejected(
                "The comment has been answered privately before, which Facebook allows once.",
                code=code,
            )
        case ["10901", *_]:
            return WindowClosed(PRIVATELY_TOO_OLD, code=code)
        case ["10902" | "10903", *_]:
            return Rejected("This comment's author cannot be written to privately.", code=code)
        case ["10904", *_]:
            return Misconfigured(
                "The page does not take messages.",
                cure="Turn messages on: the page, Settings, Privacy, Page and tagging, Messaging.",
                code=code,
            )
        case ["100", "33"]:
            return Rejected(
                "Facebook does not have it any more, or does not show it to the page.", code=code
            )
        case ["100", "2018109"]:
            return Rejected("The file is larger than Facebook takes.", code=code)
    return None
