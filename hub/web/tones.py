"""The sounds of the softphone, made of sine waves: its ringing, the tones of its keys.

The provider's own would come from the provider's host.
"""

import io
import math
import wave
from array import array
from collections.abc import Iterable, Mapping, Sequence

_RATE = 8000
"""Samples a second, as a telephone has."""
_LOUD = 0.22
_EDGE = 0.006
"""Seconds in which a tone swells and fades: cut off sharply it would click."""

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
_KEYS = ("123", "456", "789", "s0h")
"""By what the SDK calls them: "s" is the star, "h" the hash. Frequencies: ITU-T Q.23."""

_Part = tuple[Sequence[float], float]
"""Frequencies in hertz that sound together, none for a silence; and for how many seconds."""


def sounds() -> Mapping[str, bytes]:
    """Every sound as a WAV, by the name that the SDK has for it."""
    made = {
        "incoming": _wav([((784, 988), 0.18), ((), 0.06), ((784, 1175), 0.34), ((), 1.92)]),
        "outgoing": _wav([((425,), 0.4)]),
        "disconnect": _wav([((480,), 0.12), ((), 0.05), ((380,), 0.16)]),
    }
    for row, keys in zip(_ROWS, _KEYS, strict=True):
        for column, key in zip(_COLUMNS, keys, strict=True):
            made[f"dtmf{key}"] = _wav([((row, column), 0.12)])
    return made


def _wav(parts: Iterable[_Part]) -> bytes:
    samples = array("h")
    for frequencies, seconds in parts:
        samples.extend(_tone(frequencies, seconds))
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(samples.itemsize)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())
    return written.getvalue()


def _tone(frequencies: Sequence[float], seconds: float) -> Iterable[int]:
    length = round(seconds * _RATE)
    if not frequencies:
        return [0] * length
    peak = 32767 * _LOUD / len(frequencies)
    edge = _EDGE * _RATE
    return [
        round(
            peak
            * min(1.0, at / edge, (length - at) / edge)
            * sum(math.sin(2 * math.pi * frequency * at / _RATE) for frequency in frequencies)
        )
        for at in range(length)
    ]
