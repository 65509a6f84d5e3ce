"""Thumbnails: small, upright, without what the camera wrote, and harmless whatever came in."""

import io
import struct
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageDraw

from hub import thumbnails
from registry.operators import Role
from tests.hub.test_api.desk import Answer, Desk
from tests.hub.test_api.test_files import download, keep
from tests.registry.samples import START

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

pytestmark = one_database


def picture(size: tuple[int, int] = (1600, 1200), mode: str = "RGB", **colours: Any) -> Image.Image:
    """A picture whose upper left corner is red, and the rest blue."""
    made = Image.new(mode, size, colours.get("ground", "blue"))
    ImageDraw.Draw(made).rectangle(
        (0, 0, size[0] // 4, size[1] // 4), fill=colours.get("corner", "red")
    )
    return made


def written(image: Image.Image, form: str, **options: Any) -> bytes:
    kept = io.BytesIO()
    image.save(kept, form, **options)
    return kept.getvalue()


async def small(desk: Desk, id_: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await desk.call("GET", f"/attachments/{id_}?thumbnail=1", headers=named)


def seen(answer: Answer) -> Image.Image:
    """The picture that was answered."""
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    shown = Image.open(io.BytesIO(answer.body), formats=("WEBP",))
    shown.load()
    return shown


def is_red(pixel: Any) -> bool:
    return bool(pixel[0] > 180 and pixel[2] < 80)


async def test_a_photo_is_made_small_and_keeps_its_proportions(desk: Desk) -> None:
    content = written(picture(), "JPEG")
    id_ = await keep(desk, content, kind="photo")

    shown = seen(await small(desk, id_))

    assert shown.size == (640, 480)
    assert is_red(shown.getpixel((20, 20)))
    assert not is_red(shown.getpixel((600, 400)))
    assert (await download(desk, id_)).body == content


async def test_a_small_picture_stays_as_large_as_it_is(desk: Desk) -> None:
    id_ = await keep(desk, written(picture((64, 48)), "PNG"), kind="photo")
    assert seen(await small(desk, id_)).size == (64, 48)


async def test_a_photo_stands_upright_and_tells_neither_its_place_nor_its_camera(
    desk: Desk,
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # held so that its left side was up
    exif[ExifTags.Base.Make] = "Camera of Aigul"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitude] = (43.0, 15.0, 20.5)
    content = written(picture(), "JPEG", exif=exif, comment=b"flat 12")
    assert b"Camera of Aigul" in content
    id_ = await keep(desk, content, kind="photo")

    answer = await small(desk, id_)

    shown = seen(answer)
    assert shown.size == (480, 640)
    assert is_red(shown.getpixel((470, 10))), "the red corner has turned to the right"
    assert not shown.getexif()
    for told in (b"Exif", b"EXIF", b"Camera of Aigul", b"flat 12", b"XMP"):
        assert told not in answer.body


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
async def test_what_a_camera_wrote_wrongly_spoils_no_photo(desk: Desk) -> None:
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\xff" * 60
    id_ = await keep(desk, written(picture(), "JPEG", exif=exif), kind="photo")
    assert seen(await small(desk, id_)).size == (640, 480)


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
async def test_of_a_moving_picture_the_first_frame_is_shown(desk: Desk, form: str) -> None:
    first, second = picture((300, 200)), Image.new("RGB", (300, 200), "green")
    moving = written(first, form, save_all=True, append_images=[second], duration=40)
    id_ = await keep(desk, moving, kind="document")

    shown = seen(await small(desk, id_))

    assert not getattr(shown, "is_animated", False)
    assert is_red(shown.getpixel((10, 10)))


async def test_a_sticker_stays_transparent_and_grey_scans_stay_grey(desk: Desk) -> None:
    clear = picture((512, 512), "RGBA", ground=(0, 0, 0, 0), corner=(255, 0, 0, 255))
    sticker = seen(await small(desk, await keep(desk, written(clear, "WEBP"), kind="sticker")))
    corner, ground = sticker.getpixel((10, 10)), sticker.getpixel((500, 500))
    assert isinstance(corner, tuple)
    assert isinstance(ground, tuple)
    assert (corner[3], ground[3]) == (255, 0)

    scan = written(Image.new("I;16", (900, 900), 0x8000), "PNG")
    grey = seen(await small(desk, await keep(desk, scan, kind="document"))).getpixel((5, 5))
    assert isinstance(grey, tuple)
    assert all(120 < level < 136 for level in grey[:3])

    printed = written(Image.new("CMYK", (900, 900), (0, 255, 255, 0)), "JPEG")
    assert is_red(seen(await small(desk, await keep(desk, printed, kind="photo"))).getpixel((5, 5)))


async def test_a_thumbnail_is_made_once_and_kept_beside_its_file(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await keep(desk, written(picture(), "PNG"), kind="photo")
    first = await small(desk, id_)
    kept = [path for path in (tmp_path / "media").rglob("*") if path.is_file()]
    assert len(kept) == 2
    assert sorted(path.name for path in kept)[1].endswith(".small.webp")

    def twice(*_: object) -> bytes:
        raise AssertionError("it was made a second time")

    monkeypatch.setattr(thumbnails, "smaller", twice)
    again = await small(desk, id_)
    assert again.body == first.body

    tag = first.headers["ETag"]
    assert tag != (await download(desk, id_)).headers["ETag"]
    assert (await small(desk, id_, If_None_Match=tag)).status == 304

    path = kept[0].relative_to(tmp_path / "media").as_posix().removesuffix(".small.webp")
    await desk.media.delete(path)
    assert not [path for path in (tmp_path / "media").rglob("*") if path.is_file()]


# --- What is no picture, or a hostile one ---------------------------------------------------------


def chunk(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is large, and whose few bytes unfold to as much."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    unfolded = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", unfolded) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bomb(60_000, 60_000), id="a bomb"),
        pytest.param(bomb(9_000, 9_000), id="a bomb that Pillow only warns of"),
        pytest.param(written(picture(), "JPEG")[:4000], id="cut short"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, id="noise behind a signature"),
        pytest.param(b"GIF89a", id="a signature alone"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"\xff\xc0" * 3000, id="markers alone"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 10, 8, 2, 0, 0, 0))
            + chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(5_000_000), 9)),
            id="a text that unfolds without end",
        ),
    ],
)
async def test_a_broken_picture_is_told_from_its_file_and_looked_at_once(
    desk: Desk, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await keep(desk, content, kind="photo")

    (await small(desk, id_)).problem(415, "broken_image")

    assert (await download(desk, id_)).body == content
    monkeypatch.setattr(thumbnails, "smaller", None)
    (await small(desk, id_)).problem(415, "broken_image")


async def test_a_picture_is_read_as_what_its_first_bytes_say(desk: Desk) -> None:
    # A TIFF, an SVG and a page: none of them is ever given to Pillow.
    for content in (
        written(picture((50, 50)), "TIFF"),
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        b"<!doctype html><script>alert(1)</script>",
        b"\x00\x00\x00\x18ftypheic" + bytes(100),
        b"%PDF-1.7",
    ):
        id_ = await keep(desk, content, kind="photo", name="photo.jpg", mime="image/jpeg")
        (await small(desk, id_)).problem(415, "no_thumbnail")


async def test_a_place_a_pending_file_and_a_lost_one_have_none(desk: Desk) -> None:
    pending = await keep(desk, b"x", kind="photo", state="pending", path=None)
    (await small(desk, pending)).problem(404, "attachment_pending")
    lost = await keep(desk, b"x", kind="photo", path="aa/bbbb")
    (await small(desk, lost)).problem(404, "attachment_lost")
    (await small(desk, "12")).problem(404, "not_found")
    (await desk.call("GET", f"/attachments/{lost}?thumbnail=perhaps")).problem(400, "invalid")


# --- Who may see it -------------------------------------------------------------------------------


async def test_a_file_of_an_appeal_that_one_may_not_see_is_not_there(desk: Desk) -> None:
    number = await desk.write_in()
    messages = (await desk.call("GET", f"/appeals/{number}")).json["messages"]
    content = written(picture((50, 50)), "PNG")
    id_ = await keep(desk, content, kind="photo", message_id=int(messages[0]["id"]))
    await desk.join("Chief", Role.SUPERVISOR)
    await desk.join("Erlan")
    assert (await desk.call("GET", f"/attachments/{id_}", token=desk.tokens["Erlan"])).status == 200

    moved = await desk.call(
        "PATCH", f"/appeals/{number}", token=desk.tokens["Chief"], json={"team": "roads"}
    )

    assert moved.status == 200
    for address in (f"/attachments/{id_}", f"/attachments/{id_}?thumbnail=1"):
        (await desk.call("GET", address, token=desk.tokens["Erlan"])).problem(404, "not_found")
        assert (await desk.call("GET", address, token=desk.tokens["Chief"])).status == 200


async def test_an_upload_that_waits_is_seen_by_who_brought_it(desk: Desk) -> None:
    await desk.join("Dana")
    await desk.join("Erlan")
    id_ = await keep(
        desk,
        written(picture((50, 50)), "PNG"),
        kind="photo",
        uploaded_by=f"operator:{desk.id_of('Dana')}",
        created_at=START + timedelta(minutes=1),
    )

    assert seen(await small(desk, id_)).size == (50, 50)
    address = f"/attachments/{id_}?thumbnail=1"
    (await desk.call("GET", address, token=desk.tokens["Erlan"])).problem(404, "not_found")
