"""Static files as a browser gets them."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from hub.web.static import FOLDER, TYPES, NoSuchStaticFile, StaticFiles, add_routes, static_url

Client = TestClient[web.Request, web.Application]
SCRIPT = b'import "./other.js";\n' * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of static files, with a file beside it that is nobody's business."""
    static = tmp_path / "static"
    (static / "js").mkdir(parents=True)
    (static / "js" / "app.js").write_bytes(SCRIPT)
    (static / "js" / "app.js.gz").write_bytes(gzip.compress(SCRIPT))
    (static / "dot.png").write_bytes(b"\x89PNG")
    (static / "icons.svg").write_bytes(b"<svg/>")
    (static / ".built").write_text("{}")
    (static / ".hidden.js").write_text("")
    (tmp_path / "secret.js").write_text("secret")
    return static


@pytest.fixture
def files(folder: Path) -> StaticFiles:
    return StaticFiles(folder)


@pytest.fixture
async def client(files: StaticFiles) -> AsyncIterator[Client]:
    """A browser that unpacks nothing by itself."""
    app = web.Application()
    add_routes(app, files)
    async with TestClient(TestServer(app), auto_decompress=False) as opened:
        yield opened


async def test_a_file_is_kept_for_ever_under_its_version(
    client: Client, files: StaticFiles
) -> None:
    async with client.get(files.url("js/app.js"), headers={"Accept-Encoding": ""}) as answer:
        assert answer.status == 200
        assert await answer.read() == SCRIPT
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert "Content-Encoding" not in answer.headers


async def test_another_version_gets_what_there_is_and_asks_again(
    client: Client, files: StaticFiles
) -> None:
    async with client.get("/static/000000000000/js/app.js") as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = answer.headers["ETag"]
    headers = {"If-None-Match": tag}
    async with client.get("/static/000000000000/js/app.js", headers=headers) as answer:
        assert answer.status == 304
        assert await answer.read() == b""
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("br", False),
    ],
)
async def test_the_compressed_sibling_is_for_whoever_takes_it(
    client: Client, files: StaticFiles, accepted: str, packed: bool
) -> None:
    headers = {"Accept-Encoding": accepted}
    async with client.get(files.url("js/app.js"), headers=headers) as answer:
        body = await answer.read()
        assert answer.headers["Content-Length"] == str(len(body))
        assert (answer.headers.get("Content-Encoding") == "gzip") == packed
        assert (gzip.decompress(body) if packed else body) == SCRIPT
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"


async def test_a_sibling_of_an_older_file_is_not_served(folder: Path) -> None:
    (folder / "js" / "app.js").write_bytes(b"changed")
    app, files = web.Application(), await asyncio.to_thread(StaticFiles, folder)
    add_routes(app, files)

    async with TestClient(TestServer(app)) as client:
        headers = {"Accept-Encoding": "gzip"}
        async with client.get(files.url("js/app.js"), headers=headers) as answer:
            assert await answer.read() == b"changed"
            assert "Content-Encoding" not in answer.headers


async def test_the_head_of_a_file_comes_without_its_body(
    client: Client, files: StaticFiles
) -> None:
    async with client.head(files.url("dot.png")) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Length"] == "4"
        assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "js/gone.js",
        "js",
        "js/",
        ".built",
        ".hidden.js",
        "js/app.js.gz",
        "../secret.js",
        "%2e%2e/secret.js",
        "..%2fsecret.js",
        "js/..%5c..%5csecret.js",
        "/etc/passwd",
        "js/app.js%00",
    ],
)
async def test_nothing_but_the_files_is_there(
    client: Client, files: StaticFiles, path: str
) -> None:
    url = URL(f"/static/{files.version}/{path}", encoded=True)
    async with client.get(url) as answer:
        assert answer.status == 404
        assert b"secret" not in await answer.read()


async def test_a_file_cannot_be_written(client: Client, files: StaticFiles) -> None:
    async with client.post(files.url("js/app.js"), data=b"x") as answer:
        assert answer.status == 405


async def test_a_service_worker_may_serve_the_pages(client: Client, files: StaticFiles) -> None:
    asking = {"Service-Worker": "script"}
    async with client.get(files.url("js/app.js"), headers=asking) as answer:
        assert answer.headers["Service-Worker-Allowed"] == "/"
    async with client.get(files.url("js/app.js")) as answer:
        assert "Service-Worker-Allowed" not in answer.headers
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_any_change_of_any_file_is_another_version(folder: Path, files: StaticFiles) -> None:
    assert StaticFiles(folder).version == files.version

    (folder / "icons.svg").write_bytes(b"<svg />")
    changed = StaticFiles(folder).version
    (folder / "icons.svg").rename(folder / "icon.svg")
    renamed = StaticFiles(folder).version

    assert len({files.version, changed, renamed}) == 3


def test_a_page_that_names_a_file_that_is_not_there_learns_the_cure(files: StaticFiles) -> None:
    with pytest.raises(NoSuchStaticFile, match=r"no static file js/gone\.js; .* `make setup`"):
        files.url("js/gone.js")


def test_everything_that_the_pages_have_is_of_a_kind_that_is_served() -> None:
    assert static_url("vendor/htmx.js").startswith("/static/")
    kinds = {path.suffix for path in FOLDER.rglob("[!.]*") if path.is_file()}
    assert kinds - {".gz", ".md"} <= set(TYPES)
