"""How long a sound lasts, told from its own bytes: MP3 frame by frame, WAV by its headers.

Whatever cannot be played to a caller is refused here, before somebody hears silence.
Source: https://www.twilio.com/docs/voice/twiml/play (types), ISO 11172-3 and 13818-3 (frames).
"""

import struct

from registry.errors import RegistryError

TYPES = {"audio/mpeg": "mp3", "audio/wav": "wav"}
"""What is taken, and how its addresses end."""


class NotASound(RegistryError):
    """The file is no sound that can be played on the telephone."""

    def __init__(self) -> None:
        super().__init__("The file is no MP3 or WAV that the telephone can play; convert it first.")


class SoundTooLong(RegistryError):
    """The sound lasts longer than its line may."""

    def __init__(self, seconds: float, limit: int) -> None:
        super().__init__(f"The sound lasts {seconds:.0f} seconds; at most {limit} are taken.")
        self.seconds = round(seconds)
        self.limit = limit


def seconds_of(content: bytes, mime: str) -> float:
    """How long it plays. Raises: NotASound."""
    seconds = _mp3(content) if mime == "audio/mpeg" else _wav(content) if mime in TYPES else 0.0
    if seconds <= 0:
        raise NotASound
    return seconds


# --- MP3 ------------------------------------------------------------------------------------------

_BITRATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second, of MPEG 1 and of its younger sisters for lower rates."""
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Hertz, by the version's two bits."""
_MOST_RUBBISH = 4096
"""Bytes that may stand before, between and after the frames: tags, and what is padded."""


def _mp3(content: bytes) -> float:
    place, seconds, rubbish = _after_tag(content), 0.0, 0
    end = len(content) - (128 if content[-128:-125] == b"TAG" else 0)
    while place + 4 <= end:
        frame = _frame(content, place)
        if frame is None:
            place, rubbish = place + 1, rubbish + 1
            if rubbish > _MOST_RUBBISH:
                raise NotASound
            continue
        length, lasts = frame
        if place + length > end:
            break  # cut off: it is not played
        place, seconds = place + length, seconds + lasts
    return seconds


def _after_tag(content: bytes) -> int:
    """Where what stands behind an ID3v2 tag begins; its length has seven bits a byte."""
    if content[:3] != b"ID3" or len(content) < 10:
        return 0
    a, b, c, d = (byte & 0x7F for byte in content[6:10])
    return 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if content[5] & 0x10 else 0)


def _frame(content: bytes, place: int) -> tuple[int, float] | None:
    """Its length in bytes and seconds; None where none begins."""
    if content[place] != 0xFF or content[place + 1] & 0xE6 != 0xE2:
        return None
    version = content[place + 1] >> 3 & 3
    bitrate, rate = content[place + 2] >> 4, content[place + 2] >> 2 & 3
    if version == 1 or bitrate in {0, 15} or rate == 3:
        return None
    first = version == 3
    hertz = _RATES[version][rate]
    samples = 1152 if first else 576
    padding = content[place + 2] >> 1 & 1
    length = samples // 8 * _BITRATES[first][bitrate] * 1000 // hertz + padding
    return length, samples / hertz


# --- WAV ------------------------------------------------------------------------------------------

_PLAYED = {1: (8, 16), 6: (8,), 7: (8,)}
"""Bits by the format's number: plain samples, and the telephone's own A-law and μ-law."""


def _wav(content: bytes) -> float:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise NotASound
    place, bytes_a_second = 12, 0
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if name == b"fmt " and size >= 16 and place + 16 <= len(content):
            kind, channels, hertz, _, _, bits = struct.unpack_from("<HHIIHH", content, place)
            if bits not in _PLAYED.get(kind, ()) or not 1 <= channels <= 2:
                raise NotASound
            bytes_a_second = hertz * channels * bits // 8
        elif name == b"data":
            # A program that wrote to a pipe did not know the size.
            played = min(size, len(content) - place)
            return played / bytes_a_second if bytes_a_second else 0.0
        place += size + size % 2
    return 0.0
