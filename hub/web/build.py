"""Builds what the repository does not hold: vendored files, icons, catalogues, compressed siblings.

`python -m hub.web.build` does nothing when nothing has changed since it did last.
"""

import fcntl
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.web.catalogues import compiled, path_of
from hub.web.i18n import LANGUAGES
from hub.web.sprite import named, sprite
from hub.web.tones import sounds
from hub.web.vendor import LOCK, BuildError, copies, fetch, licences

ROOT = Path(__file__).parent.parent.parent
COMPRESSED = (".css", ".js", ".svg", ".json", ".webmanifest")
"""Files of these kinds get a sibling, if it is smaller."""
_CODE = ("build.py", "catalogues.py", "sprite.py", "tones.py", "vendor.py")
_BUILT = ".built"
"""What was built from what: kept beside it."""


def main() -> int:
    """Build, and say so; 1 with a sentence if that cannot be."""
    try:
        if build(ROOT):
            sys.stdout.write("The assets are built.\n")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def build(root: Path) -> bool:
    """Build the assets of a source tree; False if they were there. Raises: BuildError."""
    vendor = root / "hub" / "static" / "vendor"
    vendor.mkdir(parents=True, exist_ok=True)
    with _alone(vendor / ".lock"):
        icons = named(root / "hub")
        key = _key(root, tuple(icons))
        if _is_built(root, vendor / _BUILT, key):
            return False
        fetch(root)
        modules = root / "node_modules"
        made = {vendor / name: content for name, content in copies(modules).items()}
        made[vendor / "icons.svg"] = sprite(icons, modules).encode()
        made[vendor / "LICENSES.txt"] = licences(modules).encode()
        made |= {vendor / "sounds" / f"{name}.wav": wav for name, wav in sounds().items()}
        for language in LANGUAGES:
            path = path_of(language, root / "hub" / "locale")
            made[path.with_suffix(".mo")] = compiled(language, root / "hub" / "locale")
        made |= _siblings({path: path.read_bytes() for path in _written(root)} | made)
        _write(made)
        _drop_others(root, made)
        outputs = sorted(path.relative_to(root).as_posix() for path in made)
        _write({vendor / _BUILT: json.dumps({"key": key, "outputs": outputs}).encode()})
        return True


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let two builds of one tree come after each other."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _key(root: Path, icons: tuple[str, ...]) -> str:
    """A hash of everything that goes into the assets."""
    here = Path(__file__).parent
    catalogues = [path_of(language, root / "hub" / "locale") for language in LANGUAGES]
    digest = hashlib.sha256(repr(icons).encode())
    for path in [here / name for name in _CODE] + [root / LOCK, *catalogues, *_written(root)]:
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"\0{path.name}\0{hashlib.sha256(content).hexdigest()}".encode())
    return digest.hexdigest()


def _is_built(root: Path, built: Path, key: str) -> bool:
    """Whether all that is to be made was made of the same."""
    if not built.is_file():
        return False
    before = json.loads(built.read_text("utf-8"))
    return bool(before["key"] == key) and all((root / name).is_file() for name in before["outputs"])


def _written(root: Path) -> list[Path]:
    """The static files that are our own."""
    static = root / "hub" / "static"
    return [
        path
        for path in sorted(static.rglob("*"))
        if path.is_file() and path.suffix != ".gz" and not path.name.startswith(".")
        if static / "vendor" not in path.parents
    ]


def _siblings(files: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """The compressed form of each file that is smaller so."""
    made = {}
    for path, content in files.items():
        if path.suffix in COMPRESSED:
            packed = gzip.compress(content, compresslevel=9, mtime=0)
            if len(packed) < len(content):
                made[path.with_name(f"{path.name}.gz")] = packed
    return made


def _write(files: Mapping[Path, bytes]) -> None:
    """Write what differs from what is there, each file in one step: a hub may be reading it."""
    for path, content in files.items():
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(content)
        new.replace(path)


def _drop_others(root: Path, made: Mapping[Path, bytes]) -> None:
    """Remove what an earlier build made and this one did not."""
    static = root / "hub" / "static"
    for path in [*(static / "vendor").rglob("*"), *static.rglob("*.gz")]:
        if path.is_file() and path not in made and not path.name.startswith("."):
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
