"""Files over HTTP: streamed in, served so that nothing hostile ever runs."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError, FormData, MultipartWriter
from sqlmodel import select
from structlog.testing import capture_logs

from hub.api import uploads
from registry.errors import NotFound, Unavailable
from registry.media import Glance
from registry.models import Attachment
from tests.hub.kept import keep_file
from tests.hub.test_api.conftest import MAX_MEDIA_BYTES
from tests.hub.test_api.desk import Answer, Desk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
HOSTILE = b"<!DOCTYPE html><script>fetch('/api/v1/appeals')</script>"

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def upload(desk: Desk, content: bytes, name: str | None = "фото двора.png") -> Answer:
    form = FormData()
    form.add_field("file", content, filename=name, content_type="image/png")
    return await desk.call("POST", "/uploads", data=form)


async def keep(desk: Desk, content: bytes, **columns: Any) -> str:
    """A file as the media worker leaves it; its id."""
    return str(await keep_file(desk.database, desk.media, content, **({"name": "файл"} | columns)))


async def download(desk: Desk, id_: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await desk.call("GET", f"/attachments/{id_}", headers=named)


# --- In -----------------------------------------------------------------------------------------


async def test_an_upload_is_kept_and_travels_with_a_reply(desk: Desk) -> None:
    answer = await upload(desk, PNG[:900])
    assert answer.status == 201
    id_ = answer.json["id"]
    assert answer.json == {
        "id": id_, "name": "фото двора.png", "mime": "image/png", "size": 900,
    }  # fmt: skip
    assert answer.headers["Location"] == f"/api/v1/attachments/{id_}"
    assert (await download(desk, id_)).body == PNG[:900]
    number = await desk.write_in()
    replied = await desk.reply(number, "Сделано", attachments=[id_])
    assert replied.status == 202
    assert replied.json["attachments"] == [{
        "id": id_, "kind": "photo", "name": "фото двора.png", "mime": "image/png", "size": 900,
        "state": "ready", "url": f"/api/v1/attachments/{id_}", "latitude": None, "longitude": None,
    }]  # fmt: skip
    used = await desk.reply(number, "Ещё раз", key="k2", attachments=[id_])
    assert used.problem(400, "invalid")["pointer"] == "/attachments"


@one_database
async def test_what_the_channel_does_not_carry_is_refused_with_what_to_do(desk: Desk) -> None:
    number = await desk.write_in()
    large = (await upload(desk, PNG)).json["id"]
    problem = (await desk.reply(number, attachments=[large])).problem(409, "attachment")
    assert "1000" in problem["reason"]
    assert problem["instead"]


@one_database
async def test_the_type_is_what_the_bytes_say_and_never_what_is_claimed(desk: Desk) -> None:
    for content, name, mime, kind in [
        (HOSTILE, "photo.png", "application/octet-stream", "document"),
        (b"%PDF-1.7", "хат.pdf", "application/pdf", "document"),
        (b"PK\x03\x04", "акт.docx", "wordprocessingml.document", "document"),
        (b"a;b", "тізім.csv", "text/csv", "document"),
        (b"GIF89a", "котик.gif", "image/gif", "document"),
        (b"\x00\x00\x00\x20ftypisom", "видео", "video/mp4", "video"),
        (b"OggS\x00\x02", "голос.ogg", "audio/ogg", "audio"),
        (b"", "пусто.txt", "text/plain", "document"),
    ]:
        answer = await upload(desk, content, name)
        assert answer.status == 201
        assert answer.json["mime"].endswith(mime), name
        async with desk.database.read() as session:
            row = await session.get(Attachment, int(answer.json["id"]))
        assert row is not None
        assert (row.kind, row.uploaded_by) == (kind, f"operator:{desk.id_of('Dana')}")


@one_database
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Дана\\фото.png", "фото.png"),
        ('a"b\r\nX-Evil: 1.png', "abX-Evil 1.png"),
        ("...", "file"),
        (None, "file"),
        ("ұ" * 300 + ".jpeg", "ұ" * 180 + ".jpeg"),
    ],
)
async def test_a_name_is_only_a_name(desk: Desk, name: str | None, kept: str) -> None:
    with MultipartWriter("form-data") as writer:
        part = writer.append(PNG)
        fields = {"name": "file"} | ({} if name is None else {"filename": name})
        part.set_content_disposition("form-data", quote_fields=True, **fields)
    answer = await desk.call("POST", "/uploads", data=writer)
    assert answer.status == 201, answer.body
    assert answer.json["name"] == kept
    async with desk.database.read() as session:
        row = (await session.exec(select(Attachment))).one()
    assert row.path is not None
    assert len(row.path) == 33
    assert set(row.path) <= set("0123456789abcdef/")


@one_database
async def test_a_file_too_large_is_413_and_nothing_of_it_stays(desk: Desk) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield head
        for _ in range(MAX_MEDIA_BYTES // 100_000 + 1):
            yield bytes(100_000)
        yield b"\r\n--b--\r\n"

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await desk.call("POST", "/uploads", data=unannounced(), headers=form)
    assert answer.problem(413, "too_large")["limit"] == MAX_MEDIA_BYTES
    announced = {**form, "Content-Length": str(MAX_MEDIA_BYTES * 100)}
    refused = await desk.call("POST", "/uploads", data=_never(), headers=announced)
    refused.problem(413, "too_large")
    assert (await upload(desk, PNG)).status == 201
    async with desk.database.read() as session:
        assert len((await session.exec(select(Attachment))).all()) == 1


async def _never() -> AsyncIterator[bytes]:
    yield b"--b\r\n"


@one_database
async def test_what_is_no_form_with_a_file_is_refused(desk: Desk) -> None:
    wrong = await desk.call("POST", "/uploads", json={"file": "data"})
    wrong.problem(415, "unsupported_media_type")
    assert wrong.headers["Accept"] == "multipart/form-data"
    form = FormData({"datei": "x"})
    form.add_field("other", b"x", filename="x")
    nameless = await desk.call("POST", "/uploads", data=form)
    assert nameless.problem(400, "invalid")["pointer"] == "/file"
    for body, boundary in [
        (b"garbage", "; boundary=b"),
        (b"", "; boundary=b"),
        (b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nhalf", "; boundary=b"),
        (b"--b\r\n\r\n", ""),
        (b"--b\r\n" + b"X: " + b"x" * 20_000 + b"\r\n\r\nx\r\n--b--\r\n", "; boundary=b"),
        (b"--b\r\n" + b"X: x\r\n" * 500 + b"\r\nx\r\n--b--\r\n", "; boundary=b"),
        (
            b"--b\r\nContent-Disposition: form-data; name=_charset_\r\n\r\n"
            + b"u" * 99
            + b"\r\n--b--\r\n",
            "; boundary=b",
        ),
        (b"--" + b"b" * 99, "; boundary=" + "b" * 99),
        (b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--b--", "; boundary=c"),
    ]:
        headers = {"Content-Type": f"multipart/form-data{boundary}"}
        answer = await desk.call("POST", "/uploads", data=body, headers=headers)
        answer.problem(400, answer.json["code"])
    async with desk.database.read() as session:
        assert (await session.exec(select(Attachment))).all() == []


@one_database
async def test_an_upload_that_cannot_be_registered_leaves_no_file(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.join("Dana")
    async with desk.database.writer.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE attachments RENAME TO hidden")
    (await upload(desk, PNG)).problem(503, "unavailable")
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []


@one_database
async def test_an_upload_that_stands_still_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nbegun'
        await answered.wait()

    monkeypatch.setattr(uploads, "IDLE_SECONDS", 0.05)
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await desk.call("POST", "/uploads", data=stalling(), headers=form)
    answered.set()
    answer.problem(408, "too_slow")


# --- Out ----------------------------------------------------------------------------------------


async def test_a_picture_is_shown_in_place_under_guard(desk: Desk) -> None:
    id_ = await keep(desk, PNG, name="двор, вид с Абая.png", kind="photo")
    answer = await download(desk, id_)
    assert (answer.status, answer.body) == (200, PNG)
    assert answer.headers["Content-Type"] == "image/png"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("inline; filename*=UTF-8''%D0%B4")
    assert " " not in disposition.partition("''")[2]
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(PNG).hexdigest()}"'
    assert answer.headers["Cache-Control"].startswith("private")


@one_database
@pytest.mark.parametrize(
    ("content", "claimed"),
    [
        (HOSTILE, "text/html"),
        (HOSTILE, "image/png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"),
        (b"<?xml version='1.0'?><svg/>", "image/svg+xml"),
        (b"%PDF-1.7", "application/pdf"),
        (b"plain text", "text/plain"),
        (b"", "image/png"),
        (b"MZ\x90\x00", "audio/mpeg"),
    ],
)
async def test_what_could_be_hostile_is_only_ever_saved(
    desk: Desk, content: bytes, claimed: str
) -> None:
    id_ = await keep(desk, content, mime=claimed, name='"><script>.html\r\nX: 1')
    for headers in ({}, {"Range": "bytes=0-"}):
        answer = await download(desk, id_, **headers)
        if answer.status == 416:
            continue
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%22")
        assert answer.headers["Content-Type"] in {"application/octet-stream", "application/pdf"}
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "X" not in answer.headers
        assert answer.body == content


@one_database
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=10-", 10, len(PNG)),
        ("bytes=-5", len(PNG) - 5, len(PNG)),
        ("bytes=-999999", 0, len(PNG)),
        ("bytes=5-999999", 5, len(PNG)),
    ],
)
async def test_a_range_is_served_as_206(desk: Desk, asked: str, start: int, end: int) -> None:
    id_ = await keep(desk, PNG)
    answer = await download(desk, id_, Range=asked)
    assert (answer.status, answer.body) == (206, PNG[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(PNG)}"
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.headers["Content-Type"] == "image/png"


@one_database
@pytest.mark.parametrize("asked", [f"bytes={len(PNG)}-", "bytes=99999-100000", "bytes=-0"])
async def test_a_range_outside_is_416(desk: Desk, asked: str) -> None:
    id_ = await keep(desk, PNG)
    answer = await download(desk, id_, Range=asked)
    answer.problem(416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(PNG)}"


@one_database
@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=0-1,4-5", "bytes=-", "bytes=a-b", "lines=0-1", "0-1", "bytes=٣-"]
)
async def test_what_is_no_single_range_gets_the_whole(desk: Desk, asked: str) -> None:
    id_ = await keep(desk, PNG)
    answer = await download(desk, id_, Range=asked)
    assert (answer.status, answer.body) == (200, PNG)


@one_database
async def test_tags_spare_the_bytes(desk: Desk) -> None:
    id_ = await keep(desk, PNG)
    tag = (await download(desk, id_)).headers["ETag"]
    for match in (tag, f'"other", W/{tag}'):
        answer = await download(desk, id_, If_None_Match=match)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == tag
    assert (await download(desk, id_, If_None_Match='"other"')).status == 200
    assert (await download(desk, id_, Range="bytes=0-0", If_Range=tag)).status == 206
    assert (await download(desk, id_, Range="bytes=0-0", If_Range='"old"')).status == 200


@one_database
async def test_head_tells_the_size_without_the_bytes(desk: Desk) -> None:
    id_ = await keep(desk, PNG)
    answer = await desk.call("HEAD", f"/attachments/{id_}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(PNG))


@one_database
async def test_a_file_that_is_not_there_says_why(desk: Desk) -> None:
    pending = await keep(desk, PNG, state="pending", path=None)
    failed = await keep(desk, PNG, state="failed", path=None, error="it is too big")
    place = await keep(desk, PNG, kind="location", path=None)
    lost = await keep(desk, PNG, path="ab/cdef")
    (await download(desk, pending)).problem(404, "attachment_pending")
    problem = (await download(desk, failed)).problem(404, "attachment_failed")
    assert "it is too big" in problem["detail"]
    (await download(desk, place)).problem(404, "attachment_ready")
    (await download(desk, lost)).problem(404, "attachment_lost")
    (await download(desk, "12")).problem(404, "not_found")


@one_database
async def test_a_file_that_breaks_off_is_cut_short_and_no_second_answer_follows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> AsyncIterator[bytes]:
        yield PNG[:100]
        raise Unavailable("The media store cannot be reached.")

    id_ = await keep(desk, PNG)
    monkeypatch.setattr(desk.media, "stream", broken)
    monkeypatch.setattr(desk.media, "glance", _glance)
    with capture_logs() as logs, pytest.raises((ClientPayloadError, ConnectionError)):
        await download(desk, id_)
    assert [line["event"] for line in logs] == ["a file broke off"]


async def _glance(_path: str) -> Glance:
    return Glance(size=len(PNG), mime="image/png")


@one_database
async def test_a_large_file_comes_whole(desk: Desk) -> None:
    content = PNG + bytes(1_500_000)
    id_ = await keep(desk, content)
    assert (await download(desk, id_)).body == content


# --- Removed again ------------------------------------------------------------------------------


async def test_ones_own_upload_is_removed_with_its_file(desk: Desk) -> None:
    id_ = (await upload(desk, PNG[:900])).json["id"]
    other = await desk.call("DELETE", f"/uploads/{id_}", token=await desk.join("Erlan"))
    other.problem(404, "not_found")
    async with desk.database.read() as session:
        path = (await session.exec(select(Attachment.path))).one()
    answer = await desk.call("DELETE", f"/uploads/{id_}")
    assert (answer.status, answer.body) == (204, b"")
    (await download(desk, id_)).problem(404, "not_found")
    with pytest.raises(NotFound):
        await desk.media.glance(path or "")
    (await desk.call("DELETE", f"/uploads/{id_}")).problem(404, "not_found")


async def test_an_upload_that_was_sent_is_not_removed(desk: Desk) -> None:
    number = await desk.write_in()
    id_ = (await upload(desk, PNG[:900])).json["id"]
    assert (await desk.reply(number, attachments=[id_])).status == 202
    (await desk.call("DELETE", f"/uploads/{id_}")).problem(404, "not_found")
    assert (await download(desk, id_)).status == 200
