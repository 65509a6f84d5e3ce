"""A file of ours on its way to X: announced, handed over in pieces, and processed.

tweepy has no asynchronous upload. Nothing that goes wrong here has sent a message.

Source: https://docs.x.com/x-api/media/quickstart/media-upload-chunked
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import aiohttp

from connectors.base import Rejected, Unreachable
from connectors.twitter.limits import MAX_IMAGE, MAX_VIDEO
from registry.types import AttachmentKind, OutboundFile

if TYPE_CHECKING:
    from connectors.twitter.client import Client

PIECE = 1024 * 1024
"""Bytes of one piece; X takes up to 5 MB."""
MAX_GIF = 15 * 1024 * 1024
PATIENCE = 40.0
"""Seconds that a send may spend on its files: less than a send may take in all."""
REMEMBERED = 256
"""Files handed over whose messages have not gone out yet."""
_LIVES = 20 * 3600.0
"""Seconds that X surely keeps a file which no message carries: it says 24 hours."""
_STATES = frozenset({"pending", "in_progress"})


class Uploads:
    """The files of one account at X. A retried send finds those that were handed over before."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[str, float]] = OrderedDict()

    async def hand_over(self, client: "Client", file: OutboundFile, *, public: bool) -> str:
        """Give X a file; the id by which a message carries it. Raises: SendError."""
        category = _category(file, public=public)
        deadline = time.monotonic() + PATIENCE
        key = (file.id, category)
        media_id, at = self._known.get(key, ("", 0.0))
        if media_id and time.monotonic() - at < _LIVES:
            try:
                await _processed(client, media_id, None, deadline)
            except Rejected:
                del self._known[key]  # X has forgotten it, or cannot use it: once more then
            else:
                return media_id
        media_id = await _announced(client, file, category)
        await _pieces(client, media_id, file)
        reply = await client.call("POST", f"/2/media/upload/{media_id}/finalize")
        self._known[key] = (media_id, time.monotonic())
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        try:
            await _processed(client, media_id, _info(reply.data), deadline)
        except Rejected:
            self._known.pop(key, None)
            raise
        return media_id

    def forget(self, file: OutboundFile) -> None:
        """A message took the file, or X does not know it any more."""
        for key in [key for key in self._known if key[0] == file.id]:
            del self._known[key]


def _category(file: OutboundFile, *, public: bool) -> str:
    """What X calls the use of a file. Raises: Rejected when it has none for it."""
    owner = "tweet" if public else "dm"
    mime = file.mime.partition(";")[0].strip().lower()
    if file.kind is AttachmentKind.VIDEO or mime.startswith("video/"):
        kind, limit = "video", MAX_VIDEO
    elif mime == "image/gif":
        kind, limit = "gif", MAX_GIF
    elif mime.startswith("image/"):
        kind, limit = "image", MAX_IMAGE
    else:
        raise Rejected(f"X carries no {file.kind} of ours, only photos and videos.")
    if file.size > limit:
        raise Rejected(f"X takes no {kind} over {limit // (1024 * 1024)} MB.", code="too_large")
    return f"{owner}_{kind}"


async def _announced(client: "Client", file: OutboundFile, category: str) -> str:
    reply = await client.call(
        "POST",
        "/2/media/upload/initialize",
        data={
            "media_type": file.mime.partition(";")[0].strip().lower(),
            "total_bytes": file.size,
            "media_category": category,
        },
    )
    data = reply.data.get("data") if isinstance(reply.data, dict) else None
    media_id = data.get("id") if isinstance(data, dict) else None
    if not isinstance(media_id, str) or not (media_id.isascii() and media_id.isdecimal()):
        raise Unreachable("X did not say where the file goes.")
    return media_id


async def _pieces(client: "Client", media_id: str, file: OutboundFile) -> None:
    number = 0
    async with aclosing(_in_pieces(file)) as pieces:
        async for piece in pieces:
            form = aiohttp.FormData()
            form.add_field("segment_index", str(number))
            form.add_field(
                "media", piece, filename="piece", content_type="application/octet-stream"
            )
            await client.call("POST", f"/2/media/upload/{media_id}/append", data=form)
            number += 1


async def _in_pieces(file: OutboundFile) -> AsyncGenerator[bytes, None]:
    held = bytearray()
    async for chunk in file.stream():
        held += chunk
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)


def _info(data: Any) -> Mapping[str, Any] | None:
    inner = data.get("data") if isinstance(data, dict) else None
    info = inner.get("processing_info") if isinstance(inner, dict) else None
    return info if isinstance(info, dict) else None


async def _processed(
    client: "Client", media_id: str, info: Mapping[str, Any] | None, deadline: float
) -> None:
    """Wait until X has processed a file; without `info` it is asked first."""
    asked = info is None
    while True:
        if asked:
            params = {"command": "STATUS", "media_id": media_id}
            info = _info((await client.call("GET", "/2/media/upload", params=params)).data)
        asked = True
        if info is None or info.get("state") not in _STATES:
            break
        after = info.get("check_after_secs")
        pause = float(after) if isinstance(after, int | float) and 0 <= after < 3600 else 1.0
        if time.monotonic() + pause > deadline:
            raise Unreachable("X is still processing the file; the reply waits for it.")
        await asyncio.sleep(pause)
    if info is not None and info.get("state") == "failed":
        raise Rejected(f"X cannot use the file{_why(info)}.", code="processing_failed")


def _why(info: Mapping[str, Any]) -> str:
    error = info.get("error")
    words = error.get("message") if isinstance(error, dict) else None
    return f": {' '.join(words.split())[:200].rstrip('.')}" if isinstance(words, str) else ""
