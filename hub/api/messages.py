"""Messages: replies and notes to an appeal, and the retry of what did not go out."""

import re

import structlog
from aiohttp import web
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.api.exchange import (
    attachment_url,
    id_of,
    invalid,
    json_response,
    number_of,
    read_body,
    upload_ids,
)
from hub.api.fields import Text, UploadIds
from hub.api.keys import PRINCIPAL
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE
from hub.problems import Problem
from registry.appeals import add_note
from registry.errors import NotFound
from registry.inbox import Message, get_message, get_summary
from registry.replies import queue_reply, retry_message
from registry.types import AccountKey, Capabilities
from workers.bus import Topic

log = structlog.get_logger(__name__)

IDEMPOTENCY_KEY = "Idempotency-Key"


class ReplyBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes to the citizen: a text, uploads, or both."""

    text: Text = ""
    attachments: UploadIds = []


class NoteBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What only colleagues see."""

    text: Text


class RetryBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether a message that may have arrived is to go out again."""

    even_if_sent: bool = False


async def reply(request: web.Request) -> web.Response:
    """`POST appeals/{number}/replies`: queued and durable when answered."""
    number, principal = number_of(request), request[PRINCIPAL]
    key = _idempotency_key(request)
    body = await read_body(request, ReplyBody)
    ids = upload_ids(body.attachments)
    if not body.text.strip() and not ids:
        raise invalid("text", "a reply needs a text or an attachment.")
    async with request.config_dict[DATABASE].write() as session:
        capabilities = await _capabilities(request, session, number)
        try:
            message = await queue_reply(
                session,
                appeal_number=number,
                text=body.text,
                attachment_ids=ids,
                author=principal.name,
                operator_id=principal.operator_id,
                actor=principal.actor,
                idempotency_key=key,
                capabilities=capabilities,
                now=request.config_dict[CLOCK](),
            )
        except NotFound as error:
            if error.what == "appeal":
                raise
            raise invalid("attachments", str(error)) from error
        queued = await get_message(session, message.id, attachment_url=attachment_url)
    request.config_dict[BUS].wake(Topic.OUTBOX)
    log.info("reply queued", appeal=number, message=queued.id, actor=principal.actor)
    return json_response(queued, status=202)


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
        )
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
        )
        queued = await get_message(session, message_id, attachment_url=attachment_url)
    request.config_dict[BUS].wake(Topic.OUTBOX)
    log.info("retry queued", message=queued.id, actor=principal.actor)
    return json_response(queued, status=202)


_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def _idempotency_key(request: web.Request) -> str:
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            "idempotency_key_required",
            f"Send the header {IDEMPOTENCY_KEY}: 1 to 255 printable characters without spaces, "
            "new for each reply and the same when you try one again.",
        )
    return key


async def _capabilities(
    request: web.Request, session: AsyncSession, number: str
) -> Capabilities | None:
    """What the appeal's account can carry; None when it is not in the settings."""
    appeal = await get_summary(session, number)
    account = AccountKey(appeal.channel, appeal.account)
    connector = request.config_dict[CONNECTORS].get(account)
    return None if connector is None else connector.capabilities
