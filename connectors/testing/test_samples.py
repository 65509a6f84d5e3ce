"""The files that citizens send."""

import struct
import zlib

from connectors.testing.samples import SIDE, picture, voice


def test_a_picture_is_a_whole_png_and_another_for_each_seed() -> None:
    content = picture(3)

    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (SIDE, SIDE)
    start = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[start - 4 : start])
    data = content[start + 4 : start + 4 + length]
    assert len(zlib.decompress(data)) == SIDE * (1 + 3 * SIDE)
    assert content[start + 4 + length :][:4] == struct.pack(">I", zlib.crc32(b"IDAT" + data))
    assert len({picture(seed) for seed in range(20)}) == 20


def test_a_voice_message_is_an_ogg_of_as_many_seconds() -> None:
    sound = voice(3)

    pages = [sound[i : i + 27] for i in range(len(sound)) if sound.startswith(b"OggS", i)]
    assert [page[5] for page in pages] == [2, 0, 0, 0, 4]
    assert b"OpusHead" in sound
    assert [struct.unpack("<q", page[6:14])[0] for page in pages][2:] == [48_000, 96_000, 144_000]
