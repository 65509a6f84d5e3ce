"""A reply's part as calls of X's: a direct message, or a post under another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connectors.base import Rejected, Retryable, SendError
from connectors.twitter.limits import MAX_PHOTOS
from connectors.twitter.media import Uploads
from connectors.twitter.reading import other_of
from connectors.twitter.settings import Prices
from connectors.twitter.spending import Purse, micro
from registry.measuring import addresses
from registry.types import AttachmentKind, OutboundFile, OutboundMessage

if TYPE_CHECKING:
    from connectors.twitter.client import Client


async def send(
    message: OutboundMessage,
    client: "Client",
    *,
    uploads: Uploads,
    purse: Purse,
    prices: Prices,
    user_id: str,
) -> str:
    """Carry one part; gives X's id of it. Raises: SendError."""
    if not message.text.strip() and not message.attachments:
        raise Rejected("There is nothing to send.")
    if message.public:
        return await _post(message, client, uploads=uploads, purse=purse, prices=prices)
    return await _message(
        message, client, uploads=uploads, purse=purse, prices=prices, user_id=user_id
    )


async def _post(
    message: OutboundMessage, client: "Client", *, uploads: Uploads, purse: Purse, prices: Prices
) -> str:
    """Under the part before this one, or under what the citizen wrote."""
    answers = message.previous_part or message.reply_to or message.last_inbound
    if answers is None or not (answers.isascii() and answers.isdecimal()):
        raise Rejected("There is no post that this could answer.")
    files = message.attachments
    together = all(file.kind is AttachmentKind.PHOTO and not _moves(file) for file in files)
    if len(files) > MAX_PHOTOS or (len(files) > 1 and not together):
        raise Rejected("A post carries up to four photos, or a single video or GIF.")
    linked = any(True for _ in addresses(message.text))
    price = prices.post_with_link if linked else prices.post
    cheaper = "Without the address in the text it costs less." if linked else ""
    async with purse.paying(micro(price), cheaper=cheaper):
        media = [await uploads.hand_over(client, file, public=True) for file in files]
        with _forgetting(uploads, files):
            return await client.post(message.text, answers=answers, media=media)


async def _message(
    message: OutboundMessage,
    client: "Client",
    *,
    uploads: Uploads,
    purse: Purse,
    prices: Prices,
    user_id: str,
) -> str:
    to = other_of(message.conversation, user_id)
    if to is None:
        raise Rejected(f"X has no direct messages {message.conversation!r} of ours.")
    files = message.attachments
    if len(files) > 1:
        raise Rejected("A direct message on X carries a single file.")
    async with purse.paying(micro(prices.dm)):
        media = await uploads.hand_over(client, files[0], public=False) if files else None
        with _forgetting(uploads, files):
            return await client.message(message.text, to=to, media=media)


@contextmanager
def _forgetting(uploads: Uploads, files: tuple[OutboundFile, ...]) -> Iterator[None]:
    """Forget files that a message took, or that X refused; those of a retry are kept."""
    try:
        yield
    except Retryable:
        raise
    except SendError:
        for file in files:
            uploads.forget(file)
        raise
    for file in files:
        uploads.forget(file)


def _moves(file: OutboundFile) -> bool:
    return file.mime.partition(";")[0].strip().lower() == "image/gif"
