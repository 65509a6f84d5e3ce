"""The sounds of the softphone."""

import io
import math
import wave
from array import array
from collections.abc import Sequence

from hub.web.tones import sounds

NAMES = {"incoming", "outgoing", "disconnect", *(f"dtmf{key}" for key in "0123456789sh")}
"""What the SDK plays: it would fetch from its own host what is not here."""


def samples(wav: bytes) -> tuple[int, Sequence[int]]:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), array("h", file.readframes(file.getnframes()))


def strength(frequency: float, rate: int, heard: Sequence[int]) -> float:
    """How much of a frequency there is: Goertzel's sum, for one frequency."""
    angle = 2 * math.pi * frequency / rate
    real = sum(one * math.cos(angle * at) for at, one in enumerate(heard))
    imaginary = sum(one * math.sin(angle * at) for at, one in enumerate(heard))
    return math.hypot(real, imaginary) / len(heard)


def test_there_is_a_sound_for_everything_that_the_sdk_plays() -> None:
    assert set(sounds()) == NAMES


def test_a_key_sounds_as_its_two_frequencies_and_no_other() -> None:
    rate, heard = samples(sounds()["dtmf5"])
    strong = [f for f in (697, 770, 852, 941, 1209, 1336, 1477) if strength(f, rate, heard) > 500]
    assert strong == [770, 1336]


def test_a_tone_neither_clicks_nor_hurts() -> None:
    for name, wav in sounds().items():
        _, heard = samples(wav)
        assert abs(heard[0]) < 100, name
        assert max(map(abs, heard)) < 32767 / 3, name
