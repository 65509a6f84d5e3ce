"""Small real files for a citizen to send: a picture, a voice message.

Sources: https://www.w3.org/TR/png-3/, https://www.rfc-editor.org/rfc/rfc3533 and
https://www.rfc-editor.org/rfc/rfc7845 (Opus in Ogg).
"""

import struct
import zlib

SIDE = 96
"""Pixels of either side of a picture."""


def picture(seed: int = 0) -> bytes:
    """A PNG of a road with a hole in it, which lies elsewhere for each `seed`."""
    hole = 16 + seed * 11 % (SIDE - 32)
    rows = b"".join(b"\x00" + _row(number, hole) for number in range(SIDE))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", head),
            _chunk(b"IDAT", zlib.compress(rows)),
            _chunk(b"IEND", b""),
        )
    )


def voice(seconds: int = 2) -> bytes:
    """An Ogg file with that much silence in Opus, as a voice message is."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)
    vendor = b"tereze"
    tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
    pages = [
        _page([head], kind=2, number=0, position=0),
        _page([tags], kind=0, number=1, position=0),
    ]
    frames_a_second = 50
    pages.extend(
        _page(
            [b"\xf8\xff\xfe"] * frames_a_second,
            kind=4 if second == seconds - 1 else 0,
            number=second + 2,
            position=(second + 1) * 48_000,
        )
        for second in range(seconds)
    )
    return b"".join(pages)


def _row(number: int, hole: int) -> bytes:
    sky, road, dark = b"\x9d\xb8\xd0", b"\x6b\x6b\x70", b"\x24\x22\x22"
    if number < SIDE // 3:
        return sky * SIDE
    wide = 12 - abs(number - 2 * SIDE // 3)
    if wide <= 0:
        return road * SIDE
    return road * (hole - wide) + dark * 2 * wide + road * (SIDE - hole - wide)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def _page(packets: list[bytes], *, kind: int, number: int, position: int) -> bytes:
    """One Ogg page; `kind` is 2 for the first and 4 for the last, `position` counts samples."""
    lacing = bytes(len(packet) for packet in packets)
    header = b"OggS" + struct.pack("<BBqIIIB", 0, kind, position, 1, number, 0, len(lacing))
    page = header + lacing + b"".join(packets)
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(page: bytes) -> int:
    """Ogg's own CRC-32, which starts from zero and mirrors nothing."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
