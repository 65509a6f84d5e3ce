"""What a sound file is and how long it lasts, and silence to stand for a recording.

Source: https://www.twilio.com/docs/voice/twiml/play (the types that Twilio plays)
"""

import io
import wave

TYPES = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
    "audio/aiff": "aiff",
    "audio/x-aifc": "aiff",
    "audio/x-aiff": "aiff",
    "audio/x-gsm": "raw",
    "audio/gsm": "raw",
    "audio/ulaw": "raw",
    "audio/basic": "raw",
}
"""Content types that Twilio plays."""
RATE = 8000
"""Samples a second on the telephone."""

_SILENT_FRAME = b"\xff\xf3\x10\xc4" + bytes(22)
"""MPEG-2 layer III, 8 kbit/s, 22 050 samples a second, one channel."""
_FRAME_SECONDS = 576 / 22_050
_BITRATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
"""kbit/s of layer III by the version's bits: 3 is MPEG-1, 2 and 0 (as 2) are MPEG-2 and 2.5."""
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def seconds(content: bytes, mime: str) -> float | None:
    """How long a file lasts; None when it is not what its type says."""
    match TYPES.get(mime):
        case "mp3":
            return _mp3_seconds(content)
        case "wav":
            return _wav_seconds(content)
        case "aiff":
            good = content[:4] == b"FORM" and content[8:12] in {b"AIFF", b"AIFC"}
            return len(content) / (2 * RATE) if good else None
        case "raw":
            return len(content) / RATE if content else None
        case _:
            return None


def silent_wav(duration: float) -> bytes:
    """So many seconds of nothing."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes(b"\x80" * round(duration * RATE))
    return written.getvalue()


def silent_mp3(duration: float) -> bytes:
    """So many seconds of nothing, in little room."""
    return _SILENT_FRAME * max(1, round(duration / _FRAME_SECONDS))


def _wav_seconds(content: bytes) -> float | None:
    """By the header's bytes a second, which every encoding has."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    at, per_second = 12, 0
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"fmt ":
            per_second = int.from_bytes(content[at + 16 : at + 20], "little")
        elif name == b"data":
            size = min(size, len(content) - at - 8)
            return size / per_second if per_second and size else None
        at += 8 + size + size % 2
    return None


def _mp3_seconds(content: bytes) -> float | None:
    at = 0
    if content[:3] == b"ID3":
        size = 0
        for byte in content[6:10]:
            size = size << 7 | byte & 0x7F
        at = 10 + size
    total = 0.0
    while (frame := _frame(content[at : at + 4])) is not None:
        size, duration = frame
        at += size
        total += duration
    return total or None


def _frame(header: bytes) -> tuple[int, float] | None:
    """Bytes and seconds of a frame; None where there is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version = header[1] >> 3 & 3
    rates = _RATES.get(version)
    bitrate = _BITRATES[3 if version == 3 else 2][header[2] >> 4] * 1000
    if rates is None or not bitrate or (header[2] >> 2 & 3) == 3:
        return None
    rate, samples = rates[header[2] >> 2 & 3], 1152 if version == 3 else 576
    return samples // 8 * bitrate // rate + (header[2] >> 1 & 1), samples / rate
