"""The buried: deliveries that could not be registered, and another try at them."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import id_of, invalid, json_response, read_query
from hub.api.keys import PRINCIPAL, REPLAY
from hub.keys import DATABASE
from hub.problems import Problem
from registry import models
from registry.burial import get_buried, list_buried
from registry.ids import parse_id
from registry.inbox import DEFAULT_LIMIT, MAX_LIMIT

log = structlog.get_logger(__name__)


class BuriedQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """What `GET buried` may be asked."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Meta(description="`next` of the page before.")] = ""


class Buried(Struct, frozen=True, kw_only=True):
    """A delivery, or one item of it, that waits."""

    id: str
    channel: str
    account: str
    action: str
    item: str
    """Which item of the delivery; empty for the whole."""
    reason: str
    message_id: str | None
    """The visible placeholder, where there is one."""
    received_at: datetime
    buried_at: datetime
    replayed_at: datetime | None


class BuriedDetail(Buried, frozen=True, kw_only=True):
    """One of the buried with what came, untouched."""

    query: str
    headers: Mapping[str, str]
    body: str
    encoding: Literal["utf-8", "base64"]
    """How `body` is written here: as it is, or in Base64 where it is no text."""


class BuriedPage(Struct, frozen=True, kw_only=True):
    """A page of the list, newest first."""

    items: list[Buried]
    next: str | None


class Replayed(Struct, frozen=True, kw_only=True):
    """The delivery is registered now."""

    id: str
    replayed: bool = True


async def list_(request: web.Request) -> web.Response:
    """`GET buried`: without those that were replayed."""
    asked = read_query(request, BuriedQuery)
    before = parse_id(asked.cursor)
    if asked.cursor and before is None:
        raise invalid("cursor", "it is none of this list's; start again without one.")
    async with request.config_dict[DATABASE].read() as session:
        found = await list_buried(session, limit=asked.limit + 1, before=before)
    page = found[: asked.limit]
    following = str(page[-1].id) if len(found) > asked.limit else None
    items = [Buried(**_common(row)) for row in page]
    return json_response(BuriedPage(items=items, next=following))


async def get(request: web.Request) -> web.Response:
    """`GET buried/{id}`, with the raw body."""
    buried_id = id_of(request, "buried delivery")
    async with request.config_dict[DATABASE].read() as session:
        row = await get_buried(session, buried_id)
    body, encoding = _written(row.body)
    return json_response(
        BuriedDetail(
            **_common(row), query=row.query, headers=row.headers, body=body, encoding=encoding
        )
    )


async def replay(request: web.Request) -> web.Response:
    """`POST buried/{id}/replay`."""
    buried_id = id_of(request, "buried delivery")
    if not await request.config_dict[REPLAY](buried_id):
        raise Problem(
            409,
            "still_unreadable",
            "It still cannot be registered; it stays buried until the hub can read it.",
        )
    log.info("buried replayed", buried=buried_id, actor=request[PRINCIPAL].actor)
    return json_response(Replayed(id=str(buried_id)))


def _common(row: models.Buried) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "channel": row.channel,
        "account": row.account,
        "action": row.action,
        "item": row.item,
        "reason": row.reason,
        "message_id": None if row.message_id is None else str(row.message_id),
        "received_at": row.received_at,
        "buried_at": row.buried_at,
        "replayed_at": row.replayed_at,
    }


def _written(body: bytes) -> tuple[str, Literal["utf-8", "base64"]]:
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
