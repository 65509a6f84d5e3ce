"""The sounds that come with the hub say what their lines say, and can be played."""

import io
import shutil
import wave
from pathlib import Path

import msgspec
import pytest

from hub.prompts import main, words_by_file
from registry.calls.delivered_sounds import FOLDER, Made, digest, manifest
from registry.calls.prompt_changes import MAX_MUSIC_SECONDS, MAX_SECONDS
from registry.calls.sound_length import NotASound, seconds_of
from registry.media import sniff

MOST_BYTES = 1_500_000
"""Of all of them: they are in every wheel."""


def recording(seconds: float = 1.0, *, hertz: int = 8000, width: int = 2) -> bytes:
    """A WAV of silence."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(hertz)
        file.writeframes(b"\0" * int(seconds * hertz) * width)
    return written.getvalue()


def mp3(frames: int, header: str = "fff338c4", size: int = 108) -> bytes:
    """An MP3 of MPEG 2 with 24 kbit/s and 16 kHz: 36 milliseconds a frame."""
    return (bytes.fromhex(header) + b"\0" * (size - 4)) * frames


def test_every_kazakh_line_has_a_file_that_was_made_from_its_words() -> None:
    wanted = words_by_file()
    assert set(manifest()) == set(wanted), "run `make prompts`"
    other = [name for name, words in wanted.items() if manifest()[name].words != digest(words)]
    assert not other, "these say something else than their lines: run `make prompts`"


def test_every_file_is_the_one_that_was_made_and_is_short_enough() -> None:
    there = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*.mp3")}
    assert set(there) == set(manifest())
    assert sum(path.stat().st_size for path in there.values()) < MOST_BYTES
    for name, path in there.items():
        content = path.read_bytes()
        assert digest(content) == manifest()[name].version, name
        seconds = seconds_of(content, sniff(content[:64]))
        if name == "any/music.mp3":
            assert 30 < seconds < 60 < MAX_MUSIC_SECONDS
        else:
            assert 0.5 < seconds < 20 < MAX_SECONDS, name


def test_the_command_names_what_says_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(FOLDER, tmp_path / "sounds")
    assert main(["--check"], folder=tmp_path / "sounds") == 0
    made = dict(manifest()) | {"kk/goodbye.mp3": Made(words="other", version="other")}
    (tmp_path / "sounds" / "manifest.json").write_bytes(msgspec.json.encode(made))
    assert main(["--check"], folder=tmp_path / "sounds") == 1
    assert capsys.readouterr().out == "kk/goodbye.mp3 does not say what its line says.\n"


def test_the_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([], folder=tmp_path / "sounds") == 1
    assert capsys.readouterr().err == "espeak-ng is not there: `apt-get install espeak-ng`.\n"


# --- Lengths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2])
def test_a_wav_lasts_as_long_as_its_samples(width: int) -> None:
    assert seconds_of(recording(2.5, width=width), "audio/wav") == pytest.approx(2.5)


def test_a_wav_that_went_through_a_pipe_lasts_as_long_as_what_is_there() -> None:
    whole = bytearray(recording(2.0))
    whole[40:44] = b"\xff\xff\xff\x7f"
    assert seconds_of(bytes(whole), "audio/wav") == pytest.approx(2.0)


def test_the_telephones_own_laws_are_taken() -> None:
    whole = bytearray(recording(2.0, width=1))
    whole[20:22] = b"\x07\x00"
    assert seconds_of(bytes(whole), "audio/wav") == pytest.approx(2.0)


def test_an_mp3_lasts_as_long_as_its_frames() -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + b"\xff\xf3" * 64
    assert seconds_of(mp3(100), "audio/mpeg") == pytest.approx(3.6)
    assert seconds_of(tag + mp3(100) + b"TAG" + b"\0" * 125, "audio/mpeg") == pytest.approx(3.6)
    assert seconds_of(mp3(100)[:-50], "audio/mpeg") == pytest.approx(3.564)
    of_music = mp3(100, "fffb9064", 417)  # MPEG 1, 128 kbit/s, 44.1 kHz
    assert seconds_of(of_music, "audio/mpeg") == pytest.approx(2.612, abs=0.001)


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (b"", "audio/mpeg"),
        (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\0" * 100, "audio/mpeg"),
        (b"\xff\xfb" + b"<script>" * 2000, "audio/mpeg"),
        (mp3(1)[:40], "audio/mpeg"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (recording(0), "audio/wav"),
        (recording(1, width=4), "audio/wav"),
        (recording(1).replace(b"data", b"LIST"), "audio/wav"),
        (recording(1).replace(b"fmt ", b"nofm"), "audio/wav"),
        (b"%PDF-1.7", "application/pdf"),
    ],
)
def test_what_cannot_be_played_is_no_sound(content: bytes, mime: str) -> None:
    with pytest.raises(NotASound):
        seconds_of(content, mime)
