"""X's stand-in for files: what is handed over in pieces, and what it keeps of citizens'.

Source: https://docs.x.com/x-api/media/quickstart/media-upload-chunked,
https://docs.x.com/x-api/media/quickstart/best-practices
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.testing.sandbox import Call, Upload
from connectors.twitter.problems import forbidden, invalid, not_found

MB = 1024 * 1024
MOST = {"image": 5 * MB, "gif": 15 * MB, "video": 512 * MB}
"""Bytes, by the second half of a category."""
PIECE = 5 * MB
TYPES = {
    "image": {"image/jpeg", "image/png", "image/webp", "image/gif"},
    "gif": {"image/gif"},
    "video": {"video/mp4", "video/quicktime"},
}


@dataclass(slots=True, kw_only=True)
class Held:
    """A file of ours that X has, or is being given."""

    id: str
    category: str
    mime: str
    total: int
    pieces: dict[int, bytes] = field(default_factory=dict)
    state: str | None = None
    """None until it is whole, then `pending` and at last `succeeded` or `failed`."""
    asked: int = 0

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces[number] for number in sorted(self.pieces))


class UploadDesk:
    """Files handed over by the account.

    `polls` is how often the state of a video is asked until it is processed, `broken` makes X
    find every video unusable.
    """

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.polls = 1
        self.check_after = 0
        self.broken = False

    def initialize(self, call: Call, media_id: str) -> Mapping[str, Any]:
        data = call.data if isinstance(call.data, dict) else {}
        unknown = data.keys() - {"media_type", "total_bytes", "media_category", "shared"}
        if unknown:
            raise invalid(f"[{', '.join(sorted(unknown))}] is not one of the allowed fields")
        mime, total = data.get("media_type"), data.get("total_bytes")
        category = data.get("media_category", "tweet_image")
        if not isinstance(mime, str) or not isinstance(total, int) or total <= 0:
            raise invalid("media_type and total_bytes are required")
        owner, _, kind = str(category).partition("_")
        if owner not in {"tweet", "dm"} or kind not in TYPES:
            raise invalid(f"media_category [{category}] is not one of the allowed values")
        if mime not in TYPES[kind]:
            raise invalid(f"media_type [{mime}] does not match media_category [{category}]")
        if total > MOST[kind]:
            raise invalid(f"File size exceeds {MOST[kind]} bytes.")
        self.held[media_id] = Held(id=media_id, category=category, mime=mime, total=total)
        return {"data": {"id": media_id, "media_key": _key(kind, media_id), **_EXPIRES}}

    def append(self, call: Call) -> Mapping[str, Any]:
        held = self._held(call.params["id"])
        form = call.data
        piece = form.get("media") if form is not None else None
        number = form.get("segment_index", "") if form is not None else ""
        if not isinstance(piece, Upload) or not isinstance(number, str) or not number.isdecimal():
            raise invalid("segment_index and media are required")
        if not 0 <= int(number) <= 999 or len(piece.content) > PIECE:
            raise invalid("segment_index or the size of the segment is out of range")
        if held.state is not None:
            raise invalid("The upload is finalized already.")
        held.pieces[int(number)] = piece.content
        return {"data": {"expires_at": 1_900_000_000}}

    def finalize(self, call: Call) -> Mapping[str, Any]:
        held = self._held(call.params["id"])
        if sorted(held.pieces) != list(range(len(held.pieces))):
            raise invalid("Segments do not add up to provided total file size.")
        if len(held.content) != held.total:
            raise invalid("Segments do not add up to provided total file size.")
        slow = held.category.endswith(("_video", "_gif"))
        held.state = "pending" if slow else "succeeded"
        data: dict[str, Any] = {"id": held.id, "size": held.total, **_EXPIRES}
        if slow:
            data["processing_info"] = self._info(held)
        return {"data": data}

    def status(self, call: Call) -> Mapping[str, Any]:
        if call.query.get("command", "STATUS") != "STATUS":
            raise invalid("command [STATUS] is expected")
        held = self._held(call.query.get("media_id", ""))
        if held.state is None:
            raise not_found("media", held.id)
        held.asked += 1
        if held.state == "pending" and held.asked >= self.polls:
            held.state = "failed" if self.broken else "succeeded"
        return {"data": {"id": held.id, "processing_info": self._info(held), **_EXPIRES}}

    def usable(self, ids: object, *, owner: str, most: int) -> tuple[str, ...]:
        """The files of a message, if X lets it carry them. Raises: Refused."""
        if not isinstance(ids, list) or not 1 <= len(ids) <= most:
            raise invalid(f"media_ids must hold 1 to {most} items")
        found = [self.held.get(str(one)) for one in ids]
        for held in found:
            if held is None or held.state != "succeeded":
                raise invalid("Your media IDs are invalid.")
            if not held.category.startswith(f"{owner}_"):
                raise forbidden("You are not permitted to use this media category here.")
        kinds = {held.category.partition("_")[2] for held in found if held is not None}
        if len(found) > 1 and kinds != {"image"}:
            raise invalid("Cannot attach more than one video or GIF, or mix them with photos.")
        return tuple(str(one) for one in ids)

    def _held(self, media_id: str) -> Held:
        held = self.held.get(media_id)
        if held is None:
            raise not_found("media", media_id)
        return held

    def _info(self, held: Held) -> dict[str, Any]:
        if held.state == "pending":
            return {"state": "pending", "check_after_secs": self.check_after}
        if held.state == "failed":
            error = {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format."}
            return {"state": "failed", "error": error}
        return {"state": "succeeded", "progress_percent": 100}


_EXPIRES = {"expires_after_secs": 86_400}
_NUMBERS = {"image": 3, "gif": 16, "video": 7}


def _key(kind: str, media_id: str) -> str:
    return f"{_NUMBERS[kind]}_{media_id}"
