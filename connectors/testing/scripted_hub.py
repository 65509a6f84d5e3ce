"""A hub that answers what a test wrote down, and keeps what it was told."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from aiohttp import web

from connectors.testing.sandbox import Call, Route, Sandbox, answer

Reply: TypeAlias = str | web.Response
"""What stands within a TwiML document's Response, or a whole answer."""


class ScriptedHub(Sandbox):
    """`hub.replies["/step"] = "<Hangup/>"`; a callable is given the call, a list is one a call.

    The last of a list stays. An address nobody wrote down is answered with an empty document.
    """

    def __init__(self) -> None:
        super().__init__()
        self.replies: dict[str, Reply | list[Reply] | Callable[[Call], Reply]] = {}

    def routes(self) -> Iterable[Route]:
        yield Route("*", "/{path:.*}", self._take)

    def told(self, path: str) -> Iterator[dict[str, str]]:
        """The fields of every call to an address, in order."""
        for call in self.calls:
            if call.path == path:
                yield dict(call.data or call.query)

    async def _take(self, call: Call) -> web.Response:
        reply = self.replies.get(call.path, "")
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        elif callable(reply) and not isinstance(reply, web.Response):
            reply = reply(call)
        return reply if isinstance(reply, web.Response) else twiml(reply)


def twiml(content: str) -> web.Response:
    """A whole document."""
    document = f'<?xml version="1.0" encoding="UTF-8"?><Response>{content}</Response>'
    return answer(document, headers={"Content-Type": "text/xml; charset=utf-8"})
