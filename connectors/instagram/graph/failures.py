"""Whose errors Meta tells, in the words that their cures need; what they mean is in the kit.

Source: https://developers.facebook.com/docs/instagram-platform/overview
"""

from connectors.instagram.settings import Login
from connectors.kit.graph import Product

_TOKEN_FROM: dict[Login, str] = {
    "instagram": "In the App Dashboard open Instagram, API setup with Instagram login, and press "
    "Generate token beside the account.",
    "facebook": "In Business Settings, System users, generate a token that does not expire, and "
    "take the page's own from GET /me/accounts.",
}
_PERMISSIONS: dict[Login, str] = {
    "instagram": "instagram_business_basic, instagram_business_manage_messages, "
    "instagram_business_manage_comments",
    "facebook": "instagram_basic, instagram_manage_messages, instagram_manage_comments, "
    "pages_manage_metadata, pages_messaging, pages_read_engagement",
}


def product(account: str, login: Login) -> Product:
    """Instagram, as an account with this kind of login speaks to it."""
    return Product(
        name="Instagram",
        table=f"channels.instagram.{account}",
        token_from=_TOKEN_FROM[login],
        permissions=_PERMISSIONS[login],
    )
