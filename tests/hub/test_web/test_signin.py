"""Signing in: each step, what it refuses, and what the session it opens is good for."""

from hub.app import Hub
from tests.hub.test_web.signing import Browser, add


async def test_the_right_password_opens_a_session(open_house: Hub, browser: Browser) -> None:
    await add(open_house)
    shown = await browser.get("/signin")
    assert shown.status == 200
    assert "Sign in" in shown.text
    entered = await browser.sign_in()
    assert (entered.status, entered.place) == (303, "/")
    shown = await browser.get("/account")
    assert shown.status == 200, shown.text
    assert "dana@example.kz" in shown.text
