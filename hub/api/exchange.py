"""Reading what a request says, strictly, and writing JSON back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from hub.keys import SETTINGS
from hub.problems import Problem
from registry.ids import parse_id

T = TypeVar("T", bound=msgspec.Struct)

PREFIX = "/api/v1"


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """The value as JSON, which no cache may keep: it speaks of people."""
    fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={**fixed, **(headers or {})},
    )


def nothing() -> web.Response:
    """It is done, and there is nothing to tell."""
    return web.Response(
        status=204, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    )


async def read_body(request: web.Request, shape: type[T]) -> T:
    """The body in its shape; an empty one stands for `{}`. Raises: Problem (400, 413, 415)."""
    raw = await _read(request, limit=request.config_dict[SETTINGS].http.max_body)
    if not raw:
        raw = b"{}"
    elif request.content_type != "application/json":
        raise Problem(
            415,
            "unsupported_media_type",
            f"The body is {request.content_type}; send application/json.",
            headers={"Accept": "application/json"},
        )
    try:
        body = msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error
    except (ValueError, RecursionError) as error:
        raise Problem(400, "malformed", "The body is no JSON that can be read.") from error
    if b"\\u0000" in raw and _has_nul(msgspec.to_builtins(body)):
        raise Problem(400, "invalid", "A text holds the character U+0000, which no text may.")
    return body


def read_query(request: web.Request, shape: type[T]) -> T:
    """The query in its shape; a key that comes twice is a list. Raises: Problem (400)."""
    return parse_query(request.query.items(), shape)


def parse_query(pairs: Iterable[tuple[str, str]], shape: type[T]) -> T:
    """The same of the names and values of a query that came otherwise. Raises: Problem (400)."""
    query: dict[str, str] = {}
    for name, value in pairs:
        query[name] = f"{query[name]},{value}" if name in query else value
    if any("\x00" in value for value in query.values()):
        raise Problem(400, "invalid", "The query holds the character U+0000, which no text may.")
    try:
        return msgspec.convert(query, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from error


def number_of(request: web.Request) -> str:
    """The appeal number in the address. Raises: Problem (404)."""
    number = request.match_info["number"]
    if not _NUMBER.fullmatch(number):
        raise Problem(404, "not_found", f"There is no appeal {number}.")
    return number


def id_of(request: web.Request, what: str) -> int:
    """The id in the address. Raises: Problem (404)."""
    text = request.match_info["id"]
    id_ = parse_id(text)
    if id_ is None:
        raise Problem(404, "not_found", f"There is no {what} {text}.")
    return id_


def upload_ids(named: Sequence[str]) -> tuple[int, ...]:
    """The ids of uploads that a body names. Raises: Problem (400)."""
    ids = []
    for text in named:
        id_ = parse_id(text)
        if id_ is None:
            raise invalid("attachments", f"there is no upload {text}.")
        ids.append(id_)
    return tuple(ids)


def attachment_url(id_: str) -> str:
    """Where the file of an attachment can be had."""
    return f"{PREFIX}/attachments/{id_}"


def invalid(field: str, detail: str) -> Problem:
    """A field whose value cannot be meant."""
    return Problem(400, "invalid", f"{field}: {detail}", pointer=f"/{field}")


_NUMBER = re.compile(r"[A-Z]{2,5}-\d{4}-\d{7,12}", re.ASCII)
_PLACE = re.compile(r"(.*?)(?: - at `(?:key in )?\$(.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def _invalid(error: msgspec.ValidationError) -> Problem:
    found = _PLACE.fullmatch(str(error))
    assert found is not None  # the pattern matches any text
    what, place = found[1], found[2] or ""
    unknown = _UNKNOWN.fullmatch(what)
    if unknown:
        place, what = f"{place}.{unknown[1]}", "there is no such field"
    pointer = re.sub(r"\.|\[(\d+|\.\.\.)\]", lambda m: f"/{m[1]}" if m[1] else "/", place)
    where = place.removeprefix(".")
    detail = f"{where}: {what}." if where else f"{what}."
    return Problem(400, "invalid", detail, pointer=pointer)


async def _read(request: web.Request, *, limit: int) -> bytes:
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > limit:
            raise Problem(413, "too_large", f"The body is larger than {limit} bytes.", limit=limit)
        parts.append(part)
    return b"".join(parts)


def _has_nul(value: Any) -> bool:
    match value:
        case str():
            return "\x00" in value
        case list():
            return any(map(_has_nul, value))
        case dict():
            return any(map(_has_nul, (*value, *value.values())))
        case _:
            return False
