"""Small real files for a citizen to send: a picture.

Source: https://www.w3.org/TR/png-3/
"""

import struct
import zlib

SIDE = 96
"""Pixels of either side."""


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
