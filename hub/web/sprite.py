"""One file of all the icons that the pages name, and of no other.

An icon is named `icon("…")` in a template or in Python, or `data-icon="…"` in a template or a
script, its name written out: that is how it is found. Names: https://tabler.io/icons
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from hub.web.vendor import BuildError

SOURCES = ("templates/**/*.html", "static/js/**/*.js", "**/*.py")
"""Where below `hub/` icons are named."""
_OUTLINES = Path("@tabler") / "icons" / "icons" / "outline"
_NAMED = re.compile(r"""(?:\bicon\(\s*|\bdata-icon=)["']([a-z0-9-]+)["']""")
_BOX = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')
"""The invisible box that each icon draws around itself."""
_LOOK = (
    'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round"'
)


def named(hub: Path) -> Mapping[str, Path]:
    """The icons that the pages name, each with a file that does."""
    found: dict[str, Path] = {}
    for path in sorted({path for pattern in SOURCES for path in hub.glob(pattern)}):
        for name in _NAMED.findall(path.read_text("utf-8")):
            found.setdefault(name, path)
    return found


def sprite(icons: Mapping[str, Path], modules: Path) -> str:
    """The icons as symbols of one SVG, each under its name. Raises: BuildError."""
    symbols = "".join(_symbols(icons, modules))
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}</svg>\n'


def _symbols(icons: Mapping[str, Path], modules: Path) -> Iterable[str]:
    for name, path in sorted(icons.items()):
        try:
            text = (modules / _OUTLINES / f"{name}.svg").read_text("utf-8")
        except FileNotFoundError:
            raise BuildError(
                f"{path} names an icon {name!r} that @tabler/icons does not have; "
                "look for another on https://tabler.io/icons."
            ) from None
        drawn = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
        lines = (line.strip() for line in _BOX.sub("", drawn).splitlines())
        yield f'<symbol id="{name}" {_LOOK}>{"".join(lines)}</symbol>\n'
