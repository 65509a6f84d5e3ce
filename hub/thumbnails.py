"""Thumbnails: pictures made small, with nothing left in them but what one sees.

A stranger's picture is read as what its first bytes say it is and as nothing else, in threads of
which there are few, and never larger than a phone takes it. What was made lies beside the file.
"""

import asyncio
import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from PIL import Image, ImageOps

from hub.problems import Problem
from registry.errors import NotFound
from registry.media import Glance, MediaStore, thumbnail_path

SIDE = 640
"""Pixels of the longer side, at most."""
MOST_PIXELS = 64_000_000
"""Of a picture that is opened: what phones take fits, and two at once fit in the memory."""

FORMATS = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/avif": ("AVIF",),
}
"""By what the first bytes say, the readers that may look at the rest."""

_QUALITY = 78
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="thumbnail")
"""Each may hold a whole picture: a long thread of them waits its turn."""

_BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError,
    ZeroDivisionError, MemoryError, struct.error,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
"""What Pillow raises of bytes that are not the picture they begin as."""

Image.MAX_IMAGE_PIXELS = MOST_PIXELS
# A picture between once and twice as large would only be warned of.
warnings.simplefilter("error", Image.DecompressionBombWarning)


async def thumbnail(media: MediaStore, path: str, about: Glance) -> str:
    """The path of a file's thumbnail, which is made if it is not there.

    Raises: Problem (415) for what is no picture or a broken one, NotFound, Unavailable.
    """
    formats = FORMATS.get(about.mime)
    if formats is None:
        raise Problem(
            415,
            "no_thumbnail",
            f"There is no thumbnail of {about.mime}; take the file itself.",
        )
    made = thumbnail_path(path)
    try:
        size = (await media.glance(made)).size
    except NotFound:
        work = partial(_make, media, path, formats)
        content = await asyncio.get_running_loop().run_in_executor(_threads, work)
        await media.keep(made, content)
        size = len(content)
    if size == 0:
        raise Problem(
            415,
            "broken_image",
            "The picture is broken or too large to be shown small; take the file itself.",
        )
    return made


def _make(media: MediaStore, path: str, formats: tuple[str, ...]) -> bytes:
    """The thumbnail; empty, so that it is not tried again, for a picture that cannot be read."""
    content = media.read(path)
    try:
        return smaller(content, formats)
    except _BROKEN:
        return b""


def smaller(content: bytes, formats: tuple[str, ...]) -> bytes:
    """The picture, or its first frame, upright and at most `SIDE` pixels long, as WebP.

    Raises: whatever Pillow does of a picture that is broken or too large.
    """
    with Image.open(io.BytesIO(content), formats=formats) as opened:
        # A JPEG is read at the least scale that will do, which spares most of the work.
        opened.draft("RGB", (SIDE, SIDE))
        shown = _in_colours(opened)
    shown.thumbnail((SIDE, SIDE))
    shown = _upright(shown)
    shown.info.clear()  # what came with the picture stays behind
    kept = io.BytesIO()
    shown.save(kept, "WEBP", quality=_QUALITY, method=3)
    return kept.getvalue()


def _in_colours(image: Image.Image) -> Image.Image:
    """The picture as WebP can hold it."""
    if image.mode.startswith("I"):
        # Sixteen bits of grey, as some scanners write them.
        image = image.point(lambda level: level / 256).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its camera says it was held, if what the camera wrote can be read."""
    try:
        return ImageOps.exif_transpose(image)
    except _BROKEN:
        return image
