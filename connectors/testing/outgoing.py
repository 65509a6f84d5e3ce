"""What an operator sends, for the tests of a channel: a reply, and the files that go with it."""

from collections.abc import AsyncIterator
from typing import Any

from connectors.testing.contract import ACCOUNT
from registry.types import AttachmentKind, OutboundFile, OutboundMessage

_CHUNK = 65_536


def reply(
    channel: str, text: str = "Рақмет, жөндейміз.", *files: OutboundFile, **changes: Any
) -> OutboundMessage:
    """A private reply by the account that every test has."""
    values: dict[str, Any] = {
        "message_id": "m1",
        "part": 0,
        "channel": channel,
        "account": ACCOUNT,
        "conversation": "100200300",
        "public": False,
        "text": text,
        "attachments": files,
    }
    return OutboundMessage(**{**values, **changes})


def file(
    kind: AttachmentKind = AttachmentKind.DOCUMENT,
    *,
    content: bytes = b"%PDF-1.7 " * 40_000,
    **changes: Any,
) -> OutboundFile:
    """A file, which is given out in parts."""

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(content), _CHUNK):
            yield content[start : start + _CHUNK]

    values: dict[str, Any] = {
        "id": "f1",
        "kind": kind,
        "name": "Акт.pdf",
        "mime": "application/pdf",
        "size": len(content),
        "stream": stream,
        "link": lambda: "https://hub.example.kz/files/1",
    }
    return OutboundFile(**{**values, **changes})
