"""Vosk: what stops the start, how sounds reach it, and what becomes of its answers.

The models are hundreds of megabytes and not here: in their place stands a recogniser that tells
what it was fed. That the real library reads no model from an empty folder is shown with it.
"""

import array
import io
import json
import math
import threading
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from hub.app import CannotStart, open_hub
from registry.calls.delivered_sounds import delivered_sound
from tests.hub.conftest import SECRET_KEY
from workers.decoding import FRAMES, RATE, NotASound, decoded
from workers.transcribing import Unheard
from workers.vosk_transcriber import NoTranscripts, Vosk


def tone(seconds: float, *, hertz: int = 8000, channels: int = 1) -> bytes:
    """A WAV of 440 Hz."""
    samples = array.array("h")
    for n in range(int(seconds * hertz)):
        samples.extend([int(20_000 * math.sin(2 * math.pi * 440 * n / hertz))] * channels)
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(hertz)
        file.writeframes(samples.tobytes())
    return written.getvalue()


def model(folder: Path) -> Path:
    """A folder that looks like a model."""
    (folder / "am").mkdir(parents=True)
    (folder / "am" / "final.mdl").write_bytes(b"")
    return folder


class Recognizer:
    """Ends a sentence every second, and says how many bytes it had by then."""

    def __init__(self, model: Any, rate: float) -> None:
        assert rate == RATE
        self.model = model
        self.heard = 0
        self.told = 0

    def AcceptWaveform(self, piece: bytes) -> bool:  # noqa: N802  (Vosk's)
        assert len(piece) <= 2 * FRAMES
        self.heard += len(piece)
        return self.heard - self.told >= 2 * RATE

    def Result(self) -> str:  # noqa: N802
        self.told = self.heard
        return json.dumps({"text": f"{self.model} {self.heard}"})

    def FinalResult(self) -> str:  # noqa: N802
        return json.dumps({"text": ""})


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were loaded, none of them real."""
    paths: list[str] = []

    def load(path: str) -> str:
        paths.append(path)
        return Path(path).name

    monkeypatch.setattr("vosk.Model", load)
    monkeypatch.setattr("vosk.KaldiRecognizer", Recognizer)
    return paths


# --- Sounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hertz", "channels"), [(8000, 1), (44_100, 2), (16_000, 1)])
def test_every_sound_becomes_one_channel_of_sixteen_thousand_samples(
    hertz: int, channels: int
) -> None:
    pieces = list(decoded(tone(1.25, hertz=hertz, channels=channels)))
    assert max(map(len, pieces)) <= 2 * FRAMES
    samples = array.array("h", b"".join(pieces))
    assert len(samples) == pytest.approx(1.25 * RATE, rel=0.01)
    assert max(samples) == pytest.approx(20_000, rel=0.1)
    crossings = sum(a < 0 <= b for a, b in pairwise(samples))
    assert crossings == pytest.approx(1.25 * 440, rel=0.02)


def test_an_mp3_as_the_telephone_has_them_is_read() -> None:
    samples = array.array("h", b"".join(decoded(delivered_sound("welcome", "kk"))))
    assert len(samples) > RATE / 2
    assert max(samples) > 1000


@pytest.mark.parametrize("sound", [b"", b"ID3", b"RIFF\0\0\0\0WAVE", b"<html>no sound</html>"])
def test_what_is_no_sound_is_said_to_be_none(sound: bytes) -> None:
    with pytest.raises(NotASound):
        list(decoded(sound))


# --- What is understood ---------------------------------------------------------------------------


def test_each_pause_ends_a_line_and_each_language_has_its_model_loaded_once(
    tmp_path: Path, loaded: list[str]
) -> None:
    vosk = Vosk({"kk": model(tmp_path / "qazaq"), "ru": model(tmp_path / "russian")})
    assert loaded == []
    for _ in range(2):
        text = vosk.transcribe(tone(2.5), language="kk", stop=threading.Event())
        assert text == "qazaq 32000\nqazaq 64000"
    assert loaded == [str(tmp_path / "qazaq")]


def test_a_language_without_a_model_and_a_broken_sound_are_not_pretended_to_be_understood(
    tmp_path: Path, loaded: list[str]
) -> None:
    vosk = Vosk({"kk": model(tmp_path / "qazaq")})
    with pytest.raises(Unheard, match=r"transcripts\.ru"):
        vosk.transcribe(tone(1), language="ru", stop=threading.Event())
    with pytest.raises(Unheard, match="no sound"):
        vosk.transcribe(b"<html>", language="kk", stop=threading.Event())
    assert loaded == [str(tmp_path / "qazaq")]


def test_it_leaves_off_when_the_hub_stops(tmp_path: Path, loaded: list[str]) -> None:
    stop = threading.Event()
    stop.set()
    vosk = Vosk({"kk": model(tmp_path / "qazaq")})
    assert vosk.transcribe(tone(3), language="kk", stop=stop) is None
    assert len(loaded) == 1


def test_the_real_library_reads_no_model_from_a_folder_that_only_looks_like_one(
    tmp_path: Path,
) -> None:
    vosk = Vosk({"kk": model(tmp_path / "qazaq")})
    with pytest.raises(Exception, match="Failed to create a model"):
        vosk.transcribe(tone(1), language="kk", stop=threading.Event())


# --- The start ------------------------------------------------------------------------------------


def test_a_folder_without_a_model_stops_the_start_and_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(NoTranscripts, match=r"^transcripts\.kk: In .* there is no model of Vosk"):
        Vosk({"kk": tmp_path})


@pytest.mark.parametrize("package", ["vosk", "miniaudio"])
def test_a_missing_package_stops_the_start_and_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(
        "workers.vosk_transcriber.find_spec", lambda name: None if name == package else name
    )
    with pytest.raises(NoTranscripts, match=rf"{package} is not installed.*tereze\[transcripts\]"):
        Vosk({"kk": model(tmp_path / "qazaq")})


async def test_a_hub_does_not_start_with_a_model_that_is_not_there(tmp_path: Path) -> None:
    wanted = {"secret_key": SECRET_KEY, "folder": tmp_path, "transcripts": {"ru": "models/ru"}}
    with pytest.raises(CannotStart, match=r"transcripts\.ru: In .*models/ru there is no model"):
        async with open_hub(Settings.model_validate(wanted)):
            pass


async def test_without_a_model_nothing_listens(tmp_path: Path) -> None:
    settings = Settings.model_validate({"secret_key": SECRET_KEY, "folder": tmp_path})
    async with open_hub(settings) as hub:
        assert hub.transcriber is None
