"""The media store: files in a folder or a bucket, streamed in and out, named by nobody but us.

A path is random, so that no name a stranger chose ever becomes part of one, and removing one file
never removes another's. What a file is, its first bytes say: neither the sender's word nor a name
is believed.
"""

import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from msgspec import Struct
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from registry.errors import NotFound, RegistryError, Unavailable

UNKNOWN = "application/octet-stream"

HEAD_BYTES = 64
"""As many first bytes as any signature needs."""

CHUNK_BYTES = 256 * 1024
"""How much of a file is read at once."""

PART_BYTES = 5 * 1024 * 1024
"""What is held in memory before it is written: the least part that S3 takes."""

_CONNECT_TIMEOUT, _REQUEST_TIMEOUT = "5 seconds", "120 seconds"


class TooLarge(RegistryError):
    """A file has more bytes than it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The file is larger than the {limit} bytes allowed here.")
        self.limit = limit


class Stored(Struct, frozen=True, kw_only=True):
    """A file that now lies in the store."""

    path: str
    size: int
    """Bytes."""
    sha256: str
    """Lower-case hexadecimal."""
    mime: str
    """What its first bytes say it is."""


class Glance(Struct, frozen=True, kw_only=True):
    """What a stored file is, without reading it."""

    size: int
    mime: str


class MediaStore:
    """The files of one installation: `file:///…`, `s3://bucket/prefix`, or `folder` for None.

    A bucket's credentials and region come from the AWS_… environment variables.
    """

    def __init__(self, url: str | None, *, folder: Path) -> None:
        """Makes the folder where there is none. Raises: Unavailable."""
        self._store = _store(url, folder)

    async def put(self, chunks: AsyncIterator[bytes], *, max_bytes: int) -> Stored:
        """Keep what `chunks` gives; nothing remains of it when it fails.

        Raises: TooLarge past `max_bytes`, Unavailable, and whatever `chunks` raises.
        """
        name = secrets.token_hex(16)
        path = f"{name[:2]}/{name[2:]}"
        digest, head, size = hashlib.sha256(), b"", 0
        # A writer that is dropped before `close` removes what it wrote; in a bucket the parts of
        # a file larger than `PART_BYTES` are left to the bucket's rule for unfinished uploads.
        writer = obstore.open_writer_async(self._store, path, buffer_size=PART_BYTES)
        async for chunk in chunks:
            size += len(chunk)
            if size > max_bytes:
                raise TooLarge(max_bytes)
            if len(head) < HEAD_BYTES:
                head += bytes(chunk[: HEAD_BYTES - len(head)])
            digest.update(chunk)
            with _translated(path):
                await writer.write(chunk)
        with _translated(path):
            await writer.close()
        return Stored(path=path, size=size, sha256=digest.hexdigest(), mime=sniff(head))

    async def stream(
        self, path: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """The file's bytes from `start` up to, not including, `end`.

        Raises: NotFound, Unavailable; both before the first chunk where the store knows it then.
        """
        if end is not None and end <= start:
            return
        with _translated(path):
            chosen: Any = {"offset": start} if end is None else (start, end)
            options: Any = {} if start == 0 and end is None else {"range": chosen}
            found = await obstore.get_async(self._store, path, options=options)
        pieces = found.stream(CHUNK_BYTES)
        while True:
            with _translated(path):
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            yield bytes(piece)

    async def glance(self, path: str) -> Glance:
        """How long the file is and what its first bytes tell. Raises: NotFound, Unavailable."""
        with _translated(path):
            about = await obstore.head_async(self._store, path)
        size = about["size"]
        head = b"".join([piece async for piece in self.stream(path, end=min(size, HEAD_BYTES))])
        return Glance(size=size, mime=sniff(head))

    async def keep(self, path: str, content: bytes) -> None:
        """Put what was made of a file beside it, in one step. Raises: Unavailable."""
        with _translated(path):
            await obstore.put_async(self._store, path, content)

    def read(self, path: str) -> bytes:
        """The whole file, for a thread: it blocks. Raises: NotFound, Unavailable."""
        with _translated(path):
            return bytes(obstore.get(self._store, path).bytes())

    async def delete(self, path: str) -> None:
        """Remove the file, and what was made of it; what is gone already is well.

        Raises: Unavailable.
        """
        for gone in (thumbnail_path(path), path):
            with contextlib.suppress(NotFound), _translated(gone):
                await obstore.delete_async(self._store, gone)


def thumbnail_path(path: str) -> str:
    """Where a stored picture lies once more, made small."""
    return f"{path}.small.webp"


def sniff(head: bytes) -> str:
    """The type that the first `HEAD_BYTES` of a file tell, or `UNKNOWN`.

    Text in any form (HTML, SVG, CSV) has no signature and is unknown on purpose.
    Source: https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern
    """
    for offset, signature, mime in _SIGNATURES:
        if head.startswith(signature, offset):
            return mime
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(b"OggS"):
        return "video/ogg" if b"theora" in head else "audio/ogg"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head else "video/x-matroska"
    if len(head) > 1 and head[0] == 0xFF:
        # An audio frame's eleven set bits, then its version and layer: AAC has none, MP3 the third.
        if head[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if head[1] & 0xE6 == 0xE2:
            return "audio/mpeg"
    return UNKNOWN


def refine(mime: str, name: str) -> str:
    """A sniffed type made more exact by the file's name, where the two agree and it stays inert.

    Office documents are archives inside, and plain text has no signature: only the name tells them.
    """
    _, _, ending = name.rpartition(".")
    return _ENDINGS.get((mime, ending.lower()), mime)


_OPEN_XML = "application/vnd.openxmlformats-officedocument"
_ENDINGS = {
    ("application/zip", "docx"): f"{_OPEN_XML}.wordprocessingml.document",
    ("application/zip", "xlsx"): f"{_OPEN_XML}.spreadsheetml.sheet",
    ("application/zip", "pptx"): f"{_OPEN_XML}.presentationml.presentation",
    ("application/zip", "odt"): "application/vnd.oasis.opendocument.text",
    ("application/zip", "ods"): "application/vnd.oasis.opendocument.spreadsheet",
    ("application/x-ole-storage", "doc"): "application/msword",
    ("application/x-ole-storage", "xls"): "application/vnd.ms-excel",
    ("application/x-ole-storage", "ppt"): "application/vnd.ms-powerpoint",
    (UNKNOWN, "txt"): "text/plain",
    (UNKNOWN, "csv"): "text/csv",
}

_SIGNATURES = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)

_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

_BRANDS = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"qt  ": "video/quicktime",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
    b"3gp6": "video/3gpp",
}


def _store(url: str | None, folder: Path) -> LocalStore | S3Store:
    if url is not None and url.startswith("s3://"):
        timeouts: Any = {"connect_timeout": _CONNECT_TIMEOUT, "timeout": _REQUEST_TIMEOUT}
        return S3Store.from_url(url, client_options=timeouts)
    place = folder if url is None else Path(unquote(urlsplit(url).path))
    try:
        return LocalStore(place, mkdir=True)
    except (OSError, BaseError) as error:
        raise Unavailable(f"The media folder {place} cannot be made or read.") from error


class _translated:  # noqa: N801  (reads as a statement)
    """Turn the store's errors into the registry's."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise NotFound("stored file", self.path) from error
        if isinstance(error, BaseError | OSError):
            raise Unavailable(
                "The media store cannot be reached or cannot store this now."
            ) from error
