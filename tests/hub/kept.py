"""A file in the media store, with its row."""

from collections.abc import AsyncIterator
from typing import Any

from registry.db import Database
from registry.media import MediaStore
from registry.models import Attachment
from tests.registry.samples import START


async def keep_file(database: Database, media: MediaStore, content: bytes, **columns: Any) -> int:
    """An attachment as the media worker leaves it, of no message unless told; its id."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    stored = await media.put(chunks(), max_bytes=len(content))
    fields: dict[str, Any] = {
        "kind": "document", "mime": stored.mime, "size": stored.size, "state": "ready",
        "path": stored.path, "sha256": stored.sha256, "created_at": START,
    }  # fmt: skip
    async with database.write() as session:
        row = Attachment(**(fields | columns))
        session.add(row)
    return row.id
