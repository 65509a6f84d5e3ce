"""The media store: what goes in comes out, and nothing is left of what fails."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.errors import NotFound, Unavailable
from registry.media import HEAD_BYTES, PART_BYTES, UNKNOWN, MediaStore, TooLarge, refine, sniff

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 64
MEGABYTE = 1024 * 1024


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(None, folder=tmp_path / "media")


async def in_chunks(content: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(store: MediaStore, path: str, *, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.stream(path, start=start, end=end)])


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES, len(JPEG), PART_BYTES + 1, 11 * MEGABYTE])
async def test_what_is_put_comes_back_with_its_size_and_digest(
    store: MediaStore, size: int
) -> None:
    content = (JPEG * (size // len(JPEG) + 1))[:size]
    stored = await store.put(in_chunks(content), max_bytes=size)
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert await read(store, stored.path) == content


async def test_the_type_is_told_by_the_first_bytes_however_small_the_chunks(
    store: MediaStore,
) -> None:
    stored = await store.put(in_chunks(JPEG[:100], size=1), max_bytes=100)
    assert stored.mime == "image/jpeg"
    about = await store.glance(stored.path)
    assert (about.size, about.mime) == (100, "image/jpeg")


async def test_one_byte_too_many_is_refused_and_leaves_nothing(
    store: MediaStore, tmp_path: Path
) -> None:
    content = bytes(2 * PART_BYTES)
    with pytest.raises(TooLarge) as refused:
        await store.put(in_chunks(content), max_bytes=len(content) - 1)
    assert refused.value.limit == len(content) - 1
    del refused  # its traceback holds the writer
    assert files_under(tmp_path) == []


async def test_a_source_that_breaks_off_leaves_nothing(store: MediaStore, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for chunk in in_chunks(bytes(2 * PART_BYTES)):
            yield chunk
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError) as broken:
        await store.put(breaking(), max_bytes=100 * MEGABYTE)
    del broken
    assert files_under(tmp_path) == []


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (5, 10), (1, None), (16_000, 99_999_999), (7, 7), (9, 3)]
)
async def test_a_range_is_a_slice(store: MediaStore, start: int, end: int | None) -> None:
    stored = await store.put(in_chunks(JPEG), max_bytes=len(JPEG))
    assert await read(store, stored.path, start=start, end=end) == JPEG[start:end]


async def test_the_same_content_twice_is_two_files_and_deleting_one_keeps_the_other(
    store: MediaStore,
) -> None:
    first = await store.put(in_chunks(JPEG), max_bytes=len(JPEG))
    second = await store.put(in_chunks(JPEG), max_bytes=len(JPEG))
    await store.delete(first.path)
    await store.delete(first.path)
    assert await read(store, second.path) == JPEG
    with pytest.raises(NotFound):
        await read(store, first.path)
    with pytest.raises(NotFound):
        await store.glance(first.path)


async def test_a_file_url_names_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "файлы обращений"
    store = MediaStore(folder.as_uri(), folder=tmp_path / "elsewhere")
    stored = await store.put(in_chunks(JPEG), max_bytes=len(JPEG))
    assert files_under(tmp_path) == [folder / stored.path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file/media cannot be made"):
        MediaStore(None, folder=tmp_path / "file" / "media")


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\xff\xd8\xff\xe1", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x00\x00\x00\x20ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x20ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x20ftypheic", "image/heic"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        (b"OggS\x00\x02" + bytes(22) + b"OpusHead", "audio/ogg"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"<!DOCTYPE html><script>", UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", UNKNOWN),
        ("Құрметті әкімдік!".encode(), UNKNOWN),
        (b"\xff\xfe\x00\x41", UNKNOWN),
        (b"", UNKNOWN),
        (b"\xff", UNKNOWN),
    ],
)
def test_signatures_are_known(head: bytes, mime: str) -> None:
    assert sniff(head) == mime


@pytest.mark.parametrize(
    ("mime", "name", "refined"),
    [
        ("application/zip", "Акт.DOCX", "wordprocessingml"),
        ("application/zip", "архив.zip", "application/zip"),
        ("image/jpeg", "фото.html", "image/jpeg"),
        (UNKNOWN, "страница.html", UNKNOWN),
        (UNKNOWN, "рисунок.svg", UNKNOWN),
        (UNKNOWN, "тізім.csv", "text/csv"),
        (UNKNOWN, "безымянный", UNKNOWN),
    ],
)
def test_a_name_refines_a_type_but_never_makes_it_active(
    mime: str, name: str, refined: str
) -> None:
    assert refined in refine(mime, name)
