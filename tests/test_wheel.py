"""The wheel: it holds what runs, and runs where nothing of the source tree is."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (built,) = folder.glob("tereze-*.whl")
    return built


@pytest.fixture(scope="module")
def hub(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `hub` command of an environment that has the wheel, and borrows only the libraries."""
    folder = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = folder / "bin" / "python"
    _run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python),
        "install", "--quiet", "--no-index", "--no-deps", str(wheel),
    )  # fmt: skip
    (packages,) = folder.glob("lib/python3*/site-packages")
    # Files of this kind in the borrowed folder are not read: the source tree stays out of it.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "hub"


def _run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("HUB_", "PYTHON"))}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=kept | environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "config", "connectors", "hub", "registry", "workers",
    }  # fmt: skip
    for needed in (
        "config/hub.example.toml",
        "config/demo.toml",
        "config/prompts.toml",
        "registry/calls/sounds/manifest.json",
        "registry/calls/sounds/kk/welcome.mp3",
        "registry/calls/sounds/any/music.mp3",
        "connectors/telegram/sandbox.py",
        "registry/migrations/versions/0001_the_first_schema.py",
        "registry/migrations/script.py.mako",
        "hub/static/vendor/htmx.js",
        "hub/static/vendor/htmx.js.gz",
        "hub/static/vendor/icons.svg",
        "hub/static/vendor/LICENSES.txt",
        "hub/locale/kk/LC_MESSAGES/hub.mo",
    ):
        assert needed in names
    unwanted = [
        name
        for name in names
        if "/fixtures/" in name
        or name.endswith((".pyc", ".po", "conftest.py"))
        or ("/test_" in name and name.endswith(".py"))
        or "/." in name
    ]
    assert not unwanted


def test_it_runs_where_the_source_tree_is_not(hub: Path, tmp_path: Path) -> None:
    assert _run(str(hub), "--help", cwd=tmp_path).startswith("usage: hub ")
    assert "telegram" in _run(str(hub), "connectors", cwd=tmp_path)
    said = _run(str(hub), "migrate", cwd=tmp_path, HUB_SECRET_KEY="k" * 40)
    assert said.startswith("The schema is current now: from nothing to ")
    assert (tmp_path / "var" / "hub.db").is_file()

    where = "import hub.app, registry, sys; print(hub.app.__file__, registry.__file__)"
    python = hub.with_name("python")
    for place in _run(str(python), "-c", where, cwd=tmp_path).split():
        assert Path(place).is_relative_to(hub.parent.parent)
