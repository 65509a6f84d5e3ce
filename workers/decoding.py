"""Sounds as machines that listen want them: 16 000 samples a second, one channel, 16 bits."""

from collections.abc import Iterator

import miniaudio

RATE = 16_000
"""Samples a second."""
FRAMES = RATE // 2
"""Samples of a piece: half a second."""


class NotASound(Exception):
    """The bytes are no sound that can be read."""


def decoded(sound: bytes) -> Iterator[bytes]:
    """Pieces of an MP3, a WAV, a FLAC or an Ogg Vorbis, little-endian. Raises: NotASound."""
    try:
        stream = miniaudio.stream_memory(
            sound,
            output_format=miniaudio.SampleFormat.SIGNED16,
            nchannels=1,
            sample_rate=RATE,
            frames_to_read=FRAMES,
        )
        for piece in stream:
            yield piece.tobytes()
    except miniaudio.MiniaudioError as error:
        raise NotASound("This is no sound that can be read.") from error
