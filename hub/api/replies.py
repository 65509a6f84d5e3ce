"""Replies: queued to the citizen, or looked at before they are."""

import re
from datetime import datetime
from typing import Annotated, Literal

import structlog
from aiohttp import web
from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from connectors.base import Connector, SendError, Templates
from hub.api.exchange import (
    attachment_url,
    invalid,
    json_response,
    number_of,
    read_body,
    upload_ids,
)
from hub.api.fields import Text, UploadIds, Word
from hub.api.keys import PRINCIPAL
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE
from hub.problems import Problem, of_provider
from registry.errors import NotFound
from registry.inbox import get_message, get_summary
from registry.measuring import measure, segments
from registry.replies import Preview, preview_reply, queue_reply
from registry.types import AccountKey, ChosenTemplate
from workers.bus import Topic

log = structlog.get_logger(__name__)

IDEMPOTENCY_KEY = "Idempotency-Key"


class TemplateBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """One of the account's approved templates, filled in."""

    id: Word
    language: Word
    variables: dict[str, Annotated[str, Meta(max_length=1024)]] = {}


class ReplyBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes to the citizen: a text, uploads, or both; or a template alone."""

    text: Text = ""
    attachments: UploadIds = []
    template: TemplateBody | None = None
    private: Annotated[
        bool, Meta(description="Answers the author of a public comment privately, once.")
    ] = False


class PreviewBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A reply that is being written."""

    text: Text = ""
    private: bool = False


class Part(Struct, frozen=True, kw_only=True):
    """One message of several that a text takes."""

    text: str
    length: int
    """In the channel's unit."""
    segments: int | None
    """SMS segments, each paid for; None where nobody counts them."""
    encoding: Literal["gsm7", "ucs2"] | None


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a reply cannot go now."""

    code: str
    reason: str
    instead: str


class PreviewShown(Struct, frozen=True, kw_only=True):
    """What a reply would take."""

    parts: list[Part]
    unit: str | None
    limit: int | None
    """Of one part, in the unit."""
    window_closes_at: datetime | None
    refusal: Refusal | None
    """None for a reply that can go."""


async def reply(request: web.Request) -> web.Response:
    """`POST appeals/{number}/replies`: queued and durable when answered."""
    number, principal = number_of(request), request[PRINCIPAL]
    key = _idempotency_key(request)
    body = await read_body(request, ReplyBody)
    ids = upload_ids(body.attachments)
    if not body.text.strip() and not ids and body.template is None:
        raise invalid("text", "a reply needs a text, an attachment or a template.")
    async with request.config_dict[DATABASE].read() as session:
        connector = await _connector(request, session, number)
    text, template = body.text, None
    if body.template is not None:
        text, template = await _filled_in(connector, body)
    async with request.config_dict[DATABASE].write() as session:
        try:
            message = await queue_reply(
                session,
                appeal_number=number,
                text=text,
                attachment_ids=ids,
                author=principal.name,
                operator_id=principal.operator_id,
                actor=principal.actor,
                idempotency_key=key,
                capabilities=None if connector is None else connector.capabilities,
                template=template,
                private=body.private,
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


async def preview(request: web.Request) -> web.Response:
    """`POST appeals/{number}/replies/preview`: nothing is written."""
    number = number_of(request)
    body = await read_body(request, PreviewBody)
    async with request.config_dict[DATABASE].read() as session:
        connector = await _connector(request, session, number)
        found = await preview_reply(
            session,
            appeal_number=number,
            text=body.text,
            capabilities=None if connector is None else connector.capabilities,
            private=body.private,
            now=request.config_dict[CLOCK](),
        )
    return json_response(_shown(found))


def _shown(found: Preview) -> PreviewShown:
    can, refused = found.capabilities, found.refused
    parts = []
    for text in found.parts:
        assert can is not None  # without it nothing was cut
        counted = segments(text) if can.segments else None
        parts.append(
            Part(
                text=text,
                length=measure(text, can.text_unit),
                segments=counted.count if counted else None,
                encoding=counted.encoding if counted else None,
            )
        )
    return PreviewShown(
        parts=parts,
        unit=can.text_unit if can else None,
        limit=can.max_text if can else None,
        window_closes_at=found.closes_at,
        refusal=None
        if refused is None
        else Refusal(code=refused.code, reason=refused.reason, instead=refused.instead),
    )


async def _filled_in(
    connector: Connector | None, body: ReplyBody
) -> tuple[str, ChosenTemplate | None]:
    """What the template reads as, and the choice as it goes out. Raises: Problem."""
    assert body.template is not None
    chosen = body.template
    if body.text.strip() or body.attachments:
        raise invalid("template", "a template goes alone, without a text or attachments.")
    wanted = ChosenTemplate(id=chosen.id, language=chosen.language, variables=chosen.variables)
    if connector is None:
        return "", wanted  # there is nothing to ask: `queue_reply` tells why
    if not isinstance(connector, Templates) or not connector.capabilities.templates:
        reason, instead = "The appeal's channel knows no templates.", "Write the reply yourself."
        raise Problem(409, "no_templates", f"{reason} {instead}", reason=reason, instead=instead)
    try:
        known = await connector.templates()
    except SendError as error:
        raise of_provider(error) from error
    found = next((t for t in known if (t.id, t.language) == (chosen.id, chosen.language)), None)
    if found is None:
        raise invalid("template", f"the account has no template {chosen.id} in {chosen.language}.")
    missing = [name for name in found.variables if not chosen.variables.get(name, "").strip()]
    unknown = chosen.variables.keys() - set(found.variables)
    if missing or unknown:
        wrong = ", ".join([*missing, *sorted(unknown)])
        told = ", ".join(found.variables) or "none"
        raise invalid("template", f"its variables are {told}; look at {wrong}.")
    text = _VARIABLE.sub(lambda m: chosen.variables.get(m[1], m[0]), found.text)
    return text, wanted


_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
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


async def _connector(request: web.Request, session: AsyncSession, number: str) -> Connector | None:
    """The connector of the appeal's account; None when it is not in the settings."""
    appeal = await get_summary(session, number)
    account = AccountKey(appeal.channel, appeal.account)
    return request.config_dict[CONNECTORS].get(account)
