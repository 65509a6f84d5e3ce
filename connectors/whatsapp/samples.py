"""Small real files for a citizen to send.

Sources: https://www.w3.org/TR/png-3/, https://www.rfc-editor.org/rfc/rfc3533 and
https://www.rfc-editor.org/rfc/rfc7845 (Opus in Ogg).
"""

import struct
import zlib

WIDTH, HEIGHT = 160, 120


def picture(seed: int = 0) -> bytes:
    """A PNG of a grey road with a hole in it, which lies elsewhere for each `seed`."""
    hole_x, hole_y = 30 + seed * 37 % 100, 60 + seed * 13 % 40
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(0)  # no filter
        for x in range(WIDTH):
            hole = (x - hole_x) ** 2 / 400 + (y - hole_y) ** 2 / 100 <= 1
            rows.append(30 if hole else 200 if y < 40 else 120)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(bytes(rows))),
            _chunk(b"IEND", b""),
        )
    )


def voice(seconds: int = 2) -> bytes:
    """An Ogg file with that much silence in Opus, as a voice message is."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 6) + b"tereze" + struct.pack("<I", 0)
    pages = [_page([head], 2, 0, 0), _page([tags], 0, 1, 0)]
    for second in range(seconds):
        last = 4 if second == seconds - 1 else 0
        pages.append(_page([b"\xf8\xff\xfe"] * 50, last, second + 2, (second + 1) * 48_000))
    return b"".join(pages)


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return (
        struct.pack(">I", len(payload))
        + kind
        + payload
        + struct.pack(">I", zlib.crc32(kind + payload))
    )


def _page(packets: list[bytes], kind: int, number: int, position: int) -> bytes:
    header = b"OggS" + struct.pack("<BBqIIIB", 0, kind, position, 1, number, 0, len(packets))
    page = header + bytes(map(len, packets)) + b"".join(packets)
    return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]


def _checksum(page: bytes) -> int:
    """Ogg's own CRC-32, which starts from zero and mirrors nothing."""
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
