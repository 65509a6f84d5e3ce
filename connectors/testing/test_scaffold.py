"""What the scaffold makes, and what it refuses."""

from pathlib import Path

import pytest

import connectors
from connectors.testing.scaffold import BadName, main, scaffold


def test_every_file_is_named_for_the_channel(tmp_path: Path) -> None:
    made = scaffold("pigeon", into=tmp_path)
    assert sorted(str(path.relative_to(tmp_path / "pigeon")) for path in made) == [
        "README.md",
        "__init__.py",
        "connector.py",
        "fixtures/README.md",
        "sandbox.py",
        "test_pigeon.py",
    ]
    for path in made:
        assert "$" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["", "X", "9lives", "my-channel", "../up", "a b", "class", "й", "a" * 31]
)
def test_a_bad_name_is_refused_in_one_sentence_and_nothing_is_written(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(BadName, match="A channel cannot be called"):
        scaffold(name, into=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base.py").touch()
    monkeypatch.setattr(connectors, "__path__", [str(tmp_path)])
    assert main(["pigeon"]) == 0
    assert "record a delivery" in capsys.readouterr().out
    for taken in ("pigeon", "base"):
        assert main([taken]) == 1
        assert capsys.readouterr().err == (
            f"connectors/{taken} exists already; take another name.\n"
        )
