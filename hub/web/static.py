"""The static files, under addresses that name their version and may be kept for ever.

All are read when the hub starts: a request reads no file, and no address leads to any other. The
version stands before the path, so that what a module imports beside itself is of the same version.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aiohttp import ETag, hdrs, web

FOLDER = Path(__file__).parent.parent / "static"
PREFIX = "/static"
TYPES = {
    ".css": "text/css",
    ".gif": "image/gif",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""The kinds of file that are served; no other is."""
FOR_EVER = "public, max-age=31536000, immutable"
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"
"""What a worker may do, whose script carries its policy; and an image that is opened by itself."""
_REFUSED = re.compile(r"q=0(?:\.0*)?\Z")


class NoSuchStaticFile(LookupError):
    """A page names a static file that is not there."""

    def __init__(self, path: str) -> None:
        super().__init__(f"There is no static file {path}; correct its name, or run `make setup`.")


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    packed: bytes | None
    """Compressed by gzip."""
    content_type: str
    tag: str


class StaticFiles:
    """The files of a folder as they are now, and their version.

    `joined` are others besides, each made of several of them, one after the other: a browser asks
    for one file sooner than for a dozen.
    """

    def __init__(self, folder: Path, joined: Mapping[str, Sequence[str]] | None = None) -> None:
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in _found(folder)}
        for name, parts in (joined or {}).items():
            content = b"\n".join(self._files[part].content for part in parts)
            packed = gzip.compress(content, mtime=0)
            self._files[name] = _file(name, content, packed)
        tags = "".join(f"{name}\0{file.tag}\0" for name, file in sorted(self._files.items()))
        self.version = hashlib.sha256(tags.encode()).hexdigest()[:12]

    def url(self, path: str) -> str:
        """The address of a file, by its path in the folder. Raises: NoSuchStaticFile."""
        if path not in self._files:
            raise NoSuchStaticFile(path)
        return f"{PREFIX}/{self.version}/{path}"

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with a file; under another version's address as well, but not for ever."""
        file = self._files.get(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound(text="There is no such file.")
        is_current = request.match_info["version"] == self.version
        response = web.Response(headers={"Cache-Control": FOR_EVER if is_current else "no-cache"})
        response.etag = file.tag
        if file.packed is not None:
            response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if ETag(file.tag) in (request.if_none_match or ()):
            response.set_status(304)
            return response
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.headers.get("Service-Worker") == "script":
            # Such a script stands below /static/ and is to serve the pages, which stand beside it.
            response.headers["Service-Worker-Allowed"] = "/"
        response.content_type = file.content_type
        if file.content_type.startswith("text/"):
            response.charset = "utf-8"
        if file.packed is not None and takes_gzip(request):
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
            response.body = file.packed
        else:
            response.body = file.content
        return response


def _found(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in TYPES and not path.name.startswith(".") and path.is_file():
            yield path


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _file(path.name, content, _packed(path, content))


def _file(name: str, content: bytes, packed: bytes | None) -> _File:
    return _File(
        content=content,
        packed=packed,
        content_type=TYPES[PurePosixPath(name).suffix],
        tag=hashlib.sha256(content).hexdigest()[:16],
    )


def _packed(path: Path, content: bytes) -> bytes | None:
    """The compressed sibling, unless the file has changed since that was made."""
    sibling = path.with_name(f"{path.name}.gz")
    if not sibling.is_file():
        return None
    packed = sibling.read_bytes()
    return packed if gzip.decompress(packed) == content else None


def takes_gzip(request: web.Request) -> bool:
    """Whether who asks can read what gzip has packed."""
    codings = request.headers.get(hdrs.ACCEPT_ENCODING, "").lower().split(",")
    for coding in codings:
        name, _, quality = coding.partition(";")
        if name.strip() == "gzip":
            return not _REFUSED.match(quality.strip())
    return False


_STYLES = (
    "tokens", "base", "layout", "parts", "dialogs", "inbox", "thread", "panel", "phone", "media",
    "pages", "calls", "front-office",
)  # fmt: skip
"""What the pages look like, part by part: the later ones win."""
_FILES = StaticFiles(FOLDER, {"css/all.css": [f"css/{part}.css" for part in _STYLES]})


def static_url(path: str) -> str:
    """The address of a static file, by its path in hub/static/. Raises: NoSuchStaticFile."""
    return _FILES.url(path)


def add_routes(app: web.Application, files: StaticFiles = _FILES) -> None:
    """Open the addresses."""
    app.router.add_get(f"{PREFIX}/{{version}}/{{path:.+}}", files.serve)
