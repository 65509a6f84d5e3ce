"""Messages: notes, the retry of what did not go out, and comments hidden from others."""

from typing import Annotated

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from connectors.base import Hides, SendError
from hub.api.exchange import (
    attachment_url,
    id_of,
    invalid,
    json_response,
    number_of,
    read_body,
)
from hub.api.fields import Id, Text
from hub.api.keys import PRINCIPAL
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE
from hub.problems import Problem, of_provider
from registry.appeals import add_note
from registry.comments import get_comment, mark_hidden
from registry.drafts import drop_draft
from registry.inbox import Message, get_message
from registry.replies import retry_message
from workers.bus import Topic

log = structlog.get_logger(__name__)


class NoteBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What only colleagues see."""

    text: Text
    draft: Annotated[bool, Meta(description="It was the caller's draft, which goes with it.")] = (
        False
    )
    mentions: Annotated[
        list[Id], Meta(max_length=20, description="Operators who are asked to look.")
    ] = []


class HiddenBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether others are to see a public comment."""

    hidden: bool


class RetryBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether a message that may have arrived is to go out again."""

    even_if_sent: bool = False


async def note(request: web.Request) -> web.Response:
    """`POST appeals/{number}/notes`."""
    number = number_of(request)
    body = await read_body(request, NoteBody)
    if not body.text.strip():
        raise invalid("text", "a note needs a text.")
    async with request.config_dict[DATABASE].write() as session:
        added = await add_note(
            session,
            number,
            body.text,
            by=request[PRINCIPAL],
            now=request.config_dict[CLOCK](),
            mentions=[int(id_) for id_ in body.mentions],
        )
        if body.draft:
            await drop_draft(session, number, by=request[PRINCIPAL])
        shown: Message = await get_message(session, added.id, attachment_url=attachment_url)
    return json_response(shown, status=201)


async def retry(request: web.Request) -> web.Response:
    """`POST messages/{id}/retry`."""
    message_id, principal = id_of(request, "message"), request[PRINCIPAL]
    body = await read_body(request, RetryBody)
    async with request.config_dict[DATABASE].write() as session:
        await retry_message(
            session,
            message_id=message_id,
            even_if_sent=body.even_if_sent,
            actor=principal.actor,
            now=request.config_dict[CLOCK](),
            viewer=principal,
        )
        queued = await get_message(session, message_id, attachment_url=attachment_url)
    request.config_dict[BUS].wake(Topic.OUTBOX)
    log.info("retry queued", message=queued.id, actor=principal.actor)
    return json_response(queued, status=202)


async def hide(request: web.Request) -> web.Response:
    """`POST messages/{id}/hidden`: done at the provider first, then written down."""
    message_id, principal = id_of(request, "message"), request[PRINCIPAL]
    body = await read_body(request, HiddenBody)
    database, clock = request.config_dict[DATABASE], request.config_dict[CLOCK]
    async with database.read() as session:
        comment = await get_comment(session, message_id, viewer=principal)
    connector = request.config_dict[CONNECTORS].get(comment.account)
    if not isinstance(connector, Hides) or not connector.capabilities.of(public=True).hides:
        reason = f"The account {comment.account} hides no comments."
        instead = "Hide it at the provider's own page."
        raise Problem(409, "cannot_hide", f"{reason} {instead}", reason=reason, instead=instead)
    try:
        await connector.hide(comment.external_id, hidden=body.hidden)
    except SendError as error:
        raise of_provider(error) from error
    async with database.write() as session:
        await mark_hidden(
            session, message_id, hidden=body.hidden, actor=principal.actor, now=clock()
        )
        shown = await get_message(session, message_id, attachment_url=attachment_url)
    log.info("comment hidden" if body.hidden else "comment shown", message=str(message_id))
    return json_response(shown)
