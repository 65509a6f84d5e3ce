"""What an operator is told that the citizen will read, and by when it must be sent."""

from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Template
from hub.keys import CONNECTORS
from registry.types import AccountKey, Capabilities
from tests.hub.test_api.desk import Desk, StubConnector

WORDS = "{{1}}, ваше обращение {{2}} исполнено: {{1}}."


class Templated(StubConnector):
    """An account with an approved template."""

    def __init__(self) -> None:
        super().__init__(reply_window_hours=24, templates=True)

    async def templates(self) -> list[Template]:
        return [
            Template(id="solved", language="ru", name="Solved", text=WORDS, variables=("1", "2"))
        ]


def account(desk: Desk, channel: str, connector: Any) -> None:
    """Have the channel's account carry what this one can."""
    assert desk.client.app is not None
    desk.client.app[CONNECTORS][AccountKey(channel, "main")] = connector  # type: ignore[index]


@pytest.mark.parametrize(
    ("first", "second"),
    [("{{2}}", "ALM-1"), ("Айгүл", "{{1}}"), ("{{3}}", "{{{{1}}}}"), (r"\g<1>", "{1}")],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_fills_a_template_is_not_filled_in_again(
    desk: Desk, first: str, second: str
) -> None:
    account(desk, "whatsapp", Templated())
    number = await desk.write_in(channel="whatsapp")
    template = {"id": "solved", "language": "ru", "variables": {"1": first, "2": second}}
    sent = await desk.reply(number, "", template=template)
    assert sent.status == 202, sent.body
    assert sent.json["text"] == f"{first}, ваше обращение {second} исполнено: {first}."


async def test_the_preview_of_a_private_reply_tells_the_private_window(desk: Desk) -> None:
    comments = Capabilities(max_text=8000, reply_window_hours=None, private_reply_hours=168.0)
    account(desk, "whatsapp", StubConnector(reply_window_hours=24.0, public=comments))
    number = await desk.write_in(channel="whatsapp", public=True)
    commented = desk.clock()

    async def preview(private: bool) -> Any:
        body = {"text": "Жазыңыз", "private": private}
        return (await desk.call("POST", f"/appeals/{number}/replies/preview", json=body)).json

    desk.a_day_later()
    desk.a_day_later()
    found = await preview(True)
    week = commented + timedelta(hours=168)
    assert found["window_closes_at"] == week.isoformat().replace("+00:00", "Z")
    assert (found["refusal"], found["limit"]) == (None, 4096)
    public = await preview(False)
    assert (public["window_closes_at"], public["limit"]) == (None, 8000)

    desk.clock.now = week
    found = await preview(True)
    assert found["refusal"]["code"] == "window_closed"
    assert (await desk.reply(number, private=True)).problem(409, "window_closed")


async def test_the_preview_of_a_second_private_reply_says_that_it_cannot_go(desk: Desk) -> None:
    comments = Capabilities(max_text=8000, private_reply_hours=168.0)
    account(desk, "whatsapp", StubConnector(public=comments))
    number = await desk.write_in(channel="whatsapp", public=True)
    assert (await desk.reply(number, private=True)).status == 202
    body = {"text": "Тағы", "private": True}
    found = await desk.call("POST", f"/appeals/{number}/replies/preview", json=body)
    assert found.json["refusal"]["code"] == "private_reply_used"
