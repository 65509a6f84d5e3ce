"""A photo as Telegram makes one of whatever is sent: a JPEG.

Source: https://www.w3.org/Graphics/JPEG/itu-t81.pdf (baseline JPEG)
"""

import struct
from collections.abc import Iterator

WIDTH, HEIGHT = 320, 240
_BLOCK = 8
_COLUMNS, _ROWS = WIDTH // _BLOCK, HEIGHT // _BLOCK
_DC_CODES = ("00", "010", "011", "100", "101", "110", "1110", "11110", "111110", "1111110")
"""The usual Huffman codes for how many bits a difference of brightness takes."""
_DC_COUNTS = bytes([0, 1, 5, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
_END_OF_BLOCK = "0"


def photo(seed: int = 0) -> bytes:
    """A JPEG of a road with a hole in it, which lies elsewhere for each `seed`.

    Each block of 8 x 8 pixels has one colour, so that nothing but its mean need be coded.
    """
    bits: list[str] = []
    before = [0, 0, 0]
    for colour in _scene(seed):
        for component, value in enumerate(colour):
            bits.append(_difference(value - before[component]))
            before[component] = value
    data = "".join(bits)
    data += "1" * (-len(data) % 8)
    scan = bytes(int(data[i : i + 8], 2) for i in range(0, len(data), 8))
    components = b"".join(bytes([n, 0x11, 0]) for n in (1, 2, 3))
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xDB, b"\x00" + bytes([_BLOCK] * 64)),
            _segment(0xC0, struct.pack(">BHHB", 8, HEIGHT, WIDTH, 3) + components),
            _segment(0xC4, b"\x00" + _DC_COUNTS + bytes(range(len(_DC_CODES)))),
            _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\x00"),
            _segment(0xDA, b"\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"),
            scan.replace(b"\xff", b"\xff\x00"),
            b"\xff\xd9",
        )
    )


def _scene(seed: int) -> Iterator[tuple[int, int, int]]:
    """The blocks' colours from the top left: brightness and two of colour, each about zero."""
    hole_x, hole_y = 8 + seed * 7 % 24, 18 + seed * 3 % 8
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            if (column - hole_x) ** 2 / 16 + (row - hole_y) ** 2 / 4 <= 1:
                yield -100, 0, 4
            elif row >= 13:
                yield (70 if row == 21 and column % 6 < 3 else -30 + (column + row) % 3 * 4), 0, 0
            elif row >= 10:
                yield -20, -20, -24
            else:
                yield 60 + row * 3, 30 - row, -20


def _difference(value: int) -> str:
    """A difference as its code: how many bits, then the bits; one's complement below zero."""
    size = abs(value).bit_length()
    coded = value if value >= 0 else value + (1 << size) - 1
    return _DC_CODES[size] + (f"{coded:0{size}b}" if size else "") + _END_OF_BLOCK


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
