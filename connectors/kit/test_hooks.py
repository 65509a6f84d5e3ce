"""Addresses of webhooks: ours, and those of others that a provider has."""

import pytest

from connectors.kit.hooks import is_here, is_public, origin_of

PUBLIC = "https://hub.example.kz/hooks/facebook/main"


@pytest.mark.parametrize(
    ("hook", "public", "here"),
    [
        (PUBLIC, True, False),
        ("https://hub.example.kz:8443/hooks", True, False),
        ("http://hub.example.kz/hooks", False, False),
        ("https://localhost/hooks", False, True),
        ("http://127.0.0.1:8080/hooks", False, True),
        ("https://[::1]/hooks", False, True),
        ("", False, True),
    ],
)
def test_a_public_address_is_https_and_not_on_this_machine(
    hook: str, public: bool, here: bool
) -> None:
    assert is_public(hook) is public
    assert is_here(hook) is here


def test_anothers_address_is_shown_without_what_may_be_secret_in_it() -> None:
    assert origin_of("https://user:word@else.example.kz:8443/bot?token=1#a") == (
        "https://else.example.kz:8443"
    )
    assert origin_of("https://else.example.kz/secret") == "https://else.example.kz"
