"""Makes the sounds that come with the hub: Kazakh lines and the music for those who wait.

`python -m hub.prompts` speaks those whose words have changed since, with eSpeak NG, a free engine
that has a Kazakh voice, and makes them small with LAME (`apt-get install espeak-ng lame`). `--all`
makes every file anew; `--check` changes nothing, and ends with 1 if anything is left to do.

Ours are MP3 of 16 kHz, the lowest rate of the standard itself, which every player knows.
"""

import argparse
import io
import shutil
import subprocess
import sys
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from hub.music import RATE, music
from registry.calls.delivered_sounds import FOLDER, Made, digest, file_name
from registry.calls.prompt_words import MUSIC, NO_LANGUAGE, prompt_words

SPOKEN = "kk"
"""The language that the provider has no voice for."""

_SPEAK = ("espeak-ng", "-v", SPOKEN, "-s", "135", "-g", "3", "--stdout")
"""135 words a minute, slower than usual: it is heard once, on a telephone."""
_SHRINK = ("lame", "--quiet", "-t", "-m", "m", "-b", "24", "--resample", "16")


class CannotMake(Exception):
    """The sounds cannot be made; the message says what to do."""


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Make what is missing or says something else; 1 if that cannot be, or is left to do."""
    parser = argparse.ArgumentParser(
        prog="python -m hub.prompts", description="Makes the telephone's delivered sounds."
    )
    parser.add_argument("--all", action="store_true", help="make every file anew")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if there is work")
    asked = parser.parse_args(arguments)
    kept = {} if asked.all else _kept(folder)
    wanted = words_by_file()
    left = [name for name, words in wanted.items() if _differs(kept.get(name), words)]
    if asked.check:
        sys.stdout.writelines(f"{name} does not say what its line says.\n" for name in left)
        return 1 if left else 0
    try:
        made = {name: _made(folder / name, wanted[name]) for name in left}
    except CannotMake as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _write_manifest(folder, {name: made.get(name) or kept[name] for name in wanted})
    sys.stdout.write(f"{len(made)} of {len(wanted)} sounds were made.\n")
    return 0


def words_by_file() -> Mapping[str, str]:
    """What each file says; nothing for the music."""
    spoken = {file_name(name, SPOKEN): words.kk for name, words in prompt_words().items()}
    return {**spoken, file_name(MUSIC, NO_LANGUAGE): ""}


def _differs(made: Made | None, words: str) -> bool:
    return made is None or made.words != digest(words)


def _kept(folder: Path) -> dict[str, Made]:
    """What was made before, as far as it is there."""
    path = folder / "manifest.json"
    if not path.is_file():
        return {}
    found = msgspec.json.decode(path.read_bytes(), type=dict[str, Made])
    return {name: made for name, made in found.items() if (folder / name).is_file()}


def _made(path: Path, words: str) -> Made:
    """Make a file. Raises: CannotMake."""
    sound = _run(_SPEAK, words.encode()) if words else _as_wave(music())
    content = _run((*_SHRINK, "-", "-"), sound)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Made(words=digest(words), version=digest(content))


def _as_wave(samples: bytes) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples)
    return written.getvalue()


def _run(command: Sequence[str], given: bytes) -> bytes:
    name = command[0]
    if shutil.which(name) is None:
        raise CannotMake(f"{name} is not there: `apt-get install {name}`.")
    done = subprocess.run(command, input=given, capture_output=True, check=False)  # noqa: S603  ours
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip() or "it gave nothing"
        raise CannotMake(f"{name} failed: {said}.")
    return done.stdout


def _write_manifest(folder: Path, made: Mapping[str, Made]) -> None:
    """Write what there is, and remove files of lines that are no more."""
    raw = msgspec.json.format(msgspec.json.encode(dict(sorted(made.items()))), indent=1)
    (folder / "manifest.json").write_bytes(raw + b"\n")
    for path in folder.rglob("*.mp3"):
        if path.relative_to(folder).as_posix() not in made:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
