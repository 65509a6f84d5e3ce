"""A reply's part as the app sends it: into a thread, or under a comment."""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.base import AccountStore, Rejected
from connectors.instagram.private.door import Door
from connectors.instagram.private.look import Body
from connectors.instagram.private.tokens import sent_by_hub, token_for
from connectors.instagram.private.wire import Lost
from registry.types import AttachmentKind, Clock, OutboundFile, OutboundMessage, Sent

if TYPE_CHECKING:
    from connectors.instagram.private.client import AppClient

REMEMBERED = 200
"""Messages that do not tell by themselves that they are ours, and threads to be let in."""

_SUFFIXES = {AttachmentKind.VIDEO: ".mp4", AttachmentKind.VOICE: ".m4a"}
_PUBLIC = re.compile(r"([0-9]+_[0-9]+):([0-9]+):[0-9]+")


class Sending:
    """What goes out of one account."""

    def __init__(self, door: Door, store: AccountStore, clock: Clock) -> None:
        self._door = door
        self._store = store
        self._clock = clock

    async def send(self, message: OutboundMessage) -> Sent:
        """Carry one part. Raises: SendError."""
        return await (self._comment(message) if message.public else self._direct(message))

    # --- Private ---------------------------------------------------------------------------------

    async def _direct(self, message: OutboundMessage) -> Sent:
        thread = message.conversation
        if not thread.isascii() or not thread.isdigit():
            raise Rejected(f"Instagram has no thread {thread!r}.")
        work = await self._work(thread, message)
        await self._let_in(thread)
        token = token_for(message.message_id, message.part)
        if sent_by_hub(token) == "":
            await self._remember(token, message)

        def carried(client: "AppClient") -> Any:
            client.mutation_token = token
            return _answered(client, work, "payload")

        payload = await self._door.call(carried, sends=True)
        return Sent(
            external_ids=(str(payload["item_id"]),), at=self._moment(payload.get("timestamp"), 1)
        )

    async def _work(self, thread: str, message: OutboundMessage) -> Callable[["AppClient"], Any]:
        """The call that carries the part. Raises: Rejected when there is none."""
        text = message.text
        if not message.attachments:
            if not text:
                raise Rejected("There is nothing to send.")
            return lambda client: client.direct_answer(int(thread), text)
        if len(message.attachments) > 1 or text:
            raise Rejected("A file on Instagram goes by itself: send the text and others apart.")
        (file,) = message.attachments
        if file.kind is AttachmentKind.PHOTO:
            content = await _content(file)
            return lambda client: client.send_direct_photo(thread, content)
        if file.kind not in _SUFFIXES:
            raise Rejected(f"Instagram carries no {file.kind} of ours.")
        content = await _content(file)
        return lambda client: _from_disk(client, file.kind, content, thread)

    async def _let_in(self, thread: str) -> None:
        """Accept a request to write, as answering one does: until then nobody is told of it."""
        waiting = _listed(await self._store.read("requests"))
        if thread not in waiting:
            return
        await self._door.call(lambda client: client.direct_pending_approve(int(thread)))
        waiting.remove(thread)
        await self._store.write("requests", json.dumps(waiting))

    async def waiting(self, threads: Sequence[str]) -> None:
        """Take note of the threads whose people ask to be let in."""
        known = _listed(await self._store.read("requests"))
        all_of_them = list(dict.fromkeys([*known, *threads]))[-REMEMBERED:]
        if all_of_them != known:
            await self._store.write("requests", json.dumps(all_of_them))

    # --- Public ----------------------------------------------------------------------------------

    async def _comment(self, message: OutboundMessage) -> Sent:
        named = _PUBLIC.fullmatch(message.conversation)
        if named is None:
            raise Rejected(f"Instagram has no comments {message.conversation!r}.")
        if message.attachments or not message.text:
            raise Rejected("A comment on Instagram is text, and nothing else.")
        post, root = named.groups()
        answered = message.reply_to or message.last_inbound or root
        if not answered.isascii() or not answered.isdigit():
            answered = root
        text = message.text
        # A comment carries no token of ours: what it says where tells it when it comes back.
        await self._remember(_digest(post, text), message)

        def carried(client: "AppClient") -> Any:
            return _answered(
                client,
                lambda client: client.media_comment(
                    post, text, replied_to_comment_id=int(answered)
                ),
                "comment",
            )

        comment = await self._door.call(carried, sends=True)
        at = comment.get("created_at_utc") or comment.get("created_at")
        return Sent(external_ids=(str(comment["pk"]),), at=self._moment(at, 1_000_000))

    # --- What comes back -------------------------------------------------------------------------

    async def _remember(self, key: str, message: OutboundMessage) -> None:
        known = _rows(await self._store.read("sent"))
        known.append([key, message.message_id, message.part])
        await self._store.write("sent", json.dumps(known[-REMEMBERED:]))

    async def recognise(self, body: Body, viewer: str) -> None:
        """Mark the messages of the hub's in a delivery that do not tell it by themselves."""
        keys: dict[str, str] = {}
        for item in body.get("thread", {}).get("items", ()):
            token = item.get("client_context")
            if str(item.get("user_id")) == viewer and sent_by_hub(token) == "":
                keys[str(item.get("item_id"))] = token
        for comment in body.get("comments", ()):
            author = comment.get("user_id") or (comment.get("user") or {}).get("pk")
            if str(author) == viewer:
                digest = _digest(body["media"]["id"], str(comment.get("text")))
                keys[str(comment.get("pk"))] = digest
        if not keys:
            return
        known = {row[0]: row[1:] for row in _rows(await self._store.read("sent"))}
        sent = {name: known[key] for name, key in keys.items() if key in known}
        if sent:
            body["sent"] = sent

    def _moment(self, at: object, unit: int) -> datetime:
        """Instagram's time of a message; ours where it gave none that can be read."""
        try:
            microseconds = int(str(at)) * unit
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
        except (ValueError, OverflowError):
            return self._clock()


def _answered(client: "AppClient", work: Callable[["AppClient"], Any], name: str) -> Any:
    """Do it, and take the answer as Instagram gave it.

    The library makes objects of it, and fails at what is new in it, when all is said and done.
    """
    client.last_json = {}
    failure: Exception = Lost("an answer without an id")
    try:
        work(client)
    except Exception as error:  # noqa: BLE001 - see above
        failure = error
    found = client.last_json.get(name) if isinstance(client.last_json, dict) else None
    if isinstance(found, dict) and found.get("item_id" if name == "payload" else "pk"):
        return found
    raise failure


def _from_disk(client: "AppClient", kind: AttachmentKind, content: bytes, thread: str) -> None:
    """Send what the library takes from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{_SUFFIXES[kind]}"
        path.write_bytes(content)
        send = (
            client.direct_send_video if kind is AttachmentKind.VIDEO else client.direct_send_voice
        )
        send(path, thread_ids=[int(thread)])


async def _content(file: OutboundFile) -> bytes:
    return b"".join([chunk async for chunk in file.stream()])


def _digest(post: str, text: str) -> str:
    return hashlib.sha256(f"{post}\n{text.strip()}".encode()).hexdigest()[:24]


def _listed(text: str | None) -> list[str]:
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _rows(text: str | None) -> list[list[Any]]:
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return []
    return [row for row in found if isinstance(row, list) and len(row) == 3]
