"""The music for those who wait, made from sines: a slow, quiet loop that belongs to nobody.

All of it lies between 200 and 3000 Hz, which is what a telephone carries, and it ends as softly as
it begins, so that it can be played again and again.
"""

import math
import struct
from collections.abc import Iterator

RATE = 16_000
"""Samples a second."""
BAR = 3.0
"""Seconds of a chord."""
LOUDNESS = 0.30
"""Of what a sample can hold: under a voice's, so that speech stands out."""

_CHORDS = (
    (60, 64, 67, 71), (57, 60, 64, 67), (53, 57, 60, 64), (55, 59, 62, 65),
    (60, 64, 67, 71), (64, 67, 71, 74), (57, 60, 64, 67), (55, 59, 62, 69),
    (53, 57, 60, 64), (55, 59, 62, 67), (57, 60, 64, 71), (52, 59, 64, 67),
    (53, 57, 60, 64), (57, 60, 64, 69), (55, 60, 62, 65), (60, 64, 67, 72),
)  # fmt: skip
"""Notes by their numbers, of which 69 is the A of 440 Hz: C major, and back to it."""
_PLUCKED = (0, 2, 1, 3, 2, 1)
"""Which note of its chord is struck at each half second of a bar."""


def music() -> bytes:
    """The loop as 16-bit samples, the lower byte first, 48 seconds long."""
    mixed = [0.0] * int(RATE * BAR * len(_CHORDS))
    for start, sound in _sounds():
        for offset, value in enumerate(sound):
            # What rings on past the end is heard at the beginning of the next round.
            mixed[(start + offset) % len(mixed)] += value
    loudest = max(map(abs, mixed))
    samples = (round(32767 * LOUDNESS * value / loudest) for value in mixed)
    return struct.pack(f"<{len(mixed)}h", *samples)


def _sounds() -> Iterator[tuple[int, list[float]]]:
    """Each sound, and the sample at which it begins."""
    for bar, chord in enumerate(_CHORDS):
        begins = bar * BAR
        for note in chord:
            yield int(begins * RATE), _held(_hertz(note))
        for step, which in enumerate(_PLUCKED):
            at = begins + step * BAR / len(_PLUCKED)
            yield int(at * RATE), _struck(_hertz(chord[which] + 12))


def _hertz(note: int) -> float:
    return 440.0 * 2 ** ((note - 69) / 12)


def _held(hertz: float) -> list[float]:
    """A soft tone that swells and fades, with another a little beside it."""
    length = int(RATE * BAR * 1.3)
    turn = 2 * math.pi / RATE
    return [
        0.25
        * math.sin(math.pi * i / length) ** 2
        * (math.sin(turn * hertz * i) + math.sin(turn * hertz * 1.003 * i))
        for i in range(length)
    ]


def _struck(hertz: float) -> list[float]:
    """A tone like a music box's, which dies away."""
    length = int(RATE * 1.4)
    turn = 2 * math.pi / RATE
    return [
        0.35
        * min(i / (RATE * 0.008), 1.0)
        * math.exp(-4.0 * i / RATE)
        * (math.sin(turn * hertz * i) + 0.3 * math.sin(turn * 2 * hertz * i))
        for i in range(length)
    ]
